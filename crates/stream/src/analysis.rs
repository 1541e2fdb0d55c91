//! What is worth noting about a segment: Wireshark's `tcp.analysis` under our own rules.

use std::fmt;
use std::ops::{BitOr, BitOrAssign};

/// A set of remarks about one TCP segment. The names are those of Wireshark's `tcp.analysis` fields,
/// where it has one.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Analysis(u16);

impl Analysis {
    /// Nothing to note.
    pub const NONE: Self = Self(0);
    /// Bytes sent before: either seen before, or later than a mere reordering would bring them.
    pub const RETRANSMISSION: Self = Self(1);
    /// A retransmission asked for by at least two duplicate acknowledgements.
    pub const FAST_RETRANSMISSION: Self = Self(1 << 1);
    /// A retransmission of bytes that had been acknowledged.
    pub const SPURIOUS_RETRANSMISSION: Self = Self(1 << 2);
    /// New bytes that come after bytes which stand behind them.
    pub const OUT_OF_ORDER: Self = Self(1 << 3);
    /// A segment before this one was not captured (or comes later).
    pub const LOST_SEGMENT: Self = Self(1 << 4);
    /// Acknowledges bytes that were not captured.
    pub const ACK_LOST_SEGMENT: Self = Self(1 << 5);
    /// Acknowledges again what was acknowledged, with nothing else new.
    pub const DUPLICATE_ACK: Self = Self(1 << 6);
    /// A keep-alive probe.
    pub const KEEP_ALIVE: Self = Self(1 << 7);
    /// The answer to a keep-alive probe.
    pub const KEEP_ALIVE_ACK: Self = Self(1 << 8);
    /// The sender has no room to receive.
    pub const ZERO_WINDOW: Self = Self(1 << 9);
    /// One byte sent to learn whether there is room again.
    pub const ZERO_WINDOW_PROBE: Self = Self(1 << 10);
    /// Only the window changed.
    pub const WINDOW_UPDATE: Self = Self(1 << 11);
    /// A SYN on addresses and ports that an earlier flow had.
    pub const REUSED_PORTS: Self = Self(1 << 12);
    /// Brings other bytes for a place whose first bytes are still held (the first ones stand).
    pub const CONFLICTING_OVERLAP: Self = Self(1 << 13);

    /// A frame that was captured before, on another interface or another side of a tunnel, say. It has no other remarks.
    pub const CAPTURED_TWICE: Self = Self(1 << 14);

    /// Each remark with its name in filters, after `tcp.analysis.`.
    pub const NAMES: [(Self, &'static str); 15] = [
        (Self::RETRANSMISSION, "retransmission"),
        (Self::FAST_RETRANSMISSION, "fast_retransmission"),
        (Self::SPURIOUS_RETRANSMISSION, "spurious_retransmission"),
        (Self::OUT_OF_ORDER, "out_of_order"),
        (Self::LOST_SEGMENT, "lost_segment"),
        (Self::ACK_LOST_SEGMENT, "ack_lost_segment"),
        (Self::DUPLICATE_ACK, "duplicate_ack"),
        (Self::KEEP_ALIVE, "keep_alive"),
        (Self::KEEP_ALIVE_ACK, "keep_alive_ack"),
        (Self::ZERO_WINDOW, "zero_window"),
        (Self::ZERO_WINDOW_PROBE, "zero_window_probe"),
        (Self::WINDOW_UPDATE, "window_update"),
        (Self::REUSED_PORTS, "reused_ports"),
        (Self::CONFLICTING_OVERLAP, "conflicting_overlap"),
        (Self::CAPTURED_TWICE, "captured_twice"),
    ];

    /// Whether nothing is noted.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether all remarks of `other` are among these.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// The set as bits, for storing.
    #[must_use]
    pub const fn bits(self) -> u16 {
        self.0
    }

    /// The set from what [`bits`](Self::bits) gave; unknown bits are kept.
    #[must_use]
    pub const fn from_bits(bits: u16) -> Self {
        Self(bits)
    }

    /// The names of the remarks, as in filters after `tcp.analysis.`.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Self::NAMES.into_iter().filter(move |(remark, _)| self.contains(*remark)).map(|(_, name)| name)
    }
}

impl BitOr for Analysis {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitOrAssign for Analysis {
    fn bitor_assign(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

impl fmt::Debug for Analysis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.names()).finish()
    }
}
