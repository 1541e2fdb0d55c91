//! Named reads of a scenario's mappings.
//!
//! One named read does three jobs: it gives the value, it makes the key a known one, and it is the place of
//! whatever is wrong with the value. What nobody asked for is unknown, and the names asked for are what the
//! nearest right name is chosen from; so the reader and the list of allowed keys cannot drift apart.

use std::cell::{Cell, RefCell};
use std::ops::Range;

use super::problem::{Problem, Problems};
use super::template::{Scope, Template, Vars};
use super::yaml::{Entry, Kind, Node};

/// The file being read: its text, its variables and what was found wrong with it so far.
pub(crate) struct Reader<'s> {
    pub file: &'s str,
    pub source: &'s str,
    pub vars: Vars,
    problems: RefCell<Vec<Problem>>,
}

impl<'s> Reader<'s> {
    pub(crate) fn new(file: &'s str, source: &'s str, vars: Vars) -> Self {
        Self { file, source, vars, problems: RefCell::default() }
    }

    /// Notes a problem without a place in the file.
    pub(crate) fn report(&self, problem: Problem) {
        self.problems.borrow_mut().push(problem);
    }

    /// Notes a problem at some bytes of the file.
    pub(crate) fn report_at(&self, span: &Range<usize>, problem: Problem) {
        self.report(problem.at(self.source, span.clone()));
    }

    /// Whether nothing was found wrong so far.
    pub(crate) fn is_content(&self) -> bool {
        self.problems.borrow().is_empty()
    }

    /// Everything found wrong, in the order of the file; `None` when nothing is.
    pub(crate) fn into_problems(self) -> Option<Problems> {
        let mut list = self.problems.into_inner();
        if list.is_empty() {
            return None;
        }
        list.sort_by_key(|problem| problem.place.as_ref().map_or(0, |place| place.bytes.start));
        Some(Problems { file: self.file.to_owned(), text: self.source.to_owned(), list })
    }

    /// The text of a scalar with its `{{…}}` filled in from variables and the environment.
    pub(crate) fn text(&self, node: &Node, expected: &str) -> Option<String> {
        let template = self.template(node, expected, Scope::Plan)?;
        Some(template.constant().to_owned())
    }

    /// The scalar as a template in which the names of `scope` may stand.
    pub(crate) fn template(&self, node: &Node, expected: &str, scope: Scope) -> Option<Template> {
        let Kind::Scalar(text) = &node.kind else {
            self.report_at(
                &node.span,
                Problem::new(format!("expected {expected}, found {}", node.describe())),
            );
            return None;
        };
        match Template::compile(text, scope, &self.vars) {
            Ok(template) => Some(template),
            Err(faults) => {
                for fault in faults {
                    let span = self.within(node, text, fault.span);
                    self.report_at(&span, *fault.problem);
                }
                None
            }
        }
    }

    /// The bytes of the file on which a part of a scalar stands, whatever quotes and folds lie between.
    pub(crate) fn within(&self, node: &Node, text: &str, part: Range<usize>) -> Range<usize> {
        let Some(written) = self.source.get(node.span.clone()) else { return node.span.clone() };
        // The whole line of the text up to the part, or failing that the part alone, as it is written.
        let line = text[..part.start].rfind('\n').map_or(0, |newline| newline + 1);
        let wanted = &text[part.clone()];
        let upto = &text[line..part.end];
        if let Some(at) = written.find(upto).filter(|_| !upto.is_empty()) {
            let end = node.span.start + at + upto.len();
            return end - wanted.len()..end;
        }
        match written.find(wanted).filter(|_| !wanted.is_empty()) {
            Some(at) => node.span.start + at..node.span.start + at + wanted.len(),
            None => node.span.clone(),
        }
    }
}

/// A value that can be read from a node; a problem is reported, not returned.
pub(crate) trait Read: Sized {
    fn read(node: &Node, reader: &Reader<'_>) -> Option<Self>;
}

/// A mapping being read.
pub(crate) struct Section<'r> {
    pub reader: &'r Reader<'r>,
    span: Range<usize>,
    entries: &'r [Entry],
    /// Keys asked for; each makes its key a known one.
    asked: RefCell<Vec<&'static str>>,
    used: Vec<Cell<bool>>,
}

impl<'r> Section<'r> {
    /// Opens a mapping; reports anything else, and keys that stand twice.
    pub(crate) fn open(node: &'r Node, reader: &'r Reader<'r>, what: &str) -> Option<Self> {
        let entries: &[Entry] = match &node.kind {
            Kind::Map(entries) => entries,
            Kind::Null => &[],
            _ => {
                let problem = Problem::new(format!("expected {what}, found {}", node.describe()));
                reader.report_at(&node.span, problem.help("write it as a mapping: `{key: value}`"));
                return None;
            }
        };
        for (i, entry) in entries.iter().enumerate() {
            if let Some(first) = entries[..i].iter().find(|earlier| earlier.key == entry.key) {
                let line = super::problem::Place::of(reader.source, first.key_span.clone()).line;
                let problem = Problem::new(format!("key `{}` stands twice", entry.key));
                reader.report_at(&entry.key_span, problem.help(format!("it stands in line {line} already")));
            }
        }
        let used = entries.iter().map(|_| Cell::new(false)).collect();
        Some(Self { reader, span: node.span.clone(), entries, asked: RefCell::default(), used })
    }

    /// Opens a mapping; anything else is reported and taken for an empty one.
    pub(crate) fn open_or_empty(node: &'r Node, reader: &'r Reader<'r>, what: &str) -> Self {
        Self::open(node, reader, what).unwrap_or_else(|| Self {
            reader,
            span: node.span.clone(),
            entries: &[],
            asked: RefCell::default(),
            used: Vec::new(),
        })
    }

    /// Where the mapping begins, for problems of the whole.
    pub(crate) fn head(&self) -> Range<usize> {
        let start = self.span.start;
        let line = self.reader.source[start..].find('\n').map_or(self.reader.source.len(), |at| start + at);
        start..line.min(self.span.end.max(start))
    }

    /// The node under a key, which thereby is a known key.
    pub(crate) fn node(&self, key: &'static str) -> Option<&'r Node> {
        let mut asked = self.asked.borrow_mut();
        if !asked.contains(&key) {
            asked.push(key);
        }
        let index = self.entries.iter().position(|entry| entry.key == key)?;
        for (used, entry) in self.used.iter().zip(self.entries) {
            if entry.key == key {
                used.set(true);
            }
        }
        Some(&self.entries[index].value)
    }

    /// The value under a key; `None` when it is absent, null, or wrong (and reported).
    pub(crate) fn read<T: Read>(&self, key: &'static str) -> Option<T> {
        let node = self.node(key).filter(|node| !matches!(node.kind, Kind::Null))?;
        T::read(node, self.reader)
    }

    /// The value under a key that must be there.
    pub(crate) fn required<T: Read>(&self, key: &'static str) -> Option<T> {
        match self.node(key) {
            Some(node) => T::read(node, self.reader),
            None => {
                self.reader.report_at(&self.head(), Problem::new(format!("`{key}` is missing")));
                None
            }
        }
    }

    /// The template under a key.
    pub(crate) fn template(&self, key: &'static str, scope: Scope) -> Option<Template> {
        self.reader.template(self.node(key)?, "text", scope)
    }

    /// Entries whose keys are names of the user's own choosing: all that was not asked for yet.
    pub(crate) fn rest(&self) -> Vec<&'r Entry> {
        let rest: Vec<&Entry> =
            self.entries.iter().zip(&self.used).filter(|(_, used)| !used.get()).map(|(e, _)| e).collect();
        self.used.iter().for_each(|used| used.set(true));
        rest
    }

    /// Reports every key nobody asked for; `later` are keys the scenario language has but this version does
    /// not carry out, which must not parse and then do nothing.
    pub(crate) fn finish(self, later: &[&str]) {
        let asked = self.asked.borrow();
        for (entry, _) in self.entries.iter().zip(&self.used).filter(|(_, used)| !used.get()) {
            let problem = if later.contains(&entry.key.as_str()) {
                Problem::new(format!("`{}` is not supported yet", entry.key))
            } else {
                let problem = Problem::new(format!("unknown key `{}`", entry.key));
                let problem = problem.nearest(&entry.key, asked.iter().copied());
                if problem.nearest.is_some() {
                    problem
                } else {
                    problem.help(format!("known here: {}", asked.join(", ")))
                }
            };
            self.reader.report_at(&entry.key_span, problem);
        }
    }
}

impl Read for String {
    fn read(node: &Node, reader: &Reader<'_>) -> Option<Self> {
        reader.text(node, "text")
    }
}

impl Read for bool {
    fn read(node: &Node, reader: &Reader<'_>) -> Option<Self> {
        match reader.text(node, "true or false")?.as_str() {
            "true" => Some(true),
            "false" => Some(false),
            other => {
                let problem = Problem::new(format!("expected true or false, found `{other}`"));
                reader.report_at(&node.span, problem);
                None
            }
        }
    }
}

macro_rules! whole_number {
    ($($t:ty),*) => {$(
        impl Read for $t {
            fn read(node: &Node, reader: &Reader<'_>) -> Option<Self> {
                let text = reader.text(node, "a whole number")?;
                let value = text.replace('_', "").parse::<$t>();
                if value.is_err() {
                    let problem = Problem::new(format!("expected a whole number, found `{text}`"));
                    reader.report_at(&node.span, problem.help(format!("from {} to {}", <$t>::MIN, <$t>::MAX)));
                }
                value.ok()
            }
        }
    )*};
}

whole_number!(u8, u16, u32, u64);

/// One, or a list of them.
impl<T: Read> Read for Vec<T> {
    fn read(node: &Node, reader: &Reader<'_>) -> Option<Self> {
        match &node.kind {
            Kind::List(items) => {
                // All are read before any is missed, so that every item's problem is reported.
                let read: Vec<Option<T>> = items.iter().map(|item| T::read(item, reader)).collect();
                read.into_iter().collect()
            }
            Kind::Null => Some(Vec::new()),
            _ => Some(vec![T::read(node, reader)?]),
        }
    }
}
