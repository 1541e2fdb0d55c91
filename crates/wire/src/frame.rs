//! How long the next packet of a stream is.

use crate::{DecodeError, ErrorKind, Field, PacketType};

/// A packet's fixed header, read without looking at the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    /// The first byte: type and flags.
    pub first: u8,
    /// Bytes of the fixed header: 2 to 5.
    pub header_len: u8,
    /// Bytes after the fixed header, at most 268,435,455.
    pub remaining: u32,
}

impl Frame {
    /// Bytes of the whole packet.
    #[inline]
    #[expect(clippy::len_without_is_empty, reason = "no packet is empty")]
    pub const fn len(&self) -> usize {
        self.header_len as usize + self.remaining as usize
    }

    /// The packet's type.
    #[inline]
    pub const fn packet_type(&self) -> PacketType {
        PacketType::from_first_byte(self.first)
    }
}

/// The frame of the packet that begins with `bytes`; nothing if there are too few bytes to tell.
///
/// # Errors
/// The Remaining Length goes on after its fourth byte: there is no telling where the next packet begins.
#[inline]
pub fn next(bytes: &[u8]) -> Result<Option<Frame>, DecodeError> {
    let [first, length @ ..] = bytes else { return Ok(None) };
    let mut remaining = 0;
    for (index, &byte) in length.iter().take(4).enumerate() {
        remaining |= u32::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Ok(Some(Frame { first: *first, header_len: index as u8 + 2, remaining }));
        }
    }
    if length.len() < 4 {
        return Ok(None);
    }
    Err(DecodeError { kind: ErrorKind::LengthTooLong, field: Field::RemainingLength, at: 1 })
}
