//! The line below the title: the filter that is applied, or the filter or search text that is typed, and what hangs
//! below it meanwhile.

use ratatui::{
    Frame,
    layout::{Position, Rect},
    widgets::{Clear, Widget as _},
};
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use crate::{
    fit::put,
    inspector::{
        app::{App, Mode, Shown},
        prompt::{Check, FilterPrompt, Line},
    },
    theme::Role,
};

/// What the line of a filter begins with.
const FILTER: &str = " / ";
/// What the line of a search begins with.
const SEARCH: &str = " search: ";
/// Candidates shown at a time.
const CANDIDATES: usize = 8;

/// Draws the line, and sets the terminal's cursor while it is edited.
pub(crate) fn draw(app: &App, line: Rect, frame: &mut Frame<'_>) {
    match &app.mode {
        Mode::Filter(prompt) => {
            let role = match &prompt.check {
                Check::Empty => Role::Text,
                Check::Valid(_) => Role::FilterValid,
                Check::Invalid(_) => Role::FilterInvalid,
            };
            edited(app, FILTER, &prompt.line, role, line, frame);
        }
        Mode::Search(edited_line) => edited(app, SEARCH, edited_line, Role::Text, line, frame),
        _ => {
            let (text, role) = match &app.shown {
                Shown::All => ("display filter", Role::Muted),
                Shown::Filtered(filtered) => (filtered.text.as_str(), Role::FilterValid),
            };
            let end = put(frame.buffer_mut(), line, 0, FILTER, app.theme.style(Role::Key));
            put(frame.buffer_mut(), line, end, text, app.theme.style(role));
        }
    }
}

fn edited(app: &App, label: &str, edit: &Line, role: Role, line: Rect, frame: &mut Frame<'_>) {
    let start = put(frame.buffer_mut(), line, 0, label, app.theme.style(Role::Key));
    let room = usize::from(line.width.saturating_sub(start));
    let scroll = edit.input.visual_scroll(room.saturating_sub(1));
    let style = app.theme.style(role);
    let mut column = 0;
    for c in edit.text().chars() {
        let width = c.width().unwrap_or(0);
        if column >= scroll && column + width <= scroll + room {
            let at = start + (column - scroll) as u16;
            frame.buffer_mut().set_string(line.x + at, line.y, c.encode_utf8(&mut [0; 4]), style);
        }
        column += width;
    }
    let cursor = edit.input.visual_cursor().saturating_sub(scroll).min(room.saturating_sub(1)) as u16;
    frame.set_cursor_position(Position::new(line.x + start + cursor, line.y));
}

/// Below a filter that is edited: what is wrong with it and where, and what it could become.
pub(crate) fn below(app: &App, prompt: &FilterPrompt, line: Rect, screen: Rect, frame: &mut Frame<'_>) {
    let start = FILTER.width() as u16;
    let room = usize::from(line.width.saturating_sub(start));
    let scroll = prompt.line.input.visual_scroll(room.saturating_sub(1));
    // the column on the screen of a character of the filter
    let column = |character: usize| {
        let columns: usize = prompt.text().chars().take(character).map(|c| c.width().unwrap_or(0)).sum();
        start + columns.saturating_sub(scroll).min(room.saturating_sub(1)) as u16
    };
    let mut y = line.y + 1;
    let mut take = |frame: &mut Frame<'_>| {
        let place = Rect { y, ..line }.intersection(screen);
        Clear.render(place, frame.buffer_mut());
        y += 1;
        place
    };
    match &prompt.check {
        Check::Invalid(error) => {
            let style = app.theme.style(Role::Violation);
            let (from, to) = (column(error.span.start), column(error.span.end));
            let place = take(frame);
            let marks = "^".repeat(usize::from(to.saturating_sub(from)).max(1));
            let end = put(frame.buffer_mut(), place, from, &marks, style);
            let message = error.to_string();
            if usize::from(end) + 1 + message.width() <= usize::from(place.width) {
                put(frame.buffer_mut(), place, end + 1, &message, style);
            } else {
                let place = take(frame);
                put(frame.buffer_mut(), place, start, &message, style);
            }
        }
        Check::Valid(filter) => {
            for warning in filter.warnings() {
                let place = take(frame);
                put(frame.buffer_mut(), place, start, &warning.message, app.theme.style(Role::Inferred));
            }
        }
        Check::Empty => {}
    }
    if !prompt.offers() {
        return;
    }
    if matches!(prompt.check, Check::Valid(_)) {
        // the menu stands still while what is typed turns from wrong to right
        take(frame);
    }
    candidates(app, prompt, Rect { y, x: column(prompt.candidates_at()), ..line }, screen, frame);
}

/// The menu of what the text could become, below the place where it would stand.
fn candidates(app: &App, prompt: &FilterPrompt, at: Rect, screen: Rect, frame: &mut Frame<'_>) {
    let lines =
        CANDIDATES.min(prompt.candidates.len()).min(usize::from(screen.bottom().saturating_sub(at.y)));
    if lines == 0 {
        return;
    }
    let chosen = prompt.chosen.unwrap_or(0);
    let first = (chosen + 1).saturating_sub(lines);
    let shown = &prompt.candidates[first..first + lines];
    let names = shown.iter().map(|candidate| candidate.text.width()).max().unwrap_or(0);
    let about = shown.iter().map(|candidate| candidate.about.width()).max().unwrap_or(0);
    let more = prompt.candidates.len() - lines;
    let width = ((names + 2 + about + 2) as u16).min(screen.width);
    // one column to the left, so that names stand below what they replace
    let x = at.x.saturating_sub(1).min(screen.right().saturating_sub(width));
    let menu = Rect { x, width, height: lines as u16, ..at };
    Clear.render(menu.intersection(screen), frame.buffer_mut());
    for (index, candidate) in shown.iter().enumerate() {
        let row = Rect { y: menu.y + index as u16, height: 1, ..menu };
        let style = app.theme.style(Role::Menu);
        frame.buffer_mut().set_style(row, style);
        put(frame.buffer_mut(), row, 1, &candidate.text, style);
        let inside = Rect { width: row.width.saturating_sub(1), ..row };
        put(frame.buffer_mut(), inside, names as u16 + 3, &candidate.about, style);
        if prompt.chosen == Some(first + index) {
            frame.buffer_mut().set_style(row, app.theme.style(Role::Selected));
        }
    }
    let below = Rect { y: menu.bottom(), height: 1, ..menu };
    if more > 0 && below.y < screen.bottom() {
        let row = below.intersection(screen);
        Clear.render(row, frame.buffer_mut());
        let style = app.theme.style(Role::Menu);
        frame.buffer_mut().set_style(row, style);
        put(frame.buffer_mut(), row, 1, &format!("{more} more: Tab, S-Tab"), style);
    }
}
