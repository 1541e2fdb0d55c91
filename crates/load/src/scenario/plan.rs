//! A scenario that has been understood: nothing optional or stringly is left, and all of it can be done.

use std::sync::Arc;
use std::time::Duration;

use mqscope_report::Threshold;
use mqscope_wire::{QoS, RetainHandling, Version};

use super::reconnect::Reconnect;
use super::target::Target;
use super::until::Until;
use super::{Moment, Rate, Template};
use crate::topics::device_random;

/// What a run will do.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The scenario's name.
    pub name: String,
    /// What ids, payloads and schedule follow from.
    pub seed: u64,
    /// Where the devices connect to.
    pub target: Target,
    /// The devices, alike within a group.
    pub groups: Vec<Group>,
    /// One after another.
    pub phases: Vec<Phase>,
    /// What is demanded of the broker.
    pub thresholds: Vec<Threshold>,
    /// What is demanded of the generator itself.
    pub validity: Vec<Threshold>,
    /// Where the scenario wants its report, if it says; `{{run_id}}` is not filled in yet.
    pub outputs_dir: Option<String>,
}

/// Devices that behave alike.
#[derive(Clone, Debug)]
pub struct Group {
    /// Name.
    pub name: String,
    /// How many devices.
    pub count: u32,
    /// The number of its first device among all devices of the plan.
    pub first_device: u32,
    /// Client ids.
    pub client_id: Template,
    /// Protocol version.
    pub version: Version,
    /// User names.
    pub username: Option<Template>,
    /// Passwords.
    pub password: Option<Template>,
    /// Clean Session or Clean Start.
    pub clean_start: bool,
    /// Keep alive; zero is off.
    pub keep_alive: Duration,
    /// Properties of CONNECT (5.0).
    pub connect_properties: ConnectProperties,
    /// Last will.
    pub will: Option<Will>,
    /// How a connection is made again that was lost or failed; without it the device stays away.
    pub reconnect: Option<Reconnect>,
    /// What each device subscribes to as soon as it is connected.
    pub subscribe: Vec<Subscribe>,
    /// What each device publishes.
    pub publish: Vec<Publish>,
}

/// Properties of CONNECT (MQTT 5.0 §3.1.2.11).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ConnectProperties {
    /// How long the session outlives the connection.
    pub session_expiry: Option<Duration>,
    /// How many QoS 1 and 2 messages the broker may have in flight to a device.
    pub receive_maximum: Option<u16>,
    /// Largest packet a device accepts, in bytes.
    pub maximum_packet_size: Option<u32>,
}

/// A last will.
#[derive(Clone, Debug)]
pub struct Will {
    /// Topic.
    pub topic: Template,
    /// Payload.
    pub payload: Template,
    /// Quality of service.
    pub qos: QoS,
    /// Whether the broker keeps it.
    pub retain: bool,
    /// How long the broker waits before it publishes it (5.0).
    pub delay: Option<Duration>,
}

/// One topic filter of a group.
#[derive(Clone, Debug)]
pub struct Subscribe {
    /// Topic filter, `$share/…` included.
    pub filter: Template,
    /// Highest quality of service wanted.
    pub qos: QoS,
    /// Not what the device published itself (5.0).
    pub no_local: bool,
    /// Keep the retain flag as published (5.0).
    pub retain_as_published: bool,
    /// When retained messages are sent (5.0).
    pub retain_handling: RetainHandling,
}

/// One stream of messages of each device of a group.
#[derive(Clone, Debug)]
pub struct Publish {
    /// Its name within the group.
    pub name: String,
    /// The number of its first device's stream among all streams of the plan.
    pub first_stream: u32,
    /// Topics.
    pub topic: Template,
    /// Payloads.
    pub payload: Payload,
    /// How a receiver tells which message it has.
    pub stamp: Stamp,
    /// Quality of service.
    pub qos: QoS,
    /// Whether the broker keeps the last one.
    pub retain: bool,
    /// How many may wait for their acknowledgement at once.
    pub max_inflight: u16,
    /// Properties of PUBLISH (5.0).
    pub properties: PublishProperties,
    /// Messages of one device, in every phase that says nothing else.
    pub rate: Rate,
    /// How they are spread.
    pub arrivals: Arrivals,
}

/// Properties of PUBLISH (MQTT 5.0 §3.3.2.3).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PublishProperties {
    /// How long a message is worth delivering.
    pub message_expiry: Option<Duration>,
    /// MIME type.
    pub content_type: Option<String>,
    /// Where an answer is expected.
    pub response_topic: Option<String>,
    /// Name and value pairs.
    pub user: Vec<(String, String)>,
}

/// What messages carry.
#[derive(Clone, Debug)]
pub enum Payload {
    /// The same bytes each time, stamp included in their number: filler, or a file.
    Bytes(Arc<[u8]>),
    /// Text made anew for each message.
    Template(Template),
}

/// How a receiver tells which message it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stamp {
    /// The payload begins with 16 bytes (in place of filler's first 16).
    Prefix,
    /// A user property named `mqscope` (5.0).
    UserProperty,
    /// The JSON object begins with a member named `mqscope`.
    Json,
    /// Not at all: deliveries are counted, not recognised.
    None,
}

/// How arrivals are spread over time. Both are open loop: instants are fixed beforehand and never move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrivals {
    /// Evenly, the devices spread over the period.
    Uniform,
    /// At random, exponentially distributed gaps.
    Poisson,
}

/// A stretch of the run.
#[derive(Clone, Debug)]
pub struct Phase {
    /// Name.
    pub name: String,
    /// Whether its samples count.
    pub record: bool,
    /// When it ends.
    pub end: End,
    /// What each group does, in the order of the plan's groups.
    pub acts: Vec<Act>,
}

/// When a phase ends.
#[derive(Clone, Debug)]
pub enum End {
    /// After this time.
    After(Duration),
    /// When this holds; after `timeout` it has failed.
    When {
        /// What must hold.
        until: Until,
        /// How long to wait for it.
        timeout: Duration,
    },
}

impl End {
    /// The longest it may take.
    pub fn at_most(&self) -> Duration {
        match self {
            Self::After(duration) => *duration,
            Self::When { timeout, .. } => *timeout,
        }
    }
}

/// What a group does in a phase.
#[derive(Clone, Debug)]
pub struct Act {
    /// The devices connect that are not connected yet.
    pub connect: Option<Ramp>,
    /// For each publish list of the group: messages of one device, and their spread.
    pub publish: Vec<(Rate, Arrivals)>,
}

/// A rate that changes evenly over a time and then stays.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ramp {
    /// At the start.
    pub from: Rate,
    /// In the end.
    pub to: Rate,
    /// How long the change takes; zero for none.
    pub over: Duration,
}

impl Ramp {
    /// Never changing.
    pub fn constant(rate: Rate) -> Self {
        Self { from: rate, to: rate, over: Duration::ZERO }
    }

    /// When the n-th event (from 0) is intended, counted from the start; `None` for never.
    pub fn instant(&self, n: u64) -> Option<Duration> {
        let (from, to, over) = (self.from.as_per_second(), self.to.as_per_second(), self.over.as_secs_f64());
        let n = n as f64;
        // Events by time t while it changes: from·t + (to − from)·t²/(2·over).
        let within = (from + to) / 2.0 * over;
        let seconds = if n < within {
            let slope = (to - from) / over;
            if slope == 0.0 {
                n / from
            } else {
                // The stable form of the quadratic's root: it never subtracts what is nearly equal.
                2.0 * n / (from + (from * from + 2.0 * slope * n).max(0.0).sqrt())
            }
        } else {
            over + (n - within) / to
        };
        let seconds = if n == 0.0 && within > 0.0 { 0.0 } else { seconds };
        Duration::try_from_secs_f64(seconds).ok()
    }
}

impl Subscribe {
    /// Whether it is a shared subscription: `$share/name/filter`.
    pub fn is_shared(&self) -> bool {
        self.filter.begins_with("$share/")
    }
}

impl Group {
    /// Whether broker and device keep their session when the connection is lost (MQTT 5.0 §4.1, 3.1.1 §3.1.2.4).
    pub fn keeps_session(&self) -> bool {
        let outlives = self.connect_properties.session_expiry.is_some_and(|expiry| !expiry.is_zero());
        !self.clean_start && (self.version != Version::V5 || outlives)
    }

    /// The client id of the group's i-th device.
    pub fn client_id_of(&self, seed: u64, i: u32) -> String {
        let random = device_random(seed, self.first_device + i, 0);
        let mut moment = Moment { client_id: "", i, group: &self.name, seq: 0, now_ns: 0, random };
        self.client_id.to_text(&mut moment)
    }
}

impl Plan {
    /// Devices of all groups.
    pub fn devices(&self) -> u32 {
        self.groups.iter().map(|group| group.count).sum()
    }

    /// Streams of all devices: each publish list of each device is one.
    pub fn streams(&self) -> u32 {
        self.groups.iter().map(|group| group.count * group.publish.len() as u32).sum()
    }

    /// The group a device belongs to.
    ///
    /// # Panics
    /// When there is no such device.
    pub fn group_of(&self, device: u32) -> usize {
        assert!(device < self.devices(), "device {device} of {}", self.devices());
        self.groups.partition_point(|group| group.first_device <= device) - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ramp: Ramp, n: u64) -> f64 {
        ramp.instant(n).expect("an instant").as_secs_f64()
    }

    #[test]
    fn a_constant_ramp_is_evenly_spaced() {
        let ramp = Ramp::constant(Rate::per_second(100.0));
        assert_eq!(at(ramp, 0), 0.0);
        assert!((at(ramp, 250) - 2.5).abs() < 1e-9);
    }

    #[test]
    fn a_ramp_has_as_many_events_as_the_area_under_it() {
        let ramp = Ramp {
            from: Rate::per_second(100.0),
            to: Rate::per_second(300.0),
            over: Duration::from_secs(10),
        };
        assert!((at(ramp, 2000) - 10.0).abs() < 1e-9, "2,000 events within the ramp");
        assert!((at(ramp, 2300) - 11.0).abs() < 1e-9, "300 a second after it");
        assert!((at(ramp, 750) - 5.0).abs() < 1e-9, "500 and 250 in the first half");
    }

    #[test]
    fn a_ramp_from_nothing_starts_slowly() {
        let ramp = Ramp { from: Rate::ZERO, to: Rate::per_second(10.0), over: Duration::from_secs(2) };
        assert_eq!(at(ramp, 0), 0.0);
        assert!((at(ramp, 10) - 2.0).abs() < 1e-9);
    }

    #[test]
    fn a_ramp_to_nothing_ends() {
        let ramp = Ramp { from: Rate::per_second(10.0), to: Rate::ZERO, over: Duration::from_secs(2) };
        assert!(ramp.instant(9).is_some());
        assert_eq!(ramp.instant(11), None);
    }
}
