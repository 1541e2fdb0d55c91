//! What a filter says, before anyone asks what its names mean.
//!
//! The tree prints as a filter again, and that filter parses to an equal tree.

use std::fmt;

use super::error::Span;

/// A node and the characters it was read from. Two are equal when they say the same, wherever they stand.
#[derive(Debug, Clone)]
pub(super) struct At<T> {
    pub(super) node: T,
    pub(super) span: Span,
}

impl<T: PartialEq> PartialEq for At<T> {
    fn eq(&self, other: &Self) -> bool {
        self.node == other.node
    }
}

pub(super) type Test = At<TestKind>;
pub(super) type Operand = At<OperandKind>;

/// Something that is true or false for a packet.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum TestKind {
    /// At least two.
    Or(Vec<Test>),
    /// At least two: true when an odd number of them is.
    Xor(Vec<Test>),
    /// At least two.
    And(Vec<Test>),
    Not(Box<Test>),
    /// `a < b`, and the chain `a < b < c` that stands for `a < b and b < c`.
    Relation {
        quantifier: Option<Quantifier>,
        first: Operand,
        rest: Vec<(At<Operator>, Operand)>,
    },
    Member {
        quantifier: Option<Quantifier>,
        operand: Operand,
        negated: bool,
        set: Vec<SetItem>,
    },
    /// An operand by itself: a field that is there, arithmetic that is not zero.
    Truth(Operand),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Quantifier {
    Any,
    All,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    /// `==`: any value is equal.
    Equal,
    /// `!=`: every value is unequal.
    NotEqual,
    /// `===`: every value is equal.
    AllEqual,
    /// `!==`: any value is unequal.
    AnyNotEqual,
    Greater,
    Less,
    GreaterOrEqual,
    LessOrEqual,
    Contains,
    Matches,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct SetItem {
    pub(super) low: Operand,
    /// `low..high`, both included.
    pub(super) high: Option<Operand>,
}

/// Something that has values.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum OperandKind {
    /// Anything unquoted: a field, a number, an address, a name. Only the checker can tell.
    Word(String),
    /// `"…"` and `r"…"`; bytes, because `\xff` may stand in it.
    Text(Vec<u8>),
    /// `'a'`.
    Character(u8),
    Call {
        function: At<String>,
        arguments: Vec<Operand>,
    },
    Slice {
        of: Box<Operand>,
        ranges: Vec<SliceRange>,
    },
    Layer {
        of: Box<Operand>,
        layers: Vec<LayerRange>,
    },
    Negative(Box<Operand>),
    Arithmetic {
        operator: At<Arithmetic>,
        left: Box<Operand>,
        right: Box<Operand>,
    },
}

/// Part of a byte sequence; a negative start counts from the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SliceRange {
    /// `[at]`
    At(i32),
    /// `[start:length]`
    Length(i32, i32),
    /// `[first-last]`
    Inclusive(i32, i32),
    /// `[start:]`
    From(i32),
}

/// Layers of a protocol, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LayerRange {
    pub(super) first: u32,
    /// None: all from `first` on.
    pub(super) last: Option<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arithmetic {
    And,
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
}

impl Arithmetic {
    /// Higher binds tighter.
    pub(super) fn strength(self) -> u8 {
        match self {
            Arithmetic::And => 1,
            Arithmetic::Add | Arithmetic::Subtract => 2,
            Arithmetic::Multiply | Arithmetic::Divide | Arithmetic::Modulo => 3,
        }
    }

    pub(super) fn sign(self) -> &'static str {
        match self {
            Arithmetic::And => "&",
            Arithmetic::Add => "+",
            Arithmetic::Subtract => "-",
            Arithmetic::Multiply => "*",
            Arithmetic::Divide => "/",
            Arithmetic::Modulo => "%",
        }
    }
}

impl Operator {
    pub(super) fn sign(self) -> &'static str {
        match self {
            Operator::Equal => "==",
            Operator::NotEqual => "!=",
            Operator::AllEqual => "===",
            Operator::AnyNotEqual => "!==",
            Operator::Greater => ">",
            Operator::Less => "<",
            Operator::GreaterOrEqual => ">=",
            Operator::LessOrEqual => "<=",
            Operator::Contains => "contains",
            Operator::Matches => "matches",
        }
    }
}

impl Quantifier {
    fn word(self) -> &'static str {
        match self {
            Quantifier::Any => "any",
            Quantifier::All => "all",
        }
    }
}

impl fmt::Display for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let prefix = |f: &mut fmt::Formatter<'_>, quantifier: &Option<Quantifier>| match quantifier {
            Some(quantifier) => write!(f, "{} ", quantifier.word()),
            None => Ok(()),
        };
        match &self.node {
            TestKind::Or(tests) => joined(f, tests, " or ", 1),
            TestKind::Xor(tests) => joined(f, tests, " xor ", 2),
            TestKind::And(tests) => joined(f, tests, " and ", 3),
            TestKind::Not(test) => {
                f.write_str("not ")?;
                grouped(f, test, 4)
            }
            TestKind::Relation { quantifier, first, rest } => {
                prefix(f, quantifier)?;
                write!(f, "{first}")?;
                rest.iter()
                    .try_for_each(|(operator, operand)| write!(f, " {} {operand}", operator.node.sign()))
            }
            TestKind::Member { quantifier, operand, negated, set } => {
                prefix(f, quantifier)?;
                write!(f, "{operand}{} in {{", if *negated { " not" } else { "" })?;
                for (i, item) in set.iter().enumerate() {
                    write!(f, "{}{}", if i == 0 { "" } else { ", " }, item.low)?;
                    if let Some(high) = &item.high {
                        write!(f, " .. {high}")?;
                    }
                }
                f.write_str("}")
            }
            TestKind::Truth(operand) => write!(f, "{operand}"),
        }
    }
}

fn joined(f: &mut fmt::Formatter<'_>, tests: &[Test], word: &str, strength: u8) -> fmt::Result {
    for (i, test) in tests.iter().enumerate() {
        if i > 0 {
            f.write_str(word)?;
        }
        grouped(f, test, strength + 1)?;
    }
    Ok(())
}

/// In parentheses where it binds less tightly than `least`.
fn grouped(f: &mut fmt::Formatter<'_>, test: &Test, least: u8) -> fmt::Result {
    let strength = match &test.node {
        TestKind::Or(_) => 1,
        TestKind::Xor(_) => 2,
        TestKind::And(_) => 3,
        _ => 4,
    };
    if strength < least { write!(f, "({test})") } else { write!(f, "{test}") }
}

impl fmt::Display for Operand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.node {
            OperandKind::Word(word) => f.write_str(word),
            OperandKind::Text(bytes) => write!(f, "{}", Quoted(bytes)),
            OperandKind::Character(byte) => match byte {
                b'\'' | b'\\' => write!(f, "'\\{}'", char::from(*byte)),
                b' '..=b'~' => write!(f, "'{}'", char::from(*byte)),
                _ => write!(f, "'\\x{byte:02x}'"),
            },
            OperandKind::Call { function, arguments } => {
                write!(f, "{}(", function.node)?;
                for (i, argument) in arguments.iter().enumerate() {
                    write!(f, "{}{argument}", if i == 0 { "" } else { ", " })?;
                }
                f.write_str(")")
            }
            OperandKind::Slice { of, ranges } => {
                write!(f, "{of}[")?;
                for (i, range) in ranges.iter().enumerate() {
                    write!(f, "{}{range}", if i == 0 { "" } else { "," })?;
                }
                f.write_str("]")
            }
            OperandKind::Layer { of, layers } => {
                write!(f, "{of}#[")?;
                for (i, LayerRange { first, last }) in layers.iter().enumerate() {
                    let comma = if i == 0 { "" } else { "," };
                    match last {
                        Some(last) if last == first => write!(f, "{comma}{first}")?,
                        Some(last) => write!(f, "{comma}{first}-{last}")?,
                        None => write!(f, "{comma}{first}-")?,
                    }
                }
                f.write_str("]")
            }
            OperandKind::Negative(of) => {
                f.write_str("-")?;
                braced(f, of, 4)
            }
            OperandKind::Arithmetic { operator, left, right } => {
                let strength = operator.node.strength();
                braced(f, left, strength)?;
                write!(f, " {} ", operator.node.sign())?;
                braced(f, right, strength + 1)
            }
        }
    }
}

/// In braces where it binds less tightly than `least`.
fn braced(f: &mut fmt::Formatter<'_>, operand: &Operand, least: u8) -> fmt::Result {
    match &operand.node {
        OperandKind::Arithmetic { operator, .. } if operator.node.strength() < least => {
            write!(f, "{{{operand}}}")
        }
        _ => write!(f, "{operand}"),
    }
}

impl fmt::Display for SliceRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SliceRange::At(at) => write!(f, "{at}"),
            SliceRange::Length(start, length) => write!(f, "{start}:{length}"),
            SliceRange::Inclusive(first, last) => write!(f, "{first}-{last}"),
            SliceRange::From(start) => write!(f, "{start}:"),
        }
    }
}

/// Bytes as a double-quoted string of the language.
pub(super) struct Quoted<'a>(pub(super) &'a [u8]);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"")?;
        for chunk in self.0.utf8_chunks() {
            for c in chunk.valid().chars() {
                match c {
                    '"' => f.write_str("\\\"")?,
                    '\\' => f.write_str("\\\\")?,
                    '\0'..='\x1f' | '\x7f' => write!(f, "\\x{:02x}", u32::from(c))?,
                    c if c.is_control() => write!(f, "\\u{:04x}", u32::from(c))?,
                    c => write!(f, "{c}")?,
                }
            }
            chunk.invalid().iter().try_for_each(|byte| write!(f, "\\x{byte:02x}"))?;
        }
        f.write_str("\"")
    }
}
