//! Where each pane stands. The same places serve drawing, paging and the mouse.

use ratatui::layout::{Constraint, Direction, Layout as Split, Position, Rect};

use super::app::{App, Pane};

/// How fields and bytes share the room below the list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Arrangement {
    #[default]
    Beside,
    Stacked,
}

/// The screen's places. A pane that is not shown has no area.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Areas {
    pub(crate) title: Rect,
    pub(crate) filter: Rect,
    list: Option<Rect>,
    tree: Option<Rect>,
    hex: Option<Rect>,
    pub(crate) status: Rect,
}

impl Areas {
    pub(crate) fn of(app: &App) -> Self {
        let [title, filter, middle, status] = Split::vertical([
            Constraint::Length(1),
            Constraint::Length(1),
            Constraint::Min(3),
            Constraint::Length(1),
        ])
        .areas(Rect::new(0, 0, app.size.0, app.size.1));
        let mut areas = Self { title, filter, status, ..Self::default() };
        if app.zoomed {
            *areas.slot(app.focus) = Some(middle);
            return areas;
        }
        let [list, below] = Split::vertical([
            Constraint::Percentage(app.list_percent),
            Constraint::Percentage(100 - app.list_percent),
        ])
        .areas(middle);
        let direction = match app.arrangement {
            Arrangement::Beside => Direction::Horizontal,
            Arrangement::Stacked => Direction::Vertical,
        };
        // sixteen bytes a line need 73 columns with their border: they get them where the fields keep as many
        let hex = match app.arrangement {
            Arrangement::Beside if below.width >= 118 => Constraint::Length(75),
            Arrangement::Beside if below.width >= 80 => Constraint::Length(41),
            _ => Constraint::Percentage(50),
        };
        let [tree, hex] = Split::new(direction, [Constraint::Min(1), hex]).areas(below);
        Self { list: Some(list), tree: Some(tree), hex: Some(hex), ..areas }
    }

    fn slot(&mut self, pane: Pane) -> &mut Option<Rect> {
        match pane {
            Pane::List => &mut self.list,
            Pane::Tree => &mut self.tree,
            Pane::Hex => &mut self.hex,
        }
    }

    /// The pane with its border.
    pub(crate) fn pane(&self, pane: Pane) -> Option<Rect> {
        match pane {
            Pane::List => self.list,
            Pane::Tree => self.tree,
            Pane::Hex => self.hex,
        }
    }

    /// The inside of the pane's top border; the list has its column heads there.
    pub(crate) fn inside(&self, pane: Pane) -> Option<Rect> {
        self.pane(pane).map(|area| Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area })
    }

    /// The pane under a place on the screen.
    pub(crate) fn pane_at(&self, position: Position) -> Option<Pane> {
        [Pane::List, Pane::Tree, Pane::Hex]
            .into_iter()
            .find(|&pane| self.pane(pane).is_some_and(|area| area.contains(position)))
    }
}
