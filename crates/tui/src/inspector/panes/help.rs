//! The key table, over everything else.

use ratatui::{
    Frame,
    text::{Line, Span},
    widgets::{Block, Clear, Paragraph},
};

use crate::{
    keymap::{Context, KEYS},
    theme::{Role, Theme},
};

/// The parts of the help.
const PARTS: [(Context, &str); 4] = [
    (Context::Panes, "In the panes"),
    (Context::Filter, "In the filter line"),
    (Context::Search, "In the search line"),
    (Context::Reader, "Where a value or this help is read"),
];

/// What the marks in the list mean, and the mouse.
const REST: [&str; 5] = [
    "→ from the client, ← from the broker.",
    "✗ malformed, ! breaks a rule, ? a guess: the capture lacks what went before.",
    "In hexadecimal, every field has its colour; violations and malformed bytes stand out.",
    "The mouse selects with a click, scrolls with the wheel and drags the borders of panes.",
    "Filters are written as in Wireshark: mqtt.topic contains \"temp\" and mqtt.qos > 0",
];

/// Lines of the help.
pub(crate) fn len() -> usize {
    PARTS.len() * 2 + KEYS.len() + REST.len()
}

/// Lines of the help on a screen of this size.
pub(crate) fn page(size: (u16, u16)) -> usize {
    usize::from(size.1).saturating_sub(2).max(1)
}

pub(crate) fn draw(theme: Theme, top: usize, frame: &mut Frame<'_>) {
    let mut lines = Vec::with_capacity(len());
    for (context, heading) in PARTS {
        lines.push(Line::styled(heading, theme.style(Role::Title)));
        for binding in KEYS.iter().filter(|binding| binding.context == context) {
            lines.push(Line::from(vec![
                Span::styled(format!("  {:<12}", binding.keys.join(" or ")), theme.style(Role::Key)),
                Span::raw(" "),
                Span::raw(binding.help),
            ]));
        }
        lines.push(Line::raw(""));
    }
    lines.extend(REST.map(Line::raw));
    let title = Span::styled(" Keys (Esc: back) ", theme.style(Role::Focused));
    let block = Block::bordered().border_style(theme.style(Role::Muted)).title(title);
    let area = frame.area();
    frame.render_widget(Clear, area);
    frame.render_widget(Paragraph::new(lines).block(block).scroll((top as u16, 0)), area);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_has_a_part_of_the_help() {
        for binding in KEYS {
            assert!(PARTS.iter().any(|(context, _)| *context == binding.context), "{:?}", binding.keys);
        }
    }
}
