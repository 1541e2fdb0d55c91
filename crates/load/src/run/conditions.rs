//! The conditions that phases wait for, judged by this process's devices.

use std::sync::atomic::Ordering;

use super::Run;
use crate::scenario::{Group, Measure, Until};

impl Run<'_> {
    pub(super) fn holds(&self, until: &Until) -> bool {
        let (seen, own) = self.measure(until);
        let whole = match until.measure {
            Measure::Inflight => own,
            _ => self.meant(until).map(|(_, group)| u64::from(group.count)).sum(),
        };
        let (seen, total) = of_the_whole(seen, own, whole);
        until.holds(seen, total)
    }

    pub(super) fn seen(&self, until: &Until) -> String {
        match (until.measure, self.measure(until)) {
            (Measure::Inflight, (seen, _)) => format!("{seen} in flight"),
            (_, (seen, total)) => format!("{seen} of {total} devices"),
        }
    }

    /// The groups a condition is about, each with its place.
    fn meant(&self, until: &Until) -> impl Iterator<Item = (usize, &Group)> {
        let groups = self.shared.plan.groups.iter().enumerate();
        groups.filter(|(index, _)| until.group.is_none_or(|group| group == *index))
    }

    /// What a condition looks at, and of how many devices of this process.
    fn measure(&self, until: &Until) -> (u64, u64) {
        let own = |group: &Group| u64::from(self.shared.part.among(group.first_device, group.count));
        let total: u64 = self.meant(until).map(|(_, group)| own(group)).sum();
        let sum = |of: fn(&crate::shared::GroupSlot) -> u32| -> u64 {
            self.shared
                .slots
                .iter()
                .map(|slot| {
                    self.meant(until).map(|(index, _)| u64::from(of(&slot.groups[index]))).sum::<u64>()
                })
                .sum()
        };
        let seen = match until.measure {
            Measure::Connected => sum(|group| group.connected.load(Ordering::Relaxed)),
            Measure::Subscribed => sum(|group| group.subscribed.load(Ordering::Relaxed)),
            Measure::Settled => total - sum(|group| group.unsettled.load(Ordering::Relaxed)).min(total),
            Measure::Inflight => self.shared.sum(|slot| slot.inflight.load(Ordering::Relaxed)),
        };
        (seen, total)
    }
}

/// A part counts for the whole as if the others were as far: a scenario speaks of the devices of all. A part that has none of
/// the devices meant has nothing to wait for.
fn of_the_whole(seen: u64, own: u64, whole: u64) -> (u64, u64) {
    match own {
        0 => (whole, whole),
        own => (seen * whole / own, whole),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_on_a_number_of_devices_can_hold_in_a_part() {
        let all = Until::parse("connected == 100", &[]).expect("parses");
        let holds = |seen, own| {
            let (seen, total) = of_the_whole(seen, own, 100);
            all.holds(seen, total)
        };
        assert!(holds(25, 25) && !holds(24, 25));
        assert!(holds(34, 34) && !holds(33, 34), "also where parts differ by one");
        assert!(holds(0, 0), "it has none of them");
        assert!(holds(100, 100) && !holds(99, 100), "the whole is as it is");
    }
}
