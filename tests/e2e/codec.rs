//! `decode` and `encode`: bytes to packets and back.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::captures::shipped;
use crate::program::{run, run_with};

const PUBLISH: &str = "300a00047465737474657374";

#[test]
fn the_example_is_annotated_as_in_the_documents() {
    let expected = "Buffer.from([\n  48, 10, // Header (publish)\n  0, 4, // Topic length\n  116, 101, 115, 116, // Topic (test)\n  \
                    116, 101, 115, 116 // Payload (test)\n])\n";
    assert_eq!(run(["decode", PUBLISH, "--style", "buffer"]).expect(0).text(), expected);
}

#[test]
fn the_example_comes_back_from_its_object() {
    let object = run(["decode", PUBLISH, "-T", "json"]).expect(0);
    let expected = json!({"cmd": "publish", "retain": false, "qos": 0, "dup": false, "length": 10, "topic": "test", "payload": "test"});
    assert_eq!(object.json_lines(), [expected]);
    let hex = run(["encode", object.text()]).expect(0);
    assert_eq!(hex.text().split_whitespace().collect::<String>(), PUBLISH);
    assert_eq!(
        run_with(["encode", "-", "-T", "raw"], &object.out).expect(0).out,
        *b"\x30\x0a\x00\x04testtest"
    );
}

#[test]
fn bytes_may_be_written_as_common_dumps_write_them() {
    let expected = run(["decode", PUBLISH, "-T", "json"]).expect(0).out;
    for hex in [
        "30 0a 00 04 74 65 73 74 74 65 73 74",
        "0x30, 0x0a, 0x00, 0x04, 0x74, 0x65, 0x73, 0x74, 0x74, 0x65, 0x73, 0x74",
        r"\x30\x0a\x00\x04\x74\x65\x73\x74\x74\x65\x73\x74",
        "0000  30 0a 00 04 74 65 73 74\n0008  74 65 73 74\n",
    ] {
        assert_eq!(run_with(["decode", "-T", "json", "-"], hex.as_bytes()).expect(0).out, expected, "{hex}");
    }
    let raw = run_with(["decode", "--raw", "-T", "json", "-"], b"\x30\x0a\x00\x04testtest").expect(0);
    assert_eq!(raw.out, expected);
}

#[test]
fn a_packet_cut_short_shows_its_good_beginning_and_where_it_ends() {
    let said = run(["decode", "100c00044d51545404020 0".replace(' ', "").as_str()]).expect(1);
    assert!(said.text().contains("MQTT"), "{}", said.text());
    let all = format!("{}{}", said.text(), said.err);
    assert!(all.contains("Keep Alive"), "{all}");
    assert!(all.contains("need 2, have 1"), "{all}");
}

#[test]
fn a_broken_rule_is_named_and_fails() {
    // QoS 3.
    let said = run(["decode", "3608000474657374000178"]).expect(1);
    let all = format!("{}{}", said.text(), said.err);
    assert!(all.contains("MQTT-3.3.1-4"), "{all}");
}

#[test]
fn lines_are_cases_of_their_own() {
    let cases = format!("{PUBLISH}\nc000d000\n1000\n");
    let said = run_with(["decode", "--lines", "-"], cases.as_bytes());
    let lines = said.json_lines();
    let commands = |line: &Value| -> Vec<String> {
        let packets = line["packets"].as_array().unwrap();
        packets.iter().map(|packet| packet["cmd"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(lines.len(), 3, "{}", said.text());
    assert_eq!(commands(&lines[0]), ["publish"]);
    assert_eq!(commands(&lines[1]), ["pingreq", "pingresp"]);
    assert!(lines[0]["error"].is_null() && lines[1]["error"].is_null());
    assert!(!lines[2]["error"].is_null());
    assert_eq!(said.code, Some(1));
}

/// All that real clients and brokers said: what `dump` prints, `encode` takes, and its bytes say the same again.
#[test]
fn every_captured_packet_survives_the_way_through_json_and_bytes() {
    let mut packets = 0;
    for capture in shipped() {
        if capture.ends_with("malformed.pcap") {
            continue;
        }
        let arguments = ["dump", "-T", "json", "--show-secrets", "-r", capture.to_str().unwrap()];
        let mut versions: BTreeMap<u64, String> = BTreeMap::new();
        let mut streams: BTreeMap<(u64, String), Vec<Value>> = BTreeMap::new();
        for line in run(arguments).expect(0).json_lines() {
            if !line["error"].is_null() {
                continue;
            }
            let stream = line["stream"].as_u64().unwrap();
            if let Some(version) = line["packet"]["protocolVersion"].as_u64() {
                versions.insert(stream, version.to_string());
            }
            let from = line["from"].as_str().unwrap().to_owned();
            streams.entry((stream, from)).or_default().push(line["packet"].clone());
        }
        for ((stream, from), told) in streams {
            // Of streams whose CONNECT is missing, one is MQTT 5.
            let other = if capture.ends_with("midstream.pcap") { "5" } else { "4" };
            let version = versions.get(&stream).map_or(other, String::as_str);
            let objects = Value::from(told.clone()).to_string();
            let options = ["-T", "raw", "--protocol-version", version, "-"];
            let bytes = run_with(["encode"].into_iter().chain(options), objects.as_bytes()).expect(0).out;
            let options = ["--raw", "-T", "json", "--show-secrets", "--protocol-version", version, "-"];
            let mut again = run_with(["decode"].into_iter().chain(options), &bytes).expect(0).json_lines();
            // Some leave a reason code of 0 on the wire where it may be left out.
            let mut told = told;
            for packet in again.iter_mut().chain(&mut told) {
                packet["length"].take();
            }
            assert_eq!(again, told, "{} stream {stream} from {from}", capture.display());
            packets += told.len();
        }
    }
    assert!(packets > 700, "only {packets} packets made the way");
}
