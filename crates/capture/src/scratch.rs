//! Bytes that stand in no capture: made from captured ones while these are read.

use std::fs::File;
use std::os::unix::fs::FileExt;

use crate::CaptureError;
use crate::growing::{new_file, spool_error};

/// As much is written at once.
const TAIL_BYTES: usize = 256 * 1024;

/// An unlinked temporary file that is appended to and read at any position; made when there is enough to write.
///
/// Invariant: the file holds the bytes below `written`, `tail` those from there on.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    file: Option<File>,
    written: u64,
    tail: Vec<u8>,
}

impl Scratch {
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
            self.file()?.write_all_at(bytes, at).map_err(spool_error)?;
            self.written += bytes.len() as u64;
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
    /// [`CaptureError::BeyondEnd`] if there are not so many, and what the system says if it cannot read.
    pub(crate) fn read(&self, at: u64, buf: &mut [u8]) -> Result<(), CaptureError> {
        let end = self.end();
        if at.checked_add(buf.len() as u64).is_none_or(|to| to > end) {
            return Err(CaptureError::BeyondEnd { at, len: buf.len(), end });
        }
        let in_file = self.written.saturating_sub(at).min(buf.len() as u64) as usize;
        let (old, new) = buf.split_at_mut(in_file);
        if let Some(file) = self.file.as_ref().filter(|_| !old.is_empty()) {
            file.read_exact_at(old, at).map_err(spool_error)?;
        }
        if !new.is_empty() {
            let from = (at + in_file as u64 - self.written) as usize;
            new.copy_from_slice(&self.tail[from..from + new.len()]);
        }
        Ok(())
    }

    /// Where the bytes end for now.
    #[inline]
    pub(crate) fn end(&self) -> u64 {
        self.written + self.tail.len() as u64
    }

    #[cold]
    fn flush(&mut self) -> Result<(), CaptureError> {
        if !self.tail.is_empty() {
            let written = self.written;
            let tail = std::mem::take(&mut self.tail);
            let result = self.file().and_then(|file| file.write_all_at(&tail, written).map_err(spool_error));
            self.tail = tail;
            result?;
            self.written += self.tail.len() as u64;
            self.tail.clear();
        }
        Ok(())
    }

    fn file(&mut self) -> Result<&File, CaptureError> {
        match &mut self.file {
            Some(file) => Ok(file),
            none => Ok(none.insert(new_file()?)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_appended_is_read_wherever_it_stands() {
        let mut scratch = Scratch::default();
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
}
