//! Where frames begin in bytes whose borders are unknown.

use std::collections::VecDeque;

use crate::{Header, Opcode, Sender};

/// Bits of evidence that headers must have together that follow one another, each where the one before says, to be
/// believed: bytes of another kind would look like them once in 2^28 tries.
const ENOUGH: u32 = 28;
/// What a sound header is worth: so many bits of its first two bytes are fixed.
const HEADER: u32 = 5;
/// The most that it is worth that bytes that came together begin with it.
const ALIGNED: u32 = 8;
/// What speaks for the first header of a run, apart from the run: else bytes that by chance say where the true ones begin
/// would be taken for one.
const FIRST: u32 = 4;
/// What it is worth for the first header that one after it has the same first byte.
const SAME: u32 = 5;
/// What a length in eight bytes is worth that is not too long: five of them are zero.
const LONG_LENGTH: u32 = 40;
/// The most headers that [`ENOUGH`] asks for.
const RUN: usize = ENOUGH.div_ceil(HEADER) as usize;
/// Runs pursued at once; the longest frames of random bytes are given up first.
const MAX_RUNS: usize = 16;
/// Bytes held for decoding once the beginning is found.
const MAX_HELD: usize = 64 * 1024;
/// The longest payload believed.
const MAX_PAYLOAD: u64 = 16 << 20;

/// Headers that follow one another.
#[derive(Clone, Copy, Debug)]
struct Run {
    /// Their offsets: `headers[..found]`, and `1 <= found <= RUN`.
    headers: [u64; RUN],
    found: usize,
    /// Bits of evidence.
    bits: u32,
    /// What speaks for the first one: its place and the next one's, its length, and that another is of its kind.
    first_bits: u32,
    first_byte: u8,
    /// Offset of the one expected next.
    next: u64,
    /// Whether a fragmented message is open at `next`.
    open: bool,
}

/// How what comes together from one sender begins. Most write whole frames, so that it begins with one.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pushes {
    count: u64,
    bytes: u64,
    /// How many began with a frame, and how many within one; both halved where they get large.
    with: u8,
    within: u8,
}

impl Pushes {
    #[inline]
    pub(super) fn note(&mut self, with_frame: bool) {
        let count = if with_frame { &mut self.with } else { &mut self.within };
        *count += 1;
        if *count == u8::MAX {
            self.with /= 2;
            self.within /= 2;
        }
    }

    /// So many bytes came together.
    #[inline]
    pub(super) fn came(&mut self, bytes: usize) {
        self.count += 1;
        self.bytes += bytes as u64;
    }

    /// How much the beginning of what comes speaks for that of a frame, in bits: as much as few places are one, and nothing
    /// where most have begun within one.
    fn evidence(self) -> u32 {
        /// It may be the end of what was lost, or of a handshake.
        const FEW: u8 = 2;
        if self.within > self.with.saturating_add(FEW) {
            return 0;
        }
        let one_in = self.bytes.checked_div(self.count).unwrap_or(1);
        one_in.min(1 << ALIGNED).next_power_of_two().ilog2()
    }
}

/// The search for frames of one direction.
#[derive(Debug)]
pub(super) struct Search {
    sender: Sender,
    compression: bool,
    runs: Vec<Run>,
    /// Offsets, from `tried` on, of the first bytes of what came together.
    begins: VecDeque<u64>,
    /// The last bytes, from offset `from`.
    held: Vec<u8>,
    from: u64,
    /// Offset of the first byte not yet tried as a header. `from <= tried <= from + held.len()`.
    tried: u64,
}

impl Search {
    /// Begins at offset `at`.
    pub(super) fn new(sender: Sender, compression: bool, at: u64) -> Self {
        Self {
            sender,
            compression,
            runs: Vec::new(),
            begins: VecDeque::new(),
            held: Vec::new(),
            from: at,
            tried: at,
        }
    }

    /// Bytes are missing: whatever was held cannot be connected any more. `at`: offset after them.
    pub(super) fn gap(&mut self, at: u64) {
        self.runs.clear();
        self.begins.clear();
        self.held.clear();
        (self.from, self.tried) = (at, at);
    }

    /// Takes the next bytes, to be searched by [`find`](Self::find). `begin`: they are the first of what came together.
    pub(super) fn hold(&mut self, bytes: &[u8], begin: bool) {
        if begin {
            self.begins.push_back(self.from + self.held.len() as u64);
        }
        self.held.extend_from_slice(bytes);
    }

    /// What is held from offset `at` on, which [`find`](Self::find) gave.
    pub(super) fn held_from(&self, at: u64) -> &[u8] {
        &self.held[(at - self.from) as usize..]
    }

    /// What was found did not stand the test: searches on from offset `at`, which must be held.
    pub(super) fn begin_again(&mut self, at: u64) {
        self.runs.clear();
        self.tried = at;
    }

    /// The offset of the first of a run of headers; `None` if more bytes are needed.
    pub(super) fn find(&mut self, pushes: &mut Pushes) -> Option<u64> {
        loop {
            let header = match self.held_from(self.tried) {
                // Not to wait for the rest of what is no header.
                [first, second, ..] if !self.may_begin(*first, *second) => None,
                rest => Some(Header::parse(rest)?).filter(|header| {
                    header.is_sound(self.sender, self.compression) && header.payload_len <= MAX_PAYLOAD
                }),
            };
            let at = self.tried;
            let first_byte = self.held_from(at)[0];
            self.tried += 1;
            let begins = self.begins_at(at);
            if begins && header.is_none() {
                pushes.note(false);
            }
            let place = if begins { pushes.evidence() } else { 0 };
            let bits = place + header.map_or(0, |header| weigh(&header));
            let mut expected = false;
            let mut done = None;
            self.runs.retain_mut(|run| {
                if run.next != at {
                    return true;
                }
                let Some(open) = header.and_then(|header| follows(&header, run.open)) else { return false };
                expected = true;
                // A run that is believed ends the search, so there is room.
                run.headers[run.found] = at;
                run.found += 1;
                if run.found == 2 {
                    run.first_bits += place;
                }
                if first_byte == run.first_byte {
                    run.first_bits += SAME;
                }
                run.bits += bits;
                run.open = open;
                // `follows` was given a header.
                run.next = at + header.map_or(0, |header| span(&header));
                if run.bits >= ENOUGH {
                    done = done.or(Some(*run));
                }
                true
            });
            if let Some(run) = done {
                let first = usize::from(run.first_bits < FIRST);
                // A run that is longer than what is held is taken up at the first header that is; its last one is.
                return run.headers[first..run.found].iter().copied().find(|header| *header >= self.from);
            }
            let first =
                header.filter(|_| !expected).and_then(|header| Some((header, follows(&header, false)?)));
            if let Some((header, open)) = first {
                if self.runs.len() == MAX_RUNS {
                    let farthest = (0..MAX_RUNS).max_by_key(|run| self.runs[*run].next).unwrap_or(0);
                    self.runs.swap_remove(farthest);
                }
                let first_bits = bits - HEADER;
                self.runs.push(Run {
                    headers: [at; RUN],
                    found: 1,
                    bits,
                    first_bits,
                    first_byte,
                    next: at + span(&header),
                    open,
                });
            }
        }
    }

    /// Whether what came together begins at an offset, the next to be tried.
    fn begins_at(&mut self, at: u64) -> bool {
        while self.begins.front().is_some_and(|begin| *begin < at) {
            self.begins.pop_front();
        }
        self.begins.front() == Some(&at)
    }

    /// Whether a sound header may have these first bytes.
    fn may_begin(&self, first: u8, second: u8) -> bool {
        let masked = second & 0x80 != 0;
        let reserved = first & 0x30 != 0 || matches!(Opcode::new(first), Opcode::Reserved(_));
        masked == (self.sender == Sender::Client) && !reserved
    }

    /// Drops what no run needs, and what is too much: to be called after each [`hold`](Self::hold).
    pub(super) fn let_go(&mut self) {
        let needed = self.runs.iter().map(|run| run.headers[0]).min().unwrap_or(self.tried).min(self.tried);
        let end = self.from + self.held.len() as u64;
        let oldest = end.saturating_sub(MAX_HELD as u64);
        let keep = needed.max(oldest).clamp(self.from, self.tried);
        self.held.drain(..(keep - self.from) as usize);
        self.from = keep;
    }
}

/// The evidence of a sound header, wherever it stands.
fn weigh(header: &Header) -> u32 {
    let key_len = if header.mask.is_some() { 4 } else { 0 };
    let long = header.header_len == 10 + key_len;
    HEADER + if long { LONG_LENGTH } else { 0 }
}

/// Bytes from a header to the next.
fn span(header: &Header) -> u64 {
    u64::from(header.header_len) + header.payload_len
}

/// Whether `header` may come while a fragmented message is `open` or not, and whether one is afterwards.
fn follows(header: &Header, open: bool) -> Option<bool> {
    match header.opcode {
        Opcode::Continuation => open.then_some(!header.fin),
        Opcode::Text | Opcode::Binary => (!open).then_some(!header.fin),
        _ => Some(open),
    }
}
