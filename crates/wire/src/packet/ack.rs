//! PUBACK, PUBREC, PUBREL and PUBCOMP (§3.4 to §3.7): four names for one form.

use super::{packet_id_len, properties_len, write_properties};
use crate::property::decode as properties;
use crate::reader::{Read, Reader};
use crate::writer::Writer;
use crate::{
    EncodeError, EncodeErrorKind, Field, Observer, PacketId, PacketType, Properties, ReasonCode, Span,
    Version, Violation,
};

/// A step of the delivery of a QoS 1 or 2 message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ack<'b> {
    /// The PUBLISH it is about.
    pub packet_id: PacketId,
    /// Success where it was left out, and always before 5.0.
    pub reason: ReasonCode,
    /// 5.0 only.
    pub properties: Properties<'b>,
}

impl<'b> Ack<'b> {
    /// All went well, and nothing more to say.
    #[inline]
    pub const fn success(packet_id: PacketId) -> Self {
        Self { packet_id, reason: ReasonCode::SUCCESS, properties: Properties::EMPTY }
    }

    #[inline(always)]
    pub(super) fn decode<O: Observer>(
        mut r: Reader<'b, '_, O>,
        kind: PacketType,
        version: Version,
    ) -> Read<Self> {
        let packet_id = r.packet_id()?;
        let (reason, properties) = reason_and_properties(&mut r, kind, version)?;
        r.finish()?;
        Ok(Self { packet_id, reason, properties })
    }

    pub(super) fn body_len(&self, version: Version) -> Result<usize, EncodeError> {
        Ok(packet_id_len(self.packet_id)? + reason_and_properties_len(self.reason, self.properties, version)?)
    }

    #[inline(always)]
    pub(super) fn write(&self, version: Version, out: &mut impl Writer) {
        out.u16(self.packet_id.get());
        write_reason_and_properties(self.reason, self.properties, version, out);
    }
}

/// What ends PUBACK to PUBCOMP, and is all of DISCONNECT and AUTH: both may be left out, the properties also
/// alone (MQTT 5.0 §3.4.2.1).
#[inline(always)]
pub(super) fn reason_and_properties<'b, O: Observer>(
    r: &mut Reader<'b, '_, O>,
    kind: PacketType,
    version: Version,
) -> Read<(ReasonCode, Properties<'b>)> {
    if version != Version::V5 || r.is_at_end() {
        return Ok((ReasonCode::SUCCESS, Properties::EMPTY));
    }
    given(r, kind)
}

#[inline(always)]
fn given<'b, O: Observer>(r: &mut Reader<'b, '_, O>, kind: PacketType) -> Read<(ReasonCode, Properties<'b>)> {
    let reason = ReasonCode(r.u8(Field::ReasonCode)?);
    if !reason.is_known(kind, Version::V5) {
        let violation = match kind {
            PacketType::PubAck => Violation::PubAckCode,
            PacketType::PubRec => Violation::PubRecCode,
            PacketType::PubRel => Violation::PubRelCode,
            PacketType::PubComp => Violation::PubCompCode,
            PacketType::Disconnect => Violation::DisconnectCode,
            _ => Violation::AuthCode,
        };
        r.violation(violation, Field::ReasonCode, Span::bytes(r.at() - 1, 1))?;
    }
    let properties = match r.is_at_end() {
        true => Properties::EMPTY,
        false => properties::decode(r, Field::Properties, crate::property::allowed_in(kind))?.0,
    };
    Ok((reason, properties))
}

pub(super) fn reason_and_properties_len(
    reason: ReasonCode,
    properties: Properties<'_>,
    version: Version,
) -> Result<usize, EncodeError> {
    let properties_len = properties_len(properties, version, Field::Properties)?;
    match (version, reason, properties.is_empty()) {
        (_, ReasonCode::SUCCESS, true) => Ok(0),
        (Version::V5, ..) => Ok(1 + properties_len),
        _ => Err(EncodeError::new(EncodeErrorKind::NotInVersion(version), Field::ReasonCode)),
    }
}

#[inline(always)]
pub(super) fn write_reason_and_properties(
    reason: ReasonCode,
    properties: Properties<'_>,
    version: Version,
    out: &mut impl Writer,
) {
    if reason != ReasonCode::SUCCESS || !properties.is_empty() {
        out.u8(reason.0);
        write_properties(properties, version, out);
    }
}
