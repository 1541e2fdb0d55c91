//! What bytes are worth as the beginning of packets.

use std::ops::ControlFlow;

use mqscope_wire::{
    DecodeError, ErrorKind, Field, Lenient, Observer, Packet, PacketType, Properties, Span, Strict, Value,
    Version, Violation, decode, frame,
};

use super::{ENOUGH, Waiting};
use crate::Side;

/// What the first packet of a run is worth by itself if no segment begins with it: not an acknowledgement's four bytes,
/// which may be the end of a payload, with true packets after it.
const FIRST_UNALIGNED: u32 = 20;

/// A longer packet is not believed in without a known beginning.
const LONGEST: u32 = 1 << 20;

/// What it is worth for a packet to answer the only exchange that waits. Of the 16 bits of its packet identifier fewer
/// count, as small ones are frequent among all bytes.
const ANSWERS: u32 = 14;

/// What a first byte is worth that a packet may have: one in ten may be.
const BEGINNING: u32 = 3;

/// What it is worth for a DISCONNECT to be the last that its sender sends, as it has to be (MQTT-3.14.4-1).
const CLOSES: u32 = 8;

/// What a property is worth: few identifiers are allowed, and its length must fit.
const PROPERTY: u32 = 4;
/// So many count.
const PROPERTIES: usize = 6;

/// What may stand at a place where packets are to begin.
#[derive(Clone, Copy)]
pub(super) struct Rules<'a> {
    /// Who sends it, if that is known.
    pub(super) sender: Option<Side>,
    /// Whether the packet that opens a direction may still come.
    pub(super) opening: Opening,
    /// Whether the stream ends with the bytes.
    pub(super) is_end: bool,
    pub(super) waiting: Waiting<'a>,
}

/// Whether a direction's first packet may stand at a place: a server's CONNACK comes once, before all else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opening {
    Possible,
    Past,
}

/// Whether the stream may go on with a packet here, right after one that does not decode. `bytes` end with a segment.
pub(crate) fn may_continue(bytes: &[u8], version: Version) -> bool {
    let rules = Rules { sender: None, opening: Opening::Possible, is_end: false, waiting: &|_| None };
    if weigh_run(bytes, version, 0, rules, |_| 0).is_some() {
        return true;
    }
    // Malformed packets often come in company: believe their lengths if these lead to the segment's end.
    let mut rest = bytes;
    while let Some(&first) = rest.first() {
        match frame::next(rest) {
            Ok(Some(header)) if may_begin(first) && header.len() <= rest.len() => {
                rest = &rest[header.len()..]
            }
            _ => return false,
        }
    }
    true
}

/// Whether `bytes` begin with a packet that keeps all rules in one of the versions, as far as it is there.
pub(crate) fn is_sound(bytes: &[u8]) -> bool {
    let is_whole =
        frame::next(bytes).is_ok_and(|header| header.is_some_and(|header| header.len() <= bytes.len()));
    [Version::V311, Version::V5].into_iter().any(|version| match decode(bytes, version, &mut Strict) {
        Ok(_) => true,
        Err(error) => !is_whole && matches!(error.kind, ErrorKind::Truncated { .. }),
    })
}

/// Whether a packet may have this first byte.
pub(super) fn may_begin(first: u8) -> bool {
    match PacketType::from_first_byte(first) {
        PacketType::Reserved => false,
        // QoS 3, or DUP without QoS.
        PacketType::Publish => first & 0b0110 != 0b0110 && first & 0b1110 != 0b1000,
        // MQTT 3.1 has DUP in some of these, too rarely to pay for.
        kind => kind.required_flags() == Some(first & 0xf),
    }
}

impl Rules<'_> {
    /// Whether a packet with this first byte may be the first of a run.
    fn allow_first(self, first: u8) -> bool {
        let kind = PacketType::from_first_byte(first);
        may_begin(first)
            && self.may_be_sent(kind)
            && (kind != PacketType::ConnAck || self.opening == Opening::Possible)
    }

    /// Whether a packet with this first byte may follow others; `opens`: these are what may go before a CONNACK.
    fn allow_next(self, first: u8, opens: bool) -> bool {
        let kind = PacketType::from_first_byte(first);
        let may_stand = match kind {
            PacketType::Connect => false,
            PacketType::ConnAck => opens && self.opening == Opening::Possible,
            _ => true,
        };
        may_begin(first) && self.may_be_sent(kind) && may_stand
    }

    /// Whether the sender is one that sends such packets (MQTT 5.0 §2.1.2, 3.1.1 §2.2.1).
    fn may_be_sent(self, kind: PacketType) -> bool {
        use PacketType::{ConnAck, Connect, PingReq, PingResp, SubAck, Subscribe, UnsubAck, Unsubscribe};
        match self.sender {
            Some(Side::Client) => !matches!(kind, ConnAck | SubAck | UnsubAck | PingResp),
            Some(Side::Server) => !matches!(kind, Connect | Subscribe | Unsubscribe | PingReq),
            None => true,
        }
    }
}

/// Whether a run may begin with the packet here, though no segment does. What is not whole yet may.
pub(super) fn may_be_first(bytes: &[u8], version: Version, waiting: Waiting<'_>) -> bool {
    match frame::next(bytes) {
        Ok(Some(header)) if header.len() <= bytes.len() => {
            weigh_first(bytes, version, waiting).is_some_and(|(weight, _)| weight >= FIRST_UNALIGNED)
        }
        Ok(_) => true,
        Err(_) => false,
    }
}

/// The evidence of a whole packet that keeps all rules, and its length.
pub(super) fn weigh_first(bytes: &[u8], version: Version, waiting: Waiting<'_>) -> Option<(u32, usize)> {
    let len = frame::next(bytes).ok()??.len();
    let packet = decode(bytes, version, &mut Strict).ok()?;
    Some((weigh_packet(&packet, waiting), len))
}

/// `before` plus the evidence of the packets that follow each other in `bytes`, and of the `border`s at the offsets where
/// they begin and end; nothing if one cannot be, however much speaks for those before it: a payload may well hold what
/// looks like a packet.
///
/// A beginning alone never decides, unless it names the protocol: three stray bytes before a PUBLISH make its topic
/// that of an UNSUBSCRIBE whose length nobody can check.
pub(super) fn weigh_run(
    bytes: &[u8],
    version: Version,
    before: u32,
    rules: Rules<'_>,
    border: impl Fn(usize) -> u32,
) -> Option<u32> {
    let mut bits = before;
    let mut rest = bytes;
    let mut decisive = false;
    let mut opens = true;
    let mut last = None;
    loop {
        bits += border(bytes.len() - rest.len());
        let Some(&first) = rest.first() else {
            if rules.is_end && last == Some(PacketType::Disconnect) {
                bits += CLOSES;
            }
            break;
        };
        if !(if last.is_none() { rules.allow_first(first) } else { rules.allow_next(first, opens) }) {
            return None;
        }
        let kind = PacketType::from_first_byte(first);
        // A server asks for authentication before it acknowledges (MQTT 5.0 §4.12).
        opens &= kind == PacketType::Auth;
        last = Some(kind);
        let Some(header) = frame::next(rest).ok()? else {
            bits += BEGINNING;
            break;
        };
        if header.remaining > LONGEST {
            return None;
        }
        if header.len() > rest.len() {
            let beginning = weigh_beginning(rest, version)?;
            bits += beginning.bits;
            decisive |= beginning.names_protocol;
            break;
        }
        if bits < ENOUGH {
            bits += weigh_packet(&decode(rest, version, &mut Strict).ok()?, rules.waiting);
        } else {
            // Broken rules do not speak against what is believed already.
            decode(rest, version, &mut Lenient).ok()?;
        }
        decisive = true;
        rest = &rest[header.len()..];
    }
    Some(if decisive { bits } else { bits.min(ENOUGH - 1) })
}

fn weigh_packet(packet: &Packet<'_>, waiting: Waiting<'_>) -> u32 {
    let answers = waiting(packet).map_or(0, |among| ANSWERS.saturating_sub(among.max(1).ilog2()));
    let fixed = match packet {
        Packet::Connect(_) => 64,
        Packet::ConnAck(_) => 28,
        Packet::Publish(publish) => {
            11 + weigh_text(publish.topic.as_bytes()) + weigh_properties(&publish.properties)
        }
        Packet::Subscribe(_) | Packet::Unsubscribe(_) => 20,
        Packet::Disconnect(disconnect) => 16 + weigh_properties(&disconnect.properties),
        Packet::Auth(auth) => 12 + weigh_properties(&auth.properties),
        _ => 16,
    };
    fixed + answers
}

fn weigh_properties(properties: &Properties<'_>) -> u32 {
    properties.iter().take(PROPERTIES).count() as u32 * PROPERTY
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
    let mut beginning = Beginning { bits: BEGINNING, names_protocol: false };
    match decode(bytes, version, &mut beginning) {
        Ok(_) | Err(DecodeError { kind: ErrorKind::Truncated { .. }, .. }) => Some(beginning),
        Err(_) => None,
    }
}

/// One bit a readable character: random bytes are rarely readable.
fn weigh_text(text: &[u8]) -> u32 {
    text.iter().filter(|byte| byte.is_ascii_graphic()).take(16).count() as u32
}
