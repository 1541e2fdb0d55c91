//! IP datagrams from their fragments.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;

use rustc_hash::FxHashMap;

use crate::Moment;
use crate::headers::{Addresses, Datagram, Fragment};
use crate::tcp::Run;

/// How long, in nanoseconds, a datagram waits for the rest of its fragments (Linux's time).
const PATIENCE: i64 = 30_000_000_000;
/// How long, in nanoseconds, copies of its fragments may come after a datagram is whole: frames are captured twice.
const COPIES: i64 = 1_000_000_000;
/// The longest payload an IP datagram can have, in bytes.
const LONGEST: u32 = 65_535;

/// What fragments have in common that belong to one datagram (RFC 791 §3.2, RFC 8200 §4.5).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Key {
    addresses: Addresses,
    identification: u32,
    protocol: u8,
}

#[derive(Default)]
struct Incomplete {
    pieces: BTreeMap<u32, Piece>,
    /// The length of the whole, once the last fragment told.
    total: Option<u32>,
    len: u32,
    number: u64,
    /// When it became whole and was given; what remains is there to know copies by.
    whole_since: Option<i64>,
}

struct Piece {
    bytes: Box<[u8]>,
    at: u64,
    carried: Moment,
}

/// A whole datagram.
pub(crate) struct Complete {
    key: Key,
    bytes: Vec<u8>,
    /// Where in `bytes` each piece begins, and where it comes from.
    pieces: Vec<(usize, u64, Moment)>,
}

/// The datagrams that wait for fragments, and the last that did.
pub(crate) struct Fragments {
    incomplete: FxHashMap<Key, Incomplete>,
    /// Oldest first; an entry whose number is not its datagram's is void.
    order: VecDeque<(i64, Key, u64)>,
    number: u64,
    held: usize,
    limit: usize,
}

impl Fragments {
    /// What one waiting datagram costs beside its pieces, and what a piece costs beside its bytes, about.
    const DATAGRAM_COST: usize = 256;
    const PIECE_COST: usize = 64;

    pub(crate) fn new(limit: usize) -> Self {
        Self { incomplete: FxHashMap::default(), order: VecDeque::new(), number: 0, held: 0, limit }
    }

    pub(crate) fn held(&self) -> usize {
        self.held
    }

    /// Takes a fragment whose data stands in `runs`; returns the datagram that it completes.
    ///
    /// A fragment that overlaps one that is there is ignored: it is the same one twice, or an attack.
    pub(crate) fn take(&mut self, fragment: &Fragment, runs: &[Run<'_>], now: Moment) -> Option<Complete> {
        self.forget(now.time.saturating_sub(PATIENCE));
        let len = fragment.data.len() as u32;
        let end = fragment.offset + len;
        if fragment.cut || len == 0 || end > LONGEST {
            return None;
        }
        let key = Key {
            addresses: fragment.addresses,
            identification: fragment.identification,
            protocol: fragment.protocol,
        };
        match self.incomplete.get(&key).and_then(|datagram| datagram.whole_since) {
            Some(since) if now.time.saturating_sub(since) <= COPIES => return None,
            Some(_) => drop(self.remove(&key)), // another datagram of the same number
            None => {}
        }
        let datagram = self.incomplete.entry(key).or_insert_with(|| {
            self.number += 1;
            self.held += Self::DATAGRAM_COST;
            self.order.push_back((now.time, key, self.number));
            Incomplete { number: self.number, ..Incomplete::default() }
        });
        if datagram.overlaps(fragment.offset, end) {
            return None;
        }
        let mut offset = fragment.offset;
        for run in runs.iter().filter(|run| !run.bytes.is_empty()) {
            self.held += run.bytes.len() + Self::PIECE_COST;
            let piece = Piece { bytes: run.bytes.into(), at: run.at, carried: run.carried };
            datagram.pieces.insert(offset, piece);
            offset += run.bytes.len() as u32;
        }
        datagram.len += len;
        if !fragment.more {
            datagram.total = Some(end);
        }
        let is_whole = datagram.total.is_some_and(|total| datagram.len >= total);
        let complete = is_whole.then(|| {
            let number = datagram.number;
            let rest = Incomplete { number, whole_since: Some(now.time), ..Incomplete::default() };
            let whole = std::mem::replace(datagram, rest);
            self.held -= whole.cost();
            whole.join(&key)
        });
        while self.held > self.limit && self.forget_oldest() {}
        complete
    }

    fn forget(&mut self, before: i64) {
        while self.order.front().is_some_and(|(time, ..)| *time < before) {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) -> bool {
        let Some((_, key, number)) = self.order.pop_front() else { return false };
        self.held -= Self::DATAGRAM_COST;
        if self.incomplete.get(&key).is_some_and(|datagram| datagram.number == number) {
            self.remove(&key);
        }
        true
    }

    fn remove(&mut self, key: &Key) -> Option<Incomplete> {
        let datagram = self.incomplete.remove(key)?;
        self.held -= datagram.cost();
        Some(datagram)
    }
}

impl Incomplete {
    /// What its pieces cost.
    fn cost(&self) -> usize {
        self.pieces.values().map(|piece| piece.bytes.len() + Fragments::PIECE_COST).sum()
    }

    fn overlaps(&self, from: u32, to: u32) -> bool {
        self.pieces
            .range(..to)
            .next_back()
            .is_some_and(|(start, piece)| start + piece.bytes.len() as u32 > from)
            || self.total.is_some_and(|total| to > total)
    }

    /// Invariant: the pieces do not overlap and are as long as the whole, so they stand side by side.
    fn join(self, key: &Key) -> Complete {
        let mut bytes = Vec::with_capacity(self.len as usize);
        let mut pieces = Vec::with_capacity(self.pieces.len());
        for piece in self.pieces.into_values() {
            pieces.push((bytes.len(), piece.at, piece.carried));
            bytes.extend_from_slice(&piece.bytes);
        }
        Complete { key: *key, bytes, pieces }
    }
}

impl Complete {
    pub(crate) fn datagram(&self) -> Datagram<'_> {
        let Key { addresses, identification, protocol } = self.key;
        Datagram { addresses, protocol, identification, bytes: &self.bytes }
    }

    /// The bytes `range`, by where they come from.
    pub(crate) fn runs(&self, range: &Range<usize>) -> Vec<Run<'_>> {
        let ends = self.pieces.iter().skip(1).map(|(start, ..)| *start).chain([self.bytes.len()]);
        self.pieces
            .iter()
            .zip(ends)
            .filter_map(|((start, at, carried), end)| {
                let (from, to) = (range.start.max(*start), range.end.min(end));
                let at = at + from.saturating_sub(*start) as u64;
                (from < to).then(|| Run { bytes: &self.bytes[from..to], at, carried: *carried })
            })
            .collect()
    }
}
