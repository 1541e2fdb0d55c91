//! Frames in, flows out.

use std::ops::Range;

use crate::fragments::Fragments;
use crate::headers::{Found, Fragment, HeaderError, TcpSegment, plain_tcp, walk_datagram, walk_frame};
use crate::sink::Sink;
use crate::table::Table;
use crate::tcp::Run;
use crate::{Frame, Limits, Moment};

/// Datagrams within datagrams (a tunnel's fragments that carry fragments) are followed this far.
const DEEPEST: usize = 4;

/// Takes the frames of a capture in their order and gives the bytes of each TCP flow, per direction and in order, to
/// a [`Sink`].
///
/// Flows are told apart by addresses and ports: a frame that is captured twice, inside and outside of a tunnel or on two
/// interfaces, is the same segment twice and does no harm. Only where those collide, in two virtual networks at the same
/// time, do networks and sequence numbers count.
pub struct Reassembler {
    table: Table,
    fragments: Fragments,
    stats: Stats,
    last: Moment,
}

/// What came in so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Frames.
    pub frames: u64,
    /// TCP segments among them (also those put together from fragments).
    pub segments: u64,
    /// Fragments of IP datagrams.
    pub fragments: u64,
    /// Frames whose headers could not be followed: malformed, truncated, or of an unknown link type.
    pub malformed: u64,
    /// The first link type that is not known, if there was one, and how many frames had one.
    pub unknown_link: Option<(u16, u64)>,
    /// Segments of whose payload the capture cut something off.
    pub cut: u64,
}

impl Reassembler {
    /// An empty one.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            table: Table::new(limits),
            fragments: Fragments::new(limits.fragment_bytes),
            stats: Stats::default(),
            last: Moment::default(),
        }
    }

    /// Takes the next frame.
    #[inline]
    pub fn push<S: Sink>(&mut self, frame: &Frame<'_>, sink: &mut S) {
        let now = Moment { frame: frame.number, time: frame.time };
        self.last = now;
        self.stats.frames += 1;
        self.table.advance(now, sink);
        match plain_tcp(frame.link, frame.bytes) {
            Some(segment) => self.segment(&segment, frame, sink),
            None => self.any(frame, sink),
        }
    }

    fn any<S: Sink>(&mut self, frame: &Frame<'_>, sink: &mut S) {
        match walk_frame(frame.link, frame.original_len, frame.bytes, &mut ()) {
            Ok(Found::Tcp(segment)) => self.segment(&segment, frame, sink),
            Ok(Found::Fragment(fragment)) => {
                let data = run(frame, &fragment.data);
                self.fragment(&fragment, &[data], DEEPEST, sink);
            }
            Ok(Found::Other) => {}
            Err(error) => self.unfollowed(error),
        }
    }

    #[cold]
    fn unfollowed(&mut self, error: HeaderError) {
        self.stats.malformed += 1;
        if let HeaderError::UnknownLink(link) = error {
            self.stats.unknown_link.get_or_insert((link, 0)).1 += 1;
        }
    }

    #[inline]
    fn segment<S: Sink>(&mut self, segment: &TcpSegment, frame: &Frame<'_>, sink: &mut S) {
        self.stats.segments += 1;
        self.stats.cut += u64::from(segment.cut > 0);
        self.table.take(segment, &[run(frame, &segment.payload)], self.last, sink);
    }

    #[cold]
    fn fragment<S: Sink>(&mut self, fragment: &Fragment, runs: &[Run<'_>], depth: usize, sink: &mut S) {
        self.stats.fragments += 1;
        let Some(whole) = self.fragments.take(fragment, runs, self.last) else { return };
        match walk_datagram(&whole.datagram()) {
            Ok(Found::Tcp(segment)) => {
                self.stats.segments += 1;
                self.table.take(&segment, &whole.runs(&segment.payload), self.last, sink);
            }
            Ok(Found::Fragment(inner)) if depth > 0 => {
                self.fragment(&inner, &whole.runs(&inner.data), depth - 1, sink);
            }
            Ok(_) => {}
            Err(_) => self.stats.malformed += 1,
        }
    }

    /// Time goes on without a frame, as on a quiet interface: what waited long enough is handed out.
    pub fn tick<S: Sink>(&mut self, time: i64, sink: &mut S) {
        self.table.advance(Moment { frame: self.last.frame, time }, sink);
    }

    /// The capture is over: what is held is handed out and all flows are closed.
    pub fn finish<S: Sink>(&mut self, sink: &mut S) {
        self.table.finish(sink);
    }

    /// What came in so far.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.stats
    }

    /// Bytes held at the moment, in the sense of [`Limits`].
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        self.table.held() + self.fragments.held()
    }
}

#[inline]
fn run<'a>(frame: &Frame<'a>, range: &Range<usize>) -> Run<'a> {
    Run {
        bytes: &frame.bytes[range.clone()],
        at: frame.at + range.start as u64,
        carried: Moment { frame: frame.number, time: frame.time },
    }
}
