//! Upgrades to WebSocket as they should not come, and senders that mean harm.

use mqscope_websocket::{Deflate, Encoder, Kind, Sender};

use crate::tape::{CONNACK, CONNECT, From, PINGREQ, PINGRESP, Talk, Tape, publish};

const REQUEST: &[u8] = b"GET /mqtt HTTP/1.1\r\nHost: b\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n";
const RESPONSE: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n";
const DEFLATE: &str = "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n";

/// A binary message.
fn message(from: From, payload: &[u8]) -> Vec<u8> {
    message_with(from, None, payload)
}

fn message_with(from: From, deflate: Option<Deflate>, payload: &[u8]) -> Vec<u8> {
    let sender = if from == From::Client { Sender::Client } else { Sender::Server };
    let mut frame = Vec::new();
    Encoder::new(sender, deflate).message(Kind::Binary, payload, || 0x1122_3344, &mut frame);
    frame
}

fn session(tape: &mut Tape, talk: &mut Talk) {
    tape.client(talk, &message(From::Client, CONNECT));
    tape.server(talk, &message(From::Server, CONNACK));
}

const GRANTED: [&str; 4] = ["C:HTTP", "S:HTTP", "C:CONNECT", "S:CONNACK"];

#[test]
fn after_a_refusal_the_connection_may_be_upgraded_whatever_body_the_refusal_has() {
    let bodies: [(&[u8], &[&[u8]]); 6] = [
        (b"HTTP/1.1 401 No\r\nContent-Length: 5\r\n\r\nnope!", &[]),
        (b"HTTP/1.1 401 No\r\nContent-Length: 5\r\n\r\n", &[b"no", b"pe!"]),
        (b"HTTP/1.1 401 No\r\nContent-Length: 5\r\n\r\nno", &[b"pe!"]),
        (b"HTTP/1.1 401 No\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nnope!\r\n", &[b"0\r\n\r\n"]),
        (b"HTTP/1.1 401 No\r\nContent-Length: 18446744073709551615\r\n\r\n", &[b"nope!"]),
        (b"HTTP/1.1 304 No\r\n\r\n", &[]),
    ];
    for (refusal, rest) in bodies {
        let mut tape = Tape::new();
        let mut talk = tape.open_to(40_000, 8_080);
        tape.client(&mut talk, REQUEST);
        tape.server(&mut talk, refusal);
        for piece in rest {
            tape.server(&mut talk, piece);
        }
        tape.client(&mut talk, REQUEST);
        tape.server(&mut talk, RESPONSE);
        session(&mut tape, &mut talk);
        let dissected = tape.dissect();
        let refused = String::from_utf8_lossy(refusal);
        assert_eq!(dissected.packets(), [&["C:HTTP", "S:HTTP"], &GRANTED[..]].concat(), "{refused}");
        assert_eq!(dissected.snapshot.traffic().refused, 1, "{refused}");
    }
}

/// As a proxy does that sends many clients' requests over one connection.
#[test]
fn pages_may_go_before_an_upgrade_on_the_same_connection() {
    let get: &[u8] = b"GET /style.css HTTP/1.1\r\nHost: b\r\n\r\n";
    let css: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 14\r\n\r\nb{color:#123}\n";
    let pages: [[&[u8]; 2]; 6] = [
        [get, css],
        [get, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"],
        [get, b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n"],
        [b"HEAD /style.css HTTP/1.1\r\nHost: b\r\n\r\n", &css[..css.len() - 14]],
        [
            b"POST /login HTTP/1.1\r\nHost: b\r\nContent-Length: 9\r\n\r\nname=anna",
            b"HTTP/1.1 204 No\r\n\r\n",
        ],
        [b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", b"HTTP/1.1 304 Not Modified\r\n\r\n"],
    ];
    for at_once in [usize::MAX, 7, 1] {
        let mut tape = Tape::new();
        let mut talk = tape.open_to(40_000, 8_080);
        for [request, response] in pages.iter().cycle().take(20) {
            tape.send_in(&mut talk, From::Client, request, at_once);
            tape.send_in(&mut talk, From::Server, response, at_once);
        }
        tape.client(&mut talk, REQUEST);
        tape.server(&mut talk, RESPONSE);
        session(&mut tape, &mut talk);
        assert_eq!(tape.dissect().packets(), GRANTED, "{at_once} at once");
    }
}

#[test]
fn what_is_lost_of_a_page_hides_no_upgrade_after_it() {
    let mut tape = Tape::new();
    let mut talk = tape.open_to(40_000, 8_080);
    tape.client(&mut talk, b"GET /firmware.bin HTTP/1.1\r\n\r\n");
    tape.server(&mut talk, b"HTTP/1.1 200 OK\r\nContent-Length: 3000\r\n\r\n");
    tape.server(&mut talk, &CONNECT.repeat(100)[..1_000]);
    tape.lose(&mut talk, From::Server, &[0x30; 1_000]);
    tape.ack(&talk, From::Client);
    tape.server(&mut talk, &CONNECT.repeat(100)[..1_000]);
    tape.client(&mut talk, REQUEST);
    tape.server(&mut talk, RESPONSE);
    session(&mut tape, &mut talk);
    assert_eq!(tape.dissect().packets(), GRANTED);
}

#[test]
fn what_a_proxy_was_asked_to_connect_to_is_recognised() {
    let request = b"CONNECT broker.example:1883 HTTP/1.1\r\nHost: broker.example:1883\r\n\r\n";
    let refused = b"HTTP/1.1 407 Who are you\r\nContent-Length: 4\r\n\r\nwho?";
    let granted = b"HTTP/1.1 200 Connection established\r\n\r\n";
    for at_once in [usize::MAX, 1] {
        let mut tape = Tape::new();
        let mut talk = tape.open_to(40_000, 3_128);
        for answer in [&refused[..], granted] {
            tape.send_in(&mut talk, From::Client, request, at_once);
            tape.send_in(&mut talk, From::Server, answer, at_once);
        }
        tape.client(&mut talk, CONNECT);
        tape.server(&mut talk, CONNACK);
        assert_eq!(tape.dissect().packets(), ["C:CONNECT", "S:CONNACK"], "{at_once}");

        let mut tape = Tape::new();
        let mut talk = tape.open_to(40_000, 3_128);
        tape.send_in(&mut talk, From::Client, request, at_once);
        tape.send_in(&mut talk, From::Server, granted, at_once);
        tape.client(&mut talk, REQUEST);
        tape.server(&mut talk, RESPONSE);
        session(&mut tape, &mut talk);
        assert_eq!(tape.dissect().packets(), GRANTED, "{at_once}");
    }
}

#[test]
fn a_proxy_may_be_asked_any_number_of_times() {
    let mut tape = Tape::new();
    let mut talk = tape.open_to(40_000, 3_128);
    tape.server(&mut talk, &b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n".repeat(300));
    tape.client(&mut talk, &[&b"CONNECT b HTTP/1.1\r\n\r\n".repeat(300), CONNECT].concat());
    assert_eq!(tape.dissect().packets(), ["C:CONNECT"]);
}

#[test]
fn a_web_page_is_no_mqtt_whatever_it_holds() {
    for port in [80, 1883] {
        let mut tape = Tape::new();
        let mut talk = tape.open_to(40_000, port);
        tape.client(&mut talk, b"GET /capture HTTP/1.1\r\n\r\n");
        tape.server(&mut talk, b"HTTP/1.1 200 OK\r\n\r\n");
        for number in 0..20 {
            tape.server(&mut talk, &message(From::Server, &publish("t", 0, 0, &[number; 100])));
        }
        tape.lose(&mut talk, From::Server, b"lost");
        tape.ack(&talk, From::Client);
        for number in 0..20 {
            tape.server(&mut talk, &publish("t", 0, 0, &[number; 100]));
        }
        tape.close(&mut talk);
        assert_eq!(tape.dissect().packets(), [""; 0], "port {port}");
    }
}

#[test]
fn an_interim_response_is_no_refusal() {
    let mut tape = Tape::new();
    let mut talk = tape.open_to(40_000, 8_080);
    tape.client(&mut talk, REQUEST);
    tape.server(&mut talk, &[b"HTTP/1.1 100 Continue\r\n\r\n", RESPONSE].concat());
    session(&mut tape, &mut talk);
    let dissected = tape.dissect();
    assert_eq!(dissected.packets(), ["C:HTTP", "S:HTTP", "S:HTTP", "C:CONNECT", "S:CONNACK"]);
    assert_eq!(dissected.snapshot.traffic().refused, 0);
}

#[test]
fn of_the_heads_of_an_upgrade_one_is_enough() {
    for (lost, head) in [(From::Client, REQUEST), (From::Server, RESPONSE)] {
        let mut tape = Tape::new();
        let mut talk = tape.open_to(40_000, 8_080);
        if lost == From::Client {
            tape.lose(&mut talk, lost, head);
            tape.server(&mut talk, RESPONSE);
        } else {
            tape.client(&mut talk, REQUEST);
            tape.lose(&mut talk, lost, head);
        }
        tape.ack(&talk, From::Client);
        tape.ack(&talk, From::Server);
        session(&mut tape, &mut talk);
        for _ in 0..3 {
            tape.client(&mut talk, &message(From::Client, PINGREQ));
            tape.server(&mut talk, &message(From::Server, PINGRESP));
        }
        tape.close(&mut talk);
        let mut packets = tape.dissect().packets();
        packets.retain(|packet| !packet.contains("HTTP"));
        packets.sort();
        let packets: Vec<&str> = packets.iter().map(|packet| packet.trim_end_matches(" inferred")).collect();
        let [pings, pongs] = [["C:PINGREQ"; 3], ["S:PINGRESP"; 3]];
        assert_eq!(packets, [&["C:CONNECT"][..], &pings, &["S:CONNACK"], &pongs].concat(), "{lost:?}");
    }
}

#[test]
fn of_an_upgrade_one_half_is_enough() {
    let long = publish("t", 0, 0, &[b'x'; 1_000]);
    for from in [From::Client, From::Server] {
        // Frames whose handshake is unknown are believed three in a row; 20 messages are more than is held while a handshake is incomplete.
        for count in [2, 20] {
            let mut tape = Tape::new();
            let mut talk = tape.open_half(from, 40_000, 8_080);
            let (head, first) = if from == From::Client { (REQUEST, CONNECT) } else { (RESPONSE, CONNACK) };
            tape.send(&mut talk, from, head);
            tape.send(&mut talk, from, &message(from, first));
            for _ in 0..count {
                tape.send(&mut talk, from, &message(from, &long));
            }
            let found = tape.dissect().packets();
            assert_eq!(found.len(), 2 + count, "{found:?}");
            assert!(found[2].contains("PUBLISH t"), "{found:?}");
        }
    }
}

#[test]
fn only_one_proxy_header_goes_before_what_a_client_sends() {
    let mut tape = Tape::new();
    let mut talk = tape.open_to(40_000, 8_080);
    tape.client(&mut talk, &[&b"PROXY \r\n".repeat(5_000), CONNECT].concat());
    assert_eq!(tape.dissect().packets(), [""; 0]);
}

#[test]
fn rows_stay_in_proportion_to_what_was_captured() {
    let mut tape = Tape::new();
    let mut talk = tape.open_to(40_000, 8_080);
    let with_deflate = |head: &[u8]| [&head[..head.len() - 2], DEFLATE.as_bytes()].concat();
    tape.client(&mut talk, &with_deflate(REQUEST));
    tape.server(&mut talk, &with_deflate(RESPONSE));
    session(&mut tape, &mut talk);
    let bomb = message_with(From::Client, Some(Deflate::default()), &PINGREQ.repeat(4 << 20));
    tape.client(&mut talk, &bomb);
    let dissected = tape.dissect();
    let len = dissected.snapshot.len();
    assert!((1 << 20..2 << 20).contains(&len), "{len}");
}

#[test]
fn what_many_connections_begin_and_do_not_end_is_not_kept_for_ever() {
    let mut tape = Tape::new();
    let (start, end) = REQUEST.split_at(REQUEST.len() - 2);
    let long = [start, b"X-Long: ", &[b'x'; 16_000]].concat();
    let mut first = tape.open_to(1_000, 8_080);
    tape.client(&mut first, &long);
    for port in 0..9_000 {
        let mut talk = tape.open_to(2_000 + port, 8_080);
        tape.client(&mut talk, &long);
    }
    let mut last = tape.open_to(1_001, 8_080);
    tape.client(&mut last, &long);
    for mut talk in [first, last] {
        tape.client(&mut talk, &[b"\r\n", end].concat());
        tape.server(&mut talk, RESPONSE);
        session(&mut tape, &mut talk);
    }
    assert_eq!(tape.dissect().packets(), GRANTED);
}
