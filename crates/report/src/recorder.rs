//! Where a shard writes its samples.

use std::{mem, time::Duration};

use crate::{Catalog, CounterId, GaugeId, Histogram, LatencyId};

/// One shard's own samples since the last [`take`](Recorder::take): no locks, no clock.
///
/// Recording costs a few nanoseconds. A histogram exists from the first sample of its metric in an interval; its memory comes back
/// through [`reuse`](Recorder::reuse), so that a run that goes on allocates nothing.
#[derive(Debug)]
pub struct Recorder {
    now: Interval,
    spare: Vec<Histogram>,
}

/// What one shard recorded in a stretch of time.
#[derive(Debug)]
pub struct Interval {
    pub(crate) shard: usize,
    pub(crate) from: Duration,
    pub(crate) to: Duration,
    pub(crate) response: Vec<Option<Histogram>>,
    pub(crate) service: Vec<Option<Histogram>>,
    pub(crate) counters: Vec<u64>,
    pub(crate) gauges: Vec<Option<f64>>,
}

impl Recorder {
    /// A recorder for all metrics of the catalog. `shard` counts from 0 and tells recorders apart at the collector.
    pub fn new(catalog: &Catalog, shard: usize) -> Self {
        Self { now: Interval::new(catalog, shard), spare: Vec::new() }
    }

    /// Records a latency from the intended instant.
    #[inline]
    pub fn response(&mut self, id: LatencyId, response: Duration) {
        at(&mut self.now.response, id, &mut self.spare).record(response);
    }

    /// Records a latency from the intended instant, and the same event's from the write.
    #[inline]
    pub fn response_and_service(&mut self, id: LatencyId, response: Duration, service: Duration) {
        self.response(id, response);
        at(&mut self.now.service, id, &mut self.spare).record(service);
    }

    /// Counts `events` more.
    #[inline]
    pub fn count(&mut self, id: CounterId, events: u64) {
        self.now.counters[id.0 as usize] += events;
    }

    /// Sets a gauge. An interval holds the last value set in it; one that was not set has no value then.
    #[inline]
    pub fn gauge(&mut self, id: GaugeId, value: f64) {
        self.now.gauges[id.0 as usize] = Some(value);
    }

    /// Hands out what was recorded and starts anew. `from` and `to` are times since the run's start.
    pub fn take(&mut self, from: Duration, to: Duration) -> Interval {
        let fresh = Interval {
            shard: self.now.shard,
            from: to,
            to,
            response: none(self.now.response.len()),
            service: none(self.now.service.len()),
            counters: vec![0; self.now.counters.len()],
            gauges: vec![None; self.now.gauges.len()],
        };
        let mut taken = mem::replace(&mut self.now, fresh);
        (taken.from, taken.to) = (from, to);
        taken
    }

    /// Takes back the memory of an interval that [`Collector::add`](crate::Collector::add) has emptied.
    pub fn reuse(&mut self, interval: Interval) {
        let histograms = interval.response.into_iter().chain(interval.service).flatten();
        self.spare.extend(histograms.filter(|histogram| histogram.is_empty()));
    }
}

impl Interval {
    fn new(catalog: &Catalog, shard: usize) -> Self {
        Self {
            shard,
            from: Duration::ZERO,
            to: Duration::ZERO,
            response: none(catalog.latencies.len()),
            service: none(catalog.latencies.len()),
            counters: vec![0; catalog.counters.len()],
            gauges: vec![None; catalog.gauges.len()],
        }
    }

    /// The number of the recorder it came from.
    pub fn shard(&self) -> usize {
        self.shard
    }

    /// The whole second, counted from the run's start, that holds the middle of this interval.
    pub(crate) fn second(&self) -> u32 {
        let middle = self.from + self.to.saturating_sub(self.from) / 2;
        u32::try_from(middle.as_secs()).unwrap_or(u32::MAX).min(u32::MAX - 1)
    }
}

#[inline]
fn at<'a>(
    slots: &'a mut [Option<Histogram>],
    id: LatencyId,
    spare: &mut Vec<Histogram>,
) -> &'a mut Histogram {
    slots[id.0 as usize].get_or_insert_with(|| spare.pop().unwrap_or_default())
}

pub(crate) fn none(len: usize) -> Vec<Option<Histogram>> {
    std::iter::repeat_with(|| None).take(len).collect()
}
