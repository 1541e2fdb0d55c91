//! What the status line says of the moment: packets a second, and memory.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

/// How often is measured.
const EVERY: Duration = Duration::from_millis(500);
/// What a rate is an average over.
const OVER: Duration = Duration::from_secs(3);

/// The gauges, and what they need to measure.
#[derive(Debug, Default)]
pub(crate) struct Gauges {
    /// Packets there were, and when; the oldest first.
    counted: VecDeque<(Instant, u32)>,
    /// Packets a second.
    pub(crate) rate: Option<u64>,
    /// Resident memory of the process, in MiB.
    pub(crate) memory_mib: Option<u64>,
}

impl Gauges {
    /// Measures, if it is time; whether anything reads otherwise than before.
    pub(crate) fn measure(&mut self, now: Instant, packets: u32, memory: impl Fn() -> Option<u64>) -> bool {
        if self.counted.back().is_some_and(|&(last, _)| now.duration_since(last) < EVERY) {
            return false;
        }
        let before = (self.rate, self.memory_mib);
        self.counted.push_back((now, packets));
        while self.counted.len() > 2 && now.duration_since(self.counted[0].0) > OVER {
            self.counted.pop_front();
        }
        let (first, counted) = self.counted[0];
        let seconds = now.duration_since(first).as_secs_f64();
        self.rate = (seconds > 0.0).then(|| (f64::from(packets - counted) / seconds).round() as u64);
        self.memory_mib = memory().map(|bytes| bytes >> 20);
        before != (self.rate, self.memory_mib)
    }
}

/// Resident memory of this process in bytes, where the system tells.
pub(crate) fn resident_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib << 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_an_average_over_the_last_seconds() {
        let mut gauges = Gauges::default();
        let start = Instant::now();
        for tenth in 0..=100 {
            let now = start + Duration::from_millis(100 * tenth);
            // a hundred packets a second for five seconds, then none
            gauges.measure(now, (10 * tenth.min(50)) as u32, || Some(5 << 20));
            match tenth {
                0 => assert_eq!((gauges.rate, gauges.memory_mib), (None, Some(5))),
                5..=50 => assert_eq!(gauges.rate, Some(100), "after {tenth} tenths"),
                90..=100 => assert_eq!(gauges.rate, Some(0), "after {tenth} tenths"),
                _ => {}
            }
        }
    }
}
