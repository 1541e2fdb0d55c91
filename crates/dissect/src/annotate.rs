//! What the fields of a packet say, in words: one place for the tree, the annotated layout and whoever shows fields.

use std::fmt::Write as _;

pub use mqscope_wire::json::Secrets;
use mqscope_wire::{Field, Note, NoteKind, PacketType, QoS, ReasonCode, Version};

use crate::escape;

/// What stands for a secret.
pub const REDACTED: &str = "(redacted)";

/// Whether the field's bytes are a secret: a password or authentication data.
#[must_use]
pub const fn is_secret(field: Field) -> bool {
    matches!(field, Field::Password | Field::AuthenticationData)
}

/// A note's value in words; empty for a group. `packet` are the bytes that the note was made from.
///
/// Text is escaped, and as long as the field; cut it where room is short.
#[must_use]
pub fn value(note: &Note, packet: &[u8], version: Version, secrets: Secrets) -> String {
    spelled(note, packet, bytes_of(note, packet), version, secrets)
}

/// A note's value in words as in [`value`], of its first `most` bytes; what is cut ends in `…`.
#[must_use]
pub fn excerpt(note: &Note, packet: &[u8], version: Version, secrets: Secrets, most: usize) -> String {
    let bytes = bytes_of(note, packet);
    if bytes.len() <= most {
        return spelled(note, packet, bytes, version, secrets);
    }
    // a character that would be cut goes as a whole
    let end = (most.saturating_sub(3)..=most).rev().find(|&end| !is_continuation(bytes[end])).unwrap_or(most);
    let mut value = spelled(note, packet, &bytes[..end], version, secrets);
    if !(is_secret(note.field()) && secrets == Secrets::Redacted) {
        value.push('…');
    }
    value
}

const fn is_continuation(byte: u8) -> bool {
    byte & 0b1100_0000 == 0b1000_0000
}

fn bytes_of<'b>(note: &Note, packet: &'b [u8]) -> &'b [u8] {
    let span = note.span();
    packet.get(span.start as usize..span.end() as usize).unwrap_or_default()
}

/// `bytes` are the note's own, or the first of them.
fn spelled(note: &Note, packet: &[u8], bytes: &[u8], version: Version, secrets: Secrets) -> String {
    if note.kind() == NoteKind::Group {
        return String::new();
    }
    let field = note.field();
    let number = note.number();
    if is_secret(field) && secrets == Secrets::Redacted {
        return REDACTED.to_owned();
    }
    let kind = PacketType::from_first_byte(packet.first().copied().unwrap_or_default());
    match field {
        Field::PacketType => format!("{} ({number})", kind.name()),
        Field::Qos | Field::WillQos | Field::RequestedQos | Field::MaximumQos => qos(number),
        Field::ReturnCode | Field::ReasonCode => {
            let code = ReasonCode(number as u8);
            format!("{} ({number:#04x})", code.name(kind, version))
        }
        Field::ProtocolVersion => protocol_version(number),
        Field::PropertyId => format!("{number:#04x}"),
        Field::RetainHandling => match number {
            0 => "0 (send retained messages)".to_owned(),
            1 => "1 (send them if the subscription is new)".to_owned(),
            2 => "2 (do not send them)".to_owned(),
            _ => format!("{number} (reserved)"),
        },
        Field::PayloadFormatIndicator => match number {
            0 => "0 (bytes)".to_owned(),
            1 => "1 (UTF-8 text)".to_owned(),
            _ => number.to_string(),
        },
        Field::KeepAlive | Field::ServerKeepAlive if number == 0 => "0 (off)".to_owned(),
        Field::KeepAlive
        | Field::ServerKeepAlive
        | Field::MessageExpiryInterval
        | Field::WillDelayInterval => format!("{number} s"),
        Field::SessionExpiryInterval if number == u64::from(u32::MAX) => "never".to_owned(),
        Field::SessionExpiryInterval => format!("{number} s"),
        Field::MaximumPacketSize | Field::RemainingLength => format!("{number} bytes"),
        Field::Payload
        | Field::WillPayload
        | Field::CorrelationData
        | Field::Password
        | Field::AuthenticationData => bytes_text(bytes),
        Field::UnknownProperty | Field::TrailingBytes => hex(bytes),
        _ if is_text(field) => escape::text(bytes),
        _ if field_is_length(field) => format!("{number} bytes"),
        _ => number.to_string(),
    }
}

/// Bytes as text where they are printable UTF-8, else as hex.
fn bytes_text(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) => {
            escape::text(bytes)
        }
        _ => hex(bytes),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn qos(number: u64) -> String {
    let name = match QoS::from_bits(number as u8) {
        QoS::AtMostOnce => "at most once",
        QoS::AtLeastOnce => "at least once",
        QoS::ExactlyOnce => "exactly once",
        QoS::Reserved => "reserved",
    };
    format!("{number} ({name})")
}

fn protocol_version(number: u64) -> String {
    let bridge = if number & 0x80 == 0 { "" } else { ", bridge" };
    match number & 0x7f {
        3 => format!("{number} (MQTT 3.1{bridge})"),
        4 => format!("{number} (MQTT 3.1.1{bridge})"),
        5 => format!("{number} (MQTT 5.0{bridge})"),
        _ => number.to_string(),
    }
}

const fn is_text(field: Field) -> bool {
    matches!(
        field,
        Field::ProtocolName
            | Field::ClientId
            | Field::WillTopic
            | Field::UserName
            | Field::Topic
            | Field::TopicFilter
            | Field::ContentType
            | Field::ResponseTopic
            | Field::AssignedClientId
            | Field::AuthenticationMethod
            | Field::ResponseInformation
            | Field::ServerReference
            | Field::ReasonString
            | Field::UserPropertyName
            | Field::UserPropertyValue
    )
}

fn field_is_length(field: Field) -> bool {
    field.label().ends_with(" Length")
}
