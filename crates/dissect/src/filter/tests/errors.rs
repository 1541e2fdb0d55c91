//! What is wrong with a filter, what is doubtful, and how it prints.

use proptest::prelude::*;

use super::*;

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
