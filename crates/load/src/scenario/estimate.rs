//! What a plan will need and do, worked out before it runs.

use std::fmt;
use std::time::Duration;

use rustc_hash::FxHashSet;

use super::{End, Group, Moment, Payload, Plan, Rate};
use crate::health::local_ports;
use crate::topics::{Filters, device_random};

/// User-space bytes a connected device is reckoned with, subscriptions and publish lists included.
const BYTES_A_DEVICE: u64 = 1_536;
/// The same for what its transport holds besides.
const BYTES_A_WEBSOCKET: u64 = 512;
/// A compressor's windows, and those of what inflates.
const BYTES_A_DEFLATE: u64 = 370 << 10;
const BYTES_A_TLS: u64 = 12 << 10;
/// Bytes of the program itself, its histograms and its buffers.
const BYTES_AT_LEAST: u64 = 24 << 20;
/// Descriptors besides those of the connections.
const SPARE_DESCRIPTORS: u64 = 64;

/// What a plan will need and do.
#[derive(Clone, Debug)]
pub struct Estimate {
    /// Connections at once.
    pub connections: u64,
    /// Open descriptors at once.
    pub descriptors: u64,
    /// Local ports connections can come from: of each source address towards each broker.
    pub ports: u64,
    /// User-space memory in bytes.
    pub memory_bytes: u64,
    /// The longest the phases may take together.
    pub at_most: Duration,
    /// Each phase.
    pub phases: Vec<PhaseEstimate>,
}

/// What a phase will do.
#[derive(Clone, Debug)]
pub struct PhaseEstimate {
    /// Name.
    pub name: String,
    /// When it ends, in words.
    pub ends: String,
    /// Messages published, of all devices together.
    pub publish: Rate,
    /// Messages delivered to subscribers of the plan.
    pub deliver: Rate,
    /// Payload bytes published a second.
    pub bytes_per_second: f64,
}

impl Estimate {
    /// Works it out.
    pub fn of(plan: &Plan) -> Self {
        let connections = u64::from(plan.devices());
        let brokers: FxHashSet<_> =
            plan.target.brokers.iter().map(|broker| (&broker.host, broker.port)).collect();
        // A port is chosen for a pair of addresses.
        let ways = plan.target.source_ips.len().max(1) * brokers.len();
        // A message of each stream tells how many get the others.
        let filters = Filters::of(plan);
        let fan: Vec<Vec<f64>> = plan.groups.iter().map(|group| fan_out(plan, group, &filters)).collect();
        let phases = plan.phases.iter().map(|phase| {
            let (mut publish, mut deliver, mut bytes) = (0.0, 0.0, 0.0);
            for ((group, act), fan) in plan.groups.iter().zip(&phase.acts).zip(&fan) {
                for ((list, (rate, _)), fan) in group.publish.iter().zip(&act.publish).zip(fan) {
                    let rate = rate.as_per_second();
                    publish += rate * f64::from(group.count);
                    deliver += rate * fan;
                    bytes += rate * f64::from(group.count) * payload_len(plan, group, &list.payload) as f64;
                }
            }
            PhaseEstimate {
                name: phase.name.clone(),
                ends: match &phase.end {
                    End::After(duration) => format!("after {}", humantime::format_duration(*duration)),
                    End::When { until, timeout } => {
                        format!("when {until}, {} at most", humantime::format_duration(*timeout))
                    }
                },
                publish: Rate::per_second(publish),
                deliver: Rate::per_second(deliver),
                bytes_per_second: bytes,
            }
        });
        Self {
            connections,
            descriptors: connections + SPARE_DESCRIPTORS,
            ports: ways as u64 * local_ports(),
            memory_bytes: BYTES_AT_LEAST + connections * bytes_a_device(plan),
            at_most: plan.phases.iter().map(|phase| phase.end.at_most()).sum(),
            phases: phases.collect(),
        }
    }
}

/// What a device holds, where it connects to the most demanding broker.
fn bytes_a_device(plan: &Plan) -> u64 {
    let target = &plan.target;
    let tls = if target.speaks_tls() { BYTES_A_TLS } else { 0 };
    let websocket = match (target.speaks_websocket(), target.websocket.deflate) {
        (false, _) => 0,
        (true, false) => BYTES_A_WEBSOCKET,
        (true, true) => BYTES_A_WEBSOCKET + BYTES_A_DEFLATE,
    };
    BYTES_A_DEVICE + tls + websocket
}

/// For each publish list: deliveries of one message of each device, added up.
fn fan_out(plan: &Plan, group: &Group, filters: &Filters) -> Vec<f64> {
    let mut fan = vec![0.0; group.publish.len()];
    for i in 0..group.count {
        let client_id = group.client_id_of(plan.seed, i);
        for (list, fan) in group.publish.iter().zip(&mut fan) {
            let mut moment = sample(plan, group, &client_id, i);
            let recipients = filters.recipients(&list.topic.to_text(&mut moment), group.first_device + i);
            *fan += (recipients.direct.len() + recipients.shared.len()) as f64;
        }
    }
    fan
}

fn payload_len(plan: &Plan, group: &Group, payload: &Payload) -> usize {
    match payload {
        Payload::Bytes(bytes) => bytes.len(),
        Payload::Template(template) => {
            let client_id = group.client_id_of(plan.seed, 0);
            let mut out = Vec::new();
            template.render(&mut sample(plan, group, &client_id, 0), &mut out);
            out.len()
        }
    }
}

fn sample<'m>(plan: &Plan, group: &'m Group, client_id: &'m str, i: u32) -> Moment<'m> {
    let random = device_random(plan.seed, group.first_device + i, 0);
    Moment { client_id, i, group: &group.name, seq: 0, now_ns: 1_700_000_000_000_000_000, random }
}

impl fmt::Display for Estimate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "connections   {}", self.connections)?;
        writeln!(f, "descriptors   {}", self.descriptors)?;
        writeln!(f, "local ports   {} to choose from", self.ports)?;
        writeln!(f, "memory        about {} MiB", self.memory_bytes >> 20)?;
        writeln!(f, "duration      {} at most", humantime::format_duration(self.at_most))?;
        writeln!(f, "phases")?;
        let width = self.phases.iter().map(|phase| phase.name.chars().count()).max().unwrap_or(0);
        for phase in &self.phases {
            write!(f, "  {:width$}  {}", phase.name, phase.ends)?;
            if phase.publish > Rate::ZERO {
                let kib = phase.bytes_per_second / 1024.0;
                write!(f, "; publish {} ({kib:.0} KiB/s), deliver {}", phase.publish, phase.deliver)?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}
