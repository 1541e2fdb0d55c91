//! Finding the next packet where the capture does not tell where one begins.
//!
//! A place counts as the beginning of packets once the run from there is worth [`ENOUGH`] bits of evidence: bytes of
//! another kind would look like it once in 2^44 tries. A packet is worth the bits that are fixed in it, a topic the
//! bits that a readable text has fewer than random bytes, a segment that begins or ends with a packet some more,
//! since senders write whole packets. Nothing is given before the evidence is there, so nothing is invented.

use std::ops::ControlFlow;

use mqscope_wire::{
    DecodeError, ErrorKind, Field, Observer, Packet, PacketType, Span, Strict, Value, Version, Violation,
    decode, frame,
};

use crate::FrameRef;
use crate::lane::{FoundAt, Piece};

/// Bits of evidence that decide.
const ENOUGH: u32 = 44;
const ALIGNED_START: u32 = 8;
const ALIGNED_END: u32 = 4;
/// What the first packet of a run is worth by itself if no segment begins with it: not an acknowledgement's four bytes,
/// which may be the end of a payload, with true packets after it.
const FIRST_UNALIGNED: u32 = 20;

/// Bytes held while the evidence does not suffice, beside the newest chunk.
const HELD_BYTES: usize = 64 * 1024;
const CANDIDATES: usize = 16;

/// A longer packet is not believed in without a known beginning.
const LONGEST: u32 = 1 << 20;

/// What is known of the connection whose packets are searched.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hint {
    pub(crate) trust: Trust,
    /// The version, if the CONNECT told it.
    pub(crate) version: Option<Version>,
    /// The version to try first, if it did not.
    pub(crate) likely: Version,
}

/// How likely it is beforehand that the bytes are MQTT.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Trust {
    /// Any flow.
    None,
    /// The port is one that MQTT uses.
    Port,
    /// The flow is known to carry MQTT.
    Known,
}

impl Trust {
    const fn bits(self) -> u32 {
        match self {
            Self::None => 0,
            Self::Port => 8,
            Self::Known => 16,
        }
    }
}

/// Where packets begin.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Found {
    /// Offset into what the search holds.
    pub(crate) at: usize,
    /// The version in which they make sense.
    pub(crate) version: Version,
    pub(crate) place: FoundAt,
}

/// Bytes without a known packet boundary, and the places where one may be.
///
/// Invariants: `held` begins with the first candidate's byte or with a piece; candidates ascend and lie in `held`.
#[derive(Debug, Default)]
pub(crate) struct Search {
    held: Vec<u8>,
    pieces: Vec<HeldPiece>,
    candidates: Vec<usize>,
    discarded: u64,
    /// Whether the first byte that came is the stream's first.
    from_start: bool,
}

#[derive(Debug, Clone, Copy)]
struct HeldPiece {
    /// Offset into `held`.
    start: usize,
    at: u64,
    frame: FrameRef,
    carried: FrameRef,
}

impl Search {
    pub(crate) fn from_start() -> Self {
        Self { from_start: true, ..Self::default() }
    }

    /// Takes more bytes; where packets begin, if that is certain now.
    pub(crate) fn push(&mut self, piece: Piece<'_>, hint: Hint) -> Option<Found> {
        let new = self.held.len();
        self.held.extend_from_slice(piece.bytes);
        self.pieces.push(HeldPiece {
            start: new,
            at: piece.at,
            frame: *piece.frame,
            carried: *piece.carried,
        });

        let known = std::mem::take(&mut self.candidates);
        let to = if hint.trust == Trust::None { new + 1 } else { self.held.len() };
        for at in known.into_iter().chain(new..to) {
            match self.weigh(at, hint) {
                Some((ENOUGH.., version)) => {
                    let is_first = self.from_start && self.discarded == 0 && at == 0;
                    let place = if is_first { FoundAt::Start } else { FoundAt::Later };
                    return Some(Found { at, version, place });
                }
                Some(_) if self.candidates.len() < CANDIDATES => self.candidates.push(at),
                _ => {}
            }
        }
        self.trim();
        None
    }

    /// Bytes are missing: what is held leads nowhere.
    pub(crate) fn gap(&mut self) {
        self.from_start = false;
        self.candidates.clear();
        self.trim();
    }

    pub(crate) fn discarded(&self) -> u64 {
        self.discarded
    }

    /// What is held from offset `from` on.
    pub(crate) fn pieces(&self, from: usize) -> impl Iterator<Item = Piece<'_>> {
        self.pieces.iter().enumerate().filter_map(move |(index, piece)| {
            let end = self.pieces.get(index + 1).map_or(self.held.len(), |next| next.start);
            let start = piece.start.max(from);
            let at = piece.at + (start - piece.start) as u64;
            let (frame, carried) = (&piece.frame, &piece.carried);
            (start < end).then(|| Piece { bytes: &self.held[start..end], at, frame, carried })
        })
    }

    /// Lets go of what no candidate needs, and of the oldest candidates if they need too much.
    fn trim(&mut self) {
        let len = self.held.len();
        while self.candidates.first().is_some_and(|&first| len - first > HELD_BYTES) {
            self.candidates.remove(0);
        }
        let keep = self.candidates.first().copied().unwrap_or(len);
        if keep == 0 {
            return;
        }
        self.discarded += keep as u64;
        self.held.drain(..keep);
        for candidate in &mut self.candidates {
            *candidate -= keep;
        }
        let gone = self.pieces.partition_point(|piece| piece.start <= keep).saturating_sub(1);
        self.pieces.drain(..gone);
        if self.held.is_empty() {
            self.pieces.clear();
        }
        for piece in &mut self.pieces {
            let cut = keep.saturating_sub(piece.start);
            piece.at += cut as u64;
            piece.start = (piece.start + cut) - keep;
        }
    }

    /// The evidence that packets begin at `at`, in the better of the possible versions; nothing if none can.
    fn weigh(&self, at: usize, hint: Hint) -> Option<(u32, Version)> {
        let bytes = &self.held[at..];
        if !may_begin(bytes[0]) {
            return None;
        }
        let aligned = self.pieces.binary_search_by_key(&at, |piece| piece.start).is_ok();
        let before = hint.trust.bits() + if aligned { ALIGNED_START } else { 0 };
        let weigh = |version| {
            if !aligned && !may_be_first(bytes, version) {
                return None;
            }
            weigh_run(bytes, version, before).map(|bits| (bits, version))
        };
        match hint.version {
            Some(version) => weigh(version),
            None if hint.likely == Version::V5 => weigh(Version::V5).or_else(|| weigh(Version::V311)),
            None => weigh(Version::V311).or_else(|| weigh(Version::V5)),
        }
    }
}

/// Whether the stream may go on with a packet here, right after one that does not decode. `bytes` end with a segment.
pub(crate) fn may_continue(bytes: &[u8], version: Version) -> bool {
    if weigh_run(bytes, version, 0).is_some() {
        return true;
    }
    // Malformed packets often come in company: believe their lengths if these lead to the segment's end.
    let mut rest = bytes;
    while let Some(&first) = rest.first() {
        match frame::next(rest) {
            Ok(Some(header)) if first >> 4 != 0 && header.len() <= rest.len() => rest = &rest[header.len()..],
            _ => return false,
        }
    }
    true
}

/// Whether a packet may have this first byte.
fn may_begin(first: u8) -> bool {
    match PacketType::from_first_byte(first) {
        PacketType::Reserved => false,
        // QoS 3, or DUP without QoS.
        PacketType::Publish => first & 0b0110 != 0b0110 && first & 0b1110 != 0b1000,
        // MQTT 3.1 has DUP in some of these, too rarely to pay for.
        kind => kind.required_flags() == Some(first & 0xf),
    }
}

/// Whether a run may begin with the packet here, though no segment does. What is not whole yet may.
fn may_be_first(bytes: &[u8], version: Version) -> bool {
    match frame::next(bytes) {
        Ok(Some(header)) if header.len() <= bytes.len() => {
            decode(bytes, version, &mut Strict).is_ok_and(|packet| weigh_packet(&packet) >= FIRST_UNALIGNED)
        }
        Ok(_) => true,
        Err(_) => false,
    }
}

/// `before` plus the evidence of the packets that follow each other in `bytes`; nothing if one cannot be.
///
/// A beginning alone never decides, unless it names the protocol: three stray bytes before a PUBLISH make its topic
/// that of an UNSUBSCRIBE whose length nobody can check.
fn weigh_run(bytes: &[u8], version: Version, before: u32) -> Option<u32> {
    let mut bits = before;
    let mut rest = bytes;
    let mut decisive = false;
    while bits < ENOUGH {
        let Some(&first) = rest.first() else {
            bits += ALIGNED_END;
            break;
        };
        if !may_begin(first) {
            return None;
        }
        let Some(header) = frame::next(rest).ok()? else { break };
        if header.remaining > LONGEST {
            return None;
        }
        if header.len() > rest.len() {
            let beginning = weigh_beginning(rest, version)?;
            bits += beginning.bits;
            decisive |= beginning.names_protocol;
            break;
        }
        bits += weigh_packet(&decode(rest, version, &mut Strict).ok()?);
        decisive = true;
        rest = &rest[header.len()..];
    }
    Some(if decisive { bits } else { bits.min(ENOUGH - 1) })
}

fn weigh_packet(packet: &Packet<'_>) -> u32 {
    match packet {
        Packet::Connect(_) => 64,
        Packet::ConnAck(_) => 28,
        Packet::Publish(publish) => 11 + weigh_text(publish.topic.as_bytes()),
        Packet::Subscribe(_) | Packet::Unsubscribe(_) => 20,
        Packet::Auth(_) => 12,
        _ => 16,
    }
}

/// What the first bytes of a packet tell.
struct Beginning {
    bits: u32,
    names_protocol: bool,
}

impl Observer for Beginning {
    fn field(&mut self, field: Field, _: Span, value: Value<'_>) {
        match (field, value) {
            (Field::Topic | Field::TopicFilter, Value::Text(text)) => {
                self.bits += 8 + weigh_text(text.as_bytes());
            }
            (Field::ProtocolName, _) => {
                self.bits += 48;
                self.names_protocol = true;
            }
            _ => {}
        }
    }

    fn violation(&mut self, _: Violation, _: Span) -> ControlFlow<()> {
        ControlFlow::Break(())
    }
}

/// The evidence of a packet that ends beyond `bytes`; nothing if it breaks a rule already.
fn weigh_beginning(bytes: &[u8], version: Version) -> Option<Beginning> {
    let mut beginning = Beginning { bits: 3, names_protocol: false };
    match decode(bytes, version, &mut beginning) {
        Ok(_) | Err(DecodeError { kind: ErrorKind::Truncated { .. }, .. }) => Some(beginning),
        Err(_) => None,
    }
}

/// One bit a readable character: random bytes are rarely readable.
fn weigh_text(text: &[u8]) -> u32 {
    text.iter().filter(|byte| byte.is_ascii_graphic()).take(16).count() as u32
}
