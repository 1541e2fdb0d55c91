//! Where frames begin in bytes whose borders are unknown.

use crate::{Header, Opcode, Sender};

/// Headers that must follow one another, each where the one before says, to believe in them.
const RUN: usize = 3;
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
    /// Offset of the one expected next.
    next: u64,
    /// Whether a fragmented message is open at `next`.
    open: bool,
}

/// The search for frames of one direction.
#[derive(Debug)]
pub(super) struct Search {
    sender: Sender,
    compression: bool,
    runs: Vec<Run>,
    /// The last bytes, from offset `from`.
    held: Vec<u8>,
    from: u64,
    /// Offset of the first byte not yet tried as a header. `from <= tried <= from + held.len()`.
    tried: u64,
}

impl Search {
    /// Begins at offset `at`.
    pub(super) fn new(sender: Sender, compression: bool, at: u64) -> Self {
        Self { sender, compression, runs: Vec::new(), held: Vec::new(), from: at, tried: at }
    }

    /// Bytes are missing: whatever was held cannot be connected any more. `at`: offset after them.
    pub(super) fn gap(&mut self, at: u64) {
        self.runs.clear();
        self.held.clear();
        (self.from, self.tried) = (at, at);
    }

    /// Takes the next bytes, to be searched by [`find`](Self::find).
    pub(super) fn hold(&mut self, bytes: &[u8]) {
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
    pub(super) fn find(&mut self) -> Option<u64> {
        loop {
            let header = match self.held_from(self.tried) {
                // Not to wait for the rest of what is no header.
                [first, second, ..] if !self.may_begin(*first, *second) => None,
                rest => Some(Header::parse(rest)?).filter(|header| {
                    header.is_sound(self.sender, self.compression) && header.payload_len <= MAX_PAYLOAD
                }),
            };
            let at = self.tried;
            self.tried += 1;
            let mut expected = false;
            let mut done = None;
            self.runs.retain_mut(|run| {
                if run.next != at {
                    return true;
                }
                let Some(open) = header.and_then(|header| follows(&header, run.open)) else { return false };
                expected = true;
                // A full run ends the search, so there is room.
                run.headers[run.found] = at;
                run.found += 1;
                run.open = open;
                // `follows` was given a header.
                run.next = at + header.map_or(0, |header| span(&header));
                if run.found == RUN {
                    done = done.or(Some(run.headers));
                }
                true
            });
            if let Some(headers) = done {
                // A run that is longer than what is held is taken up at the first header that is; its last one is.
                return headers.into_iter().find(|header| *header >= self.from);
            }
            let begins =
                header.filter(|_| !expected).and_then(|header| Some((header, follows(&header, false)?)));
            if let Some((header, open)) = begins {
                if self.runs.len() == MAX_RUNS {
                    let farthest = (0..MAX_RUNS).max_by_key(|run| self.runs[*run].next).unwrap_or(0);
                    self.runs.swap_remove(farthest);
                }
                self.runs.push(Run { headers: [at; RUN], found: 1, next: at + span(&header), open });
            }
        }
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
