//! Where each pane stands. The same places serve drawing, paging and the mouse.

use ratatui::layout::{Position, Rect};

use super::{
    app::{App, Pane},
    panes::hex::Grid,
};

/// How fields and bytes share the room below the list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Arrangement {
    #[default]
    Beside,
    Stacked,
}

/// Two panes that share room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Split {
    /// The list, and what is below it.
    List,
    /// The fields and the bytes.
    Fields,
}

/// How much of the room the first of two panes has, in thousandths.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Shares {
    pub(crate) list: Option<u16>,
    /// `None`: the bytes get what whole lines of theirs need.
    pub(crate) fields: Option<u16>,
}

/// The share of the list where nobody chose another.
const LIST: u16 = 400;
/// The least and the most that the first of two panes has.
const RANGE: std::ops::RangeInclusive<u16> = 100..=900;
/// Lines that a pane has at least, its heading among them.
const LEAST: u16 = 3;

/// The screen's places. A pane that is not shown has no area.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Areas {
    pub(crate) title: Rect,
    pub(crate) prompt: Rect,
    /// All panes.
    pub(crate) middle: Rect,
    pub(crate) status: Rect,
    panes: [Rect; 3],
    stacked: bool,
}

impl Areas {
    pub(crate) fn of(app: &App) -> Self {
        let (columns, lines) = app.size;
        let line = |y| Rect::new(0, y, columns, u16::from(y < lines));
        let middle = Rect::new(0, 2, columns, lines.saturating_sub(3));
        let mut areas = Self {
            title: line(0),
            prompt: line(1),
            middle,
            status: line(lines.saturating_sub(1)),
            panes: [Rect::ZERO; 3],
            stacked: app.arrangement == Arrangement::Stacked,
        };
        if app.zoomed {
            areas.panes[app.focus as usize] = middle;
            return areas;
        }
        let (list, below) = halves(middle, Side::Above, app.shares.list.unwrap_or(LIST));
        let (fields, bytes) = match (app.arrangement, app.shares.fields) {
            (Arrangement::Stacked, share) => halves(below, Side::Above, share.unwrap_or(500)),
            (Arrangement::Beside, Some(share)) => halves(below, Side::Left, share),
            (Arrangement::Beside, None) => {
                let bytes = Grid::comfortable_width(below.width).min(below.width);
                let fields = Rect { width: below.width - bytes, ..below };
                (fields, Rect { x: below.x + fields.width, width: bytes, ..below })
            }
        };
        areas.panes = [list, fields, bytes];
        areas
    }

    /// The pane with its border.
    pub(crate) fn pane(&self, pane: Pane) -> Option<Rect> {
        Some(self.panes[pane as usize]).filter(|area| !area.is_empty())
    }

    /// What the pane's border leaves: it has a line above, and the bytes a column at the left where they stand beside
    /// the fields.
    pub(crate) fn inside(&self, pane: Pane) -> Option<Rect> {
        let area = self.pane(pane)?;
        let border = self.border_left(pane).min(area.width);
        Some(Rect {
            x: area.x + border,
            y: area.y + 1,
            width: area.width - border,
            height: area.height.saturating_sub(1),
        })
    }

    /// Columns of the pane's left border.
    pub(crate) fn border_left(&self, pane: Pane) -> u16 {
        let is_beside = pane == Pane::Hex && !self.stacked && self.pane(Pane::Tree).is_some();
        if is_beside { 2 } else { 0 }
    }

    /// The pane under a place on the screen.
    pub(crate) fn pane_at(&self, position: Position) -> Option<Pane> {
        Pane::ALL.into_iter().find(|&pane| self.pane(pane).is_some_and(|area| area.contains(position)))
    }

    /// The border between two panes that is under a place on the screen.
    pub(crate) fn split_at(&self, position: Position) -> Option<Split> {
        let (list, fields, bytes) = (self.pane(Pane::List)?, self.pane(Pane::Tree)?, self.pane(Pane::Hex)?);
        if !self.middle.contains(position) {
            return None;
        }
        if position.y == list.bottom() {
            return Some(Split::List);
        }
        let on_border = if self.stacked {
            position.y == fields.bottom()
        } else {
            position.x == bytes.x && position.y > bytes.y
        };
        on_border.then_some(Split::Fields)
    }

    /// The share of the first pane where the border is dragged to a place.
    pub(crate) fn share_at(&self, split: Split, position: Position) -> u16 {
        let below = self.panes[Pane::Tree as usize].union(self.panes[Pane::Hex as usize]);
        let (at, of) = match split {
            Split::List => (position.y.saturating_sub(self.middle.y), self.middle.height),
            Split::Fields if self.stacked => (position.y.saturating_sub(below.y), below.height),
            Split::Fields => (position.x.saturating_sub(below.x), below.width),
        };
        // the middle of the cell, so that rounding does not move it
        let share = (u32::from(at) * 2 + 1) * 500 / u32::from(of.max(1));
        (share.min(1000) as u16).clamp(*RANGE.start(), *RANGE.end())
    }

    /// The share of the first pane where the border is moved by so many thousandths.
    pub(crate) fn share_moved(&self, split: Split, by: i16) -> u16 {
        let first = match split {
            Split::List => self.panes[Pane::List as usize],
            Split::Fields => self.panes[Pane::Tree as usize],
        };
        let border = Position::new(first.right(), first.bottom());
        self.share_at(split, border).saturating_add_signed(by).clamp(*RANGE.start(), *RANGE.end())
    }
}

#[derive(Clone, Copy)]
enum Side {
    Above,
    Left,
}

/// Deals an area out to two panes.
fn halves(area: Rect, first: Side, share: u16) -> (Rect, Rect) {
    let part = |of: u16, least: u16| {
        let most = of.saturating_sub(least);
        ((u32::from(of) * u32::from(share) / 1000) as u16).clamp(least.min(most), most.max(least).min(of))
    };
    match first {
        Side::Above => {
            let height = part(area.height, LEAST);
            let below = Rect { y: area.y + height, height: area.height - height, ..area };
            (Rect { height, ..area }, below)
        }
        Side::Left => {
            let width = part(area.width, 10);
            (Rect { width, ..area }, Rect { x: area.x + width, width: area.width - width, ..area })
        }
    }
}
