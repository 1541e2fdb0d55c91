//! Functions, topic filters, JSON paths, layers.

use super::*;

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
