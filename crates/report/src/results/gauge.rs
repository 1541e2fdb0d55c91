//! Values over time.

use serde::{Deserialize, Serialize};

use crate::{Tags, Unit};

/// A value sampled once a second.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gauge {
    /// Name, such as `connected`.
    pub name: String,
    /// Tags.
    pub tags: Tags,
    /// What its values are.
    pub unit: Unit,
    /// The value it should reach.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<f64>,
    /// The last point.
    pub last: f64,
    /// The lowest point.
    pub min: f64,
    /// The mean of all points.
    pub mean: f64,
    /// The highest point.
    pub max: f64,
    /// Whole seconds since the run's start, ascending, and the value then.
    pub points: Vec<(u32, f64)>,
}

impl Gauge {
    /// `points` must not be empty.
    pub(crate) fn new(
        name: String,
        tags: Tags,
        unit: Unit,
        target: Option<f64>,
        points: Vec<(u32, f64)>,
    ) -> Self {
        let mut gauge = Self { name, tags, unit, target, last: 0.0, min: 0.0, mean: 0.0, max: 0.0, points };
        gauge.compute_figures();
        gauge
    }

    /// The gauge of both: values add up or the higher counts, as the unit says; where one has no point its last one holds.
    pub(crate) fn merge(&mut self, other: &Gauge) {
        let mut times: Vec<u32> = self.points.iter().chain(&other.points).map(|(at, _)| *at).collect();
        times.sort_unstable();
        times.dedup();
        let mut ours = Held::new(&self.points);
        let mut theirs = Held::new(&other.points);
        let merged = times.into_iter().map(|at| {
            let value = match (ours.at(at), theirs.at(at)) {
                (Some(a), Some(b)) if self.unit == Unit::Percent => a.max(b),
                (Some(a), Some(b)) => a + b,
                (a, b) => a.or(b).unwrap_or(0.0),
            };
            (at, value)
        });
        self.points = merged.collect();
        self.target = match (self.target, other.target) {
            (Some(a), Some(b)) if self.unit == Unit::Percent => Some(a.max(b)),
            (Some(a), Some(b)) => Some(a + b),
            (a, b) => a.or(b),
        };
        self.compute_figures();
    }

    pub(super) fn shifted(&self, offset_s: f64) -> Gauge {
        let seconds = offset_s.round().max(0.0) as u32;
        let points = self.points.iter().map(|&(at, value)| (at.saturating_add(seconds), value)).collect();
        Gauge { points, ..self.clone() }
    }

    pub(super) fn key(&self) -> (&str, &Tags) {
        (&self.name, &self.tags)
    }

    fn compute_figures(&mut self) {
        let values = || self.points.iter().map(|(_, value)| *value);
        self.last = values().next_back().unwrap_or(0.0);
        self.min = values().reduce(f64::min).unwrap_or(0.0);
        self.max = values().reduce(f64::max).unwrap_or(0.0);
        self.mean = values().sum::<f64>() / self.points.len().max(1) as f64;
    }
}

/// Walks a list of points; between two of them the earlier one holds.
struct Held<'a> {
    points: std::iter::Peekable<std::slice::Iter<'a, (u32, f64)>>,
    value: Option<f64>,
}

impl<'a> Held<'a> {
    fn new(points: &'a [(u32, f64)]) -> Self {
        Self { points: points.iter().peekable(), value: None }
    }

    /// The value at a time, which must not be before that of the last call.
    fn at(&mut self, time: u32) -> Option<f64> {
        while let Some((_, value)) = self.points.next_if(|(at, _)| *at <= time) {
            self.value = Some(*value);
        }
        self.value
    }
}
