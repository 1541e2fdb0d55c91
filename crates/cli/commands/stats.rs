//! `stats`: the report of a load run, of captured traffic.

use std::{
    ops::ControlFlow,
    path::Path,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use mqscope_capture::Capture;
use mqscope_dissect::{
    Indexer, Reader, RowId, Snapshot, Unseen, Visitor as _,
    filter::Filter,
    statistics::{Concluded, Statistics},
};
use mqscope_report::{
    Outcome as Verdict, Run, Summary,
    write::{Folder, json},
};

use super::report;
use crate::{
    args::{self, Color, StatsForm},
    exit::{Exit, Failure, OrExit as _, Outcome},
    output, source,
    stop::Stop,
};

/// How long to wait for more of a live capture at a time.
const WAIT: Duration = Duration::from_millis(50);
/// Frames between two looks at the clock and at signals.
const FRAMES_A_LOOK: u32 = 256;

pub(crate) fn stats(args: &args::Stats, color: Color) -> Outcome {
    let filter = source::filter(&args.source)?;
    let settings = source::settings(&args.source)?;
    let stop_at = source::StopAt::parse(&args.stop_at)?;
    // Made before what may take long, so that it does not end without a place to write to.
    let folder = args.out.as_ref().map(|path| Folder::create(path).map_err(Failure::io)).transpose()?;
    let stop = Stop::on_signals().or_io(|| "could not catch signals".to_owned())?;
    let source = source::open(&args.source)?;
    if let Some(tap) = &source.tap {
        say!("mqscope: forwarding {} to {}; Ctrl-C stops", tap.address, tap.broker);
    }
    let mut capture = source.capture;
    // What only later packets tell a filter is known once all of a file is indexed.
    let ahead = !capture.is_live() && filter.as_ref().is_some_and(Filter::looks_ahead);
    let mut reading = Reading {
        indexer: Indexer::new(settings, capture.store()),
        statistics: Statistics::new(filter, stop_at.packets),
        ahead,
        stop_at,
        stop,
    };
    let interrupted = reading.run(&mut capture)?;
    let snapshot = reading.indexer.snapshot();
    source::report_losses(&capture);
    source::report_unseen(&snapshot);

    let concluded = reading.statistics.conclude(&snapshot);
    let (summary, series) = summary(args, &source.name, &snapshot, concluded, interrupted);
    if let Some(folder) = &folder {
        folder.write(&summary, Some(&series)).map_err(Failure::io)?;
    }
    match args.form {
        StatsForm::Text => report::print(&summary, color)?,
        StatsForm::Json => {
            let mut out = output::stdout();
            json::write(&summary, &mut out).map_err(Failure::io)?;
            std::io::Write::flush(&mut out).map_err(Failure::io)?;
        }
    }
    if let Some(folder) = &folder {
        say!("mqscope: the report of {} is in {}", summary.run.name, folder.path().display());
    }
    Ok(if interrupted { Exit::Interrupted } else { Exit::Passed })
}

struct Reading {
    indexer: Indexer,
    statistics: Statistics,
    /// Whether packets are looked at only once all are indexed.
    ahead: bool,
    stop_at: source::StopAt,
    stop: Stop,
}

impl Reading {
    /// Reads to the end, or until it is to stop; whether because somebody interrupted.
    fn run(&mut self, capture: &mut Capture) -> Result<bool, Failure> {
        let mut seen = 0;
        let (interrupted, enough) = loop {
            if let ControlFlow::Break(how) = self.read(capture)? {
                break how;
            }
            if !capture.is_live() {
                break (false, false);
            }
            if seen == capture.stats().frames {
                capture.wait(WAIT);
            }
            seen = capture.stats().frames;
        };
        if let Some(stopper) = capture.stopper() {
            stopper.stop();
        }
        if self.ahead {
            let _ = self.indexer.finish(&mut Unseen);
            self.look_back(capture).or_io(|| "could not read on".to_owned())?;
        } else if !enough {
            let _ = self.indexer.finish(&mut self.statistics);
        }
        Ok(interrupted)
    }

    /// Reads what is there. `Break` says that no more is wanted: whether somebody interrupted, and whether as many packets
    /// as were asked for have come.
    fn read(&mut self, capture: &mut Capture) -> Result<ControlFlow<(bool, bool)>, Failure> {
        let reading = || "could not read on".to_owned();
        let mut bytes = capture.stats().bytes;
        let mut looked = 0;
        let _ = match self.ahead {
            true => self.indexer.look_for_keys(&mut Unseen),
            false => self.indexer.look_for_keys(&mut self.statistics),
        }
        .or_io(|| "could not decrypt".to_owned())?;
        loop {
            if looked % FRAMES_A_LOOK == 0
                && let Some(interrupted) = self.is_over(bytes)
            {
                return Ok(ControlFlow::Break((interrupted, false)));
            }
            looked += 1;
            let _ = match self.ahead {
                true => self.indexer.take_keys(capture, &mut Unseen),
                false => self.indexer.take_keys(capture, &mut self.statistics),
            }
            .or_io(reading)?;
            let Some(frame) = capture.next_frame().or_io(reading)? else { break };
            bytes += frame.bytes.len() as u64;
            self.statistics.frame(&frame);
            let flow = match self.ahead {
                true => self.indexer.push(&frame, &mut Unseen),
                false => self.indexer.push(&frame, &mut self.statistics),
            }
            .or_io(reading)?;
            if flow.is_break() {
                return Ok(ControlFlow::Break((false, true)));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Whether to stop here: `true` because somebody interrupted, `false` because a stop condition is reached.
    fn is_over(&self, bytes: u64) -> Option<bool> {
        if self.stop.asked() { Some(true) } else { self.stop_at.is_reached(bytes).then_some(false) }
    }

    /// Looks at all packets that were indexed.
    fn look_back(&mut self, capture: &Capture) -> Result<(), mqscope_dissect::DissectError> {
        let snapshot = self.indexer.snapshot();
        let mut reader = Reader::new(capture.store());
        for row in (0..snapshot.len()).map(RowId) {
            if self.statistics.packet(&snapshot.view(row, &mut reader)?).is_break() {
                break;
            }
        }
        Ok(())
    }
}

fn summary(
    args: &args::Stats,
    source: &str,
    snapshot: &Snapshot,
    concluded: Concluded,
    interrupted: bool,
) -> (Summary, mqscope_report::Series) {
    let Concluded { results, series, mut facts, notes } = concluded;
    if let Some(filter) = &args.source.filter {
        facts.insert("filter".to_owned(), filter.clone());
    }
    let name = match &args.source.read {
        Some(path) if path != Path::new("-") => {
            path.file_name().map(|name| name.to_string_lossy().into_owned())
        }
        _ => None,
    };
    let run = Run {
        name: name.unwrap_or_else(|| source.to_owned()),
        tool: format!("mqscope {}", env!("CARGO_PKG_VERSION")),
        started: time(snapshot.start()),
        seed: 0,
        interrupted,
        parts: 1,
        facts,
    };
    let mut summary = Summary::of_capture(run, results);
    if interrupted {
        summary.set_outcome(Verdict::Interrupted);
    }
    summary.notes.extend(notes);
    (summary, series)
}

/// Nanoseconds since the Unix epoch as the system's time.
fn time(ns: i64) -> SystemTime {
    let distance = Duration::from_nanos(ns.unsigned_abs());
    if ns < 0 { UNIX_EPOCH - distance } else { UNIX_EPOCH + distance }
}
