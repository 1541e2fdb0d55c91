//! What a run tells while it goes on.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use mqscope_report::{Phase, PointValue, Series};

use super::{Run, RunError};
use crate::health;
use crate::session::Nanos;

/// A look at a run under way.
#[derive(Debug)]
pub struct Progress<'r> {
    /// Since the start.
    pub elapsed: Duration,
    /// The longest the whole run may take.
    pub at_most: Duration,
    /// The phase under way, and those before it.
    pub phases: &'r [Phase],
    /// All devices of this part of the plan.
    pub devices: u64,
    /// Devices that are connected.
    pub connected: u64,
    /// Devices that have all they subscribed to.
    pub subscribed: u64,
    /// Connections that could not be made.
    pub connect_failed: u64,
    /// Messages that wait for an acknowledgement.
    pub inflight: u64,
    /// Messages published so far.
    pub published: u64,
    /// Messages delivered so far.
    pub delivered: u64,
    /// The same a second, since last told.
    pub published_per_second: f64,
    /// The same a second, since last told.
    pub delivered_per_second: f64,
    /// Everything second by second, as far as all shards have handed it in.
    pub series: &'r Series,
}

/// A latency in the last second that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recent {
    /// Samples.
    pub count: u64,
    /// Highest median of the groups, µs.
    pub p50_us: u64,
    /// Highest 99th percentile of the groups, µs.
    pub p99_us: u64,
    /// Longest, µs.
    pub max_us: u64,
}

impl Progress<'_> {
    /// A latency (such as `delivery_latency`) in the last second that is known, over all groups.
    pub fn recent(&self, name: &str) -> Option<Recent> {
        let last = self.series.points().last()?.second;
        let mut recent: Option<Recent> = None;
        for point in self.series.points().iter().rev().take_while(|point| point.second == last) {
            let PointValue::Latency { count, p50_us, p99_us, max_us, .. } = point.value else { continue };
            if self.series.metric(point).0 != name {
                continue;
            }
            let so_far = recent.unwrap_or(Recent { count: 0, p50_us: 0, p99_us: 0, max_us: 0 });
            recent = Some(Recent {
                count: so_far.count + u64::from(count),
                p50_us: so_far.p50_us.max(p50_us.into()),
                p99_us: so_far.p99_us.max(p99_us.into()),
                max_us: so_far.max_us.max(max_us.into()),
            });
        }
        recent
    }
}

impl Run<'_> {
    /// Samples what belongs to the process and not to a shard.
    pub(super) fn measure_process(&mut self, now: Nanos) {
        let metrics = &self.shared.metrics;
        if let Some(bytes) = health::memory() {
            self.recorder.gauge(metrics.memory, bytes as f64);
        }
        if let Some(count) = health::descriptors() {
            self.recorder.gauge(metrics.descriptors, count as f64);
        }
        let (from, to) = (Duration::from_nanos(self.told), Duration::from_nanos(now));
        let mut interval = self.recorder.take(from, to);
        self.collector.add(&mut interval);
    }

    pub(super) fn tell_progress(&mut self, now: Nanos) {
        let shared = self.shared.clone();
        let (published, delivered) = (
            shared.sum(|slot| slot.published.load(Relaxed)),
            shared.sum(|slot| slot.delivered.load(Relaxed)),
        );
        let wall = (now - self.told).max(1) as f64 / 1e9;
        let per_second = |now: u64, before: u64| now.saturating_sub(before) as f64 / wall;
        let (published_before, delivered_before) = self.counted;
        (self.told, self.counted) = (now, (published, delivered));
        let over = shared.start_of(shared.plan.phases.len()) != Nanos::MAX;
        if let Some(phase) = self.phases.last_mut().filter(|_| !over) {
            phase.end_s = phase.end_s.max(super::seconds(now));
        }
        let groups = |of: fn(&crate::shared::GroupSlot) -> u32| {
            shared.sum(|slot| slot.groups.iter().map(|group| u64::from(of(group))).sum())
        };
        let progress = Progress {
            elapsed: Duration::from_nanos(now),
            at_most: shared.plan.phases.iter().map(|phase| phase.end.at_most()).sum(),
            phases: &self.phases,
            devices: u64::from(shared.part.devices(&shared.plan)),
            connected: groups(|group| group.connected.load(Relaxed)),
            subscribed: groups(|group| group.subscribed.load(Relaxed)),
            connect_failed: shared.sum(|slot| slot.connect_failed.load(Relaxed)),
            inflight: shared.sum(|slot| slot.inflight.load(Relaxed)),
            published,
            delivered,
            published_per_second: per_second(published, published_before),
            delivered_per_second: per_second(delivered, delivered_before),
            series: self.collector.series(),
        };
        if let Some(tell) = &mut self.control.progress {
            tell(&progress);
        }
    }

    /// Whether a threshold that ends the run is broken.
    pub(super) fn called_off(&mut self) -> Result<bool, RunError> {
        let mut watched = self.shared.plan.thresholds.iter().filter(|threshold| threshold.abort.is_some());
        let second = self.shared.clock.now() / 1_000_000_000;
        // Once a second: adding up is dear.
        if watched.clone().next().is_none() || second == self.judged {
            return Ok(false);
        }
        self.judged = second;
        let elapsed = self.shared.clock.elapsed();
        let results = self.collector.results(elapsed, &self.phases);
        let broken = watched.find(|threshold| threshold.calls_off(&results, elapsed.as_secs_f64()));
        let says =
            broken.map(|threshold| format!("{}: {} ended the run", threshold.selector, threshold.text));
        let called_off = says.is_some();
        self.failures.extend(says);
        Ok(called_off)
    }
}
