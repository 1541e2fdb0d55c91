//! Where the shards' intervals add up.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use crate::{
    Catalog, Counter, CounterId, Gauge, GaugeId, Histogram, Interval, Latency, LatencyId, Phase, Point,
    PointValue, Results, Series, Total, Unit, recorder::none,
};

/// How many seconds may wait for a shard that is late before they are closed without it.
const OPEN_SECONDS: usize = 8;

/// Adds up the intervals of all shards into totals and a second-by-second series.
///
/// A second is closed (becomes rows of the series) once every shard has handed in a later one. A shard that is more than a few
/// seconds late does not hold up the others: its samples then count in the oldest second still open.
#[derive(Debug)]
pub struct Collector {
    response: Vec<Option<Histogram>>,
    service: Vec<Option<Histogram>>,
    counters: Vec<u64>,
    gauges: Vec<Track>,
    open: BTreeMap<u32, Second>,
    /// Per shard: the second of its last interval.
    reached: Vec<Option<u32>>,
    /// Seconds below this one are closed.
    closed: u32,
    spare: Vec<Histogram>,
    series: Series,
    /// Whether the series keeps its histograms.
    detailed: bool,
}

/// A gauge over time: the value over all shards at the end of each second, and each shard's last.
#[derive(Debug, Clone)]
struct Track {
    points: Vec<(u32, f64)>,
    shards: Vec<Option<(u32, f64)>>,
}

/// What was recorded in a second that shards may still add to.
#[derive(Debug)]
struct Second {
    response: Vec<Option<Histogram>>,
    counters: Vec<u64>,
    /// gauge, shard, value
    gauges: Vec<(usize, usize, f64)>,
}

impl Collector {
    /// A collector for `shards` recorders, numbered from 0.
    pub fn new(catalog: Arc<Catalog>, shards: usize) -> Self {
        Self {
            response: none(catalog.latencies.len()),
            service: none(catalog.latencies.len()),
            counters: vec![0; catalog.counters.len()],
            gauges: vec![Track { points: Vec::new(), shards: vec![None; shards] }; catalog.gauges.len()],
            open: BTreeMap::new(),
            reached: vec![None; shards],
            closed: 0,
            spare: Vec::new(),
            series: Series { catalog, points: Vec::new(), histograms: Vec::new() },
            detailed: false,
        }
    }

    /// The same, whose series keeps the histogram of every second, some hundred bytes each: for [`Seconds`](crate::Seconds).
    #[must_use]
    pub fn detailed(self) -> Self {
        Self { detailed: true, ..self }
    }

    /// Adds an interval and empties it, so that its memory can go back to the recorder it came from.
    ///
    /// # Panics
    /// When its recorder was made from another catalog or its shard's number is not below the number given to [`new`](Self::new).
    pub fn add(&mut self, interval: &mut Interval) {
        let second = interval.second().max(self.closed);
        let width = self.response.len();
        let counters = self.counters.len();
        let open = self.open.entry(second).or_insert_with(|| Second {
            response: none(width),
            counters: vec![0; counters],
            gauges: Vec::new(),
        });
        for (index, slot) in interval.response.iter_mut().enumerate() {
            if let Some(histogram) = slot {
                merge_into(&mut open.response[index], histogram, &mut self.spare);
                merge_into(&mut self.response[index], histogram, &mut self.spare);
                histogram.clear();
            }
        }
        for (index, slot) in interval.service.iter_mut().enumerate() {
            if let Some(histogram) = slot {
                merge_into(&mut self.service[index], histogram, &mut self.spare);
                histogram.clear();
            }
        }
        for (index, count) in interval.counters.iter_mut().enumerate() {
            open.counters[index] += *count;
            self.counters[index] += *count;
            *count = 0;
        }
        for (index, value) in interval.gauges.iter_mut().enumerate() {
            if let Some(value) = value.take() {
                open.gauges.push((index, interval.shard, value));
            }
        }
        self.reached[interval.shard] = Some(second);
        self.close_ready();
    }

    /// Closes the seconds that wait for a shard; to be called when all shards are done.
    pub fn finish(&mut self) {
        self.close_below(u32::MAX);
    }

    /// The closed seconds.
    pub fn series(&self) -> &Series {
        &self.series
    }

    /// Everything so far. `duration` is the run's length until now; `phases` are those that have begun, the running one ending now.
    /// Gauges show what the closed seconds hold: call [`finish`](Self::finish) first at the end of a run.
    pub fn results(&self, duration: Duration, phases: &[Phase]) -> Results {
        let catalog = &self.series.catalog;
        let latencies = catalog.latencies.iter().zip(self.response.iter().zip(&self.service));
        let latencies = latencies.filter_map(|(name, (response, service))| {
            let response = response.clone()?;
            let service = service.clone();
            Some(Latency::new(name.name.clone(), name.tags.clone(), response, service))
        });
        let counters = catalog.counters.iter().zip(&self.counters).map(|(counter, &count)| {
            let of = counter.of.map(|CounterId(of)| Total {
                metric: catalog.counters[of as usize].name.name.clone(),
                count: self.counters[of as usize],
            });
            Counter::new(counter.name.name.clone(), counter.name.tags.clone(), count, of)
        });
        let gauges = catalog.gauges.iter().zip(&self.gauges).filter(|(_, track)| !track.points.is_empty());
        let gauges = gauges.map(|(gauge, track)| {
            let (name, tags) = (gauge.name.name.clone(), gauge.name.tags.clone());
            Gauge::new(name, tags, gauge.unit, gauge.target, track.points.clone())
        });
        Results::new(duration, phases.to_vec(), latencies.collect(), counters.collect(), gauges.collect())
    }

    fn close_ready(&mut self) {
        let all_reached = self.reached.iter().copied().min().flatten();
        self.close_below(all_reached.unwrap_or(0));
        while self.open.len() > OPEN_SECONDS {
            let oldest = *self.open.keys().next().expect("more than OPEN_SECONDS are open");
            self.close_below(oldest + 1);
        }
    }

    fn close_below(&mut self, end: u32) {
        while let Some(entry) = self.open.first_entry().filter(|entry| *entry.key() < end) {
            let (second, seen) = entry.remove_entry();
            self.close(second, seen);
            self.closed = second + 1;
        }
    }

    fn close(&mut self, second: u32, seen: Second) {
        for (index, histogram) in seen.response.into_iter().enumerate() {
            let Some(mut histogram) = histogram else { continue };
            let value = PointValue::latency(LatencyId(index as u32), &histogram);
            self.series.points.push(Point { second, value });
            if self.detailed {
                let text = serde_json::to_string(&histogram).expect("a number and a text are JSON");
                self.series.histograms.push(text);
            }
            histogram.clear();
            self.spare.push(histogram);
        }
        for (index, count) in seen.counters.into_iter().enumerate().filter(|(_, count)| *count > 0) {
            let value = PointValue::Counter { id: CounterId(index as u32), count };
            self.series.points.push(Point { second, value });
        }
        for &(gauge, shard, value) in &seen.gauges {
            self.gauges[gauge].shards[shard] = Some((second, value));
        }
        for (index, track) in self.gauges.iter_mut().enumerate() {
            if !seen.gauges.iter().any(|(gauge, _, _)| *gauge == index) {
                continue;
            }
            let value = track.over_shards(second, self.series.catalog.gauges[index].unit);
            track.points.push((second + 1, value));
            let value = PointValue::Gauge { id: GaugeId(index as u32), value };
            self.series.points.push(Point { second, value });
        }
    }
}

impl Track {
    /// Over the shards that set the gauge in this second or the one before: intervals of two shards need not end together.
    fn over_shards(&self, second: u32, unit: Unit) -> f64 {
        let fresh = self.shards.iter().flatten().filter(|(at, _)| at + 1 >= second).map(|(_, value)| *value);
        match unit {
            Unit::Count | Unit::Bytes => fresh.sum(),
            Unit::Percent => fresh.fold(0.0, f64::max),
        }
    }
}

fn merge_into(slot: &mut Option<Histogram>, more: &Histogram, spare: &mut Vec<Histogram>) {
    slot.get_or_insert_with(|| spare.pop().unwrap_or_default()).merge(more);
}
