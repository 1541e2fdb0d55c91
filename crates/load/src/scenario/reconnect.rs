//! `reconnect`: when a device comes back.

use std::time::Duration;

use super::problem::Problem;
use super::section::{Read, Reader, Section};
use super::yaml::Node;

const DEFAULT_MIN: Duration = Duration::from_secs(1);
const DEFAULT_MAX: Duration = Duration::from_secs(60);

/// Waits that double from try to try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reconnect {
    /// The first wait, before jitter.
    pub min: Duration,
    /// The longest.
    pub max: Duration,
    /// How waits are scattered.
    pub jitter: Jitter,
}

/// How waits are scattered, so that not everyone comes back at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Jitter {
    /// Evenly between nothing and the whole wait.
    #[default]
    Full,
    /// Not at all.
    None,
}

impl Reconnect {
    /// How long to wait before the `n`-th try (from 0) of an outage; `random` gives numbers from 0 to 1.
    pub(crate) fn wait(&self, n: u16, random: impl FnOnce() -> f64) -> Duration {
        let doubled = self.min.saturating_mul(1_u32.checked_shl(n.into()).unwrap_or(u32::MAX));
        let wait = doubled.min(self.max);
        match self.jitter {
            Jitter::Full => wait.mul_f64(random().clamp(0.0, 1.0)),
            Jitter::None => wait,
        }
    }

    pub(crate) fn read(node: &Node, reader: &Reader<'_>) -> Option<Self> {
        let section = Section::open(node, reader, "when to come back")?;
        let _: Option<Backoff> = section.read("backoff");
        let min = section.read("min").unwrap_or(DEFAULT_MIN);
        let max = section.read("max").unwrap_or(DEFAULT_MAX.max(min));
        let jitter = section.read("jitter").unwrap_or_default();
        if let (true, Some(node)) = (min.is_zero(), section.node("min")) {
            let problem = Problem::new("without a wait the broker would be asked without a pause");
            reader.report_at(&node.span, problem.help("for example: min: 1s"));
        }
        if let (true, Some(node)) = (max < min, section.node("max")) {
            reader.report_at(&node.span, Problem::new("the longest wait is shorter than the first"));
        }
        section.finish(&[]);
        Some(Self { min, max, jitter })
    }
}

/// The one way waits grow; it may be written down.
struct Backoff;

impl Read for Backoff {
    fn read(node: &Node, reader: &Reader<'_>) -> Option<Self> {
        let text = reader.text(node, "exponential")?;
        if text == "exponential" {
            return Some(Self);
        }
        let problem = Problem::new(format!("unknown backoff `{text}`")).nearest(&text, ["exponential"]);
        reader.report_at(&node.span, problem.help("exponential; with `min` and `max` alike it is constant"));
        None
    }
}

impl Read for Jitter {
    fn read(node: &Node, reader: &Reader<'_>) -> Option<Self> {
        match reader.text(node, "full or none")?.as_str() {
            "full" => Some(Self::Full),
            "none" => Some(Self::None),
            other => {
                let problem =
                    Problem::new(format!("unknown jitter `{other}`")).nearest(other, ["full", "none"]);
                reader.report_at(&node.span, problem.help("full or none"));
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest() {
        let (min, max) = (Duration::from_millis(500), Duration::from_secs(5));
        let plain = Reconnect { min, max, jitter: Jitter::None };
        let waits: Vec<u128> = (0..6).map(|n| plain.wait(n, || 0.0).as_millis()).collect();
        assert_eq!(waits, [500, 1000, 2000, 4000, 5000, 5000]);
        assert_eq!(plain.wait(u16::MAX, || 0.0), max);
        let jittered = Reconnect { jitter: Jitter::Full, ..plain };
        assert_eq!(jittered.wait(2, || 0.25).as_millis(), 500);
        assert_eq!(jittered.wait(9, || 0.0).as_millis(), 0);
    }
}
