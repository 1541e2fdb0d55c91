//! One direction of a connection: from ordered bytes to whole packets.
//!
//! In step, packets are cut from the chunks in place; only one that ends in a later chunk is copied, and of a long
//! one only the beginning: its bytes stand in the store. Out of step, bytes are held, within bounds, until a
//! plausible run of packets is found ([`resync`](crate::resync)).

use mqscope_wire::{DecodeError, Packet, Version, frame};

use crate::resync::{Before, Context, Found, Hint, Search, Segments, is_sound, may_continue};
use crate::{Extent, FrameRef};

/// Bytes of an unfinished packet that are kept at hand. A longer packet is read from the store once it is whole.
const HELD_BYTES: usize = 16 * 1024;

/// Frames of one packet that are remembered, beside the one that completes it.
const FRAMES: usize = 256;

/// Bytes that came together.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Piece<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) at: u64,
    /// The frame that completed the stream up to and with these bytes.
    pub(crate) frame: &'a FrameRef,
    /// The frame that carried them: mostly the same.
    pub(crate) carried: &'a FrameRef,
}

/// A packet found in the stream, or what there is of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Unit<'a> {
    /// Its bytes; fewer than `len` if they have to be read from the store.
    pub(crate) bytes: &'a [u8],
    pub(crate) len: u64,
    pub(crate) extents: &'a [Extent],
    /// The frame that completed it.
    pub(crate) frame: &'a FrameRef,
    /// The frames that carried the others of its bytes.
    pub(crate) frames: &'a [FrameRef],
    pub(crate) kind: UnitKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UnitKind {
    Whole,
    /// Whole, but that a packet begins here is a guess.
    Guessed,
    /// The capture does not have the rest.
    Cut,
    /// The connection ended in the middle of it, or its length is no length.
    Broken,
}

/// What the taker of a packet thinks of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Fine,
    /// It does not decode: the next packet may not begin where this one says it ends.
    Malformed,
}

/// Where in a stream packets were found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FoundAt {
    /// Before any other byte of a stream whose first bytes the capture has.
    Start,
    Later,
}

/// Takes the packets of one direction.
pub(crate) trait Taker {
    fn take(&mut self, unit: Unit<'_>) -> Verdict;

    /// The packets that follow were found by searching, and make sense in `version`.
    fn found(&mut self, version: Version, place: FoundAt);

    /// How many exchanges wait for an answer of this direction's, if the packet is the answer to one of them.
    fn waiting(&self, packet: &Packet<'_>) -> Option<usize>;
}

#[derive(Debug)]
pub(crate) struct Lane {
    mode: Mode,
    partial: Partial,
    segments: Segments,
    /// The last packet did not decode, so the next may not begin where it said it ends.
    doubt: bool,
    /// So many packets must keep all rules, in either version, before it is believed that what a search found in a flow
    /// without a CONNECT is MQTT at all: the payload of a WebSocket frame is followed by another frame's header.
    unproven: u8,
    /// They did.
    is_proven: bool,
}

#[derive(Debug)]
enum Mode {
    /// A packet begins where the last one ended.
    InStep,
    Searching(Box<Search>),
}

/// Packets that must keep all rules after a search in a flow without a CONNECT.
const PROBATION: u8 = 8;

/// How often a run that a search found may break within the bytes that the search held. More are not worth a search.
const RESUMES: u32 = 8;

impl Lane {
    pub(crate) fn in_step() -> Self {
        Self {
            mode: Mode::InStep,
            partial: Partial::default(),
            segments: Segments::default(),
            doubt: false,
            unproven: 0,
            is_proven: false,
        }
    }

    /// A lane whose beginning is there but is not what it should be.
    pub(crate) fn searching_from_start() -> Self {
        Self { mode: Mode::Searching(Box::new(Search::after(Before::Nothing))), ..Self::in_step() }
    }

    /// A lane whose beginning is not there.
    pub(crate) fn searching() -> Self {
        Self { mode: Mode::Searching(Box::new(Search::after(Before::Loss))), ..Self::in_step() }
    }

    /// Whether packets were found by searching, and enough that kept all rules followed.
    pub(crate) fn is_proven(&self) -> bool {
        self.is_proven
    }

    pub(crate) fn is_in_step(&self) -> bool {
        matches!(self.mode, Mode::InStep)
    }

    /// The next bytes.
    #[inline]
    pub(crate) fn data(&mut self, piece: Piece<'_>, hint: Hint, taker: &mut impl Taker) {
        self.segments.came(piece.bytes.len());
        let rest = match self.mode {
            Mode::InStep => self.cut(piece, hint, UnitKind::Whole, taker),
            Mode::Searching(_) => Some(piece),
        };
        if let Some(rest) = rest {
            let begins_segment = rest.at == piece.at;
            self.search(rest, begins_segment, hint, taker, RESUMES);
        }
    }

    /// Bytes are missing before the next ones; 0 if nobody knows how many.
    pub(crate) fn gap(&mut self, missing: u64, taker: &mut impl Taker) {
        if let Mode::Searching(search) = &mut self.mode {
            search.gap();
        } else if missing == 0 || !self.partial.skip(missing) {
            self.partial.flush(UnitKind::Cut, taker);
            let before = if self.segments.is_empty() { Before::Loss } else { Before::Bytes };
            self.mode = Mode::Searching(Box::new(Search::after(before)));
        }
    }

    /// The version that speaks from what is being searched.
    pub(crate) fn likely_version(&self) -> Option<Version> {
        match &self.mode {
            Mode::InStep => None,
            Mode::Searching(search) => search.likely_version(),
        }
    }

    /// No more bytes come: what there is of a packet is all there is.
    pub(crate) fn end(&mut self, kind: UnitKind, hint: Hint, taker: &mut impl Taker) {
        if let Mode::Searching(search) = &mut self.mode
            && kind == UnitKind::Broken
        {
            let waiting = |packet: &Packet<'_>| taker.waiting(packet);
            let found = search.end(Context { hint, segments: self.segments, waiting: &waiting });
            if let Some(found) = found {
                self.go_on(found, hint, taker, 0);
            }
        }
        self.partial.flush(kind, taker);
        *self = Self::in_step();
    }

    /// Bytes that have been searched and have given nothing.
    pub(crate) fn searched(&self) -> u64 {
        match &self.mode {
            Mode::InStep => 0,
            Mode::Searching(search) => search.discarded(),
        }
    }

    /// Cuts packets from `piece`; what is left of it where there is no telling how to go on.
    #[inline]
    fn cut<'p>(
        &mut self,
        piece: Piece<'p>,
        hint: Hint,
        kind: UnitKind,
        taker: &mut impl Taker,
    ) -> Option<Piece<'p>> {
        let mut rest = piece;
        if self.partial.have > 0 {
            rest = match self.finish_partial(rest, kind, taker) {
                Ok(rest) => rest,
                Err(Lost(rest)) => return Some(rest),
            };
        }
        while !rest.bytes.is_empty() {
            if self.doubt {
                self.doubt = false;
                if !may_continue(rest.bytes, hint.version.unwrap_or(Version::V311)) {
                    return Some(rest);
                }
            }
            self.segments.packet(rest.at == piece.at);
            let len = match frame::next(rest.bytes) {
                Ok(Some(header)) if header.len() <= rest.bytes.len() => header.len(),
                Ok(_) => {
                    if self.unproven > 0 && !is_sound(rest.bytes) {
                        return Some(rest);
                    }
                    // Cannot fail: these very bytes were just looked at.
                    let _ = self.partial.extend(rest);
                    return None;
                }
                Err(_) => {
                    let head = rest.bytes.len().min(5);
                    taker.take(Unit::at_hand(&rest, head, &[rest.extent(head)], UnitKind::Broken));
                    return Some(rest.after(head));
                }
            };
            if self.unproven > 0 && !self.prove(&rest.bytes[..len]) {
                return Some(rest);
            }
            let verdict = taker.take(Unit::at_hand(&rest, len, &[rest.extent(len)], kind));
            self.doubt = verdict == Verdict::Malformed;
            rest = rest.after(len);
        }
        None
    }

    /// Whether the next packet, too, keeps all rules.
    #[cold]
    fn prove(&mut self, packet: &[u8]) -> bool {
        let is_sound = is_sound(packet);
        self.unproven = if is_sound { self.unproven - 1 } else { 0 };
        self.is_proven |= is_sound && self.unproven == 0;
        is_sound
    }

    /// Whether the packet that was not whole until now keeps all rules. If not, it is forgotten.
    #[cold]
    fn prove_partial(&mut self) -> bool {
        let held = std::mem::take(&mut self.partial.held);
        let is_sound = self.prove(&held);
        self.partial.held = held;
        if !is_sound {
            self.partial.clear();
        }
        is_sound
    }

    /// Takes what belongs to the unfinished packet; what follows it.
    fn finish_partial<'p>(
        &mut self,
        piece: Piece<'p>,
        kind: UnitKind,
        taker: &mut impl Taker,
    ) -> Result<Piece<'p>, Lost<'p>> {
        let Ok(taken) = self.partial.extend(piece) else {
            self.partial.flush(UnitKind::Broken, taker);
            return Err(Lost(piece));
        };
        if self.partial.is_whole() {
            if self.unproven > 0 && !self.prove_partial() {
                return Err(Lost(piece.after(taken)));
            }
            let verdict = if self.partial.holed {
                // Its end was counted, not read: whatever its bytes say, the next packet begins there.
                self.partial.flush(UnitKind::Cut, taker);
                Verdict::Fine
            } else {
                self.partial.flush(kind, taker)
            };
            self.doubt = verdict == Verdict::Malformed;
        }
        Ok(piece.after(taken))
    }

    #[cold]
    fn search(
        &mut self,
        piece: Piece<'_>,
        begins_segment: bool,
        hint: Hint,
        taker: &mut impl Taker,
        resumes: u32,
    ) {
        if self.is_in_step() {
            self.partial.clear();
            self.doubt = false;
            self.mode = Mode::Searching(Box::default());
        }
        let Mode::Searching(search) = &mut self.mode else { return };
        if piece.bytes.is_empty() || resumes == 0 {
            return;
        }
        let waiting = |packet: &Packet<'_>| taker.waiting(packet);
        let context = Context { hint, segments: self.segments, waiting: &waiting };
        if let Some(found) = search.push(piece, begins_segment, context) {
            self.go_on(found, hint, taker, resumes - 1);
        }
    }

    /// Cuts packets from what a search holds, now that it is known where they begin.
    fn go_on(&mut self, found: Found, hint: Hint, taker: &mut impl Taker, resumes: u32) {
        let Mode::Searching(search) = std::mem::replace(&mut self.mode, Mode::InStep) else { return };
        taker.found(found.version, found.place);
        self.unproven = if hint.version.is_none() { PROBATION } else { 0 };
        for (piece, begins_segment) in search.pieces(found.at) {
            let rest = match self.mode {
                Mode::InStep => self.cut(piece, hint, UnitKind::Guessed, taker),
                Mode::Searching(_) => Some(piece),
            };
            if let Some(rest) = rest {
                let begins_segment = begins_segment && rest.at == piece.at;
                self.search(rest, begins_segment, hint, taker, resumes);
            }
        }
    }
}

/// There is no telling where in these bytes the next packet begins.
struct Lost<'p>(Piece<'p>);

impl Piece<'_> {
    fn after(self, len: usize) -> Self {
        Self { bytes: &self.bytes[len..], at: self.at + len as u64, ..self }
    }

    fn extent(&self, len: usize) -> Extent {
        Extent { at: self.at, len: len as u32 }
    }
}

impl<'a> Unit<'a> {
    fn at_hand(piece: &Piece<'a>, len: usize, extents: &'a [Extent], kind: UnitKind) -> Self {
        let frames = if piece.carried.number == piece.frame.number {
            &[]
        } else {
            std::slice::from_ref(piece.carried)
        };
        Self { bytes: &piece.bytes[..len], len: len as u64, extents, frame: piece.frame, frames, kind }
    }
}

/// A packet whose end has not come yet.
///
/// Invariants: `held.len() == min(have, HELD_BYTES)` unless `holed`; the extents cover `have` bytes, holes apart.
#[derive(Debug, Default)]
struct Partial {
    /// Its first bytes.
    held: Vec<u8>,
    extents: Vec<Extent>,
    /// Bytes seen, holes counted.
    have: u64,
    /// Its length, once the fixed header is there.
    len: Option<u64>,
    /// The capture lacks bytes in its middle: only what stands before them can be shown.
    holed: bool,
    /// The frame that completed its newest bytes.
    frame: Option<FrameRef>,
    /// The frames that carried them, as far as a reader may want to see them.
    frames: Vec<FrameRef>,
}

impl Partial {
    /// Takes what belongs to the packet from the beginning of `bytes`; how much that was.
    ///
    /// # Errors
    /// Its Remaining Length is no length.
    fn extend(&mut self, Piece { bytes, at, frame, carried }: Piece<'_>) -> Result<usize, DecodeError> {
        let mut taken = 0;
        while self.len.is_none() && taken < bytes.len() {
            self.held.push(bytes[taken]);
            taken += 1;
            self.len = frame::next(&self.held)?.map(|header| header.len() as u64);
        }
        if let Some(len) = self.len {
            let rest = (len - self.have - taken as u64).min((bytes.len() - taken) as u64) as usize;
            if !self.holed {
                let room = HELD_BYTES.saturating_sub(self.held.len()).min(rest);
                self.held.extend_from_slice(&bytes[taken..taken + room]);
            }
            taken += rest;
        }
        self.have += taken as u64;
        self.frame = Some(*frame);
        if self.frames.len() < FRAMES && self.frames.last().is_none_or(|last| last.number != carried.number) {
            self.frames.push(*carried);
        }
        if !self.holed && taken > 0 {
            self.extents.push(Extent { at, len: taken as u32 });
        }
        Ok(taken)
    }

    fn is_whole(&self) -> bool {
        self.len == Some(self.have)
    }

    /// Goes past bytes that the capture does not have, if all of them belong to this packet and it goes on after
    /// them: then its end is still known.
    fn skip(&mut self, missing: u64) -> bool {
        let fits = self.len.is_some_and(|len| self.have > 0 && self.have + missing < len);
        if fits {
            self.have += missing;
            self.holed = true;
        }
        fits
    }

    /// Gives what there is, if anything, and begins anew.
    fn flush(&mut self, kind: UnitKind, taker: &mut impl Taker) -> Verdict {
        let mut verdict = Verdict::Fine;
        if let Some(frame) = &self.frame
            && !self.held.is_empty()
        {
            let len = self.extents.iter().map(|extent| u64::from(extent.len)).sum();
            let bytes = &self.held[..];
            let frames = match &self.frames[..] {
                // the completing frame is known anyway
                [others @ .., last] if last.number == frame.number => others,
                all => all,
            };
            verdict = taker.take(Unit { bytes, len, extents: &self.extents, frame, frames, kind });
        }
        self.clear();
        verdict
    }

    fn clear(&mut self) {
        self.held.clear();
        if self.held.capacity() > HELD_BYTES {
            self.held.shrink_to(HELD_BYTES);
        }
        self.extents.clear();
        self.extents.shrink_to(64);
        self.frames.clear();
        self.frames.shrink_to(16);
        (self.have, self.len, self.holed, self.frame) = (0, None, false, None);
    }
}
