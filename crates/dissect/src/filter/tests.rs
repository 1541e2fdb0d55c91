//! Filters and what they say of packets, and what is said of wrong filters. The packets here are mere lists of field
//! values; `tests/filters.rs` asks about real ones.

use std::net::{Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;

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

#[test]
fn functions_compute() {
    holds(
        &publish(),
        &[
            "len(mqtt.topic) == 19",
            "len(mqtt.topic[0:4]) == 4",
            "count(tcp.port) == 2",
            "count(mqtt.properties) == 1",
            "upper(mqtt.topic) contains \"SITE/7/TEMPéRATURE\"",
            "lower(mqtt.topic) == mqtt.topic",
            "lower(\"SITE\") == mqtt.topic[0:4]",
            "max(tcp.port) == 50000",
            "min(tcp.port) == 1883",
            "min(mqtt.len, 3) == 3",
            "max(mqtt.qos, mqtt.msgid, 5) == 7",
            "max(ip.addr) == 192.168.0.9",
            "abs(mqtt.msgid - 10) == 3",
            "mqtt.msgid == abs(-7)",
            "string(mqtt.msgid) == \"7\"",
            "string(tcp.port) matches r\"^\\d{5}$\"",
            "string(ip.addr) matches r\"^10\\.\"",
            "string(mqtt.retain) == \"False\"",
        ],
    );
    fails(&publish(), &["len(mqtt.topic) == 18", "count(tcp.port) == 1", "max(tcp.port) == 1883"]);
}

#[test]
fn a_topic_filter_matches_as_a_broker_would() {
    holds(
        &publish(),
        &[
            "mqtt.topic_filter(\"site/+/température\")",
            "mqtt.topic_filter(\"#\")",
            "mqtt.topic_filter(\"site/#\") and mqtt.qos == 1",
            "mqtt.topic_filter(\"site/#\") == True",
            "not mqtt.topic_filter(\"site/+\")",
        ],
    );
    fails(&publish(), &["mqtt.topic_filter(\"+\")", "mqtt.topic_filter(\"site/8/#\")"]);
}

#[test]
fn json_payloads_are_looked_into() {
    holds(
        &publish(),
        &[
            "mqtt.json(\"$.temp\") > 20",
            "mqtt.json(\"$.temp\") == 21.5",
            "mqtt.json(\"$.temp\") in {20..22.5}",
            "mqtt.json(\"$.temp\") > -5",
            "mqtt.json(\"$.on\") == true",
            "mqtt.json(\"$.unit\") == \"C\"",
            "mqtt.json(\"$.unit\") == C",
            "mqtt.json(\"$.unit\") matches \"^c$\"",
            "mqtt.json(\"$.tags[1]\") == \"b\"",
            "mqtt.json(\"$.tags[*]\") == \"b\"",
            "count(mqtt.json(\"$.tags[*]\")) == 2",
            "mqtt.json(\"$.n\") == null",
            "mqtt.json(\"$.deep[\\\"x y\\\"]\") == 3",
            "mqtt.json(\"$.deep['x y']\") + 1 == 4",
            "mqtt.json(\"$.deep\")",
            "mqtt.json(\"$.unit\") != 5",
            "len(mqtt.json(\"$.unit\")) == 1",
            "mqtt.json(\"$.temp\") * 2 == 43",
            "mqtt.json(\"$.temp\") > mqtt.msgid",
            "mqtt.json(\"$\")",
        ],
    );
    fails(
        &publish(),
        &[
            "mqtt.json(\"$.temp\") > 22",
            "mqtt.json(\"$.humidity\")",
            "mqtt.json(\"$.unit\") > 5",
            "mqtt.json(\"$.deep\") == 3",
            "mqtt.json(\"$.n\")  == 0",
        ],
    );
    fails(&subscribe(), &["mqtt.json(\"$\")"]);
}

#[test]
fn a_packet_has_one_layer_of_each_protocol() {
    holds(&publish(), &["ip.addr#1 == 10.0.0.1", "ip.addr#[1-2]", "ip.addr#1"]);
    fails(&publish(), &["ip.addr#2 == 10.0.0.1", "ip.addr#[2-]", "ip.addr#2"]);
}

fn error(text: &str) -> FilterError {
    Filter::parse(text).map(|filter| filter.to_string()).expect_err(text)
}

#[test]
fn an_error_says_what_is_wrong_and_where() {
    for (text, start, end, part) in [
        (
            "mqtt.qos == \"a\"",
            12,
            15,
            "mqtt.qos is a number (UINT8); it cannot be compared with the text \"a\"",
        ),
        ("mqtt.topik == \"a\"", 0, 10, "there is no field mqtt.topik; did you mean mqtt.topic?"),
        ("mqtt and xyzzy.foo", 9, 18, "there is no field xyzzy.foo"),
        ("\"é\" == mqtt.topic and mqtt.topik", 22, 32, "did you mean mqtt.topic?"),
        ("mqtt.msgid == mqtt.lem", 14, 22, "there is no field mqtt.lem; did you mean mqtt.len?"),
        ("1", 0, 1, "1 is always the same"),
        ("\"a\"", 0, 3, "is always the same"),
        ("1 == 1", 0, 1, "is always the same"),
        ("mqtt.qos or 2 == 2", 12, 13, "is always the same"),
        ("mqtt.msgid == 1.5", 14, 17, "1.5 is not a whole number"),
        ("mqtt.msgid == x", 14, 15, "x is not a whole number"),
        ("mqtt.msgid == 65536", 14, 19, "65536 is too big for mqtt.msgid, at most 65535"),
        ("mqtt.qos in {1, 300}", 16, 19, "at most 255"),
        ("mqtt.msgtype == \"Publish Mesage\"", 16, 32, "did you mean Publish Message?"),
        ("mqtt.qos contains 1", 0, 8, "mqtt.qos is a number (UINT8); contains does not work on that"),
        ("mqtt.qos ~ \"1\"", 0, 8, "matches does not work on that"),
        ("mqtt.topic matches \"(\"", 19, 22, "not a regular expression: unclosed group"),
        ("mqtt.topic matches \"(?=x)\"", 19, 26, "look-around"),
        ("mqtt.properties == 1", 0, 15, "only its presence can be tested"),
        ("mqtt.properties contains 1", 0, 15, "contains does not work"),
        ("mqtt.qos[0] == 1", 0, 8, "mqtt.qos is a number (UINT8); it cannot be sliced"),
        ("mqtt.msg == xyz", 12, 15, "xyz is not bytes in hexadecimal"),
        ("ip.addr == 10.0.0", 11, 17, "10.0.0 is not an IPv4 address"),
        ("ip.addr == 10.0.0.0/33", 11, 22, "is not an IPv4 address"),
        ("ip.addr == fe80::1", 11, 18, "is not an IPv4 address"),
        ("ipv6.addr == 10.0.0.1", 13, 21, "is not an IPv6 address"),
        ("eth.addr == 02:00", 12, 17, "six bytes"),
        ("frame.time > \"x\"", 13, 16, "is not a time"),
        ("frame.time_delta > \"1 hour\"", 19, 27, "is not seconds"),
        ("mqtt.retain == yes", 15, 18, "yes is not True or False"),
        ("mqtt.topic == mqtt.len", 14, 22, "it cannot be compared with mqtt.len, a number (UINT64)"),
        ("ip.addr == mqtt.topic", 11, 21, "it cannot be compared with mqtt.topic, text (STRING)"),
        ("mqtt.topic + 1 == 2", 0, 10, "+ does not work on that"),
        ("mqtt.len + mqtt.topic == 2", 11, 21, "+ does not work on that"),
        ("mqtt.retain & 1", 0, 11, "& does not work on that"),
        ("-mqtt.topic == 1", 1, 11, "- does not work on that"),
        ("mqtt.len / 0 == 1", 11, 12, "divided by zero"),
        ("mqtt.len == 1 % 0", 16, 17, "divided by zero"),
        ("len(mqtt.topic)", 0, 15, "len() always has a value"),
        ("len mqtt.topic", 4, 14, "mqtt.topic was unexpected"),
        ("len == 3", 0, 3, "len() is a function"),
        ("len() == 1", 0, 5, "len() takes one value, not 0"),
        ("len(mqtt.topic, mqtt.msg) == 1", 0, 25, "not 2"),
        ("len(mqtt.qos) == 1", 4, 12, "len() takes text or bytes; mqtt.qos is a number"),
        ("lenn(mqtt.topic) == 1", 0, 4, "there is no function lenn(); did you mean len?"),
        ("count(1) == 1", 0, 8, "is always the same"),
        ("count(mqtt.topic[0]) == 1", 6, 19, "count() takes a field"),
        ("upper(mqtt.qos) == 1", 6, 14, "upper() takes text"),
        ("abs(mqtt.topic) == 1", 4, 14, "abs() takes a number"),
        ("string(mqtt.topic) == 1", 7, 17, "string() takes a number"),
        ("max(mqtt.qos, mqtt.topic) == 1", 14, 24, "values of one type"),
        ("max() == mqtt.qos", 0, 5, "one value or more"),
        ("mqtt.topic_filter(\"a/#/b\")", 18, 25, "# is the last level"),
        ("mqtt.topic_filter(a)", 18, 19, "a topic filter in quotes"),
        ("mqtt.topic_filter()", 0, 19, "one value"),
        ("mqtt.topic_filter == 1", 0, 17, "is a function"),
        ("mqtt.json(\"temp\") == 1", 10, 16, "it begins with $"),
        ("5#1 == 1", 0, 3, "is always the same"),
        ("mqtt.len == 18446744073709551616", 12, 32, "is too big for mqtt.len, at most 18446744073709551615"),
        (".mqtt.topik == 1", 0, 11, "there is no field mqtt.topik"),
        ("mqtt.topic == .mqtt.topik", 14, 25, "there is no field mqtt.topik"),
    ] {
        let error = error(text);
        let message = error.to_string();
        assert!(message.contains(part), "{text}: {message}");
        assert_eq!((error.span.start, error.span.end), (start, end), "{text}: {message}");
        assert_eq!(error.column(), start);
    }
}

#[test]
fn the_nearest_name_is_given_by_itself() {
    assert_eq!(error("mqtt.topik").nearest(), Some("mqtt.topic"));
    assert_eq!(error("mqtt.msgtype == \"Conect Ack\"").nearest(), Some("Connect Ack"));
    assert_eq!(error("lne(mqtt.topic) == 1").nearest(), Some("len"));
    assert_eq!(error("quux").nearest(), None);
    assert_eq!(error("mqtt.qos ==").nearest(), None);
}

#[test]
fn the_picture_points_at_the_characters() {
    assert_eq!(error("mqtt.topik == 1").picture("mqtt.topik == 1"), "mqtt.topik == 1\n^~~~~~~~~~");
    assert_eq!(error("mqtt ==").picture("mqtt =="), "mqtt ==\n       ^");
}

#[test]
fn a_misspelt_field_taken_as_text_is_warned_of() {
    let doubtful = filter("mqtt.topic == mqtt.topik");
    assert_eq!(doubtful.warnings()[0].span.start, 14);
    assert!(filter("mqtt.topic == \"mqtt.topik\"").warnings().is_empty());
    assert!(filter("mqtt.topic == a.b").warnings().is_empty());
}

#[test]
fn a_filter_tells_whether_it_asks_for_what_comes_later() {
    for text in
        ["mqtt.response_in", "mqtt.qos == 1 and not mqtt.response_in > 7", "abs(mqtt.response_in) in {1}"]
    {
        assert!(filter(text).looks_ahead(), "{text}");
    }
    for text in ["", "mqtt.response_to", "mqtt.topic == \"mqtt.response_in\""] {
        assert!(!filter(text).looks_ahead(), "{text}");
    }
}

#[test]
fn a_filter_prints_with_one_spelling_for_each_operator() {
    assert_eq!(filter("mqtt.qos eq 1&&!mqtt.retain").to_string(), "mqtt.qos == 1 and not mqtt.retain");
    assert_eq!(filter("").to_string(), "");
}

proptest! {
    #[test]
    fn no_text_panics(words in prop::collection::vec(prop::sample::select(vec![
        "mqtt", "mqtt.topic", "mqtt.qos", "mqtt.retain", "mqtt.msg", "mqtt.properties", "ip.addr", "frame.time",
        "frame.time_delta", "tcp.port", "mqtt.msgtype", "and", "or", "xor", "not", "==", "!=", ">", "<=", "contains",
        "matches", "in", "{", "}", "(", ")", "[", "]", ",", "..", "any", "all", "1", "0", "-", "+", "*", "/", "%", "&",
        "\"a\"", "\"$.x\"", "'a'", "10.0.0.0/8", "74:77", "len(", "max(", "count(", "abs(", "string(", "upper(",
        "mqtt.json(", "mqtt.topic_filter(", "#1", "[0:2]", "18446744073709551615", "99999999999999999999",
    ]), 0..14)) {
        let text = words.join(" ");
        if let Ok(filter) = Filter::parse(&text) {
            let (a, b) = (filter.node.matches(&publish()), filter.node.matches(&subscribe()));
            let again = Filter::parse(&filter.to_string()).expect("its own spelling");
            prop_assert_eq!((a, b), (again.node.matches(&publish()), again.node.matches(&subscribe())), "{}", text);
        }
    }
}
