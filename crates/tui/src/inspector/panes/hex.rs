//! The bytes of one layer: each in the colour of its field, the selected field highlighted, its flag bits spelled out.

use ratatui::{
    buffer::Buffer,
    layout::Rect,
    text::{Line, Span},
    widgets::Widget as _,
};

use mqscope_dissect::outline::{NodeKind, OutlineNode};

use crate::{
    inspector::detail::Detail,
    theme::{Role, Theme},
};

/// How the bytes stand in a pane of this width: sixteen a line where they fit, else eight, else four.
pub(crate) fn bytes_per_line(width: u16) -> usize {
    // offset, two spaces, three columns a byte, a space between halves and before the text, a column of text a byte
    let columns = |bytes: usize| 4 + 2 + bytes * 3 + 1 + 1 + bytes;
    [16, 8].into_iter().find(|&bytes| columns(bytes) <= usize::from(width)).unwrap_or(4)
}

/// The byte under a place of the pane, counted from the first byte on the screen.
pub(crate) fn byte_at(width: u16, line: usize, column: usize) -> Option<usize> {
    let per_line = bytes_per_line(width);
    // each half of eight starts with a space of its own
    let start = |byte: usize| 5 + byte * 3 + byte / 8 + 1;
    let text = start(per_line - 1) + 4;
    let hex = (0..per_line).find(|&byte| (start(byte)..start(byte) + 3).contains(&column));
    let in_line = hex.or_else(|| column.checked_sub(text).filter(|&byte| byte < per_line))?;
    Some(line * per_line + in_line)
}

/// What to draw.
pub(crate) struct HexPane<'a> {
    pub(crate) detail: &'a Detail,
    pub(crate) layer: usize,
    /// The selected node, if it is of this layer.
    pub(crate) selected: Option<&'a OutlineNode>,
    /// The byte under the cursor; shown where the pane has the keys.
    pub(crate) cursor: Option<usize>,
    /// The first line drawn.
    pub(crate) top: usize,
    pub(crate) theme: Theme,
}

impl HexPane<'_> {
    pub(crate) fn draw(&self, area: Rect, buffer: &mut Buffer) {
        let bytes = &self.detail.layers[self.layer].bytes;
        let per_line = bytes_per_line(area.width);
        let bits = self.selected.filter(|node| node.mask != 0xff && node.len == 1);
        let lines = usize::from(area.height).saturating_sub(usize::from(bits.is_some()));
        let ordinals = self.detail.leaf_ordinals(self.layer);
        for (y, start) in (self.top * per_line..bytes.len()).step_by(per_line).take(lines).enumerate() {
            let end = (start + per_line).min(bytes.len());
            let line = self.line(start, &bytes[start..end], per_line, &ordinals);
            line.render(Rect { y: area.y + y as u16, height: 1, ..area }, buffer);
        }
        if let Some(node) = bits {
            let line = self.bits(node, bytes[node.start]);
            line.render(Rect { y: area.bottom().saturating_sub(1), height: 1, ..area }, buffer);
        }
    }

    fn line(&self, start: usize, bytes: &[u8], per_line: usize, ordinals: &[Option<usize>]) -> Line<'static> {
        let mut spans = vec![Span::styled(format!("{start:04x} "), self.theme.style(Role::Muted))];
        for column in 0..per_line {
            let gap = if column % 8 == 0 { " " } else { "" };
            match bytes.get(column) {
                Some(byte) => {
                    spans.push(Span::raw(gap));
                    spans.push(Span::styled(format!("{byte:02x}"), self.style(start + column, ordinals)));
                    let joined = self.is_selected(start + column) && self.is_selected(start + column + 1);
                    let between = if joined && column + 1 < bytes.len() {
                        self.style(start + column, ordinals)
                    } else {
                        Default::default()
                    };
                    spans.push(Span::styled(" ", between));
                }
                None => spans.push(Span::raw(format!("{gap}   "))),
            }
        }
        spans.push(Span::raw(" "));
        for (column, &byte) in bytes.iter().enumerate() {
            let shown = if (0x20..0x7f).contains(&byte) { char::from(byte) } else { '·' };
            spans.push(Span::styled(shown.to_string(), self.style(start + column, ordinals)));
        }
        Line::from(spans)
    }

    fn is_selected(&self, byte: usize) -> bool {
        self.selected.is_some_and(|node| node.start <= byte && byte < node.start + node.len)
    }

    fn style(&self, byte: usize, ordinals: &[Option<usize>]) -> ratatui::style::Style {
        let role = if self.detail.is_marked(self.layer, byte, NodeKind::Error) {
            Role::Error
        } else if self.detail.is_marked(self.layer, byte, NodeKind::Violation) {
            Role::Violation
        } else {
            ordinals.get(byte).copied().flatten().map_or(Role::Text, Role::Field)
        };
        let style = self.theme.style(role);
        if self.cursor == Some(byte) {
            return style.patch(self.theme.style(Role::Selected)).underlined();
        }
        if self.is_selected(byte) { style.patch(self.theme.style(Role::Selected)) } else { style }
    }

    /// `byte 0  0011 ··0·`: the selected flag's bits, the others as dots.
    fn bits(&self, node: &OutlineNode, byte: u8) -> Line<'static> {
        let mut text = String::new();
        for bit in (0..8).rev() {
            let shown = if node.mask & (1 << bit) == 0 {
                '·'
            } else if byte & (1 << bit) == 0 {
                '0'
            } else {
                '1'
            };
            text.push(shown);
            if bit == 4 {
                text.push(' ');
            }
        }
        let label = format!("byte {} = {text}  {}: {}", node.start, node.label, node.value);
        Line::styled(label, self.theme.style(Role::Title))
    }
}
