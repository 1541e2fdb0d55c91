//! What the parts of one run do together: begin, go on from phase to phase, and wait until all have sent.

use std::time::{Duration, Instant, UNIX_EPOCH};

use mqscope_report::Threshold;

use super::{Control, DRAIN, LEAD, LOOK, Run, RunError, Waited, nanos};
use crate::clock::Clock;
use crate::meeting::{Meeting, MeetingError};
use crate::parts::{self, Demand, Record};
use crate::session::Nanos;

/// How long after the last part has come a phase begins: everyone is to have heard of it by then.
const MARGIN: Duration = Duration::from_millis(300);
/// Longest wait for the others before the start: they may have to be scheduled first.
const START_PATIENCE: Duration = Duration::from_secs(600);
/// Longest wait for the others after a phase's own timeout.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often one looks for the others.
const GLANCE: Duration = Duration::from_millis(20);
/// How long before the start it is announced to the threads.
const CALL: Duration = Duration::from_millis(250);

/// The run's clock: of now, of the instant given, or of the one that all parts agree on. `worked` is how long it took to
/// work the plan out, which what remains to be done before the start takes about again.
pub(super) fn clock(
    control: &Control<'_>,
    meeting: Option<&mut Meeting>,
    worked: Duration,
) -> Result<Clock, RunError> {
    // The clock's zero is a moment before the first phase.
    let before = |unix_ns: i64| Clock::at(unix_ns - nanos(LEAD) as i64);
    if let Some(start) = control.start_at {
        let since = start.duration_since(UNIX_EPOCH).unwrap_or_default();
        return Ok(before(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)));
    }
    let now = Clock::start();
    let Some(meeting) = meeting else { return Ok(now) };
    meeting.propose(0, now.unix(nanos(MARGIN + 3 * worked)))?;
    let came = Instant::now();
    loop {
        let agreed = meeting.agreed(0)?;
        if let Some(missing) = meeting.gone(0) {
            return Err(MeetingError::Gone { missing }.into());
        }
        if let Some(unix_ns) = agreed {
            return Ok(before(unix_ns));
        }
        if control.stop.is_stopped() {
            return Err(RunError::Stopped);
        }
        if came.elapsed() > START_PATIENCE {
            let waited = humantime::format_duration(START_PATIENCE).to_string();
            return Err(MeetingError::Missing { missing: meeting.missing(0), waited }.into());
        }
        std::thread::sleep(GLANCE);
    }
}

impl Run<'_> {
    /// When the first phase begins; waits until shortly before.
    pub(super) fn start(&mut self) -> Result<Nanos, RunError> {
        let clock = self.shared.clock;
        if self.control.start_at.is_none() && self.meeting.is_none() {
            return Ok(clock.now() + nanos(LEAD));
        }
        let late = clock.now().saturating_sub(nanos(LEAD));
        if late > 0 {
            let by = Duration::from_millis(late.div_ceil(1_000_000));
            return Err(RunError::Late { by: humantime::format_duration(by).to_string() });
        }
        while clock.ahead() > CALL {
            if self.control.stop.is_stopped() {
                return Err(RunError::Stopped);
            }
            std::thread::sleep(GLANCE.min(clock.ahead()));
        }
        Ok(nanos(LEAD))
    }

    /// When the next phase begins: soon, or when all parts are there. `end` is when the phase under way is over at last.
    pub(super) fn go_on(&mut self, phase: usize, end: Nanos) -> Result<Nanos, RunError> {
        let clock = self.shared.clock;
        match self.meet(phase + 1, nanos(MARGIN), end + nanos(PATIENCE))? {
            // What is intended before this part heard of it is late, and is measured as such.
            Some(unix_ns) => Ok(clock.since_start(unix_ns)),
            None => Ok(clock.now() + nanos(LEAD)),
        }
    }

    /// Publishing is over here: waits until it is in all parts, for what they sent may come still.
    pub(super) fn settle(&mut self, end: Nanos) -> Result<(), RunError> {
        if self.meeting.is_none() {
            return Ok(());
        }
        let count = self.shared.plan.phases.len();
        let by = end.max(self.shared.clock.now()) + nanos(DRAIN);
        self.wait(by, |run| run.all_begun(count) && run.on_the_way().0 == 0)?;
        self.meet(count + 1, 0, by + nanos(DRAIN))?;
        Ok(())
    }

    /// The instant agreed on, if there are others and they all came in time.
    fn meet(&mut self, meeting: usize, ahead: Nanos, until: Nanos) -> Result<Option<i64>, RunError> {
        let clock = self.shared.clock;
        let Some(others) = &self.meeting else { return Ok(None) };
        others.propose(meeting, clock.unix(clock.now() + ahead))?;
        let mut looked = 0;
        loop {
            if clock.now() >= looked + nanos(GLANCE) {
                looked = clock.now();
                let Some(others) = &mut self.meeting else { return Ok(None) };
                if let Some(unix_ns) = others.agreed(meeting)? {
                    return Ok(Some(unix_ns));
                }
            }
            if let Some(Waited::Stopped) = self.stopped()? {
                return Ok(None);
            }
            if clock.now() >= until {
                let missing = self.meeting.as_ref().map(|others| others.missing(meeting)).unwrap_or_default();
                self.failures.push(format!("shards {missing} did not come to the end of a phase in time"));
                return Ok(None);
            }
            self.look(LOOK)?;
        }
    }

    /// What merging this part with the others takes besides its summary.
    pub(super) fn record(&self, validity: &[Threshold]) -> Record {
        let shared = &self.shared;
        let plan = &shared.plan;
        let starts =
            (0..plan.phases.len()).map(|phase| shared.start_of(phase)).filter(|at| *at != Nanos::MAX);
        Record {
            schema: Record::SCHEMA.to_owned(),
            part: shared.part.number(),
            of: shared.part.of(),
            plan: format!("{:016x}", parts::fingerprint(plan)),
            start_unix_ns: shared.clock.unix(0),
            phase_starts_ns: starts.collect(),
            groups: plan
                .groups
                .iter()
                .map(|group| (group.name.clone(), group.first_device, group.count))
                .collect(),
            phases: plan.phases.iter().map(|phase| (phase.name.clone(), phase.record)).collect(),
            host: parts::Host::here(),
            thresholds: plan.thresholds.iter().map(Demand::from).collect(),
            validity: validity.iter().map(Demand::from).collect(),
            failures: self.failures.clone(),
            ledger: parts::Ledger::of(&self.tally, &shared.roll),
        }
    }
}
