//! Parts of one run made one again.
//!
//! Each process writes beside its summary a [`Record`]: which part it is and of what, and what its ledger holds.
//! Histograms and counters add up by themselves; what was lost is worked out here, where both ends of every delivery
//! are known. It is judged exactly or not at all: a threshold on what is not judged fails for want of samples, and a
//! note says why. Only messages that were never acknowledged count as sent, whatever became of them: that may count a loss
//! that is none, which a note says, and hides none.

use std::fmt::{self, Write as _};
use std::hash::Hasher as _;

use mqscope_report::{ReportError, Threshold, threshold::Abort};
use rustc_hash::FxHasher;
use serde::{Deserialize, Serialize};

use crate::scenario::Plan;

mod judge;
mod ledger;
mod merge;

pub use ledger::Ledger;
pub use merge::{Finish, MergeError, Piece, merge};

/// What a part says of itself, beside its summary: `part.json` of its report folder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// [`Record::SCHEMA`].
    pub schema: String,
    /// Its number, from 1.
    pub part: u32,
    /// How many parts there are.
    pub of: u32,
    /// Tells one scenario from another: the same for the same file, variables, seed and program.
    pub plan: String,
    /// The instant that times of the run count from, nanoseconds of the Unix clock.
    pub start_unix_ns: i64,
    /// When each phase began, nanoseconds from there.
    pub phase_starts_ns: Vec<u64>,
    /// Name, first device and number of devices of each group.
    pub groups: Vec<(String, u32, u32)>,
    /// Name of each phase, and whether it was recorded.
    pub phases: Vec<(String, bool)>,
    /// Where it ran.
    pub host: Host,
    /// What the scenario demands of the broker.
    pub thresholds: Vec<Demand>,
    /// What it demands of the generator, as far as it applies.
    pub validity: Vec<Demand>,
    /// What makes the run failed whatever the thresholds say.
    pub failures: Vec<String>,
    /// Who was sent what, who was there, and what came.
    pub ledger: Ledger,
}

/// Where a part ran, as far as the system tells.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Host {
    /// Name.
    pub name: Option<String>,
    /// Differs between machines, and between two starts of one: parts with the same one share a clock.
    pub boot_id: Option<String>,
    /// What the kernel reads its clock from.
    pub clock_source: Option<String>,
}

/// A threshold as it was written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Demand {
    /// `delivery_latency{phase:steady}`.
    pub metric: String,
    /// `p(99) < 50ms`.
    pub threshold: String,
    /// Whether its breach ends the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub abort: Option<Abort>,
}

impl Record {
    /// Name and version of the form.
    pub const SCHEMA: &'static str = "mqscope-part/1";
}

impl Host {
    /// This one.
    pub fn here() -> Self {
        let read = |path: &str| {
            let text = std::fs::read_to_string(path).ok()?;
            Some(text.trim().to_owned()).filter(|text| !text.is_empty())
        };
        Self {
            name: read("/proc/sys/kernel/hostname"),
            boot_id: read("/proc/sys/kernel/random/boot_id"),
            clock_source: read("/sys/devices/system/clocksource/clocksource0/current_clocksource"),
        }
    }
}

impl From<&Threshold> for Demand {
    fn from(threshold: &Threshold) -> Self {
        Self {
            metric: threshold.selector.to_string(),
            threshold: threshold.text.clone(),
            abort: threshold.abort,
        }
    }
}

impl TryFrom<&Demand> for Threshold {
    type Error = ReportError;

    fn try_from(demand: &Demand) -> Result<Self, ReportError> {
        let threshold = Threshold::parse(&demand.metric, &demand.threshold)?;
        Ok(Threshold { abort: demand.abort, ..threshold })
    }
}

/// A number that differs where plans differ: of all their fields but the folder for the report.
pub(crate) fn fingerprint(plan: &Plan) -> u64 {
    struct Hashed(FxHasher);
    impl fmt::Write for Hashed {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            self.0.write(text.as_bytes());
            Ok(())
        }
    }
    let Plan { name, seed, target, groups, phases, thresholds, validity, outputs_dir: _ } = plan;
    let mut hashed = Hashed(FxHasher::default());
    // Writing into a hash never fails. Programs of two versions may well write a plan differently, and are not to mix.
    let _ = write!(hashed, "{} {name:?} {seed} {target:?} {groups:?} {phases:?}", env!("CARGO_PKG_VERSION"));
    let _ = write!(hashed, "{thresholds:?} {validity:?}");
    hashed.0.finish()
}
