//! One direction of a TCP flow: segments in any order go in, bytes in order and gaps come out.

use crate::sink::{Chunk, Direction, FlowId, Gap, GapCause, Sink};
use crate::{Limits, Moment};

mod analyse;
mod held;

pub(crate) use analyse::Seen;
use held::{Held, Piece};

/// How long, in nanoseconds, and for how many of the flow's segments a hole stays open after the receiver acknowledged
/// the bytes in it: frames of two directions may stand in a capture in the wrong order.
const ACKED_SLACK: i64 = 200_000_000;
const ACKED_SLACK_SEGMENTS: u32 = 64;
/// How long a hole waits for a retransmission: with acknowledgements to tell that the receiver has the bytes, and
/// without any.
const HOLE_WAIT: i64 = 60_000_000_000;
const HOLE_WAIT_ONE_SIDED: i64 = 3_000_000_000;
/// How long, and for how many segments, the first data of a direction waits for earlier data where no SYN was seen.
const START_SLACK: i64 = 50_000_000;
const START_SLACK_SEGMENTS: u32 = 3;
/// Acknowledgements further ahead than any window reaches (RFC 7323 §2.3) are not believed.
const LARGEST_WINDOW: u64 = 1 << 30;

/// Bytes with where they come from: a part of a segment's payload that is contiguous in the store.
#[derive(Clone, Copy)]
pub(crate) struct Run<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) at: u64,
    pub(crate) carried: Moment,
}

/// What a segment brings to a place of the stream.
#[derive(Clone, Copy)]
enum Part<'a> {
    Bytes(Run<'a>),
    /// Bytes that the capture cut off.
    Cut,
}

/// Memory that is held, over all flows.
pub(crate) struct Budget {
    pub(crate) limits: Limits,
    pub(crate) held: usize,
}

/// Where the output of one direction goes.
pub(crate) struct Out<'s, S> {
    pub(crate) sink: &'s mut S,
    pub(crate) flow: FlowId,
    pub(crate) direction: Direction,
    pub(crate) now: Moment,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Start {
    /// Nothing that has a place in the stream was seen.
    Unknown,
    /// Data was seen but no SYN: what was seen is held, as earlier data may follow.
    Waiting,
    /// The first byte is known.
    Known,
}

/// One direction of a flow.
///
/// A *position* is a sequence number that does not wrap: its low 32 bits are the sequence number.
/// Invariant: `base <= next <= highest` once the start is known, and nothing is held before `next`.
pub(crate) struct Half {
    start: Start,
    /// Whether the initial sequence number is known: `base` stands right behind it.
    from_syn: bool,
    /// The position of the stream's first byte.
    base: u64,
    /// The position of the next byte to hand out.
    next: u64,
    /// The furthest position that was spoken of: the end of data, or where a segment without data stands.
    highest: u64,
    /// The position of the FIN; 0 if there was none.
    fin: u64,
    /// The end of what the other side acknowledged; 0 if nothing.
    acked: u64,
    /// What waits for earlier bytes.
    held: Option<Box<Held>>,
    /// What the direction's segments said, for the remarks on the next ones.
    seen: Seen,
}

impl Half {
    pub(crate) fn new() -> Self {
        Self {
            start: Start::Unknown,
            from_syn: false,
            base: 0,
            next: 0,
            highest: 0,
            fin: 0,
            acked: 0,
            held: None,
            seen: Seen::default(),
        }
    }

    /// The stream begins with this sequence number.
    pub(crate) fn begin(&mut self, first: u32) {
        let position = (1 << 32) + u64::from(first);
        self.start = Start::Known;
        self.from_syn = true;
        self.base = position;
        self.next = position;
        self.highest = position;
    }

    /// The sequence number of the stream's first byte, if a SYN (or what answers it) told.
    pub(crate) fn first_after_syn(&self) -> Option<u32> {
        self.from_syn.then_some(self.base as u32)
    }

    /// The sequence number of the first byte handed out.
    pub(crate) fn first(&self) -> Option<u32> {
        (self.start == Start::Known).then_some(self.base as u32)
    }

    pub(crate) fn is_unknown(&self) -> bool {
        self.start == Start::Unknown
    }

    pub(crate) fn holds(&self) -> bool {
        self.held.is_some()
    }

    /// Whether all up to the FIN was handed out.
    pub(crate) fn is_finished(&self) -> bool {
        self.fin != 0 && self.next >= self.fin
    }

    /// How far a sequence number stands ahead (or behind) of the next byte to hand out.
    #[inline]
    pub(crate) fn distance(&self, sequence: u32) -> i32 {
        sequence.wrapping_sub(self.next as u32) as i32
    }

    #[inline]
    fn position(&self, sequence: u32) -> u64 {
        self.next.wrapping_add_signed(i64::from(self.distance(sequence)))
    }

    /// The other side acknowledges all before `number`.
    #[inline]
    pub(crate) fn acknowledge(&mut self, number: u32) {
        if self.start == Start::Unknown {
            return;
        }
        let position = self.position(number);
        if position > self.acked && position < self.next + LARGEST_WINDOW {
            self.acked = position;
        }
    }

    /// Whether all that was seen and all that the other side acknowledged, up to `number` now, was handed out.
    #[inline]
    pub(crate) fn is_handed_out(&self, number: Option<u32>) -> bool {
        let acknowledged = number.map_or(self.acked, |number| self.acked.max(self.position(number)));
        // A FIN counts like a byte.
        let end = self.next + u64::from(self.fin != 0);
        self.held.is_none() && self.highest <= end && acknowledged <= end
    }

    /// Whether a segment of this sequence number goes on right where all that was seen ends.
    #[inline]
    pub(crate) fn goes_on_at(&self, sequence: u32) -> bool {
        sequence == self.next as u32
            && self.highest == self.next
            && self.held.is_none()
            && self.fin == 0
            && self.start == Start::Known
    }

    /// Takes the payload of a segment that [goes on](Self::goes_on_at).
    #[inline]
    pub(crate) fn go_on<S: Sink>(&mut self, run: Run<'_>, out: &mut Out<'_, S>) {
        self.hand_out(run, out.now, out);
        self.highest = self.next;
    }

    /// Takes the payload of a segment. `cut` more bytes belong to it which the capture does not have.
    pub(crate) fn take<S: Sink>(
        &mut self,
        sequence: u32,
        runs: &[Run<'_>],
        cut: u32,
        budget: &mut Budget,
        out: &mut Out<'_, S>,
    ) {
        if self.start == Start::Unknown {
            self.wait_at(sequence);
        }
        let mut position = self.position(sequence);
        for run in runs {
            let end = position + run.bytes.len() as u64;
            self.place(position, end, Part::Bytes(*run), budget, out);
            position = end;
        }
        if cut > 0 {
            let end = position + u64::from(cut);
            self.place(position, end, Part::Cut, budget, out);
            position = end;
        }
        self.highest = self.highest.max(position);
        if let Some(held) = &mut self.held {
            held.data_segments += 1;
        }
    }

    /// Whether any of the runs brings other bytes for a place that is held.
    pub(crate) fn conflicts(&self, sequence: u32, runs: &[Run<'_>]) -> bool {
        let Some(held) = &self.held else { return false };
        let mut position = self.position(sequence);
        runs.iter().any(|run| {
            let from = position;
            position += run.bytes.len() as u64;
            held.conflicts(from, run.bytes)
        })
    }

    /// Another segment of the flow went by, in either direction.
    #[inline]
    pub(crate) fn count_segment(&mut self) {
        if let Some(held) = &mut self.held {
            held.flow_segments += 1;
        }
    }

    /// The sender's stream ends at this sequence number.
    pub(crate) fn end_at(&mut self, sequence: u32, budget: &mut Budget, now: Moment) {
        if self.start == Start::Unknown {
            self.begin(sequence);
            self.from_syn = false;
        }
        let position = self.position(sequence);
        if self.fin != 0 || (self.start == Start::Known && position < self.next) {
            return;
        }
        self.fin = position;
        self.highest = self.highest.max(position);
        if position > self.next || self.start == Start::Waiting {
            // so that a hole before the end is found like one before data
            self.hold(position, Piece::end(now), budget);
        }
    }

    fn wait_at(&mut self, sequence: u32) {
        self.begin(sequence);
        self.from_syn = false;
        self.start = Start::Waiting;
    }

    /// Puts `part` to `position..end`, wherever no earlier bytes stand.
    fn place<S: Sink>(
        &mut self,
        mut position: u64,
        mut end: u64,
        part: Part<'_>,
        budget: &mut Budget,
        out: &mut Out<'_, S>,
    ) {
        let origin = position;
        if self.fin != 0 {
            end = end.min(self.fin); // nothing stands behind a FIN (RFC 9293 §3.10.7.4)
        }
        loop {
            if self.start == Start::Known {
                position = position.max(self.next);
            }
            if position >= end {
                return;
            }
            let within = |to: u64| part.slice((position - origin) as usize, (to - origin) as usize);
            let stop = match self.held.as_ref().and_then(|held| held.at_or_after(position)) {
                Some((from, piece)) if from <= position => {
                    position = from + piece.len();
                    continue;
                }
                Some((from, _)) => from.min(end),
                None => end,
            };
            if position == self.next && self.start == Start::Known {
                match within(stop) {
                    Part::Bytes(run) => self.hand_out(run, out.now, out),
                    Part::Cut => self.skip(stop, GapCause::Cut, out),
                }
                self.drain(out.now, budget, out);
            } else if !self.make_room(stop - position, budget, out) {
                if self.start == Start::Known && position > self.next {
                    self.skip(position, GapCause::Limit, out);
                }
                continue;
            } else if self.start == Start::Waiting || position > self.next {
                self.hold(position, Piece::new(&within(stop), stop - position, out.now), budget);
            } else {
                continue;
            }
            position = stop;
        }
    }

    /// Hands out a run that stands at `next`.
    #[inline]
    fn hand_out<S: Sink>(&mut self, run: Run<'_>, completed: Moment, out: &mut Out<'_, S>) {
        if run.bytes.is_empty() {
            return;
        }
        let offset = self.next - self.base;
        self.next += run.bytes.len() as u64;
        let chunk = Chunk {
            bytes: run.bytes,
            at: run.at,
            offset,
            frame: run.carried.frame,
            time: run.carried.time,
            completed,
        };
        out.sink.data(out.flow, out.direction, chunk);
    }

    /// Hands out what is held and has its turn.
    fn drain<S: Sink>(&mut self, mut completed: Moment, budget: &mut Budget, out: &mut Out<'_, S>) {
        while let Some(held) = &mut self.held
            && let Some((position, piece)) = held.pop_at(self.next)
        {
            budget.held -= piece.cost();
            if held.is_empty() {
                self.held = None;
            }
            match &piece.bytes {
                Some(bytes) => {
                    if piece.carried.frame > completed.frame {
                        completed = piece.carried;
                    }
                    self.hand_out(Run { bytes, at: piece.at, carried: piece.carried }, completed, out);
                }
                None if piece.cut > 0 => {
                    self.skip(position + u64::from(piece.cut), GapCause::Cut, out);
                    completed = Moment::default();
                }
                None => {}
            }
        }
    }

    /// Tells of a gap up to `position`.
    fn skip<S: Sink>(&mut self, position: u64, cause: GapCause, out: &mut Out<'_, S>) {
        let gap = Gap { missing: position - self.next, offset: self.next - self.base, cause };
        self.next = position;
        self.highest = self.highest.max(position);
        out.sink.gap(out.flow, out.direction, gap);
    }

    /// Gives up the first hole, or the wait for an earlier start.
    fn give_up<S: Sink>(&mut self, cause: GapCause, budget: &mut Budget, out: &mut Out<'_, S>) {
        let Some(first) = self.held.as_ref().and_then(|held| held.first()) else { return };
        if self.start == Start::Waiting {
            self.start = Start::Known;
            self.base = first;
            self.next = first;
            self.skip(first, GapCause::Midstream, out);
        } else {
            self.skip(first, cause, out);
        }
        self.drain(Moment::default(), budget, out);
    }

    /// Whether `len` more bytes may be held now. Gives up holes to make room.
    fn make_room<S: Sink>(&mut self, len: u64, budget: &mut Budget, out: &mut Out<'_, S>) -> bool {
        let cost = len as usize + Piece::OVERHEAD;
        loop {
            let own = self.held.as_ref().map_or(0, |held| held.cost());
            if own + cost <= budget.limits.direction_bytes && budget.held + cost <= budget.limits.total_bytes
            {
                return true;
            }
            if self.held.is_none() {
                if self.start == Start::Waiting {
                    self.start = Start::Known;
                    self.skip(self.next, GapCause::Midstream, out);
                }
                return false;
            }
            self.give_up(GapCause::Limit, budget, out);
        }
    }

    fn hold(&mut self, position: u64, piece: Piece, budget: &mut Budget) {
        let cost = piece.cost();
        if self.held.get_or_insert_default().insert(position, piece) {
            budget.held += cost;
        }
    }

    /// Gives up what is not worth waiting for any more, and says when to look again (if ever).
    pub(crate) fn settle<S: Sink>(
        &mut self,
        one_sided: bool,
        budget: &mut Budget,
        out: &mut Out<'_, S>,
    ) -> Option<i64> {
        let now = out.now.time;
        loop {
            let (start, acked) = (self.start, self.acked);
            let held = self.held.as_mut()?;
            let first = held.first()?;
            let since = held.since();
            let due = if start == Start::Waiting {
                if held.data_segments >= START_SLACK_SEGMENTS {
                    i64::MIN
                } else {
                    since.saturating_add(START_SLACK)
                }
            } else if acked >= first {
                held.acknowledged(first, acked, now)
            } else if one_sided {
                since.saturating_add(HOLE_WAIT_ONE_SIDED)
            } else {
                since.saturating_add(HOLE_WAIT)
            };
            if due > now {
                return Some(due);
            }
            self.give_up(GapCause::Lost, budget, out);
        }
    }

    /// Hands out all that is held: nothing more will come.
    pub(crate) fn flush<S: Sink>(&mut self, budget: &mut Budget, out: &mut Out<'_, S>) {
        while self.held.is_some() {
            self.give_up(GapCause::Lost, budget, out);
        }
        if self.start == Start::Known && self.acked > self.next && self.fin == 0 {
            self.skip(self.acked, GapCause::Lost, out);
        }
    }
}

impl Part<'_> {
    /// Its bytes `from..to`.
    fn slice(&self, from: usize, to: usize) -> Self {
        match *self {
            Self::Bytes(run) => {
                Self::Bytes(Run { bytes: &run.bytes[from..to], at: run.at + from as u64, ..run })
            }
            Self::Cut => Self::Cut,
        }
    }
}
