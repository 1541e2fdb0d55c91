//! WebSocket between TCP (or TLS) and MQTT: the upgrade, then frames in both directions.

use std::ops::Range;

use mqscope_stream::Direction;
use mqscope_websocket::handshake::{Headers, Request, Response};
use mqscope_websocket::{Decoder, Deflate, Header, Opcode, Sender};

use crate::connection::Head;
use crate::lane::Piece;
use crate::trail::Trail;

/// Stands for a number of bytes that nobody knows: more than any frame or body has.
pub(crate) const UNKNOWN: u64 = 1 << 40;

/// Subprotocols of one request that are remembered.
const SUBPROTOCOLS: usize = 16;

/// A connection that is, or may become, a WebSocket.
#[derive(Debug)]
pub(crate) struct WebSocket {
    pub(crate) client: Direction,
    pub(crate) stage: Stage,
}

#[derive(Debug)]
pub(crate) enum Stage {
    /// Requests and responses are read, until one of them makes a WebSocket of the connection.
    Upgrading(Box<Upgrade>),
    /// Frames go by, in each direction.
    Open(Box<[Way; 2]>),
}

/// An HTTP exchange, as far as it has come.
#[derive(Debug, Default)]
pub(crate) struct Upgrade {
    /// What came and was not understood yet, by direction.
    pub(crate) heads: [Head; 2],
    /// What the client asked for, once its request is whole and until it is answered.
    pub(crate) asked: Option<Asked>,
    /// Whether the last request was for something else than an upgrade.
    pub(crate) is_other: bool,
    /// Bytes that still come of a message's body, by direction; [`UNKNOWN`] if the next request ends it.
    rest_of_body: [u64; 2],
}

/// What a request is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Asked {
    Upgrade(Wish),
    /// Something else: a proxy sends one client's page and another's upgrade over the same connection.
    Other {
        /// Whether the answer has no body whatever its head says (RFC 9112 §6.3).
        is_head: bool,
    },
}

/// What a request for an upgrade says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Wish {
    /// Whether it names MQTT: by its subprotocol, or by its path.
    pub(crate) for_mqtt: bool,
    /// The subprotocols it offers.
    pub(crate) subprotocols: Vec<Box<[u8]>>,
}

/// One direction of frames.
#[derive(Debug)]
pub(crate) struct Way {
    pub(crate) decoder: Decoder,
    pub(crate) trail: Trail,
    pub(crate) heard: Heard,
}

/// How far one direction of frames was heard.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    /// The offset from which on the next data was made: a frame's header, or what follows the last data.
    pub(crate) next: u64,
    /// The last note on where the data of the frame, or of its compressed message, came from.
    pub(crate) last: Option<u64>,
    /// Whether the message is compressed, so that its frames can only be read together.
    compressed: bool,
    /// Whether the message has frames to come.
    open: bool,
    /// The offsets of the payload, if the frame is a message by itself and not compressed; else empty.
    whole: Range<u64>,
}

impl Heard {
    /// A frame begins at an offset.
    pub(crate) fn frame(&mut self, header: &Header, at: u64) {
        if header.opcode.is_control() {
            // One amid a message stands between bytes that may still be asked for.
            if !self.open {
                self.next = at;
            }
            return;
        }
        let goes_on = header.opcode == Opcode::Continuation;
        if !goes_on {
            self.compressed = header.rsv1;
        }
        if !(goes_on && self.compressed) {
            (self.next, self.last) = (at, None);
        }
        self.open = !header.fin;
        let payload = at + u64::from(header.header_len);
        let is_whole = header.fin && header.opcode == Opcode::Binary && !header.rsv1;
        self.whole = payload..if is_whole { payload.saturating_add(header.payload_len) } else { payload };
    }

    /// Whether the data that came of those offsets is all that a frame carries, and all that its message is.
    pub(crate) fn is_whole(&self, from: &Range<u64>) -> bool {
        self.whole == *from
    }

    /// Data came of bytes that end at an offset; of which they are.
    pub(crate) fn data(&mut self, end: u64) -> Range<u64> {
        // What is in the bits of one byte may come in two parts.
        let start = self.next.min(end - 1);
        self.next = end.max(self.next);
        start..end
    }
}

impl WebSocket {
    /// A connection whose client begins with an HTTP request.
    pub(crate) fn upgrading(client: Direction) -> Self {
        Self { client, stage: Stage::Upgrading(Box::default()) }
    }

    /// A connection of whose handshake the capture has nothing, or no response.
    pub(crate) fn midstream(client: Direction) -> Self {
        let way = |direction| Way::new(Decoder::mid_stream(sender(direction, client)));
        Self { client, stage: Stage::Open(Box::new([way(Direction::Forward), way(Direction::Reverse)])) }
    }

    /// A connection that was upgraded.
    pub(crate) fn open(client: Direction, deflate: Option<Deflate>) -> Stage {
        let way = |direction| Way::new(Decoder::new(sender(direction, client), deflate));
        Stage::Open(Box::new([way(Direction::Forward), way(Direction::Reverse)]))
    }
}

impl Upgrade {
    /// Takes what came, bodies apart.
    pub(crate) fn push(&mut self, direction: Direction, mut piece: Piece<'_>) {
        let rest = &mut self.rest_of_body[direction as usize];
        let passed = (*rest).min(piece.bytes.len() as u64);
        if *rest != UNKNOWN {
            *rest -= passed;
        }
        piece.bytes = &piece.bytes[passed as usize..];
        piece.at += passed;
        if !piece.bytes.is_empty() {
            self.heads[direction as usize].push(piece);
        }
    }

    /// A body of `len` bytes follows the head just read, if it is known how many.
    pub(crate) fn pass_over_body(&mut self, direction: Direction, len: Option<u64>) {
        let head = &mut self.heads[direction as usize];
        let came = head.bytes().len() as u64;
        let len = len.unwrap_or(UNKNOWN).min(UNKNOWN);
        head.forget(len.min(came) as usize);
        self.rest_of_body[direction as usize] =
            if len == UNKNOWN { UNKNOWN } else { len.saturating_sub(came) };
    }

    /// Another request was sent: a body of unknown length, answer to the one before, ends here.
    pub(crate) fn end_body(&mut self, server: Direction) {
        let rest = &mut self.rest_of_body[server as usize];
        if *rest == UNKNOWN {
            *rest = 0;
        }
    }

    /// So many bytes are missing, 0 if nobody knows how many; whether the exchange goes on after them.
    pub(crate) fn skip(&mut self, direction: Direction, missing: u64) -> bool {
        let rest = &mut self.rest_of_body[direction as usize];
        let is_within = *rest == UNKNOWN || (missing > 0 && missing <= *rest);
        if is_within && *rest != UNKNOWN {
            *rest -= missing;
        }
        is_within
    }
}

impl Way {
    fn new(decoder: Decoder) -> Self {
        Self { decoder, trail: Trail::default(), heard: Heard::default() }
    }
}

fn sender(direction: Direction, client: Direction) -> Sender {
    if direction == client { Sender::Client } else { Sender::Server }
}

impl Asked {
    pub(crate) fn by(request: &Request<'_>) -> Self {
        if request.is_upgrade() {
            Self::Upgrade(Wish::of(request))
        } else {
            Self::Other { is_head: request.method() == "HEAD" }
        }
    }
}

impl Wish {
    fn of(request: &Request<'_>) -> Self {
        let by_path = request.path().as_bytes().to_ascii_lowercase().windows(4).any(|part| part == b"mqtt");
        let subprotocols: Vec<Box<[u8]>> = request.protocols().take(SUBPROTOCOLS).map(Box::from).collect();
        let mut wish = Self { for_mqtt: by_path, subprotocols };
        wish.for_mqtt |= wish.names_subprotocol();
        wish
    }

    /// Whether a subprotocol of MQTT is among those offered: `mqtt`, `mqttv3.1`.
    pub(crate) fn names_subprotocol(&self) -> bool {
        let is_mqtt = |name: &[u8]| name.get(..4).is_some_and(|start| start.eq_ignore_ascii_case(b"mqtt"));
        self.subprotocols.iter().any(|name| is_mqtt(name))
    }

    /// Whether a response takes one of the subprotocols offered, or none was.
    pub(crate) fn is_granted_by(&self, response: &Response<'_>) -> bool {
        let granted =
            || response.protocols().any(|name| self.subprotocols.iter().any(|offered| **offered == *name));
        self.subprotocols.is_empty() || granted()
    }
}

/// How far a client is on its way through a proxy that it asks to connect it (RFC 9110 §9.3.6).
pub(crate) enum Tunnel {
    /// What else is held, it sends to whom it wanted, or to ask once more.
    Through,
    Waits,
}

/// Lets go of a CONNECT of HTTP's and the answer to it, if the client's first bytes held are one.
pub(crate) fn tunnel(heads: &mut [Head; 2], client: Direction) -> Option<Tunnel> {
    const METHOD: &[u8] = b"CONNECT ";

    let (asking, answering) = (client as usize, client.opposite() as usize);
    if !heads[asking].bytes().starts_with(METHOD) {
        return None;
    }
    let Some((_, asked)) = Request::parse(heads[asking].bytes()).ok()? else { return Some(Tunnel::Waits) };
    let Some((response, head)) = Response::parse(heads[answering].bytes()).ok()? else {
        return Some(Tunnel::Waits);
    };
    let body = if response.status() / 100 == 2 { 0 } else { body_len(&response)? };
    let answered = head.checked_add(usize::try_from(body).ok()?)?;
    if heads[answering].bytes().len() < answered {
        return Some(Tunnel::Waits);
    }
    heads[asking].forget(asked);
    heads[answering].forget(answered);
    Some(Tunnel::Through)
}

/// Bytes of a request's body that follow its head, where the head tells (RFC 9112 §6.3).
pub(crate) fn body_len_of_request(request: &Request<'_>) -> Option<u64> {
    let is_bare = request.header("transfer-encoding").is_none() && request.header("content-length").is_none();
    if is_bare { Some(0) } else { told_len(request.headers()) }
}

/// Bytes of a response's body that follow its head, where the head tells (RFC 9112 §6.3).
pub(crate) fn body_len(response: &Response<'_>) -> Option<u64> {
    if matches!(response.status(), 204 | 304) { Some(0) } else { told_len(response.headers()) }
}

fn told_len(headers: &Headers<'_>) -> Option<u64> {
    if headers.get("transfer-encoding").is_some() {
        return None;
    }
    std::str::from_utf8(headers.get("content-length")?).ok()?.trim().parse().ok()
}
