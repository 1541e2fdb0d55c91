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
    /// Indices of the groups that are open; the first `depth` count.
    open: [u32; MAX_DEPTH],
    /// How many groups are open.
    depth: u8,
}

/// No packet nests deeper: a CONNECT's will properties hold properties.
const MAX_DEPTH: usize = 4;

impl Notes {
    /// Empty, without a buffer yet.
    pub const fn new() -> Self {
        Self { notes: Vec::new(), violations: Vec::new(), open: [0; MAX_DEPTH], depth: 0 }
    }

    /// Forgets everything but keeps the buffers.
    #[inline]
    pub fn clear(&mut self) {
        self.notes.clear();
        self.violations.clear();
        self.depth = 0;
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

impl Note {
    #[inline(always)]
    fn leaf(field: Field, span: Span, value: Value<'_>, depth: u8) -> Self {
        let number = match value {
            Value::Number(number) => number,
            Value::Text(_) | Value::Bytes(_) => span.len,
        };
        Self { start: span.start, len: span.len, number, field, mask: span.mask, depth, kind: NoteKind::Leaf }
    }

    #[inline(always)]
    fn group(field: Field, start: u32, len: u32, depth: u8) -> Self {
        Self { start, len, number: 0, field, mask: 0xff, depth, kind: NoteKind::Group }
    }
}

impl Observer for Notes {
    #[inline(always)]
    fn field(&mut self, field: Field, span: Span, value: Value<'_>) {
        self.notes.push(Note::leaf(field, span, value, self.depth));
    }

    #[inline(always)]
    fn fields<const N: usize>(&mut self, group: Option<Field>, fields: [(Field, Span, Value<'_>); N]) {
        let mut depth = self.depth;
        self.notes.reserve(N + 1);
        if let (Some(group), Some((_, first, _)), Some((_, last, _))) = (group, fields.first(), fields.last())
        {
            self.notes.push(Note::group(group, first.start, last.end() - first.start, depth));
            depth += 1;
        }
        self.notes.extend(fields.map(|(field, span, value)| Note::leaf(field, span, value, depth)));
    }

    #[inline(always)]
    fn enter(&mut self, group: Field, at: u32) {
        if let Some(open) = self.open.get_mut(usize::from(self.depth)) {
            *open = self.notes.len() as u32;
        }
        self.notes.push(Note::group(group, at, 0, self.depth));
        self.depth += 1;
    }

    #[inline(always)]
    fn leave(&mut self, at: u32) {
        self.depth -= 1;
        if let Some(index) = self.open.get(usize::from(self.depth))
            && let Some(group) = self.notes.get_mut(*index as usize)
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
        while self.depth > 0 {
            self.leave(end);
        }
    }
}
