//! Remarks on a segment, from what the flow's earlier segments said.

use super::{Half, Start};
use crate::headers::TcpSegment;
use crate::{Analysis, Moment};

/// What comes later than this after bytes that stand behind it was sent again rather than reordered, unless the flow's
/// round trip takes longer. Nanoseconds; Wireshark's value.
const REORDER_WINDOW: i64 = 3_000_000;

/// How long, in nanoseconds, after the flow's last segment a copy of an earlier one is taken for such: it comes from another
/// interface of one machine, or from a switch that mirrors two ports. No sender repeats itself that soon.
const COPY_WINDOW: i64 = 10_000_000;
/// So many segments of a direction may stand between a segment and its copy: what a sender hands to its interface at once.
const COPY_DISTANCE: usize = 8;

/// What a direction's last segments said.
#[derive(Default)]
pub(crate) struct Seen {
    /// When data last went beyond all earlier data.
    advanced: i64,
    acknowledgement: u32,
    window: u16,
    duplicate_acks: u8,
    keep_alive: bool,
    /// Whether `acknowledgement` and `window` stand for a segment.
    any: bool,
    /// The place of the next mark.
    turn: u8,
    /// The marks of the last segments.
    marks: [u16; COPY_DISTANCE],
}

impl Half {
    /// Whether any segment of this direction was seen.
    pub(crate) fn has_sent(&self) -> bool {
        self.seen.any
    }

    /// Whether this side acknowledged just what a keep-alive with a byte would bring.
    pub(crate) fn has_acknowledged(&self, sequence: u32, len: u32) -> bool {
        len == 1 && self.seen.any && self.seen.acknowledgement == sequence.wrapping_add(1)
    }

    /// Remarks on a segment of this direction that is about to be taken. `peer` is the other direction, `last` the time of the
    /// flow's last segment.
    #[inline]
    pub(crate) fn remark(
        &mut self,
        peer: &Self,
        segment: &TcpSegment,
        len: u32,
        now: Moment,
        last: i64,
        round_trip: i64,
    ) -> Analysis {
        let ahead = segment.sequence.wrapping_sub(self.end_seen() as u32) as i32;
        let mut remarks = Analysis::NONE;
        if ahead != 0 || len <= 1 || segment.window == 0 {
            if now.time.saturating_sub(last) <= COPY_WINDOW && self.is_copy(segment, ahead, len) {
                return Analysis::CAPTURED_TWICE;
            }
            remarks = self.remark_on_unusual(peer, segment, ahead, len, now, round_trip);
        }
        if ahead > 0 && remarks.contains(Analysis::LOST_SEGMENT) {
            self.highest = self.highest.wrapping_add(ahead as u64); // what is lost is remarked on once
        }
        if len > 0 && ahead >= 0 {
            self.seen.advanced = now.time;
        }
        if segment.flags.ack() {
            let acknowledged_ahead = segment.acknowledgement.wrapping_sub(peer.end_seen() as u32) as i32;
            if segment.acknowledgement != self.seen.acknowledgement || !self.seen.any {
                self.seen.duplicate_acks = 0;
                if acknowledged_ahead > 0 && peer.start != Start::Unknown {
                    remarks |= Analysis::ACK_LOST_SEGMENT;
                }
            }
            self.seen.acknowledgement = segment.acknowledgement;
        }
        if remarks.contains(Analysis::DUPLICATE_ACK) {
            self.seen.duplicate_acks = self.seen.duplicate_acks.saturating_add(1);
        }
        self.seen.window = segment.window;
        self.seen.keep_alive = remarks.contains(Analysis::KEEP_ALIVE);
        self.seen.any = true;
        self.seen.marks[usize::from(self.seen.turn) % COPY_DISTANCE] = segment.mark;
        self.seen.turn = self.seen.turn.wrapping_add(1);
        remarks
    }

    /// Whether the segment is one of the last ones of this direction, captured another time. All senders of note number
    /// their packets, so a retransmission has another mark.
    fn is_copy(&self, segment: &TcpSegment, ahead: i32, len: u32) -> bool {
        self.seen.any
            && i64::from(ahead) + i64::from(len) <= 0
            && (!segment.flags.ack()
                || segment.acknowledgement.wrapping_sub(self.seen.acknowledgement) as i32 <= 0)
            && self.seen.marks.contains(&segment.mark)
    }

    /// Remarks on a segment that stands `ahead` of what was seen, has hardly any data, or no window.
    fn remark_on_unusual(
        &self,
        peer: &Self,
        segment: &TcpSegment,
        ahead: i32,
        len: u32,
        now: Moment,
        round_trip: i64,
    ) -> Analysis {
        let flags = segment.flags;
        let plain = flags.is_plain();
        let zero_window = if segment.window == 0 && plain { Analysis::ZERO_WINDOW } else { Analysis::NONE };
        let place = if self.start == Start::Unknown {
            Analysis::NONE
        } else if ahead == 0 && len == 0 {
            self.remark_on_ack(peer, segment, plain)
        } else if ahead == 0 && len == 1 && peer.seen.any && peer.seen.window == 0 {
            Analysis::ZERO_WINDOW_PROBE
        } else if ahead > 0 && !flags.rst() {
            Analysis::LOST_SEGMENT
        } else if ahead == -1 && len <= 1 && plain {
            Analysis::KEEP_ALIVE
        } else if ahead < 0 && (len > 0 || flags.syn() || flags.fin()) {
            self.remark_on_old(peer, segment.sequence, len, now, round_trip)
        } else {
            Analysis::NONE
        };
        place | zero_window
    }

    /// The position behind all that was seen, the FIN's own included.
    #[inline]
    fn end_seen(&self) -> u64 {
        self.highest + u64::from(self.fin != 0 && self.highest == self.fin)
    }

    /// A segment without data right where data would go on.
    #[inline]
    fn remark_on_ack(&self, peer: &Self, segment: &TcpSegment, plain: bool) -> Analysis {
        if !plain
            || !segment.flags.ack()
            || !self.seen.any
            || segment.acknowledgement != self.seen.acknowledgement
        {
            Analysis::NONE
        } else if peer.seen.keep_alive {
            Analysis::KEEP_ALIVE_ACK
        } else if segment.window != self.seen.window {
            Analysis::WINDOW_UPDATE
        } else if segment.window != 0 {
            Analysis::DUPLICATE_ACK
        } else {
            Analysis::NONE
        }
    }

    /// A segment that stands before the end of what was seen.
    fn remark_on_old(&self, peer: &Self, sequence: u32, len: u32, now: Moment, round_trip: i64) -> Analysis {
        let from = self.position(sequence);
        let to = from + u64::from(len);
        let known = self.start == Start::Known && to <= self.next;
        if known || self.held.as_ref().is_some_and(|held| held.covers(from.max(self.next), to)) {
            if to <= self.acked && len > 0 {
                return Analysis::RETRANSMISSION | Analysis::SPURIOUS_RETRANSMISSION;
            }
            return Analysis::RETRANSMISSION;
        }
        if peer.seen.duplicate_acks >= 2 && peer.seen.acknowledgement == sequence {
            return Analysis::RETRANSMISSION | Analysis::FAST_RETRANSMISSION;
        }
        if now.time.saturating_sub(self.seen.advanced) <= round_trip.max(REORDER_WINDOW) {
            Analysis::OUT_OF_ORDER
        } else {
            Analysis::RETRANSMISSION
        }
    }
}
