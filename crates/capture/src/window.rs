//! The reader's view of its source: one buffer, used again, from which frames borrow.

use std::io;
use std::os::unix::fs::FileExt;

use crate::CaptureError;
use crate::growing::{Ending, Piece, spool_error};
use crate::store::{Bytes, Store};

/// Large enough that system calls do not count, small enough to stay in a core's cache.
const BUFFER_BYTES: usize = 256 * 1024;

#[derive(Debug)]
pub(crate) struct Window {
    store: Store,
    buffer: Vec<u8>,
    /// `buffer[start..end]` is read and not consumed. Invariant: `start <= end <= buffer.len()`.
    start: usize,
    end: usize,
    /// Where `buffer[start]` stands in the store.
    position: u64,
    pace: Pace,
}

/// What a reader does when it has caught up with a growing source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pace {
    /// Tell so, more may come at any time or never.
    Live,
    /// Wait, more will come soon.
    Steady,
}

/// Why fewer bytes stand in the window than were asked for.
#[derive(Debug)]
pub(crate) enum Fill {
    /// The source is live and has no more yet.
    NotYet,
    /// The source ended; `have` of the bytes are there.
    Ended { have: usize, ending: Ending },
    /// The ring let go of the position: the window now stands behind the gap.
    Gone { frames_before: u64 },
}

impl Window {
    pub(crate) fn new(store: Store, pace: Pace) -> Self {
        Self { store, buffer: vec![0; BUFFER_BYTES], start: 0, end: 0, position: 0, pace }
    }

    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    /// The store position of the next byte.
    pub(crate) fn position(&self) -> u64 {
        self.position
    }

    /// Sees to it that `need` bytes stand in the window, or tells why not.
    #[inline]
    pub(crate) fn lacks(&mut self, need: usize) -> Result<Option<Fill>, CaptureError> {
        if self.end - self.start >= need { Ok(None) } else { self.fill(need) }
    }

    /// The unread bytes; at least as many as `lacks` found no lack of.
    #[inline]
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// Goes past `len` bytes and gives them. Only for bytes that `lacks` found there.
    #[inline]
    pub(crate) fn take(&mut self, len: usize) -> &[u8] {
        let from = self.start;
        self.start += len;
        self.position += len as u64;
        &self.buffer[from..self.start]
    }

    /// Goes past `len` bytes, whether or not they are in the window or in the source.
    pub(crate) fn skip(&mut self, len: u64) {
        let buffered = (self.end - self.start) as u64;
        if len <= buffered {
            self.start += len as usize;
        } else {
            self.start = 0;
            self.end = 0;
        }
        self.position += len;
    }

    #[cold]
    fn fill(&mut self, need: usize) -> Result<Option<Fill>, CaptureError> {
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        if self.buffer.len() < need {
            self.buffer.resize(need.next_multiple_of(BUFFER_BYTES), 0);
        }
        while self.end < need {
            let at = self.position + self.end as u64;
            match self.piece(at)? {
                Piece::Bytes(len) => self.end += len,
                Piece::NotYet => return Ok(Some(Fill::NotYet)),
                Piece::Ended(Ending::Failed(error)) => return Err(CaptureError::Source(error)),
                Piece::Ended(ending) => return Ok(Some(Fill::Ended { have: self.end, ending })),
                Piece::Gone { to, frames_before } => {
                    self.end = 0;
                    self.position = to;
                    return Ok(Some(Fill::Gone { frames_before }));
                }
            }
        }
        Ok(None)
    }

    fn piece(&mut self, at: u64) -> Result<Piece, CaptureError> {
        let free = &mut self.buffer[self.end..];
        match self.store.bytes() {
            Bytes::File { file, name } => loop {
                match file.read_at(free, at) {
                    Ok(0) => return Ok(Piece::Ended(Ending::Whole)),
                    Ok(len) => return Ok(Piece::Bytes(len)),
                    Err(source) if source.kind() == io::ErrorKind::Interrupted => {}
                    Err(source) => return Err(CaptureError::Read { name: name.clone(), at, source }),
                }
            },
            Bytes::Growing(growing) => loop {
                match growing.piece(at, free).map_err(spool_error)? {
                    Piece::NotYet if self.pace == Pace::Steady => growing.wait_for_more(at),
                    piece => return Ok(piece),
                }
            },
        }
    }

    /// Where the bytes that are in the window end.
    pub(crate) fn unread_end(&self) -> u64 {
        self.position + (self.end - self.start) as u64
    }

    pub(crate) fn pace(&self) -> Pace {
        self.pace
    }

    pub(crate) fn set_pace(&mut self, pace: Pace) {
        self.pace = pace;
    }
}
