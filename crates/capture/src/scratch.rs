//! Bytes that stand in no capture: made from captured ones while these are read.

use std::collections::VecDeque;
use std::fs::File;
use std::os::unix::fs::FileExt;

use crate::CaptureError;
use crate::growing::{Ring, new_file, spool_error};

/// As much is written at once.
const TAIL_BYTES: usize = 256 * 1024;

/// Unlinked temporary files that are appended to and read at any position; made when there is enough to write.
///
/// Invariant: each file holds the bytes from its base to the next one's, the last those below `written`, and `tail`
/// those from there on. A ring lets go of the oldest.
#[derive(Debug)]
pub(crate) struct Scratch {
    segments: VecDeque<Segment>,
    written: u64,
    tail: Vec<u8>,
    ring: Option<Ring>,
}

#[derive(Debug)]
struct Segment {
    base: u64,
    file: File,
}

impl Scratch {
    pub(crate) fn new(ring: Option<Ring>) -> Self {
        Self { segments: VecDeque::new(), written: 0, tail: Vec::new(), ring }
    }

    /// Appends `bytes`; the position of the first of them.
    ///
    /// # Errors
    /// If the temporary file cannot be made or written. Nothing is appended then.
    #[inline]
    pub(crate) fn append(&mut self, bytes: &[u8]) -> Result<u64, CaptureError> {
        if self.tail.len() + bytes.len() > TAIL_BYTES {
            self.flush()?;
        }
        let at = self.end();
        if bytes.len() > TAIL_BYTES {
            self.write(bytes)?;
        } else {
            self.tail.extend_from_slice(bytes);
        }
        Ok(at)
    }

    /// Appends what `write` appends to the buffer, which it must leave alone otherwise.
    ///
    /// # Errors
    /// If the temporary file cannot be made or written.
    #[inline]
    pub(crate) fn append_with(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> Result<(), CaptureError> {
        write(&mut self.tail);
        if self.tail.len() > TAIL_BYTES { self.flush() } else { Ok(()) }
    }

    /// Fills `buf` with the bytes from `at` on.
    ///
    /// # Errors
    /// [`CaptureError::Dropped`] if the ring let go of them, [`CaptureError::BeyondEnd`] if there are not so many, and
    /// what the system says if it cannot read.
    pub(crate) fn read(&self, mut at: u64, mut buf: &mut [u8]) -> Result<(), CaptureError> {
        let (end, oldest) = (self.end(), self.start());
        if at.checked_add(buf.len() as u64).is_none_or(|to| to > end) {
            return Err(CaptureError::BeyondEnd { at, len: buf.len(), end });
        }
        if at < oldest {
            return Err(CaptureError::Dropped { at, oldest });
        }
        while !buf.is_empty() && at < self.written {
            let next = self.segments.partition_point(|segment| segment.base <= at);
            // The oldest begins below `at`, and the newest ends at `written`.
            let Segment { base, file } = &self.segments[next - 1];
            let end = self.segments.get(next).map_or(self.written, |later| later.base);
            let (here, rest) = buf.split_at_mut((end - at).min(buf.len() as u64) as usize);
            file.read_exact_at(here, at - base).map_err(spool_error)?;
            at += here.len() as u64;
            buf = rest;
        }
        if !buf.is_empty() {
            let from = (at - self.written) as usize;
            buf.copy_from_slice(&self.tail[from..from + buf.len()]);
        }
        Ok(())
    }

    /// Where the bytes begin that are kept.
    pub(crate) fn start(&self) -> u64 {
        self.segments.front().map_or(0, |segment| segment.base)
    }

    /// Where the bytes end for now.
    #[inline]
    pub(crate) fn end(&self) -> u64 {
        self.written + self.tail.len() as u64
    }

    #[cold]
    fn flush(&mut self) -> Result<(), CaptureError> {
        if !self.tail.is_empty() {
            let mut tail = std::mem::take(&mut self.tail);
            let result = self.write(&tail);
            if result.is_ok() {
                tail.clear();
            }
            self.tail = tail;
            result?;
        }
        Ok(())
    }

    /// Writes bytes that stand behind all written before.
    fn write(&mut self, bytes: &[u8]) -> Result<(), CaptureError> {
        let is_full =
            |newest: &Segment| self.ring.is_some_and(|ring| self.written - newest.base >= ring.segment_bytes);
        if self.segments.back().is_none_or(is_full) {
            self.segments.push_back(Segment { base: self.written, file: new_file()? });
            if self.ring.is_some_and(|ring| self.segments.len() > ring.segments) {
                self.segments.pop_front();
            }
        }
        if let Some(Segment { base, file }) = self.segments.back() {
            file.write_all_at(bytes, self.written - base).map_err(spool_error)?;
            self.written += bytes.len() as u64;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_appended_is_read_wherever_it_stands() {
        let mut scratch = Scratch::new(None);
        let mut all = Vec::new();
        for (index, len) in [5, TAIL_BYTES - 3, 7, 2 * TAIL_BYTES, 1, TAIL_BYTES, 100].into_iter().enumerate()
        {
            let bytes: Vec<u8> = (0..len).map(|at| (at * 7 + index) as u8).collect();
            if index % 2 == 0 {
                assert_eq!(scratch.append(&bytes).unwrap(), all.len() as u64);
            } else {
                scratch.append_with(|tail| tail.extend_from_slice(&bytes)).unwrap();
            }
            all.extend_from_slice(&bytes);
            let mut whole = vec![0; all.len()];
            scratch.read(0, &mut whole).unwrap();
            assert_eq!(whole, all);
        }
        let mut across = [0; 64];
        let at = all.len() - 110;
        scratch.read(at as u64, &mut across).unwrap();
        assert_eq!(across[..], all[at..at + 64]);
        assert_eq!(scratch.end(), all.len() as u64);
        assert!(matches!(
            scratch.read(all.len() as u64 - 1, &mut [0; 2]),
            Err(CaptureError::BeyondEnd { len: 2, .. })
        ));
    }

    #[test]
    fn a_ring_lets_go_of_the_oldest() {
        let mut scratch = Scratch::new(Some(Ring { segments: 2, segment_bytes: 300_000 }));
        let byte = |at: u64| (at / 1000 * 7) as u8;
        for piece in 0..3000 {
            scratch.append(&[byte(piece * 1000); 1000]).unwrap();
        }
        let (start, end) = (scratch.start(), scratch.end());
        assert_eq!(end, 3_000_000);
        assert!((1..end).contains(&start) && end - start <= 2 * (300_000 + 2 * TAIL_BYTES as u64), "{start}");
        let mut kept = vec![0; (end - start) as usize];
        scratch.read(start, &mut kept).unwrap();
        assert!((start..).zip(&kept).all(|(at, kept)| *kept == byte(at)));
        let gone = scratch.read(start - 1, &mut [0; 2]);
        assert!(matches!(gone, Err(CaptureError::Dropped { oldest, .. }) if oldest == start), "{gone:?}");
    }
}
