//! Captures that begin in the middle, have gaps, or have bytes that are no packet.

use mqscope_dissect::RowFlags;
use mqscope_wire::Version;

use crate::tape::*;

#[test]
fn a_capture_that_begins_in_the_middle_shows_all_packets() {
    let mut tape = Tape::new();
    let mut talk = tape.middle(50_000, 1883);
    tape.client(&mut talk, &publish("plant/7/temperature", 1, 4, b"20.5"));
    tape.server(&mut talk, &ack(0x40, 4));
    tape.client(&mut talk, PINGREQ);
    tape.server(&mut talk, PINGRESP);
    tape.client(&mut talk, DISCONNECT);
    tape.close(&mut talk);
    assert_eq!(
        tape.dissect().packets_by_frame(),
        [
            "C:PUBLISH plant/7/temperature inferred",
            "S:PUBACK inferred",
            "C:PINGREQ inferred",
            "S:PINGRESP inferred",
            "C:DISCONNECT inferred"
        ]
    );
}

#[test]
fn what_looks_like_a_frame_in_a_payload_hides_nothing_before_it() {
    let payload = [&b"\x82\x20\x30\x04"[..], &[0; 5_000]].concat();
    let mut tape = Tape::new();
    let mut talk = tape.middle(50_000, 1883);
    tape.send_in(&mut talk, From::Server, &publish("plant/7/picture", 0, 0, &payload), 1_448);
    assert_eq!(tape.dissect().packets().len(), 1);
}

#[test]
fn version_5_is_inferred_where_only_it_makes_sense() {
    let mut tape = Tape::new();
    let mut talk = tape.middle(50_000, 1883);
    tape.client(&mut talk, &publish("plant/7/temperature", 0, 0, b"20.5"));
    tape.client(&mut talk, &publish_with("plant/7/temperature", 0, 0, b"\x03\x23\0\x01", b"20.5"));
    tape.client(&mut talk, &publish_with("", 0, 0, b"\x03\x23\0\x01", b"20.6"));
    let dissected = tape.dissect();
    let versions = dissected.map(|packet| packet.version());
    assert_eq!(versions, [Version::V311, Version::V5, Version::V5]);
    assert_eq!(dissected.packets()[2], "C:PUBLISH plant/7/temperature inferred");
}

/// A SUBACK of 5.0 for one filter reads as one of 3.1.1 for two.
#[test]
fn what_one_direction_says_of_the_version_holds_for_the_other() {
    let mut tape = Tape::new();
    let mut talk = tape.middle(50_000, 1883);
    tape.client(&mut talk, b"\x82\x0e\0\x07\x02\x0b\x05\0\x06plant/\x01");
    tape.server(&mut talk, b"\x90\x04\0\x07\0\x01");
    tape.server(&mut talk, &publish_with("plant/7/temperature", 0, 0, b"\x02\x0b\x05", b"20.5"));
    tape.client(&mut talk, DISCONNECT);
    tape.close(&mut talk);
    let dissected = tape.dissect();
    let mut packets = dissected.packets();
    packets.sort();
    assert_eq!(
        packets,
        [
            "C:DISCONNECT inferred",
            "C:SUBSCRIBE inferred",
            "S:PUBLISH plant/7/temperature inferred",
            "S:SUBACK inferred"
        ]
    );
    assert_eq!(dissected.map(|packet| packet.version()), [Version::V5; 4]);
}

#[test]
fn an_authentication_hides_no_connack_where_the_connect_is_lost() {
    let mut tape = Tape::new();
    let mut talk = tape.open(50_000);
    tape.lose(&mut talk, From::Client, CONNECT_5);
    tape.server(&mut talk, b"\xf0\x0c\x18\x0a\x15\0\x07SCRAM-1");
    tape.client(&mut talk, b"\xf0\x0c\x18\x0a\x15\0\x07SCRAM-1");
    tape.server(&mut talk, b"\x20\x0d\0\0\x0a\x15\0\x07SCRAM-1");
    tape.client(&mut talk, &publish_with("plant/7/temperature", 0, 0, b"\0", b"20.5"));
    tape.server(&mut talk, PINGRESP);
    tape.close(&mut talk);
    let packets = tape.dissect().packets();
    for expected in ["S:AUTH inferred", "S:CONNACK inferred", "S:PINGRESP inferred"] {
        assert!(packets.iter().any(|packet| packet == expected), "no {expected} in {packets:?}");
    }
}

#[test]
fn a_disconnect_after_a_gap_is_known_by_the_end_that_follows_it() {
    for ends in [true, false] {
        let mut tape = Tape::new();
        let mut talk = tape.open(50_000);
        tape.client(&mut talk, CONNECT);
        tape.server(&mut talk, CONNACK);
        tape.lose(&mut talk, From::Client, &publish("plant/7/temperature", 0, 0, b"20.5"));
        tape.ack(&talk, From::Server);
        tape.client(&mut talk, DISCONNECT);
        if ends {
            tape.close(&mut talk);
        }
        let shown = tape.dissect().packets();
        assert_eq!(shown.contains(&"C:DISCONNECT inferred".to_owned()), ends, "{shown:?}");
    }
}

#[test]
fn the_client_is_known_by_what_only_clients_send() {
    let mut tape = Tape::new();
    // The ports say that 10.0.0.2 serves; its packets say otherwise.
    let mut talk = tape.middle(1_000, 40_000);
    tape.client(&mut talk, &publish("plant/7/temperature/celsius", 0, 0, b"20.5"));
    tape.client(&mut talk, b"\x82\x10\0\x01\0\x0bplant/+/set\x01");
    assert_eq!(
        tape.dissect().packets(),
        ["C:PUBLISH plant/7/temperature/celsius inferred", "C:SUBSCRIBE inferred"]
    );
}

#[test]
fn a_gap_costs_the_packets_that_it_hit_and_no_others() {
    let mut tape = Tape::new();
    let mut talk = tape.open(50_000);
    tape.client(&mut talk, CONNECT);
    tape.server(&mut talk, CONNACK);
    let first = publish("plant/7/a", 0, 0, &[b'1'; 50]);
    let second = publish("plant/7/b", 0, 0, &[b'2'; 50]);
    tape.client(&mut talk, &first[..40]);
    tape.lose(&mut talk, From::Client, &[&first[40..], &second[..30]].concat());
    tape.ack(&talk, From::Server);
    tape.client(&mut talk, &second[30..]);
    tape.client(&mut talk, &publish("plant/7/c", 0, 0, b"3"));
    tape.close(&mut talk);
    let dissected = tape.dissect();
    assert_eq!(
        dissected.packets(),
        ["C:CONNECT", "S:CONNACK", "C:PUBLISH plant/7/a cut", "C:PUBLISH plant/7/c inferred"]
    );
    assert_eq!(dissected.map(|packet| packet.bytes.to_vec())[2], first[..40]);
}

#[test]
fn a_gap_within_one_long_packet_leaves_the_direction_in_step() {
    let mut tape = Tape::new();
    let mut talk = tape.open(50_000);
    tape.client(&mut talk, CONNECT);
    let long = publish("plant/7/picture", 0, 0, &[0xc0; 5_000]);
    tape.client(&mut talk, &long[..1_000]);
    tape.lose(&mut talk, From::Client, &long[1_000..2_000]);
    tape.ack(&talk, From::Server);
    tape.client(&mut talk, &long[2_000..]);
    tape.client(&mut talk, PINGREQ);
    tape.close(&mut talk);
    let dissected = tape.dissect();
    assert_eq!(dissected.packets(), ["C:CONNECT", "C:PUBLISH plant/7/picture cut", "C:PINGREQ"]);
    assert_eq!(dissected.snapshot.rows().nth(1).unwrap().len, 1_000);
}

/// Of MQTT.js, which writes a packet's fields one by one: segments of one and two bytes, whose borders say little.
#[test]
fn an_acknowledgement_between_two_losses_is_shown_if_the_other_side_waits_for_it() {
    for (id, is_shown) in [(7, true), (8, false)] {
        let mut tape = Tape::new();
        let mut talk = tape.open(50_000);
        tape.client(&mut talk, CONNECT);
        tape.server(&mut talk, CONNACK);
        tape.server(&mut talk, &publish("plant/7/a", 1, 7, b"on"));
        tape.lose(&mut talk, From::Client, b"lost");
        tape.ack(&talk, From::Server);
        for piece in [&[0x40][..], &[2], &[0, id]] {
            tape.client(&mut talk, piece);
        }
        tape.lose(&mut talk, From::Client, b"lost");
        tape.ack(&talk, From::Server);
        tape.close(&mut talk);
        let shown = tape.dissect().packets();
        assert_eq!(shown.contains(&"C:PUBACK inferred".to_owned()), is_shown, "{shown:?}");
    }
}

#[test]
fn a_malformed_packet_is_shown_and_the_next_one_too() {
    let mut tape = Tape::new();
    let mut talk = tape.open(50_000);
    tape.client(&mut talk, CONNECT);
    // The topic claims more bytes than the packet has.
    tape.client(&mut talk, b"\x30\x05\0\x10abc");
    tape.client(&mut talk, b"\x30\x05\0\x10abc");
    tape.client(&mut talk, &publish("fine", 0, 0, b""));
    assert_eq!(
        tape.dissect().packets(),
        ["C:CONNECT", "C:PUBLISH malformed", "C:PUBLISH malformed", "C:PUBLISH fine"]
    );
}

#[test]
fn a_length_that_never_ends_is_shown_and_packets_are_found_again() {
    let mut tape = Tape::new();
    let mut talk = tape.open(50_000);
    tape.client(&mut talk, CONNECT);
    tape.client(&mut talk, b"\x30\xff\xff\xff\xff\xff");
    tape.client(&mut talk, &publish("plant/7/temperature", 0, 0, b"20.5"));
    assert_eq!(
        tape.dissect().packets(),
        ["C:CONNECT", "C:PUBLISH malformed", "C:PUBLISH plant/7/temperature inferred"]
    );
}

#[test]
fn a_packet_that_a_close_cuts_off_is_malformed_and_one_that_the_capture_cuts_off_is_not() {
    let packet = publish("plant/7/temperature", 0, 0, b"20.5");
    for closes in [true, false] {
        let mut tape = Tape::new();
        let mut talk = tape.open(50_000);
        tape.client(&mut talk, CONNECT);
        tape.client(&mut talk, &packet[..24]);
        if closes {
            tape.close(&mut talk);
        }
        let dissected = tape.dissect();
        let row = dissected.snapshot.rows().nth(1).unwrap();
        assert!(row.flags.contains(RowFlags::ERROR));
        assert_eq!(row.flags.contains(RowFlags::CUT), !closes);
    }
}

#[test]
fn a_lost_connect_loses_no_other_packet() {
    let mut tape = Tape::new();
    let mut talk = tape.open(50_000);
    tape.lose(&mut talk, From::Client, CONNECT);
    tape.server(&mut talk, CONNACK);
    tape.client(&mut talk, &publish("plant/7/temperature", 1, 1, b"20.5"));
    tape.server(&mut talk, &ack(0x40, 1));
    tape.close(&mut talk);
    assert_eq!(
        tape.dissect().packets_by_frame(),
        ["S:CONNACK inferred", "C:PUBLISH plant/7/temperature inferred", "S:PUBACK inferred"]
    );
}

#[test]
fn what_goes_before_the_connect_does_not_hide_it() {
    let mut tape = Tape::new();
    let mut talk = tape.open(50_000);
    tape.client(&mut talk, b"AUTH of a gateway that nobody knows\r\n");
    tape.client(&mut talk, CONNECT);
    tape.server(&mut talk, CONNACK);
    assert_eq!(tape.dissect().packets(), ["C:CONNECT inferred", "S:CONNACK inferred"]);
}

#[test]
fn nothing_is_found_in_the_middle_of_other_traffic() {
    let mut tape = Tape::new();
    let mut talk = tape.middle(50_000, 443);
    let mut state = 1_u32;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    })
    .take(300_000)
    .collect();
    tape.send_in(&mut talk, From::Server, &noise, 1448);
    let mut plain = tape.middle(50_001, 1883);
    tape.send_in(&mut plain, From::Server, &noise, 1447);
    assert_eq!(tape.dissect().packets(), [""; 0]);
}
