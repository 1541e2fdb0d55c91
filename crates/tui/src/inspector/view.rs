//! Draws the state. Nothing here changes it.

use mqscope_dissect::Stage;
use ratatui::{
    Frame,
    buffer::Buffer,
    layout::Rect,
    widgets::{Block, Borders, Paragraph, Widget as _, Wrap},
};

use super::{
    app::{App, Choice, Mode, Pane, Shown},
    layout::Areas,
    panes::{bars, help, hex::HexPane, list::ListPane, prompt, tree::TreePane},
};
use crate::{fit::put, theme::Role};

/// The smallest terminal the screen works on.
const SMALLEST: (u16, u16) = (40, 10);

/// Draws everything.
pub(crate) fn draw(app: &App, frame: &mut Frame<'_>) {
    if app.size.0 < SMALLEST.0 || app.size.1 < SMALLEST.1 {
        let (columns, lines) = SMALLEST;
        let text = format!("too small: the screen needs {columns} columns and {lines} lines");
        return frame.render_widget(Paragraph::new(text).wrap(Wrap { trim: true }), frame.area());
    }
    let areas = Areas::of(app);
    bars::title(app, areas.title, frame.buffer_mut());
    prompt::draw(app, areas.prompt, frame);
    for pane in Pane::ALL {
        let (Some(area), Some(inside)) = (areas.pane(pane), areas.inside(pane)) else { continue };
        border(app, pane, areas.border_left(pane), area, frame.buffer_mut());
        match pane {
            Pane::List => list(app, area, inside, frame.buffer_mut()),
            Pane::Tree => tree(app, inside, frame.buffer_mut()),
            Pane::Hex => hex(app, inside, frame.buffer_mut()),
        }
    }
    bars::status(app, areas.status, frame.buffer_mut());
    match &app.mode {
        Mode::Filter(edited) => {
            let screen = Rect { height: areas.middle.bottom(), ..frame.area() };
            prompt::below(app, edited, areas.prompt, screen, frame);
        }
        Mode::Reader(reader) => {
            let area = frame.area();
            reader.draw(app.theme, area, frame.buffer_mut());
        }
        Mode::Help { top } => help::draw(app.theme, *top, frame),
        Mode::Panes | Mode::Search(_) => {}
    }
}

fn border(app: &App, pane: Pane, left: u16, area: Rect, buffer: &mut Buffer) {
    let focused = app.focus == pane;
    let style = app.theme.style(if focused { Role::Focused } else { Role::Muted });
    let borders = if left > 0 { Borders::TOP | Borders::LEFT } else { Borders::TOP };
    Block::new().borders(borders).border_style(style).render(area, buffer);
    let title = match pane {
        // the names of its columns stand there
        Pane::List => return,
        Pane::Tree => " Fields ".to_owned(),
        Pane::Hex => match app.detail.as_ref().and_then(|detail| detail.layers.get(app.shown_layer())) {
            Some(layer) => format!(" {}: {} bytes ", layer.name, layer.bytes.len()),
            None => " Bytes ".to_owned(),
        },
    };
    put(buffer, area, left.min(1), &title, style);
}

fn list(app: &App, border: Rect, area: Rect, buffer: &mut Buffer) {
    let pane = ListPane {
        lines: &app.lines,
        columns: app.columns,
        cursor: app.selected_place().and_then(|place| place.checked_sub(app.list.top)),
        focused: app.focus == Pane::List,
        theme: app.theme,
    };
    pane.headings(app.time_format.heading(), border, buffer);
    pane.draw(area, buffer);
    if app.lines.is_empty() {
        let text = Paragraph::new(nothing(app)).wrap(Wrap { trim: true });
        text.render(Rect { x: area.x + 2, width: area.width.saturating_sub(4), ..area }, buffer);
    }
}

/// Why the list is empty, and what to do about it.
fn nothing(app: &App) -> String {
    if let Shown::Filtered(filtered) = &app.shown
        && !app.snapshot.is_empty()
    {
        return match filtered.choice {
            Choice::Pending => String::new(),
            _ => "No packet matches the filter. Esc shows all, / changes the filter.".to_owned(),
        };
    }
    let traffic = app.latest.traffic();
    let frames = match app.progress.stats.frames {
        0 => "no frames".to_owned(),
        1 => "one frame".to_owned(),
        frames => format!("{frames} frames"),
    };
    let mut text = match app.progress.stage {
        Stage::Reading => return String::new(),
        Stage::Live if app.progress.stats.frames == 0 => {
            return "Waiting for traffic. None has come yet.".to_owned();
        }
        Stage::Live => format!("Waiting for MQTT. There was none in {frames} so far."),
        Stage::Done if app.progress.stats.frames == 0 => {
            return "There are no frames in the capture.".to_owned();
        }
        Stage::Done => format!("No MQTT was found in {frames}."),
    };
    for reason in traffic.unreadable() {
        text.push_str(&format!(" {reason}."));
    }
    match traffic.connections {
        0 => text.push_str(" There was no TCP connection among them."),
        connections => {
            let mut ports = traffic.ports.clone();
            ports.sort_by_key(|&(_, connections)| std::cmp::Reverse(connections));
            let named: Vec<_> = ports.iter().take(5).map(|(port, _)| port.to_string()).collect();
            let (were, noun) = if connections == 1 { ("was", "connection") } else { ("were", "connections") };
            text.push_str(&format!(" There {were} {connections} TCP {noun}, on port {}.", named.join(", ")));
            if let Some((port, _)) = ports.first() {
                text.push_str(&format!(
                    " MQTT is recognised by its content on any port; where content cannot tell, say so: \
                     -d tcp.port=={port},mqtt"
                ));
            }
        }
    }
    text
}

fn tree(app: &App, area: Rect, buffer: &mut Buffer) {
    let Some(detail) = &app.detail else { return };
    let pane = TreePane {
        detail,
        folds: &app.folds,
        visible: &app.visible,
        cursor: app.tree.at,
        top: app.tree.top,
        focused: app.focus == Pane::Tree,
        theme: app.theme,
    };
    pane.draw(area, buffer);
}

fn hex(app: &App, area: Rect, buffer: &mut Buffer) {
    let Some(detail) = app.detail.as_ref().filter(|detail| !detail.layers.is_empty()) else { return };
    let pane = HexPane {
        detail,
        layer: app.shown_layer(),
        selected: app.selected_node().map(|(_, node)| node),
        cursor: (app.focus == Pane::Hex).then_some(app.byte),
        top: app.hex_top,
        grid: app.grid(),
        theme: app.theme,
    };
    pane.draw(area, buffer);
}
