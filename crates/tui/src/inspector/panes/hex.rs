//! The bytes of one layer: each in the colour of its field, the selected field highlighted, its flag bits spelled out.

use std::ops::Range;

use ratatui::{
    buffer::Buffer,
    layout::Rect,
    style::{Modifier, Style},
};

use mqscope_dissect::outline::OutlineNode;

use crate::{
    fit::put,
    inspector::detail::{Detail, Ink},
    theme::{Role, Theme},
};

/// Bytes that stand together, with a wider gap to the next.
const GROUP: usize = 8;
/// Bytes a line in a pane beside the fields, if so many columns are left for those.
const BESIDE: [(usize, u16); 2] = [(16, 44), (8, 36)];

/// How bytes stand in lines: their offset, the bytes in hexadecimal, the bytes as text.
///
/// ```text
/// 0010  00 00 3c 21 00 0a 27 00  01 00 00 22 00 04 19 01  ··<!··'····"····
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Grid {
    /// Digits of an offset.
    digits: usize,
    pub(crate) per_line: usize,
}

impl Grid {
    /// For `len` bytes in a pane of this width: as many a line as fit, 32, 16, 8 or 4.
    pub(crate) fn new(width: u16, len: usize) -> Self {
        let digits = (len.saturating_sub(1).checked_ilog(16).unwrap_or(0) as usize + 1).max(4);
        let grid = |per_line| Self { digits, per_line };
        [32, 16, 8].map(grid).into_iter().find(|grid| grid.width() <= usize::from(width)).unwrap_or(grid(4))
    }

    /// The width of a pane beside the fields that wastes nothing, of `width` for both.
    pub(crate) fn comfortable_width(width: u16) -> u16 {
        const BORDER: u16 = 2;
        let fitting = BESIDE.into_iter().find_map(|(per_line, fields)| {
            let columns = Self { digits: 4, per_line }.width() as u16 + BORDER;
            (width >= columns + fields).then_some(columns)
        });
        fitting.unwrap_or(width / 2)
    }

    /// Columns of a line.
    pub(crate) fn width(self) -> usize {
        self.text_column(self.per_line)
    }

    /// Where a byte of a line stands in hexadecimal.
    fn hex_column(self, byte: usize) -> usize {
        self.digits + 2 + byte * 3 + byte / GROUP
    }

    /// Where a byte of a line stands as text.
    fn text_column(self, byte: usize) -> usize {
        self.hex_column(self.per_line - 1) + 2 + 2 + byte
    }

    /// The byte under a column of a line.
    pub(crate) fn byte_under(self, column: usize) -> Option<usize> {
        (0..self.per_line).find(|&byte| {
            (self.hex_column(byte)..self.hex_column(byte) + 3).contains(&column)
                || self.text_column(byte) == column
        })
    }
}

/// What to draw.
pub(crate) struct HexPane<'a> {
    pub(crate) detail: &'a Detail,
    pub(crate) layer: usize,
    /// The selected node, if it is of this layer.
    pub(crate) selected: Option<&'a OutlineNode>,
    /// The byte under the cursor, where the pane has the keys.
    pub(crate) cursor: Option<usize>,
    /// The first line drawn.
    pub(crate) top: usize,
    pub(crate) grid: Grid,
    pub(crate) theme: Theme,
}

impl HexPane<'_> {
    pub(crate) fn draw(&self, area: Rect, buffer: &mut Buffer) {
        let bytes = &self.detail.layers[self.layer].bytes;
        let per_line = self.grid.per_line;
        let flag = self.selected.filter(|node| node.mask != 0xff && node.len == 1);
        let lines = usize::from(area.height).saturating_sub(usize::from(flag.is_some()));
        let from = (self.top * per_line).min(bytes.len());
        let shown = from..bytes.len().min(from + lines * per_line);
        let ink = self.detail.ink(self.layer, shown.clone());
        for (y, (line, ink)) in bytes[shown].chunks(per_line).zip(ink.chunks(per_line)).enumerate() {
            let place = Rect { y: area.y + y as u16, height: 1, ..area };
            self.line(from + y * per_line, line, ink, place, buffer);
        }
        if let Some(node) = flag {
            let place = Rect { y: area.bottom().saturating_sub(1), height: 1, ..area };
            put(buffer, place, 0, &bits(node, bytes[node.start]), self.theme.style(Role::Title));
        }
    }

    fn line(&self, start: usize, bytes: &[u8], ink: &[Ink], place: Rect, buffer: &mut Buffer) {
        let digits = self.grid.digits;
        put(buffer, place, 0, &format!("{start:0digits$x}"), self.theme.style(Role::Muted));
        for (column, (&byte, &ink)) in bytes.iter().zip(ink).enumerate() {
            let at = start + column;
            let style = self.style(at, ink);
            let hex = self.grid.hex_column(column) as u16;
            let mut end = put(buffer, place, hex, &format!("{byte:02x}"), style);
            // the gap inside the selection belongs to it
            let next = self.grid.hex_column(column + 1) as u16;
            if self.is_selected(at) && self.is_selected(at + 1) && column + 1 < bytes.len() {
                let gap = Style { add_modifier: style.add_modifier - Modifier::UNDERLINED, ..style };
                let gap = if self.cursor == Some(at) { self.field_style(Ink::Plain) } else { gap };
                while end < next && end < place.width {
                    end = put(buffer, place, end, " ", gap);
                }
            }
            let shown = if (0x20..0x7f).contains(&byte) { char::from(byte) } else { '·' };
            let text = self.grid.text_column(column) as u16;
            put(buffer, place, text, shown.encode_utf8(&mut [0; 4]), style);
        }
    }

    fn selection(&self) -> Range<usize> {
        self.selected.map_or(0..0, |node| node.start..node.start + node.len)
    }

    fn is_selected(&self, byte: usize) -> bool {
        self.selection().contains(&byte)
    }

    fn style(&self, byte: usize, ink: Ink) -> Style {
        if self.cursor == Some(byte) {
            self.theme.style(Role::Selected)
        } else if self.is_selected(byte) {
            self.field_style(ink)
        } else {
            self.theme.style(role(ink))
        }
    }

    /// The selected field's bytes: they stand out, and still less than the byte under the cursor.
    fn field_style(&self, ink: Ink) -> Style {
        match self.cursor {
            Some(_) => self.theme.style(Role::SelectedElsewhere),
            None => self.theme.style(role(ink)).add_modifier(Modifier::REVERSED),
        }
    }
}

fn role(ink: Ink) -> Role {
    match ink {
        Ink::Plain => Role::Text,
        Ink::Field(colour) => Role::Field(colour),
        Ink::Violation => Role::Violation,
        Ink::Error => Role::Error,
    }
}

/// `byte 0 = ···· 001·  QoS: 1`: the selected flag's bits, the others as dots.
fn bits(node: &OutlineNode, byte: u8) -> String {
    let bit = |bit: u8| match (node.mask & (1 << bit), byte & (1 << bit)) {
        (0, _) => '·',
        (_, 0) => '0',
        _ => '1',
    };
    let (high, low): (String, String) = ((4..8).rev().map(bit).collect(), (0..4).rev().map(bit).collect());
    format!("byte {} = {high} {low}  {}: {}", node.start, node.label, node.value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_have_as_many_digits_as_the_last_needs() {
        assert_eq!(Grid::new(80, 0x1_0000).digits, 4);
        assert_eq!(Grid::new(80, 0x1_0001).digits, 5);
        assert_eq!(Grid::new(80, 16 << 20).digits, 6);
        assert_eq!(Grid::new(80, 0).digits, 4);
    }

    #[test]
    fn as_many_bytes_stand_in_a_line_as_fit() {
        let per_line = |width| Grid::new(width, 100).per_line;
        assert_eq!([140, 138, 137, 72, 71, 39, 38, 0].map(per_line), [32, 32, 16, 16, 8, 8, 4, 4]);
        assert_eq!(Grid::comfortable_width(120), 74);
        assert_eq!(Grid::comfortable_width(80), 41);
    }

    #[test]
    fn a_column_leads_to_its_byte_and_back() {
        for width in [30, 40, 80, 140] {
            let grid = Grid::new(width, 0x2_0000);
            for byte in 0..grid.per_line {
                assert_eq!(grid.byte_under(grid.hex_column(byte)), Some(byte));
                assert_eq!(grid.byte_under(grid.text_column(byte)), Some(byte));
            }
            assert_eq!(grid.byte_under(0), None);
            assert_eq!(grid.byte_under(grid.width()), None);
        }
    }
}
