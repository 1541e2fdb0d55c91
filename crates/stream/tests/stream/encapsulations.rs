//! The ways in which an IP packet reaches a capture: each puts its headers around the packet.

use std::net::Ipv6Addr;

use super::build::{carried, ethernet, fragments, ipv6, udp};

/// One way: its name, the link type of its frames, and how a packet becomes frames.
pub(crate) struct Encapsulation {
    pub(crate) name: &'static str,
    pub(crate) link: u16,
    pub(crate) wrap: fn(&[u8]) -> Vec<Vec<u8>>,
}

const fn way(name: &'static str, link: u16, wrap: fn(&[u8]) -> Vec<Vec<u8>>) -> Encapsulation {
    Encapsulation { name, link, wrap }
}

/// All ways that are known here, the usual ones first.
pub(crate) const ALL: &[Encapsulation] = &[
    way("ethernet", 1, |ip| one(ether(ip))),
    way("ethernet, padded", 1, |ip| one(after(&ether(ip), &[0; 30]))),
    way("ethernet with a length", 1, |ip| {
        let llc = after(&[0xaa, 0xaa, 3, 0, 0, 0], &typed(ip));
        one(ethernet(llc.len() as u16, &llc))
    }),
    way("linux cooked", 113, |ip| one(after(&[0, 0, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0], &typed(ip)))),
    way("linux cooked 2", 276, |ip| {
        let rest = [0, 0, 0, 0, 0, 3, 0, 1, 4, 6, 2, 0, 0, 0, 0, 1, 0, 0];
        one([&ether_type(ip).to_be_bytes(), &rest[..], ip].concat())
    }),
    way("bsd null, little-endian", 0, |ip| one(after(&u32::from(family(ip)).to_le_bytes(), ip))),
    way("bsd null, big-endian", 0, |ip| one(after(&u32::from(family(ip)).to_be_bytes(), ip))),
    way("bsd loop", 108, |ip| one(after(&u32::from(family(ip)).to_be_bytes(), ip))),
    way("raw ip", 101, |ip| one(ip.to_vec())),
    way("raw ip, 12", 12, |ip| one(ip.to_vec())),
    way("raw ip, 14", 14, |ip| one(ip.to_vec())),
    way("raw ip, 228 or 229", 228, |ip| one(ip.to_vec())),
    way("ppp", 9, |ip| one([&[0xff, 3], &ppp(ip)[..], ip].concat())),
    way("ppp without framing", 9, |ip| one(after(&ppp(ip)[1..], ip))),
    way("ppp in hdlc", 50, |ip| one([&[0xff, 3], &ppp(ip)[..], ip].concat())),
    way("vlan", 1, |ip| one(ethernet(0x8100, &tag(100, &typed(ip))))),
    way("qinq", 1, |ip| one(ethernet(0x88a8, &tag(7, &after(&[0x81, 0], &tag(100, &typed(ip))))))),
    way("old qinq", 1, |ip| one(ethernet(0x9100, &tag(7, &after(&[0x81, 0], &tag(100, &typed(ip))))))),
    way("five vlan tags", 1, |ip| {
        let tags = (1..5).fold(tag(100, &typed(ip)), |inner, id| tag(id, &after(&[0x81, 0], &inner)));
        one(ethernet(0x8100, &tags))
    }),
    way("mpls", 1, |ip| one(ethernet(0x8847, &after(&[0, 1, 0x20, 64, 0, 2, 0x30, 64, 0, 3, 0x41, 64], ip)))),
    way("mpls pseudowire", 1, |ip| one(ethernet(0x8847, &after(&[0, 2, 0x31, 64, 0, 0, 0, 0], &ether(ip))))),
    way("pppoe", 1, |ip| {
        let len = (ip.len() as u16 + 2).to_be_bytes();
        one(ethernet(0x8864, &[&[0x11, 0, 0, 9], &len[..], &ppp(ip), ip].concat()))
    }),
    way("gre", 1, |ip| gre(0, ether_type(ip), &[], ip)),
    way("gre with checksum, key and number", 1, |ip| {
        gre(0xb000, ether_type(ip), &[0, 0, 0, 0, 0, 0, 0, 42, 0, 0, 0, 1], ip)
    }),
    way("gre with key", 1, |ip| gre(0x2000, ether_type(ip), &[0, 0, 0, 42], ip)),
    way("gre with ethernet", 1, |ip| gre(0, 0x6558, &[], &ether(ip))),
    way("erspan 1", 1, |ip| gre(0, 0x88be, &[], &ether(ip))),
    way("erspan 2", 1, |ip| gre(0x1000, 0x88be, &[0, 0, 0, 1, 0x10, 1, 0, 7, 0, 0, 0, 0], &ether(ip))),
    way("vxlan", 1, |ip| in_udp(4789, &after(&[8, 0, 0, 0, 0, 1, 0, 0], &ether(ip)))),
    way("vxlan on linux's port", 1, |ip| in_udp(8472, &after(&[8, 0, 0, 0, 0, 1, 0, 0], &ether(ip)))),
    way("vxlan over ipv6", 1, |ip| {
        let vxlan = udp(4789, &after(&[8, 0, 0, 0, 0, 1, 0, 0], &ether(ip)));
        one(ethernet(0x86dd, &routers6(17, &vxlan)))
    }),
    way("geneve", 1, |ip| in_udp(6081, &after(&[0, 0, 0x65, 0x58, 0, 0, 9, 0], &ether(ip)))),
    way("geneve with options", 1, |ip| {
        in_udp(6081, &after(&[2, 0, 0x65, 0x58, 0, 0, 9, 0, 1, 2, 3, 1, 0, 0, 0, 0], &ether(ip)))
    }),
    way("ip in ipv4", 101, |ip| one(carried(ip_in_ip(ip), ip))),
    way("ip in ipv6", 101, |ip| one(routers6(ip_in_ip(ip), ip))),
    way("ip in ip in ip", 101, |ip| one(carried(41, &routers6(ip_in_ip(ip), ip)))),
    way("ipv6 extension headers", 101, |ip| {
        let options = [60, 0, 1, 4, 0, 0, 0, 0, ip_in_ip(ip), 1, 1, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        one(routers6(0, &after(&options, ip)))
    }),
    way("vxlan in a vlan in fragments", 1, |ip| {
        let vxlan = udp(4789, &after(&[8, 0, 0, 0, 0, 1, 0, 0], &ether(ip)));
        let parts = fragments(&numbered(carried(17, &vxlan), ip), 64);
        parts.iter().map(|part| ethernet(0x8100, &tag(9, &after(&[8, 0], part)))).collect()
    }),
    way("tunnel in ipv6 fragments, last first", 101, |ip| {
        let number = mark(ip).to_be_bytes();
        let (first, rest) = ip.split_at(ip.len().min(32));
        let part = |offset: u16, more: u16, part: &[u8]| {
            let place = (offset | more).to_be_bytes();
            routers6(44, &[&[ip_in_ip(ip), 0], &place[..], &number, part].concat())
        };
        vec![part(32, 0, rest), part(0, 1, first)]
    }),
];

fn one(frame: Vec<u8>) -> Vec<Vec<u8>> {
    vec![frame]
}

fn after(header: &[u8], inner: &[u8]) -> Vec<u8> {
    [header, inner].concat()
}

fn is_v4(ip: &[u8]) -> bool {
    ip[0] >> 4 == 4
}

fn ether_type(ip: &[u8]) -> u16 {
    if is_v4(ip) { 0x0800 } else { 0x86dd }
}

/// The packet behind its type.
fn typed(ip: &[u8]) -> Vec<u8> {
    after(&ether_type(ip).to_be_bytes(), ip)
}

fn ether(ip: &[u8]) -> Vec<u8> {
    ethernet(ether_type(ip), ip)
}

fn family(ip: &[u8]) -> u8 {
    if is_v4(ip) { 2 } else { 30 }
}

fn ppp(ip: &[u8]) -> [u8; 2] {
    [0, if is_v4(ip) { 0x21 } else { 0x57 }]
}

fn ip_in_ip(ip: &[u8]) -> u8 {
    if is_v4(ip) { 4 } else { 41 }
}

fn tag(id: u16, typed: &[u8]) -> Vec<u8> {
    after(&id.to_be_bytes(), typed)
}

fn gre(flags: u16, protocol: u16, optional: &[u8], inner: &[u8]) -> Vec<Vec<u8>> {
    let gre = [&flags.to_be_bytes()[..], &protocol.to_be_bytes(), optional, inner].concat();
    one(ethernet(0x0800, &carried(47, &gre)))
}

fn in_udp(port: u16, inner: &[u8]) -> Vec<Vec<u8>> {
    one(ethernet(0x0800, &carried(17, &udp(port, inner))))
}

fn routers6(next: u8, inner: &[u8]) -> Vec<u8> {
    let router = |host| Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, host);
    ipv6(router(1), router(2), next, inner)
}

/// A number for the packet that carries this one, other than that of the ones before and after it.
fn mark(ip: &[u8]) -> u32 {
    ip.iter().fold(0x811c_9dc5, |sum: u32, byte| (sum ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

fn numbered(mut outer: Vec<u8>, inner: &[u8]) -> Vec<u8> {
    outer[4..6].copy_from_slice(&(mark(inner) as u16).to_be_bytes());
    outer
}
