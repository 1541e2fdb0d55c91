//! Where the bytes of one direction stand, for a layer that takes them in and speaks of them by their offsets.

use std::collections::VecDeque;
use std::ops::Range;

use crate::lane::Piece;
use crate::{Extent, FrameRef};

/// Pieces that are remembered at most: a layer that asks for older ones learns of the newer part only.
const PIECES: usize = 16 * 1024;

/// The pieces that a layer took in, as far as it may still ask for them.
///
/// Invariant: the pieces follow one another in offsets, gaps apart, and `next` stands behind the last.
#[derive(Debug, Default)]
pub(crate) struct Trail {
    pieces: VecDeque<Held>,
    next: u64,
}

#[derive(Clone, Copy, Debug)]
struct Held {
    /// The offset of its first byte among all that the layer took in.
    offset: u64,
    extent: Extent,
    /// The frame that carried it.
    frame: FrameRef,
    /// The frame that completed the stream up to and with it.
    completed: FrameRef,
}

/// Where some of the bytes stand that were asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'a> {
    pub(crate) extent: Extent,
    /// The frame that carried them.
    pub(crate) frame: &'a FrameRef,
    /// The frame that completed the stream up to and with them.
    pub(crate) completed: &'a FrameRef,
}

impl Trail {
    pub(crate) fn push(&mut self, piece: &Piece<'_>) {
        let extent = Extent { at: piece.at, len: piece.bytes.len() as u32 };
        if self.pieces.len() == PIECES {
            self.pieces.pop_front();
        }
        self.pieces.push_back(Held {
            offset: self.next,
            extent,
            frame: *piece.carried,
            completed: *piece.frame,
        });
        self.next += u64::from(extent.len);
    }

    /// Bytes are missing; the layer counts them all the same.
    pub(crate) fn skip(&mut self, missing: u64) {
        self.next += missing;
    }

    /// Where the bytes at those offsets stand, in their order, as far as they are not forgotten.
    #[inline]
    pub(crate) fn places(&self, offsets: Range<u64>) -> impl Iterator<Item = Place<'_>> {
        let first = self.pieces.partition_point(|held| held.end() <= offsets.start);
        self.pieces.range(first..).take_while(move |held| held.offset < offsets.end).map(move |held| {
            let (start, end) = (held.offset.max(offsets.start), held.end().min(offsets.end));
            let at = held.extent.at + (start - held.offset);
            let extent = Extent { at, len: (end - start) as u32 };
            Place { extent, frame: &held.frame, completed: &held.completed }
        })
    }

    /// What stands before that offset is not asked for any more.
    pub(crate) fn forget_before(&mut self, offset: u64) {
        while self.pieces.front().is_some_and(|held| held.end() <= offset) {
            self.pieces.pop_front();
        }
    }
}

impl Held {
    fn end(&self) -> u64 {
        self.offset + u64::from(self.extent.len)
    }
}
