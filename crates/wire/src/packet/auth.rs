//! AUTH (MQTT 5.0 §3.15): authentication beyond user name and password.

use super::ack::{reason_and_properties, reason_and_properties_len, write_reason_and_properties};
use crate::reader::{Read, Reader};
use crate::writer::Writer;
use crate::{
    EncodeError, EncodeErrorKind, Field, Observer, PacketType, Properties, PropertyId, ReasonCode, Span,
    Version, Violation,
};

/// A step of an extended authentication.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Auth<'b> {
    /// Done, go on, or begin again.
    pub reason: ReasonCode,
    /// The method and its data among them.
    pub properties: Properties<'b>,
}

impl<'b> Auth<'b> {
    #[inline(always)]
    pub(super) fn decode<O: Observer>(mut r: Reader<'b, '_, O>) -> Read<Self> {
        let (start, empty) = (r.at(), r.is_at_end());
        let (reason, properties) = reason_and_properties(&mut r, PacketType::Auth, Version::V5)?;
        // An AUTH of no bytes means success, and is allowed to say nothing else (§3.15.2.1).
        if !empty && properties.find(PropertyId::AuthenticationMethod).is_none() {
            let span = Span::bytes(start, r.at() - start);
            r.violation(Violation::AuthWithoutMethod, Field::AuthenticationMethod, span)?;
        }
        r.finish()?;
        Ok(Self { reason, properties })
    }

    pub(super) fn body_len(&self, version: Version) -> Result<usize, EncodeError> {
        if version != Version::V5 {
            return Err(EncodeError::new(EncodeErrorKind::NotInVersion(version), Field::PacketType));
        }
        reason_and_properties_len(self.reason, self.properties, version)
    }

    #[inline(always)]
    pub(super) fn write(&self, out: &mut impl Writer) {
        write_reason_and_properties(self.reason, self.properties, Version::V5, out);
    }
}
