//! Why bytes are no packet, and why a packet cannot be written.

use core::fmt;
use core::num::NonZeroU64;

use crate::{Field, PacketType, Version, Violation};

/// Bytes that are no packet: what was wrong, in which field, at which byte of the packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecodeError {
    /// What was wrong.
    pub kind: ErrorKind,
    /// The field that was being read.
    pub field: Field,
    /// Where the field begins, counted from the packet's first byte.
    pub at: u32,
}

/// The ways in which bytes are no packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The field needs more bytes than are left to it.
    Truncated {
        /// How many bytes the field needs.
        need: u32,
        /// How many are left.
        have: u32,
    },
    /// A Variable Byte Integer goes on after its fourth byte.
    LengthTooLong,
    /// A packet type that the version does not have.
    UnknownPacketType(PacketType),
    /// A rule was broken and the observer ended the decode.
    Violation(Violation),
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, field, at } = self;
        match kind {
            ErrorKind::Truncated { need, have } => {
                write!(f, "packet truncated in {field} at byte {at}: need {need}, have {have}")
            }
            ErrorKind::LengthTooLong => {
                write!(f, "packet malformed in {field} at byte {at}: length goes on after four bytes")
            }
            ErrorKind::UnknownPacketType(kind) => {
                write!(f, "packet malformed in {field} at byte {at}: no such packet type, {}", *kind as u8)
            }
            ErrorKind::Violation(violation) => {
                write!(f, "packet breaks a rule in {field} at byte {at}: {}", violation.text())
            }
        }
    }
}

impl core::error::Error for DecodeError {}

/// A [`DecodeError`] on its way up: in two registers, where the error itself would need memory beside every
/// value that is read.
#[derive(Clone, Copy)]
pub(crate) struct Fault {
    /// `at`, the field, and what kind of error: never 0.
    place: NonZeroU64,
    /// What the kind of error holds.
    detail: u64,
}

const TRUNCATED: u64 = 1;
const LENGTH_TOO_LONG: u64 = 2;
const UNKNOWN_PACKET_TYPE: u64 = 3;
const VIOLATION: u64 = 4;

impl Fault {
    #[inline(always)]
    const fn new(tag: u64, detail: u64, field: Field, at: u32) -> Self {
        let place = (at as u64) << 16 | (field as u64) << 8 | tag;
        match NonZeroU64::new(place) {
            Some(place) => Self { place, detail },
            None => Self { place: NonZeroU64::MIN, detail },
        }
    }

    #[inline(always)]
    pub(crate) const fn truncated(need: u32, have: u32, field: Field, at: u32) -> Self {
        Self::new(TRUNCATED, (need as u64) << 32 | have as u64, field, at)
    }

    #[inline(always)]
    pub(crate) const fn length_too_long(field: Field, at: u32) -> Self {
        Self::new(LENGTH_TOO_LONG, 0, field, at)
    }

    #[inline(always)]
    pub(crate) const fn unknown_packet_type(kind: PacketType) -> Self {
        Self::new(UNKNOWN_PACKET_TYPE, (kind as u64) << 4, Field::PacketType, 0)
    }

    #[inline(always)]
    pub(crate) const fn violation(violation: Violation, field: Field, at: u32) -> Self {
        Self::new(VIOLATION, violation as u64, field, at)
    }
}

impl From<Fault> for DecodeError {
    #[cold]
    fn from(fault: Fault) -> Self {
        let (place, detail) = (fault.place.get(), fault.detail);
        let (at, field) = ((place >> 16) as u32, Field::ALL[(place >> 8 & 0xff) as usize % Field::ALL.len()]);
        let kind = match place & 0xff {
            LENGTH_TOO_LONG => ErrorKind::LengthTooLong,
            UNKNOWN_PACKET_TYPE => ErrorKind::UnknownPacketType(PacketType::from_first_byte(detail as u8)),
            VIOLATION => ErrorKind::Violation(Violation::ALL[detail as usize % Violation::ALL.len()]),
            _ => ErrorKind::Truncated { need: (detail >> 32) as u32, have: detail as u32 },
        };
        Self { kind, field, at }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_comes_up_as_it_was() {
        let (field, at) = (Field::KeepAlive, 268_435_459);
        for (fault, kind) in [
            (Fault::truncated(u32::MAX, 3, field, at), ErrorKind::Truncated { need: u32::MAX, have: 3 }),
            (Fault::length_too_long(field, at), ErrorKind::LengthTooLong),
            (
                Fault::violation(Violation::AuthWithoutMethod, field, at),
                ErrorKind::Violation(Violation::AuthWithoutMethod),
            ),
        ] {
            assert_eq!(DecodeError::from(fault), DecodeError { kind, field, at });
        }
        let error = DecodeError::from(Fault::unknown_packet_type(PacketType::Auth));
        assert_eq!(error.kind, ErrorKind::UnknownPacketType(PacketType::Auth));
    }

    #[test]
    fn fields_and_violations_stand_in_the_order_of_their_numbers() {
        for (number, field) in Field::ALL.iter().enumerate() {
            assert_eq!(*field as usize, number);
        }
        for (number, violation) in Violation::ALL.iter().enumerate() {
            assert_eq!(*violation as usize, number);
        }
    }
}

/// A packet that has no encoding: which field, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EncodeError {
    /// What was wrong.
    pub kind: EncodeErrorKind,
    /// The field that cannot be written.
    pub field: Field,
}

/// The ways in which a packet has no encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EncodeErrorKind {
    /// Longer than the field's length can say.
    TooLong {
        /// Its length in bytes.
        len: usize,
        /// The most it may have.
        max: usize,
    },
    /// The version has no place for it.
    NotInVersion(Version),
    /// Required here and not given (or zero, for a Packet Identifier).
    Missing,
    /// Given where none may stand, such as the Packet Identifier of a QoS 0 PUBLISH.
    Unexpected,
    /// A value only a lenient decode can give.
    Reserved,
    /// The buffer given to write into is too short.
    BufferTooShort {
        /// How many bytes the packet takes.
        need: usize,
        /// How many there are.
        have: usize,
    },
}

impl EncodeError {
    #[cold]
    pub(crate) fn new(kind: EncodeErrorKind, field: Field) -> Self {
        Self { kind, field }
    }
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let field = self.field;
        match self.kind {
            EncodeErrorKind::TooLong { len, max } => write!(f, "{field} is too long: {len} of at most {max}"),
            EncodeErrorKind::NotInVersion(version) => write!(f, "{field} does not exist in MQTT {version}"),
            EncodeErrorKind::Missing => write!(f, "{field} is missing"),
            EncodeErrorKind::Unexpected => write!(f, "{field} may not stand here"),
            EncodeErrorKind::Reserved => write!(f, "{field} has a reserved value"),
            EncodeErrorKind::BufferTooShort { need, have } => {
                write!(f, "buffer too short for {field}: need {need}, have {have}")
            }
        }
    }
}

impl core::error::Error for EncodeError {}
