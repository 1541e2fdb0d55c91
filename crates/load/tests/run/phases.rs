//! Conditions, thresholds and orders that end a phase or the run.

use mqscope_load::{Control, Stop, run};
use mqscope_report::Outcome;

use crate::common::{Broker, Faults, count, samples};
use crate::fleet;

#[test]
fn a_condition_that_never_holds_fails_the_run() {
    let broker = Broker::start(Faults { ignore_subscribe: true, ..Faults::default() });
    let text = "groups: {sub: {count: 3, subscribe: t}}
phases: [{name: wait, sub: {connect: {rate: 100/s}}, until: 'sub.subscribed >= 50%', timeout: 300ms}]";
    let finished = broker.run(text);
    assert_eq!(finished.summary.outcome, Outcome::Failed);
    let says = &finished.summary.notes[0].text;
    assert_eq!(says, "phase wait: sub.subscribed >= 50% did not hold within 300ms: 0 of 3 devices");
}

#[test]
fn a_condition_that_holds_ends_its_phase() {
    let broker = Broker::start(Faults::default());
    let text = "groups: {sub: {count: 30, subscribe: t}}
phases: [{name: ramp, sub: {connect: {rate: {from: 100/s, to: 1000/s, over: 100ms}}}, until: 'subscribed == 100%', timeout: 30s}]";
    let finished = broker.run(text);
    assert_eq!(finished.summary.outcome, Outcome::Passed, "{:?}", finished.summary.notes);
    assert!(finished.summary.results.duration_s < 20.0);
    assert_eq!(count(&finished, "connects", None), 30);
    assert_eq!(samples(&finished, "suback_latency"), 30);
}

#[test]
fn a_run_that_is_stopped_says_so_and_reports_what_it_has() {
    let broker = Broker::start(Faults::default());
    let stop = Stop::default();
    let handle = stop.clone();
    // Stopped from within, at the first word of progress.
    let progress = move |seen: &mqscope_load::Progress<'_>| {
        assert_eq!(seen.devices, 12);
        handle.stop();
    };
    let control = Control { stop, progress: Some(Box::new(progress)), ..Control::default() };
    let plan = broker.plan(&fleet(1, "").replace("duration: 1s", "duration: 5m"));
    let finished = run(plan, control).expect("runs");
    assert_eq!(finished.summary.outcome, Outcome::Interrupted);
    assert!(finished.summary.results.duration_s < 60.0);
    assert!(count(&finished, "deliveries", None) > 0);
    assert_eq!(count(&finished, "delivery_lost", None), 0);
}

#[test]
fn a_threshold_may_call_the_run_off() {
    let broker = Broker::start(Faults::default());
    let text = fleet(1, "thresholds: {puback_latency: [{threshold: 'max < 1us', abort_on_fail: true}]}");
    let finished = broker.run(&text.replace("duration: 1s", "duration: 5m"));
    assert_eq!(finished.summary.outcome, Outcome::Failed);
    assert!(finished.summary.results.duration_s < 60.0);
    assert!(finished.summary.notes.iter().any(|note| note.text.contains("ended the run")));
}

#[test]
fn phases_without_record_leave_no_samples() {
    let broker = Broker::start(Faults::default());
    let text = fleet(1, "").replace(
        "[{name: steady, duration: 1s}]",
        "[{name: warm-up, duration: 1s, record: false}, {name: steady, duration: 1s}]",
    );
    let finished = broker.run(&text);
    assert_eq!(broker.seen("PUBLISH"), 400);
    assert_eq!(count(&finished, "publish_rate", None), 200);
    assert_eq!(samples(&finished, "delivery_latency"), 400);
    assert_eq!(count(&finished, "delivery_expected", None), 400);
    assert_eq!(count(&finished, "delivery_lost", None), 0);
}
