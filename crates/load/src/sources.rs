//! Addresses that connections come from.

use std::net::{IpAddr, SocketAddr};

/// Source addresses of a run, by family, and how they are dealt to devices.
#[derive(Debug)]
pub(crate) struct Sources {
    v4: Vec<IpAddr>,
    v6: Vec<IpAddr>,
    /// Devices in a row that share one, because brokers are dealt round-robin: each broker sees all addresses.
    stride: u32,
}

impl Sources {
    pub(crate) fn new(addresses: Vec<IpAddr>, brokers: usize) -> Self {
        let (v4, v6) = addresses.into_iter().partition(IpAddr::is_ipv4);
        Self { v4, v6, stride: brokers.max(1) as u32 }
    }

    /// Where a device connects from; `None` leaves it to the system.
    pub(crate) fn of(&self, device: u32, broker: SocketAddr) -> Option<IpAddr> {
        let list = self.towards(broker);
        let turn = (device / self.stride) as usize;
        (!list.is_empty()).then(|| list[turn % list.len()])
    }

    fn towards(&self, broker: SocketAddr) -> &[IpAddr] {
        if broker.is_ipv4() { &self.v4 } else { &self.v6 }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn every_broker_is_reached_from_every_address_alike() {
        let addresses = (2..=5).map(|last| IpAddr::from([127, 0, 0, last])).collect();
        let sources = Sources::new(addresses, 2);
        let broker = SocketAddr::from(([127, 0, 0, 1], 1883));
        let mut pairs: BTreeMap<_, u32> = BTreeMap::new();
        for device in 0..80 {
            *pairs.entry((device % 2, sources.of(device, broker))).or_default() += 1;
        }
        assert_eq!(pairs.len(), 8);
        assert!(pairs.values().all(|count| *count == 10), "{pairs:?}");
        assert_eq!(
            sources.of(0, SocketAddr::from(([0, 0, 0, 0, 0, 0, 0, 1], 1))),
            None,
            "no IPv6 address is given"
        );
    }
}
