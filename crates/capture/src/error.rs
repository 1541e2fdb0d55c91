use std::io;
use std::sync::Arc;

use crate::format::Looks;

/// What can go wrong between a source of frames and the frames.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CaptureError {
    /// The file cannot be opened; `mend` says what to do about it, or is empty.
    #[error("cannot open {name}: {source}{mend}")]
    Open {
        /// The file as it was named.
        name: String,
        /// `"; …"` with what may be done, or nothing.
        mend: &'static str,
        /// The system's reason.
        source: io::Error,
    },
    /// The file is not a capture.
    #[error("{name} is not a capture: {looks}")]
    NotACapture {
        /// The file as it was named.
        name: String,
        /// What it seems to be, and which command would read it.
        looks: Looks,
    },
    /// The source could be opened, but a read failed.
    #[error("cannot read {name} at byte {at}: {source}")]
    Read {
        /// The source as it was named.
        name: String,
        /// Where in the source.
        at: u64,
        /// The system's reason.
        source: io::Error,
    },
    /// A compressed source cannot be unpacked further.
    #[error("cannot unpack {name}: {source}")]
    Unpack {
        /// The source as it was named.
        name: String,
        /// The decoder's reason.
        source: io::Error,
    },
    /// The file's structure is broken; all frames before `at` were given.
    #[error("{name} is damaged at byte {at}: {damage}")]
    Damaged {
        /// The source as it was named.
        name: String,
        /// Where the broken record or block begins.
        at: u64,
        /// What is wrong with it.
        damage: Damage,
    },
    /// A positional read of bytes which the ring has let go.
    #[error("bytes at {at} are no longer kept: the ring begins at {oldest}")]
    Dropped {
        /// The position asked for.
        at: u64,
        /// The oldest position still kept.
        oldest: u64,
    },
    /// A positional read past the end of what is there.
    #[error("no bytes at {at} to {}: the store ends at {end}", at + *len as u64)]
    BeyondEnd {
        /// The position asked for.
        at: u64,
        /// How many bytes were asked for.
        len: usize,
        /// Where the store ends now.
        end: u64,
    },
    /// The temporary file that keeps live or unpacked bytes cannot be written.
    #[error("cannot keep frames in {directory}: {source}; TMPDIR names another place for them")]
    Spool {
        /// The directory of temporary files.
        directory: String,
        /// The system's reason.
        source: io::Error,
    },
    /// The thread that fetches the bytes failed; all frames before were given.
    #[error(transparent)]
    Source(Arc<CaptureError>),
}

/// What is wrong with a broken record or block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Damage {
    /// A record claims more bytes than any frame has.
    #[error("a frame of {len} bytes, the most is {most}")]
    FrameTooLong {
        /// The length it claims.
        len: u64,
        /// The bound it breaks.
        most: u64,
    },
}
