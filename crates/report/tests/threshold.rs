//! The language of thresholds, and how they judge.

use std::{sync::Arc, time::Duration};

use mqscope_report::{
    Abort, Catalog, Collector, Phase, Recorder, Results, Tags, Threshold, ThresholdError, Unit, Value,
    Verdict,
    threshold::{Operator, Part, What},
};

fn parse(text: &str) -> Threshold {
    Threshold::parse("m", text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn fault(text: &str) -> ThresholdError {
    Threshold::parse("m", text).unwrap_err()
}

#[test]
fn every_figure_operator_and_unit_is_understood() {
    use Operator as O;
    let cases = [
        ("p(99) < 50ms", What::Percentile(99.0), O::Less, Value::TimeUs(50_000.0)),
        ("p(99.9)<=250us", What::Percentile(99.9), O::LessOrEqual, Value::TimeUs(250.0)),
        ("  med  >  1.5s ", What::Percentile(50.0), O::Greater, Value::TimeUs(1_500_000.0)),
        ("max < 2m", What::Max, O::Less, Value::TimeUs(120_000_000.0)),
        ("min >= 500ns", What::Min, O::GreaterOrEqual, Value::TimeUs(0.5)),
        ("avg < 10µs", What::Mean, O::Less, Value::TimeUs(10.0)),
        ("mean < 1h", What::Mean, O::Less, Value::TimeUs(3_600_000_000.0)),
        ("count == 0", What::Count, O::Equal, Value::Number(0.0)),
        ("count != 1_000", What::Count, O::NotEqual, Value::Number(1_000.0)),
        ("rate < 0.1%", What::Rate, O::Less, Value::Percent(0.1)),
        ("rate > 100/s", What::Rate, O::Greater, Value::PerSecond(100.0)),
        ("rate > 10k/s", What::Rate, O::Greater, Value::PerSecond(10_000.0)),
        ("achieved >= 99%", What::Achieved, O::GreaterOrEqual, Value::Percent(99.0)),
        ("time_to(99%) < 60s", What::TimeTo(99.0), O::Less, Value::TimeUs(60_000_000.0)),
        ("max < 90%", What::Max, O::Less, Value::Percent(90.0)),
        ("last == 1.5M", What::Last, O::Equal, Value::Number(1_500_000.0)),
    ];
    for (text, what, operator, value) in cases {
        let threshold = parse(text);
        assert_eq!((threshold.what, threshold.operator, threshold.value), (what, operator, value), "{text}");
    }
}

#[test]
fn a_selector_names_a_metric_and_its_tags() {
    let threshold = Threshold::parse("puback_latency{phase:steady, group: sensors}", "p(99) < 20ms").unwrap();
    let tags = Tags::from([("group", "sensors"), ("phase", "steady")]);
    assert_eq!((threshold.selector.metric.as_str(), &threshold.selector.tags), ("puback_latency", &tags));
    assert_eq!(threshold.selector.to_string(), "puback_latency{group:sensors,phase:steady}");
}

#[test]
fn a_fault_has_its_column_and_the_nearest_word() {
    let cases = [
        ("p99 < 50ms", "no figure is called p99 at column 1, did you mean p(99)?"),
        ("p(99 < 50ms", "expected ) at column 6"),
        ("p(101) < 50ms", "expected a percentage above 0 and up to 100 at column 3"),
        ("maxx < 50ms", "no figure is called maxx at column 1, did you mean max?"),
        ("acheived >= 99%", "no figure is called acheived at column 1, did you mean achieved?"),
        ("", "expected p(N), max, min, avg, med, count or another figure at column 1"),
        ("max 50ms", "expected <, <=, >, >=, == or != at column 5"),
        ("count = 0", "expected <, <=, >, >=, == or != at column 7, did you mean ==?"),
        ("p(99) < fast", "expected a number at column 9"),
        (
            "p(99) < 50msec",
            "no unit is called msec (there are ns us ms s m h % /s k M) at column 11, did you mean ms?",
        ),
        ("p(99) < 50", "p(99) is compared with a time such as 50ms at column 9"),
        ("count < 5%", "count is compared with a plain number at column 9"),
        ("rate < 5", "rate is compared with a rate such as 100/s, or a share such as 0.1% at column 8"),
        ("p(99) < 50ms or so", "expected nothing more than this, found or so at column 14"),
        ("p(99) < 1.2.3ms", "expected a number at column 9"),
    ];
    for (text, message) in cases {
        assert_eq!(fault(text).to_string(), message, "{text}");
    }
}

#[test]
fn a_fault_in_the_selector_says_so() {
    for (selector, column) in [("", 1), ("m{", 3), ("m{a}", 4), ("m{a:}", 5), ("m{a:b", 6), ("m}", 2)] {
        let error = Threshold::parse(selector, "count == 0").unwrap_err();
        assert_eq!((error.part, error.column), (Part::Selector, column), "{selector}: {error}");
    }
}

#[test]
fn a_name_that_is_not_in_the_catalog_is_told_with_the_nearest_that_is() {
    let mut catalog = Catalog::new();
    catalog.latency("puback_latency", [("phase", "steady")]);
    catalog.counter("lost", [("phase", "steady")]);
    let check = |selector, text| Threshold::parse(selector, text).unwrap().check(&catalog);
    let told = |selector, text| check(selector, text).unwrap_err().to_string();
    assert_eq!(check("puback_latency{phase:steady}", "p(99) < 1s"), Ok(()));
    assert_eq!(
        told("pubak_latency", "p(99) < 1s"),
        "no metric named pubak_latency at column 1, did you mean puback_latency?"
    );
    assert_eq!(
        told("puback_latency{phase:stedy}", "p(99) < 1s"),
        "puback_latency has no phase:stedy at column 16, did you mean steady?"
    );
    assert_eq!(
        told("puback_latency{phse:steady}", "p(99) < 1s"),
        "puback_latency has no tag phse at column 16, did you mean phase?"
    );
    assert_eq!(
        told("lost", "p(99) < 1s"),
        "lost has no such figure (this counter has count, and rate in /s) at column 1"
    );
    assert!(told("lost", "rate < 1%").contains("this counter has count"));
}

/// 1,000 responses of 1 to 1,000 ms whose service took 1 ms, 990 of 1,000 sent, nothing lost, and a storm that takes 7 s to recover.
fn results() -> Results {
    let mut catalog = Catalog::new();
    let latency = catalog.latency("latency", [("phase", "steady"), ("group", "a")]);
    let other = catalog.latency("latency", [("phase", "storm"), ("group", "a")]);
    catalog.latency("silent", Tags::none());
    let intended = catalog.counter("intended", [("phase", "steady")]);
    let sent = catalog.counter_of("sent", [("phase", "steady")], intended);
    let lost = catalog.counter_of("lost", [("phase", "steady")], sent);
    let tried = catalog.counter("tried", Tags::none());
    catalog.counter_of("failed", Tags::none(), tried);
    catalog.counter("unexpected", Tags::none());
    let connected = catalog.gauge_to("connected", [("phase", "storm")], Unit::Count, 100.0);
    let cpu = catalog.gauge("generator_cpu", Tags::none(), Unit::Percent);
    let catalog = Arc::new(catalog);
    let mut recorder = Recorder::new(&catalog, 0);
    let mut collector = Collector::new(catalog, 1);
    for ms in 1..=1_000 {
        recorder.response_and_service(latency, Duration::from_millis(ms), Duration::from_millis(1));
    }
    recorder.response(other, Duration::from_secs(9));
    recorder.count(intended, 1_000);
    recorder.count(sent, 990);
    recorder.count(lost, 0);
    for (second, value) in [(10, 100.0), (11, 0.0), (12, 2.0), (16, 99.0), (17, 100.0)] {
        recorder.gauge(connected, value);
        recorder.gauge(cpu, 40.0 + value / 2.0);
        let (from, to) = (Duration::from_secs(second), Duration::from_secs(second + 1));
        collector.add(&mut recorder.take(from, to));
    }
    collector.finish();
    let phase = |name: &str, start_s, end_s| Phase { name: name.to_owned(), start_s, end_s };
    collector.results(Duration::from_secs(20), &[phase("steady", 0.0, 10.0), phase("storm", 10.0, 20.0)])
}

fn judge(selector: &str, text: &str) -> Verdict {
    Threshold::parse(selector, text).unwrap().judge(&results())
}

#[test]
fn a_threshold_says_what_it_saw() {
    let cases = [
        ("latency{phase:steady}", "p(99) < 1s", true, "p(99) is 990ms over 1,000 samples"),
        ("latency{phase:steady}", "p(99) < 900ms", false, "p(99) is 990ms over 1,000 samples"),
        ("latency{phase:steady}", "p(99) < 990ms", false, "p(99) is 990207us over 1,000 samples"),
        ("latency", "max < 2s", false, "max is 9.00s over 1,001 samples"),
        ("latency{group:a}", "count == 1001", true, "count is 1,001"),
        ("latency{phase:steady}", "rate >= 100/s", true, "rate is 100/s"),
        ("latency", "rate > 50/s", true, "rate is 50.05/s"),
        ("sent", "achieved >= 99%", true, "achieved is 99% of 1,000"),
        ("sent", "achieved > 99%", false, "achieved is 99% of 1,000"),
        ("sent", "rate == 99/s", true, "rate is 99/s"),
        ("lost", "count == 0", true, "count is 0"),
        ("lost", "rate < 0.1%", true, "rate is 0% of 990"),
        ("unexpected", "count == 0", true, "count is 0"),
        ("connected{phase:storm}", "time_to(99%) < 8s", true, "time_to(99%) took 7.00s"),
        ("connected{phase:storm}", "time_to(99%) < 6s", false, "time_to(99%) took 7.00s"),
        ("connected", "last >= 99%", true, "last is 100% over 5 samples"),
        ("generator_cpu", "max < 90%", false, "max is 90% over 5 samples"),
    ];
    for (selector, text, passed, says) in cases {
        let verdict = judge(selector, text);
        assert_eq!((verdict.passed, verdict.says.as_str()), (passed, says), "{selector}: {text}");
    }
}

#[test]
fn a_metric_without_samples_fails_whatever_is_asked() {
    let cases = [
        ("silent", "p(99) < 1h"),
        ("silent", "count == 0"),
        ("nowhere", "count == 0"),
        ("latency{phase:drain}", "max < 1h"),
        // Nothing failed, but nothing was tried either.
        ("failed", "count == 0"),
        ("failed", "rate < 1%"),
    ];
    for (selector, text) in cases {
        let verdict = judge(selector, text);
        assert_eq!((verdict.passed, verdict.seen), (false, None), "{selector}: {text}");
        assert_eq!(verdict.says, "no samples", "{selector}: {text}");
    }
}

#[test]
fn a_gauge_that_never_gets_there_fails_with_the_most_it_reached() {
    let mut results = results();
    results.gauges.iter_mut().for_each(|gauge| gauge.points.truncate(4));
    let verdict = Threshold::parse("connected", "time_to(100%) < 1h").unwrap().judge(&results);
    assert_eq!((verdict.passed, verdict.says.as_str()), (false, "never reached: 99% at most"));
}

#[test]
fn a_figure_the_metric_does_not_have_fails_with_the_reason() {
    assert_eq!(judge("unexpected", "rate < 1%").says, "this counter is not a share of anything");
    assert_eq!(judge("latency", "achieved > 1%").says, "a latency has no such figure");
    assert_eq!(judge("generator_cpu", "count == 1").says, "a gauge has no such figure");
}

#[test]
fn the_service_form_stands_beside_the_response_form() {
    let verdict = judge("latency{phase:steady}", "p(99) < 900ms");
    assert_eq!(verdict.seen_from_write, Some(Value::TimeUs(1_000.0)));
    assert_eq!(judge("latency{phase:storm}", "p(99) < 900ms").seen_from_write, None);
}

#[test]
fn a_breach_calls_the_run_off_only_when_it_is_due_and_there_are_samples() {
    let results = results();
    let abort = |selector, text| Threshold::parse(selector, text).unwrap().aborting(Abort { after_s: 10.0 });
    assert!(!abort("latency", "max < 1s").calls_off(&results, 9.9));
    assert!(abort("latency", "max < 1s").calls_off(&results, 10.0));
    assert!(!abort("latency", "max < 10s").calls_off(&results, 10.0));
    assert!(!abort("silent", "max < 1s").calls_off(&results, 10.0));
    assert!(!Threshold::parse("latency", "max < 1s").unwrap().calls_off(&results, 10.0));
}
