//! Filters: which packets the list shows.

use mqscope_dissect::{RowId, filter::Filter};

use super::{packets, remember};
use crate::inspector::{
    app::{App, Choice, Filtered, Mode, Shown},
    cursor::Cursor,
    effect::Effect,
    prompt::Check,
};

/// Takes the filter that is edited.
pub(super) fn accept(app: &mut App) -> Vec<Effect> {
    let Mode::Filter(prompt) = &app.mode else { return Vec::new() };
    let text = prompt.text().trim().to_owned();
    match &prompt.check {
        // the line below shows where the fault is; the text stays to be mended
        Check::Invalid(_) => Vec::new(),
        Check::Empty => {
            app.mode = Mode::Panes;
            show_all(app)
        }
        Check::Valid(_) => {
            app.mode = Mode::Panes;
            match &app.shown {
                Shown::Filtered(filtered) if filtered.text == text => Vec::new(),
                _ => apply(app, &text),
            }
        }
    }
}

/// Shows only what the filter lets through.
pub(crate) fn apply(app: &mut App, text: &str) -> Vec<Effect> {
    let filter = match Filter::parse(text) {
        Ok(filter) => filter,
        Err(error) => {
            app.message = Some(error.to_string());
            return Vec::new();
        }
    };
    remember(&mut app.filters, text);
    app.before_session = None;
    app.generation += 1;
    let generation = app.generation;
    app.shown = Shown::Filtered(Filtered {
        text: text.to_owned(),
        generation,
        rows: Vec::new(),
        scanned: 0,
        choice: Choice::Pending,
    });
    app.list = Cursor::default();
    vec![Effect::Filter { generation, filter: Box::new(filter) }]
}

/// Takes in rows that a filter let through; `scanned` is the first row it has not seen.
pub(crate) fn found(app: &mut App, generation: u64, rows: &[RowId], scanned: u32) {
    let home = app.home.unwrap_or(RowId(0));
    let Shown::Filtered(filtered) = &mut app.shown else { return };
    if filtered.generation != generation {
        return;
    }
    filtered.rows.extend_from_slice(rows);
    filtered.scanned = scanned;
    let is_there = filtered.rows.last().is_some_and(|&last| last >= home);
    if filtered.choice != Choice::Made && (is_there || scanned >= app.snapshot.len()) {
        filtered.choice = Choice::Nothing;
        let len = app.shown_len();
        if len > 0 {
            // the packet that was selected before, or the next after it, or the last
            let place = app.place_of(home).min(len - 1);
            if let Shown::Filtered(filtered) = &mut app.shown {
                filtered.choice = Choice::Made;
            }
            packets::select(app, place);
        }
    }
    packets::follow_if_asked(app);
}

/// Shows all packets; the one that the user went to last is selected.
pub(super) fn show_all(app: &mut App) -> Vec<Effect> {
    app.shown = Shown::All;
    app.before_session = None;
    packets::select(app, app.home.map_or(0, |row| row.0 as usize));
    packets::follow_if_asked(app);
    vec![Effect::ForgetFilter]
}

pub(super) fn by_field(app: &mut App) -> Vec<Effect> {
    match app.selected_node().map(|(_, node)| node.filter.clone()) {
        Some(Some(text)) => apply(app, &text),
        _ => {
            app.message = Some("there is no filter for this field".to_owned());
            Vec::new()
        }
    }
}

/// Shows only the selected packet's connection; if that is what is shown, what was shown before.
pub(super) fn by_session(app: &mut App) -> Vec<Effect> {
    let row = app.selected_row().and_then(|row| app.snapshot.row(row));
    let text =
        row.and_then(|row| app.snapshot.flow(row.flow)).map(|flow| format!("tcp.stream == {}", flow.stream));
    let shown = match &app.shown {
        Shown::All => None,
        Shown::Filtered(filtered) => Some(filtered.text.clone()),
    };
    if text.is_some() && text == shown {
        return match app.before_session.take() {
            Some(before) => apply(app, &before),
            None => show_all(app),
        };
    }
    let Some(text) = text else { return Vec::new() };
    let effects = apply(app, &text);
    app.before_session = shown;
    effects
}
