//! Handshake messages out of the records that carry them: one record may hold several, one message may span several.
//!
//! ```text
//! | type (1) | length (3) | body (length) |
//! ```

use std::ops::Range;

pub(crate) const CLIENT_HELLO: u8 = 1;
pub(crate) const SERVER_HELLO: u8 = 2;
pub(crate) const END_OF_EARLY_DATA: u8 = 5;
pub(crate) const ENCRYPTED_EXTENSIONS: u8 = 8;
pub(crate) const CERTIFICATE: u8 = 11;
pub(crate) const FINISHED: u8 = 20;
pub(crate) const KEY_UPDATE: u8 = 24;

const HEADER: usize = 4;
/// Longer messages (of 16 MiB at most) are passed over unread.
const LONGEST: usize = 128 << 10;

/// Puts messages together.
#[derive(Default)]
pub(crate) struct Messages {
    /// What is not handed out yet, from the start of a message on; less than [`LONGEST`] and one record.
    bytes: Vec<u8>,
    /// Where the record in which `bytes` begins stands.
    start: u64,
    /// Bytes of a message that is passed over, still to come.
    skip: usize,
    /// Bytes are missing, and nobody knows where the next message begins.
    broken: bool,
}

impl Messages {
    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty() && self.skip == 0
    }

    pub(crate) fn held_bytes(&self) -> usize {
        self.bytes.capacity()
    }

    /// Where the record stands in which an incomplete message began.
    #[inline]
    pub(crate) fn begun(&self) -> Option<u64> {
        (!self.bytes.is_empty()).then_some(self.start)
    }

    /// Nothing is left over of what was before.
    pub(crate) fn restart(&mut self) {
        self.bytes = Vec::new();
        self.skip = 0;
        self.broken = false;
    }

    /// Bytes are missing: nothing is read before [`restart`](Self::restart).
    pub(crate) fn break_off(&mut self) {
        self.restart();
        self.broken = true;
    }

    /// Takes a record's content and hands out each message that is complete: type, body, place.
    pub(crate) fn take(
        &mut self,
        content: &[u8],
        raw: &Range<u64>,
        mut each: impl FnMut(u8, &[u8], Range<u64>),
    ) {
        if self.broken {
            return;
        }
        let skipped = self.skip.min(content.len());
        self.skip -= skipped;
        if self.bytes.is_empty() {
            self.start = raw.start;
        }
        self.bytes.extend_from_slice(&content[skipped..]);
        let mut at = 0;
        while let Some(&[kind, a, b, c]) = self.bytes[at..].first_chunk::<HEADER>() {
            let len = HEADER + (usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c));
            match self.bytes.get(at + HEADER..at + len) {
                Some(body) => {
                    each(kind, body, self.start..raw.end);
                    at += len;
                }
                None if len > LONGEST => {
                    self.skip = len - (self.bytes.len() - at);
                    at = self.bytes.len();
                }
                None => break,
            }
            self.start = raw.start;
        }
        if at == self.bytes.len() {
            self.bytes = Vec::new();
        } else {
            self.bytes.drain(..at);
        }
    }
}
