//! The metrics of a capture, under the names that a load run gives them.

use mqscope_report::{Catalog, CounterId, LatencyId, Tags};

/// Ids of all metrics that are known before the first frame.
#[derive(Debug)]
pub(super) struct Metrics {
    pub(super) tcp_connect: LatencyId,
    pub(super) tls_handshake: LatencyId,
    pub(super) ws_upgrade: LatencyId,
    pub(super) connect: LatencyId,
    pub(super) suback: LatencyId,
    pub(super) unsuback: LatencyId,
    pub(super) puback: LatencyId,
    pub(super) pubrec: LatencyId,
    pub(super) pubcomp: LatencyId,
    pub(super) ping: LatencyId,
    pub(super) delivery_by_stamp: LatencyId,
    pub(super) delivery_by_content: LatencyId,

    pub(super) packets: CounterId,
    pub(super) connect_attempts: CounterId,
    pub(super) connects: CounterId,
    pub(super) connect_failed: CounterId,
    pub(super) disconnects: CounterId,
    pub(super) subscribe_failed: CounterId,
    /// PUBLISH packets of clients.
    pub(super) publish_rate: CounterId,
    pub(super) publish_failed: CounterId,
    /// PUBLISH packets of servers, and those of them that are retained.
    pub(super) deliveries: CounterId,
    pub(super) retained: CounterId,
    /// Whose message was not captured on its way to the broker.
    pub(super) delivery_unmatched: CounterId,
    /// Which of several equal messages it is cannot be told.
    pub(super) delivery_ambiguous: CounterId,
    /// MQTT packets' bytes, sent by clients and by servers.
    pub(super) bytes_sent: CounterId,
    pub(super) bytes_received: CounterId,
    pub(super) malformed: CounterId,
    pub(super) violations: CounterId,
    pub(super) tcp_connections: CounterId,
    pub(super) tcp_segments: CounterId,
    pub(super) tcp_retransmissions: CounterId,
    pub(super) tcp_out_of_order: CounterId,
    pub(super) tcp_not_captured: CounterId,
}

impl Metrics {
    /// Registers all.
    pub(super) fn register() -> (Catalog, Self) {
        let mut catalog = Catalog::new();
        let mut latency = |name: &str| catalog.latency(name, Tags::none());
        let (tcp_connect, tls_handshake) = (latency("tcp_connect_latency"), latency("tls_handshake_latency"));
        let (ws_upgrade, connect) = (latency("ws_upgrade_latency"), latency("connect_latency"));
        let (suback, unsuback) = (latency("suback_latency"), latency("unsuback_latency"));
        let (puback, pubrec) = (latency("puback_latency"), latency("pubrec_latency"));
        let (pubcomp, ping) = (latency("pubcomp_latency"), latency("ping_latency"));
        let mut delivery = |by: &str| catalog.latency("delivery_latency", [("matched", by)]);
        let (delivery_by_stamp, delivery_by_content) = (delivery("stamp"), delivery("content"));

        let none = Tags::none;
        let packets = catalog.counter("packets", none());
        let connect_attempts = catalog.counter("connect_attempts", none());
        let publish_rate = catalog.counter("publish_rate", none());
        let deliveries = catalog.counter("deliveries", none());
        let tcp_connections = catalog.counter("tcp_connections", none());
        let tcp_segments = catalog.counter("tcp_segments", none());
        let metrics = Self {
            tcp_connect,
            tls_handshake,
            ws_upgrade,
            connect,
            suback,
            unsuback,
            puback,
            pubrec,
            pubcomp,
            ping,
            delivery_by_stamp,
            delivery_by_content,
            packets,
            connect_attempts,
            connects: catalog.counter_of("connects", none(), connect_attempts),
            connect_failed: catalog.counter_of("connect_failed", none(), connect_attempts),
            disconnects: catalog.counter("disconnects", none()),
            subscribe_failed: catalog.counter("subscribe_failed", none()),
            publish_rate,
            publish_failed: catalog.counter_of("publish_failed", none(), publish_rate),
            deliveries,
            retained: catalog.counter_of("delivery_retained", none(), deliveries),
            delivery_unmatched: catalog.counter_of("delivery_unmatched", none(), deliveries),
            delivery_ambiguous: catalog.counter_of("delivery_ambiguous", none(), deliveries),
            bytes_sent: catalog.counter("bytes_sent", none()),
            bytes_received: catalog.counter("bytes_received", none()),
            malformed: catalog.counter_of("malformed", none(), packets),
            violations: catalog.counter_of("violations", none(), packets),
            tcp_connections,
            tcp_segments,
            tcp_retransmissions: catalog.counter_of("tcp_retransmissions", none(), tcp_segments),
            tcp_out_of_order: catalog.counter_of("tcp_out_of_order", none(), tcp_segments),
            tcp_not_captured: catalog.counter_of("tcp_not_captured", none(), tcp_segments),
        };
        (catalog, metrics)
    }
}
