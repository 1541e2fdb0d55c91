//! The JSON shape, held against what mqtt-packet itself generates and parses.
#![cfg(feature = "serde")]

use mqscope_wire::json::{Json, Object, Secrets};
use mqscope_wire::{PacketType, Strict, Version, decode, encode, frame};
use serde_json::{Value, json};

const VECTORS: &str = include_str!("vectors.jsonl");

fn from_hex(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

fn to_json(bytes: &[u8], version: Version, secrets: Secrets) -> String {
    let frame = frame::next(bytes).unwrap().unwrap();
    let packet = decode(bytes, version, &mut Strict).unwrap();
    serde_json::to_string(&Json::new(&packet, version, frame).secrets(secrets)).unwrap()
}

fn from_json(text: &str, version: Version) -> Result<Vec<u8>, String> {
    let object: Object = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let packet = object.packet(version).map_err(|error| error.to_string())?;
    let mut bytes = Vec::new();
    encode(&packet, version, &mut bytes).map_err(|error| error.to_string())?;
    Ok(bytes)
}

struct Vector {
    version: Version,
    bytes: Vec<u8>,
    /// As text: the order of its keys is the order of the properties.
    object: &'static str,
}

fn vectors() -> impl Iterator<Item = Vector> {
    VECTORS.lines().map(|line| {
        let (_, object) = line.strip_suffix('}').unwrap().split_once(r#","object":"#).unwrap();
        let line: Value = serde_json::from_str(line).unwrap();
        let version = Version::from_level(line["version"].as_u64().unwrap() as u8).unwrap();
        Vector { version, bytes: from_hex(line["hex"].as_str().unwrap()), object }
    })
}

#[test]
fn the_vectors_have_every_packet_type_in_every_version() {
    for kind in PacketType::ALL.into_iter().skip(1) {
        for version in [Version::V31, Version::V311, Version::V5] {
            let there = vectors().any(|vector| {
                PacketType::from_first_byte(vector.bytes[0]) == kind && vector.version == version
            });
            assert_eq!(there, kind != PacketType::Auth || version == Version::V5, "{kind} {version}");
        }
    }
}

#[test]
fn a_packet_prints_as_mqtt_packets_object() {
    for Vector { version, bytes, object } in vectors() {
        let printed = to_json(&bytes, version, Secrets::Shown);
        assert_eq!(
            serde_json::from_str::<Value>(&printed).unwrap(),
            serde_json::from_str::<Value>(object).unwrap()
        );
    }
}

#[test]
fn mqtt_packets_object_encodes_to_its_bytes() {
    for Vector { version, bytes, object } in vectors() {
        let encoded = from_json(object, version).unwrap();
        // mqtt-packet spells out what ends a 5.0 DISCONNECT even where nothing is said.
        let expected = if bytes == [0xe0, 2, 0, 0] { &[0xe0, 0] } else { &bytes[..] };
        assert_eq!(encoded, expected, "{object}");
    }
}

#[test]
fn what_is_printed_can_be_encoded() {
    for Vector { version, bytes, .. } in vectors() {
        let printed = to_json(&bytes, version, Secrets::Shown);
        let encoded = from_json(&printed, version).unwrap();
        assert_eq!(
            decode(&encoded, version, &mut Strict).unwrap(),
            decode(&bytes, version, &mut Strict).unwrap()
        );
    }
}

#[test]
fn secrets_are_redacted_unless_asked_for() {
    let bytes = b"\x10\x17\x00\x04MQTT\x04\xc2\x00\x3c\x00\x01a\x00\x01u\x00\x05pa$$!";
    assert!(to_json(bytes, Version::V311, Secrets::Shown).contains(r#""password":"pa$$!""#));
    assert!(to_json(bytes, Version::V311, Secrets::default()).contains(r#""password":"(redacted)""#));
    let bytes = b"\xf0\x0b\x18\x09\x15\x00\x01x\x16\x00\x02hi";
    assert!(to_json(bytes, Version::V5, Secrets::Shown).contains(r#""authenticationData":"hi""#));
    assert!(to_json(bytes, Version::V5, Secrets::Redacted).contains(r#""authenticationData":"(redacted)""#));
}

#[test]
fn many_user_properties_keep_their_order_and_repeated_names_become_arrays() {
    let pairs: Vec<_> = (0..40).map(|index| (format!("k{}", index % 30), format!("v{index}"))).collect();
    let mut properties = mqscope_wire::PropertiesBuf::new();
    for (name, value) in &pairs {
        let property = mqscope_wire::Property::UserProperty(name.as_str().into(), value.as_str().into());
        properties.push(property).unwrap();
    }
    let packet = mqscope_wire::Packet::Disconnect(mqscope_wire::Disconnect {
        properties: properties.as_properties(),
        ..Default::default()
    });
    let mut bytes = Vec::new();
    encode(&packet, Version::V5, &mut bytes).unwrap();
    let text = to_json(&bytes, Version::V5, Secrets::Shown);
    assert!(text.contains(r#""k9":["v9","v39"],"k10":"v10","k11":"v11""#), "{text}");
}

#[test]
fn a_buffer_is_taken_in_all_its_forms() {
    let expected = from_json(r#"{"cmd":"publish","topic":"t","payload":"hi"}"#, Version::V311);
    for payload in [json!({"base64": "aGk="}), json!({"type": "Buffer", "data": [104, 105]})] {
        let object = json!({"cmd": "publish", "topic": "t", "payload": payload});
        assert_eq!(from_json(&object.to_string(), Version::V311), expected);
    }
    assert_eq!(expected.unwrap(), b"\x30\x05\x00\x01thi");
}

#[test]
fn what_an_object_lacks_or_has_too_much_is_named() {
    for (object, message) in [
        (json!({"cmd": "publish"}), "`topic` is missing in a publish"),
        (json!({"cmd": "publish", "topic": "t", "qos": 1}), "`messageId` is missing in a publish"),
        (json!({"cmd": "publish", "topic": "t", "qos": 3}), "invalid `qos`, expected 0, 1 or 2"),
        (json!({"cmd": "pingreq", "topic": "t"}), "`topic` has no place in a pingreq"),
        (json!({"cmd": "puback", "messageId": 0}), "invalid `messageId`, expected 1 to 65535"),
        (json!({"cmd": "connect", "protocolVersion": 6}), "invalid `protocolVersion`, expected 3, 4 or 5"),
        (json!({"cmd": "publsh"}), "unknown variant `publsh`, expected one of `connect`,"),
        (json!({"cmd": "pingreq", "qoss": 1}), "unknown field `qoss`"),
        (
            json!({"cmd": "publish", "topic": "t", "properties": {"topicAlais": 1}}),
            "unknown field `topicAlais`, expected one of `payloadFormatIndicator`",
        ),
        (
            json!({"cmd": "publish", "topic": "t", "properties": {"topicAlias": 70000}}),
            "invalid value: integer `70000`, expected u16",
        ),
        (
            json!({"cmd": "publish", "topic": "t", "properties": {"topicAlias": "7"}}),
            "invalid type: string \"7\", expected u16",
        ),
        (json!({"cmd": "publish", "topic": "t", "payload": {"base64": "!"}}), "invalid base64"),
    ] {
        let error = from_json(&object.to_string(), Version::V5).unwrap_err();
        assert!(error.starts_with(message), "{error}");
    }
}

#[test]
fn what_only_five_has_is_left_out_before_it() {
    let object = json!({
        "cmd": "subscribe",
        "messageId": 1,
        "subscriptions": [{"topic": "a", "qos": 1, "nl": true, "rap": true, "rh": 1}],
        "properties": {"subscriptionIdentifier": 1},
    });
    assert_eq!(from_json(&object.to_string(), Version::V311).unwrap(), b"\x82\x06\x00\x01\x00\x01a\x01");
}
