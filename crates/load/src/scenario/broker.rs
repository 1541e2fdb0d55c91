//! A broker's URL.

use super::problem::Problem;
use super::section::{Read, Reader};
use super::yaml::Node;

/// Where WebSocket brokers listen unless the URL says otherwise.
const DEFAULT_PATH: &str = "/mqtt";

/// A broker's address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broker {
    /// As it was written.
    pub url: String,
    /// What MQTT is carried by.
    pub scheme: Scheme,
    /// Name or address.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// The request target of the WebSocket upgrade, with its query; `/mqtt` where the URL names none. Other
    /// transports do not ask for it.
    pub path: String,
}

/// What MQTT is carried by, under the first of the names that mean it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// TCP.
    Mqtt,
    /// TLS over TCP.
    Mqtts,
    /// WebSocket over TCP (MQTT 5.0 §6).
    Ws,
    /// WebSocket over TLS.
    Wss,
}

/// All names of schemes. `wxs` and `alis` are what MQTT.js calls WebSocket over TLS within mini-programs.
const NAMES: [(&str, Scheme); 9] = [
    ("mqtt", Scheme::Mqtt),
    ("tcp", Scheme::Mqtt),
    ("mqtts", Scheme::Mqtts),
    ("tls", Scheme::Mqtts),
    ("ssl", Scheme::Mqtts),
    ("ws", Scheme::Ws),
    ("wss", Scheme::Wss),
    ("wxs", Scheme::Wss),
    ("alis", Scheme::Wss),
];

impl Scheme {
    /// Whether TLS is spoken.
    pub fn is_tls(self) -> bool {
        matches!(self, Self::Mqtts | Self::Wss)
    }

    /// Whether WebSocket is spoken.
    pub fn is_websocket(self) -> bool {
        matches!(self, Self::Ws | Self::Wss)
    }

    /// The TCP port where a URL names none.
    pub fn default_port(self) -> u16 {
        match self {
            Self::Mqtt => 1883,
            Self::Mqtts => 8883,
            Self::Ws => 80,
            Self::Wss => 443,
        }
    }

    /// The layers in words, such as `WebSocket over TLS over TCP`.
    pub fn layers(self) -> &'static str {
        match self {
            Self::Mqtt => "TCP",
            Self::Mqtts => "TLS over TCP",
            Self::Ws => "WebSocket over TCP",
            Self::Wss => "WebSocket over TLS over TCP",
        }
    }
}

impl Broker {
    /// The broker a scenario means that names none.
    pub(crate) fn local() -> Self {
        Self {
            url: "mqtt://127.0.0.1:1883".to_owned(),
            scheme: Scheme::Mqtt,
            host: "127.0.0.1".to_owned(),
            port: 1883,
            path: DEFAULT_PATH.to_owned(),
        }
    }

    /// Parses `scheme://host:port/path`; port and path have their defaults, `mqtt://` may be left out.
    pub(crate) fn parse(url: &str) -> Result<Self, Problem> {
        let (name, rest) = url.split_once("://").unwrap_or(("mqtt", url));
        let Some(&(_, scheme)) = NAMES.iter().find(|(known, _)| *known == name) else {
            let problem = Problem::new(format!("unknown scheme `{name}://`"));
            return Err(problem.nearest(name, NAMES.iter().map(|(known, _)| *known)));
        };
        let (authority, path) = match rest.find(['/', '?', '#']) {
            Some(at) => rest.split_at(at),
            None => (rest, ""),
        };
        if authority.contains('@') {
            let problem = Problem::new("a user name does not belong in the broker's address");
            return Err(problem.help("set `username` and `password` of the group"));
        }
        let bad =
            || Problem::new(format!("bad broker address `{url}`")).help("for example: mqtt://host:1883");
        if !scheme.is_websocket() && !path.trim_start_matches('/').is_empty() {
            return Err(bad().help("a path is for ws:// and wss://"));
        }
        if path.contains(['#', ' ']) || url.chars().any(char::is_control) {
            return Err(bad());
        }
        let (host, port) = match authority.strip_prefix('[') {
            Some(v6) => {
                let (host, after) = v6.split_once(']').ok_or_else(bad)?;
                match after.strip_prefix(':') {
                    None if !after.is_empty() => return Err(bad()),
                    port => (host, port),
                }
            }
            None => match authority.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (authority, None),
            },
        };
        let port = match port {
            Some(port) => port.parse().ok().filter(|port| *port > 0).ok_or_else(bad)?,
            None => scheme.default_port(),
        };
        if host.is_empty() || host.contains(' ') {
            return Err(bad());
        }
        let path = match path {
            "" => DEFAULT_PATH.to_owned(),
            query if query.starts_with('?') => format!("/{query}"),
            path => path.to_owned(),
        };
        Ok(Self { url: url.to_owned(), scheme, host: host.to_owned(), port, path })
    }

    /// What a request calls the broker: its name, and its port unless the scheme says it.
    pub(crate) fn authority(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        if self.port == self.scheme.default_port() { host } else { format!("{host}:{}", self.port) }
    }
}

impl Read for Broker {
    fn read(node: &Node, reader: &Reader<'_>) -> Option<Self> {
        let url = reader.text(node, "a broker's URL")?;
        Self::parse(&url).map_err(|problem| reader.report_at(&node.span, problem)).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(url: &str) -> (Scheme, String, u16, String) {
        let Broker { scheme, host, port, path, .. } = Broker::parse(url).expect("parses");
        (scheme, host, port, path)
    }

    #[test]
    fn ports_paths_and_schemes_have_defaults() {
        let is = |url, scheme, host: &str, port, path: &str| {
            assert_eq!(parsed(url), (scheme, host.to_owned(), port, path.to_owned()), "{url}");
        };
        is("mqtt://b1", Scheme::Mqtt, "b1", 1883, "/mqtt");
        is("tcp://b1:1999/", Scheme::Mqtt, "b1", 1999, "/");
        is("b1:1884", Scheme::Mqtt, "b1", 1884, "/mqtt");
        is("mqtt://[::1]:1884", Scheme::Mqtt, "::1", 1884, "/mqtt");
        is("mqtts://b1", Scheme::Mqtts, "b1", 8883, "/mqtt");
        is("tls://[::1]", Scheme::Mqtts, "::1", 8883, "/mqtt");
        is("ssl://b1:1", Scheme::Mqtts, "b1", 1, "/mqtt");
        is("ws://b1", Scheme::Ws, "b1", 80, "/mqtt");
        is("ws://b1/", Scheme::Ws, "b1", 80, "/");
        is("wss://b1:8084/a/b?c=d", Scheme::Wss, "b1", 8084, "/a/b?c=d");
        is("wxs://b1?c", Scheme::Wss, "b1", 443, "/?c");
        is("alis://b1", Scheme::Wss, "b1", 443, "/mqtt");
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for url in [
            "",
            "mqtt://",
            "mqtt://:1883",
            "mqtt://b:0",
            "mqtt://b:x",
            "mqtt://b/x",
            "mqtt://[::1",
            "mqtt://[::1]x",
            "mqtt://u@b",
            "ws://b/a b",
            "ws://b/a#b",
            "ws://b\r\n",
        ] {
            assert!(Broker::parse(url).is_err(), "{url}");
        }
        assert_eq!(Broker::parse("mqt://b1").expect_err("unknown").nearest.as_deref(), Some("mqtt"));
        assert_eq!(Broker::parse("wsss://b1").expect_err("unknown").nearest.as_deref(), Some("wss"));
    }

    #[test]
    fn a_request_names_the_port_unless_the_scheme_does() {
        let authority = |url| Broker::parse(url).expect("parses").authority();
        assert_eq!(authority("ws://b1"), "b1");
        assert_eq!(authority("ws://b1:443"), "b1:443");
        assert_eq!(authority("wss://[::1]:8084"), "[::1]:8084");
    }
}
