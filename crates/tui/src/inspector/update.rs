//! How the state changes: an event or an action comes in, effects go out.

mod field;
mod filter;
mod mouse;
mod packets;
mod search;

use crossterm::event::{Event, KeyEvent, KeyEventKind};
use mqscope_dissect::Stage;
use tui_input::backend::crossterm::to_input_request;

pub(crate) use self::{
    field::{show_nothing, show_outline},
    filter::{apply as apply_filter, found as filtered},
    packets::{refresh, start_following},
    search::found as sought,
};
use super::{
    action::{Action, Motion},
    app::{App, Mode, Pane, Shown, Watch},
    effect::Effect,
    layout::{Areas, Arrangement, Split},
    panes::{help, reader::Reader},
    prompt::{FilterPrompt, Line},
};
use crate::keymap::{self, Context, Pressed};

/// What a key gives a pane more or less of the room, in thousandths.
const STEP: i16 = 50;

/// Takes in one event of the terminal.
pub(crate) fn event(app: &mut App, event: &Event) -> Vec<Effect> {
    match event {
        Event::Key(key) if key.kind != KeyEventKind::Release => return press(app, *key),
        Event::Paste(text) => match &mut app.mode {
            Mode::Filter(prompt) => prompt.edit(|line| line.paste(text)),
            Mode::Search(line) => line.paste(text),
            _ => {}
        },
        Event::Mouse(event) => mouse::mouse(app, *event),
        Event::Resize(columns, lines) => resize(app, (*columns, *lines)),
        _ => {}
    }
    Vec::new()
}

fn press(app: &mut App, key: KeyEvent) -> Vec<Effect> {
    let context = match &app.mode {
        Mode::Panes => Context::Panes,
        Mode::Filter(_) => Context::Filter,
        Mode::Search(_) => Context::Search,
        Mode::Reader(_) | Mode::Help { .. } => Context::Reader,
    };
    match keymap::lookup(context, app.prefix.take(), key) {
        Pressed::Action(action) => return perform(app, action),
        Pressed::Prefix(first) => app.prefix = Some(first),
        Pressed::Nothing => {
            let request = to_input_request(&Event::Key(key));
            match (&mut app.mode, request) {
                (Mode::Filter(prompt), Some(request)) => prompt.request(request),
                (Mode::Search(line), Some(request)) => {
                    line.input.handle(request);
                }
                _ => {}
            }
        }
    }
    Vec::new()
}

/// Does what was asked for.
fn perform(app: &mut App, action: Action) -> Vec<Effect> {
    app.message = None;
    match action {
        Action::Move(motion) => move_by(app, motion),
        Action::NextPane => focus(app, next_pane(app.focus)),
        Action::PreviousPane => focus(app, next_pane(next_pane(app.focus))),
        Action::Enter => enter(app),
        Action::Back => return back(app, Outermost::Stay),
        Action::Leave => return back(app, Outermost::Quit),
        Action::EditFilter => {
            let text = match &app.shown {
                Shown::All => "",
                Shown::Filtered(filtered) => &filtered.text,
            };
            app.mode = Mode::Filter(Box::new(FilterPrompt::new(text)));
        }
        Action::EditSearch => app.mode = Mode::Search(Box::default()),
        Action::Accept => return accept(app),
        Action::Cancel => app.mode = Mode::Panes,
        Action::ClearLine | Action::EarlierLine | Action::LaterLine => edit_line(app, action),
        Action::Complete | Action::CompleteBack => {
            if let Mode::Filter(prompt) = &mut app.mode {
                prompt.complete(action == Action::CompleteBack);
            }
        }
        Action::NextMatch => return search::again(app, Motion::Down),
        Action::PreviousMatch => return search::again(app, Motion::Up),
        Action::FieldAsFilter => return filter::by_field(app),
        Action::FollowSession => return filter::by_session(app),
        Action::NextViolation => packets::to_violation(app, Motion::Down),
        Action::PreviousViolation => packets::to_violation(app, Motion::Up),
        Action::Exchange => packets::to_exchange(app),
        Action::Pause => packets::pause(app),
        Action::Follow => packets::follow(app),
        Action::TimeFormat => {
            app.time_format = app.time_format.next();
            app.columns = Default::default();
        }
        Action::Copy => return field::copy(app),
        Action::Zoom => {
            app.zoomed = !app.zoomed;
            keep_in_sight(app);
        }
        Action::Layout => {
            app.arrangement = match app.arrangement {
                Arrangement::Beside => Arrangement::Stacked,
                Arrangement::Stacked => Arrangement::Beside,
            };
            app.shares.fields = None;
            keep_in_sight(app);
        }
        Action::Grow => share(app, STEP),
        Action::Shrink => share(app, -STEP),
        Action::Help => app.mode = Mode::Help { top: 0 },
        Action::Suspend => return vec![Effect::Suspend],
        Action::Interrupt => return interrupt(app),
    }
    Vec::new()
}

/// Takes in the size of the terminal, in columns and lines.
pub(crate) fn resize(app: &mut App, size: (u16, u16)) {
    app.size = size;
    app.dragged = None;
    app.columns = Default::default();
    match &mut app.mode {
        Mode::Reader(reader) => reader.fit(size, reader.top),
        Mode::Help { top } => *top = (*top).min(help::len().saturating_sub(help::page(size))),
        _ => {}
    }
    keep_in_sight(app);
}

/// Scrolls all panes to what is selected in them, after the room or the content changed.
fn keep_in_sight(app: &mut App) {
    let (len, page) = (app.shown_len(), app.page(Pane::List));
    app.list.keep_in_sight(len, page);
    field::keep_in_sight(app);
}

fn next_pane(pane: Pane) -> Pane {
    match pane {
        Pane::List => Pane::Tree,
        Pane::Tree => Pane::Hex,
        Pane::Hex => Pane::List,
    }
}

fn focus(app: &mut App, pane: Pane) {
    app.focus = pane;
    // of a single pane, another one is shown now
    keep_in_sight(app);
}

fn share(app: &mut App, by: i16) {
    if app.zoomed {
        return;
    }
    let areas = Areas::of(app);
    match app.focus {
        Pane::List => app.shares.list = Some(areas.share_moved(Split::List, by)),
        Pane::Tree => app.shares.fields = Some(areas.share_moved(Split::Fields, by)),
        Pane::Hex => app.shares.fields = Some(areas.share_moved(Split::Fields, -by)),
    }
    keep_in_sight(app);
}

fn move_by(app: &mut App, motion: Motion) {
    match &mut app.mode {
        Mode::Help { top } => {
            let page = help::page(app.size);
            *top = scrolled(*top, motion, help::len(), page);
        }
        Mode::Reader(reader) => {
            let page = Reader::page(app.size);
            reader.top = scrolled(reader.top, motion, reader.lines(), page);
        }
        _ => match app.focus {
            Pane::List => packets::move_by(app, motion),
            Pane::Tree => field::move_in_tree(app, motion),
            Pane::Hex => field::move_in_hex(app, motion),
        },
    }
}

/// Where a text of `len` lines is scrolled to, of which a page is on the screen.
fn scrolled(top: usize, motion: Motion, len: usize, page: usize) -> usize {
    let last = len.saturating_sub(page);
    if motion == Motion::Bottom { last } else { motion.apply(top, len, page).min(last) }
}

fn enter(app: &mut App) {
    match app.focus {
        Pane::List => focus(app, Pane::Tree),
        Pane::Tree => field::open(app),
        Pane::Hex => focus(app, Pane::Tree),
    }
}

/// What becomes of a step back where nothing is open.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Outermost {
    Stay,
    Quit,
}

fn back(app: &mut App, outermost: Outermost) -> Vec<Effect> {
    if matches!(app.mode, Mode::Help { .. } | Mode::Reader(_)) {
        app.mode = Mode::Panes;
    } else if app.is_searching() {
        return search::forget(app);
    } else if app.zoomed {
        app.zoomed = false;
        keep_in_sight(app);
    } else if app.focus != Pane::List {
        app.focus = Pane::List;
    } else if matches!(app.shown, Shown::Filtered(_)) {
        return filter::show_all(app);
    } else if outermost == Outermost::Quit {
        return vec![Effect::Quit];
    } else {
        app.message = Some("q quits".to_owned());
    }
    Vec::new()
}

fn interrupt(app: &mut App) -> Vec<Effect> {
    if app.stopped || app.progress.stage == Stage::Done {
        return vec![Effect::Quit];
    }
    app.stopped = true;
    app.message = Some("stopped; C-c again quits".to_owned());
    vec![Effect::StopReading]
}

fn accept(app: &mut App) -> Vec<Effect> {
    match &app.mode {
        Mode::Filter(_) => filter::accept(app),
        Mode::Search(_) => search::accept(app),
        _ => Vec::new(),
    }
}

fn edit_line(app: &mut App, action: Action) {
    let edit = |line: &mut Line, earlier: &[String]| match action {
        Action::ClearLine => *line = Line::default(),
        Action::EarlierLine => line.recall(earlier, true),
        Action::LaterLine => line.recall(earlier, false),
        _ => {}
    };
    match &mut app.mode {
        Mode::Filter(prompt) => prompt.edit(|line| edit(line, &app.filters)),
        Mode::Search(line) => edit(line, &app.searches),
        _ => {}
    }
}

/// Remembers a line that was typed, as the latest of them.
fn remember(earlier: &mut Vec<String>, text: &str) {
    earlier.retain(|other| other != text);
    earlier.push(text.to_owned());
}

impl Watch {
    /// Says whether the last packet is to stay selected.
    fn set_following(&mut self, following: bool) {
        *self = match self {
            Self::Pause { .. } => Self::Pause { followed: following },
            _ if following => Self::Follow,
            _ => Self::Stay,
        };
    }
}
