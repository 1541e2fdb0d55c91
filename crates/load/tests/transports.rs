//! Runs over WebSocket, to several brokers, and with devices that come back.

mod common;
#[path = "common/websocket.rs"]
mod websocket;

use std::net::{SocketAddr, TcpListener};
use std::time::{Duration, Instant};

use common::{Broker, Faults, count, samples};
use mqscope_load::{Control, Finished, Overrides, Part, RunError, Scenario, run};
use mqscope_report::Outcome;
use mqscope_websocket::Kind;
use websocket::{Front, Manners};

/// Ten publishers, twenty messages a second each, one second: 200 messages, to two subscribers.
fn fleet(target: &str, publishers: &str) -> String {
    format!(
        "name: fleet
target: {target}
groups:
  pub: {{count: 10, {publishers}publish: {{data: {{topic: 'fleet/{{{{client_id}}}}', qos: 1, rate: 20/s}}}}}}
  sub: {{count: 2, subscribe: [{{filter: 'fleet/+', qos: 1}}]}}
phases: [{{name: steady, duration: 1s}}]"
    )
}

fn try_run(text: &str) -> Result<Finished, RunError> {
    let mut overrides = Overrides::default();
    overrides.env.insert("TOKEN".to_owned(), "s3cret".to_owned());
    match Scenario::parse("test.yaml", text, &overrides) {
        Ok(plan) => run(plan, Control::default()),
        Err(problems) => panic!("{problems}"),
    }
}

fn run_text(text: &str) -> Finished {
    try_run(text).expect("runs")
}

fn notes(finished: &Finished) -> Vec<&str> {
    finished.summary.notes.iter().map(|note| note.text.as_str()).collect()
}

/// A port that refuses connections.
fn dead() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address")
}

fn nothing_is_lost(finished: &Finished) {
    assert_eq!(finished.summary.outcome, Outcome::Passed, "{:?}", notes(finished));
    assert_eq!(count(finished, "publish_rate", None), 200);
    assert_eq!(count(finished, "deliveries", None), 400);
    assert_eq!(count(finished, "delivery_lost", None), 0);
}

#[test]
fn websocket_carries_a_run_with_headers_and_pings() {
    let broker = Broker::start(Faults::default());
    let front = Front::start(broker.address, Manners { ping: true, ..Manners::default() });
    let target = format!(
        "{{brokers: 'ws://{}/a?b=c', websocket: {{headers: {{Authorization: 'Bearer {{{{env.TOKEN}}}} {{{{i:02}}}}'}}}}}}",
        front.address
    );
    let finished = run_text(&fleet(&target, ""));
    nothing_is_lost(&finished);
    assert_eq!(samples(&finished, "ws_upgrade_latency"), 12);
    assert_eq!(samples(&finished, "tcp_connect_latency"), 12);
    assert_eq!(front.requests().len(), 12);
    assert!(front.requests().contains(&("/a?b=c".to_owned(), "Bearer s3cret 09".to_owned())));
    assert!(front.pongs() > 0, "Pings are answered");
    assert_eq!(front.compressed(), 0);
}

#[test]
fn compression_is_used_where_it_is_agreed() {
    let broker = Broker::start(Faults::default());
    let front = Front::start(broker.address, Manners { deflate: true, ..Manners::default() });
    let target = format!("{{brokers: 'ws://{}', websocket: {{deflate: true}}}}", front.address);
    nothing_is_lost(&run_text(&fleet(&target, "")));
    assert!(front.compressed() >= 200, "{}", front.compressed());
    // The servers' threads may still be reading it.
    let patience = Instant::now() + Duration::from_secs(20);
    while (front.closes(), broker.seen("DISCONNECT")) != (12, 12) {
        assert!(Instant::now() < patience, "{} say goodbye to the WebSocket", front.closes());
        std::thread::yield_now();
    }
    assert_eq!(front.requests()[0].0, "/mqtt", "the path where the URL names none");
}

#[test]
fn compression_that_is_declined_is_said_to_be() {
    let broker = Broker::start(Faults::default());
    let front = Front::start(broker.address, Manners::default());
    let target = format!("{{brokers: 'ws://{}', websocket: {{deflate: true}}}}", front.address);
    let finished = run_text(&fleet(&target, ""));
    nothing_is_lost(&finished);
    assert_eq!(notes(&finished), ["the broker declined to compress (target.websocket.deflate) (12 times)"]);
}

#[test]
fn a_websocket_that_cannot_be_is_a_failure_of_its_stage_with_its_reason() {
    let cases = [
        (
            Manners { refuse: Some("401 Unauthorized"), ..Manners::default() },
            "server answered 401 Unauthorized",
        ),
        (Manners { subprotocol: Some("chat"), ..Manners::default() }, "the subprotocol \"chat\""),
        (Manners { subprotocol: None, ..Manners::default() }, "chose no subprotocol of those offered (mqtt)"),
    ];
    for (manners, reason) in cases {
        let broker = Broker::start(Faults::default());
        let front = Front::start(broker.address, manners);
        let finished = run_text(&fleet(&format!("{{brokers: 'ws://{}'}}", front.address), ""));
        assert_eq!(finished.summary.outcome, Outcome::Unable, "{reason}");
        assert_eq!(count(&finished, "ws_upgrade_failed", None), 12, "{reason}");
        assert_eq!(count(&finished, "connect_failed", None), 12, "{reason}");
        assert_eq!(count(&finished, "tcp_connect_failed", None), 0, "{reason}");
        assert!(notes(&finished)[0].contains(reason), "{:?}", notes(&finished));
    }
}

#[test]
fn a_broker_that_speaks_no_websocket_is_told() {
    let broker = Broker::start(Faults::default());
    // It takes the request for MQTT and closes.
    let finished = run_text(&fleet(&format!("{{brokers: 'ws://{}'}}", broker.address), ""));
    assert_eq!(count(&finished, "ws_upgrade_failed", None), 12);
    assert!(
        notes(&finished)[0].contains("instead of answering the WebSocket upgrade"),
        "{:?}",
        notes(&finished)
    );
}

#[test]
fn frames_that_mqtt_forbids_end_the_connection() {
    for (manners, reason) in [
        (Manners { kind: Kind::Text, ..Manners::default() }, "text message"),
        (Manners { close: Some(1008), ..Manners::default() }, "closed the WebSocket: 1008 Policy Violation"),
    ] {
        let broker = Broker::start(Faults::default());
        let front = Front::start(broker.address, manners);
        let finished = run_text(&fleet(&format!("{{brokers: 'ws://{}'}}", front.address), ""));
        assert_eq!(count(&finished, "connect_failed", None), 12);
        assert_eq!(count(&finished, "ws_upgrade_failed", None), 0, "the upgrade itself was good");
        assert!(notes(&finished)[0].contains(reason), "{:?}", notes(&finished));
    }
}

#[test]
fn no_subprotocol_is_asked_of_a_broker_that_knows_none() {
    let broker = Broker::start(Faults::default());
    let front = Front::start(broker.address, Manners { subprotocol: None, ..Manners::default() });
    let target = format!("{{brokers: 'ws://{}', websocket: {{subprotocol: none}}}}", front.address);
    nothing_is_lost(&run_text(&fleet(&target, "")));
}

/// Subscribers alone: brokers made for tests do not know of each other.
fn crowd(target: &str) -> String {
    format!(
        "target: {target}
groups: {{sub: {{count: 12, subscribe: t}}}}
phases: [{{name: steady, duration: 100ms}}]"
    )
}

#[test]
fn devices_are_dealt_to_brokers_in_turn_or_by_client_id() {
    let dealt = |pick: &str| {
        let (one, two) = (Broker::start(Faults::default()), Broker::start(Faults::default()));
        let brokers = format!("['mqtt://{}', 'mqtt://{}']", one.address, two.address);
        run_text(&crowd(&format!("{{brokers: {brokers}, pick: {pick}}}")));
        (one.seen("CONNECT"), two.seen("CONNECT"))
    };
    assert_eq!(dealt("round-robin"), (6, 6));
    let (one, two) = dealt("hash");
    assert!(one > 0 && two > 0 && one + two == 12, "{one} and {two}");
    assert_eq!(dealt("hash"), (one, two));
}

#[test]
fn devices_go_on_to_the_next_broker_when_one_fails() {
    let (refuses, takes) =
        (Broker::start(Faults { refuse: Some(3), ..Faults::default() }), Broker::start(Faults::default()));
    let brokers = format!("['mqtt://{}', 'mqtt://{}', 'mqtt://{}']", dead(), refuses.address, takes.address);
    let finished = run_text(&crowd(&format!("{{brokers: {brokers}, pick: failover}}")));
    assert_eq!(finished.summary.outcome, Outcome::Passed, "{:?}", notes(&finished));
    assert_eq!(count(&finished, "failovers", None), 24);
    assert_eq!(count(&finished, "connects", None), 12);
    assert_eq!(count(&finished, "connect_attempts", None), 12, "one attempt each, at three brokers");
    assert_eq!(count(&finished, "connect_failed", None), 0);
    assert!(
        notes(&finished).iter().any(|note| note.contains("connection refused (12 times)")),
        "{:?}",
        notes(&finished)
    );
}

#[test]
fn without_any_broker_there_is_no_run_and_no_failing_over() {
    let text = crowd(&format!("{{brokers: ['mqtt://{}', 'mqtt://{}'], pick: failover}}", dead(), dead()));
    assert!(matches!(try_run(&text), Err(RunError::Unreachable { .. })));
}

#[cfg(target_os = "linux")]
#[test]
fn connections_come_evenly_from_the_source_addresses() {
    let broker = Broker::start(Faults::default());
    let target =
        format!("{{brokers: 'mqtt://{}', source_ips: [127.0.0.2-127.0.0.3, 127.0.0.9]}}", broker.address);
    run_text(&crowd(&target));
    for source in ["127.0.0.2", "127.0.0.3", "127.0.0.9"] {
        assert_eq!(broker.seen(&format!("from {source}")), 4, "{source}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn each_part_of_a_run_connects_from_source_addresses_of_its_own() {
    let broker = Broker::start(Faults::default());
    let target = format!("{{brokers: 'mqtt://{}', source_ips: [127.0.0.2-127.0.0.5]}}", broker.address);
    let plan = Scenario::parse("test.yaml", &crowd(&target), &Overrides::default()).expect("a plan");
    let part = Part::new(2, 2).expect("a part");
    run(plan, Control { part, ..Control::default() }).expect("runs");
    let from = |last: u8| broker.seen(&format!("from 127.0.0.{last}"));
    assert_eq!([from(2), from(3), from(4), from(5)], [0, 3, 0, 3], "of 12 devices");
}

#[test]
fn source_addresses_that_cannot_be_are_an_obstacle() {
    let broker = Broker::start(Faults::default());
    for (source, says) in [("192.0.2.1", "cannot come from 192.0.2.1"), ("::1", "that takes IPv4")] {
        let target = format!("{{brokers: 'mqtt://{}', source_ips: ['{source}']}}", broker.address);
        let error = try_run(&crowd(&target)).expect_err("an obstacle").to_string();
        assert!(error.contains(says) && error.contains("target.source_ips"), "{error}");
    }
}

/// The broker ends each connection at its fifth PUBLISH, unanswered.
#[test]
fn a_session_that_the_broker_keeps_goes_on_where_it_was() {
    for qos in [1, 2] {
        let broker = Broker::start(Faults { close_after: Some(5), keep_sessions: true, ..Faults::default() });
        let come_back = "clean_start: false, reconnect: {min: 10ms, max: 10ms, jitter: none}, ";
        let text = fleet(&format!("{{brokers: 'mqtt://{}'}}", broker.address), come_back);
        let finished = run_text(&text.replace("qos: 1", &format!("qos: {qos}")));
        nothing_is_lost(&finished);
        // Messages 5, 9, 13 and 17 of each device meet the end of a connection, and come again on the next.
        assert_eq!(count(&finished, "disconnects", None), 40);
        assert_eq!(count(&finished, "reconnects", None), 40);
        // On a busy machine more of them, sent before the end was noticed.
        assert!(broker.seen("DUP") >= 40, "{}", broker.seen("DUP"));
        assert_eq!(count(&finished, "delivery_duplicated", None), 0);
        assert_eq!(count(&finished, "publish_dropped", None), 0);
        assert_eq!(count(&finished, "publish_unacknowledged", None), 0);
    }
}

#[test]
fn a_session_that_the_broker_forgot_is_forgotten() {
    let broker = Broker::start(Faults { close_after: Some(5), ..Faults::default() });
    let come_back = "clean_start: false, reconnect: {min: 10ms, max: 10ms, jitter: none}, ";
    let finished = run_text(&fleet(&format!("{{brokers: 'mqtt://{}'}}", broker.address), come_back));
    // Messages 5, 10, 15 and 20: the last may find no time to come back.
    assert_eq!(count(&finished, "disconnects", None), 40);
    assert_eq!(broker.seen("DUP"), 0);
    assert_eq!(count(&finished, "publish_rate", None), 200);
    assert_eq!(count(&finished, "deliveries", None), 320);
    assert_eq!(count(&finished, "publish_unacknowledged", None), 40);
    assert_eq!(
        count(&finished, "delivery_lost", None),
        0,
        "nobody knows what became of what was not answered"
    );
}

#[test]
fn a_device_that_is_refused_tries_again_after_doubling_waits() {
    let broker = Broker::start(Faults { refuse: Some(3), ..Faults::default() });
    let finished = broker.run(
        "groups: {sub: {count: 10, subscribe: t, reconnect: {min: 200ms, max: 10s, jitter: none}}}
phases: [{name: steady, duration: 1s}]",
    );
    assert_eq!(finished.summary.outcome, Outcome::Unable);
    // At 0, 200 and 600 ms; the next would come at 1,400.
    assert_eq!(count(&finished, "connect_attempts", None), 30);
    assert_eq!(count(&finished, "reconnects", None), 20);
    assert_eq!(count(&finished, "connect_failed", None), 30);
}

#[test]
fn who_comes_back_sends_what_was_meant_meanwhile_and_drops_what_is_sent_at_most_once() {
    for qos in [0, 1] {
        let broker = Broker::start(Faults { close_after: Some(5), ..Faults::default() });
        let come_back = "reconnect: {min: 400ms, max: 400ms, jitter: none}, ";
        let text = fleet(&format!("{{brokers: 'mqtt://{}'}}", broker.address), come_back);
        let finished = run_text(&text.replace("qos: 1, rate", &format!("qos: {qos}, rate")));
        let (sent, dropped) =
            (count(&finished, "publish_rate", None), count(&finished, "publish_dropped", None));
        assert_eq!(count(&finished, "publish_intended", None), 200);
        assert_eq!(sent + dropped, 200);
        // Five before the first end. From 400 ms after it, those due since and lost together with the fifth of
        // them, or, at most once, five due from then on.
        let range = if qos == 0 { 90..=110 } else { 120..=140 };
        assert!(range.contains(&sent), "qos {qos}: {sent} sent");
    }
}
