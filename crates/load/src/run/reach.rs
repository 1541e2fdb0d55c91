//! Where brokers are, and whether they are there.

use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::time::Duration;

use super::RunError;
use crate::scenario::{Broker, Pick, Target};

/// The brokers' addresses. All must take connections, or one where devices go on to the next by themselves.
pub(super) fn all(target: &Target) -> Result<Vec<SocketAddr>, RunError> {
    let reached = target.brokers.iter().map(|broker| reach(broker, target.connect_timeout));
    if target.pick != Pick::Failover {
        return reached.collect();
    }
    let (mut addresses, mut troubles) = (Vec::new(), Vec::new());
    for reached in reached {
        match reached {
            Err(RunError::Unreachable { url, address, source }) => {
                addresses.push(address);
                troubles.push(RunError::Unreachable { url, address, source });
            }
            reached => addresses.push(reached?),
        }
    }
    match troubles.pop() {
        Some(last) if troubles.len() + 1 == addresses.len() => Err(last),
        _ => Ok(addresses),
    }
}

/// The broker's address, which takes connections.
fn reach(broker: &Broker, timeout: Duration) -> Result<SocketAddr, RunError> {
    let url = broker.url.clone();
    let addresses = (broker.host.as_str(), broker.port).to_socket_addrs();
    let addresses =
        addresses.map_err(|source| RunError::Unresolved { url: url.clone(), source: Some(source) })?;
    let mut trouble = None;
    for address in addresses {
        match TcpStream::connect_timeout(&address, timeout.max(Duration::from_millis(1))) {
            Ok(_) => return Ok(address),
            Err(error) => trouble = Some((address, error)),
        }
    }
    Err(match trouble {
        Some((address, source)) => RunError::Unreachable { url, address, source },
        None => RunError::Unresolved { url, source: None },
    })
}
