//! Broker URLs as the command line takes them.

use std::fmt;

/// Where a broker listens: the scheme's default port filled in, the host without brackets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BrokerUrl {
    pub(crate) scheme: &'static str,
    pub(crate) host: String,
    pub(crate) port: u16,
}

/// Scheme and default port. `wxs` and `alis` are the names that MQTT.js gives WebSocket over TLS in mini-programs.
const SCHEMES: [(&str, u16); 9] = [
    ("mqtt", 1883),
    ("tcp", 1883),
    ("mqtts", 8883),
    ("tls", 8883),
    ("ssl", 8883),
    ("ws", 80),
    ("wss", 443),
    ("wxs", 443),
    ("alis", 443),
];

impl BrokerUrl {
    /// Parses `scheme://[user@]host[:port][/path]`.
    ///
    /// # Errors
    /// Says which part is wrong and what would be right.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let (scheme, rest) = text
            .split_once("://")
            .ok_or_else(|| format!("`{text}` is no broker URL: write for example mqtt://127.0.0.1:1883"))?;
        let &(scheme, default_port) = SCHEMES.iter().find(|(name, _)| *name == scheme).ok_or_else(|| {
            let known: Vec<_> = SCHEMES.iter().map(|(name, _)| *name).collect();
            format!("unknown scheme `{scheme}` in `{text}`: use one of {}", known.join(", "))
        })?;
        let authority = rest.split(['/', '?']).next().unwrap_or_default();
        let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        let (host, port) = split_host_port(authority);
        if host.is_empty() {
            return Err(format!("`{text}` names no host"));
        }
        let port = match port {
            Some(port) => {
                port.parse().map_err(|_| format!("`{port}` in `{text}` is no port (0 to 65535)"))?
            }
            None => default_port,
        };
        Ok(Self { scheme, host: host.to_owned(), port })
    }
}

impl fmt::Display for BrokerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (open, close) = if self.host.contains(':') { ("[", "]") } else { ("", "") };
        write!(f, "{}://{open}{}{close}:{}", self.scheme, self.host, self.port)
    }
}

/// Splits `host:port`, `[v6]:port`, `host` or `:port`.
pub(crate) fn split_host_port(text: &str) -> (&str, Option<&str>) {
    if let Some(rest) = text.strip_prefix('[') {
        return match rest.split_once(']') {
            Some((host, tail)) => (host, tail.strip_prefix(':')),
            None => (rest, None),
        };
    }
    match text.rsplit_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (text, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_without_port_takes_the_default_of_its_scheme() {
        for (text, port) in
            [("mqtt://b", 1883), ("tls://b/x", 8883), ("wss://u:p@b/mqtt", 443), ("ws://b:9001/m", 9001)]
        {
            assert_eq!(
                BrokerUrl::parse(text).map(|url| (url.host, url.port)),
                Ok(("b".to_owned(), port)),
                "{text}"
            );
        }
        assert_eq!(BrokerUrl::parse("mqtt://[::1]:1884").unwrap().to_string(), "mqtt://[::1]:1884");
    }

    #[test]
    fn a_wrong_url_says_what_is_wrong() {
        for (text, part) in [
            ("b:1883", "no broker URL"),
            ("http://b", "unknown scheme"),
            ("mqtt://b:x", "no port"),
            ("mqtt://:1", "no host"),
        ] {
            assert!(BrokerUrl::parse(text).unwrap_err().contains(part), "{text}");
        }
    }
}
