//! What a capture says of latencies, rates, clients and topics, in the form of a load run's report.
//!
//! [`Statistics`] is a [`Visitor`] that is shown the frames as well: packets give exchanges and counts, frames give what TCP
//! did beneath them. Metrics have the names that a load run gives them, so that the two can be held against each other. A
//! capture has **service times** only: from the frame that completed a request to the frame that completed its answer, as
//! seen where it was captured. When a message was meant to be sent it does not know.
//!
//! | metric | from | to |
//! |---|---|---|
//! | `tcp_connect_latency` | SYN | the answer to it |
//! | `tls_handshake_latency` | ClientHello | the first that the client says under TLS, where that can be decrypted |
//! | `ws_upgrade_latency` | request | response that accepts it |
//! | `connect_latency` | CONNECT | CONNACK that accepts it |
//! | `suback_latency`, `unsuback_latency` | SUBSCRIBE, UNSUBSCRIBE | its acknowledgement |
//! | `puback_latency`, `pubrec_latency`, `pubcomp_latency` | a client's PUBLISH | the server's acknowledgement |
//! | `ping_latency` | PINGREQ | PINGRESP |
//! | `delivery_latency{matched:…}` | a client's PUBLISH | the server's PUBLISH of the same message |
//!
//! With a display filter packets are counted that match, and exchanges of which any packet so far matched.
//!
//! **Memory** beside the index is bounded: by the number of connections and a bit a packet, both of which the index holds
//! anyway, by fixed numbers of messages, topics and TCP connections, beyond which the oldest or least are forgotten, and by a
//! day's worth of seconds in the series.

mod busiest;
mod concluded;
mod delivery;
mod metrics;
mod openings;
mod samples;
mod tcp;

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use mqscope_report::LatencyId;
use mqscope_wire::{Packet, PacketType, Publish, ReasonCode, Version};

use crate::filter::Filter;
use crate::{Body, CarrierMessage, PacketView, RowFlags, RowId, Side, Visitor};

use busiest::Busiest;
pub use concluded::Concluded;
use delivery::{Deliveries, Delivery};
use openings::Openings;
use samples::Samples;
use tcp::Tcp;

/// Takes the measure of a capture.
///
/// ```no_run
/// use mqscope_dissect::{Indexer, Settings, statistics::Statistics};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut capture = mqscope_capture::Capture::open("plant.pcapng".as_ref())?;
/// let mut indexer = Indexer::new(Settings::default(), capture.store());
/// let mut statistics = Statistics::new(None, None);
/// while let Some(frame) = capture.next_frame()? {
///     statistics.frame(&frame);
///     let _ = indexer.push(&frame, &mut statistics)?;
/// }
/// let _ = indexer.finish(&mut statistics);
/// for latency in statistics.conclude(&indexer.snapshot()).results.latencies {
///     println!("{} p99 {} µs", latency.name, latency.response.p99_us);
/// }
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Statistics {
    filter: Option<Filter>,
    /// How many more packets may match.
    left: Option<u64>,
    samples: Samples,
    tcp: Tcp,
    openings: Openings,
    deliveries: Deliveries,
    tally: Tally,
    /// A bit a row: whether the packet, or an earlier one of its exchange, matched the filter.
    asked: Vec<u64>,
}

/// Counts whose names show only as packets come by.
#[derive(Debug, Default)]
struct Tally {
    /// By sender (client, server) and type.
    packets: [[u64; 16]; 2],
    /// PUBLISH packets by sender and quality of service.
    publishes: [[u64; 4]; 2],
    /// By counter, sender where that matters, and reason.
    reasons: BTreeMap<(&'static str, &'static str, &'static str), u64>,
    /// By connection: packets.
    flows: Vec<u64>,
    published: Busiest,
    delivered: Busiest,
    /// Exchanges whose answer was captured before its request.
    backwards: u64,
}

impl Statistics {
    /// Of the packets that match `filter`, and no more of those than `most`.
    pub fn new(filter: Option<Filter>, most: Option<u64>) -> Self {
        Self {
            filter,
            left: most,
            samples: Samples::new(),
            tcp: Tcp::new(),
            openings: Openings::default(),
            deliveries: Deliveries::default(),
            tally: Tally::default(),
            asked: Vec::new(),
        }
    }

    /// Takes the next frame of the capture; to be called before the [`Indexer`](crate::Indexer) is given it.
    #[inline]
    pub fn frame(&mut self, frame: &mqscope_capture::Frame<'_>) {
        self.tcp.frame(frame, &mut self.samples);
    }

    /// Concludes what was seen. `snapshot` is the index as it is then.
    pub fn conclude(self, snapshot: &crate::Snapshot) -> Concluded {
        concluded::conclude(self, snapshot)
    }

    /// Whether the packet or its exchange is asked for, with and without regard to what went before.
    fn is_asked(&mut self, packet: &PacketView<'_>) -> (bool, bool) {
        let Some(filter) = &self.filter else { return (true, true) };
        let matches = filter.matches(packet);
        let exchange = matches || packet.request.is_some_and(|request| self.was_asked(request.row));
        if exchange {
            let RowId(row) = packet.row.id;
            let word = row as usize / 64;
            if self.asked.len() <= word {
                self.asked.resize(word + 1, 0);
            }
            self.asked[word] |= 1 << (row % 64);
        }
        (matches, exchange)
    }

    fn was_asked(&self, RowId(row): RowId) -> bool {
        self.asked.get(row as usize / 64).is_some_and(|word| word >> (row % 64) & 1 == 1)
    }

    fn count(&mut self, packet: &PacketView<'_>) {
        let Samples { recorder, metrics, .. } = &mut self.samples;
        let from_client = packet.side == Side::Client;
        recorder.count(metrics.packets, 1);
        let bytes = if from_client { metrics.bytes_sent } else { metrics.bytes_received };
        recorder.count(bytes, packet.bytes.len() as u64);
        recorder.count(metrics.malformed, packet.error().is_some().into());
        recorder.count(metrics.violations, packet.row.flags.contains(RowFlags::VIOLATION).into());
        if let Some(kind) = packet.packet_type() {
            self.tally.packets[packet.side as usize][kind as usize & 0xf] += 1;
        }
        let flow = packet.flow.number as usize;
        if self.tally.flows.len() <= flow {
            self.tally.flows.resize(flow + 1, 0);
        }
        self.tally.flows[flow] += 1;
    }

    /// Counts what the packet is about.
    fn tell(&mut self, packet: &PacketView<'_>) {
        let Some(body) = packet.packet() else { return };
        let Samples { recorder, metrics, .. } = &mut self.samples;
        match body {
            Packet::Connect(_) => recorder.count(metrics.connect_attempts, 1),
            Packet::ConnAck(ack) if ack.reason.0 == 0 => recorder.count(metrics.connects, 1),
            Packet::ConnAck(ack) => {
                recorder.count(metrics.connect_failed, 1);
                self.tally.reason("connect_failed", "", packet, ack.reason);
            }
            Packet::Publish(publish) => self.tell_publish(packet, publish),
            Packet::PubAck(ack) | Packet::PubRec(ack)
                if packet.side == Side::Server && ack.reason.0 >= 0x80 =>
            {
                recorder.count(metrics.publish_failed, 1);
                self.tally.reason("publish_failed", "", packet, ack.reason);
            }
            Packet::SubAck(ack) => {
                for refused in ack.reasons.iter().filter(|reason| reason.0 >= 0x80) {
                    recorder.count(metrics.subscribe_failed, 1);
                    self.tally.reason("subscribe_failed", "", packet, refused);
                }
            }
            Packet::Disconnect(disconnect) => {
                recorder.count(metrics.disconnects, 1);
                self.tally.reason("disconnects", packet.side.name(), packet, disconnect.reason);
            }
            _ => {}
        }
    }

    fn tell_publish(&mut self, packet: &PacketView<'_>, publish: &Publish<'_>) {
        let Samples { recorder, metrics, .. } = &mut self.samples;
        self.tally.publishes[packet.side as usize][publish.qos as usize & 3] += 1;
        let topic = packet.topic.unwrap_or_default();
        match packet.side {
            Side::Client => {
                recorder.count(metrics.publish_rate, 1);
                self.tally.published.add(topic);
            }
            Side::Server => {
                recorder.count(metrics.deliveries, 1);
                recorder.count(metrics.retained, publish.retain.into());
                self.tally.delivered.add(topic);
            }
        }
    }

    /// Records the exchange that the packet completes.
    fn time(&mut self, packet: &PacketView<'_>) {
        let metrics = &self.samples.metrics;
        let from_server = packet.side == Side::Server;
        let metric = match packet.packet() {
            Some(Packet::ConnAck(ack)) if ack.reason.0 == 0 => metrics.connect,
            Some(Packet::SubAck(_)) => metrics.suback,
            Some(Packet::UnsubAck(_)) => metrics.unsuback,
            Some(Packet::PubAck(_)) if from_server => metrics.puback,
            Some(Packet::PubRec(_)) if from_server => metrics.pubrec,
            Some(Packet::PubComp(_)) if from_server => metrics.pubcomp,
            Some(Packet::PingResp) => metrics.ping,
            _ => return,
        };
        if let Some(time) = packet.exchange_time() {
            self.sample(metric, time);
        }
    }

    fn sample(&mut self, metric: LatencyId, ns: i64) {
        if !self.samples.service(metric, ns) {
            self.tally.backwards += 1;
        }
    }

    /// Follows a message through the broker.
    fn follow(&mut self, packet: &PacketView<'_>, asked: bool) {
        let Some(Packet::Publish(publish)) = packet.packet() else { return };
        let topic = packet.topic.unwrap_or_default();
        if packet.side == Side::Client {
            return self.deliveries.sent(topic, publish, packet.time(), asked);
        }
        // A retained message is as old as it is.
        if publish.retain {
            return;
        }
        let delivery = self.deliveries.received(topic, publish, packet.flow.number);
        let metrics = &self.samples.metrics;
        let (metric, counter, sent) = match delivery {
            Delivery::Stamped(sent) => (Some(metrics.delivery_by_stamp), None, sent),
            Delivery::Alike(sent) => (Some(metrics.delivery_by_content), None, sent),
            Delivery::Ambiguous(sent) => (None, Some(metrics.delivery_ambiguous), sent),
            Delivery::Unknown => {
                if asked {
                    self.samples.recorder.count(metrics.delivery_unmatched, 1);
                }
                return;
            }
        };
        if !asked && !sent.asked {
            return;
        }
        if let Some(counter) = counter {
            self.samples.recorder.count(counter, 1);
        }
        if let Some(metric) = metric {
            self.sample(metric, packet.time().saturating_sub(sent.time));
        }
    }
}

impl Visitor for Statistics {
    fn packet(&mut self, packet: &PacketView<'_>) -> ControlFlow<()> {
        if self.left == Some(0) {
            return ControlFlow::Break(());
        }
        self.samples.advance(packet.start, packet.time());
        let (matches, exchange) = self.is_asked(packet);
        if let Some((metric, ns)) = self.openings.see(packet, matches, &self.samples.metrics) {
            self.sample(metric, ns);
        }
        if let Body::Carrier(_) = packet.body {
            return ControlFlow::Continue(());
        }
        if exchange {
            self.time(packet);
        }
        self.follow(packet, matches);
        if packet.packet_type() == Some(PacketType::Disconnect) {
            self.tcp.disconnected(packet.flow.stream);
        }
        if !matches {
            return ControlFlow::Continue(());
        }
        self.tcp.carries_mqtt(packet.flow.stream, &mut self.samples);
        self.count(packet);
        self.tell(packet);
        if let Some(left) = &mut self.left {
            *left -= 1;
            if *left == 0 {
                return ControlFlow::Break(());
            }
        }
        ControlFlow::Continue(())
    }
}

impl Tally {
    fn reason(
        &mut self,
        counter: &'static str,
        by: &'static str,
        packet: &PacketView<'_>,
        reason: ReasonCode,
    ) {
        let kind = packet.packet_type().unwrap_or(PacketType::Disconnect);
        // A DISCONNECT before 5.0 has no reason: it is the one that 5.0 calls normal.
        let version = if kind == PacketType::Disconnect { Version::V5 } else { packet.version() };
        *self.reasons.entry((counter, by, reason.name(kind, version))).or_default() += 1;
    }
}

/// Whether a carrier's message belongs to the opening of a connection.
fn is_opening(message: CarrierMessage) -> bool {
    matches!(
        message,
        CarrierMessage::ClientHello | CarrierMessage::HttpRequest | CarrierMessage::HttpResponse
    )
}
