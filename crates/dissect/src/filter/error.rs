//! What can be wrong with a filter, and where.

use std::fmt;
use std::ops::Range;

use super::lexer::MAX_CHARS;
use super::parse::MAX_DEPTH;

/// A stretch of the filter's text, counted in characters from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Span {
    /// The first character.
    pub start: usize,
    /// One past the last character; equal to `start` where something is missing rather than wrong.
    pub end: usize,
}

impl Span {
    /// From the start of `self` to the end of `last`.
    pub(super) fn to(self, last: Span) -> Span {
        Span { start: self.start, end: last.end.max(self.start) }
    }
}

impl From<Range<usize>> for Span {
    fn from(range: Range<usize>) -> Self {
        Span { start: range.start, end: range.end }
    }
}

/// A filter that cannot be used: what is wrong, and which characters are to blame.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind}")]
pub struct FilterError {
    /// What is wrong.
    pub kind: FilterErrorKind,
    /// The characters to blame.
    pub span: Span,
}

impl FilterError {
    pub(super) fn new(kind: FilterErrorKind, span: Span) -> Self {
        FilterError { kind, span }
    }

    /// The column of the first character to blame, counted from 0.
    pub fn column(&self) -> usize {
        self.span.start
    }

    /// The known name that is nearest to the unknown one, if one is near.
    pub fn nearest(&self) -> Option<&str> {
        use FilterErrorKind as Kind;
        match &self.kind {
            Kind::UnknownField { nearest, .. }
            | Kind::UnknownFunction { nearest, .. }
            | Kind::UnknownValue { nearest, .. } => nearest.as_deref(),
            _ => None,
        }
    }

    /// The filter with a line below it that points at the characters to blame, for a terminal.
    ///
    /// ```text
    /// mqtt.topik == "a"
    /// ^~~~~~~~~~
    /// ```
    pub fn picture(&self, text: &str) -> String {
        let shown: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let tail = self.span.end.saturating_sub(self.span.start + 1);
        format!("{shown}\n{}^{}", " ".repeat(self.span.start), "~".repeat(tail))
    }
}

/// The ways in which a filter can be wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "each variant's message says what it is and what its fields hold")]
pub enum FilterErrorKind {
    #[error("the filter is longer than {MAX_CHARS} characters")]
    TooLong,
    #[error("the filter nests deeper than {MAX_DEPTH} levels")]
    TooDeep,

    #[error("the closing quote is missing")]
    OpenText,
    #[error("\\{0} is no escape; write \\\\ for a backslash, or a raw string: r\"…\"")]
    BadEscape(String),
    #[error("a character constant holds one byte, as 'a' or '\\x41'")]
    BadCharacter,
    #[error("{0:?} means nothing here; quote text: \"…\"")]
    StrayCharacter(char),

    #[error("{found} was unexpected; {wanted}")]
    Unexpected { found: Found, wanted: &'static str },
    #[error("arithmetic is grouped with {{ and }}; ( and ) group tests")]
    ArithmeticInParentheses,
    #[error("a range is written with two dots: {low}..{high}")]
    RangeWithMinus { low: String, high: String },

    #[error("there is no field {name}{}", Nearest(nearest))]
    UnknownField { name: String, nearest: Option<String> },
    #[error("there is no function {name}(){}", Nearest(nearest))]
    UnknownFunction { name: String, nearest: Option<String> },
    #[error("{field} has no value named {name:?}{}", Nearest(nearest))]
    UnknownValue { field: String, name: String, nearest: Option<String> },
    #[error("{0}() is a function; give its argument in ( and )")]
    FunctionWithoutArguments(String),
    #[error("{function}() takes {wanted}, not {given}")]
    ArgumentCount { function: &'static str, wanted: &'static str, given: usize },
    #[error("{function}() takes {wanted}; {given}")]
    ArgumentType { function: &'static str, wanted: &'static str, given: String },

    #[error("{left}; it cannot be compared with {right}")]
    Incompatible { left: String, right: String },
    #[error("{operand}; {operator} does not work on that")]
    Operator { operator: &'static str, operand: String },
    #[error("{operand}; it has no value to compare, only its presence can be tested")]
    NoValue { operand: String },
    #[error("{operand}; it cannot be sliced")]
    Slice { operand: String },
    #[error("a slice is [start:length], [first-last], [start:] or [at], none of them empty")]
    BadSlice,
    #[error("# is followed by a layer's number from 1, or by [first-last]")]
    BadLayer,
    #[error("# chooses a layer of a field; this is not a field")]
    LayerOfNoField,

    #[error("{literal} is not {wanted}")]
    Literal { literal: String, wanted: String },
    #[error("{literal} is too big for {field}, at most {maximum}")]
    TooBig { literal: String, field: String, maximum: u64 },
    #[error("a test needs a field; {0} is always the same")]
    ConstantTest(String),
    #[error("{0} always has a value; compare it with something")]
    FunctionAlone(String),
    #[error("a number cannot be divided by zero")]
    DivisionByZero,
    #[error("this arithmetic leaves the range of numbers")]
    Overflow,
    #[error("matches takes a quoted regular expression on its right, as in matches \"^a/.*\"")]
    MatchesWantsText,
    #[error("not a regular expression: {0}")]
    Regex(String),
    #[error("not a topic filter: {0}")]
    TopicFilter(&'static str),
    #[error("not a path: {0}, as in $.a.b[0][\"x\"]")]
    Path(&'static str),
}

/// What stood where something else was expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// This text.
    Text(String),
    /// The end of the filter.
    End,
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Found::Text(text) => write!(f, "{text}"),
            Found::End => f.write_str("the end of the filter"),
        }
    }
}

/// "; did you mean …?" where there is something to mean.
struct Nearest<'a>(&'a Option<String>);

impl fmt::Display for Nearest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(name) => write!(f, "; did you mean {name}?"),
            None => Ok(()),
        }
    }
}

/// The name among `known` that is nearest to `name`, if it is near enough to be what was meant.
pub(super) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<String> {
    let name = name.to_ascii_lowercase();
    let best = known.map(|k| (strsim::damerau_levenshtein(&name, &k.to_ascii_lowercase()), k)).min()?;
    let limit = (name.chars().count() / 3).clamp(1, 4);
    (best.0 <= limit).then(|| best.1.to_owned())
}

/// Something that works but may not mean what its writer thinks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// What to know, in one sentence.
    pub message: String,
    /// The characters it is about.
    pub span: Span,
}
