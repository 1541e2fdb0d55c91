//! `decode`: bytes to annotated packets, to packet objects, or case by case to JSON lines.

mod lines;

use std::{
    fs,
    io::{self, Read as _},
    path::Path,
};

use mqscope_dissect::{
    annotate::Secrets,
    print::{
        Canvas, Ink,
        hex::{Clauses, HexPrinter, HexStyle, Layout, Shown},
    },
};
use mqscope_wire::{
    DecodeError, Field, Notes, Packet, Span, Version, Violation, decode as decode_packet,
    frame::{self, Frame},
    json,
};

use crate::{
    args::{Color, Decode, DecodeForm, Style},
    exit::{Exit, Failure, OrExit as _, Outcome},
    hex_input,
    output::{self, Paint},
};

pub(crate) fn decode(args: &Decode, color: Color) -> Outcome {
    let version = version(&args.protocol_version);
    let secrets = if args.show_secrets { Secrets::Shown } else { Secrets::Redacted };
    if args.lines {
        return lines::decode(&text(&args.input)?, version, secrets);
    }
    let bytes = bytes(args)?;
    if bytes.is_empty() {
        return Err(Failure::usage("no bytes to decode: give hex, a file of hex, or `-` for standard input"));
    }
    let mut out = Vec::new();
    let is_sound = match args.form {
        Some(DecodeForm::Json) => print_json(&bytes, version, secrets, &mut out)?,
        Some(DecodeForm::Text) | None => {
            let (clauses, shown) =
                if args.verbose { (Clauses::Shown, Shown::All) } else { (Clauses::Hidden, Shown::Beginning) };
            let layout = match args.style {
                Some(Style::Buffer) => Layout::Buffer,
                Some(Style::Hex) | None => Layout::Hex,
            };
            let style = HexStyle { layout, clauses, bytes: shown, secrets };
            if output::wants_color(color) {
                print_annotated(&bytes, version, style, &mut Paint(&mut out))
            } else {
                print_annotated(&bytes, version, style, &mut out)
            }
        }
    };
    output::print(&out).map_err(Failure::io)?;
    Ok(if is_sound { Exit::Passed } else { Exit::Failed })
}

/// Annotates all packets; whether they are sound.
pub(super) fn print_annotated(
    bytes: &[u8],
    version: Version,
    style: HexStyle,
    canvas: &mut impl Canvas,
) -> bool {
    let mut printer = HexPrinter::new(style);
    let mut sound = true;
    let mut packets = Packets { rest: bytes, version };
    let mut is_first = true;
    while let Some(next) = packets.next_bytes() {
        if !std::mem::take(&mut is_first) {
            canvas.put(Ink::Plain, "\n");
        }
        let decoded = printer.packet(next, packets.version, canvas);
        sound &= decoded.is_ok() && printer.violations().is_empty();
        packets.learn(&decoded);
    }
    sound
}

fn print_json(bytes: &[u8], version: Version, secrets: Secrets, out: &mut Vec<u8>) -> Result<bool, Failure> {
    let mut notes = Notes::new();
    let mut sound = true;
    let mut packets = Packets { rest: bytes, version };
    let mut at = 0;
    while let Some(next) = packets.next_bytes() {
        notes.clear();
        let decoded = decode_packet(next, packets.version, &mut notes);
        packets.learn(&decoded);
        for (violation, span) in notes.violations() {
            let (id, text, place) =
                (violation.id(packets.version), violation.text(), at + span.start as usize);
            say!("mqscope: {text} ({id}) at byte {place}: {}", violation.fix());
        }
        sound &= notes.violations().is_empty();
        match decoded {
            Ok(packet) => {
                let object = object(&packet, packets.version, next, secrets);
                serde_json::to_writer(&mut *out, &object).map_err(Failure::io)?;
                out.push(b'\n');
            }
            Err(error) => {
                say!("mqscope: {error} of the packet at byte {at}");
                sound = false;
            }
        }
        at += next.len();
    }
    Ok(sound)
}

/// The packet in mqtt-packet's shape; `bytes` are those it was decoded from.
fn object<'p, 'b>(
    packet: &'p Packet<'b>,
    version: Version,
    bytes: &[u8],
    secrets: Secrets,
) -> json::Json<'p, 'b> {
    let secrets = match secrets {
        Secrets::Redacted => json::Secrets::Redacted,
        Secrets::Shown => json::Secrets::Shown,
    };
    // a packet that decoded has a whole header: the other case never comes
    let first = bytes.first().copied().unwrap_or_default();
    let header = frame::next(bytes).ok().flatten().unwrap_or(Frame { first, header_len: 2, remaining: 0 });
    json::Json::new(packet, version, header).secrets(secrets)
}

/// A stream's packets, one after the other; a CONNECT sets the version for what follows.
pub(super) struct Packets<'b> {
    pub(super) rest: &'b [u8],
    pub(super) version: Version,
}

impl<'b> Packets<'b> {
    /// The bytes of the next packet, or all that is left if its length does not tell or is longer.
    fn next_bytes(&mut self) -> Option<&'b [u8]> {
        if self.rest.is_empty() {
            return None;
        }
        let len = match frame::next(self.rest) {
            Ok(Some(frame)) => frame.len().min(self.rest.len()),
            Ok(None) | Err(_) => self.rest.len(),
        };
        let (packet, rest) = self.rest.split_at(len);
        self.rest = rest;
        Some(packet)
    }

    fn learn(&mut self, decoded: &Result<Packet<'_>, DecodeError>) {
        if let Ok(Packet::Connect(connect)) = decoded {
            self.version = connect.version;
        }
    }
}

/// `3`, `4` or `5`: the command line lets nothing else through.
pub(super) fn version(level: &str) -> Version {
    match level {
        "3" => Version::V31,
        "5" => Version::V5,
        _ => Version::V311,
    }
}

/// The input as bytes: as they are, or from hex.
fn bytes(args: &Decode) -> Result<Vec<u8>, Failure> {
    if !args.raw {
        return hex_input::parse(&text(&args.input)?).or_usage();
    }
    match &args.input[..] {
        [] => read_stdin(),
        [one] if one == "-" => read_stdin(),
        [file] => fs::read(file).or_io(|| format!("could not read {file}")),
        _ => Err(Failure::usage("--raw takes one file, or `-` for standard input")),
    }
}

/// The input as text: what stands on the command line, in the file it names, or on standard input.
pub(super) fn text(input: &[String]) -> Result<String, Failure> {
    let bytes = match input {
        [] => read_stdin()?,
        [one] if one == "-" => read_stdin()?,
        [one] if Path::new(one).is_file() => fs::read(one).or_io(|| format!("could not read {one}"))?,
        _ => return Ok(input.join(" ")),
    };
    String::from_utf8(bytes).map_err(|_| {
        Failure::usage("the input is no text: use --raw if it is the packets' own bytes, `mqscope dump -r` for a capture")
    })
}

fn read_stdin() -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    io::stdin().read_to_end(&mut bytes).or_io(|| "could not read standard input".to_owned())?;
    Ok(bytes)
}

/// Violations as they stand in JSON.
#[derive(serde::Serialize)]
struct JsonViolation {
    id: &'static str,
    start: u32,
    len: u32,
    text: &'static str,
}

impl JsonViolation {
    fn new(violation: Violation, span: Span, version: Version) -> Self {
        Self { id: violation.id(version), start: span.start, len: span.len, text: violation.text() }
    }
}

/// An error as it stands in JSON.
#[derive(serde::Serialize)]
struct JsonError {
    field: &'static str,
    at: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    need: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    have: Option<u32>,
    text: String,
}

impl JsonError {
    fn new(error: &DecodeError) -> Self {
        let (need, have) = match error.kind {
            mqscope_wire::ErrorKind::Truncated { need, have } => (Some(need), Some(have)),
            _ => (None, None),
        };
        Self { field: Field::label(error.field), at: error.at, need, have, text: error.to_string() }
    }
}
