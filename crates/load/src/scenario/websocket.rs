//! `target.websocket`: what the HTTP upgrade asks for.

use super::problem::Problem;
use super::section::{Reader, Section};
use super::template::{Scope, Template};
use super::yaml::Node;

/// The subprotocol's registered name [MQTT-6.0.0-3].
const MQTT: &str = "mqtt";

/// What the HTTP upgrade of WebSocket brokers asks for.
#[derive(Clone, Debug)]
pub struct WebSocket {
    /// Further headers, filled in for each device.
    pub headers: Vec<(String, Template)>,
    /// The subprotocol offered, which the broker must choose; none to offer none.
    pub subprotocol: Option<String>,
    /// Whether compression is offered (permessage-deflate, RFC 7692).
    pub deflate: bool,
}

impl Default for WebSocket {
    fn default() -> Self {
        Self { headers: Vec::new(), subprotocol: Some(MQTT.to_owned()), deflate: false }
    }
}

impl WebSocket {
    pub(crate) fn read(node: &Node, reader: &Reader<'_>) -> Option<Self> {
        let section = Section::open(node, reader, "what the upgrade to WebSocket asks for")?;
        let headers = section.node("headers").map_or_else(Vec::new, |node| headers(node, reader));
        let subprotocol = match section.read::<String>("subprotocol") {
            Some(name) if name == "none" => None,
            Some(name) => {
                if let (Some(node), false) = (section.node("subprotocol"), is_token(&name)) {
                    let problem = Problem::new(format!("bad subprotocol `{name}`"));
                    reader.report_at(&node.span, problem.help("one word; `none` offers none"));
                }
                Some(name)
            }
            None => Some(MQTT.to_owned()),
        };
        let deflate = section.read("deflate").unwrap_or(false);
        section.finish(&[]);
        Some(Self { headers, subprotocol, deflate })
    }
}

fn headers(node: &Node, reader: &Reader<'_>) -> Vec<(String, Template)> {
    let Some(section) = Section::open(node, reader, "headers and their values") else { return Vec::new() };
    let mut headers = Vec::new();
    for entry in section.rest() {
        let name = entry.key.to_ascii_lowercase();
        if !is_token(&name) {
            reader.report_at(&entry.key_span, Problem::new(format!("bad header name `{}`", entry.key)));
        } else if matches!(name.as_str(), "host" | "upgrade" | "connection")
            || name.starts_with("sec-websocket-")
        {
            let problem = Problem::new(format!("`{}` belongs to the upgrade itself", entry.key));
            let help = match name.as_str() {
                "sec-websocket-protocol" => "set `subprotocol`",
                "sec-websocket-extensions" => "set `deflate`",
                _ => "it follows from the broker's URL and RFC 6455",
            };
            reader.report_at(&entry.key_span, problem.help(help));
        }
        if let Some(value) = reader.template(&entry.value, "text", Scope::Device) {
            headers.push((entry.key.clone(), value));
        }
    }
    headers
}

/// Whether it can stand as a name in a header (RFC 9110 §5.6.2).
fn is_token(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c))
}
