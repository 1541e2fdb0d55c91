//! `dump`: packets on standard output, and their frames in a file.

mod frames;
mod printer;

use std::{
    io::{self, IsTerminal as _, Write as _},
    mem,
    ops::ControlFlow,
    time::Duration,
};

use mqscope_capture::Capture;
use mqscope_dissect::filter::{Filter, FrameFilter};
use mqscope_dissect::{Indexer, PacketView, Reader, RowId, Unseen, Visitor};

use self::{frames::FrameSelection, printer::Printer};
use crate::{
    args::{self, Color},
    exit::{Exit, Failure, OrExit as _, Outcome},
    output, source,
    stop::Stop,
};

/// How long to wait for more of a live capture at a time.
const WAIT: Duration = Duration::from_millis(50);
/// As much is written to standard output at once.
const OUT_BYTES: usize = 64 * 1024;
/// Frames between two looks at the clock and at signals.
const FRAMES_A_LOOK: u32 = 256;

pub(crate) fn dump(args: args::Dump, color: Color) -> Outcome {
    let filter = source::filter(&args.source)?;
    let settings = source::settings(&args.source)?;
    let stop_at = source::StopAt::parse(&args.stop_at)?;
    let printer = Printer::new(&args, color)?;
    let stop = Stop::on_signals().or_io(|| "could not catch signals".to_owned())?;
    let source = source::open(&args.source)?;
    if let Some(tap) = &source.tap {
        say!("mqscope: forwarding {} to {}; Ctrl-C stops", tap.address, tap.broker);
    }
    let mut capture = source.capture;
    let frames =
        args.write.as_deref().map(|path| FrameSelection::create(path, capture.store())).transpose()?;

    let carriers = args.carriers || filter.as_ref().is_some_and(Filter::asks_for_carriers);
    let asked = Asked::new(filter, args.per_frame);
    let out =
        Out { asked, carriers, printer, bytes: Vec::with_capacity(OUT_BYTES * 2), left: stop_at.packets };
    let mut dump = Dump { indexer: Indexer::new(settings, capture.store()), out, frames, stop_at, stop };
    dump.out.printer.begin(&mut dump.out.bytes);
    let exit = match dump.run(&mut capture) {
        Ok(exit) => exit,
        Err(failure) => {
            // What precedes the failure counts.
            dump.write(true)?;
            return Err(failure);
        }
    };
    source::report_losses(&capture);
    source::report_unseen(&dump.indexer.snapshot());
    Ok(exit)
}

/// Prints lines of text until the capture ends or somebody stops it: what `demo` shows without a terminal.
#[cfg(feature = "embedded-broker")]
pub(super) fn print_lines(mut capture: Capture, color: Color) -> Outcome {
    let stop = Stop::on_signals().or_io(|| "could not catch signals".to_owned())?;
    let printer = Printer::lines(color);
    let out = Out {
        asked: Asked::All,
        carriers: false,
        printer,
        bytes: Vec::with_capacity(OUT_BYTES * 2),
        left: None,
    };
    let indexer = Indexer::new(mqscope_dissect::Settings::default(), capture.store());
    Dump { indexer, out, frames: None, stop_at: source::StopAt::default(), stop }.run(&mut capture)
}

struct Dump {
    indexer: Indexer,
    out: Out,
    frames: Option<FrameSelection>,
    stop_at: source::StopAt,
    stop: Stop,
}

/// What is printed of the packets that come by.
struct Out {
    asked: Asked,
    /// Whether rows that are no packets count.
    carriers: bool,
    printer: Printer,
    bytes: Vec<u8>,
    /// How many packets may still match; of frames, how many of those.
    left: Option<u64>,
}

/// What is asked for.
enum Asked {
    All,
    Packets(Filter),
    Frames { filter: FrameFilter, frame: u64, rows: Vec<RowId> },
}

impl Dump {
    fn run(&mut self, capture: &mut Capture) -> Result<Exit, Failure> {
        let reading = || "could not read on".to_owned();
        let ahead = self.out.looks_ahead() && !capture.is_live();
        let mut seen = 0;
        let interrupted = loop {
            if let ControlFlow::Break(interrupted) = self.read(capture, ahead)? {
                break interrupted;
            }
            self.write(true)?;
            if !capture.is_live() {
                break false;
            }
            if seen == capture.stats().frames {
                capture.wait(WAIT);
            }
            seen = capture.stats().frames;
        };
        if let Some(stopper) = capture.stopper() {
            stopper.stop();
        }
        self.look_for_keys(ahead)?;
        if ahead {
            let _ = self.indexer.finish(&mut Unseen).or_io(reading)?;
            self.print_indexed(capture).or_io(reading)?;
        } else if self.out.left != Some(0) {
            let mut sink = Matches { out: &mut self.out, rows: Vec::new() };
            let _ = self.indexer.finish(&mut sink).or_io(reading)?;
            let rows = sink.rows;
            self.select(&rows);
        }
        let rows = self.out.conclude();
        self.select(&rows);
        self.out.printer.end(&mut self.out.bytes);
        self.write(true)?;
        if let Some(frames) = self.frames.take() {
            frames.finish()?;
        }
        Ok(if interrupted { Exit::Interrupted } else { Exit::Passed })
    }

    /// Reads what is there. `Break` says that no more is wanted, and whether because somebody interrupted.
    fn read(&mut self, capture: &mut Capture, ahead: bool) -> Result<ControlFlow<bool>, Failure> {
        let reading = || "could not read on".to_owned();
        let mut bytes = capture.stats().bytes;
        let mut looked = 0;
        if let Some(reached) = self.is_over(bytes) {
            return Ok(ControlFlow::Break(reached));
        }
        self.look_for_keys(ahead)?;
        loop {
            if capture.may_have_secrets() {
                self.take_keys(capture, ahead)?;
            }
            let Some(frame) = capture.next_frame().or_io(reading)? else { break };
            bytes += frame.bytes.len() as u64;
            if let Some(frames) = &mut self.frames {
                frames.remember(&frame);
            }
            if ahead {
                let _ = self.indexer.push(&frame, &mut Unseen).or_io(reading)?;
            } else {
                let mut sink = Matches { out: &mut self.out, rows: Vec::new() };
                let flow = self.indexer.push(&frame, &mut sink).or_io(reading)?;
                let rows = sink.rows;
                self.select(&rows);
                if self.out.bytes.len() >= OUT_BYTES {
                    self.write(false)?;
                }
                if flow.is_break() {
                    return Ok(ControlFlow::Break(false));
                }
            }
            looked += 1;
            if looked % FRAMES_A_LOOK == 0
                && let Some(reached) = self.is_over(bytes)
            {
                return Ok(ControlFlow::Break(reached));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Looks whether keys have come for connections that went by before them.
    fn look_for_keys(&mut self, ahead: bool) -> Result<(), Failure> {
        let reading = || "could not decrypt".to_owned();
        if ahead {
            let _ = self.indexer.look_for_keys(&mut Unseen).or_io(reading)?;
            return Ok(());
        }
        let mut sink = Matches { out: &mut self.out, rows: Vec::new() };
        let _ = self.indexer.look_for_keys(&mut sink).or_io(reading)?;
        let rows = sink.rows;
        self.select(&rows);
        Ok(())
    }

    /// Takes the keys that the capture itself has.
    fn take_keys(&mut self, capture: &mut Capture, ahead: bool) -> Result<(), Failure> {
        let reading = || "could not read on".to_owned();
        if ahead {
            let _ = self.indexer.take_keys(capture, &mut Unseen).or_io(reading)?;
            return Ok(());
        }
        let mut sink = Matches { out: &mut self.out, rows: Vec::new() };
        let _ = self.indexer.take_keys(capture, &mut sink).or_io(reading)?;
        let rows = sink.rows;
        self.select(&rows);
        Ok(())
    }

    /// Whether to stop here: `true` because somebody interrupted, `false` because a stop condition is reached.
    fn is_over(&self, bytes: u64) -> Option<bool> {
        if self.stop.asked() { Some(true) } else { self.stop_at.is_reached(bytes).then_some(false) }
    }

    /// Prints what was indexed, for fields whose values only later packets bring.
    fn print_indexed(&mut self, capture: &Capture) -> Result<(), mqscope_dissect::DissectError> {
        let snapshot = self.indexer.snapshot();
        let mut reader = Reader::new(capture.store());
        for row in (0..snapshot.len()).map(RowId) {
            let view = snapshot.view(row, &mut reader)?;
            let mut sink = Matches { out: &mut self.out, rows: Vec::new() };
            let flow = sink.packet(&view);
            let rows = sink.rows;
            self.select(&rows);
            if self.out.bytes.len() >= OUT_BYTES && self.write(false).is_err() || flow.is_break() {
                break;
            }
        }
        Ok(())
    }

    fn select(&mut self, rows: &[RowId]) {
        if let Some(frames) = &mut self.frames {
            for &row in rows {
                frames.select(&self.indexer.captured(row));
            }
        }
    }

    fn write(&mut self, flush: bool) -> Result<(), Failure> {
        if !self.out.bytes.is_empty() {
            io::stdout().write_all(&self.out.bytes).map_err(Failure::io)?;
            self.out.bytes.clear();
        }
        if flush {
            io::stdout().flush().map_err(Failure::io)?;
            if let Some(frames) = &mut self.frames {
                frames.flush()?;
            }
        }
        Ok(())
    }
}

impl Asked {
    fn new(filter: Option<Filter>, per_frame: bool) -> Self {
        match filter {
            None => Self::All,
            Some(filter) if per_frame => {
                Self::Frames { filter: filter.of_frames(), frame: 0, rows: Vec::new() }
            }
            Some(filter) => Self::Packets(filter),
        }
    }

    fn looks_ahead(&self) -> bool {
        match self {
            Self::All => false,
            Self::Packets(filter) => filter.looks_ahead(),
            Self::Frames { filter, .. } => filter.looks_ahead(),
        }
    }
}

impl Out {
    fn looks_ahead(&self) -> bool {
        self.printer.looks_ahead() || self.asked.looks_ahead()
    }

    /// Adds a packet to the frame that is being asked about.
    fn collect(&mut self, packet: &PacketView<'_>) {
        if let Asked::Frames { filter, frame, rows } = &mut self.asked {
            *frame = packet.frame();
            filter.add(packet);
            rows.push(packet.row.id);
        }
        self.printer.push(&mut self.bytes, packet);
    }

    /// The rows of a frame all of whose packets are known, if it matches.
    fn conclude(&mut self) -> Vec<RowId> {
        let Asked::Frames { filter, rows, .. } = &mut self.asked else { return Vec::new() };
        if rows.is_empty() {
            return Vec::new();
        }
        let rows = mem::take(rows);
        if filter.take() && self.left != Some(0) {
            self.left = self.left.map(|left| left - 1);
            return rows;
        }
        self.printer.discard();
        Vec::new()
    }
}

/// Prints the packets that match and notes their rows.
struct Matches<'a> {
    out: &'a mut Out,
    rows: Vec<RowId>,
}

impl Visitor for Matches<'_> {
    fn packet(&mut self, packet: &PacketView<'_>) -> ControlFlow<()> {
        let out = &mut *self.out;
        if out.left == Some(0) {
            return ControlFlow::Break(());
        }
        if !out.carriers && packet.packet_type().is_none() {
            return ControlFlow::Continue(());
        }
        match &out.asked {
            Asked::All => {}
            Asked::Packets(filter) if filter.matches(packet) => {}
            Asked::Packets(_) => return ControlFlow::Continue(()),
            Asked::Frames { frame, .. } => {
                if *frame != packet.frame() {
                    self.rows.append(&mut out.conclude());
                    if out.left == Some(0) {
                        return ControlFlow::Break(());
                    }
                }
                out.collect(packet);
                return ControlFlow::Continue(());
            }
        }
        out.printer.push(&mut out.bytes, packet);
        self.rows.push(packet.row.id);
        if let Some(left) = &mut out.left {
            *left -= 1;
            if *left == 0 {
                return ControlFlow::Break(());
            }
        }
        ControlFlow::Continue(())
    }
}

/// The terminal's width, where standard output is one.
fn terminal_columns() -> Option<usize> {
    if !io::stdout().is_terminal() {
        return None;
    }
    output::terminal_columns()
}
