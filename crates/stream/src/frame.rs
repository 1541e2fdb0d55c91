//! What goes in: one captured frame.

/// One frame of a capture, as its link layer saw it.
///
/// `bytes` may be shorter than the frame was on the wire (a snap length); `original_len` says how long it was.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// Number of the frame in its capture, from 1, growing.
    pub number: u64,
    /// Nanoseconds since the Unix epoch.
    pub time: i64,
    /// The link type as captures name it (a `LINKTYPE_` value, 1 for Ethernet).
    pub link: u16,
    /// Where `bytes[0]` stands in the store that the frame was read from.
    pub at: u64,
    /// Length of the frame on the wire, in bytes.
    pub original_len: u32,
    /// The captured bytes.
    pub bytes: &'a [u8],
}

/// A frame and its time: when something happened in the capture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moment {
    /// Number of the frame in its capture, from 1.
    pub frame: u64,
    /// Nanoseconds since the Unix epoch.
    pub time: i64,
}
