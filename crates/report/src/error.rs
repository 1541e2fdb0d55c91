//! What can go wrong with a report.

use std::{io, path::PathBuf};

/// Why a report could not be read, merged or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReportError {
    /// A threshold that does not parse.
    #[error(transparent)]
    Threshold(#[from] crate::ThresholdError),
    /// A serialised histogram that is not base64.
    #[error("histogram is not base64: {0}")]
    HistogramText(base64::DecodeError),
    /// A serialised histogram that is not the HdrHistogram V2 format.
    #[error("histogram is not HdrHistogram V2: {0}")]
    HistogramFormat(String),
    /// A histogram of other bounds than ours cannot be merged without loss.
    #[error(
        "histogram of other bounds: {low}..{high} at {digits} digits, expected 1..3600000000 at 3 digits"
    )]
    HistogramBounds {
        /// Lowest discernible value.
        low: u64,
        /// Highest trackable value.
        high: u64,
        /// Significant decimal digits.
        digits: u8,
    },
    /// Not a summary, or one whose fields have other types.
    #[error("not a summary: {0}")]
    SummaryFormat(#[from] serde_json::Error),
    /// A summary of a schema this version does not know.
    #[error("summary of schema {found:?}, expected {expected:?}")]
    SummarySchema {
        /// What the file says.
        found: String,
        /// What this version writes and reads.
        expected: &'static str,
    },
    /// Two runs that are not parts of the same one.
    #[error("cannot merge runs of different scenarios: {first:?} and {other:?}")]
    MergeNames {
        /// Name of the first run.
        first: String,
        /// Name of the one that differs.
        other: String,
    },
    /// Two summaries that measure the same gauge in different units.
    #[error("cannot merge gauge {metric}: units differ")]
    MergeUnits {
        /// The gauge with its tags.
        metric: String,
    },
    /// There was nothing to merge.
    #[error("no summary to merge")]
    MergeNothing,
    /// A file of the report folder that could not be written.
    #[error("cannot write {}: {source}", path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}
