//! What is wrong with a scenario, as data and as a picture.

use std::fmt;
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

/// One fault of a scenario.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// What is wrong, a lowercase fragment.
    pub message: String,
    /// Where; `None` when it is not in the file (an override from the command line, a missing file).
    pub place: Option<Place>,
    /// How to mend it.
    pub help: Option<String>,
    /// The nearest right name, where a name was wrong.
    pub nearest: Option<String>,
}

/// A place in a scenario's text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Line, counted from 1.
    pub line: usize,
    /// Column in characters, counted from 1.
    pub column: usize,
    /// The bytes meant.
    pub bytes: Range<usize>,
}

impl Problem {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), place: None, help: None, nearest: None }
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Notes the candidate nearest to `name`, when one is near enough to be what was meant.
    pub(crate) fn nearest<'c>(mut self, name: &str, candidates: impl IntoIterator<Item = &'c str>) -> Self {
        self.nearest = nearest(name, candidates);
        self
    }

    pub(crate) fn at(mut self, source: &str, bytes: Range<usize>) -> Self {
        self.place = Some(Place::of(source, bytes));
        self
    }
}

impl Place {
    pub(crate) fn of(source: &str, bytes: Range<usize>) -> Self {
        let start = floor_boundary(source, bytes.start);
        let end = floor_boundary(source, bytes.end.max(start));
        let before = &source[..start];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Self {
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            bytes: start..end,
        }
    }
}

fn floor_boundary(source: &str, mut at: usize) -> usize {
    at = at.min(source.len());
    while !source.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// The candidate a mistyped `name` most likely meant.
pub(crate) fn nearest<'c>(name: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<String> {
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(name, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= 1.max(candidate.chars().count() / 3))
        .min()
        .map(|(_, candidate)| candidate.to_owned())
}

/// All that is wrong with a scenario, in the order of the file.
#[derive(Clone, Debug, thiserror::Error)]
pub struct Problems {
    /// The file's name, as given.
    pub file: String,
    /// The file's text; empty when it could not be read.
    pub text: String,
    /// The faults; never empty.
    pub list: Vec<Problem>,
}

impl Problems {
    /// Each problem with a picture of its place, in colours for a terminal.
    pub fn coloured(&self) -> String {
        self.render(&Renderer::styled())
    }

    fn render(&self, renderer: &Renderer) -> String {
        let pictures: Vec<String> = self.list.iter().map(|problem| self.picture(problem, renderer)).collect();
        pictures.join("\n\n")
    }

    fn picture(&self, problem: &Problem, renderer: &Renderer) -> String {
        let title = match &problem.place {
            Some(_) => problem.message.clone(),
            None => format!("{}: {}", self.file, problem.message),
        };
        let mut group = Group::with_title(Level::ERROR.primary_title(title));
        if let Some(place) = &problem.place {
            let mut mark = AnnotationKind::Primary.span(place.bytes.clone());
            if let Some(nearest) = &problem.nearest {
                mark = mark.label(format!("did you mean `{nearest}`?"));
            }
            group = group.element(Snippet::source(&self.text).path(&self.file).annotation(mark));
        } else if let Some(nearest) = &problem.nearest {
            group = group.element(Level::HELP.message(format!("did you mean `{nearest}`?")));
        }
        if let Some(help) = &problem.help {
            group = group.element(Level::HELP.message(help));
        }
        renderer.render(&[group])
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(&Renderer::plain()))
    }
}
