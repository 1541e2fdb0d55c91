//! Who was to get which message, and who got it.
//!
//! The publisher's shard counts a message as *expected* once for every subscriber that was subscribed when it
//! was sent; the subscriber's shard counts it as *delivered* once if it was subscribed when it was sent. Both
//! judge by the same two numbers, the stamp's time and the instant from which a subscription counts, so the
//! difference of the two counts is what was lost, whichever shards they were made in.
//!
//! Where the run is dealt to several processes, the publisher's does not know the subscriber's: it notes what it
//! sent to whom ([`across`]), and what was expected is worked out when the parts are merged.
//!
//! A message that the broker refused, or never acknowledged, is owed to nobody. What was delivered of it all the same is
//! found in the end by what receivers saw, and taken out as well: it must not stand in for a message that was lost. Where a
//! receiver's memory of gaps is too short it counts as seen. Messages whose topics differ one from another stay owed, and
//! between processes those that were never acknowledged: so a loss may be counted that is none, and none is hidden.
//! One thing is not told apart: a repetition further behind than a receiver's memory of gaps reaches counts as a delivery.
//!
//! What reaches a device that did not ask for it is nobody's: it is counted as unexpected and stands in for nothing.
//!
//! A message to a shared subscription is expected once, whoever gets it, and booked with the group of the share's first
//! member at the lowest quality of service any member subscribed with; a member that gets it books it there. A device may
//! have a subscription of its own to the same topic as well: nothing in a packet says which of the two it is for (but
//! for identifiers of subscriptions, which are not used), so the first copy counts for its own, the second for the share,
//! and one more is a duplicate. A message that a broker gives to two members, the first of which did not acknowledge it,
//! counts as two.
//!
//! A subscription counts from a moment after its SUBACK: long enough that every shard knows of it by then.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use mqscope_wire::QoS;
use rustc_hash::FxHashMap;

use crate::clock::Clock;
use crate::part::Part;
use crate::scenario::Plan;
use crate::topics::{Recipient, Recipients};

pub(crate) mod across;
mod sightings;

use across::{Sendings, Stays};
pub(crate) use sightings::{Gaps, Sighting, Sightings, pair};

/// From a SUBACK until messages are owed.
const GRACE_US: u64 = 1_000;

/// Of messages owed to nobody any more one shard keeps so many; further ones stay owed.
const MOST_RETRACTED: usize = 1 << 20;

/// No subscription.
const ABSENT: u64 = u64::MAX;

/// Since when each device's subscriptions count, shared by all shards.
#[derive(Debug)]
pub(crate) struct Roll {
    /// Per device: microseconds of the Unix clock, shifted by two for the highest quality of service granted.
    since: Box<[AtomicU64]>,
    /// Per device: the same of the subscriptions it lost last, and when it lost them. Empty in a part, which settles nothing.
    before: Box<[[AtomicU64; 2]]>,
    /// Changes with every change above.
    epoch: AtomicU32,
    /// The same for those who merge parts, which judge when all is over.
    stays: Option<Stays>,
    clock: Clock,
}

impl Roll {
    pub(crate) fn new(devices: u32, part: Part, clock: Clock) -> Self {
        let remembered = if part.is_whole() { devices } else { 0 };
        Self {
            since: (0..devices).map(|_| AtomicU64::new(ABSENT)).collect(),
            before: (0..remembered).map(|_| [AtomicU64::new(ABSENT), AtomicU64::new(0)]).collect(),
            epoch: AtomicU32::new(0),
            stays: (!part.is_whole()).then(|| Stays::new(devices)),
            clock,
        }
    }

    /// The device has its subscriptions, at `granted` or below.
    pub(crate) fn join(&self, device: u32, unix_us: u64, granted: QoS) {
        let packed = (unix_us + GRACE_US) << 2 | granted as u64;
        if let Some(stays) = &self.stays {
            stays.join(device, packed);
        }
        self.since[device as usize].store(packed, Ordering::Release);
        self.epoch.fetch_add(1, Ordering::Release);
    }

    pub(crate) fn leave(&self, device: u32) {
        let now_us = self.clock.unix(self.clock.now()) as u64 / 1000;
        if let Some(stays) = &self.stays {
            stays.leave(device, now_us);
        }
        let packed = self.since[device as usize].swap(ABSENT, Ordering::AcqRel);
        if let Some([since, until]) = self.before.get(device as usize) {
            since.store(packed, Ordering::Release);
            until.store(now_us, Ordering::Release);
        }
        self.epoch.fetch_add(1, Ordering::Release);
    }

    /// Who was subscribed from when to when, for those who merge parts.
    pub(crate) fn stays(&self) -> Option<&Stays> {
        self.stays.as_ref()
    }

    /// Since when messages are owed to the device, and at which quality at most.
    fn since(&self, device: u32) -> Option<(u64, QoS)> {
        match self.since[device as usize].load(Ordering::Acquire) {
            ABSENT => None,
            packed => Some((packed >> 2, QoS::from_bits(packed as u8))),
        }
    }

    /// At which quality at most a message was owed to the device that was sent at that time; `None` if it was not. What was
    /// before the last subscriptions but one is forgotten.
    fn granted_at(&self, device: u32, sent_us: u64) -> Option<QoS> {
        if let Some((_, granted)) = self.since(device).filter(|(since, _)| sent_us >= *since) {
            return Some(granted);
        }
        let [since, until] = self.before.get(device as usize)?;
        let (packed, until) = (since.load(Ordering::Acquire), until.load(Ordering::Acquire));
        let owed = packed != ABSENT && sent_us >= packed >> 2 && sent_us < until;
        owed.then(|| QoS::from_bits(packed as u8))
    }

    /// Whether a message sent at that time is owed to the device.
    pub(crate) fn owes(&self, device: u32, sent_us: u64) -> bool {
        self.since(device).is_some_and(|(since, _)| sent_us >= since)
    }
}

/// So many deliveries of a message, to devices of one group at one quality of service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Expected {
    pub group: u16,
    pub qos: QoS,
    pub count: u32,
}

/// Who gets the messages of a stream, with the count kept for as long as nobody comes or goes.
#[derive(Debug)]
pub(crate) struct Audience {
    recipients: Recipients,
    expected: Box<[Expected]>,
    /// The epoch `expected` was counted in.
    counted: Option<u32>,
    /// Its number among the shard's [`Sendings`].
    number: Option<u32>,
}

impl Audience {
    pub(crate) fn new(recipients: Recipients) -> Self {
        Self { recipients, expected: Box::default(), counted: None, number: None }
    }

    /// The deliveries to expect of a message sent now.
    pub(crate) fn expected(&mut self, roll: &Roll, plan: &Plan, qos: QoS, sent_us: u64) -> &[Expected] {
        let epoch = roll.epoch.load(Ordering::Acquire);
        if self.counted != Some(epoch) {
            let (expected, settled) = self.recipients.count(roll, plan, qos, sent_us);
            self.expected = expected.into();
            self.counted = settled.then_some(epoch);
        }
        &self.expected
    }
}

impl Recipients {
    /// The deliveries to expect, and whether that stays so until someone comes or goes.
    fn count(&self, roll: &Roll, plan: &Plan, qos: QoS, sent_us: u64) -> (Vec<Expected>, bool) {
        let mut expected: Vec<Expected> = Vec::new();
        let mut settled = true;
        let granted = |device: u32| {
            let (since, granted) = roll.since(device)?;
            settled &= sent_us >= since;
            (sent_us >= since).then_some(granted)
        };
        self.each_owed(qos, granted, |device, qos, _| {
            let group = plan.group_of(device) as u16;
            match expected.iter_mut().find(|known| (known.group, known.qos) == (group, qos)) {
                Some(known) => known.count += 1,
                None => expected.push(Expected { group, qos, count: 1 }),
            }
        });
        (expected, settled)
    }

    /// Tells each delivery that is owed: the device it is booked with, at which quality, and who may get it. `granted` says
    /// of a device whether a message is owed to it, and what it was granted.
    fn each_owed(
        &self,
        qos: QoS,
        mut granted: impl FnMut(u32) -> Option<QoS>,
        mut owed: impl FnMut(u32, QoS, &[Recipient]),
    ) {
        for recipient in &self.direct {
            if let Some(granted) = granted(recipient.device) {
                owed(recipient.device, qos.min(recipient.qos).min(granted), std::slice::from_ref(recipient));
            }
        }
        for members in &self.shared {
            // Whichever member gets it: it is booked where the share's are, which its receiver knows as well.
            let first = members.first().filter(|_| members.iter().any(|m| granted(m.device).is_some()));
            if let Some(first) = first {
                let lowest = members.iter().map(|member| member.qos).min().unwrap_or(first.qos);
                owed(first.device, qos.min(lowest), members);
            }
        }
    }
}

/// One shard's counts, by phase, group and quality of service.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    groups: usize,
    expected: Vec<[i64; 3]>,
    delivered: Vec<[i64; 3]>,
    /// In place of `expected` where the run is dealt to several processes.
    pub sendings: Option<Sendings>,
    /// By stream: messages that are owed to nobody any more, and whom they were for.
    retracted: FxHashMap<u32, (Recipients, Vec<Retracted>)>,
    /// How many they are.
    retractions: usize,
    /// How many there were beyond [`MOST_RETRACTED`].
    pub unkept: u64,
}

/// A message that is owed to nobody any more: it was refused, or never acknowledged.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Retracted {
    pub sequence: u32,
    pub phase: u32,
    /// As it was published.
    pub qos: QoS,
    pub sent_us: u64,
}

impl Tally {
    pub(crate) fn new(phases: usize, groups: usize, part: Part) -> Self {
        let cells = vec![[0; 3]; phases * groups];
        let sendings = (!part.is_whole()).then(Sendings::default);
        Self { groups, expected: cells.clone(), delivered: cells, sendings, ..Self::default() }
    }

    pub(crate) fn expect(&mut self, phase: usize, expected: &Expected) {
        let cell = &mut self.expected[phase * self.groups + usize::from(expected.group)];
        cell[expected.qos as usize % 3] += i64::from(expected.count);
    }

    /// Notes that a message of a stream is owed to nobody any more. What that takes back is worked out in the
    /// [end](Self::settle), when it is known what was delivered of it all the same.
    pub(crate) fn retract(&mut self, stream: u32, audience: &Audience, message: Retracted) {
        if audience.recipients.is_empty() {
            return;
        }
        if self.retractions == MOST_RETRACTED {
            self.unkept += 1;
            return;
        }
        self.retractions += 1;
        let of = self.retracted.entry(stream);
        of.or_insert_with(|| (audience.recipients.clone(), Vec::new())).1.push(message);
    }

    /// Takes retracted messages out of both sides: out of what was expected, and out of what was delivered if the
    /// receiver saw them. Where its memory does not reach back so far they count as seen, so that no loss is hidden.
    pub(crate) fn settle(&mut self, roll: &Roll, plan: &Plan, sightings: &[Sightings]) {
        for (stream, (recipients, messages)) in std::mem::take(&mut self.retracted) {
            for message in messages {
                let granted = |device: u32| roll.granted_at(device, message.sent_us);
                recipients.each_owed(message.qos, granted, |device, qos, receivers| {
                    let at = message.phase as usize * self.groups + plan.group_of(device);
                    let may_have_seen = |recipient: &Recipient| {
                        let saw =
                            |seen: &Sightings| seen.may_have_seen(recipient.device, stream, message.sequence);
                        sightings.iter().any(saw)
                    };
                    self.expected[at][qos as usize % 3] -= 1;
                    self.delivered[at][qos as usize % 3] -= i64::from(receivers.iter().any(may_have_seen));
                });
            }
        }
    }

    pub(crate) fn deliver(&mut self, phase: usize, group: usize, qos: QoS) {
        self.delivered[phase * self.groups + group][qos as usize % 3] += 1;
    }

    pub(crate) fn add(&mut self, other: &Self) {
        for (cells, more) in [(&mut self.expected, &other.expected), (&mut self.delivered, &other.delivered)]
        {
            for (cell, more) in cells.iter_mut().zip(more) {
                cell.iter_mut().zip(more).for_each(|(count, more)| *count += more);
            }
        }
        if let (Some(sendings), Some(more)) = (&mut self.sendings, &other.sendings) {
            sendings.add(more);
        }
        self.unkept += other.unkept;
        // Each stream is one shard's.
        self.retracted.extend(other.retracted.iter().map(|(stream, of)| (*stream, of.clone())));
    }

    /// How many deliveries that were owed came, by phase, group and quality; zeros left out.
    pub(crate) fn delivered(&self) -> impl Iterator<Item = (u32, u32, u8, i64)> {
        let cells = self.delivered.iter().enumerate();
        let counts = cells.flat_map(|(at, cell)| (0..).zip(cell).map(move |(qos, count)| (at, qos, *count)));
        let place = |at: usize| ((at / self.groups) as u32, (at % self.groups) as u32);
        counts.filter(|(_, _, count)| *count != 0).map(move |(at, qos, count)| {
            let (phase, group) = place(at);
            (phase, group, qos, count)
        })
    }

    /// Expected and lost, for a phase, group and quality.
    pub(crate) fn outcome(&self, phase: usize, group: usize, qos: usize) -> (u64, u64) {
        let at = phase * self.groups + group;
        let (expected, delivered) = (self.expected[at][qos].max(0), self.delivered[at][qos]);
        (expected as u64, (expected - delivered).max(0) as u64)
    }
}

/// By which of its subscriptions a device gets a stream's messages; shared ones by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// Its own only.
    Own,
    /// A shared one.
    Share(u32),
    /// Two, with a copy each: its own or a shared one, and a shared one.
    Both { first: Option<u32>, second: u32 },
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::{Overrides, Scenario};

    fn plan() -> Plan {
        let text = "groups:\n  pub: {count: 1, publish: {p: {topic: t, rate: 1/s}}}\n  sub: {count: 3, subscribe: t}\nphases: [{name: p, duration: 1s}]";
        Scenario::parse("s", text, &Overrides::default()).expect("a plan")
    }

    fn recipients(devices: &[u32], shared: &[&[u32]]) -> Recipients {
        let list = |devices: &[u32]| -> Box<[Recipient]> {
            devices.iter().map(|device| Recipient { device: *device, qos: QoS::AtLeastOnce }).collect()
        };
        Recipients { direct: list(devices), shared: shared.iter().map(|devices| list(devices)).collect() }
    }

    #[test]
    fn only_who_was_subscribed_is_owed_a_message() {
        let (plan, roll) = (plan(), Roll::new(4, Part::WHOLE, Clock::start()));
        let mut audience = Audience::new(recipients(&[1, 2, 3], &[]));
        assert!(audience.expected(&roll, &plan, QoS::ExactlyOnce, 5_000).is_empty());
        roll.join(1, 10_000, QoS::ExactlyOnce);
        roll.join(2, 10_000, QoS::AtMostOnce);
        assert!(audience.expected(&roll, &plan, QoS::ExactlyOnce, 10_999).is_empty(), "within the grace");
        let expected = audience.expected(&roll, &plan, QoS::ExactlyOnce, 11_000);
        let of = |qos| Expected { group: 1, qos, count: 1 };
        assert_eq!(
            expected,
            [of(QoS::AtLeastOnce), of(QoS::AtMostOnce)],
            "at the lowest of the three qualities"
        );
        roll.leave(1);
        assert_eq!(audience.expected(&roll, &plan, QoS::ExactlyOnce, 12_000), [of(QoS::AtMostOnce)]);
        assert!(roll.owes(2, 11_000) && !roll.owes(2, 10_999) && !roll.owes(1, 20_000));
    }

    #[test]
    fn of_a_shared_subscription_one_member_is_owed() {
        let (plan, roll) = (plan(), Roll::new(4, Part::WHOLE, Clock::start()));
        let mut audience = Audience::new(recipients(&[], &[&[1, 2, 3]]));
        roll.join(2, 0, QoS::AtLeastOnce);
        roll.join(3, 0, QoS::AtLeastOnce);
        let expected = audience.expected(&roll, &plan, QoS::AtLeastOnce, 5_000);
        assert_eq!(expected, [Expected { group: 1, qos: QoS::AtLeastOnce, count: 1 }]);
    }

    #[test]
    fn what_is_expected_and_not_delivered_is_lost() {
        let mut tally = Tally::new(2, 2, Part::WHOLE);
        tally.expect(1, &Expected { group: 1, qos: QoS::AtLeastOnce, count: 5 });
        let mut other = Tally::new(2, 2, Part::WHOLE);
        (0..3).for_each(|_| other.deliver(1, 1, QoS::AtLeastOnce));
        tally.add(&other);
        assert_eq!(tally.outcome(1, 1, 1), (5, 2));
        assert_eq!(tally.outcome(1, 1, 0), (0, 0));
    }

    #[test]
    fn who_was_subscribed_is_remembered_until_the_next_time() {
        let roll = Roll::new(1, Part::WHOLE, Clock::start());
        let now_us = roll.clock.unix(roll.clock.now()) as u64 / 1000;
        roll.join(0, now_us - 10_000, QoS::AtLeastOnce);
        roll.leave(0);
        assert_eq!(roll.granted_at(0, now_us - 5_000), Some(QoS::AtLeastOnce));
        assert_eq!(roll.granted_at(0, now_us - 10_000), None, "within the grace");
        assert_eq!(roll.granted_at(0, now_us + 1_000_000_000), None, "it has left");
        roll.join(0, now_us + 2_000_000_000, QoS::ExactlyOnce);
        assert_eq!(roll.granted_at(0, now_us - 5_000), Some(QoS::AtLeastOnce));
        assert_eq!(roll.granted_at(0, now_us + 2_000_001_000), Some(QoS::ExactlyOnce));
    }

    #[test]
    fn what_is_taken_back_leaves_both_sides() {
        let (plan, roll) = (plan(), Roll::new(4, Part::WHOLE, Clock::start()));
        let qos = QoS::AtLeastOnce;
        (1..4).for_each(|device| roll.join(device, 0, qos));
        let mut audience = Audience::new(recipients(&[1, 2], &[&[2, 3]]));
        let (mut tally, mut sightings) = (Tally::new(1, 2, Part::WHOLE), Sightings::default());
        for sequence in 0..3 {
            for expected in audience.expected(&roll, &plan, qos, 5_000) {
                tally.expect(0, expected);
            }
            // All of the first, one of the second, nothing of the third.
            for device in [vec![1, 2, 3], vec![1], vec![]][sequence as usize].iter() {
                sightings.see(*device, 0, sequence, Gaps::Rare);
                tally.deliver(0, 1, qos);
            }
        }
        for sequence in [0, 1] {
            tally.retract(0, &audience, Retracted { sequence, phase: 0, qos, sent_us: 5_000 });
        }
        let mut whole = Tally::new(1, 2, Part::WHOLE);
        whole.add(&tally);
        whole.settle(&roll, &plan, &[sightings]);
        assert_eq!(whole.outcome(0, 1, 1), (3, 3), "all of the third are lost");
    }
}
