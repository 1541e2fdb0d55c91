//! Packets on paper.

use mqscope_dissect::annotate::Secrets;
use mqscope_dissect::escape::is_unsafe;
use mqscope_dissect::fields::{FieldId, FieldKind, FieldValue, values};
use mqscope_dissect::filter::Filter;
use mqscope_dissect::print::fields::{RowPer, Table, TableStyle};
use mqscope_dissect::print::hex::{Clauses, HexPrinter, HexStyle, Layout, Shown};
use mqscope_dissect::print::json::JsonLines;
use mqscope_dissect::print::text::{TextLines, TextStyle};
use mqscope_dissect::{PacketView, RowFlags};
use mqscope_wire::{Version, frame, json::Json};

use crate::tape::*;

/// A bit of everything: secrets, properties, aliases, a will, broken rules, malformed bytes, terminal escapes.
fn tape() -> Tape {
    let mut tape = Tape::new();
    let mut old = tape.open(50_000);
    tape.client(
        &mut old,
        b"\x10\x33\0\x04MQTT\x04\xee\0\x3c\0\x0dGID_A@@@dev-1\0\x04will\0\x04gone\0\x04user\0\x06secret",
    );
    tape.server(&mut old, b"\x20\x02\x01\0");
    tape.client(&mut old, b"\x82\x0e\0\x01\0\x03a/+\x01\0\x03b/#\x02");
    tape.server(&mut old, b"\x90\x04\0\x01\x01\x80");
    tape.client(&mut old, &[publish("a/b", 1, 2, b"{\"t\":20.5}"), PINGREQ.to_vec()].concat());
    tape.server(&mut old, &[PINGRESP.to_vec(), ack(0x40, 2)].concat());
    tape.client(&mut old, &publish("esc\u{1b}[31m\u{202e}", 0, 0, b"\x1b]0;owned\x07"));
    tape.client(&mut old, &publish("bytes", 0, 0, &[0xff; 100]));
    tape.client(&mut old, &publish("wild/#", 0, 0, b""));
    tape.client(&mut old, b"\x30\x05\0\x10abc");
    tape.client(&mut old, &ack(0x40, 99));

    let mut new = tape.open(50_001);
    tape.client(
        &mut new,
        b"\x10\x2a\0\x04MQTT\x05\x02\0\x1e\x19\x11\0\0\x0e\x10\x22\0\x05\x15\0\x05SCRAM\x16\0\x06hidden\0\x04new1",
    );
    tape.server(&mut new, CONNACK_5);
    let properties = b"\x1e\x23\0\x01\x01\x01\x03\0\x09text/json\x26\0\x03key\0\x05value";
    tape.client(&mut new, &publish_with("al/ias", 0, 0, properties, b"1"));
    tape.client(&mut new, &publish_with("", 2, 7, b"\x03\x23\0\x01", b"2"));
    tape.server(&mut new, b"\x50\x04\0\x07\x10\0");
    tape.client(&mut new, b"\xe0\x02\x04\0");
    tape
}

/// All packets, as one printer prints them.
fn printed(mut print: impl FnMut(&PacketView<'_>, &mut Vec<u8>)) -> String {
    let mut out = Vec::new();
    tape().watch(|packet| print(packet, &mut out));
    String::from_utf8(out).unwrap()
}

#[test]
fn a_line_of_text_has_the_facts_that_matter() {
    let mut lines = TextLines::new(TextStyle::default());
    insta::assert_snapshot!(printed(|packet, out| lines.push(packet, out)));
}

#[test]
fn a_line_of_text_ends_where_the_terminal_does() {
    let mut lines = TextLines::new(TextStyle { width: Some(60), ..TextStyle::default() });
    let text = printed(|packet, out| lines.push(packet, out));
    assert!(text.lines().all(|line| line.chars().count() <= 60), "{text}");
}

#[test]
fn annotated_bytes_have_one_line_a_field() {
    let mut printer = HexPrinter::new(HexStyle::default());
    insta::assert_snapshot!(printed(|packet, out| printer.view(packet, out)));
}

#[test]
fn annotated_bytes_name_the_clause_if_asked_to() {
    let style = HexStyle { clauses: Clauses::Shown, bytes: Shown::All, ..HexStyle::default() };
    let mut out = Vec::new();
    let _ = HexPrinter::new(style).packet(&publish("a/#", 1, 1, &[7; 70]), Version::V311, &mut out);
    insta::assert_snapshot!(String::from_utf8(out).unwrap());
}

#[test]
fn the_example_of_mqtt_packet_is_printed_as_in_its_documents() {
    let style = HexStyle { layout: Layout::Buffer, ..HexStyle::default() };
    let mut out = String::new();
    HexPrinter::new(style).packet(b"\x30\x0a\x00\x04testtest", Version::V311, &mut out).unwrap();
    assert_eq!(
        out,
        "Buffer.from([\n  48, 10, // Header (publish)\n  0, 4, // Topic length\n  116, 101, 115, 116, // Topic (test)\n  \
         116, 101, 115, 116 // Payload (test)\n])\n"
    );
}

#[test]
fn a_buffer_has_all_bytes_of_the_packet() {
    let style = HexStyle { layout: Layout::Buffer, secrets: Secrets::Shown, ..HexStyle::default() };
    tape().watch(|packet| {
        let mut out = String::new();
        let _ = HexPrinter::new(style).packet(packet.bytes, packet.version(), &mut out);
        let numbers = out.lines().filter_map(|line| line.strip_prefix("  ")?.split("//").next());
        let bytes: Vec<u8> = numbers
            .flat_map(|line| line.split(','))
            .filter_map(|number| number.trim().parse().ok())
            .collect();
        assert_eq!(bytes, packet.bytes, "{out}");
    });
}

#[test]
fn json_lines_say_where_when_and_what() {
    let mut lines = JsonLines::new(Secrets::Redacted);
    insta::assert_snapshot!(printed(|packet, out| lines.push(out, packet)));
}

#[test]
fn the_packet_of_a_json_line_is_the_one_that_encode_takes() {
    let mut lines = JsonLines::new(Secrets::Shown);
    tape().watch(|packet| {
        let mut out = Vec::new();
        lines.push(&mut out, packet);
        let line: serde_json::Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(line["error"].is_null(), packet.error().is_none());
        assert_eq!(line["violations"].is_null(), !packet.row.flags.contains(RowFlags::VIOLATION));
        if let Some(decoded) = packet.packet() {
            let frame = frame::next(packet.bytes).unwrap().unwrap();
            let json = Json::new(decoded, packet.version(), frame).secrets(Secrets::Shown);
            assert_eq!(line["packet"], serde_json::to_value(json).unwrap());
        }
    });
}

fn fields(names: &[&str]) -> Vec<FieldId> {
    names.iter().map(|name| FieldId::by_name(name).unwrap()).collect()
}

fn table(names: &[&str], style: TableStyle) -> String {
    let mut table = Table::new(fields(names), style, Secrets::Redacted);
    let mut out = Vec::new();
    table.begin(&mut out);
    tape().watch(|packet| table.push(&mut out, packet));
    table.end(&mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn a_table_has_a_row_for_each_packet() {
    let style = TableStyle { header: true, separator: ';', ..TableStyle::default() };
    let names = [
        "frame.number",
        "tcp.srcport",
        "mqtt.msgtype",
        "mqtt.hdrflags",
        "mqtt.topic",
        "mqtt.msgid",
        "mqtt.passwd",
        "mqtt.msg",
        "mqtt.msg_decoded_as",
        "mqtt.client_id",
        "mqtt.client_group",
        "mqtt.property.user_property",
        "mqtt.time",
        "mqtt.violation",
    ];
    insta::assert_snapshot!(table(&names, style));
}

#[test]
fn a_table_per_frame_has_the_values_of_all_its_packets() {
    let style = TableStyle { row: RowPer::Frame, quote: Some('"'), ..TableStyle::default() };
    let rows = table(&["frame.number", "ip.src", "mqtt.msgtype", "mqtt.topic"], style);
    assert!(rows.contains("\"8\"\t\"10.0.0.2\"\t\"3,12\"\t\"a/b\"\n"), "{rows}");
    assert!(rows.contains("\"9\"\t\"10.0.0.1\"\t\"13,4\"\t\n"), "{rows}");
}

#[test]
fn a_payload_is_named_for_what_it_seems_to_be() {
    let payloads: [&[u8]; 6] =
        [b"{\"t\":20.5}", b"on", b"", &[0xa1, 0x61, b't', 0x15], &[0x28, 0xb5, 0x2f, 0xfd, 0, 0], &[0xff; 3]];
    let mut tape = Tape::new();
    let mut talk = tape.open(50_000);
    tape.client(&mut talk, CONNECT);
    for payload in payloads {
        tape.client(&mut talk, &publish("a", 0, 0, payload));
    }
    let field = FieldId::by_name("mqtt.msg_decoded_as").unwrap();
    let json = Filter::parse("mqtt.msg_decoded_as == \"json\"").unwrap();
    let (mut names, mut matches) = (Vec::new(), Vec::new());
    tape.watch(|packet| {
        names.push(String::new());
        matches.push(json.matches(packet));
        values(field, packet, &mut |value| match value {
            FieldValue::Text(name) => names.last_mut().unwrap().push_str(str::from_utf8(name).unwrap()),
            other => panic!("{other:?}"),
        });
    });
    assert_eq!(names, ["", "json", "text", "", "cbor", "zstd", "binary"]);
    assert_eq!(matches, [false, true, false, false, false, false, false]);
}

#[test]
fn every_field_gives_values_of_its_own_kind() {
    let mut seen = std::collections::BTreeSet::new();
    tape().watch(|packet| {
        for field in FieldId::all() {
            values(field, packet, &mut |value| {
                let kind = field.kind();
                let fits = match value {
                    FieldValue::Unsigned(number) => match kind {
                        FieldKind::Unsigned(bits) => bits == 64 || number >> bits == 0,
                        FieldKind::FrameNumber => true,
                        _ => false,
                    },
                    FieldValue::Boolean(_) => kind == FieldKind::Boolean,
                    FieldValue::Text(_) => kind == FieldKind::Text,
                    FieldValue::Bytes(_) => kind == FieldKind::Bytes,
                    FieldValue::Ether(_) => kind == FieldKind::Ether,
                    FieldValue::Ipv4(_) => kind == FieldKind::Ipv4,
                    FieldValue::Ipv6(_) => kind == FieldKind::Ipv6,
                    FieldValue::Time(_) => kind == FieldKind::Time,
                    FieldValue::Duration(_) => kind == FieldKind::Duration,
                    FieldValue::Presence => kind == FieldKind::Presence,
                };
                assert!(fits, "{} is {kind:?} and gave {value:?}", field.name());
                seen.insert(field.name());
            });
        }
    });
    for name in ["mqtt.suback.qos", "mqtt.pubrec.reason_code", "mqtt.prop_key", "mqtt.willmsg", "mqtt.p2p"] {
        assert_eq!(seen.contains(name), name != "mqtt.p2p", "{name}");
    }
}

#[test]
fn secrets_are_in_none_of_the_forms() {
    let mut text = TextLines::new(TextStyle::default());
    let mut hex = HexPrinter::new(HexStyle::default());
    let mut buffer = HexPrinter::new(HexStyle { layout: Layout::Buffer, ..HexStyle::default() });
    let mut json = JsonLines::new(Secrets::Redacted);
    let names = ["mqtt.passwd", "mqtt.prop_string", "mqtt.property.authentication_data"];
    let forms = [
        printed(|packet, out| text.push(packet, out)),
        printed(|packet, out| hex.view(packet, out)),
        printed(|packet, out| buffer.view(packet, out)),
        printed(|packet, out| json.push(out, packet)),
        table(&names, TableStyle::default()),
    ];
    for form in forms {
        for secret in
            ["secret", "73 65 63 72", "115, 101, 99, 114", "736563", "hidden", "68 69 64 64", "104, 105, 100"]
        {
            assert!(!form.contains(secret), "{secret} in {form}");
        }
        assert!(form.contains("(redacted)"), "{form}");
    }
}

#[test]
fn nothing_from_the_wire_steers_a_terminal() {
    let mut text = TextLines::new(TextStyle::default());
    let mut hex = HexPrinter::new(HexStyle::default());
    let mut json = JsonLines::new(Secrets::Redacted);
    let forms = [
        printed(|packet, out| text.push(packet, out)),
        printed(|packet, out| hex.view(packet, out)),
        printed(|packet, out| json.push(out, packet)),
        table(&["mqtt.topic", "mqtt.msg_text"], TableStyle { separator: ' ', ..TableStyle::default() }),
    ];
    for form in forms {
        assert!(form.contains("31m"), "{form}");
        assert!(!form.chars().any(|c| is_unsafe(c) && c != '\n'), "{form}");
    }
}
