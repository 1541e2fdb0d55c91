use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::CaptureError;
use crate::growing::{Growing, Ring};
use crate::scratch::Scratch;

/// The bytes behind a capture, to be read again at any position: the file itself, or the spool, and beside them what
/// was derived from them (decrypted, unmasked, inflated).
///
/// Cheap to clone and free to share: reads are positional, so no reader moves another's cursor.
#[derive(Debug, Clone)]
pub struct Store(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    bytes: Bytes,
    derived: Mutex<Derived>,
}

/// What was derived from captured bytes, and notes on where it came from. A reader sees all that was appended.
#[derive(Debug)]
struct Derived {
    bytes: Scratch,
    notes: Scratch,
}

#[derive(Debug)]
pub(crate) enum Bytes {
    File { file: File, name: String },
    Growing(Arc<Growing>),
}

impl Store {
    /// Where positions of derived bytes begin: no capture is so long.
    pub const DERIVED: u64 = 1 << 62;

    pub(crate) fn file(file: File, name: String) -> Self {
        Self::new(Bytes::File { file, name }, None)
    }

    pub(crate) fn growing(growing: Arc<Growing>) -> Self {
        let ring = growing.ring();
        Self::new(Bytes::Growing(growing), ring)
    }

    /// Of derived bytes, and of notes, a ring keeps as much as of captured ones.
    fn new(bytes: Bytes, ring: Option<Ring>) -> Self {
        let derived = Derived { bytes: Scratch::new(ring), notes: Scratch::new(ring) };
        Self(Arc::new(Inner { bytes, derived: Mutex::new(derived) }))
    }

    pub(crate) fn bytes(&self) -> &Bytes {
        &self.0.bytes
    }

    fn derived(&self) -> MutexGuard<'_, Derived> {
        // The state is consistent between any two statements that could panic, so poison carries no news.
        self.0.derived.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps bytes that were derived from captured ones; the position at which [`read`](Self::read) finds them.
    /// `note` is told that position and where its notes begin, and appends to the notes on where derived bytes came
    /// from, in whatever form their one writer gives them.
    ///
    /// # Errors
    /// If the temporary files cannot be made or written.
    #[inline]
    pub fn derive(
        &self,
        bytes: &[u8],
        note: impl FnOnce(u64, u64, &mut Vec<u8>),
    ) -> Result<u64, CaptureError> {
        let derived = &mut *self.derived();
        let at = Self::DERIVED + derived.bytes.append(bytes)?;
        let notes_at = derived.notes.end();
        derived.notes.append_with(|notes| note(at, notes_at, notes))?;
        Ok(at)
    }

    /// Fills `buf` with notes on derived bytes, from the byte `at` of all notes on.
    ///
    /// # Errors
    /// [`CaptureError::Dropped`] if a ring let go of them, [`CaptureError::BeyondEnd`] if there are not so many, and
    /// what the system says if it cannot read.
    pub fn read_notes(&self, at: u64, buf: &mut [u8]) -> Result<(), CaptureError> {
        self.derived().notes.read(at, buf)
    }

    /// Which bytes of the notes are kept: all so far, unless a ring let go of the oldest.
    pub fn notes(&self) -> Range<u64> {
        let notes = &self.derived().notes;
        notes.start()..notes.end()
    }

    /// Fills `buf` with the bytes that begin at `at`, as in [`Frame::at`](crate::Frame::at).
    ///
    /// # Errors
    /// [`CaptureError::Dropped`] if a ring let go of them, [`CaptureError::BeyondEnd`] if there are not so many,
    /// and what the system says if it cannot read.
    pub fn read(&self, at: u64, buf: &mut [u8]) -> Result<(), CaptureError> {
        if let Some(at) = at.checked_sub(Self::DERIVED) {
            return self.derived().bytes.read(at, buf);
        }
        match self.bytes() {
            Bytes::Growing(growing) => growing.read(at, buf),
            Bytes::File { file, name } => file.read_exact_at(buf, at).map_err(|source| {
                if source.kind() == io::ErrorKind::UnexpectedEof {
                    return CaptureError::BeyondEnd { at, len: buf.len(), end: self.end() };
                }
                CaptureError::Read { name: name.clone(), at, source }
            }),
        }
    }

    /// Where the captured bytes end for now.
    pub fn end(&self) -> u64 {
        match self.bytes() {
            Bytes::Growing(growing) => growing.end(),
            Bytes::File { file, .. } => file.metadata().map_or(0, |metadata| metadata.len()),
        }
    }

    /// Where the bytes end for now among which `at` is: the captured ones, or the derived ones.
    pub fn end_after(&self, at: u64) -> u64 {
        if at < Self::DERIVED { self.end() } else { Self::DERIVED + self.derived().bytes.end() }
    }
}
