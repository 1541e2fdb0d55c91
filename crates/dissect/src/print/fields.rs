//! Tables of fields: tshark's `-T fields`.

use std::io::Write as _;
use std::str::FromStr;

use super::time::{Stamp, push_decimal, push_seconds};
use crate::PacketView;
use crate::annotate::Secrets;
use crate::escape::{is_plain, is_unsafe};
use crate::fields::{FieldId, FieldValue, Radix, values_shown};

/// How a table looks: what tshark's `-E` sets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableStyle {
    /// Whether the names of the fields stand above.
    pub header: bool,
    /// Between columns.
    pub separator: char,
    /// Between the values of one field.
    pub aggregator: char,
    /// Around a value, or rather around all values of one field.
    pub quote: Option<char>,
    /// Which values of a field that has several.
    pub occurrence: Occurrence,
    /// What a row is.
    pub row: RowPer,
}

/// Which values of a field are given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Occurrence {
    /// The first.
    First,
    /// The last.
    Last,
    /// All.
    All,
}

/// What a row of a table is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowPer {
    /// One MQTT packet.
    Packet,
    /// One frame, with the values of all packets that it completed.
    Frame,
}

impl Default for TableStyle {
    fn default() -> Self {
        Self {
            header: false,
            separator: '\t',
            aggregator: ',',
            quote: None,
            occurrence: Occurrence::All,
            row: RowPer::Packet,
        }
    }
}

/// A setting of `-E` that is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no setting of a table: header=y|n, separator=/t|/s|CHARACTER, aggregator=,|/s|CHARACTER, quote=d|s|n, \
     occurrence=f|l|a"
)]
pub struct TableSettingError(pub String);

impl TableStyle {
    /// Takes one setting, as `-E` does: `header=y`, `separator=,`.
    ///
    /// # Errors
    /// It is no such setting.
    pub fn set(&mut self, setting: &str) -> Result<(), TableSettingError> {
        let refused = || TableSettingError(setting.to_owned());
        let (name, value) = setting.split_once('=').ok_or_else(refused)?;
        match (name, value) {
            ("header", "y") => self.header = true,
            ("header", "n") => self.header = false,
            ("separator", _) => self.separator = character(value).ok_or_else(refused)?,
            ("aggregator", _) => self.aggregator = character(value).ok_or_else(refused)?,
            ("quote", "d") => self.quote = Some('"'),
            ("quote", "s") => self.quote = Some('\''),
            ("quote", "n") => self.quote = None,
            ("occurrence", "f") => self.occurrence = Occurrence::First,
            ("occurrence", "l") => self.occurrence = Occurrence::Last,
            ("occurrence", "a") => self.occurrence = Occurrence::All,
            _ => return Err(refused()),
        }
        Ok(())
    }
}

fn character(value: &str) -> Option<char> {
    match value {
        "/t" => Some('\t'),
        "/s" => Some(' '),
        _ => char::from_str(value).ok(),
    }
}

/// Writes rows of fields.
#[derive(Debug)]
pub struct Table {
    style: TableStyle,
    secrets: Secrets,
    columns: Vec<Column>,
    stamp: Stamp,
    /// The frame whose packets are being collected, if a row is a frame.
    frame: Option<u64>,
}

#[derive(Debug)]
struct Column {
    field: FieldId,
    /// Whether it says something about the frame, not the packet.
    of_frame: bool,
    /// What stands in the row so far.
    cell: Vec<u8>,
    values: u64,
}

impl Table {
    /// A table of these columns.
    pub fn new(fields: impl IntoIterator<Item = FieldId>, style: TableStyle, secrets: Secrets) -> Self {
        let column = |field: FieldId| {
            let of_frame = !field.name().starts_with("mqtt.") && !field.is_of_carrier();
            Column { field, of_frame, cell: Vec::new(), values: 0 }
        };
        let columns = fields.into_iter().map(column).collect();
        Self { style, secrets, columns, stamp: Stamp::tshark(), frame: None }
    }

    /// Appends what stands above the rows, if anything.
    pub fn begin(&self, out: &mut Vec<u8>) {
        if !self.style.header {
            return;
        }
        for (index, column) in self.columns.iter().enumerate() {
            if index > 0 {
                push_char(out, self.style.separator);
            }
            out.extend_from_slice(column.field.name().as_bytes());
        }
        out.push(b'\n');
    }

    /// Takes a packet: appends its row, or that of the frame before.
    pub fn push(&mut self, out: &mut Vec<u8>, packet: &PacketView<'_>) {
        let again = match self.style.row {
            RowPer::Packet => false,
            RowPer::Frame if self.frame == Some(packet.frame()) => true,
            RowPer::Frame => {
                self.end(out);
                self.frame = Some(packet.frame());
                false
            }
        };
        for column in &mut self.columns {
            if !(again && column.of_frame) {
                column.collect(packet, &self.style, self.secrets, &mut self.stamp);
            }
        }
        if self.style.row == RowPer::Packet {
            self.write(out);
        }
    }

    /// Appends the row that was not complete before the last packet was known.
    pub fn end(&mut self, out: &mut Vec<u8>) {
        if self.frame.take().is_some() {
            self.write(out);
        }
    }

    /// Drops the row of the frame whose packets are being collected.
    pub fn discard(&mut self) {
        self.frame = None;
        for column in &mut self.columns {
            column.clear();
        }
    }

    fn write(&mut self, out: &mut Vec<u8>) {
        let TableStyle { separator, quote, .. } = self.style;
        for (index, column) in self.columns.iter_mut().enumerate() {
            if index > 0 {
                push_char(out, separator);
            }
            match quote {
                Some(quote) if column.values > 0 => {
                    push_char(out, quote);
                    push_quoted(out, &column.cell, quote as u8);
                    push_char(out, quote);
                }
                _ => out.extend_from_slice(&column.cell),
            }
            column.clear();
        }
        out.push(b'\n');
    }
}

impl Column {
    fn clear(&mut self) {
        self.cell.clear();
        self.values = 0;
    }

    fn collect(&mut self, packet: &PacketView<'_>, style: &TableStyle, secrets: Secrets, stamp: &mut Stamp) {
        let Self { field, cell, values, .. } = self;
        values_shown(*field, packet, secrets, &mut |value| {
            *values += 1;
            if *values > 1 {
                match style.occurrence {
                    Occurrence::First => return,
                    Occurrence::Last => cell.clear(),
                    Occurrence::All => push_char(cell, style.aggregator),
                }
            }
            push_value(cell, value, field.radix(), stamp);
        });
    }
}

/// Appends a value as tshark writes it.
fn push_value(out: &mut Vec<u8>, value: FieldValue<'_>, radix: Radix, stamp: &mut Stamp) {
    // Writing to a Vec does not fail.
    match (value, radix) {
        (FieldValue::Unsigned(number), Radix::Decimal) => push_decimal(out, number),
        (FieldValue::Unsigned(number), Radix::Hexadecimal(digits)) => {
            drop(write!(out, "0x{number:0width$x}", width = usize::from(digits)));
        }
        (FieldValue::Boolean(value), _) => out.push(if value { b'1' } else { b'0' }),
        (FieldValue::Text(text), _) => push_text(out, text),
        (FieldValue::Bytes([]), _) => out.extend_from_slice(b"<MISSING>"),
        (FieldValue::Bytes(bytes), _) => push_hex(out, bytes),
        (FieldValue::Ether([a, b, c, d, e, f]), _) => {
            drop(write!(out, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{f:02x}"));
        }
        (FieldValue::Ipv4(address), _) => drop(write!(out, "{address}")),
        (FieldValue::Ipv6(address), _) => drop(write!(out, "{address}")),
        (FieldValue::Time(time), _) => stamp.push(out, time, 9),
        (FieldValue::Duration(time), _) => push_seconds(out, time, 9),
        (FieldValue::Presence, _) => out.push(b'1'),
    }
}

/// Tab and line ends as tshark escapes them; other controls, which it does not escape, as `\x1b` and `\u{9b}`.
fn push_text(out: &mut Vec<u8>, text: &[u8]) {
    if is_plain(text) {
        return out.extend_from_slice(text);
    }
    for char in String::from_utf8_lossy(text).chars() {
        // Writing to a Vec does not fail.
        match char {
            '\t' => out.extend_from_slice(b"\\t"),
            '\n' => out.extend_from_slice(b"\\n"),
            '\r' => out.extend_from_slice(b"\\r"),
            _ if char.is_ascii_control() => drop(write!(out, "\\x{:02x}", u32::from(char))),
            _ if is_unsafe(char) => drop(write!(out, "\\u{{{:x}}}", u32::from(char))),
            _ => push_char(out, char),
        }
    }
}

fn push_hex(out: &mut Vec<u8>, bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    out.extend(
        bytes.iter().flat_map(|byte| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 0xf)]]),
    );
}

/// Within quotes, a quote is written twice (RFC 4180 §2.7).
fn push_quoted(out: &mut Vec<u8>, cell: &[u8], quote: u8) {
    for &byte in cell {
        if byte == quote {
            out.push(quote);
        }
        out.push(byte);
    }
}

fn push_char(out: &mut Vec<u8>, char: char) {
    out.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_taken_as_tshark_takes_them() {
        let mut style = TableStyle::default();
        for setting in ["header=y", "separator=/s", "aggregator=;", "quote=d", "occurrence=l"] {
            style.set(setting).unwrap();
        }
        let expected = TableStyle {
            header: true,
            separator: ' ',
            aggregator: ';',
            quote: Some('"'),
            occurrence: Occurrence::Last,
            row: RowPer::Packet,
        };
        assert_eq!(style, expected);
        for wrong in ["header", "header=x", "separator=ab", "bom=z", ""] {
            assert_eq!(style.set(wrong), Err(TableSettingError(wrong.to_owned())));
        }
    }

    #[test]
    fn text_keeps_to_its_cell() {
        let mut out = Vec::new();
        push_text(&mut out, "t\tab\nnl\x1b[0m é \u{9b}".as_bytes());
        assert_eq!(String::from_utf8(out).unwrap(), r"t\tab\nnl\x1b[0m é \u{9b}");
    }
}
