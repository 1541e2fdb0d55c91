use std::borrow::Cow;
use std::fmt;

use crate::bytes::Endian;
use crate::pcapng::Options;

/// One captured link-layer frame. It borrows from the reader's buffer and lives until the next one is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    /// Its number in the capture, from 1.
    pub number: u64,
    /// When it was captured, in nanoseconds since the Unix epoch.
    pub time: i64,
    /// Index into [`Capture::interfaces`](crate::Capture::interfaces).
    pub interface: u32,
    /// What the bytes begin with: a LINKTYPE value of <https://www.tcpdump.org/linktypes.html>.
    pub link: u16,
    /// Where `bytes[0]` stands in the capture's [`Store`](crate::Store).
    pub at: u64,
    /// How long the frame was on the wire; `bytes` is shorter if the snap length cut it.
    pub original_len: u32,
    /// The captured bytes.
    pub bytes: &'a [u8],
    /// What people wrote beside the frame.
    pub comments: Comments<'a>,
}

/// A pcapng frame's comments, in order; most frames have none. `Comments::default()` is empty.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Comments<'a> {
    options: &'a [u8],
    endian: Endian,
}

impl<'a> Comments<'a> {
    pub(crate) fn new(options: &'a [u8], endian: Endian) -> Self {
        Self { options, endian }
    }
}

impl<'a> Iterator for Comments<'a> {
    type Item = Cow<'a, str>;

    fn next(&mut self) -> Option<Self::Item> {
        const COMMENT: u16 = 1;
        let mut options = Options::new(self.options, self.endian);
        let comment = options.find(|(code, _)| *code == COMMENT);
        self.options = options.rest();
        comment.map(|(_, text)| String::from_utf8_lossy(text))
    }
}

/// Where frames were captured: one a pcap file, any number a pcapng file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Interface {
    /// Its name, where the source tells.
    pub name: Option<String>,
    /// A description for people, where the source tells.
    pub description: Option<String>,
    /// The LINKTYPE value of its frames.
    pub link: u16,
    /// The most bytes kept of a frame; 0 if there is no limit.
    pub snaplen: u32,
    /// How many bytes of frame check sequence end each frame, where the source tells.
    pub fcs_len: u8,
    /// Frames that its kernel lost for want of buffer, where the source tells.
    pub kernel_drops: u64,
    /// Frames that it or its driver lost, where the source tells.
    pub interface_drops: u64,
}

/// Says that a source ended in the middle of a record: every whole frame before it was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Truncation {
    /// Where the cut record begins.
    pub at: u64,
    /// How many bytes the record needs from there, if that can be known.
    pub need: Option<u64>,
    /// How many are there.
    pub have: u64,
}

impl fmt::Display for Truncation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { at, need, have } = self;
        match need {
            Some(need) => write!(f, "cut short in the record at byte {at}: need {need}, have {have}"),
            None => write!(f, "cut short at byte {at}, by an unknown number of records"),
        }
    }
}

/// What was read, and what never arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stats {
    /// Frames given so far.
    pub frames: u64,
    /// Captured bytes of those frames.
    pub bytes: u64,
    /// Frames the kernel lost because its buffer was full.
    pub kernel_drops: u64,
    /// Frames the interface or its driver lost.
    pub interface_drops: u64,
    /// Frames the ring let go before this reader came to them.
    pub ring_drops: u64,
}

/// How far a reader has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    /// Bytes of the source (compressed, if it is) that have been read.
    pub done: u64,
    /// Bytes of the source, where that is known: not so for pipes and interfaces.
    pub total: Option<u64>,
}
