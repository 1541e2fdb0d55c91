//! What a decoder tells.

use std::ops::Range;

use crate::{Fault, Header, Kind, Opcode};

/// What the bytes of [`Events::data`] belong to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MessageInfo {
    /// Text or binary. A message whose beginning was not seen counts as binary.
    pub kind: Kind,
    /// Whether it was compressed.
    pub compressed: bool,
}

/// Takes what a [`Decoder`](crate::Decoder) finds.
///
/// Offsets count the direction's raw bytes, from 0 for the first one after the HTTP head (or, in a decoder that began
/// [mid-stream](crate::Decoder::mid_stream), for the first one pushed). All calls come in the order of the wire.
pub trait Events {
    /// A frame's header was read; it stands at `at`.
    fn frame(&mut self, header: &Header, at: u64) {
        let _ = (header, at);
    }

    /// The next application bytes of the direction, unmasked and inflated, never empty. Those of one message may come
    /// in any number of calls, each at most 64 KiB if they are masked or compressed.
    ///
    /// `from`: the raw bytes they came from. Plain payload has as many as `bytes`, one for one. Of compressed payload
    /// it is what was read since anything last came out, which may span frames of the message; pieces inflated from
    /// the same raw bytes share the beginning of their ranges.
    fn data(&mut self, bytes: &[u8], from: Range<u64>, message: &MessageInfo);

    /// A whole control frame: Ping, Pong or Close, with its unmasked payload (of one that breaks the limit of 125
    /// bytes, the first 125). `raw`: the frame, header included. A frame with bytes missing is not told.
    fn control(&mut self, opcode: Opcode, payload: &[u8], raw: Range<u64>) {
        let _ = (opcode, payload, raw);
    }

    /// The sender broke a rule. `raw`: the header for what is wrong with a header, the frame for what is wrong with a
    /// Close or with compressed data, from the first frame's header to the end of the last one for what is wrong with
    /// a text.
    fn fault(&mut self, fault: Fault, raw: Range<u64>) {
        let _ = (fault, raw);
    }

    /// Application bytes are missing between those told before and those told after: so many, or nobody knows how
    /// many. After the latter, a stream inside the application bytes has to find its feet again.
    fn lost(&mut self, missing_payload: Option<u64>) {
        let _ = missing_payload;
    }
}
