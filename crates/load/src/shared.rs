//! What all shards of a run look at: the plan and what follows from it, which does not change, and a few
//! numbers that do, each written by one side only. There are no locks.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicU64, Ordering};

use mqscope_wire::{PropertiesBuf, Property, Text};

use crate::clock::Clock;
use crate::health;
use crate::ledger::Roll;
use crate::metrics::Metrics;
use crate::part::Part;
use crate::scenario::{Plan, Publish, Scope, Stamp, Subscribe};
use crate::session::Nanos;
use crate::sources::Sources;
use crate::topics::Filters;
use crate::transport::Security;

#[derive(Debug)]
pub(crate) struct Shared {
    pub plan: Plan,
    /// Which of the plan's devices are here.
    pub part: Part,
    pub metrics: Metrics,
    pub clock: Clock,
    /// Tells this run's messages from those of others.
    pub run: u16,
    /// The brokers' addresses, in the plan's order.
    pub brokers: Vec<SocketAddr>,
    /// Addresses to connect from.
    pub sources: Sources,
    /// What TLS is spoken with, if it is.
    pub security: Option<Security>,
    pub filters: Filters,
    pub roll: Roll,
    /// Whether messages without a stamp may be ours.
    pub unstamped: bool,
    /// By group: whether its devices share a subscription, so that each sees only some messages.
    pub sharing: Vec<bool>,
    /// By first stream, for finding a stream's list.
    lists: Vec<List>,
    /// When each phase began, and last the end of them all; `Nanos::MAX` when not yet.
    starts: Vec<AtomicU64>,
    /// One a shard.
    pub slots: Vec<Slot>,
    /// Set when the run is to end at once.
    pub stop: AtomicBool,
}

/// Where a stream belongs.
#[derive(Debug)]
pub(crate) struct List {
    first_stream: u32,
    pub group: usize,
    pub list: usize,
    /// Its properties as they are sent, unless each message has its own.
    pub properties: PropertiesBuf,
    /// Its messages go to one and another, so that a subscriber sees only some of them.
    pub scattered: bool,
}

/// What a shard tells of itself while it runs; it alone writes, and nothing that another writes lies beside it.
#[derive(Debug)]
#[repr(align(128))]
pub(crate) struct Slot {
    pub groups: Vec<GroupSlot>,
    /// Connections being made, up to the last SUBACK.
    pub opening: AtomicU64,
    pub inflight: AtomicU64,
    pub published: AtomicU64,
    pub delivered: AtomicU64,
    /// Connections that were made, and that could not be, in phases that are recorded and in others.
    pub connects: AtomicU64,
    pub connect_failed: AtomicU64,
    /// Deliveries expected and not there yet, as far as this shard knows: the sum over all shards is zero when
    /// everything has arrived.
    pub outstanding: AtomicI64,
    /// How many phases it has begun.
    pub phases: AtomicU64,
}

/// Devices of a group, in one shard.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct GroupSlot {
    pub connected: AtomicU32,
    pub subscribed: AtomicU32,
    pub unsettled: AtomicU32,
}

/// Where brokers are, and what TLS needs to reach them.
#[derive(Debug)]
pub(crate) struct Network {
    pub brokers: Vec<SocketAddr>,
    pub security: Option<Security>,
}

impl Shared {
    pub(crate) fn new(
        plan: Plan,
        part: Part,
        metrics: Metrics,
        clock: Clock,
        run: u16,
        Network { brokers, security }: Network,
        shards: usize,
    ) -> Self {
        let lists = plan.groups.iter().enumerate().flat_map(|(group, of)| {
            of.publish.iter().enumerate().map(move |(list, publish)| List {
                first_stream: publish.first_stream,
                group,
                list,
                properties: properties(publish),
                scattered: publish.topic.scope() == Scope::Message,
            })
        });
        let slot = || Slot {
            groups: plan.groups.iter().map(|_| GroupSlot::default()).collect(),
            opening: AtomicU64::new(0),
            inflight: AtomicU64::new(0),
            published: AtomicU64::new(0),
            delivered: AtomicU64::new(0),
            connects: AtomicU64::new(0),
            connect_failed: AtomicU64::new(0),
            outstanding: AtomicI64::new(0),
            phases: AtomicU64::new(0),
        };
        Self {
            lists: lists.collect(),
            starts: (0..=plan.phases.len()).map(|_| AtomicU64::new(Nanos::MAX)).collect(),
            slots: (0..shards).map(|_| slot()).collect(),
            filters: Filters::of(&plan),
            roll: Roll::new(plan.devices(), part, clock),
            sources: Sources::new(health::sources(&plan, part, &brokers), part, brokers.len()),
            security,
            sharing: plan
                .groups
                .iter()
                .map(|group| group.subscribe.iter().any(Subscribe::is_shared))
                .collect(),
            unstamped: plan
                .groups
                .iter()
                .flat_map(|group| &group.publish)
                .any(|list| list.stamp == Stamp::None),
            stop: AtomicBool::new(false),
            plan,
            part,
            metrics,
            clock,
            run,
            brokers,
        }
    }

    /// The publish list of a stream, which must exist.
    pub(crate) fn list(&self, stream: u32) -> &List {
        // Lists are in the order of their streams. One without devices shares its number with the next.
        &self.lists[self.lists.partition_point(|list| list.first_stream <= stream) - 1]
    }

    /// The device whose stream it is.
    pub(crate) fn publisher(&self, stream: u32) -> u32 {
        let list = self.list(stream);
        self.plan.groups[list.group].first_device + (stream - list.first_stream)
    }

    /// The phase begins at that instant; the one after the last is the end.
    pub(crate) fn begin(&self, phase: usize, start: Nanos) {
        self.starts[phase].store(start, Ordering::Release);
    }

    pub(crate) fn start_of(&self, phase: usize) -> Nanos {
        self.starts[phase].load(Ordering::Acquire)
    }

    /// The last instant of a phase, as far as it is known.
    pub(crate) fn end_of(&self, phase: usize) -> Nanos {
        self.starts.get(phase + 1).map_or(Nanos::MAX, |start| start.load(Ordering::Acquire) - 1)
    }

    /// The phase an instant belongs to; what comes after the last phase belongs to it.
    pub(crate) fn phase_at(&self, at: Nanos) -> usize {
        let phases = &self.starts[..self.plan.phases.len()];
        phases.iter().rposition(|start| start.load(Ordering::Acquire) <= at).unwrap_or(0)
    }

    /// Adds up a number of all shards.
    pub(crate) fn sum(&self, of: impl Fn(&Slot) -> u64) -> u64 {
        self.slots.iter().map(of).sum()
    }
}

/// A publish list's properties, all but a stamp among them.
fn properties(publish: &Publish) -> PropertiesBuf {
    let mut buf = PropertiesBuf::new();
    let of = &publish.properties;
    let fixed = [
        of.message_expiry
            .map(|expiry| Property::MessageExpiryInterval(expiry.as_secs().min(u32::MAX.into()) as u32)),
        of.content_type.as_deref().map(|text| Property::ContentType(Text::from(text))),
        of.response_topic.as_deref().map(|text| Property::ResponseTopic(Text::from(text))),
    ];
    let user = of
        .user
        .iter()
        .map(|(name, value)| Property::UserProperty(name.as_str().into(), value.as_str().into()));
    for property in fixed.into_iter().flatten().chain(user) {
        // A text too long for MQTT is left out here and refused by the plan.
        let _ = buf.push(property);
    }
    buf
}
