//! The run's clock: nanoseconds since it started, and what the wall clock said then.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::session::Nanos;
use crate::transport::Arrival;

/// Copied to every shard, so that all speak of the same instants.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    /// By the monotonic clock.
    start: i64,
    unix_ns: i64,
}

impl Clock {
    pub(crate) fn start() -> Self {
        Self { start: monotonic(), unix_ns: wall() }
    }

    /// A clock of a run that starts at this instant of the Unix clock, which may be ahead: it shows zero until then.
    pub(crate) fn at(unix_ns: i64) -> Self {
        Self { start: monotonic().saturating_add(unix_ns.saturating_sub(wall())), unix_ns }
    }

    /// Nanoseconds since the run's start; zero before it.
    #[inline]
    pub(crate) fn now(&self) -> Nanos {
        (monotonic() - self.start).max(0) as Nanos
    }

    pub(crate) fn elapsed(&self) -> Duration {
        Duration::from_nanos(self.now())
    }

    /// When bytes came that were just read, on this clock: by the kernel's note if there is one. It is of the wall
    /// clock, whose corrections since the start do not matter: it is held against that clock's time now.
    pub(crate) fn arrived(&self, Arrival(noted): Arrival) -> Nanos {
        let now = self.now();
        let Some(noted) = noted else { return now };
        now.saturating_sub((wall() - noted).max(0) as Nanos)
    }

    /// Sleeps until an instant, or until interrupted.
    pub(crate) fn sleep_until(&self, at: Nanos) {
        sleep_until(self.start + at as i64);
    }

    /// How long until the start.
    pub(crate) fn ahead(&self) -> Duration {
        Duration::from_nanos((self.start - monotonic()).max(0) as u64)
    }

    /// When the run started, by the wall clock.
    pub(crate) fn started(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_nanos(self.unix_ns.max(0) as u64)
    }

    /// The same instant as nanoseconds of the Unix epoch; the wall clock's later corrections are not followed.
    pub(crate) fn unix(&self, at: Nanos) -> i64 {
        self.unix_ns + at as i64
    }

    /// The other way round; what lies before the start is its start.
    pub(crate) fn since_start(&self, unix_ns: i64) -> Nanos {
        (unix_ns - self.unix_ns).max(0) as Nanos
    }

    /// The first instant from `at` on that a stamp tells exactly: a whole microsecond of the Unix clock.
    pub(crate) fn on_the_microsecond(&self, at: Nanos) -> Nanos {
        at + (-self.unix(at)).rem_euclid(1000) as Nanos
    }
}

#[cfg(target_os = "linux")]
use linux::{monotonic, sleep_until, wall};
#[cfg(not(target_os = "linux"))]
use portable::{monotonic, sleep_until, wall};

/// Straight to the kernel: a shard that sleeps between any two messages finds nothing in its caches when it wakes, so
/// that what is called costs by the memory it stands in.
#[cfg(target_os = "linux")]
mod linux {
    use rustix::thread::clock_nanosleep_absolute;
    use rustix::time::{ClockId, Timespec, clock_gettime};

    const SECOND: i64 = 1_000_000_000;

    fn read(clock: ClockId) -> i64 {
        let now = clock_gettime(clock);
        now.tv_sec * SECOND + now.tv_nsec
    }

    pub(super) fn monotonic() -> i64 {
        read(ClockId::Monotonic)
    }

    /// Nanoseconds of the Unix epoch.
    pub(super) fn wall() -> i64 {
        read(ClockId::Realtime)
    }

    pub(super) fn sleep_until(at: i64) {
        let request = Timespec { tv_sec: at / SECOND, tv_nsec: at % SECOND };
        let _ = clock_nanosleep_absolute(rustix::thread::ClockId::Monotonic, &request);
    }
}

#[cfg(not(target_os = "linux"))]
mod portable {
    use std::sync::OnceLock;
    use std::thread;
    use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

    /// Since this was first asked for.
    pub(super) fn monotonic() -> i64 {
        static ORIGIN: OnceLock<Instant> = OnceLock::new();
        ORIGIN.get_or_init(Instant::now).elapsed().as_nanos() as i64
    }

    /// Nanoseconds of the Unix epoch.
    pub(super) fn wall() -> i64 {
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as i64)
    }

    pub(super) fn sleep_until(at: i64) {
        thread::sleep(Duration::from_nanos((at - monotonic()).max(0) as u64));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arrival_is_as_long_ago_as_its_note_says() {
        let clock = Clock::at(Clock::start().unix(0) - 10_000_000_000);
        let noted = |before: Duration| {
            let at = SystemTime::now() - before;
            Arrival(at.duration_since(UNIX_EPOCH).ok().map(|since| since.as_nanos() as i64))
        };
        let before = clock.now();
        let arrived = clock.arrived(noted(Duration::from_secs(3)));
        assert!(arrived + 3_000_000_000 >= before && arrived + 3_000_000_000 <= clock.now());
        let now = clock.arrived(Arrival(Some(i64::MAX)));
        assert!(now >= before && now <= clock.now(), "nothing comes from the future");
        assert!(clock.arrived(Arrival::default()) >= now, "without a note it came now");
        assert_eq!(clock.arrived(Arrival(Some(0))), 0, "nor from before the run");
    }

    #[test]
    fn it_sleeps_until_an_instant_and_not_until_one_that_is_past() {
        let clock = Clock::start();
        for at in [2_000_000, 3_000_000, 1, 4_000_000] {
            clock.sleep_until(at);
            assert!(clock.now() >= at, "woken early");
        }
    }

    #[test]
    fn a_start_ahead_shows_zero_until_then() {
        let now = Clock::start();
        let ahead = Clock::at(now.unix(0) + 3_600_000_000_000);
        assert_eq!(ahead.now(), 0);
        assert!(ahead.ahead() > Duration::from_secs(3590));
        assert_eq!(ahead.since_start(now.unix(0) + 3_600_000_000_007), 7);
    }

    #[test]
    fn a_microsecond_begins_within_one() {
        let clock = Clock::at(Clock::start().unix(0) / 1000 * 1000 + 123);
        let rounded = [0, 876, 877, 878, 1877].map(|at| clock.on_the_microsecond(at));
        assert_eq!(rounded, [877, 877, 877, 1877, 1877]);
    }

    #[test]
    fn two_clocks_of_one_start_agree() {
        let start = Clock::start().unix(0) - 5_000_000_000;
        let (one, other) = (Clock::at(start), Clock::at(start));
        assert_eq!(one.unix(17), other.unix(17));
        let apart = one.now().abs_diff(other.now());
        assert!(one.now() >= 5_000_000_000 && apart < 1_000_000_000, "{apart} ns");
    }
}
