//! A broker that only acknowledges, to measure the generator and nothing else:
//! `cargo run -p mqscope-load --example sink -- 127.0.0.1:1883`

use std::io::{self, Read, Write};

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use mqscope_wire::{PacketType, frame};

const LISTENER: Token = Token(usize::MAX);

struct Client {
    socket: TcpStream,
    /// The first bytes of a packet whose rest has not come yet.
    partial: Vec<u8>,
    /// Answers the socket did not take.
    unsent: Vec<u8>,
}

fn main() -> io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:1883".to_owned());
    let address = address.parse().map_err(|_| io::Error::other("an address and a port"))?;
    let mut poll = Poll::new()?;
    let mut listener = TcpListener::bind(address)?;
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    let (mut clients, mut events) = (Vec::<Option<Client>>::new(), Events::with_capacity(1024));
    let mut buffer = vec![0; 64 << 10];
    loop {
        poll.poll(&mut events, None)?;
        for event in &events {
            if event.token() == LISTENER {
                while let Ok((mut socket, _)) = listener.accept() {
                    let _ = socket.set_nodelay(true);
                    let interest = Interest::READABLE | Interest::WRITABLE;
                    poll.registry().register(&mut socket, Token(clients.len()), interest)?;
                    clients.push(Some(Client { socket, partial: Vec::new(), unsent: Vec::new() }));
                }
                continue;
            }
            let slot = &mut clients[event.token().0];
            if let Some(client) = slot
                && serve(client, &mut buffer).is_err()
            {
                *slot = None;
            }
        }
    }
}

fn serve(client: &mut Client, buffer: &mut [u8]) -> io::Result<()> {
    loop {
        match client.socket.read(buffer) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => {
                client.partial.extend_from_slice(&buffer[..count]);
                let taken = answer(&client.partial, &mut client.unsent)?;
                client.partial.drain(..taken);
                if count < buffer.len() {
                    break;
                }
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
            Err(error) => return Err(error),
        }
    }
    while !client.unsent.is_empty() {
        match client.socket.write(&client.unsent) {
            Ok(count) => drop(client.unsent.drain(..count)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Answers all whole packets; returns how many bytes they were.
fn answer(bytes: &[u8], out: &mut Vec<u8>) -> io::Result<usize> {
    let mut at = 0;
    while let Some(frame) = frame::next(&bytes[at..]).map_err(io::Error::other)? {
        let Some(packet) = bytes.get(at..at + frame.len()) else { break };
        let body = &packet[frame.header_len.into()..];
        match frame.packet_type() {
            // Without properties, as in 3.1.1.
            PacketType::Connect => out.extend([0x20, 2, 0, 0]),
            PacketType::Publish => {
                let topic = usize::from(u16::from_be_bytes([body[0], body[1]]));
                let id = [body[2 + topic], body[3 + topic]];
                match frame.first >> 1 & 3 {
                    1 => out.extend([0x40, 2, id[0], id[1]]),
                    2 => out.extend([0x50, 2, id[0], id[1]]),
                    _ => {}
                }
            }
            PacketType::PubRel => out.extend([0x70, 2, body[0], body[1]]),
            PacketType::Subscribe => out.extend([0x90, 3, body[0], body[1], 1]),
            PacketType::PingReq => out.extend([0xd0, 0]),
            PacketType::Disconnect => return Err(io::ErrorKind::UnexpectedEof.into()),
            _ => {}
        }
        at += frame.len();
    }
    Ok(at)
}
