//! The loop between terminal, state and capture. Only it performs effects.

use std::{
    io,
    time::{Duration, Instant},
};

use crossterm::{clipboard::CopyToClipboard, event, execute};
use mqscope_dissect::{Inspection, Stage};

use super::{Inspector, InspectorSettings, Surroundings, effect::Effect};
use crate::terminal::{Screen, Wake};

/// The time from one drawing to the next, at least.
const FRAME: Duration = Duration::from_millis(33);
/// How long the first drawing waits for the first packets, so that the screen does not come up empty.
const FIRST: Duration = Duration::from_millis(80);
/// How often it looks for them.
const FIRST_LOOK: Duration = Duration::from_millis(2);

/// Why the inspector ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The user left it.
    ByUser,
    /// A signal asked for it, or the terminal is gone.
    FromOutside,
}

/// Shows the inspector until the user leaves it; the terminal is given back whatever happens.
///
/// # Errors
/// When the terminal cannot be used, or a thread panicked.
pub fn inspect(inspection: Inspection, settings: &InspectorSettings) -> io::Result<Ended> {
    let began = Instant::now();
    let mut screen = Screen::take()?;
    let size = screen.terminal.size()?;
    let mut inspector =
        Inspector::new(inspection, settings, Surroundings::of_this_machine(), (size.width, size.height));
    let mut drawn: Option<Instant> = None;
    loop {
        let now = Instant::now();
        inspector.tick(now);
        let due = match drawn {
            Some(drawn) => drawn + FRAME,
            None if inspector.app.snapshot.is_empty() && inspector.app.progress.stage == Stage::Reading => {
                began + FIRST
            }
            None => now,
        };
        let wait = if !inspector.dirty {
            inspector.patience()
        } else if now >= due {
            screen.draw(|frame| inspector.draw(frame))?;
            drawn = Some(now);
            inspector.patience()
        } else {
            Some(due.duration_since(now).min(if drawn.is_none() { FIRST_LOOK } else { FRAME }))
        };
        match screen.wait(wait)? {
            Wake::Look => {}
            Wake::GoOn => inspector.dirty = true,
            Wake::End => return Ok(Ended::FromOutside),
        }
        // all that waits is taken in before the next drawing, so that held keys do not lag
        while event::poll(Duration::ZERO)? {
            for effect in inspector.handle(&event::read()?) {
                match effect {
                    Effect::Quit => return Ok(Ended::ByUser),
                    Effect::Suspend => screen.suspend()?,
                    Effect::Copy(text) => {
                        execute!(io::stdout(), CopyToClipboard::to_clipboard_from(text))?;
                    }
                    // the others were performed where the capture is
                    Effect::StopReading
                    | Effect::Filter { .. }
                    | Effect::ForgetFilter
                    | Effect::Search { .. }
                    | Effect::ForgetSearch => {}
                }
            }
        }
    }
}
