//! The fields of a packet as a tree.

use ratatui::{
    buffer::Buffer,
    layout::Rect,
    text::{Line, Span},
    widgets::Widget as _,
};

use mqscope_dissect::outline::NodeKind;

use crate::{
    inspector::detail::{Detail, Folds},
    theme::{Role, Theme},
};

/// What to draw.
pub(crate) struct TreePane<'a> {
    pub(crate) detail: &'a Detail,
    pub(crate) folds: &'a Folds,
    /// The visible nodes, by index.
    pub(crate) visible: &'a [usize],
    /// The selected one, as a place among the visible.
    pub(crate) cursor: usize,
    pub(crate) top: usize,
    pub(crate) focused: bool,
    pub(crate) theme: Theme,
}

impl TreePane<'_> {
    pub(crate) fn draw(&self, area: Rect, buffer: &mut Buffer) {
        let shown = self.visible.iter().enumerate().skip(self.top).take(usize::from(area.height));
        for (y, (place, &index)) in shown.enumerate() {
            let row = Rect { y: area.y + y as u16, height: 1, ..area };
            self.line(index).render(row, buffer);
            if place == self.cursor {
                let role = if self.focused { Role::Selected } else { Role::SelectedElsewhere };
                buffer.set_style(row, self.theme.style(role));
            }
        }
    }

    fn line(&self, index: usize) -> Line<'static> {
        let node = &self.detail.nodes[index];
        let fold = match (self.detail.is_group(index), self.folds.is_folded(&self.detail.path(index))) {
            (false, _) => "  ",
            (true, true) => "▸ ",
            (true, false) => "▾ ",
        };
        let role = match node.kind {
            NodeKind::Error => Role::Error,
            NodeKind::Violation => Role::Violation,
            NodeKind::Group => Role::Title,
            NodeKind::Leaf => Role::Text,
        };
        let style = self.theme.style(role);
        let mut spans = vec![
            Span::raw("  ".repeat(node.depth)),
            Span::raw(fold),
            Span::styled(node.label.clone(), style),
        ];
        if !node.value.is_empty() {
            let value_style =
                if node.kind == NodeKind::Leaf { self.theme.style(Role::Field(1)) } else { style };
            spans.push(Span::styled(if node.label.is_empty() { "" } else { ": " }, style));
            spans.push(Span::styled(node.value.clone(), value_style));
        }
        Line::from(spans)
    }
}
