//! Demands on a run: `p(99) < 50ms` of `delivery_latency{phase:steady}`.
//!
//! ```text
//! selector    name | name{tag:value,…}         every metric of that name whose tags include these, taken together
//! threshold   what operator value
//! what        p(N) · max · min · avg | mean · med · count · rate · achieved · last · time_to(N%)
//! operator    <  <=  >  >=  ==  !=
//! value       50ms (ns us ms s m h) · 0.1% · 100/s · 12 (also 10k, 1.5M)
//! ```
//!
//! | what | of a latency | of a counter | of a gauge |
//! |---|---|---|---|
//! | `p(N)`, `max min avg med` | a time, response form | – | `max min avg last`: a number, or % |
//! | `count` | samples | events | – |
//! | `rate` | samples `/s` | events `/s`, or `%` of what it is a share of | – |
//! | `achieved` | – | `%` of what it is a share of | – |
//! | `time_to(N%)` | – | – | from the phase's start until N % of its target is reached, after its lowest point |

mod judge;
mod parse;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use parse::{Part, ThresholdError};

use crate::Tags;

/// A parsed demand on one metric.
#[derive(Debug, Clone, PartialEq)]
pub struct Threshold {
    /// Which metrics.
    pub selector: Selector,
    /// The demand as it was written, such as `p(99) < 50ms`.
    pub text: String,
    /// What is compared.
    pub what: What,
    /// How.
    pub operator: Operator,
    /// With what.
    pub value: Value,
    /// Whether a breach ends the run, and how early.
    pub abort: Option<Abort>,
}

/// A breach ends the run, once it has gone on for this long.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Abort {
    /// Seconds from the run's start during which a breach is forgiven.
    pub after_s: f64,
}

/// Every metric of a name whose tags include these.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selector {
    /// The metric's name.
    pub metric: String,
    /// Tags it must have.
    pub tags: Tags,
}

/// The figure a threshold compares.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum What {
    /// The latency that this percentage of samples does not exceed.
    Percentile(f64),
    /// Highest.
    Max,
    /// Lowest.
    Min,
    /// Mean.
    Mean,
    /// Number of samples or events.
    Count,
    /// Events a second, or their share: the value's unit says which.
    Rate,
    /// The share of what was intended.
    Achieved,
    /// The last value of a gauge.
    Last,
    /// The time a gauge took to reach this percentage of its target.
    TimeTo(f64),
}

/// How a figure is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the operator it names")]
pub enum Operator {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Equal,
    NotEqual,
}

/// A figure with its unit: what a threshold compares with, and what it saw.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Value {
    /// A time in microseconds.
    TimeUs(f64),
    /// A percentage, 0 to 100.
    Percent(f64),
    /// Events a second.
    PerSecond(f64),
    /// A plain number.
    Number(f64),
}

/// What became of a threshold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Verdict {
    /// The metrics, as `delivery_latency{phase:steady}`.
    pub metric: String,
    /// The demand, as `p(99) < 50ms`.
    pub threshold: String,
    /// What the figure is compared with.
    pub wanted: Value,
    /// Whether it was met.
    pub passed: bool,
    /// What was seen; nothing when there were no samples.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<Value>,
    /// The same figure of the service form, counted from the write, where it was recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen_from_write: Option<Value>,
    /// Samples or events the figure rests on.
    pub samples: u64,
    /// In words: `p(99) is 63.2ms over 1,204,332 samples`, `no samples`.
    pub says: String,
    /// Whether a breach ends the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub abort: Option<Abort>,
}

impl Threshold {
    /// Parses a demand (`p(99) < 50ms`) on the metrics of a selector (`delivery_latency{phase:steady}`).
    ///
    /// # Errors
    /// With the column of the fault, counted from 1, in whichever of the two texts it is in, and the nearest known word.
    pub fn parse(selector: &str, text: &str) -> Result<Self, ThresholdError> {
        let selector = Selector::parse(selector)?;
        let (what, operator, value) = parse::demand(text)?;
        Ok(Self { selector, text: text.trim().to_owned(), what, operator, value, abort: None })
    }

    /// The same threshold, a breach of which ends the run.
    #[must_use]
    pub fn aborting(mut self, abort: Abort) -> Self {
        self.abort = Some(abort);
        self
    }
}

impl Selector {
    /// Parses `name` or `name{tag:value,…}`.
    ///
    /// # Errors
    /// With the column of the fault.
    pub fn parse(text: &str) -> Result<Self, ThresholdError> {
        parse::selector(text)
    }

    /// Whether a metric is meant.
    pub fn matches(&self, name: &str, tags: &Tags) -> bool {
        self.metric == name && tags.include(&self.tags)
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.metric, self.tags)
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            What::Percentile(50.0) => f.write_str("med"),
            What::Percentile(percent) => write!(f, "p({percent})"),
            What::Max => f.write_str("max"),
            What::Min => f.write_str("min"),
            What::Mean => f.write_str("avg"),
            What::Count => f.write_str("count"),
            What::Rate => f.write_str("rate"),
            What::Achieved => f.write_str("achieved"),
            What::Last => f.write_str("last"),
            What::TimeTo(percent) => write!(f, "time_to({percent}%)"),
        }
    }
}

/// Rounded for people; `{:#}` gives all digits.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if f.alternate() {
            return match self {
                Value::TimeUs(us) => write!(f, "{us}us"),
                Value::Percent(percent) => write!(f, "{percent}%"),
                Value::PerSecond(rate) => write!(f, "{rate}/s"),
                Value::Number(number) => write!(f, "{number}"),
            };
        }
        f.write_str(&match *self {
            Value::TimeUs(us) => crate::units::time(us),
            Value::Percent(percent) => crate::units::percent(percent),
            Value::PerSecond(rate) => crate::units::rate(rate),
            Value::Number(number) => crate::units::number(number),
        })
    }
}
