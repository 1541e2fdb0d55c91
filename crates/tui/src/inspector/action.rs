//! What a key or a click asks for.

/// Something to do, whatever key asked for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Move(Motion),
    NextPane,
    PreviousPane,
    Enter,
    /// Out of what is open, step by step.
    Back,
    /// As [`Action::Back`], and out of the program where nothing is open.
    Leave,
    EditFilter,
    EditSearch,
    /// Takes what stands in the filter or search line.
    Accept,
    /// Leaves the filter or search line as if it had not been opened.
    Cancel,
    ClearLine,
    Complete,
    CompleteBack,
    EarlierLine,
    LaterLine,
    NextMatch,
    PreviousMatch,
    FieldAsFilter,
    FollowSession,
    NextViolation,
    PreviousViolation,
    /// To the other packet of a request and its answer.
    Exchange,
    Pause,
    Follow,
    TimeFormat,
    Copy,
    Zoom,
    Layout,
    Grow,
    Shrink,
    Help,
    Suspend,
    Interrupt,
}

/// A step or a leap in a pane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Motion {
    Up,
    Down,
    Left,
    Right,
    PageUp,
    PageDown,
    HalfPageUp,
    HalfPageDown,
    Top,
    Bottom,
}

impl Motion {
    /// Where the motion leads from `at` among `len` places on a screen of `page` of them.
    pub(crate) fn apply(self, at: usize, len: usize, page: usize) -> usize {
        let last = len.saturating_sub(1);
        let page = page.max(1);
        let to = match self {
            Self::Up | Self::Left => at.saturating_sub(1),
            Self::Down | Self::Right => at.saturating_add(1),
            Self::PageUp => at.saturating_sub(page),
            Self::PageDown => at.saturating_add(page),
            Self::HalfPageUp => at.saturating_sub(page.div_ceil(2)),
            Self::HalfPageDown => at.saturating_add(page.div_ceil(2)),
            Self::Top => 0,
            Self::Bottom => last,
        };
        to.min(last)
    }
}
