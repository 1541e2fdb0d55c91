//! Where derived bytes came from: the way back from what was decrypted, unmasked or inflated to what was captured.
//!
//! The store keeps an entry of fixed size for each piece that derived bytes were made from, in the order in which
//! the derived bytes stand; so the entries of a place are found by bisection, and nothing of it takes memory.

use mqscope_capture::{CaptureError, Store};
use mqscope_stream::Analysis;

use crate::{Extent, FrameRef};

/// What stands between TCP's bytes and MQTT's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Layer {
    /// A TLS record; derived from it is what it encrypts.
    Tls,
    /// A WebSocket frame; derived from it is its payload, without mask and compression.
    WebSocket,
}

/// One piece that derived bytes were made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    pub(crate) derived: Extent,
    pub(crate) source: Extent,
    pub(crate) layer: Layer,
    /// Whether the derived bytes go on what the entry before began: a frame or message that came in parts.
    pub(crate) continues: bool,
    /// The frame that carried the source; what is worth noting about it is not kept.
    pub(crate) frame: FrameRef,
}

const ENTRY: usize = 64;

/// Entries of one frame or message that are looked at, in either direction.
const REACH: u64 = 4096;

impl Origin {
    fn encode(&self) -> [u8; ENTRY] {
        let mut entry = [0; ENTRY];
        let frame = &self.frame;
        let words = [
            self.derived.at,
            self.source.at,
            frame.number,
            frame.time as u64,
            frame.at,
            u64::from(self.derived.len) << 32 | u64::from(self.source.len),
            u64::from(frame.len) << 32 | u64::from(frame.original_len),
            u64::from(frame.link) << 2 | u64::from(self.layer == Layer::Tls) << 1 | u64::from(self.continues),
        ];
        for (place, word) in entry.chunks_exact_mut(8).zip(words) {
            place.copy_from_slice(&word.to_le_bytes());
        }
        entry
    }

    fn decode(entry: &[u8; ENTRY]) -> Self {
        let word = |at: usize| {
            u64::from_le_bytes(*entry[at * 8..].first_chunk().expect("the index is a literal below eight"))
        };
        let (lens, frame_lens, rest) = (word(5), word(6), word(7));
        Self {
            derived: Extent { at: word(0), len: (lens >> 32) as u32 },
            source: Extent { at: word(1), len: lens as u32 },
            layer: if rest & 2 != 0 { Layer::Tls } else { Layer::WebSocket },
            continues: rest & 1 != 0,
            frame: FrameRef {
                number: word(2),
                time: word(3) as i64,
                since_previous: 0,
                at: word(4),
                len: (frame_lens >> 32) as u32,
                original_len: frame_lens as u32,
                link: (rest >> 2) as u16,
                analysis: Analysis::NONE,
            },
        }
    }
}

/// Keeps derived bytes, made from `sources`; where they are to be found.
///
/// # Errors
/// The store's temporary files cannot be written.
pub(crate) fn derive(
    store: &Store,
    bytes: &[u8],
    sources: &[(Extent, FrameRef)],
    layer: Layer,
    continues: bool,
) -> Result<u64, CaptureError> {
    let at = store.derive(bytes)?;
    let derived = Extent { at, len: bytes.len() as u32 };
    for &(source, frame) in sources {
        let origin = Origin { derived, source, layer, continues, frame };
        store.origins().append(&origin.encode())?;
    }
    Ok(at)
}

/// All that the derived byte at `at` was made from, and with it the rest of its frame, message or record.
pub(crate) fn of(store: &Store, at: u64) -> Vec<Origin> {
    let count = store.origins().end() / ENTRY as u64;
    let read = |index: u64| {
        let mut entry = [0; ENTRY];
        store.origins().read(index * ENTRY as u64, &mut entry).ok().map(|()| Origin::decode(&entry))
    };
    let (mut low, mut high) = (0, count);
    while low < high {
        let middle = low + (high - low) / 2;
        match read(middle) {
            Some(origin) if origin.derived.at <= at => low = middle + 1,
            Some(_) => high = middle,
            None => return Vec::new(),
        }
    }
    let Some(last) = low.checked_sub(1) else { return Vec::new() };
    let Some(found) = read(last).filter(|origin| at - origin.derived.at < origin.derived.len.into()) else {
        return Vec::new();
    };
    let mut all = vec![found];
    let mut first = found;
    for index in (last.saturating_sub(REACH)..last).rev() {
        match read(index) {
            Some(before) if first.continues || before.derived == first.derived => first = before,
            _ => break,
        }
        all.push(first);
    }
    all.reverse();
    for index in last + 1..count.min(last + REACH) {
        match read(index) {
            Some(next) if next.continues || next.derived == found.derived => all.push(next),
            _ => break,
        }
    }
    all
}
