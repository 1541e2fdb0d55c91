//! The first line of the screen and the last: what is looked at, and how it stands.

use std::fmt::Write as _;

use mqscope_dissect::Stage;
use ratatui::{buffer::Buffer, layout::Rect};
use unicode_width::UnicodeWidthStr as _;

use crate::{
    fit::{cut_front, put},
    inspector::app::{App, Shown, Watch},
    theme::Role,
};

/// The program, the capture, and whether it still grows.
pub(crate) fn title(app: &App, line: Rect, buffer: &mut Buffer) {
    const NAME: &str = " mqscope ";
    const HELP: &str = "? help ";
    let behind = app.latest.len() - app.snapshot.len();
    let (sign, role) = match (app.watch, app.progress.stage) {
        (Watch::Pause { .. }, _) if behind > 0 => (format!("paused, {} more", count(behind)), Role::Paused),
        (Watch::Pause { .. }, _) => ("paused".to_owned(), Role::Paused),
        (_, Stage::Done) => (String::new(), Role::Muted),
        _ if app.stopped => ("stopping".to_owned(), Role::Muted),
        (Watch::Follow, Stage::Live) => ("live, following".to_owned(), Role::Live),
        (Watch::Stay, Stage::Live) => ("live".to_owned(), Role::Live),
        (_, Stage::Reading) => ("reading".to_owned(), Role::Muted),
    };
    let room = usize::from(line.width).saturating_sub(NAME.len() + 2 + sign.len() + HELP.len() + 1);
    let mut end = put(buffer, line, 0, NAME, app.theme.style(Role::Focused));
    end = put(buffer, line, end + 1, &cut_front(&app.title, room), app.theme.style(Role::Text));
    put(buffer, line, end + 2, &sign, app.theme.style(role));
    let help = line.width.saturating_sub(HELP.len() as u16);
    put(buffer, line, help, HELP, app.theme.style(Role::Muted));
}

/// Counts, losses, rate and memory; and, for a while, what was just done or could not be.
pub(crate) fn status(app: &App, line: Rect, buffer: &mut Buffer) {
    let style = app.theme.style(Role::Status);
    buffer.set_style(line, style);
    let mut counts = String::from(" ");
    counts.push_str(&parts(app).join(" · "));
    if let Some(trouble) = &app.progress.trouble {
        let _ = write!(counts, " · {trouble}");
    }
    match &app.message {
        None => {
            put(buffer, line, 0, &counts, style);
        }
        Some(message) => {
            // where both find room they stand side by side
            let message = format!(" {message} ");
            let beside = usize::from(line.width).checked_sub(message.width() + counts.width() + 1);
            let start = beside.map_or(0, |_| line.width - message.width() as u16);
            if beside.is_some() {
                put(buffer, line, 0, &counts, style);
            }
            put(buffer, line, start, &message, style.patch(app.theme.style(Role::Message)));
        }
    }
}

fn parts(app: &App) -> Vec<String> {
    let progress = &app.progress;
    let stats = &progress.stats;
    let mut parts =
        vec![format!("{} frames", count(stats.frames)), format!("{} packets", count(app.snapshot.len()))];
    if let Shown::Filtered(filtered) = &app.shown {
        let scanning = if app.is_filtering() && filtered.scanned < app.snapshot.len() {
            let done = u64::from(filtered.scanned) * 100 / u64::from(app.snapshot.len().max(1));
            format!(" ({done} % filtered)")
        } else {
            String::new()
        };
        parts.push(format!("{} shown{scanning}", count(app.shown_len() as u64)));
    }
    if app.is_searching() {
        parts.push("searching".to_owned());
    }
    if let (Stage::Reading, Some(fraction)) = (progress.stage, progress.fraction) {
        parts.push(format!("{:.0} % read", fraction * 100.0));
    }
    if let (Stage::Live, Some(rate)) = (progress.stage, app.gauges.rate) {
        parts.push(format!("{} packets/s", count(rate)));
    }
    let encrypted = app.snapshot.traffic().encrypted;
    if encrypted > 0 {
        parts.push(format!("{} TLS without keys (see ServerHello)", count(encrypted)));
    }
    let drops =
        [(stats.kernel_drops, "kernel"), (stats.interface_drops, "interface"), (stats.ring_drops, "ring")];
    for (dropped, by) in drops.into_iter().filter(|(dropped, _)| *dropped > 0) {
        parts.push(format!("{} dropped ({by})", count(dropped)));
    }
    if let Some(memory) = app.gauges.memory_mib {
        parts.push(format!("{} MiB", count(memory)));
    }
    parts
}

/// A number with its thousands apart: `1,234,567`.
fn count(number: impl Into<u64>) -> String {
    let digits = number.into().to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_stand_apart() {
        assert_eq!(
            [0_u64, 999, 1_000, 1_234_567].map(count),
            ["0", "999", "1,000", "1,234,567"].map(str::to_owned)
        );
    }
}
