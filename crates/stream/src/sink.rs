//! What comes out: flows, their bytes in order, and what is missing.

use std::fmt;
use std::net::SocketAddr;

use crate::{Analysis, Moment, TcpFlags};

/// Takes what a [`Reassembler`](crate::Reassembler) finds, in the order in which it becomes certain.
///
/// For one flow the calls come as `open`, any number of the others, `close`; after `close` no more bytes come for
/// that [`FlowId`]. For one direction the `offset`s of [`data`](Sink::data) grow without a hole, except where
/// [`gap`](Sink::gap) says how many bytes are missing.
pub trait Sink {
    /// A flow appeared.
    fn open(&mut self, _flow: FlowId, _key: &FlowKey, _time: i64) {}

    /// The second half of a handshake: the opener's SYN was answered after `round_trip` nanoseconds.
    fn handshake(&mut self, _flow: FlowId, _round_trip: i64) {}

    /// A TCP segment of a flow arrived, with or without data. Comes before the `data` it brings.
    fn segment(&mut self, _flow: FlowId, _direction: Direction, _segment: &Segment) {}

    /// The next bytes of one direction.
    fn data(&mut self, flow: FlowId, direction: Direction, chunk: Chunk<'_>);

    /// Bytes of one direction that the capture does not have; what `data` brings next stands after them.
    fn gap(&mut self, _flow: FlowId, _direction: Direction, _gap: Gap) {}

    /// The flow is over.
    fn close(&mut self, _flow: FlowId, _close: Close) {}
}

/// The number of a flow: flows count from 0 in the order in which they appear, every TCP flow among them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FlowId(pub u32);

/// The two ends of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FlowKey {
    /// The side that opened the flow or, where the capture began later, whose segment was seen first.
    pub a: SocketAddr,
    /// The other side.
    pub b: SocketAddr,
}

impl fmt::Display for FlowKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} -> {}", self.a, self.b)
    }
}

/// Which way bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// From [`FlowKey::a`] to [`FlowKey::b`].
    Forward,
    /// From [`FlowKey::b`] to [`FlowKey::a`].
    Reverse,
}

impl Direction {
    /// The other way.
    #[must_use]
    pub fn opposite(self) -> Self {
        match self {
            Self::Forward => Self::Reverse,
            Self::Reverse => Self::Forward,
        }
    }
}

/// Consecutive bytes of one direction, which also stand together in the store.
#[derive(Clone, Copy, Debug)]
pub struct Chunk<'a> {
    /// The bytes; never empty.
    pub bytes: &'a [u8],
    /// Where `bytes[0]` stands in the store.
    pub at: u64,
    /// Where `bytes[0]` stands in the direction's stream, gaps counted; the first byte is 0.
    pub offset: u64,
    /// The frame that carried these bytes.
    pub frame: u64,
    /// The time of that frame, nanoseconds since the Unix epoch.
    pub time: i64,
    /// The frame that completed the stream up to and with these bytes: `frame` itself, or a later one where it
    /// was the later one that brought bytes which stand before these.
    pub completed: Moment,
}

/// Bytes of one direction that are not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// How many bytes are missing; 0 if that is not known ([`GapCause::Midstream`]).
    pub missing: u64,
    /// Where the first missing byte would stand in the direction's stream.
    pub offset: u64,
    /// Why.
    pub cause: GapCause,
}

/// Why bytes are missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GapCause {
    /// The capture began after the flow: nobody knows what went before.
    Midstream,
    /// The capture does not have the segment.
    Lost,
    /// The capture has the segment without its end (a snap length).
    Cut,
    /// A hole was given up because [`Limits`](crate::Limits) leave no room to wait for it.
    Limit,
}

/// How and when a flow ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Close {
    /// How.
    pub reason: CloseReason,
    /// Who ended it: the sender of the first FIN, or of the RST.
    pub by: Option<Direction>,
    /// The segment that ended it; for [`CloseReason::Idle`] and [`CloseReason::End`] the flow's last one.
    pub at: Moment,
}

/// How a flow ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseReason {
    /// Closed in order by FIN.
    Fin,
    /// Reset by RST.
    Reset,
    /// Its addresses and ports were taken up by a new flow.
    Reused,
    /// Forgotten after a long silence to make room for others ([`Limits::flows`](crate::Limits)).
    Idle,
    /// Still open when the capture ended.
    End,
}

/// What one TCP segment was, beside its data.
#[derive(Clone, Copy, Debug)]
pub struct Segment {
    /// The frame, and its time.
    pub moment: Moment,
    /// Bytes of payload, also those that the capture cut off.
    pub len: u32,
    /// Its flags.
    pub flags: TcpFlags,
    /// What is worth noting about it.
    pub analysis: Analysis,
    /// Whether all bytes of the other direction that were seen, and all that this segment's sender acknowledged, were
    /// handed out: then what this segment brings answers nothing that comes later.
    pub caught_up: bool,
}
