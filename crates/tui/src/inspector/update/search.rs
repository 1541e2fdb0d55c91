//! Searches: to the next packet with a text in it.

use std::sync::Arc;

use mqscope_dissect::search::Search;

use super::{field, packets, remember};
use crate::inspector::{
    action::Motion,
    app::{App, Mode, Searching, Shown},
    effect::Effect,
    jobs::{Among, Hit, Toward},
};

/// Takes the text that is edited; an empty one means the same as before.
pub(super) fn accept(app: &mut App) -> Vec<Effect> {
    let Mode::Search(line) = &app.mode else { return Vec::new() };
    let text = line.text().to_owned();
    app.mode = Mode::Panes;
    if text.is_empty() {
        return again(app, Motion::Down);
    }
    let Some(search) = Search::new(&text) else {
        app.message = Some("the text is too long to be searched for".to_owned());
        return Vec::new();
    };
    remember(&mut app.searches, &text);
    app.search = Some(Searching { search: Arc::new(search), running: None, field: None });
    again(app, Motion::Down)
}

/// Looks for the next match, or for the one before.
pub(super) fn again(app: &mut App, motion: Motion) -> Vec<Effect> {
    let Some(searching) = &mut app.search else {
        app.message = Some("nothing to search for yet: C-f".to_owned());
        return Vec::new();
    };
    app.generation += 1;
    searching.running = Some(app.generation);
    let among = match &app.shown {
        Shown::All => Among::First(app.snapshot.len()),
        Shown::Filtered(filtered) => Among::Rows(filtered.rows.clone()),
    };
    vec![Effect::Search {
        generation: app.generation,
        search: Arc::clone(&searching.search),
        among,
        from: app.list.at,
        toward: if motion == Motion::Up { Toward::Start } else { Toward::End },
    }]
}

/// Stops looking; the text stays.
pub(super) fn forget(app: &mut App) -> Vec<Effect> {
    if let Some(searching) = &mut app.search {
        searching.running = None;
    }
    app.message = Some("search given up".to_owned());
    vec![Effect::ForgetSearch]
}

/// Takes in what a search came to.
pub(crate) fn found(app: &mut App, generation: u64, hit: Option<Hit>) {
    let Some(searching) = app.search.as_mut().filter(|searching| searching.running == Some(generation))
    else {
        return;
    };
    searching.running = None;
    let text = searching.search.text();
    let Some(hit) = hit else {
        app.message = Some(format!("{text:?} was not found"));
        return;
    };
    searching.field = Some(hit.label);
    app.message = hit.wrapped.then(|| format!("{text:?}: the search went on around the end"));
    let place = app.place_of(hit.row);
    // the filter may have changed meanwhile
    if app.row_at(place) == Some(hit.row) {
        app.watch.set_following(false);
        packets::go(app, place);
        if app.detail.as_ref().is_some_and(|detail| detail.row == hit.row) {
            field::show_sought(app);
        }
    }
}
