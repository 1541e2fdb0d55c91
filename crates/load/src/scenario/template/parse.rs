//! The expressions within `{{…}}`: text to pieces, kinds checked on the way.

use std::ops::Range;

use rand_distr::{Exp, LogNormal, Normal, Zipf};

use super::number::{Number, Numeric, Operator};
use super::{Fault, Format, Piece, Scope, Value, Vars};
use crate::scenario::problem::Problem;

/// Names that are not variables, with the scope each begins in.
const NAMES: [(&str, Scope); 7] = [
    ("client_id", Scope::Device),
    ("i", Scope::Identity),
    ("group", Scope::Identity),
    ("seq", Scope::Message),
    ("now_ms", Scope::Message),
    ("now_ns", Scope::Message),
    ("uuid", Scope::Identity),
];

const FUNCTIONS: [&str; 9] =
    ["random", "normal", "exp", "lognormal", "zipf", "chance", "choice", "hex", "bytes"];

/// Functions of the scenario language that are not carried out yet.
const LATER: [&str; 2] = ["walk", "base64"];

/// Deeper nesting than anyone writes by hand.
const DEPTH: usize = 32;

/// Most bytes one placeholder may stand for.
const LARGEST: i64 = 1 << 20;

/// Whether a name means something to templates already, so that no variable may have it.
pub(crate) fn is_reserved(name: &str) -> bool {
    NAMES.iter().any(|(known, _)| *known == name) || name == "env"
}

/// Length of the expression up to its closing `}}`, which may also stand within quotes.
pub(super) fn expression_len(text: &str) -> Option<usize> {
    let mut quote = None;
    let bytes = text.as_bytes();
    for (at, &byte) in bytes.iter().enumerate() {
        match quote {
            Some(open) if byte == open => quote = None,
            Some(_) => {}
            None if byte == b'\'' || byte == b'"' => quote = Some(byte),
            None if byte == b'}' && bytes.get(at + 1) == Some(&b'}') => return Some(at),
            None => {}
        }
    }
    None
}

/// Parses `expression[:format]`; `base` is where it stands in the whole text.
pub(super) fn expression(text: &str, base: usize, scope: Scope, vars: &Vars) -> Result<Piece, Fault> {
    let mut parser = Parser { text, at: 0, base, scope, vars, depth: 0 };
    let piece = parser.sum()?;
    let format = parser.format(&piece)?;
    parser.end()?;
    match (piece, format) {
        (Piece::Number(number, _), format) => {
            let format = format.unwrap_or_default();
            Ok(match number.constant() {
                Some(value) => {
                    let mut out = Vec::new();
                    format.write(value, &mut out);
                    Piece::Text(String::from_utf8_lossy(&out).into())
                }
                None => Piece::Number(number, format),
            })
        }
        (piece, _) => Ok(piece),
    }
}

struct Parser<'t> {
    text: &'t str,
    at: usize,
    base: usize,
    scope: Scope,
    vars: &'t Vars,
    depth: usize,
}

impl<'t> Parser<'t> {
    fn fault<T>(&self, span: Range<usize>, problem: Problem) -> Result<T, Fault> {
        let span = self.base + span.start..self.base + span.end;
        Err(Fault { span, problem: Box::new(problem) })
    }

    fn skip_space(&mut self) {
        self.at += self.text[self.at..].len() - self.text[self.at..].trim_start().len();
    }

    fn peek(&mut self) -> Option<u8> {
        self.skip_space();
        self.text.as_bytes().get(self.at).copied()
    }

    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, byte: u8) -> Result<(), Fault> {
        if self.take(byte) {
            return Ok(());
        }
        self.fault(self.here(), Problem::new(format!("expected `{}`", byte as char)))
    }

    /// The character at hand, for pointing at.
    fn here(&self) -> Range<usize> {
        let len = self.text[self.at..].chars().next().map_or(0, char::len_utf8);
        self.at..self.at + len
    }

    fn end(&mut self) -> Result<(), Fault> {
        match self.peek() {
            None => Ok(()),
            Some(_) => self.fault(self.at..self.text.len(), Problem::new("expected an operator or `}}`")),
        }
    }

    fn sum(&mut self) -> Result<Piece, Fault> {
        self.depth += 1;
        if self.depth > DEPTH {
            return self.fault(self.here(), Problem::new("nested too deeply"));
        }
        let mut left = self.product()?;
        loop {
            let operator = match self.peek() {
                Some(b'+') => Operator::Add,
                Some(b'-') => Operator::Subtract,
                _ => break,
            };
            left = self.arithmetic(operator, left, Self::product)?;
        }
        self.depth -= 1;
        Ok(left)
    }

    fn product(&mut self) -> Result<Piece, Fault> {
        let mut left = self.operand()?;
        loop {
            let operator = match self.peek() {
                Some(b'*') => Operator::Multiply,
                Some(b'/') => Operator::Divide,
                Some(b'%') => Operator::Remainder,
                _ => return Ok(left),
            };
            left = self.arithmetic(operator, left, Self::operand)?;
        }
    }

    fn arithmetic(
        &mut self,
        operator: Operator,
        left: Piece,
        right: fn(&mut Self) -> Result<Piece, Fault>,
    ) -> Result<Piece, Fault> {
        let sign = self.here();
        self.at += 1;
        let right = right(self)?;
        let (Piece::Number(left, _), Piece::Number(right, _)) = (left, right) else {
            return self.fault(sign, Problem::new("arithmetic needs numbers on both sides"));
        };
        let divides = matches!(operator, Operator::Divide | Operator::Remainder);
        if divides && right.constant().is_some_and(|value| value.as_f64() == 0.0) {
            return self.fault(sign, Problem::new("division by zero"));
        }
        let number = match (left.constant(), right.constant()) {
            (Some(a), Some(b)) => Number::Constant(operator.apply(a, b)),
            _ => Number::Arithmetic(operator, Box::new((left, right))),
        };
        Ok(number_piece(number))
    }

    fn operand(&mut self) -> Result<Piece, Fault> {
        match self.peek() {
            Some(b'(') => {
                self.at += 1;
                let inner = self.sum()?;
                self.expect(b')')?;
                Ok(inner)
            }
            Some(b'-') => {
                let sign = self.here();
                self.at += 1;
                self.depth += 1;
                if self.depth > DEPTH {
                    return self.fault(sign, Problem::new("nested too deeply"));
                }
                let operand = self.operand()?;
                self.depth -= 1;
                match operand {
                    Piece::Number(Number::Constant(value), _) => {
                        Ok(number_piece(Number::Constant(Operator::Subtract.apply(Numeric::Whole(0), value))))
                    }
                    Piece::Number(number, _) => Ok(number_piece(Number::Negative(Box::new(number)))),
                    _ => self.fault(sign, Problem::new("arithmetic needs numbers on both sides")),
                }
            }
            Some(quote @ (b'\'' | b'"')) => self.quoted(quote),
            Some(b'0'..=b'9' | b'.') => self.number(),
            Some(byte) if byte.is_ascii_alphabetic() || byte == b'_' => self.name(),
            Some(_) => self.fault(self.here(), Problem::new("expected a name, a number or a text")),
            None => {
                let end = self.text.len();
                self.fault(end..end, Problem::new("expected a name, a number or a text"))
            }
        }
    }

    fn quoted(&mut self, quote: u8) -> Result<Piece, Fault> {
        let start = self.at + 1;
        match self.text[start..].find(quote as char) {
            Some(len) => {
                self.at = start + len + 1;
                Ok(Piece::Text(self.text[start..start + len].into()))
            }
            None => self.fault(self.at..self.text.len(), Problem::new("text without its closing quote")),
        }
    }

    fn number(&mut self) -> Result<Piece, Fault> {
        let start = self.at;
        let digits = |c: char| c.is_ascii_digit() || matches!(c, '.' | '_');
        self.at += self.text[start..].find(|c| !digits(c)).unwrap_or(self.text.len() - start);
        let written = &self.text[start..self.at];
        match Value::of(&written.replace('_', "")) {
            Value::Whole(whole) => Ok(number_piece(Number::Constant(Numeric::Whole(whole)))),
            Value::Real(real) => Ok(number_piece(Number::Constant(Numeric::Real(real)))),
            Value::Text(_) => {
                self.fault(start..self.at, Problem::new(format!("expected a number, found `{written}`")))
            }
        }
    }

    fn name(&mut self) -> Result<Piece, Fault> {
        let start = self.at;
        let word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.');
        self.at += self.text[start..].find(|c| !word(c)).unwrap_or(self.text.len() - start);
        let name = &self.text[start..self.at];
        let span = start..self.at;
        if self.peek() == Some(b'(') {
            self.at += 1;
            return self.call(name, span);
        }
        if let Some(variable) = name.strip_prefix("env.") {
            return match self.vars.environment.get(variable) {
                Some(value) => Ok(Piece::Text(value.as_str().into())),
                None => {
                    let problem = Problem::new(format!("environment variable `{variable}` is not set"));
                    self.fault(span, problem)
                }
            };
        }
        if let Some((_, needed)) = NAMES.iter().find(|(known, _)| *known == name) {
            if *needed > self.scope {
                let problem = Problem::new(format!("`{name}` is not known here"));
                let help = match self.scope {
                    Scope::Plan => "only variables and env.X are known before devices are made",
                    Scope::Identity => "a client id is made from i, group and variables",
                    Scope::Device | Scope::Message => "only a message has it, not a device",
                };
                return self.fault(span, problem.help(help));
            }
            return Ok(match name {
                "client_id" => Piece::ClientId,
                "group" => Piece::Group,
                "uuid" => Piece::Uuid,
                "i" => number_piece(Number::I),
                "seq" => number_piece(Number::Seq),
                "now_ms" => number_piece(Number::NowMs),
                _ => number_piece(Number::NowNs),
            });
        }
        match self.vars.values.get(name) {
            Some(Value::Whole(whole)) => Ok(number_piece(Number::Constant(Numeric::Whole(*whole)))),
            Some(Value::Real(real)) => Ok(number_piece(Number::Constant(Numeric::Real(*real)))),
            Some(Value::Text(text)) => Ok(Piece::Text(text.as_str().into())),
            None => {
                let names = NAMES.iter().filter(|(_, needed)| *needed <= self.scope).map(|(name, _)| *name);
                let names = names.chain(self.vars.values.keys().map(String::as_str));
                let problem = Problem::new(format!("unknown name `{name}`")).nearest(name, names);
                let problem = if problem.nearest.is_some() {
                    problem
                } else {
                    problem.help("define it under `vars`, or use env.NAME for the environment")
                };
                self.fault(span, problem)
            }
        }
    }

    fn call(&mut self, name: &str, span: Range<usize>) -> Result<Piece, Fault> {
        let mut arguments = Vec::new();
        if !self.take(b')') {
            loop {
                arguments.push(self.sum()?);
                if !self.take(b',') {
                    break;
                }
            }
            self.expect(b')')?;
        }
        let whole = span.start..self.at;
        if !FUNCTIONS.contains(&name) {
            let problem = if LATER.contains(&name) {
                Problem::new(format!("`{name}()` is not supported yet"))
            } else {
                Problem::new(format!("unknown function `{name}`"))
                    .nearest(name, FUNCTIONS)
                    .help(format!("there are: {}", FUNCTIONS.join(", ")))
            };
            return self.fault(span, problem);
        }
        if self.scope == Scope::Plan {
            let problem = Problem::new(format!("`{name}()` gives a value for each device or message"));
            return self.fault(whole, problem.help("here the value is the same for the whole run"));
        }
        match function(name, arguments) {
            Ok(piece) => Ok(piece),
            Err(message) => self.fault(whole, Problem::new(message)),
        }
    }

    /// `:06`, `:.2`, `:04x`.
    fn format(&mut self, piece: &Piece) -> Result<Option<Format>, Fault> {
        if !self.take(b':') {
            return Ok(None);
        }
        let start = self.at;
        let written = self.text[start..].trim();
        self.at = self.text.len();
        let parsed = parse_format(written);
        match (piece, parsed) {
            (Piece::Number(..), Some(format)) => Ok(Some(format)),
            (Piece::Number(..), None) => {
                let problem = Problem::new(format!("bad format `{written}`"));
                self.fault(start..self.at, problem.help("a width, zeros, a precision: 06, .2, 08.3, 04x"))
            }
            _ => self.fault(start..self.at, Problem::new("only numbers take a format")),
        }
    }
}

fn parse_format(written: &str) -> Option<Format> {
    let (rest, hexadecimal) = match written.strip_suffix('x') {
        Some(rest) => (rest, true),
        None => (written, false),
    };
    let (width, precision) = match rest.split_once('.') {
        Some((width, precision)) => (width, Some(precision.parse().ok().filter(|digits| *digits <= 30)?)),
        None => (rest, None),
    };
    let zeros = width.starts_with('0');
    let width = if width.is_empty() { 0 } else { width.parse().ok().filter(|width| *width <= 64)? };
    (!written.is_empty()).then_some(Format { width, zeros, precision, hexadecimal })
}

fn number_piece(number: Number) -> Piece {
    Piece::Number(number, Format::default())
}

fn function(name: &str, arguments: Vec<Piece>) -> Result<Piece, String> {
    let count = arguments.len();
    let needs = |wanted: usize, shape: &str| {
        if count == wanted { Ok(()) } else { Err(format!("expected `{shape}`")) }
    };
    match name {
        "choice" if count == 0 => Err("expected `choice(a, b, …)`".to_owned()),
        "choice" => {
            if arguments.iter().all(|argument| matches!(argument, Piece::Number(..))) {
                let numbers = numbers(arguments, "")?;
                return Ok(number_piece(Number::Choice(numbers.into())));
            }
            Ok(Piece::Choice(arguments.into()))
        }
        "random" => {
            needs(2, "random(from, to)")?;
            let [from, to] = pair(arguments, "random(from, to)")?;
            Ok(number_piece(Number::Random(Box::new((from, to)))))
        }
        "chance" => {
            needs(1, "chance(probability)")?;
            let probability = numbers(arguments, "chance(probability)")?.remove(0);
            Ok(Piece::Chance(probability))
        }
        "hex" | "bytes" => {
            let shape = format!("{name}(count)");
            needs(1, &shape)?;
            let count = match constants(arguments, &shape)?[0] {
                Numeric::Whole(count @ 0..=LARGEST) => count as usize,
                _ => return Err(format!("expected a count from 0 to {LARGEST}")),
            };
            Ok(if name == "hex" { Piece::Hex(count) } else { Piece::Bytes(count) })
        }
        "exp" => {
            needs(1, "exp(mean)")?;
            let mean = constants(arguments, "exp(mean)")?[0].as_f64();
            let distribution = Exp::new(1.0 / mean).ok().filter(|_| mean > 0.0);
            distribution
                .map(|of| number_piece(Number::Exponential(of)))
                .ok_or_else(|| format!("an exponential distribution has a mean above zero, not {mean}"))
        }
        "normal" | "lognormal" => {
            let shape = format!("{name}(mean, deviation)");
            needs(2, &shape)?;
            let constants = constants(arguments, &shape)?;
            let (mean, deviation) = (constants[0].as_f64(), constants[1].as_f64());
            let number = if name == "normal" {
                Normal::new(mean, deviation).ok().map(Number::Normal)
            } else {
                LogNormal::new(mean, deviation).ok().map(Number::LogNormal)
            };
            number
                .filter(|_| deviation >= 0.0)
                .map(number_piece)
                .ok_or_else(|| format!("a deviation is not negative: {deviation}"))
        }
        _ => {
            needs(2, "zipf(count, exponent)")?;
            let constants = constants(arguments, "zipf(count, exponent)")?;
            let (count, exponent) = (constants[0].as_f64(), constants[1].as_f64());
            Zipf::new(count, exponent).map(|of| number_piece(Number::Zipf(of))).map_err(|_| {
                "expected `zipf(count, exponent)`, count at least 1 and exponent at least 0".to_owned()
            })
        }
    }
}

fn numbers(arguments: Vec<Piece>, shape: &str) -> Result<Vec<Number>, String> {
    arguments
        .into_iter()
        .map(|argument| match argument {
            Piece::Number(number, _) => Ok(number),
            _ => Err(format!("expected `{shape}` with numbers")),
        })
        .collect()
}

fn pair(arguments: Vec<Piece>, shape: &str) -> Result<[Number; 2], String> {
    numbers(arguments, shape)?.try_into().map_err(|_| format!("expected `{shape}`"))
}

fn constants(arguments: Vec<Piece>, shape: &str) -> Result<Vec<Numeric>, String> {
    numbers(arguments, shape)?
        .iter()
        .map(|number| number.constant().ok_or_else(|| format!("`{shape}` takes plain numbers and variables")))
        .collect()
}
