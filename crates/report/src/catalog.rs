//! What a run measures, named once.

use serde::{Deserialize, Serialize};

use crate::Tags;

/// Names and tags of all metrics of a run, made before it starts and shared by its shards.
///
/// Registering the same name and tags again gives the same id.
#[derive(Debug, Default)]
pub struct Catalog {
    pub(crate) latencies: Vec<Name>,
    pub(crate) counters: Vec<CounterName>,
    pub(crate) gauges: Vec<GaugeName>,
}

/// A registered latency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LatencyId(pub(crate) u32);

/// A registered counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CounterId(pub(crate) u32);

/// A registered gauge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct GaugeId(pub(crate) u32);

/// What sort of thing a metric is, which decides what a threshold may ask of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricKind {
    /// A distribution of times.
    Latency,
    /// A number of events.
    Counter,
    /// A number of events with what they are a share of.
    CounterOf,
    /// A value sampled once an interval.
    Gauge(Unit),
    /// The same with a value it should reach.
    GaugeWithTarget(Unit),
}

/// What a gauge's values are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    /// A number of things; those of several shards add up.
    Count,
    /// Bytes; those of several shards add up.
    Bytes,
    /// 0 to 100; of several shards the highest is meant.
    Percent,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Name {
    pub(crate) name: String,
    pub(crate) tags: Tags,
}

#[derive(Debug)]
pub(crate) struct CounterName {
    pub(crate) name: Name,
    pub(crate) of: Option<CounterId>,
}

#[derive(Debug)]
pub(crate) struct GaugeName {
    pub(crate) name: Name,
    pub(crate) unit: Unit,
    pub(crate) target: Option<f64>,
}

impl Catalog {
    /// An empty catalog.
    pub fn new() -> Self {
        Self::default()
    }

    /// Registers a latency, which has a response form and may have a service form.
    pub fn latency(&mut self, name: &str, tags: impl Into<Tags>) -> LatencyId {
        let name = Name::new(name, tags);
        LatencyId(find_or_push(&mut self.latencies, |known| *known == name, || name.clone()))
    }

    /// Registers a counter of events.
    pub fn counter(&mut self, name: &str, tags: impl Into<Tags>) -> CounterId {
        self.push_counter(Name::new(name, tags), None)
    }

    /// Registers a counter whose events are a share of another's: failed connects of all tried, sent of what was intended.
    /// Thresholds `rate < 0.1%` and `achieved >= 99%` mean that share, and it has no samples while the other counts nothing.
    pub fn counter_of(&mut self, name: &str, tags: impl Into<Tags>, of: CounterId) -> CounterId {
        self.push_counter(Name::new(name, tags), Some(of))
    }

    /// Registers a gauge.
    pub fn gauge(&mut self, name: &str, tags: impl Into<Tags>, unit: Unit) -> GaugeId {
        self.push_gauge(Name::new(name, tags), unit, None)
    }

    /// Registers a gauge with the value it should reach, which `time_to(99%)` is about.
    pub fn gauge_to(&mut self, name: &str, tags: impl Into<Tags>, unit: Unit, target: f64) -> GaugeId {
        self.push_gauge(Name::new(name, tags), unit, Some(target))
    }

    /// Every metric: name, tags, kind.
    pub fn metrics(&self) -> impl Iterator<Item = (&str, &Tags, MetricKind)> {
        let latencies = self.latencies.iter().map(|name| (name, MetricKind::Latency));
        let counters = self.counters.iter().map(|counter| {
            let kind = if counter.of.is_some() { MetricKind::CounterOf } else { MetricKind::Counter };
            (&counter.name, kind)
        });
        let gauges = self.gauges.iter().map(|gauge| {
            let kind = match gauge.target {
                Some(_) => MetricKind::GaugeWithTarget(gauge.unit),
                None => MetricKind::Gauge(gauge.unit),
            };
            (&gauge.name, kind)
        });
        latencies.chain(counters).chain(gauges).map(|(name, kind)| (name.name.as_str(), &name.tags, kind))
    }

    fn push_counter(&mut self, name: Name, of: Option<CounterId>) -> CounterId {
        let make = || CounterName { name: name.clone(), of };
        CounterId(find_or_push(&mut self.counters, |known| known.name == name, make))
    }

    fn push_gauge(&mut self, name: Name, unit: Unit, target: Option<f64>) -> GaugeId {
        let make = || GaugeName { name: name.clone(), unit, target };
        GaugeId(find_or_push(&mut self.gauges, |known| known.name == name, make))
    }
}

impl Name {
    fn new(name: &str, tags: impl Into<Tags>) -> Self {
        Self { name: name.to_owned(), tags: tags.into() }
    }
}

fn find_or_push<T>(list: &mut Vec<T>, same: impl Fn(&T) -> bool, make: impl FnOnce() -> T) -> u32 {
    let index = list.iter().position(same).unwrap_or_else(|| {
        list.push(make());
        list.len() - 1
    });
    u32::try_from(index).expect("a run has far fewer than 2^32 metrics")
}
