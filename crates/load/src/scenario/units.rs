//! Durations, rates, shares: numbers with units.

use std::fmt;
use std::time::Duration;

use super::problem::Problem;
use super::section::{Read, Reader};
use super::yaml::Node;

impl Read for Duration {
    fn read(node: &Node, reader: &Reader<'_>) -> Option<Self> {
        let text = reader.text(node, "a duration")?;
        let parsed = parse_duration(&text);
        if parsed.is_none() {
            let problem = Problem::new(format!("bad duration `{text}`"));
            reader.report_at(&node.span, problem.help("a number with a unit: 500ms, 30s, 2m, 1h, 1m30s"));
        }
        parsed
    }
}

/// `500ms`, `30s`, `1m30s`. A bare `0` needs no unit.
pub(crate) fn parse_duration(text: &str) -> Option<Duration> {
    if text == "0" {
        return Some(Duration::ZERO);
    }
    // `M` would be months to the library and is more likely a slip for minutes.
    if text.contains('M') {
        return None;
    }
    humantime::parse_duration(text).ok()
}

/// Events in a second; finite and not negative.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Rate(f64);

impl Rate {
    /// No events at all.
    pub const ZERO: Self = Self(0.0);

    /// `events` in each second. Anything but a finite number above zero is no rate at all.
    pub fn per_second(events: f64) -> Self {
        if events.is_finite() && events > 0.0 { Self(events) } else { Self::ZERO }
    }

    /// Events in a second.
    pub fn as_per_second(self) -> f64 {
        self.0
    }

    /// From one event to the next; `None` when there is no next.
    pub fn period(self) -> Option<Duration> {
        if self.0 > 0.0 { Duration::try_from_secs_f64(1.0 / self.0).ok() } else { None }
    }

    /// This many times as often.
    #[must_use]
    pub fn times(self, factor: f64) -> Self {
        Self::per_second(self.0 * factor)
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rate = self.0;
        if rate == 0.0 || rate >= 1.0 {
            write!(f, "{}/s", (rate * 100.0).round() / 100.0)
        } else if rate * 60.0 >= 1.0 {
            write!(f, "{}/m", (rate * 6000.0).round() / 100.0)
        } else {
            write!(f, "{}/h", (rate * 360_000.0).round() / 100.0)
        }
    }
}

impl Read for Rate {
    fn read(node: &Node, reader: &Reader<'_>) -> Option<Self> {
        let text = reader.text(node, "a rate")?;
        let parsed = parse_rate(&text);
        if parsed.is_none() {
            let problem = Problem::new(format!("bad rate `{text}`"));
            reader.report_at(&node.span, problem.help("a number for a time: 100/s, 2.5k/s, 6/m, 1/10s"));
        }
        parsed
    }
}

/// `100/s`, `2.5k/s`, `1/10s`.
pub(crate) fn parse_rate(text: &str) -> Option<Rate> {
    let (number, unit) = text.split_once('/')?;
    let number = number.trim();
    let (digits, factor) = match number.as_bytes().last()? {
        b'k' => (&number[..number.len() - 1], 1e3),
        b'M' => (&number[..number.len() - 1], 1e6),
        _ => (number, 1.0),
    };
    let events: f64 = digits.trim().parse().ok()?;
    let unit = unit.trim();
    let per = if unit.starts_with(|c: char| c.is_ascii_digit()) {
        parse_duration(unit)?
    } else {
        parse_duration(&format!("1{unit}"))?
    };
    let rate = events * factor / per.as_secs_f64();
    (rate.is_finite() && rate >= 0.0 && events.is_finite()).then_some(Rate(rate))
}

/// A byte count: `64`, `4KiB`, `1MB`.
pub(crate) fn parse_bytes(text: &str) -> Option<u64> {
    let split = text.find(|c: char| !c.is_ascii_digit() && c != '_').unwrap_or(text.len());
    let number: u64 = text[..split].replace('_', "").parse().ok()?;
    let factor = match text[split..].trim() {
        "" | "B" => 1,
        "kB" | "KB" => 1_000,
        "MB" => 1_000_000,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        _ => return None,
    };
    number.checked_mul(factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_have_units() {
        assert_eq!(parse_rate("100/s"), Some(Rate::per_second(100.0)));
        assert_eq!(parse_rate("2.5k/s"), Some(Rate::per_second(2500.0)));
        assert_eq!(parse_rate("6/m"), Some(Rate::per_second(0.1)));
        assert_eq!(parse_rate("1/10s"), Some(Rate::per_second(0.1)));
        assert_eq!(parse_rate("0/s"), Some(Rate::ZERO));
    }

    #[test]
    fn a_rate_without_a_time_is_none() {
        for text in ["100", "100/", "/s", "100/parsec", "-1/s", "nan/s", "inf/s", "1/0s", "k/s"] {
            assert_eq!(parse_rate(text), None, "{text}");
        }
    }

    #[test]
    fn durations_need_units_but_zero_does_not() {
        assert_eq!(parse_duration("1m30s"), Some(Duration::from_secs(90)));
        assert_eq!(parse_duration("0"), Some(Duration::ZERO));
        assert_eq!(parse_duration("30"), None);
        assert_eq!(parse_duration("5M"), None);
    }

    #[test]
    fn byte_counts_take_both_kinds_of_prefix() {
        assert_eq!(parse_bytes("64"), Some(64));
        assert_eq!(parse_bytes("4KiB"), Some(4096));
        assert_eq!(parse_bytes("4kB"), Some(4000));
        assert_eq!(parse_bytes("4 potatoes"), None);
    }
}
