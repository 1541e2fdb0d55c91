//! How long what has come may wait to be read.
//!
//! With arrivals noted by the kernel ([`Arrival`](crate::transport::Arrival)) an acknowledgement's latency is the
//! same whenever it is read, and a wake-up that sends what is due costs half of two, of which the second reads one
//! acknowledgement. So a shard sleeps from one intended instant to the next and looks at its sockets once in
//! [`LIMIT`], unless a device reacts to what it reads: then that device is *urgent*, and the shard wakes for
//! whatever comes. What is due never waits.

use crate::session::Nanos;

/// The longest that sockets are left unread where nobody reacts to what comes. What else that holds up is TCP's own
/// acknowledgement, which kernels by themselves hold back for 40 ms: this is little beside it, and long enough that
/// looking costs little beside sending.
pub(crate) const LIMIT: Nanos = 10_000_000;

/// Whether a shard's sockets may be left unread.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Patience {
    /// What had come by then has been read.
    looked: Nanos,
    /// The kernel noted the arrival of what was read last.
    noted: bool,
    /// Devices that react to what comes.
    urgent: u32,
    /// Sockets have been left unread since they were last looked at.
    unread: bool,
}

impl Patience {
    /// Whether sockets may be left unread until that instant.
    pub(crate) fn lasts_until(&self, instant: Nanos) -> bool {
        self.noted && self.urgent == 0 && instant <= self.looked.saturating_add(LIMIT)
    }

    /// Sockets are not looked at for now.
    pub(crate) fn leave_unread(&mut self) {
        self.unread = true;
    }

    /// Something may have come that has not been read, though it could have been.
    pub(crate) fn is_unread(&self) -> bool {
        self.unread
    }

    /// All that had come by that instant has been read.
    pub(crate) fn looked(&mut self, instant: Nanos) {
        self.looked = instant;
        self.unread = false;
    }

    /// Something was read; whether the kernel noted when it came.
    pub(crate) fn noted(&mut self, noted: bool) {
        self.noted = noted;
    }

    /// A device reacts to what comes from now on, or does not any more.
    pub(crate) fn urge(&mut self, is_urgent: bool) {
        if is_urgent {
            self.urgent += 1;
        } else {
            self.urgent -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One that has looked at that instant, and whose kernel notes arrivals.
    fn patient(looked: Nanos) -> Patience {
        let mut patience = Patience::default();
        patience.noted(true);
        patience.looked(looked);
        patience
    }

    #[test]
    fn nothing_waits_for_longer_than_the_limit() {
        let mut patience = patient(1_000);
        assert!(patience.lasts_until(1_000 + LIMIT));
        patience.leave_unread();
        assert!(!patience.lasts_until(1_001 + LIMIT), "leaving it unread once more does not begin anew");
        patience.looked(2_000 + LIMIT);
        assert!(patience.lasts_until(1_001 + LIMIT + LIMIT));
        assert!(!patience.lasts_until(Nanos::MAX));
    }

    #[test]
    fn one_urgent_device_suffices() {
        let mut patience = patient(0);
        patience.urge(true);
        patience.urge(true);
        patience.urge(false);
        assert!(!patience.lasts_until(1));
        patience.urge(false);
        assert!(patience.lasts_until(1));
    }

    #[test]
    fn without_the_kernels_notes_everything_is_read_at_once() {
        let mut patience = patient(0);
        patience.noted(false);
        assert!(!patience.lasts_until(1));
    }
}
