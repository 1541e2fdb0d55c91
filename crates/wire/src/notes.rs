//! The observer that writes everything down.

mod tape;

use alloc::vec::Vec;
use core::ops::ControlFlow;

use crate::frame::Frame;
use crate::{Field, Observer, Span, Value, Violation};
pub use tape::NoteIter;
use tape::Record;

/// Whether a note is about a field or about a group of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoteKind {
    /// A field. The leaves of an accepted packet tile it.
    Leaf,
    /// Covers the notes that follow it and lie deeper.
    Group,
}

/// A field or group that was met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Note {
    field: Field,
    span: Span,
    depth: u8,
    kind: NoteKind,
    number: u32,
}

impl Note {
    /// What it is.
    pub const fn field(&self) -> Field {
        self.field
    }

    /// Where it stands in the packet.
    pub const fn span(&self) -> Span {
        self.span
    }

    /// How many groups are around it.
    pub const fn depth(&self) -> u8 {
        self.depth
    }

    /// Field or group.
    pub const fn kind(&self) -> NoteKind {
        self.kind
    }

    /// The value of a numeric field, the length in bytes of a string or of bytes, zero for a group.
    pub const fn number(&self) -> u64 {
        self.number as u64
    }
}

/// Records every field, group and violation into buffers that are used again.
///
/// A field takes one word at most, since a packet has dozens and each must be written while decoding but is seldom
/// read: where it stands follows from the lengths of those before it, which is why fields must come in the
/// order of the packet's bytes. After an error, the notes up to the error are kept; groups that were open
/// end where the notes end.
#[derive(Clone, Debug, Default)]
pub struct Notes {
    records: Vec<Record>,
    violations: Vec<(Violation, Span)>,
}

impl Notes {
    /// Empty, without a buffer yet.
    pub const fn new() -> Self {
        Self { records: Vec::new(), violations: Vec::new() }
    }

    /// Forgets everything but keeps the buffers.
    #[inline]
    pub fn clear(&mut self) {
        self.records.clear();
        self.violations.clear();
    }

    /// What was met, in the order of the packet's bytes, a group before what it holds.
    #[inline]
    pub fn notes(&self) -> NoteIter<'_> {
        NoteIter::new(&self.records)
    }

    /// The rules that were broken, in the order they were noticed.
    #[inline]
    pub fn violations(&self) -> &[(Violation, Span)] {
        &self.violations
    }
}

impl Observer for Notes {
    #[inline(always)]
    fn field(&mut self, field: Field, span: Span, value: Value<'_>) {
        self.records.push(Record::leaf(field, span, value));
    }

    #[inline(always)]
    fn header(&mut self, frame: Frame) {
        self.records.push(Record::header(frame));
    }

    // What kinds of fields these are is known where they are read: of the loop nothing is left there but their values.
    #[inline(always)]
    fn fields<const N: usize>(&mut self, group: Option<Field>, fields: [(Field, Span, Value<'_>); N]) {
        let mut records = [Record::CLOSE; N];
        let mut len = 0;
        for (index, &(field, span, value)) in fields.iter().enumerate() {
            let is_prefixed = index > 0 && matches!(value, Value::Text(_) | Value::Bytes(_));
            len -= usize::from(is_prefixed);
            records[len] = match is_prefixed {
                true => Record::prefixed(field, span.len),
                false => Record::leaf(field, span, value),
            };
            len += 1;
        }
        match (group, records.first_mut()) {
            (Some(group), Some(first)) if first.is_byte() && N < 256 => {
                *first = first.beginning(group, len as u8);
                self.records.extend_from_slice(&records[..len]);
            }
            (Some(group), _) => {
                self.records.push(Record::open(group));
                self.records.extend_from_slice(&records[..len]);
                self.records.push(Record::CLOSE);
            }
            (None, _) => self.records.extend_from_slice(&records[..len]),
        }
    }

    #[inline(always)]
    fn enter(&mut self, group: Field, _: u32) {
        self.records.push(Record::open(group));
    }

    #[inline(always)]
    fn leave(&mut self, _: u32) {
        self.records.push(Record::CLOSE);
    }

    fn violation(&mut self, violation: Violation, span: Span) -> ControlFlow<()> {
        self.violations.push((violation, span));
        ControlFlow::Continue(())
    }
}
