//! Bytes that stand in no capture: made from captured ones while these are read.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::CaptureError;
use crate::growing::{new_file, spool_error};

/// As much is written at once.
const TAIL_BYTES: usize = 256 * 1024;

/// An unlinked temporary file that is appended to and read at any position; made when the first byte comes.
///
/// Free to share: a reader sees every byte whose [`append`](Self::append) has returned.
#[derive(Debug, Default)]
pub struct Scratch(Mutex<State>);

/// Invariant: the file holds the bytes below `written`, `tail` those from there on.
#[derive(Debug, Default)]
struct State {
    file: Option<File>,
    written: u64,
    tail: Vec<u8>,
}

impl Scratch {
    fn lock(&self) -> MutexGuard<'_, State> {
        // The state is consistent between any two statements that could panic, so poison carries no news.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Appends `bytes`; the position of the first of them.
    ///
    /// # Errors
    /// If the temporary file cannot be made or written. Nothing is appended then.
    pub fn append(&self, bytes: &[u8]) -> Result<u64, CaptureError> {
        let state = &mut *self.lock();
        if state.tail.len() + bytes.len() > TAIL_BYTES {
            state.flush()?;
        }
        let at = state.written + state.tail.len() as u64;
        if bytes.len() > TAIL_BYTES {
            state.file()?.write_all_at(bytes, at).map_err(spool_error)?;
            state.written += bytes.len() as u64;
        } else {
            state.tail.extend_from_slice(bytes);
        }
        Ok(at)
    }

    /// Fills `buf` with the bytes from `at` on.
    ///
    /// # Errors
    /// [`CaptureError::BeyondEnd`] if there are not so many, and what the system says if it cannot read.
    pub fn read(&self, at: u64, buf: &mut [u8]) -> Result<(), CaptureError> {
        let state = &*self.lock();
        let end = state.end();
        if at.checked_add(buf.len() as u64).is_none_or(|to| to > end) {
            return Err(CaptureError::BeyondEnd { at, len: buf.len(), end });
        }
        let in_file = state.written.saturating_sub(at).min(buf.len() as u64) as usize;
        let (old, new) = buf.split_at_mut(in_file);
        if let Some(file) = state.file.as_ref().filter(|_| !old.is_empty()) {
            file.read_exact_at(old, at).map_err(spool_error)?;
        }
        if !new.is_empty() {
            let from = (at + in_file as u64 - state.written) as usize;
            new.copy_from_slice(&state.tail[from..from + new.len()]);
        }
        Ok(())
    }

    /// Where the bytes end for now.
    pub fn end(&self) -> u64 {
        self.lock().end()
    }
}

impl State {
    fn end(&self) -> u64 {
        self.written + self.tail.len() as u64
    }

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
        let scratch = Scratch::default();
        let mut all = Vec::new();
        for (index, len) in [5, TAIL_BYTES - 3, 7, 2 * TAIL_BYTES, 1, TAIL_BYTES, 100].into_iter().enumerate()
        {
            let bytes: Vec<u8> = (0..len).map(|at| (at * 7 + index) as u8).collect();
            assert_eq!(scratch.append(&bytes).unwrap(), all.len() as u64);
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
