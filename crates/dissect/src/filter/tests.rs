//! Filters and what they say of packets, and what is said of wrong filters. The packets here are mere lists of field
//! values; `tests/filters.rs` asks about real ones.

mod errors;
mod functions;

use std::net::{Ipv4Addr, Ipv6Addr};

use super::catalogue::{self, Field};
use super::eval::Source;
use super::value::{Constant, Value};
use super::{Filter, FilterError};

#[derive(Default)]
struct Packet {
    fields: Vec<(&'static str, Option<Constant>)>,
    payload: Option<&'static [u8]>,
}

impl Source for Packet {
    fn values(&self, field: Field, each: &mut dyn FnMut(Value<'_>)) {
        for (name, value) in &self.fields {
            assert!(catalogue::find(name).is_some(), "{name}");
            if *name == field.name() {
                each(value.as_ref().map_or(Value::Present, Constant::value));
            }
        }
    }

    fn topics(&self, each: &mut dyn FnMut(&[u8])) {
        let topic = self.fields.iter().find(|(name, _)| *name == "mqtt.topic");
        if let Some((_, Some(Constant::Text(text)))) = topic {
            each(text);
        }
    }

    fn payloads(&self, each: &mut dyn FnMut(&[u8])) {
        self.payload.into_iter().for_each(each);
    }
}

fn number(number: u64) -> Option<Constant> {
    Some(Constant::Number(number.into()))
}

fn text(text: &str) -> Option<Constant> {
    Some(Constant::Text(text.as_bytes().into()))
}

fn boolean(boolean: bool) -> Option<Constant> {
    Some(Constant::Boolean(boolean))
}

fn bytes(bytes: &[u8]) -> Option<Constant> {
    Some(Constant::Bytes(bytes.into()))
}

/// A PUBLISH of QoS 1, not retained, packet identifier 7, on a v5 connection from 10.0.0.1:50000 to port 1883.
fn publish() -> Packet {
    Packet {
        fields: vec![
            ("frame.time", Some(Constant::Time(1_767_323_045_500_000_000))),
            ("frame.time_delta", Some(Constant::Duration(250_000_000))),
            ("eth.addr", bytes(&[2, 0, 0, 0, 0, 1])),
            ("ip.addr", Some(Constant::Ipv4(Ipv4Addr::new(10, 0, 0, 1).into()))),
            ("ip.addr", Some(Constant::Ipv4(Ipv4Addr::new(192, 168, 0, 9).into()))),
            ("tcp.port", number(50_000)),
            ("tcp.port", number(1883)),
            ("mqtt", bytes(b"\x32\x35site")),
            ("mqtt.msgtype", number(3)),
            ("mqtt.qos", number(1)),
            ("mqtt.retain", boolean(false)),
            ("mqtt.msgid", number(7)),
            ("mqtt.len", number(53)),
            ("mqtt.topic", text("site/7/température")),
            (
                "mqtt.msg",
                bytes(br#"{"temp":21.5,"on":true,"unit":"C","tags":["a","b"],"n":null,"deep":{"x y":3}}"#),
            ),
            ("mqtt.properties", None),
        ],
        payload: Some(br#"{"temp":21.5,"on":true,"unit":"C","tags":["a","b"],"n":null,"deep":{"x y":3}}"#),
    }
}

/// A SUBSCRIBE of two filters over IPv6.
fn subscribe() -> Packet {
    Packet {
        fields: vec![
            ("ipv6.addr", Some(Constant::Ipv6("fe80::1".parse::<Ipv6Addr>().expect("an address").into()))),
            ("tcp.port", number(1883)),
            ("mqtt.msgtype", number(8)),
            ("mqtt.msgid", number(1)),
            ("mqtt.len", number(20)),
            ("mqtt.topic", text("a/#")),
            ("mqtt.topic", text("b/+/c")),
        ],
        payload: None,
    }
}

fn filter(text: &str) -> Filter {
    Filter::parse(text).unwrap_or_else(|error| panic!("{error}\n{}", error.picture(text)))
}

fn holds(packet: &Packet, filters: &[&str]) {
    for text in filters {
        assert!(filter(text).node.matches(packet), "should match: {text}");
    }
}

fn fails(packet: &Packet, filters: &[&str]) {
    for text in filters {
        assert!(!filter(text).node.matches(packet), "should not match: {text}");
    }
}

#[test]
fn a_field_by_itself_asks_for_its_presence() {
    holds(
        &publish(),
        &["", "  ", "mqtt", "mqtt.msgid", "mqtt.retain", ".mqtt.qos", "mqtt.properties", "ip.addr"],
    );
    fails(&publish(), &["ipv6.addr", "not mqtt.msgid", "!mqtt"]);
    fails(&subscribe(), &["mqtt.qos", "mqtt.properties"]);
}

#[test]
fn comparisons_compare() {
    holds(
        &publish(),
        &[
            "mqtt.msgid == 7",
            "mqtt.msgid eq 0x7",
            "mqtt.msgid == 07",
            "mqtt.msgid == 0b111",
            "mqtt.len == '5'",
            "mqtt.msgid != 8",
            "mqtt.msgid > 6",
            "mqtt.msgid >= 7",
            "mqtt.msgid < 8",
            "mqtt.msgid <= 7",
            "mqtt.msgid > -1",
            "7 == mqtt.msgid",
            "8 > mqtt.msgid",
            "1 < mqtt.msgid < 9",
            "mqtt.msgid < mqtt.len",
            "mqtt.qos < mqtt.msgid < mqtt.len",
            "mqtt.topic == \"site/7/température\"",
            "mqtt.topic > \"site\"",
            "mqtt.topic != a",
            "mqtt.retain == False",
            "mqtt.retain == 0",
            "mqtt.retain == false",
            "mqtt.retain == \"Not set\"",
            "mqtt.retain != True",
            "mqtt.msg[0] == 7b",
            "mqtt == 32:35:73:69:74:65",
            "mqtt == \"25site\"",
        ],
    );
    fails(
        &publish(),
        &[
            "mqtt.msgid == 8",
            "mqtt.msgid != 7",
            "mqtt.msgid > 7",
            "mqtt.msgid < 7",
            "1 < mqtt.msgid < 5",
            "mqtt.topic == site",
            "mqtt.topic == \"site/7/temperature\"",
            "mqtt.retain == 1",
            "mqtt.msgid == -7",
            "mqtt == 32",
        ],
    );
}

#[test]
fn a_comparison_with_an_absent_field_is_false() {
    fails(
        &subscribe(),
        &["mqtt.qos == 0", "mqtt.qos != 0", "mqtt.qos === 0", "mqtt.qos !== 0", "all mqtt.qos > 0"],
    );
    fails(
        &subscribe(),
        &["mqtt.qos in {0..3}", "mqtt.qos + 1 == 1", "len(mqtt.msg) >= 0", "count(mqtt.qos) >= 0"],
    );
    holds(&subscribe(), &["not mqtt.qos == 0", "mqtt.qos not in {0..3}"]);
}

#[test]
fn of_several_values_any_or_all_count() {
    holds(
        &publish(),
        &[
            "tcp.port == 1883",
            "tcp.port any_eq 1883",
            "tcp.port !== 1883",
            "tcp.port any_ne 1883",
            "any tcp.port != 1883",
            "tcp.port != 80",
            "tcp.port all_ne 80",
            "tcp.port > 49999",
            "all tcp.port > 1882",
            "all tcp.port in {1883, 50000}",
            "not all tcp.port in {1883}",
            "tcp.port == tcp.port",
        ],
    );
    fails(
        &publish(),
        &[
            "tcp.port != 1883",
            "tcp.port === 1883",
            "tcp.port all_eq 1883",
            "all tcp.port == 1883",
            "all tcp.port > 1883",
            "all tcp.port in {1883}",
            "tcp.port === tcp.port",
            "tcp.port !== 80 and tcp.port == 80",
        ],
    );
    holds(&subscribe(), &["all mqtt.topic contains \"/\"", "any mqtt.topic contains c"]);
    fails(&subscribe(), &["all mqtt.topic contains c", "all mqtt.topic matches \"^a\""]);
}

#[test]
fn logic_combines() {
    holds(
        &publish(),
        &[
            "mqtt.msgid == 7 and mqtt.qos == 1",
            "mqtt.msgid == 7 && !mqtt.qos == 2",
            "mqtt.msgid == 8 or mqtt.qos == 1",
            "mqtt.msgid == 7 or mqtt.qos == 1 and mqtt.msgid == 0",
            "mqtt.msgid == 7 xor mqtt.qos == 2",
            "mqtt.msgid == 7 ^^ mqtt.qos == 1 ^^ mqtt",
            "not (mqtt.msgid == 8)",
            "not not mqtt",
        ],
    );
    fails(
        &publish(),
        &[
            "(mqtt.msgid == 7 or mqtt.qos == 1) and mqtt.msgid == 0",
            "mqtt.msgid == 7 xor mqtt.qos == 1",
            "not mqtt.msgid == 7 or not mqtt",
        ],
    );
}

#[test]
fn contains_looks_for_a_part() {
    holds(
        &publish(),
        &[
            "mqtt.topic contains \"7/t\"",
            "mqtt.topic contains site",
            "mqtt.topic contains 7",
            "mqtt.msg contains \"temp\"",
            "mqtt.msg contains 22:3a",
            "mqtt contains \"site\"",
            "mqtt.topic contains mqtt.topic",
            "eth.addr contains 02:00",
            "upper(mqtt.topic) contains \"SITE\"",
        ],
    );
    fails(
        &publish(),
        &["mqtt.topic contains \"SITE\"", "mqtt.msg contains \"Temp\"", "mqtt.topic contains mqtt.msg"],
    );
}

#[test]
fn matches_ignores_case_unless_told_otherwise() {
    holds(
        &publish(),
        &[
            "mqtt.topic matches \"^SITE/\\\\d/\"",
            "mqtt.topic matches r\"^site/\\d/\"",
            "mqtt.topic ~ \"temp.rature$\"",
            "mqtt.topic ~ \"TEMPÉ\"",
            "mqtt.msg matches \"TEMP\"",
            "mqtt.msg matches r\"^\\x7b\"",
            "not mqtt.topic matches \"(?-i)SITE\"",
        ],
    );
    fails(&publish(), &["mqtt.topic matches \"^emp\"", "mqtt.topic matches \"(?-i)SITE\""]);
}

#[test]
fn sets_hold_values_and_ranges() {
    holds(
        &publish(),
        &[
            "mqtt.msgid in {7}",
            "mqtt.msgid in {1, 3..9}",
            "mqtt.msgid in { 7 .. 7 }",
            "mqtt.msgid not in {1, 2}",
            "mqtt.msgid !in {8..9}",
            "mqtt.topic in {\"a\", \"site/7/température\"}",
            "mqtt.topic in {\"a\" .. \"z\"}",
            "mqtt.msgtype in {\"Publish Message\", 1}",
            "ip.addr in {10.0.0.0/8}",
            "ip.addr in {9.0.0.0..10.0.0.1}",
            "mqtt.msgid in {mqtt.qos..mqtt.len}",
            "mqtt.msgid in {3 + 4}",
        ],
    );
    fails(&publish(), &["mqtt.msgid in {1, 9..10}", "mqtt.msgid in {9..1}", "mqtt.msgid not in {7}"]);
}

#[test]
fn value_names_stand_for_numbers() {
    holds(
        &publish(),
        &[
            "mqtt.msgtype == \"Publish Message\"",
            "mqtt.msgtype == \"publish message\"",
            "mqtt.msgtype == publish_message",
            "mqtt.msgtype > \"Connect Ack\"",
        ],
    );
    fails(&publish(), &["mqtt.msgtype == \"Connect Ack\""]);
}

#[test]
fn slices_cut_bytes_out() {
    holds(
        &publish(),
        &[
            "mqtt.topic[0:4] == \"site\"",
            "mqtt.topic[0:4] == 73:69:74:65",
            "mqtt.topic[:4] == 73697465",
            "mqtt.topic[0-3] == \"site\"",
            "mqtt.topic[0] == 's'",
            "mqtt.topic[0] == 0x73",
            "mqtt.topic[0] == 73",
            "mqtt.topic[-4:] == \"ture\"",
            "mqtt.topic[-4:2] == \"tu\"",
            "mqtt.topic[-4--3] == \"tu\"",
            "mqtt.topic[0,4,5] == \"s/7\"",
            "mqtt.topic[0:4][1:2] == \"it\"",
            "mqtt.topic[0:4] contains \"it\"",
            "mqtt.topic[0:4] matches \"IT\"",
            "mqtt.topic[0:4] in {\"site\"}",
            "mqtt.topic[0:4]",
            "ip.addr[0:2] == 0a:00",
            "eth.addr[5] == 01",
        ],
    );
    fails(
        &publish(),
        &[
            "mqtt.topic[100:2]",
            "mqtt.topic[4:100]",
            "mqtt.topic[-100:2]",
            "mqtt.topic[0,100]",
            "mqtt.topic[0:4] == \"Site\"",
        ],
    );
}

#[test]
fn arithmetic_computes() {
    holds(
        &publish(),
        &[
            "mqtt.msgid + 1 == 8",
            "1 + mqtt.msgid == 8",
            "mqtt.msgid - 8 == -1",
            "mqtt.msgid-7 == 0",
            "mqtt.len == 50 + 3",
            "mqtt.len % 10 == 3",
            "mqtt.len / 10 == 5",
            "{mqtt.len + 1} * 2 == 108",
            "mqtt.len + 1 * 2 == 55",
            "mqtt.len == mqtt.msgid * 7 + 4",
            "mqtt.len & 0xf == 5",
            "mqtt.len & 4",
            "-mqtt.msgid < 0",
            "mqtt.msgid & 1 + 2 == 3",
            "ip.addr & 255.0.0.0 == 10.0.0.0",
            "frame.time_delta * 2 == 0.5",
            "frame.time_delta + 1 > 1.2",
            "frame.time + 60 > \"2026-01-02 03:05:00 UTC\"",
            "frame.time - frame.time_delta < frame.time",
        ],
    );
    fails(
        &publish(),
        &[
            "mqtt.len & 2",
            "mqtt.msgid - 7",
            "mqtt.len / {mqtt.qos - 1} == 53",
            "mqtt.len % {mqtt.qos - 1} == 0",
        ],
    );
}

#[test]
fn addresses_know_networks() {
    holds(
        &publish(),
        &[
            "ip.addr == 10.0.0.1",
            "ip.addr == 10.0.0.0/8",
            "ip.addr == 10.9.9.9/8",
            "ip.addr == 0.0.0.0/0",
            "ip.addr != 11.0.0.0/8",
            "ip.addr > 192.168.0.0",
            "eth.addr == 02:00:00:00:00:01",
            "eth.addr == 02-00-00-00-00-01",
        ],
    );
    fails(&publish(), &["ip.addr == 11.0.0.0/8", "ip.addr != 10.0.0.1", "eth.addr == 02:00:00:00:00:02"]);
    holds(&subscribe(), &["ipv6.addr == fe80::1", "ipv6.addr == fe80::/10", "ipv6.addr != ::1"]);
    fails(&subscribe(), &["ipv6.addr == ::/96", "ip.addr"]);
}

#[test]
fn times_compare() {
    holds(
        &publish(),
        &[
            "frame.time == \"2026-01-02 03:04:05.5Z\"",
            "frame.time == 2026-01-02T03:04:05.5Z",
            "frame.time == 2026-01-02T04:04:05.5+01:00",
            "frame.time == \"Jan  2, 2026 03:04:05.500 UTC\"",
            "frame.time > \"2026-01-01\"",
            "frame.time_delta == 0.25",
            "frame.time_delta == 250ms",
            "frame.time_delta > 1e-1",
            "frame.time_delta > -1",
            "frame.time_delta in {0.2 .. 0.3}",
        ],
    );
    fails(&publish(), &["frame.time < \"2026-01-01\"", "frame.time_delta > 250ms"]);
}
