//! What was measured, as plain data.

mod gauge;

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};

pub use gauge::Gauge;

use crate::{Histogram, ReportError, Tags};

/// All metrics of a run, each name with its tags once.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Results {
    /// Length of the run in seconds.
    pub duration_s: f64,
    /// Stretches of the run, in order of their start.
    pub phases: Vec<Phase>,
    /// Latencies that have samples.
    pub latencies: Vec<Latency>,
    /// Counters, those at zero included.
    pub counters: Vec<Counter>,
    /// Gauges that were set.
    pub gauges: Vec<Gauge>,
}

/// A named stretch of the run. Metrics tagged `phase:NAME` belong to it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Phase {
    /// Its name.
    pub name: String,
    /// Seconds from the run's start to its own.
    pub start_s: f64,
    /// Seconds from the run's start to its end, or to now while it goes on.
    pub end_s: f64,
}

/// A latency in both its forms.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Latency {
    /// Name, such as `puback_latency`.
    pub name: String,
    /// Tags.
    pub tags: Tags,
    /// From the intended instant: what thresholds mean.
    pub response: Distribution,
    /// From the write, where it was recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<Distribution>,
}

/// Figures of a histogram and the histogram itself, so that runs can be merged. Times are in microseconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "each field is the figure it names")]
pub struct Distribution {
    pub count: u64,
    /// Samples a second of the phase, or of the run where there is no phase.
    pub rate_per_s: f64,
    pub min_us: u64,
    pub mean_us: f64,
    pub stdev_us: f64,
    pub p50_us: u64,
    pub p75_us: u64,
    pub p90_us: u64,
    pub p95_us: u64,
    pub p99_us: u64,
    pub p99_9_us: u64,
    pub p99_99_us: u64,
    pub max_us: u64,
    pub histogram: Histogram,
}

/// A number of events.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counter {
    /// Name, such as `connect_failed`.
    pub name: String,
    /// Tags.
    pub tags: Tags,
    /// How many.
    pub count: u64,
    /// Events a second of the phase, or of the run where there is no phase.
    pub rate_per_s: f64,
    /// What these events are a share of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<Total>,
}

/// The counter that another one is a share of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Total {
    /// Its name; it has the same tags, or none where tags tell apart what a total is made of.
    pub metric: String,
    /// Its count.
    pub count: u64,
}

impl Results {
    /// Results whose rates are computed from the lengths of run and phases.
    pub(crate) fn new(
        duration: Duration,
        phases: Vec<Phase>,
        latencies: Vec<Latency>,
        counters: Vec<Counter>,
        gauges: Vec<Gauge>,
    ) -> Self {
        let mut results = Self { duration_s: duration.as_secs_f64(), phases, latencies, counters, gauges };
        results.compute_rates();
        results
    }

    /// The time that metrics with these tags could be recorded in, in seconds.
    pub fn seconds_of(&self, tags: &Tags) -> f64 {
        let phase = tags.value(Tags::PHASE);
        phase.and_then(|name| self.phase(name)).map_or(self.duration_s, |phase| phase.end_s - phase.start_s)
    }

    /// The phase of that name.
    pub fn phase(&self, name: &str) -> Option<&Phase> {
        self.phases.iter().find(|phase| phase.name == name)
    }

    /// Adds the results of another part of the same run, which began `offset_s` seconds after this part did.
    pub(crate) fn merge(&mut self, other: &Results, offset_s: f64) -> Result<(), ReportError> {
        self.duration_s = self.duration_s.max(other.duration_s + offset_s);
        for phase in &other.phases {
            let (start_s, end_s) = (phase.start_s + offset_s, phase.end_s + offset_s);
            match self.phases.iter_mut().find(|known| known.name == phase.name) {
                Some(known) => {
                    known.start_s = known.start_s.min(start_s);
                    known.end_s = known.end_s.max(end_s);
                }
                None => self.phases.push(Phase { name: phase.name.clone(), start_s, end_s }),
            }
        }
        self.phases.sort_by(|a, b| a.start_s.total_cmp(&b.start_s));
        for latency in &other.latencies {
            match self.latencies.iter_mut().find(|known| known.key() == latency.key()) {
                Some(known) => known.merge(latency),
                None => self.latencies.push(latency.clone()),
            }
        }
        for counter in &other.counters {
            match self.counters.iter_mut().find(|known| known.key() == counter.key()) {
                Some(known) => known.merge(counter),
                None => self.counters.push(counter.clone()),
            }
        }
        for gauge in &other.gauges {
            let shifted = gauge.shifted(offset_s);
            match self.gauges.iter_mut().find(|known| known.key() == gauge.key()) {
                Some(known) if known.unit != gauge.unit => {
                    return Err(ReportError::MergeUnits { metric: format!("{}{}", gauge.name, gauge.tags) });
                }
                Some(known) => known.merge(&shifted),
                None => self.gauges.push(shifted),
            }
        }
        self.compute_rates();
        Ok(())
    }

    fn compute_rates(&mut self) {
        let phases: BTreeMap<&str, f64> =
            self.phases.iter().map(|phase| (phase.name.as_str(), phase.end_s - phase.start_s)).collect();
        let rate = |count: u64, tags: &Tags| {
            let phase = tags.value(Tags::PHASE).and_then(|name| phases.get(name).copied());
            let seconds = phase.unwrap_or(self.duration_s);
            if seconds > 0.0 { count as f64 / seconds } else { 0.0 }
        };
        for latency in &mut self.latencies {
            for form in std::iter::once(&mut latency.response).chain(&mut latency.service) {
                form.rate_per_s = rate(form.count, &latency.tags);
            }
        }
        for counter in &mut self.counters {
            counter.rate_per_s = rate(counter.count, &counter.tags);
        }
    }
}

impl Latency {
    pub(crate) fn new(name: String, tags: Tags, response: Histogram, service: Option<Histogram>) -> Self {
        Self { name, tags, response: response.into(), service: service.map(Distribution::from) }
    }

    fn key(&self) -> (&str, &Tags) {
        (&self.name, &self.tags)
    }

    fn merge(&mut self, other: &Latency) {
        self.response.merge(&other.response);
        match (&mut self.service, &other.service) {
            (Some(service), Some(more)) => service.merge(more),
            (None, Some(more)) => self.service = Some(more.clone()),
            (_, None) => {}
        }
    }
}

impl Distribution {
    /// Adds the other's samples; the rate is left to who knows the time.
    fn merge(&mut self, other: &Distribution) {
        self.histogram.merge(&other.histogram);
        *self = std::mem::take(&mut self.histogram).into();
    }
}

/// The figures of a histogram, with a rate of zero until the time it was recorded in is known.
impl From<Histogram> for Distribution {
    fn from(histogram: Histogram) -> Self {
        let [p50_us, p75_us, p90_us, p95_us, p99_us, p99_9_us, p99_99_us] =
            histogram.percentiles_us([50.0, 75.0, 90.0, 95.0, 99.0, 99.9, 99.99]);
        Self {
            count: histogram.count(),
            rate_per_s: 0.0,
            min_us: histogram.min_us(),
            mean_us: histogram.mean_us(),
            stdev_us: histogram.stdev_us(),
            p50_us,
            p75_us,
            p90_us,
            p95_us,
            p99_us,
            p99_9_us,
            p99_99_us,
            max_us: histogram.max_us(),
            histogram,
        }
    }
}

impl Counter {
    pub(crate) fn new(name: String, tags: Tags, count: u64, of: Option<Total>) -> Self {
        Self { name, tags, count, rate_per_s: 0.0, of }
    }

    /// The count as a share of what it is of, 0 to 1 (or more); none when that is zero or this counter is of nothing.
    pub fn share(&self) -> Option<f64> {
        let of = self.of.as_ref().filter(|of| of.count > 0)?;
        Some(self.count as f64 / of.count as f64)
    }

    fn key(&self) -> (&str, &Tags) {
        (&self.name, &self.tags)
    }

    fn merge(&mut self, other: &Counter) {
        self.count = self.count.saturating_add(other.count);
        match (&mut self.of, &other.of) {
            (Some(of), Some(more)) => of.count = of.count.saturating_add(more.count),
            (None, Some(more)) => self.of = Some(more.clone()),
            (_, None) => {}
        }
    }
}
