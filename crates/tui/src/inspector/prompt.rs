//! The lines that text is typed into: the display filter, with what is wrong with it and what it could become, and the
//! text that is searched for.

use mqscope_dissect::filter::{self, Completion, CompletionKind, Filter, FilterError};
use tui_input::{Input, InputRequest};

/// A line of text that is edited, with those typed before.
#[derive(Debug, Default)]
pub(crate) struct Line {
    pub(crate) input: Input,
    /// Where among the earlier lines this one was taken from; `None`: it was not.
    recalled: Option<usize>,
}

/// The filter line while it is edited.
#[derive(Debug, Default)]
pub(crate) struct FilterPrompt {
    pub(crate) line: Line,
    pub(crate) check: Check,
    /// What the text before the cursor could become.
    pub(crate) candidates: Vec<Completion>,
    /// The candidate that stands in the line.
    pub(crate) chosen: Option<usize>,
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

impl Line {
    pub(crate) fn new(text: &str) -> Self {
        Self { input: Input::new(text.to_owned()), recalled: None }
    }

    pub(crate) fn text(&self) -> &str {
        self.input.value()
    }

    /// Types text at the cursor; control characters are left out.
    pub(crate) fn paste(&mut self, text: &str) {
        let characters: Vec<char> = self.text().chars().collect();
        let (before, after) = characters.split_at(self.input.cursor().min(characters.len()));
        let pasted: Vec<char> = text.chars().filter(|c| !c.is_control()).collect();
        let cursor = before.len() + pasted.len();
        self.input = Input::new([before, &pasted, after].concat().into_iter().collect()).with_cursor(cursor);
    }

    /// Goes through the lines typed before, the latest last in `earlier`.
    pub(crate) fn recall(&mut self, earlier: &[String], back: bool) {
        let at = match (self.recalled, back) {
            (None, true) => earlier.len().checked_sub(1),
            (Some(at), true) => Some(at.saturating_sub(1)),
            (Some(at), false) if at + 1 < earlier.len() => Some(at + 1),
            (_, false) => None,
        };
        let text = at.and_then(|at| earlier.get(at)).map_or("", String::as_str);
        *self = Self { recalled: at, ..Self::new(text) };
    }
}

impl FilterPrompt {
    pub(crate) fn new(text: &str) -> Self {
        let mut prompt = Self { line: Line::new(text), ..Self::default() };
        prompt.look();
        prompt
    }

    pub(crate) fn text(&self) -> &str {
        self.line.text()
    }

    pub(crate) fn request(&mut self, request: InputRequest) {
        self.line.input.handle(request);
        self.look();
    }

    /// Changes the line in any other way.
    pub(crate) fn edit(&mut self, change: impl FnOnce(&mut Line)) {
        change(&mut self.line);
        self.look();
    }

    /// Puts the next or the previous candidate for what stands before the cursor into the line.
    pub(crate) fn complete(&mut self, back: bool) {
        let count = self.candidates.len();
        let next = match (self.chosen, back) {
            _ if count == 0 => return,
            (None, false) => 0,
            (None, true) => count - 1,
            (Some(at), false) => (at + 1) % count,
            (Some(at), true) => (at + count - 1) % count,
        };
        let end = self.line.input.cursor();
        let candidate = &self.candidates[next];
        let start = candidate.replace.start;
        let head = self.text().chars().take(start);
        let text: String = head.chain(candidate.text.chars()).chain(self.text().chars().skip(end)).collect();
        let cursor = start + candidate.text.chars().count();
        self.line.input = Input::new(text).with_cursor(cursor);
        self.check();
        self.chosen = Some(next);
    }

    /// Whether to show the candidates unasked: for what is half typed, and where a comparison is wanted.
    pub(crate) fn offers(&self) -> bool {
        self.chosen.is_some()
            || self.candidates.first().is_some_and(|candidate| {
                candidate.replace.start < candidate.replace.end || candidate.kind == CompletionKind::Operator
            })
    }

    /// Where in the text the candidates would stand.
    pub(crate) fn candidates_at(&self) -> usize {
        self.candidates.first().map_or(0, |candidate| candidate.replace.start)
    }

    fn look(&mut self) {
        self.check();
        self.chosen = None;
        let (text, cursor) = (self.line.text(), self.line.input.cursor());
        let mut candidates = if text.is_empty() { Vec::new() } else { filter::complete(text, cursor) };
        let place = candidates.first().map(|candidate| candidate.replace);
        candidates.retain(|candidate| Some(candidate.replace) == place);
        // what is there already needs no completion
        let typed: String = match place {
            Some(place) => text.chars().skip(place.start).take(cursor - place.start).collect(),
            None => String::new(),
        };
        if candidates.iter().all(|candidate| candidate.text == typed) {
            candidates.clear();
        }
        self.candidates = candidates;
    }

    fn check(&mut self) {
        let text = self.text();
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

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(text: &str) -> FilterPrompt {
        let mut prompt = FilterPrompt::new("");
        for c in text.chars() {
            prompt.request(InputRequest::InsertChar(c));
        }
        prompt
    }

    #[test]
    fn candidates_take_turns_in_the_line_and_the_rest_of_it_stays() {
        let mut prompt = typed("mqtt.to == 1");
        for _ in 0.." == 1".len() {
            prompt.request(InputRequest::GoToPrevChar);
        }
        let count = prompt.candidates.len();
        assert!(count > 1, "{:?}", prompt.candidates);
        let first = prompt.candidates[0].text.clone();
        prompt.complete(false);
        assert_eq!(prompt.text(), format!("{first} == 1"));
        prompt.complete(true);
        assert_eq!(prompt.text(), format!("{} == 1", prompt.candidates[count - 1].text));
        prompt.complete(false);
        assert_eq!(prompt.text(), format!("{first} == 1"));
        assert_eq!(prompt.line.input.cursor(), first.chars().count());
    }

    #[test]
    fn earlier_lines_come_back_the_latest_first() {
        let earlier = ["a".to_owned(), "b".to_owned()];
        let mut line = Line::new("typed");
        line.recall(&earlier, true);
        assert_eq!(line.text(), "b");
        line.recall(&earlier, true);
        line.recall(&earlier, true);
        assert_eq!(line.text(), "a");
        line.recall(&earlier, false);
        line.recall(&earlier, false);
        assert_eq!(line.text(), "");
    }

    #[test]
    fn what_is_pasted_stands_at_the_cursor_without_control_characters() {
        let mut line = Line::new("ad");
        line.input.handle(InputRequest::GoToPrevChar);
        line.paste("b\x1b\nc");
        assert_eq!((line.text(), line.input.cursor()), ("abcd", 3));
    }
}
