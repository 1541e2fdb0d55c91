//! How long things took, by the response time and by the service time.

use std::time::Duration;

use mqscope_report::Outcome;

use crate::common::{Broker, Faults, count};
use crate::fleet;

/// Between instants a millisecond apart sockets may be left unread for ten, but not where that holds up a packet.
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
        let notes: Vec<_> = finished.summary.notes.iter().map(|note| note.text.as_str()).collect();
        for says in [
            "101 publishes were never acknowledged",
            "the run ended after 3s in which nothing came, without 101 acknowledgements, 202 deliveries",
        ] {
            assert!(notes.iter().any(|note| note.contains(says)), "{says}: {notes:?}");
        }
    }
}
