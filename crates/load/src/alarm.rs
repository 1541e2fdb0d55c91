//! Waking a readiness loop at an exact instant.
//!
//! `epoll` takes its timeout in milliseconds, which is twenty messages late at 20,000 a second. On Linux a
//! timer descriptor among the sockets wakes it within some ten microseconds; elsewhere the timeout, rounded
//! up, has to do.

use std::io;
use std::time::Duration;

use mio::{Poll, Token};

use crate::session::Nanos;

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
        /// When it will go off, if that is not past.
        set_to: Nanos,
    }

    impl Alarm {
        /// `token` is that of its events, which say nothing but that it is time to look at the clock.
        pub(crate) fn new(poll: &Poll, token: Token) -> io::Result<Self> {
            let timer =
                timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC)?;
            poll.registry().register(&mut SourceFd(&timer.as_raw_fd()), token, Interest::READABLE)?;
            Ok(Self { timer, set_to: 0 })
        }

        /// Waits for events, until that instant at the latest.
        pub(crate) fn wait(
            &mut self,
            poll: &mut Poll,
            events: &mut Events,
            now: Nanos,
            until: Nanos,
        ) -> io::Result<()> {
            if until <= now {
                return poll.poll(events, Some(Duration::ZERO));
            }
            // Most often it is an answer that woke the loop, and the alarm stands as it stood.
            if self.set_to != until {
                let left = Duration::from_nanos(until - now);
                let value =
                    Timespec { tv_sec: left.as_secs() as i64, tv_nsec: i64::from(left.subsec_nanos()) };
                let once = Itimerspec { it_interval: Timespec { tv_sec: 0, tv_nsec: 0 }, it_value: value };
                timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &once)?;
                self.set_to = until;
            }
            poll.poll(events, None)
        }

        /// It has gone off.
        pub(crate) fn rang(&mut self) {
            self.set_to = 0;
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

        /// Waits for events, until that instant at the latest and up to a millisecond more.
        pub(crate) fn wait(
            &mut self,
            poll: &mut Poll,
            events: &mut Events,
            now: Nanos,
            until: Nanos,
        ) -> io::Result<()> {
            poll.poll(events, Some(Duration::from_nanos(until.saturating_sub(now))))
        }

        pub(crate) fn rang(&mut self) {}
    }
}

#[cfg(test)]
mod tests {
    use mio::Events;

    use super::*;
    use crate::clock::Clock;

    #[test]
    fn it_wakes_at_the_instant_and_not_before() {
        let clock = Clock::start();
        let mut poll = Poll::new().expect("poll");
        let mut alarm = Alarm::new(&poll, Token(7)).expect("alarm");
        let mut events = Events::with_capacity(4);
        for micros in [300, 50, 1_700] {
            let until = clock.now() + micros * 1_000;
            alarm.wait(&mut poll, &mut events, clock.now(), until).expect("waits");
            assert!(clock.now() >= until, "woken early");
            alarm.rang();
        }
    }

    #[test]
    fn an_instant_that_is_past_is_not_waited_for() {
        let mut poll = Poll::new().expect("poll");
        let mut alarm = Alarm::new(&poll, Token(7)).expect("alarm");
        let mut events = Events::with_capacity(4);
        alarm.wait(&mut poll, &mut events, 5, 5).expect("does not wait");
        assert!(events.is_empty());
    }
}
