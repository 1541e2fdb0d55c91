//! `target`: brokers and how to reach them.

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::time::Duration;

use super::broker::Broker;
use super::problem::Problem;
use super::section::{Read, Reader, Section};
use super::tls::Tls;
use super::websocket::WebSocket;
use super::yaml::Node;

const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

/// More source addresses than this are a slip of the pen.
const MOST_SOURCES: u32 = 1 << 16;

/// Where the devices connect to, and how.
#[derive(Clone, Debug)]
pub struct Target {
    /// Never empty.
    pub brokers: Vec<Broker>,
    /// Which device connects to which of them.
    pub pick: Pick,
    /// From the start of a TCP connect to the SUBACK, or the CONNACK where nothing is subscribed to.
    pub connect_timeout: Duration,
    /// Addresses to connect from, spread evenly; empty leaves the choice to the system.
    pub source_ips: Vec<IpAddr>,
    /// For brokers at `ws://` and `wss://`.
    pub websocket: WebSocket,
    /// For brokers at `mqtts://` and `wss://`.
    pub tls: Tls,
}

/// Which device connects to which of several brokers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pick {
    /// One after another, by the device's number.
    #[default]
    RoundRobin,
    /// By the client id, so that a client keeps its broker whatever else changes in the scenario.
    Hash,
    /// The first one; the next when it cannot be connected to, and so on round.
    Failover,
}

impl Target {
    /// The target of a scenario that names none.
    pub(crate) fn local() -> Self {
        Self::at(vec![Broker::local()])
    }

    pub(crate) fn at(brokers: Vec<Broker>) -> Self {
        Self {
            brokers,
            pick: Pick::default(),
            connect_timeout: DEFAULT_TIMEOUT,
            source_ips: Vec::new(),
            websocket: WebSocket::default(),
            tls: Tls::default(),
        }
    }

    /// Reads the section. `folder` is where relative paths begin; `instead` is a broker in place of the
    /// section's own.
    pub(crate) fn read(
        node: &Node,
        reader: &Reader<'_>,
        folder: &Path,
        instead: Option<Broker>,
    ) -> Option<Self> {
        let section = Section::open(node, reader, "brokers and how to reach them")?;
        let own: Option<Vec<Broker>> = match instead {
            Some(_) => section.read("brokers").or_else(|| Some(Vec::new())),
            None => section.required("brokers"),
        };
        if own.as_ref().is_some_and(Vec::is_empty) && instead.is_none() {
            reader.report_at(&section.head(), Problem::new("no broker is named"));
        }
        let wrong = own.is_none();
        let overridden = instead.is_some();
        let brokers = instead.map(|broker| vec![broker]).or(own).unwrap_or_default();
        let speaks = |layer: fn(super::Scheme) -> bool| brokers.iter().any(|broker| layer(broker.scheme));
        let unused = |key: &'static str, layer: fn(super::Scheme) -> bool, schemes: &str| {
            if let Some(node) = section.node(key)
                && !(wrong || overridden || speaks(layer))
            {
                let problem = Problem::new(format!("`{key}` does nothing: no broker is at {schemes}"));
                reader.report_at(&node.span, problem);
            }
        };
        unused("websocket", super::Scheme::is_websocket, "ws:// or wss://");
        unused("tls", super::Scheme::is_tls, "mqtts:// or wss://");
        let sources: Option<Vec<Sources>> = section.read("source_ips");
        let target = Self {
            pick: section.read("pick").unwrap_or_default(),
            connect_timeout: section.read("connect_timeout").unwrap_or(DEFAULT_TIMEOUT),
            source_ips: sources.unwrap_or_default().into_iter().flat_map(|Sources(list)| list).collect(),
            websocket: section
                .node("websocket")
                .and_then(|node| WebSocket::read(node, reader))
                .unwrap_or_default(),
            tls: section.node("tls").and_then(|node| Tls::read(node, reader, folder)).unwrap_or_default(),
            brokers,
        };
        if let (true, Some(node)) = (target.connect_timeout.is_zero(), section.node("connect_timeout")) {
            reader.report_at(&node.span, Problem::new("nobody connects in no time"));
        }
        section.finish(&["broker_metrics"]);
        (!target.brokers.is_empty()).then_some(target)
    }

    /// The broker a device begins with.
    pub(crate) fn broker_of(&self, device: u32, client_id: &str) -> u32 {
        let brokers = self.brokers.len() as u64;
        let chosen = match self.pick {
            Pick::RoundRobin => u64::from(device) % brokers,
            // FNV-1a: the same in every version of this program and on every machine.
            Pick::Hash => {
                let fold = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
                client_id.bytes().fold(0xcbf2_9ce4_8422_2325, fold) % brokers
            }
            Pick::Failover => 0,
        };
        chosen as u32
    }

    /// Whether any broker speaks TLS.
    pub fn speaks_tls(&self) -> bool {
        self.brokers.iter().any(|broker| broker.scheme.is_tls())
    }

    /// Whether any broker speaks WebSocket.
    pub fn speaks_websocket(&self) -> bool {
        self.brokers.iter().any(|broker| broker.scheme.is_websocket())
    }
}

impl Read for Pick {
    fn read(node: &Node, reader: &Reader<'_>) -> Option<Self> {
        match reader.text(node, "round-robin, hash or failover")?.as_str() {
            "round-robin" => Some(Self::RoundRobin),
            "hash" => Some(Self::Hash),
            "failover" => Some(Self::Failover),
            other => {
                let problem = Problem::new(format!("unknown way to pick a broker: `{other}`"));
                let problem = problem.nearest(other, ["round-robin", "hash", "failover"]);
                reader.report_at(&node.span, problem.help("round-robin, hash or failover"));
                None
            }
        }
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
    fn ranges_include_both_ends() {
        assert_eq!(range("127.0.0.2", "127.0.0.9").map(|list| list.len()), Some(8));
        assert_eq!(range("127.0.0.9", "127.0.0.2"), None);
        assert_eq!(range("0.0.0.0", "255.255.255.255"), None);
    }
}
