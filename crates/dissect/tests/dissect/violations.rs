//! Rules that show only in the conversation: each by a tape that breaks it, and none by those that do not.

use crate::tape::*;

/// The packets from the third on, after CONNECT and CONNACK of 3.1.1.
fn after_connack(talk: impl FnOnce(&mut Tape, &mut Talk)) -> Vec<String> {
    let mut tape = Tape::new();
    let mut connection = tape.open(50_000);
    tape.client(&mut connection, CONNECT);
    tape.server(&mut connection, CONNACK);
    talk(&mut tape, &mut connection);
    tape.dissect().packets().split_off(2)
}

#[test]
fn a_second_connect_is_one_too_many() {
    let packets = after_connack(|tape, talk| tape.client(talk, CONNECT));
    assert_eq!(packets, ["C:CONNECT !MQTT-3.1.0-2"]);
}

#[test]
fn the_first_packet_must_be_a_connect() {
    let mut tape = Tape::new();
    let mut talk = tape.open(50_000);
    tape.client(&mut talk, &publish("fleet/7/temperature", 0, 0, b"20.5"));
    assert_eq!(tape.dissect().packets(), ["C:PUBLISH fleet/7/temperature inferred !MQTT-3.1.0-1"]);
}

#[test]
fn the_server_begins_with_connack() {
    let mut tape = Tape::new();
    let mut talk = tape.open(50_000);
    tape.client(&mut talk, CONNECT);
    tape.server(&mut talk, &publish("a", 0, 0, b""));
    tape.server(&mut talk, CONNACK);
    assert_eq!(tape.dissect().packets(), ["C:CONNECT", "S:PUBLISH a !MQTT-3.2.0-1", "S:CONNACK"]);
}

#[test]
fn a_packet_identifier_in_flight_is_taken() {
    let packets = after_connack(|tape, talk| {
        tape.client(talk, &publish("a", 1, 1, b""));
        tape.client(talk, &publish("b", 1, 1, b""));
        tape.server(talk, &publish("c", 2, 1, b""));
        tape.server(talk, &publish("d", 2, 1, b""));
    });
    assert_eq!(
        packets,
        ["C:PUBLISH a", "C:PUBLISH b !MQTT-2.3.1-2", "S:PUBLISH c", "S:PUBLISH d !MQTT-2.3.1-4"]
    );
}

#[test]
fn an_acknowledgement_needs_something_to_acknowledge() {
    let packets = after_connack(|tape, talk| {
        tape.server(talk, &ack(0x40, 5));
        tape.server(talk, b"\x90\x03\0\x05\x01");
        tape.client(talk, &publish("a", 2, 6, b""));
        tape.server(talk, &ack(0x40, 6));
    });
    assert_eq!(
        packets,
        ["S:PUBACK !MQTT-2.3.1-6", "S:SUBACK !MQTT-2.3.1-7", "C:PUBLISH a", "S:PUBACK !MQTT-2.3.1-6"]
    );
}

#[test]
fn a_session_that_goes_on_may_acknowledge_what_an_earlier_connection_began() {
    let mut tape = Tape::new();
    let mut talk = tape.open(50_000);
    tape.client(&mut talk, b"\x10\x0f\0\x04MQTT\x04\0\0\x3c\0\x03dev");
    tape.server(&mut talk, b"\x20\x02\x01\0");
    tape.client(&mut talk, &ack(0x62, 5));
    tape.server(&mut talk, &ack(0x70, 5));
    tape.server(&mut talk, &ack(0x40, 6));
    assert_eq!(tape.dissect().packets(), ["C:CONNECT", "S:CONNACK", "C:PUBREL", "S:PUBCOMP", "S:PUBACK"]);
}

#[test]
fn nothing_follows_disconnect() {
    let packets = after_connack(|tape, talk| {
        tape.client(talk, DISCONNECT);
        tape.client(talk, PINGREQ);
    });
    assert_eq!(packets, ["C:DISCONNECT", "C:PINGREQ !MQTT-3.14.4-2"]);
}

#[test]
fn aliases_stay_within_what_the_other_side_takes() {
    let mut tape = Tape::new();
    let mut talk = tape.open(50_000);
    tape.client(&mut talk, CONNECT_5);
    tape.server(&mut talk, CONNACK_5);
    tape.client(&mut talk, &publish_with("a", 0, 0, b"\x03\x23\0\x0a", b""));
    tape.client(&mut talk, &publish_with("b", 0, 0, b"\x03\x23\0\x0b", b""));
    tape.server(&mut talk, &publish_with("c", 0, 0, b"\x03\x23\0\x05", b""));
    tape.server(&mut talk, &publish_with("d", 0, 0, b"\x03\x23\0\x06", b""));
    assert_eq!(
        tape.dissect().packets()[2..],
        ["C:PUBLISH a", "C:PUBLISH b !MQTT-3.3.2-9", "S:PUBLISH c", "S:PUBLISH d !MQTT-3.3.2-11"]
    );
}

#[test]
fn nothing_is_found_once_something_was_missed() {
    let packets = after_connack(|tape, talk| {
        tape.client(talk, &publish("a", 1, 1, b""));
        tape.lose(talk, From::Server, &ack(0x40, 1));
        tape.client(talk, &publish("b", 1, 1, b""));
        tape.server(talk, &ack(0x40, 1));
        tape.server(talk, &ack(0x40, 9));
    });
    assert_eq!(packets, ["C:PUBLISH a", "C:PUBLISH b", "S:PUBACK inferred", "S:PUBACK"]);
}

#[test]
fn an_answer_captured_before_its_question_breaks_no_rule() {
    let packets = after_connack(|tape, talk| {
        let question = publish("a", 1, 1, b"");
        tape.lose(talk, From::Client, &question);
        tape.server(talk, &ack(0x40, 1));
        talk.take_back(From::Client, question.len());
        tape.client(talk, &question);
    });
    assert_eq!(packets, ["S:PUBACK", "C:PUBLISH a"]);
}

#[test]
fn a_broken_rule_within_a_packet_is_found_in_the_row() {
    let packets = after_connack(|tape, talk| tape.client(talk, &publish("a/#", 0, 0, b"")));
    assert_eq!(packets, ["C:PUBLISH a/# !MQTT-3.3.2-2"]);
}
