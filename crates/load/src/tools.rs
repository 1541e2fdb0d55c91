//! What a shard lends its devices while they act: one set for all of them, so that a device is small.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use dary_heap::OctonaryHeap;
use mio::Registry;
use mqscope_report::Recorder;
use mqscope_wire::PropertiesBuf;
use rustc_hash::{FxHashMap, FxHashSet};

use crate::ledger::{Sightings, Tally, Way};
use crate::metrics::Cell;
use crate::patience::Patience;
use crate::session::Nanos;
use crate::shared::Shared;
use crate::transport::{Arrival, Inbound, Outbound};
use crate::unanswered::Unanswered;

#[derive(Debug)]
pub(crate) struct Tools {
    pub shared: Arc<Shared>,
    pub shard: usize,
    pub registry: Registry,
    pub recorder: Recorder,
    pub queue: Queue,
    pub tally: Tally,
    pub sightings: Sightings,
    /// The same for second copies, to devices that are to get two.
    pub seconds: Sightings,
    /// How streams reach devices that have other subscriptions beside a shared one; device and stream as in `sightings`.
    pub ways: FxHashMap<u64, Way>,
    /// Streams that devices get messages of that they did not ask for; device and stream as in `sightings`.
    pub strays: FxHashSet<u64>,
    pub unanswered: Unanswered,
    pub counts: Counts,
    /// Why connections failed or ended, and how often.
    pub reasons: BTreeMap<String, u64>,
    /// The phase under way; one past the last while draining.
    pub phase: usize,
    pub patience: Patience,
    pub buffers: Buffers,
    pub inbound: Inbound,
    pub outbound: Outbound,
}

/// Buffers that are used again and again.
#[derive(Debug)]
pub(crate) struct Buffers {
    /// What the device at hand is to write.
    pub out: Vec<u8>,
    pub topic: Vec<u8>,
    pub payload: Vec<u8>,
    pub properties: PropertiesBuf,
}

/// What the shard's slot shows, kept here until the loop comes round.
#[derive(Clone, Debug)]
pub(crate) struct Counts {
    pub groups: Vec<GroupCounts>,
    /// Connections being made, up to the last SUBACK.
    pub opening: u64,
    pub inflight: u64,
    pub published: u64,
    pub delivered: u64,
    pub connects: u64,
    pub connect_failed: u64,
    pub outstanding: i64,
}

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct GroupCounts {
    pub connected: u32,
    pub subscribed: u32,
    pub unsettled: u32,
}

/// When which device wants to act; entries may be stale, the device knows. Eight to a node: its lines lie side by side, and
/// a third of the levels means a third of the lines that a shard just woken has to fetch.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    heap: OctonaryHeap<Reverse<(Nanos, u32)>>,
}

impl Queue {
    pub(crate) fn push(&mut self, at: Nanos, device: u32) {
        self.heap.push(Reverse((at, device)));
    }

    pub(crate) fn next(&self) -> Nanos {
        self.heap.peek().map_or(Nanos::MAX, |Reverse((at, _))| *at)
    }

    pub(crate) fn pop_due(&mut self, now: Nanos) -> Option<(Nanos, u32)> {
        if self.next() > now {
            return None;
        }
        self.heap.pop().map(|Reverse(entry)| entry)
    }
}

impl Buffers {
    pub(crate) fn new() -> Self {
        Self { out: Vec::new(), topic: Vec::new(), payload: Vec::new(), properties: PropertiesBuf::new() }
    }
}

impl Counts {
    pub(crate) fn new(groups: usize) -> Self {
        let groups = vec![GroupCounts::default(); groups];
        Self {
            groups,
            opening: 0,
            inflight: 0,
            published: 0,
            delivered: 0,
            connects: 0,
            connect_failed: 0,
            outstanding: 0,
        }
    }
}

impl Tools {
    pub(crate) fn now(&self) -> Nanos {
        self.shared.clock.now()
    }

    /// When bytes came that were just read.
    pub(crate) fn arrived(&mut self, arrival: Arrival) -> Nanos {
        self.patience.noted(arrival.0.is_some());
        self.shared.clock.arrived(arrival)
    }

    /// The metrics for what was intended at an instant, with the recorder; nothing if they are not recorded.
    pub(crate) fn metrics(&mut self, intended: Nanos, group: usize) -> Option<(&mut Recorder, &Cell)> {
        let phase = self.shared.phase_at(intended);
        let cell = self.shared.metrics.cell(phase, group)?;
        Some((&mut self.recorder, cell))
    }

    /// The metrics of the phase under way, with the recorder; nothing if it is not recorded.
    pub(crate) fn current_metrics(&mut self, group: u16) -> Option<(&mut Recorder, &Cell)> {
        let last = self.shared.plan.phases.len() - 1;
        let cell = self.shared.metrics.cell(self.phase.min(last), usize::from(group))?;
        Some((&mut self.recorder, cell))
    }

    pub(crate) fn reason(&mut self, reason: String) {
        *self.reasons.entry(reason).or_default() += 1;
    }

    /// Shows the counts to whoever looks.
    pub(crate) fn publish_counts(&self) {
        let slot = &self.shared.slots[self.shard];
        for (shown, group) in slot.groups.iter().zip(&self.counts.groups) {
            shown.connected.store(group.connected, Relaxed);
            shown.subscribed.store(group.subscribed, Relaxed);
            shown.unsettled.store(group.unsettled, Relaxed);
        }
        slot.opening.store(self.counts.opening, Relaxed);
        slot.inflight.store(self.counts.inflight, Relaxed);
        slot.published.store(self.counts.published, Relaxed);
        slot.delivered.store(self.counts.delivered, Relaxed);
        slot.connects.store(self.counts.connects, Relaxed);
        slot.connect_failed.store(self.counts.connect_failed, Relaxed);
        slot.outstanding.store(self.counts.outstanding, Relaxed);
    }
}
