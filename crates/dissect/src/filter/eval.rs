//! Asking a checked filter about one packet.
//!
//! An operand gives its values to a callback, one after the other. So none of them is copied or stored, and a filter
//! that compares fields with constants allocates nothing.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::io::Write;
use std::net::{Ipv4Addr, Ipv6Addr};

use memchr::memmem;

use super::arithmetic;
use super::ast::SliceRange;
use super::catalogue::Field;
use super::tree::{Comparison, Node, Operand};
use super::value::{Constant, Value};

/// Where the values of a packet come from.
pub(super) trait Source {
    /// Gives `each` every value of a field.
    fn values(&self, field: Field, each: &mut dyn FnMut(Value<'_>));
    /// Gives `each` the topic of a PUBLISH, its alias resolved.
    fn topics(&self, each: &mut dyn FnMut(&[u8]));
    /// Gives `each` the application message of a PUBLISH.
    fn payloads(&self, each: &mut dyn FnMut(&[u8]));
}

impl Node {
    pub(super) fn matches(&self, packet: &impl Source) -> bool {
        match self {
            Node::Always => true,
            Node::Or(nodes) => nodes.iter().any(|node| node.matches(packet)),
            Node::Xor(nodes) => nodes.iter().filter(|node| node.matches(packet)).count() % 2 == 1,
            Node::And(nodes) => nodes.iter().all(|node| node.matches(packet)),
            Node::Not(node) => !node.matches(packet),
            Node::Exists(operand) => {
                let mut found = false;
                operand.values(packet, &mut |_| found = true);
                found
            }
            Node::NonZero(operand) => operand.any(packet, |value| value.is_nonzero()),
            Node::Relation { all, comparison, left, right } => {
                let mut outcome = Outcome::new(*all);
                match right {
                    Operand::Constant(constant) => {
                        let right = constant.value();
                        left.values(packet, &mut |left| outcome.add(|| comparison.holds(left, right)));
                    }
                    right => left.values(packet, &mut |left| {
                        right.values(packet, &mut |right| outcome.add(|| comparison.holds(left, right)));
                    }),
                }
                outcome.is_true()
            }
            Node::Contains { all, operand, finder } => operand
                .all_or_any(*all, packet, |value| value.bytes().is_some_and(|b| finder.find(b).is_some())),
            Node::Matches { all, operand, regex } => {
                operand.all_or_any(*all, packet, |value| value.bytes().is_some_and(|b| regex.is_match(b)))
            }
            Node::Member { all, operand, set } => operand.all_or_any(*all, packet, |value| {
                set.iter().any(|(low, high)| {
                    let from = |comparison: Comparison, bound: &Operand| {
                        bound.any(packet, |bound| comparison.holds(value, bound))
                    };
                    match high {
                        None => from(Comparison::Equal, low),
                        Some(high) => {
                            from(Comparison::GreaterOrEqual, low) && from(Comparison::LessOrEqual, high)
                        }
                    }
                })
            }),
        }
    }
}

/// Whether all or any of what is added is true.
struct Outcome {
    all: bool,
    /// `None`: nothing was added.
    so_far: Option<bool>,
}

impl Outcome {
    fn new(all: bool) -> Self {
        Outcome { all, so_far: None }
    }

    /// `test` is not asked once the outcome cannot change.
    #[inline]
    fn add(&mut self, test: impl FnOnce() -> bool) {
        if self.so_far != Some(!self.all) {
            self.so_far = Some(test());
        }
    }

    fn is_true(&self) -> bool {
        self.so_far == Some(true)
    }
}

impl Comparison {
    #[inline]
    fn holds(self, left: Value<'_>, right: Value<'_>) -> bool {
        match self {
            Comparison::Equal => left.compare(right) == Some(Ordering::Equal),
            Comparison::NotEqual => left.compare(right) != Some(Ordering::Equal),
            Comparison::Greater => left.compare(right) == Some(Ordering::Greater),
            Comparison::Less => left.compare(right) == Some(Ordering::Less),
            Comparison::GreaterOrEqual => left.compare(right).is_some_and(Ordering::is_ge),
            Comparison::LessOrEqual => left.compare(right).is_some_and(Ordering::is_le),
            Comparison::Contains => match (left.bytes(), right.bytes()) {
                (Some(whole), Some(part)) => memmem::find(whole, part).is_some(),
                _ => false,
            },
        }
    }
}

impl Operand {
    fn any<S: Source>(&self, packet: &S, test: impl Fn(Value<'_>) -> bool) -> bool {
        self.all_or_any(false, packet, test)
    }

    fn all_or_any<S: Source>(&self, all: bool, packet: &S, test: impl Fn(Value<'_>) -> bool) -> bool {
        let mut outcome = Outcome::new(all);
        self.values(packet, &mut |value| outcome.add(|| test(value)));
        outcome.is_true()
    }

    /// Gives `each` every value.
    fn values<S: Source>(&self, packet: &S, each: &mut dyn FnMut(Value<'_>)) {
        match self {
            Operand::Field(field) => packet.values(*field, each),
            Operand::NoLayer => {}
            Operand::Constant(constant) => each(constant.value()),
            Operand::Json(path) => packet.payloads(&mut |payload| path.values(payload, each)),
            Operand::TopicFilter(filter) => {
                packet.topics(&mut |topic| each(Value::Boolean(filter.matches(topic))));
            }
            Operand::Slice(of, ranges) => of.values(packet, &mut |value| {
                with_bytes(value, |bytes| {
                    if let Some(slice) = slice(bytes, ranges) {
                        each(Value::Bytes(&slice));
                    }
                })
            }),
            Operand::Length(of) => of.values(packet, &mut |value| {
                if let Some(bytes) = value.bytes() {
                    each(Value::Number(bytes.len() as i128));
                }
            }),
            Operand::Count(of) => {
                let mut count = 0;
                of.values(packet, &mut |_| count += 1);
                if count > 0 {
                    each(Value::Number(count));
                }
            }
            Operand::Upper(of) => of.values(packet, &mut |value| {
                if let Some(text) = value.bytes() {
                    each(Value::Text(&text.to_ascii_uppercase()));
                }
            }),
            Operand::Lower(of) => of.values(packet, &mut |value| {
                if let Some(text) = value.bytes() {
                    each(Value::Text(&text.to_ascii_lowercase()));
                }
            }),
            Operand::Shown(of) => of.values(packet, &mut |value| match value {
                Value::Text(_) => each(value),
                value => {
                    let mut buffer = [0; SHOWN];
                    if let Some(text) = shown(value, &mut buffer) {
                        each(Value::Text(text));
                    }
                }
            }),
            Operand::Absolute(of) => of.values(packet, &mut |value| {
                arithmetic::absolute(value).into_iter().for_each(&mut *each);
            }),
            Operand::Negative(of) => of.values(packet, &mut |value| {
                arithmetic::negative(value).into_iter().for_each(&mut *each);
            }),
            Operand::Maximum(operands) => extreme(operands, Ordering::Greater, packet, each),
            Operand::Minimum(operands) => extreme(operands, Ordering::Less, packet, each),
            Operand::Arithmetic(operator, sides) => {
                let (left, right) = &**sides;
                left.values(packet, &mut |left| {
                    right.values(packet, &mut |right| {
                        arithmetic::apply(*operator, left, right).into_iter().for_each(&mut *each);
                    });
                });
            }
        }
    }
}

/// The value that compares as `wanted` with all others.
fn extreme<S: Source>(operands: &[Operand], wanted: Ordering, packet: &S, each: &mut dyn FnMut(Value<'_>)) {
    let mut best: Option<Constant> = None;
    for operand in operands {
        operand.values(packet, &mut |value| {
            let better = best.as_ref().is_none_or(|best| value.compare(best.value()) == Some(wanted));
            if let Some(value) = value.constant().filter(|_| better) {
                best = Some(value);
            }
        });
    }
    if let Some(best) = best {
        each(best.value());
    }
}

fn with_bytes(value: Value<'_>, then: impl FnOnce(&[u8])) {
    match value {
        Value::Text(bytes) | Value::Bytes(bytes) => then(bytes),
        Value::Ipv4(network) => then(&network.address.to_be_bytes()),
        Value::Ipv6(network) => then(&network.address.to_be_bytes()),
        _ => {}
    }
}

/// The ranges of `bytes`, one after the other; nothing if one of them does not lie within.
fn slice<'a>(bytes: &'a [u8], ranges: &[SliceRange]) -> Option<Cow<'a, [u8]>> {
    match ranges {
        [range] => part(bytes, *range).map(Cow::Borrowed),
        ranges => {
            let parts: Option<Vec<&[u8]>> = ranges.iter().map(|range| part(bytes, *range)).collect();
            Some(Cow::Owned(parts?.concat()))
        }
    }
}

fn part(bytes: &[u8], range: SliceRange) -> Option<&[u8]> {
    let at = |offset: i32| match usize::try_from(offset) {
        Ok(from_start) => Some(from_start),
        Err(_) => bytes.len().checked_sub(offset.unsigned_abs() as usize),
    };
    match range {
        SliceRange::At(offset) => bytes.get(at(offset)?..=at(offset)?),
        SliceRange::Length(start, length) => {
            let start = at(start)?;
            bytes.get(start..start.checked_add(usize::try_from(length).ok()?)?)
        }
        SliceRange::Inclusive(first, last) => {
            bytes.get(at(first)?..=at(last)?).filter(|part| !part.is_empty())
        }
        SliceRange::From(start) => bytes.get(at(start)?..).filter(|rest| !rest.is_empty()),
    }
}

/// More than the longest number, address or truth value takes.
const SHOWN: usize = 64;

fn shown<'a>(value: Value<'_>, buffer: &'a mut [u8; SHOWN]) -> Option<&'a [u8]> {
    let mut rest = &mut buffer[..];
    match value {
        Value::Number(n) => write!(rest, "{n}"),
        Value::Float(x) => write!(rest, "{x:?}"),
        Value::Boolean(b) => write!(rest, "{}", if b { "True" } else { "False" }),
        Value::Ipv4(network) => write!(rest, "{}", Ipv4Addr::from_bits(network.address)),
        Value::Ipv6(network) => write!(rest, "{}", Ipv6Addr::from_bits(network.address)),
        _ => return None,
    }
    .ok()?;
    let len = SHOWN - rest.len();
    Some(&buffer[..len])
}
