//! A run as plain data: what `summary.json` holds.

use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime},
};

use serde::{Deserialize, Serialize};

use crate::{ReportError, Results, Threshold, Verdict};

/// A finished (or interrupted) run: its facts, what it measured and how that was judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Summary {
    /// [`Summary::SCHEMA`].
    pub schema: String,
    /// Whose clock the figures come from.
    #[serde(default, skip_serializing_if = "Source::is_load")]
    pub source: Source,
    /// The run's facts.
    pub run: Run,
    /// How it ended.
    pub outcome: Outcome,
    /// The process's exit code for that outcome.
    pub exit_code: u8,
    /// What was demanded of the broker, and what became of it.
    pub thresholds: Vec<Verdict>,
    /// What was demanded of the generator itself: a breach makes the run invalid.
    pub validity: Vec<Verdict>,
    /// What a reader should know.
    pub notes: Vec<Note>,
    /// What was measured.
    pub results: Results,
    /// The file beside this one that holds the run second by second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub series: Option<String>,
}

/// What the run was.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Run {
    /// The scenario's name.
    pub name: String,
    /// The program and its version.
    pub tool: String,
    /// When it started, by the wall clock; to the nanosecond in RFC 3339.
    #[serde(with = "rfc3339")]
    pub started: SystemTime,
    /// From which ids, payloads and schedule follow.
    pub seed: u64,
    /// Whether it was ended before its plan was done.
    pub interrupted: bool,
    /// How many processes' results are in here.
    pub parts: u32,
    /// Anything else worth keeping: target, host, settings.
    #[serde(default)]
    pub facts: BTreeMap<String, String>,
}

/// Whose clock the figures of a summary come from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The load generator's: it knows when each message was meant.
    #[default]
    Load,
    /// A capture's. It does not know when a message was meant: both forms of a latency are the service time.
    Capture,
}

impl Source {
    fn is_load(&self) -> bool {
        *self == Self::Load
    }
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Every threshold was met.
    Passed,
    /// One was not.
    Failed,
    /// The generator could not keep up: the figures are not to be believed.
    Invalid,
    /// Worse than the baseline.
    Worse,
    /// It could not connect, read, capture or go on.
    Unable,
    /// Ended by the user.
    Interrupted,
}

/// Something a reader should know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Note {
    /// How much it matters.
    pub level: NoteLevel,
    /// One sentence: what, and what to do.
    pub text: String,
}

/// How much a note matters, the most first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoteLevel {
    /// It may change what the figures mean.
    Warning,
    /// Good to know.
    Info,
}

impl Summary {
    /// Name and version of the format. Fields may be added within a version.
    pub const SCHEMA: &'static str = "mqscope-summary/1";

    /// Judges the results and concludes the outcome: interrupted before invalid before failed before passed.
    pub fn new(run: Run, results: Results, thresholds: &[Threshold], validity: &[Threshold]) -> Self {
        let thresholds = thresholds.iter().map(|threshold| threshold.judge(&results)).collect();
        let validity = validity.iter().map(|threshold| threshold.judge(&results)).collect();
        let mut summary = Self {
            schema: Self::SCHEMA.to_owned(),
            source: Source::Load,
            run,
            outcome: Outcome::Passed,
            exit_code: 0,
            thresholds,
            validity,
            notes: Vec::new(),
            results,
            series: None,
        };
        summary.set_outcome(summary.judged());
        summary
    }

    /// Judges the results anew by these demands.
    pub fn judge(&mut self, thresholds: &[Threshold], validity: &[Threshold]) {
        self.thresholds = thresholds.iter().map(|threshold| threshold.judge(&self.results)).collect();
        self.validity = validity.iter().map(|threshold| threshold.judge(&self.results)).collect();
        self.conclude();
    }

    /// Concludes the outcome from the verdicts as they are: interrupted before invalid before failed before passed.
    pub fn conclude(&mut self) {
        self.set_outcome(self.judged());
    }

    /// The same with a note.
    #[must_use]
    pub fn with_note(mut self, level: NoteLevel, text: impl Into<String>) -> Self {
        self.notes.push(Note { level, text: text.into() });
        self
    }

    /// What a capture shows, with nothing to be judged: `run` names the capture and begins with its first frame.
    pub fn of_capture(run: Run, results: Results) -> Self {
        Self { source: Source::Capture, ..Self::new(run, results, &[], &[]) }
    }

    /// Says how the run ended where that does not follow from the results: [`Outcome::Unable`], [`Outcome::Worse`].
    pub fn set_outcome(&mut self, outcome: Outcome) {
        self.outcome = outcome;
        self.exit_code = outcome.exit_code();
    }

    /// Reads `summary.json`.
    ///
    /// # Errors
    /// When it is not JSON of this shape, or of another version of it.
    pub fn from_json(text: &str) -> Result<Self, ReportError> {
        #[derive(Deserialize)]
        struct Head {
            schema: String,
        }
        let head: Head = serde_json::from_str(text)?;
        if head.schema != Self::SCHEMA {
            return Err(ReportError::SummarySchema { found: head.schema, expected: Self::SCHEMA });
        }
        Ok(serde_json::from_str(text)?)
    }

    /// Joins the parts of one run that several processes made. No sample is lost, and thresholds are judged anew on the whole.
    /// Times count from the start of the part that began first.
    ///
    /// # Errors
    /// When there is no part, their names differ, or a gauge has another unit in one of them.
    pub fn merge(parts: &[Summary]) -> Result<Self, ReportError> {
        let mut parts: Vec<&Summary> = parts.iter().collect();
        parts.sort_by_key(|part| part.run.started);
        let Some((first, others)) = parts.split_first() else { return Err(ReportError::MergeNothing) };
        let mut whole = (*first).clone();
        whole.series = None;
        for part in others {
            whole.add(part)?;
        }
        whole.notes.sort_by_key(|note| note.level);
        for verdicts in [&mut whole.thresholds, &mut whole.validity] {
            for verdict in verdicts.iter_mut() {
                let threshold = Threshold::parse(&verdict.metric, &verdict.threshold)?;
                *verdict = Threshold { abort: verdict.abort, ..threshold }.judge(&whole.results);
            }
        }
        let unable = parts.iter().any(|part| part.outcome == Outcome::Unable);
        whole.set_outcome(if unable { Outcome::Unable } else { whole.judged() });
        Ok(whole)
    }

    fn add(&mut self, part: &Summary) -> Result<(), ReportError> {
        if part.run.name != self.run.name {
            let (first, other) = (self.run.name.clone(), part.run.name.clone());
            return Err(ReportError::MergeNames { first, other });
        }
        let offset = part.run.started.duration_since(self.run.started).unwrap_or(Duration::ZERO);
        self.results.merge(&part.results, offset.as_secs_f64())?;
        self.run.parts = self.run.parts.saturating_add(part.run.parts);
        self.run.interrupted |= part.run.interrupted;
        // What the parts do not agree on is no fact about the whole.
        self.run.facts.retain(|name, value| part.run.facts.get(name).is_none_or(|other| other == value));
        for (ours, theirs) in [(&mut self.thresholds, &part.thresholds), (&mut self.validity, &part.validity)]
        {
            for verdict in theirs {
                let same = |known: &&mut Verdict| {
                    known.metric == verdict.metric && known.threshold == verdict.threshold
                };
                if ours.iter_mut().find(same).is_none() {
                    ours.push(verdict.clone());
                }
            }
        }
        for note in &part.notes {
            if !self.notes.contains(note) {
                self.notes.push(note.clone());
            }
        }
        Ok(())
    }

    fn judged(&self) -> Outcome {
        if self.run.interrupted {
            Outcome::Interrupted
        } else if self.validity.iter().any(|verdict| !verdict.passed) {
            Outcome::Invalid
        } else if self.thresholds.iter().any(|verdict| !verdict.passed) {
            Outcome::Failed
        } else {
            Outcome::Passed
        }
    }
}

impl Outcome {
    /// The process's exit code.
    pub fn exit_code(self) -> u8 {
        match self {
            Outcome::Passed => 0,
            Outcome::Failed => 1,
            Outcome::Invalid => 3,
            Outcome::Worse => 4,
            Outcome::Unable => 5,
            Outcome::Interrupted => 130,
        }
    }
}

mod rfc3339 {
    use std::time::SystemTime;

    use jiff::Timestamp;
    use serde::{Deserialize, Deserializer, Serializer, de::Error as _, ser::Error as _};

    pub(super) fn serialize<S: Serializer>(time: &SystemTime, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&Timestamp::try_from(*time).map_err(S::Error::custom)?)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<SystemTime, D::Error> {
        let text = String::deserialize(from)?;
        let time: Timestamp = text.parse().map_err(D::Error::custom)?;
        SystemTime::try_from(time).map_err(D::Error::custom)
    }
}
