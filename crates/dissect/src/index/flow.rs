use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, OnceLock};

use mqscope_stream::tls::Undecrypted;
use mqscope_stream::{Direction, FlowKey};
use mqscope_wire::Version;

use crate::Side;

/// A connection that carries MQTT, or is encrypted so that nobody can tell.
///
/// Shared by the indexer and all readers: what becomes known later (who is the client, its id) is set once, in place.
#[derive(Debug)]
pub struct Flow {
    /// Its number among the flows that carry MQTT, from 0.
    pub number: u32,
    /// Its number among all TCP flows of the capture, from 0: `tcp.stream`.
    pub stream: u32,
    key: FlowKey,
    /// What carries the MQTT bytes, as a number: it may show late.
    transport: AtomicU8,
    /// Whether the client is `key.b`.
    reversed: AtomicBool,
    /// Why it could not be decrypted.
    undecrypted: OnceLock<Undecrypted>,
    session: OnceLock<Session>,
    assigned: OnceLock<Box<[u8]>>,
}

/// What carries MQTT bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transport {
    /// Plain TCP.
    Tcp,
    /// TLS over TCP.
    Tls,
    /// WebSocket.
    Ws,
    /// WebSocket over TLS.
    Wss,
}

impl Transport {
    /// `tcp`, `tls`, `ws` or `wss`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Tls => "tls",
            Self::Ws => "ws",
            Self::Wss => "wss",
        }
    }
}

/// What a CONNECT said about the rest of its connection.
#[derive(Debug)]
pub struct Session {
    /// The protocol version.
    pub version: Version,
    /// The client identifier, as on the wire; empty if the server is to assign one.
    pub client_id: Box<[u8]>,
    /// The user name, as on the wire.
    pub username: Option<Box<[u8]>>,
}

impl Flow {
    pub(crate) fn new(number: u32, stream: u32, key: FlowKey, client: Direction) -> Self {
        Self {
            number,
            stream,
            key,
            transport: AtomicU8::new(Transport::Tcp as u8),
            reversed: AtomicBool::new(client == Direction::Reverse),
            undecrypted: OnceLock::new(),
            session: OnceLock::new(),
            assigned: OnceLock::new(),
        }
    }

    /// What carries the MQTT bytes.
    pub fn transport(&self) -> Transport {
        match self.transport.load(Ordering::Relaxed) {
            1 => Transport::Tls,
            2 => Transport::Ws,
            3 => Transport::Wss,
            _ => Transport::Tcp,
        }
    }

    /// Why it could not be decrypted, if it was encrypted and could not.
    pub fn undecrypted(&self) -> Option<Undecrypted> {
        let is_found = self.session.get().is_some();
        self.undecrypted.get().copied().filter(|_| !is_found)
    }

    pub(crate) fn set_undecrypted(&self, why: Undecrypted) {
        // The first reason counts.
        let _ = self.undecrypted.set(why);
    }

    pub(crate) fn set_transport(&self, transport: Transport) {
        self.transport.store(transport as u8, Ordering::Relaxed);
    }

    /// The direction in which the client sends.
    #[inline]
    pub fn client_direction(&self) -> Direction {
        if self.reversed.load(Ordering::Relaxed) { Direction::Reverse } else { Direction::Forward }
    }

    /// Who sends in `direction`.
    #[inline]
    pub fn side(&self, direction: Direction) -> Side {
        if direction == self.client_direction() { Side::Client } else { Side::Server }
    }

    /// The address of one side.
    pub fn address(&self, side: Side) -> SocketAddr {
        if (side == Side::Client) == (self.client_direction() == Direction::Forward) {
            self.key.a
        } else {
            self.key.b
        }
    }

    /// What the CONNECT said, where the capture has it.
    pub fn session(&self) -> Option<&Session> {
        self.session.get()
    }

    /// The client identifier, as on the wire: the one the CONNECT brought, or else the one the server assigned.
    /// `None` if the capture does not tell.
    pub fn client_id(&self) -> Option<&[u8]> {
        let assigned = || self.assigned.get().map(|id| &**id);
        match self.session.get() {
            Some(session) if !session.client_id.is_empty() => Some(&session.client_id),
            Some(session) => assigned().or(Some(&session.client_id)),
            None => assigned(),
        }
    }

    /// Says who the client is, where it was a guess before.
    pub(crate) fn set_client(&self, direction: Direction) {
        self.reversed.store(direction == Direction::Reverse, Ordering::Relaxed);
    }

    pub(crate) fn set_session(&self, session: Session) {
        // A second CONNECT is a violation and changes nothing.
        let _ = self.session.set(session);
    }

    pub(crate) fn set_assigned(&self, client_id: &[u8]) {
        let _ = self.assigned.set(client_id.into());
    }
}

/// Flows a block.
const BLOCK: usize = 256;

/// All flows that carry MQTT, in blocks that writer and readers share: a slot is filled once, in place.
#[derive(Clone, Debug, Default)]
pub(crate) struct Flows {
    blocks: Vec<Arc<[OnceLock<Flow>]>>,
    len: u32,
}

impl Flows {
    pub(crate) fn len(&self) -> u32 {
        self.len
    }

    pub(crate) fn push(&mut self, flow: Flow) {
        let slot = self.len as usize % BLOCK;
        if slot == 0 {
            self.blocks.push((0..BLOCK).map(|_| OnceLock::new()).collect());
        }
        if let Some(block) = self.blocks.last() {
            let _ = block[slot].set(flow);
        }
        self.len += 1;
    }

    /// The flow `number`, which must exist.
    #[inline]
    pub(crate) fn get(&self, number: u32) -> &Flow {
        let (block, slot) = (number as usize / BLOCK, number as usize % BLOCK);
        self.blocks[block][slot]
            .get()
            .expect("flows are numbered by this table, and each number it gave is filled")
    }
}
