//! One TCP flow: two directions, how it began and how it ends.

use std::net::SocketAddr;

use crate::headers::TcpSegment;
use crate::sink::{Close, CloseReason, Direction, FlowId, FlowKey, Segment, Sink};
use crate::tcp::{Budget, Half, Out, Run};
use crate::{Analysis, Moment};

/// How long, in nanoseconds, a flow stays open after its RST: data that was under way may still come.
const LINGER: i64 = 1_000_000_000;
/// By how many bytes an RST may have overtaken what was sent before it.
const LONGEST_RACE: i32 = 64 << 20;
/// A segment with data this far behind what was handed out is no retransmission, but of another flow (bytes).
const FAR_BEHIND: i32 = -(1 << 26);
/// On a closed flow, data this far ahead or behind is of another flow (bytes).
const FAR: u32 = 1 << 24;

/// A segment as it reached its flow.
#[derive(Clone, Copy)]
pub(crate) struct Arrival<'a> {
    pub(crate) segment: &'a TcpSegment,
    /// Its payload.
    pub(crate) runs: &'a [Run<'a>],
    /// Whether the lower end of the table's key sent it.
    pub(crate) from_low: bool,
    pub(crate) now: Moment,
}

pub(crate) struct Flow {
    pub(crate) id: FlowId,
    /// Whether the opener is the lower end of the table's key.
    opener_is_low: bool,
    /// That of its first segment (see [`TcpSegment::network`]); others may have another.
    network: u32,
    forward: Half,
    reverse: Half,
    handshake: Handshake,
    last: Moment,
    state: State,
    /// The nearest time at which the flow is to be looked at; `i64::MAX` for none.
    pub(crate) due: i64,
    /// Whether a segment came since the table last looked for flows to forget.
    pub(crate) touched: bool,
}

// What a remembered flow costs, about a half more than this with the table around it (see `Limits::flows`).
const _: () = assert!(size_of::<Flow>() <= 272);

/// How far the handshake has come, with times in nanoseconds.
#[derive(Clone, Copy)]
enum Handshake {
    /// No SYN was seen.
    None,
    /// The opener's SYN was seen at this time.
    Asked(i64),
    /// It was answered; it was sent at this time.
    Answered(i64),
    /// The opener acknowledged the answer, this long after its SYN.
    Done(i64),
}

#[derive(Clone, Copy)]
enum State {
    Open,
    /// The first FIN was seen.
    Closing(Direction, Moment),
    /// An RST was seen, with this sequence number.
    Reset(Direction, Moment, u32),
    /// The sink was told.
    Closed(CloseReason, Moment),
}

impl Handshake {
    /// The whole handshake's time, as far as it is known: an upper bound of the time by which segments overtake.
    #[inline]
    fn round_trip(self) -> i64 {
        match self {
            Self::Done(time) => time,
            _ => 0,
        }
    }
}

impl Flow {
    /// A flow whose first segment this is.
    pub(crate) fn open<S: Sink>(id: FlowId, first: &Arrival<'_>, sink: &mut S) -> Self {
        let Arrival { segment, from_low, now, .. } = *first;
        let source = SocketAddr::new(segment.addresses.source(), segment.source_port);
        let destination = SocketAddr::new(segment.addresses.destination(), segment.destination_port);
        // who answers a SYN did not open
        let answers = segment.flags.syn() && segment.flags.ack();
        let key = if answers {
            FlowKey { a: destination, b: source }
        } else {
            FlowKey { a: source, b: destination }
        };
        sink.open(id, &key, now.time);
        Self {
            id,
            opener_is_low: from_low != answers,
            network: segment.network,
            forward: Half::new(),
            reverse: Half::new(),
            handshake: Handshake::None,
            last: now,
            state: State::Open,
            due: i64::MAX,
            touched: true,
        }
    }

    #[inline]
    fn direction(&self, from_low: bool) -> Direction {
        if from_low == self.opener_is_low { Direction::Forward } else { Direction::Reverse }
    }

    pub(crate) fn is_closed(&self) -> bool {
        matches!(self.state, State::Closed(..))
    }

    /// Whether the segment cannot be of this flow, though it has the same addresses and ports.
    pub(crate) fn is_followed_by(&self, arrival: &Arrival<'_>) -> bool {
        let Arrival { segment, from_low, now, .. } = *arrival;
        let half = match self.direction(from_low) {
            Direction::Forward => &self.forward,
            Direction::Reverse => &self.reverse,
        };
        if segment.flags.syn() {
            return self.is_followed_by_syn(half, segment, now);
        }
        if half.is_unknown() || segment.payload.is_empty() {
            return false;
        }
        let distance = half.distance(segment.sequence);
        match self.state {
            // What was under way when the flow was reset is new; a retransmission is not.
            State::Closed(CloseReason::Reset, _) => {
                i64::from(distance) + segment.payload.len() as i64 > 0 || distance < FAR_BEHIND
            }
            State::Closed(..) => distance.unsigned_abs() > FAR,
            _ => distance < FAR_BEHIND,
        }
    }

    /// Whether the segment's numbers are near to this flow's.
    pub(crate) fn fits(&self, arrival: &Arrival<'_>) -> bool {
        let Arrival { segment, from_low, .. } = *arrival;
        let (me, peer) = match self.direction(from_low) {
            Direction::Forward => (&self.forward, &self.reverse),
            Direction::Reverse => (&self.reverse, &self.forward),
        };
        let near = |half: &Half, number| (FAR_BEHIND..-FAR_BEHIND).contains(&half.distance(number));
        let sequence = segment.sequence.wrapping_add(segment.flags.syn().into());
        match me.first_after_syn().filter(|_| segment.flags.syn()) {
            Some(first) => first == sequence,
            None if !me.is_unknown() => near(me, sequence),
            None if !peer.is_unknown() && segment.flags.ack() => near(peer, segment.acknowledgement),
            None => true,
        }
    }

    pub(crate) fn is_in_network_of(&self, segment: &TcpSegment) -> bool {
        self.network == segment.network
    }

    /// Whether the segment is of another flow that lives beside this one: in another network, far from this one's numbers.
    pub(crate) fn is_beside(&self, arrival: &Arrival<'_>) -> bool {
        !self.is_in_network_of(arrival.segment)
            && !self.is_closed()
            && !arrival.segment.flags.rst()
            && !self.fits(arrival)
    }

    #[cold]
    fn is_followed_by_syn(&self, half: &Half, segment: &TcpSegment, now: Moment) -> bool {
        let first = segment.sequence.wrapping_add(1);
        match half.first_after_syn() {
            // The same SYN again: sent twice, or seen twice; but after a while it is a new attempt.
            Some(known) if known == first => match self.state {
                State::Closed(_, at) => now.time.saturating_sub(at.time) > LINGER,
                _ => false,
            },
            Some(_) => true,
            None if self.is_closed() => true,
            // A SYN that comes late fits to the data.
            None => half.first().is_some_and(|known| known != first),
        }
    }

    /// Takes the usual segment: no flag but ACK and PSH, right where its direction goes on, with nothing held in
    /// either. Returns `false`, and does nothing, if it is not of that kind. [`take`](Self::take) would do the same.
    #[inline]
    pub(crate) fn take_usual<S: Sink>(&mut self, arrival: &Arrival<'_>, sink: &mut S) -> bool {
        let Arrival { segment, runs, from_low, now } = *arrival;
        let direction = self.direction(from_low);
        let (me, peer) = match direction {
            Direction::Forward => (&mut self.forward, &mut self.reverse),
            Direction::Reverse => (&mut self.reverse, &mut self.forward),
        };
        let [run] = runs else { return false };
        if !me.goes_on_at(segment.sequence)
            || (peer.is_unknown() && me.first_after_syn() == Some(segment.sequence))
            || peer.holds()
            || !segment.flags.is_plain()
            || segment.cut > 0
            || !matches!(self.state, State::Open)
            || !matches!(self.handshake, Handshake::Done(_) | Handshake::None)
        {
            return false;
        }
        let len = run.bytes.len() as u32;
        let remarks = me.remark(peer, segment, len, now, self.last.time, self.handshake.round_trip());
        self.last = now;
        self.touched = true;
        sink.segment(
            self.id,
            direction,
            &Segment {
                moment: now,
                len,
                flags: segment.flags,
                analysis: remarks,
                caught_up: peer.is_handed_out(segment.flags.ack().then_some(segment.acknowledgement)),
            },
        );
        if segment.flags.ack() {
            peer.acknowledge(segment.acknowledgement);
        }
        if len > 0 {
            me.go_on(*run, &mut Out { sink, flow: self.id, direction, now });
        }
        true
    }

    /// Takes a segment, of which `remarks` are known. Returns when the flow is to be looked at again, if ever.
    pub(crate) fn take<S: Sink>(
        &mut self,
        arrival: &Arrival<'_>,
        mut remarks: Analysis,
        budget: &mut Budget,
        sink: &mut S,
    ) -> Option<i64> {
        let Arrival { segment, runs, from_low, now } = *arrival;
        let direction = self.direction(from_low);
        let (id, flags) = (self.id, segment.flags);
        let (me, peer) = match direction {
            Direction::Forward => (&mut self.forward, &mut self.reverse),
            Direction::Reverse => (&mut self.reverse, &mut self.forward),
        };
        let len = segment.payload.len() as u32 + segment.cut;
        remarks |= me.remark(peer, segment, len, now, self.last.time, self.handshake.round_trip());
        if me.holds() && me.conflicts(segment.sequence, runs) {
            remarks |= Analysis::CONFLICTING_OVERLAP;
        }
        let caught_up = peer.is_handed_out(flags.ack().then_some(segment.acknowledgement));
        sink.segment(id, direction, &Segment { moment: now, len, flags, analysis: remarks, caught_up });
        self.last = now;
        self.touched = true;
        if let State::Closed(..) = self.state {
            return None;
        }

        let mut sequence = segment.sequence;
        if flags.syn() {
            sequence = sequence.wrapping_add(1);
            if me.is_unknown() {
                me.begin(sequence);
            }
            if flags.ack() {
                if peer.is_unknown() {
                    peer.begin(segment.acknowledgement);
                }
                if let Handshake::Asked(sent) = self.handshake {
                    self.handshake = Handshake::Answered(sent);
                    sink.handshake(id, now.time.saturating_sub(sent));
                }
            } else if let Handshake::None = self.handshake
                && direction == Direction::Forward
            {
                self.handshake = Handshake::Asked(now.time);
            }
        } else if let Handshake::Answered(sent) = self.handshake
            && direction == Direction::Forward
        {
            self.handshake = Handshake::Done(now.time.saturating_sub(sent));
        } else if peer.is_unknown() && flags.ack() && me.first_after_syn() == Some(sequence) {
            // the answer to this side's SYN was not captured, but here it is acknowledged
            peer.begin(segment.acknowledgement);
        }
        if flags.ack() {
            peer.acknowledge(segment.acknowledgement);
        }

        if let State::Reset(by, _, end) = self.state
            && by == direction
            && i64::from(me.distance(sequence)) + i64::from(len) > 0
            && !(-LONGEST_RACE..=0).contains(&(sequence.wrapping_add(len).wrapping_sub(end) as i32))
        {
            // Who resets a connection sends nothing behind it: that RST was not of this one (RFC 5961 §3.2).
            self.state = State::Open;
        }

        let mut out = Out { sink, flow: id, direction, now };
        // What an RST carries is a remark to people (RFC 9293 §3.5.3), not data; nor is what a keep-alive carries, which
        // only acknowledgements tell before the first data.
        if len > 0 && !flags.rst() && !(me.is_unknown() && peer.has_acknowledged(sequence, len)) {
            me.take(sequence, runs, segment.cut, budget, &mut out);
        }
        if flags.fin() {
            me.end_at(sequence.wrapping_add(len), budget, now);
            if let State::Open = self.state {
                self.state = State::Closing(direction, now);
            }
        }
        if flags.rst() && !matches!(self.state, State::Reset(..)) {
            self.state = State::Reset(direction, now, sequence.wrapping_add(len));
        }
        if !me.holds() && !peer.holds() && matches!(self.state, State::Open) {
            return None;
        }
        me.count_segment();
        peer.count_segment();
        self.settle(now, budget, sink)
    }

    /// Gives up what is not worth waiting for any more, and says when to look again, if ever.
    pub(crate) fn settle<S: Sink>(&mut self, now: Moment, budget: &mut Budget, sink: &mut S) -> Option<i64> {
        let forward_only = !self.reverse.has_sent();
        let reverse_only = !self.forward.has_sent();
        let mut out = Out { sink, flow: self.id, direction: Direction::Forward, now };
        let forward = self.forward.settle(forward_only, budget, &mut out);
        out.direction = Direction::Reverse;
        let reverse = self.reverse.settle(reverse_only, budget, &mut out);
        let due = match (forward, reverse) {
            (Some(forward), Some(reverse)) => Some(forward.min(reverse)),
            (forward, reverse) => forward.or(reverse),
        };
        let closes = match self.state {
            State::Open | State::Closed(..) => return due,
            State::Reset(_, at, _) => at.time.saturating_add(LINGER),
            State::Closing(..) if self.forward.is_finished() && self.reverse.is_finished() => i64::MIN,
            // nobody will tell when the other side is done
            State::Closing(_, at) if forward_only || reverse_only => at.time.saturating_add(LINGER),
            State::Closing(..) => return due,
        };
        if closes <= now.time {
            self.close(CloseReason::End, budget, sink);
            return None;
        }
        Some(due.map_or(closes, |due| due.min(closes)))
    }

    /// Hands out what is held and tells the sink that the flow is over: as its segments said, or else for `reason`.
    pub(crate) fn close<S: Sink>(&mut self, reason: CloseReason, budget: &mut Budget, sink: &mut S) {
        let close = match self.state {
            State::Closed(..) => return,
            State::Open => Close { reason, by: None, at: self.last },
            State::Closing(by, at) => Close { reason: CloseReason::Fin, by: Some(by), at },
            State::Reset(by, at, _) => Close { reason: CloseReason::Reset, by: Some(by), at },
        };
        let mut out = Out { sink, flow: self.id, direction: Direction::Forward, now: self.last };
        self.forward.flush(budget, &mut out);
        out.direction = Direction::Reverse;
        self.reverse.flush(budget, &mut out);
        self.state = State::Closed(close.reason, close.at);
        sink.close(self.id, close);
    }
}
