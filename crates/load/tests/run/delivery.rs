//! Who gets which message: expected, delivered, lost, repeated, reordered.

use mqscope_report::Outcome;

use crate::common::{Broker, Faults, count, samples};
use crate::fleet;

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

#[test]
fn what_the_broker_loses_is_lost_and_not_more() {
    let broker = Broker::start(Faults { lose: Some(10), ..Faults::default() });
    let finished = broker.run(&fleet(1, "thresholds: {delivery_lost: ['count == 0']}"));
    assert_eq!(finished.summary.outcome, Outcome::Failed);
    assert_eq!(count(&finished, "delivery_lost", Some(("qos", "1"))), 40);
    assert_eq!(count(&finished, "delivery_lost", None), 40);
    assert_eq!(finished.summary.thresholds[0].says, "count is 40");
}

/// Each of two devices gets the other's messages: as many as are owed, and none that is.
#[test]
fn what_goes_to_another_device_is_lost() {
    for topic in ["fleet/{{i}}", "fleet/{{i}}/{{seq}}"] {
        let broker = Broker::start(Faults { astray: true, ..Faults::default() });
        let text = fleet(1, "").replace("count: 10,", "count: 2,").replace("fleet/{{client_id}}", topic);
        let finished = broker.run(&text.replace("fleet/+", "fleet/{{i}}/#"));
        assert_eq!(count(&finished, "delivery_expected", None), 40, "{topic}");
        assert_eq!(count(&finished, "deliveries", None), 40, "{topic}");
        assert_eq!(count(&finished, "delivery_unexpected", None), 40, "{topic}");
        assert_eq!(count(&finished, "delivery_lost", None), 40, "{topic}");
    }
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
