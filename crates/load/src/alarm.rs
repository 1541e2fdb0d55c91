//! Waking a readiness loop at an exact instant.
//!
//! `epoll` takes its timeout in milliseconds, which is twenty messages late at 20,000 a second. On Linux a
//! timer descriptor among the sockets wakes it within some ten microseconds; elsewhere the timeout, rounded
//! up, has to do.

use std::io;
use std::time::Duration;

use mio::{Poll, Token};

#[cfg(target_os = "linux")]
pub(crate) use linux::Alarm;
#[cfg(not(target_os = "linux"))]
pub(crate) use portable::Alarm;

#[cfg(target_os = "linux")]
mod linux {
    use std::os::fd::{AsRawFd, OwnedFd};

    use mio::unix::SourceFd;
    use mio::{Events, Interest};
    use rustix::time::{
        Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
        timerfd_settime,
    };

    use super::*;

    #[derive(Debug)]
    pub(crate) struct Alarm {
        timer: OwnedFd,
    }

    impl Alarm {
        /// `token` is that of its events, which say nothing but that it is time to look at the clock.
        pub(crate) fn new(poll: &Poll, token: Token) -> io::Result<Self> {
            let timer =
                timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC)?;
            poll.registry().register(&mut SourceFd(&timer.as_raw_fd()), token, Interest::READABLE)?;
            Ok(Self { timer })
        }

        /// Waits for events, at most this long.
        pub(crate) fn wait(&self, poll: &mut Poll, events: &mut Events, at_most: Duration) -> io::Result<()> {
            if at_most.is_zero() {
                return poll.poll(events, Some(Duration::ZERO));
            }
            let value =
                Timespec { tv_sec: at_most.as_secs() as i64, tv_nsec: i64::from(at_most.subsec_nanos()) };
            let zero = Timespec { tv_sec: 0, tv_nsec: 0 };
            let spec = Itimerspec { it_interval: zero, it_value: value };
            timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &spec)?;
            poll.poll(events, None)
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod portable {
    use mio::Events;

    use super::*;

    #[derive(Debug)]
    pub(crate) struct Alarm;

    impl Alarm {
        pub(crate) fn new(_: &Poll, _: Token) -> io::Result<Self> {
            Ok(Self)
        }

        /// Waits for events, at most this long and up to a millisecond more.
        pub(crate) fn wait(&self, poll: &mut Poll, events: &mut Events, at_most: Duration) -> io::Result<()> {
            poll.poll(events, Some(at_most))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use mio::Events;

    use super::*;

    #[test]
    fn it_wakes_after_the_time_and_not_before() {
        let mut poll = Poll::new().expect("poll");
        let alarm = Alarm::new(&poll, Token(7)).expect("alarm");
        let mut events = Events::with_capacity(4);
        for micros in [300, 50, 1_700] {
            let start = Instant::now();
            let wanted = Duration::from_micros(micros);
            alarm.wait(&mut poll, &mut events, wanted).expect("waits");
            assert!(start.elapsed() >= wanted, "woken after {:?} of {wanted:?}", start.elapsed());
        }
    }
}
