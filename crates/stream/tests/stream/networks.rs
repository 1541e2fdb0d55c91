//! One conversation in each encapsulation, alone and captured twice.

use mqscope_stream::{Analysis, CloseReason, Direction, GapCause, Limits};

use crate::build::{ACK, CLIENT, CLIENT6, FIN, SERVER, SERVER6, SYN, Tcp, carried, ethernet, fragments, udp};
use crate::encapsulations::{ALL, Encapsulation};
use crate::tap::{MS, Tap};

const ASKED: &[u8] = b"a longer question than one segment has room for";
const ANSWERED: &[u8] = b"an answer";

/// A whole conversation between these two, as IP packets.
fn conversation(v6: bool) -> Vec<Vec<u8>> {
    let (client, server) = if v6 { (CLIENT6, SERVER6) } else { (CLIENT, SERVER) };
    let asks = |seq: u32, ack: u32, flags: u16, data: &[u8]| {
        let seq = seq.wrapping_sub(20); // so that the numbers wrap on the way
        Tcp { from: client, to: server, seq, ack, flags, window: 501, data: data.to_vec() }
    };
    let answers = |seq: u32, ack: u32, flags: u16, data: &[u8]| {
        let ack = ack.wrapping_sub(20);
        Tcp { from: server, to: client, seq, ack, flags, window: 502, data: data.to_vec() }
    };
    let (asked, answered) = (ASKED.len() as u32, ANSWERED.len() as u32);
    [
        asks(0, 0, SYN, b""),
        answers(9000, 1, SYN | ACK, b""),
        asks(1, 9001, ACK, b""),
        asks(1, 9001, ACK, &ASKED[..17]),
        asks(18, 9001, ACK, &ASKED[17..]),
        answers(9001, 1 + asked, ACK, b""),
        answers(9001, 1 + asked, ACK, ANSWERED),
        asks(1 + asked, 9001 + answered, FIN | ACK, b""),
        answers(9001 + answered, 2 + asked, FIN | ACK, b""),
        asks(2 + asked, 9002 + answered, ACK, b""),
    ]
    .iter()
    .enumerate()
    .map(|(number, segment)| {
        let mut packet = segment.ip();
        if !v6 {
            packet[4..6].copy_from_slice(&(number as u16 + 1).to_be_bytes());
        }
        packet
    })
    .collect()
}

fn capture(tap: &mut Tap, way: &Encapsulation, packet: &[u8]) {
    for frame in (way.wrap)(packet) {
        tap.link(way.link, frame.len(), &frame);
    }
}

#[track_caller]
fn has_the_conversation(mut tap: Tap, of: &str) {
    tap.finish();
    assert_eq!(tap.seen.keys.len(), 1, "{of}");
    assert_eq!(tap.seen.bytes(0, Direction::Forward), ASKED, "{of}");
    assert_eq!(tap.seen.bytes(0, Direction::Reverse), ANSWERED, "{of}");
    assert_eq!(tap.gaps(), [], "{of}");
    assert_eq!(tap.reasons(), [(0, CloseReason::Fin)], "{of}");
    assert_eq!(tap.seen.round_trips.len(), 1, "{of}");
}

fn remarks(tap: &Tap) -> Vec<Analysis> {
    tap.seen.remarks.iter().copied().filter(|remark| !remark.is_empty()).collect()
}

#[test]
fn a_conversation_is_the_same_in_every_encapsulation() {
    for way in ALL {
        for v6 in [false, true] {
            let mut tap = Tap::new();
            conversation(v6).iter().for_each(|packet| capture(&mut tap, way, packet));
            assert_eq!(tap.reassembler.stats().malformed, 0, "{}", way.name);
            assert_eq!(remarks(&tap), [], "{}", way.name);
            has_the_conversation(tap, way.name);
        }
    }
}

/// As on an interface `any`: out of a container and over a bridge, or into a tunnel and out of the machine.
#[test]
fn what_is_captured_in_two_ways_counts_once_and_was_not_sent_again() {
    for way in ALL {
        for v6 in [false, true] {
            for plain_first in [true, false] {
                let mut tap = Tap::new();
                let ways = if plain_first { [&ALL[0], way] } else { [way, &ALL[0]] };
                for packet in conversation(v6) {
                    for way in ways {
                        capture(&mut tap, way, &packet);
                    }
                    tap.time += 20 * MS;
                }
                assert_eq!(remarks(&tap), [Analysis::CAPTURED_TWICE; 10], "{}", way.name);
                has_the_conversation(tap, way.name);
            }
        }
    }
}

#[test]
fn the_first_of_two_frames_is_the_one_that_carried_the_bytes() {
    let mut tap = Tap::new();
    for packet in conversation(false) {
        for _ in 0..2 {
            capture(&mut tap, &ALL[4], &packet);
        }
    }
    let frames: Vec<_> = tap.seen.got.iter().map(|got| (got.frame, got.completed)).collect();
    assert_eq!(frames, [(7, 7), (9, 9), (13, 13)]);
}

#[test]
fn copies_may_come_after_a_burst() {
    let mut tap = Tap::new();
    let packets = conversation(false);
    packets[..3].iter().for_each(|packet| capture(&mut tap, &ALL[0], packet));
    let burst: Vec<_> = (0..8u8)
        .map(|i| {
            let mut packet = Tcp::data(1000, b"x").ip();
            let seq = 1u32.wrapping_sub(20).wrapping_add(i.into());
            packet[5] = 100 + i;
            packet[24..28].copy_from_slice(&seq.to_be_bytes());
            packet[28..32].copy_from_slice(&9001u32.to_be_bytes());
            packet
        })
        .collect();
    for packet in burst.iter().chain(&burst) {
        capture(&mut tap, &ALL[0], packet);
    }
    assert_eq!(remarks(&tap), [Analysis::CAPTURED_TWICE; 8]);
    assert_eq!(tap.client_text(), "xxxxxxxx");
}

#[test]
fn a_retransmission_is_no_copy() {
    for v6 in [false, true] {
        let mut tap = Tap::new();
        let packets = conversation(v6);
        packets[..5].iter().for_each(|packet| capture(&mut tap, &ALL[0], packet));
        let mut again = packets[3].clone();
        again[5] += if v6 { 0 } else { 90 };
        tap.time += if v6 { 200 * MS } else { 0 };
        capture(&mut tap, &ALL[0], &again);
        assert_eq!(remarks(&tap), [Analysis::RETRANSMISSION], "version 6: {v6}");
    }
}

#[test]
fn a_checksum_that_the_card_was_to_fill_in_makes_no_difference() {
    let mut tap = Tap::new();
    for mut packet in conversation(true) {
        capture(&mut tap, &ALL[0], &packet);
        packet[56..58].copy_from_slice(&[0xbe, 0xef]);
        capture(&mut tap, &ALL[0], &packet);
    }
    assert_eq!(remarks(&tap), [Analysis::CAPTURED_TWICE; 10]);
    has_the_conversation(tap, "wrong checksums");
}

#[test]
fn one_direction_may_have_a_tag_and_the_other_none() {
    let vlan = ALL.iter().find(|way| way.name == "vlan").expect("a VLAN");
    let mut tap = Tap::new();
    for packet in conversation(false) {
        let from_client = packet[15] == 1;
        capture(&mut tap, if from_client { vlan } else { &ALL[0] }, &packet);
    }
    has_the_conversation(tap, "a mirror port");
}

#[test]
fn fragments_captured_twice_leave_nothing_that_spoils_a_later_datagram() {
    let mut tap = Tap::new();
    conversation(false)[..3].iter().for_each(|packet| capture(&mut tap, &ALL[0], packet));
    for (turn, text) in [&b"the first of two datagrams"[..], b"and one of the same number"].iter().enumerate()
    {
        let mut packet = Tcp::data(1u32.wrapping_sub(20).wrapping_add(26 * turn as u32), text).ip();
        packet[28..32].copy_from_slice(&9001u32.to_be_bytes());
        for part in fragments(&packet, 24) {
            for _ in 0..2 {
                tap.ethernet(&ethernet(0x0800, &part));
            }
        }
        tap.time += 2000 * MS;
    }
    assert_eq!(tap.client_text(), "the first of two datagramsand one of the same number");
}

#[test]
fn a_snap_length_takes_only_what_is_behind_it() {
    for way in ALL.iter().filter(|way| (way.wrap)(&conversation(false)[0]).len() == 1) {
        let mut tap = Tap::new();
        for packet in conversation(false) {
            let frame = (way.wrap)(&packet).remove(0);
            let spare = if way.name.ends_with("padded") { 30 } else { 0 };
            let data = packet.len() - 40;
            tap.link(way.link, frame.len(), &frame[..frame.len() - spare - data.min(4)]);
        }
        tap.finish();
        assert_eq!(tap.client_text(), "a longer ques???? than one segment has room????", "{}", way.name);
        assert_eq!(tap.server_text(), "an an????", "{}", way.name);
        assert_eq!(tap.gaps(), [(4, GapCause::Cut); 3], "{}", way.name);
        assert_eq!(remarks(&tap), [], "{}", way.name);
    }
}

/// A packet in the virtual network of this number.
fn in_network(network: u8, packet: &[u8]) -> Vec<u8> {
    let header = [8, 0, 0, 0, 0, 0, network, 0];
    let vxlan = [&header[..], &ethernet(0x0800, packet)].concat();
    ethernet(0x0800, &carried(17, &udp(4789, &vxlan)))
}

/// The same conversation, with other sequence numbers and the client's letters as capitals.
fn elsewhere(packet: &[u8], shift: u32) -> Vec<u8> {
    let mut packet = packet.to_vec();
    for at in [24, 28] {
        let number = u32::from_be_bytes(packet[at..at + 4].try_into().expect("four bytes"));
        if number != 0 {
            packet[at..at + 4].copy_from_slice(&number.wrapping_add(shift).to_be_bytes());
        }
    }
    packet[40..].make_ascii_uppercase();
    packet
}

#[test]
fn two_networks_may_have_the_same_addresses_and_ports_at_once() {
    // With the handshake and without, the other's numbers ahead and behind; each captured inside of its tunnel too.
    for start in [0, 3] {
        for shift in [1 << 30, 3 << 30] {
            let mut tap = Tap::new();
            for packet in &conversation(false)[start..] {
                tap.ethernet(&in_network(1, packet));
                tap.ethernet(&in_network(2, &elsewhere(packet, shift)));
                tap.ethernet(&ethernet(0x0800, &elsewhere(packet, shift)));
                tap.ethernet(&ethernet(0x0800, packet));
            }
            tap.finish();
            assert_eq!(tap.seen.keys.len(), 2, "from {start}, {shift} ahead");
            for (flow, change) in [(0, str::to_owned as fn(&str) -> String), (1, str::to_uppercase)] {
                let text = |bytes| change(std::str::from_utf8(bytes).expect("text"));
                assert_eq!(tap.seen.text(flow, Direction::Forward), text(ASKED));
                assert_eq!(tap.seen.text(flow, Direction::Reverse), text(ANSWERED));
            }
            assert_eq!(
                tap.seen.closes.iter().filter(|(_, close)| close.reason == CloseReason::Fin).count(),
                2
            );
        }
    }
}

#[test]
fn flows_beside_one_another_are_forgotten_one_by_one() {
    let limits = Limits { flows: 2, ..Limits::default() };
    let mut tap = Tap::with(limits);
    let packets = conversation(false);
    for turn in 0..200u32 {
        // three conversations on the same ports, and others that push them out
        let mut packet = elsewhere(&packets[3 + turn as usize % 2], (turn % 3) << 30);
        packet[21] = (turn / 7) as u8;
        tap.ethernet(&in_network((turn % 3) as u8, &packet));
        tap.ethernet(&in_network((turn % 5) as u8, &packet));
    }
    tap.finish();
    assert!(tap.seen.keys.len() > 50, "{}", tap.seen.keys.len());
    assert_eq!(tap.seen.closes.len(), tap.seen.keys.len(), "every flow ends once");
}
