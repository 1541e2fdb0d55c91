//! What a decode tells besides the packet, and to whom.

use core::ops::ControlFlow;

use crate::frame::Frame;
use crate::reader::tell_header;
use crate::{DecodeError, Field, Severity, Text, Violation};

/// Where a field stands in the packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// The first byte, counted from the packet's own first byte.
    pub start: u32,
    /// How many bytes.
    pub len: u32,
    /// The bits of the byte that are the field's: 0xff for whole bytes, less only where `len` is 1.
    pub mask: u8,
}

impl Span {
    /// Whole bytes.
    #[inline(always)]
    pub const fn bytes(start: u32, len: u32) -> Self {
        Self { start, len, mask: 0xff }
    }

    /// Some bits of one byte.
    #[inline(always)]
    pub const fn bits(at: u32, mask: u8) -> Self {
        Self { start: at, len: 1, mask }
    }

    /// The first byte after the span.
    #[inline]
    pub const fn end(self) -> u32 {
        self.start + self.len
    }
}

/// What a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'b> {
    /// An integer, or the value of some bits moved down to bit 0.
    Number(u32),
    /// A string, which is only in [`Strict`]'s world sure to be well formed.
    Text(Text<'b>),
    /// Bytes without a meaning of their own.
    Bytes(&'b [u8]),
}

/// Hears of every field and every broken rule while a packet is decoded.
///
/// The fields come in the order of the packet's bytes, each byte and bit once; groups nest.
pub trait Observer {
    /// A field was read.
    #[inline(always)]
    fn field(&mut self, field: Field, span: Span, value: Value<'_>) {
        let _ = (field, span, value);
    }

    /// Several fields in a row, which are all there is in `group` if there is one: the same as to
    /// [`enter`](Self::enter) it, hear of each [`field`](Self::field) and [`leave`](Self::leave) it.
    /// A string or bytes that are not the first of them come after their length, a field of two bytes.
    #[inline(always)]
    fn fields<const N: usize>(&mut self, group: Option<Field>, fields: [(Field, Span, Value<'_>); N]) {
        let end = fields.last().map_or(0, |(_, span, _)| span.end());
        if let (Some(group), Some((_, first, _))) = (group, fields.first()) {
            self.enter(group, first.start);
        }
        for (field, span, value) in fields {
            self.field(field, span, value);
        }
        if group.is_some() {
            self.leave(end);
        }
    }

    /// The fixed header was read: the same as to hear of its [`fields`](Self::fields).
    #[inline(always)]
    fn header(&mut self, frame: Frame) {
        tell_header(frame, self);
    }

    /// A group of fields begins at byte `at`.
    #[inline(always)]
    fn enter(&mut self, group: Field, at: u32) {
        let _ = (group, at);
    }

    /// The group entered last ends before byte `at`.
    #[inline(always)]
    fn leave(&mut self, at: u32) {
        let _ = at;
    }

    /// Legal to parse, illegal by the specification. `Break` turns it into an error.
    fn violation(&mut self, violation: Violation, span: Span) -> ControlFlow<()>;

    /// The decode ends here; groups that are open stay so.
    #[inline(always)]
    fn failed(&mut self, error: &DecodeError) {
        let _ = error;
    }
}

/// The first violation of [`Severity::Error`] is an error; records nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Strict;

impl Observer for Strict {
    #[inline]
    fn violation(&mut self, violation: Violation, _: Span) -> ControlFlow<()> {
        match violation.severity() {
            Severity::Error => ControlFlow::Break(()),
            Severity::Warning => ControlFlow::Continue(()),
        }
    }
}

/// Carries on whatever rule is broken; records nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Lenient;

impl Observer for Lenient {
    #[inline(always)]
    fn violation(&mut self, _: Violation, _: Span) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}
