//! SUBACK (§3.9): the server's answer to a SUBSCRIBE.

use core::fmt;

use super::{packet_id_len, properties_len, write_properties};
use crate::property::decode as properties;
use crate::reader::{Read, Reader};
use crate::writer::Writer;
use crate::{
    EncodeError, Field, Observer, PacketId, PacketType, Properties, ReasonCode, Span, Version, Violation,
};

/// The server's answer to a SUBSCRIBE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SubAck<'b> {
    /// The SUBSCRIBE's.
    pub packet_id: PacketId,
    /// 5.0 only.
    pub properties: Properties<'b>,
    /// One for each subscription, in their order.
    pub reasons: ReasonCodes<'b>,
}

/// A list of reason codes.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct ReasonCodes<'b> {
    bytes: &'b [u8],
}

impl<'b> ReasonCodes<'b> {
    /// The codes in `bytes`, one a byte.
    #[inline]
    pub const fn from_bytes(bytes: &'b [u8]) -> Self {
        Self { bytes }
    }

    /// The codes, one a byte.
    #[inline]
    pub const fn as_bytes(&self) -> &'b [u8] {
        self.bytes
    }

    /// One by one.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = ReasonCode> + Clone + use<'b> {
        self.bytes.iter().map(|&code| ReasonCode(code))
    }

    /// How many.
    #[inline]
    pub const fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether there are none.
    #[inline]
    pub const fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }
}

impl fmt::Debug for ReasonCodes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl<'b> SubAck<'b> {
    #[inline(always)]
    pub(super) fn decode<O: Observer>(mut r: Reader<'b, '_, O>, version: Version) -> Read<Self> {
        let packet_id = r.packet_id()?;
        let properties = match version {
            Version::V5 => properties::decode(&mut r, Field::Properties, ALLOWED)?.0,
            _ => Properties::EMPTY,
        };
        let reasons = codes(&mut r, PacketType::SubAck, version)?;
        r.finish()?;
        Ok(Self { packet_id, properties, reasons })
    }

    pub(super) fn body_len(&self, version: Version) -> Result<usize, EncodeError> {
        Ok(packet_id_len(self.packet_id)?
            + properties_len(self.properties, version, Field::Properties)?
            + self.reasons.len())
    }

    #[inline(always)]
    pub(super) fn write(&self, version: Version, out: &mut impl Writer) {
        out.u16(self.packet_id.get());
        write_properties(self.properties, version, out);
        out.bytes(self.reasons.bytes);
    }
}

const ALLOWED: u64 = crate::property::allowed_in(PacketType::SubAck);

/// The codes that fill the rest of a SUBACK or UNSUBACK.
#[inline(always)]
pub(super) fn codes<'b, O: Observer>(
    r: &mut Reader<'b, '_, O>,
    kind: PacketType,
    version: Version,
) -> Read<ReasonCodes<'b>> {
    let (empty, unknown) = match kind {
        PacketType::SubAck => (Violation::SubAckEmpty, Violation::SubAckCode),
        _ => (Violation::UnsubAckEmpty, Violation::UnsubAckCode),
    };
    let field = match version {
        Version::V5 => Field::ReasonCode,
        _ => Field::ReturnCode,
    };
    let bytes = r.peek();
    if r.is_at_end() {
        let at = r.at();
        r.violation(empty, field, Span::bytes(at, 0))?;
    }
    while !r.is_at_end() {
        let code = ReasonCode(r.u8(field)?);
        if !code.is_known(kind, version) {
            r.violation(unknown, field, Span::bytes(r.at() - 1, 1))?;
        }
    }
    Ok(ReasonCodes { bytes })
}
