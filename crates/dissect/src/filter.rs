//! Display filters: which packets are shown, printed, counted, replayed.
//!
//! The language is Wireshark's, asked of **one MQTT packet at a time**: where several packets share a frame, each is
//! asked for itself, and a filter that mixes the topic of one with the QoS of another matches none of them. A
//! [`FrameFilter`] asks as Wireshark does, of all packets of a frame together.
//!
//! ```
//! use mqscope_dissect::filter::Filter;
//!
//! let filter = Filter::parse("mqtt.qos > 0 && mqtt.topic matches \"^site/\"")?;
//! assert_eq!(filter.to_string(), "mqtt.qos > 0 and mqtt.topic matches \"^site/\"");
//!
//! let error = Filter::parse("mqtt.topik == \"a\"").unwrap_err();
//! assert_eq!((error.column(), error.nearest()), (0, Some("mqtt.topic")));
//! # Ok::<(), mqscope_dissect::filter::FilterError>(())
//! ```
//!
//! # Tests
//!
//! | test | true if |
//! |---|---|
//! | `mqtt.msgid` | the packet has the field |
//! | `a == b`, `a eq b`, `a any_eq b` | any value of `a` equals any of `b` |
//! | `a != b`, `a ne b`, `a all_ne b` | there are values, and none of `a` equals one of `b` |
//! | `a === b`, `a all_eq b` | there are values, and all are equal |
//! | `a !== b`, `a any_ne b` | any value of `a` differs from any of `b` |
//! | `a > b` `a < b` `a >= b` `a <= b`, `gt` `lt` `ge` `le` | any values compare so |
//! | `a < b < c` | `a < b` and `b < c` |
//! | `a contains b` | `b` is part of `a`: text, bytes, a protocol |
//! | `a matches "…"`, `a ~ "…"` | the regular expression is found in `a`; case is ignored unless it says `(?-i)` |
//! | `a in {1, 3..5}`, `a not in {…}` | any value of `a` is a member; ranges include both ends |
//! | `any a > b`, `all a > b` | the words before a comparison choose between any and every value |
//! | `a & 0x80`, other arithmetic | the result is not zero |
//! | `a[0:2]` | the packet has these bytes |
//!
//! A comparison with a field that the packet does not have is false, `!=` too; `not a == b` is true then.
//!
//! Tests are joined, tightest first, by `not` or `!`, `and` or `&&`, `xor` or `^^`, `or` or `||`, and grouped by
//! parentheses. The empty filter matches every packet.
//!
//! # Values
//!
//! | values | as |
//! |---|---|
//! | numbers | `10`, `0xa`, `012` (octal), `0b1010`, `'\n'` (the code of a character), `-1` |
//! | names of values | `mqtt.msgtype == "Publish Message"`, or `publish`; case and punctuation do not matter |
//! | truth values | `True`, `False`, `1`, `0` |
//! | text | `"a\tb"` with the escapes `\a \b \f \n \r \t \v \\ \" \' \101 \x41 \u00e9 \U0001f600`; `r"\d"` without |
//! | bytes | `74:77`, `74-77`, `74.77`, `7477`, `"tw"` |
//! | addresses | `10.0.0.1`, `10.0.0.0/8`, `fe80::1`, `fe80::/10`, `02:00:5e:10:00:01` |
//! | times | `"2026-01-02 03:04:05.678"` local, `2026-01-02T03:04:05Z`, `"Jan  2, 2026 03:04:05"`, seconds since 1970 |
//! | spans of time | seconds, `0.25`, or with a unit: `250ms`, `40us`, `2min` |
//!
//! A word without quotes is text where text is wanted. A name that is both a field and something else is the field.
//!
//! # Operands
//!
//! Numbers, times and addresses are computed with: `&` binds loosest, then `+ -`, then `* / %`, then `-` before an
//! operand; `{` and `}` group. A slice takes bytes out of text, bytes and addresses: `a[start:length]`, `a[first-last]`,
//! `a[start:]`, `a[:length]`, `a[at]`, several with commas; a negative start counts from the end. `a#2` asks for the
//! field in the second layer of its protocol; a packet has one layer of each.
//!
//! | function | gives |
//! |---|---|
//! | `len(a)` | the length in bytes of text or bytes |
//! | `count(a)` | how many values the packet has for the field; none if it has none |
//! | `upper(a)`, `lower(a)` | text with its ASCII letters changed |
//! | `max(a, b, …)`, `min(a, b, …)` | the greatest or least of all values |
//! | `abs(a)` | a number without its sign |
//! | `string(a)` | a number, an address or a truth value as text, for `matches` |
//! | `mqtt.topic_filter("a/+/b")` | true if the topic of the PUBLISH, its alias resolved, matches the topic filter |
//! | `mqtt.json("$.a.b[0]")` | the values at a path in a JSON payload; `[*]` and `.*` for every one |
//!
//! A JSON value compares with numbers, text, `true`, `false` and `null`, each equal only to its own kind.
//!
//! # Beside Wireshark
//!
//! What Wireshark 4 understands means the same here, frames and packets aside, with three exceptions: a negative
//! number is less than every unsigned one, byte sequences are ordered by their bytes before their length, and where
//! a regular expression matches text, `.` is a character, not a byte. Beyond Wireshark go constants on the left, sets
//! of computed values, slices and functions of functions, unquoted names of values, units of time,
//! `mqtt.topic_filter` and `mqtt.json`. Regular expressions take time linear in the text, and so have neither
//! look-around nor back-references.
//!
//! **Invariants.** No text makes the parser panic; length, depth and the size of regular expressions are bounded. A
//! filter that is understood cannot fail. Printed, it parses to the same meaning.

mod arithmetic;
mod ast;
mod catalogue;
mod check;
mod complete;
mod error;
mod eval;
mod frame;
mod function;
mod lexer;
mod literal;
mod parse;
mod path;
mod row;
mod topic;
mod tree;
mod value;

use std::fmt;
use std::str::FromStr;

pub use complete::{Completion, CompletionKind, complete};
pub use error::{FilterError, FilterErrorKind, Found, Span, Warning};
pub use frame::FrameFilter;
use tree::Node;

use crate::PacketView;
use crate::fields::RowFacts;

/// A filter that has been understood, ready to be asked about packets.
#[derive(Debug)]
pub struct Filter {
    text: String,
    canonical: String,
    node: Node,
    warnings: Vec<Warning>,
}

impl Filter {
    /// Understands a filter; the empty one matches every packet.
    ///
    /// # Errors
    /// What is wrong and which characters are to blame.
    pub fn parse(text: &str) -> Result<Filter, FilterError> {
        let (test, mut warnings) = parse::parse(text)?;
        let (node, canonical) = match &test {
            Some(test) => (check::check(test, &mut warnings)?, test.to_string()),
            None => (Node::Always, String::new()),
        };
        Ok(Filter { text: text.to_owned(), canonical, node, warnings })
    }

    /// The filter as it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The filter, to be asked of frames.
    pub fn of_frames(self) -> FrameFilter {
        FrameFilter::new(self)
    }

    /// As [`matches`](Self::matches), where what the index knows of the packet suffices.
    pub(crate) fn of_row(&self, facts: &RowFacts<'_>) -> Option<bool> {
        self.node.of_row(facts)
    }

    /// Whether it asks for what only later packets tell: the answer to a packet.
    pub fn looks_ahead(&self) -> bool {
        let mut ahead = false;
        self.node.fields(&mut |field| ahead |= field.looks_ahead());
        ahead
    }

    /// Whether it asks what the layers that carry MQTT say for themselves: rows that are no packets may match then.
    pub fn asks_for_carriers(&self) -> bool {
        let mut asks = false;
        self.node.fields(&mut |field| asks |= field.is_of_carrier());
        asks
    }

    /// What works but may not mean what its writer thinks.
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// Whether the packet is one that the filter asks for.
    pub fn matches(&self, packet: &PacketView<'_>) -> bool {
        self.node.matches(packet)
    }
}

/// Bytes as a text of the language, quotes included, for filters that are made from values.
///
/// ```
/// assert_eq!(mqscope_dissect::filter::quoted(b"a\"b\xff"), r#""a\"b\xff""#);
/// ```
pub fn quoted(bytes: &[u8]) -> String {
    ast::Quoted(bytes).to_string()
}

impl FromStr for Filter {
    type Err = FilterError;

    fn from_str(text: &str) -> Result<Self, FilterError> {
        Filter::parse(text)
    }
}

/// The filter with one spelling for each operator.
impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.canonical)
    }
}

#[cfg(test)]
mod tests;
