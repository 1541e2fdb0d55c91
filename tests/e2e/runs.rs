//! `run`: from a scenario to a verdict.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal};
use serde_json::Value;

use crate::program::{Said, at_root, mqscope, run, run_with};
use crate::servers::{Mosquitto, free_port};

/// Small enough for a test: twenty devices with every QoS, and one that hears them.
pub(crate) const SCENARIO: &str = r#"
name: little
vars: {limit: 5s}
groups:
  devices:
    count: 20
    publish:
      zero: {topic: "t/{{client_id}}/0", payload: {size: 32}, qos: 0, rate: 5/s}
      one: {topic: "t/{{client_id}}/1", payload: {size: 32}, qos: 1, rate: 5/s}
      two: {topic: "t/{{client_id}}/2", payload: {size: 32}, qos: 2, rate: 5/s}
  backend: {count: 1, subscribe: [{filter: "t/#", qos: 2}]}
phases: [{name: steady, duration: 1s}]
validity: {send_lag: ["p(99) < 2s"]}
thresholds:
  connect_failed: ["rate == 0%"]
  delivery_latency: ["p(99) < {{limit}}"]
  delivery_lost: ["count == 0"]
"#;

/// Runs a scenario's text, with its report in `folder`.
fn run_text(scenario: &str, folder: &Path, options: &[&str]) -> Said {
    let file = folder.join("scenario.yaml");
    fs::write(&file, scenario).unwrap();
    let out = folder.join("report");
    let arguments = ["run", file.to_str().unwrap(), "--out", out.to_str().unwrap()];
    run(arguments.iter().chain(options))
}

fn summary(folder: &Path) -> Value {
    serde_json::from_slice(&fs::read(folder.join("report/summary.json")).expect("a summary")).expect("JSON")
}

#[test]
fn a_good_run_passes_and_leaves_its_report() {
    let folder = tempfile::tempdir().unwrap();
    run_text(SCENARIO, folder.path(), &["--embedded-broker"]).expect(0);
    for file in ["summary.json", "latency.hlog"] {
        assert!(folder.path().join("report").join(file).metadata().unwrap().len() > 0, "{file}");
    }
    summary(folder.path());
}

#[test]
fn signals_that_were_ignored_when_it_began_stay_ignored() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("scenario.yaml");
    fs::write(&file, SCENARIO).unwrap();
    // As `nohup` and a shell's background jobs begin.
    let mut child = Command::new("sh")
        .args(["-c", "trap '' HUP INT; exec \"$@\"", "sh", env!("CARGO_BIN_EXE_mqscope"), "run"])
        .args([
            file.as_os_str(),
            "--embedded-broker".as_ref(),
            "--out".as_ref(),
            folder.path().join("report").as_ref(),
        ])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("a shell");
    let mut lines = BufReader::new(child.stderr.take().expect("a pipe")).lines().map_while(Result::ok);
    assert!(lines.any(|line| line.contains("connected")), "it ended by itself");
    for signal in [Signal::HUP, Signal::INT, Signal::HUP] {
        rustix::process::kill_process(Pid::from_child(&child), signal).expect("it runs");
    }
    lines.for_each(drop);
    assert_eq!(child.wait().expect("ends").code(), Some(0));
    assert_eq!(summary(folder.path())["outcome"], "passed");
}

#[test]
fn a_report_that_cannot_be_written_leaves_the_verdict() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("report")).unwrap();
    // Where a folder should be made, last of all.
    fs::write(folder.path().join("report/latency"), "").unwrap();
    let said = run_text(SCENARIO, folder.path(), &["--embedded-broker"]).expect(5);
    assert!(said.text().contains("PASSED  little"), "{}", said.text());
    assert!(said.err.contains("report/latency"), "{}", said.err);
}

#[test]
fn a_reader_that_goes_away_does_not_take_the_verdict_along() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("scenario.yaml");
    fs::write(&file, SCENARIO).unwrap();
    let mut child = mqscope()
        .args(["run", file.to_str().unwrap(), "--embedded-broker", "-e", "limit=1us", "--out"])
        .arg(folder.path().join("report"))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop((child.stdout.take(), child.stderr.take()));
    assert_eq!(child.wait().unwrap().code(), Some(1));
    assert_eq!(summary(folder.path())["outcome"], "failed");
}

#[test]
fn an_impossible_threshold_fails_the_run_and_says_what_was_seen() {
    let folder = tempfile::tempdir().unwrap();
    let said = run_text(SCENARIO, folder.path(), &["--embedded-broker", "-e", "limit=1us"]).expect(1);
    let all = format!("{}{}", said.text(), said.err);
    assert!(all.contains("delivery_latency") && all.contains("p(99)"), "{all}");
    summary(folder.path());
}

#[test]
fn a_typing_error_is_shown_where_it_stands_with_the_nearest_name() {
    let folder = tempfile::tempdir().unwrap();
    let typo = SCENARIO.replace("duration: 1s", "duraton: 1s");
    let said = run_text(&typo, folder.path(), &["--embedded-broker"]).expect(2);
    let line = typo.lines().position(|line| line.contains("duraton")).unwrap() + 1;
    let column = typo.lines().find_map(|line| line.find("duraton")).unwrap() + 1;
    assert!(said.err.contains(&format!("scenario.yaml:{line}:{column}")), "{}", said.err);
    assert!(said.err.contains("duraton") && said.err.contains("duration"), "{}", said.err);
    assert!(!folder.path().join("report").exists());
}

#[test]
fn a_broker_that_is_not_there_is_said_to_be_so() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("mqtt://127.0.0.1:{}", free_port());
    let said = run_text(SCENARIO, folder.path(), &["--broker", &url]).expect(5);
    assert!(said.err.contains(&url[7..]), "{}", said.err);
}

#[test]
fn a_scenario_comes_from_standard_input_too() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("report");
    let out = out.to_str().unwrap();
    let said = run_with(["run", "-", "--embedded-broker", "--out", out], SCENARIO.as_bytes()).expect(0);
    for shown in [out.to_owned(), format!("{out}/summary.json")] {
        assert_eq!(run(["report", "show", &shown]).expect(0).text(), said.text());
    }
    assert!(run_with(["validate", "-"], SCENARIO.as_bytes()).expect(0).text().contains("little"));
    let typo = SCENARIO.replace("duration: 1s", "duraton: 1s");
    let said = run_with(["validate", "-"], typo.as_bytes()).expect(2);
    assert!(said.err.contains("stdin:12:25"), "{}", said.err);
    let said = run_with(["run", "-", "--processes", "2", "--out", out], SCENARIO.as_bytes()).expect(2);
    assert!(said.err.contains("give them a file"), "{}", said.err);
}

#[test]
fn mosquitto_loses_nothing() {
    let broker = Mosquitto::start();
    let folder = tempfile::tempdir().unwrap();
    run_text(SCENARIO, folder.path(), &["--broker", &broker.url()]).expect(0);
}

#[test]
fn the_shipped_smoke_run_passes() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("report");
    let scenario = at_root("scenarios/smoke.yaml");
    run(["run", scenario.to_str().unwrap(), "--embedded-broker", "--out", out.to_str().unwrap()]).expect(0);
    summary(folder.path());
}

#[test]
fn every_shipped_scenario_is_valid() {
    let mut count = 0;
    for entry in fs::read_dir(at_root("scenarios")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "yaml") {
            run(["validate", path.to_str().unwrap()]).expect(0);
            count += 1;
        }
    }
    assert!(count >= 3, "only {count} scenarios are shipped");
}
