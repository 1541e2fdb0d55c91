//! What a device is meant to send in each phase, connected or not.

use mqscope_wire::QoS;

use super::{Device, Link};
use crate::scenario::Publish;
use crate::schedule::{Course, Pace};
use crate::session::Nanos;
use crate::tools::Tools;
use crate::topics::mix;

impl Device {
    /// A phase begins at `start`: the device gets its new schedule, and its instant to connect if it is to.
    pub(crate) fn begin_phase(&mut self, start: Nanos, tools: &mut Tools) {
        let shared = tools.shared.clone();
        // Whoever is asked to connect in this phase is called when that instant has come.
        self.called = !matches!(self.link, Link::Idle);
        if let Some(phase) = shared.plan.phases.get(tools.phase)
            && matches!(self.link, Link::Idle | Link::Down)
            && let Some(ramp) = &phase.acts[usize::from(self.group)].connect
            && let Some(after) = ramp.instant(u64::from(self.i))
        {
            self.link = Link::Waiting;
            self.intended = start + after.as_nanos() as Nanos;
            self.retries = 0;
            tools.counts.groups[usize::from(self.group)].unsettled += 1;
        }
        self.schedule(start, tools);
        self.arm(tools);
    }

    /// The first connect is due: what the phase means the device to send counts from now on.
    pub(super) fn call(&mut self, tools: &Tools) {
        if !std::mem::replace(&mut self.called, true) {
            self.schedule(self.intended, tools);
        }
    }

    /// A phase ends: what was meant before and not sent by now will not be.
    pub(crate) fn end_phase(&mut self, end: Nanos, tools: &mut Tools) {
        let shared = tools.shared.clone();
        let of = &shared.plan.groups[usize::from(self.group)];
        for (index, (stream, list)) in self.streams.iter_mut().zip(&of.publish).enumerate() {
            let Some(pace) = pace(tools, self.group, index) else { continue };
            let left = stream.course.left_before(
                end,
                &pace,
                stream_seed(shared.plan.seed, tools.phase, list),
                list.first_stream + self.i,
            );
            stream.course = Course::NEVER;
            stream.held = false;
            drop_intended(left, self.group, tools);
        }
    }

    /// Courses of the phase under way from an instant on, if the device was called. They run while it is not connected as
    /// well: nothing wakes it then, and what it misses is counted when it is ready or the phase ends.
    fn schedule(&mut self, from: Nanos, tools: &Tools) {
        let shared = &tools.shared;
        let start = shared.start_of(tools.phase);
        let of = &shared.plan.groups[usize::from(self.group)];
        for (index, (stream, list)) in self.streams.iter_mut().zip(&of.publish).enumerate() {
            stream.held = false;
            stream.course = match pace(tools, self.group, index) {
                Some(pace) if self.called => {
                    let (seed, number) =
                        (stream_seed(shared.plan.seed, tools.phase, list), list.first_stream + self.i);
                    let mut course = Course::begin(&pace, start, self.i, of.count, seed, number);
                    course.skip_to(from, &pace, seed, number);
                    course
                }
                _ => Course::NEVER,
            };
        }
    }

    /// Ready: what was meant meanwhile is dropped, except that a device that comes back sends it now, its clock running since
    /// then. At most once means that nobody keeps it for later.
    pub(super) fn catch_up(&mut self, now: Nanos, tools: &mut Tools) {
        let shared = tools.shared.clone();
        let of = &shared.plan.groups[usize::from(self.group)];
        let is_back = std::mem::take(&mut self.lapsed);
        // What is meant after the phase belongs to the next one.
        let until = now.min(shared.end_of(tools.phase).saturating_add(1));
        for (index, (stream, list)) in self.streams.iter_mut().zip(&of.publish).enumerate() {
            stream.held = false;
            let keeps = is_back && list.qos != QoS::AtMostOnce;
            let Some(pace) = pace(tools, self.group, index).filter(|_| !keeps) else { continue };
            let (seed, number) =
                (stream_seed(shared.plan.seed, tools.phase, list), list.first_stream + self.i);
            let missed = stream.course.left_before(until, &pace, seed, number);
            stream.course.skip_to(until, &pace, seed, number);
            drop_intended(missed, self.group, tools);
        }
    }
}

/// Counts messages of the phase under way that were meant and will not be sent.
fn drop_intended(count: u64, group: u16, tools: &mut Tools) {
    if let Some(cell) = tools.shared.metrics.cell(tools.phase, usize::from(group)) {
        tools.recorder.count(cell.publish_intended, count);
        tools.recorder.count(cell.publish_dropped, count);
    }
}

/// How a list's messages follow each other in the phase under way.
pub(super) fn pace(tools: &Tools, group: u16, list: usize) -> Option<Pace> {
    let phase = tools.shared.plan.phases.get(tools.phase)?;
    let (rate, arrivals) = phase.acts[usize::from(group)].publish[list];
    Pace::new(rate, arrivals)
}

/// Lists and phases differ, the devices of one list share what spreads them.
pub(super) fn stream_seed(seed: u64, phase: usize, list: &Publish) -> u64 {
    mix(seed, u64::from(list.first_stream) << 32 | phase as u64)
}
