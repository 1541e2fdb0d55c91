//! The packets, one a line.

use mqscope_dissect::Side;
use ratatui::{buffer::Buffer, layout::Rect};
use unicode_width::UnicodeWidthStr as _;

use crate::{
    fit::put,
    theme::{Role, Theme},
};

/// One packet as the list shows it, already free of control characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PacketLine {
    pub(crate) number: String,
    pub(crate) time: String,
    /// Who sent it.
    pub(crate) side: Side,
    pub(crate) client: String,
    pub(crate) kind: &'static str,
    pub(crate) kind_role: Role,
    pub(crate) info: String,
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

/// The widths of the columns. They grow with what they hold and never shrink, so that nothing jumps while one scrolls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Columns {
    number: usize,
    time: usize,
    client: usize,
}

impl Default for Columns {
    fn default() -> Self {
        Self { number: "frame".len(), time: 8, client: 6 }
    }
}

/// The widest packet type is `UNSUBSCRIBE`.
const KIND: u16 = 11;

impl Columns {
    /// Makes room for these lines in a list of `width` columns.
    pub(crate) fn grow(&mut self, lines: &[PacketLine], width: u16) {
        let widest = |part: fn(&PacketLine) -> &str| lines.iter().map(|line| part(line).width()).max();
        self.number = self.number.max(widest(|line| &line.number).unwrap_or(0));
        self.time = self.time.max(widest(|line| &line.time).unwrap_or(0));
        let most = usize::from(width / 5).max(8);
        self.client = self.client.max(widest(|line| &line.client).unwrap_or(0)).min(most);
    }

    /// Where the columns begin: number, time, arrow, client, kind, info.
    fn starts(self) -> [u16; 6] {
        let number = 1;
        let time = number + self.number + 2;
        let arrow = time + self.time + 2;
        let client = arrow + 2;
        let kind = client + self.client + 2;
        [number, time, arrow, client, kind, kind + usize::from(KIND) + 2].map(|start| start as u16)
    }
}

/// What to draw.
pub(crate) struct ListPane<'a> {
    /// From the first line on the screen.
    pub(crate) lines: &'a [PacketLine],
    pub(crate) columns: Columns,
    /// The selected line, counted from the first on the screen.
    pub(crate) cursor: Option<usize>,
    pub(crate) focused: bool,
    pub(crate) theme: Theme,
}

impl ListPane<'_> {
    /// The names of the columns, over the pane's border.
    pub(crate) fn headings(&self, time: &str, border: Rect, buffer: &mut Buffer) {
        let role = if self.focused { Role::Focused } else { Role::Muted };
        let [number, at, _, client, kind, _] = self.columns.starts();
        let right = |start: u16, width: usize, text: &str| start + width.saturating_sub(text.len()) as u16;
        let headings = [
            (right(number, self.columns.number, "frame"), "frame"),
            (right(at, self.columns.time, time), time),
            (client, "client"),
            (kind, "type"),
        ];
        for (column, text) in headings {
            put(buffer, border, column - 1, &format!(" {text} "), self.theme.style(role));
        }
    }

    pub(crate) fn draw(&self, area: Rect, buffer: &mut Buffer) {
        for (y, line) in self.lines.iter().take(usize::from(area.height)).enumerate() {
            let row = Rect { y: area.y + y as u16, height: 1, ..area };
            self.line(line, row, buffer);
            if self.cursor == Some(y) {
                let role = if self.focused { Role::Selected } else { Role::SelectedElsewhere };
                buffer.set_style(row, self.theme.style(role));
            }
        }
    }

    fn line(&self, line: &PacketLine, row: Rect, buffer: &mut Buffer) {
        let style = |role| self.theme.style(role);
        let (sign, mark) = match line.mark {
            Mark::None => (" ", Role::Text),
            Mark::Inferred => ("?", Role::Inferred),
            Mark::Violation => ("!", Role::Violation),
            Mark::Error => ("✗", Role::Error),
        };
        let arrow = match line.side {
            Side::Client => "→",
            Side::Server => "←",
        };
        let [number, time, at_arrow, client, kind, info] = self.columns.starts();
        let right =
            |start: u16, width: usize, text: &str| start + (width.saturating_sub(text.width())) as u16;
        put(buffer, row, 0, sign, style(mark));
        put(buffer, row, right(number, self.columns.number, &line.number), &line.number, style(Role::Muted));
        put(buffer, row, right(time, self.columns.time, &line.time), &line.time, style(Role::Text));
        put(buffer, row, at_arrow, arrow, style(Role::Text));
        let client_end = Rect { width: row.width.min(client + self.columns.client as u16), ..row };
        put(buffer, client_end, client, &line.client, style(Role::Text));
        put(buffer, row, kind, line.kind, style(line.kind_role));
        put(buffer, row, info, &line.info, style(Role::Text));
    }
}
