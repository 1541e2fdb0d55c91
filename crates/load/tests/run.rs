//! Whole runs against a broker made for it, with faults that the results must show to the message.

mod common;

use std::time::Duration;

use common::{Broker, Faults, count, samples};
use mqscope_load::{Control, Finished, RunError, Stop, run};
use mqscope_report::Outcome;

/// Ten publishers, twenty messages a second each, one second: 200 messages. Counts are asked for, and they are right
/// however late a busy machine is.
fn fleet(qos: u8, more: &str) -> String {
    format!(
        "name: fleet
groups:
  pub: {{count: 10, publish: {{data: {{topic: 'fleet/{{{{client_id}}}}', qos: {qos}, rate: 20/s}}}}}}
  sub: {{count: 2, subscribe: [{{filter: 'fleet/+', qos: {qos}}}]}}
phases: [{{name: steady, duration: 1s}}]
validity: {{send_lag: ['p(99) < 1h']}}
{more}"
    )
}

#[test]
fn every_message_of_every_quality_is_accounted_for() {
    for qos in [0, 1, 2] {
        let broker = Broker::start(Faults::default());
        let finished = broker.run(&fleet(
            qos,
            "thresholds: {delivery_lost: ['count == 0'], publish_rate: ['achieved >= 100%']}",
        ));
        assert_eq!(finished.summary.outcome, Outcome::Passed, "{:?}", finished.summary.notes);
        let tag = ["0", "1", "2"][usize::from(qos)];
        assert_eq!(count(&finished, "publish_rate", None), 200);
        assert_eq!(count(&finished, "delivery_expected", Some(("qos", tag))), 400, "two subscribers");
        assert_eq!(count(&finished, "delivery_expected", None), 400);
        assert_eq!(count(&finished, "deliveries", None), 400);
        assert_eq!(count(&finished, "delivery_unexpected", None), 0);
        assert_eq!(samples(&finished, "delivery_latency"), 400);
        assert_eq!(samples(&finished, "puback_latency"), if qos == 1 { 200 } else { 0 });
        assert_eq!(samples(&finished, "pubrec_latency"), if qos == 2 { 200 } else { 0 });
        assert_eq!(samples(&finished, "pubcomp_latency"), if qos == 2 { 200 } else { 0 });
        assert_eq!(samples(&finished, "send_lag"), 200);
        // Everyone says goodbye.
        broker.expect_seen("DISCONNECT", 12);
    }
}

#[test]
fn all_protocol_versions_speak() {
    for protocol in [3, 4, 5] {
        let broker = Broker::start(Faults::default());
        let text = fleet(2, "").replace("count: 10,", &format!("count: 10, protocol: {protocol},"));
        let finished = broker.run(&text);
        assert_eq!(finished.summary.outcome, Outcome::Passed, "{protocol}: {:?}", finished.summary.notes);
        assert_eq!(count(&finished, "deliveries", None), 400);
    }
}

/// The first message of each phase is meant within half a microsecond of its start: less than a stamp tells.
#[test]
fn messages_of_a_phases_first_microsecond_are_delivered_in_that_phase() {
    let broker = Broker::start(Faults::default());
    let names: Vec<String> = (0..16).map(|number| format!("p{number}")).collect();
    let phases: Vec<String> = names.iter().map(|name| format!("{{name: {name}, duration: 20ms}}")).collect();
    let finished = broker.run(&format!(
        "groups:
  pub: {{count: 1, publish: {{data: {{topic: t, qos: 1, rate: 2000k/s, max_inflight: 1}}}}}}
  sub: {{count: 1, subscribe: [{{filter: t, qos: 1}}]}}
phases: [{}]
validity: {{send_lag: ['p(99) < 1h']}}",
        phases.join(", ")
    ));
    let of_phase = |counter, name: &str| count(&finished, counter, Some(("phase", name)));
    for name in &names {
        assert!(of_phase("publish_rate", name) > 0, "{name}");
        assert_eq!(of_phase("deliveries", name), of_phase("publish_rate", name), "{name}");
    }
    assert_eq!(count(&finished, "delivery_lost", None), 0);
}

/// Between instants a millisecond apart sockets may be left unread for five, but not where that holds up a packet.
#[test]
fn what_is_reacted_to_is_not_left_unread() {
    for (list, metric) in [("qos: 2", "pubcomp_latency"), ("qos: 1, max_inflight: 1", "puback_latency")] {
        let broker = Broker::start(Faults::default());
        let finished = broker.run(&format!(
            "groups: {{pub: {{count: 4, publish: {{data: {{topic: t, rate: 250/s, {list}}}}}}}}}
phases: [{{name: steady, duration: 1s}}]
validity: {{send_lag: ['p(99) < 2s']}}"
        ));
        let latency = finished.summary.results.latencies.iter().find(|latency| latency.name == metric);
        let histogram = &latency.expect("has samples").response.histogram;
        let late: u64 = histogram.values_us().filter(|(us, _)| *us > 2_000).map(|(_, count)| count).sum();
        assert!(late < histogram.count() / 2, "{list}: {late} of {} took over 2 ms", histogram.count());
    }
}

#[test]
fn what_the_broker_loses_is_lost_and_not_more() {
    let broker = Broker::start(Faults { lose: Some(10), ..Faults::default() });
    let finished = broker.run(&fleet(1, "thresholds: {delivery_lost: ['count == 0']}"));
    assert_eq!(finished.summary.outcome, Outcome::Failed);
    assert_eq!(count(&finished, "delivery_lost", Some(("qos", "1"))), 40);
    assert_eq!(count(&finished, "delivery_lost", None), 40);
    assert_eq!(finished.summary.thresholds[0].says, "count is 40");
}

#[test]
fn what_the_broker_repeats_is_a_duplicate() {
    let broker = Broker::start(Faults { repeat: Some(8), ..Faults::default() });
    let finished = broker.run(&fleet(1, ""));
    assert_eq!(count(&finished, "delivery_duplicated", Some(("qos", "1"))), 50);
    assert_eq!(count(&finished, "delivery_lost", None), 0);
    assert_eq!(count(&finished, "deliveries", None), 450);
    assert_eq!(samples(&finished, "delivery_latency"), 400, "a repetition is not measured again");
}

#[test]
fn what_the_broker_puts_out_of_order_is_reordered() {
    let broker = Broker::start(Faults { delay: Some(7), ..Faults::default() });
    // One stream and one subscriber, so that the message after is of the same stream.
    let text = fleet(1, "")
        .replace("count: 10", "count: 1")
        .replace("count: 2,", "count: 1,")
        .replace("20/s", "200/s");
    let finished = broker.run(&text);
    assert_eq!(count(&finished, "delivery_reordered", None), 200 / 7);
    assert_eq!(count(&finished, "delivery_duplicated", None), 0);
    assert_eq!(count(&finished, "delivery_lost", None), 0);
}

#[test]
fn copies_for_overlapping_filters_are_no_duplicates() {
    let broker = Broker::start(Faults::default());
    let text =
        fleet(1, "").replace("[{filter: 'fleet/+', qos: 1}]", "['fleet/+', {filter: 'fleet/#', qos: 0}]");
    let finished = broker.run(&text);
    assert_eq!(count(&finished, "delivery_expected", Some(("qos", "1"))), 400, "one a device, at its best");
    assert_eq!(count(&finished, "deliveries", None), 800);
    assert_eq!(count(&finished, "delivery_overlapping", None), 400);
    assert_eq!(count(&finished, "delivery_duplicated", None), 0);
    assert_eq!(count(&finished, "delivery_lost", None), 0);
}

/// Ten publishers, 200 messages; members of one shared subscription in two groups, who get them in turn.
fn sharing(first: &str, second: &str) -> String {
    let members =
        format!("  a: {{count: 1, subscribe: [{first}]}}\n  b: {{count: 1, subscribe: [{second}]}}\n");
    fleet(1, "").replace("  sub: {count: 2, subscribe: [{filter: 'fleet/+', qos: 1}]}\n", &members)
}

const SHARE: &str = "{filter: '$share/s/fleet/+', qos: 1}";

#[test]
fn a_shared_subscription_loses_what_none_of_its_members_gets() {
    for (lose, lost) in [(None, 0), (Some(10), 20)] {
        let broker = Broker::start(Faults { lose, ..Faults::default() });
        let finished = broker.run(&sharing(SHARE, SHARE));
        let of = |name, group| count(&finished, name, Some(("group", group)));
        assert_eq!((of("delivery_expected", "a"), of("delivery_expected", "b")), (200, 0), "with the first");
        assert_eq!((of("delivery_lost", "a"), of("delivery_lost", "b")), (lost, 0));
        assert!(of("deliveries", "a") > 0 && of("deliveries", "b") > 0);
        assert_eq!(count(&finished, "deliveries", None), 200 - lost);
        assert_eq!(count(&finished, "delivery_duplicated", None), 0);
    }
}

#[test]
fn a_shared_subscription_is_held_to_the_lowest_quality_of_its_members() {
    let broker = Broker::start(Faults { lose: Some(10), ..Faults::default() });
    let finished = broker.run(&sharing(SHARE, &SHARE.replace("qos: 1", "qos: 0")));
    assert_eq!(count(&finished, "delivery_expected", Some(("qos", "0"))), 200);
    assert_eq!(count(&finished, "delivery_lost", Some(("qos", "0"))), 20);
    assert_eq!(count(&finished, "delivery_lost", None), 20);
}

/// One member has a subscription of its own beside: it gets each message once, and half of them twice.
#[test]
fn a_copy_for_the_shared_subscription_is_no_copy_too_many() {
    for (own, lose) in [(0, None), (1, None), (0, Some(10)), (1, Some(10))] {
        let broker = Broker::start(Faults { lose, ..Faults::default() });
        let both = format!("{SHARE}, {{filter: 'fleet/#', qos: 1}}");
        let text = if own == 0 { sharing(&both, SHARE) } else { sharing(SHARE, &both) };
        let finished = broker.run(&text);
        assert_eq!(count(&finished, "delivery_expected", None), 400);
        assert_eq!(count(&finished, "delivery_duplicated", None), 0);
        assert_eq!(count(&finished, "delivery_lost", None), if lose.is_some() { 40 } else { 0 });
        if lose.is_none() {
            assert_eq!(count(&finished, "delivery_overlapping", None), 100);
        }
    }
}

#[test]
fn a_lower_quality_granted_is_the_quality_expected() {
    let broker = Broker::start(Faults { grant: Some(0), ..Faults::default() });
    let finished = broker.run(&fleet(1, ""));
    assert_eq!(count(&finished, "delivery_expected", Some(("qos", "0"))), 400);
    assert_eq!(count(&finished, "delivery_lost", None), 0);
}

/// What arithmetic says of an open loop that meets a wall: whoever was meant to be sent during the stall waits
/// until its end, and the wait is counted although the write came later.
#[test]
fn a_stall_of_the_broker_shows_in_the_response_time() {
    let stall = Duration::from_millis(500);
    let broker = Broker::start(Faults { stall: Some((40, stall)), ..Faults::default() });
    let finished = broker.run(
        "groups: {pub: {count: 1, publish: {data: {topic: t, qos: 1, rate: 100/s, max_inflight: 1}}}}
phases: [{name: steady, duration: 2s}]",
    );
    assert_eq!(count(&finished, "publish_rate", None), 200, "nothing is skipped");
    let latency = finished.summary.results.latencies.iter().find(|latency| latency.name == "puback_latency");
    let latency = latency.expect("has samples");
    let service = latency.service.as_ref().expect("has a service form");
    // 50 messages were meant within the stall; half of them waited for more than half of it.
    let waited = |histogram: &mqscope_report::Histogram| -> u64 {
        histogram.values_us().filter(|(us, _)| *us >= 250_000).map(|(_, count)| count).sum()
    };
    let (response, service) = (waited(&latency.response.histogram), waited(&service.histogram));
    assert!((20..=60).contains(&response), "{response} messages waited for 250 ms or more");
    assert_eq!(service, 1, "only one had been written before");
    let lag = finished.summary.results.latencies.iter().find(|latency| latency.name == "send_lag");
    let lag = lag.expect("has samples").response.histogram.max_us();
    assert!(lag < 250_000, "the wait was the broker's, not ours: {lag} µs");
}

/// 99 of 200 messages are answered: half of the percentiles are those of messages nobody answers.
#[test]
fn what_is_never_acknowledged_is_counted_and_as_slow_as_the_run_is_long() {
    for (qos, metrics) in [(1, &["puback_latency"][..]), (2, &["pubrec_latency", "pubcomp_latency"])] {
        let broker = Broker::start(Faults { silent_from: Some(100), ..Faults::default() });
        let finished = broker.run(&fleet(qos, &format!("thresholds: {{{}: ['p(75) < 2s']}}", metrics[0])));
        assert_eq!(finished.summary.outcome, Outcome::Failed, "{qos}");
        assert_eq!(count(&finished, "publish_rate", None), 200);
        assert_eq!(count(&finished, "publish_unacknowledged", Some(("group", "pub"))), 101);
        for metric in metrics {
            let latency = finished.summary.results.latencies.iter().find(|latency| latency.name == *metric);
            let latency = latency.expect("has samples");
            for form in [&latency.response, latency.service.as_ref().expect("has a service form")] {
                assert_eq!(form.count, 200, "{metric}");
                let slow = form.histogram.values_us().filter(|(us, _)| *us > 2_000_000);
                let slow: u64 = slow.map(|(_, count)| count).sum();
                assert!(slow >= 101, "{metric}: {slow} waited to the end");
            }
        }
        let gauge = finished.summary.results.gauges.iter().find(|gauge| gauge.name == "inflight");
        assert_eq!(gauge.expect("is there").last, 101.0);
        let says = "101 publishes were never acknowledged";
        assert!(
            finished.summary.notes.iter().any(|note| note.text.contains(says)),
            "{:?}",
            finished.summary.notes
        );
    }
}

/// One publisher and one subscriber. Every fourth message is delivered and not acknowledged, every tenth is lost: of 20 that
/// are lost ten were acknowledged, and the 40 that came without having been stand in for none of them.
fn unacknowledged_and_lost() -> (Broker, String) {
    let broker = Broker::start(Faults { ignore_publish: Some(4), lose: Some(10), ..Faults::default() });
    let text = fleet(1, "").replace("count: 10", "count: 1").replace("count: 2,", "count: 1,");
    (broker, text.replace("rate: 20/s", "rate: 200/s, max_inflight: 100"))
}

#[test]
fn what_is_delivered_and_not_acknowledged_hides_no_loss() {
    let (broker, text) = unacknowledged_and_lost();
    let finished = broker.run(&text);
    assert_eq!(count(&finished, "publish_unacknowledged", None), 50);
    assert_eq!(count(&finished, "deliveries", None), 180);
    assert_eq!(count(&finished, "delivery_expected", None), 150);
    assert_eq!(count(&finished, "delivery_lost", None), 10);
}

#[test]
fn nor_does_it_where_members_share_a_subscription() {
    let (broker, text) = unacknowledged_and_lost();
    let text =
        text.replace("fleet/+', qos", "$share/s/fleet/+', qos").replace("sub: {count: 1", "sub: {count: 2");
    let finished = broker.run(&text);
    assert_eq!(count(&finished, "delivery_expected", None), 150);
    let lost = count(&finished, "delivery_lost", None);
    // Whether a member saw a message long ago is not known.
    assert!((10..=20).contains(&lost), "{lost}");
}

#[test]
fn what_is_delivered_and_refused_hides_no_loss() {
    let broker = Broker::start(Faults { puback: 0x97, lose: Some(10), ..Faults::default() });
    let finished = broker.run(&fleet(1, "").replace("count: 10,", "count: 10, protocol: 5,"));
    assert_eq!(count(&finished, "publish_failed", None), 200);
    assert_eq!((count(&finished, "deliveries", None), count(&finished, "delivery_expected", None)), (360, 0));
    assert_eq!(count(&finished, "delivery_lost", None), 0);
}

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
fn stamps_of_every_kind_are_recognised() {
    for (protocol, payload) in [
        (4, "{size: 16}"),
        (4, "{template: '{\"i\": {{i}}}'}"),
        (4, "{text: hello}"),
        (5, "{text: hello, stamp: user-property}"),
        (5, "{file: Cargo.toml, stamp: user-property}"),
    ] {
        let broker = Broker::start(Faults { repeat: Some(20), ..Faults::default() });
        let text = fleet(1, "")
            .replace("qos: 1, rate", &format!("qos: 1, payload: {payload}, rate"))
            .replace("count: 10,", &format!("count: 10, protocol: {protocol},"))
            .replace("count: 2,", &format!("count: 2, protocol: {protocol},"));
        let finished = broker.run(&text);
        assert_eq!(count(&finished, "delivery_duplicated", None), 20, "{payload}");
        assert_eq!(count(&finished, "delivery_lost", None), 0, "{payload}");
        assert_eq!(samples(&finished, "delivery_latency"), 400, "{payload}");
    }
}

#[test]
fn messages_without_stamps_are_counted_and_not_judged() {
    let broker = Broker::start(Faults { lose: Some(10), ..Faults::default() });
    let finished =
        broker.run(&fleet(0, "").replace("rate: 20/s", "rate: 20/s, payload: {size: 4, stamp: none}"));
    assert_eq!(count(&finished, "deliveries", None), 360);
    assert_eq!(count(&finished, "delivery_expected", None), 0);
    assert_eq!(count(&finished, "delivery_unexpected", None), 0);
}

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
