//! Hellos, alerts and records of TLS (RFC 8446, RFC 5246).

use mqscope_stream::tls::{self, Alert, ClientHello, ServerHello};

use super::Fact;

/// The label of what only a HelloRetryRequest has.
pub(super) const RETRY_LABEL: &str = "Hello Retry Request";

/// Bytes of a record's header.
const HEADER: usize = 5;
/// Bytes that one record carries at most.
const RECORD_BYTES: usize = 1 << 14;
/// Bytes of a handshake message's header: type and length.
const HANDSHAKE_HEADER: usize = 4;

/// A record's header.
pub(super) fn record(bytes: &[u8]) -> Vec<Fact> {
    let Some(&[kind, high, low, len_high, len_low]) = bytes.first_chunk() else { return Vec::new() };
    let version = tls::Version(u16::from_be_bytes([high, low]));
    let name = match kind {
        20 => "Change Cipher Spec",
        21 => "Alert",
        22 => "Handshake",
        23 => "Application Data",
        24 => "Heartbeat",
        _ => "",
    };
    vec![
        Fact::number("Content Type", "tls.record.content_type", kind, name).at(0, 1),
        Fact::number("Version", "tls.record.version", version.0, version.to_string()).at(1, 2),
        Fact::number("Length", "tls.record.length", u16::from_be_bytes([len_high, len_low]), "").at(3, 2),
    ]
}

pub(super) fn client_hello(bytes: &[u8]) -> Vec<Fact> {
    let (mut facts, message) = (record(bytes), handshake(bytes));
    let Some(hello) = message.get(HANDSHAKE_HEADER..).and_then(ClientHello::parse) else { return facts };
    facts.push(Fact::number("Handshake Type", "tls.handshake.type", 1_u8, "ClientHello").at(HEADER, 1));
    facts.push(version("Version", "tls.handshake.version", hello.legacy_version));
    for offered in hello.supported_versions().filter(|version| !is_grease(version.0)) {
        facts.push(version("Supported Version", "tls.handshake.extensions.supported_version", offered));
    }
    if let Some(name) = hello.server_name {
        facts.push(within(&message, "Server Name", "tls.handshake.extensions_server_name", name));
    }
    for name in hello.alpn() {
        facts.push(within(&message, "ALPN", "tls.handshake.extensions_alpn_str", name));
    }
    for suite in hello.cipher_suites().filter(|suite| !is_grease(suite.0)) {
        facts.push(Fact::number("Cipher Suite", "tls.handshake.ciphersuite", suite.0, suite.to_string()));
    }
    facts.push(random(hello.random));
    if hello.session_ticket || hello.pre_shared_key {
        facts.push(Fact::text("Resumes", None, "an earlier session is offered"));
    }
    facts
}

pub(super) fn server_hello(bytes: &[u8]) -> Vec<Fact> {
    let (mut facts, message) = (record(bytes), handshake(bytes));
    let Some(hello) = message.get(HANDSHAKE_HEADER..).and_then(ServerHello::parse) else { return facts };
    facts.push(Fact::number("Handshake Type", "tls.handshake.type", 2_u8, "ServerHello").at(HEADER, 1));
    facts.push(version("Version", "tls.handshake.version", hello.version));
    facts.push(Fact::number(
        "Cipher Suite",
        "tls.handshake.ciphersuite",
        hello.cipher_suite.0,
        hello.cipher_suite.to_string(),
    ));
    if let Some(name) = hello.alpn {
        facts.push(within(&message, "ALPN", "tls.handshake.extensions_alpn_str", name));
    }
    facts.push(random(hello.random));
    if hello.retry {
        facts.push(Fact::text(RETRY_LABEL, None, "the client is to say hello again"));
    }
    if hello.resumed {
        facts.push(Fact::text("Resumes", None, "an earlier session goes on"));
    }
    facts
}

pub(super) fn alert(bytes: &[u8]) -> Vec<Fact> {
    let mut facts = record(bytes);
    if let Some(&[level, description]) = bytes.get(HEADER..).and_then(|alert| alert.first_chunk()) {
        let name = match level {
            1 => "warning",
            2 => "fatal",
            _ => "",
        };
        facts.push(Fact::number("Level", "tls.alert_message.level", level, name).at(HEADER, 1));
        let name = Alert { level, description }.name().unwrap_or_default();
        facts
            .push(Fact::number("Description", "tls.alert_message.desc", description, name).at(HEADER + 1, 1));
    }
    facts
}

/// A text of the message, with its place where that is in one record.
fn within(message: &[u8], label: &'static str, field: &'static str, text: &[u8]) -> Fact {
    let start = text.as_ptr() as usize - message.as_ptr() as usize;
    let fact = Fact::text(label, field, text);
    if message.len() <= RECORD_BYTES { fact.at(HEADER + start, text.len()) } else { fact }
}

fn version(label: &'static str, field: &'static str, version: tls::Version) -> Fact {
    Fact::number(label, field, version.0, version.to_string())
}

fn random(random: &[u8; 32]) -> Fact {
    let hex: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
    Fact::text("Random", None, hex)
}

/// Values that clients strew in so that servers do not stumble over unknown ones (RFC 8701).
fn is_grease(value: u16) -> bool {
    value & 0x0f0f == 0x0a0a && value >> 8 == value & 0xff
}

/// A handshake message without the headers of the records it came in.
fn handshake(mut bytes: &[u8]) -> Vec<u8> {
    let mut message = Vec::with_capacity(bytes.len());
    while let Some((header, rest)) = bytes.split_first_chunk::<HEADER>() {
        let len = usize::from(u16::from_be_bytes([header[3], header[4]])).min(rest.len());
        message.extend_from_slice(&rest[..len]);
        bytes = &rest[len..];
    }
    if let Some(&[_, a, b, c]) = message.first_chunk() {
        message.truncate(HANDSHAKE_HEADER + u32::from_be_bytes([0, a, b, c]) as usize);
    }
    message
}
