//! The filter line: its text while it is edited, what is wrong with it and where, completion and history.

use mqscope_dissect::filter::{self, Filter, FilterError};
use tui_input::{Input, InputRequest};

/// The line while it is edited.
#[derive(Debug, Default)]
pub(crate) struct FilterEdit {
    pub(crate) input: Input,
    pub(crate) check: Check,
    /// The candidates that Tab goes through, and the one that stands in the line.
    completion: Option<Completing>,
    /// Where in the history the line is; `None`: a line of its own.
    recalled: Option<usize>,
}

/// Whether the text is a filter.
#[derive(Debug, Default)]
pub(crate) enum Check {
    /// Nothing typed: no filter.
    #[default]
    Empty,
    Valid(Box<Filter>),
    Invalid(FilterError),
}

#[derive(Debug)]
struct Completing {
    candidates: Vec<String>,
    /// The characters of the line that a candidate replaces.
    start: usize,
    tail: String,
    at: usize,
}

impl FilterEdit {
    pub(crate) fn new(text: &str) -> Self {
        let mut edit = Self { input: Input::new(text.to_owned()), ..Self::default() };
        edit.changed();
        edit
    }

    pub(crate) fn text(&self) -> &str {
        self.input.value()
    }

    pub(crate) fn request(&mut self, request: InputRequest) {
        if self.input.handle(request).is_some_and(|change| change.value) {
            self.changed();
        }
        self.completion = None;
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Puts the next candidate for what stands before the cursor into the line.
    pub(crate) fn complete(&mut self) {
        let completing = match self.completion.take() {
            Some(completing) => {
                Completing { at: (completing.at + 1) % completing.candidates.len(), ..completing }
            }
            None => match self.candidates() {
                Some(completing) => completing,
                None => return,
            },
        };
        let head: String = self.text().chars().take(completing.start).collect();
        let candidate = &completing.candidates[completing.at];
        let cursor = completing.start + candidate.chars().count();
        let text = format!("{head}{candidate}{}", completing.tail);
        self.input = Input::new(text).with_cursor(cursor);
        self.changed();
        self.completion = Some(completing);
    }

    /// What the line could be completed to, for the line below it.
    pub(crate) fn hints(&self) -> Vec<String> {
        match &self.completion {
            Some(completing) => completing.candidates.clone(),
            None => self.candidates().map(|completing| completing.candidates).unwrap_or_default(),
        }
    }

    /// The candidate that stands in the line.
    pub(crate) fn completed(&self) -> Option<&str> {
        self.completion.as_ref().map(|completing| completing.candidates[completing.at].as_str())
    }

    fn candidates(&self) -> Option<Completing> {
        let completions = filter::complete(self.text(), self.input.cursor());
        let first = completions.first()?;
        let (start, end) = (first.replace.start, first.replace.end);
        let tail = self.text().chars().skip(end).collect();
        let same_place = completions.into_iter().filter(|c| (c.replace.start, c.replace.end) == (start, end));
        Some(Completing { candidates: same_place.map(|c| c.text).collect(), start, tail, at: 0 })
    }

    /// Goes through the filters used before, oldest first in `history`.
    pub(crate) fn recall(&mut self, history: &[String], back: bool) {
        let at = match (self.recalled, back) {
            (None, true) => history.len().checked_sub(1),
            (Some(at), true) => Some(at.saturating_sub(1)),
            (Some(at), false) if at + 1 < history.len() => Some(at + 1),
            (_, false) => None,
        };
        let text = at.and_then(|at| history.get(at)).cloned().unwrap_or_default();
        *self = Self { recalled: at, ..Self::new(&text) };
    }

    fn changed(&mut self) {
        let text = self.input.value();
        self.check = if text.trim().is_empty() {
            Check::Empty
        } else {
            match Filter::parse(text) {
                Ok(filter) => Check::Valid(Box::new(filter)),
                Err(error) => Check::Invalid(error),
            }
        };
    }
}
