use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use crate::CaptureError;
use crate::growing::Growing;

/// The bytes behind a capture, to be read again at any position: the file itself, or the spool.
///
/// Cheap to clone and free to share: reads are positional, so no reader moves another's cursor.
#[derive(Debug, Clone)]
pub struct Store(Arc<Bytes>);

#[derive(Debug)]
pub(crate) enum Bytes {
    File { file: File, name: String },
    Growing(Arc<Growing>),
}

impl Store {
    pub(crate) fn file(file: File, name: String) -> Self {
        Self(Arc::new(Bytes::File { file, name }))
    }

    pub(crate) fn growing(growing: Arc<Growing>) -> Self {
        Self(Arc::new(Bytes::Growing(growing)))
    }

    pub(crate) fn bytes(&self) -> &Bytes {
        &self.0
    }

    /// Fills `buf` with the bytes that begin at `at`, as in [`Frame::at`](crate::Frame::at).
    ///
    /// # Errors
    /// [`CaptureError::Dropped`] if a ring let go of them, [`CaptureError::BeyondEnd`] if there are not so many,
    /// and what the system says if it cannot read.
    pub fn read(&self, at: u64, buf: &mut [u8]) -> Result<(), CaptureError> {
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

    /// Where the bytes end for now.
    pub fn end(&self) -> u64 {
        match self.bytes() {
            Bytes::Growing(growing) => growing.end(),
            Bytes::File { file, .. } => file.metadata().map_or(0, |metadata| metadata.len()),
        }
    }
}
