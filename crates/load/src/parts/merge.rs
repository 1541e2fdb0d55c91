//! One summary of all parts.

use std::time::Duration;

use mqscope_report::{Counter, NoteLevel, Outcome, ReportError, Summary, Threshold, Total, Value};

use super::judge::{Cells, judge, tag};
use super::{Demand, Record};
use crate::metrics::UNACKNOWLEDGED;
use crate::run::{COULD_NOT_KEEP_UP, note_unacknowledged};

/// A latency between two devices, which may be of two parts.
const DELIVERY: &str = "delivery_latency";
const EXPECTED: &str = "delivery_expected";
const LOST: &str = "delivery_lost";
/// Counted by the receiver alone, as a share of what was expected.
const SHARES: [&str; 2] = ["delivery_duplicated", "delivery_reordered"];

/// A part, as its process left it.
#[derive(Clone, Debug)]
pub struct Piece {
    /// What messages call it: the folder it is in.
    pub label: String,
    /// What it says of itself.
    pub record: Record,
    /// What it measured.
    pub summary: Summary,
}

/// How to judge the whole.
#[derive(Clone, Debug, Default)]
pub struct Finish {
    /// How far the clocks of two machines may be apart. Without it nothing is said that takes two clocks.
    pub clock_error: Option<Duration>,
    /// Thresholds and demands on the generator in place of the scenario's.
    pub demands: Option<(Vec<Threshold>, Vec<Threshold>)>,
    /// What became of parts that are not there. The others are merged all the same then, and nothing is judged. Where it
    /// is empty all must be there.
    pub gone: Vec<String>,
}

/// Why parts make no whole.
#[derive(Debug, thiserror::Error)]
pub enum MergeError {
    /// There is none.
    #[error("there is no shard to merge")]
    Nothing,
    /// It was written by another version.
    #[error("{label} is a shard of form {found}, and this program reads {}", Record::SCHEMA)]
    Schema {
        /// Which.
        label: String,
        /// Its form.
        found: String,
    },
    /// Two of them are not of one run.
    #[error("{first} and {other} are shards of different runs: {what} differs")]
    Different {
        /// One of them.
        first: String,
        /// The other.
        other: String,
        /// In what.
        what: &'static str,
    },
    /// Two of them are the same part.
    #[error("{first} and {other} are both shard {part}")]
    Twice {
        /// One of them.
        first: String,
        /// The other.
        other: String,
        /// Which part.
        part: u32,
    },
    /// Some are not there.
    #[error("of {of} shards these are missing: {missing}")]
    Missing {
        /// How many there should be.
        of: u32,
        /// Their numbers.
        missing: String,
    },
    /// What they measured cannot be added up.
    #[error(transparent)]
    Report(#[from] ReportError),
}

/// Merges the parts of a run and judges the whole. Nothing that was measured is lost; what cannot be known of the whole is
/// left out, with a note that says so.
///
/// # Errors
/// When they are not all parts of one run, each once.
pub fn merge(mut pieces: Vec<Piece>, finish: &Finish) -> Result<Summary, MergeError> {
    pieces.sort_by_key(|piece| piece.record.part);
    check(&pieces, finish)?;
    let summaries: Vec<Summary> = pieces.iter().map(|piece| piece.summary.clone()).collect();
    let mut whole = Summary::merge(&summaries)?;
    whole.notes.retain(|note| note.text != COULD_NOT_KEEP_UP);
    facts(&mut whole, &pieces);

    let one_clock = share_clock(&pieces);
    let error = if one_clock { Some(Duration::ZERO) } else { finish.clock_error };
    match (one_clock, error) {
        (true, _) => {}
        (false, None) => {
            whole.results.latencies.retain(|latency| latency.name != DELIVERY);
            whole = whole.with_note(
                NoteLevel::Warning,
                "delivery latency is not judged: the shards ran on several machines, and nobody knows how far their \
                 clocks are apart (--clock-error)",
            );
        }
        (false, Some(error)) => {
            let error = humantime::format_duration(error);
            let text = format!("delivery latencies are right to ±{error}, the clocks' error as it was given");
            whole = whole.with_note(NoteLevel::Info, text);
        }
    }
    if !finish.gone.is_empty() {
        return Ok(without(whole, &finish.gone));
    }
    let records: Vec<&Record> = pieces.iter().map(|piece| &piece.record).collect();
    match judge(&records, error.map(|error| error.as_micros() as u64)) {
        Ok(cells) => settle(&mut whole, records[0], &cells),
        Err(why) => {
            leave_open(&mut whole);
            whole = whole.with_note(NoteLevel::Warning, format!("what was lost is not judged: {why}"));
        }
    }
    let (thresholds, validity) = match &finish.demands {
        Some(demands) => demands.clone(),
        None => {
            (demands(&records, |record| &record.thresholds)?, demands(&records, |record| &record.validity)?)
        }
    };
    whole.judge(&thresholds, &validity);
    if let (false, Some(error)) = (one_clock, error) {
        doubt(&mut whole, error);
    }
    Ok(conclude(whole, &pieces))
}

/// What is left where parts are gone: figures, and no verdict on them.
fn without(mut whole: Summary, gone: &[String]) -> Summary {
    leave_open(&mut whole);
    whole.thresholds.clear();
    whole.validity.clear();
    whole.set_outcome(Outcome::Unable);
    let says = "nothing is judged: these are the figures of the other shards, up to their early end";
    let notes = gone.iter().map(String::as_str).chain([says]);
    notes.fold(whole, |whole, text| whole.with_note(NoteLevel::Warning, text))
}

/// Whether they are all parts of one run, each once. They are ordered by number.
fn check(pieces: &[Piece], finish: &Finish) -> Result<(), MergeError> {
    let Some(first) = pieces.first() else { return Err(MergeError::Nothing) };
    for piece in pieces {
        let (ours, theirs) = (&first.record, &piece.record);
        if theirs.schema != Record::SCHEMA {
            return Err(MergeError::Schema { label: piece.label.clone(), found: theirs.schema.clone() });
        }
        let differs = [
            ("the scenario's name", first.summary.run.name != piece.summary.run.name),
            ("the seed", first.summary.run.seed != piece.summary.run.seed),
            ("the number of shards", ours.of != theirs.of),
            ("the version of the program", first.summary.run.tool != piece.summary.run.tool),
            ("the scenario or a variable", ours.plan != theirs.plan),
            ("the start", ours.start_unix_ns != theirs.start_unix_ns),
        ];
        if let Some((what, _)) = differs.into_iter().find(|(_, differs)| *differs) {
            let (first, other) = (first.label.clone(), piece.label.clone());
            return Err(MergeError::Different { first, other, what });
        }
    }
    for pair in pieces.windows(2) {
        if pair[0].record.part == pair[1].record.part {
            let (first, other) = (pair[0].label.clone(), pair[1].label.clone());
            return Err(MergeError::Twice { first, other, part: pair[0].record.part });
        }
    }
    let of = first.record.of;
    let there = |number: &u32| pieces.iter().any(|piece| piece.record.part == *number);
    let missing: Vec<String> =
        (1..=of).filter(|number| !there(number)).map(|number| number.to_string()).collect();
    if missing.is_empty() || !finish.gone.is_empty() {
        Ok(())
    } else {
        Err(MergeError::Missing { of, missing: missing.join(", ") })
    }
}

/// Whether all of them read the same clock: that of one machine between two starts.
fn share_clock(pieces: &[Piece]) -> bool {
    let mut hosts = pieces.iter().map(|piece| &piece.record.host);
    let Some(first) = hosts.next() else { return true };
    pieces.len() == 1 || (first.boot_id.is_some() && hosts.all(|host| host.boot_id == first.boot_id))
}

fn facts(whole: &mut Summary, pieces: &[Piece]) {
    let sum = |name: &str| -> u64 {
        let values = pieces.iter().filter_map(|piece| piece.summary.run.facts.get(name)?.parse::<u64>().ok());
        values.sum()
    };
    let mut hosts: Vec<_> = pieces.iter().map(|piece| &piece.record.host.boot_id).collect();
    hosts.sort();
    hosts.dedup();
    let machines =
        if hosts.len() == 1 { "one machine".to_owned() } else { format!("{} machines", hosts.len()) };
    let of = pieces.iter().map(|piece| piece.record.of).max().unwrap_or(0);
    let numbers = if pieces.len() == of as usize {
        format!("1 to {of}")
    } else {
        let numbers: Vec<String> = pieces.iter().map(|piece| piece.record.part.to_string()).collect();
        numbers.join(", ")
    };
    let shards = format!("{numbers} of {of} on {machines}");
    for (name, value) in
        [("shards", shards), ("devices", sum("devices").to_string()), ("threads", sum("threads").to_string())]
    {
        whole.run.facts.insert(name.to_owned(), value);
    }
}

/// Every demand of any part, once.
fn demands<'r>(
    records: &[&'r Record],
    of: impl Fn(&'r Record) -> &'r Vec<Demand>,
) -> Result<Vec<Threshold>, ReportError> {
    let mut all: Vec<&Demand> = Vec::new();
    for demand in records.iter().flat_map(|record| of(record)) {
        if !all.contains(&demand) {
            all.push(demand);
        }
    }
    all.into_iter().map(Threshold::try_from).collect()
}

/// Puts in what was expected and what was lost.
fn settle(whole: &mut Summary, record: &Record, cells: &Cells) {
    for (&(phase, group, qos), cell) in cells {
        let (Some((phase, true)), Some((group, ..))) =
            (record.phases.get(phase as usize), record.groups.get(group as usize))
        else {
            continue;
        };
        let (expected, lost) = (cell.expected.max(0) as u64, (cell.expected - cell.delivered).max(0) as u64);
        let of_cell = |counter: &&mut Counter| {
            let tags = &counter.tags;
            let is = |key: &str, value: &str| tags.value(key) == Some(value);
            is("phase", phase) && is("group", group) && is("qos", tag(qos))
        };
        for counter in whole.results.counters.iter_mut().filter(of_cell) {
            match counter.name.as_str() {
                EXPECTED => counter.count = expected,
                LOST => counter.count = lost,
                _ => {}
            }
            if let Some(Total { metric, count }) = &mut counter.of
                && metric == EXPECTED
            {
                *count = expected;
            }
        }
    }
    let lengths: Vec<f64> =
        whole.results.counters.iter().map(|counter| whole.results.seconds_of(&counter.tags)).collect();
    for (counter, seconds) in whole.results.counters.iter_mut().zip(lengths) {
        counter.rate_per_s = if seconds > 0.0 { counter.count as f64 / seconds } else { 0.0 };
    }
}

/// Takes out what nobody knows: a threshold on it then fails for want of samples.
fn leave_open(whole: &mut Summary) {
    whole.results.counters.retain(|counter| counter.name != EXPECTED && counter.name != LOST);
    for counter in whole.results.counters.iter_mut().filter(|counter| SHARES.contains(&counter.name.as_str()))
    {
        counter.of = None;
    }
}

/// A delivery latency that met its threshold by less than the clocks' error may not have met it.
fn doubt(whole: &mut Summary, error: Duration) {
    let error_us = error.as_micros() as f64;
    for verdict in &mut whole.thresholds {
        let of_delivery = verdict.metric.split('{').next() == Some(DELIVERY);
        if let (true, true, Some(Value::TimeUs(seen)), Value::TimeUs(wanted)) =
            (of_delivery, verdict.passed, verdict.seen, verdict.wanted)
            && (seen - wanted).abs() <= error_us
        {
            verdict.passed = false;
            let error = humantime::format_duration(error);
            verdict.says.push_str(&format!(", which the clocks' error of {error} leaves open"));
        }
    }
    whole.conclude();
}

fn conclude(mut whole: Summary, pieces: &[Piece]) -> Summary {
    let is = |outcome: Outcome| pieces.iter().any(move |piece| piece.summary.outcome == outcome);
    let failures: Vec<String> = pieces
        .iter()
        .flat_map(|piece| {
            piece.record.failures.iter().map(|text| format!("shard {}: {text}", piece.record.part))
        })
        .collect();
    if !failures.is_empty() && whole.outcome == Outcome::Passed {
        whole.set_outcome(Outcome::Failed);
    }
    if is(Outcome::Unable) && whole.outcome != Outcome::Interrupted {
        whole.set_outcome(Outcome::Unable);
    }
    for piece in pieces {
        // Its own words are there already, without its number.
        whole.notes.retain(|note| !piece.record.failures.contains(&note.text));
        if piece.summary.outcome == Outcome::Invalid && whole.outcome != Outcome::Invalid {
            let text = format!("shard {} by itself could not keep up", piece.record.part);
            whole = whole.with_note(NoteLevel::Warning, text);
        }
    }
    if whole.outcome == Outcome::Invalid {
        whole = whole.with_note(NoteLevel::Warning, COULD_NOT_KEEP_UP);
    }
    whole = note_unacknowledged(whole);
    let sum = |name: &str| -> u64 {
        let counters = whole.results.counters.iter().filter(|counter| counter.name == name);
        counters.map(|counter| counter.count).sum()
    };
    if sum(LOST) > 0 && sum(UNACKNOWLEDGED) > 0 {
        let text = "what was lost may include messages that were never acknowledged: between shards they count as sent";
        whole = whole.with_note(NoteLevel::Warning, text);
    }
    failures.into_iter().fold(whole, |whole, text| whole.with_note(NoteLevel::Warning, text))
}
