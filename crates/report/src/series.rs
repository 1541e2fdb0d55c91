//! The run second by second.

use std::sync::Arc;

use crate::{Catalog, CounterId, GaugeId, LatencyId, Tags};

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

/// What was seen of a metric in a second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum PointValue {
    /// The response form of a latency.
    Latency {
        /// Which one.
        id: LatencyId,
        /// Samples in this second.
        count: u64,
        /// Median, µs.
        p50_us: u64,
        /// 99th percentile, µs.
        p99_us: u64,
        /// Longest, µs.
        max_us: u64,
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
