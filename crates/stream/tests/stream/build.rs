//! Frames by hand: each function puts one header before what is inside of it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

pub(crate) const FIN: u16 = 1;
pub(crate) const SYN: u16 = 2;
pub(crate) const RST: u16 = 4;
pub(crate) const PSH: u16 = 8;
pub(crate) const ACK: u16 = 16;

pub(crate) const CLIENT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1)), 50_000);
pub(crate) const SERVER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 2)), 1883);
pub(crate) const CLIENT6: SocketAddr =
    SocketAddr::new(IpAddr::V6(Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 1)), 50_000);
pub(crate) const SERVER6: SocketAddr =
    SocketAddr::new(IpAddr::V6(Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 2)), 1883);

/// A TCP segment.
#[derive(Clone, Debug)]
pub(crate) struct Tcp {
    pub(crate) from: SocketAddr,
    pub(crate) to: SocketAddr,
    pub(crate) seq: u32,
    pub(crate) ack: u32,
    pub(crate) flags: u16,
    pub(crate) window: u16,
    pub(crate) data: Vec<u8>,
}

impl Tcp {
    /// From client to server, an acknowledging segment with data.
    pub(crate) fn data(seq: u32, data: &[u8]) -> Self {
        Self { from: CLIENT, to: SERVER, seq, ack: 1, flags: PSH | ACK, window: 501, data: data.to_vec() }
    }

    /// The TCP header and its data.
    pub(crate) fn segment(&self) -> Vec<u8> {
        let mut out = Vec::new();
        out.extend(self.from.port().to_be_bytes());
        out.extend(self.to.port().to_be_bytes());
        out.extend(self.seq.to_be_bytes());
        out.extend(self.ack.to_be_bytes());
        out.extend((5 << 12 | self.flags).to_be_bytes());
        out.extend(self.window.to_be_bytes());
        out.extend([0; 4]);
        out.extend(&self.data);
        out
    }

    /// The IP packet, of the version of the addresses.
    pub(crate) fn ip(&self) -> Vec<u8> {
        match (self.from.ip(), self.to.ip()) {
            (IpAddr::V4(from), IpAddr::V4(to)) => ipv4(from, to, 6, &self.segment()),
            (IpAddr::V6(from), IpAddr::V6(to)) => ipv6(from, to, 6, &self.segment()),
            _ => panic!("both addresses are of one version"),
        }
    }

    /// The Ethernet frame.
    pub(crate) fn frame(&self) -> Vec<u8> {
        ethernet(if self.from.is_ipv4() { 0x0800 } else { 0x86dd }, &self.ip())
    }
}

pub(crate) fn ethernet(ether_type: u16, inner: &[u8]) -> Vec<u8> {
    [&[2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1][..], &ether_type.to_be_bytes(), inner].concat()
}

pub(crate) fn ipv4(from: Ipv4Addr, to: Ipv4Addr, protocol: u8, inner: &[u8]) -> Vec<u8> {
    let total = (20 + inner.len()) as u16;
    let mut out = vec![0x45, 0];
    out.extend(total.to_be_bytes());
    out.extend([0, 7, 0, 0, 64, protocol, 0, 0]);
    out.extend(from.octets());
    out.extend(to.octets());
    out.extend(inner);
    out
}

pub(crate) fn ipv6(from: Ipv6Addr, to: Ipv6Addr, next: u8, inner: &[u8]) -> Vec<u8> {
    let mut out = vec![0x60, 0, 0, 0];
    out.extend((inner.len() as u16).to_be_bytes());
    out.extend([next, 64]);
    out.extend(from.octets());
    out.extend(to.octets());
    out.extend(inner);
    out
}

/// An IP packet between two routers, around `inner`.
pub(crate) fn carried(protocol: u8, inner: &[u8]) -> Vec<u8> {
    ipv4(Ipv4Addr::new(192, 0, 2, 1), Ipv4Addr::new(192, 0, 2, 2), protocol, inner)
}

pub(crate) fn udp(to: u16, inner: &[u8]) -> Vec<u8> {
    let mut out = 49_152u16.to_be_bytes().to_vec();
    out.extend(to.to_be_bytes());
    out.extend((8 + inner.len() as u16).to_be_bytes());
    out.extend([0, 0]);
    out.extend(inner);
    out
}

/// The fragments of an IPv4 packet, each with at most `size` bytes of its payload.
pub(crate) fn fragments(packet: &[u8], size: usize) -> Vec<Vec<u8>> {
    let (header, payload) = packet.split_at(20);
    let last = (payload.len() - 1) / size;
    payload
        .chunks(size)
        .enumerate()
        .map(|(i, part)| {
            let mut out = [header, part].concat();
            let (total, offset) = (out.len() as u16, (i * size / 8) as u16);
            out[2..4].copy_from_slice(&total.to_be_bytes());
            out[6..8].copy_from_slice(&(offset | if i < last { 0x2000 } else { 0 }).to_be_bytes());
            out
        })
        .collect()
}
