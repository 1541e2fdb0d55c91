//! Characters to tokens.
//!
//! Names, numbers, addresses, byte strings and times are all one token, [`Token::Word`]: which of them
//! `10` or `ab:cd` or `publish` is depends on what it is compared with, so the checker decides.

use std::net::IpAddr;

use super::ast::Quoted;
use super::error::{FilterError, FilterErrorKind as Kind, Found, Span};

/// The longest filter that is looked at, in characters.
pub(super) const MAX_CHARS: usize = 65_536;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    Word(String),
    Text(Vec<u8>),
    Character(u8),
    /// A word or sign with a meaning of its own, by its first spelling in [`WORDS`] or [`SIGNS`].
    Sign(Sign),
    End,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sign {
    Or,
    Xor,
    And,
    Not,
    Equal,
    NotEqual,
    AllEqual,
    AnyNotEqual,
    Greater,
    Less,
    GreaterOrEqual,
    LessOrEqual,
    Contains,
    Matches,
    In,
    Any,
    All,
    Plus,
    Minus,
    Star,
    Slash,
    Percent,
    Ampersand,
    OpenParenthesis,
    CloseParenthesis,
    OpenBrace,
    CloseBrace,
    OpenBracket,
    CloseBracket,
    Comma,
    Dots,
    Colon,
    Hash,
}

/// Words with a meaning of their own. Elsewhere they need quotes.
pub(super) const WORDS: &[(&str, Sign)] = &[
    ("or", Sign::Or),
    ("xor", Sign::Xor),
    ("and", Sign::And),
    ("not", Sign::Not),
    ("eq", Sign::Equal),
    ("any_eq", Sign::Equal),
    ("ne", Sign::NotEqual),
    ("all_ne", Sign::NotEqual),
    ("all_eq", Sign::AllEqual),
    ("any_ne", Sign::AnyNotEqual),
    ("gt", Sign::Greater),
    ("lt", Sign::Less),
    ("ge", Sign::GreaterOrEqual),
    ("le", Sign::LessOrEqual),
    ("contains", Sign::Contains),
    ("matches", Sign::Matches),
    ("in", Sign::In),
    ("any", Sign::Any),
    ("all", Sign::All),
];

/// Longer ones before their prefixes.
const SIGNS: &[(&str, Sign)] = &[
    ("===", Sign::AllEqual),
    ("!==", Sign::AnyNotEqual),
    ("==", Sign::Equal),
    ("!=", Sign::NotEqual),
    ("~=", Sign::AnyNotEqual),
    (">=", Sign::GreaterOrEqual),
    ("<=", Sign::LessOrEqual),
    ("&&", Sign::And),
    ("||", Sign::Or),
    ("^^", Sign::Xor),
    ("..", Sign::Dots),
    (">", Sign::Greater),
    ("<", Sign::Less),
    ("!", Sign::Not),
    ("~", Sign::Matches),
    ("&", Sign::Ampersand),
    ("+", Sign::Plus),
    ("-", Sign::Minus),
    ("*", Sign::Star),
    ("/", Sign::Slash),
    ("%", Sign::Percent),
    ("(", Sign::OpenParenthesis),
    (")", Sign::CloseParenthesis),
    ("{", Sign::OpenBrace),
    ("}", Sign::CloseBrace),
    ("[", Sign::OpenBracket),
    ("]", Sign::CloseBracket),
    (",", Sign::Comma),
    (":", Sign::Colon),
    ("#", Sign::Hash),
];

/// A token and the characters it was read from.
#[derive(Debug, Clone)]
pub(super) struct Lexed {
    pub(super) token: Token,
    pub(super) span: Span,
}

impl Lexed {
    pub(super) fn found(&self) -> Found {
        Found::Text(match &self.token {
            Token::Word(word) => word.clone(),
            Token::Text(bytes) => Quoted(bytes).to_string(),
            Token::Character(_) => "a character constant".to_owned(),
            Token::Sign(sign) => {
                let signs = SIGNS.iter().chain(WORDS);
                signs
                    .into_iter()
                    .find(|(_, s)| s == sign)
                    .map_or_else(String::new, |(text, _)| (*text).to_owned())
            }
            Token::End => return Found::End,
        })
    }
}

/// The tokens of `text`; the last one is always [`Token::End`].
///
/// # Errors
/// Text without its closing quote, an unknown escape, a character that means nothing, more than
/// [`MAX_CHARS`] characters.
pub(super) fn tokens(text: &str) -> Result<Vec<Lexed>, FilterError> {
    let chars: Vec<char> = text.chars().take(MAX_CHARS + 1).collect();
    if chars.len() > MAX_CHARS {
        return Err(FilterError::new(Kind::TooLong, (MAX_CHARS..MAX_CHARS).into()));
    }
    let mut lexer = Lexer { chars: &chars, at: 0, in_brackets: false };
    let mut tokens = Vec::new();
    loop {
        let lexed = lexer.next()?;
        let end = lexed.token == Token::End;
        tokens.push(lexed);
        if end {
            return Ok(tokens);
        }
    }
}

struct Lexer<'a> {
    chars: &'a [char],
    at: usize,
    /// Between `[` and `]`, where `-` and `:` stand by themselves and a word is a number.
    in_brackets: bool,
}

impl Lexer<'_> {
    fn next(&mut self) -> Result<Lexed, FilterError> {
        while self.peek(0).is_some_and(char::is_whitespace) {
            self.at += 1;
        }
        let start = self.at;
        let token = match self.peek(0) {
            None => Token::End,
            Some('r' | 'R') if self.peek(1) == Some('"') => {
                self.at += 2;
                Token::Text(self.raw_text(start)?)
            }
            Some('"') => {
                self.at += 1;
                Token::Text(self.text(start, '"')?)
            }
            Some('\'') => {
                self.at += 1;
                match self.text(start, '\'')?.as_slice() {
                    [byte] => Token::Character(*byte),
                    _ => return Err(FilterError::new(Kind::BadCharacter, (start..self.at).into())),
                }
            }
            Some(c) if self.starts_word(c) => self.word(),
            Some(c) => self.sign(c)?,
        };
        match token {
            Token::Sign(Sign::OpenBracket) => self.in_brackets = true,
            Token::Sign(Sign::CloseBracket) => self.in_brackets = false,
            _ => {}
        }
        Ok(Lexed { token, span: (start..self.at).into() })
    }

    fn peek(&self, ahead: usize) -> Option<char> {
        self.chars.get(self.at + ahead).copied()
    }

    fn sign(&mut self, c: char) -> Result<Token, FilterError> {
        let rest = &self.chars[self.at..];
        let here = |text: &str| text.chars().enumerate().all(|(i, c)| rest.get(i) == Some(&c));
        match SIGNS.iter().find(|(text, _)| here(text)) {
            Some((text, sign)) => {
                self.at += text.len();
                Ok(Token::Sign(*sign))
            }
            None if c == '=' => {
                let wanted = "equality is written ==";
                let found = Found::Text("=".to_owned());
                Err(FilterError::new(Kind::Unexpected { found, wanted }, (self.at..self.at + 1).into()))
            }
            None => Err(FilterError::new(Kind::StrayCharacter(c), (self.at..self.at + 1).into())),
        }
    }

    fn starts_word(&self, c: char) -> bool {
        let next = self.peek(1);
        match c {
            _ if self.in_brackets => c.is_alphanumeric(),
            '.' => next.is_some_and(|n| n.is_alphanumeric() || n == '_'),
            ':' => next.is_some_and(|n| n == ':' || n.is_ascii_hexdigit()),
            c => c.is_alphanumeric() || c == '_',
        }
    }

    fn word(&mut self) -> Token {
        let start = self.at;
        self.at += 1;
        while let Some(c) = self.peek(0) {
            let dots = c == '.' && self.peek(1) == Some('.');
            let part = if self.in_brackets {
                c.is_alphanumeric()
            } else {
                c.is_alphanumeric() || c == '_' || c == ':' || (c == '.' && !dots) || self.joins(start, c)
            };
            if !part {
                break;
            }
            self.at += 1;
        }
        let word: String = self.chars[start..self.at].iter().collect();
        match WORDS.iter().find(|(text, _)| *text == word) {
            Some((_, sign)) => Token::Sign(*sign),
            None => Token::Word(word),
        }
    }

    /// Whether the sign `c` belongs to the word that began at `start`: the dashes of `74-77` and of a date, the
    /// offset of a time zone, the exponent's sign, the prefix length of a network. Otherwise it is arithmetic.
    fn joins(&self, start: usize, c: char) -> bool {
        if !matches!(c, '-' | '+' | '/') {
            return false;
        }
        let word: String = self.chars[start..self.at].iter().collect();
        let digits = |n: usize| (1..=n).all(|i| self.peek(i).is_some_and(|c| c.is_ascii_digit()));
        let is_hex_pair = |pair: &str| pair.len() == 2 && pair.bytes().all(|b| b.is_ascii_hexdigit());
        let is_digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        match c {
            '-' | '+' => {
                let time_zone = word.len() >= 16 && word.as_bytes()[10] == b'T' && digits(2);
                let mantissa = word.strip_suffix(['e', 'E']);
                let scientific = mantissa
                    .is_some_and(|m| m.split('.').all(is_digits) && m.split('.').count() <= 2)
                    && digits(1);
                let date = c == '-'
                    && match word.split('-').collect::<Vec<_>>()[..] {
                        [year] => {
                            year.len() == 4 && is_digits(year) && digits(2) && self.peek(3) == Some('-')
                        }
                        [year, month] => year.len() == 4 && is_digits(year) && month.len() == 2 && digits(2),
                        _ => false,
                    };
                let bytes = c == '-'
                    && word.split('-').all(is_hex_pair)
                    && [1, 2].iter().all(|&i| self.peek(i).is_some_and(|c| c.is_ascii_hexdigit()))
                    && !self.peek(3).is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '.');
                (time_zone && word.is_ascii()) || scientific || date || bytes
            }
            _ => word.parse::<IpAddr>().is_ok() && digits(1),
        }
    }

    /// After `r"`, up to the next quote that has no backslash before it. Backslashes stay.
    fn raw_text(&mut self, start: usize) -> Result<Vec<u8>, FilterError> {
        let mut text = String::new();
        loop {
            let c = self.peek(0).ok_or_else(|| self.open_text(start))?;
            self.at += 1;
            match c {
                '"' => return Ok(text.into_bytes()),
                '\\' => {
                    text.push(c);
                    text.push(self.peek(0).ok_or_else(|| self.open_text(start))?);
                    self.at += 1;
                }
                c => text.push(c),
            }
        }
    }

    /// After the opening quote, up to the closing one.
    fn text(&mut self, start: usize, quote: char) -> Result<Vec<u8>, FilterError> {
        let mut bytes = Vec::new();
        loop {
            let c = self.peek(0).ok_or_else(|| self.open_text(start))?;
            self.at += 1;
            match c {
                c if c == quote => return Ok(bytes),
                '\\' => self.escape(start, &mut bytes)?,
                c => push(&mut bytes, c),
            }
        }
    }

    /// After a backslash.
    fn escape(&mut self, start: usize, bytes: &mut Vec<u8>) -> Result<(), FilterError> {
        let backslash = self.at - 1;
        let c = self.peek(0).ok_or_else(|| self.open_text(start))?;
        self.at += 1;
        match c {
            'a' => bytes.push(0x07),
            'b' => bytes.push(0x08),
            'f' => bytes.push(0x0c),
            'n' => bytes.push(b'\n'),
            'r' => bytes.push(b'\r'),
            't' => bytes.push(b'\t'),
            'v' => bytes.push(0x0b),
            '\\' | '"' | '\'' => push(bytes, c),
            'x' | 'u' | 'U' => {
                let (least, most) = match c {
                    'x' => (1, 2),
                    'u' => (4, 4),
                    _ => (8, 8),
                };
                let number = self.number(16, least, most);
                match number {
                    Some(byte) if c == 'x' => bytes.push(byte as u8),
                    Some(code) if char::from_u32(code).is_some() => {
                        push(bytes, char::from_u32(code).unwrap_or_default());
                    }
                    _ => return Err(self.bad_escape(backslash)),
                }
            }
            '0'..='7' => {
                self.at -= 1;
                match self.number(8, 1, 3) {
                    Some(byte @ 0..=0xff) => bytes.push(byte as u8),
                    _ => return Err(self.bad_escape(backslash)),
                }
            }
            _ => return Err(self.bad_escape(backslash)),
        }
        Ok(())
    }

    /// At least `least` and at most `most` digits.
    fn number(&mut self, radix: u32, least: usize, most: usize) -> Option<u32> {
        let mut number = 0u32;
        let mut digits = 0;
        while let Some(digit) = self.peek(0).and_then(|c| c.to_digit(radix)).filter(|_| digits < most) {
            number = number.checked_mul(radix)?.checked_add(digit)?;
            digits += 1;
            self.at += 1;
        }
        (digits >= least).then_some(number)
    }

    fn bad_escape(&self, backslash: usize) -> FilterError {
        let end = self.at.min(self.chars.len());
        let escape = self.chars[backslash + 1..end].iter().collect();
        FilterError::new(Kind::BadEscape(escape), (backslash..end).into())
    }

    fn open_text(&self, start: usize) -> FilterError {
        FilterError::new(Kind::OpenText, (start..self.chars.len()).into())
    }
}

fn push(bytes: &mut Vec<u8>, c: char) {
    bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
}
