//! The packets, one a line.

use ratatui::{
    buffer::Buffer,
    layout::Rect,
    text::{Line, Span},
    widgets::Widget as _,
};
use unicode_width::UnicodeWidthStr as _;

use crate::theme::{Role, Theme};

/// One packet as the list shows it, already free of control characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PacketLine {
    pub(crate) number: String,
    pub(crate) time: String,
    /// Who sent it to whom: client identifier and arrow.
    pub(crate) way: String,
    pub(crate) kind: &'static str,
    pub(crate) kind_role: Role,
    pub(crate) info: String,
    /// How the packet stands out.
    pub(crate) mark: Mark,
}

/// How a packet stands out in the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    None,
    /// Its version, or that it is a packet at all, is a guess.
    Inferred,
    Violation,
    Error,
}

/// What to draw.
pub(crate) struct ListPane<'a> {
    /// From the first line on the screen.
    pub(crate) lines: &'a [PacketLine],
    /// The selected line, counted from the first on the screen.
    pub(crate) cursor: Option<usize>,
    pub(crate) focused: bool,
    pub(crate) theme: Theme,
}

impl ListPane<'_> {
    pub(crate) fn draw(&self, area: Rect, buffer: &mut Buffer) {
        let width = |part: fn(&PacketLine) -> &str, least: usize, most: usize| {
            self.lines.iter().map(|line| part(line).width()).max().unwrap_or(0).clamp(least, most)
        };
        let number = width(|line| &line.number, 3, 10);
        let time = width(|line| &line.time, 8, 30);
        let way = width(|line| &line.way, 8, usize::from(area.width) / 3);
        for (y, line) in self.lines.iter().take(usize::from(area.height)).enumerate() {
            let row = Rect { y: area.y + y as u16, height: 1, ..area };
            let (sign, mark) = match line.mark {
                Mark::None => (" ", Role::Text),
                Mark::Inferred => ("?", Role::Inferred),
                Mark::Violation => ("!", Role::Violation),
                Mark::Error => ("✗", Role::Error),
            };
            let spans = vec![
                Span::styled(sign, self.theme.style(mark)),
                Span::styled(format!("{:>number$} ", line.number), self.theme.style(Role::Muted)),
                Span::raw(format!("{:>time$} ", line.time)),
                Span::raw(fit(&line.way, way)),
                Span::raw(" "),
                Span::styled(format!("{:<11} ", line.kind), self.theme.style(line.kind_role)),
                Span::raw(line.info.clone()),
            ];
            Line::from(spans).render(row, buffer);
            if self.cursor == Some(y) {
                let role = if self.focused { Role::Selected } else { Role::SelectedElsewhere };
                buffer.set_style(row, self.theme.style(role));
            }
        }
    }
}

/// Text cut or filled to a width in columns; what is cut ends in `…`.
fn fit(text: &str, width: usize) -> String {
    let mut fitted = String::new();
    let mut room = width;
    if text.width() > width {
        for c in text.chars() {
            let columns = unicode_width::UnicodeWidthChar::width(c).unwrap_or(0);
            if columns + 1 > room {
                break;
            }
            room -= columns;
            fitted.push(c);
        }
        fitted.push('…');
        room = room.saturating_sub(1);
    } else {
        fitted.push_str(text);
        room -= text.width();
    }
    fitted.push_str(&" ".repeat(room));
    fitted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_fitted_by_columns_not_by_characters() {
        assert_eq!(fit("abc", 5), "abc  ");
        assert_eq!(fit("abcdef", 4), "abc…");
        assert_eq!(fit("温度計", 5), "温度…");
        assert_eq!(fit("温度計", 4), "温… ");
    }
}
