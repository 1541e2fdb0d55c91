//! A broker that does next to nothing, so that a generator's figures are the generator's: it acknowledges, answers
//! pings, and sends every QoS 0 message to whoever has subscribed to anything, as fast as they take it. Who begins with
//! an HTTP request is answered in WebSocket.
//!
//! Prints its address, and its counters for each line on standard input; ends with its standard input.

mod websocket;

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use mqscope_wire::{
    Ack, ConnAck, Packet, Properties, QoS, ReasonCode, ReasonCodes, Strict, SubAck, UnsubAck, Version,
    decode, encode, frame,
};
use socket2::{Domain, Protocol, Socket, Type};

use websocket::WebSocket;

const LISTENER: Token = Token(usize::MAX);
/// Connections that wait to be accepted: as many as the kernel lets wait.
const BACKLOG: i32 = 4096;
/// Read at once.
const CHUNK: usize = 64 << 10;
/// A subscriber that leaves more than this unread holds back the publishers.
const PENDING: usize = 64 << 10;

static CONNECTS: AtomicU64 = AtomicU64::new(0);
static SUBSCRIBES: AtomicU64 = AtomicU64::new(0);
static PUBLISHES: AtomicU64 = AtomicU64::new(0);
/// Bytes that subscribers' sockets took, and how many the last message was.
static DELIVERED: AtomicU64 = AtomicU64::new(0);
static MESSAGE: AtomicU64 = AtomicU64::new(1);

fn main() -> io::Result<()> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into())?;
    socket.listen(BACKLOG)?;
    let listener = TcpListener::from_std(socket.into());
    println!("{}", listener.local_addr()?);
    std::thread::spawn(tell);
    Sink::new(listener)?.run()
}

/// The counters, as often as they are asked for.
fn tell() {
    for _ in io::stdin().lines().map_while(Result::ok) {
        println!(
            r#"{{"connects":{},"subscribes":{},"publishes":{},"deliveries":{}}}"#,
            CONNECTS.load(Relaxed),
            SUBSCRIBES.load(Relaxed),
            PUBLISHES.load(Relaxed),
            DELIVERED.load(Relaxed) / MESSAGE.load(Relaxed)
        );
    }
    std::process::exit(0);
}

struct Sink {
    poll: Poll,
    listener: TcpListener,
    /// By token.
    connections: Vec<Option<Connection>>,
    free: Vec<usize>,
    /// Connections that may have more to read.
    readable: VecDeque<usize>,
    subscribers: Vec<usize>,
    chunk: Vec<u8>,
    /// Messages for subscribers, from the connection at hand.
    fan: Vec<u8>,
}

struct Connection {
    socket: TcpStream,
    version: Version,
    websocket: Option<WebSocket>,
    /// The start of a packet, or of a request, whose rest has not come.
    partial: Vec<u8>,
    out: Vec<u8>,
    is_subscriber: bool,
    is_queued: bool,
}

impl Sink {
    fn new(mut listener: TcpListener) -> io::Result<Self> {
        let poll = Poll::new()?;
        poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
        Ok(Self {
            poll,
            listener,
            connections: Vec::new(),
            free: Vec::new(),
            readable: VecDeque::new(),
            subscribers: Vec::new(),
            chunk: vec![0; CHUNK],
            fan: Vec::new(),
        })
    }

    fn run(&mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(1024);
        loop {
            // While a subscriber is behind, publishers wait for it to become writable.
            let idle = self.readable.is_empty() || self.is_behind();
            let timeout = (!idle).then_some(std::time::Duration::ZERO);
            match self.poll.poll(&mut events, timeout) {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                polled => polled?,
            }
            for event in &events {
                if event.token() == LISTENER {
                    self.accept()?;
                    continue;
                }
                let at = event.token().0;
                if event.is_writable() {
                    self.write(at);
                }
                if let Some(Some(connection)) = self.connections.get_mut(at)
                    && (event.is_readable() || event.is_read_closed())
                    && !std::mem::replace(&mut connection.is_queued, true)
                {
                    self.readable.push_back(at);
                }
            }
            for _ in 0..self.readable.len() {
                if self.is_behind() {
                    break;
                }
                if let Some(at) = self.readable.pop_front() {
                    self.read(at);
                }
            }
        }
    }

    fn is_behind(&self) -> bool {
        let behind = |at: &usize| self.connections[*at].as_ref().is_some_and(|of| of.out.len() > PENDING);
        self.subscribers.iter().any(behind)
    }

    fn accept(&mut self) -> io::Result<()> {
        loop {
            let mut socket = match self.listener.accept() {
                Ok((socket, _)) => socket,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                // Whoever it was is gone already.
                Err(error) if error.kind() == ErrorKind::ConnectionAborted => continue,
                Err(error) => return Err(error),
            };
            socket.set_nodelay(true)?;
            let at = self.free.pop().unwrap_or_else(|| {
                self.connections.push(None);
                self.connections.len() - 1
            });
            self.poll.registry().register(&mut socket, Token(at), Interest::READABLE | Interest::WRITABLE)?;
            self.connections[at] = Some(Connection {
                socket,
                version: Version::V311,
                websocket: None,
                partial: Vec::new(),
                out: Vec::new(),
                is_subscriber: false,
                is_queued: false,
            });
        }
    }

    /// Reads one chunk, and takes the connection's turn again if there may be more.
    fn read(&mut self, at: usize) {
        let Some(connection) = &mut self.connections[at] else { return };
        connection.is_queued = false;
        let count = match connection.socket.read(&mut self.chunk) {
            Ok(0) => return self.close(at),
            Ok(count) => count,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => return,
            Err(_) => return self.close(at),
        };
        let subscribed = connection.is_subscriber;
        let going_on = connection.take(&self.chunk[..count], &mut self.fan);
        connection.is_queued = true;
        if connection.is_subscriber && !subscribed {
            // Small, so that what was counted as delivered soon is.
            let _ = socket2::SockRef::from(&connection.socket).set_send_buffer_size(PENDING);
            self.subscribers.push(at);
        }
        self.readable.push_back(at);
        self.write(at);
        if !self.fan.is_empty() {
            for index in 0..self.subscribers.len() {
                let subscriber = self.subscribers[index];
                if let Some(connection) = &mut self.connections[subscriber] {
                    connection.out.extend_from_slice(&self.fan);
                }
                self.write(subscriber);
            }
            self.fan.clear();
        }
        if !going_on {
            self.close(at);
        }
    }

    /// Writes what the socket takes.
    fn write(&mut self, at: usize) {
        let Some(Some(connection)) = self.connections.get_mut(at) else { return };
        let mut written = 0;
        while written < connection.out.len() {
            match connection.socket.write(&connection.out[written..]) {
                Ok(count) => written += count,
                // Also where the other end is gone, which is read soon.
                Err(_) => break,
            }
        }
        connection.out.drain(..written);
        if connection.is_subscriber {
            DELIVERED.fetch_add(written as u64, Relaxed);
        }
    }

    fn close(&mut self, at: usize) {
        if self.connections[at].take().is_some_and(|connection| connection.is_subscriber) {
            self.subscribers.retain(|subscriber| *subscriber != at);
        }
        self.readable.retain(|queued| *queued != at);
        self.free.push(at);
    }
}

impl Connection {
    /// Answers whatever is whole; whether the connection goes on.
    fn take(&mut self, bytes: &[u8], fan: &mut Vec<u8>) -> bool {
        if self.websocket.is_none() && (bytes.starts_with(b"G") || self.partial.starts_with(b"G")) {
            self.partial.extend_from_slice(bytes);
            let Some((websocket, rest)) = WebSocket::accept(&mut self.partial, &mut self.out) else {
                return true;
            };
            self.websocket = Some(websocket);
            return self.take(&rest, fan);
        }
        let Some(mut websocket) = self.websocket.take() else { return self.take_mqtt(bytes, fan) };
        let answered = self.out.len();
        let going_on = self.take_mqtt(&websocket.open(bytes), fan);
        let answers = self.out.split_off(answered);
        websocket.seal(&answers, &mut self.out);
        self.websocket = Some(websocket);
        going_on
    }

    fn take_mqtt(&mut self, bytes: &[u8], fan: &mut Vec<u8>) -> bool {
        if self.partial.is_empty() {
            let taken = self.packets(bytes, fan);
            self.partial.extend_from_slice(taken.map_or(&[], |taken| &bytes[taken..]));
            return taken.is_some();
        }
        let mut all = std::mem::take(&mut self.partial);
        all.extend_from_slice(bytes);
        let taken = self.packets(&all, fan);
        all.drain(..taken.unwrap_or(0));
        self.partial = all;
        taken.is_some()
    }

    /// How many bytes whole packets were; `None` at the end.
    fn packets(&mut self, bytes: &[u8], fan: &mut Vec<u8>) -> Option<usize> {
        let mut at = 0;
        while let Some(frame) = frame::next(&bytes[at..]).ok()?
            && let Some(packet) = bytes.get(at..at + frame.len())
        {
            match decode(packet, self.version, &mut Strict).ok()? {
                Packet::Publish(publish) => {
                    PUBLISHES.fetch_add(1, Relaxed);
                    match (publish.qos, publish.packet_id) {
                        (QoS::AtLeastOnce, Some(id)) => self.say(Packet::PubAck(Ack::success(id))),
                        (QoS::ExactlyOnce, Some(id)) => self.say(Packet::PubRec(Ack::success(id))),
                        _ => {
                            MESSAGE.store(packet.len() as u64, Relaxed);
                            fan.extend_from_slice(packet);
                        }
                    }
                }
                Packet::PubRel(ack) => self.say(Packet::PubComp(Ack::success(ack.packet_id))),
                Packet::Connect(connect) => {
                    CONNECTS.fetch_add(1, Relaxed);
                    self.version = connect.version;
                    let (reason, properties) = (ReasonCode::SUCCESS, Properties::EMPTY);
                    self.say(Packet::ConnAck(ConnAck { session_present: false, reason, properties }));
                }
                Packet::Subscribe(subscribe) => {
                    SUBSCRIBES.fetch_add(1, Relaxed);
                    self.is_subscriber = true;
                    let granted: Vec<u8> = subscribe.subscriptions.iter().map(|_| 0).collect();
                    let (packet_id, properties) = (subscribe.packet_id, Properties::EMPTY);
                    let reasons = ReasonCodes::from_bytes(&granted);
                    self.say(Packet::SubAck(SubAck { packet_id, properties, reasons }));
                }
                Packet::Unsubscribe(unsubscribe) => {
                    let granted: Vec<u8> = unsubscribe.filters.iter().map(|_| 0).collect();
                    let (packet_id, properties) = (unsubscribe.packet_id, Properties::EMPTY);
                    let reasons = ReasonCodes::from_bytes(&granted);
                    self.say(Packet::UnsubAck(UnsubAck { packet_id, properties, reasons }));
                }
                Packet::PingReq => self.say(Packet::PingResp),
                Packet::Disconnect(_) => return None,
                _ => {}
            }
            at += frame.len();
        }
        Some(at)
    }

    fn say(&mut self, packet: Packet<'_>) {
        // Each is short and within the rules.
        let _ = encode(&packet, self.version, &mut self.out);
    }
}
