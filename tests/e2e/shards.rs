//! A run dealt to several processes: `run --processes`, `--shard`, `report merge`.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal};
use serde_json::Value;

use crate::program::{Said, finish, interrupt, mqscope, run};
use crate::servers::{Mosquitto, free_port};

const SCENARIO: &str = r#"
name: shards
vars: {limit: 5s, lag: 2s, duration: 2s}
groups:
  devices:
    count: 20
    publish:
      one: {topic: "t/{{client_id}}/1", payload: {size: 32}, qos: 1, rate: 5/s}
      two: {topic: "t/{{client_id}}/2", payload: {size: 32}, qos: 2, rate: 5/s}
  backend: {count: 1, subscribe: [{filter: "t/#", qos: 2}]}
phases: [{name: steady, duration: "{{duration}}"}]
validity: {send_lag: ["p(99) < {{lag}}"]}
thresholds:
  delivery_latency: ["p(99) < {{limit}}"]
  delivery_lost: ["count == 0"]
  "connected{phase:steady,group:devices}": ["last >= 100%"]
"#;

struct Bench {
    broker: Mosquitto,
    folder: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        let bench = Self { broker: Mosquitto::start(), folder: tempfile::tempdir().unwrap() };
        fs::write(bench.path("scenario.yaml"), SCENARIO).unwrap();
        bench
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, options: &[&str], out: &str) -> Command {
        let mut command = mqscope();
        command.arg("run").arg(self.path("scenario.yaml")).args(["--broker", &self.broker.url()]);
        command.args(options).arg("--out").arg(self.path(out));
        for name in ["JOB_COMPLETION_INDEX", "MQSCOPE_SHARDS", "SLURM_ARRAY_TASK_ID"] {
            command.env_remove(name);
        }
        command
    }

    fn run(&self, options: &[&str], out: &str) -> Said {
        finish(&mut self.command(options, out), b"")
    }

    fn summary(&self, out: &str) -> Value {
        let text = fs::read(self.path(out).join("summary.json")).expect("a summary");
        serde_json::from_slice(&text).expect("JSON")
    }

    fn merge(&self, folders: &[&str], out: &str) -> Said {
        let mut command = mqscope();
        command.args(["report", "merge"]).args(folders.iter().map(|name| self.path(name)));
        finish(command.arg("--out").arg(self.path(out)), b"")
    }
}

fn total(summary: &Value, name: &str) -> u64 {
    let counters = summary["results"]["counters"].as_array().expect("counters");
    counters
        .iter()
        .filter(|counter| counter["name"] == name)
        .filter_map(|counter| counter["count"].as_u64())
        .sum()
}

#[test]
fn two_processes_make_one_run_and_its_verdict() {
    let bench = Bench::new();
    let said = bench.run(&["--processes", "2"], "report").expect(0);
    let summary = bench.summary("report");
    assert_eq!(summary["run"]["parts"], 2);
    assert_eq!(total(&summary, "publish_rate"), 400);
    assert_eq!(total(&summary, "delivery_expected"), 400, "publishers of both, a subscriber in one");
    assert_eq!(total(&summary, "delivery_lost"), 0);
    assert!(said.text().contains("PASSED  shards") && said.text().contains("1 to 2 of 2"), "{}", said.text());
    assert!(said.err.lines().any(|line| line.contains("21/21 connected")), "one line for both: {}", said.err);
    for file in ["series.csv", "latency.hlog", "summary.txt", "shard-1/part.json", "shard-2/series.jsonl"] {
        assert!(bench.path("report").join(file).exists(), "{file}");
    }
    let series = fs::read_to_string(bench.path("report/series.csv")).unwrap();
    let published = |line: &str| line.split(',').nth(1) == Some("publish_rate");
    assert!(series.lines().filter(|line| published(line)).count() >= 2, "{series}");
    let shown = run(["report", "show", bench.path("report").to_str().unwrap()]).expect(0);
    assert_eq!(shown.text(), said.text());

    // The same shards by hand give the same.
    let merged = bench.merge(&["report"], "merged").expect(0);
    assert_eq!(merged.text(), said.text());
    let half = bench.merge(&["report/shard-1"], "x").expect(2);
    assert!(half.err.contains("missing: 2"), "{}", half.err);
    let twice = bench.merge(&["report/shard-1", "report/shard-2", "report/shard-1"], "x").expect(2);
    assert!(twice.err.contains("are both shard 1"), "{}", twice.err);
    let whole = bench.merge(&["merged"], "x").expect(2);
    assert!(whole.err.contains("a whole run"), "{}", whole.err);
    bench.merge(&["nowhere"], "x").expect(5);
}

#[test]
fn a_folder_that_is_used_again_has_nothing_of_the_run_before() {
    let bench = Bench::new();
    bench.run(&["--processes", "3"], "report").expect(0);
    for foreign in
        ["report/notes.txt", "report/latency/mine.hgrm", "report/shard-3/notes.txt", "report/shard-x"]
    {
        fs::write(bench.path(foreign), "kept").unwrap();
    }
    let mut child = bench.command(&["--processes", "2", "-e", "duration=10m"], "report");
    let mut child = child.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("starts");
    let mut lines = BufReader::new(child.stderr.take().expect("a pipe")).lines().map_while(Result::ok);
    assert!(lines.any(|line| line.contains("21/21 connected")), "it ended by itself");
    let left = |folder: &str| {
        let entries = fs::read_dir(bench.path(folder)).unwrap().filter_map(Result::ok);
        let mut names: Vec<String> = entries.map(|e| e.file_name().into_string().unwrap()).collect();
        names.sort();
        names
    };
    let now = ["latency", "meeting", "notes.txt", "shard-1", "shard-2", "shard-3", "shard-x"];
    assert_eq!(left("report"), now);
    assert_eq!(left("report/latency"), ["mine.hgrm"]);
    assert_eq!(left("report/shard-3"), ["notes.txt"]);
    assert!(left("report/shard-1").is_empty());
    interrupt(&child);
    lines.for_each(drop);
    assert_eq!(child.wait().expect("ends").code(), Some(130));
    assert_eq!(bench.summary("report")["run"]["parts"], 2);
}

#[test]
fn the_verdict_on_the_whole_has_the_exit_codes_of_a_run() {
    let bench = Bench::new();
    let failed = bench.run(&["--processes", "2", "-e", "limit=1us"], "failed").expect(1);
    assert!(failed.text().contains("delivery_latency"), "{}", failed.text());
    bench.run(&["--processes", "2", "-e", "lag=1us"], "invalid").expect(3);
    assert_eq!(bench.summary("invalid")["outcome"], "invalid");
    bench.run(&["--processes", "2", "-e", "nothing=1"], "bad").expect(2);
    let many = bench.run(&["--processes", "22"], "many").expect(2);
    assert!(many.err.contains("more than the scenario has devices, 21"), "{}", many.err);
    let url = format!("mqtt://127.0.0.1:{}", free_port());
    let mut nobody = mqscope();
    nobody.arg("run").arg(bench.path("scenario.yaml")).args(["--processes", "2", "--broker", &url]);
    let said = finish(nobody.arg("--out").arg(bench.path("nobody")), b"").expect(5);
    assert!(said.err.contains("cannot connect"), "{}", said.err);
    // Judged anew by other thresholds.
    let strict = bench.path("strict.yaml");
    fs::write(&strict, SCENARIO.replace("count == 0", "count > 0")).unwrap();
    let mut again = mqscope();
    again.args(["report", "merge"]).arg(bench.path("failed")).arg("--scenario").arg(&strict);
    let said = finish(again.arg("--out").arg(bench.path("again")), b"").expect(1);
    assert!(said.text().contains("count > 0") && !said.text().contains("1us"), "{}", said.text());
}

#[test]
fn one_process_is_a_plain_run() {
    let bench = Bench::new();
    let mut command = bench.command(&["--processes", "1"], "report");
    // Whoever says how many processes means all devices.
    let said = finish(command.env("JOB_COMPLETION_INDEX", "2").env("MQSCOPE_SHARDS", "4"), b"").expect(0);
    assert!(said.text().contains("PASSED  shards"), "{}", said.text());
    let summary = bench.summary("report");
    assert_eq!((&summary["run"]["parts"], total(&summary, "delivery_expected")), (&1.into(), 400));
    assert!(!bench.path("report/shard-1").exists());
}

#[test]
fn shards_of_different_runs_are_not_merged() {
    let bench = Bench::new();
    let start = |ahead| (jiff::Timestamp::now() + jiff::SignedDuration::from_secs(ahead)).to_string();
    let shard = |shard: &str, start: &str, seed: &str, out: &str| {
        let options = ["--shard", shard, "--start-at", start, "--seed", seed];
        bench.command(&options, out).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("starts")
    };
    let at = start(3);
    let children =
        [shard("1/2", &at, "1", "one"), shard("2/2", &at, "2", "two"), shard("2/2", &start(4), "1", "late")];
    for mut child in children {
        assert_eq!(child.wait().expect("ends").code(), Some(0), "a shard judges no threshold");
    }
    assert_eq!(bench.summary("one")["thresholds"].as_array().map(Vec::len), Some(0));
    let seeds = bench.merge(&["one", "two"], "x").expect(2);
    assert!(seeds.err.contains("the seed differs"), "{}", seeds.err);
    let starts = bench.merge(&["one", "late"], "x").expect(2);
    assert!(starts.err.contains("the start differs"), "{}", starts.err);
}

#[test]
fn a_shard_must_begin_with_the_others() {
    let bench = Bench::new();
    let alone = bench.run(&["--shard", "2/4"], "x").expect(2);
    assert!(alone.err.contains("--start-at") && alone.err.contains("--rendezvous"), "{}", alone.err);
    let relative = bench.run(&["--shard", "2/4", "--start-at", "+5s"], "x").expect(2);
    assert!(relative.err.contains("another instant"), "{}", relative.err);
    let late = bench.run(&["--shard", "2/4", "--start-at", "2026-01-02T03:04:05Z"], "x").expect(3);
    assert!(late.err.contains("late by"), "{}", late.err);
    bench.run(&["--shard", "5/4"], "x").expect(2);
    let mut job = bench.command(&[], "x");
    let said = finish(job.env("JOB_COMPLETION_INDEX", "2").env("MQSCOPE_SHARDS", "4"), b"").expect(2);
    assert!(said.err.contains("shard 3/4 (of JOB_COMPLETION_INDEX)"), "{}", said.err);
    let said = finish(bench.command(&[], "x").env("JOB_COMPLETION_INDEX", "2"), b"").expect(2);
    assert!(said.err.contains("MQSCOPE_SHARDS") && said.err.contains("--shard I/N"), "{}", said.err);
    let mut own = bench.command(&["--shard", "1/1", "--start-at", "+200ms"], "x");
    finish(own.env("JOB_COMPLETION_INDEX", "2").env("MQSCOPE_SHARDS", "4"), b"").expect(0);
}

#[test]
fn ctrl_c_ends_all_processes_and_the_report_says_so() {
    let bench = Bench::new();
    let mut command = bench.command(&["--processes", "2", "-e", "duration=10m"], "report");
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("starts");
    let mut err = BufReader::new(child.stderr.take().expect("a pipe"));
    let mut line = String::new();
    while !line.contains("21/21 connected") {
        line.clear();
        assert_ne!(err.read_line(&mut line).expect("reads"), 0, "it ended by itself");
    }
    let children = children_of(child.id());
    assert_eq!(children.len(), 2, "{children:?}");
    interrupt(&child);
    let mut rest = String::new();
    err.read_to_string(&mut rest).expect("reads");
    let output = child.wait_with_output().expect("ends");
    assert_eq!(output.status.code(), Some(130), "{rest}");
    let summary = bench.summary("report");
    assert_eq!((&summary["outcome"], &summary["run"]["interrupted"]), (&"interrupted".into(), &true.into()));
    assert!(total(&summary, "publish_rate") > 0);
    for pid in children {
        assert!(!Path::new(&format!("/proc/{pid}")).exists(), "process {pid} goes on");
    }
}

#[test]
fn a_shard_that_dies_leaves_the_figures_of_the_others() {
    let bench = Bench::new();
    let mut command = bench.command(&["--processes", "3", "-e", "duration=10m"], "report");
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("starts");
    let mut lines = BufReader::new(child.stderr.take().expect("a pipe")).lines().map_while(Result::ok);
    // Everyone has published for a second at least.
    assert!(lines.any(|line| line.starts_with("00:02")), "it ended by itself");
    let victim = Pid::from_raw(children_of(child.id())[0] as i32).expect("a process");
    rustix::process::kill_process(victim, Signal::KILL).expect("it runs");
    let rest: Vec<String> = lines.collect();
    let output = child.wait_with_output().expect("ends");
    assert_eq!(output.status.code(), Some(5), "{rest:#?}");
    assert!(rest.iter().any(|line| line.contains("was killed by signal 9")), "{rest:#?}");
    let text = String::from_utf8(output.stdout).unwrap();
    for says in ["UNABLE  shards", "was killed by signal 9", "nothing is judged", " of 3 on one machine"] {
        assert!(text.contains(says), "{says}: {text}");
    }
    let summary = bench.summary("report");
    assert_eq!((&summary["outcome"], &summary["run"]["parts"]), (&"unable".into(), &2.into()));
    assert!(total(&summary, "publish_rate") > 0);
}

#[test]
fn shards_end_when_their_parent_is_killed() {
    let bench = Bench::new();
    let mut command = bench.command(&["--processes", "2", "-e", "duration=10m"], "report");
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("starts");
    let mut err = BufReader::new(child.stderr.take().expect("a pipe"));
    let mut line = String::new();
    while !line.contains("21/21 connected") {
        line.clear();
        assert_ne!(err.read_line(&mut line).expect("reads"), 0, "it ended by itself");
    }
    child.kill().expect("kills");
    child.wait().expect("ends");
    // Each writes its report and is gone; the last thing it writes is its record.
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    for shard in ["report/shard-1/part.json", "report/shard-2/part.json"] {
        while !bench.path(shard).exists() {
            assert!(std::time::Instant::now() < deadline, "no {shard}");
            std::thread::yield_now();
        }
    }
}

/// The processes that this one started, as the system lists them.
fn children_of(pid: u32) -> Vec<u32> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).expect("a process");
    let lists = tasks.filter_map(|task| fs::read_to_string(task.ok()?.path().join("children")).ok());
    lists
        .flat_map(|list| list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<u32>>())
        .collect()
}
