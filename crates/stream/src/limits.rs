//! How much memory a reassembler may hold.

/// Bounds on what a [`Reassembler`](crate::Reassembler) remembers.
///
/// In-order data is never held. Held are segments that wait for an earlier one, and IP fragments; what is held
/// counts with its length plus a fixed overhead for each piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes held for one direction of one flow. Beyond it the oldest hole becomes a gap. Default 4 MiB.
    pub direction_bytes: usize,
    /// Bytes held for all flows together. Beyond it holes of the flow that asks for more become gaps.
    /// Default 256 MiB.
    pub total_bytes: usize,
    /// Flows remembered, closed ones included. Beyond it a flow that was long silent is forgotten.
    /// Default 262,144 (about 110 MB).
    pub flows: usize,
    /// Bytes held of incomplete IP datagrams. Beyond it the oldest datagram is dropped. Default 16 MiB.
    pub fragment_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { direction_bytes: 4 << 20, total_bytes: 256 << 20, flows: 1 << 18, fragment_bytes: 16 << 20 }
    }
}
