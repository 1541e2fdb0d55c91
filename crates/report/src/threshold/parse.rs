//! The text of a threshold.

use super::{Operator, Selector, Value, What};
use crate::{Catalog, MetricKind, Tags, Threshold};

/// What is wrong with a threshold, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message} at column {column}{}", nearest.as_ref().map(|word| format!(", did you mean {word}?")).unwrap_or_default())]
pub struct ThresholdError {
    /// Which text the column counts in.
    pub part: Part,
    /// Counted in characters from 1.
    pub column: usize,
    /// What is wrong, in a lowercase fragment.
    pub message: String,
    /// The known word that is most alike.
    pub nearest: Option<String>,
}

/// The two texts a threshold is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// `delivery_latency{phase:steady}`
    Selector,
    /// `p(99) < 50ms`
    Demand,
}

const WHATS: [&str; 12] =
    ["p", "max", "min", "avg", "mean", "med", "count", "rate", "achieved", "last", "time_to", "p(99)"];
const UNITS: [&str; 9] = ["ns", "us", "ms", "s", "m", "h", "%", "/s", "k"];

impl Threshold {
    /// Checks that the metric exists and has what is asked of it.
    ///
    /// # Errors
    /// When no metric of that name or with those tags is in the catalog (with the nearest that is), or its kind has no such figure.
    pub fn check(&self, catalog: &Catalog) -> Result<(), ThresholdError> {
        let fault =
            |column, message, nearest| ThresholdError { part: Part::Selector, column, message, nearest };
        let metric = self.selector.metric.as_str();
        let named: Vec<_> = catalog.metrics().filter(|(name, _, _)| *name == metric).collect();
        if named.is_empty() {
            let nearest = nearest(metric, catalog.metrics().map(|(name, _, _)| name));
            return Err(fault(1, format!("no metric named {metric}"), nearest));
        }
        for (key, value) in self.selector.tags.iter() {
            let column = metric.chars().count() + 2;
            let values: Vec<&str> = named.iter().filter_map(|(_, tags, _)| tags.value(key)).collect();
            if values.is_empty() {
                let keys = named.iter().flat_map(|(_, tags, _)| tags.iter().map(|(key, _)| key));
                return Err(fault(column, format!("{metric} has no tag {key}"), nearest(key, keys)));
            }
            if !values.contains(&value) {
                let message = format!("{metric} has no {key}:{value}");
                return Err(fault(column, message, nearest(value, values.into_iter())));
            }
        }
        let mut selected = named.iter().filter(|(name, tags, _)| self.selector.matches(name, tags));
        let Some((_, _, kind)) = selected.next() else {
            return Err(fault(1, format!("no {metric} has all of {}", self.selector.tags), None));
        };
        self.fits(*kind)
    }

    /// Checks that a metric of this kind has the figure that is asked for, in the unit it is compared with.
    ///
    /// # Errors
    /// With what that kind has instead.
    pub fn fits(&self, kind: MetricKind) -> Result<(), ThresholdError> {
        use MetricKind as K;
        let fits = match (self.what, self.value) {
            (What::Percentile(_), Value::TimeUs(_)) => kind == K::Latency,
            (What::Max | What::Min | What::Mean, Value::TimeUs(_)) => kind == K::Latency,
            (What::Max | What::Min | What::Mean | What::Last, Value::Percent(_)) => {
                matches!(kind, K::Gauge(crate::Unit::Percent) | K::GaugeWithTarget(_))
            }
            (What::Max | What::Min | What::Mean | What::Last, Value::Number(_)) => {
                matches!(kind, K::Gauge(_) | K::GaugeWithTarget(_))
            }
            (What::Count, Value::Number(_)) | (What::Rate, Value::PerSecond(_)) => {
                matches!(kind, K::Latency | K::Counter | K::CounterOf)
            }
            (What::Rate | What::Achieved, Value::Percent(_)) => kind == K::CounterOf,
            (What::TimeTo(_), Value::TimeUs(_)) => matches!(kind, K::GaugeWithTarget(_)),
            _ => false,
        };
        if fits {
            return Ok(());
        }
        let has = match kind {
            K::Latency => "a latency has p(N), max, min, avg, med as times, count, and rate in /s",
            K::Counter => "this counter has count, and rate in /s",
            K::CounterOf => "this counter has count, rate in /s or %, and achieved in %",
            K::Gauge(_) => "a gauge has max, min, avg and last",
            K::GaugeWithTarget(_) => "this gauge has max, min, avg, last and time_to(N%)",
        };
        let message = format!("{} has no such figure ({has})", self.selector.metric);
        Err(ThresholdError { part: Part::Demand, column: 1, message, nearest: None })
    }
}

pub(super) fn selector(text: &str) -> Result<Selector, ThresholdError> {
    let mut cursor = Cursor { part: Part::Selector, text, at: 0 };
    cursor.skip_space();
    let metric = cursor.word();
    if metric.is_empty() {
        return Err(cursor.fault("expected a metric's name", None));
    }
    let mut tags = Tags::none();
    cursor.skip_space();
    if cursor.eat("{") {
        loop {
            cursor.skip_space();
            let key = cursor.word();
            if key.is_empty() {
                return Err(cursor.fault("expected a tag's name", None));
            }
            cursor.skip_space();
            cursor.expect(":")?;
            let value = cursor.until(&[',', '}']).trim();
            if value.is_empty() {
                return Err(cursor.fault("expected a tag's value", None));
            }
            tags = tags.with(key, value);
            if !cursor.eat(",") {
                break;
            }
        }
        cursor.expect("}")?;
    }
    cursor.expect_end()?;
    Ok(Selector { metric: metric.to_owned(), tags })
}

pub(super) fn demand(text: &str) -> Result<(What, Operator, Value), ThresholdError> {
    let mut cursor = Cursor { part: Part::Demand, text, at: 0 };
    let what = what(&mut cursor)?;
    cursor.skip_space();
    let operators = [
        ("<=", Operator::LessOrEqual),
        (">=", Operator::GreaterOrEqual),
        ("==", Operator::Equal),
        ("!=", Operator::NotEqual),
        ("<", Operator::Less),
        (">", Operator::Greater),
    ];
    let Some((_, operator)) = operators.into_iter().find(|(sign, _)| cursor.eat(sign)) else {
        let nearest = cursor.rest().starts_with('=').then(|| "==".to_owned());
        return Err(cursor.fault("expected <, <=, >, >=, == or !=", nearest));
    };
    cursor.skip_space();
    let start = cursor.at;
    let value = value(&mut cursor)?;
    cursor.expect_end()?;
    let wanted = match (what, value) {
        (What::Percentile(_) | What::TimeTo(_), Value::TimeUs(_)) => None,
        (What::Percentile(_) | What::TimeTo(_), _) => Some("a time such as 50ms"),
        (What::Count, Value::Number(_)) => None,
        (What::Count, _) => Some("a plain number"),
        (What::Rate, Value::PerSecond(_) | Value::Percent(_)) => None,
        (What::Rate, _) => Some("a rate such as 100/s, or a share such as 0.1%"),
        (What::Achieved, Value::Percent(_)) => None,
        (What::Achieved, _) => Some("a share such as 99%"),
        (What::Last, Value::Number(_) | Value::Percent(_)) => None,
        (What::Last, _) => Some("a number or a share"),
        (What::Max | What::Min | What::Mean, Value::PerSecond(_)) => Some("a time, a number or a share"),
        (What::Max | What::Min | What::Mean, _) => None,
    };
    match wanted {
        Some(wanted) => {
            cursor.at = start;
            Err(cursor.fault(&format!("{what} is compared with {wanted}"), None))
        }
        None => Ok((what, operator, value)),
    }
}

fn what(cursor: &mut Cursor<'_>) -> Result<What, ThresholdError> {
    cursor.skip_space();
    let start = cursor.at;
    let word = cursor.word();
    let simple = match word {
        "p" => return Ok(What::Percentile(argument(cursor)?)),
        "time_to" => return Ok(What::TimeTo(argument(cursor)?)),
        "max" => What::Max,
        "min" => What::Min,
        "avg" | "mean" => What::Mean,
        "med" => What::Percentile(50.0),
        "count" => What::Count,
        "rate" => What::Rate,
        "achieved" => What::Achieved,
        "last" => What::Last,
        _ => {
            cursor.at = start;
            if word.is_empty() {
                return Err(cursor.fault("expected p(N), max, min, avg, med, count or another figure", None));
            }
            let digits = word.strip_prefix('p').filter(|rest| rest.parse::<f64>().is_ok());
            let nearest = digits.map(|digits| format!("p({digits})"));
            let nearest = nearest.or_else(|| nearest_word(word, &WHATS));
            return Err(cursor.fault(&format!("no figure is called {word}"), nearest));
        }
    };
    Ok(simple)
}

/// `(99)`, `(99.9%)`: a percentage above 0 and up to 100.
fn argument(cursor: &mut Cursor<'_>) -> Result<f64, ThresholdError> {
    cursor.expect("(")?;
    cursor.skip_space();
    let start = cursor.at;
    let percent = cursor.number()?;
    if !(percent > 0.0 && percent <= 100.0) {
        cursor.at = start;
        return Err(cursor.fault("expected a percentage above 0 and up to 100", None));
    }
    cursor.skip_space();
    cursor.eat("%");
    cursor.skip_space();
    cursor.expect(")")?;
    Ok(percent)
}

fn value(cursor: &mut Cursor<'_>) -> Result<Value, ThresholdError> {
    let number = cursor.number()?;
    let start = cursor.at;
    let unit = cursor.rest().split(char::is_whitespace).next().unwrap_or_default();
    cursor.at += unit.len();
    Ok(match unit {
        "" => Value::Number(number),
        "k" => Value::Number(number * 1e3),
        "M" => Value::Number(number * 1e6),
        "ns" => Value::TimeUs(number / 1e3),
        "us" | "µs" | "μs" => Value::TimeUs(number),
        "ms" => Value::TimeUs(number * 1e3),
        "s" => Value::TimeUs(number * 1e6),
        "m" => Value::TimeUs(number * 60e6),
        "h" => Value::TimeUs(number * 3600e6),
        "%" => Value::Percent(number),
        "/s" => Value::PerSecond(number),
        "k/s" => Value::PerSecond(number * 1e3),
        "M/s" => Value::PerSecond(number * 1e6),
        "/m" => Value::PerSecond(number / 60.0),
        _ => {
            cursor.at = start;
            let message = format!("no unit is called {unit} (there are ns us ms s m h % /s k M)");
            return Err(cursor.fault(&message, nearest_word(unit, &UNITS)));
        }
    })
}

struct Cursor<'a> {
    part: Part,
    text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn skip_space(&mut self) {
        self.at = self.text.len() - self.rest().trim_start().len();
    }

    fn eat(&mut self, sign: &str) -> bool {
        let found = self.rest().starts_with(sign);
        self.at += if found { sign.len() } else { 0 };
        found
    }

    fn expect(&mut self, sign: &str) -> Result<(), ThresholdError> {
        if self.eat(sign) { Ok(()) } else { Err(self.fault(&format!("expected {sign}"), None)) }
    }

    fn expect_end(&mut self) -> Result<(), ThresholdError> {
        self.skip_space();
        if self.rest().is_empty() {
            Ok(())
        } else {
            Err(self.fault(&format!("expected nothing more than this, found {}", self.rest().trim()), None))
        }
    }

    fn word(&mut self) -> &'a str {
        self.until_not(|c| c.is_alphanumeric() || matches!(c, '_' | '.' | '-'))
    }

    fn until(&mut self, ends: &[char]) -> &'a str {
        self.until_not(|c| !ends.contains(&c))
    }

    fn until_not(&mut self, wanted: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let found = &rest[..rest.find(|c| !wanted(c)).unwrap_or(rest.len())];
        self.at += found.len();
        found
    }

    fn number(&mut self) -> Result<f64, ThresholdError> {
        let start = self.at;
        let digits = self.until_not(|c| c.is_ascii_digit() || matches!(c, '.' | '_'));
        digits.replace('_', "").parse().map_err(|_| {
            self.at = start;
            self.fault("expected a number", None)
        })
    }

    fn fault(&self, message: &str, nearest: Option<String>) -> ThresholdError {
        let column = self.text[..self.at].chars().count() + 1;
        ThresholdError { part: self.part, column, message: message.to_owned(), nearest }
    }
}

fn nearest_word(word: &str, known: &[&str]) -> Option<String> {
    nearest(word, known.iter().copied())
}

/// The known word most like this one, if any is like it at all.
fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<String> {
    let scored = known.map(|candidate| (strsim::jaro_winkler(word, candidate), candidate));
    let best = scored.max_by(|a, b| a.0.total_cmp(&b.0))?;
    (best.0 > 0.7).then(|| best.1.to_owned())
}
