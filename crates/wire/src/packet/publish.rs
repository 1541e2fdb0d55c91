//! PUBLISH (§3.3): an application message.

use super::{check_payload_format, packet_id_len, properties_len, write_properties};
use crate::property::decode::{self as properties, Met};
use crate::reader::{Read, Reader};
use crate::writer::{Writer, prefixed_len};
use crate::{
    EncodeError, EncodeErrorKind, Field, Observer, PacketId, PacketType, Properties, PropertyId, QoS, Span,
    Text, Version, Violation,
};

/// An application message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Publish<'b> {
    /// Sent before, and sent again.
    pub dup: bool,
    /// How surely it is delivered.
    pub qos: QoS,
    /// To be kept by the server; from a server: it was kept.
    pub retain: bool,
    /// Empty where a Topic Alias stands for it.
    pub topic: Text<'b>,
    /// There if and only if the QoS is not 0.
    pub packet_id: Option<PacketId>,
    /// 5.0 only.
    pub properties: Properties<'b>,
    /// The message itself.
    pub payload: &'b [u8],
}

impl<'b> Publish<'b> {
    #[inline(always)]
    pub(super) fn decode<O: Observer>(mut r: Reader<'b, '_, O>, first: u8, version: Version) -> Read<Self> {
        let (dup, qos, retain) = (first & 0x08 != 0, QoS::from_bits(first >> 1), first & 0x01 != 0);
        if FORBIDDEN_FLAGS >> (first & 0x0e) & 1 == 1 {
            match qos {
                QoS::AtMostOnce => r.violation(Violation::DupAtQos0, Field::Dup, Span::bits(0, 0x08))?,
                _ => r.violation(Violation::QosReserved, Field::Qos, Span::bits(0, 0x06))?,
            }
        }
        let topic = r.topic(Field::Topic, Violation::TopicWildcard)?;
        let topic_end = r.at();
        let packet_id = if qos == QoS::AtMostOnce { None } else { Some(r.packet_id()?) };
        let (properties, met) = match version {
            Version::V5 => properties::decode(&mut r, Field::Properties, ALLOWED)?,
            _ => (Properties::EMPTY, Met::default()),
        };
        if topic.is_empty() && !met.has(PropertyId::TopicAlias) {
            let violation = match version {
                Version::V5 => Violation::TopicAndAliasMissing,
                _ => Violation::TopicEmpty,
            };
            r.violation(violation, Field::Topic, Span::bytes(topic_end - 2, 2))?;
        }
        let payload = r.rest(Field::Payload)?;
        check_payload_format(&mut r, met, properties, payload, Field::Payload)?;
        Ok(Self { dup, qos, retain, topic, packet_id, properties, payload })
    }

    /// The low four bits of the first byte.
    pub(super) fn flags(&self) -> Result<u8, EncodeError> {
        if self.qos == QoS::Reserved {
            return Err(EncodeError::new(EncodeErrorKind::Reserved, Field::Qos));
        }
        Ok(u8::from(self.dup) << 3 | (self.qos as u8) << 1 | u8::from(self.retain))
    }

    pub(super) fn body_len(&self, version: Version) -> Result<usize, EncodeError> {
        let id = match (self.qos, self.packet_id) {
            (QoS::AtMostOnce, None) => 0,
            (QoS::AtMostOnce, Some(_)) => {
                return Err(EncodeError::new(EncodeErrorKind::Unexpected, Field::PacketId));
            }
            (_, Some(id)) => packet_id_len(id)?,
            (_, None) => return Err(EncodeError::new(EncodeErrorKind::Missing, Field::PacketId)),
        };
        Ok(prefixed_len(Field::Topic, self.topic.0)?
            + id
            + properties_len(self.properties, version, Field::Properties)?
            + self.payload.len())
    }

    #[inline(always)]
    pub(super) fn write(&self, version: Version, out: &mut impl Writer) {
        out.prefixed(self.topic.0);
        if let Some(id) = self.packet_id {
            out.u16(id.get());
        }
        write_properties(self.properties, version, out);
        out.bytes(self.payload);
    }
}

/// The values of DUP and QoS that may not be, as bits: DUP at QoS 0, and QoS 3.
const FORBIDDEN_FLAGS: u16 = 1 << 0x08 | 1 << 0x06 | 1 << 0x0e;

const ALLOWED: u64 = crate::property::allowed_in(PacketType::Publish);
