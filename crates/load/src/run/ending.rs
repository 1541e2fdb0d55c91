//! From all that was recorded to a judged summary.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use mqscope_report::{NoteLevel, Outcome, Run as Facts, Summary, Threshold};

use super::{DRAIN, Finished, QUIET_DRAIN, Run};
use crate::metrics::UNACKNOWLEDGED;

/// More reasons than this are told as a number.
const MOST_REASONS: usize = 12;

/// What an invalid run says.
pub(crate) const COULD_NOT_KEEP_UP: &str = "the generator could not keep up, so its figures are not to be believed: \
    give it more or faster cores, run the broker elsewhere, or ask for fewer devices or messages";

/// Says how many publishes were not acknowledged, if any.
pub(crate) fn note_unacknowledged(summary: Summary) -> Summary {
    let counters = summary.results.counters.iter().filter(|counter| counter.name == UNACKNOWLEDGED);
    let count: u64 = counters.map(|counter| counter.count).sum();
    if count == 0 {
        return summary;
    }
    let text = format!(
        "{count} publishes were never acknowledged ({UNACKNOWLEDGED}): the latency of what each waited for has the time \
         from then to the end of the run"
    );
    summary.with_note(NoteLevel::Warning, text)
}

/// What had not come when the run stopped waiting for it, because nothing more came or because it never waits longer.
pub(super) fn given_up(
    (acknowledgements, deliveries, connections): (u64, i64, u64),
    because_quiet: bool,
) -> String {
    let why = if because_quiet {
        format!("after {} in which nothing came", humantime::format_duration(QUIET_DRAIN))
    } else {
        format!("after {}, the longest it waits", humantime::format_duration(DRAIN))
    };
    let missing = [
        (acknowledgements, "acknowledgements"),
        (deliveries.max(0) as u64, "deliveries"),
        (connections, "connections"),
    ];
    let missing =
        missing.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}"));
    format!("the run ended {why}, without {}", missing.collect::<Vec<_>>().join(", "))
}

impl Run<'_> {
    pub(super) fn conclude(mut self, interrupted: bool) -> Finished {
        let shared = self.shared.clone();
        let plan = &shared.plan;
        let duration = shared.clock.elapsed();
        let part = shared.part;
        if part.is_whole() {
            self.settle_ledger();
        }
        let from = Duration::from_nanos(self.told);
        let mut interval = self.recorder.take(from.min(duration), duration);
        self.collector.add(&mut interval);
        self.collector.finish();
        let results = self.collector.results(duration, &self.phases);
        let published = shared.sum(|slot| slot.published.load(Relaxed));
        let facts = Facts {
            name: plan.name.clone(),
            tool: format!("mqscope {}", env!("CARGO_PKG_VERSION")),
            started: shared.clock.started(),
            seed: plan.seed,
            interrupted,
            parts: 1,
            facts: self.facts(),
        };
        // Where nothing was to be sent, nothing could be late.
        let applies = |threshold: &&Threshold| published > 0 || threshold.selector.metric != "send_lag";
        let validity: Vec<Threshold> = plan.validity.iter().filter(applies).cloned().collect();
        let made = shared.sum(|slot| slot.connects.load(Relaxed));
        let failed = shared.sum(|slot| slot.connect_failed.load(Relaxed));

        // What a part saw is no run's figure: only the generator itself is judged by it.
        let thresholds = if part.is_whole() { &plan.thresholds[..] } else { &[] };
        let mut summary = Summary::new(facts, results, thresholds, &validity);
        if !self.failures.is_empty() && summary.outcome == Outcome::Passed {
            summary.set_outcome(Outcome::Failed);
        }
        if made == 0 && failed > 0 && summary.outcome != Outcome::Interrupted {
            summary.set_outcome(Outcome::Unable);
        }
        for text in self.failures.iter().chain(&self.remarks) {
            summary = summary.with_note(NoteLevel::Warning, text);
        }
        if summary.outcome == Outcome::Invalid {
            summary = summary.with_note(NoteLevel::Warning, COULD_NOT_KEEP_UP);
        }
        let mut reasons: Vec<(&String, &u64)> = self.reasons.iter().collect();
        reasons.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
        for (reason, count) in reasons.iter().take(MOST_REASONS) {
            summary = summary.with_note(NoteLevel::Warning, format!("{reason} ({count} times)"));
        }
        if reasons.len() > MOST_REASONS {
            let text = format!("and {} more reasons", reasons.len() - MOST_REASONS);
            summary = summary.with_note(NoteLevel::Warning, text);
        }
        // A part's are those of the whole, which says so when it is merged.
        if part.is_whole() {
            summary = note_unacknowledged(summary);
        }
        let record = (!part.is_whole()).then(|| self.record(&validity));
        Finished { summary, series: self.collector.series().clone(), part: record }
    }

    /// What was expected and what was lost is known only now.
    fn settle_ledger(&mut self) {
        self.tally.settle(&self.shared.roll, &self.shared.plan, &self.sightings);
        if self.tally.unkept > 0 {
            self.remarks.push(format!(
                "{} messages that the broker refused or never acknowledged are more than are remembered: what of them was \
                 not delivered counts as lost",
                self.tally.unkept
            ));
        }
        let metrics = &self.shared.metrics;
        for phase in 0..self.shared.plan.phases.len() {
            for group in 0..self.shared.plan.groups.len() {
                let Some(cell) = metrics.cell(phase, group) else { continue };
                for (qos, ids) in cell.by_qos.iter().enumerate() {
                    let (expected, lost) = self.tally.outcome(phase, group, qos);
                    self.recorder.count(ids.expected, expected);
                    self.recorder.count(ids.lost, lost);
                }
            }
        }
    }

    fn facts(&mut self) -> std::collections::BTreeMap<String, String> {
        let plan = &self.shared.plan;
        let brokers: Vec<&str> = plan.target.brokers.iter().map(|broker| broker.url.as_str()).collect();
        let mut facts = std::mem::take(&mut self.control.facts);
        facts.insert("brokers".to_owned(), brokers.join(" "));
        facts.insert("devices".to_owned(), self.shared.part.devices(plan).to_string());
        if !self.shared.part.is_whole() {
            let shard = format!("{}, whose thresholds are judged when all are merged", self.shared.part);
            facts.insert("shard".to_owned(), shard);
        }
        facts.insert("threads".to_owned(), self.shared.slots.len().to_string());
        facts
    }
}
