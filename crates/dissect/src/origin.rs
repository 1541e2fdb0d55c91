//! Where derived bytes came from: the way back from what was decrypted, unmasked or inflated to what was captured.
//!
//! The store keeps an entry of fixed size for each piece that derived bytes were made from, in the order in which
//! the derived bytes stand; so the entries of a place are found by bisection, and nothing of it takes memory.

use mqscope_capture::{CaptureError, Store};
use mqscope_stream::Analysis;
use mqscope_websocket::Header;

use crate::trail::Place;
use crate::{Extent, FrameRef};

/// What stands between TCP's bytes and MQTT's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Layer {
    /// A TLS record; derived from it is what it encrypts.
    Tls,
    /// A WebSocket frame; derived from it is its payload, without mask and compression.
    WebSocket,
}

/// What derived bytes were made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Made {
    /// From a TLS record, or a part of it.
    Record,
    /// From a WebSocket frame, or a part of it or of its compressed message.
    Frame,
    /// From whole WebSocket frames side by side, none compressed: their payloads, one after the other. One entry stands
    /// for them all, and their headers tell which is which.
    Frames,
}

impl Made {
    fn layer(self) -> Layer {
        match self {
            Self::Record => Layer::Tls,
            Self::Frame | Self::Frames => Layer::WebSocket,
        }
    }
}

/// One piece that derived bytes were made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    pub(crate) derived: Extent,
    pub(crate) source: Extent,
    pub(crate) made: Made,
    /// The last entry of what the derived bytes go on with: a frame or message that came in parts.
    pub(crate) before: Option<u64>,
    /// The frame that carried the source; what is worth noting about it is not kept.
    pub(crate) frame: FrameRef,
}

const ENTRY: usize = 64;

/// Entries of one frame or message that are looked at.
const REACH: usize = 4096;

impl Origin {
    pub(crate) fn layer(&self) -> Layer {
        self.made.layer()
    }

    /// Of several frames, the one that the derived byte at `at` is from.
    fn narrow(&self, store: &Store, at: u64) -> Option<Self> {
        let mut bytes = vec![0; self.source.len as usize];
        store.read(self.source.at, &mut bytes).ok()?;
        let (mut derived, mut source) = (self.derived.at, 0);
        loop {
            let header = Header::parse(bytes.get(source..)?)?;
            let len = u32::try_from(header.payload_len).ok()?;
            let frame =
                Extent { at: self.source.at + source as u64, len: u32::from(header.header_len) + len };
            if at < derived + u64::from(len) {
                return Some(Self { derived: Extent { at: derived, len }, source: frame, ..*self });
            }
            derived += u64::from(len);
            source += frame.len as usize;
        }
    }

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
            self.before.map_or(0, |before| before + 1) << 18 | u64::from(frame.link) << 2 | self.made as u64,
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
            made: match rest & 3 {
                0 => Made::Record,
                1 => Made::Frame,
                _ => Made::Frames,
            },
            before: (rest >> 18).checked_sub(1),
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

/// Where derived bytes are kept.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kept {
    pub(crate) at: u64,
    /// The last entry about them, for what goes on with them.
    pub(crate) last: Option<u64>,
}

/// Keeps derived bytes, made from what stands at `places`; `before` is the last entry of what they go on with.
///
/// # Errors
/// The store's temporary files cannot be written.
#[inline]
pub(crate) fn derive<'a>(
    store: &Store,
    bytes: &[u8],
    places: impl Iterator<Item = Place<'a>>,
    made: Made,
    before: Option<u64>,
) -> Result<Kept, CaptureError> {
    let mut last = before;
    let at = store.derive(bytes, |at, notes_at, notes| {
        let derived = Extent { at, len: bytes.len() as u32 };
        for (index, Place { extent: source, frame, .. }) in (notes_at / ENTRY as u64..).zip(places) {
            let origin = Origin { derived, source, made, before, frame: *frame };
            notes.extend_from_slice(&origin.encode());
            last = Some(index);
        }
    })?;
    Ok(Kept { at, last })
}

/// All that the derived byte at `at` was made from, and with it what came before of its frame, message or record.
pub(crate) fn of(store: &Store, at: u64) -> Vec<Origin> {
    let kept = store.notes();
    let read = |index: u64| {
        let mut entry = [0; ENTRY];
        store.read_notes(index * ENTRY as u64, &mut entry).ok().map(|()| Origin::decode(&entry))
    };
    let (mut low, mut high) = (kept.start / ENTRY as u64, kept.end / ENTRY as u64);
    while low < high {
        let middle = low + (high - low) / 2;
        match read(middle) {
            Some(origin) if origin.derived.at <= at => low = middle + 1,
            Some(_) => high = middle,
            None => return Vec::new(),
        }
    }
    let mut all: Vec<Origin> = Vec::new();
    let mut next = low.checked_sub(1);
    while let Some(index) = next
        && let Some(origin) = read(index)
        && all.len() < REACH
    {
        let is_part = match all.last() {
            None => at - origin.derived.at < origin.derived.len.into(),
            Some(later) => later.derived == origin.derived || later.before == Some(index),
        };
        if is_part && origin.made == Made::Frames {
            return origin.narrow(store, at).into_iter().collect();
        }
        if is_part {
            // Entries of the same bytes stand side by side.
            next = index.checked_sub(1);
            all.push(origin);
        } else {
            // The entry is of other bytes, so those read last were the first of theirs.
            next = all.last().and_then(|later| later.before);
            if next == Some(index) || next.is_none() {
                break;
            }
        }
    }
    all.reverse();
    all
}
