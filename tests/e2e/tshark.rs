//! Field by field against tshark, on every shipped capture.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use crate::captures::{self, shipped};
use crate::program::tool;

/// Every field that tshark prints and mqscope has too, but for `mqtt.msg_decoded_as`: there the name of the protocol
/// that its user set for a topic, and here what the payload seems to be.
const FIELDS: &str = "
    frame.len frame.cap_len frame.time_epoch frame.time_relative frame.time_delta eth.src eth.dst eth.addr
    eth.type ip.version ip.hdr_len ip.len ip.id ip.ttl ip.proto ip.src ip.dst ip.addr ipv6.plen ipv6.nxt
    ipv6.hlim ipv6.src ipv6.dst tcp.srcport tcp.dstport tcp.port tcp.stream tcp.len tcp.seq_raw tcp.ack_raw
    tcp.hdr_len tcp.window_size_value tcp.flags tcp.flags.push tcp.flags.fin tcp.flags.ack
    tcp.analysis.flags tcp.analysis.retransmission tcp.analysis.duplicate_ack mqtt.len mqtt.hdrflags
    mqtt.msgtype mqtt.hdr_reserved mqtt.retain_reserved mqtt.dupflag mqtt.qos mqtt.retain
    mqtt.conack.flags.reserved mqtt.conack.flags mqtt.conack.flags.sp mqtt.conack.val mqtt.msgid
    mqtt.sub.qos mqtt.suback.qos mqtt.topic_len mqtt.topic mqtt.willtopic_len mqtt.willtopic mqtt.willmsg
    mqtt.willmsg_text mqtt.willmsg_len mqtt.username_len mqtt.username mqtt.passwd_len mqtt.passwd mqtt.msg
    mqtt.msg_text mqtt.proto_len mqtt.protoname mqtt.clientid_len mqtt.clientid mqtt.ver mqtt.conflags
    mqtt.conflag.uname mqtt.conflag.passwd mqtt.conflag.retain mqtt.conflag.qos mqtt.conflag.willflag
    mqtt.conflag.cleansess mqtt.conflag.reserved mqtt.kalive mqtt.subscription_options
    mqtt.subscription_options_qos mqtt.subscription_options_nl mqtt.subscription_options_rap
    mqtt.subscription_options_retain mqtt.subscription_options_reserved mqtt.connack.reason_code
    mqtt.puback.reason_code mqtt.pubrec.reason_code mqtt.pubrel.reason_code mqtt.pubcomp.reason_code
    mqtt.suback.reason_code mqtt.unsuback.reason_code mqtt.disconnect.reason_code mqtt.auth.reason_code
    mqtt.properties mqtt.will_properties mqtt.property_len mqtt.property_id mqtt.prop_number
    mqtt.property.content_type mqtt.property.max_qos mqtt.property.topic_alias mqtt.prop_unknown
    mqtt.prop_string_len mqtt.prop_string mqtt.prop_key_len mqtt.prop_key mqtt.prop_value_len
    mqtt.prop_value mqtt.illegal_topic_length mqtt.unknown_version mqtt.unknown_topic_alias
";

/// What packets of all versions have.
const SHARED: &[&str] = &["mqtt.len", "mqtt.hdrflags", "mqtt.msgtype", "mqtt.msgid", "mqtt.unknown_version"];

/// Where tshark is known to be wrong.
struct Fault {
    capture: &'static str,
    stream: &'static str,
    /// Fields by the beginnings of their names.
    fields: &'static [&'static str],
    why: &'static str,
}

const FAULTS: &[Fault] = &[
    Fault {
        capture: "mqttjs-v5-server.pcapng",
        stream: "0",
        fields: &["mqtt.topic"],
        why: "it keeps one table of topic aliases for both directions",
    },
    Fault {
        capture: "mqttjs-v5-server.pcapng",
        stream: "0",
        fields: &["mqtt.property_len"],
        why: "it shows a CONNACK's property length of two bytes as it stands on the wire, undecoded",
    },
    Fault {
        capture: "mqttjs-pieces.pcap",
        stream: "1",
        fields: &["mqtt"],
        why: "it loses its way where a Remaining Length is split across segments",
    },
    Fault {
        capture: "mosquitto-bridge.pcapng",
        stream: "2",
        fields: &[
            "mqtt.conack.",
            "mqtt.connack.",
            "mqtt.suback.",
            "mqtt.hdr_reserved",
            "mqtt.retain_reserved",
            "mqtt.dupflag",
            "mqtt.qos",
        ],
        why: "it does not know the protocol levels of bridges",
    },
    Fault {
        capture: "mosquitto-bridge.pcapng",
        stream: "3",
        fields: &["mqtt.conack.", "mqtt.connack.", "mqtt.sub", "mqtt.suback."],
        why: "it does not know the protocol levels of bridges",
    },
    Fault {
        capture: "malformed.pcap",
        stream: "3",
        fields: &["mqtt"],
        why: "it shows a packet after one whose end is not known",
    },
    Fault {
        capture: "malformed.pcap",
        stream: "4",
        fields: &["mqtt"],
        why: "it shows nothing of a packet that the end of the connection cuts short",
    },
    Fault {
        capture: "malformed.pcap",
        stream: "5",
        fields: &["mqtt"],
        why: "it shows nothing of a packet whose length is malformed",
    },
    Fault {
        capture: "malformed.pcap",
        stream: "9",
        fields: &["mqtt.con"],
        why: "it takes a CONNACK for one of MQTT 5 because CONNECT named level 9",
    },
];

/// Captures that are not compared, by the beginnings of their names: of lost, cut and one-sided traffic, of what goes
/// before a CONNECT and of other ports it shows less than there is. `captures.rs` holds these against the clients' logs.
const BEYOND_IT: [&str; 6] = ["gap-", "lossy-", "one-sided-", "proxied", "snapped", "strangers"];

/// What each frame with MQTT has in each of [`FIELDS`]; frames by number.
type Cells = BTreeMap<u64, Vec<String>>;

fn cells(lines: &[u8]) -> Cells {
    let lines = String::from_utf8_lossy(lines);
    let row = |line: &str| {
        let mut cells = line.split('\t').map(str::to_owned);
        let frame = cells.next().unwrap().parse().unwrap_or_else(|_| panic!("no frame number in {line:?}"));
        (frame, cells.collect())
    };
    lines.lines().map(row).collect()
}

fn columns<'a>() -> impl Iterator<Item = &'a str> {
    ["frame.number"].into_iter().chain(FIELDS.split_whitespace()).flat_map(|field| ["-e", field])
}

/// Text is a preference there: either `mqtt.msg` or `mqtt.msg_text` is live.
fn tshark(capture: &Path, shown_as_text: &str) -> Cells {
    let keys = captures::beside(capture, "keys");
    let keylog = keys.exists().then(|| ["-o".to_owned(), format!("tls.keylog_file:{}", keys.display())]);
    let keylog = keylog.into_iter().flatten();
    cells(&tool(
        Command::new("tshark")
            .arg("-r")
            .arg(capture)
            .args(["-o", &format!("mqtt.show_msg_as_text:{shown_as_text}")])
            .args([
                "-d",
                "tcp.port==1884,mqtt",
                "-d",
                "tcp.port==1885,mqtt",
                "-d",
                "tls.port==8884-8885,mqtt",
            ])
            .args(keylog)
            .args(["-Y", "mqtt", "-T", "fields"])
            .args(columns()),
    ))
}

fn ours(capture: &Path) -> Cells {
    // It reads no MQTT in WebSocket.
    let arguments = ["--show-secrets", "-T", "fields", "--per-frame", "-Y", "mqtt and not websocket"];
    cells(&captures::dump(capture, arguments.into_iter().chain(columns())).expect(0).out)
}

/// Whether two cells say the same. Ours escapes what no terminal should see; theirs takes all text to end at a zero.
fn agree(theirs: &str, ours: &str) -> bool {
    let theirs = theirs.split(',').map(escaped);
    let ours = ours.split(',').map(|value| value.split("\\x00").next().unwrap_or_default());
    theirs.eq(ours)
}

fn escaped(value: &str) -> String {
    let escape = |character: char| match character {
        '\0'..'\x20' => format!("\\x{:02x}", u32::from(character)),
        other => other.to_string(),
    };
    value.chars().map(escape).collect()
}

/// All differences so far, but for those that known faults explain.
struct Findings {
    compared: usize,
    wrong: Vec<String>,
    /// How many differences each of [`FAULTS`] explains.
    explained: [usize; FAULTS.len()],
}

impl Findings {
    fn compare(&mut self, place: [&str; 3], field: &str, theirs: &str, ours: &str) {
        let [capture, stream, frame] = place;
        self.compared += 1;
        if agree(theirs, ours) {
            return;
        }
        let explains = |fault: &Fault| {
            fault.capture == capture
                && fault.stream == stream
                && fault.fields.iter().any(|beginning| field.starts_with(beginning))
        };
        match FAULTS.iter().position(explains) {
            Some(fault) => self.explained[fault] += 1,
            None => self
                .wrong
                .push(format!("{capture} frame {frame} {field}: tshark {theirs:?}, mqscope {ours:?}")),
        }
    }
}

#[test]
fn every_field_agrees_but_for_known_faults() {
    let fields: Vec<_> = FIELDS.split_whitespace().collect();
    let column = |field| fields.iter().position(|other| *other == field).unwrap();
    let (stream, unknown_version) = (column("tcp.stream"), column("mqtt.unknown_version"));
    let mut findings = Findings { compared: 0, wrong: Vec::new(), explained: [0; FAULTS.len()] };
    for capture in shipped() {
        let name = capture.file_name().unwrap().to_str().unwrap();
        if BEYOND_IT.iter().any(|beginning| name.starts_with(beginning)) {
            continue;
        }
        let (bytes, texts, ours) = (tshark(&capture, "FALSE"), tshark(&capture, "TRUE"), ours(&capture));
        let frames: BTreeSet<_> = bytes.keys().chain(ours.keys()).collect();
        for frame in frames {
            let (theirs, texts, ours) = (bytes.get(frame), texts.get(frame), ours.get(frame));
            let either = theirs.or(ours).unwrap();
            let place = [name, &either[stream], &frame.to_string()];
            let (Some(theirs), Some(texts), Some(ours)) = (theirs, texts, ours) else {
                let shown = |cells: Option<_>| if cells.is_some() { "shown" } else { "not shown" };
                findings.compare(place, "mqtt", shown(theirs), shown(ours));
                continue;
            };
            // It takes what it has seen no CONNECT of for 3.1.1; then only what all versions share can agree.
            let guessed = !theirs[unknown_version].is_empty();
            for (index, field) in fields.iter().enumerate() {
                let theirs = if field.ends_with("_text") { &texts[index] } else { &theirs[index] };
                if !guessed || !field.starts_with("mqtt.") || SHARED.contains(field) {
                    findings.compare(place, field, theirs, &ours[index]);
                }
            }
        }
    }
    let Findings { compared, wrong, explained } = findings;
    assert!(wrong.is_empty(), "{} of {compared} differ:\n{}", wrong.len(), wrong.join("\n"));
    assert!(compared > 40_000, "only {compared} values were compared");

    // The faults are those of tshark 4.0; a later one may have mended some.
    if String::from_utf8_lossy(&tool(Command::new("tshark").arg("--version"))).contains(" 4.0.") {
        for (fault, explained) in FAULTS.iter().zip(explained) {
            assert!(
                explained > 0,
                "{} stream {}: it is not true that {}",
                fault.capture,
                fault.stream,
                fault.why
            );
        }
    }
}
