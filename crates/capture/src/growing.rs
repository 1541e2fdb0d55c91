//! Bytes that one writer appends to unlinked temporary files and any number of readers follow.

use std::collections::VecDeque;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use std::{env, io};

use crate::CaptureError;

/// What writer and readers share.
///
/// Positions run on for ever; each segment file holds those from its `base` to the next one's. A ring lets go of its
/// oldest segment, so positions below the first `base` are gone.
#[derive(Debug)]
pub(crate) struct Growing {
    state: Mutex<State>,
    more: Condvar,
    ring: Option<Ring>,
}

#[derive(Debug)]
struct State {
    segments: VecDeque<Segment>,
    /// Everything below is written and may be read.
    end: u64,
    ending: Option<Ending>,
    stop: bool,
    /// Whether the writer may hear of a stop late or never, because it waits for its source.
    deaf: bool,
    /// How much of its source the writer has taken in, if that is something else than the bytes here.
    source_done: Option<u64>,
    /// Frames that were lost before they came here.
    drops: (u64, u64),
}

#[derive(Debug, Clone)]
struct Segment {
    base: u64,
    /// Frames written before this segment.
    frames_before: u64,
    file: Arc<File>,
}

/// Why nothing more will come.
#[derive(Debug, Clone)]
pub(crate) enum Ending {
    /// The source came to its end.
    Whole,
    /// The source stopped in the middle of something, for instance of a gzip member.
    Cut,
    /// The source failed.
    Failed(Arc<CaptureError>),
}

/// What a follower finds at its position.
pub(crate) enum Piece {
    Bytes(usize),
    NotYet,
    Ended(Ending),
    /// The ring let go of the position: the next that is kept, and how many frames stood before it.
    Gone {
        to: u64,
        frames_before: u64,
    },
}

impl Growing {
    fn lock(&self) -> MutexGuard<'_, State> {
        // The state is consistent between any two statements that could panic, so poison carries no news.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads what is there at `at`, at most a buffer full.
    pub(crate) fn piece(&self, at: u64, buf: &mut [u8]) -> io::Result<Piece> {
        let (file, offset, len) = {
            let state = self.lock();
            if at >= state.end {
                return Ok(match &state.ending {
                    Some(ending) => Piece::Ended(ending.clone()),
                    None => Piece::NotYet,
                });
            }
            let next = state.segments.partition_point(|segment| segment.base <= at);
            let Some(index) = next.checked_sub(1) else {
                let first = &state.segments[0];
                return Ok(Piece::Gone { to: first.base, frames_before: first.frames_before });
            };
            let segment = &state.segments[index];
            let end = state.segments.get(next).map_or(state.end, |later| later.base);
            (segment.file.clone(), at - segment.base, (end - at).min(buf.len() as u64) as usize)
        };
        file.read_exact_at(&mut buf[..len], offset)?;
        Ok(Piece::Bytes(len))
    }

    /// Fills `buf` from `at`.
    pub(crate) fn read(&self, mut at: u64, mut buf: &mut [u8]) -> Result<(), CaptureError> {
        let asked = (at, buf.len());
        while !buf.is_empty() {
            match self.piece(at, buf).map_err(spool_error)? {
                Piece::Bytes(len) => {
                    at += len as u64;
                    buf = &mut buf[len..];
                }
                Piece::NotYet | Piece::Ended(_) => {
                    return Err(CaptureError::BeyondEnd { at: asked.0, len: asked.1, end: self.end() });
                }
                Piece::Gone { to, .. } => return Err(CaptureError::Dropped { at: asked.0, oldest: to }),
            }
        }
        Ok(())
    }

    /// How much is kept, if not all.
    pub(crate) fn ring(&self) -> Option<Ring> {
        self.ring
    }

    /// Where the written bytes end.
    pub(crate) fn end(&self) -> u64 {
        self.lock().end
    }

    /// How many bytes of its source the writer has taken in, if it tells.
    pub(crate) fn source_done(&self) -> Option<u64> {
        self.lock().source_done
    }

    /// Frames lost before they came here: by the kernel, by the interface.
    pub(crate) fn drops(&self) -> (u64, u64) {
        self.lock().drops
    }

    /// Waits until there is something to find at `at`, or for `timeout`.
    pub(crate) fn wait(&self, at: u64, timeout: Duration) {
        let state = self.lock();
        let nothing = |state: &mut State| state.end <= at && state.ending.is_none();
        drop(self.more.wait_timeout_while(state, timeout, nothing));
    }

    /// Waits until there is something to find at `at`.
    pub(crate) fn wait_for_more(&self, at: u64) {
        let state = self.lock();
        drop(self.more.wait_while(state, |state| state.end <= at && state.ending.is_none()));
    }

    /// Asks the writer to end.
    pub(crate) fn stop(&self) {
        let mut state = self.lock();
        state.stop = true;
        if state.deaf {
            state.ending.get_or_insert(Ending::Whole);
        }
        drop(state);
        self.more.notify_all();
    }

    /// Whether the writer was asked to end.
    pub(crate) fn is_stopped(&self) -> bool {
        self.lock().stop
    }
}

/// The one writer; dropping it ends the bytes.
#[derive(Debug)]
pub(crate) struct Appender {
    growing: Arc<Growing>,
    /// The newest segment.
    segment: Segment,
    end: u64,
    frames: u64,
    ring: Option<Ring>,
}

/// How much of the newest bytes a ring keeps: between `segments - 1` and `segments` times `segment_bytes`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ring {
    pub(crate) segments: usize,
    pub(crate) segment_bytes: u64,
}

impl Appender {
    pub(crate) fn create(ring: Option<Ring>) -> Result<Self, CaptureError> {
        let segment = Segment { base: 0, frames_before: 0, file: Arc::new(new_file()?) };
        let state = State {
            segments: VecDeque::from([segment.clone()]),
            end: 0,
            ending: None,
            stop: false,
            deaf: false,
            source_done: None,
            drops: (0, 0),
        };
        let growing = Arc::new(Growing { state: Mutex::new(state), more: Condvar::new(), ring });
        Ok(Self { growing, segment, end: 0, frames: 0, ring })
    }

    /// Lets the bytes end at a stop, rather than when the writer hears of it.
    pub(crate) fn be_deaf(&self) {
        self.growing.lock().deaf = true;
    }

    pub(crate) fn growing(&self) -> &Arc<Growing> {
        &self.growing
    }

    /// Appends whole records and lets readers see them. Never split a record over two calls.
    pub(crate) fn append(&mut self, bytes: &[u8], frames: u64) -> Result<(), CaptureError> {
        if let Some(ring) = self.ring
            && self.end - self.segment.base >= ring.segment_bytes
        {
            self.begin_segment(ring)?;
        }
        self.segment.file.write_all_at(bytes, self.end - self.segment.base).map_err(spool_error)?;
        self.end += bytes.len() as u64;
        self.frames += frames;
        self.growing.lock().end = self.end;
        self.growing.more.notify_all();
        Ok(())
    }

    fn begin_segment(&mut self, ring: Ring) -> Result<(), CaptureError> {
        self.segment = Segment { base: self.end, frames_before: self.frames, file: Arc::new(new_file()?) };
        let mut state = self.growing.lock();
        state.segments.push_back(self.segment.clone());
        while state.segments.len() > ring.segments {
            state.segments.pop_front();
        }
        Ok(())
    }

    /// Says how many bytes of the source stand behind what was appended.
    pub(crate) fn source_done(&self, bytes: u64) {
        self.growing.lock().source_done = Some(bytes);
    }

    pub(crate) fn set_drops(&self, kernel: u64, interface: u64) {
        self.growing.lock().drops = (kernel, interface);
    }

    /// Says why there will be no more.
    pub(crate) fn finish(&mut self, ending: Ending) {
        self.growing.lock().ending.get_or_insert(ending);
        self.growing.more.notify_all();
    }
}

impl Drop for Appender {
    fn drop(&mut self) {
        self.finish(Ending::Whole);
    }
}

pub(crate) fn new_file() -> Result<File, CaptureError> {
    tempfile::tempfile_in(directory()).map_err(spool_error)
}

/// TMPDIR if it is set; otherwise the directory for temporary files that may be large, which `/tmp` is not everywhere.
fn directory() -> PathBuf {
    const LARGE: &str = "/var/tmp";
    match env::var_os("TMPDIR") {
        None if Path::new(LARGE).is_dir() => LARGE.into(),
        _ => env::temp_dir(),
    }
}

pub(crate) fn spool_error(source: io::Error) -> CaptureError {
    CaptureError::Spool { directory: directory().display().to_string(), source }
}
