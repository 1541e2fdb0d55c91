//! A run second by second in full, so that those of its parts can be added up.
//!
//! `series.csv` has percentiles, which do not add up; here every second has the histogram they were taken from. One JSON
//! object a line: `{"second":3,"metric":"puback_latency","tags":{"phase":"steady"},"histogram":{…}}`, with `count` for a
//! counter, and `value` and `unit` for a gauge.

use std::{
    collections::BTreeMap,
    io::{self, Write},
    sync::Arc,
};

use serde::{Deserialize, Serialize};

use crate::{Catalog, Histogram, Point, PointValue, ReportError, Series, Tags, Unit};

/// The seconds of one part.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Seconds(Vec<Row>);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    second: u32,
    metric: String,
    tags: Tags,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    histogram: Option<Histogram>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    count: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    value: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unit: Option<Unit>,
}

impl Seconds {
    /// Writes what a [`detailed`](crate::Collector::detailed) collector's series holds.
    ///
    /// # Errors
    /// When the sink fails.
    pub fn write(series: &Series, to: &mut dyn Write) -> io::Result<()> {
        let mut histograms = series.histograms.iter();
        for point in &series.points {
            let (metric, tags) = series.metric(point);
            let (metric, tags) = (metric.to_owned(), tags.clone());
            let (second, (histogram, count, value, unit)) = (point.second, (None, None, None, None));
            let mut row = Row { second, metric, tags, histogram, count, value, unit };
            match point.value {
                PointValue::Latency { .. } => {
                    let text =
                        histograms.next().ok_or_else(|| io::Error::other("no histogram of a second"))?;
                    // As it was taken down; reading it only to write it again would take longer than the run's own work.
                    let head = serde_json::to_string(&row)?;
                    let head = head.strip_suffix('}').unwrap_or(&head);
                    writeln!(to, "{head},\"histogram\":{text}}}")?;
                    continue;
                }
                PointValue::Counter { count, .. } => row.count = Some(count),
                PointValue::Gauge { id, value } => {
                    row.value = Some(value);
                    row.unit = Some(series.catalog.gauges[id.0 as usize].unit);
                }
            }
            serde_json::to_writer(&mut *to, &row)?;
            writeln!(to)?;
        }
        Ok(())
    }

    /// Reads what was written.
    ///
    /// # Errors
    /// When a line is not such a row.
    pub fn read(text: &str) -> Result<Self, ReportError> {
        let rows = text.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
        Ok(Self(rows))
    }

    /// The seconds of all parts, which count from the same instant: histograms and counters add up, and so do gauges but
    /// for percentages, of which the highest is meant.
    pub fn merge(parts: &[Self]) -> Series {
        let mut catalog = Catalog::new();
        let mut latencies: BTreeMap<(u32, u32), (crate::LatencyId, Histogram)> = BTreeMap::new();
        let mut counters: BTreeMap<(u32, u32), (crate::CounterId, u64)> = BTreeMap::new();
        let mut gauges: BTreeMap<u32, Track> = BTreeMap::new();
        for (part, Seconds(rows)) in parts.iter().enumerate() {
            for row in rows {
                if let Some(histogram) = &row.histogram {
                    let id = catalog.latency(&row.metric, row.tags.clone());
                    let (_, sum) =
                        latencies.entry((row.second, id.0)).or_insert_with(|| (id, Histogram::new()));
                    sum.merge(histogram);
                } else if let (Some(value), Some(unit)) = (row.value, row.unit) {
                    let id = catalog.gauge(&row.metric, row.tags.clone(), unit);
                    let track = gauges.entry(id.0).or_insert_with(|| Track::new(id, unit, parts.len()));
                    track.values[part].insert(row.second, value);
                } else if let Some(count) = row.count {
                    let id = catalog.counter(&row.metric, row.tags.clone());
                    counters.entry((row.second, id.0)).or_insert((id, 0)).1 += count;
                }
            }
        }
        let mut points: Vec<(u8, Point)> = Vec::new();
        for ((second, _), (id, histogram)) in &latencies {
            points.push((0, Point { second: *second, value: PointValue::latency(*id, histogram) }));
        }
        for ((second, _), (id, count)) in &counters {
            let value = PointValue::Counter { id: *id, count: *count };
            points.push((1, Point { second: *second, value }));
        }
        for track in gauges.values() {
            points.extend(track.points().map(|point| (2, point)));
        }
        // In a second first latencies, then counters, then gauges, each in the order they were first met.
        points.sort_by_key(|(kind, point)| (point.second, *kind));
        let points = points.into_iter().map(|(_, point)| point).collect();
        Series { catalog: Arc::new(catalog), points, histograms: Vec::new() }
    }
}

/// A gauge's values by part and second.
struct Track {
    id: crate::GaugeId,
    unit: Unit,
    values: Vec<BTreeMap<u32, f64>>,
}

impl Track {
    fn new(id: crate::GaugeId, unit: Unit, parts: usize) -> Self {
        Self { id, unit, values: vec![BTreeMap::new(); parts] }
    }

    fn points(&self) -> impl Iterator<Item = Point> {
        let mut seconds: Vec<u32> = self.values.iter().flat_map(|values| values.keys().copied()).collect();
        seconds.sort_unstable();
        seconds.dedup();
        seconds.into_iter().map(|second| {
            // Seconds of two parts need not end together: one's last value holds for one more.
            let held = |values: &BTreeMap<u32, f64>| {
                values.range(second.saturating_sub(1)..=second).next_back().map(|(_, value)| *value)
            };
            let values = self.values.iter().filter_map(held);
            let value = match self.unit {
                Unit::Count | Unit::Bytes => values.sum(),
                Unit::Percent => values.fold(0.0, f64::max),
            };
            Point { second, value: PointValue::Gauge { id: self.id, value } }
        })
    }
}
