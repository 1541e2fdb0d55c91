//! The inspector's state. It is changed by `update` alone and drawn by `view` alone.

use std::sync::Arc;

use mqscope_dissect::{Progress, RowId, Snapshot, outline::OutlineNode, search::Search};

use super::{
    cursor::Cursor,
    detail::{Detail, Folds, PathId},
    gauges::Gauges,
    layout::{Areas, Arrangement, Shares, Split},
    panes::{
        hex::Grid,
        list::{Columns, PacketLine},
        reader::Reader,
    },
    prompt::{FilterPrompt, Line},
};
use crate::theme::Theme;

/// All that the screen shows.
pub(crate) struct App {
    /// The capture's name, as the user gave it.
    pub(crate) title: String,
    pub(crate) theme: Theme,
    /// Columns and lines of the terminal.
    pub(crate) size: (u16, u16),
    /// The packets that can be shown; while paused, those there were then.
    pub(crate) snapshot: Snapshot,
    /// All packets there are.
    pub(crate) latest: Snapshot,
    pub(crate) progress: Progress,
    /// Whether the user asked to read no further.
    pub(crate) stopped: bool,
    pub(crate) watch: Watch,
    pub(crate) gauges: Gauges,
    pub(crate) shown: Shown,
    /// The filter that was there before that for one session.
    pub(crate) before_session: Option<String>,
    /// The number of the latest job.
    pub(crate) generation: u64,
    pub(crate) focus: Pane,
    pub(crate) zoomed: bool,
    pub(crate) arrangement: Arrangement,
    pub(crate) shares: Shares,
    /// The border that the mouse holds.
    pub(crate) dragged: Option<Split>,
    /// The selected packet, as a place among those shown.
    pub(crate) list: Cursor,
    /// The packet that the user went to last. A filter may hide it; without the filter it is selected again.
    pub(crate) home: Option<RowId>,
    /// The packets on the screen.
    pub(crate) lines: Vec<PacketLine>,
    pub(crate) columns: Columns,
    pub(crate) time_format: TimeFormat,
    pub(crate) detail: Option<Detail>,
    pub(crate) folds: Folds,
    /// The visible nodes of the selected packet's tree, by index.
    pub(crate) visible: Vec<usize>,
    /// The selected field, as a place among the visible nodes.
    pub(crate) tree: Cursor,
    /// The field that the user went to last. It is selected in every packet that has it.
    pub(crate) field: Option<PathId>,
    /// The byte under the cursor of the hex pane.
    pub(crate) byte: usize,
    /// The first line of the hex pane.
    pub(crate) hex_top: usize,
    pub(crate) mode: Mode,
    /// The first of two keys.
    pub(crate) prefix: Option<char>,
    pub(crate) filters: Vec<String>,
    pub(crate) searches: Vec<String>,
    pub(crate) search: Option<Searching>,
    /// One line about what was just done or could not be.
    pub(crate) message: Option<String>,
}

/// What has the keys.
pub(crate) enum Mode {
    Panes,
    Filter(Box<FilterPrompt>),
    Search(Box<Line>),
    /// A value in full, over the panes.
    Reader(Box<Reader>),
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

impl Pane {
    pub(crate) const ALL: [Self; 3] = [Self::List, Self::Tree, Self::Hex];
}

/// What becomes of the screen as new packets come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Watch {
    /// The last packet is selected.
    Follow,
    /// The selection stays; the list grows.
    Stay,
    /// Nothing changes.
    Pause {
        /// Whether the last packet will be selected again afterwards.
        followed: bool,
    },
}

/// Which packets the list shows.
pub(crate) enum Shown {
    All,
    Filtered(Filtered),
}

/// The packets that a filter lets through, as far as they have been looked at.
pub(crate) struct Filtered {
    pub(crate) text: String,
    /// Results of another filter carry another number and are dropped.
    pub(crate) generation: u64,
    pub(crate) rows: Vec<RowId>,
    /// `rows` holds every match below this row.
    pub(crate) scanned: u32,
    pub(crate) choice: Choice,
}

/// Which of a filter's packets is selected: the nearest to [`App::home`], until the user moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Choice {
    /// Not all packets have been looked at; the one from before stays on the screen.
    Pending,
    /// There is none to select yet.
    Nothing,
    Made,
}

/// A text that is looked for.
pub(crate) struct Searching {
    pub(crate) search: Arc<Search>,
    /// The job that looks for it, while it does.
    pub(crate) running: Option<u64>,
    /// The field to select in the packet that was found, once that is taken apart.
    pub(crate) field: Option<&'static str>,
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

    /// What stands over the column.
    pub(crate) fn heading(self) -> &'static str {
        match self {
            Self::SinceStart => "time",
            Self::SincePrevious => "since last",
            Self::TimeOfDay => "time of day",
            Self::Date => "date and time",
        }
    }
}

impl App {
    pub(crate) fn new(title: String, theme: Theme, size: (u16, u16), snapshot: Snapshot) -> Self {
        Self {
            title,
            theme,
            size,
            latest: snapshot.clone(),
            snapshot,
            progress: Progress::default(),
            stopped: false,
            watch: Watch::Stay,
            gauges: Gauges::default(),
            shown: Shown::All,
            before_session: None,
            generation: 0,
            focus: Pane::List,
            zoomed: false,
            arrangement: Arrangement::default(),
            shares: Shares::default(),
            dragged: None,
            list: Cursor::default(),
            home: None,
            lines: Vec::new(),
            columns: Columns::default(),
            time_format: TimeFormat::default(),
            detail: None,
            folds: Folds::new(super::dissection::FOLDED_AT_FIRST),
            visible: Vec::new(),
            tree: Cursor::default(),
            field: None,
            byte: 0,
            hex_top: 0,
            mode: Mode::Panes,
            prefix: None,
            filters: Vec::new(),
            searches: Vec::new(),
            search: None,
            message: None,
        }
    }

    /// Whether a filter has packets yet to look at.
    pub(crate) fn is_filtering(&self) -> bool {
        matches!(&self.shown, Shown::Filtered(filtered) if filtered.scanned < self.latest.len())
    }

    pub(crate) fn is_searching(&self) -> bool {
        self.search.as_ref().is_some_and(|search| search.running.is_some())
    }

    pub(crate) fn is_paused(&self) -> bool {
        matches!(self.watch, Watch::Pause { .. })
    }

    /// How many packets the list has.
    pub(crate) fn shown_len(&self) -> usize {
        match &self.shown {
            Shown::All => self.snapshot.len() as usize,
            // results may be ahead of what is shown
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

    fn choice(&self) -> Choice {
        match &self.shown {
            Shown::All => Choice::Made,
            Shown::Filtered(filtered) => filtered.choice,
        }
    }

    /// The selected place of the list, if there is one.
    pub(crate) fn selected_place(&self) -> Option<usize> {
        (self.choice() == Choice::Made && self.list.at < self.shown_len()).then_some(self.list.at)
    }

    /// The packet whose fields are shown.
    pub(crate) fn selected_row(&self) -> Option<RowId> {
        match self.choice() {
            Choice::Pending => self.home.filter(|row| row.0 < self.snapshot.len()),
            _ => self.row_at(self.selected_place()?),
        }
    }

    /// The selected field, with its index among all nodes.
    pub(crate) fn selected_node(&self) -> Option<(usize, &OutlineNode)> {
        let index = *self.visible.get(self.tree.at)?;
        self.detail.as_ref()?.nodes.get(index).map(|node| (index, node))
    }

    /// The layer whose bytes are shown: that of the selected field.
    pub(crate) fn shown_layer(&self) -> usize {
        self.selected_node().map_or(0, |(_, node)| node.layer)
    }

    /// The bytes that the hex pane shows.
    pub(crate) fn shown_bytes(&self) -> &[u8] {
        let layer = self.detail.as_ref().and_then(|detail| detail.layers.get(self.shown_layer()));
        layer.map_or(&[], |layer| &layer.bytes)
    }

    /// How many places of a pane are on the screen.
    pub(crate) fn page(&self, pane: Pane) -> usize {
        let height = Areas::of(self).inside(pane).map_or(0, |area| usize::from(area.height));
        // the last line of the bytes spells a flag's bits
        let reserved = usize::from(pane == Pane::Hex && self.selected_flag().is_some());
        height.saturating_sub(reserved).max(1)
    }

    /// How the bytes stand in the hex pane.
    pub(crate) fn grid(&self) -> Grid {
        let width = Areas::of(self).inside(Pane::Hex).map_or(0, |area| area.width);
        Grid::new(width, self.shown_bytes().len())
    }

    /// The selected field, if it is some bits of a byte.
    pub(crate) fn selected_flag(&self) -> Option<&OutlineNode> {
        let (_, node) = self.selected_node()?;
        (node.mask != 0xff && node.len == 1).then_some(node)
    }
}
