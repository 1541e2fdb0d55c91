//! How long the next packet of a stream is.

use crate::{DecodeError, ErrorKind, Field, Observer, Packet, PacketType, Span, Version};

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

    /// Decodes the packet of this frame, which `bytes` begins with: the same as [`decode`](crate::decode)
    /// without reading the fixed header again.
    ///
    /// # Errors
    /// As [`decode`](crate::decode).
    #[inline]
    pub fn decode<'b, O: Observer>(
        self,
        bytes: &'b [u8],
        version: Version,
        seen: &mut O,
    ) -> Result<Packet<'b>, DecodeError> {
        crate::packet::decode_frame(self, bytes, version, seen)
    }

    /// Where the Remaining Length stands.
    #[inline(always)]
    pub(crate) const fn length_span(&self) -> Span {
        Span::bytes(1, self.header_len as u32 - 1)
    }

    /// Whether the Remaining Length takes more bytes than it needs.
    #[inline(always)]
    pub(crate) const fn is_padded(&self) -> bool {
        self.header_len > 2 && self.remaining >> (7 * (self.header_len as u32 - 2)) == 0
    }
}

/// The frame of the packet that `bytes` begins with; nothing if there are too few bytes to tell.
///
/// # Errors
/// The Remaining Length goes on after its fourth byte: there is no telling where the next packet begins.
#[inline]
pub fn next(bytes: &[u8]) -> Result<Option<Frame>, DecodeError> {
    match *bytes {
        [first, a, ..] if a < 0x80 => Ok(Some(Frame { first, header_len: 2, remaining: a.into() })),
        [first, a, b, ..] if b < 0x80 => {
            let remaining = u32::from(a & 0x7f) | u32::from(b) << 7;
            Ok(Some(Frame { first, header_len: 3, remaining }))
        }
        _ => next_long(bytes),
    }
}

#[inline(never)]
fn next_long(bytes: &[u8]) -> Result<Option<Frame>, DecodeError> {
    let [first, length @ ..] = bytes else { return Ok(None) };
    let mut remaining = 0;
    for (index, &byte) in length.iter().take(4).enumerate() {
        remaining |= u32::from(byte & 0x7f) << (7 * index);
        if byte < 0x80 {
            return Ok(Some(Frame { first: *first, header_len: index as u8 + 2, remaining }));
        }
    }
    if length.len() < 4 {
        return Ok(None);
    }
    Err(DecodeError { kind: ErrorKind::LengthTooLong, field: Field::RemainingLength, at: 1 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_takes_one_to_four_bytes() {
        for (bytes, header_len, remaining) in [
            (&[0x30, 0x00][..], 2, 0),
            (&[0x30, 0x7f], 2, 127),
            (&[0x30, 0x80, 0x01], 3, 128),
            (&[0x30, 0xff, 0x7f], 3, 16_383),
            (&[0x30, 0x80, 0x80, 0x01], 4, 16_384),
            (&[0x30, 0xff, 0xff, 0xff, 0x7f], 5, 268_435_455),
        ] {
            assert_eq!(next(bytes), Ok(Some(Frame { first: 0x30, header_len, remaining })));
            assert_eq!(next(&bytes[..bytes.len() - 1]), Ok(None));
        }
    }

    #[test]
    fn a_length_of_five_bytes_is_malformed() {
        let error = next(&[0x30, 0x80, 0x80, 0x80, 0x80, 0x01]).unwrap_err();
        assert_eq!((error.kind, error.at), (ErrorKind::LengthTooLong, 1));
    }
}
