//! What a run measures: every metric for every recorded phase and every group, named before it starts.
//!
//! A sample belongs to the phase in which its message (or connect) was *intended*, and to the group of the
//! device that saw it: acknowledgements to the publisher's, deliveries to the receiver's.

use mqscope_report::{Catalog, CounterId, GaugeId, LatencyId, Tags, Unit};

use crate::part::Part;
use crate::scenario::{Plan, Target};
use crate::transport::Stage;

/// Publishes at QoS 1 and 2 whose exchange was not over when the run was, or when their session was lost.
pub(crate) const UNACKNOWLEDGED: &str = "publish_unacknowledged";

/// Ids of all metrics.
#[derive(Clone, Debug)]
pub(crate) struct Metrics {
    /// By phase, then by group; `None` for phases that are not recorded.
    cells: Vec<Option<Vec<Cell>>>,
    pub generator_cpu: GaugeId,
    pub memory: GaugeId,
    pub descriptors: GaugeId,
    pub inflight: GaugeId,
}

/// Ids of a phase's and group's metrics.
#[derive(Clone, Debug)]
pub(crate) struct Cell {
    pub tcp_connect: LatencyId,
    pub connect: LatencyId,
    pub suback: LatencyId,
    pub puback: LatencyId,
    pub pubrec: LatencyId,
    pub pubcomp: LatencyId,
    pub delivery: LatencyId,
    pub ping: LatencyId,
    pub send_lag: LatencyId,

    pub connect_attempts: CounterId,
    pub connects: CounterId,
    pub connect_failed: CounterId,
    pub reconnects: CounterId,
    pub failovers: CounterId,
    pub disconnects: CounterId,
    pub subscribe_failed: CounterId,
    pub publish_intended: CounterId,
    pub publish_rate: CounterId,
    pub publish_dropped: CounterId,
    pub publish_failed: CounterId,
    pub publish_unacknowledged: CounterId,
    pub bytes_sent: CounterId,
    pub bytes_received: CounterId,
    pub deliveries: CounterId,
    pub unexpected: CounterId,
    pub overlapping: CounterId,
    /// By the quality of service a message has on its way to the receiver.
    pub by_qos: [ByQos; 3],

    pub connected: GaugeId,
    pub subscribed: GaugeId,

    pub transport: TransportCell,
}

/// What is measured of the layers below MQTT. Layers that no broker of the plan speaks have no metrics.
#[derive(Clone, Debug)]
pub(crate) struct TransportCell {
    pub tcp_failed: CounterId,
    pub tls: Option<TlsCell>,
    pub websocket: Option<WebSocketCell>,
}

#[derive(Clone, Debug)]
pub(crate) struct TlsCell {
    pub handshake: LatencyId,
    pub failed: CounterId,
    pub resumed: CounterId,
}

#[derive(Clone, Debug)]
pub(crate) struct WebSocketCell {
    pub upgrade: LatencyId,
    pub failed: CounterId,
}

/// What the ledger counts apart for each quality of service.
#[derive(Clone, Debug)]
pub(crate) struct ByQos {
    pub expected: CounterId,
    pub lost: CounterId,
    pub duplicated: CounterId,
    pub reordered: CounterId,
}

impl Metrics {
    /// Registers everything a plan can measure.
    pub(crate) fn register(plan: &Plan) -> (Catalog, Self) {
        Self::register_part(plan, Part::WHOLE)
    }

    /// The same for a part of the devices: it is to reach what it has.
    pub(crate) fn register_part(plan: &Plan, part: Part) -> (Catalog, Self) {
        let mut catalog = Catalog::new();
        let cells = plan
            .phases
            .iter()
            .map(|phase| {
                let groups = plan.groups.iter();
                let cells = groups.map(|group| {
                    let tags =
                        Tags::from([(Tags::PHASE, phase.name.as_str()), ("group", group.name.as_str())]);
                    let devices = part.among(group.first_device, group.count);
                    Cell::register(&mut catalog, &tags, devices, &plan.target)
                });
                phase.record.then(|| cells.collect())
            })
            .collect();
        let metrics = Self {
            cells,
            generator_cpu: catalog.gauge("generator_cpu", Tags::none(), Unit::Percent),
            memory: catalog.gauge("memory", Tags::none(), Unit::Bytes),
            descriptors: catalog.gauge("descriptors", Tags::none(), Unit::Count),
            inflight: catalog.gauge("inflight", Tags::none(), Unit::Count),
        };
        (catalog, metrics)
    }

    /// The metrics of a phase and group, unless the phase is not recorded.
    pub(crate) fn cell(&self, phase: usize, group: usize) -> Option<&Cell> {
        self.cells[phase].as_ref().map(|groups| &groups[group])
    }
}

impl Cell {
    fn register(catalog: &mut Catalog, tags: &Tags, devices: u32, target: &Target) -> Self {
        let mut latency = |name: &str| catalog.latency(name, tags.clone());
        let (tcp_connect, connect) = (latency("tcp_connect_latency"), latency("connect_latency"));
        let (suback, ping) = (latency("suback_latency"), latency("ping_latency"));
        let puback = latency("puback_latency");
        let (pubrec, pubcomp) = (latency("pubrec_latency"), latency("pubcomp_latency"));
        let (delivery, send_lag) = (latency("delivery_latency"), latency("send_lag"));
        let connect_attempts = catalog.counter("connect_attempts", tags.clone());
        let publish_intended = catalog.counter("publish_intended", tags.clone());
        let by_qos = ["0", "1", "2"].map(|qos| {
            let tags = tags.clone().with("qos", qos);
            let expected = catalog.counter("delivery_expected", tags.clone());
            ByQos {
                expected,
                lost: catalog.counter_of("delivery_lost", tags.clone(), expected),
                duplicated: catalog.counter_of("delivery_duplicated", tags.clone(), expected),
                reordered: catalog.counter_of("delivery_reordered", tags, expected),
            }
        });
        let transport = TransportCell::register(catalog, tags, connect_attempts, target);
        let all = f64::from(devices);
        Self {
            tcp_connect,
            connect,
            suback,
            puback,
            pubrec,
            pubcomp,
            delivery,
            ping,
            send_lag,
            connect_attempts,
            connects: catalog.counter_of("connects", tags.clone(), connect_attempts),
            connect_failed: catalog.counter_of("connect_failed", tags.clone(), connect_attempts),
            reconnects: catalog.counter_of("reconnects", tags.clone(), connect_attempts),
            failovers: catalog.counter("failovers", tags.clone()),
            disconnects: catalog.counter("disconnects", tags.clone()),
            subscribe_failed: catalog.counter("subscribe_failed", tags.clone()),
            publish_intended,
            publish_rate: catalog.counter_of("publish_rate", tags.clone(), publish_intended),
            publish_dropped: catalog.counter_of("publish_dropped", tags.clone(), publish_intended),
            publish_failed: catalog.counter_of("publish_failed", tags.clone(), publish_intended),
            publish_unacknowledged: catalog.counter_of(UNACKNOWLEDGED, tags.clone(), publish_intended),
            bytes_sent: catalog.counter("bytes_sent", tags.clone()),
            bytes_received: catalog.counter("bytes_received", tags.clone()),
            deliveries: catalog.counter("deliveries", tags.clone()),
            unexpected: catalog.counter("delivery_unexpected", tags.clone()),
            overlapping: catalog.counter("delivery_overlapping", tags.clone()),
            by_qos,
            connected: catalog.gauge_to("connected", tags.clone(), Unit::Count, all),
            subscribed: catalog.gauge_to("subscribed", tags.clone(), Unit::Count, all),
            transport,
        }
    }
}

impl TransportCell {
    fn register(catalog: &mut Catalog, tags: &Tags, attempts: CounterId, target: &Target) -> Self {
        let tls = target.speaks_tls().then(|| TlsCell {
            handshake: catalog.latency("tls_handshake_latency", tags.clone()),
            failed: catalog.counter_of("tls_handshake_failed", tags.clone(), attempts),
            resumed: catalog.counter_of("tls_resumed", tags.clone(), attempts),
        });
        let websocket = target.speaks_websocket().then(|| WebSocketCell {
            upgrade: catalog.latency("ws_upgrade_latency", tags.clone()),
            failed: catalog.counter_of("ws_upgrade_failed", tags.clone(), attempts),
        });
        let tcp_failed = catalog.counter_of("tcp_connect_failed", tags.clone(), attempts);
        Self { tcp_failed, tls, websocket }
    }

    /// Which layer's failure it is when a connection fails at a stage; none once MQTT is spoken.
    pub(crate) fn failed(&self, stage: Stage) -> Option<CounterId> {
        match stage {
            Stage::Connecting => Some(self.tcp_failed),
            Stage::Securing => self.tls.as_ref().map(|tls| tls.failed),
            Stage::Upgrading => self.websocket.as_ref().map(|websocket| websocket.failed),
            Stage::Ready => None,
        }
    }
}
