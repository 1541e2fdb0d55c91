//! Addresses that connections come from.

use std::net::{IpAddr, SocketAddr};

use crate::part::Part;

/// Source addresses of a part of a run, by family, and how they are dealt to its devices.
#[derive(Debug)]
pub(crate) struct Sources {
    v4: Vec<IpAddr>,
    v6: Vec<IpAddr>,
    /// From one device of the part to the next.
    step: u32,
    /// Devices in a row that share one, because brokers are dealt round-robin: each broker sees all addresses.
    stride: u32,
}

impl Sources {
    /// The part's own addresses, towards so many brokers.
    pub(crate) fn new(addresses: Vec<IpAddr>, part: Part, brokers: usize) -> Self {
        let (v4, v6) = addresses.into_iter().partition(IpAddr::is_ipv4);
        Self { v4, v6, step: part.of(), stride: brokers.max(1) as u32 }
    }

    /// Where a device connects from; `None` leaves it to the system.
    pub(crate) fn of(&self, device: u32, broker: SocketAddr) -> Option<IpAddr> {
        let list = if broker.is_ipv4() { &self.v4 } else { &self.v6 };
        let turn = (device / self.step / self.stride) as usize;
        (!list.is_empty()).then(|| list[turn % list.len()])
    }
}

/// The addresses that one part has of the whole run's: of each family its own ones, where there are enough for each part
/// to have any, and otherwise all.
pub(crate) fn of_part(whole: &[IpAddr], part: Part) -> Vec<IpAddr> {
    let (v4, v6): (Vec<IpAddr>, Vec<IpAddr>) = whole.iter().partition(|address| address.is_ipv4());
    let share = |family: Vec<IpAddr>| {
        let (first, step) = match (part.number() as usize - 1, part.of() as usize) {
            (_, parts) if family.len() < parts => (0, 1),
            its => its,
        };
        family.into_iter().skip(first).step_by(step)
    };
    share(v4).chain(share(v6)).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::*;

    use super::*;

    fn addresses(count: u8) -> Vec<IpAddr> {
        (2..2 + count).map(|last| IpAddr::from([127, 0, 0, last])).collect()
    }

    proptest! {
        #[test]
        fn every_broker_is_reached_from_every_address_of_a_part_alike(parts in 1_u32..7, brokers in 1_u32..5, count in 1_u8..20) {
            let (whole, target) = (addresses(count), SocketAddr::from(([127, 0, 0, 1], 1883)));
            let mut taken = BTreeSet::new();
            for number in 1..=parts {
                let part = Part::new(number, parts).expect("a part");
                let own = of_part(&whole, part);
                let sources = Sources::new(own.clone(), part, brokers as usize);
                let mut pairs: BTreeMap<_, u32> = BTreeMap::new();
                let devices = parts * brokers * own.len() as u32 * 3;
                for device in part.numbers(devices, 0, 1) {
                    *pairs.entry((device % brokers, sources.of(device, target))).or_default() += 1;
                }
                let reached: BTreeSet<_> = part.numbers(devices, 0, 1).map(|device| device % brokers).collect();
                prop_assert_eq!(pairs.len(), reached.len() * own.len());
                let counts: BTreeSet<_> = pairs.values().collect();
                prop_assert_eq!(counts.len(), 1, "{:?}", pairs);
                let shared = own.iter().filter(|address| !taken.insert(**address)).count();
                prop_assert!(shared == 0 || u32::from(count) < parts, "{} addresses of others", shared);
            }
            prop_assert_eq!(taken.len(), whole.len(), "all addresses are used");
        }
    }

    #[test]
    fn each_part_has_addresses_of_each_family() {
        let six = |last| IpAddr::from([0, 0, 0, 0, 0, 0, 0, last]);
        let whole = [addresses(2), vec![six(1), six(2)]].concat();
        let part = Part::new(2, 2).expect("a part");
        assert_eq!(of_part(&whole, part), [IpAddr::from([127, 0, 0, 3]), six(2)]);
        let sources = Sources::new(of_part(&whole, part), part, 1);
        assert_eq!(sources.of(1, SocketAddr::from(([0, 0, 0, 0, 0, 0, 0, 1], 1))), Some(six(2)));
        let sources = Sources::new(addresses(2), part, 1);
        assert_eq!(sources.of(1, SocketAddr::from((six(1), 1))), None, "no IPv6 address is given");
    }
}
