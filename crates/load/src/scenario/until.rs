//! Conditions that end a phase: `sensors.subscribed >= 99.9%`, `inflight == 0`.

use std::fmt;

use super::problem::Problem;
use super::template::Fault;

/// What must hold for a phase to end.
#[derive(Clone, Debug, PartialEq)]
pub struct Until {
    /// The group it is about, by its place in the plan; `None` for all.
    pub group: Option<usize>,
    /// What is looked at.
    pub measure: Measure,
    /// How it is compared.
    pub operator: Comparison,
    /// With what.
    pub value: Amount,
    text: String,
}

/// What a condition looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// Devices that are connected.
    Connected,
    /// Devices that have all their subscriptions (those without any once they are connected).
    Subscribed,
    /// Messages that wait for an acknowledgement.
    Inflight,
    /// Devices that do not wait for their connection or subscriptions: they have them, failed, or were not asked to.
    Settled,
}

/// How a condition compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the operator it names")]
pub enum Comparison {
    Less,
    LessOrEqual,
    Equal,
    GreaterOrEqual,
    Greater,
}

/// A number, or a share of the devices meant.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Amount {
    /// A number of devices or messages.
    Count(f64),
    /// 0 to 100.
    Percent(f64),
}

const MEASURES: [(&str, Measure); 4] = [
    ("connected", Measure::Connected),
    ("subscribed", Measure::Subscribed),
    ("inflight", Measure::Inflight),
    ("settled", Measure::Settled),
];

const COMPARISONS: [(&str, Comparison); 5] = [
    ("<=", Comparison::LessOrEqual),
    (">=", Comparison::GreaterOrEqual),
    ("==", Comparison::Equal),
    ("<", Comparison::Less),
    (">", Comparison::Greater),
];

impl Until {
    /// `settled == 100%`.
    pub(crate) fn all_settled() -> Self {
        Self {
            group: None,
            measure: Measure::Settled,
            operator: Comparison::Equal,
            value: Amount::Percent(100.0),
            text: "settled == 100%".to_owned(),
        }
    }

    /// Parses a condition; the problem's place is a part of `text`.
    pub(crate) fn parse(text: &str, groups: &[&str]) -> Result<Self, Fault> {
        let whole = 0..text.len();
        let fault = |span, problem| Err(Fault { span, problem: Box::new(problem) });
        let found =
            COMPARISONS.iter().find_map(|(sign, comparison)| Some((text.find(sign)?, sign, *comparison)));
        let Some((at, sign, operator)) = found else {
            let problem = Problem::new("a condition compares with ==, >=, <=, > or <");
            return fault(whole, problem.help("for example: sensors.subscribed >= 99.9%"));
        };
        let subject = text[..at].trim();
        let offset = text.find(subject).unwrap_or(0);
        let (group, measure, measure_at) = match subject.rsplit_once('.') {
            Some((group, measure)) => (Some(group.trim()), measure.trim(), offset + group.len() + 1),
            None => (None, subject, offset),
        };
        let group = match group {
            Some(name) => match groups.iter().position(|known| *known == name) {
                Some(index) => Some(index),
                None => {
                    let problem = Problem::new(format!("no group is called `{name}`"));
                    return fault(offset..offset + name.len(), problem.nearest(name, groups.iter().copied()));
                }
            },
            None => None,
        };
        let Some((_, known)) = MEASURES.iter().find(|(name, _)| *name == measure) else {
            let names = MEASURES.iter().map(|(name, _)| *name);
            let problem = Problem::new(format!("unknown measure `{measure}`")).nearest(measure, names);
            let span = measure_at..measure_at + measure.len();
            return fault(span, problem.help("there are connected, subscribed, settled and inflight"));
        };
        if let (Some(_), Measure::Inflight) = (group, known) {
            let problem = Problem::new("messages in flight are counted over all groups");
            return fault(offset..offset + subject.len(), problem.help("write inflight, without a group"));
        }
        let value_text = text[at + sign.len()..].trim();
        let value = match value_text.strip_suffix('%') {
            Some(number) => number.trim().parse().ok().map(Amount::Percent),
            None => value_text.parse().ok().map(Amount::Count),
        };
        let value = value.filter(|amount| match *amount {
            Amount::Percent(percent) => (0.0..=100.0).contains(&percent) && *known != Measure::Inflight,
            Amount::Count(count) => count.is_finite() && count >= 0.0,
        });
        let Some(value) = value else {
            let problem =
                Problem::new(format!("expected a number, or a share of the devices, found `{value_text}`"));
            let start = text.len() - text[at + sign.len()..].trim_start().len();
            return fault(start..start + value_text.len(), problem);
        };
        Ok(Self { group, measure: *known, operator, value, text: text.trim().to_owned() })
    }

    /// Whether it holds when `seen` of `total` devices (or so many messages) are counted.
    pub fn holds(&self, seen: u64, total: u64) -> bool {
        let wanted = match self.value {
            Amount::Count(count) => count,
            // 99.9 % of 1,000 is 999, whatever binary fractions make of it.
            Amount::Percent(percent) => (percent * total as f64 * 1e4).round() / 1e6,
        };
        let seen = seen as f64;
        match self.operator {
            Comparison::Less => seen < wanted,
            Comparison::LessOrEqual => seen <= wanted,
            Comparison::Equal => seen == wanted,
            Comparison::GreaterOrEqual => seen >= wanted,
            Comparison::Greater => seen > wanted,
        }
    }
}

impl fmt::Display for Until {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_of_the_devices_meant() {
        let until = Until::parse("sensors.subscribed >= 99.9%", &["workers", "sensors"]).expect("parses");
        assert_eq!(until.group, Some(1));
        assert!(until.holds(999, 1000));
        assert!(!until.holds(998, 1000));
    }

    #[test]
    fn a_number_is_compared_as_it_is() {
        let until = Until::parse("inflight == 0", &[]).expect("parses");
        assert!(until.holds(0, 77));
        assert!(!until.holds(1, 77));
    }

    #[test]
    fn what_is_wrong_is_pointed_at() {
        let fault = |text| {
            let fault = Until::parse(text, &["sensors"]).expect_err("must not parse");
            (fault.span, fault.problem)
        };
        let (span, problem) = fault("sensor.connected == 1");
        assert_eq!((span, problem.nearest.as_deref()), (0..6, Some("sensors")));
        let (span, problem) = fault("sensors.conected == 1");
        assert_eq!((span, problem.nearest.as_deref()), (8..16, Some("connected")));
        assert_eq!(fault("connected == many").0, 13..17);
        assert_eq!(fault("sensors.inflight == 0").0, 0..16);
        assert_eq!(fault("inflight < 5%").0, 11..13);
        assert_eq!(fault("connected").0, 0..9);
    }
}
