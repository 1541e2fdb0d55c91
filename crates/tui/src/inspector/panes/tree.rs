//! The fields of a packet as a tree.

use ratatui::{buffer::Buffer, layout::Rect};

use mqscope_dissect::outline::NodeKind;

use crate::{
    fit::put,
    inspector::detail::{Detail, Folds},
    theme::{Role, Theme},
};

/// Columns that a level of the tree is indented by.
pub(crate) const INDENT: u16 = 2;

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
            self.line(index, row, buffer);
            if place == self.cursor {
                let role = if self.focused { Role::Selected } else { Role::SelectedElsewhere };
                buffer.set_style(row, self.theme.style(role));
            }
        }
    }

    fn line(&self, index: usize, row: Rect, buffer: &mut Buffer) {
        let node = &self.detail.nodes[index];
        let fold = match (self.detail.is_group(index), self.folds.is_folded(self.detail.path(index))) {
            (false, _) => "",
            (true, true) => "▸",
            (true, false) => "▾",
        };
        let (label, value) = match node.kind {
            NodeKind::Error => (Role::Error, Role::Error),
            NodeKind::Violation => (Role::Violation, Role::Violation),
            NodeKind::Group => (Role::Title, Role::Title),
            NodeKind::Leaf => (Role::Text, Role::Value),
        };
        // deep trees keep their labels on the screen
        let indent = (node.depth as u16).saturating_mul(INDENT).min(row.width / 2);
        put(buffer, row, indent, fold, self.theme.style(Role::Text));
        let mut end = put(buffer, row, indent + INDENT, &node.label, self.theme.style(label));
        if !node.value.is_empty() {
            if !node.label.is_empty() {
                end = put(buffer, row, end, ": ", self.theme.style(label));
            }
            put(buffer, row, end, &node.value, self.theme.style(value));
        }
    }
}
