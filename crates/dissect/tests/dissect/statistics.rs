//! What a capture says of latencies and counts.

use mqscope_dissect::{Indexer, Settings, filter::Filter, statistics::Concluded, statistics::Statistics};
use mqscope_report::{Counter, stamp::Mark};

use crate::tape::*;

/// The tape's first frame is captured then, and one each millisecond from there on.
const START_NS: i64 = 1_700_000_000_001_000_000;

fn measure_with(tape: &Tape, filter: Option<&str>, most: Option<u64>) -> Concluded {
    let filter = filter.map(|text| Filter::parse(text).unwrap());
    let mut capture = tape.capture();
    let mut indexer = Indexer::new(Settings::default(), capture.store());
    let mut statistics = Statistics::new(filter, most);
    while let Some(frame) = capture.next_frame().unwrap() {
        statistics.frame(&frame);
        if indexer.push(&frame, &mut statistics).unwrap().is_break() {
            break;
        }
    }
    let _ = indexer.finish(&mut statistics);
    statistics.conclude(&indexer.snapshot())
}

fn measure(tape: &Tape) -> Concluded {
    measure_with(tape, None, None)
}

/// Each latency with its samples and its median in milliseconds.
fn latencies(of: &Concluded) -> Vec<(String, u64, u64)> {
    let figures = |latency: &mqscope_report::Latency| {
        assert_eq!(latency.service.as_ref(), Some(&latency.response), "a capture knows no intended instant");
        let name = format!("{}{}", latency.name, latency.tags);
        (name, latency.response.count, (latency.response.p50_us + 500) / 1000)
    };
    of.results.latencies.iter().map(figures).collect()
}

fn counter<'a>(of: &'a Concluded, name: &str) -> &'a Counter {
    let named = |counter: &&Counter| format!("{}{}", counter.name, counter.tags) == name;
    of.results.counters.iter().find(named).unwrap_or_else(|| panic!("no {name} in {:?}", of.results.counters))
}

fn count(of: &Concluded, name: &str) -> u64 {
    counter(of, name).count
}

fn latency(name: &str, samples: u64, ms: u64) -> (String, u64, u64) {
    (name.to_owned(), samples, ms)
}

fn session(tape: &mut Tape, port: u16) -> Talk {
    let mut talk = tape.open(port);
    tape.client(&mut talk, CONNECT);
    tape.server(&mut talk, CONNACK);
    talk
}

#[test]
fn each_exchange_is_timed_from_request_to_answer() {
    let mut tape = Tape::new();
    let mut talk = session(&mut tape, 50_000);
    tape.client(&mut talk, b"\x82\x06\0\x01\0\x01a\x01");
    tape.client(&mut talk, &publish("b", 1, 2, b""));
    tape.server(&mut talk, &ack(0x40, 2));
    tape.server(&mut talk, b"\x90\x03\0\x01\x01");
    tape.client(&mut talk, PINGREQ);
    tape.ack(&talk, From::Server);
    tape.server(&mut talk, PINGRESP);
    tape.client(&mut talk, &publish("b", 2, 3, b""));
    tape.server(&mut talk, &ack(0x50, 3));
    tape.client(&mut talk, &ack(0x62, 3));
    tape.server(&mut talk, &ack(0x70, 3));
    tape.client(&mut talk, b"\xa2\x05\0\x04\0\x01a");
    tape.server(&mut talk, &ack(0xb0, 4));
    assert_eq!(
        latencies(&measure(&tape)),
        [
            latency("tcp_connect_latency", 1, 1),
            latency("connect_latency", 1, 1),
            latency("suback_latency", 1, 3),
            latency("unsuback_latency", 1, 1),
            latency("puback_latency", 1, 1),
            latency("pubrec_latency", 1, 1),
            // From the PUBLISH, as a load run has it.
            latency("pubcomp_latency", 1, 3),
            latency("ping_latency", 1, 2),
        ]
    );
}

#[test]
fn what_a_client_acknowledges_is_no_latency_of_the_broker() {
    let mut tape = Tape::new();
    let mut talk = session(&mut tape, 50_000);
    tape.server(&mut talk, &publish("a", 1, 7, b""));
    tape.client(&mut talk, &ack(0x40, 7));
    let names: Vec<_> = latencies(&measure(&tape)).into_iter().map(|(name, ..)| name).collect();
    assert_eq!(names, ["tcp_connect_latency", "connect_latency"]);
}

#[test]
fn a_refused_connect_is_counted_and_not_timed() {
    let mut tape = Tape::new();
    let mut talk = tape.open(50_000);
    tape.client(&mut talk, CONNECT);
    tape.server(&mut talk, b"\x20\x02\0\x05");
    let measured = measure(&tape);
    assert_eq!(latencies(&measured), [latency("tcp_connect_latency", 1, 1)]);
    assert_eq!((count(&measured, "connect_attempts"), count(&measured, "connects")), (1, 0));
    assert_eq!(count(&measured, "connect_failed"), 1);
    assert_eq!(count(&measured, "connect_failed{reason:Connection Refused, not authorized}"), 1);
}

#[test]
fn a_message_is_followed_from_its_publisher_to_each_subscriber() {
    let mut tape = Tape::new();
    let mut publisher = session(&mut tape, 50_000);
    let mut near = session(&mut tape, 50_001);
    let mut far = session(&mut tape, 50_002);
    for payload in [b"one", b"two"] {
        tape.client(&mut publisher, &publish("a", 0, 0, payload));
        tape.server(&mut near, &publish("a", 0, 0, payload));
        tape.server(&mut far, &publish("a", 0, 0, payload));
    }
    // Retained: as old as it is.
    let mut retained = publish("a", 0, 0, b"one");
    retained[0] |= 1;
    tape.server(&mut near, &retained);
    // From somewhere else.
    tape.server(&mut near, &publish("b", 0, 0, b"?"));
    let measured = measure(&tape);
    let delivery =
        measured.results.latencies.iter().find(|latency| latency.name == "delivery_latency").unwrap();
    assert_eq!(delivery.tags.value("matched"), Some("content"));
    let delivery = &delivery.response;
    assert_eq!((delivery.count, delivery.min_us, delivery.max_us / 10), (4, 1_000, 200));
    assert_eq!((count(&measured, "publish_rate"), count(&measured, "deliveries")), (2, 6));
    assert_eq!((count(&measured, "delivery_retained"), count(&measured, "delivery_unmatched")), (1, 1));
}

#[test]
fn a_load_runs_stamp_is_known_again_under_another_topic() {
    let mut tape = Tape::new();
    let mut publisher = session(&mut tape, 50_000);
    let mut subscriber = session(&mut tape, 50_001);
    let now = START_NS + tape.frames() as i64 * 1_000_000;
    let mark = Mark { run: 9, stream: 1, sequence: 0, intended_ns: now - 3_000_000, lag_ns: 2_000_000 };
    tape.client(&mut publisher, &publish("a", 0, 0, &mark.to_bytes()));
    tape.server(&mut subscriber, &publish("bridged/a", 0, 0, &mark.to_bytes()));
    let measured = measure(&tape);
    assert!(latencies(&measured).contains(&latency("delivery_latency{matched:stamp}", 1, 1)));
}

#[test]
fn with_a_filter_only_exchanges_of_what_matches_are_timed() {
    let mut tape = Tape::new();
    let mut talk = session(&mut tape, 50_000);
    let _other = session(&mut tape, 50_001);
    for (id, topic) in [(1, "wanted"), (2, "other")] {
        tape.client(&mut talk, &publish(topic, 2, id, b""));
        tape.server(&mut talk, &ack(0x50, id));
        tape.client(&mut talk, &ack(0x62, id));
        tape.server(&mut talk, &ack(0x70, id));
    }
    tape.client(&mut talk, DISCONNECT);
    tape.close(&mut talk);
    let measured = measure_with(&tape, Some("mqtt.topic == \"wanted\""), None);
    assert_eq!(
        latencies(&measured),
        [
            latency("tcp_connect_latency", 1, 1),
            latency("pubrec_latency", 1, 1),
            latency("pubcomp_latency", 1, 3)
        ]
    );
    assert_eq!((count(&measured, "packets"), count(&measured, "tcp_connections")), (1, 1));
    // It was closed in order; the packet that says so is not asked for.
    assert_eq!(count(&measured, "disconnects"), 0);
}

#[test]
fn no_more_packets_are_counted_than_asked_for() {
    let mut tape = Tape::new();
    let mut talk = session(&mut tape, 50_000);
    for _ in 0..5 {
        tape.client(&mut talk, &publish("a", 0, 0, b""));
    }
    assert_eq!(count(&measure_with(&tape, None, Some(4)), "packets"), 4);
    let measured = measure_with(&tape, Some("mqtt.topic == \"a\""), Some(3));
    assert_eq!((count(&measured, "packets"), count(&measured, "publish_rate")), (3, 3));
}

#[test]
fn ends_of_connections_are_told_apart() {
    let mut tape = Tape::new();
    let mut polite = session(&mut tape, 50_000);
    tape.client(&mut polite, DISCONNECT);
    tape.close(&mut polite);
    let mut silent = session(&mut tape, 50_001);
    tape.close(&mut silent);
    let _open = session(&mut tape, 50_002);
    let measured = measure(&tape);
    assert_eq!(count(&measured, "disconnects"), 2);
    assert_eq!(count(&measured, "disconnects{by:client,reason:Normal disconnection}"), 1);
    assert_eq!(count(&measured, "disconnects{by:client,reason:closed without DISCONNECT}"), 1);
}

#[test]
fn retransmissions_are_counted_on_connections_with_mqtt_only() {
    let mut tape = Tape::new();
    let mut talk = session(&mut tape, 50_000);
    let mut other = tape.open_to(50_001, 80);
    for (talk, bytes) in
        [(&mut talk, publish("a", 0, 0, b"")), (&mut other, b"GET / HTTP/1.0\r\n\r\n".to_vec())]
    {
        tape.client(talk, &bytes);
        // What is acknowledged with it has changed: not the same frame captured twice.
        tape.server(talk, PINGRESP);
        talk.take_back(From::Client, bytes.len());
        tape.client(talk, &bytes);
    }
    let measured = measure(&tape);
    assert_eq!((count(&measured, "tcp_connections"), count(&measured, "tcp_retransmissions")), (1, 1));
    assert_eq!(count(&measured, "publish_rate"), 1);
    assert_eq!(
        counter(&measured, "tcp_retransmissions").of.as_ref().unwrap().count,
        count(&measured, "tcp_segments")
    );
}

#[test]
fn the_busiest_stand_first_and_an_alias_counts_as_its_topic() {
    let mut tape = Tape::new();
    let mut talk = tape.open(50_000);
    tape.client(&mut talk, CONNECT_5);
    tape.server(&mut talk, CONNACK_5);
    tape.client(&mut talk, &publish_with("quiet", 0, 0, &[0], b""));
    tape.client(&mut talk, &publish_with("busy", 0, 0, &[3, 0x23, 0, 1], b""));
    tape.client(&mut talk, &publish_with("", 0, 0, &[3, 0x23, 0, 1], b""));
    let measured = measure(&tape);
    let topics: Vec<_> = (measured.results.counters.iter())
        .filter(|counter| counter.name == "topic_published")
        .map(|counter| (counter.tags.value("topic").unwrap(), counter.count))
        .collect();
    assert_eq!(topics, [("busy", 2), ("quiet", 1)]);
    assert_eq!(measured.facts["topics"], "2 published, 0 delivered");
    assert_eq!((&*measured.facts["clients"], count(&measured, "client_packets{client:dev}")), ("1", 5));
}

#[test]
fn the_series_adds_up_to_the_counters() {
    let mut tape = Tape::new();
    let mut talk = session(&mut tape, 50_000);
    for _ in 0..2_500 {
        tape.client(&mut talk, &publish("a", 0, 0, b""));
    }
    let measured = measure(&tape);
    let mut seconds = Vec::new();
    for point in measured.series.points() {
        if let (("publish_rate", _), mqscope_report::PointValue::Counter { count, .. }) =
            (measured.series.metric(point), point.value)
        {
            seconds.push((point.second, count));
        }
    }
    // Five frames come before the first message, one a millisecond.
    assert_eq!(seconds, [(0, 995), (1, 1_000), (2, 505)]);
    assert_eq!(count(&measured, "publish_rate"), 2_500);
}
