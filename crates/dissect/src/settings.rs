use std::path::PathBuf;
use std::str::FromStr;

use crate::DissectError;

/// What the indexer is told about the traffic.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Ports whose protocol is not left to recognition. The first rule that fits counts.
    pub decode_as: Vec<DecodeAs>,
    /// A key log (`SSLKEYLOGFILE`) for TLS connections.
    pub keylog: Option<PathBuf>,
    /// Whether keys may come after what they encrypt, as while both are being written: what cannot be decrypted is then
    /// kept in mind, within bounds. So it always is of a pcapng file, whose own keys may stand anywhere.
    pub await_keys: bool,
}

/// Says which protocol a TCP port carries, as `-d tcp.port==1884,mqtt` does. What that protocol carries is recognised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecodeAs {
    /// The port, on either side.
    pub port: u16,
    /// What it carries.
    pub protocol: Protocol,
}

/// A protocol that a port can be said to carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// MQTT over plain TCP.
    Mqtt,
    /// WebSocket, also where its handshake is not there.
    WebSocket,
    /// TLS.
    Tls,
}

impl FromStr for DecodeAs {
    type Err = DissectError;

    /// Reads `tcp.port==1884,mqtt`; the protocol may also be `ws` (or `websocket`) or `tls`.
    fn from_str(rule: &str) -> Result<Self, DissectError> {
        let refused = || DissectError::DecodeAs { rule: rule.to_owned() };
        let (selector, protocol) = rule.split_once(',').ok_or_else(refused)?;
        let (field, port) = selector.split_once("==").ok_or_else(refused)?;
        if field.trim() != "tcp.port" {
            return Err(refused());
        }
        let protocol = match protocol.trim() {
            "mqtt" => Protocol::Mqtt,
            "ws" | "websocket" => Protocol::WebSocket,
            "tls" => Protocol::Tls,
            _ => return Err(refused()),
        };
        let port = port.trim().parse().map_err(|_| refused())?;
        Ok(Self { port, protocol })
    }
}

impl Settings {
    /// What the flow between two ports was said to carry.
    pub(crate) fn decode_as(&self, ports: [u16; 2]) -> Option<Protocol> {
        self.decode_as.iter().find(|rule| ports.contains(&rule.port)).map(|rule| rule.protocol)
    }
}
