//! What a part of a run notes so that loss can be judged on the whole: what it sent to whom, and who of its devices
//! was subscribed from when to when.

use std::sync::atomic::{AtomicU64, Ordering};

use mqscope_wire::QoS;
use rustc_hash::FxHashMap;

use super::Audience;
use crate::topics::Recipients;

/// More different audiences than this are not kept apart; what was lost is then not judged.
const MOST_AUDIENCES: usize = 1 << 21;

/// Never, for a device that has not come, or not left.
const NEVER: u64 = u64::MAX;
/// In place of an instant: it came more than once.
const SEVERAL: u64 = 0;

/// What one shard sent, by audience, phase and quality of service.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sendings {
    audiences: FxHashMap<Recipients, u32>,
    sent: FxHashMap<(u32, u32, QoS), Sent>,
    /// There were more audiences than are kept.
    overflowed: bool,
}

/// Messages sent to one audience.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sent {
    /// Those that were refused are not counted; those never acknowledged are.
    pub count: i64,
    /// When the first and the last were sent, µs of the Unix clock.
    pub first_us: u64,
    pub last_us: u64,
}

impl Sendings {
    /// Notes a message; `times` −1 takes such a note back.
    pub(crate) fn note(&mut self, audience: &mut Audience, phase: usize, qos: QoS, sent_us: u64, times: i64) {
        if audience.recipients.is_empty() {
            return;
        }
        let number = match audience.number {
            Some(number) => number,
            None => {
                let Some(number) = self.number(&audience.recipients) else { return };
                audience.number = Some(number);
                number
            }
        };
        let sent = Sent { count: times, first_us: sent_us, last_us: sent_us };
        self.put(number, phase as u32, qos, sent);
    }

    /// Adds what another shard of this process sent.
    pub(crate) fn add(&mut self, other: &Self) {
        self.overflowed |= other.overflowed;
        let mut ours: FxHashMap<u32, u32> = FxHashMap::default();
        for (recipients, theirs) in &other.audiences {
            ours.extend(self.number(recipients).map(|number| (*theirs, number)));
        }
        for ((theirs, phase, qos), sent) in &other.sent {
            if let Some(number) = ours.get(theirs) {
                self.put(*number, *phase, *qos, *sent);
            }
        }
    }

    /// All audiences in the order of their numbers; `None` when there were too many.
    pub(crate) fn audiences(&self) -> Option<Vec<&Recipients>> {
        let mut audiences: Vec<_> = self.audiences.iter().collect();
        audiences.sort_unstable_by_key(|(_, number)| **number);
        (!self.overflowed).then(|| audiences.into_iter().map(|(recipients, _)| recipients).collect())
    }

    /// What was sent: audience, phase, quality, messages; ordered.
    pub(crate) fn sent(&self) -> Vec<(u32, u32, QoS, Sent)> {
        let mut all: Vec<_> =
            self.sent.iter().map(|((a, phase, qos), sent)| (*a, *phase, *qos, *sent)).collect();
        all.sort_unstable_by_key(|(audience, phase, qos, _)| (*audience, *phase, *qos));
        all
    }

    fn number(&mut self, recipients: &Recipients) -> Option<u32> {
        if let Some(number) = self.audiences.get(recipients) {
            return Some(*number);
        }
        if self.audiences.len() >= MOST_AUDIENCES {
            self.overflowed = true;
            return None;
        }
        let number = self.audiences.len() as u32;
        self.audiences.insert(recipients.clone(), number);
        Some(number)
    }

    fn put(&mut self, audience: u32, phase: u32, qos: QoS, more: Sent) {
        let sent = self.sent.entry((audience, phase, qos)).or_insert(Sent { count: 0, ..more });
        sent.count += more.count;
        sent.first_us = sent.first_us.min(more.first_us);
        sent.last_us = sent.last_us.max(more.last_us);
    }
}

/// From when to when each device had its subscriptions.
#[derive(Debug)]
pub(crate) struct Stays {
    /// As in the roll: µs of the Unix clock, shifted by two for the highest quality granted.
    joined: Box<[AtomicU64]>,
    left: Box<[AtomicU64]>,
}

/// A device that had its subscriptions for some time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stay {
    pub device: u32,
    /// The highest quality granted.
    pub granted: QoS,
    /// From when messages are owed, µs of the Unix clock.
    pub since_us: u64,
    /// Until when; `None` where it came and left more than once.
    pub until_us: Option<u64>,
}

impl Stays {
    pub(super) fn new(devices: u32) -> Self {
        let never = || (0..devices).map(|_| AtomicU64::new(NEVER)).collect();
        Self { joined: never(), left: never() }
    }

    pub(super) fn join(&self, device: u32, packed: u64) {
        let (joined, left) = (&self.joined[device as usize], &self.left[device as usize]);
        if joined.load(Ordering::Relaxed) == NEVER {
            joined.store(packed, Ordering::Relaxed);
        } else {
            left.store(SEVERAL, Ordering::Relaxed);
        }
    }

    pub(super) fn leave(&self, device: u32, unix_us: u64) {
        let left = &self.left[device as usize];
        if left.load(Ordering::Relaxed) != SEVERAL {
            left.store(unix_us, Ordering::Relaxed);
        }
    }

    /// Whoever was there.
    pub(crate) fn all(&self) -> impl Iterator<Item = Stay> {
        let pairs = (0..).zip(self.joined.iter().zip(&self.left));
        pairs.filter_map(|(device, (joined, left))| {
            let packed = joined.load(Ordering::Relaxed);
            let left = left.load(Ordering::Relaxed);
            let granted = QoS::from_bits(packed as u8);
            let until_us = (left != SEVERAL).then_some(left);
            (packed != NEVER).then_some(Stay { device, granted, since_us: packed >> 2, until_us })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topics::Recipient;

    fn to(devices: &[u32]) -> Recipients {
        let direct = devices.iter().map(|device| Recipient { device: *device, qos: QoS::AtLeastOnce });
        Recipients { direct: direct.collect(), shared: Box::default() }
    }

    #[test]
    fn streams_of_one_audience_are_noted_together() {
        let (mut one, mut other) = (Sendings::default(), Sendings::default());
        let mut audience = Audience::new(to(&[1, 2]));
        one.note(&mut audience, 0, QoS::AtLeastOnce, 50, 1);
        one.note(&mut audience, 0, QoS::AtLeastOnce, 70, 1);
        one.note(&mut audience, 0, QoS::AtLeastOnce, 70, -1);
        one.note(&mut Audience::new(to(&[])), 0, QoS::AtLeastOnce, 1, 1);
        other.note(&mut Audience::new(to(&[3])), 1, QoS::AtMostOnce, 60, 1);
        other.note(&mut Audience::new(to(&[1, 2])), 0, QoS::AtLeastOnce, 40, 1);
        one.add(&other);
        assert_eq!(one.audiences(), Some(vec![&to(&[1, 2]), &to(&[3])]));
        let expected = [
            (0, 0, QoS::AtLeastOnce, Sent { count: 2, first_us: 40, last_us: 70 }),
            (1, 1, QoS::AtMostOnce, Sent { count: 1, first_us: 60, last_us: 60 }),
        ];
        assert_eq!(one.sent(), expected);
    }

    #[test]
    fn a_stay_is_from_the_subscription_to_the_end_and_only_one() {
        let stays = Stays::new(4);
        stays.join(1, 500 << 2 | 2);
        stays.leave(1, 900);
        stays.join(2, 600 << 2);
        stays.join(3, 600 << 2);
        stays.leave(3, 700);
        stays.join(3, 800 << 2);
        stays.leave(3, 900);
        let seen: Vec<Stay> = stays.all().collect();
        let stay = |device, granted, since_us, until_us| Stay { device, granted, since_us, until_us };
        assert_eq!(
            seen,
            [
                stay(1, QoS::ExactlyOnce, 500, Some(900)),
                stay(2, QoS::AtMostOnce, 600, Some(NEVER)),
                stay(3, QoS::AtMostOnce, 600, None),
            ]
        );
    }
}
