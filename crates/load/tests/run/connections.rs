//! Connections and subscriptions that are refused, break, or are never answered.

use mqscope_load::{Control, Finished, RunError, Stop, run};
use mqscope_report::Outcome;

use crate::common::{Broker, Faults, count, samples};
use crate::fleet;

#[test]
fn a_refused_connection_is_counted_with_its_reason() {
    let broker = Broker::start(Faults { refuse: Some(5), ..Faults::default() });
    let finished = broker.run(&fleet(1, ""));
    assert_eq!(finished.summary.outcome, Outcome::Unable);
    assert_eq!(count(&finished, "connect_failed", None), 12);
    let notes: Vec<_> = finished.summary.notes.iter().map(|note| note.text.as_str()).collect();
    assert_eq!(notes, ["connect failed: Connection Refused, not authorized (0x05) (12 times)"]);
}

#[test]
fn a_broker_that_does_not_answer_is_given_up() {
    let broker = Broker::start(Faults { ignore_subscribe: true, ..Faults::default() });
    let finished = broker.run(&fleet(
        1,
        &format!("target: {{brokers: ['mqtt://{}'], connect_timeout: 200ms}}", broker.address),
    ));
    assert_eq!(count(&finished, "subscribe_failed", None), 2);
    assert!(finished.summary.notes.iter().any(|note| note.text.contains("no SUBACK within 200ms")));
    assert_eq!(count(&finished, "delivery_expected", None), 0, "whoever is not subscribed is owed nothing");
}

/// Of twelve connects the broker leaves one without its CONNACK, and the run ends before that has its patience.
#[test]
fn a_connect_that_waits_when_the_run_ends_has_failed() {
    let text = "groups: {sub: {count: 12, subscribe: t}}
phases: [{name: connects, duration: 200ms, sub: {connect: {rate: 1000/s}}}]";
    let stop = Stop::default();
    for stopped in [false, true] {
        let broker = Broker::start(Faults { ignore_connect: Some(12), ..Faults::default() });
        let handle = stop.clone();
        let progress = move |_: &mqscope_load::Progress<'_>| handle.stop();
        let control = if stopped {
            Control { stop: stop.clone(), progress: Some(Box::new(progress)), ..Control::default() }
        } else {
            Control::default()
        };
        let text = if stopped { text.replace("200ms", "5m") } else { text.to_owned() };
        let finished = run(broker.plan(&text), control).expect("runs");
        assert_eq!(count(&finished, "connect_attempts", None), 12);
        assert_eq!((count(&finished, "connects", None), count(&finished, "connect_failed", None)), (11, 1));
        assert_eq!(count(&finished, "tcp_connect_failed", None), 0);
        assert_eq!(samples(&finished, "connect_latency"), 11);
        let notes: Vec<_> = finished.summary.notes.iter().map(|note| note.text.as_str()).collect();
        let says = "connect failed: unanswered, no CONNACK by the end of the run (1 times)";
        assert!(notes.contains(&says), "{notes:?}");
    }
}

#[test]
fn a_broker_that_takes_nobody_is_told_where_that_is_not_recorded_as_well() {
    let broker = Broker::start(Faults { refuse: Some(5), ..Faults::default() });
    let finished = broker.run(
        "groups: {sub: {count: 3, subscribe: t}}
phases: [{name: up, duration: 200ms, record: false, sub: {connect: {rate: 100/s}}}, {name: steady, duration: 100ms}]",
    );
    assert_eq!(finished.summary.outcome, Outcome::Unable);
}

#[test]
fn devices_whose_connect_is_not_due_before_the_end_are_told() {
    let broker = Broker::start(Faults::default());
    let finished = broker.run(
        "groups: {sub: {count: 10, subscribe: t}}
phases: [{name: up, duration: 500ms, sub: {connect: {rate: 1/s}}}]",
    );
    assert_eq!(count(&finished, "connect_attempts", None), 1);
    let says = "never connected: the run ended before its connect was due (9 times)";
    assert_eq!(first_note(&finished), says);
}

#[test]
fn a_refused_subscription_is_no_subscription() {
    let broker = Broker::start(Faults { grant: Some(0x80), ..Faults::default() });
    let finished = broker.run(&fleet(1, ""));
    assert_eq!(count(&finished, "subscribe_failed", None), 2);
    assert!(finished.summary.notes.iter().any(|note| note.text.contains("subscription refused")));
}

#[test]
fn a_connection_that_breaks_is_counted_and_what_it_owed_is_dropped() {
    let broker = Broker::start(Faults { close_after: Some(5), ..Faults::default() });
    let finished = broker.run(&fleet(1, ""));
    assert_eq!(count(&finished, "disconnects", None), 10);
    let (sent, dropped) = (count(&finished, "publish_rate", None), count(&finished, "publish_dropped", None));
    assert!((40..=50).contains(&sent), "{sent} sent, four of each device acknowledged");
    assert_eq!(sent + dropped, count(&finished, "publish_intended", None));
    assert_eq!(count(&finished, "publish_intended", None), 200);
    assert_eq!(count(&finished, "publish_unacknowledged", None), sent - 40);
    assert_eq!(samples(&finished, "puback_latency"), sent, "the rest wait to the end");
    assert_eq!(
        count(&finished, "delivery_lost", None),
        0,
        "what was not acknowledged may have been lost or not"
    );
}

#[test]
fn keep_alive_is_kept() {
    let broker = Broker::start(Faults::default());
    let text = "groups: {sub: {count: 3, subscribe: t, keep_alive: 1s}}
phases: [{name: quiet, duration: 2500ms}]";
    let finished = broker.run(text);
    assert_eq!(finished.summary.outcome, Outcome::Passed, "{:?}", finished.summary.notes);
    assert!((3..=6).contains(&broker.seen("PINGREQ")), "{} pings", broker.seen("PINGREQ"));
    assert_eq!(samples(&finished, "ping_latency"), broker.seen("PINGREQ"));
}

#[test]
fn without_a_broker_there_is_no_run() {
    let broker = Broker::start(Faults::default());
    let plan = broker.plan(&fleet(1, ""));
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
    let mut plan = plan;
    plan.target.brokers[0].port = free.port();
    let error = run(plan, Control::default()).expect_err("nobody listens");
    assert!(matches!(error, RunError::Unreachable { .. }), "{error}");
}

/// What one device makes of a broker that says this after SUBACK.
fn babbled(babble: &'static [u8], group: &str, duration: &str) -> (Finished, Broker) {
    let broker = Broker::start(Faults { babble, ..Faults::default() });
    let finished = broker.run(&format!(
        "groups: {{sub: {{count: 1, subscribe: t, {group}}}}}
phases: [{{name: steady, duration: {duration}}}]"
    ));
    (finished, broker)
}

fn first_note(finished: &Finished) -> &str {
    finished.summary.notes.first().map_or("", |note| note.text.as_str())
}

#[test]
fn a_packet_that_cannot_be_ends_the_connection_before_it_is_whole() {
    for (babble, says) in [
        (&[0xf0, 0xff, 0xff, 0xff, 0x7f][..], "no such packet type"),
        (&[0xf0], "no such packet type"),
        (&[0x82, 0x05], "SUBSCRIBE out of place"),
        (&[0x36, 0x80], "breaks a rule in QoS"),
    ] {
        let (finished, _) = babbled(babble, "", "300ms");
        assert_eq!(count(&finished, "disconnects", None), 1, "{babble:x?}");
        assert!(first_note(&finished).contains(says), "{}", first_note(&finished));
    }
}

#[test]
fn a_packet_longer_than_declared_is_refused_whole_or_not() {
    for babble in [
        &[0x30, 0xff, 0xff, 0xff, 0x7f][..],
        &[0x30, 19, 0, 1, b't', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    ] {
        let group = "protocol: 5, connect_properties: {maximum_packet_size: 20}";
        let (finished, broker) = babbled(babble, group, "300ms");
        assert_eq!(count(&finished, "disconnects", None), 1);
        assert_eq!(count(&finished, "deliveries", None), 0);
        assert!(first_note(&finished).contains("takes 20 at most"), "{}", first_note(&finished));
        broker.expect_seen("DISCONNECT 0x95", 1);
    }
}

#[test]
fn a_packet_that_never_ends_is_noticed_by_the_ping_that_it_swallows() {
    // Also where messages of its own go out all the time.
    for publish in ["", ", publish: {data: {topic: d, rate: 10/s}}"] {
        let group = format!("keep_alive: 1s{publish}");
        let (finished, broker) = babbled(&[0x30, 0xff, 0xff, 0xff, 0x7f], &group, "3s");
        assert_eq!(broker.seen("PINGREQ"), 1);
        assert_eq!(count(&finished, "disconnects", None), 1);
        assert!(first_note(&finished).contains("no answer to PINGREQ"), "{}", first_note(&finished));
    }
}
