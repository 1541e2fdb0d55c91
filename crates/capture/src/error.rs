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
    /// This process may not capture.
    #[error(
        "no right to capture on {interface}: `sudo setcap cap_net_raw,cap_net_admin=eip {program}` gives it once and \
         for all, sudo gives it for one run, and --tap LISTEN=URL needs none"
    )]
    NoRight {
        /// The interface asked for.
        interface: String,
        /// This program's own file.
        program: String,
    },
    /// There is no interface of that name.
    #[error("no interface named {interface}; there are {known}")]
    NoInterface {
        /// The interface asked for.
        interface: String,
        /// Those there are, with commas between.
        known: String,
    },
    /// The capture filter is wrong.
    #[error("capture filter {filter:?}: {message}")]
    Filter {
        /// The filter.
        filter: String,
        /// libpcap's words.
        message: String,
    },
    /// libpcap cannot capture, or cannot go on.
    #[error("cannot capture on {interface}: {message}")]
    Live {
        /// The interface.
        interface: String,
        /// libpcap's words.
        message: String,
    },
    /// This build has no libpcap in it.
    #[error(
        "built without libpcap: no live capture and no capture filters, but --tap LISTEN=URL needs neither"
    )]
    NoLibpcap,
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
    /// A pcapng block's length is no possible one.
    #[error("a block of {len} bytes")]
    BlockLength {
        /// The length it claims.
        len: u32,
    },
    /// The lengths at a pcapng block's two ends differ.
    #[error("a block of {first} bytes by its beginning, {last} by its end")]
    BlockLengths {
        /// The length at its beginning.
        first: u32,
        /// The length at its end.
        last: u32,
    },
    /// What stands in a pcapng block does not fit into it.
    #[error("{len} bytes in a block with room for {room}")]
    Overrun {
        /// The bytes it claims.
        len: u32,
        /// The bytes it can hold.
        room: u32,
    },
    /// A pcapng section begins without its byte-order mark.
    #[error("a section without a byte-order mark")]
    ByteOrder,
    /// A pcapng frame comes from an interface that the section does not describe.
    #[error("a frame of interface {id}, which is not described")]
    UnknownInterface {
        /// Its number in the section.
        id: u32,
    },
    /// More interfaces than memory is given for.
    #[error("more than {most} interfaces")]
    TooManyInterfaces {
        /// The bound.
        most: usize,
    },
}
