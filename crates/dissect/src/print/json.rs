//! JSON Lines: one packet a line.

use std::io::Write as _;
use std::net::SocketAddr;

use mqscope_wire::json::Json;
use mqscope_wire::{DecodeError, ErrorKind, Notes, Span, Version, frame};
use serde::Serialize;

use super::time::{Stamp, push_decimal, push_seconds};
use crate::annotate::{REDACTED, Secrets};
use crate::carrier::{self, FactValue};
use crate::escape::{is_plain, is_unsafe};
use crate::{AnyBreach, Body, CarrierMessage, PacketView, RowFlags};

/// Writes packets as JSON, a line each.
#[derive(Debug)]
pub struct JsonLines {
    secrets: Secrets,
    stamp: Stamp,
    notes: Notes,
    /// What each side's lines say about the connection, by the flow's number.
    places: Vec<[Option<Box<[u8]>>; 2]>,
}

/// Flows whose places are remembered.
const FLOWS: u32 = 1 << 16;

impl JsonLines {
    /// A writer that hides secrets or shows them.
    pub fn new(secrets: Secrets) -> Self {
        Self { secrets, stamp: Stamp::json(), notes: Notes::new(), places: Vec::new() }
    }

    /// Appends the packet's line.
    pub fn push(&mut self, out: &mut Vec<u8>, packet: &PacketView<'_>) {
        out.extend_from_slice(b"{\"frame\":");
        push_decimal(out, packet.frame());
        out.extend_from_slice(b",\"time\":\"");
        self.stamp.push(out, packet.time(), 9);
        self.push_place(out, packet);
        if let Some(topic) = packet.topic {
            out.extend_from_slice(b",\"topic\":");
            push_text(out, topic);
        }
        if let Some(request) = packet.request {
            out.extend_from_slice(b",\"response_to\":");
            push_decimal(out, request.frame);
        }
        if let Some(time) = packet.exchange_time() {
            out.extend_from_slice(b",\"response_time\":");
            push_seconds(out, time, 9);
        }
        if packet.is_inferred() {
            out.extend_from_slice(b",\"inferred\":true");
        }
        if packet.is_cut() {
            out.extend_from_slice(b",\"cut\":true");
        }
        match (&packet.body, frame::next(packet.bytes)) {
            (Body::Packet(Ok(decoded)), Ok(Some(frame))) => {
                out.extend_from_slice(b",\"packet\":");
                push_value(out, &Json::new(decoded, packet.version(), frame).secrets(self.secrets));
            }
            (Body::Packet(Err(error)), _) => {
                out.extend_from_slice(b",\"packet\":{\"cmd\":\"");
                out.extend_from_slice(packet.row.kind().name().to_ascii_lowercase().as_bytes());
                out.extend_from_slice(b"\"},\"error\":");
                push_error(out, error);
            }
            // A packet that was decoded has its fixed header.
            (Body::Packet(Ok(_)), _) => {}
            (Body::Carrier(message), _) => {
                out.extend_from_slice(b",\"carrier\":");
                push_carrier(out, *message, packet.bytes, self.secrets);
            }
        }
        if packet.row.flags.contains(RowFlags::VIOLATION) {
            out.extend_from_slice(b",\"violations\":");
            push_violations(out, packet.version(), packet.breaches(&mut self.notes));
        }
        out.extend_from_slice(b"}\n");
    }
}

impl JsonLines {
    /// Appends stream, addresses, transport and client: the same for all packets of one side, once there was a CONNECT.
    fn push_place(&mut self, out: &mut Vec<u8>, packet: &PacketView<'_>) {
        let (number, side) = (packet.flow.number, packet.side as usize);
        if let Some(Some(place)) = self.places.get(number as usize).map(|sides| &sides[side]) {
            return out.extend_from_slice(place);
        }
        let start = out.len();
        push_place(out, packet);
        let is_known = packet.flow.client_id().is_some_and(|id| !id.is_empty());
        if is_known && packet.flow.session().is_some() && number < FLOWS {
            if self.places.len() <= number as usize {
                self.places.resize_with(number as usize + 1, Default::default);
            }
            self.places[number as usize][side] = Some(out[start..].into());
        }
    }
}

fn push_place(out: &mut Vec<u8>, packet: &PacketView<'_>) {
    let from = packet.side;
    out.extend_from_slice(b"\",\"stream\":");
    push_decimal(out, packet.flow.stream.into());
    out.extend_from_slice(b",\"from\":\"");
    out.extend_from_slice(from.name().as_bytes());
    out.extend_from_slice(b"\",\"src\":\"");
    push_address(out, packet.flow.address(from));
    out.extend_from_slice(b"\",\"dst\":\"");
    push_address(out, packet.flow.address(from.opposite()));
    out.extend_from_slice(b"\",\"transport\":\"");
    out.extend_from_slice(packet.flow.transport().name().as_bytes());
    out.push(b'"');
    if let Some(client_id) = packet.flow.client_id() {
        out.extend_from_slice(b",\"client_id\":");
        push_text(out, client_id);
    }
}

/// Appends what a message of a lower layer says, by the names of filter fields: `{"protocol":"http","http.host":"b"}`.
/// A field that it has several times has an array.
fn push_carrier(out: &mut Vec<u8>, message: CarrierMessage, bytes: &[u8], secrets: Secrets) {
    let facts = carrier::facts(message, bytes);
    out.extend_from_slice(b"{\"protocol\":");
    push_value(out, message.protocol());
    let named = || facts.iter().filter_map(|fact| Some((fact.field?, fact)));
    for (index, (field, _)) in named().enumerate() {
        if named().take(index).any(|(earlier, _)| earlier == field) {
            continue;
        }
        out.push(b',');
        push_value(out, field);
        out.push(b':');
        let several = named().filter(|(other, _)| *other == field).count() > 1;
        if several {
            out.push(b'[');
        }
        for (nth, (_, fact)) in named().filter(|(other, _)| *other == field).enumerate() {
            if nth > 0 {
                out.push(b',');
            }
            match &fact.value {
                _ if fact.secret && secrets == Secrets::Redacted => push_value(out, REDACTED),
                FactValue::Text(text) => push_text(out, text),
                FactValue::Number(number, _) => push_decimal(out, *number),
                FactValue::Boolean(set) => push_value(out, set),
            }
        }
        if several {
            out.push(b']');
        }
    }
    out.push(b'}');
}

/// Appends the array of broken rules: `[{"id","start","len","text"}]`.
pub fn push_violations(
    out: &mut Vec<u8>,
    version: Version,
    violations: impl Iterator<Item = (AnyBreach, Span)>,
) {
    out.push(b'[');
    for (index, (breach, span)) in violations.enumerate() {
        if index > 0 {
            out.push(b',');
        }
        out.extend_from_slice(b"{\"id\":");
        push_value(out, breach.id(version));
        out.extend_from_slice(b",\"start\":");
        push_decimal(out, span.start.into());
        out.extend_from_slice(b",\"len\":");
        push_decimal(out, span.len.into());
        out.extend_from_slice(b",\"text\":");
        push_value(out, breach.text());
        out.push(b'}');
    }
    out.push(b']');
}

/// Appends the object of an error: `{"field","at","need","have","text"}`, with what was needed and was there only
/// where bytes were missing.
pub fn push_error(out: &mut Vec<u8>, error: &DecodeError) {
    out.extend_from_slice(b"{\"field\":");
    push_value(out, error.field.label());
    out.extend_from_slice(b",\"at\":");
    push_decimal(out, error.at.into());
    if let ErrorKind::Truncated { need, have } = error.kind {
        out.extend_from_slice(b",\"need\":");
        push_decimal(out, need.into());
        out.extend_from_slice(b",\"have\":");
        push_decimal(out, have.into());
    }
    out.extend_from_slice(b",\"text\":");
    push_value(out, &error.to_string());
    out.push(b'}');
}

/// Appends anything as JSON, safe for a terminal: what [`escape`](crate::escape) escapes is written as `\u` here.
pub fn push_value(out: &mut Vec<u8>, value: &(impl Serialize + ?Sized)) {
    let start = out.len();
    // A Vec takes all bytes, and what is serialised here has string keys only.
    let _ = serde_json::to_writer(&mut *out, value);
    if !is_plain(&out[start..]) {
        make_safe(out, start);
    }
}

/// Writes what JSON allows and a terminal does not take well as escapes, from `start` on. Only strings have such
/// characters.
#[cold]
fn make_safe(out: &mut Vec<u8>, start: usize) {
    let tail = out.split_off(start);
    let text = String::from_utf8_lossy(&tail);
    let mut rest = &*text;
    while let Some(at) = rest.find(is_unsafe) {
        let mut chars = rest[at..].chars();
        let odd = chars.next().map_or(0, u32::from);
        out.extend_from_slice(&rest.as_bytes()[..at]);
        // Writing to a Vec does not fail, and all such characters are in the first plane.
        let _ = write!(out, "\\u{odd:04x}");
        rest = chars.as_str();
    }
    out.extend_from_slice(rest.as_bytes());
}

fn push_text(out: &mut Vec<u8>, text: &[u8]) {
    if is_plain(text) && memchr::memchr2(b'"', b'\\', text).is_none() {
        out.push(b'"');
        out.extend_from_slice(text);
        out.push(b'"');
    } else {
        push_value(out, &*String::from_utf8_lossy(text));
    }
}

fn push_address(out: &mut Vec<u8>, address: SocketAddr) {
    match address {
        SocketAddr::V4(address) => {
            for (index, octet) in address.ip().octets().into_iter().enumerate() {
                if index > 0 {
                    out.push(b'.');
                }
                push_decimal(out, octet.into());
            }
            out.push(b':');
            push_decimal(out, address.port().into());
        }
        // Writing to a Vec does not fail.
        SocketAddr::V6(_) => drop(write!(out, "{address}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_safe_for_a_terminal_and_means_the_same() {
        let text = "a\u{1b}[31m\u{9b}\u{202e}\u{7f}é\"\\";
        let mut out = Vec::new();
        push_value(&mut out, text);
        let json = String::from_utf8(out).unwrap();
        assert_eq!(json, r#""a\u001b[31m\u009b\u202e\u007fé\"\\""#);
        assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
    }
}
