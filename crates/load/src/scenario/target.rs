//! `target`: brokers and how to reach them.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use super::plan::{Broker, Target};
use super::problem::Problem;
use super::section::{Read, Reader, Section};
use super::yaml::Node;

const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

/// Schemes that mean MQTT over plain TCP.
const PLAIN: [&str; 2] = ["mqtt", "tcp"];
/// Schemes of transports that are not carried out yet.
const LATER: [&str; 7] = ["mqtts", "tls", "ssl", "ws", "wss", "wxs", "alis"];

/// More source addresses than this are a slip of the pen.
const MOST_SOURCES: u32 = 1 << 16;

impl Target {
    /// The broker a scenario means that names none.
    pub(crate) fn local() -> Self {
        let broker =
            Broker { url: "mqtt://127.0.0.1:1883".to_owned(), host: "127.0.0.1".to_owned(), port: 1883 };
        Self { brokers: vec![broker], connect_timeout: DEFAULT_TIMEOUT, source_ips: Vec::new() }
    }

    pub(crate) fn read(node: &Node, reader: &Reader<'_>) -> Option<Self> {
        let section = Section::open(node, reader, "brokers and how to reach them")?;
        let brokers: Option<Vec<Broker>> = section.required("brokers");
        if brokers.as_ref().is_some_and(Vec::is_empty) {
            reader.report_at(&section.head(), Problem::new("no broker is named"));
        }
        let connect_timeout = section.read("connect_timeout").unwrap_or(DEFAULT_TIMEOUT);
        let pick: Option<String> = section.read("pick");
        if let (Some(pick), Some(node)) = (pick, section.node("pick"))
            && pick != "round-robin"
        {
            let problem = match pick.as_str() {
                "hash" | "failover" => Problem::new(format!("`pick: {pick}` is not supported yet")),
                _ => Problem::new(format!("unknown way to pick a broker: `{pick}`"))
                    .nearest(&pick, ["round-robin"]),
            };
            reader.report_at(&node.span, problem);
        }
        let sources: Option<Vec<Sources>> = section.read("source_ips");
        let source_ips = sources.unwrap_or_default().into_iter().flat_map(|Sources(list)| list).collect();
        section.finish(&["websocket", "tls", "broker_metrics"]);
        Some(Self { brokers: brokers?, connect_timeout, source_ips })
    }
}

impl Broker {
    /// Parses `mqtt://host:1883`; the port has its default, `mqtt://` may be left out.
    pub(crate) fn parse(url: &str) -> Result<Self, Problem> {
        let (scheme, rest) = url.split_once("://").unwrap_or(("mqtt", url));
        if LATER.contains(&scheme) {
            return Err(Problem::new(format!("`{scheme}://` is not supported yet")).help("there is mqtt://"));
        }
        if !PLAIN.contains(&scheme) {
            let known = PLAIN.into_iter().chain(LATER);
            return Err(Problem::new(format!("unknown scheme `{scheme}://`")).nearest(scheme, known));
        }
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        if rest.contains('@') {
            let problem = Problem::new("a user name does not belong in the broker's address");
            return Err(problem.help("set `username` and `password` of the group"));
        }
        let bad =
            || Problem::new(format!("bad broker address `{url}`")).help("for example: mqtt://host:1883");
        let (host, port) = match rest.strip_prefix('[') {
            Some(v6) => {
                let (host, after) = v6.split_once(']').ok_or_else(bad)?;
                (host, after.strip_prefix(':'))
            }
            None => match rest.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (rest, None),
            },
        };
        let port = match port {
            Some(port) => port.parse().ok().filter(|port| *port > 0).ok_or_else(bad)?,
            None => 1883,
        };
        if host.is_empty() || host.contains(['/', '?', '#', ' ']) {
            return Err(bad());
        }
        Ok(Self { url: url.to_owned(), host: host.to_owned(), port })
    }
}

impl Read for Broker {
    fn read(node: &Node, reader: &Reader<'_>) -> Option<Self> {
        let url = reader.text(node, "a broker's URL")?;
        Self::parse(&url).map_err(|problem| reader.report_at(&node.span, problem)).ok()
    }
}

/// An address, or a range of them: `127.0.0.2-127.0.0.9`.
struct Sources(Vec<IpAddr>);

impl Read for Sources {
    fn read(node: &Node, reader: &Reader<'_>) -> Option<Self> {
        let text = reader.text(node, "an address or a range of addresses")?;
        let parsed = match text.split_once('-') {
            Some((first, last)) => range(first.trim(), last.trim()),
            None => text.parse().ok().map(|address| vec![address]),
        };
        if parsed.is_none() {
            let problem = Problem::new(format!("bad source address `{text}`"));
            reader.report_at(&node.span, problem.help("an address, or a range such as 127.0.0.2-127.0.0.9"));
        }
        parsed.map(Self)
    }
}

fn range(first: &str, last: &str) -> Option<Vec<IpAddr>> {
    let (first, last): (Ipv4Addr, Ipv4Addr) = (first.parse().ok()?, last.parse().ok()?);
    let (first, last) = (first.to_bits(), last.to_bits());
    let count = last.checked_sub(first)?;
    (count < MOST_SOURCES).then(|| (first..=last).map(|bits| Ipv4Addr::from_bits(bits).into()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_and_schemes_have_defaults() {
        let broker = |url| Broker::parse(url).map(|broker| (broker.host, broker.port)).expect("parses");
        assert_eq!(broker("mqtt://b1"), ("b1".to_owned(), 1883));
        assert_eq!(broker("tcp://b1:1999/"), ("b1".to_owned(), 1999));
        assert_eq!(broker("b1:1884"), ("b1".to_owned(), 1884));
        assert_eq!(broker("mqtt://[::1]:1884"), ("::1".to_owned(), 1884));
    }

    #[test]
    fn transports_to_come_are_said_to_be_missing() {
        assert_eq!(Broker::parse("wss://b1").expect_err("later").message, "`wss://` is not supported yet");
        let problem = Broker::parse("mqt://b1").expect_err("unknown");
        assert_eq!(problem.nearest.as_deref(), Some("mqtt"));
    }

    #[test]
    fn ranges_include_both_ends() {
        assert_eq!(range("127.0.0.2", "127.0.0.9").map(|list| list.len()), Some(8));
        assert_eq!(range("127.0.0.9", "127.0.0.2"), None);
        assert_eq!(range("0.0.0.0", "255.255.255.255"), None);
    }
}
