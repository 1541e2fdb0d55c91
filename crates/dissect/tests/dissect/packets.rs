//! Recognising MQTT, and cutting packets from segments.

use mqscope_dissect::{DecodeAs, RowFlags, RowId, Settings, Side, Transport};
use mqscope_wire::Version;

use crate::tape::*;

#[test]
fn a_connection_is_recognised_on_any_port() {
    let mut tape = Tape::new();
    let mut talk = tape.open_to(50_000, 4711);
    tape.client(&mut talk, CONNECT);
    tape.server(&mut talk, CONNACK);
    tape.client(&mut talk, &publish("a/b", 0, 0, b"hello"));
    let dissected = tape.dissect();
    assert_eq!(dissected.packets(), ["C:CONNECT", "S:CONNACK", "C:PUBLISH a/b"]);
    let flow = dissected.snapshot.flow(0).unwrap();
    assert_eq!(flow.address(Side::Client), "10.0.0.2:50000".parse().unwrap());
    assert_eq!(flow.address(Side::Server), "10.0.0.1:4711".parse().unwrap());
    assert_eq!(flow.transport(), Transport::Tcp);
    assert_eq!(flow.client_id(), Some(&b"dev"[..]));
    assert_eq!(flow.session().unwrap().version, Version::V311);
}

#[test]
fn other_protocols_on_the_port_of_mqtt_give_nothing() {
    let mut tape = Tape::new();
    let mut web = tape.open(50_000);
    tape.client(&mut web, b"GET /mqtt HTTP/1.1\r\nHost: 10.0.0.1:1883\r\nAccept: */*\r\n\r\n");
    tape.server(&mut web, b"HTTP/1.1 400 Bad Request\r\nContent-Length: 11\r\n\r\n0123456789\n");
    let mut tls = tape.open(50_001);
    tape.client(&mut tls, b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x03");
    let mut ssh = tape.open(50_002);
    tape.server(&mut ssh, b"SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n");
    tape.client(&mut ssh, b"SSH-2.0-PuTTY_Release_0.80\r\n");
    assert_eq!(tape.dissect().packets(), [""; 0]);
}

#[test]
fn a_port_can_be_said_to_carry_mqtt() {
    let mut tape = Tape::new();
    let mut talk = tape.open_to(50_000, 4711);
    tape.client(&mut talk, &publish("a", 0, 0, b""));
    assert_eq!(tape.dissect().packets(), [""; 0]);
    let rule: DecodeAs = "tcp.port==4711,mqtt".parse().unwrap();
    let dissected = tape.dissect_with(Settings { decode_as: vec![rule], ..Settings::default() });
    assert_eq!(dissected.packets(), ["C:PUBLISH a inferred !MQTT-3.1.0-1"]);
    for wrong in ["tcp.port==x,mqtt", "tcp.port==1,http", "udp.port==1,mqtt", "mqtt", ""] {
        assert!(wrong.parse::<DecodeAs>().is_err(), "{wrong}");
    }
}

#[test]
fn the_server_may_be_captured_before_the_client() {
    let mut tape = Tape::new();
    let mut talk = tape.open(50_000);
    tape.server(&mut talk, CONNACK);
    tape.client(&mut talk, CONNECT);
    assert_eq!(tape.dissect().packets(), ["C:CONNECT", "S:CONNACK"]);
}

#[test]
fn packets_are_whole_wherever_segments_end() {
    let long = vec![b'x'; 300];
    let stream =
        [CONNECT, &publish("a/b", 1, 7, &long), PINGREQ, &publish("c", 0, 0, b""), DISCONNECT].concat();
    for most in 1..stream.len() {
        let mut tape = Tape::new();
        let mut talk = tape.open(50_000);
        tape.send_in(&mut talk, From::Client, &stream, most);
        let dissected = tape.dissect();
        assert_eq!(
            dissected.packets(),
            ["C:CONNECT", "C:PUBLISH a/b", "C:PINGREQ", "C:PUBLISH c", "C:DISCONNECT"],
            "segments of {most}"
        );
        assert_eq!(dissected.map(|packet| packet.bytes.to_vec()).concat(), stream, "segments of {most}");
    }
}

#[test]
fn a_packet_belongs_to_the_frame_that_completed_it() {
    let mut tape = Tape::new();
    let mut talk = tape.open(50_000);
    tape.client(&mut talk, CONNECT);
    let packet = publish("a/b", 0, 0, b"in two parts");
    let (first, second) = packet.split_at(5);
    tape.send_ahead(&talk, From::Client, 5, second);
    tape.client(&mut talk, first);
    let completed = tape.frames();
    let dissected = tape.dissect();
    assert_eq!(dissected.packets(), ["C:CONNECT", "C:PUBLISH a/b"]);
    assert_eq!(dissected.snapshot.row(RowId(1)).unwrap().frame.number, completed);
    assert_eq!(dissected.map(|packet| packet.bytes.to_vec())[1], packet);
    let extents: Vec<u32> = dissected.snapshot.extents(RowId(1)).map(|extent| extent.len).collect();
    assert_eq!(extents, [5, packet.len() as u32 - 5]);
}

#[test]
fn a_packet_that_is_not_held_whole_is_read_from_the_store() {
    let payload: Vec<u8> = (0..100_000_u32).map(|i| (i % 251) as u8).collect();
    let packet = publish("firmware", 0, 0, &payload);
    let mut tape = Tape::new();
    let mut talk = tape.open(50_000);
    tape.client(&mut talk, CONNECT);
    tape.send_in(&mut talk, From::Client, &packet, 1448);
    tape.client(&mut talk, PINGREQ);
    let mut seen = Vec::new();
    tape.watch(|view| seen.push((describe(view), view.bytes.to_vec())));
    assert_eq!(seen[1], ("C:PUBLISH firmware".to_owned(), packet.clone()));
    assert_eq!(seen[2].0, "C:PINGREQ");
    let dissected = tape.dissect();
    assert_eq!(dissected.map(|view| view.bytes.to_vec())[1], packet);
}

#[test]
fn a_view_is_the_same_while_indexing_and_later() {
    let mut tape = Tape::new();
    let mut talk = tape.open(50_000);
    tape.client(&mut talk, CONNECT_5);
    tape.server(&mut talk, CONNACK_5);
    tape.client(&mut talk, &publish_with("al/ias", 1, 1, b"\x03\x23\0\x01", b"x"));
    tape.client(&mut talk, &publish_with("", 1, 2, b"\x03\x23\0\x01", b"y"));
    tape.server(&mut talk, &ack(0x40, 1));
    tape.client(&mut talk, &publish_with("", 0, 0, b"\x03\x23\0\x02", b"z"));
    let facts = |view: &mqscope_dissect::PacketView<'_>| {
        let ports = view.headers().and_then(|headers| headers.tcp()).map(|tcp| tcp.source_port);
        let links = (view.request, view.began, view.row.definition);
        (describe(view), view.frame(), view.time(), view.bytes.to_vec(), links, ports)
    };
    let mut seen = Vec::new();
    tape.watch(|view| seen.push(facts(view)));
    assert_eq!(seen, tape.dissect().map(facts));
    assert_eq!(seen[3].0, "C:PUBLISH al/ias");
    assert_eq!(seen[5].0, "C:PUBLISH !MQTT-3.3.2.3.4");
    assert_eq!(seen[5].5, Some(50_000));
}

#[test]
fn aliases_are_those_of_their_own_direction() {
    let mut tape = Tape::new();
    let mut talk = tape.open(50_000);
    tape.client(&mut talk, CONNECT_5);
    tape.server(&mut talk, CONNACK_5);
    tape.client(&mut talk, &publish_with("up", 0, 0, b"\x03\x23\0\x01", b""));
    tape.server(&mut talk, &publish_with("down", 0, 0, b"\x03\x23\0\x01", b""));
    tape.client(&mut talk, &publish_with("", 0, 0, b"\x03\x23\0\x01", b""));
    tape.server(&mut talk, &publish_with("", 0, 0, b"\x03\x23\0\x01", b""));
    tape.client(&mut talk, &publish_with("again", 0, 0, b"\x03\x23\0\x01", b""));
    tape.client(&mut talk, &publish_with("", 0, 0, b"\x03\x23\0\x01", b""));
    let dissected = tape.dissect();
    let topics = [
        "C:PUBLISH up",
        "S:PUBLISH down",
        "C:PUBLISH up",
        "S:PUBLISH down",
        "C:PUBLISH again",
        "C:PUBLISH again",
    ];
    assert_eq!(dissected.packets()[2..], topics);
    assert_eq!(dissected.snapshot.row(RowId(7)).unwrap().definition, Some(RowId(6)));
}

#[test]
fn an_assigned_client_identifier_names_the_session() {
    let mut tape = Tape::new();
    let mut talk = tape.open(50_000);
    tape.client(&mut talk, b"\x10\x0d\0\x04MQTT\x05\x02\0\x3c\0\0\0");
    tape.server(&mut talk, b"\x20\x0a\0\0\x07\x12\0\x04auto");
    assert_eq!(tape.dissect().snapshot.flow(0).unwrap().client_id(), Some(&b"auto"[..]));
}

#[test]
fn rows_are_found_beyond_one_chunk() {
    let mut tape = Tape::new();
    let mut talk = tape.open(50_000);
    tape.client(&mut talk, CONNECT);
    for number in 0..20_000_u32 {
        tape.client(&mut talk, &publish("n", 0, 0, &number.to_be_bytes()));
    }
    let dissected = tape.dissect();
    assert_eq!(dissected.snapshot.len(), 20_001);
    let payloads = dissected.map(|packet| packet.bytes.to_vec());
    for (number, payload) in (0..20_000_u32).zip(&payloads[1..]) {
        assert!(payload.ends_with(&number.to_be_bytes()));
    }
    assert!(dissected.snapshot.rows().all(|row| !row.flags.contains(RowFlags::ERROR)));
    assert_eq!(dissected.snapshot.rows().len(), 20_001);
    assert!(dissected.snapshot.row(RowId(20_001)).is_none());
}
