//! Tokens to tree. One function a level of precedence, loosest first:
//!
//! ```text
//! test     = xor { "or" xor }
//! xor      = and { "xor" and }
//! and      = not { "and" not }
//! not      = "not" not | "(" test ")" | relation
//! relation = [ "any" | "all" ] sum { operator sum }
//!          | [ "any" | "all" ] sum [ "not" ] "in" "{" sum [ ".." sum ] { "," … } "}"
//!          | sum
//! sum      = operands joined by & (loosest), + and -, and * / % (tightest)
//! operand  = "-" operand | "{" sum "}" | word | text | function "(" sum { "," sum } ")"
//!            and then any number of "[" ranges "]", after a word also "#" layer
//! ```

use super::ast::{
    Arithmetic, At, LayerRange, Operand, OperandKind, Operator, Quantifier, SetItem, SliceRange, Test,
    TestKind,
};
use super::error::{FilterError, FilterErrorKind as Kind, Span, Warning};
use super::lexer::{self, Lexed, Sign, Token};

/// How deep a filter may nest. Every function that walks a tree recurses at most this deep.
pub(super) const MAX_DEPTH: usize = 96;

/// A filter's tree, and what to warn of. `None`: the filter is empty.
///
/// # Errors
/// The text is not a sentence of the language.
pub(super) fn parse(text: &str) -> Result<(Option<Test>, Vec<Warning>), FilterError> {
    let tokens = lexer::tokens(text)?;
    let mut parser = Parser { text, tokens, at: 0, depth: 0, warnings: Vec::new() };
    if parser.peek() == &Token::End {
        return Ok((None, Vec::new()));
    }
    let test = parser.test()?;
    match parser.peek() {
        Token::End => Ok((Some(test), parser.warnings)),
        Token::Sign(Sign::CloseParenthesis) => Err(parser.unexpected("no ( is open")),
        _ => Err(parser.unexpected("tests are joined by and, or, xor")),
    }
}

struct Parser<'a> {
    text: &'a str,
    tokens: Vec<Lexed>,
    at: usize,
    depth: usize,
    warnings: Vec<Warning>,
}

type Parsed<T> = Result<T, FilterError>;

impl Parser<'_> {
    fn test(&mut self) -> Parsed<Test> {
        self.chain(Sign::Or, TestKind::Or, |parser| {
            parser.chain(Sign::Xor, TestKind::Xor, |parser| parser.chain(Sign::And, TestKind::And, Self::not))
        })
    }

    /// One or more of `part` with `sign` between them.
    fn chain(
        &mut self,
        sign: Sign,
        kind: fn(Vec<Test>) -> TestKind,
        part: impl Fn(&mut Self) -> Parsed<Test>,
    ) -> Parsed<Test> {
        let first = part(self)?;
        if !self.is(sign) {
            return Ok(first);
        }
        let start = first.span;
        let mut parts = vec![first];
        while self.take(sign).is_some() {
            parts.push(part(self)?);
        }
        let span = start.to(self.last_span());
        Ok(At { node: kind(parts), span })
    }

    fn not(&mut self) -> Parsed<Test> {
        self.enter()?;
        let test = if let Some(start) = self.take(Sign::Not) {
            let test = self.not()?;
            let span = start.to(test.span);
            At { node: TestKind::Not(Box::new(test)), span }
        } else if let Some(start) = self.take(Sign::OpenParenthesis) {
            let inner = self.test()?;
            self.expect(Sign::CloseParenthesis, "a ) is missing")?;
            if self.arithmetic_sign().is_some()
                || (matches!(inner.node, TestKind::Truth(_)) && self.is_relation())
            {
                let span = start.to(self.last_span());
                return Err(FilterError::new(Kind::ArithmeticInParentheses, span));
            }
            inner
        } else {
            self.relation()?
        };
        self.depth -= 1;
        Ok(test)
    }

    fn relation(&mut self) -> Parsed<Test> {
        let start = self.span();
        let quantifier = if self.take(Sign::Any).is_some() {
            Some(Quantifier::Any)
        } else {
            self.take(Sign::All).map(|_| Quantifier::All)
        };
        let first = self.sum(0)?;
        let negated = self.is(Sign::Not) && self.sign_at(self.at + 1) == Some(Sign::In);
        if negated {
            self.at += 1;
        }
        if self.take(Sign::In).is_some() {
            let set = self.set()?;
            let span = start.to(self.last_span());
            return Ok(At { node: TestKind::Member { quantifier, operand: first, negated, set }, span });
        }
        let mut rest = Vec::new();
        while let Some(operator) = self.operator() {
            let operand = if operator.node == Operator::Matches { self.pattern()? } else { self.sum(0)? };
            rest.push((operator, operand));
        }
        if let Some((operator, operand)) = rest
            .iter()
            .find(|(o, _)| matches!(o.node, Operator::Contains | Operator::Matches))
            .filter(|_| rest.len() > 1)
        {
            let found = super::error::Found::Text(operator.node.sign().to_owned());
            let wanted = "only comparisons can be chained";
            return Err(FilterError::new(Kind::Unexpected { found, wanted }, operator.span.to(operand.span)));
        }
        let span = start.to(self.last_span());
        match (rest.is_empty(), quantifier) {
            (true, Some(_)) => Err(self.unexpected("after any or all a comparison is wanted")),
            (true, None) => Ok(At { node: TestKind::Truth(first), span }),
            (false, _) => Ok(At { node: TestKind::Relation { quantifier, first, rest }, span }),
        }
    }

    fn operator(&mut self) -> Option<At<Operator>> {
        let operator = match self.sign_at(self.at)? {
            Sign::Equal => Operator::Equal,
            Sign::NotEqual => Operator::NotEqual,
            Sign::AllEqual => Operator::AllEqual,
            Sign::AnyNotEqual => Operator::AnyNotEqual,
            Sign::Greater => Operator::Greater,
            Sign::Less => Operator::Less,
            Sign::GreaterOrEqual => Operator::GreaterOrEqual,
            Sign::LessOrEqual => Operator::LessOrEqual,
            Sign::Contains => Operator::Contains,
            Sign::Matches => Operator::Matches,
            _ => return None,
        };
        let span = self.span();
        if operator == Operator::AnyNotEqual && self.text.chars().nth(span.start) == Some('~') {
            let message = "~= is deprecated: any_ne and !== say the same".to_owned();
            self.warnings.push(Warning { message, span });
        }
        self.at += 1;
        Some(At { node: operator, span })
    }

    fn pattern(&mut self) -> Parsed<Operand> {
        let operand = self.sum(0)?;
        match operand.node {
            OperandKind::Text(_) => Ok(operand),
            _ => Err(FilterError::new(Kind::MatchesWantsText, operand.span)),
        }
    }

    fn set(&mut self) -> Parsed<Vec<SetItem>> {
        self.expect(Sign::OpenBrace, "a set is written {1, 3..5}")?;
        let mut set = Vec::new();
        loop {
            let low = self.sum(0)?;
            if let OperandKind::Arithmetic { operator: At { node: Arithmetic::Subtract, .. }, left, right } =
                &low.node
                && let (OperandKind::Word(low_word), OperandKind::Word(high_word)) = (&left.node, &right.node)
                && [low_word, high_word].iter().all(|w| w.starts_with(|c: char| c.is_ascii_digit()))
            {
                let kind = Kind::RangeWithMinus { low: low_word.clone(), high: high_word.clone() };
                return Err(FilterError::new(kind, low.span));
            }
            let high = if self.take(Sign::Dots).is_some() { Some(self.sum(0)?) } else { None };
            set.push(SetItem { low, high });
            if self.take(Sign::CloseBrace).is_some() {
                return Ok(set);
            }
            self.expect(Sign::Comma, "a set's members have commas between them and a } after them")?;
        }
    }

    /// Operands joined by arithmetic that binds more tightly than `floor`.
    fn sum(&mut self, floor: u8) -> Parsed<Operand> {
        let mut left = self.operand()?;
        let depth = self.depth;
        while let Some(operator) = self.arithmetic_sign().filter(|operator| operator.strength() > floor) {
            // Each link makes the tree one deeper on its left.
            self.enter()?;
            let sign = At { node: operator, span: self.span() };
            self.at += 1;
            let right = self.sum(operator.strength())?;
            let span = left.span.to(right.span);
            let node =
                OperandKind::Arithmetic { operator: sign, left: Box::new(left), right: Box::new(right) };
            left = At { node, span };
        }
        self.depth = depth;
        Ok(left)
    }

    fn arithmetic_sign(&self) -> Option<Arithmetic> {
        Some(match self.sign_at(self.at)? {
            Sign::Ampersand => Arithmetic::And,
            Sign::Plus => Arithmetic::Add,
            Sign::Minus => Arithmetic::Subtract,
            Sign::Star => Arithmetic::Multiply,
            Sign::Slash => Arithmetic::Divide,
            Sign::Percent => Arithmetic::Modulo,
            _ => return None,
        })
    }

    fn operand(&mut self) -> Parsed<Operand> {
        self.enter()?;
        let Lexed { token, span } = self.tokens[self.at].clone();
        let operand = match token {
            Token::Sign(Sign::Minus) => {
                self.at += 1;
                let of = self.operand()?;
                let span = span.to(of.span);
                At { node: OperandKind::Negative(Box::new(of)), span }
            }
            Token::Sign(Sign::Plus) => {
                self.at += 1;
                self.operand()?
            }
            Token::Sign(Sign::OpenBrace) => {
                self.at += 1;
                let inner = self.sum(0)?;
                self.expect(Sign::CloseBrace, "a } is missing")?;
                inner
            }
            Token::Text(text) => {
                self.at += 1;
                At { node: OperandKind::Text(text), span }
            }
            Token::Character(byte) => {
                self.at += 1;
                At { node: OperandKind::Character(byte), span }
            }
            Token::Word(word) => {
                self.at += 1;
                let operand = self.word(At { node: word, span })?;
                self.postfix(operand)?
            }
            _ => return Err(self.unexpected("a field, a value or a function is wanted here")),
        };
        self.depth -= 1;
        Ok(operand)
    }

    /// A word by itself, or the function it calls.
    fn word(&mut self, word: At<String>) -> Parsed<Operand> {
        if self.take(Sign::OpenParenthesis).is_none() {
            return Ok(At { span: word.span, node: OperandKind::Word(word.node) });
        }
        let mut arguments = Vec::new();
        if !self.is(Sign::CloseParenthesis) {
            arguments.push(self.sum(0)?);
            while self.take(Sign::Comma).is_some() {
                arguments.push(self.sum(0)?);
            }
        }
        self.expect(Sign::CloseParenthesis, "a function's arguments end with )")?;
        let span = word.span.to(self.last_span());
        Ok(At { node: OperandKind::Call { function: word, arguments }, span })
    }

    fn postfix(&mut self, mut operand: Operand) -> Parsed<Operand> {
        let depth = self.depth;
        let start = operand.span;
        if self.take(Sign::Hash).is_some() {
            let layers = self.layers()?;
            operand = At {
                node: OperandKind::Layer { of: Box::new(operand), layers },
                span: start.to(self.last_span()),
            };
        }
        while self.take(Sign::OpenBracket).is_some() {
            self.enter()?;
            let mut ranges = vec![self.slice_range()?];
            while self.take(Sign::Comma).is_some() {
                ranges.push(self.slice_range()?);
            }
            self.expect(Sign::CloseBracket, "a slice ends with ]")?;
            operand = At {
                node: OperandKind::Slice { of: Box::new(operand), ranges },
                span: start.to(self.last_span()),
            };
        }
        self.depth = depth;
        Ok(operand)
    }

    fn slice_range(&mut self) -> Parsed<SliceRange> {
        let start = self.span();
        let bad = |parser: &Self| FilterError::new(Kind::BadSlice, start.to(parser.last_span()));
        let range = if self.take(Sign::Colon).is_some() {
            SliceRange::Length(0, self.integer()?)
        } else {
            let first = self.integer()?;
            if self.take(Sign::Colon).is_some() {
                if self.is(Sign::CloseBracket) || self.is(Sign::Comma) {
                    SliceRange::From(first)
                } else {
                    SliceRange::Length(first, self.integer()?)
                }
            } else if self.take(Sign::Minus).is_some() {
                SliceRange::Inclusive(first, self.integer()?)
            } else {
                SliceRange::At(first)
            }
        };
        match range {
            SliceRange::Length(_, length) if length <= 0 => Err(bad(self)),
            SliceRange::Inclusive(first, last) if (first < 0) == (last < 0) && first > last => Err(bad(self)),
            range => Ok(range),
        }
    }

    fn layers(&mut self) -> Parsed<Vec<LayerRange>> {
        let start = self.last_span();
        let layer = |parser: &mut Self| {
            let number = parser.integer()?;
            let bad = FilterError::new(Kind::BadLayer, start.to(parser.last_span()));
            u32::try_from(number).ok().filter(|n| *n > 0).ok_or(bad)
        };
        if self.take(Sign::OpenBracket).is_none() {
            let bad = FilterError::new(Kind::BadLayer, start.to(self.span()));
            if !matches!(self.peek(), Token::Word(_)) {
                return Err(bad);
            }
            let first = layer(self)?;
            return Ok(vec![LayerRange { first, last: Some(first) }]);
        }
        let mut layers = Vec::new();
        loop {
            let first = layer(self)?;
            let last = if self.take(Sign::Minus).is_none() {
                Some(first)
            } else if self.is(Sign::CloseBracket) || self.is(Sign::Comma) {
                None
            } else {
                Some(layer(self)?)
            };
            if last.is_some_and(|last| last < first) {
                return Err(FilterError::new(Kind::BadLayer, start.to(self.last_span())));
            }
            layers.push(LayerRange { first, last });
            if self.take(Sign::Comma).is_none() {
                break;
            }
        }
        self.expect(Sign::CloseBracket, "the layers end with ]")?;
        Ok(layers)
    }

    fn integer(&mut self) -> Parsed<i32> {
        let start = self.span();
        let negative = self.take(Sign::Minus).is_some();
        let Token::Word(word) = self.peek() else {
            return Err(FilterError::new(Kind::BadSlice, start.to(self.span())));
        };
        let magnitude = match word.strip_prefix("0x") {
            Some(hex) => i32::from_str_radix(hex, 16).ok(),
            None => word.parse().ok(),
        };
        let bad = FilterError::new(Kind::BadSlice, start.to(self.span()));
        self.at += 1;
        let magnitude = magnitude.filter(|m: &i32| *m >= 0).ok_or(bad)?;
        Ok(if negative { -magnitude } else { magnitude })
    }

    fn enter(&mut self) -> Parsed<()> {
        self.depth += 1;
        if self.depth > MAX_DEPTH { Err(FilterError::new(Kind::TooDeep, self.span())) } else { Ok(()) }
    }

    fn is_relation(&self) -> bool {
        use Sign::{
            AllEqual, AnyNotEqual, Contains, Equal, Greater, GreaterOrEqual, In, Less, LessOrEqual, Matches,
            NotEqual,
        };
        matches!(
            self.sign_at(self.at),
            Some(
                AllEqual
                    | AnyNotEqual
                    | Contains
                    | Equal
                    | Greater
                    | GreaterOrEqual
                    | In
                    | Less
                    | LessOrEqual
                    | Matches
                    | NotEqual
            )
        )
    }

    fn peek(&self) -> &Token {
        &self.tokens[self.at].token
    }

    fn span(&self) -> Span {
        self.tokens[self.at].span
    }

    /// Of the token before this one.
    fn last_span(&self) -> Span {
        self.tokens[self.at.saturating_sub(1)].span
    }

    fn sign_at(&self, at: usize) -> Option<Sign> {
        match self.tokens.get(at)?.token {
            Token::Sign(sign) => Some(sign),
            _ => None,
        }
    }

    fn is(&self, sign: Sign) -> bool {
        self.sign_at(self.at) == Some(sign)
    }

    fn take(&mut self, sign: Sign) -> Option<Span> {
        let span = self.span();
        self.is(sign).then(|| {
            self.at += 1;
            span
        })
    }

    fn expect(&mut self, sign: Sign, wanted: &'static str) -> Parsed<()> {
        self.take(sign).map(|_| ()).ok_or_else(|| self.unexpected(wanted))
    }

    fn unexpected(&self, wanted: &'static str) -> FilterError {
        let lexed = &self.tokens[self.at];
        FilterError::new(Kind::Unexpected { found: lexed.found(), wanted }, lexed.span)
    }
}

#[cfg(test)]
mod tests;
