//! `summary.json`: the summary as its JSON Schema (`schema/summary.schema.json`) describes it.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};

use crate::Summary;

/// Writes the summary, objects one field a line and lists of figures on one, so that it can be read and compared by people.
///
/// # Errors
/// When the sink fails.
pub fn write(summary: &Summary, to: &mut dyn Write) -> io::Result<()> {
    let mut serializer = Serializer::with_formatter(&mut *to, Layout::default());
    summary.serialize(&mut serializer)?;
    writeln!(to)
}

/// Breaks lines around the members of objects, and around those elements of arrays that are objects.
#[derive(Default)]
struct Layout {
    /// What is open, outermost first.
    open: Vec<Open>,
}

#[derive(Clone, Copy, PartialEq)]
enum Open {
    EmptyObject,
    Object,
    /// Elements so far are none, or figures on one line.
    Array,
    ArrayOfObjects,
}

impl Layout {
    fn line<W: Write + ?Sized>(&self, to: &mut W) -> io::Result<()> {
        write!(to, "\n{:width$}", "", width = 2 * self.open.len())
    }
}

impl Formatter for Layout {
    fn begin_object<W: Write + ?Sized>(&mut self, to: &mut W) -> io::Result<()> {
        if matches!(self.open.last(), Some(Open::Array | Open::ArrayOfObjects)) {
            self.line(to)?;
            self.open.pop();
            self.open.push(Open::ArrayOfObjects);
        }
        self.open.push(Open::EmptyObject);
        to.write_all(b"{")
    }

    fn begin_object_key<W: Write + ?Sized>(&mut self, to: &mut W, first: bool) -> io::Result<()> {
        self.open.pop();
        self.open.push(Open::Object);
        if !first {
            to.write_all(b",")?;
        }
        self.line(to)
    }

    fn begin_object_value<W: Write + ?Sized>(&mut self, to: &mut W) -> io::Result<()> {
        to.write_all(b": ")
    }

    fn end_object<W: Write + ?Sized>(&mut self, to: &mut W) -> io::Result<()> {
        if self.open.pop() == Some(Open::Object) {
            self.line(to)?;
        }
        to.write_all(b"}")
    }

    fn begin_array<W: Write + ?Sized>(&mut self, to: &mut W) -> io::Result<()> {
        self.open.push(Open::Array);
        to.write_all(b"[")
    }

    fn begin_array_value<W: Write + ?Sized>(&mut self, to: &mut W, first: bool) -> io::Result<()> {
        match self.open.last() {
            _ if first => Ok(()),
            Some(Open::ArrayOfObjects) => to.write_all(b","),
            _ => to.write_all(b", "),
        }
    }

    fn end_array<W: Write + ?Sized>(&mut self, to: &mut W) -> io::Result<()> {
        if self.open.pop() == Some(Open::ArrayOfObjects) {
            self.line(to)?;
        }
        to.write_all(b"]")
    }
}
