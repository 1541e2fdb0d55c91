//! Draws the state. Nothing here changes it.

use mqscope_dissect::Stage;
use ratatui::{
    Frame,
    layout::{Alignment, Position, Rect},
    text::{Line, Span},
    widgets::{Block, Borders, Clear, Paragraph},
};

use super::{
    app::{App, Mode, Pane, Shown},
    filter_line::{Check, FilterEdit},
    layout::Areas,
    panes::{
        hex::HexPane,
        list::{ListPane, PacketLine},
        tree::TreePane,
    },
};
use crate::{
    keymap::{Context, KEYS},
    theme::Role,
};

/// The smallest terminal the screen works on.
const SMALLEST: (u16, u16) = (40, 10);

/// Draws everything; `lines` are the packets on the screen, from the list's top.
pub(crate) fn draw(app: &App, lines: &[PacketLine], frame: &mut Frame<'_>) {
    if app.size.0 < SMALLEST.0 || app.size.1 < SMALLEST.1 {
        let (columns, rows) = SMALLEST;
        let text = format!("the terminal is too small: {columns} columns by {rows} lines are needed");
        return frame
            .render_widget(Paragraph::new(text).wrap(ratatui::widgets::Wrap { trim: true }), frame.area());
    }
    let areas = Areas::of(app);
    title(app, areas.title, frame);
    filter(app, areas.filter, frame);
    for pane in [Pane::List, Pane::Tree, Pane::Hex] {
        let (Some(area), Some(inside)) = (areas.pane(pane), areas.inside(pane)) else { continue };
        frame.render_widget(border(app, pane), area);
        match pane {
            Pane::List => {
                let focused = app.focus == Pane::List;
                let cursor = app.list.at.checked_sub(app.list.top);
                ListPane { lines, cursor, focused, theme: app.theme }.draw(inside, frame.buffer_mut());
            }
            Pane::Tree => tree(app, inside, frame),
            Pane::Hex => hex(app, inside, frame),
        }
    }
    status(app, areas.status, frame);
    match &app.mode {
        Mode::Filter(edit) => below_filter(app, edit, areas.filter, frame),
        Mode::Help { top } => help(app, *top, frame),
        Mode::Panes { .. } => {}
    }
}

fn title(app: &App, area: Rect, frame: &mut Frame<'_>) {
    let (sign, role) = match (app.progress.stage, app.paused) {
        (_, true) => ("paused", Role::Violation),
        (Stage::Live, _) => ("● live", Role::Live),
        (Stage::Reading, _) => ("reading", Role::Muted),
        (Stage::Done, _) => ("", Role::Muted),
    };
    let left = vec![
        Span::styled(" mqscope ", app.theme.style(Role::Focused)),
        Span::raw(" "),
        Span::styled("1", app.theme.style(Role::Key)),
        Span::styled(" Packets", app.theme.style(Role::Title)),
        Span::raw("  "),
        Span::styled(app.title.clone(), app.theme.style(Role::Text)),
        Span::raw("  "),
        Span::styled(sign, app.theme.style(role)),
    ];
    frame.render_widget(Line::from(left), area);
    let hint = Line::styled("? help ", app.theme.style(Role::Muted)).alignment(Alignment::Right);
    frame.render_widget(hint, area);
}

fn filter(app: &App, area: Rect, frame: &mut Frame<'_>) {
    let label = " / ";
    let room = Rect { x: area.x + 3, width: area.width.saturating_sub(3), ..area };
    let (text, role, scroll) = match &app.mode {
        Mode::Filter(edit) => {
            let scroll = edit.input.visual_scroll(usize::from(room.width).saturating_sub(1));
            let role = match &edit.check {
                Check::Empty => Role::Text,
                Check::Valid(_) => Role::FilterValid,
                Check::Invalid(_) => Role::FilterInvalid,
            };
            let cursor = edit.input.visual_cursor().saturating_sub(scroll) as u16;
            frame.set_cursor_position(Position::new(room.x + cursor, room.y));
            (edit.text().to_owned(), role, scroll)
        }
        _ => match &app.shown {
            Shown::All => ("display filter".to_owned(), Role::Muted, 0),
            Shown::Filtered(filtered) => (filtered.text.clone(), Role::FilterValid, 0),
        },
    };
    frame.render_widget(Line::styled(label, app.theme.style(Role::Key)), area);
    frame.render_widget(Paragraph::new(text).style(app.theme.style(role)).scroll((0, scroll as u16)), room);
}

/// Under the filter line while it is edited: what is wrong and where, or what the text could become.
fn below_filter(app: &App, edit: &FilterEdit, area: Rect, frame: &mut Frame<'_>) {
    let below = Rect { y: area.y + 1, height: 2, ..area };
    let room = usize::from(below.width).saturating_sub(4);
    match &edit.check {
        Check::Invalid(error) => {
            let scroll = edit.input.visual_scroll(room.saturating_sub(1));
            let column = error.column().saturating_sub(scroll);
            frame.render_widget(Clear, below);
            let style = app.theme.style(Role::Violation);
            let text = vec![
                Line::styled(format!("   {}^", " ".repeat(column)), style),
                Line::styled(format!("   {error}"), style),
            ];
            frame.render_widget(Paragraph::new(text), below);
        }
        Check::Valid(filter) if !filter.warnings().is_empty() => {
            frame.render_widget(Clear, below);
            let warnings = filter.warnings().iter().take(2);
            let lines: Vec<_> = warnings
                .map(|warning| {
                    Line::styled(format!("   {}", warning.message), app.theme.style(Role::Inferred))
                })
                .collect();
            frame.render_widget(Paragraph::new(lines), below);
        }
        _ => {
            let hints = edit.hints();
            if hints.is_empty() {
                return;
            }
            let mut spans = vec![Span::raw("   ")];
            for hint in &hints {
                let role = if edit.completed() == Some(hint.as_str()) { Role::Selected } else { Role::Muted };
                spans.push(Span::styled(hint.clone(), app.theme.style(role)));
                spans.push(Span::raw("  "));
            }
            let line = Rect { height: 1, ..below };
            frame.render_widget(Clear, line);
            frame.render_widget(Line::from(spans), line);
        }
    }
}

fn border(app: &App, pane: Pane) -> Block<'static> {
    let focused = app.focus == pane;
    let style = app.theme.style(if focused { Role::Focused } else { Role::Muted });
    let title = match pane {
        Pane::List => " Packets ".to_owned(),
        Pane::Tree => " Fields ".to_owned(),
        Pane::Hex => match app.detail.as_ref().and_then(|detail| detail.layers.get(app.shown_layer())) {
            Some(layer) => format!(" {}: {} bytes ", layer.name, layer.bytes.len()),
            None => " Bytes ".to_owned(),
        },
    };
    let borders = if pane == Pane::Hex && !app.zoomed { Borders::TOP | Borders::LEFT } else { Borders::TOP };
    Block::new().borders(borders).border_style(style).title(Span::styled(title, style))
}

fn tree(app: &App, area: Rect, frame: &mut Frame<'_>) {
    let Some(detail) = &app.detail else { return };
    let pane = TreePane {
        detail,
        folds: &app.folds,
        visible: &app.visible_nodes(),
        cursor: app.tree.at,
        top: app.tree.top,
        focused: app.focus == Pane::Tree,
        theme: app.theme,
    };
    pane.draw(area, frame.buffer_mut());
}

fn hex(app: &App, area: Rect, frame: &mut Frame<'_>) {
    let Some(detail) = app.detail.as_ref().filter(|detail| !detail.layers.is_empty()) else { return };
    let pane = HexPane {
        detail,
        layer: app.shown_layer(),
        selected: app.selected_node().map(|(_, node)| node),
        cursor: (app.focus == Pane::Hex).then_some(app.hex.at),
        top: app.hex.top,
        theme: app.theme,
    };
    pane.draw(area, frame.buffer_mut());
}

fn status(app: &App, area: Rect, frame: &mut Frame<'_>) {
    let progress = &app.progress;
    let stats = &progress.stats;
    let mut parts = vec![format!(" {} frames", stats.frames), format!("{} packets", app.snapshot.len())];
    if let Shown::Filtered(filtered) = &app.shown {
        let scanning = if filtered.scanned < app.snapshot.len() { "…" } else { "" };
        parts.push(format!("{}{scanning} shown", filtered.rows.len()));
    }
    if progress.stage != Stage::Done
        && let Some(fraction) = progress.fraction
    {
        parts.push(format!("{:.0} % read", fraction * 100.0));
    }
    let drops =
        [(stats.kernel_drops, "kernel"), (stats.interface_drops, "interface"), (stats.ring_drops, "ring")];
    for (count, by) in drops.into_iter().filter(|(count, _)| *count > 0) {
        parts.push(format!("{count} dropped ({by})"));
    }
    let mut spans = vec![Span::raw(parts.join(" · "))];
    if let Some(trouble) = &progress.trouble {
        spans.push(Span::styled(format!(" · {trouble}"), app.theme.style(Role::Violation)));
    }
    if let Some(message) = &app.message {
        spans.push(Span::raw(" · "));
        spans.push(Span::styled(message.clone(), app.theme.style(Role::Inferred)));
    }
    frame.render_widget(Line::from(spans).style(app.theme.style(Role::Status)), area);
}

/// The key table, over everything else.
fn help(app: &App, top: usize, frame: &mut Frame<'_>) {
    let area = frame.area();
    frame.render_widget(Clear, area);
    let mut lines = Vec::new();
    for (context, heading) in [(Context::Panes, "In the panes"), (Context::Filter, "In the filter line")] {
        lines.push(Line::styled(heading, app.theme.style(Role::Title)));
        for binding in KEYS.iter().filter(|binding| binding.context == context) {
            lines.push(Line::from(vec![
                Span::styled(format!("  {:<12}", binding.keys.join(" or ")), app.theme.style(Role::Key)),
                Span::raw(" "),
                Span::raw(binding.help),
            ]));
        }
        lines.push(Line::raw(""));
    }
    lines.push(Line::raw("The mouse selects with a click and scrolls with the wheel."));
    let title = Span::styled(" Keys (Esc: back) ", app.theme.style(Role::Focused));
    let block = Block::bordered().title(title);
    let shown = lines.len().saturating_sub(usize::from(area.height).saturating_sub(2)).min(top);
    frame.render_widget(Paragraph::new(lines).block(block).scroll((shown as u16, 0)), area);
}
