//! How notes are kept: a word each.

use core::fmt;

use super::{Note, NoteKind};
use crate::{Field, Span, Value};

/// A note without its place, which follows from the lengths of those before it.
///
/// ```text
/// 63  depth 56 | 55  len 48 | 47  mask 40 | 39  field 32 | 31  number 0
/// ```
///
/// `len` is the length of a number (1 to 4 bytes), [`BYTES`] of a field whose length is `number`, [`GROUP`]
/// of a group, which goes on until a record that is no deeper.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Record(u64);

const FIELD: u32 = 32;
const MASK: u32 = 40;
const LEN: u32 = 48;
const DEPTH: u32 = 56;

const BYTES: u64 = 0;
const GROUP: u64 = 0xff;

impl Record {
    #[inline(always)]
    pub(super) fn leaf(field: Field, span: Span, value: Value<'_>, level: Level) -> Self {
        let (len, number) = match value {
            Value::Number(number) => (u64::from(span.len), number),
            Value::Text(_) | Value::Bytes(_) => (BYTES, span.len),
        };
        let what = (field as u64) << FIELD | u64::from(span.mask) << MASK | len << LEN;
        Self(what | level.0 | u64::from(number))
    }

    #[inline(always)]
    pub(super) fn group(field: Field, level: Level) -> Self {
        Self((field as u64) << FIELD | 0xff << MASK | GROUP << LEN | level.0)
    }

    fn field(self) -> Field {
        Field::ALL[(self.0 >> FIELD & 0xff) as usize % Field::ALL.len()]
    }

    const fn mask(self) -> u8 {
        (self.0 >> MASK) as u8
    }

    const fn depth(self) -> u8 {
        (self.0 >> DEPTH) as u8
    }

    const fn number(self) -> u32 {
        self.0 as u32
    }

    const fn is_group(self) -> bool {
        self.0 >> LEN & 0xff == GROUP
    }

    /// How many bytes a leaf has, and how far it moves on: several fields of one byte stay in it until the
    /// one that has its last bit.
    const fn len(self) -> (u32, u32) {
        let len = match self.0 >> LEN & 0xff {
            BYTES => self.number(),
            GROUP => return (0, 0),
            len => len as u32,
        };
        (len, if self.mask() & 1 == 1 { len } else { 0 })
    }
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:02x} {}", self.field(), self.mask(), self.number())
    }
}

/// How many groups are open, where a record has it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Level(u64);

impl Level {
    pub(super) const TOP: Self = Self(0);

    #[inline(always)]
    pub(super) const fn deeper(self) -> Self {
        Self(self.0.wrapping_add(1 << DEPTH))
    }

    #[inline(always)]
    pub(super) const fn higher(self) -> Self {
        Self(self.0.wrapping_sub(1 << DEPTH))
    }
}

/// The notes of a packet, one by one.
#[derive(Clone)]
pub struct NoteIter<'a> {
    records: &'a [Record],
    at: u32,
}

impl<'a> NoteIter<'a> {
    pub(super) const fn new(records: &'a [Record]) -> Self {
        Self { records, at: 0 }
    }
}

impl Iterator for NoteIter<'_> {
    type Item = Note;

    fn next(&mut self) -> Option<Note> {
        let (record, rest) = self.records.split_first()?;
        let (start, depth) = (self.at, record.depth());
        let (kind, len) = if record.is_group() {
            let inside = rest.iter().take_while(|inner| inner.depth() > depth);
            (NoteKind::Group, inside.map(|inner| inner.len().1).sum())
        } else {
            let (len, on) = record.len();
            self.at += on;
            (NoteKind::Leaf, len)
        };
        self.records = rest;
        let span = Span { start, len, mask: record.mask() };
        Some(Note { field: record.field(), span, depth, kind, number: record.number() })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.records.len(), Some(self.records.len()))
    }
}

impl ExactSizeIterator for NoteIter<'_> {}

impl fmt::Debug for NoteIter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.clone()).finish()
    }
}
