//! Is the generator itself keeping up, and may it do what the plan asks?

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use crate::part::Part;
use crate::scenario::{Estimate, Plan};
use crate::sources::of_part;

/// Descriptors besides the connections': standard streams, polls, timers, the report.
const SPARE_DESCRIPTORS: u64 = 64;

/// Local ports of one address, where the system does not say.
const DEFAULT_PORTS: u64 = 28_232;

/// What stands in the way of a run.
#[derive(Debug, thiserror::Error)]
pub enum Obstacle {
    /// The process may not open as many files as there are connections.
    #[error(
        "{needed} descriptors are needed for {connections} connections, and {limit} are allowed: \
         raise the hard limit (`ulimit -Hn {needed}`, `LimitNOFILE={needed}` in a unit, `nofile` in \
         /etc/security/limits.conf), or run fewer devices in one process"
    )]
    Descriptors {
        /// How many are needed.
        needed: u64,
        /// How many connections that is for.
        connections: u64,
        /// How many are allowed at most.
        limit: u64,
    },
    /// There are fewer local ports than connections to one address.
    #[error(
        "{needed} connections need as many local ports, and there are {ports}: widen \
         net.ipv4.ip_local_port_range, or give more addresses in `target.source_ips` (127.0.0.2-127.0.0.9 on \
         one machine)"
    )]
    Ports {
        /// How many are needed.
        needed: u64,
        /// How many there are.
        ports: u64,
    },
    /// A source address cannot be connected from.
    #[error("connections cannot come from {address} (target.source_ips): {source}")]
    Source {
        /// The address.
        address: IpAddr,
        /// What the system says.
        source: io::Error,
    },
    /// There are source addresses, and none of the broker's family.
    #[error("target.source_ips has no address that {broker} can be reached from: that takes IPv{family}")]
    Family {
        /// The broker's address.
        broker: IpAddr,
        /// Which version of IP it has.
        family: u8,
    },
}

/// Checks what can be known before the start, and raises the limit of descriptors as far as it goes.
/// `others` is how many descriptors the rest of the process needs.
pub(crate) fn check(
    plan: &Plan,
    part: Part,
    estimate: &Estimate,
    brokers: &[SocketAddr],
    others: u64,
) -> Result<(), Obstacle> {
    let own = sources(plan, part, brokers);
    for address in &own {
        // Binding a datagram socket asks the same as binding a connection's, and leaves nothing behind.
        let bound = UdpSocket::bind((*address, 0));
        bound.map_err(|source| Obstacle::Source { address: *address, source })?;
    }
    let lacking = |broker: &&SocketAddr| own.iter().all(|source| source.is_ipv4() != broker.is_ipv4());
    if let Some(broker) = brokers.iter().find(lacking).filter(|_| !own.is_empty()) {
        let family = if broker.is_ipv4() { 4 } else { 6 };
        return Err(Obstacle::Family { broker: broker.ip(), family });
    }
    let connections = u64::from(part.devices(plan));
    // The estimate is of all addresses that the plan names.
    let named = plan.target.source_ips.len().max(1) as u64;
    let ports = estimate.ports / named * own.len().max(1) as u64;
    if connections > ports {
        return Err(Obstacle::Ports { needed: connections, ports });
    }
    let needed = connections + others + SPARE_DESCRIPTORS;
    let limit = raise_descriptors(needed);
    if limit < needed {
        return Err(Obstacle::Descriptors { needed, connections, limit });
    }
    Ok(())
}

/// Raises the soft limit towards what is needed; returns what is allowed then.
#[cfg(unix)]
fn raise_descriptors(needed: u64) -> u64 {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let current = limit.current.unwrap_or(u64::MAX);
    if current >= needed {
        return current;
    }
    let wanted = needed.min(limit.maximum.unwrap_or(u64::MAX));
    let raised = setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum: limit.maximum });
    if raised.is_ok() { wanted } else { current }
}

#[cfg(not(unix))]
fn raise_descriptors(_: u64) -> u64 {
    u64::MAX
}

/// The addresses that a part's devices connect from: its share of the plan's, or, towards a broker of this machine and with
/// many devices, of several of the loopback network, all of which are this machine's on Linux. The system finds a free port
/// fast only while most are free.
pub(crate) fn sources(plan: &Plan, part: Part, brokers: &[SocketAddr]) -> Vec<IpAddr> {
    let named = &plan.target.source_ips;
    let loopback = |broker: &SocketAddr| matches!(broker.ip(), IpAddr::V4(address) if address.is_loopback());
    let wanted = u64::from(plan.devices()).div_ceil(local_ports() / 4);
    if !named.is_empty() || wanted < 2 || !cfg!(target_os = "linux") || !brokers.iter().all(loopback) {
        return of_part(named, part);
    }
    // As many for each part.
    let wanted = wanted.next_multiple_of(u64::from(part.of()));
    let first = Ipv4Addr::LOCALHOST.to_bits();
    let all: Vec<IpAddr> =
        (first..).take(wanted as usize).map(|bits| Ipv4Addr::from_bits(bits).into()).collect();
    of_part(&all, part)
}

/// How many local ports the system gives out for one address.
pub(crate) fn local_ports() -> u64 {
    let range = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
    let mut ends = range.split_whitespace().filter_map(|end| end.parse::<u64>().ok());
    match (ends.next(), ends.next()) {
        (Some(first), Some(last)) if last > first + 4 => last - first + 1,
        _ => DEFAULT_PORTS,
    }
}

/// CPU time of the calling thread.
#[cfg(unix)]
pub(crate) fn thread_cpu() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

#[cfg(not(unix))]
pub(crate) fn thread_cpu() -> Duration {
    Duration::ZERO
}

/// Resident memory of the process in bytes, where the system tells.
pub(crate) fn memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kib << 10)
}

/// Open descriptors of the process, where the system tells. Linux 6.2 has their number for the size of the directory;
/// to list the directory of a process with many takes as long as sending some hundred messages.
pub(crate) fn descriptors() -> Option<u64> {
    const OPEN: &str = "/proc/self/fd";
    match std::fs::metadata(OPEN).ok()?.len() {
        0 => Some(std::fs::read_dir(OPEN).ok()?.count() as u64),
        count => Some(count),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::{Overrides, Scenario};

    fn check_with(devices: u32, others: u64, broker: [u8; 4]) -> Result<(), Obstacle> {
        check_part(devices, Part::WHOLE, others, broker)
    }

    fn check_part(devices: u32, part: Part, others: u64, broker: [u8; 4]) -> Result<(), Obstacle> {
        let text =
            format!("groups:\n  g: {{count: {devices}, subscribe: t}}\nphases: [{{name: p, duration: 1s}}]");
        let plan = Scenario::parse("s", &text, &Overrides::default()).expect("a plan");
        let broker = SocketAddr::from((broker, 1883));
        check(&plan, part, &Estimate::of(&plan), &[broker], others)
    }

    #[test]
    fn what_cannot_be_done_is_said_with_its_remedy() {
        assert!(check_with(10, 0, [127, 0, 0, 1]).is_ok());
        let message = check_with(10, 1 << 40, [127, 0, 0, 1]).expect_err("so many descriptors").to_string();
        assert!(message.contains("ulimit -Hn 1099511627850"), "{message}");
        let message = check_with(70_000, 0, [192, 0, 2, 1]).expect_err("so many ports").to_string();
        assert!(message.contains("source_ips"), "{message}");
    }

    #[test]
    fn a_part_needs_what_it_has_only() {
        let part = Part::new(3, 70).expect("a part");
        assert!(check_part(70_000, part, 0, [192, 0, 2, 1]).is_ok(), "1,000 connections");
    }

    #[test]
    fn a_part_needs_its_own_source_addresses_only() {
        // The second and the fourth are for documentation, and of no machine.
        let text =
            "target: {brokers: 127.0.0.1, source_ips: [127.0.0.2, 198.51.100.1, 127.0.0.3, 198.51.100.2]}
groups: {g: {count: 100, subscribe: t}}
phases: [{name: p, duration: 1s}]";
        let plan = Scenario::parse("s", text, &Overrides::default()).expect("a plan");
        let check_part = |number, of| {
            let part = Part::new(number, of).expect("a part");
            let brokers = [SocketAddr::from(([127, 0, 0, 1], 1883))];
            let checked = check(&plan, part, &Estimate::of(&plan), &brokers, 0);
            checked.err().map(|obstacle| obstacle.to_string()).unwrap_or_default()
        };
        assert!(check_part(2, 2).contains("cannot come from 198.51.100.1"), "{}", check_part(2, 2));
        assert_eq!(check_part(1, 2), "");
        let message = check_part(1, 1);
        assert!(message.contains("cannot come from 198.51.100.1"), "{message}");
    }

    #[test]
    fn many_devices_on_one_machine_come_from_many_addresses() {
        let plan = |devices: u32| {
            let text = format!(
                "groups:\n  g: {{count: {devices}, subscribe: t}}\nphases: [{{name: p, duration: 1s}}]"
            );
            Scenario::parse("s", &text, &Overrides::default()).expect("a plan")
        };
        let local = [SocketAddr::from(([127, 0, 0, 1], 1883))];
        let whole = |devices, brokers: &[SocketAddr]| sources(&plan(devices), Part::WHOLE, brokers);
        assert!(whole(100, &local).is_empty());
        assert!(whole(100_000, &[SocketAddr::from(([192, 0, 2, 1], 1883))]).is_empty());
        if cfg!(target_os = "linux") {
            let many = whole(100_000, &local);
            assert!(many.len() as u64 * local_ports() >= 400_000, "{many:?}");
            assert_eq!(many[..2], [IpAddr::from([127, 0, 0, 1]), IpAddr::from([127, 0, 0, 2])]);
            let part = |number| sources(&plan(100_000), Part::new(number, 2).expect("a part"), &local);
            assert_eq!(part(1).len(), part(2).len());
            assert!(part(1).iter().all(|address| !part(2).contains(address)), "each part has its own");
        }
    }

    #[test]
    fn the_process_can_be_looked_at() {
        assert!(memory().is_some_and(|bytes| bytes > 1 << 20));
        assert!(descriptors().is_some_and(|count| count >= 3));
        let before = thread_cpu();
        let mut sum = 0_u64;
        while thread_cpu() == before {
            sum = sum.wrapping_mul(31).wrapping_add(7);
        }
        assert!(thread_cpu() > before, "{sum}");
    }
}
