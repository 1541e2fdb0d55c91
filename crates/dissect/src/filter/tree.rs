//! A checked filter: what is evaluated for each packet.

use memchr::memmem::Finder;
use regex::bytes::Regex;

use super::ast::{Arithmetic, SliceRange};
use super::catalogue::Field;
use super::path::Path;
use super::topic::TopicFilter;
use super::value::Constant;

/// Something that is true or false for a packet.
#[derive(Debug)]
pub(super) enum Node {
    /// The empty filter.
    Always,
    Or(Box<[Node]>),
    Xor(Box<[Node]>),
    And(Box<[Node]>),
    Not(Box<Node>),
    Exists(Operand),
    NonZero(Operand),
    /// `all`: every pair of values must compare so, and there must be one; otherwise one such pair is enough.
    Relation {
        all: bool,
        comparison: Comparison,
        left: Operand,
        right: Operand,
    },
    Contains {
        all: bool,
        operand: Operand,
        finder: Box<Finder<'static>>,
    },
    Matches {
        all: bool,
        operand: Operand,
        regex: Box<Regex>,
    },
    Member {
        all: bool,
        operand: Operand,
        /// Single values, and ranges with both ends included.
        set: Box<[(Operand, Option<Operand>)]>,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Greater,
    Less,
    GreaterOrEqual,
    LessOrEqual,
    Contains,
}

/// Something that has none, one or several values in a packet.
#[derive(Debug)]
pub(super) enum Operand {
    Field(Field),
    /// A field in a layer that no packet has.
    NoLayer,
    Constant(Constant),
    /// `mqtt.json`
    Json(Path),
    /// `mqtt.topic_filter`
    TopicFilter(TopicFilter),
    Slice(Box<Operand>, Box<[SliceRange]>),
    Length(Box<Operand>),
    /// One value: how many the field has. None if it has none.
    Count(Box<Operand>),
    Upper(Box<Operand>),
    Lower(Box<Operand>),
    /// `string`
    Shown(Box<Operand>),
    Absolute(Box<Operand>),
    Maximum(Box<[Operand]>),
    Minimum(Box<[Operand]>),
    Negative(Box<Operand>),
    Arithmetic(Arithmetic, Box<(Operand, Operand)>),
}
