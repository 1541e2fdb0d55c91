//! A WebSocket server before a broker, as polite or impolite as it is told to be.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use mqscope_websocket::handshake::{Request, accept_key};
use mqscope_websocket::{CloseCode, Decoder, Deflate, Encoder, Events, Kind, MessageInfo, Opcode, Sender};

use crate::common::listener::Listener;

/// How it behaves.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Manners {
    /// Compress, if asked.
    pub(crate) deflate: bool,
    /// Answer with this status line instead of 101.
    pub(crate) refuse: Option<&'static str>,
    /// The subprotocol chosen.
    pub(crate) subprotocol: Option<&'static str>,
    /// Send a Ping before each message.
    pub(crate) ping: bool,
    /// Send text instead of bytes.
    pub(crate) kind: Kind,
    /// Send a Close frame in place of the first message.
    pub(crate) close: Option<u16>,
}

impl Default for Manners {
    fn default() -> Self {
        let (deflate, refuse, subprotocol, ping, close) = (false, None, Some("mqtt"), false, None);
        Self { deflate, refuse, subprotocol, ping, kind: Kind::Binary, close }
    }
}

pub(crate) struct Front {
    pub(crate) address: SocketAddr,
    state: Arc<State>,
    _listener: Listener,
}

struct State {
    broker: SocketAddr,
    manners: Manners,
    /// Request targets with the values of `Authorization`.
    requests: Mutex<Vec<(String, String)>>,
    compressed: AtomicU64,
    pongs: AtomicU64,
    closes: AtomicU64,
}

impl Front {
    pub(crate) fn start(broker: SocketAddr, manners: Manners) -> Self {
        let state = Arc::new(State {
            broker,
            manners,
            requests: Mutex::default(),
            compressed: AtomicU64::new(0),
            pongs: AtomicU64::new(0),
            closes: AtomicU64::new(0),
        });
        let serving = state.clone();
        let listener = Listener::start(move |socket| serving.clone().serve(socket));
        Self { address: listener.address, state, _listener: listener }
    }

    pub(crate) fn requests(&self) -> Vec<(String, String)> {
        let mut requests = self.state.requests.lock().expect("not poisoned").clone();
        requests.sort();
        requests
    }

    /// Compressed messages of clients.
    pub(crate) fn compressed(&self) -> u64 {
        self.state.compressed.load(Ordering::Relaxed)
    }

    pub(crate) fn pongs(&self) -> u64 {
        self.state.pongs.load(Ordering::Relaxed)
    }

    /// Close frames of clients.
    pub(crate) fn closes(&self) -> u64 {
        self.state.closes.load(Ordering::Relaxed)
    }
}

impl State {
    fn serve(self: Arc<Self>, mut client: TcpStream) {
        let Some((deflate, rest)) = self.shake_hands(&mut client) else { return };
        let broker = TcpStream::connect(self.broker).expect("the broker");
        let (from_broker, to_client) = (broker.try_clone(), client.try_clone());
        let (from_broker, to_client) = (from_broker.expect("a handle"), to_client.expect("a handle"));
        let down = self.clone();
        thread::spawn(move || down.answer(from_broker, to_client, deflate));
        self.forward(client, broker, deflate, &rest);
    }

    /// What is agreed of compression, and bytes after the request; `None` if there is no agreement.
    fn shake_hands(&self, client: &mut TcpStream) -> Option<(Option<Deflate>, Vec<u8>)> {
        let (mut bytes, mut chunk) = (Vec::new(), [0; 4096]);
        loop {
            let count = client.read(&mut chunk).ok().filter(|count| *count > 0)?;
            bytes.extend_from_slice(&chunk[..count]);
            let Some((request, len)) = Request::parse(&bytes).expect("a request") else { continue };
            assert!(request.is_upgrade());
            let authorization = request.header("Authorization").unwrap_or_default();
            let seen = (request.path().to_owned(), String::from_utf8_lossy(authorization).into_owned());
            self.requests.lock().expect("not poisoned").push(seen);
            if let Some(status) = self.manners.refuse {
                let _ = write!(client, "HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n");
                return None;
            }
            let accept = accept_key(request.key().expect("a key"));
            let deflate =
                (self.manners.deflate && request.deflate_offers().count() > 0).then(Deflate::default);
            let mut answer = format!(
                "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                 Sec-WebSocket-Accept: {}\r\n",
                String::from_utf8_lossy(&accept)
            );
            if let Some(subprotocol) = self.manners.subprotocol {
                answer += &format!("Sec-WebSocket-Protocol: {subprotocol}\r\n");
            }
            if deflate.is_some() {
                answer += "Sec-WebSocket-Extensions: permessage-deflate\r\n";
            }
            client.write_all((answer + "\r\n").as_bytes()).ok()?;
            return Some((deflate, bytes.split_off(len)));
        }
    }

    fn forward(&self, mut client: TcpStream, mut broker: TcpStream, deflate: Option<Deflate>, rest: &[u8]) {
        let mut decoder = Decoder::new(Sender::Client, deflate);
        let mut heard = Heard { state: self, bytes: Vec::new() };
        decoder.push(rest, &mut heard);
        let mut chunk = [0; 16 << 10];
        while let Ok(count @ 1..) = client.read(&mut chunk) {
            decoder.push(&chunk[..count], &mut heard);
            if broker.write_all(&heard.bytes).is_err() {
                break;
            }
            heard.bytes.clear();
        }
        let _ = broker.shutdown(Shutdown::Both);
    }

    fn answer(&self, mut broker: TcpStream, mut client: TcpStream, deflate: Option<Deflate>) {
        let mut encoder = Encoder::new(Sender::Server, deflate);
        let (mut chunk, mut out) = ([0; 16 << 10], Vec::new());
        while let Ok(count @ 1..) = broker.read(&mut chunk) {
            out.clear();
            let no_key = || unreachable!("servers do not mask");
            if self.manners.ping {
                encoder.ping(b"there?", no_key, &mut out);
            }
            match self.manners.close {
                Some(code) => encoder.close(CloseCode(code), "", no_key, &mut out),
                None => encoder.message(self.manners.kind, &chunk[..count], no_key, &mut out),
            }
            // In two pieces, so that frames are cut where nobody expects it.
            let (first, second) = out.split_at(out.len() / 2);
            if client.write_all(first).and_then(|()| client.write_all(second)).is_err() {
                break;
            }
        }
        // It may still have something to say: the Close frame behind its DISCONNECT.
        let _ = client.shutdown(Shutdown::Write);
    }
}

struct Heard<'s> {
    state: &'s State,
    bytes: Vec<u8>,
}

impl Events for Heard<'_> {
    fn data(&mut self, bytes: &[u8], _: Range<u64>, message: &MessageInfo) {
        self.state.compressed.fetch_add(u64::from(message.compressed), Ordering::Relaxed);
        self.bytes.extend_from_slice(bytes);
    }

    fn control(&mut self, opcode: Opcode, payload: &[u8], _: Range<u64>) {
        match opcode {
            Opcode::Pong => {
                assert_eq!(payload, b"there?");
                self.state.pongs.fetch_add(1, Ordering::Relaxed);
            }
            Opcode::Close => {
                self.state.closes.fetch_add(1, Ordering::Relaxed);
            }
            _ => {}
        }
    }

    fn fault(&mut self, fault: mqscope_websocket::Fault, _: Range<u64>) {
        panic!("{fault}");
    }
}
