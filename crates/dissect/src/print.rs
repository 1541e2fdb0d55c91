//! Packets on paper: one line of text, the annotated bytes, JSON Lines, tables of fields.
//!
//! Nothing from the wire reaches a terminal as it is: see [`escape`](crate::escape).

pub mod fields;
pub mod hex;
pub mod json;
pub mod text;

mod time;

/// What a piece of output is, for whoever colours it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ink {
    /// Of no particular meaning.
    Plain,
    /// Of less interest: times, units, brackets.
    Faint,
    /// Addresses and client identifiers.
    Place,
    /// The packet type.
    Kind,
    /// A topic or topic filter.
    Topic,
    /// Bytes in hexadecimal or decimal.
    Bytes,
    /// A field's name.
    Name,
    /// A field's value.
    Value,
    /// Where the specification says so.
    Clause,
    /// A broken rule, or a refusal.
    Warning,
    /// What cannot be read.
    Error,
}

/// Takes output piece by piece.
pub trait Canvas {
    /// Appends `text`, which is safe for a terminal.
    fn put(&mut self, ink: Ink, text: &str);
}

impl Canvas for Vec<u8> {
    #[inline]
    fn put(&mut self, _: Ink, text: &str) {
        self.extend_from_slice(text.as_bytes());
    }
}

impl Canvas for String {
    #[inline]
    fn put(&mut self, _: Ink, text: &str) {
        self.push_str(text);
    }
}
