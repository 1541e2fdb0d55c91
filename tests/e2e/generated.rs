//! Captures made on the spot by `tests/tools/gen_pcap.py`, with all that networks do to them, and what is in them.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::program::{at_root, finish, mqscope, run, tool};

struct Generated {
    capture: PathBuf,
    truth: Value,
    _folder: TempDir,
}

/// 20 clients, half of them with MQTT 5 and topic aliases, and what the arguments say besides.
fn generate(arguments: &[&str]) -> Generated {
    let folder = tempfile::tempdir().unwrap();
    let (capture, truth) = (folder.path().join("made.pcap"), folder.path().join("truth.json"));
    tool(
        Command::new("python3")
            .arg(at_root("tests/tools/gen_pcap.py"))
            .args([
                "--packets",
                "3000",
                "--clients",
                "20",
                "--v5",
                "50",
                "--ipv6",
                "20",
                "--big",
                "1",
                "--split",
                "20",
            ])
            .args(arguments)
            .args(["--output".as_ref(), capture.as_os_str(), "--truth".as_ref(), truth.as_os_str()]),
    );
    let truth = serde_json::from_slice(&std::fs::read(truth).unwrap()).unwrap();
    Generated { capture, truth, _folder: folder }
}

fn packets(capture: &Path) -> Vec<Value> {
    run(["dump", "-T", "json", "-r", capture.to_str().unwrap()]).expect(0).json_lines()
}

/// What the generator also tells, counted in what is shown.
fn counted(packets: &[Value]) -> Value {
    let (mut by_type, mut topics) = (BTreeMap::<String, u64>::new(), HashMap::<&str, u64>::new());
    let (mut payload_bytes, mut topic_bytes, mut alias_only) = (0, 0, 0);
    for line in packets {
        let packet = &line["packet"];
        *by_type.entry(packet["cmd"].as_str().unwrap().to_uppercase()).or_default() += 1;
        if packet["cmd"] == "publish" {
            let topic = line["topic"].as_str().expect("every alias is known");
            alias_only += u64::from(packet["topic"] == "");
            topic_bytes += topic.len();
            payload_bytes += payload_len(&packet["payload"]);
            *topics.entry(topic).or_default() += 1;
        }
    }
    let mut top: Vec<_> = topics.values().copied().collect();
    top.sort_unstable_by(|a, b| b.cmp(a));
    top.truncate(5);
    json!({
        "mqtt_packets": packets.len(), "by_type": by_type, "distinct_topics": topics.len(), "most": top,
        "publish_payload_bytes": payload_bytes, "publish_topic_bytes": topic_bytes, "publish_alias_only": alias_only,
    })
}

fn payload_len(payload: &Value) -> usize {
    match payload["base64"].as_str() {
        Some(base64) => base64.len() / 4 * 3 - base64.bytes().rev().take_while(|&byte| byte == b'=').count(),
        None => payload.as_str().unwrap().len(),
    }
}

/// The truth in the form of [`counted`].
fn told(truth: &Value) -> Value {
    let mut told = truth.clone();
    let most: Vec<_> =
        truth["top_topics"].as_array().unwrap().iter().map(|topic| topic[1].clone()).take(5).collect();
    let told = told.as_object_mut().unwrap();
    told.insert("most".to_owned(), most.into());
    told.retain(|name, _| counted(&[]).get(name).is_some());
    json!(told)
}

#[test]
fn all_is_found_whatever_happens_to_segments_that_come_in_the_end() {
    for arguments in [
        &["--seed", "1"][..],
        &["--seed", "2", "--reorder", "3"],
        &["--seed", "3", "--retrans", "3"],
        &["--seed", "4", "--net-loss", "2"],
        &[
            "--seed",
            "5",
            "--reorder",
            "2",
            "--retrans",
            "2",
            "--net-loss",
            "2",
            "--churn",
            "5",
            "--mss",
            "536",
        ],
        &["--seed", "6", "--midstream", "50"],
    ] {
        let made = generate(arguments);
        assert_eq!(counted(&packets(&made.capture)), told(&made.truth), "{arguments:?}");
    }
}

/// What makes a PUBLISH this one and no other.
fn identity(line: &Value) -> String {
    let packet = &line["packet"];
    format!("{} {} {} {}", line["src"], line["dst"], packet["messageId"], packet["payload"])
}

fn publishes(packets: &[Value]) -> HashMap<String, usize> {
    let mut publishes = HashMap::new();
    let whole = |line: &&Value| line["packet"]["cmd"] == "publish" && line["error"].is_null();
    for line in packets.iter().filter(whole) {
        *publishes.entry(identity(line)).or_default() += 1;
    }
    publishes
}

#[test]
fn segments_that_never_come_cost_what_was_in_them_and_no_more() {
    // So little that nothing is lost: the same conversation, whole.
    let whole = generate(&["--seed", "7", "--loss", "0.0001"]);
    let lossy = generate(&["--seed", "7", "--loss", "1"]);
    assert!(whole.truth.get("capture_lost_segments").is_none_or(|lost| lost == 0));
    let hit = lossy.truth["units_hit_by_capture_loss"].as_u64().unwrap() as usize;
    assert!(hit > 20, "only {hit} packets were hit");

    let (whole, lossy) = (publishes(&packets(&whole.capture)), publishes(&packets(&lossy.capture)));
    let count = |publishes: &HashMap<String, usize>| publishes.values().sum::<usize>();
    for (publish, times) in &lossy {
        assert!(whole.get(publish).is_some_and(|there| times <= there), "nobody sent {publish}");
    }
    let (shown, there) = (count(&lossy), count(&whole) - hit);
    assert!(shown * 1000 >= there * 995, "{shown} of {there} are shown");
}

#[test]
fn what_precedes_a_disk_that_takes_no_more_is_shown() {
    // What is unmasked of so many packets has no room in memory.
    let made = generate(&["--ws", "--packets", "20000"]);
    let mut command = mqscope();
    command.args(["dump", "-r", made.capture.to_str().unwrap()]).env("TMPDIR", at_root("not-there"));
    let said = finish(&mut command, b"").expect(5);
    assert!(said.text().contains("CONNECT") && said.err.contains("TMPDIR"), "{}", said.err);
}
