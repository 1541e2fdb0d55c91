//! Segments that wait for earlier ones.

use std::collections::BTreeMap;

use super::{ACKED_SLACK, ACKED_SLACK_SEGMENTS, Part};
use crate::Moment;

/// What one direction holds, by position. Pieces never overlap.
#[derive(Default)]
pub(super) struct Held {
    pieces: BTreeMap<u64, Piece>,
    cost: usize,
    /// Segments with data in this direction, and segments of the whole flow, since something is held.
    pub(super) data_segments: u32,
    pub(super) flow_segments: u32,
    /// All before this was acknowledged so long ago that what is missing of it will not come.
    settled: u64,
    /// What was acknowledged at `asked_time`, to be settled later.
    asked: u64,
    asked_time: i64,
    asked_segments: u32,
}

/// Something held: bytes, or a number of bytes that were cut off, or neither (the stream's end).
pub(super) struct Piece {
    pub(super) bytes: Option<Box<[u8]>>,
    pub(super) cut: u32,
    pub(super) at: u64,
    pub(super) carried: Moment,
}

impl Held {
    /// The piece that has `position` or, if there is none, the first one behind it. The stream's end is no piece.
    pub(super) fn at_or_after(&self, position: u64) -> Option<(u64, &Piece)> {
        self.pieces
            .range(..=position)
            .next_back()
            .filter(|(from, piece)| *from + piece.len() > position)
            .or_else(|| self.pieces.range(position..).find(|(_, piece)| piece.len() > 0))
            .map(|(from, piece)| (*from, piece))
    }

    /// Whether all of `from..to` is held.
    pub(super) fn covers(&self, from: u64, to: u64) -> bool {
        let mut position = from;
        while position < to {
            match self.at_or_after(position) {
                Some((at, piece)) if at <= position => position = at + piece.len(),
                _ => return false,
            }
        }
        true
    }

    /// Whether `bytes`, which would stand at `from`, differ from what is held there.
    pub(super) fn conflicts(&self, from: u64, bytes: &[u8]) -> bool {
        let to = from + bytes.len() as u64;
        let mut position = from;
        while position < to
            && let Some((at, piece)) = self.at_or_after(position)
            && at < to
        {
            position = position.max(at);
            let end = (at + piece.len()).min(to);
            let new = &bytes[(position - from) as usize..(end.max(position) - from) as usize];
            if piece.bytes.as_ref().is_some_and(|old| old[(position - at) as usize..][..new.len()] != *new) {
                return true;
            }
            position = end.max(position + 1);
        }
        false
    }

    /// Returns whether it was taken: not if a piece stands there already.
    pub(super) fn insert(&mut self, position: u64, piece: Piece) -> bool {
        let cost = piece.cost();
        let vacant = !self.pieces.contains_key(&position);
        if vacant {
            self.pieces.insert(position, piece);
            self.cost += cost;
        }
        vacant
    }

    /// Takes the first piece if it stands at `position`.
    pub(super) fn pop_at(&mut self, position: u64) -> Option<(u64, Piece)> {
        let entry = self.pieces.first_entry().filter(|entry| *entry.key() <= position)?;
        let (from, piece) = entry.remove_entry();
        self.cost -= piece.cost();
        Some((from, piece))
    }

    pub(super) fn first(&self) -> Option<u64> {
        self.pieces.first_key_value().map(|(position, _)| *position)
    }

    /// The time from which the first piece waits.
    pub(super) fn since(&self) -> i64 {
        self.pieces.first_key_value().map_or(i64::MAX, |(_, piece)| piece.carried.time)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    pub(super) fn cost(&self) -> usize {
        self.cost
    }

    /// When the hole before `first`, whose bytes were all acknowledged, is to be given up: `i64::MIN` for at once.
    pub(super) fn acknowledged(&mut self, first: u64, acked: u64, now: i64) -> i64 {
        let due = self.asked_time.saturating_add(ACKED_SLACK);
        let slack_is_over =
            now >= due || self.flow_segments.wrapping_sub(self.asked_segments) >= ACKED_SLACK_SEGMENTS;
        if self.asked != 0 && slack_is_over {
            self.settled = self.asked;
        }
        if self.settled >= first {
            return i64::MIN;
        }
        if self.asked < first || slack_is_over {
            self.asked = acked;
            self.asked_time = now;
            self.asked_segments = self.flow_segments;
        }
        self.asked_time.saturating_add(ACKED_SLACK)
    }
}

impl Piece {
    /// What a piece costs besides its bytes, about.
    pub(super) const OVERHEAD: usize = 96;

    pub(super) fn new(part: &Part<'_>, len: u64, now: Moment) -> Self {
        match part {
            Part::Bytes(run) => {
                Self { bytes: Some(run.bytes.into()), cut: 0, at: run.at, carried: run.carried }
            }
            Part::Cut => Self { bytes: None, cut: len as u32, at: 0, carried: now },
        }
    }

    /// The end of the stream.
    pub(super) fn end(now: Moment) -> Self {
        Self { bytes: None, cut: 0, at: 0, carried: now }
    }

    pub(super) fn len(&self) -> u64 {
        self.bytes.as_ref().map_or(u64::from(self.cut), |bytes| bytes.len() as u64)
    }

    pub(super) fn cost(&self) -> usize {
        self.bytes.as_ref().map_or(0, |bytes| bytes.len()) + Self::OVERHEAD
    }
}
