//! Which subscription a delivery is for, and where it is booked.

use mqscope_wire::{Publish, QoS};

use super::Device;
use crate::ledger::Way;
use crate::stamp::Mark;
use crate::tools::Tools;
use crate::topics::{filter_texts, matches, split_share};

impl Device {
    /// By which of the device's subscriptions a stream's messages come.
    pub(super) fn way(&self, message: &Publish<'_>, stream: u32, tools: &mut Tools) -> Way {
        if !tools.shared.sharing[usize::from(self.group)] {
            return Way::Own;
        }
        let memberships = tools.shared.filters.memberships(self.number);
        if let [Some(share)] = memberships {
            return Way::Share(*share);
        }
        let moving = tools.shared.list(stream).scattered;
        let pair = u64::from(self.number) << 32 | u64::from(stream);
        if let Some(way) = tools.ways.get(&pair).filter(|_| !moving) {
            return *way;
        }
        let topic = String::from_utf8_lossy(message.topic.as_bytes());
        let texts = filter_texts(&tools.shared.plan, self.of(tools), self.i).zip(memberships);
        let matching = texts.filter(|((filter, _), _)| matches(split_share(filter).1, &topic));
        let (shares, own): (Vec<_>, Vec<_>) = matching.map(|(_, share)| *share).partition(Option::is_some);
        let mut shares = shares.into_iter().flatten();
        let way = match (own.is_empty(), shares.next(), shares.next()) {
            (_, None, _) => Way::Own,
            (true, Some(share), None) => Way::Share(share),
            (true, first, Some(second)) => Way::Both { first, second },
            (false, Some(second), _) => Way::Both { first: None, second },
        };
        if !moving {
            tools.ways.insert(pair, way);
        }
        way
    }

    /// Books a delivery where it was expected, if it was: for a shared subscription, or for the device's own.
    pub(super) fn book(&self, share: Option<u32>, phase: usize, qos: QoS, mark: &Mark, tools: &mut Tools) {
        let Tools { shared, tally, counts, .. } = tools;
        let owes = |device: u32| shared.roll.owes(device, mark.sent_us());
        let Some(share) = share.map(|share| shared.filters.share(share)) else {
            if owes(self.number) {
                tally.deliver(phase, usize::from(self.group), qos);
                counts.outstanding -= 1;
            }
            return;
        };
        // Whichever member it is owed to, any may get it.
        if owes(self.number) || share.members.iter().any(|member| owes(*member)) {
            let list = shared.list(mark.stream);
            let published = shared.plan.groups[list.group].publish[list.list].qos;
            tally.deliver(phase, usize::from(share.group), published.min(share.qos));
            counts.outstanding -= 1;
        }
    }
}
