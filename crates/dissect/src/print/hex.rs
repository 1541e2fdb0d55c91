//! A packet's bytes with what they say, one line a field.
//!
//! ```text
//! PUBLISH, MQTT 3.1.1, 12 bytes
//!   30                       0011....  Packet Type       PUBLISH (3)
//!                            ....0...  DUP               0
//!                            .....00.  QoS               0 (at most once)
//!                            .......0  RETAIN            0
//!   0a                                 Remaining Length  10 bytes
//!   00 04                              Topic Length      4 bytes
//!   74 65 73 74                        Topic             test
//!   74 65 73 74                        Payload           test
//! ```

use std::fmt::Write as _;

use mqscope_wire::{
    DecodeError, Field, Note, NoteKind, Notes, Packet, PacketType, Span, Version, Violation, decode,
};
use unicode_width::UnicodeWidthStr;

use super::{Canvas, Ink};
use crate::annotate::{self, Secrets};
use crate::{AnyBreach, Body, CarrierMessage, Finding, PacketView, carrier, escape};

/// How bytes are annotated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct HexStyle {
    /// The form.
    pub layout: Layout,
    /// Whether the section of the specification stands behind each field.
    pub clauses: Clauses,
    /// How much of a long field is shown.
    pub bytes: Shown,
    /// Whether passwords are shown.
    pub secrets: Secrets,
}

/// The form of annotated bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Layout {
    /// Hexadecimal, name and value, in columns.
    #[default]
    Hex,
    /// A JavaScript buffer with comments, as in mqtt-packet's documentation: decimal.
    Buffer,
}

/// Whether sections of the specification are named.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Clauses {
    /// No.
    #[default]
    Hidden,
    /// Behind each field.
    Shown,
}

/// How much of a long field's bytes is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Shown {
    /// The first 64 of them.
    #[default]
    Beginning,
    /// All.
    All,
}

/// Bytes a line.
const ROW: usize = 8;
/// Bytes of a field that are shown of a long one, and characters of its value.
const BEGINNING: usize = 64;
const VALUE_CHARS: usize = 200;

/// Annotates packets, into buffers that are used again.
#[derive(Debug, Default)]
pub struct HexPrinter {
    style: HexStyle,
    notes: Notes,
}

impl HexPrinter {
    /// A printer of this style.
    pub fn new(style: HexStyle) -> Self {
        Self { style, notes: Notes::new() }
    }

    /// Annotates a packet of a capture, under a line that says where it stands there.
    pub fn view(&mut self, packet: &PacketView<'_>, canvas: &mut impl Canvas) {
        let (from, to) = (packet.flow.address(packet.side), packet.flow.address(packet.side.opposite()));
        let since = crate::time::seconds(packet.time() - packet.start);
        canvas.put(Ink::Faint, &format!("{} {since} ", packet.frame()));
        canvas.put(Ink::Place, &format!("{from} → {to}"));
        if let Some(id) = packet.flow.client_id() {
            canvas.put(Ink::Place, &format!(" {}", escape::text(id)));
        }
        canvas.put(Ink::Plain, "\n");
        match packet.body {
            // The view says already whether it could be decoded.
            Body::Packet(_) => {
                let _ = self.annotate(packet.bytes, packet.version(), packet.findings.0, canvas);
            }
            Body::Carrier(message) => self.carrier(message, packet.bytes, canvas),
        }
    }

    /// Shows what a message of a lower layer says.
    fn carrier(&self, message: CarrierMessage, bytes: &[u8], canvas: &mut impl Canvas) {
        canvas.put(Ink::Kind, message.name());
        canvas.put(Ink::Faint, &format!(", {} bytes\n", bytes.len()));
        let facts = carrier::facts(message, bytes);
        let width = facts.iter().map(|fact| fact.label.width()).max().unwrap_or(0);
        for fact in &facts {
            canvas.put(Ink::Name, &format!("  {:width$}  ", fact.label));
            canvas.put(Ink::Value, &fact.shown(self.style.secrets));
            canvas.put(Ink::Plain, "\n");
        }
    }

    /// Annotates the one packet that `bytes` are, and shows what is wrong with it. `Ok` is the packet.
    ///
    /// # Errors
    /// Why it cannot be decoded; what stands before the error was shown.
    pub fn packet<'b>(
        &mut self,
        bytes: &'b [u8],
        version: Version,
        canvas: &mut impl Canvas,
    ) -> Result<Packet<'b>, DecodeError> {
        self.annotate(bytes, version, &[], canvas)
    }

    /// The rules that the packet annotated last breaks.
    pub fn violations(&self) -> &[(Violation, Span)] {
        self.notes.violations()
    }

    fn annotate<'b>(
        &mut self,
        bytes: &'b [u8],
        version: Version,
        findings: &[Finding],
        canvas: &mut impl Canvas,
    ) -> Result<Packet<'b>, DecodeError> {
        self.notes.clear();
        let packet = decode(bytes, version, &mut self.notes);
        // A CONNECT is under the rules of the version it brings.
        let version = match &packet {
            Ok(Packet::Connect(connect)) => connect.version,
            _ => version,
        };
        let page = Page { bytes, version, style: self.style, notes: &self.notes, findings };
        match self.style.layout {
            Layout::Hex => page.hex(packet.as_ref().err(), canvas),
            Layout::Buffer => page.buffer(packet.as_ref().err(), canvas),
        }
        packet
    }
}

/// One packet, about to be printed.
struct Page<'a> {
    bytes: &'a [u8],
    version: Version,
    style: HexStyle,
    notes: &'a Notes,
    findings: &'a [Finding],
}

impl Page<'_> {
    fn hex(&self, error: Option<&DecodeError>, canvas: &mut impl Canvas) {
        let kind = PacketType::from_first_byte(self.bytes.first().copied().unwrap_or_default());
        canvas.put(Ink::Kind, kind.name());
        canvas.put(Ink::Faint, &format!(", MQTT {}, {} bytes\n", self.version, self.bytes.len()));
        let leaves = || self.notes.notes().filter(|note| note.kind() == NoteKind::Leaf);
        let name_width = leaves().map(|note| indent(&note) + note.field().label().width()).max().unwrap_or(0);
        let mut breaches = self.breaches();
        let mut shown_to = 0;
        for note in leaves() {
            let span = note.span();
            self.hex_rows(&note, shown_to, name_width, canvas);
            shown_to = shown_to.max(span.end());
            breaches.retain(|&(breach, at)| {
                let here = at.end() <= span.end();
                if here {
                    self.hex_breach(breach, canvas);
                }
                !here
            });
        }
        for (breach, _) in breaches {
            self.hex_breach(breach, canvas);
        }
        if let Some(error) = error {
            self.hex_rest(shown_to, canvas);
            canvas.put(Ink::Error, &format!("  error: {error}\n"));
        }
    }

    /// A field: its bytes, in as many rows as they need, its bits, name and value.
    fn hex_rows(&self, note: &Note, shown_to: u32, name_width: usize, canvas: &mut impl Canvas) {
        let span = note.span();
        // The flags of one byte show it once.
        let bytes = if span.start < shown_to { &[] } else { self.slice(span) };
        let (bytes, more) = self.beginning(bytes);
        let mut rows = bytes.chunks(ROW);
        if self.is_hidden(note.field()) {
            rows = [].chunks(ROW);
        }
        let bits = if span.mask == 0xff { String::new() } else { bits(self.slice(span), span.mask) };
        canvas.put(
            Ink::Bytes,
            &format!("  {:<width$}", hex(rows.next().unwrap_or_default()), width = ROW * 3 + 1),
        );
        canvas.put(Ink::Faint, &format!("{bits:<10}"));
        let name = note.field().label();
        canvas.put(Ink::Name, &format!("{:indent$}{name}", "", indent = indent(note)));
        let value = annotate::value(note, self.bytes, self.version, self.style.secrets);
        if !value.is_empty() {
            canvas.put(Ink::Plain, &" ".repeat(name_width - indent(note) - name.width() + 2));
            canvas.put(value_ink(note.field()), &self.shortened(value));
        }
        self.hex_clause(note.field(), canvas);
        canvas.put(Ink::Plain, "\n");
        for row in rows {
            canvas.put(Ink::Bytes, &format!("  {}\n", hex(row)));
        }
        if more > 0 {
            canvas.put(Ink::Faint, &format!("  … {more} bytes more\n"));
        }
    }

    fn is_hidden(&self, field: Field) -> bool {
        annotate::is_secret(field) && self.style.secrets == Secrets::Redacted
    }

    fn hex_clause(&self, field: Field, canvas: &mut impl Canvas) {
        if self.style.clauses == Clauses::Shown {
            canvas.put(Ink::Clause, &format!("  §{}", field.clause(self.version)));
        }
    }

    fn hex_breach(&self, breach: AnyBreach, canvas: &mut impl Canvas) {
        canvas.put(Ink::Warning, &format!("  ! {}: {}", breach.id(self.version), breach.text()));
        if self.style.clauses == Clauses::Shown {
            canvas.put(Ink::Faint, &format!("; {}", breach.fix()));
        }
        canvas.put(Ink::Plain, "\n");
    }

    /// The bytes that no field could be made of.
    fn hex_rest(&self, from: u32, canvas: &mut impl Canvas) {
        let rest = self.bytes.get(from as usize..).unwrap_or_default();
        let (rest, more) = self.beginning(rest);
        for row in rest.chunks(ROW) {
            canvas.put(Ink::Error, &format!("  {}\n", hex(row)));
        }
        if more > 0 {
            canvas.put(Ink::Faint, &format!("  … {more} bytes more\n"));
        }
    }

    /// What a JavaScript array of the bytes looks like, with a comment for each field.
    fn buffer(&self, error: Option<&DecodeError>, canvas: &mut impl Canvas) {
        let lines = self.buffer_lines(error);
        canvas.put(Ink::Plain, "Buffer.from([\n");
        for (index, line) in lines.iter().enumerate() {
            canvas.put(Ink::Bytes, &format!("  {}", line.numbers));
            canvas.put(Ink::Plain, if index + 1 < lines.len() { "," } else { "" });
            canvas.put(line.ink, &format!(" // {}\n", line.comment));
        }
        canvas.put(Ink::Plain, "])\n");
        for (breach, _) in self.breaches() {
            canvas.put(Ink::Warning, &format!("// {}: {}\n", breach.id(self.version), breach.text()));
        }
        if let Some(error) = error {
            canvas.put(Ink::Error, &format!("// error: {error}\n"));
        }
    }

    fn buffer_lines(&self, error: Option<&DecodeError>) -> Vec<BufferLine> {
        let mut lines = Vec::new();
        let mut end = 0;
        for note in self.notes.notes() {
            let (span, field) = (note.span(), note.field());
            // mqtt-packet's documentation has the fixed header in one line, and so has each byte of flags.
            let is_header = field == Field::FixedHeader;
            let is_line = note.kind() == NoteKind::Leaf || is_header || span.len == 1;
            if !is_line || span.start < end || span.len == 0 {
                continue;
            }
            let comment = if is_header { self.header() } else { self.comment(&note) };
            let numbers = match self.is_hidden(field) {
                true => format!("/* {} bytes */", span.len),
                false => decimal(self.slice(span)),
            };
            lines.push(BufferLine { numbers, comment, ink: Ink::Name });
            end = span.end();
        }
        let rest = self.bytes.get(end as usize..).unwrap_or_default();
        if error.is_some() && !rest.is_empty() {
            lines.push(BufferLine {
                numbers: decimal(rest),
                comment: "not decoded".to_owned(),
                ink: Ink::Error,
            });
        }
        lines
    }

    fn header(&self) -> String {
        let kind = PacketType::from_first_byte(self.bytes.first().copied().unwrap_or_default());
        format!("Header ({})", kind.name().to_lowercase())
    }

    /// `Topic (test)`: the field's name as in a sentence, and its value where it is more than a length.
    fn comment(&self, note: &Note) -> String {
        let label = note.field().label();
        let name = sentence(label);
        let value = annotate::value(note, self.bytes, self.version, self.style.secrets);
        if value.is_empty() || label.ends_with(" Length") {
            name
        } else if self.is_hidden(note.field()) {
            format!("{name} {value}")
        } else {
            format!("{name} ({})", self.shortened(value))
        }
    }

    fn breaches(&self) -> Vec<(AnyBreach, Span)> {
        let own =
            self.notes.violations().iter().map(|&(violation, span)| (AnyBreach::Packet(violation), span));
        let of_place =
            self.findings.iter().map(|finding| (AnyBreach::Conversation(finding.breach), finding.span));
        own.chain(of_place).collect()
    }

    fn slice(&self, span: Span) -> &[u8] {
        self.bytes.get(span.start as usize..span.end() as usize).unwrap_or_default()
    }

    fn beginning<'b>(&self, bytes: &'b [u8]) -> (&'b [u8], usize) {
        match self.style.bytes {
            Shown::Beginning if bytes.len() > BEGINNING => (&bytes[..BEGINNING], bytes.len() - BEGINNING),
            _ => (bytes, 0),
        }
    }

    fn shortened(&self, value: String) -> String {
        match value.char_indices().nth(VALUE_CHARS) {
            Some((end, _)) if self.style.bytes == Shown::Beginning => format!("{}…", &value[..end]),
            _ => value,
        }
    }
}

struct BufferLine {
    numbers: String,
    comment: String,
    ink: Ink,
}

/// How deep a field's name stands: the groups around it, but for the packet itself.
fn indent(note: &Note) -> usize {
    usize::from(note.depth()).saturating_sub(1) * 2
}

fn hex(bytes: &[u8]) -> String {
    joined(bytes, " ", |text, byte| write!(text, "{byte:02x}"))
}

fn decimal(bytes: &[u8]) -> String {
    joined(bytes, ", ", |text, byte| write!(text, "{byte}"))
}

fn joined(bytes: &[u8], separator: &str, write: impl Fn(&mut String, u8) -> std::fmt::Result) -> String {
    let mut text = String::with_capacity(bytes.len() * 4);
    for (index, &byte) in bytes.iter().enumerate() {
        text.push_str(if index == 0 { "" } else { separator });
        // Writing to a String does not fail.
        let _ = write(&mut text, byte);
    }
    text
}

/// `0011....`: the bits of the byte that the mask has, dots for the others.
fn bits(byte: &[u8], mask: u8) -> String {
    let byte = byte.first().copied().unwrap_or_default();
    let bit = |at: u8| match (mask >> at & 1, byte >> at & 1) {
        (0, _) => '.',
        (_, 0) => '0',
        _ => '1',
    };
    (0..8).rev().map(bit).collect()
}

fn value_ink(field: Field) -> Ink {
    match field {
        Field::Topic | Field::TopicFilter | Field::WillTopic | Field::ResponseTopic => Ink::Topic,
        _ => Ink::Value,
    }
}

/// `Topic length` of `Topic Length`; words such as QoS stay as they are.
fn sentence(label: &str) -> String {
    let mut words = label.split(' ');
    let mut name = words.next().unwrap_or_default().to_owned();
    for word in words {
        name.push(' ');
        let usual = word.chars().skip(1).all(char::is_lowercase);
        name.push_str(&if usual { word.to_lowercase() } else { word.to_owned() });
    }
    name
}
