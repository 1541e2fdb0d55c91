//! YAML with places: values as `serde_yaml` reads them, each with the bytes it stands on.
//!
//! `serde_yaml` knows what a text means but not where it stands, and a derived model stops at its first
//! error. So the tree is read once for its values and once, by `saphyr-parser`, for its places, and the two
//! are laid over each other. Nothing else of the crate knows either parser.

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;

use saphyr_parser::{Event, Parser, Span as Mark, SpannedEventReceiver};
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use super::problem::Problem;

/// A value and where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    /// Bytes of the source.
    pub span: Range<usize>,
    pub kind: Kind,
}

#[derive(Clone, Debug)]
pub(crate) enum Kind {
    Null,
    /// Text, a number or a truth value, as it is written (a quoted text without its quotes).
    Scalar(String),
    List(Vec<Node>),
    /// In the order of the file, duplicates included.
    Map(Vec<Entry>),
}

#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub key: String,
    pub key_span: Range<usize>,
    pub value: Node,
}

impl Node {
    /// What it is, for "expected a list, found a mapping".
    pub(crate) fn describe(&self) -> String {
        match &self.kind {
            Kind::Null => "nothing".to_owned(),
            Kind::Scalar(text) => format!("`{text}`"),
            Kind::List(_) => "a list".to_owned(),
            Kind::Map(_) => "a mapping".to_owned(),
        }
    }
}

/// Reads one document.
pub(crate) fn parse(source: &str) -> Result<Node, Problem> {
    // First the values: this parser bounds recursion and the repetition of aliases.
    let tree: Tree = serde_yaml::from_str(source).map_err(|error| {
        if let Some(at) = second_document(source) {
            return Problem::new("there is a second document in it, and a scenario is one")
                .help("take out the `---` that begins it, or make it a file of its own")
                .at(source, at);
        }
        let Some(at) = error.location().map(|location| location.index()) else {
            return Problem::new("there is nothing in it")
                .help("a scenario begins with `groups` and `phases`");
        };
        let text = error.to_string();
        let text = text.split(" at line ").next().unwrap_or_default();
        Problem::new(format!("not YAML: {text}")).at(source, at..at)
    })?;
    let mut places = Places::new(source);
    // A failure here only costs places: the values have been read.
    let _ = Parser::new_from_str(source).load(&mut places, false);
    let marks = places.root.unwrap_or(Marks { span: 0..source.len(), children: Vec::new() });
    Ok(join(source, tree, Some(&marks), &marks.span))
}

/// Where a second document begins.
fn second_document(source: &str) -> Option<Range<usize>> {
    let mut places = Places::new(source);
    // What cannot be read ends it: a document after that is not the first thing to mend.
    let _ = Parser::new_from_str(source).load(&mut places, true);
    places.documents.into_iter().nth(1)
}

/// Lays values over places; where the two parsers differ, a value has its parent's place.
fn join(source: &str, tree: Tree, marks: Option<&Marks>, parent: &Range<usize>) -> Node {
    let span = marks.map_or_else(|| parent.clone(), |marks| marks.span.clone());
    let child = |index: usize| marks.and_then(|marks| marks.children.get(index));
    let kind = match tree {
        Tree::Null => Kind::Null,
        Tree::Text(text) => Kind::Scalar(text),
        // As it is written: `1.10` is not `1.1` to whoever uses it as a password.
        Tree::Other(text) => match source.get(span.clone()).map(without_properties) {
            Some(written) if marks.is_some() && !written.is_empty() => Kind::Scalar(written.to_owned()),
            _ => Kind::Scalar(text),
        },
        Tree::List(items) => Kind::List(
            items.into_iter().enumerate().map(|(i, item)| join(source, item, child(i), &span)).collect(),
        ),
        Tree::Map(entries) => Kind::Map(
            entries
                .into_iter()
                .enumerate()
                .map(|(i, (key, value))| Entry {
                    key,
                    key_span: child(2 * i).map_or_else(|| span.clone(), |key| key.span.clone()),
                    value: join(source, value, child(2 * i + 1), &span),
                })
                .collect(),
        ),
    };
    Node { span, kind }
}

/// A scalar without the anchor and the tag before it (YAML 1.2.2 §6.9), which none that is plain begins as.
fn without_properties(written: &str) -> &str {
    let mut rest = written.trim();
    while rest.starts_with(['&', '!'])
        && let Some((_, after)) = rest.split_once(char::is_whitespace)
    {
        rest = after.trim_start();
    }
    rest
}

/// The values, duplicates of keys kept.
enum Tree {
    Null,
    Text(String),
    Other(String),
    List(Vec<Tree>),
    Map(Vec<(String, Tree)>),
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TreeVisitor)
    }
}

struct TreeVisitor;

impl<'de> Visitor<'de> for TreeVisitor {
    type Value = Tree;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a plain YAML value")
    }

    fn visit_unit<E>(self) -> Result<Tree, E> {
        Ok(Tree::Null)
    }

    fn visit_none<E>(self) -> Result<Tree, E> {
        Ok(Tree::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Tree, D::Error> {
        Tree::deserialize(deserializer)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Tree, E> {
        Ok(Tree::Other(value.to_string()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Tree, E> {
        Ok(Tree::Other(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Tree, E> {
        Ok(Tree::Other(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Tree, E> {
        Ok(Tree::Other(value.to_string()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Tree, E> {
        Ok(Tree::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Tree, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Tree::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tree, A::Error> {
        let mut entries = Vec::new();
        while let Some((key, value)) = map.next_entry::<Tree, Tree>()? {
            let key = match key {
                Tree::Text(text) | Tree::Other(text) => text,
                Tree::Null => "null".to_owned(),
                Tree::List(_) | Tree::Map(_) => {
                    return Err(serde::de::Error::custom("a key must be a plain name"));
                }
            };
            entries.push((key, value));
        }
        Ok(Tree::Map(entries))
    }
}

/// The places, in the shape of the values; a mapping's children alternate key and value.
#[derive(Clone)]
struct Marks {
    span: Range<usize>,
    children: Vec<Marks>,
}

struct Places {
    /// Byte offset of each character.
    offsets: Vec<usize>,
    open: Vec<(Marks, usize)>,
    anchors: HashMap<usize, Marks>,
    root: Option<Marks>,
    documents: Vec<Range<usize>>,
}

impl Places {
    fn new(source: &str) -> Self {
        let offsets = source.char_indices().map(|(at, _)| at).chain([source.len()]).collect();
        Self { offsets, open: Vec::new(), anchors: HashMap::new(), root: None, documents: Vec::new() }
    }

    fn bytes(&self, mark: Mark) -> Range<usize> {
        let last = self.offsets.len() - 1;
        self.offsets[mark.start.index().min(last)]..self.offsets[mark.end.index().min(last)]
    }

    fn place(&mut self, marks: Marks, anchor: usize) {
        if anchor > 0 {
            self.anchors.insert(anchor, marks.clone());
        }
        match self.open.last_mut() {
            Some((parent, _)) => parent.children.push(marks),
            None => {
                self.root.get_or_insert(marks);
            }
        }
    }
}

impl SpannedEventReceiver<'_> for Places {
    fn on_event(&mut self, event: Event<'_>, mark: Mark) {
        let span = self.bytes(mark);
        match event {
            Event::Scalar(_, _, anchor, _) => self.place(Marks { span, children: Vec::new() }, anchor),
            Event::Alias(anchor) => {
                let marks = self.anchors.get(&anchor).cloned();
                self.place(marks.unwrap_or(Marks { span, children: Vec::new() }), 0);
            }
            Event::SequenceStart(anchor, _) | Event::MappingStart(anchor, _) => {
                self.open.push((Marks { span, children: Vec::new() }, anchor));
            }
            Event::SequenceEnd | Event::MappingEnd => {
                if let Some((mut marks, anchor)) = self.open.pop() {
                    let last = marks.children.last().map_or(marks.span.end, |child| child.span.end);
                    marks.span.end = span.end.max(last).max(marks.span.start);
                    self.place(marks, anchor);
                }
            }
            Event::DocumentStart(_) => self.documents.push(span),
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
        }
    }
}
