//! The observer that writes everything down.

use alloc::vec::Vec;
use core::ops::ControlFlow;

use crate::{DecodeError, Field, Observer, Span, Value, Violation};

/// Whether a note is about a field or about a group of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoteKind {
    /// A field. The leaves of an accepted packet tile it.
    Leaf,
    /// Covers the notes that follow it and lie deeper.
    Group,
}

/// A field or group that was met. Sixteen bytes, since a packet has dozens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Note {
    start: u32,
    len: u32,
    number: u32,
    field: Field,
    mask: u8,
    depth: u8,
    kind: NoteKind,
}

impl Note {
    /// What it is.
    pub fn field(&self) -> Field {
        self.field
    }

    /// Where it stands in the packet.
    pub fn span(&self) -> Span {
        Span { start: self.start, len: self.len, mask: self.mask }
    }

    /// How many groups are around it.
    pub fn depth(&self) -> u8 {
        self.depth
    }

    /// Field or group.
    pub fn kind(&self) -> NoteKind {
        self.kind
    }

    /// The value of a numeric field, the length in bytes of a string or of bytes, zero for a group.
    pub fn number(&self) -> u64 {
        self.number.into()
    }
}

/// Records every field, group and violation into buffers that are used again.
///
/// After an error, the notes up to the error are kept; groups that were open end where the notes end.
#[derive(Clone, Debug, Default)]
pub struct Notes {
    notes: Vec<Note>,
    violations: Vec<(Violation, Span)>,
    /// Indices of the groups that are open.
    open: Vec<u32>,
}

impl Notes {
    /// Empty, without a buffer yet.
    pub const fn new() -> Self {
        Self { notes: Vec::new(), violations: Vec::new(), open: Vec::new() }
    }

    /// Forgets everything but keeps the buffers.
    #[inline]
    pub fn clear(&mut self) {
        self.notes.clear();
        self.violations.clear();
        self.open.clear();
    }

    /// What was met, in the order of the packet's bytes, a group before what it holds.
    #[inline]
    pub fn notes(&self) -> &[Note] {
        &self.notes
    }

    /// The rules that were broken, in the order they were noticed.
    #[inline]
    pub fn violations(&self) -> &[(Violation, Span)] {
        &self.violations
    }
}

impl Observer for Notes {
    #[inline]
    fn field(&mut self, field: Field, span: Span, value: Value<'_>) {
        let number = match value {
            Value::Number(number) => number,
            Value::Text(_) | Value::Bytes(_) => span.len,
        };
        let depth = self.open.len() as u8;
        let (start, len, mask) = (span.start, span.len, span.mask);
        self.notes.push(Note { start, len, number, field, mask, depth, kind: NoteKind::Leaf });
    }

    #[inline]
    fn enter(&mut self, group: Field, at: u32) {
        let depth = self.open.len() as u8;
        self.open.push(self.notes.len() as u32);
        self.notes.push(Note {
            start: at,
            len: 0,
            number: 0,
            field: group,
            mask: 0xff,
            depth,
            kind: NoteKind::Group,
        });
    }

    #[inline]
    fn leave(&mut self, at: u32) {
        if let Some(index) = self.open.pop()
            && let Some(group) = self.notes.get_mut(index as usize)
        {
            group.len = at - group.start;
        }
    }

    fn violation(&mut self, violation: Violation, span: Span) -> ControlFlow<()> {
        self.violations.push((violation, span));
        ControlFlow::Continue(())
    }

    fn failed(&mut self, _: &DecodeError) {
        let end = self.notes.last().map_or(0, |note| note.start + note.len);
        while !self.open.is_empty() {
            self.leave(end);
        }
    }
}
