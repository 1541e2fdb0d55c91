//! Packets: one module for each, where its decoding and its encoding stand side by side.

mod ack;
mod auth;
mod connack;
mod connect;
mod disconnect;
mod publish;
mod suback;
mod subscribe;
mod unsuback;
mod unsubscribe;

#[cfg(feature = "alloc")]
use alloc::vec::Vec;

pub use ack::Ack;
pub use auth::Auth;
pub use connack::ConnAck;
pub use connect::{Connect, Will};
pub use disconnect::Disconnect;
pub use publish::Publish;
pub use suback::{ReasonCodes, SubAck};
#[cfg(feature = "alloc")]
pub use subscribe::SubscriptionsBuf;
pub use subscribe::{Subscribe, Subscription, SubscriptionOptions, Subscriptions};
pub use unsuback::UnsubAck;
#[cfg(feature = "alloc")]
pub use unsubscribe::TopicFiltersBuf;
pub use unsubscribe::{TopicFilters, Unsubscribe};

use crate::error::Fault;
use crate::frame::{self, Frame};
use crate::property::decode::Met;
use crate::reader::{Read, Reader, broken_header, tell_violation};
use crate::writer::{MAX_VBI, Slice, Writer, vbi_len};
use crate::{
    DecodeError, EncodeError, EncodeErrorKind, Field, Observer, PacketType, Properties, PropertyId, Span,
    Version, Violation,
};

/// A control packet. Strings, payloads, properties and lists are slices of the bytes it was read from.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the types and `PacketType` say it")]
pub enum Packet<'b> {
    Connect(Connect<'b>),
    ConnAck(ConnAck<'b>),
    Publish(Publish<'b>),
    PubAck(Ack<'b>),
    PubRec(Ack<'b>),
    PubRel(Ack<'b>),
    PubComp(Ack<'b>),
    Subscribe(Subscribe<'b>),
    SubAck(SubAck<'b>),
    Unsubscribe(Unsubscribe<'b>),
    UnsubAck(UnsubAck<'b>),
    PingReq,
    PingResp,
    Disconnect(Disconnect<'b>),
    Auth(Auth<'b>),
}

impl<'b> Packet<'b> {
    /// What kind of packet it is.
    #[inline]
    pub const fn packet_type(&self) -> PacketType {
        match self {
            Self::Connect(_) => PacketType::Connect,
            Self::ConnAck(_) => PacketType::ConnAck,
            Self::Publish(_) => PacketType::Publish,
            Self::PubAck(_) => PacketType::PubAck,
            Self::PubRec(_) => PacketType::PubRec,
            Self::PubRel(_) => PacketType::PubRel,
            Self::PubComp(_) => PacketType::PubComp,
            Self::Subscribe(_) => PacketType::Subscribe,
            Self::SubAck(_) => PacketType::SubAck,
            Self::Unsubscribe(_) => PacketType::Unsubscribe,
            Self::UnsubAck(_) => PacketType::UnsubAck,
            Self::PingReq => PacketType::PingReq,
            Self::PingResp => PacketType::PingResp,
            Self::Disconnect(_) => PacketType::Disconnect,
            Self::Auth(_) => PacketType::Auth,
        }
    }

    /// The Packet Identifier, if this packet has one.
    pub const fn packet_id(&self) -> Option<crate::PacketId> {
        match self {
            Self::Publish(publish) => publish.packet_id,
            Self::PubAck(ack) | Self::PubRec(ack) | Self::PubRel(ack) | Self::PubComp(ack) => {
                Some(ack.packet_id)
            }
            Self::Subscribe(subscribe) => Some(subscribe.packet_id),
            Self::SubAck(ack) => Some(ack.packet_id),
            Self::Unsubscribe(unsubscribe) => Some(unsubscribe.packet_id),
            Self::UnsubAck(ack) => Some(ack.packet_id),
            Self::Connect(_)
            | Self::ConnAck(_)
            | Self::PingReq
            | Self::PingResp
            | Self::Disconnect(_)
            | Self::Auth(_) => None,
        }
    }

    /// The packet's properties (not a will's); none where it has no place for them.
    pub const fn properties(&self) -> Properties<'b> {
        match self {
            Self::Connect(connect) => connect.properties,
            Self::ConnAck(ack) => ack.properties,
            Self::Publish(publish) => publish.properties,
            Self::PubAck(ack) | Self::PubRec(ack) | Self::PubRel(ack) | Self::PubComp(ack) => ack.properties,
            Self::Subscribe(subscribe) => subscribe.properties,
            Self::SubAck(ack) => ack.properties,
            Self::Unsubscribe(unsubscribe) => unsubscribe.properties,
            Self::UnsubAck(ack) => ack.properties,
            Self::PingReq | Self::PingResp => Properties::EMPTY,
            Self::Disconnect(disconnect) => disconnect.properties,
            Self::Auth(auth) => auth.properties,
        }
    }
}

/// Decodes the packet that `bytes` begins with; bytes after it are not looked at.
///
/// `version` is the one that the connection speaks. A CONNECT brings its own.
///
/// # Errors
/// The bytes end before the packet does, a field does not fit in the packet, or `seen` broke off at a
/// violation.
#[inline]
pub fn decode<'b, O: Observer>(
    bytes: &'b [u8],
    version: Version,
    seen: &mut O,
) -> Result<Packet<'b>, DecodeError> {
    match frame::next(bytes) {
        Ok(Some(frame)) => decode_frame(frame, bytes, version, seen),
        Ok(None) | Err(_) => {
            let error = broken_header(bytes, seen).into();
            seen.failed(&error);
            Err(error)
        }
    }
}

/// PUBLISH and its answers, of which a stream has most, are decoded in line; others take up no room here.
#[inline(always)]
pub(crate) fn decode_frame<'b, O: Observer>(
    frame: Frame,
    bytes: &'b [u8],
    version: Version,
    seen: &mut O,
) -> Result<Packet<'b>, DecodeError> {
    let packet = match frame.packet_type() {
        // Apart, so that the older versions, between which there is no difference here, know of no properties.
        PacketType::Publish if version == Version::V5 => decode_publish(frame, bytes, Version::V5, seen),
        PacketType::Publish => decode_publish(frame, bytes, Version::V311, seen),
        kind if kind.is_ack() => decode_ack(frame, bytes, version, seen),
        _ => decode_other(frame, bytes, version, seen),
    };
    if let Err(error) = &packet {
        seen.failed(error);
    }
    packet
}

#[inline(always)]
fn decode_publish<'b, O: Observer>(
    frame: Frame,
    bytes: &'b [u8],
    version: Version,
    seen: &mut O,
) -> Result<Packet<'b>, DecodeError> {
    seen.header(frame);
    if frame.is_padded() && version == Version::V5 {
        tell_violation(seen, Violation::LengthNotMinimal, Field::RemainingLength, frame.length_span())?;
    }
    match Reader::of_frame(frame, bytes, seen) {
        Ok(r) => Ok(Packet::Publish(Publish::decode(r, frame.first, version)?)),
        Err(r) => decode_cut_publish(r, frame.first, version),
    }
}

#[cold]
#[inline(never)]
fn decode_cut_publish<'b, O: Observer>(
    r: Reader<'b, '_, O>,
    first: u8,
    version: Version,
) -> Result<Packet<'b>, DecodeError> {
    Ok(Packet::Publish(Publish::decode(r, first, version)?))
}

#[inline(always)]
fn decode_ack<'b, O: Observer>(
    frame: Frame,
    bytes: &'b [u8],
    version: Version,
    seen: &mut O,
) -> Result<Packet<'b>, DecodeError> {
    let kind = frame.packet_type();
    let ack = Ack::decode(reader(frame, bytes, version, seen)?, kind, version)?;
    Ok(match kind {
        PacketType::PubAck => Packet::PubAck(ack),
        PacketType::PubRec => Packet::PubRec(ack),
        PacketType::PubRel => Packet::PubRel(ack),
        _ => Packet::PubComp(ack),
    })
}

#[inline(never)]
fn decode_other<'b, O: Observer>(
    frame: Frame,
    bytes: &'b [u8],
    version: Version,
    seen: &mut O,
) -> Result<Packet<'b>, DecodeError> {
    match frame.packet_type() {
        PacketType::Connect => apart(frame, bytes, version, seen, |r| {
            let padded = frame.is_padded().then_some(frame.length_span());
            Ok(Packet::Connect(Connect::decode(r, version, padded)?))
        }),
        PacketType::ConnAck => {
            apart(frame, bytes, version, seen, |r| Ok(Packet::ConnAck(ConnAck::decode(r, version)?)))
        }
        PacketType::Subscribe => {
            apart(frame, bytes, version, seen, |r| Ok(Packet::Subscribe(Subscribe::decode(r, version)?)))
        }
        PacketType::SubAck => {
            apart(frame, bytes, version, seen, |r| Ok(Packet::SubAck(SubAck::decode(r, version)?)))
        }
        PacketType::Unsubscribe => {
            apart(frame, bytes, version, seen, |r| Ok(Packet::Unsubscribe(Unsubscribe::decode(r, version)?)))
        }
        PacketType::UnsubAck => {
            apart(frame, bytes, version, seen, |r| Ok(Packet::UnsubAck(UnsubAck::decode(r, version)?)))
        }
        PacketType::PingReq => apart(frame, bytes, version, seen, |r| r.finish().map(|()| Packet::PingReq)),
        PacketType::PingResp => apart(frame, bytes, version, seen, |r| r.finish().map(|()| Packet::PingResp)),
        PacketType::Disconnect => {
            apart(frame, bytes, version, seen, |r| Ok(Packet::Disconnect(Disconnect::decode(r, version)?)))
        }
        PacketType::Auth if version == Version::V5 => {
            apart(frame, bytes, version, seen, |r| Ok(Packet::Auth(Auth::decode(r)?)))
        }
        kind => apart(frame, bytes, version, seen, |_| Err(Fault::unknown_packet_type(kind))),
    }
}

/// A function for each type of packet: what one needs does not weigh on the others.
#[inline(never)]
fn apart<'b, O: Observer>(
    frame: Frame,
    bytes: &'b [u8],
    version: Version,
    seen: &mut O,
    decode: impl FnOnce(Reader<'b, '_, O>) -> Read<Packet<'b>>,
) -> Result<Packet<'b>, DecodeError> {
    Ok(decode(reader(frame, bytes, version, seen)?)?)
}

/// Reads on after the fixed header of a packet that is no PUBLISH.
#[inline(always)]
fn reader<'b, 's, O: Observer>(
    frame: Frame,
    bytes: &'b [u8],
    version: Version,
    seen: &'s mut O,
) -> Read<Reader<'b, 's, O>> {
    seen.header(frame);
    let (kind, flags) = (frame.packet_type(), frame.first & 0x0f);
    if flags != kind.fixed_flags() && !flags_are_free(kind, flags, version) {
        tell_violation(seen, Violation::FlagsReserved, Field::Flags, Span::bits(0, 0x0f))?;
    }
    // A CONNECT tells later which version's rules it is under.
    if frame.is_padded() && version == Version::V5 && kind != PacketType::Connect {
        tell_violation(seen, Violation::LengthNotMinimal, Field::RemainingLength, frame.length_span())?;
    }
    let (Ok(r) | Err(r)) = Reader::of_frame(frame, bytes, seen);
    Ok(r)
}

/// In 3.1, PUBREL, SUBSCRIBE and UNSUBSCRIBE may be marked as duplicates, and other flags are not used.
#[cold]
#[inline(never)]
fn flags_are_free(kind: PacketType, flags: u8, version: Version) -> bool {
    match (version, kind.fixed_flags()) {
        (Version::V31, 0b0010) => flags & 0b0110 == 0b0010,
        (Version::V31, _) => true,
        _ => false,
    }
}

/// The payload was declared to be UTF-8: is it?
#[inline(always)]
fn check_payload_format<O: Observer>(
    r: &mut Reader<'_, '_, O>,
    met: Met,
    properties: Properties<'_>,
    payload: &[u8],
    field: Field,
) -> Read<()> {
    if met.has(PropertyId::PayloadFormatIndicator)
        && properties.payload_format_indicator() == Some(1)
        && core::str::from_utf8(payload).is_err()
    {
        let len = payload.len() as u32;
        r.violation(Violation::PayloadNotUtf8, field, Span::bytes(r.at() - len, len))?;
    }
    Ok(())
}

/// A packet that was measured: ready to be written.
struct Measured {
    first: u8,
    remaining: u32,
}

impl Measured {
    fn len(&self) -> usize {
        1 + vbi_len(self.remaining) + self.remaining as usize
    }
}

/// Checks that the packet has an encoding.
fn measure(packet: &Packet<'_>, version: Version) -> Result<Measured, EncodeError> {
    let kind = packet.packet_type();
    let flags = match packet {
        Packet::Publish(publish) => publish.flags()?,
        _ => kind.fixed_flags(),
    };
    let body = match packet {
        Packet::Connect(connect) => connect.body_len()?,
        Packet::ConnAck(ack) => ack.body_len(version)?,
        Packet::Publish(publish) => publish.body_len(version)?,
        Packet::PubAck(ack) | Packet::PubRec(ack) | Packet::PubRel(ack) | Packet::PubComp(ack) => {
            ack.body_len(version)?
        }
        Packet::Subscribe(subscribe) => subscribe.body_len(version)?,
        Packet::SubAck(ack) => ack.body_len(version)?,
        Packet::Unsubscribe(unsubscribe) => unsubscribe.body_len(version)?,
        Packet::UnsubAck(ack) => ack.body_len(version)?,
        Packet::PingReq | Packet::PingResp => 0,
        Packet::Disconnect(disconnect) => disconnect.body_len(version)?,
        Packet::Auth(auth) => auth.body_len(version)?,
    };
    if body > MAX_VBI as usize {
        let kind = EncodeErrorKind::TooLong { len: body, max: MAX_VBI as usize };
        return Err(EncodeError::new(kind, Field::RemainingLength));
    }
    Ok(Measured { first: (kind as u8) << 4 | flags, remaining: body as u32 })
}

#[inline(always)]
fn write(packet: &Packet<'_>, version: Version, measured: &Measured, out: &mut impl Writer) {
    out.u8(measured.first);
    out.vbi(measured.remaining);
    match packet {
        Packet::Connect(connect) => connect.write(out),
        Packet::ConnAck(ack) => ack.write(version, out),
        Packet::Publish(publish) => publish.write(version, out),
        Packet::PubAck(ack) | Packet::PubRec(ack) | Packet::PubRel(ack) | Packet::PubComp(ack) => {
            ack.write(version, out);
        }
        Packet::Subscribe(subscribe) => subscribe.write(version, out),
        Packet::SubAck(ack) => ack.write(version, out),
        Packet::Unsubscribe(unsubscribe) => unsubscribe.write(version, out),
        Packet::UnsubAck(ack) => ack.write(version, out),
        Packet::PingReq | Packet::PingResp => {}
        Packet::Disconnect(disconnect) => disconnect.write(version, out),
        Packet::Auth(auth) => auth.write(out),
    }
}

/// How many bytes [`encode`] writes.
///
/// # Errors
/// The packet has no encoding in this version.
pub fn encoded_len(packet: &Packet<'_>, version: Version) -> Result<usize, EncodeError> {
    Ok(measure(packet, version)?.len())
}

/// Writes the packet after what `out` holds already; on an error nothing is written.
///
/// A Reason Code of 0 without properties is left out where it may be.
/// Only what would make the bytes unreadable is refused; other rules are the sender's to keep or to break.
/// A CONNECT is written in its own version, whatever `version` says.
///
/// # Errors
/// The packet has no encoding in this version.
#[cfg(feature = "alloc")]
pub fn encode(packet: &Packet<'_>, version: Version, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    let measured = measure(packet, version)?;
    out.reserve(measured.len());
    write(packet, version, &measured, out);
    Ok(())
}

/// Writes the packet to the front of `out` as [`encode`] does, and says how many bytes that took.
///
/// # Errors
/// The packet has no encoding in this version, or `out` is too short for it.
pub fn encode_to_slice(packet: &Packet<'_>, version: Version, out: &mut [u8]) -> Result<usize, EncodeError> {
    let measured = measure(packet, version)?;
    let (need, have) = (measured.len(), out.len());
    if have < need {
        return Err(EncodeError::new(EncodeErrorKind::BufferTooShort { need, have }, Field::FixedHeader));
    }
    write(packet, version, &measured, &mut Slice { free: out });
    Ok(need)
}

/// The length of the property length and the properties, which only MQTT 5.0 has.
fn properties_len(properties: Properties<'_>, version: Version, group: Field) -> Result<usize, EncodeError> {
    let len = properties.as_bytes().len();
    match version {
        Version::V5 if len <= MAX_VBI as usize => Ok(vbi_len(len as u32) + len),
        Version::V5 => Err(EncodeError::new(EncodeErrorKind::TooLong { len, max: MAX_VBI as usize }, group)),
        _ if len == 0 => Ok(0),
        _ => Err(EncodeError::new(EncodeErrorKind::NotInVersion(version), group)),
    }
}

#[inline(always)]
fn write_properties(properties: Properties<'_>, version: Version, out: &mut impl Writer) {
    if version == Version::V5 {
        out.vbi(properties.as_bytes().len() as u32);
        out.bytes(properties.as_bytes());
    }
}

/// A Packet Identifier to send may not be zero.
fn packet_id_len(id: crate::PacketId) -> Result<usize, EncodeError> {
    if id.get() == 0 {
        return Err(EncodeError::new(EncodeErrorKind::Missing, Field::PacketId));
    }
    Ok(2)
}
