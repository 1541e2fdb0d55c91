//! The run's clock: nanoseconds since it started, and what the wall clock said then.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::session::Nanos;

/// Copied to every shard, so that all speak of the same instants.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    start: Instant,
    started: SystemTime,
    unix_ns: i64,
}

impl Clock {
    pub(crate) fn start() -> Self {
        let (start, started) = (Instant::now(), SystemTime::now());
        let unix_ns = started.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as i64);
        Self { start, started, unix_ns }
    }

    /// Nanoseconds since the run's start.
    pub(crate) fn now(&self) -> Nanos {
        self.start.elapsed().as_nanos() as Nanos
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    /// When the run started, by the wall clock.
    pub(crate) fn started(&self) -> SystemTime {
        self.started
    }

    /// The same instant as nanoseconds of the Unix epoch; the wall clock's later corrections are not followed.
    pub(crate) fn unix(&self, at: Nanos) -> i64 {
        self.unix_ns + at as i64
    }

    /// The other way round; what lies before the start is its start.
    pub(crate) fn since_start(&self, unix_ns: i64) -> Nanos {
        (unix_ns - self.unix_ns).max(0) as Nanos
    }
}
