//! Text with `{{…}}` in it: compiled once, rendered for each device or message.
//!
//! ```text
//! fleet/{{client_id}}/data      {{i:06}}      {{random(20, 80):.1}}      {{rate / 4}}/s
//! ```
//!
//! Variables and the environment are known when a scenario is read, so they and the arithmetic on them are
//! folded into the text; what is left is a short list of pieces. Kinds are checked when compiling: rendering
//! cannot fail.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::ops::Range;

use rand::rngs::SmallRng;
use rand::{Rng, RngExt};

use super::problem::Problem;

mod number;
mod parse;

pub(crate) use number::Number;
pub(crate) use parse::is_reserved;

/// What a scenario's text may name besides its own variables. Each scope holds the ones before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Scope {
    /// Known when the scenario is read: variables, `env.X`, arithmetic.
    Plan,
    /// What makes a device: `i`, `group`, random values; not `client_id`, which is made here.
    Identity,
    /// What a device has: `client_id` as well.
    Device,
    /// What a message has: `seq`, `now_ms`, `now_ns`, `uuid` as well.
    Message,
}

/// The names a scenario defines, and its view of the environment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Vars {
    pub values: BTreeMap<String, Value>,
    pub environment: BTreeMap<String, String>,
}

/// A variable's value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Whole(i64),
    Real(f64),
    Text(String),
}

impl Value {
    /// A number where the text is one.
    pub(crate) fn of(text: &str) -> Self {
        if let Ok(whole) = text.parse() {
            return Self::Whole(whole);
        }
        match text.parse::<f64>() {
            Ok(real) if real.is_finite() => Self::Real(real),
            _ => Self::Text(text.to_owned()),
        }
    }
}

/// What is wrong in a template, and with which of its bytes.
#[derive(Debug)]
pub(crate) struct Fault {
    pub span: Range<usize>,
    pub problem: Box<Problem>,
}

/// Everything a template may speak of while it is rendered.
pub struct Moment<'a> {
    /// The device's client id.
    pub client_id: &'a str,
    /// The device's number within its group, from 0.
    pub i: u32,
    /// The group's name.
    pub group: &'a str,
    /// The message's number within its publish list and device, from 0.
    pub seq: u64,
    /// Nanoseconds since the Unix epoch.
    pub now_ns: i64,
    /// Where random values come from; seeded by the caller, so that a run can be repeated.
    pub random: SmallRng,
}

/// A compiled text.
#[derive(Clone, Debug)]
pub struct Template {
    /// Constants are merged: no two texts stand side by side, and a constant template is at most one text.
    pieces: Box<[Piece]>,
    scope: Scope,
}

#[derive(Clone, Debug)]
enum Piece {
    Text(Box<str>),
    Number(Number, Format),
    ClientId,
    Group,
    Uuid,
    /// This many random hexadecimal digits.
    Hex(usize),
    /// This many random bytes.
    Bytes(usize),
    /// `true` as often as the number says, else `false`.
    Chance(Number),
    /// One of them.
    Choice(Box<[Piece]>),
}

/// How a number is written: `06`, `.2`, `04x`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Format {
    width: usize,
    zeros: bool,
    precision: Option<usize>,
    hexadecimal: bool,
}

impl Template {
    pub(crate) fn compile(text: &str, scope: Scope, vars: &Vars) -> Result<Self, Vec<Fault>> {
        let mut pieces = Vec::new();
        let mut faults = Vec::new();
        let mut at = 0;
        while let Some(open) = text[at..].find("{{").map(|found| at + found) {
            push_text(&mut pieces, &text[at..open]);
            let inner = open + 2;
            let Some(len) = parse::expression_len(&text[inner..]) else {
                let problem = Problem::new("`{{` without its `}}`");
                faults.push(Fault { span: open..text.len(), problem: Box::new(problem) });
                return Err(faults);
            };
            match parse::expression(&text[inner..inner + len], inner, scope, vars) {
                Ok(Piece::Text(text)) => push_text(&mut pieces, &text),
                Ok(piece) => pieces.push(piece),
                Err(fault) => faults.push(fault),
            }
            at = inner + len + 2;
        }
        push_text(&mut pieces, &text[at..]);
        if !faults.is_empty() {
            return Err(faults);
        }
        let scope = pieces.iter().map(Piece::scope).max().unwrap_or(Scope::Plan);
        Ok(Self { pieces: pieces.into(), scope })
    }

    /// A template that is always this text.
    pub(crate) fn literal(text: &str) -> Self {
        let pieces =
            if text.is_empty() { Box::default() } else { Box::new([Piece::Text(text.into())]) as Box<[_]> };
        Self { pieces, scope: Scope::Plan }
    }

    /// The widest scope it really uses.
    pub(crate) fn scope(&self) -> Scope {
        self.scope
    }

    /// The text of a template compiled in `Scope::Plan`, which is always constant.
    pub(crate) fn constant(&self) -> &str {
        match &*self.pieces {
            [Piece::Text(text)] => text,
            _ => "",
        }
    }

    /// Whether every rendering begins with this text.
    pub(crate) fn begins_with(&self, text: &str) -> bool {
        matches!(self.pieces.first(), Some(Piece::Text(first)) if first.starts_with(text))
    }

    /// Appends the text for this moment.
    pub fn render(&self, moment: &mut Moment<'_>, out: &mut Vec<u8>) {
        for piece in &self.pieces {
            piece.render(moment, out);
        }
    }

    /// The text for this moment, where it must be text: bytes that are not UTF-8 become replacement
    /// characters.
    pub fn to_text(&self, moment: &mut Moment<'_>) -> String {
        let mut out = Vec::new();
        self.render(moment, &mut out);
        match String::from_utf8(out) {
            Ok(text) => text,
            Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
        }
    }
}

fn push_text(pieces: &mut Vec<Piece>, text: &str) {
    if text.is_empty() {
        return;
    }
    match pieces.last_mut() {
        Some(Piece::Text(before)) => *before = format!("{before}{text}").into(),
        _ => pieces.push(Piece::Text(text.into())),
    }
}

impl Piece {
    fn scope(&self) -> Scope {
        match self {
            Self::Text(_) => Scope::Plan,
            Self::Number(number, _) | Self::Chance(number) => number.scope(),
            Self::Group | Self::Hex(_) | Self::Bytes(_) => Scope::Identity,
            Self::ClientId => Scope::Device,
            Self::Uuid => Scope::Identity,
            Self::Choice(of) => of.iter().map(Self::scope).max().unwrap_or(Scope::Plan).max(Scope::Identity),
        }
    }

    fn render(&self, moment: &mut Moment<'_>, out: &mut Vec<u8>) {
        match self {
            Self::Text(text) => out.extend_from_slice(text.as_bytes()),
            Self::Number(number, format) => format.write(number.value(moment), out),
            Self::ClientId => out.extend_from_slice(moment.client_id.as_bytes()),
            Self::Group => out.extend_from_slice(moment.group.as_bytes()),
            Self::Uuid => uuid(&mut moment.random, out),
            Self::Hex(digits) => hex(*digits, &mut moment.random, out),
            Self::Bytes(count) => {
                let start = out.len();
                out.resize(start + count, 0);
                moment.random.fill_bytes(&mut out[start..]);
            }
            Self::Chance(probability) => {
                let probability = probability.value(moment).as_f64();
                let heads = moment.random.random::<f64>() < probability;
                out.extend_from_slice(if heads { b"true" } else { b"false" });
            }
            Self::Choice(of) => {
                let chosen = moment.random.random_range(0..of.len());
                of[chosen].render(moment, out);
            }
        }
    }
}

impl Format {
    fn write(self, value: number::Numeric, out: &mut Vec<u8>) {
        let width = self.width;
        if let (number::Numeric::Whole(n), None, false) = (value, self.precision, self.hexadecimal)
            && (width == 0 || self.zeros)
        {
            return decimal(n, width, out);
        }
        // Writing to a Vec cannot fail.
        let _ = match (value, self.precision) {
            (number::Numeric::Whole(n), None) if self.hexadecimal && self.zeros => {
                write!(out, "{n:0width$x}")
            }
            (number::Numeric::Whole(n), None) if self.hexadecimal => write!(out, "{n:width$x}"),
            (number::Numeric::Whole(n), None) => write!(out, "{n:width$}"),
            (value, Some(precision)) if self.zeros => write!(out, "{:0width$.precision$}", value.as_f64()),
            (value, Some(precision)) => write!(out, "{:width$.precision$}", value.as_f64()),
            (number::Numeric::Real(x), None) if self.zeros => write!(out, "{x:0width$}"),
            (number::Numeric::Real(x), None) => write!(out, "{x:width$}"),
        };
    }
}

/// A whole number, with zeros up to that width: what topics and payloads are full of, and many times as fast as
/// formatting it.
fn decimal(n: i64, width: usize, out: &mut Vec<u8>) {
    let mut digits = [0; 20];
    let (mut first, mut left) = (digits.len(), n.unsigned_abs());
    loop {
        first -= 1;
        digits[first] = b'0' + (left % 10) as u8;
        left /= 10;
        if left == 0 {
            break;
        }
    }
    let sign = usize::from(n < 0);
    if n < 0 {
        out.push(b'-');
    }
    let zeros = width.saturating_sub(sign + digits.len() - first);
    out.resize(out.len() + zeros, b'0');
    out.extend_from_slice(&digits[first..]);
}

const HEX: &[u8; 16] = b"0123456789abcdef";

fn hex(digits: usize, random: &mut SmallRng, out: &mut Vec<u8>) {
    let mut left = digits;
    while left > 0 {
        let mut word = random.next_u64();
        for _ in 0..left.min(16) {
            out.push(HEX[(word & 15) as usize]);
            word >>= 4;
        }
        left -= left.min(16);
    }
}

/// A random UUID (version 4).
fn uuid(random: &mut SmallRng, out: &mut Vec<u8>) {
    let mut bytes = [0; 16];
    random.fill_bytes(&mut bytes);
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    for (i, byte) in bytes.iter().enumerate() {
        if matches!(i, 4 | 6 | 8 | 10) {
            out.push(b'-');
        }
        out.push(HEX[(byte >> 4) as usize]);
        out.push(HEX[(byte & 15) as usize]);
    }
}

#[cfg(test)]
mod tests;
