//! IP datagrams in fragments.

use mqscope_stream::Limits;

use crate::build::{CLIENT6, SERVER6, Tcp, carried, ethernet, fragments, ipv6, udp};
use crate::tap::{SECOND, Tap, What, client};

fn ip(packet: &[u8]) -> Vec<u8> {
    ethernet(0x0800, packet)
}

#[test]
fn a_segment_in_fragments_comes_whole_and_says_where_each_piece_stands() {
    let mut tap = Tap::connected();
    for part in fragments(&client(0, b"abcdefghijklmnopqrst").ip(), 24) {
        tap.ethernet(&ip(&part));
    }
    assert_eq!(tap.client_text(), "abcdefghijklmnopqrst");
    let pieces: Vec<_> =
        tap.seen.got.iter().map(|got| (got.offset, got.frame, got.completed, got.what.clone())).collect();
    assert_eq!(
        pieces,
        [(0, 4, 5, What::Bytes(b"abcd".into())), (4, 5, 5, What::Bytes(b"efghijklmnopqrst".into()))]
    );
}

#[test]
fn fragments_may_come_in_any_order_and_twice() {
    let mut tap = Tap::connected();
    let parts = fragments(&client(0, b"abcdefghijklmnopqrstuvwxyz").ip(), 16);
    assert_eq!(parts.len(), 3);
    for i in [2, 2, 0, 0, 1, 1] {
        tap.ethernet(&ip(&parts[i]));
    }
    assert_eq!(tap.client_text(), "abcdefghijklmnopqrstuvwxyz");
}

#[test]
fn fragments_of_ipv6_come_whole() {
    let mut tap = Tap::new();
    let segment = Tcp { from: CLIENT6, to: SERVER6, ..Tcp::data(1, b"abcdefgh") }.segment();
    for (offset, more, part) in [(0u16, 1, &segment[..24]), (24, 0, &segment[24..])] {
        let extension = [&[6, 0][..], &(offset | more).to_be_bytes(), &[0, 0, 0, 9], part].concat();
        let (std::net::IpAddr::V6(from), std::net::IpAddr::V6(to)) = (CLIENT6.ip(), SERVER6.ip()) else {
            unreachable!()
        };
        tap.ethernet(&ethernet(0x86dd, &ipv6(from, to, 44, &extension)));
    }
    tap.finish();
    assert_eq!(tap.client_text(), "abcdefgh");
}

#[test]
fn a_tunnel_in_fragments_is_followed() {
    let mut tap = Tap::connected();
    let vxlan = [&[8, 0, 0, 0, 0, 0, 5, 0][..], &client(0, b"abcdefgh").frame()].concat();
    for part in fragments(&carried(17, &udp(4789, &vxlan)), 48) {
        tap.ethernet(&ip(&part));
    }
    assert_eq!(tap.client_text(), "abcdefgh");
}

#[test]
fn a_datagram_waits_half_a_minute() {
    for (wait, got) in [(29, "abcdefgh"), (31, "")] {
        let mut tap = Tap::connected();
        let parts = fragments(&client(0, b"abcdefgh").ip(), 24);
        tap.ethernet(&ip(&parts[0]));
        tap.time += wait * SECOND;
        tap.ethernet(&ip(&parts[1]));
        assert_eq!(tap.client_text(), got, "after {wait} s");
    }
}

#[test]
fn an_overlapping_fragment_is_ignored() {
    let mut tap = Tap::connected();
    let parts = fragments(&client(0, b"abcdefghijklmnopqrst").ip(), 24);
    let mut evil = parts[1].clone();
    evil[6..8].copy_from_slice(&2u16.to_be_bytes()); // at byte 16 of 24 that are there
    tap.ethernet(&ip(&parts[0]));
    tap.ethernet(&ip(&evil));
    tap.ethernet(&ip(&parts[1]));
    assert_eq!(tap.client_text(), "abcdefghijklmnopqrst");
}

#[test]
fn unfinished_datagrams_are_held_within_their_limit() {
    let limits = Limits { fragment_bytes: 4000, ..Limits::default() };
    let mut tap = Tap::with(limits);
    for number in 0..100u16 {
        let mut first = fragments(&client(0, &[b'x'; 300]).ip(), 256).remove(0);
        first[4..6].copy_from_slice(&number.to_be_bytes());
        tap.ethernet(&ip(&first));
        assert!(tap.reassembler.held_bytes() <= limits.fragment_bytes);
    }
    assert!(tap.reassembler.held_bytes() > 2000, "the newest ones are held");
}
