//! The run second by second.

use std::sync::Arc;

use crate::{Catalog, CounterId, GaugeId, Histogram, LatencyId, Tags};

/// One row a second for every metric that had something to say in it, ordered by second.
#[derive(Debug, Clone)]
pub struct Series {
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) points: Vec<Point>,
    /// Of a detailed series: the histogram behind each latency among the points, as JSON.
    pub(crate) histograms: Vec<String>,
}

/// A metric in one second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// Counted from the run's start, 0 being the first.
    pub second: u32,
    /// What was seen.
    pub value: PointValue,
}

/// What was seen of a metric in a second. A run keeps each until its end: 32 bits hold the hour to which latencies are told, and
/// the samples of a second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum PointValue {
    /// The response form of a latency.
    Latency {
        /// Which one.
        id: LatencyId,
        /// Samples in this second.
        count: u32,
        /// Median, µs.
        p50_us: u32,
        /// 99th percentile, µs.
        p99_us: u32,
        /// Longest, µs.
        max_us: u32,
    },
    /// Events in this second.
    Counter {
        /// Which one.
        id: CounterId,
        /// How many.
        count: u64,
    },
    /// The value at the end of this second, over all shards.
    Gauge {
        /// Which one.
        id: GaugeId,
        /// In the gauge's unit.
        value: f64,
    },
}

impl PointValue {
    /// What a second's histogram says of a latency.
    pub(crate) fn latency(id: LatencyId, histogram: &Histogram) -> Self {
        let short = |value: u64| u32::try_from(value).unwrap_or(u32::MAX);
        let [p50_us, p99_us] = histogram.percentiles_us([50.0, 99.0]).map(short);
        Self::Latency {
            id,
            count: short(histogram.count()),
            p50_us,
            p99_us,
            max_us: short(histogram.max_us()),
        }
    }
}

impl Series {
    /// All rows, ordered by second.
    pub fn points(&self) -> &[Point] {
        &self.points
    }

    /// The name and tags of what a row is about.
    pub fn metric(&self, point: &Point) -> (&str, &Tags) {
        let name = match point.value {
            PointValue::Latency { id, .. } => &self.catalog.latencies[id.0 as usize],
            PointValue::Counter { id, .. } => &self.catalog.counters[id.0 as usize].name,
            PointValue::Gauge { id, .. } => &self.catalog.gauges[id.0 as usize].name,
        };
        (&name.name, &name.tags)
    }
}
