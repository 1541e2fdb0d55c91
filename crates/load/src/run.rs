//! A run: shards begun, led through the phases, drained and judged.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use mio::Waker;
use mqscope_report::{Collector, Phase, Recorder};

use crate::clock::Clock;
use crate::health;
use crate::ledger::{Sightings, Tally};
use crate::meeting::Meeting;
use crate::metrics::Metrics;
use crate::part::Part;
use crate::parts;
use crate::scenario::{End, Estimate, Plan};
use crate::session::Nanos;
use crate::shard::{Command, Report, Shard};
use crate::shared::{Network, Shared, Slot};
use crate::topics::mix;
use crate::transport::Security;

mod conditions;
mod control;
mod ending;
mod progress;
mod reach;
mod together;

pub use control::{Control, Finished, RunError, Stop, Tell};
pub(crate) use ending::{COULD_NOT_KEEP_UP, note_unacknowledged};
pub use progress::{Progress, Recent};

/// How long before a phase its start is announced, so that every shard is ready for it.
const LEAD: Duration = Duration::from_millis(10);
/// How often conditions are looked at.
const LOOK: Duration = Duration::from_millis(5);
/// How often, at least, whether the run is to stop.
const NAP: Duration = Duration::from_millis(200);
/// Longest wait for acknowledgements and deliveries after the last phase.
const DRAIN: Duration = Duration::from_secs(10);
/// The same when none comes any more.
const QUIET_DRAIN: Duration = Duration::from_secs(3);
/// The same when the run was told to stop.
const HURRIED_DRAIN: Duration = Duration::from_secs(1);

const SECOND: Nanos = 1_000_000_000;

/// One more thread for so many devices, or so many messages a second.
const DEVICES_A_THREAD: f64 = 10_000.0;
const MESSAGES_A_THREAD: f64 = 100_000.0;

/// Carries out a plan; returns when it is over.
///
/// # Errors
/// When it could not begin, or the generator itself broke down. A run that measured something is never an error.
pub fn run(plan: Plan, control: Control<'_>) -> Result<Finished, RunError> {
    let mut meeting = match &control.meet_in {
        Some(folder) => Some(Meeting::join(folder, control.part, parts::fingerprint(&plan))?),
        None => None,
    };
    let security = Security::of(&plan)?;
    let brokers = reach::all(&plan.target)?;
    let working_out = Instant::now();
    let estimate = Estimate::of(&plan);
    health::check(&plan, control.part, &estimate, &brokers, control.other_descriptors)?;
    let clock = together::clock(&control, meeting.as_mut(), working_out.elapsed())?;
    Run::begin(plan, &estimate, brokers, security, clock, meeting, control)?.lead()
}

/// How many shards a part of a plan wants: few do more in one go, many have more cores.
fn threads(estimate: &Estimate, part: Part) -> usize {
    let cores = thread::available_parallelism().map_or(1, |cores| cores.get());
    let messages = estimate.phases.iter().map(|p| p.publish.as_per_second() + p.deliver.as_per_second());
    let messages = messages.fold(0.0, f64::max);
    let share = 1.0 / f64::from(part.of());
    let wanted =
        1.0 + share * (estimate.connections as f64 / DEVICES_A_THREAD + messages / MESSAGES_A_THREAD);
    (wanted as usize).min(cores)
}

struct Run<'c> {
    shared: Arc<Shared>,
    control: Control<'c>,
    /// The other parts.
    meeting: Option<Meeting>,
    collector: Collector,
    /// For what is measured of the process as a whole, and of the run as a whole.
    recorder: Recorder,
    shards: Vec<Handle>,
    reports: Receiver<Report>,
    /// Phases that have begun.
    phases: Vec<Phase>,
    /// When progress was last told, and the counts then.
    told: Nanos,
    counted: (u64, u64),
    /// The second in which thresholds were last looked at.
    judged: u64,
    tally: Tally,
    /// What each shard's devices saw, once it is done.
    sightings: Vec<Sightings>,
    reasons: BTreeMap<String, u64>,
    done: usize,
    /// What makes the run failed whatever the thresholds say.
    failures: Vec<String>,
    /// What there is to say besides.
    remarks: Vec<String>,
}

struct Handle {
    commands: Sender<Command>,
    waker: Waker,
    thread: JoinHandle<io::Result<()>>,
}

/// How a wait ended.
enum Waited {
    Held,
    TimedOut,
    Stopped,
}

impl<'c> Run<'c> {
    fn begin(
        plan: Plan,
        estimate: &Estimate,
        brokers: Vec<SocketAddr>,
        security: Option<Security>,
        clock: Clock,
        meeting: Option<Meeting>,
        control: Control<'c>,
    ) -> Result<Self, RunError> {
        let part = control.part;
        let count = threads(estimate, part);
        let (catalog, metrics) = Metrics::register_part(&plan, part);
        let catalog = Arc::new(catalog);
        let run = mix(plan.seed, clock.unix(0) as u64) as u16;
        let (tally, recorders) = (Tally::new(plan.phases.len(), plan.groups.len(), part), count + 1);
        let network = Network { brokers, security };
        let shared = Arc::new(Shared::new(plan, part, metrics, clock, run, network, count));
        let (report, reports) = mpsc::channel();
        let collector = Collector::new(catalog.clone(), recorders);
        let mut run = Self {
            collector: if part.is_whole() { collector } else { collector.detailed() },
            recorder: Recorder::new(&catalog, count),
            shared,
            control,
            meeting,
            shards: Vec::new(),
            reports,
            phases: Vec::new(),
            told: 0,
            counted: (0, 0),
            judged: 0,
            tally,
            sightings: Vec::new(),
            reasons: BTreeMap::new(),
            done: 0,
            failures: Vec::new(),
            remarks: Vec::new(),
        };
        for index in 0..count {
            let system = |what| move |source| RunError::System { what, source };
            let (commands, receiver) = mpsc::channel();
            let (shard, waker) = Shard::new(index, &run.shared, &catalog, receiver, report.clone())
                .map_err(system("making a poll"))?;
            let thread = thread::Builder::new().name(format!("shard-{index}")).spawn(move || shard.run());
            let thread = thread.map_err(system("starting a thread"))?;
            run.shards.push(Handle { commands, waker, thread });
        }
        Ok(run)
    }

    fn lead(mut self) -> Result<Finished, RunError> {
        let shared = self.shared.clone();
        let mut start = self.start()?;
        let mut stopped = false;
        for (index, phase) in shared.plan.phases.iter().enumerate() {
            self.announce(index, start, &phase.name);
            let begun = self.wait(start + nanos(LEAD) * 100, |run| run.all_begun(index))?;
            let end = start + nanos(phase.end.at_most());
            let waited = match (&phase.end, begun) {
                (_, Waited::Stopped) => Waited::Stopped,
                (End::After(_), _) => self.sleep(end.saturating_sub(nanos(LEAD)))?,
                (End::When { until, .. }, _) => self.wait(end, |run| run.holds(until))?,
            };
            start = match (&phase.end, waited) {
                (End::After(_), Waited::Held | Waited::TimedOut) => end,
                (End::When { .. }, Waited::Held) => self.go_on(index, end)?,
                (End::When { until, timeout }, Waited::TimedOut) => {
                    let patience = humantime::format_duration(*timeout);
                    let seen = self.seen(until);
                    let says =
                        format!("phase {}: {until} did not hold within {patience}: {seen}", phase.name);
                    self.failures.push(says);
                    self.go_on(index, end)?
                }
                (_, Waited::Stopped) => {
                    stopped = true;
                    shared.clock.now()
                }
            };
            if stopped {
                break;
            }
        }
        self.drain(start, stopped)?;
        self.finish()?;
        let interrupted = stopped && self.control.stop.is_stopped();
        Ok(self.conclude(interrupted))
    }

    /// Tells everyone that a phase begins, and that the one before it ends then.
    fn announce(&mut self, phase: usize, start: Nanos, name: &str) {
        // Or the stamps of its first messages, cut off to microseconds, would lie in the phase before.
        let start = self.shared.clock.on_the_microsecond(start);
        self.end_phase(start);
        self.phases.push(Phase { name: name.to_owned(), start_s: seconds(start), end_s: seconds(start) });
        self.shared.begin(phase, start);
        self.tell(|| Command::Begin(phase, start));
    }

    fn end_phase(&mut self, end: Nanos) {
        if let Some(phase) = self.phases.last_mut() {
            phase.end_s = seconds(end);
        }
    }

    fn tell(&self, command: impl Fn() -> Command) {
        for shard in &self.shards {
            // A shard that is gone is noticed when it is joined.
            let _ = shard.commands.send(command());
            let _ = shard.waker.wake();
        }
    }

    /// Publishing ends; what is on its way has some time to arrive.
    fn drain(&mut self, end: Nanos, stopped: bool) -> Result<(), RunError> {
        let count = self.shared.plan.phases.len();
        self.end_phase(end);
        self.shared.begin(count, end);
        self.tell(|| Command::Begin(count, end));
        if !stopped {
            self.settle(end)?;
        }
        let patience = if stopped { HURRIED_DRAIN } else { DRAIN };
        let by = end.max(self.shared.clock.now()) + nanos(patience);
        let mut last = (self.shared.clock.now(), self.on_the_way());
        loop {
            self.look(LOOK)?;
            let (now, left) = (self.shared.clock.now(), self.on_the_way());
            // A part does not know what the others sent to it: it ends when nothing comes any more.
            let known = self.shared.part.is_whole();
            let arrived = known && self.all_begun(count) && left.0 == 0 && left.1 <= 0 && left.2 == 0;
            let quiet = now - last.0 >= nanos(QUIET_DRAIN);
            if arrived || quiet || now >= by {
                if known && !arrived && !stopped {
                    self.remarks.push(ending::given_up(left, quiet));
                }
                return Ok(());
            }
            if left != last.1 {
                last = (now, left);
            }
        }
    }

    /// Messages without their acknowledgement, deliveries that have not come, and connections being made.
    fn on_the_way(&self) -> (u64, i64, u64) {
        let outstanding = self.shared.slots.iter().map(|slot| slot.outstanding.load(Ordering::Relaxed)).sum();
        let sum = |of: fn(&Slot) -> &AtomicU64| self.shared.sum(|slot| of(slot).load(Ordering::Relaxed));
        (sum(|slot| &slot.inflight), outstanding, sum(|slot| &slot.opening))
    }

    /// Waits until something holds, an instant has come, or the run is to stop.
    fn wait(&mut self, until: Nanos, holds: impl Fn(&Self) -> bool) -> Result<Waited, RunError> {
        loop {
            if holds(self) {
                return Ok(Waited::Held);
            }
            if let Some(stopped) = self.stopped()? {
                return Ok(stopped);
            }
            if self.shared.clock.now() >= until {
                return Ok(Waited::TimedOut);
            }
            self.look(LOOK)?;
        }
    }

    /// Waits until an instant has come, or the run is to stop.
    fn sleep(&mut self, until: Nanos) -> Result<Waited, RunError> {
        loop {
            if let Some(stopped) = self.stopped()? {
                return Ok(stopped);
            }
            let left = until.saturating_sub(self.shared.clock.now());
            if left == 0 {
                return Ok(Waited::Held);
            }
            self.look(NAP.min(Duration::from_nanos(left)))?;
        }
    }

    fn stopped(&mut self) -> Result<Option<Waited>, RunError> {
        let stopped = self.control.stop.is_stopped() || self.called_off()?;
        Ok(stopped.then_some(Waited::Stopped))
    }

    /// Takes reports for a moment, and tells progress once a second.
    fn look(&mut self, wait: Duration) -> Result<(), RunError> {
        let told = Duration::from_nanos((self.told + SECOND).saturating_sub(self.shared.clock.now()));
        match self.reports.recv_timeout(wait.min(told)) {
            Ok(report) => self.take(report),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Err(RunError::Died),
        }
        if self.shards.iter().any(|shard| shard.thread.is_finished()) && self.done == 0 {
            return Err(self.autopsy());
        }
        let now = self.shared.clock.now();
        if now - self.told >= SECOND {
            self.measure_process(now);
            self.tell_progress(now);
        }
        Ok(())
    }

    fn take(&mut self, report: Report) {
        match report {
            Report::Second(mut interval) => {
                let shard = interval.shard();
                self.collector.add(&mut interval);
                if let Some(shard) = self.shards.get(shard) {
                    let _ = shard.commands.send(Command::Reuse(interval));
                }
            }
            Report::Done(ending) => {
                let mut ending = *ending;
                self.collector.add(&mut ending.interval);
                self.tally.add(&ending.tally);
                self.sightings.push(ending.sightings);
                for (reason, count) in ending.reasons {
                    *self.reasons.entry(reason).or_default() += count;
                }
                self.done += 1;
            }
        }
    }

    fn finish(&mut self) -> Result<(), RunError> {
        self.tell(|| Command::Finish);
        while self.done < self.shards.len() {
            match self.reports.recv_timeout(DRAIN) {
                Ok(report) => self.take(report),
                Err(_) => return Err(self.autopsy()),
            }
        }
        Ok(())
    }

    /// A shard has ended that should not have: why.
    fn autopsy(&mut self) -> RunError {
        self.shared.stop.store(true, Ordering::Relaxed);
        let finished = self.shards.iter().position(|shard| shard.thread.is_finished());
        match finished.map(|index| self.shards.swap_remove(index).thread.join()) {
            Some(Ok(Err(source))) => RunError::System { what: "waiting for sockets", source },
            _ => RunError::Died,
        }
    }

    fn all_begun(&self, phase: usize) -> bool {
        self.shared.slots.iter().all(|slot| slot.phases.load(Ordering::Acquire) > phase as u64)
    }
}

impl Drop for Run<'_> {
    /// Whatever happened, no thread goes on.
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        for shard in self.shards.drain(..) {
            let _ = shard.waker.wake();
            let _ = shard.thread.join();
        }
    }
}

fn nanos(duration: Duration) -> Nanos {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX / 4).min(u64::MAX / 4)
}

fn seconds(at: Nanos) -> f64 {
    at as f64 / 1e9
}
