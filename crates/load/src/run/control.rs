//! What a run is given, and what it gives.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use mqscope_report::{Series, Summary};

use super::Progress;
use crate::health::Obstacle;
use crate::meeting::MeetingError;
use crate::part::Part;
use crate::parts::Record;
use crate::transport::SecurityError;

/// Hears of a run's progress.
pub type Tell<'c> = Box<dyn FnMut(&Progress<'_>) + Send + 'c>;

/// What the caller has to do with a run while it goes on.
#[derive(Default)]
pub struct Control<'c> {
    /// Ends it early, in good order.
    pub stop: Stop,
    /// Called about once a second.
    pub progress: Option<Tell<'c>>,
    /// Descriptors the rest of the process needs: one for each connection again where the broker lives in it.
    pub other_descriptors: u64,
    /// Which of the devices are this process's. Anything but all of them needs a common start: `start_at`,
    /// `meet_in`, or both.
    pub part: Part,
    /// When the first phase begins; without it as soon as can be.
    pub start_at: Option<SystemTime>,
    /// A folder of this run alone, which the processes of all its parts see. They agree there on when to begin
    /// (unless that is given) and on when each phase ends that waits for a condition, which then is to hold in every
    /// part. Without it each part judges its own devices and goes on by itself.
    pub meet_in: Option<PathBuf>,
    /// What else the summary is to say: version of the program, host, settings.
    pub facts: BTreeMap<String, String>,
}

/// A handle that ends a run early; clones mean the same run.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Asks the run to end: it waits shortly for what is in flight, says goodbye and reports.
    pub fn stop(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether it was asked to.
    pub fn is_stopped(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// A run that came to an end, in whichever way.
#[derive(Debug)]
pub struct Finished {
    /// What was measured, judged.
    pub summary: Summary,
    /// The same, second by second.
    pub series: Series,
    /// What merging it with the other parts takes besides these, where it is a part.
    pub part: Option<Record>,
}

/// Why there was no run.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The broker's name means no address.
    #[error("cannot resolve {url}")]
    Unresolved {
        /// The broker.
        url: String,
        /// Why, if the system says.
        #[source]
        source: Option<io::Error>,
    },
    /// The broker accepts no connection.
    #[error("cannot connect to {url}")]
    Unreachable {
        /// The broker.
        url: String,
        /// Where it was looked for, last.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// TLS cannot be spoken as the plan wants it.
    #[error(transparent)]
    Security(#[from] SecurityError),
    /// Something it needs is missing.
    #[error(transparent)]
    Obstacle(#[from] Obstacle),
    /// The system refused something it needs to begin or go on.
    #[error("{what} failed")]
    System {
        /// What was asked of it.
        what: &'static str,
        /// Why.
        source: io::Error,
    },
    /// The instant to begin at was over before everything was ready.
    #[error("late by {by}: the run was to begin before this process was ready; choose a later start")]
    Late {
        /// How much.
        by: String,
    },
    /// Parts that cannot agree.
    #[error(transparent)]
    Meeting(#[from] MeetingError),
    /// Told to stop before it began.
    #[error("stopped before the run began")]
    Stopped,
    /// A fault of this program: a thread died.
    #[error("a thread of the generator ended unexpectedly")]
    Died,
}
