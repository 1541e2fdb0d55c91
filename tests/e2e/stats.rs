//! `stats`: the report of a load run, of a capture.

use std::fs;
use std::io::Read as _;
use std::net::TcpStream;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::captures::{beside, dump, shipped};
use crate::program::{Said, at_root, interrupt, mqscope, run};
use crate::servers::{Mosquitto, free_port};

fn stats(capture: &str, options: &[&str]) -> Said {
    let path = at_root("captures").join(capture);
    let keys = beside(&path, "keys");
    let keys = keys.exists().then(|| ["--keylog".to_owned(), keys.to_str().unwrap().to_owned()]);
    let arguments = ["stats".to_owned(), "-r".to_owned(), path.to_str().unwrap().to_owned()];
    let options = options.iter().map(|option| (*option).to_owned());
    run(arguments.into_iter().chain(options).chain(keys.into_iter().flatten()))
}

/// A counter's count, or a latency's number of samples, over all its tags that are asked for.
fn counted(summary: &Value, kind: &str, name: &str, tags: &[(&str, &str)]) -> u64 {
    let named = summary["results"][kind].as_array().unwrap().iter().filter(|metric| {
        metric["name"] == name && tags.iter().all(|(key, value)| metric["tags"][key] == *value)
    });
    let count =
        |metric: &Value| metric.pointer("/service/count").unwrap_or(&metric["count"]).as_u64().unwrap();
    named.map(count).sum()
}

#[test]
fn the_figures_of_a_capture_are_told_in_text() {
    insta::assert_snapshot!("plain", stats("mqttjs-v311.pcapng", &[]).expect(0).text());
    insta::assert_snapshot!("secure", stats("mqttjs-wss-13.pcap.gz", &[]).expect(0).text());
}

#[test]
fn a_filter_that_asks_for_what_comes_later_is_answered() {
    let said =
        stats("mqttjs-v311.pcapng", &["-Y", "mqtt.response_in and mqtt.msgtype == publish", "-T", "json"]);
    let summary: Value = serde_json::from_str(said.expect(0).text()).unwrap();
    assert_eq!(counted(&summary, "counters", "packets", &[("type", "PUBLISH")]), 15);
    assert_eq!(counted(&summary, "latencies", "puback_latency", &[]), 5);
}

#[test]
fn each_shipped_capture_gives_a_summary_that_keeps_to_the_schema_and_counts_every_packet() {
    let schema = fs::read(at_root("crates/report/schema/summary.schema.json")).unwrap();
    let schema: Value = serde_json::from_slice(&schema).unwrap();
    let mut schemas = boon::Schemas::new();
    let mut compiler = boon::Compiler::new();
    compiler.enable_format_assertions();
    compiler.add_resource("summary.json", schema).unwrap();
    let index = compiler.compile("summary.json", &mut schemas).unwrap();
    for path in shipped() {
        let name = path.file_name().unwrap().to_str().unwrap();
        let summary: Value = serde_json::from_str(stats(name, &["-T", "json"]).expect(0).text()).unwrap();
        if let Err(error) = schemas.validate(&summary, index) {
            panic!("{name}: {error:#}");
        }
        let packets =
            dump(&path, ["-T", "fields", "-e", "mqtt.msgtype"]).expect(0).text().lines().count() as u64;
        let counters = summary["results"]["counters"].as_array().unwrap();
        let total = counters.iter().find(|counter| counter["name"] == "packets").unwrap();
        assert_eq!(total["count"], packets, "{name}");
        let by_type = counters.iter().filter(|counter| counter["name"] == "packets").skip(1);
        assert_eq!(by_type.map(|counter| counter["count"].as_u64().unwrap()).sum::<u64>(), packets, "{name}");
    }
}

#[test]
fn the_report_folder_is_that_of_a_run() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("report");
    let said = stats("mqttjs-v311.pcapng", &["--out", out.to_str().unwrap(), "-T", "json"]).expect(0);
    let written: Value = serde_json::from_slice(&fs::read(out.join("summary.json")).unwrap()).unwrap();
    let printed: Value = serde_json::from_str(said.text()).unwrap();
    assert_eq!((&written["results"], &written["series"]), (&printed["results"], &"series.csv".into()));
    for file in ["summary.txt", "series.csv", "latency.hlog", "latency/puback_latency.hgrm"] {
        assert!(out.join(file).metadata().unwrap().len() > 0, "{file}");
    }
}

/// With every QoS, and a subscriber to all.
const SCENARIO: &str = r#"
name: tapped
groups:
  backend: {count: 1, subscribe: [{filter: "t/#", qos: 2}]}
  devices:
    count: 10
    publish:
      zero: {topic: "t/{{client_id}}/0", payload: {size: 32}, qos: 0}
      one: {topic: "t/{{client_id}}/1", payload: {template: '{"seq": {{seq}}}'}, qos: 1}
      two: {topic: "t/{{client_id}}/2", payload: {size: 16}, qos: 2}
phases:
  - {name: connect, until: "backend.subscribed == 100%", timeout: 10s}
  - {name: steady, duration: 1s, devices: {zero: {rate: 50/s}, one: {rate: 50/s}, two: {rate: 50/s}}}
validity: {send_lag: ["p(99) < 2s"]}
thresholds: {delivery_lost: ["count == 0"]}
"#;

/// The format of the stamp is known in two places that cannot see each other; so are the names of metrics.
#[test]
fn a_run_and_the_capture_of_it_count_the_same() {
    let broker = Mosquitto::start();
    let folder = tempfile::tempdir().unwrap();
    let listen = free_port();
    let mut stats = mqscope()
        .args(["stats", "-T", "json", "--tap", &format!("127.0.0.1:{listen}={}", broker.url())])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let patience = Instant::now() + Duration::from_secs(20);
    while TcpStream::connect(("127.0.0.1", listen)).is_err() {
        assert!(Instant::now() < patience, "the tap does not listen");
        std::thread::yield_now();
    }
    let file = folder.path().join("scenario.yaml");
    fs::write(&file, SCENARIO).unwrap();
    let out = folder.path().join("report");
    let url = format!("mqtt://127.0.0.1:{listen}");
    let ran = run(["run", file.to_str().unwrap(), "--broker", &url, "--out", out.to_str().unwrap()]);
    interrupt(&stats);
    let mut text = String::new();
    stats.stdout.take().unwrap().read_to_string(&mut text).unwrap();
    assert_eq!(stats.wait().unwrap().code(), Some(130), "{text}");
    ran.expect(0);

    let seen: Value = serde_json::from_str(&text).unwrap();
    let told: Value = serde_json::from_slice(&fs::read(out.join("summary.json")).unwrap()).unwrap();
    assert_eq!((&seen["source"], &seen["outcome"]), (&"capture".into(), &"interrupted".into()));
    for name in ["connect_latency", "suback_latency", "puback_latency", "pubrec_latency", "pubcomp_latency"] {
        let told = counted(&told, "latencies", name, &[]);
        assert!(told > 0, "{name}");
        assert_eq!(counted(&seen, "latencies", name, &[]), told, "{name}");
    }
    let told = counted(&told, "latencies", "delivery_latency", &[]);
    assert!(told > 100, "{told} deliveries");
    assert_eq!(counted(&seen, "latencies", "delivery_latency", &[("matched", "stamp")]), told);
    assert_eq!(counted(&seen, "counters", "delivery_unmatched", &[]), 0);
}
