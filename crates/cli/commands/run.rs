//! `run`: a scenario from the first connect to the report.

use std::{
    collections::BTreeMap,
    io::{self, Write as _},
    path::PathBuf,
    thread::{self, Thread},
    time::Duration,
};

use jiff::ZonedDateTime;
use mqscope_load::{
    Control, Finished, MeetingError, Plan, Progress, RunError, SecurityError, Stop as StopRun,
    scenario::Estimate,
};
use mqscope_report::{Outcome as Verdict, Seconds, units, write::Folder};

#[cfg(feature = "embedded-broker")]
use crate::broker::{BrokerSettings, EmbeddedBroker};
use crate::{
    args::{Color, Run},
    commands::report,
    exit::{Exit, Failure, OrExit as _, Outcome},
    scenario,
    stop::Stop,
};

mod child;
mod processes;
mod sharing;

use child::Line;

/// How often a signal is looked for: soon enough for who presses Ctrl-C, and no work beside a run that sends little.
const LOOK: Duration = Duration::from_millis(200);

/// Of a shard's report folder: what merging takes besides the summary, written when all else is there.
pub(super) const RECORD: &str = "part.json";
/// Of a shard's report folder: its seconds in full.
pub(super) const SECONDS: &str = "series.jsonl";

pub(crate) fn run(args: Run, color: Color) -> Outcome {
    // One process of one is this one.
    if let Some(count) = args.sharing.processes.filter(|count| *count > 1) {
        return processes::run(&args, count, color);
    }
    let together = sharing::resolve(&args.sharing)?;
    let stop = Stop::on_signals().or_io(|| "could not catch signals".to_owned())?;
    #[cfg(feature = "embedded-broker")]
    let embedded = args.embedded_broker.then(start_broker).transpose()?;
    #[cfg(feature = "embedded-broker")]
    let url = embedded.as_ref().map(EmbeddedBroker::url);
    #[cfg(not(feature = "embedded-broker"))]
    let url: Option<String> = None;

    let other_descriptors = |plan: &Plan| if url.is_some() { Estimate::of(plan).connections } else { 0 };
    let plan = scenario::load(&args.scenario, url.clone(), color)?;
    let folder = folder(&args, &plan)?;
    let stop_run = StopRun::default();
    let mut control = Control { stop: stop_run.clone(), ..Control::default() };
    control.other_descriptors = other_descriptors(&plan);
    control.facts = facts();
    (control.part, control.start_at, control.meet_in) = (together.part, together.start_at, together.meet_in);
    if args.sharing.child {
        child::end_with_standard_input(&stop_run);
        control.progress = Some(Box::new(child::print_progress));
    } else if !args.quiet {
        control.progress = Some(Box::new(print_progress));
    }
    clear(&folder)?;
    let finished = stopping(&stop, &stop_run, || mqscope_load::run(plan, control)).map_err(run_failure)?;

    // the report is written also when the run was interrupted, and says so
    let shown = (!args.quiet && !args.sharing.child).then_some(color);
    report::tell(&finished.summary, &folder, shown, |folder| write(folder, &finished))?;
    Ok(exit(finished.summary.outcome))
}

#[cfg(feature = "embedded-broker")]
fn start_broker() -> Result<EmbeddedBroker, Failure> {
    let address = ([127, 0, 0, 1], 0).into();
    EmbeddedBroker::start(BrokerSettings { address, websocket: None }).map_err(Failure::io)
}

/// Where the report goes: made before the run, so that an hour's run does not end without a place to write to.
fn folder(args: &Run, plan: &Plan) -> Result<Folder, Failure> {
    let name: String =
        plan.name.chars().map(|c| if c.is_alphanumeric() || "-_.".contains(c) { c } else { '_' }).collect();
    let run_id = format!("{name}-{}", ZonedDateTime::now().strftime("%Y%m%d-%H%M%S"));
    let path = match (&args.out, &plan.outputs_dir) {
        (Some(path), _) => path.clone(),
        (None, Some(dir)) => PathBuf::from(dir.replace("{{run_id}}", &run_id)),
        (None, None) => PathBuf::from("out").join(run_id),
    };
    Folder::create(path).map_err(Failure::io)
}

fn facts() -> BTreeMap<String, String> {
    let cores = thread::available_parallelism().map_or(0, usize::from);
    BTreeMap::from([("cores".to_owned(), cores.to_string())])
}

/// Runs `work`, and stops the run if a signal comes.
pub(super) fn stopping<T>(stop: &Stop, stop_run: &StopRun, work: impl FnOnce() -> T) -> T {
    struct Ended<'a>(&'a StopRun, Thread);
    impl Drop for Ended<'_> {
        fn drop(&mut self) {
            self.0.stop();
            self.1.unpark();
        }
    }
    thread::scope(|scope| {
        let looking = scope.spawn(|| {
            while !stop_run.is_stopped() {
                if stop.asked() {
                    say!("mqscope: ending the run; press again to leave at once");
                    stop_run.stop();
                }
                thread::park_timeout(LOOK);
            }
        });
        // also when `work` panics, or the scope would wait for ever
        let _ended = Ended(stop_run, looking.thread().clone());
        work()
    })
}

/// One line a second on standard error.
fn print_progress(progress: &Progress<'_>) {
    print_line(&Line::of(progress));
}

fn print_line(of: &Line) {
    let mut line = format!(
        "{:02}:{:02} {:<12} {}/{} connected, {:.0} published/s, {:.0} delivered/s",
        of.elapsed_s / 60,
        of.elapsed_s % 60,
        of.phase,
        of.connected,
        of.devices,
        of.published_per_second,
        of.delivered_per_second,
    );
    for (p99_us, name) in [(of.puback_p99_us, "puback"), (of.delivery_p99_us, "delivery")] {
        if let Some(p99_us) = p99_us {
            line.push_str(&format!(", {name} p99 {}", units::time(p99_us as f64)));
        }
    }
    if of.connect_failed > 0 {
        line.push_str(&format!(", {} connects failed", of.connect_failed));
    }
    // nobody may be left to read it
    let _ = writeln!(io::stderr(), "{line}");
}

/// Removes an earlier run's report: nobody is to take it for this one's, should this one not come to its end.
pub(super) fn clear(folder: &Folder) -> Result<(), Failure> {
    [RECORD, SECONDS].into_iter().try_for_each(|name| folder.remove(name)).map_err(Failure::io)?;
    folder.clear().map_err(Failure::io)
}

/// Writes the report; a shard's has what merging takes besides.
fn write(folder: &Folder, finished: &Finished) -> Result<(), Failure> {
    folder.write(&finished.summary, Some(&finished.series)).map_err(Failure::io)?;
    if let Some(record) = &finished.part {
        folder.file(SECONDS, |to| Seconds::write(&finished.series, to)).map_err(Failure::io)?;
        folder.file(RECORD, |to| Ok(serde_json::to_writer(to, record)?)).map_err(Failure::io)?;
    }
    Ok(())
}

/// A file that is not what it should be is the scenario's fault.
pub(super) fn security_failure(error: SecurityError) -> Failure {
    let exit = if let SecurityError::File(_) = error { Exit::Usage } else { Exit::Io };
    Failure { exit, error: error.into() }
}

fn run_failure(error: RunError) -> Failure {
    let exit = match error {
        RunError::Security(error) => return security_failure(error),
        RunError::Late { .. } => Exit::Invalid,
        RunError::Stopped => Exit::Interrupted,
        RunError::Meeting(MeetingError::Used { .. } | MeetingError::Other { .. }) => Exit::Usage,
        _ => Exit::Io,
    };
    Failure { exit, error: error.into() }
}

pub(super) fn exit(verdict: Verdict) -> Exit {
    match verdict {
        Verdict::Passed => Exit::Passed,
        Verdict::Failed => Exit::Failed,
        Verdict::Invalid => Exit::Invalid,
        Verdict::Worse => Exit::Worse,
        Verdict::Unable => Exit::Io,
        Verdict::Interrupted => Exit::Interrupted,
    }
}
