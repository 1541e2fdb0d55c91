//! CONNACK (§3.2): the server's answer to a CONNECT.

use super::{properties_len, write_properties};
use crate::property::decode as properties;
use crate::reader::{Read, Reader};
use crate::writer::Writer;
use crate::{EncodeError, Field, Observer, PacketType, Properties, ReasonCode, Span, Version, Violation};

/// The server's answer to a CONNECT.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ConnAck<'b> {
    /// The server kept the session. 3.1 has no such flag.
    pub session_present: bool,
    /// The Reason Code of 5.0, the return code before it.
    pub reason: ReasonCode,
    /// 5.0 only.
    pub properties: Properties<'b>,
}

impl<'b> ConnAck<'b> {
    #[inline(always)]
    pub(super) fn decode<O: Observer>(mut r: Reader<'b, '_, O>, version: Version) -> Read<Self> {
        let at = r.at();
        let session_present = if version == Version::V31 {
            // The byte is reserved, and not used.
            r.flags(Field::ConnectAckFlags, [(Field::ConnectAckFlagsReserved, 0xff)])?;
            false
        } else {
            let parts = [(Field::ConnectAckFlagsReserved, 0xfe), (Field::SessionPresent, 0x01)];
            let flags = r.flags(Field::ConnectAckFlags, parts)?;
            if flags > 1 {
                let span = Span::bits(at, 0xfe);
                r.violation(Violation::ConnectAckFlagsReserved, Field::ConnectAckFlagsReserved, span)?;
            }
            flags & 0x01 == 1
        };
        let field = match version {
            Version::V5 => Field::ReasonCode,
            _ => Field::ReturnCode,
        };
        let reason = ReasonCode(r.u8(field)?);
        if !reason.is_known(PacketType::ConnAck, version) {
            r.violation(Violation::ConnAckCode, field, Span::bytes(at + 1, 1))?;
        }
        if session_present && reason != ReasonCode::SUCCESS {
            let span = Span::bits(at, 0x01);
            r.violation(Violation::SessionPresentWithError, Field::SessionPresent, span)?;
        }
        let properties = match version {
            Version::V5 => properties::decode(&mut r, Field::Properties, ALLOWED)?.0,
            _ => Properties::EMPTY,
        };
        r.finish()?;
        Ok(Self { session_present, reason, properties })
    }

    pub(super) fn body_len(&self, version: Version) -> Result<usize, EncodeError> {
        Ok(2 + properties_len(self.properties, version, Field::Properties)?)
    }

    #[inline(always)]
    pub(super) fn write(&self, version: Version, out: &mut impl Writer) {
        out.u8(u8::from(self.session_present && version != Version::V31));
        out.u8(self.reason.0);
        write_properties(self.properties, version, out);
    }
}

const ALLOWED: u64 = crate::property::allowed_in(PacketType::ConnAck);
