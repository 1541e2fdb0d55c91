//! The inspector: the loop between terminal, state and capture. Only the loop performs effects.

pub(crate) mod action;
mod app;
mod detail;
mod dissection;
mod effect;
mod filter_line;
mod jobs;
mod layout;
mod panes;
mod update;
mod view;

use std::{
    io::{self, Write as _},
    sync::Arc,
    time::{Duration, Instant},
};

use crossterm::{clipboard::CopyToClipboard, event, execute};
use mqscope_dissect::{Inspection, Reader, Stage, annotate::Secrets};
use ratatui::Frame;

use self::{
    app::{App, Pane},
    dissection::Dissector,
    effect::Effect,
    jobs::Jobs,
};
use crate::{terminal::Screen, theme::Theme};

/// Frames drawn a second at most.
const FRAME: Duration = Duration::from_millis(33);
/// How long the loop sleeps where nothing moves.
const IDLE: Duration = Duration::from_millis(250);

/// What the inspector is told besides the traffic.
#[derive(Clone, Debug, Default)]
pub struct InspectorSettings {
    /// What people call the source: a file, an interface.
    pub title: String,
    /// Whether to use colours.
    pub color: bool,
    /// A display filter to begin with; it must parse.
    pub filter: Option<String>,
    /// Whether passwords and authentication data are shown.
    pub secrets: Secrets,
}

/// Shows the inspector until the user quits; the terminal is given back whatever happens.
///
/// # Errors
/// When the terminal cannot be used.
pub fn inspect(inspection: Inspection, settings: &InspectorSettings) -> io::Result<()> {
    let mut screen = Screen::take()?;
    let size = screen.terminal.size()?;
    let mut inspector = Inspector::new(inspection, settings, (size.width, size.height));
    let mut drawn = Instant::now() - FRAME;
    loop {
        inspector.tick();
        if inspector.dirty && drawn.elapsed() >= FRAME {
            screen.terminal.draw(|frame| inspector.draw(frame))?;
            drawn = Instant::now();
        }
        let wait = if inspector.dirty || inspector.is_moving() { FRAME } else { IDLE };
        if event::poll(wait)? {
            // all that waits is taken in before the next drawing, so that held keys do not lag
            while event::poll(Duration::ZERO)? {
                for effect in inspector.handle(&event::read()?) {
                    match effect {
                        Effect::Quit => return Ok(()),
                        Effect::Suspend => screen.suspend()?,
                        Effect::Copy(text) => {
                            execute!(io::stdout(), CopyToClipboard::to_clipboard_from(text))?;
                            io::stdout().flush()?;
                        }
                        // the others were performed where the capture is
                        Effect::StopReading | Effect::Filter { .. } | Effect::ForgetFilter => {}
                    }
                }
            }
        }
        if screen.asked_to_end() {
            return Ok(());
        }
    }
}

/// The inspector without its terminal.
struct Inspector {
    app: App,
    inspection: Arc<Inspection>,
    dissector: Dissector,
    jobs: Jobs,
    /// Whether something changed since it was drawn.
    dirty: bool,
}

impl Inspector {
    fn new(inspection: Inspection, settings: &InspectorSettings, size: (u16, u16)) -> Self {
        let inspection = Arc::new(inspection);
        let (snapshot, progress) = inspection.look();
        let live = progress.stage == Stage::Live;
        let app = App::new(settings.title.clone(), Theme::new(settings.color), size, snapshot, live);
        let mut inspector = Self {
            app,
            dissector: Dissector::new(Reader::new(inspection.store().clone()), settings.secrets),
            jobs: Jobs::new(Arc::clone(&inspection)),
            inspection,
            dirty: true,
        };
        if let Some(filter) = &settings.filter {
            let effects = update::apply_filter(&mut inspector.app, filter);
            inspector.perform(effects);
        }
        inspector
    }

    /// Takes in what was read and found since the last time.
    fn tick(&mut self) {
        let (snapshot, progress) = self.inspection.look();
        if progress != self.app.progress || snapshot.len() != self.app.snapshot.len() {
            update::refresh(&mut self.app, snapshot, progress);
            self.dirty = true;
        }
        let found: Vec<_> = self.jobs.found().collect();
        for found in found {
            update::filtered(&mut self.app, found.generation, &found.rows, found.scanned);
            self.dirty = true;
        }
        self.load_detail();
    }

    /// Takes in an event; performs what can be done here and gives back all effects.
    fn handle(&mut self, event: &event::Event) -> Vec<Effect> {
        let effects = update::event(&mut self.app, event);
        self.dirty = true;
        let rest = self.perform(effects);
        self.load_detail();
        rest
    }

    /// Performs what concerns the capture; gives back what concerns the terminal.
    fn perform(&mut self, effects: Vec<Effect>) -> Vec<Effect> {
        let mut rest = Vec::new();
        for effect in effects {
            match effect {
                Effect::StopReading => self.inspection.stop(),
                Effect::Filter { generation, filter } => self.jobs.filter(generation, filter),
                Effect::ForgetFilter => self.jobs.forget(),
                Effect::Quit | Effect::Suspend | Effect::Copy(_) => rest.push(effect),
            }
        }
        rest
    }

    /// Takes the selected packet apart, if it is not the one that is shown.
    fn load_detail(&mut self) {
        match self.app.selected_row() {
            Some(row) if self.app.detail.as_ref().is_none_or(|detail| detail.row != row) => {
                let detail = self.dissector.detail(&self.app.snapshot, row);
                update::show_detail(&mut self.app, detail);
                self.dirty = true;
            }
            None if self.app.detail.is_some() => {
                self.app.detail = None;
                self.dirty = true;
            }
            _ => {}
        }
    }

    fn draw(&mut self, frame: &mut Frame<'_>) {
        let app = &self.app;
        let places = app.list.top..(app.list.top + app.page(Pane::List)).min(app.shown_len());
        let lines: Vec<_> = places
            .filter_map(|place| {
                let previous = place.checked_sub(1).and_then(|place| app.row_at(place));
                let row = app.row_at(place)?;
                self.dissector.line(&app.snapshot, row, previous, app.time_format)
            })
            .collect();
        view::draw(app, &lines, frame);
        self.dirty = false;
    }

    /// Whether something may change without the user.
    fn is_moving(&self) -> bool {
        self.app.progress.stage != Stage::Done || self.app.is_filtering()
    }
}
