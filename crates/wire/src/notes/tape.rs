//! How notes are kept: a word each.

use core::fmt;

use super::{Note, NoteKind};
use crate::{Field, Span, Value};

/// A note without its place and depth, which follow from the notes before it.
///
/// ```text
/// 63  shape 48 | 47  mask 40 | 39  field 32 | 31  number 0
/// ```
///
/// `shape` is the length of a number (1 to 4 bytes), [`BYTES`] for a field whose length is `number`,
/// [`WHOLE`] for a group that holds the next `number` fields, [`OPEN`] for one that goes on until [`CLOSE`].
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Record(u64);

const FIELD: u32 = 32;
const MASK: u32 = 40;
const SHAPE: u32 = 48;

const BYTES: u64 = 0;
const WHOLE: u64 = 0xf0;
const OPEN: u64 = 0xf1;
const CLOSE: u64 = 0xf2;

impl Record {
    #[inline(always)]
    pub(super) fn leaf(field: Field, span: Span, value: Value<'_>) -> Self {
        let (shape, number) = match value {
            Value::Number(number) => (u64::from(span.len), number),
            Value::Text(_) | Value::Bytes(_) => (BYTES, span.len),
        };
        Self((field as u64) << FIELD | u64::from(span.mask) << MASK | shape << SHAPE | u64::from(number))
    }

    /// A group of the next `fields` fields.
    #[inline(always)]
    pub(super) const fn whole(group: Field, fields: usize) -> Self {
        Self((group as u64) << FIELD | 0xff << MASK | WHOLE << SHAPE | fields as u64)
    }

    /// A group that goes on until it is closed.
    #[inline(always)]
    pub(super) const fn open(group: Field) -> Self {
        Self((group as u64) << FIELD | 0xff << MASK | OPEN << SHAPE)
    }

    /// The end of the group that was opened last.
    pub(super) const CLOSE: Self = Self(CLOSE << SHAPE);

    fn field(self) -> Field {
        Field::ALL[(self.0 >> FIELD & 0xff) as usize % Field::ALL.len()]
    }

    const fn mask(self) -> u8 {
        (self.0 >> MASK) as u8
    }

    const fn number(self) -> u32 {
        self.0 as u32
    }

    const fn shape(self) -> u64 {
        self.0 >> SHAPE
    }

    /// How many bytes a leaf has.
    const fn len(self) -> u32 {
        match self.shape() {
            BYTES => self.number(),
            WHOLE | OPEN | CLOSE => 0,
            len => len as u32,
        }
    }

    /// How far a leaf moves on: several fields of one byte stay in it until the one that has its last bit.
    const fn step(self) -> u32 {
        if self.mask() & 1 == 1 { self.len() } else { 0 }
    }
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:02x} {}", self.field(), self.mask(), self.number())
    }
}

/// The notes of a packet, one by one.
#[derive(Clone)]
pub struct NoteIter<'a> {
    records: &'a [Record],
    at: u32,
    /// How many groups are open, the one that is whole aside.
    depth: u8,
    /// How many fields of a whole group are still to come.
    inside: u32,
}

impl<'a> NoteIter<'a> {
    pub(super) const fn new(records: &'a [Record]) -> Self {
        Self { records, at: 0, depth: 0, inside: 0 }
    }
}

impl Iterator for NoteIter<'_> {
    type Item = Note;

    fn next(&mut self) -> Option<Note> {
        loop {
            let (&record, rest) = self.records.split_first()?;
            self.records = rest;
            let (start, mut depth) = (self.at, self.depth);
            let (kind, number, len) = match record.shape() {
                CLOSE => {
                    self.depth -= 1;
                    continue;
                }
                WHOLE => {
                    self.inside = record.number();
                    let fields = rest.iter().take(record.number() as usize);
                    (NoteKind::Group, 0, fields.map(|field| field.step()).sum())
                }
                OPEN => {
                    self.depth += 1;
                    (NoteKind::Group, 0, len_of_open(rest))
                }
                _ => {
                    if let Some(left) = self.inside.checked_sub(1) {
                        self.inside = left;
                        depth += 1;
                    }
                    self.at += record.step();
                    (NoteKind::Leaf, record.number(), record.len())
                }
            };
            let span = Span { start, len, mask: record.mask() };
            return Some(Note { field: record.field(), span, depth, kind, number });
        }
    }
}

/// How many bytes the group has whose records these are, to its close or to the last of them.
fn len_of_open(records: &[Record]) -> u32 {
    let (mut depth, mut len) = (0_usize, 0);
    for record in records {
        match record.shape() {
            OPEN => depth += 1,
            CLOSE if depth == 0 => break,
            CLOSE => depth -= 1,
            _ => len += record.step(),
        }
    }
    len
}

impl fmt::Debug for NoteIter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.clone()).finish()
    }
}
