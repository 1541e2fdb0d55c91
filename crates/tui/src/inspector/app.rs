//! The inspector's state. It is changed by `update` alone and drawn by `view` alone.

use mqscope_dissect::{Progress, RowId, Snapshot, outline::OutlineNode};

use super::{
    detail::{Detail, Folds},
    filter_line::FilterEdit,
    layout::{Areas, Arrangement},
    panes::hex,
};
use crate::theme::Theme;

/// All that the screen shows.
pub(crate) struct App {
    /// The capture's name, as the user gave it.
    pub(crate) title: String,
    pub(crate) theme: Theme,
    /// Columns and lines of the terminal.
    pub(crate) size: (u16, u16),
    pub(crate) snapshot: Snapshot,
    pub(crate) progress: Progress,
    pub(crate) shown: Shown,
    pub(crate) focus: Pane,
    pub(crate) zoomed: bool,
    pub(crate) arrangement: Arrangement,
    pub(crate) list_percent: u16,
    /// The selected packet, as a place among those shown.
    pub(crate) list: Cursor,
    /// Whether the selection stays at the last packet as new ones come.
    pub(crate) follow: bool,
    /// Whether new packets are kept off the screen.
    pub(crate) paused: bool,
    /// Whether reading was asked to stop; it may take a moment to be done.
    pub(crate) stop_asked: bool,
    pub(crate) time_format: TimeFormat,
    pub(crate) detail: Option<Detail>,
    pub(crate) folds: Folds,
    /// The selected field, as a place among the visible nodes.
    pub(crate) tree: Cursor,
    /// The byte under the cursor of the hex pane, and its first line.
    pub(crate) hex: Cursor,
    pub(crate) mode: Mode,
    pub(crate) filter_history: Vec<String>,
    /// One line about what was just done or could not be.
    pub(crate) message: Option<String>,
}

/// What has the keys besides the panes.
pub(crate) enum Mode {
    Panes {
        /// The first of two keys.
        prefix: Option<char>,
    },
    Filter(Box<FilterEdit>),
    Help {
        top: usize,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pane {
    List,
    Tree,
    Hex,
}

/// A selected place and the first place on the screen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cursor {
    pub(crate) at: usize,
    pub(crate) top: usize,
}

impl Cursor {
    /// Scrolls as little as shows the selected place on a screen of `page` places.
    pub(crate) fn keep_in_sight(&mut self, page: usize) {
        let page = page.max(1);
        self.top = self.top.clamp((self.at + 1).saturating_sub(page), self.at);
    }
}

/// Which packets the list shows.
pub(crate) enum Shown {
    All,
    Filtered(Filtered),
}

/// The packets that a filter lets through, as far as they have been looked at.
pub(crate) struct Filtered {
    pub(crate) text: String,
    /// Results of an older filter carry an older number and are dropped.
    pub(crate) generation: u64,
    pub(crate) rows: Vec<RowId>,
    /// `rows` holds every match below this row.
    pub(crate) scanned: u32,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum TimeFormat {
    #[default]
    SinceStart,
    SincePrevious,
    TimeOfDay,
    Date,
}

impl TimeFormat {
    pub(crate) fn next(self) -> Self {
        match self {
            Self::SinceStart => Self::SincePrevious,
            Self::SincePrevious => Self::TimeOfDay,
            Self::TimeOfDay => Self::Date,
            Self::Date => Self::SinceStart,
        }
    }
}

impl App {
    pub(crate) fn new(title: String, theme: Theme, size: (u16, u16), snapshot: Snapshot, live: bool) -> Self {
        Self {
            title,
            theme,
            size,
            snapshot,
            progress: Progress::default(),
            shown: Shown::All,
            focus: Pane::List,
            zoomed: false,
            arrangement: Arrangement::default(),
            list_percent: 40,
            list: Cursor::default(),
            follow: live,
            paused: false,
            stop_asked: false,
            time_format: TimeFormat::default(),
            detail: None,
            folds: Folds::new(super::dissection::FOLDED_AT_FIRST.map(str::to_owned)),
            tree: Cursor::default(),
            hex: Cursor::default(),
            mode: Mode::Panes { prefix: None },
            filter_history: Vec::new(),
            message: None,
        }
    }

    /// Whether a filter has packets yet to look at.
    pub(crate) fn is_filtering(&self) -> bool {
        matches!(&self.shown, Shown::Filtered(filtered) if filtered.scanned < self.snapshot.len())
    }

    /// How many packets the list has.
    pub(crate) fn shown_len(&self) -> usize {
        match &self.shown {
            Shown::All => self.snapshot.len() as usize,
            // while paused, results may be ahead of what is shown
            Shown::Filtered(filtered) => filtered.rows.partition_point(|&row| row.0 < self.snapshot.len()),
        }
    }

    /// The row of the packet at a place of the list.
    pub(crate) fn row_at(&self, place: usize) -> Option<RowId> {
        let row = match &self.shown {
            Shown::All => u32::try_from(place).ok().map(RowId),
            Shown::Filtered(filtered) => filtered.rows.get(place).copied(),
        };
        row.filter(|row| row.0 < self.snapshot.len())
    }

    /// The place of a row in the list, or of the first shown after it.
    pub(crate) fn place_of(&self, row: RowId) -> usize {
        match &self.shown {
            Shown::All => row.0 as usize,
            Shown::Filtered(filtered) => filtered.rows.partition_point(|&other| other < row),
        }
    }

    pub(crate) fn selected_row(&self) -> Option<RowId> {
        self.row_at(self.list.at)
    }

    /// The visible nodes of the selected packet's tree, by index.
    pub(crate) fn visible_nodes(&self) -> Vec<usize> {
        self.detail.as_ref().map(|detail| detail.visible(&self.folds)).unwrap_or_default()
    }

    /// The selected field, with its index among all nodes.
    pub(crate) fn selected_node(&self) -> Option<(usize, &OutlineNode)> {
        let detail = self.detail.as_ref()?;
        let index = *detail.visible(&self.folds).get(self.tree.at)?;
        detail.nodes.get(index).map(|node| (index, node))
    }

    /// The layer whose bytes are shown: that of the selected field.
    pub(crate) fn shown_layer(&self) -> usize {
        match (self.selected_node(), &self.detail) {
            (Some((_, node)), _) => node.layer,
            (None, Some(detail)) => detail.layers.len().saturating_sub(1),
            (None, None) => 0,
        }
    }

    /// How many places of a pane are on the screen.
    pub(crate) fn page(&self, pane: Pane) -> usize {
        Areas::of(self).inside(pane).map_or(1, |area| usize::from(area.height).max(1))
    }

    /// How many bytes stand in a line of the hex pane.
    pub(crate) fn bytes_per_line(&self) -> usize {
        Areas::of(self).inside(Pane::Hex).map_or(16, |area| hex::bytes_per_line(area.width))
    }
}
