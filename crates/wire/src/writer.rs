//! Where encoded bytes go. Packets are measured first, so that writing cannot fail.

#[cfg(feature = "alloc")]
use alloc::vec::Vec;

use crate::{EncodeError, EncodeErrorKind, Field};

/// The most a length of two bytes can say.
const MAX_LEN: usize = 0xffff;
/// The most a Variable Byte Integer can say.
pub(crate) const MAX_VBI: u32 = 268_435_455;

pub(crate) trait Writer {
    fn bytes(&mut self, bytes: &[u8]);

    #[inline(always)]
    fn u8(&mut self, value: u8) {
        self.bytes(&[value]);
    }

    #[inline(always)]
    fn u16(&mut self, value: u16) {
        self.bytes(&value.to_be_bytes());
    }

    #[cfg(feature = "alloc")]
    #[inline(always)]
    fn u32(&mut self, value: u32) {
        self.bytes(&value.to_be_bytes());
    }

    /// A Variable Byte Integer of at most [`MAX_VBI`].
    #[inline(always)]
    fn vbi(&mut self, mut value: u32) {
        while value > 0x7f {
            self.u8(value as u8 | 0x80);
            value >>= 7;
        }
        self.u8(value as u8);
    }

    /// Bytes behind their length; [`prefixed_len`] has seen them.
    #[inline(always)]
    fn prefixed(&mut self, bytes: &[u8]) {
        self.u16(bytes.len() as u16);
        self.bytes(bytes);
    }
}

#[cfg(feature = "alloc")]
impl Writer for Vec<u8> {
    #[inline(always)]
    fn bytes(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

/// Fills a slice from its front. What does not fit is dropped: the caller has measured.
pub(crate) struct Slice<'a> {
    pub(crate) free: &'a mut [u8],
}

impl Writer for Slice<'_> {
    #[inline(always)]
    fn bytes(&mut self, bytes: &[u8]) {
        let free = core::mem::take(&mut self.free);
        if let Some((head, rest)) = free.split_at_mut_checked(bytes.len()) {
            head.copy_from_slice(bytes);
            self.free = rest;
        }
    }
}

/// The encoded length of bytes with a length of two bytes before them.
#[inline]
pub(crate) fn prefixed_len(field: Field, bytes: &[u8]) -> Result<usize, EncodeError> {
    match bytes.len() {
        len @ 0..=MAX_LEN => Ok(2 + len),
        len => Err(EncodeError::new(EncodeErrorKind::TooLong { len, max: MAX_LEN }, field)),
    }
}

/// The encoded length of a Variable Byte Integer of at most [`MAX_VBI`].
#[inline]
pub(crate) const fn vbi_len(value: u32) -> usize {
    match value {
        0..=0x7f => 1,
        0x80..=0x3fff => 2,
        0x4000..=0x001f_ffff => 3,
        _ => 4,
    }
}
