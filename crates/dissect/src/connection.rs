//! A TCP flow, from its first bytes to what it is found to carry.

use mqscope_stream::{Direction, FlowKey};
use mqscope_wire::Version;

use crate::conversation::Conversation;
use crate::lane::{Lane, Piece, UnitKind};
use crate::recognise::Level;
use crate::resync::{Hint, Trust};
use crate::tls::Tls;
use crate::websocket::{Stage, WebSocket};
use crate::{Breach, CarrierMessage, Extent, FrameRef, Protocol, Side, Transport};

/// Bytes of the server's that wait for the client's first ones to be recognised.
const WAITING_BYTES: usize = 16 * 1024;
/// Segments in which they may come: more than a handshake has bytes, so that it may come byte by byte.
const WAITING_PIECES: usize = 1024;

/// Messages of lower layers that are kept of a connection before it is known what it carries.
const PENDING: usize = 64;

/// Bytes of a flow without a CONNECT after which it is taken for something else, and how many if its port speaks for
/// MQTT: enough for the rest of a long message that the capture begins in.
const SEARCHED_BYTES: u64 = 256 * 1024;
const SEARCHED_BYTES_ON_PORT: u64 = 16 * 1024 * 1024;

/// The ports that MQTT is registered for: plain, and over TLS.
const PORT: u16 = 1883;
const PORT_OVER_TLS: u16 = 8883;

/// Both directions, and what they carry: `TCP → [TLS →] [WebSocket →] MQTT`, layers being put in as they are recognised.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) tls: Option<Box<Tls>>,
    pub(crate) websocket: Option<Box<WebSocket>>,
    /// What came so far, by direction, while it is not known what the topmost layer carries.
    pub(crate) undecided: Option<Box<[Head; 2]>>,
    pub(crate) lanes: [Lane; 2],
    /// Whether the capture began after the connection, so that what is undecided may begin anywhere.
    pub(crate) midstream: bool,
    /// How it ended, if it waits for keys all the same.
    pub(crate) ended: Option<UnitKind>,
    pub(crate) carrier: Carrier,
}

/// A flow that carries MQTT, or may.
#[derive(Debug)]
pub(crate) struct Carrier {
    pub(crate) stream: u32,
    pub(crate) key: FlowKey,
    /// There once a packet was found.
    pub(crate) mqtt: Option<Mqtt>,
    pub(crate) trust: Trust,
    pub(crate) transport: Transport,
    /// The client's direction, once the layers below MQTT tell.
    pub(crate) client: Option<Direction>,
    /// Its number among those that have rows, once it has one.
    pub(crate) flow: Option<u32>,
    /// What lower layers brought, until it is known that it is of interest.
    pub(crate) pending: Vec<Pending>,
    /// Rules that the carrying of the next packet breaks, by direction.
    pub(crate) breaches: [Vec<Breach>; 2],
}

/// A connection that carries MQTT.
#[derive(Debug)]
pub(crate) struct Mqtt {
    /// Its number among those that have rows.
    pub(crate) flow: u32,
    pub(crate) conversation: Conversation,
}

/// A message of a lower layer that has no row yet.
#[derive(Debug)]
pub(crate) struct Pending {
    pub(crate) message: CarrierMessage,
    pub(crate) direction: Direction,
    pub(crate) frame: FrameRef,
    pub(crate) extents: Vec<Extent>,
    pub(crate) breach: Option<Breach>,
}

/// The first bytes of a direction.
#[derive(Debug, Default)]
pub(crate) struct Head {
    bytes: Vec<u8>,
    pieces: Vec<HeadPiece>,
}

#[derive(Debug, Clone, Copy)]
struct HeadPiece {
    /// Its first byte among those held.
    start: usize,
    at: u64,
    frame: FrameRef,
    carried: FrameRef,
}

impl Connection {
    /// A flow that has just appeared; `protocol` is what its port was said to carry.
    pub(crate) fn new(stream: u32, key: FlowKey, protocol: Option<Protocol>) -> Self {
        let trust = match protocol {
            Some(_) => Trust::Known,
            None if speaks_for_mqtt(&key) => Trust::Port,
            None => Trust::None,
        };
        let carrier = Carrier {
            stream,
            key,
            mqtt: None,
            trust,
            transport: Transport::Tcp,
            client: None,
            flow: None,
            pending: Vec::new(),
            breaches: Default::default(),
        };
        Self {
            tls: None,
            websocket: None,
            undecided: (protocol != Some(Protocol::Mqtt)).then(Box::default),
            lanes: [Lane::in_step(), Lane::in_step()],
            midstream: false,
            ended: None,
            carrier,
        }
    }

    /// Whose bytes the topmost layer known so far carries.
    pub(crate) fn level(&self) -> Level {
        match (&self.websocket, &self.tls) {
            (Some(_), _) => Level::WebSocket,
            (None, Some(_)) => Level::Tls,
            (None, None) => Level::Tcp,
        }
    }

    /// About how much memory is spent on what may yet come of it: heads and records that are not whole, and what waits
    /// for keys.
    pub(crate) fn held_bytes(&self) -> usize {
        let undecided = self.undecided.iter().flat_map(|heads| heads.iter());
        let upgrading = self.websocket.iter().filter_map(|websocket| match &websocket.stage {
            Stage::Upgrading(upgrade) => Some(&upgrade.heads),
            Stage::Open(_) => None,
        });
        let heads: usize = undecided.chain(upgrading.flatten()).map(Head::held_bytes).sum();
        heads + self.tls.as_ref().map_or(0, |tls| tls.held_bytes())
    }

    /// Whether MQTT stands directly on TCP, and was found.
    #[inline]
    pub(crate) fn is_plain(&self) -> bool {
        self.undecided.is_none()
            && self.carrier.mqtt.is_some()
            && self.tls.is_none()
            && self.websocket.is_none()
    }

    /// What speaks for MQTT when packets are searched.
    #[inline]
    pub(crate) fn hint(&self, direction: Direction) -> Hint {
        let carrier = &self.carrier;
        let side = |client| if direction == client { Side::Client } else { Side::Server };
        let sender = carrier.client.or_else(|| carrier.client_by_port()).map(side);
        match &carrier.mqtt {
            Some(mqtt) => Hint {
                trust: if mqtt.conversation.known_version().is_some()
                    || carrier.transport != Transport::Tcp
                    || self.lanes.iter().any(Lane::is_proven)
                {
                    Trust::Known
                } else {
                    // It may yet be frames of a WebSocket that hold packets.
                    carrier.trust.max(Trust::Port)
                },
                version: mqtt.conversation.known_version(),
                // What the other direction has shown holds for this one.
                likely: self.likely_version(direction, mqtt.conversation.version()),
                sender,
            },
            None => {
                let likely = self.likely_version(direction, Version::V311);
                Hint { trust: carrier.trust, version: None, likely, sender }
            }
        }
    }

    /// The version to try first where no CONNECT told it: 5.0 as soon as something speaks for it.
    fn likely_version(&self, direction: Direction, guess: Version) -> Version {
        match guess {
            Version::V5 => guess,
            _ => self.lanes[direction.opposite() as usize].likely_version().unwrap_or(guess),
        }
    }

    /// Whether nothing speaks for MQTT any more.
    pub(crate) fn is_hopeless(&self) -> bool {
        let searched: u64 = self.lanes.iter().map(Lane::searched).sum();
        let most = match self.carrier.trust {
            Trust::None => SEARCHED_BYTES,
            Trust::Port => SEARCHED_BYTES_ON_PORT,
            Trust::Known => u64::MAX,
        };
        self.carrier.mqtt.is_none() && searched > most
    }
}

impl Carrier {
    /// Keeps a message of a lower layer until it is known that it is of interest; of many the first ones.
    pub(crate) fn hold(&mut self, pending: Option<Pending>) {
        if self.pending.len() < PENDING {
            self.pending.extend(pending);
        }
    }

    /// The direction in which the client sends, or is likely to.
    pub(crate) fn likely_client(&self) -> Direction {
        if let Some(client) = self.client {
            return client;
        }
        let a_serves = self.key.a.port() < self.key.b.port();
        self.client_by_port().unwrap_or(if a_serves { Direction::Reverse } else { Direction::Forward })
    }

    /// The client's direction, if only the other side's port is registered for MQTT.
    fn client_by_port(&self) -> Option<Direction> {
        let registered = |port| port == PORT || port == PORT_OVER_TLS;
        match [self.key.a.port(), self.key.b.port()].map(registered) {
            [true, false] => Some(Direction::Reverse),
            [false, true] => Some(Direction::Forward),
            _ => None,
        }
    }
}

fn speaks_for_mqtt(key: &FlowKey) -> bool {
    [key.a.port(), key.b.port()].contains(&PORT)
}

impl Head {
    pub(crate) fn push(&mut self, piece: Piece<'_>) {
        let Piece { bytes, at, frame, carried } = piece;
        self.pieces.push(HeadPiece { start: self.bytes.len(), at, frame: *frame, carried: *carried });
        self.bytes.extend_from_slice(bytes);
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    fn held_bytes(&self) -> usize {
        self.bytes.capacity() + self.pieces.capacity() * size_of::<HeadPiece>()
    }

    /// Whether more came than is worth waiting with.
    pub(crate) fn is_full(&self) -> bool {
        self.bytes.len() > WAITING_BYTES || self.pieces.len() > WAITING_PIECES
    }

    pub(crate) fn pieces(&self) -> impl Iterator<Item = Piece<'_>> {
        self.pieces_from(0)
    }

    /// What is held from the byte `from` on.
    pub(crate) fn pieces_from(&self, from: usize) -> impl Iterator<Item = Piece<'_>> {
        self.pieces.iter().enumerate().filter_map(move |(index, piece)| {
            let end = self.pieces.get(index + 1).map_or(self.bytes.len(), |next| next.start);
            let start = piece.start.max(from);
            let at = piece.at + (start - piece.start) as u64;
            let (frame, carried) = (&piece.frame, &piece.carried);
            (start < end).then(|| Piece { bytes: &self.bytes[start..end], at, frame, carried })
        })
    }

    /// A message that is made of the first `len` bytes held, of which there is at least one.
    pub(crate) fn message(
        &self,
        message: CarrierMessage,
        direction: Direction,
        len: usize,
    ) -> Option<Pending> {
        let mut extents = Vec::new();
        let mut frame = None;
        for piece in self.pieces.iter().take_while(|piece| piece.start < len) {
            frame = Some(piece.frame);
        }
        let mut left = len;
        for piece in self.pieces() {
            let taken = piece.bytes.len().min(left);
            if taken > 0 {
                extents.push(Extent { at: piece.at, len: taken as u32 });
            }
            left -= taken;
        }
        Some(Pending { message, direction, frame: frame?, extents, breach: None })
    }

    /// Lets go of the first `len` bytes held.
    pub(crate) fn forget(&mut self, len: usize) {
        let mut rest = Self::default();
        for piece in self.pieces_from(len) {
            rest.push(piece);
        }
        *self = rest;
    }
}
