//! What the layers that carry MQTT say for themselves: upgrades, hellos, alerts, control frames.
//!
//! Each such message has a row of its own, and its bytes are read again when somebody looks: here they are taken
//! apart into [`Fact`]s, which the tree, filters and printers share.

mod http;
mod proxy;
mod tls;
mod websocket;

use std::fmt::Write as _;

use crate::PacketView;
use crate::annotate::{REDACTED, Secrets};
use crate::escape;
use crate::fields::{FieldId, Radix};
use crate::origin::Layer;

/// Characters of a value that a summary shows.
const SUMMARY_CHARS: usize = 80;

/// A message of a protocol that carries MQTT.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum CarrierMessage {
    /// A request for an upgrade to WebSocket.
    HttpRequest = 1,
    /// The answer to it.
    HttpResponse,
    /// A Ping frame of WebSocket.
    WebSocketPing,
    /// A Pong frame.
    WebSocketPong,
    /// A Close frame.
    WebSocketClose,
    /// A ClientHello of TLS.
    ClientHello,
    /// A ServerHello of TLS, or a HelloRetryRequest.
    ServerHello,
    /// An alert of TLS that is not encrypted, or was decrypted.
    TlsAlert,
    /// A header of the PROXY protocol.
    Proxy,
}

impl CarrierMessage {
    pub(crate) const fn from_number(number: u8) -> Self {
        match number {
            2 => Self::HttpResponse,
            3 => Self::WebSocketPing,
            4 => Self::WebSocketPong,
            5 => Self::WebSocketClose,
            6 => Self::ClientHello,
            7 => Self::ServerHello,
            8 => Self::TlsAlert,
            9 => Self::Proxy,
            _ => Self::HttpRequest,
        }
    }

    /// What lists call it: the protocol.
    pub const fn name(self) -> &'static str {
        match self {
            Self::HttpRequest | Self::HttpResponse => "HTTP",
            Self::WebSocketPing => "WS PING",
            Self::WebSocketPong => "WS PONG",
            Self::WebSocketClose => "WS CLOSE",
            Self::ClientHello | Self::ServerHello | Self::TlsAlert => "TLS",
            Self::Proxy => "PROXY",
        }
    }

    /// The protocol's name in filters: `http`, `websocket`, `tls` or `proxy`.
    pub const fn protocol(self) -> &'static str {
        match self {
            Self::HttpRequest | Self::HttpResponse => "http",
            Self::WebSocketPing | Self::WebSocketPong | Self::WebSocketClose => "websocket",
            Self::ClientHello | Self::ServerHello | Self::TlsAlert => "tls",
            Self::Proxy => "proxy",
        }
    }
}

/// One thing that a message says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fact {
    pub(crate) label: &'static str,
    /// The field in filters, if it has one.
    pub(crate) field: Option<&'static str>,
    pub(crate) value: FactValue,
    /// Its bytes in the message.
    pub(crate) start: usize,
    pub(crate) len: usize,
    /// The bits of the byte that are its own: 0xff for whole bytes.
    pub(crate) mask: u8,
    /// Whether it is a password or as good as one.
    pub(crate) secret: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum FactValue {
    Text(Vec<u8>),
    /// With what it means, if that has a name.
    Number(u64, String),
    Boolean(bool),
}

impl Fact {
    fn new(label: &'static str, field: impl Into<Option<&'static str>>, value: FactValue) -> Self {
        Self { label, field: field.into(), value, start: 0, len: 0, mask: 0xff, secret: false }
    }

    fn text(label: &'static str, field: impl Into<Option<&'static str>>, text: impl Into<Vec<u8>>) -> Self {
        Self::new(label, field, FactValue::Text(text.into()))
    }

    fn number(
        label: &'static str,
        field: impl Into<Option<&'static str>>,
        number: impl Into<u64>,
        means: impl Into<String>,
    ) -> Self {
        Self::new(label, field, FactValue::Number(number.into(), means.into()))
    }

    fn at(mut self, start: usize, len: usize) -> Self {
        (self.start, self.len) = (start, len);
        self
    }

    fn bits(mut self, mask: u8) -> Self {
        self.mask = mask;
        self
    }

    /// The value for people.
    pub(crate) fn shown(&self, secrets: Secrets) -> String {
        if self.secret && secrets == Secrets::Redacted {
            return REDACTED.to_owned();
        }
        match &self.value {
            FactValue::Text(text) => escape::text(text),
            FactValue::Number(number, means) if means.is_empty() => self.spelled(*number),
            FactValue::Number(number, means) => format!("{means} ({})", self.spelled(*number)),
            FactValue::Boolean(set) => u8::from(*set).to_string(),
        }
    }

    fn spelled(&self, number: u64) -> String {
        match self.field.and_then(FieldId::by_name).map(FieldId::radix) {
            Some(Radix::Hexadecimal(digits)) => {
                format!("{number:#0width$x}", width = usize::from(digits) + 2)
            }
            _ => number.to_string(),
        }
    }

    /// The value in a word, where a number has one.
    fn brief(&self, secrets: Secrets) -> String {
        match &self.value {
            FactValue::Number(_, means) if !means.is_empty() => means.clone(),
            _ => self.shown(secrets),
        }
    }

    /// A display filter that holds for messages with this value.
    pub(crate) fn filter(&self, secrets: Secrets) -> Option<String> {
        let field = self.field.filter(|_| !self.secret || secrets == Secrets::Shown)?;
        Some(match &self.value {
            FactValue::Text(text) => format!("{field} == {}", crate::filter::quoted(text)),
            FactValue::Number(number, _) => format!("{field} == {number}"),
            FactValue::Boolean(set) => format!("{field} == {}", u8::from(*set)),
        })
    }
}

/// What a message says, fact by fact.
pub(crate) fn facts(message: CarrierMessage, bytes: &[u8]) -> Vec<Fact> {
    match message {
        CarrierMessage::HttpRequest => http::request(bytes),
        CarrierMessage::HttpResponse => http::response(bytes),
        CarrierMessage::WebSocketPing | CarrierMessage::WebSocketPong | CarrierMessage::WebSocketClose => {
            websocket::control(bytes)
        }
        CarrierMessage::ClientHello => tls::client_hello(bytes),
        CarrierMessage::ServerHello => tls::server_hello(bytes),
        CarrierMessage::TlsAlert => tls::alert(bytes),
        CarrierMessage::Proxy => proxy::header(bytes),
    }
}

/// What the header of a record or frame says that derived bytes came from.
pub(crate) fn layer_facts(layer: Layer, bytes: &[u8]) -> Vec<Fact> {
    match layer {
        Layer::Tls => tls::record(bytes),
        Layer::WebSocket => websocket::header(bytes),
    }
}

/// Appends what a message says in one line, without control characters, and without secrets unless asked for.
pub(crate) fn push_summary(
    view: &PacketView<'_>,
    message: CarrierMessage,
    secrets: Secrets,
    out: &mut String,
) {
    let facts = facts(message, view.bytes);
    let find = |field: &str| facts.iter().find(|fact| fact.field == Some(field));
    let shown = |field: &str| find(field).map(|fact| cut(fact.brief(secrets)));
    let start = out.len();
    let mut add = |before: &str, value: Option<String>| {
        if let Some(value) = value {
            if out.len() > start && !before.starts_with(' ') {
                out.push_str(", ");
            }
            let _ = write!(out, "{before}{value}");
        }
    };
    match message {
        CarrierMessage::HttpRequest => {
            add("", shown("http.request.method"));
            add(" ", shown("http.request.uri"));
            add("host ", shown("http.host"));
            add("protocol ", shown("http.sec_websocket_protocol"));
            add("offers ", shown("http.sec_websocket_extensions"));
        }
        CarrierMessage::HttpResponse => {
            add("", shown("http.response.code"));
            add(" ", shown("http.response.phrase"));
            add("protocol ", shown("http.sec_websocket_protocol"));
            add("with ", shown("http.sec_websocket_extensions"));
        }
        CarrierMessage::WebSocketPing | CarrierMessage::WebSocketPong => {
            add("", shown("websocket.payload"));
        }
        CarrierMessage::WebSocketClose => {
            add("", find("websocket.payload.close.status_code").map(|fact| fact.shown(secrets)));
            add("", shown("websocket.payload.close.reason"));
        }
        CarrierMessage::ClientHello => {
            add("", Some("ClientHello".to_owned()));
            add("", shown("tls.handshake.extensions.supported_version").or(shown("tls.handshake.version")));
            add("server name ", shown("tls.handshake.extensions_server_name"));
            let all: Vec<String> = (facts.iter())
                .filter(|fact| fact.field == Some("tls.handshake.extensions_alpn_str"))
                .map(|fact| fact.shown(secrets))
                .collect();
            add("ALPN ", (!all.is_empty()).then(|| all.join(" ")));
        }
        CarrierMessage::ServerHello => {
            let retry = facts.iter().any(|fact| fact.label == tls::RETRY_LABEL);
            add("", Some(if retry { "HelloRetryRequest" } else { "ServerHello" }.to_owned()));
            add("", shown("tls.handshake.extensions.supported_version").or(shown("tls.handshake.version")));
            add("", shown("tls.handshake.ciphersuite"));
            add("ALPN ", shown("tls.handshake.extensions_alpn_str"));
            if let Some(why) = view.flow.undecrypted() {
                add("", Some(format!("[not decrypted: {why}]")));
            }
        }
        CarrierMessage::TlsAlert => {
            add("", Some("alert".to_owned()));
            add(" ", shown("tls.alert_message.level"));
            add("", shown("tls.alert_message.desc"));
        }
        CarrierMessage::Proxy => {
            for fact in &facts {
                add("", Some(format!("{} {}", fact.label.to_lowercase(), fact.shown(secrets))));
            }
        }
    }
}

fn cut(text: String) -> String {
    match text.char_indices().nth(SUMMARY_CHARS) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_keep_their_numbers() {
        for number in 1..=9 {
            assert_eq!(CarrierMessage::from_number(number) as u8, number);
        }
    }
}
