//! DISCONNECT (§3.14): the connection ends.

use super::ack::{reason_and_properties, reason_and_properties_len, write_reason_and_properties};
use crate::reader::{Read, Reader};
use crate::writer::Writer;
use crate::{EncodeError, Observer, PacketType, Properties, ReasonCode, Version};

/// The last packet of a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Disconnect<'b> {
    /// Why; 0 (normal) where it was left out, and always before 5.0.
    pub reason: ReasonCode,
    /// 5.0 only.
    pub properties: Properties<'b>,
}

impl<'b> Disconnect<'b> {
    #[inline(always)]
    pub(super) fn decode<O: Observer>(mut r: Reader<'b, '_, O>, version: Version) -> Read<Self> {
        let (reason, properties) = reason_and_properties(&mut r, PacketType::Disconnect, version)?;
        r.finish()?;
        Ok(Self { reason, properties })
    }

    pub(super) fn body_len(&self, version: Version) -> Result<usize, EncodeError> {
        reason_and_properties_len(self.reason, self.properties, version)
    }

    #[inline(always)]
    pub(super) fn write(&self, version: Version, out: &mut impl Writer) {
        write_reason_and_properties(self.reason, self.properties, version, out);
    }
}
