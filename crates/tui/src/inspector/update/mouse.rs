//! The mouse: it selects with a click, scrolls with the wheel and drags borders.

use crossterm::event::{MouseButton, MouseEvent, MouseEventKind};
use ratatui::layout::Position;

use super::{field, keep_in_sight, move_by, packets};
use crate::inspector::{
    action::Motion,
    app::{App, Mode, Pane},
    cursor::Cursor,
    layout::{Areas, Split},
};

/// What one notch of the wheel scrolls.
const WHEEL_LINES: isize = 3;

pub(super) fn mouse(app: &mut App, event: MouseEvent) {
    let position = Position::new(event.column, event.row);
    match event.kind {
        MouseEventKind::ScrollDown => wheel(app, position, WHEEL_LINES),
        MouseEventKind::ScrollUp => wheel(app, position, -WHEEL_LINES),
        MouseEventKind::Down(MouseButton::Left) if matches!(app.mode, Mode::Panes) => press(app, position),
        MouseEventKind::Drag(MouseButton::Left) => drag(app, position),
        MouseEventKind::Up(MouseButton::Left) => app.dragged = None,
        _ => {}
    }
}

/// Scrolls what is under the mouse; what is selected stays selected.
fn wheel(app: &mut App, position: Position, lines: isize) {
    if matches!(app.mode, Mode::Help { .. } | Mode::Reader(_)) {
        let motion = if lines > 0 { Motion::Down } else { Motion::Up };
        return (0..WHEEL_LINES).for_each(|_| move_by(app, motion));
    }
    match Areas::of(app).pane_at(position) {
        Some(Pane::List) => {
            let (len, page) = (app.shown_len(), app.page(Pane::List));
            if lines < 0 {
                app.watch.set_following(false);
            }
            app.list.scroll(lines, len, page);
        }
        Some(Pane::Tree) => {
            let page = app.page(Pane::Tree);
            app.tree.scroll(lines, app.visible.len(), page);
        }
        Some(Pane::Hex) => {
            let count = app.shown_bytes().len().div_ceil(app.grid().per_line);
            let mut cursor = Cursor { at: 0, top: app.hex_top };
            cursor.scroll(lines, count, app.page(Pane::Hex));
            app.hex_top = cursor.top;
        }
        None => {}
    }
}

fn press(app: &mut App, position: Position) {
    app.message = None;
    let areas = Areas::of(app);
    app.dragged = areas.split_at(position);
    let Some(pane) = areas.pane_at(position) else { return };
    app.focus = pane;
    if app.dragged.is_some() {
        return;
    }
    let Some(inside) = areas.inside(pane).filter(|inside| inside.contains(position)) else { return };
    let line = usize::from(position.y - inside.y);
    match pane {
        Pane::List => {
            let place = app.list.top + line;
            if place < app.shown_len() {
                app.watch.set_following(false);
                packets::go(app, place);
            }
        }
        Pane::Tree => {
            let place = app.tree.top + line;
            if place < app.visible.len() {
                field::go(app, place);
            }
        }
        Pane::Hex => {
            let grid = app.grid();
            let column = usize::from(position.x - inside.x);
            let byte = grid.byte_under(column).map(|byte| (app.hex_top + line) * grid.per_line + byte);
            if let Some(byte) = byte.filter(|&byte| byte < app.shown_bytes().len()) {
                field::to_byte(app, byte);
            }
        }
    }
}

fn drag(app: &mut App, position: Position) {
    let Some(split) = app.dragged else { return };
    let share = Areas::of(app).share_at(split, position);
    match split {
        Split::List => app.shares.list = Some(share),
        Split::Fields => app.shares.fields = Some(share),
    }
    keep_in_sight(app);
}
