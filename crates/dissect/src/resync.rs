//! Finding the next packet where the capture does not tell where one begins.
//!
//! A place counts as the beginning of packets once the run from there is worth [`ENOUGH`] bits of evidence: bytes of
//! another kind would look like it once in 2^44 tries. A packet is worth the bits that are fixed in it, a topic the
//! bits that a readable text has fewer than random bytes, a segment that begins or ends with a packet some more,
//! since senders write whole packets, and fewer where this direction has shown that its sender does not; so is an
//! answer that the other side waits for. What comes after the run so far must go on with it, and be what its sender may
//! send there. Nothing is given before the evidence is there, so nothing is invented.

mod evidence;

use std::ops::Range;

use mqscope_websocket::{Header, Opcode, Sender};
use mqscope_wire::{Packet, Version, frame};

use crate::lane::{FoundAt, Piece};
use crate::{FrameRef, Side, infer};

use evidence::{Opening, Rules, may_be_first, may_begin, weigh_first, weigh_run};
pub(crate) use evidence::{is_sound, may_continue};

/// Bits of evidence that decide.
const ENOUGH: u32 = 44;
/// The most that a segment's beginning is worth.
const ALIGNED_START: u32 = 8;
/// The most that its end is worth.
const ALIGNED_END: u32 = 4;

/// An acknowledgement, a PINGREQ, a DISCONNECT; of longer packets too much is fixed to doubt them.
const SHORT: usize = 4;
/// What so short a packet must be worth as the first of a run, with all that stands around it.
const FIRST_SHORT: u32 = 20;
/// What it is worth for a run's first packet that the next one is of its kind.
const SAME_AS_NEXT: u32 = 3;
/// What it is worth for it to be the first that came after a loss: that seldom ends a few bytes before a packet.
const AFTER_LOSS: u32 = 4;

/// Bytes held while the evidence does not suffice, beside the newest chunk.
const HELD_BYTES: usize = 64 * 1024;
const CANDIDATES: usize = 16;

/// The lengths of a server's WebSocket headers (RFC 6455 §5.2), and the longest.
const SERVER_HEADERS: [usize; 3] = [2, 4, 10];
const LONGEST_SERVER_HEADER: usize = 10;
/// A longer frame is not believed in.
const LONGEST_FRAME: u64 = 16 << 20;

/// What is known of the connection whose packets are searched.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hint {
    pub(crate) trust: Trust,
    /// The version, if the CONNECT told it.
    pub(crate) version: Option<Version>,
    /// The version to try first, if it did not.
    pub(crate) likely: Version,
    /// Who sends, if that is known.
    pub(crate) sender: Option<Side>,
}

/// How likely it is beforehand that the bytes are MQTT.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Trust {
    /// Any flow.
    None,
    /// The port is one that MQTT uses.
    Port,
    /// The flow is known to carry MQTT.
    Known,
}

impl Trust {
    const fn bits(self) -> u32 {
        match self {
            Self::None => 0,
            Self::Port => 8,
            Self::Known => 16,
        }
    }
}

/// What is known beside the bytes that are searched.
#[derive(Clone, Copy)]
pub(crate) struct Context<'a> {
    pub(crate) hint: Hint,
    pub(crate) segments: Segments,
    pub(crate) waiting: Waiting<'a>,
}

/// How many exchanges wait for an answer of this direction's, if a packet is the answer to one of them.
pub(crate) type Waiting<'a> = &'a dyn Fn(&Packet<'_>) -> Option<usize>;

/// Where packets begin.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Found {
    /// Offset into what the search holds.
    pub(crate) at: usize,
    /// The version in which they make sense.
    pub(crate) version: Version,
    pub(crate) place: FoundAt,
}

/// How the segments of one direction lie to its packets, or the frames and records in them. Most senders write whole
/// packets, so that a packet begins with a segment; MQTT.js writes a packet's fields one by one.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Segments {
    count: u64,
    bytes: u64,
    /// Packets, and how many of them began with a segment.
    packets: u64,
    aligned: u64,
}

impl Segments {
    /// A segment of so many bytes came.
    #[inline]
    pub(crate) fn came(&mut self, bytes: usize) {
        self.count += 1;
        self.bytes += bytes as u64;
    }

    /// Whether no byte came so far.
    pub(crate) fn is_empty(self) -> bool {
        self.count == 0
    }

    /// A packet began.
    #[inline]
    pub(crate) fn packet(&mut self, with_segment: bool) {
        self.packets += 1;
        self.aligned += u64::from(with_segment);
    }

    /// How much it speaks for a packet to begin with a segment, in bits: one byte in so many does, and of this sender's
    /// packets so many do.
    fn border_bits(self) -> u32 {
        /// Packets that were aligned, as long as nothing is known.
        const BEFOREHAND: u64 = 4;
        let by_chance = self.count.saturating_mul(self.packets + BEFOREHAND);
        let truly = self.bytes.saturating_mul(self.aligned + BEFOREHAND);
        let times = truly.checked_div(by_chance).unwrap_or(1);
        times.clamp(1, 1 << ALIGNED_START).next_power_of_two().ilog2()
    }
}

/// What went before the bytes that are searched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Before {
    /// Nothing: their first one is the stream's.
    Nothing,
    /// The stream's first bytes, which are missing.
    Loss,
    /// Other bytes that the capture has.
    #[default]
    Bytes,
}

/// Bytes without a known packet boundary, and the places where one may be.
///
/// Invariants: `held` begins with a piece or within one; candidates ascend and lie in `held`.
#[derive(Debug, Default)]
pub(crate) struct Search {
    held: Vec<u8>,
    pieces: Vec<HeldPiece>,
    candidates: Vec<usize>,
    /// The payload of the last WebSocket frame of a server's that was seen, as offsets into what is held; it may end beyond.
    in_frame: Range<usize>,
    discarded: u64,
    /// The version of the likeliest candidate, if it is not the one to try first.
    likely: Option<Version>,
    before: Before,
    /// Whether bytes are missing right before the first one held.
    lost_before: bool,
}

#[derive(Debug, Clone, Copy)]
struct HeldPiece {
    /// Offset into `held`.
    start: usize,
    at: u64,
    frame: FrameRef,
    carried: FrameRef,
    /// Whether a segment begins with it.
    begins_segment: bool,
}

impl Search {
    /// Begins with the stream, or after a loss.
    pub(crate) fn after(before: Before) -> Self {
        Self { before, lost_before: before != Before::Nothing, ..Self::default() }
    }

    /// Takes more bytes, with which a segment may begin; where packets begin, if that is certain now.
    pub(crate) fn push(
        &mut self,
        piece: Piece<'_>,
        begins_segment: bool,
        context: Context<'_>,
    ) -> Option<Found> {
        let hint = context.hint;
        let new = self.held.len();
        self.held.extend_from_slice(piece.bytes);
        self.pieces.push(HeldPiece {
            start: new,
            at: piece.at,
            frame: *piece.frame,
            carried: *piece.carried,
            begins_segment,
        });

        let mut best = None;
        let known = std::mem::take(&mut self.candidates);
        let to = if hint.trust == Trust::None { new + 1 } else { self.held.len() };
        for at in known.into_iter().chain(new..to) {
            if hint.trust < Trust::Known && hint.sender != Some(Side::Client) && self.is_in_frame(at) {
                continue;
            }
            match self.weigh(at, context, false) {
                Some((ENOUGH.., version)) => {
                    if self.before == Before::Nothing && self.is_at_start(at) {
                        return Some(Found { at, version, place: FoundAt::Start });
                    }
                    let at = at + self.doubtful(at, version, context);
                    return Some(Found { at, version, place: FoundAt::Later });
                }
                Some((bits, version)) if self.candidates.len() < CANDIDATES => {
                    self.candidates.push(at);
                    if best.is_none_or(|(most, _)| bits > most) {
                        best = Some((bits, version));
                    }
                }
                _ => {}
            }
        }
        self.likely = best.map(|(_, version)| version).filter(|version| *version != hint.likely);
        self.trim();
        None
    }

    /// No more bytes come; where packets begin, if that is certain now.
    pub(crate) fn end(&mut self, context: Context<'_>) -> Option<Found> {
        let candidates = std::mem::take(&mut self.candidates);
        let (at, version) = candidates.into_iter().find_map(|at| {
            let (bits, version) = self.weigh(at, context, true)?;
            (bits >= ENOUGH).then_some((at, version))
        })?;
        // Alone, the last packet has the stream's end to speak for it.
        let doubtful = self.doubtful(at, version, context);
        let at = if at + doubtful < self.held.len() { at + doubtful } else { at };
        Some(Found { at, version, place: FoundAt::Later })
    }

    /// The version that speaks from what may be packets, if it is not the one that was to be tried first.
    pub(crate) fn likely_version(&self) -> Option<Version> {
        self.likely
    }

    /// Bytes are missing: what is held leads nowhere.
    pub(crate) fn gap(&mut self) {
        if self.before == Before::Nothing {
            self.before = Before::Loss;
        }
        self.discarded += self.held.len() as u64;
        self.held.clear();
        self.pieces.clear();
        self.candidates.clear();
        self.in_frame = 0..0;
        self.likely = None;
        self.lost_before = true;
    }

    pub(crate) fn discarded(&self) -> u64 {
        self.discarded
    }

    /// Whether a packet at `at` would stand in a server's WebSocket frame: its header goes before the first packet in it,
    /// and has room for that, or another header follows. What follows the frame looks like a SUBSCRIBE. To be asked in
    /// ascending order, again with each push.
    fn is_in_frame(&mut self, at: usize) -> bool {
        if self.in_frame.contains(&at) || !may_begin(self.held[at]) {
            return self.in_frame.contains(&at);
        }
        let end = SERVER_HEADERS.iter().find_map(|header_len| {
            let start = at.checked_sub(*header_len)?;
            let is_sound = |header: &Header| {
                let is_short = header.payload_len <= LONGEST_FRAME;
                header.is_sound(Sender::Server, false) && !header.opcode.is_control() && is_short
            };
            let header = Header::parse(&self.held[start..]).filter(is_sound)?;
            let is_message = header.fin && header.opcode != Opcode::Continuation;
            if !is_message || usize::from(header.header_len) != *header_len {
                return None;
            }
            let end = at.checked_add(usize::try_from(header.payload_len).ok()?)?;
            let packet = frame::next(&self.held[at..]).ok()??;
            let is_followed =
                || self.held.get(end..).and_then(Header::parse).is_some_and(|next| is_sound(&next));
            (packet.len() as u64 <= header.payload_len || is_followed()).then_some(end)
        });
        if let Some(end) = end {
            self.in_frame = at..end;
        }
        end.is_some()
    }

    /// The length of the first packet of a run at `at` if what follows it is all that speaks for it: bytes that look like
    /// an acknowledgement stand before a true packet once in a while.
    fn doubtful(&self, at: usize, version: Version, context: Context<'_>) -> usize {
        let Some((weight, len)) = weigh_first(&self.held[at..], version, context.waiting) else { return 0 };
        if len > SHORT {
            return 0;
        }
        let end = at + len;
        let is_alike = self.held.get(end) == self.held.get(at);
        let is_first = self.lost_before && at == 0;
        let weight = weight + if is_alike { SAME_AS_NEXT } else { 0 } + if is_first { AFTER_LOSS } else { 0 };
        let border = |at| self.border_bits(at, context.segments);
        if weight + border(at) + border(end) >= FIRST_SHORT { 0 } else { len }
    }

    /// What it speaks for a packet to begin or to end at `at` that a segment does.
    fn border_bits(&self, at: usize, segments: Segments) -> u32 {
        if at == self.held.len() {
            segments.border_bits().min(ALIGNED_END)
        } else if self.begins_segment(at) {
            segments.border_bits()
        } else {
            0
        }
    }

    fn begins_segment(&self, at: usize) -> bool {
        let piece = self.pieces.binary_search_by_key(&at, |piece| piece.start);
        piece.is_ok_and(|piece| self.pieces[piece].begins_segment)
    }

    /// Whether no byte came before the one held at `at`.
    fn is_at_start(&self, at: usize) -> bool {
        self.discarded == 0 && at == 0
    }

    /// What is held from offset `from` on, and whether a segment begins with it.
    pub(crate) fn pieces(&self, from: usize) -> impl Iterator<Item = (Piece<'_>, bool)> {
        self.pieces.iter().enumerate().filter_map(move |(index, piece)| {
            let end = self.pieces.get(index + 1).map_or(self.held.len(), |next| next.start);
            let start = piece.start.max(from);
            let at = piece.at + (start - piece.start) as u64;
            let (frame, carried) = (&piece.frame, &piece.carried);
            let begins_segment = piece.begins_segment && start == piece.start;
            (start < end)
                .then(|| (Piece { bytes: &self.held[start..end], at, frame, carried }, begins_segment))
        })
    }

    /// Lets go of what no candidate needs, nor a header before the next byte, and of the oldest candidates if they need too
    /// much.
    fn trim(&mut self) {
        let len = self.held.len();
        while self.candidates.first().is_some_and(|&first| len - first > HELD_BYTES) {
            self.candidates.remove(0);
        }
        let needed = len.saturating_sub(LONGEST_SERVER_HEADER);
        // The same before a candidate, so that it can be asked again whether it stands in a frame.
        let first = self.candidates.first().map(|first| first.saturating_sub(LONGEST_SERVER_HEADER));
        let keep = first.map_or(needed, |first| needed.min(first));
        if keep == 0 {
            return;
        }
        self.discarded += keep as u64;
        self.lost_before = false;
        let Range { start, end } = &mut self.in_frame;
        (*start, *end) = (start.saturating_sub(keep), end.saturating_sub(keep));
        self.held.drain(..keep);
        for candidate in &mut self.candidates {
            *candidate -= keep;
        }
        let gone = self.pieces.partition_point(|piece| piece.start <= keep).saturating_sub(1);
        self.pieces.drain(..gone);
        for piece in &mut self.pieces {
            let cut = keep.saturating_sub(piece.start);
            piece.begins_segment &= cut == 0;
            piece.at += cut as u64;
            piece.start = (piece.start + cut) - keep;
        }
    }

    /// The evidence that packets begin at `at`, in the likelier of the possible versions; nothing if they cannot. `is_end`:
    /// the stream ends with what is held.
    fn weigh(&self, at: usize, context: Context<'_>, is_end: bool) -> Option<(u32, Version)> {
        let Context { hint, segments, waiting } = context;
        let bytes = &self.held[at..];
        if !may_begin(bytes[0]) {
            return None;
        }
        let begins_segment = self.begins_segment(at);
        let opening = match self.before {
            Before::Nothing | Before::Loss if self.is_at_start(at) => Opening::Possible,
            _ => Opening::Past,
        };
        let rules = Rules { sender: hint.sender, opening, is_end, waiting };
        let border = |offset| self.border_bits(at + offset, segments);
        let weigh = |version| {
            if !begins_segment && !may_be_first(bytes, version, waiting) {
                return None;
            }
            weigh_run(bytes, version, hint.trust.bits(), rules, border)
        };
        if let Some(version) = hint.version {
            return weigh(version).map(|bits| (bits, version));
        }
        let likely = infer_version(bytes, hint.likely);
        let other = if likely == Version::V5 { Version::V311 } else { Version::V5 };
        [likely, other].into_iter().find_map(|version| weigh(version).map(|bits| (bits, version)))
    }
}

/// The version that the whole packets speak for which `bytes` begin with, if they are packets.
fn infer_version(bytes: &[u8], likely: Version) -> Version {
    let (mut rest, mut version) = (bytes, likely);
    while let Ok(Some(header)) = frame::next(rest)
        && let Some((packet, behind)) = rest.split_at_checked(header.len())
    {
        version = infer::version(packet, version);
        rest = behind;
    }
    version
}
