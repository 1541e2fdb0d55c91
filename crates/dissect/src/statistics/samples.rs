//! Samples on their way into histograms, second by second of the capture.

use std::sync::Arc;
use std::time::Duration;

use mqscope_report::{Collector, CounterId, LatencyId, Recorder};

use super::metrics::Metrics;

/// Seconds with packets that the series tells apart: a day's. What comes later is added up in its last row.
const MOST_SECONDS: u32 = 86_400;

/// Where samples go.
#[derive(Debug)]
pub(super) struct Samples {
    pub(super) recorder: Recorder,
    pub(super) metrics: Metrics,
    collector: Collector,
    /// The second of the capture that is being recorded.
    second: u64,
    /// Seconds with packets before it.
    taken: u32,
}

impl Samples {
    pub(super) fn new() -> Self {
        let (catalog, metrics) = Metrics::register();
        let recorder = Recorder::new(&catalog, 0);
        let collector = Collector::new(Arc::new(catalog), 1);
        Self { recorder, metrics, collector, second: 0, taken: 0 }
    }

    /// The capture that began at `start` has come to `time`, both in nanoseconds since the Unix epoch. A capture's
    /// clock may be set back: what is recorded then belongs to the latest second.
    #[inline]
    pub(super) fn advance(&mut self, start: i64, time: i64) {
        let second = u64::try_from(time.saturating_sub(start)).unwrap_or(0) / 1_000_000_000;
        if second > self.second && self.taken < MOST_SECONDS {
            self.take();
            self.second = second;
        }
    }

    /// Records a service time in nanoseconds, in both forms: a capture knows no other. False if it is negative.
    pub(super) fn service(&mut self, metric: LatencyId, ns: i64) -> bool {
        let Ok(ns) = u64::try_from(ns) else { return false };
        let time = Duration::from_nanos(ns);
        self.recorder.response_and_service(metric, time, time);
        true
    }

    pub(super) fn count(&mut self, counter: CounterId, events: u64) {
        self.recorder.count(counter, events);
    }

    /// All that was recorded.
    pub(super) fn finish(mut self) -> Collector {
        self.take();
        self.collector.finish();
        self.collector
    }

    fn take(&mut self) {
        let from = Duration::from_secs(self.second);
        let mut interval = self.recorder.take(from, from + Duration::from_secs(1));
        self.collector.add(&mut interval);
        self.recorder.reuse(interval);
        self.taken += 1;
    }
}
