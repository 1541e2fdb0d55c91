//! Every shipped capture: its golden text, and what the clients themselves say they sent and received.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use crate::program::{Said, at_root, run};

/// The shipped captures, by name.
pub(crate) fn shipped() -> Vec<PathBuf> {
    let is_capture = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let name = name.trim_end_matches(".gz").trim_end_matches(".zst");
        name.ends_with(".pcap") || name.ends_with(".pcapng")
    };
    let folder = fs::read_dir(at_root("captures")).expect("captures/ is there");
    let mut captures: Vec<_> = folder.map(|entry| entry.unwrap().path()).filter(is_capture).collect();
    captures.sort();
    assert!(captures.len() >= 58, "captures are missing: {captures:?}");
    captures
}

/// `dump` of a capture, with the keys beside it if there are any.
pub(crate) fn dump<'a>(capture: &Path, arguments: impl IntoIterator<Item = &'a str>) -> Said {
    let keys = beside(capture, "keys");
    let keys = keys.exists().then(|| ["--keylog".into(), keys.into_os_string()]);
    let arguments = arguments.into_iter().map(OsString::from).chain(keys.into_iter().flatten());
    run(["dump".into(), "-r".into(), capture.as_os_str().to_owned()].into_iter().chain(arguments))
}

/// The file beside a capture: `captures/x.pcap.gz` and `txt` make `captures/x.txt`.
pub(crate) fn beside(capture: &Path, extension: &str) -> PathBuf {
    let name = capture.file_name().unwrap().to_str().unwrap();
    let stem = name.split_once(".pcap").expect("the name of a capture").0;
    capture.with_file_name(format!("{stem}.{extension}"))
}

#[test]
fn each_prints_its_golden_text() {
    let mut differing = Vec::new();
    for capture in shipped() {
        let said = dump(&capture, ["--carriers"]).expect(0);
        let golden = beside(&capture, "txt");
        if std::env::var_os("UPDATE").is_some() {
            fs::write(&golden, &said.out).unwrap();
        }
        let expected = fs::read(&golden).unwrap_or_default();
        if expected != said.out {
            let first =
                expected.split(|&b| b == b'\n').zip(said.out.split(|&b| b == b'\n')).find(|(a, b)| a != b);
            let (was, is) = first.unwrap_or((b"(one is longer)", b"(than the other)"));
            differing.push(format!(
                "{}\n  was {}\n  is  {}",
                golden.display(),
                String::from_utf8_lossy(was),
                String::from_utf8_lossy(is)
            ));
        }
    }
    assert!(differing.is_empty(), "UPDATE=1 rewrites golden texts\n{}", differing.join("\n"));
}

#[test]
fn each_is_described() {
    let readme = fs::read_to_string(at_root("captures/README.md")).unwrap();
    for capture in shipped() {
        let name = capture.file_name().unwrap().to_str().unwrap();
        assert!(readme.contains(&format!("| `{name}` |")), "captures/README.md says nothing of {name}");
    }
}

/// Packets by connection and sender: the client's port, and `client` or `broker`.
type Conversation = BTreeMap<(u64, String), Vec<Value>>;

/// As the clients logged them.
fn told(log: &Path) -> Conversation {
    let mut told = Conversation::new();
    for line in fs::read_to_string(log).unwrap().lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let key = (line["port"].as_u64().unwrap(), line["from"].as_str().unwrap().to_owned());
        told.entry(key).or_default().push(line["packet"].clone());
    }
    told
}

/// As `dump -T json` shows them.
fn shown(capture: &Path) -> Conversation {
    shown_if(capture, |_| true)
}

/// Those of which the JSON object is such a one.
fn shown_if(capture: &Path, wanted: impl Fn(&Value) -> bool) -> Conversation {
    let mut shown = Conversation::new();
    for line in dump(capture, ["-T", "json", "--show-secrets"]).expect(0).json_lines() {
        if !wanted(&line) {
            continue;
        }
        let from = line["from"].as_str().unwrap();
        let (client, from) = if from == "client" { ("src", "client") } else { ("dst", "broker") };
        let port = line[client].as_str().unwrap().rsplit_once(':').unwrap().1.parse().unwrap();
        shown.entry((port, from.to_owned())).or_default().push(line["packet"].clone());
    }
    shown
}

#[test]
fn what_the_clients_sent_and_received_is_shown_and_nothing_else() {
    let mut packets = 0;
    for capture in shipped() {
        let log = beside(&capture, "packets.jsonl");
        if !log.exists() {
            continue;
        }
        let (told, shown) = (told(&log), shown(&capture));
        let counts = |all: &Conversation| -> BTreeMap<_, _> {
            all.iter().map(|(key, packets)| (key.clone(), packets.len())).collect()
        };
        assert_eq!(counts(&shown), counts(&told), "{}: packets by client port and sender", capture.display());
        for (key, told) in &told {
            for (number, (told, shown)) in told.iter().zip(&shown[key]).enumerate() {
                packets += 1;
                if let Err(why) = agrees(told.as_object().unwrap(), shown) {
                    panic!(
                        "{}, {key:?}, packet {number}: {why}\ntold  {told}\nshown {shown}",
                        capture.display()
                    );
                }
            }
        }
    }
    assert!(packets > 2_500, "only {packets} packets were compared");
}

/// Captures of which frames were cut away or out, what they were made from, and how many packets of it they show.
/// Of `cut-ws` those are all that are in its frames.
const INCOMPLETE: [(&str, &str, usize); 6] = [
    ("cut-ws.pcap.gz", "mqttjs-ws", 32),
    ("cut-ws-deflate.pcap.gz", "mqttjs-ws-deflate", 22),
    ("cut-wss.pcap.gz", "mqttjs-wss-13", 4),
    ("gap-ws.pcap.gz", "mqttjs-ws-v31", 47),
    ("gap-ws-deflate.pcap.gz", "mqttjs-ws-mixed", 69),
    ("gap-mqtts.pcap.gz", "mqttjs-mqtts-13", 42),
];

#[test]
fn where_frames_are_missing_nothing_is_shown_that_was_not_sent() {
    for (name, source, least) in INCOMPLETE {
        let told = told(&at_root("captures").join(format!("{source}.packets.jsonl")));
        let shown = shown_if(&at_root("captures").join(name), |line| line.get("error").is_none());
        for (key, shown) in &shown {
            let mut told = told.get(key).into_iter().flatten();
            for shown in shown {
                let was_sent = told.any(|told| agrees(told.as_object().unwrap(), shown).is_ok());
                assert!(was_sent, "{name}, {key:?}: never sent, or not in this order: {shown}");
            }
        }
        let count: usize = shown.values().map(Vec::len).sum();
        assert!(count >= least, "{name}: {count} packets are shown, {least} can be");
    }
}

#[test]
fn a_capture_s_own_keys_may_stand_behind_what_they_decrypt() {
    /// A pcapng's decryption secrets block.
    const SECRETS: [u8; 4] = 0xa_u32.to_le_bytes();

    let given = at_root("captures").join("mqttjs-mqtts-resumed.pcapng");
    let bytes = fs::read(&given).unwrap();
    let (mut secrets, mut others, mut rest) = (Vec::new(), Vec::new(), &bytes[..]);
    while let Some(len) = rest.get(4..8) {
        let (block, behind) = rest.split_at(u32::from_le_bytes(len.try_into().unwrap()) as usize);
        if block.starts_with(&SECRETS) { &mut secrets } else { &mut others }.extend_from_slice(block);
        rest = behind;
    }
    assert!(!secrets.is_empty());
    let folder = tempfile::tempdir().unwrap();
    let late = folder.path().join("late.pcapng");
    fs::write(&late, [others, secrets].concat()).unwrap();
    assert_eq!(shown(&late), shown(&given));
}

/// Whether all that MQTT.js tells of a packet is shown. Its objects also hold what never goes over the wire.
fn agrees(told: &Map<String, Value>, shown: &Value) -> Result<(), String> {
    let cmd = told.get("cmd").and_then(Value::as_str);
    for (name, value) in told {
        let off_the_wire = match (cmd, name.as_str()) {
            // A packet that is yet to be sent has an id whether it needs one or not.
            (Some("publish"), "messageId") => told["qos"] == 0,
            // That of the message; the bits of PUBREL itself are always 1.
            (Some("pubrel"), "qos") => true,
            // Given for each subscription, sent once for all in the packet's own.
            (None, "properties") => shown.get("topic").is_some() && shown.get("nl").is_some(),
            _ => value.is_null(),
        };
        if off_the_wire {
            continue;
        }
        match (value, shown.get(name)) {
            (Value::Object(told), Some(shown @ Value::Object(_))) => agrees(told, shown)?,
            (Value::Array(told), Some(Value::Array(shown))) if told.len() == shown.len() => {
                for (told, shown) in told.iter().zip(shown) {
                    match told {
                        Value::Object(told) => agrees(told, shown)?,
                        told if told == shown => {}
                        told => return Err(format!("{name}: {told} was told, {shown} is shown")),
                    }
                }
            }
            (told, Some(shown)) if told == shown => {}
            // What is left out on the wire is left out.
            (told, None) if *told == 0 || *told == false => {}
            (told, shown) => return Err(format!("{name}: {told} was told, {shown:?} is shown")),
        }
    }
    Ok(())
}
