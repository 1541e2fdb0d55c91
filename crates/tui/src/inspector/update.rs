//! How the state changes: an event or an action comes in, effects go out.

use crossterm::event::{Event, KeyEventKind, MouseButton, MouseEvent, MouseEventKind};
use mqscope_dissect::{Progress, Row, RowFlags, RowId, Snapshot, Stage, filter::Filter};
use ratatui::layout::Position;
use tui_input::backend::crossterm::to_input_request;

use super::{
    action::{Action, Motion},
    app::{App, Cursor, Filtered, Mode, Pane, Shown},
    effect::Effect,
    filter_line::{Check, FilterEdit},
    layout::{Areas, Arrangement},
};
use crate::keymap::{self, Context, Pressed};

/// The narrowest and the widest the list gets, in percent of the height.
const LIST_PERCENT: std::ops::RangeInclusive<u16> = 15..=85;
/// What one notch of the wheel scrolls.
const WHEEL_LINES: usize = 3;

/// Takes in one event of the terminal.
pub(crate) fn event(app: &mut App, event: &Event) -> Vec<Effect> {
    match event {
        Event::Key(key) if key.kind != KeyEventKind::Release => {
            let (context, prefix) = match &mut app.mode {
                Mode::Panes { prefix } => (Context::Panes, prefix.take()),
                Mode::Filter(_) => (Context::Filter, None),
                Mode::Help { .. } => (Context::Help, None),
            };
            match keymap::lookup(context, prefix, *key) {
                Pressed::Action(action) => return perform(app, action),
                Pressed::Prefix(first) => app.mode = Mode::Panes { prefix: Some(first) },
                Pressed::Nothing => {
                    if let (Mode::Filter(edit), Some(request)) = (&mut app.mode, to_input_request(event)) {
                        edit.request(request);
                    }
                }
            }
        }
        Event::Paste(text) => {
            if let Mode::Filter(edit) = &mut app.mode {
                for c in text.chars().filter(|c| !c.is_control()) {
                    edit.request(tui_input::InputRequest::InsertChar(c));
                }
            }
        }
        Event::Mouse(mouse) => self::mouse(app, *mouse),
        Event::Resize(columns, lines) => {
            app.size = (*columns, *lines);
            keep_in_sight(app);
        }
        _ => {}
    }
    Vec::new()
}

/// Does what was asked for.
pub(crate) fn perform(app: &mut App, action: Action) -> Vec<Effect> {
    app.message = None;
    match action {
        Action::Move(motion) => move_by(app, motion),
        Action::NextPane => app.focus = next_pane(app.focus),
        Action::PreviousPane => app.focus = next_pane(next_pane(app.focus)),
        Action::Enter => enter(app),
        Action::Back => return back(app),
        Action::EditFilter => {
            let text = match &app.shown {
                Shown::All => "",
                Shown::Filtered(filtered) => &filtered.text,
            };
            app.mode = Mode::Filter(Box::new(FilterEdit::new(text)));
        }
        Action::ApplyFilter => return apply_edited_filter(app),
        Action::CancelFilter => app.mode = Mode::Panes { prefix: None },
        Action::ClearFilterText | Action::Complete | Action::FilterHistory(_) => edit_filter(app, action),
        Action::FieldAsFilter => match app.selected_node().map(|(_, node)| node.filter.clone()) {
            Some(Some(text)) => return apply_filter(app, &text),
            _ => {
                app.message =
                    Some("no filter can be made of this line: select a field in the tree (Tab)".to_owned())
            }
        },
        Action::FollowSession => return follow_session(app),
        Action::NextViolation => to_violation(app, Motion::Down),
        Action::PreviousViolation => to_violation(app, Motion::Up),
        Action::Exchange => to_exchange(app),
        Action::Pause => {
            app.paused = !app.paused;
            app.message =
                Some(if app.paused { "paused: packets are still captured" } else { "going on" }.to_owned());
        }
        Action::Follow => {
            app.follow = true;
            app.paused = false;
            select(app, app.shown_len().saturating_sub(1));
        }
        Action::TimeFormat => app.time_format = app.time_format.next(),
        Action::Copy => return copy(app),
        Action::Zoom => {
            app.zoomed = !app.zoomed;
            keep_in_sight(app);
        }
        Action::Layout => {
            app.arrangement = match app.arrangement {
                Arrangement::Beside => Arrangement::Stacked,
                Arrangement::Stacked => Arrangement::Beside,
            };
            keep_in_sight(app);
        }
        Action::Grow | Action::Shrink => {
            let percent = if action == Action::Grow { app.list_percent + 5 } else { app.list_percent - 5 };
            app.list_percent = percent.clamp(*LIST_PERCENT.start(), *LIST_PERCENT.end());
            keep_in_sight(app);
        }
        Action::Help => app.mode = Mode::Help { top: 0 },
        Action::Suspend => return vec![Effect::Suspend],
        Action::Interrupt => return interrupt(app),
    }
    Vec::new()
}

/// Takes in what has been read since the last time.
pub(crate) fn refresh(app: &mut App, snapshot: Snapshot, progress: Progress) {
    app.progress = progress;
    if app.paused {
        return;
    }
    app.snapshot = snapshot;
    if matches!(app.shown, Shown::All) {
        follow_if_asked(app);
    }
}

/// Takes in rows that a filter let through; `scanned` is the first row it has not seen.
pub(crate) fn filtered(app: &mut App, generation: u64, rows: &[RowId], scanned: u32) {
    let Shown::Filtered(filtered) = &mut app.shown else { return };
    if filtered.generation != generation {
        return;
    }
    let first_results = filtered.rows.is_empty() && !rows.is_empty();
    filtered.rows.extend_from_slice(rows);
    filtered.scanned = scanned;
    if first_results {
        // the packet that was selected before, or the next one after it
        let row = app.detail.as_ref().map_or(RowId(0), |detail| detail.row);
        let place = app.place_of(row).min(app.shown_len().saturating_sub(1));
        select(app, place);
    }
    follow_if_asked(app);
}

fn follow_if_asked(app: &mut App) {
    if app.follow && !app.paused {
        select(app, app.shown_len().saturating_sub(1));
    }
}

/// Selects a place of the list.
fn select(app: &mut App, place: usize) {
    app.list.at = place.min(app.shown_len().saturating_sub(1));
    let page = app.page(Pane::List);
    app.list.keep_in_sight(page);
}

/// Scrolls all panes to their cursors, after the room or the content changed.
pub(crate) fn keep_in_sight(app: &mut App) {
    let pages = (app.page(Pane::List), app.page(Pane::Tree), app.page(Pane::Hex));
    app.list.keep_in_sight(pages.0);
    app.tree.at = app.tree.at.min(app.visible_nodes().len().saturating_sub(1));
    app.tree.keep_in_sight(pages.1);
    let line = app.hex.at / app.bytes_per_line();
    let mut lines = Cursor { at: line, top: app.hex.top };
    lines.keep_in_sight(pages.2.saturating_sub(1));
    app.hex.top = lines.top;
}

fn next_pane(pane: Pane) -> Pane {
    match pane {
        Pane::List => Pane::Tree,
        Pane::Tree => Pane::Hex,
        Pane::Hex => Pane::List,
    }
}

fn move_by(app: &mut App, motion: Motion) {
    if let Mode::Help { top } = &mut app.mode {
        *top = motion.apply(*top, keymap::KEYS.len(), usize::from(app.size.1).saturating_sub(4));
        return;
    }
    match app.focus {
        Pane::List => move_in_list(app, motion),
        Pane::Tree => move_in_tree(app, motion),
        Pane::Hex => move_in_hex(app, motion),
    }
}

fn move_in_list(app: &mut App, motion: Motion) {
    match motion {
        // left and right are the tree's: the list's fields are reached with Tab or Enter
        Motion::Left | Motion::Right => {}
        _ => {
            let (len, page) = (app.shown_len(), app.page(Pane::List));
            select(app, motion.apply(app.list.at, len, page));
            app.follow = motion == Motion::Bottom && app.progress.stage == Stage::Live;
        }
    }
}

fn move_in_tree(app: &mut App, motion: Motion) {
    match motion {
        Motion::Left | Motion::Right => fold(app, motion == Motion::Left),
        _ => {
            let (len, page) = (app.visible_nodes().len(), app.page(Pane::Tree));
            app.tree.at = motion.apply(app.tree.at, len, page);
            hex_to_node(app);
        }
    }
    keep_in_sight(app);
}

/// Folds the selected group, or goes to the group around the selected field; unfolds likewise.
fn fold(app: &mut App, shut: bool) {
    let (Some((index, _)), Some(detail)) = (app.selected_node(), &app.detail) else { return };
    let path = detail.path(index);
    let folded = app.folds.is_folded(&path);
    if detail.is_group(index) && folded != shut {
        app.folds.set(path, shut);
    } else if shut && let Some(parent) = detail.parent(index) {
        app.tree.at = app.visible_nodes().iter().position(|&node| node == parent).unwrap_or(0);
        hex_to_node(app);
    } else if !shut && detail.is_group(index) {
        app.tree.at += 1;
        hex_to_node(app);
    }
}

fn move_in_hex(app: &mut App, motion: Motion) {
    let layer = app.shown_layer();
    let Some(len) = app.detail.as_ref().and_then(|detail| detail.layers.get(layer)).map(|l| l.bytes.len())
    else {
        return;
    };
    let (line, page) = (app.bytes_per_line(), app.page(Pane::Hex));
    let last = len.saturating_sub(1);
    let lines = |count: usize| count * line;
    let to = match motion {
        Motion::Left | Motion::Right | Motion::Top | Motion::Bottom => motion.apply(app.hex.at, len, page),
        Motion::Up => app.hex.at.checked_sub(line).unwrap_or(app.hex.at),
        Motion::Down => Some(app.hex.at + line).filter(|&at| at <= last).unwrap_or(app.hex.at),
        Motion::PageUp => app.hex.at.saturating_sub(lines(page)),
        Motion::PageDown => app.hex.at + lines(page),
        Motion::HalfPageUp => app.hex.at.saturating_sub(lines(page / 2)),
        Motion::HalfPageDown => app.hex.at + lines(page / 2),
    };
    to_byte(app, layer, to.min(last));
}

/// Puts the cursor on a byte and selects the innermost field over it, unfolding what hides it.
fn to_byte(app: &mut App, layer: usize, byte: usize) {
    app.hex.at = byte;
    let Some(detail) = &app.detail else { return };
    if let Some(node) = detail.node_at(layer, byte) {
        let mut around = detail.parent(node);
        while let Some(group) = around {
            app.folds.set(detail.path(group), false);
            around = detail.parent(group);
        }
        app.tree.at = app.visible_nodes().iter().position(|&index| index == node).unwrap_or(app.tree.at);
    }
    keep_in_sight(app);
}

/// Puts the cursor of the bytes on the first byte of the selected field.
fn hex_to_node(app: &mut App) {
    if let Some((_, node)) = app.selected_node() {
        app.hex.at = node.start;
    }
}

/// Takes in the selected packet, taken apart; the same field stays selected where the new packet has it.
pub(crate) fn show_detail(app: &mut App, detail: super::detail::Detail) {
    let before = app.selected_node().map(|(index, _)| app.detail.as_ref().map(|detail| detail.path(index)));
    app.detail = Some(detail);
    let visible = app.visible_nodes();
    let same = before.flatten().and_then(|path| {
        let detail = app.detail.as_ref()?;
        visible.iter().position(|&index| detail.path(index) == path)
    });
    let mqtt = || {
        let detail = app.detail.as_ref()?;
        visible.iter().position(|&index| detail.nodes[index].layer + 1 == detail.layers.len())
    };
    app.tree = Cursor { at: same.or_else(mqtt).unwrap_or(0), top: app.tree.top };
    app.hex = Cursor::default();
    hex_to_node(app);
    keep_in_sight(app);
}

fn enter(app: &mut App) {
    match app.focus {
        Pane::List => app.focus = Pane::Tree,
        Pane::Tree => {
            if let (Some((index, _)), Some(detail)) = (app.selected_node(), &app.detail)
                && detail.is_group(index)
            {
                let path = detail.path(index);
                let folded = app.folds.is_folded(&path);
                app.folds.set(path, !folded);
                keep_in_sight(app);
            }
        }
        Pane::Hex => app.focus = Pane::Tree,
    }
}

fn back(app: &mut App) -> Vec<Effect> {
    if matches!(app.mode, Mode::Help { .. }) {
        app.mode = Mode::Panes { prefix: None };
    } else if app.zoomed {
        app.zoomed = false;
        keep_in_sight(app);
    } else if app.focus != Pane::List {
        app.focus = Pane::List;
    } else if matches!(app.shown, Shown::Filtered(_)) {
        return show_all(app);
    } else {
        return vec![Effect::Quit];
    }
    Vec::new()
}

fn interrupt(app: &mut App) -> Vec<Effect> {
    if app.progress.stage == Stage::Done || app.stop_asked {
        return vec![Effect::Quit];
    }
    app.stop_asked = true;
    app.message = Some("stopped; press again to quit".to_owned());
    vec![Effect::StopReading]
}

fn edit_filter(app: &mut App, action: Action) {
    let Mode::Filter(edit) = &mut app.mode else { return };
    match action {
        Action::ClearFilterText => edit.clear(),
        Action::Complete => edit.complete(),
        Action::FilterHistory(motion) => edit.recall(&app.filter_history, motion == Motion::Up),
        _ => {}
    }
}

fn apply_edited_filter(app: &mut App) -> Vec<Effect> {
    let Mode::Filter(edit) = &app.mode else { return Vec::new() };
    match &edit.check {
        Check::Empty => {
            app.mode = Mode::Panes { prefix: None };
            show_all(app)
        }
        // the line below shows where the fault is; the text stays to be mended
        Check::Invalid(_) => Vec::new(),
        Check::Valid(_) => {
            let text = edit.text().to_owned();
            app.mode = Mode::Panes { prefix: None };
            apply_filter(app, &text)
        }
    }
}

/// Shows only what the filter lets through.
pub(crate) fn apply_filter(app: &mut App, text: &str) -> Vec<Effect> {
    let filter = match Filter::parse(text) {
        Ok(filter) => filter,
        Err(error) => {
            app.message = Some(error.to_string());
            return Vec::new();
        }
    };
    app.filter_history.retain(|other| other != text);
    app.filter_history.push(text.to_owned());
    let generation = match &app.shown {
        Shown::Filtered(filtered) => filtered.generation + 1,
        Shown::All => app.filter_history.len() as u64,
    };
    app.shown = Shown::Filtered(Filtered { text: text.to_owned(), generation, rows: Vec::new(), scanned: 0 });
    app.list = Cursor::default();
    vec![Effect::Filter { generation, filter: Box::new(filter) }]
}

fn show_all(app: &mut App) -> Vec<Effect> {
    let row = app.selected_row();
    app.shown = Shown::All;
    select(app, row.map_or(0, |row| row.0 as usize));
    vec![Effect::ForgetFilter]
}

fn follow_session(app: &mut App) -> Vec<Effect> {
    let row = app.selected_row().and_then(|row| app.snapshot.row(row));
    let Some(flow) = row.and_then(|row| app.snapshot.flow(row.flow)) else { return Vec::new() };
    let text = format!("tcp.stream == {}", flow.stream);
    match &app.shown {
        Shown::Filtered(filtered) if filtered.text == text => show_all(app),
        _ => apply_filter(app, &text),
    }
}

fn to_violation(app: &mut App, motion: Motion) {
    let len = app.shown_len();
    let is_marked = |row: Row| row.flags.contains(RowFlags::VIOLATION) || row.flags.contains(RowFlags::ERROR);
    let marked =
        |place: &usize| app.row_at(*place).and_then(|row| app.snapshot.row(row)).is_some_and(is_marked);
    let found = match motion {
        Motion::Up => (0..app.list.at).rev().find(marked),
        _ => (app.list.at + 1..len).find(marked),
    };
    match found {
        Some(place) => {
            app.follow = false;
            select(app, place);
        }
        None => app.message = Some("no further packet with a violation or an error".to_owned()),
    }
}

fn to_exchange(app: &mut App) {
    let Some(row) = app.selected_row().and_then(|row| app.snapshot.row(row)) else { return };
    match row.response.or(row.request) {
        Some(peer) if app.row_at(app.place_of(peer)) == Some(peer) => {
            app.follow = false;
            select(app, app.place_of(peer));
        }
        Some(_) => app.message = Some("the other packet of this exchange is filtered out".to_owned()),
        None => app.message = Some("this packet neither answers nor has been answered".to_owned()),
    }
}

fn copy(app: &mut App) -> Vec<Effect> {
    let Some(detail) = &app.detail else { return Vec::new() };
    let text = match (app.focus, app.selected_node()) {
        (Pane::Tree, Some((_, node))) if !node.value.is_empty() => node.value.clone(),
        (Pane::Hex, Some((_, node))) => {
            hex(&detail.layers[node.layer].bytes[node.start..node.start + node.len])
        }
        _ => detail.layers.last().map(|layer| hex(&layer.bytes)).unwrap_or_default(),
    };
    app.message = Some(format!("copied {} characters", text.chars().count()));
    vec![Effect::Copy(text)]
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn mouse(app: &mut App, mouse: MouseEvent) {
    let position = Position::new(mouse.column, mouse.row);
    if !matches!(app.mode, Mode::Panes { .. }) {
        return;
    }
    let areas = Areas::of(app);
    let Some(pane) = areas.pane_at(position) else { return };
    let motion = match mouse.kind {
        MouseEventKind::ScrollDown => Some(Motion::Down),
        MouseEventKind::ScrollUp => Some(Motion::Up),
        _ => None,
    };
    if let Some(motion) = motion {
        let focus = std::mem::replace(&mut app.focus, pane);
        for _ in 0..WHEEL_LINES {
            move_by(app, motion);
        }
        app.focus = focus;
    } else if mouse.kind == MouseEventKind::Down(MouseButton::Left) {
        app.focus = pane;
        let Some(inside) = areas.inside(pane).filter(|inside| inside.contains(position)) else { return };
        let line = usize::from(position.y - inside.y);
        match pane {
            Pane::List => {
                app.follow = false;
                if app.list.top + line < app.shown_len() {
                    select(app, app.list.top + line);
                }
            }
            Pane::Tree => {
                if app.tree.top + line < app.visible_nodes().len() {
                    app.tree.at = app.tree.top + line;
                    hex_to_node(app);
                    keep_in_sight(app);
                }
            }
            Pane::Hex => {
                let column = usize::from(position.x - inside.x);
                if let Some(byte) = super::panes::hex::byte_at(inside.width, line, column) {
                    let at = app.hex.top * app.bytes_per_line() + byte;
                    let layer = app.shown_layer();
                    let len = app.detail.as_ref().map_or(0, |detail| detail.layers[layer].bytes.len());
                    if at < len {
                        to_byte(app, layer, at);
                    }
                }
            }
        }
    }
}
