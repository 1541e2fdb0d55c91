//! UNSUBACK (§3.11): the server's answer to an UNSUBSCRIBE.

use super::suback::codes;
use super::{ReasonCodes, packet_id_len, properties_len, write_properties};
use crate::property::decode as properties;
use crate::reader::{Read, Reader};
use crate::writer::Writer;
use crate::{EncodeError, EncodeErrorKind, Field, Observer, PacketId, PacketType, Properties, Version};

/// The server's answer to an UNSUBSCRIBE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnsubAck<'b> {
    /// The UNSUBSCRIBE's.
    pub packet_id: PacketId,
    /// 5.0 only.
    pub properties: Properties<'b>,
    /// One for each filter, in their order; none before 5.0.
    pub reasons: ReasonCodes<'b>,
}

impl<'b> UnsubAck<'b> {
    #[inline(always)]
    pub(super) fn decode<O: Observer>(mut r: Reader<'b, '_, O>, version: Version) -> Read<Self> {
        let packet_id = r.packet_id()?;
        let (properties, reasons) = match version {
            Version::V5 => {
                let properties = properties::decode(&mut r, Field::Properties, ALLOWED)?.0;
                (properties, codes(&mut r, PacketType::UnsubAck, version)?)
            }
            _ => (Properties::EMPTY, ReasonCodes::default()),
        };
        r.finish()?;
        Ok(Self { packet_id, properties, reasons })
    }

    pub(super) fn body_len(&self, version: Version) -> Result<usize, EncodeError> {
        if version != Version::V5 && !self.reasons.is_empty() {
            return Err(EncodeError::new(EncodeErrorKind::NotInVersion(version), Field::ReasonCode));
        }
        Ok(packet_id_len(self.packet_id)?
            + properties_len(self.properties, version, Field::Properties)?
            + self.reasons.len())
    }

    #[inline(always)]
    pub(super) fn write(&self, version: Version, out: &mut impl Writer) {
        out.u16(self.packet_id.get());
        write_properties(self.properties, version, out);
        out.bytes(self.reasons.as_bytes());
    }
}

const ALLOWED: u64 = crate::property::allowed_in(PacketType::UnsubAck);
