//! A shard that `--processes` started: it tells its parent how it goes on, and ends when the parent wants or is gone.

use std::{
    io::{self, Write as _},
    thread,
};

use mqscope_load::{Progress, Stop};
use serde::{Deserialize, Serialize};

/// A second of a shard, one JSON object a line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Line {
    pub(super) elapsed_s: u64,
    pub(super) phase: String,
    pub(super) devices: u64,
    pub(super) connected: u64,
    pub(super) connect_failed: u64,
    pub(super) published_per_second: f64,
    pub(super) delivered_per_second: f64,
    /// 99th percentiles of the last second, µs.
    pub(super) puback_p99_us: Option<u64>,
    pub(super) delivery_p99_us: Option<u64>,
}

impl Line {
    pub(super) fn of(progress: &Progress<'_>) -> Self {
        let p99 = |metric| progress.recent(metric).map(|recent| recent.p99_us);
        Self {
            elapsed_s: progress.elapsed.as_secs(),
            phase: progress.phases.last().map_or_else(String::new, |phase| phase.name.clone()),
            devices: progress.devices,
            connected: progress.connected,
            connect_failed: progress.connect_failed,
            published_per_second: progress.published_per_second,
            delivered_per_second: progress.delivered_per_second,
            puback_p99_us: p99("puback_latency"),
            delivery_p99_us: p99("delivery_latency"),
        }
    }

    /// That of all shards together: percentiles are the highest, the phase that of who is furthest behind.
    pub(super) fn add(&mut self, other: &Self) {
        if other.elapsed_s < self.elapsed_s {
            (self.elapsed_s, self.phase) = (other.elapsed_s, other.phase.clone());
        }
        self.devices += other.devices;
        self.connected += other.connected;
        self.connect_failed += other.connect_failed;
        self.published_per_second += other.published_per_second;
        self.delivered_per_second += other.delivered_per_second;
        self.puback_p99_us = self.puback_p99_us.max(other.puback_p99_us);
        self.delivery_p99_us = self.delivery_p99_us.max(other.delivery_p99_us);
    }
}

pub(super) fn print_progress(progress: &Progress<'_>) {
    let line = serde_json::to_string(&Line::of(progress)).unwrap_or_default();
    let mut out = io::stdout().lock();
    // The parent may be gone; then the end of standard input says so.
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

/// Ends the run when the parent closes the pipe, or is gone.
pub(super) fn end_with_standard_input(stop: &Stop) {
    let stop = stop.clone();
    thread::spawn(move || {
        let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
        stop.stop();
    });
}
