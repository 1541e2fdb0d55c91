//! What a word, a text or a character means beside an operand of some class.

use std::net::{Ipv4Addr, Ipv6Addr};

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;

use super::arithmetic::seconds;
use super::ast::Quoted;
use super::check::Class;
use super::value::{Constant, Network};

/// A constant as it stands in the filter.
#[derive(Debug, Clone, Copy)]
pub(super) enum Literal<'a> {
    Word(&'a str),
    Text(&'a [u8]),
    Character(u8),
}

impl Literal<'_> {
    /// How messages name it: `the text "a"`, `10`.
    pub(super) fn shown(&self) -> String {
        match self {
            Literal::Word(word) => (*word).to_owned(),
            Literal::Text(text) => format!("the text {}", Quoted(text)),
            Literal::Character(byte) => format!("the character '{}'", byte.escape_ascii()),
        }
    }

    fn as_str(&self) -> Option<&str> {
        match self {
            Literal::Word(word) => Some(word),
            Literal::Text(text) => std::str::from_utf8(text).ok(),
            Literal::Character(_) => None,
        }
    }

    /// The constant it is in `class`; `None` if it is none.
    pub(super) fn constant(&self, class: Class) -> Option<Constant> {
        match class {
            Class::Number => match self {
                Literal::Word(word) => number(word).map(Constant::Number),
                Literal::Character(byte) => Some(Constant::Number(i128::from(*byte))),
                Literal::Text(_) => None,
            },
            Class::Boolean => match self {
                Literal::Word(word) if word.eq_ignore_ascii_case("true") => Some(Constant::Boolean(true)),
                Literal::Word(word) if word.eq_ignore_ascii_case("false") => Some(Constant::Boolean(false)),
                Literal::Word(word) => number(word).map(|n| Constant::Boolean(n != 0)),
                Literal::Text(text) if text.eq_ignore_ascii_case(b"set") => Some(Constant::Boolean(true)),
                Literal::Text(text) if text.eq_ignore_ascii_case(b"not set") => {
                    Some(Constant::Boolean(false))
                }
                Literal::Text(text) if text.eq_ignore_ascii_case(b"true") => Some(Constant::Boolean(true)),
                Literal::Text(text) if text.eq_ignore_ascii_case(b"false") => Some(Constant::Boolean(false)),
                Literal::Text(_) | Literal::Character(_) => None,
            },
            Class::Text => Some(Constant::Text(match self {
                Literal::Word(word) => word.as_bytes().into(),
                Literal::Text(text) => (*text).into(),
                Literal::Character(byte) => [*byte].into(),
            })),
            Class::Bytes => match self {
                Literal::Word(word) => bytes(word).map(|bytes| Constant::Bytes(bytes.into())),
                Literal::Text(text) => Some(Constant::Bytes((*text).into())),
                Literal::Character(byte) => Some(Constant::Bytes([*byte].into())),
            },
            Class::Ipv4 => {
                network(self.as_str()?, 32, |address: Ipv4Addr| address.to_bits()).map(|(address, bits)| {
                    Constant::Ipv4(Network { address, mask: u32::MAX.checked_shl(32 - bits).unwrap_or(0) })
                })
            }
            Class::Ipv6 => {
                network(self.as_str()?, 128, |address: Ipv6Addr| address.to_bits()).map(|(address, bits)| {
                    Constant::Ipv6(Network { address, mask: u128::MAX.checked_shl(128 - bits).unwrap_or(0) })
                })
            }
            Class::Time => time(self.as_str()?).map(Constant::Time),
            Class::Duration => duration(self.as_str()?).map(Constant::Duration),
            Class::Dynamic => Some(match self {
                Literal::Word("true" | "True" | "TRUE") => Constant::Boolean(true),
                Literal::Word("false" | "False" | "FALSE") => Constant::Boolean(false),
                Literal::Word("null") => Constant::Null,
                Literal::Word(word) => match (number(word), word.parse()) {
                    (Some(n), _) => Constant::Number(n),
                    (None, Ok(x)) if word.starts_with(|c: char| c.is_ascii_digit() || c == '.') => {
                        Constant::Float(x)
                    }
                    _ => Constant::Text(word.as_bytes().into()),
                },
                Literal::Text(text) => Constant::Text((*text).into()),
                Literal::Character(byte) => Constant::Text([*byte].into()),
            }),
            Class::Nothing => None,
        }
    }
}

/// What a constant of a class looks like, for messages.
pub(super) fn example(class: Class) -> &'static str {
    match class {
        Class::Number => "a whole number, as 10, 0xa, 012 or 0b1010",
        Class::Boolean => "True or False",
        Class::Text => "text, as \"a\"",
        Class::Bytes => "bytes in hexadecimal, as 74:77, nor quoted text",
        Class::Ipv4 => "an IPv4 address, as 10.0.0.1 or 10.0.0.0/8",
        Class::Ipv6 => "an IPv6 address, as fe80::1 or fe80::/10",
        Class::Time => "a time, as \"2026-01-02 03:04:05.678\" or 2026-01-02T03:04:05Z",
        Class::Duration => "seconds, as 0.25, or with a unit, as 250ms",
        Class::Dynamic | Class::Nothing => "a value",
    }
}

/// Decimal, `0x` hexadecimal, `0b` binary, `0` octal.
fn number(word: &str) -> Option<i128> {
    let lower = word.to_ascii_lowercase();
    let (digits, radix) = match lower.as_bytes() {
        [b'0', b'x', ..] => (&lower[2..], 16),
        [b'0', b'b', ..] => (&lower[2..], 2),
        [b'0', _, ..] => (&lower[1..], 8),
        _ => (&lower[..], 10),
    };
    // `from_str_radix` would take a sign.
    let is_number = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_hexdigit());
    i128::from_str_radix(digits, radix).ok().filter(|_| is_number)
}

/// Pairs of hexadecimal digits, together or with one kind of `:`, `-` or `.` between them; or `0x` and one pair.
fn bytes(word: &str) -> Option<Vec<u8>> {
    let word = word.strip_prefix(':').unwrap_or(word);
    let word = word.strip_prefix("0x").filter(|rest| rest.len() == 2).unwrap_or(word);
    let pair = |pair: &[u8]| {
        let digit = |b: u8| char::from(b).to_digit(16);
        match pair {
            [high, low] => u8::try_from(digit(*high)? * 16 + digit(*low)?).ok(),
            _ => None,
        }
    };
    match word.find([':', '-', '.']) {
        Some(at) => word.split(char::from(word.as_bytes()[at])).map(|part| pair(part.as_bytes())).collect(),
        None if !word.is_empty() => word.as_bytes().chunks(2).map(pair).collect(),
        None => None,
    }
}

/// An address and how many of its bits count.
fn network<A: std::str::FromStr, N>(text: &str, most: u32, number: fn(A) -> N) -> Option<(N, u32)> {
    let (address, bits) = match text.split_once('/') {
        Some((address, bits)) => {
            let is_number = bits.bytes().all(|b| b.is_ascii_digit());
            (address, bits.parse().ok().filter(|bits| is_number && *bits <= most)?)
        }
        None => (text, most),
    };
    Some((number(address.parse().ok()?), bits))
}

/// ISO 8601 with or without an offset, Wireshark's `Jan  2, 2026 03:04:05.678`, or seconds since the epoch. Without
/// an offset it is local time.
fn time(text: &str) -> Option<i64> {
    let text = text.trim();
    if let Ok(timestamp) = text.parse::<Timestamp>() {
        return nanoseconds(timestamp);
    }
    if let Some((whole, fraction)) = decimal(text) {
        return seconds(whole, fraction);
    }
    let (text, zone) = match text.strip_suffix("UTC").or_else(|| text.strip_suffix('Z')) {
        Some(rest) => (rest.trim_end(), TimeZone::UTC),
        None => (text, TimeZone::system()),
    };
    let civil = iso(text).or_else(|| month_first(text))?;
    nanoseconds(zone.to_timestamp(civil).ok()?)
}

fn nanoseconds(timestamp: Timestamp) -> Option<i64> {
    i64::try_from(timestamp.as_nanosecond()).ok()
}

/// `2026-01-02`, `2026-01-02 03:04`, `2026-01-02T03:04:05.678`.
fn iso(text: &str) -> Option<DateTime> {
    if !text.bytes().take(4).all(|b| b.is_ascii_digit()) {
        return None;
    }
    text.parse::<DateTime>().ok().or_else(|| text.parse::<Date>().ok().map(|date| date.at(0, 0, 0, 0)))
}

/// `Jan  2, 2026 03:04:05.678`, seconds and their fraction optional.
fn month_first(text: &str) -> Option<DateTime> {
    const MONTHS: [&str; 12] =
        ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    let mut words = text.split_whitespace();
    let month = words.next()?.to_ascii_lowercase();
    let month = MONTHS.iter().position(|m| *m == month)? + 1;
    let day: i8 = words.next()?.strip_suffix(',')?.parse().ok()?;
    let year: i16 = words.next()?.parse().ok()?;
    let clock = words.next()?;
    if words.next().is_some() {
        return None;
    }
    format!("{year:04}-{month:02}-{day:02}T{clock}").parse().ok()
}

/// Seconds, or a number with a unit.
fn duration(text: &str) -> Option<i64> {
    let text = text.trim();
    let unit_at = text.find(|c: char| c.is_alphabetic() && c != 'e' && c != 'E').unwrap_or(text.len());
    let (amount, unit) = text.split_at(unit_at);
    let scale: u32 = match unit {
        "" | "s" => {
            return match decimal(amount.trim_end()) {
                Some((whole, fraction)) => seconds(whole, fraction),
                None => scaled(amount, 1e9),
            };
        }
        "ns" => 1,
        "us" | "µs" | "μs" => 1_000,
        "ms" => 1_000_000,
        "m" | "min" => return scaled(amount, 60e9),
        "h" => return scaled(amount, 3600e9),
        _ => return None,
    };
    scaled(amount, f64::from(scale))
}

fn scaled(amount: &str, scale: f64) -> Option<i64> {
    let amount = amount.trim_end();
    let starts_right = amount.starts_with(|c: char| c.is_ascii_digit() || c == '.');
    let nanoseconds = (amount.parse::<f64>().ok().filter(|_| starts_right)? * scale).round();
    // The cast saturates, so the limits are excluded first.
    (nanoseconds.abs() < i64::MAX as f64).then_some(nanoseconds as i64)
}

/// `12`, `12.5`, `.5`: the whole part and the decimals.
fn decimal(text: &str) -> Option<(u64, &str)> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    if !digits(whole) || !digits(fraction) || (whole.is_empty() && fraction.is_empty()) {
        return None;
    }
    Some((if whole.is_empty() { 0 } else { whole.parse().ok()? }, fraction))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_four_bases() {
        assert_eq!(number("53"), Some(53));
        assert_eq!(number("0x35"), Some(53));
        assert_eq!(number("0X3f"), Some(63));
        assert_eq!(number("0b110101"), Some(53));
        assert_eq!(number("065"), Some(53));
        assert_eq!(number("0"), Some(0));
        assert_eq!(number("18446744073709551615"), Some(i128::from(u64::MAX)));
        assert_eq!(number(&"9".repeat(40)), None);
        for bad in ["", "0x", "0b12", "089", "1_000", "5.0", "0xZZ", "+5", "0x+5"] {
            assert_eq!(number(bad), None, "{bad}");
        }
    }

    #[test]
    fn bytes_have_three_separators_or_none() {
        for good in ["73:69:74", "73-69-74", "73.69.74", "736974", ":73:69:74"] {
            assert_eq!(bytes(good).as_deref(), Some(&b"sit"[..]), "{good}");
        }
        assert_eq!(bytes("0x73").as_deref(), Some(&b"s"[..]));
        for bad in ["", "7", "73:6", "73:69-74", "7g", "0x7369", "temp", "73:"] {
            assert_eq!(bytes(bad), None, "{bad}");
        }
    }

    #[test]
    fn times_are_iso_or_wiresharks_own() {
        let expected = 1_767_323_045_500_000_000;
        for good in [
            "2026-01-02T03:04:05.5Z",
            "2026-01-02 03:04:05.5Z",
            "2026-01-02 03:04:05.5 UTC",
            "2026-01-02T04:04:05.5+01:00",
            "Jan  2, 2026 03:04:05.5 UTC",
            "Jan 2, 2026 03:04:05.500000000 UTC",
            "1767323045.5",
        ] {
            assert_eq!(time(good), Some(expected), "{good}");
        }
        assert_eq!(time("2026-01-02 03:04 UTC"), Some(1_767_323_040_000_000_000));
        assert_eq!(time("2026-01-02 UTC"), Some(1_767_312_000_000_000_000));
        assert!(time("2026-01-02").is_some());
        for bad in [
            "",
            "x",
            "Jan 2, 2026",
            "Foo 2, 2026 03:04:05",
            "2026-13-02",
            "25:00",
            "Jan 2, 2026 03:04:05 CET",
        ] {
            assert_eq!(time(bad), None, "{bad}");
        }
    }

    #[test]
    fn durations_are_seconds_unless_a_unit_says_otherwise() {
        assert_eq!(duration("1"), Some(1_000_000_000));
        assert_eq!(duration("0.000000001"), Some(1));
        assert_eq!(duration(".5"), Some(500_000_000));
        assert_eq!(duration("1e-1"), Some(100_000_000));
        assert_eq!(duration("250ms"), Some(250_000_000));
        assert_eq!(duration("1.5us"), Some(1_500));
        assert_eq!(duration("2min"), Some(120_000_000_000));
        for bad in ["", "x", "1x", "ms", "1 hour", "-1", "inf", "NaN", "1e300", "99999999999999999999"] {
            assert_eq!(duration(bad), None, "{bad}");
        }
    }

    #[test]
    fn networks_have_a_prefix_length_within_the_address() {
        let constant = |text| Literal::Word(text).constant(Class::Ipv4);
        assert_eq!(
            constant("10.1.2.3/8"),
            Some(Constant::Ipv4(Network { address: 0x0a01_0203, mask: 0xff00_0000 }))
        );
        assert_eq!(constant("0.0.0.0/0"), Some(Constant::Ipv4(Network { address: 0, mask: 0 })));
        for bad in ["10.0.0.0/33", "10.0.0", "10.0.0.0/", "10.0.0.0/+8", "fe80::1"] {
            assert_eq!(constant(bad), None, "{bad}");
        }
    }
}
