//! Summaries: their file, their schema, merging, and what people see of them.

use std::{
    fs,
    path::Path,
    sync::Arc,
    time::{Duration, SystemTime},
};

use hdrhistogram::serialization::{
    Deserializer,
    interval_log::{IntervalLogIterator, LogEntry},
};
use mqscope_report::{
    Catalog, Collector, NoteLevel, Outcome, Phase, Recorder, ReportError, Run, Series, Summary, Tags,
    Threshold, Unit,
    write::{self, Folder, text::Style},
};
use proptest::prelude::*;

const S: Duration = Duration::from_secs(1);

fn run() -> Run {
    Run {
        name: "fleet-telemetry".to_owned(),
        tool: "mqscope 0.1.0".to_owned(),
        started: SystemTime::UNIX_EPOCH + Duration::from_nanos(1_767_323_045_021_435_000),
        seed: 42,
        interrupted: false,
        parts: 1,
        facts: [("target".to_owned(), "mqtt://127.0.0.1:1883".to_owned())].into(),
    }
}

fn thresholds(texts: &[(&str, &str)]) -> Vec<Threshold> {
    texts.iter().map(|(selector, text)| Threshold::parse(selector, text).unwrap()).collect()
}

/// A run of two phases whose steady part has these PUBACK latencies (µs), and in which one of ten messages was lost.
fn part(run: Run, latencies: &[u64]) -> (Summary, Series) {
    let mut catalog = Catalog::new();
    let ramp = catalog.latency("connect", [("phase", "ramp"), ("group", "sensors")]);
    let puback = catalog.latency("puback_latency", [("phase", "steady"), ("group", "sensors")]);
    let sent = catalog.counter("delivery_expected", Tags::none());
    let lost = catalog.counter_of("delivery_lost", Tags::none(), sent);
    catalog.counter("delivery_unexpected", Tags::none());
    let connected = catalog.gauge_to("connected", [("phase", "ramp")], Unit::Count, 100.0);
    let memory = catalog.gauge("memory", Tags::none(), Unit::Bytes);
    let cpu = catalog.gauge("generator_cpu", Tags::none(), Unit::Percent);
    let catalog = Arc::new(catalog);
    let mut recorder = Recorder::new(&catalog, 0);
    let mut collector = Collector::new(catalog, 1);
    for second in 0..4u32 {
        if second == 0 {
            recorder.response(ramp, Duration::from_micros(1_700));
        }
        for us in latencies.iter().skip(second as usize).step_by(4) {
            recorder.response_and_service(puback, Duration::from_micros(*us), Duration::from_micros(us / 3));
        }
        recorder.count(sent, 10);
        recorder.count(lost, 1);
        recorder.gauge(connected, f64::from(second * 25 + 25));
        recorder.gauge(memory, 3.5 * 1024.0 * 1024.0);
        recorder.gauge(cpu, 41.5);
        let mut interval = recorder.take(S * second, S * (second + 1));
        collector.add(&mut interval);
        recorder.reuse(interval);
    }
    collector.finish();
    let phase = |name: &str, start_s, end_s| Phase { name: name.to_owned(), start_s, end_s };
    let results = collector.results(S * 4, &[phase("ramp", 0.0, 1.0), phase("steady", 1.0, 4.0)]);
    let demands = thresholds(&[
        ("puback_latency{phase:steady}", "p(99) < 50ms"),
        ("delivery_lost", "rate < 0.1%"),
        ("connected{phase:ramp}", "time_to(99%) < 60s"),
        ("ping", "max < 1s"),
    ]);
    let validity = thresholds(&[("generator_cpu", "max < 90%")]);
    (Summary::new(run, results, &demands, &validity), collector.series().clone())
}

fn sample() -> (Summary, Series) {
    let latencies: Vec<u64> = (1..=2_000).map(|i| 400 + i * 31).collect();
    part(run(), &latencies)
}

fn json(summary: &Summary) -> String {
    let mut bytes = Vec::new();
    write::json::write(summary, &mut bytes).unwrap();
    String::from_utf8(bytes).unwrap()
}

fn text(summary: &Summary, style: Style) -> String {
    let mut bytes = Vec::new();
    write::text::write(summary, style, &mut bytes).unwrap();
    String::from_utf8(bytes).unwrap()
}

fn merge(parts: &[Summary]) -> Summary {
    Summary::merge(parts).unwrap()
}

fn check_against_schema(text: &str) -> Result<(), String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema/summary.schema.json");
    let schema: serde_json::Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    let mut schemas = boon::Schemas::new();
    let mut compiler = boon::Compiler::new();
    compiler.enable_format_assertions();
    compiler.add_resource("summary.json", schema).unwrap();
    let index = compiler.compile("summary.json", &mut schemas).map_err(|error| error.to_string())?;
    let value = serde_json::from_str(text).unwrap();
    schemas.validate(&value, index).map_err(|error| format!("{error:#}"))
}

#[test]
fn a_summary_keeps_to_its_schema() {
    let (summary, _) = sample();
    check_against_schema(&json(&summary)).unwrap();
    let noted = summary.with_note(NoteLevel::Warning, "clock").with_note(NoteLevel::Info, "rest");
    let whole = Summary { series: Some("series.csv".to_owned()), ..merge(&[noted.clone(), noted]) };
    check_against_schema(&json(&whole)).unwrap();
}

#[test]
fn a_captures_summary_keeps_to_the_schema_and_shows_each_latency_once() {
    let (run, _) = sample();
    let capture = Summary::of_capture(run.run.clone(), run.results.clone());
    check_against_schema(&json(&capture)).unwrap();
    assert_eq!(Summary::from_json(&json(&capture)).unwrap(), capture);
    let text = text(&capture, Style::PLAIN);
    assert!(text.starts_with("CAPTURE  fleet-telemetry\n"), "{text}");
    assert!(text.contains("group:sensors phase:steady  2,000"), "{text}");
    assert!(!text.contains("seed") && !text.contains("      service"), "{text}");
}

#[test]
fn the_schema_refuses_what_is_not_a_summary() {
    let (summary, _) = sample();
    let text = json(&summary);
    let changes = [
        ("mqscope-summary/1", "mqscope-summary/9"),
        ("\"seed\"", "\"sead\""),
        ("2026-01-02T", "02.01.2026 "),
        ("\"outcome\": \"failed\"", "\"outcome\": \"so-so\""),
        ("\"saturated\": 0,", ""),
        ("[1, 25.0]", "[1]"),
        ("\"time_us\"", "\"time_ms\""),
    ];
    for (from, to) in changes {
        assert!(text.contains(from), "{from}");
        assert!(check_against_schema(&text.replacen(from, to, 1)).is_err(), "{from} to {to}");
    }
}

#[test]
fn reading_gives_back_what_was_written() {
    let (summary, _) = sample();
    assert_eq!(Summary::from_json(&json(&summary)).unwrap(), summary);
}

#[test]
fn another_schema_is_named_in_the_error() {
    let error = Summary::from_json(r#"{"schema":"mqscope-summary/2","more":[]}"#).unwrap_err();
    assert_eq!(error.to_string(), "summary of schema \"mqscope-summary/2\", expected \"mqscope-summary/1\"");
    assert!(matches!(Summary::from_json("[]"), Err(ReportError::SummaryFormat(_))));
}

#[test]
fn the_outcome_follows_the_worst_verdict() {
    let (failed, _) = sample();
    assert_eq!((failed.outcome, failed.exit_code), (Outcome::Failed, 1));
    let results = || failed.results.clone();
    let met = thresholds(&[("puback_latency", "max < 1s")]);
    let broken = thresholds(&[("generator_cpu", "max < 10%")]);
    let unmet = thresholds(&[("puback_latency", "max < 1ms")]);
    let outcome = |run, thresholds: &[Threshold], validity: &[Threshold]| {
        let summary = Summary::new(run, results(), thresholds, validity);
        (summary.outcome, summary.exit_code)
    };
    assert_eq!(outcome(run(), &met, &[]), (Outcome::Passed, 0));
    assert_eq!(outcome(run(), &unmet, &broken), (Outcome::Invalid, 3));
    assert_eq!(outcome(Run { interrupted: true, ..run() }, &unmet, &broken), (Outcome::Interrupted, 130));
}

#[test]
fn merging_judges_anew_on_the_whole() {
    // Each part alone is bad at p(99); the whole is not.
    let mut slow: Vec<u64> = vec![1_000; 50];
    slow.push(90_000);
    let (bad, _) = part(run(), &slow);
    let (good, _) = part(run(), &vec![1_000; 100_000]);
    assert!(!bad.thresholds[0].passed);
    let whole = merge(&[bad, good]);
    assert!(whole.thresholds[0].passed, "{:?}", whole.thresholds[0]);
    assert_eq!(whole.thresholds[0].samples, 100_051);
    assert_eq!(whole.run.parts, 2);
    assert_eq!(whole.results.counters[1].count, 8);
    assert_eq!(whole.results.gauges[0].target, Some(200.0));
    assert_eq!(whole.results.gauges[0].last, 200.0);
    // The parts ran side by side: their rates add up.
    assert_eq!(whole.results.counters[0].rate_per_s, 20.0);
}

#[test]
fn parts_that_began_apart_are_laid_on_one_time_line() {
    let later = Run { started: run().started + S * 2, ..run() };
    let whole = merge(&[part(later, &[5_000]).0, part(run(), &[7_000]).0]);
    assert_eq!(whole.run.started, run().started);
    assert_eq!(whole.results.duration_s, 6.0);
    let steady = whole.results.phase("steady").unwrap();
    assert_eq!((steady.start_s, steady.end_s), (1.0, 6.0));
    let connected = &whole.results.gauges[0].points;
    assert_eq!(*connected, [(1, 25.0), (2, 50.0), (3, 100.0), (4, 150.0), (5, 175.0), (6, 200.0)]);
}

#[test]
fn what_is_not_one_run_is_not_merged() {
    let other = Run { name: "chat".to_owned(), ..run() };
    let error = Summary::merge(&[part(run(), &[1]).0, part(other, &[1]).0]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot merge runs of different scenarios: \"fleet-telemetry\" and \"chat\""
    );
    assert!(matches!(Summary::merge(&[]), Err(ReportError::MergeNothing)));
}

#[test]
fn an_interrupted_part_makes_an_interrupted_whole() {
    let cut = Run { interrupted: true, ..run() };
    let whole = merge(&[part(run(), &[1]).0, part(cut, &[1]).0]);
    assert_eq!(whole.outcome, Outcome::Interrupted);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn merging_is_associative_and_loses_nothing(
        a in prop::collection::vec(1u64..10_000_000, 1..50),
        b in prop::collection::vec(1u64..10_000_000, 1..50),
        c in prop::collection::vec(1u64..10_000_000, 1..50),
    ) {
        let parts = [&a, &b, &c].map(|latencies| part(run(), latencies).0);
        let at_once = merge(&parts);
        let left = merge(&[merge(&parts[..2]), parts[2].clone()]);
        let right = merge(&[parts[0].clone(), merge(&parts[1..])]);
        prop_assert_eq!(&left, &at_once);
        prop_assert_eq!(&right, &at_once);
        let all: Vec<u64> = a.iter().chain(&b).chain(&c).copied().collect();
        let (in_one, _) = part(run(), &all);
        let puback = |summary: &Summary| summary.results.latencies[1].response.clone();
        prop_assert_eq!(puback(&at_once), puback(&in_one));
        // Also by way of files.
        let files = parts.map(|part| Summary::from_json(&json(&part)).unwrap());
        prop_assert_eq!(merge(&files), at_once);
    }
}

#[test]
fn the_text_puts_the_biggest_problem_first() {
    let (summary, _) = sample();
    insta::assert_snapshot!(text(&summary, Style::PLAIN));
}

#[test]
fn an_invalid_run_says_not_to_believe_it() {
    let (summary, _) = sample();
    let validity = thresholds(&[("generator_cpu", "max < 10%")]);
    let met = thresholds(&[("puback_latency", "max < 1s")]);
    let mut summary = Summary::new(run(), summary.results, &met, &validity)
        .with_note(NoteLevel::Warning, "the broker closed 3 connections\u{1b}[2J")
        .with_note(NoteLevel::Info, "latencies include loopback only");
    summary.results.gauges.clear();
    summary.results.counters.clear();
    insta::assert_snapshot!(text(
        &summary,
        Style { signs: write::text::Signs::Ascii, color: write::text::Color::None }
    ));
}

#[test]
fn colour_changes_nothing_but_colour() {
    let (summary, _) = sample();
    let colored = text(&summary, Style { color: write::text::Color::Ansi, ..Style::PLAIN });
    assert!(colored.contains("\x1b[1;31mFAILED\x1b[0m"));
    let mut stripped = colored;
    for code in ["\x1b[0m", "\x1b[1m", "\x1b[32m", "\x1b[33m", "\x1b[1;31m"] {
        stripped = stripped.replace(code, "");
    }
    assert_eq!(stripped, text(&summary, Style::PLAIN));
}

#[test]
fn the_json_is_laid_out_for_people() {
    let (mut summary, _) = part(run(), &[1_000, 2_000]);
    summary.results.latencies.truncate(1);
    // The bytes of a deflated histogram are the compressor's affair.
    let encoded = summary.results.latencies[0].response.histogram.to_base64();
    insta::assert_snapshot!(json(&summary).replace(&encoded, "(base64)"));
}

#[test]
fn the_series_has_a_row_a_second_and_metric() {
    let (_, series) = part(run(), &[1_000, 2_000, 3_000]);
    let mut bytes = Vec::new();
    write::csv::write(&series, &mut bytes).unwrap();
    insta::assert_snapshot!(String::from_utf8(bytes).unwrap());
}

#[test]
fn a_cell_with_commas_and_quotes_is_quoted() {
    let mut catalog = Catalog::new();
    let odd = catalog.counter("sent", [("group", "a \"b\", c")]);
    let catalog = Arc::new(catalog);
    let mut recorder = Recorder::new(&catalog, 0);
    recorder.count(odd, 7);
    let mut collector = Collector::new(catalog, 1);
    collector.add(&mut recorder.take(Duration::ZERO, S));
    collector.finish();
    let mut bytes = Vec::new();
    write::csv::write(collector.series(), &mut bytes).unwrap();
    assert_eq!(
        String::from_utf8(bytes).unwrap(),
        "second,metric,group,count,p50_us,p99_us,max_us,value\n0,sent,\"a \"\"b\"\", c\",7,,,,\n"
    );
}

#[test]
fn the_interval_log_holds_every_latency_over_its_phase() {
    use base64::{Engine, engine::general_purpose::STANDARD};
    let (summary, _) = sample();
    let mut log = Vec::new();
    write::hlog::write(&summary, &mut log).unwrap();
    let mut seen = Vec::new();
    for entry in IntervalLogIterator::new(&log) {
        match entry.unwrap() {
            LogEntry::Interval(interval) => {
                let bytes = STANDARD.decode(interval.encoded_histogram()).unwrap();
                let histogram: hdrhistogram::Histogram<u64> =
                    Deserializer::new().deserialize(&mut bytes.as_slice()).unwrap();
                let tag = interval.tag().unwrap().as_str().to_owned();
                let (start, length) = (interval.start_timestamp(), interval.duration());
                seen.push((tag, start, length, histogram.len(), histogram.value_at_percentile(99.0)));
            }
            LogEntry::StartTime(time) | LogEntry::BaseTime(time) => {
                assert_eq!(time.as_millis(), 1_767_323_045_021);
            }
        }
    }
    let [connect, puback] = &summary.results.latencies[..] else { panic!("two latencies") };
    let service = puback.service.as_ref().unwrap();
    let expected = [
        ("connect;group:sensors;phase:ramp", 0, 1, 1, connect.response.p99_us),
        ("puback_latency;group:sensors;phase:steady", 1, 3, 2_000, puback.response.p99_us),
        ("puback_latency;group:sensors;phase:steady;service", 1, 3, 2_000, service.p99_us),
    ];
    let expected =
        expected.map(|(tag, start, length, count, p99)| (tag.to_owned(), S * start, S * length, count, p99));
    assert_eq!(seen, expected);
}

#[test]
fn the_percentile_distribution_is_in_the_standard_form() {
    let (summary, _) = part(run(), &[1_000, 2_000, 3_000, 64_000]);
    let mut bytes = Vec::new();
    write::hgrm::write(&summary.results.latencies[1].response.histogram, &mut bytes).unwrap();
    insta::assert_snapshot!(String::from_utf8(bytes).unwrap());
}

#[test]
fn a_folder_holds_all_files_and_no_half_written_one() {
    let at = tempfile::tempdir().unwrap();
    let (summary, series) = sample();
    let folder = Folder::create(at.path().join("out/run-1")).unwrap();
    folder.write(&summary, Some(&series)).unwrap();
    folder.write(&summary, Some(&series)).unwrap();
    let names = |path: &Path| {
        let entries =
            fs::read_dir(path).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = entries.collect();
        names.sort();
        names
    };
    assert_eq!(
        names(folder.path()),
        ["latency", "latency.hlog", "series.csv", "summary.json", "summary.txt"]
    );
    assert_eq!(
        names(&folder.path().join("latency")),
        [
            "connect.group-sensors.phase-ramp.hgrm",
            "puback_latency.group-sensors.phase-steady.hgrm",
            "puback_latency.group-sensors.phase-steady.service.hgrm"
        ]
    );
    let read = Summary::from_json(&fs::read_to_string(folder.path().join("summary.json")).unwrap()).unwrap();
    assert_eq!(read, Summary { series: Some("series.csv".to_owned()), ..summary });

    fs::write(folder.path().join("latency/mine.hgrm"), "").unwrap();
    fs::write(folder.path().join("notes.txt"), "").unwrap();
    folder.clear().unwrap();
    assert_eq!(names(folder.path()), ["latency", "notes.txt"], "what is not ours stays");
    assert_eq!(names(&folder.path().join("latency")), ["mine.hgrm"]);
    folder.clear().unwrap();
}

#[test]
fn a_file_that_cannot_be_written_is_named_and_leaves_nothing() {
    let at = tempfile::tempdir().unwrap();
    let folder = Folder::create(at.path()).unwrap();
    let broken = folder.file("summary.json", |_| Err(std::io::Error::other("disk full"))).unwrap_err();
    assert_eq!(
        broken.to_string(),
        format!("cannot write {}: disk full", at.path().join("summary.json").display())
    );
    assert_eq!(fs::read_dir(at.path()).unwrap().count(), 0);
    fs::write(at.path().join("taken"), "").unwrap();
    let error = Folder::create(at.path().join("taken/run")).unwrap_err();
    assert!(
        error.to_string().starts_with(&format!("cannot write {}", at.path().join("taken/run").display()))
    );
}
