//! Samples to histograms, summaries, thresholds and the files of a report.
//!
//! A [`Catalog`] names what is measured. Each shard of a run owns a [`Recorder`] and writes samples into it without
//! locks; once a second it hands an [`Interval`] to the one [`Collector`], which adds up totals and a [`Series`]. At the end
//! the totals become [`Results`], thresholds are judged over them, and a [`Summary`] (plain data) is what the writers in
//! [`mod@write`] render and what [`Summary::merge`] joins with those of other machines.
//!
//! ```
//! use std::{sync::Arc, time::Duration};
//! use mqscope_report::{Catalog, Collector, Recorder, Threshold};
//!
//! let mut catalog = Catalog::new();
//! let puback = catalog.latency("puback_latency", [("phase", "steady")]);
//! let catalog = Arc::new(catalog);
//!
//! let mut recorder = Recorder::new(&catalog, 0);
//! recorder.response_and_service(puback, Duration::from_micros(900), Duration::from_micros(850));
//! let mut interval = recorder.take(Duration::ZERO, Duration::from_secs(1));
//!
//! let mut collector = Collector::new(catalog, 1);
//! collector.add(&mut interval);
//! recorder.reuse(interval);
//!
//! let results = collector.results(Duration::from_secs(1), &[]);
//! let threshold = Threshold::parse("puback_latency{phase:steady}", "p(99) < 50ms").unwrap();
//! assert!(threshold.judge(&results).passed);
//! ```
//!
//! Invariants:
//! - A latency is whole microseconds, rounded to the nearest, from 0 to one hour; what is longer is recorded as one hour and counted.
//! - Adding up intervals, series and summaries loses no sample: the histogram of the whole equals that of its parts.
//! - Nothing here knows MQTT, sockets or the clock: time comes as an argument.

mod catalog;
mod collector;
mod error;
mod histogram;
mod recorder;
mod results;
mod seconds;
mod series;
pub mod stamp;
mod summary;
mod tags;
pub mod threshold;
pub mod units;
pub mod write;

pub use catalog::{Catalog, CounterId, GaugeId, LatencyId, MetricKind, Unit};
pub use collector::Collector;
pub use error::ReportError;
pub use histogram::Histogram;
pub use recorder::{Interval, Recorder};
pub use results::{Counter, Distribution, Gauge, Latency, Phase, Results, Total};
pub use seconds::Seconds;
pub use series::{Point, PointValue, Series};
pub use summary::{Note, NoteLevel, Outcome, Run, Source, Summary};
pub use tags::Tags;
pub use threshold::{Abort, Threshold, ThresholdError, Value, Verdict};
