//! The inspector: what joins capture and state, without the terminal. `run` has the loop.

mod action;
mod app;
mod cursor;
mod detail;
mod dissection;
mod effect;
mod gauges;
mod jobs;
mod layout;
mod panes;
mod prompt;
mod run;
mod update;
mod view;

#[cfg(test)]
mod tests;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use crossterm::event::Event;
use mqscope_dissect::{Inspection, Reader, Stage, annotate::Secrets, time::Zone};
use ratatui::Frame;

pub(crate) use self::action::{Action, Motion};
pub use self::run::{Ended, inspect};
use self::{
    app::{App, Pane},
    dissection::Dissector,
    effect::Effect,
    jobs::{Jobs, News, NewsKind},
    layout::Areas,
};
use crate::theme::Theme;

/// How long a message stands.
const MESSAGE: Duration = Duration::from_secs(6);

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

/// What differs from machine to machine.
struct Surroundings {
    zone: Zone,
    /// Resident memory in bytes.
    memory: fn() -> Option<u64>,
}

impl Surroundings {
    fn of_this_machine() -> Self {
        Self { zone: Zone::system(), memory: gauges::resident_memory }
    }
}

/// The inspector without its terminal.
struct Inspector {
    app: App,
    inspection: Arc<Inspection>,
    dissector: Dissector,
    jobs: Jobs,
    memory: fn() -> Option<u64>,
    /// When the message that stands now was first seen.
    message_since: Option<(String, Instant)>,
    /// Whether something changed since it was drawn.
    dirty: bool,
}

impl Inspector {
    fn new(
        inspection: Inspection,
        settings: &InspectorSettings,
        surroundings: Surroundings,
        size: (u16, u16),
    ) -> Self {
        let inspection = Arc::new(inspection);
        let (snapshot, progress) = inspection.look();
        let live = progress.stage == Stage::Live;
        let mut app = App::new(settings.title.clone(), Theme::new(settings.color), size, snapshot.clone());
        if live {
            update::start_following(&mut app);
        }
        update::refresh(&mut app, snapshot, progress);
        let reader = Reader::new(inspection.store().clone());
        let mut inspector = Self {
            app,
            dissector: Dissector::new(reader, settings.secrets, surroundings.zone),
            jobs: Jobs::new(Arc::clone(&inspection)),
            inspection,
            memory: surroundings.memory,
            message_since: None,
            dirty: true,
        };
        if let Some(filter) = &settings.filter {
            let effects = update::apply_filter(&mut inspector.app, filter);
            inspector.perform(effects);
        }
        inspector
    }

    /// Takes in what was read and found since the last time.
    fn tick(&mut self, now: Instant) {
        let (snapshot, progress) = self.inspection.look();
        if progress != self.app.progress || snapshot.len() != self.app.latest.len() {
            update::refresh(&mut self.app, snapshot, progress);
            self.dirty = true;
        }
        let news: Vec<_> = self.jobs.news().collect();
        for news in news {
            self.hear(news);
        }
        self.dirty |= self.app.gauges.measure(now, self.app.latest.len(), self.memory);
        self.let_message_pass(now);
        self.load_detail();
    }

    fn hear(&mut self, news: News) {
        match news.kind {
            NewsKind::Filtered { rows, scanned } => {
                update::filtered(&mut self.app, news.generation, &rows, scanned);
            }
            NewsKind::Sought(hit) => update::sought(&mut self.app, news.generation, hit),
        }
        self.dirty = true;
    }

    fn let_message_pass(&mut self, now: Instant) {
        match (&self.app.message, &self.message_since) {
            (Some(message), Some((seen, since))) if message == seen => {
                if now.duration_since(*since) >= MESSAGE {
                    self.app.message = None;
                    self.dirty = true;
                }
            }
            (message, _) => self.message_since = message.clone().map(|message| (message, now)),
        }
    }

    /// Takes in an event; performs what concerns the capture and gives back what concerns the terminal.
    fn handle(&mut self, event: &Event) -> Vec<Effect> {
        let effects = update::event(&mut self.app, event);
        self.message_since = None;
        self.dirty = true;
        let rest = self.perform(effects);
        self.load_detail();
        rest
    }

    fn perform(&mut self, effects: Vec<Effect>) -> Vec<Effect> {
        let mut rest = Vec::new();
        for effect in effects {
            match effect {
                Effect::StopReading => self.inspection.stop(),
                Effect::Filter { generation, filter } => self.jobs.filter(generation, filter),
                Effect::ForgetFilter => self.jobs.forget_filter(),
                Effect::Search { generation, search, among, from, toward } => {
                    self.jobs.search(generation, search, among, from, toward);
                }
                Effect::ForgetSearch => self.jobs.forget_search(),
                Effect::Quit | Effect::Suspend | Effect::Copy(_) => rest.push(effect),
            }
        }
        rest
    }

    /// Takes the selected packet apart, if it is not the one that is shown.
    fn load_detail(&mut self) {
        let shown = self.app.detail.as_ref().map(|detail| detail.row);
        match self.app.selected_row() {
            selected if selected == shown => {}
            Some(row) => {
                let outline = self.dissector.outline(&self.app.snapshot, row);
                update::show_outline(&mut self.app, row, outline);
                self.dirty = true;
            }
            None => {
                update::show_nothing(&mut self.app);
                self.dirty = true;
            }
        }
    }

    /// Takes in the size of the terminal.
    fn resize(&mut self, size: (u16, u16)) {
        if size != self.app.size {
            update::resize(&mut self.app, size);
            self.dirty = true;
        }
    }

    fn draw(&mut self, frame: &mut Frame<'_>) {
        self.resize((frame.area().width, frame.area().height));
        let lines = self.dissector.lines(&self.app);
        let width = Areas::of(&self.app).inside(Pane::List).map_or(0, |area| area.width);
        self.app.columns.grow(&lines, width);
        self.app.lines = lines;
        view::draw(&self.app, frame);
        self.dirty = false;
    }

    /// How soon something may change without the user; `None`: not before the user does something.
    fn patience(&self) -> Option<Duration> {
        match self.app.progress.stage {
            _ if self.app.is_filtering() || self.app.is_searching() => Some(Duration::from_millis(10)),
            Stage::Reading => Some(Duration::from_millis(30)),
            Stage::Live => Some(Duration::from_millis(50)),
            Stage::Done => self.app.message.is_some().then_some(Duration::from_secs(1)),
        }
    }
}
