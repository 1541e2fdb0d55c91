//! What single packets decode to and encode as.

use mqscope_wire::{
    DecodeError, ErrorKind, Field, Lenient, NoteKind, Notes, Packet, PacketType, QoS, ReasonCode, Strict,
    Version, Violation, decode, encode,
};

fn roundtrip(bytes: &[u8], version: Version) {
    let packet = decode(bytes, version, &mut Strict).unwrap();
    let mut out = Vec::new();
    encode(&packet, version, &mut out).unwrap();
    assert_eq!(out, bytes, "{packet:?}");
}

#[test]
fn the_documents_example_is_a_publish() {
    let bytes = b"\x30\x0a\x00\x04testtest";
    let Packet::Publish(publish) = decode(bytes, Version::V311, &mut Strict).unwrap() else { panic!() };
    assert_eq!(publish.topic, "test");
    assert_eq!(publish.payload, b"test");
    assert_eq!(publish.qos, QoS::AtMostOnce);
    roundtrip(bytes, Version::V311);
}

#[test]
fn a_truncated_keep_alive_says_what_it_needs() {
    let bytes = b"\x10\x09\x00\x04MQTT\x04\x02\x00";
    let error = decode(bytes, Version::V311, &mut Strict).unwrap_err();
    assert_eq!(error.to_string(), "packet truncated in Keep Alive at byte 10: need 2, have 1");
}

#[test]
fn puback_without_reason_code_means_success() {
    let packet = decode(b"\x40\x02\x00\x07", Version::V5, &mut Strict).unwrap();
    let Packet::PubAck(ack) = packet else { panic!() };
    assert_eq!((ack.packet_id.get(), ack.reason), (7, ReasonCode::SUCCESS));
}

#[test]
fn connect_brings_its_own_version() {
    for (bytes, version, bridge) in [
        (&b"\x10\x0f\x00\x06MQIsdp\x03\x02\x00\x3c\x00\x01a"[..], Version::V31, false),
        (b"\x10\x0f\x00\x06MQIsdp\x83\x02\x00\x3c\x00\x01a", Version::V31, true),
        (b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x3c\x00\x01a", Version::V311, false),
        (b"\x10\x0d\x00\x04MQTT\x84\x02\x00\x3c\x00\x01a", Version::V311, true),
        (b"\x10\x0e\x00\x04MQTT\x05\x02\x00\x3c\x00\x00\x01a", Version::V5, false),
    ] {
        let Packet::Connect(connect) = decode(bytes, Version::V311, &mut Strict).unwrap() else { panic!() };
        assert_eq!((connect.version, connect.bridge), (version, bridge));
        roundtrip(bytes, Version::V311);
    }
}

#[test]
fn a_will_and_credentials_come_back() {
    let mut bytes = b"\x10\x00\x00\x04MQTT\x05\xee\x00\x0a\x05\x11\x00\x00\x00\x05\x00\x02id".to_vec();
    bytes.extend(b"\x07\x18\x00\x00\x00\x09\x01\x01\x00\x01t\x00\x02hi\x00\x01u\x00\x01p");
    bytes[1] = bytes.len() as u8 - 2;
    let Packet::Connect(connect) = decode(&bytes, Version::V311, &mut Strict).unwrap() else { panic!() };
    let will = connect.will.unwrap();
    assert_eq!((will.topic.as_bytes(), will.payload, will.qos), (&b"t"[..], &b"hi"[..], QoS::AtLeastOnce));
    assert_eq!(will.properties.will_delay_interval(), Some(9));
    assert_eq!(connect.password, Some(&b"p"[..]));
    roundtrip(&bytes, Version::V5);
}

#[test]
fn strict_breaks_where_lenient_carries_on() {
    let bytes = b"\x36\x06\x00\x01a\x00\x00x";
    let error = decode(bytes, Version::V311, &mut Strict).unwrap_err();
    assert_eq!(
        error,
        DecodeError { kind: ErrorKind::Violation(Violation::QosReserved), field: Field::Qos, at: 0 }
    );
    let Packet::Publish(publish) = decode(bytes, Version::V311, &mut Lenient).unwrap() else { panic!() };
    assert_eq!((publish.qos, publish.packet_id.unwrap().get()), (QoS::Reserved, 0));
    let mut notes = Notes::new();
    decode(bytes, Version::V311, &mut notes).unwrap();
    let broken: Vec<_> = notes.violations().iter().map(|(violation, _)| *violation).collect();
    assert_eq!(broken, [Violation::QosReserved, Violation::PacketIdZero]);
}

#[test]
fn notes_say_where_every_field_stands() {
    let mut notes = Notes::new();
    decode(b"\x32\x0a\x00\x01a\x00\x01\x03\x23\x00\x02x", Version::V5, &mut notes).unwrap();
    let text: Vec<_> = notes
        .notes()
        .map(|note| {
            let (span, kind) = (note.span(), if note.kind() == NoteKind::Group { "+" } else { "" });
            format!(
                "{}{kind}{} {}..{}",
                " ".repeat(note.depth().into()),
                note.field(),
                span.start,
                span.end()
            )
        })
        .collect();
    assert_eq!(
        text,
        [
            "+Fixed Header 0..2",
            " Packet Type 0..1",
            " DUP 0..1",
            " QoS 0..1",
            " RETAIN 0..1",
            " Remaining Length 1..2",
            "Topic Length 2..4",
            "Topic 4..5",
            "Packet Identifier 5..7",
            "+Properties 7..11",
            " Property Length 7..8",
            " +Topic Alias 8..11",
            "  Property Identifier 8..9",
            "  Topic Alias 9..11",
            "Payload 11..12",
        ]
    );
}

#[test]
fn every_packet_type_comes_back() {
    for (bytes, version) in [
        (&b"\x20\x02\x01\x00"[..], Version::V311),
        (b"\x20\x02\x00\x05", Version::V31),
        (b"\x20\x06\x00\x87\x03\x13\x00\x0a", Version::V5),
        (b"\x40\x02\x00\x01", Version::V311),
        (b"\x50\x04\x00\x01\x10\x00", Version::V5),
        (b"\x62\x02\x00\x01", Version::V311),
        (b"\x70\x09\x00\x01\x92\x05\x1f\x00\x02no", Version::V5),
        (b"\x82\x0c\x00\x0a\x00\x03a/b\x01\x00\x01#\x02", Version::V311),
        (b"\x82\x09\x00\x0a\x02\x0b\x07\x00\x01a\x2d", Version::V5),
        (b"\x90\x05\x00\x0a\x00\x01\x80", Version::V311),
        (b"\x90\x04\x00\x0a\x00\x87", Version::V5),
        (b"\xa2\x05\x00\x0b\x00\x01a", Version::V311),
        (b"\xa2\x06\x00\x0b\x00\x00\x01a", Version::V5),
        (b"\xb0\x02\x00\x0b", Version::V311),
        (b"\xb0\x04\x00\x0b\x00\x11", Version::V5),
        (b"\xc0\x00", Version::V31),
        (b"\xd0\x00", Version::V5),
        (b"\xe0\x00", Version::V311),
        (b"\xe0\x02\x8e\x00", Version::V5),
        (b"\xf0\x06\x18\x04\x15\x00\x01x", Version::V5),
    ] {
        roundtrip(bytes, version);
    }
}

#[test]
fn reason_codes_have_the_packets_own_names() {
    let code = ReasonCode(0);
    assert_eq!(code.name(PacketType::SubAck, Version::V5), "Granted QoS 0");
    assert_eq!(code.name(PacketType::Disconnect, Version::V5), "Normal disconnection");
    assert_eq!(ReasonCode(5).name(PacketType::ConnAck, Version::V311), "Connection Refused, not authorized");
    assert_eq!(ReasonCode(5).name(PacketType::ConnAck, Version::V5), "Unknown");
}
