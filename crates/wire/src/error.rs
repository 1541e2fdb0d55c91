//! Why bytes are no packet, and why a packet cannot be written.

use core::fmt;

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
