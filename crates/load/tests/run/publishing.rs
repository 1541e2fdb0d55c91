//! What was meant to be sent, and what of it was.

use std::time::Duration;

use mqscope_load::{Control, run};

use crate::common::{Broker, Faults, count};
use crate::fleet;

/// What devices were meant to send, sent, and did not, in a phase or in all.
fn meant_sent_dropped(finished: &mqscope_load::Finished, phase: Option<&str>) -> (u64, u64, u64) {
    let of = |name| count(finished, name, phase.map(|phase| ("phase", phase)));
    (of("publish_intended"), of("publish_rate"), of("publish_dropped"))
}

#[test]
fn what_devices_that_never_connect_were_meant_to_send_is_dropped() {
    for qos in [0, 1] {
        let broker = Broker::start(Faults { refuse: Some(5), ..Faults::default() });
        let finished = broker.run(&fleet(qos, "thresholds: {publish_rate: ['achieved >= 1%']}"));
        assert_eq!(meant_sent_dropped(&finished, None), (200, 0, 200));
        assert!(!finished.summary.thresholds[0].passed);
    }
}

#[test]
fn what_a_dead_device_was_meant_to_send_is_dropped_in_every_phase() {
    let broker = Broker::start(Faults { close_after: Some(5), ..Faults::default() });
    let phases = "[{name: steady, duration: 1s}, {name: after, duration: 1s}]";
    let finished = broker.run(&fleet(1, "").replace("[{name: steady, duration: 1s}]", phases));
    let (meant, sent, dropped) = meant_sent_dropped(&finished, Some("steady"));
    assert_eq!((meant, sent + dropped), (200, 200));
    assert_eq!(meant_sent_dropped(&finished, Some("after")), (200, 0, 200));
}

/// The publishers are refused once, before the phase they are to publish in, and come back 300 ms later.
#[test]
fn what_a_device_misses_before_it_first_connects_is_dropped() {
    for arrivals in ["uniform", "poisson"] {
        let broker = Broker::start(Faults { refuse_first: 10, ..Faults::default() });
        let come_back = "reconnect: {min: 300ms, max: 300ms, jitter: none}, publish";
        let text = fleet(1, "")
            .replace("publish", come_back)
            .replace("20/s", &format!("20/s, arrivals: {arrivals}"));
        // Publishers first.
        let text = text.replace("count: 2,", "count: 0,");
        let finished = broker.run(&text);
        let (meant, sent, dropped) = meant_sent_dropped(&finished, None);
        assert_eq!(meant, sent + dropped);
        assert!(dropped > 0 && sent > 0, "{sent} sent, {dropped} dropped");
        if arrivals == "uniform" {
            assert_eq!(meant, 200);
        }
        let whole = Broker::start(Faults::default());
        assert_eq!(
            meant_sent_dropped(&whole.run(&text), None).0,
            meant,
            "as many as if nothing had gone wrong"
        );
    }
}

/// The i-th device is to connect i tenths of a second after the second phase's start, and to publish 20 a second from then on.
#[test]
fn a_device_is_meant_to_publish_from_when_it_is_to_connect() {
    let phases =
        "[{name: before, duration: 100ms}, {name: ramp, duration: 1s, pub: {connect: {rate: 10/s}}}]";
    for refuse in [None, Some(5)] {
        let broker = Broker::start(Faults { refuse, ..Faults::default() });
        let finished = broker.run(&fleet(1, "").replace("[{name: steady, duration: 1s}]", phases));
        assert_eq!(meant_sent_dropped(&finished, Some("before")), (0, 0, 0));
        let (meant, sent, dropped) = meant_sent_dropped(&finished, Some("ramp"));
        assert_eq!((meant, sent + dropped), (110, 110));
        assert!(refuse.is_none() || sent == 0);
    }
}

#[test]
fn a_refused_message_is_a_failure_and_nobody_waits_for_it() {
    let broker = Broker::start(Faults { puback: 0x97, lose: Some(1), ..Faults::default() });
    let finished = broker.run(&fleet(1, "").replace("count: 10,", "count: 10, protocol: 5,"));
    assert_eq!(count(&finished, "publish_failed", None), 200);
    assert_eq!(count(&finished, "delivery_expected", None), 0);
    assert!(
        finished.summary.notes.iter().any(|note| note.text.contains("Quota exceeded (0x97) (200 times)")),
        "{:?}",
        finished.summary.notes
    );
}

#[test]
fn the_same_seed_makes_the_same_messages() {
    let plan = |seed: u64| {
        let broker = Broker::start(Faults::default());
        let text = format!("seed: {seed}\n{}", fleet(1, ""));
        let plan = broker.plan(&text.replace("20/s", "20/s, arrivals: poisson"));
        let finished = run(plan, Control::default()).expect("runs");
        count(&finished, "publish_intended", None)
    };
    let first = plan(7);
    assert_eq!(plan(7), first);
    assert!((120..=280).contains(&first), "{first} of about 200");
}

#[test]
fn where_the_broker_takes_few_at_once_the_oldest_message_goes_first() {
    let stall = Some((1, Duration::from_millis(400)));
    let broker = Broker::start(Faults { receive_maximum: Some(1), stall, ..Faults::default() });
    let finished = broker.run(
        "groups:
  pub:
    count: 1
    protocol: 5
    publish: {one: {topic: one, qos: 1, rate: 50/s}, two: {topic: two, qos: 1, rate: 40/s}}
phases: [{name: steady, duration: 1s}]
validity: {send_lag: ['p(99) < 1h']}",
    );
    assert_eq!(count(&finished, "publish_rate", None), 90);
    let heard: Vec<u64> = broker.take_heard().iter().map(|heard| heard.intended_us).collect();
    assert!(heard.is_sorted(), "{heard:?}");
}

/// More lists than a byte counts: the answer to one is not taken for that to another.
#[test]
fn many_lists_of_one_device_are_told_apart() {
    let broker = Broker::start(Faults::default());
    let lists: Vec<_> =
        (0..258).map(|n| format!("p{n}: {{topic: t/{n}, qos: 1, rate: 2/s, max_inflight: 1}}")).collect();
    let finished = broker.run(&format!(
        "groups: {{pub: {{count: 1, publish: {{{}}}}}}}
phases: [{{name: steady, duration: 1s}}]
validity: {{send_lag: ['p(99) < 1h']}}",
        lists.join(", ")
    ));
    assert_eq!(meant_sent_dropped(&finished, None), (516, 516, 0));
    assert_eq!(count(&finished, "publish_unacknowledged", None), 0);
}
