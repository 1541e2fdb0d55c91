//! What is left of a load generator without MQTT and without bookkeeping: sockets, and bytes that were made before.
//!
//! ```text
//! floor ADDRESS flood VERSION QOS CLIENTS BATCH     BATCH messages a write from each client in turn, acknowledgements read
//! floor ADDRESS paced CLIENTS RATE                  QoS 1, RATE messages a second together, a wake-up for each
//! floor ADDRESS patient CLIENTS RATE                the same, acknowledgements read once in 10 ms
//! ```
//!
//! Payloads are 64 bytes. Goes on until its standard input ends.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use mio::{Events, Interest, Poll, Token};

const USAGE: &str =
    "floor ADDRESS flood VERSION QOS CLIENTS BATCH | floor ADDRESS paced CLIENTS RATE | floor ADDRESS patient CLIENTS RATE";
/// How long acknowledgements wait to be read where they may.
const PATIENCE: Duration = Duration::from_millis(10);
const PUBACK: usize = 4;

fn main() -> io::Result<()> {
    std::thread::spawn(|| {
        let _ = io::copy(&mut io::stdin(), &mut io::sink());
        std::process::exit(0);
    });
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let usage = |_| io::Error::new(ErrorKind::InvalidInput, USAGE);
    let number = |text: &str| text.parse::<u32>().map_err(|_| usage(()));
    let address = |text: &str| text.parse::<SocketAddr>().map_err(|_| usage(()));
    match arguments[..] {
        [to, "flood", version, qos, clients, batch] => {
            let (version, qos) = (number(version)? as u8, number(qos)? as u8);
            flood(connect(address(to)?, number(clients)?, version)?, publish(version, qos), number(batch)?)
        }
        [to, "paced", clients, rate] => {
            paced(connect(address(to)?, number(clients)?, 4)?, number(rate)?, Duration::ZERO)
        }
        [to, "patient", clients, rate] => {
            paced(connect(address(to)?, number(clients)?, 4)?, number(rate)?, PATIENCE)
        }
        _ => Err(usage(())),
    }
}

/// Connected clients, each known by its number.
fn connect(to: SocketAddr, clients: u32, version: u8) -> io::Result<Vec<TcpStream>> {
    let one = |number| {
        let mut socket = TcpStream::connect(to)?;
        socket.set_nodelay(true)?;
        let id = format!("floor-{number}");
        // Clean session, no keep alive.
        let mut body = [b"\x00\x04MQTT".as_slice(), &[version, 2, 0, 0]].concat();
        body.extend_from_slice(if version == 5 { &[0] } else { &[] });
        body.extend_from_slice(&(id.len() as u16).to_be_bytes());
        body.extend_from_slice(id.as_bytes());
        socket.write_all(&[&[0x10, body.len() as u8], &body[..]].concat())?;
        socket.read_exact(&mut vec![0; if version == 5 { 5 } else { 4 }])?;
        Ok(socket)
    };
    (0..clients).map(one).collect()
}

/// 64 bytes to `floor`, always with the packet identifier 1.
fn publish(version: u8, qos: u8) -> Vec<u8> {
    let mut body = b"\x00\x05floor".to_vec();
    body.extend_from_slice(if qos > 0 { &[0, 1] } else { &[] });
    body.extend_from_slice(if version == 5 { &[0] } else { &[] });
    body.extend_from_slice(&[b'.'; 64]);
    [&[0x30 | qos << 1, body.len() as u8], &body[..]].concat()
}

fn flood(mut sockets: Vec<TcpStream>, message: Vec<u8>, batch: u32) -> io::Result<()> {
    let acknowledged = message[0] & 0b110 != 0;
    let (messages, mut acknowledgements) = (message.repeat(batch as usize), vec![0; PUBACK * batch as usize]);
    loop {
        for socket in &mut sockets {
            socket.write_all(&messages)?;
        }
        for socket in sockets.iter_mut().filter(|_| acknowledged) {
            socket.read_exact(&mut acknowledgements)?;
        }
    }
}

/// Reads what has come whenever it comes, or once in a time, and not in between.
fn paced(sockets: Vec<TcpStream>, rate: u32, patience: Duration) -> io::Result<()> {
    let (mut poll, mut events) = (Poll::new()?, Events::with_capacity(1024));
    let mut connections = Vec::new();
    for (token, socket) in sockets.into_iter().enumerate() {
        socket.set_nonblocking(true)?;
        let mut socket = mio::net::TcpStream::from_std(socket);
        poll.registry().register(&mut socket, Token(token), Interest::READABLE)?;
        connections.push(socket);
    }
    let (message, count) = (publish(4, 1), connections.len());
    let gap = Duration::from_secs(1) / rate.max(1);
    let mut due = Instant::now();
    let mut looked = due;
    for turn in 0.. {
        due += gap;
        loop {
            let left = due.saturating_duration_since(Instant::now());
            let wait = if patience.is_zero() { left } else { Duration::ZERO };
            if left.is_zero() {
                break;
            } else if due - looked < patience {
                std::thread::sleep(left);
                break;
            }
            poll.poll(&mut events, Some(wait))?;
            looked = Instant::now();
            for event in &events {
                let mut acknowledgement = [0; PUBACK];
                while let Ok(1..) = connections[event.token().0].read(&mut acknowledgement) {}
            }
        }
        connections[turn % count].write_all(&message)?;
    }
    Ok(())
}
