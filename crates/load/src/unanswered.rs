//! Messages that were never acknowledged. Each enters the latency of what it waited for with the time until the end of the
//! run: a broker that stops answering must not look faster than one that goes on.

use std::time::Duration;

use mqscope_report::Recorder;
use rustc_hash::FxHashMap;

use crate::metrics::{Cell, Metrics};
use crate::session::{Awaits, Nanos, Sent};

/// Instants this close together are kept as one, the later; what was waited is too short by no more.
const TICK: Nanos = 10_000_000;

/// One shard's messages whose session was lost before their acknowledgement came. How long they wait is known when the run
/// ends; until then they are kept as counts, few however many they are.
#[derive(Debug, Default)]
pub(crate) struct Unanswered {
    counts: FxHashMap<Kind, u64>,
}

/// Messages that are alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Kind {
    phase: usize,
    group: u16,
    awaits: Awaits,
    /// When they were meant, and when they were sent.
    intended: Nanos,
    sent: Nanos,
}

impl Unanswered {
    /// Notes a message of a group, intended in a phase, whose acknowledgement cannot come any more.
    pub(crate) fn note(&mut self, phase: usize, group: u16, awaits: Awaits, message: Sent) {
        let (intended, sent) = (message.intended.next_multiple_of(TICK), message.sent.next_multiple_of(TICK));
        *self.counts.entry(Kind { phase, group, awaits, intended, sent }).or_default() += 1;
    }

    /// The run has ended: records how long each has waited.
    pub(crate) fn conclude(&mut self, now: Nanos, metrics: &Metrics, recorder: &mut Recorder) {
        for (kind, count) in self.counts.drain() {
            if let Some(cell) = metrics.cell(kind.phase, usize::from(kind.group)) {
                let waited = |since: Nanos| Duration::from_nanos(now.saturating_sub(since));
                kind.awaits.still(recorder, cell, waited(kind.intended), waited(kind.sent), count);
            }
        }
    }
}

impl Awaits {
    /// Records that so many messages have waited so long, from the intended instant and from the write, and in vain.
    /// Whoever waits for PUBREC waits for PUBCOMP as well.
    pub(crate) fn still(
        self,
        recorder: &mut Recorder,
        cell: &Cell,
        response: Duration,
        service: Duration,
        count: u64,
    ) {
        let metrics = match self {
            Self::PubAck => &[cell.puback][..],
            Self::PubRec => &[cell.pubrec, cell.pubcomp],
            Self::PubComp => &[cell.pubcomp],
        };
        for metric in metrics {
            (0..count).for_each(|_| recorder.response_and_service(*metric, response, service));
        }
    }
}
