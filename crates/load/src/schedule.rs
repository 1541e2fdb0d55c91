//! Intended instants: fixed when a phase begins, and never moved by what the broker does.

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use crate::scenario::{Arrivals, Rate};
use crate::session::Nanos;
use crate::topics::mix;

/// How a publish list's messages of one device follow each other in a phase.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// Mean nanoseconds from one message to the next.
    period: f64,
    arrivals: Arrivals,
}

/// Where a stream stands in its phase.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Course {
    /// The instant of the phase's first message.
    base: Nanos,
    /// Messages of this phase whose instants have been taken.
    taken: u32,
    next: Nanos,
}

impl Pace {
    /// `None` when nothing is to be sent.
    pub(crate) fn new(rate: Rate, arrivals: Arrivals) -> Option<Self> {
        let rate = rate.as_per_second();
        (rate > 0.0).then(|| Self { period: 1e9 / rate, arrivals })
    }
}

impl Course {
    /// Nothing to send.
    pub(crate) const NEVER: Self = Self { base: Nanos::MAX, taken: 0, next: Nanos::MAX };

    /// The course of the `i`-th of `count` devices in a phase that begins at `start`. Evenly spread devices
    /// share the period: together they send at the group's rate with even gaps.
    pub(crate) fn begin(pace: &Pace, start: Nanos, i: u32, count: u32, seed: u64, stream: u32) -> Self {
        let first = match pace.arrivals {
            Arrivals::Uniform => {
                // One random shift for all devices, so that lists of one group do not beat together.
                let shift = mix(seed, 0x5eed) as f64 / 2.0_f64.powi(64);
                (f64::from(i) + shift) / f64::from(count.max(1)) * pace.period
            }
            Arrivals::Poisson => exponential(pace.period, seed, stream, 0),
        };
        let base = start.saturating_add(first as Nanos);
        Self { base, taken: 0, next: base }
    }

    /// When the next message is meant to be sent.
    pub(crate) fn next(&self) -> Nanos {
        self.next
    }

    /// The message after that is next.
    pub(crate) fn advance(&mut self, pace: &Pace, seed: u64, stream: u32) {
        self.taken = self.taken.wrapping_add(1);
        self.next = match pace.arrivals {
            // From the base each time: rounding does not add up.
            Arrivals::Uniform => self.base.saturating_add((f64::from(self.taken) * pace.period) as Nanos),
            Arrivals::Poisson => {
                self.next.saturating_add(exponential(pace.period, seed, stream, self.taken) as Nanos)
            }
        };
    }

    /// Forgets what was meant before `now`: a device that was not there yet does not owe it.
    pub(crate) fn skip_to(&mut self, now: Nanos, pace: &Pace, seed: u64, stream: u32) {
        if let Arrivals::Uniform = pace.arrivals {
            let behind = now.saturating_sub(self.next) as f64 / pace.period;
            self.taken = self.taken.wrapping_add(behind as u32);
            self.next = self.base.saturating_add((f64::from(self.taken) * pace.period) as Nanos);
        }
        while self.next < now {
            self.advance(pace, seed, stream);
        }
    }

    /// How many messages are meant before `end` and have not been taken.
    pub(crate) fn left_before(mut self, end: Nanos, pace: &Pace, seed: u64, stream: u32) -> u64 {
        if let Arrivals::Uniform = pace.arrivals {
            let left = end.saturating_sub(self.next) as f64 / pace.period;
            return left.ceil() as u64;
        }
        let mut left = 0;
        while self.next < end {
            left += 1;
            self.advance(pace, seed, stream);
        }
        left
    }
}

/// A gap that follows from the seed, the stream and its place, so that it needs no memory.
fn exponential(mean: f64, seed: u64, stream: u32, place: u32) -> f64 {
    let mut random = SmallRng::seed_from_u64(mix(seed, u64::from(stream) << 32 | u64::from(place)));
    // 1 − u lies in (0, 1], of which there is a logarithm.
    -mean * (1.0 - random.random::<f64>()).ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Nanos = 1_000_000_000;

    fn pace(per_second: f64, arrivals: Arrivals) -> Pace {
        Pace::new(Rate::per_second(per_second), arrivals).expect("a pace")
    }

    fn instants(mut course: Course, pace: &Pace, stream: u32, end: Nanos) -> Vec<Nanos> {
        let mut seen = Vec::new();
        while course.next() < end {
            seen.push(course.next());
            course.advance(pace, 1, stream);
        }
        seen
    }

    #[test]
    fn devices_share_the_period_evenly() {
        let pace = pace(10.0, Arrivals::Uniform);
        let mut all: Vec<Nanos> = (0..50)
            .flat_map(|i| instants(Course::begin(&pace, SECOND, i, 50, 1, i), &pace, i, 3 * SECOND))
            .collect();
        all.sort_unstable();
        assert_eq!(all.len(), 1000, "50 devices × 10/s × 2 s");
        let gaps: Vec<Nanos> = all.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(gaps.iter().all(|gap| gap.abs_diff(SECOND / 500) <= 2), "uneven: {gaps:?}");
    }

    #[test]
    fn rounding_does_not_add_up() {
        let pace = pace(3.0, Arrivals::Uniform);
        let instants = instants(Course::begin(&pace, 0, 0, 1, 1, 0), &pace, 0, 1_000 * SECOND);
        assert_eq!(instants.len(), 3_000);
    }

    #[test]
    fn poisson_gaps_have_the_mean_and_the_spread_of_their_kind() {
        let pace = pace(100.0, Arrivals::Poisson);
        let seen = instants(Course::begin(&pace, 0, 0, 1, 1, 9), &pace, 9, 200 * SECOND);
        let gaps: Vec<f64> = seen.windows(2).map(|pair| (pair[1] - pair[0]) as f64).collect();
        let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
        let variance = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / gaps.len() as f64;
        assert!((mean / 1e7 - 1.0).abs() < 0.03, "mean gap {mean} ns");
        assert!(
            (variance.sqrt() / mean - 1.0).abs() < 0.05,
            "as much spread as mean, not {}",
            variance.sqrt()
        );
    }

    #[test]
    fn streams_differ_and_repeat_with_the_seed() {
        let pace = pace(10.0, Arrivals::Poisson);
        let course = |stream| instants(Course::begin(&pace, 0, 0, 1, 1, stream), &pace, stream, 10 * SECOND);
        assert_eq!(course(1), course(1));
        assert_ne!(course(1), course(2));
    }

    #[test]
    fn what_was_meant_before_a_device_came_is_not_owed() {
        for arrivals in [Arrivals::Uniform, Arrivals::Poisson] {
            let pace = pace(10.0, arrivals);
            let whole = Course::begin(&pace, 0, 3, 10, 1, 5);
            let mut late = whole;
            late.skip_to(5 * SECOND, &pace, 1, 5);
            let expected: Vec<Nanos> =
                instants(whole, &pace, 5, 9 * SECOND).into_iter().filter(|at| *at >= 5 * SECOND).collect();
            assert_eq!(instants(late, &pace, 5, 9 * SECOND), expected, "{arrivals:?}");
        }
    }

    #[test]
    fn what_is_left_is_what_would_be_taken() {
        for arrivals in [Arrivals::Uniform, Arrivals::Poisson] {
            let pace = pace(7.0, arrivals);
            let course = Course::begin(&pace, 0, 3, 10, 1, 5);
            let taken = instants(course, &pace, 5, 9 * SECOND).len() as u64;
            assert_eq!(course.left_before(9 * SECOND, &pace, 1, 5), taken, "{arrivals:?}");
            assert_eq!(course.left_before(0, &pace, 1, 5), 0);
        }
        assert_eq!(Course::NEVER.left_before(9 * SECOND, &pace(7.0, Arrivals::Uniform), 1, 5), 0);
    }

    #[test]
    fn no_rate_is_no_pace() {
        assert!(Pace::new(Rate::ZERO, Arrivals::Uniform).is_none());
    }
}
