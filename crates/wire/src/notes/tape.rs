//! How notes are kept: a word each, or less.

use core::fmt;

use super::{Note, NoteKind};
use crate::frame::Frame;
use crate::reader::header_parts;
use crate::{Field, Span, Value};

/// A note, or several that follow from one another, without place and depth, which follow from the notes before it.
///
/// ```text
/// 63  shape 48 | 47  mask 40 | 39  field 32 | 31  number 0
/// ```
///
/// `shape` is the length of a number (1 to 4 bytes), [`BYTES`] for a field whose length is `number`, or one of those
/// after it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Record(u64);

const FIELD: u32 = 32;
const MASK: u32 = 40;
const SHAPE: u32 = 48;
/// In the number of a [`WHOLE`].
const RECORDS: u32 = 8;
const GROUP: u32 = 16;

const BYTES: u64 = 0;
/// As [`BYTES`], and before it the field of two bytes that says the length.
const PREFIXED: u64 = 0xf0;
/// The fixed header: `field` is the first byte, `mask` how many bytes it has, `number` the Remaining Length.
const HEADER: u64 = 0xf1;
/// A number of one byte, with which a group begins: `number` is the byte, of how many records the group consists, and
/// the group.
const WHOLE: u64 = 0xf2;
/// A group that goes on until [`CLOSE`].
const OPEN: u64 = 0xf3;
const CLOSE: u64 = 0xf4;

impl Record {
    #[inline(always)]
    pub(super) fn leaf(field: Field, span: Span, value: Value<'_>) -> Self {
        let (shape, number) = match value {
            Value::Number(number) => (u64::from(span.len), number),
            Value::Text(_) | Value::Bytes(_) => (BYTES, span.len),
        };
        Self((field as u64) << FIELD | u64::from(span.mask) << MASK | shape << SHAPE | u64::from(number))
    }

    /// A string or bytes of that length behind their length.
    #[inline(always)]
    pub(super) const fn prefixed(field: Field, len: u32) -> Self {
        Self((field as u64) << FIELD | 0xff << MASK | PREFIXED << SHAPE | len as u64)
    }

    #[inline(always)]
    pub(super) const fn header(frame: Frame) -> Self {
        let (first, len) = (frame.first as u64, frame.header_len as u64);
        Self(first << FIELD | len << MASK | HEADER << SHAPE | frame.remaining as u64)
    }

    /// Whether it is the leaf of a byte or of some of its bits.
    #[inline(always)]
    pub(super) const fn is_byte(self) -> bool {
        self.shape() == 1 && self.number() <= 0xff
    }

    /// Such a leaf as the first of all records of a group.
    #[inline(always)]
    pub(super) const fn beginning(self, group: Field, records: u8) -> Self {
        Self(self.0 ^ (1 ^ WHOLE) << SHAPE | (records as u64) << RECORDS | (group as u64) << GROUP)
    }

    /// A group that goes on until it is closed.
    #[inline(always)]
    pub(super) const fn open(group: Field) -> Self {
        Self((group as u64) << FIELD | 0xff << MASK | OPEN << SHAPE)
    }

    /// The end of the group that was opened last.
    pub(super) const CLOSE: Self = Self(CLOSE << SHAPE);

    const fn byte(self, at: u32) -> u8 {
        (self.0 >> at) as u8
    }

    const fn mask(self) -> u8 {
        self.byte(MASK)
    }

    const fn number(self) -> u32 {
        self.0 as u32
    }

    #[inline(always)]
    const fn shape(self) -> u64 {
        self.0 >> SHAPE
    }

    /// How far it moves on: several fields of one byte stay in it until the one that has its last bit.
    const fn step(self) -> u32 {
        let len = match self.shape() {
            BYTES => self.number(),
            PREFIXED => return 2 + self.number(),
            HEADER => return self.mask() as u32,
            OPEN | CLOSE => return 0,
            WHOLE => 1,
            len => len as u32,
        };
        if self.mask() & 1 == 1 { len } else { 0 }
    }
}

fn field(number: u8) -> Field {
    Field::ALL[usize::from(number) % Field::ALL.len()]
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// The notes of a packet, one by one.
#[derive(Clone)]
pub struct NoteIter<'a> {
    records: &'a [Record],
    /// How many notes of the first record were given.
    given: usize,
    at: u32,
    /// How many groups are open, the one that is whole aside.
    depth: u8,
    /// How many records of a whole group are still to come.
    inside: u8,
}

impl<'a> NoteIter<'a> {
    pub(super) const fn new(records: &'a [Record]) -> Self {
        Self { records, given: 0, at: 0, depth: 0, inside: 0 }
    }

    fn group(&self, field: Field, len: u32) -> Note {
        let span = Span::bytes(self.at, len);
        Note { field, span, depth: self.depth, kind: NoteKind::Group, number: 0 }
    }

    fn leaf(&self, field: Field, span: Span, number: u32) -> Note {
        let depth = self.depth + u8::from(self.inside > 0);
        Note { field, span, depth, kind: NoteKind::Leaf, number }
    }

    /// The note of a record of which `self.given` were given, and whether it is the record's last.
    fn note_of(&mut self, record: Record, rest: &[Record]) -> (Note, bool) {
        let (at, mask, number) = (self.at, record.mask(), record.number());
        let named = field(record.byte(FIELD));
        match (record.shape(), self.given) {
            (HEADER, 0) => {
                self.inside = 1;
                (self.group(Field::FixedHeader, mask.into()), false)
            }
            (HEADER, part) => {
                let first = record.byte(FIELD);
                match header_parts(first).get(part - 1) {
                    Some(&(field, mask)) => {
                        let bits = (first & mask) >> mask.trailing_zeros();
                        (self.leaf(field, Span::bits(at, mask), bits.into()), false)
                    }
                    None => {
                        let span = Span::bytes(at + 1, u32::from(mask) - 1);
                        (self.leaf(Field::RemainingLength, span, number), true)
                    }
                }
            }
            (WHOLE, 0) => {
                self.inside = record.byte(RECORDS);
                let others = usize::from(self.inside) - 1;
                let len = record.step() + rest.iter().take(others).map(|record| record.step()).sum::<u32>();
                (self.group(field(record.byte(GROUP)), len), false)
            }
            (WHOLE, _) => (self.leaf(named, Span::bits(at, mask), record.byte(0).into()), true),
            (PREFIXED, 0) => (self.leaf(named.length(), Span::bytes(at, 2), number), false),
            (PREFIXED, _) => (self.leaf(named, Span::bytes(at + 2, number), number), true),
            (OPEN, _) => {
                let group = self.group(named, len_of_open(rest));
                self.depth += 1;
                (group, true)
            }
            (BYTES, _) => (self.leaf(named, Span::bytes(at, number), number), true),
            (len, _) => {
                let span = Span { start: at, len: len as u32, mask };
                (self.leaf(named, span, number), true)
            }
        }
    }
}

impl Iterator for NoteIter<'_> {
    type Item = Note;

    fn next(&mut self) -> Option<Note> {
        while let Some((&Record::CLOSE, rest)) = self.records.split_first() {
            self.depth -= 1;
            self.records = rest;
        }
        let (&record, rest) = self.records.split_first()?;
        let (note, is_last) = self.note_of(record, rest);
        self.given += 1;
        if is_last {
            self.records = rest;
            self.given = 0;
            self.at += record.step();
            self.inside = self.inside.saturating_sub(1);
        }
        Some(note)
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
