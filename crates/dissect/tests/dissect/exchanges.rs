//! Requests and their answers.

use crate::tape::*;

/// For each packet the rows that it answers and that answer it, and the milliseconds since its exchange began.
type Links = (Option<u32>, Option<u32>, Option<i64>);

fn links(tape: &Tape) -> Vec<Links> {
    tape.dissect().map(|packet| {
        let row = |peer: Option<mqscope_dissect::Peer>| peer.map(|peer| peer.row.0);
        (row(packet.request), row(packet.response), packet.exchange_time().map(|time| time / 1_000_000))
    })
}

#[test]
fn each_request_is_tied_to_its_answer() {
    let mut tape = Tape::new();
    let mut talk = tape.open(50_000);
    tape.client(&mut talk, CONNECT);
    tape.server(&mut talk, CONNACK);
    tape.client(&mut talk, b"\x82\x06\0\x01\0\x01a\x01");
    tape.client(&mut talk, &publish("a", 1, 2, b""));
    tape.server(&mut talk, &ack(0x40, 2));
    tape.server(&mut talk, b"\x90\x03\0\x01\x01");
    tape.client(&mut talk, PINGREQ);
    tape.server(&mut talk, PINGRESP);
    tape.client(&mut talk, b"\xa2\x05\0\x03\0\x01a");
    tape.server(&mut talk, &ack(0xb0, 3));
    tape.client(&mut talk, &publish("a", 0, 0, b""));
    assert_eq!(
        links(&tape),
        [
            (None, Some(1), None),
            (Some(0), None, Some(1)),
            (None, Some(5), None),
            (None, Some(4), None),
            (Some(3), None, Some(1)),
            (Some(2), None, Some(3)),
            (None, Some(7), None),
            (Some(6), None, Some(1)),
            (None, Some(9), None),
            (Some(8), None, Some(1)),
            (None, None, None),
        ]
    );
}

#[test]
fn qos_2_is_one_exchange_of_four_packets() {
    let mut tape = Tape::new();
    let mut talk = tape.open(50_000);
    tape.client(&mut talk, CONNECT);
    tape.server(&mut talk, CONNACK);
    tape.server(&mut talk, &publish("a", 2, 9, b""));
    tape.client(&mut talk, &ack(0x50, 9));
    tape.server(&mut talk, &ack(0x62, 9));
    tape.client(&mut talk, &ack(0x70, 9));
    assert_eq!(
        links(&tape)[2..],
        [
            (None, Some(3), None),
            (Some(2), Some(4), Some(1)),
            (Some(3), Some(5), Some(2)),
            (Some(4), None, Some(3))
        ]
    );
}

#[test]
fn both_sides_may_use_one_packet_identifier_at_once() {
    let mut tape = Tape::new();
    let mut talk = tape.open(50_000);
    tape.client(&mut talk, CONNECT);
    tape.server(&mut talk, CONNACK);
    tape.client(&mut talk, &publish("up", 1, 1, b""));
    tape.server(&mut talk, &publish("down", 1, 1, b""));
    tape.server(&mut talk, &ack(0x40, 1));
    tape.client(&mut talk, &ack(0x40, 1));
    let answered: Vec<_> = links(&tape)[4..].iter().map(|link| link.0).collect();
    assert_eq!(answered, [Some(2), Some(3)]);
    assert!(tape.dissect().packets().iter().all(|packet| !packet.contains('!')));
}

#[test]
fn a_message_that_is_sent_again_is_acknowledged_once() {
    let mut tape = Tape::new();
    let mut talk = tape.open(50_000);
    tape.client(&mut talk, CONNECT);
    tape.server(&mut talk, CONNACK);
    tape.client(&mut talk, &publish("a", 1, 1, b""));
    let mut again = publish("a", 1, 1, b"");
    again[0] |= 0x08;
    tape.client(&mut talk, &again);
    tape.server(&mut talk, &ack(0x40, 1));
    assert_eq!(links(&tape)[2..], [(None, Some(4), None), (None, None, None), (Some(2), None, Some(2))]);
}

#[test]
fn pings_are_answered_in_their_order() {
    let mut tape = Tape::new();
    let mut talk = tape.open(50_000);
    tape.client(&mut talk, CONNECT);
    tape.server(&mut talk, CONNACK);
    tape.client(&mut talk, PINGREQ);
    tape.client(&mut talk, PINGREQ);
    tape.server(&mut talk, PINGRESP);
    tape.server(&mut talk, PINGRESP);
    let answered: Vec<_> = links(&tape)[4..].iter().map(|link| link.0).collect();
    assert_eq!(answered, [Some(2), Some(3)]);
}

#[test]
fn a_snapshot_does_not_know_of_later_answers() {
    use mqscope_dissect::{Indexer, RowId, Settings, Unseen};

    let mut tape = Tape::new();
    let mut talk = tape.open(50_000);
    tape.client(&mut talk, CONNECT);
    let mut capture = tape.capture();
    let mut indexer = Indexer::new(Settings::default(), capture.store());
    let _ = indexer.run(&mut capture, &mut Unseen).unwrap();
    let early = indexer.snapshot();
    assert_eq!(early.row(RowId(0)).unwrap().response, None);
}
