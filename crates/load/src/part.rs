//! Which part of a run's devices one process has.

use std::fmt;
use std::str::FromStr;

use crate::scenario::Plan;

/// The `number`-th of `of` parts. Devices are dealt in turn, so that each part has its share of every group; their
/// numbers, and with them client ids, schedules and payloads, are those they have in the whole run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// 1 to `of`.
    number: u32,
    of: u32,
}

/// Why a text names no part.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadPart {
    /// It is not of the form.
    #[error("`{0}` is not a shard: write I/N, such as 2/4")]
    Form(String),
    /// The number is not among 1 to N.
    #[error("there is no shard {number} of {of}: they are counted from 1 to N")]
    Number {
        /// What was asked for.
        number: u32,
        /// Of how many.
        of: u32,
    },
}

impl Part {
    /// All devices.
    pub const WHOLE: Self = Self { number: 1, of: 1 };

    /// The `number`-th (from 1) of `of` parts.
    ///
    /// # Errors
    /// When there is no such part.
    pub fn new(number: u32, of: u32) -> Result<Self, BadPart> {
        if (1..=of).contains(&number) { Ok(Self { number, of }) } else { Err(BadPart::Number { number, of }) }
    }

    /// Its number, from 1.
    pub fn number(self) -> u32 {
        self.number
    }

    /// How many parts there are.
    pub fn of(self) -> u32 {
        self.of
    }

    /// Whether it is everything.
    pub fn is_whole(self) -> bool {
        self.of == 1
    }

    /// How many devices of a plan it has.
    pub fn devices(self, plan: &Plan) -> u32 {
        self.among(0, plan.devices())
    }

    /// How many of the `count` devices from `first` on it has.
    pub(crate) fn among(self, first: u32, count: u32) -> u32 {
        let below = |end: u64| (end + u64::from(self.of - self.number)) / u64::from(self.of);
        let first = u64::from(first);
        (below(first + u64::from(count)) - below(first)) as u32
    }

    /// The devices of one of its threads, among all devices of the plan.
    pub(crate) fn numbers(self, devices: u32, thread: usize, threads: usize) -> impl Iterator<Item = u32> {
        let (of, first) = (self.of as usize, self.number as usize - 1);
        (first + thread * of..devices as usize).step_by(of * threads).map(|number| number as u32)
    }
}

impl Default for Part {
    fn default() -> Self {
        Self::WHOLE
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.number, self.of)
    }
}

impl FromStr for Part {
    type Err = BadPart;

    fn from_str(text: &str) -> Result<Self, BadPart> {
        let numbers = text
            .split_once('/')
            .and_then(|(number, of)| Some((number.trim().parse().ok()?, of.trim().parse().ok()?)));
        let (number, of) = numbers.ok_or_else(|| BadPart::Form(text.to_owned()))?;
        Self::new(number, of)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn parts_are_counted_from_one() {
        assert_eq!("2/4".parse(), Part::new(2, 4));
        assert_eq!("0/4".parse::<Part>(), Err(BadPart::Number { number: 0, of: 4 }));
        assert_eq!("5/4".parse::<Part>(), Err(BadPart::Number { number: 5, of: 4 }));
        for text in ["", "1", "1/", "/2", "-1/2", "one/two", "1/2/3"] {
            assert_eq!(text.parse::<Part>(), Err(BadPart::Form(text.to_owned())), "{text}");
        }
        assert!(Part::WHOLE.is_whole() && !"1/2".parse::<Part>().expect("a part").is_whole());
    }

    proptest! {
        /// Each device is in one thread of one part, and parts know how many they have.
        #[test]
        fn parts_and_threads_have_each_device_once(of in 1_u32..20, threads in 1_usize..5, first in 0_u32..50, count in 0_u32..300) {
            let mut seen = vec![0; (first + count) as usize];
            for number in 1..=of {
                let part = Part::new(number, of).expect("a part");
                let mut own = 0;
                for thread in 0..threads {
                    for device in part.numbers(first + count, thread, threads) {
                        seen[device as usize] += 1;
                        own += u32::from(device >= first);
                    }
                }
                prop_assert_eq!(part.among(first, count), own);
            }
            prop_assert!(seen.iter().all(|times| *times == 1), "{:?}", seen);
        }
    }
}
