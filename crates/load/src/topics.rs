//! Topic filters and who they bring a message to.

use mqscope_wire::QoS;
use rand::SeedableRng;
use rand::rngs::SmallRng;
use rustc_hash::FxHashMap;

use crate::scenario::{Moment, Plan, Subscribe};

/// Marks the end of a list, and a child that is not there.
const NONE: u32 = u32::MAX;

/// Checks a topic filter's form (MQTT 5.0 §4.7.1, §4.8.2).
pub(crate) fn check_filter(filter: &str) -> Result<(), String> {
    let topic = match filter.strip_prefix("$share/") {
        Some(shared) => match shared.split_once('/') {
            Some((name, _)) if name.is_empty() || name.contains(['+', '#']) => {
                return Err("a shared subscription's name is not empty and has no wildcards".to_owned());
            }
            Some((_, topic)) => topic,
            None => return Err("a shared subscription is `$share/name/filter`".to_owned()),
        },
        None => filter,
    };
    if topic.is_empty() {
        return Err("a topic filter is not empty".to_owned());
    }
    let mut levels = topic.split('/').peekable();
    while let Some(level) = levels.next() {
        if level.contains('#') && (level != "#" || levels.peek().is_some()) {
            return Err("`#` stands alone in the last level of a filter".to_owned());
        }
        if level.contains('+') && level != "+" {
            return Err("`+` stands alone in its level".to_owned());
        }
    }
    Ok(())
}

/// Whether a filter (without `$share/name/`) matches a topic.
pub(crate) fn matches(filter: &str, topic: &str) -> bool {
    if topic.starts_with('$') && filter.starts_with(['+', '#']) {
        return false;
    }
    let mut levels = topic.split('/');
    for wanted in filter.split('/') {
        match (wanted, levels.next()) {
            ("#", _) => return true,
            ("+", Some(_)) => {}
            (wanted, Some(level)) if wanted == level => {}
            _ => return false,
        }
    }
    levels.next().is_none()
}

/// The name of a shared subscription, and its topic filter.
pub(crate) fn split_share(filter: &str) -> (Option<&str>, &str) {
    match filter.strip_prefix("$share/").and_then(|shared| shared.split_once('/')) {
        Some((name, topic)) => (Some(name), topic),
        None => (None, filter),
    }
}

/// All topic filters of a plan's devices, as a tree of levels. It does not change during a run, so that all
/// shards read it without locks.
#[derive(Debug)]
pub(crate) struct Filters {
    /// Level names, numbered.
    levels: FxHashMap<Box<str>, u32>,
    /// A node's children by level.
    children: FxHashMap<(u32, u32), u32>,
    /// The first is the root.
    nodes: Vec<Node>,
    entries: Vec<Entry>,
    shares: Vec<Share>,
    /// Of each device with a shared subscription: the share of each of its filters, in their order.
    memberships: FxHashMap<u32, Box<[Option<u32>]>>,
}

/// A shared subscription: a name and a filter.
#[derive(Clone, Debug)]
pub(crate) struct Share {
    /// In the order of devices.
    pub members: Vec<u32>,
    /// Where its messages are booked, whoever gets them: with the group of its first member, at the lowest quality of
    /// service that any member subscribed with.
    pub group: u16,
    pub qos: QoS,
}

#[derive(Clone, Copy, Debug)]
struct Node {
    /// The child for `+`.
    plus: u32,
    /// First entry of the filters that end here.
    here: u32,
    /// First entry of the filters that end in `#` below this node.
    below: u32,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    device: u32,
    /// Number of the shared subscription, or none.
    share: u32,
    next: u32,
    qos: QoS,
    no_local: bool,
}

/// A device that is to get a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Recipient {
    pub device: u32,
    /// The highest quality of service among its matching filters.
    pub qos: QoS,
}

/// Whoever is to get the messages of one topic.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Recipients {
    /// Each gets every message.
    pub direct: Box<[Recipient]>,
    /// Of each list one gets a message.
    pub shared: Box<[Box<[Recipient]>]>,
}

impl Recipients {
    /// Whether nobody gets them.
    pub(crate) fn is_empty(&self) -> bool {
        self.direct.is_empty() && self.shared.is_empty()
    }
}

impl Filters {
    /// The filters of all devices.
    pub(crate) fn of(plan: &Plan) -> Self {
        let mut filters = Self::new();
        let mut shares: FxHashMap<String, u32> = FxHashMap::default();
        for group in plan.groups.iter().filter(|group| !group.subscribe.is_empty()) {
            for i in 0..group.count {
                let device = group.first_device + i;
                let mut memberships = Vec::new();
                for (text, subscribe) in filter_texts(plan, group, i) {
                    let (share, topic) = split_share(&text);
                    let share = share.map_or(NONE, |name| {
                        // The same name with another filter is another shared subscription.
                        let next = shares.len() as u32;
                        *shares.entry(format!("{name}/{topic}")).or_insert(next)
                    });
                    filters.insert(topic, device, share, subscribe);
                    memberships.push((share != NONE).then_some(share));
                    if share != NONE {
                        filters.join(share, device, plan.group_of(device) as u16, subscribe.qos);
                    }
                }
                if memberships.iter().any(Option::is_some) {
                    filters.memberships.insert(device, memberships.into());
                }
            }
        }
        filters
    }

    fn new() -> Self {
        let root = Node { plus: NONE, here: NONE, below: NONE };
        Self {
            levels: FxHashMap::default(),
            children: FxHashMap::default(),
            nodes: vec![root],
            entries: Vec::new(),
            shares: Vec::new(),
            memberships: FxHashMap::default(),
        }
    }

    fn join(&mut self, share: u32, device: u32, group: u16, qos: QoS) {
        match self.shares.get_mut(share as usize) {
            Some(share) => {
                share.members.push(device);
                share.qos = share.qos.min(qos);
            }
            None => self.shares.push(Share { members: vec![device], group, qos }),
        }
    }

    /// The share of each of a device's filters, in their order; empty if it shares none.
    pub(crate) fn memberships(&self, device: u32) -> &[Option<u32>] {
        self.memberships.get(&device).map_or(&[], |of| of)
    }

    pub(crate) fn share(&self, number: u32) -> &Share {
        &self.shares[number as usize]
    }

    fn insert(&mut self, filter: &str, device: u32, share: u32, subscribe: &Subscribe) {
        let mut node = 0;
        let mut below = false;
        for level in filter.split('/') {
            match level {
                "#" => below = true,
                "+" => {
                    if self.nodes[node as usize].plus == NONE {
                        self.nodes[node as usize].plus = self.grow();
                    }
                    node = self.nodes[node as usize].plus;
                }
                name => {
                    let next = self.levels.len() as u32;
                    let level = match self.levels.get(name) {
                        Some(level) => *level,
                        None => *self.levels.entry(name.into()).or_insert(next),
                    };
                    node = match self.children.get(&(node, level)) {
                        Some(child) => *child,
                        None => {
                            let child = self.grow();
                            self.children.insert((node, level), child);
                            child
                        }
                    };
                }
            }
        }
        let index = self.entries.len() as u32;
        let node = &mut self.nodes[node as usize];
        let head = if below { &mut node.below } else { &mut node.here };
        let next = std::mem::replace(head, index);
        self.entries.push(Entry { device, share, next, qos: subscribe.qos, no_local: subscribe.no_local });
    }

    fn grow(&mut self) -> u32 {
        self.nodes.push(Node { plus: NONE, here: NONE, below: NONE });
        self.nodes.len() as u32 - 1
    }

    /// Who is to get what `publisher` publishes to this topic.
    pub(crate) fn recipients(&self, topic: &str, publisher: u32) -> Recipients {
        let mut direct: Vec<Recipient> = Vec::new();
        let mut shared: Vec<(u32, Recipient)> = Vec::new();
        self.walk(topic, |entry| {
            if entry.no_local && entry.device == publisher {
                return;
            }
            let recipient = Recipient { device: entry.device, qos: entry.qos };
            match entry.share {
                NONE => direct.push(recipient),
                share => shared.push((share, recipient)),
            }
        });
        // Filters of one device that overlap are one delivery, at the best of their qualities.
        direct.sort_by_key(|recipient| (recipient.device, std::cmp::Reverse(recipient.qos)));
        direct.dedup_by_key(|recipient| recipient.device);
        shared.sort_by_key(|(share, recipient)| (*share, recipient.device));
        let shared =
            shared.chunk_by(|a, b| a.0 == b.0).map(|members| members.iter().map(|(_, r)| *r).collect());
        Recipients { direct: direct.into(), shared: shared.collect() }
    }

    fn walk(&self, topic: &str, mut found: impl FnMut(&Entry)) {
        let mut list = |head: u32| {
            let mut at = head;
            while let Some(entry) = self.entries.get(at as usize) {
                found(entry);
                at = entry.next;
            }
        };
        // Nodes reached, each with the levels still to match; `None` when there are none left.
        let mut open: Vec<(u32, Option<&str>)> = vec![(0, Some(topic))];
        while let Some((index, rest)) = open.pop() {
            let node = self.nodes[index as usize];
            // Wildcards do not match the first level of topics that begin with `$` (MQTT 5.0 §4.7.2).
            let hidden = index == 0 && topic.starts_with('$');
            if !hidden {
                list(node.below);
            }
            let Some(rest) = rest else {
                list(node.here);
                continue;
            };
            let (level, rest) = match rest.split_once('/') {
                Some((level, rest)) => (level, Some(rest)),
                None => (rest, None),
            };
            if node.plus != NONE && !hidden {
                open.push((node.plus, rest));
            }
            let child = self.levels.get(level).and_then(|level| self.children.get(&(index, *level)));
            open.extend(child.map(|child| (*child, rest)));
        }
    }
}

/// The filters of a group's i-th device, as text.
pub(crate) fn filter_texts<'p>(
    plan: &'p Plan,
    group: &'p crate::scenario::Group,
    i: u32,
) -> impl Iterator<Item = (String, &'p Subscribe)> {
    let client_id = group.client_id_of(plan.seed, i);
    group.subscribe.iter().enumerate().map(move |(n, subscribe)| {
        let mut moment = Moment {
            client_id: &client_id,
            i,
            group: &group.name,
            seq: 0,
            now_ns: 0,
            random: device_random(plan.seed, group.first_device + i, 16 + n as u64),
        };
        (subscribe.filter.to_text(&mut moment), subscribe)
    })
}

/// Random values of one of a device's texts: the same in every run with this seed.
pub(crate) fn device_random(seed: u64, device: u32, purpose: u64) -> SmallRng {
    SmallRng::seed_from_u64(mix(seed, u64::from(device) << 16 | purpose))
}

/// Two numbers to one that looks random (SplitMix64's finisher).
pub(crate) fn mix(seed: u64, value: u64) -> u64 {
    let mut z =
        seed.wrapping_add(value.wrapping_mul(0x9e37_79b9_7f4a_7c15)).wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ z >> 31
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::scenario::Template;

    fn subscribe(qos: QoS) -> Subscribe {
        Subscribe {
            filter: Template::literal(""),
            qos,
            no_local: false,
            retain_as_published: false,
            retain_handling: mqscope_wire::RetainHandling::Send,
        }
    }

    fn filters(list: &[(&str, u32)]) -> Filters {
        let mut filters = Filters::new();
        for (filter, device) in list {
            filters.insert(filter, *device, NONE, &subscribe(QoS::AtLeastOnce));
        }
        filters
    }

    fn devices(filters: &Filters, topic: &str) -> Vec<u32> {
        filters.recipients(topic, 1000).direct.iter().map(|recipient| recipient.device).collect()
    }

    #[test]
    fn wildcards_match_as_the_specification_says() {
        let filters = filters(&[("a/+/c", 0), ("a/#", 1), ("#", 2), ("a/b/c", 3), ("+", 4), ("$SYS/#", 5)]);
        assert_eq!(devices(&filters, "a/b/c"), [0, 1, 2, 3]);
        assert_eq!(devices(&filters, "a"), [1, 2, 4], "`a/#` matches its parent");
        assert_eq!(devices(&filters, "$SYS/uptime"), [5], "wildcards do not match `$`");
        assert_eq!(devices(&filters, "a//c"), [0, 1, 2], "an empty level is a level");
    }

    #[test]
    fn overlapping_filters_of_a_device_are_one_delivery_at_the_best_quality() {
        let mut filters = Filters::new();
        filters.insert("a/#", 7, NONE, &subscribe(QoS::AtMostOnce));
        filters.insert("a/b", 7, NONE, &subscribe(QoS::ExactlyOnce));
        let recipients = filters.recipients("a/b", 0);
        assert_eq!(*recipients.direct, [Recipient { device: 7, qos: QoS::ExactlyOnce }]);
    }

    #[test]
    fn a_shared_subscription_is_one_delivery_to_any_member() {
        let mut filters = Filters::new();
        filters.insert("a/#", 1, 0, &subscribe(QoS::AtLeastOnce));
        filters.insert("a/#", 2, 0, &subscribe(QoS::AtLeastOnce));
        filters.insert("a/b", 3, 1, &subscribe(QoS::AtLeastOnce));
        let recipients = filters.recipients("a/b", 0);
        assert!(recipients.direct.is_empty());
        assert_eq!(recipients.shared.iter().map(|members| members.len()).collect::<Vec<_>>(), [2, 1]);
    }

    #[test]
    fn no_local_keeps_a_device_from_its_own() {
        let mut filters = Filters::new();
        filters.insert("a", 1, NONE, &Subscribe { no_local: true, ..subscribe(QoS::AtMostOnce) });
        assert!(filters.recipients("a", 1).direct.is_empty());
        assert_eq!(filters.recipients("a", 2).direct.len(), 1);
    }

    #[test]
    fn filters_out_of_form_are_refused() {
        for filter in ["", "a/#/b", "a#", "a+/b", "$share/x", "$share//a", "$share/+/a", "$share/x/"] {
            assert!(check_filter(filter).is_err(), "{filter}");
        }
        for filter in ["#", "+", "+/a/#", "/", "a//b", "$share/x/a/#", "$share"] {
            assert_eq!(check_filter(filter), Ok(()), "{filter}");
        }
    }

    proptest! {
        #[test]
        fn tree_and_comparison_agree(filter in "(\\+|a|b|)(/(\\+|a|b|)){0,3}(/#)?", topic in "(a|b|\\$c|)(/(a|b|)){0,3}") {
            let tree = filters(&[(filter.as_str(), 0)]);
            prop_assert_eq!(!devices(&tree, &topic).is_empty(), matches(&filter, &topic));
        }
    }
}
