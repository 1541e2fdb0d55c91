//! The list: which packet is selected, and what becomes of it as more come.

use mqscope_dissect::{Progress, Row, RowFlags, Snapshot, Stage};

use crate::inspector::{
    action::Motion,
    app::{App, Choice, Pane, Shown, Watch},
};

/// Takes in what has been read since the last time.
pub(crate) fn refresh(app: &mut App, snapshot: Snapshot, progress: Progress) {
    app.progress = progress;
    app.latest = snapshot;
    if !app.is_paused() {
        catch_up(app);
    }
}

/// Begins as live captures do: at the packet that came last.
pub(crate) fn start_following(app: &mut App) {
    app.watch = Watch::Follow;
}

/// Shows all packets there are.
fn catch_up(app: &mut App) {
    app.snapshot = app.latest.clone();
    if app.home.is_none() && matches!(app.shown, Shown::All) && !app.snapshot.is_empty() {
        go(app, 0);
    }
    follow_if_asked(app);
}

/// Selects the last packet, if that is what the screen does.
pub(super) fn follow_if_asked(app: &mut App) {
    let len = app.shown_len();
    if app.watch == Watch::Follow && len > 0 {
        go(app, len - 1);
    }
}

/// Goes to a place of the list.
pub(super) fn go(app: &mut App, place: usize) {
    if let Shown::Filtered(filtered) = &mut app.shown
        && !filtered.rows.is_empty()
    {
        filtered.choice = Choice::Made;
    }
    select(app, place);
    app.home = app.selected_row().or(app.home);
}

/// Selects a place of the list, without anybody having gone there.
pub(super) fn select(app: &mut App, place: usize) {
    let (len, page) = (app.shown_len(), app.page(Pane::List));
    app.list.select(place, len, page);
}

pub(super) fn move_by(app: &mut App, motion: Motion) {
    // left and right are the tree's: the fields are reached with Tab or Enter
    if matches!(motion, Motion::Left | Motion::Right) {
        return;
    }
    let (len, page) = (app.shown_len(), app.page(Pane::List));
    app.watch.set_following(motion == Motion::Bottom && app.progress.stage == Stage::Live);
    if len > 0 {
        go(app, motion.apply(app.list.at, len, page));
    }
}

pub(super) fn pause(app: &mut App) {
    if !app.is_paused() && app.progress.stage == Stage::Done {
        app.message = Some("nothing to pause: all packets are there".to_owned());
        return;
    }
    app.watch = match app.watch {
        Watch::Pause { followed: true } => Watch::Follow,
        Watch::Pause { followed: false } => Watch::Stay,
        watch => Watch::Pause { followed: watch == Watch::Follow },
    };
    if !app.is_paused() {
        catch_up(app);
    }
}

pub(super) fn follow(app: &mut App) {
    app.watch = if app.progress.stage == Stage::Done { Watch::Stay } else { Watch::Follow };
    catch_up(app);
    let len = app.shown_len();
    if len > 0 {
        go(app, len - 1);
    }
}

pub(super) fn to_violation(app: &mut App, motion: Motion) {
    let is_marked = |row: Row| row.flags.contains(RowFlags::VIOLATION) || row.flags.contains(RowFlags::ERROR);
    let marked =
        |place: &usize| app.row_at(*place).and_then(|row| app.snapshot.row(row)).is_some_and(is_marked);
    let at = app.list.at;
    let (found, which) = match motion {
        Motion::Up => ((0..at).rev().find(marked), "before"),
        _ => ((at + 1..app.shown_len()).find(marked), "after"),
    };
    match found {
        Some(place) => {
            app.watch.set_following(false);
            go(app, place);
        }
        None => app.message = Some(format!("no packet with a violation or an error {which} this one")),
    }
}

pub(super) fn to_exchange(app: &mut App) {
    let Some(row) = app.selected_row().and_then(|row| app.snapshot.row(row)) else { return };
    match row.response.or(row.request) {
        Some(peer) if app.row_at(app.place_of(peer)) == Some(peer) => {
            app.watch.set_following(false);
            go(app, app.place_of(peer));
        }
        Some(_) => app.message = Some("the other packet of this exchange is filtered out".to_owned()),
        None => app.message = Some("this packet answers none, and none answers it".to_owned()),
    }
}
