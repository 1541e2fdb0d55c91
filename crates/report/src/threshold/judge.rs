//! A threshold before the results.

use super::{Operator, Threshold, Value, Verdict, What};
use crate::{Counter, Gauge, Histogram, Results, Tags, Unit, units};

/// What was found for a threshold.
enum Found {
    /// The figure, and how many samples or events it rests on.
    Seen(Value, u64),
    /// No sample of any metric it selects.
    Nothing,
    /// The metric exists, yet not this figure of it.
    Unfit(&'static str),
    /// The gauge never got there; the most it reached, in percent of its target.
    NotReached(f64),
}

impl Threshold {
    /// Judges it by what was measured. Without samples it fails.
    pub fn judge(&self, results: &Results) -> Verdict {
        let found = self.find(results);
        let (passed, seen, samples, says) = match found {
            Found::Seen(seen, samples) => (self.met_by(seen), Some(seen), samples, self.says(seen, samples)),
            Found::Nothing => (false, None, 0, "no samples".to_owned()),
            Found::Unfit(why) => (false, None, 0, why.to_owned()),
            Found::NotReached(best) => {
                (false, None, 0, format!("never reached: {} at most", units::percent(best)))
            }
        };
        Verdict {
            metric: self.selector.to_string(),
            threshold: self.text.clone(),
            wanted: self.value,
            passed,
            seen,
            seen_from_write: self.service_form(results),
            samples,
            says,
            abort: self.abort,
        }
    }

    /// Whether its breach should end the run, `elapsed_s` seconds after the run's start. A metric without samples yet does not.
    pub fn calls_off(&self, results: &Results, elapsed_s: f64) -> bool {
        let due = self.abort.is_some_and(|abort| elapsed_s >= abort.after_s);
        due && matches!(self.find(results), Found::Seen(seen, _) if !self.met_by(seen))
    }

    fn find(&self, results: &Results) -> Found {
        let histograms = results.latencies.iter().filter(|l| self.selector.matches(&l.name, &l.tags));
        let histograms: Vec<_> = histograms.map(|l| (&l.response.histogram, &l.tags)).collect();
        if !histograms.is_empty() {
            return self.of_latency(&histograms, results);
        }
        let counters = results.counters.iter().filter(|c| self.selector.matches(&c.name, &c.tags));
        let counters: Vec<_> = counters.collect();
        if !counters.is_empty() {
            return self.of_counter(&counters, results);
        }
        let gauges = results.gauges.iter().filter(|g| self.selector.matches(&g.name, &g.tags));
        let merged = gauges.cloned().reduce(|mut all, gauge| {
            all.merge(&gauge);
            all
        });
        merged.map_or(Found::Nothing, |gauge| self.of_gauge(&gauge, results))
    }

    fn of_latency(&self, selected: &[(&Histogram, &Tags)], results: &Results) -> Found {
        let mut all = Histogram::new();
        selected.iter().for_each(|(histogram, _)| all.merge(histogram));
        if all.is_empty() {
            return Found::Nothing;
        }
        let figure = match self.what {
            What::Count => Value::Number(all.count() as f64),
            What::Rate => match seconds(selected.iter().map(|(_, tags)| *tags), results) {
                Some(seconds) => Value::PerSecond(all.count() as f64 / seconds),
                None => return Found::Nothing,
            },
            _ => match self.time_of(&all) {
                Some(time) => time,
                None => return Found::Unfit("a latency has no such figure"),
            },
        };
        Found::Seen(figure, all.count())
    }

    fn time_of(&self, histogram: &Histogram) -> Option<Value> {
        let us = match self.what {
            What::Percentile(percent) => histogram.percentile_us(percent) as f64,
            What::Max => histogram.max_us() as f64,
            What::Min => histogram.min_us() as f64,
            What::Mean => histogram.mean_us(),
            What::Count | What::Rate | What::Achieved | What::Last | What::TimeTo(_) => return None,
        };
        Some(Value::TimeUs(us))
    }

    fn service_form(&self, results: &Results) -> Option<Value> {
        let selected = results.latencies.iter().filter(|l| self.selector.matches(&l.name, &l.tags));
        let mut all: Option<Histogram> = None;
        for service in selected.filter_map(|latency| latency.service.as_ref()) {
            all.get_or_insert_default().merge(&service.histogram);
        }
        self.time_of(&all?)
    }

    fn of_counter(&self, selected: &[&Counter], results: &Results) -> Found {
        let count: u64 = selected.iter().map(|counter| counter.count).sum();
        let total: Option<u64> = selected.iter().map(|counter| counter.of.as_ref().map(|of| of.count)).sum();
        // Nothing failed where nothing was tried is no success.
        if total == Some(0) {
            return Found::Nothing;
        }
        let share = total.map(|total| Value::Percent(100.0 * count as f64 / total as f64));
        let figure = match (self.what, self.value) {
            (What::Count, _) => Some(Value::Number(count as f64)),
            (What::Rate, Value::PerSecond(_)) => {
                let seconds = seconds(selected.iter().map(|counter| &counter.tags), results);
                match seconds {
                    Some(seconds) => Some(Value::PerSecond(count as f64 / seconds)),
                    None => return Found::Nothing,
                }
            }
            (What::Rate | What::Achieved, Value::Percent(_)) => share,
            _ => return Found::Unfit("a counter has no such figure"),
        };
        match figure {
            Some(figure) => Found::Seen(figure, total.unwrap_or(count)),
            None => Found::Unfit("this counter is not a share of anything"),
        }
    }

    fn of_gauge(&self, gauge: &Gauge, results: &Results) -> Found {
        let samples = gauge.points.len() as u64;
        let plain = match self.what {
            What::Max => gauge.max,
            What::Min => gauge.min,
            What::Mean => gauge.mean,
            What::Last => gauge.last,
            What::TimeTo(percent) => return time_to(gauge, percent, results),
            What::Percentile(_) | What::Count | What::Rate | What::Achieved => {
                return Found::Unfit("a gauge has no such figure");
            }
        };
        match (self.value, gauge.unit, gauge.target) {
            (Value::Number(_), Unit::Percent, _) => Found::Seen(Value::Number(plain), samples),
            (Value::Percent(_), Unit::Percent, _) => Found::Seen(Value::Percent(plain), samples),
            (Value::Percent(_), _, Some(target)) if target > 0.0 => {
                Found::Seen(Value::Percent(100.0 * plain / target), samples)
            }
            (Value::Number(_), _, _) => Found::Seen(Value::Number(plain), samples),
            _ => Found::Unfit("this gauge is not in that unit"),
        }
    }

    fn met_by(&self, seen: Value) -> bool {
        let (seen, wanted) = (seen.plain(), self.value.plain());
        match self.operator {
            Operator::Less => seen < wanted,
            Operator::LessOrEqual => seen <= wanted,
            Operator::Greater => seen > wanted,
            Operator::GreaterOrEqual => seen >= wanted,
            Operator::Equal => seen == wanted,
            Operator::NotEqual => seen != wanted,
        }
    }

    fn says(&self, seen: Value, samples: u64) -> String {
        let samples = units::count(samples);
        // "is 99%, which is not >= 99%" would puzzle: where rounding hides the difference, show all digits.
        let hidden = seen != self.value && seen.to_string() == self.value.to_string();
        let shown = if hidden { format!("{seen:#}") } else { seen.to_string() };
        match (self.what, seen) {
            (What::Count, _) => format!("count is {shown}"),
            (What::Rate | What::Achieved, Value::Percent(_)) => {
                format!("{} is {shown} of {samples}", self.what)
            }
            (What::Rate, _) => format!("rate is {shown}"),
            (What::TimeTo(_), _) => format!("{} took {shown}", self.what),
            _ => format!("{} is {shown} over {samples} samples", self.what),
        }
    }
}

impl Value {
    /// The number without its unit; both sides of a comparison have the same.
    fn plain(self) -> f64 {
        match self {
            Value::TimeUs(n) | Value::Percent(n) | Value::PerSecond(n) | Value::Number(n) => n,
        }
    }
}

/// The time these metrics were recorded in: their phases' together, or the run's if one has no phase.
fn seconds<'a>(tags: impl Iterator<Item = &'a Tags>, results: &Results) -> Option<f64> {
    let mut phases: Vec<Option<&str>> = tags.map(|tags| tags.value(Tags::PHASE)).collect();
    phases.sort_unstable();
    phases.dedup();
    let known = phases.into_iter().map(|name| results.phase(name?));
    let lengths: Option<Vec<f64>> =
        known.map(|phase| phase.map(|phase| phase.end_s - phase.start_s)).collect();
    let seconds = lengths.map_or(results.duration_s, |lengths| lengths.iter().sum());
    (seconds > 0.0).then_some(seconds)
}

/// When the gauge reached so much of its target, counted from its phase's start. It counts from the lowest point on: in a reconnect
/// storm everything is connected at first, and what is asked is how long it took to come back.
fn time_to(gauge: &Gauge, percent: f64, results: &Results) -> Found {
    let Some(target) = gauge.target.filter(|target| *target > 0.0) else {
        return Found::Unfit("this gauge has no target");
    };
    let start_s =
        gauge.tags.value(Tags::PHASE).and_then(|name| results.phase(name)).map_or(0.0, |phase| phase.start_s);
    let lowest = gauge.points.iter().rposition(|(_, value)| *value <= gauge.min).unwrap_or(0);
    let after = &gauge.points[lowest..];
    match after.iter().find(|(_, value)| *value >= target * percent / 100.0) {
        Some((at, _)) => {
            Found::Seen(Value::TimeUs((f64::from(*at) - start_s).max(0.0) * 1e6), gauge.points.len() as u64)
        }
        None => {
            let best = after.iter().map(|(_, value)| *value).fold(0.0, f64::max);
            Found::NotReached(100.0 * best / target)
        }
    }
}
