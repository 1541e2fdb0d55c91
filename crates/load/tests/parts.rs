//! A run dealt to several processes is the same run: what is sent, when it is meant, what is lost.

mod common;

use std::collections::BTreeMap;
use std::path::Path;
use std::thread;

use common::{Broker, Faults, Heard, total};
use mqscope_load::parts::{Finish, MergeError, Piece, merge};
use mqscope_load::{Control, Finished, MeetingError, Part, RunError, Stop, run};
use mqscope_report::{Outcome, Point, PointValue, Seconds, Series, Summary};

/// Publishers of two kinds, evenly spread and at random, at rates of the whole group; payloads made anew.
const FLEET: &str = "name: fleet
seed: 7
groups:
  even:
    count: 7
    publish: {data: {topic: 'even/{{client_id}}', qos: 1, payload: {template: '{\"v\":{{random(1,1000)}}}', stamp: json}}}
  random:
    count: 5
    client_id: 'r-{{hex(4)}}-{{i}}'
    publish:
      zero: {topic: 'random/{{i}}', qos: 0}
      two: {topic: 'random/{{i}}/two', qos: 2}
  sub: {count: 3, subscribe: [{filter: 'even/+', qos: 1}, {filter: 'random/#', qos: 2}]}
phases:
  - {name: first, duration: 1s, sub: {connect: {rate: 1000/s}}, even: {connect: {rate: 1000/s}, data: off}, random: {connect: {rate: 1000/s}, zero: off, two: off}}
  - name: steady
    duration: 1s
    even: {data: {rate: 70/s}}
    random: {zero: {rate: 50/s, arrivals: poisson}, two: {rate: 33/s}}
";

/// Runs all parts at once, as processes would.
fn run_parts(broker: &Broker, text: &str, of: u32, folder: &Path) -> Vec<Result<Finished, RunError>> {
    thread::scope(|scope| {
        let parts = (1..=of).map(|number| {
            let plan = broker.plan(text);
            let control = Control {
                part: Part::new(number, of).expect("a part"),
                meet_in: Some(folder.to_owned()),
                ..Control::default()
            };
            scope.spawn(move || run(plan, control))
        });
        let parts: Vec<_> = parts.collect();
        parts.into_iter().map(|part| part.join().expect("no panic")).collect()
    })
}

fn pieces(finished: Vec<Result<Finished, RunError>>) -> Vec<Piece> {
    let finished = finished.into_iter().map(|part| part.expect("runs"));
    let piece = |finished: Finished| {
        let record = finished.part.expect("a part's record");
        Piece { label: format!("shard-{}", record.part), record, summary: finished.summary }
    };
    finished.map(piece).collect()
}

fn merged(broker: &Broker, text: &str, of: u32) -> Summary {
    let folder = tempfile::tempdir().expect("a folder");
    merge(pieces(run_parts(broker, text, of, folder.path())), &Finish::default()).expect("merges")
}

/// What is meant later than this, µs after the first message, is not compared: on a busy machine the phase may be over
/// before it is sent, and then it is dropped and counted.
const COMPARED_US: u64 = 700_000;

type Schedule = BTreeMap<(u32, u32), (String, String, Vec<u8>, u64)>;

/// Each message by stream and number: who sent it, its topic, its payload without the stamp, when it was meant (µs after
/// the first of all).
fn schedule(heard: &[Heard]) -> Schedule {
    let first = heard.iter().map(|message| message.intended_us).min().unwrap_or(0);
    let messages = heard.iter().map(|message| {
        let Heard { client_id, topic, stream, sequence, intended_us, rest } = message.clone();
        ((stream, sequence), (client_id, topic, rest, intended_us - first))
    });
    let mut schedule: Schedule = messages.collect();
    assert_eq!(schedule.len(), heard.len(), "no message twice");
    schedule.retain(|_, (.., at_us)| *at_us < COMPARED_US);
    schedule
}

#[test]
fn the_parts_together_send_what_the_whole_would_when_it_would() {
    let broker = Broker::start(Faults::default());
    broker.run(FLEET);
    let whole = schedule(&broker.take_heard());
    assert!(whole.len() > 90, "{} messages", whole.len());
    for of in [2, 5] {
        let folder = tempfile::tempdir().expect("a folder");
        let parts = pieces(run_parts(&broker, FLEET, of, folder.path()));
        let together = schedule(&broker.take_heard());
        assert_eq!(together.keys().collect::<Vec<_>>(), whole.keys().collect::<Vec<_>>(), "{of} parts");
        for (key, (client_id, topic, payload, at_us)) in &together {
            let (whole_id, whole_topic, whole_payload, whole_at_us) = &whole[key];
            assert_eq!(
                (client_id, topic, payload),
                (whole_id, whole_topic, whole_payload),
                "{of} parts, {key:?}"
            );
            // Both are cut to whole microseconds.
            assert!(at_us.abs_diff(*whole_at_us) <= 2, "{of} parts, {key:?}: {at_us} and {whole_at_us} µs");
        }
        let starts: Vec<_> = parts.iter().map(|part| &part.record.phase_starts_ns).collect();
        assert!(starts.windows(2).all(|pair| pair[0] == pair[1]), "{starts:?}");
    }
}

/// Ten publishers and two subscribers, which are dealt to different parts; a phase that waits comes first.
const LOSSES: &str = "name: losses
groups:
  pub: {count: 10, publish: {data: {topic: 'fleet/{{client_id}}', qos: 1, rate: 20/s}}}
  sub: {count: 2, subscribe: [{filter: 'fleet/+', qos: 1}]}
phases: [{name: steady, duration: 1s}]
thresholds: {delivery_lost: ['count == 0'], delivery_latency: ['p(99) < 10s']}
";

#[test]
fn nothing_is_lost_between_parts_that_was_not() {
    let broker = Broker::start(Faults::default());
    let whole = merged(&broker, LOSSES, 3);
    assert_eq!(whole.outcome, Outcome::Passed, "{:?}", (&whole.thresholds, &whole.notes));
    assert_eq!(total(&whole, "publish_rate"), 200);
    assert_eq!(total(&whole, "delivery_expected"), 400);
    assert_eq!(total(&whole, "delivery_lost"), 0);
    assert_eq!(whole.run.parts, 3);
    assert_eq!(whole.run.facts["devices"], "12");
    broker.expect_seen("DISCONNECT", 12);
}

/// 400 deliveries, of which 40 are lost, of 50 messages that nobody acknowledged and 150 others.
#[test]
fn what_is_delivered_and_not_acknowledged_hides_no_loss_between_parts() {
    let broker = Broker::start(Faults { ignore_publish: Some(4), lose: Some(10), ..Faults::default() });
    let whole = merged(&broker, LOSSES, 3);
    assert_eq!(total(&whole, "publish_unacknowledged"), 50);
    assert_eq!((total(&whole, "delivery_expected"), total(&whole, "delivery_lost")), (400, 40));
    assert!(whole.notes.iter().any(|note| note.text.contains("between shards they count as sent")));
}

#[test]
fn a_shared_subscription_between_parts_loses_what_no_member_gets() {
    for (lose, lost) in [(None, 0), (Some(10), 20), (Some(1), 200)] {
        let broker = Broker::start(Faults { lose, ..Faults::default() });
        let text = LOSSES.replace("fleet/+', qos", "$share/s/fleet/+', qos");
        let whole = merged(&broker, &text, 3);
        assert_eq!((total(&whole, "delivery_expected"), total(&whole, "delivery_lost")), (200, lost));
        assert_eq!(total(&whole, "deliveries"), 200 - lost);
    }
}

#[test]
fn what_is_never_acknowledged_is_counted_over_all_parts() {
    let broker = Broker::start(Faults { silent_from: Some(100), ..Faults::default() });
    let whole = merged(&broker, LOSSES, 3);
    assert_eq!(total(&whole, "publish_unacknowledged"), 101);
    let latencies = whole.results.latencies.iter().filter(|latency| latency.name == "puback_latency");
    assert_eq!(latencies.map(|latency| latency.response.count).sum::<u64>(), 200);
    let says = "101 publishes were never acknowledged";
    assert_eq!(whole.notes.iter().filter(|note| note.text.starts_with(says)).count(), 1, "{:?}", whole.notes);
}

#[test]
fn what_the_broker_loses_is_lost_also_between_parts() {
    let broker = Broker::start(Faults { lose: Some(10), repeat: Some(8), ..Faults::default() });
    let whole = merged(&broker, LOSSES, 3);
    assert_eq!(whole.outcome, Outcome::Failed);
    assert_eq!(total(&whole, "delivery_lost"), 40);
    assert_eq!(whole.thresholds[0].says, "count is 40");
    // Of the 400 numbered deliveries every eighth is repeated, but those that are lost: 40 is the least common multiple.
    assert_eq!(total(&whole, "delivery_duplicated"), 40);
}

#[test]
fn parts_that_do_not_meet_leave_loss_open_and_its_threshold_unmet() {
    let broker = Broker::start(Faults::default());
    let start_at = std::time::SystemTime::now() + std::time::Duration::from_millis(500);
    let parts = thread::scope(|scope| {
        let parts = [1, 2].map(|number| {
            let plan = broker.plan(LOSSES);
            let part = Part::new(number, 2).expect("a part");
            let control = Control { part, start_at: Some(start_at), ..Control::default() };
            scope.spawn(move || run(plan, control))
        });
        parts.map(|part| part.join().expect("no panic")).into_iter().collect::<Vec<_>>()
    });
    let mut parts = pieces(parts);
    // However close they came by chance, they did not agree.
    parts[1].record.phase_starts_ns[1] += 1_000;
    let whole = merge(parts, &Finish::default()).expect("merges");
    assert_eq!(whole.outcome, Outcome::Failed);
    assert_eq!(whole.thresholds[0].says, "no samples");
    assert!(
        whole.notes.iter().any(|note| note.text.contains("what was lost is not judged")),
        "{:?}",
        whole.notes
    );
    assert!(whole.thresholds[1].passed, "latency is of one clock: {:?}", whole.thresholds[1]);
}

#[test]
fn several_clocks_are_not_compared_unless_their_error_is_known() {
    let broker = Broker::start(Faults::default());
    let folder = tempfile::tempdir().expect("a folder");
    let mut parts = pieces(run_parts(&broker, LOSSES, 2, folder.path()));
    parts[1].record.host.boot_id = Some("another".to_owned());
    let unknown = merge(parts.clone(), &Finish::default()).expect("merges");
    let says =
        |whole: &Summary| whole.thresholds.iter().map(|verdict| verdict.says.clone()).collect::<Vec<_>>();
    assert_eq!(says(&unknown), ["no samples", "no samples"]);
    let known = Finish { clock_error: Some(std::time::Duration::from_millis(1)), ..Finish::default() };
    let known = merge(parts.clone(), &known).expect("merges");
    assert_eq!(known.outcome, Outcome::Passed, "{:?}", (says(&known), &known.notes));
    let far = Finish { clock_error: Some(std::time::Duration::from_secs(20)), ..Finish::default() };
    let far = merge(parts, &far).expect("merges");
    assert!(says(&far)[1].contains("leaves open"), "{:?}", says(&far));
    assert_eq!(far.outcome, Outcome::Failed);
}

#[test]
fn only_all_parts_of_one_run_are_merged() {
    let broker = Broker::start(Faults::default());
    let folder = tempfile::tempdir().expect("a folder");
    let parts = pieces(run_parts(&broker, LOSSES, 2, folder.path()));
    let refuse = |pieces: Vec<Piece>| merge(pieces, &Finish::default()).expect_err("refused").to_string();
    assert!(matches!(merge(Vec::new(), &Finish::default()), Err(MergeError::Nothing)));
    assert_eq!(refuse(vec![parts[1].clone()]), "of 2 shards these are missing: 1");
    assert_eq!(refuse(vec![parts[0].clone(), parts[0].clone()]), "shard-1 and shard-1 are both shard 1");
    let changed = |change: fn(&mut Piece)| {
        let mut other = parts[1].clone();
        change(&mut other);
        refuse(vec![parts[0].clone(), other])
    };
    assert!(changed(|part| part.summary.run.seed += 1).contains("the seed differs"));
    assert!(changed(|part| part.summary.run.name.push('x')).contains("the scenario's name differs"));
    assert!(changed(|part| part.record.plan.push('x')).contains("the scenario or a variable differs"));
    assert!(changed(|part| part.record.of = 3).contains("the number of shards differs"));
    assert!(changed(|part| part.record.start_unix_ns += 1).contains("the start differs"));
    assert!(changed(|part| part.record.schema.push('x')).contains("mqscope-part/1x"));
}

#[test]
fn the_whole_passes_or_fails_by_thresholds_no_part_judged() {
    let broker = Broker::start(Faults::default());
    let folder = tempfile::tempdir().expect("a folder");
    let text = LOSSES.replace("p(99) < 10s", "p(99) < 1us");
    let finished = run_parts(&broker, &text, 2, folder.path());
    let parts = pieces(finished);
    for part in &parts {
        assert_eq!(part.summary.outcome, Outcome::Passed);
        assert!(part.summary.thresholds.is_empty());
    }
    let whole = merge(parts, &Finish::default()).expect("merges");
    assert_eq!((whole.outcome, whole.thresholds.len()), (Outcome::Failed, 2));
}

#[test]
fn a_part_whose_like_fails_does_not_wait_for_it() {
    let broker = Broker::start(Faults::default());
    let folder = tempfile::tempdir().expect("a folder");
    let [one, two] = thread::scope(|scope| {
        [1, 2]
            .map(|number| {
                let plan = broker.plan(LOSSES);
                let part = Part::new(number, 2).expect("a part");
                let mut control =
                    Control { part, meet_in: Some(folder.path().to_owned()), ..Control::default() };
                if number == 2 {
                    // More descriptors than there can be: it may not even begin.
                    control.other_descriptors = 1 << 40;
                }
                scope.spawn(move || run(plan, control))
            })
            .map(|part| part.join().expect("no panic"))
    });
    assert!(matches!(two, Err(RunError::Obstacle(_))), "{two:?}");
    let why = one.expect_err("alone").to_string();
    assert_eq!(why, "shards 2 ended before the run began");
}

#[test]
fn who_comes_late_to_the_start_says_so() {
    let broker = Broker::start(Faults::default());
    let start_at = Some(std::time::SystemTime::now() - std::time::Duration::from_secs(5));
    let control = Control { start_at, ..Control::default() };
    let late = run(broker.plan(LOSSES), control).expect_err("late").to_string();
    assert!(late.starts_with("late by 5s"), "{late}");
    assert_eq!(broker.seen("CONNECT"), 0);
}

#[test]
fn a_run_stopped_before_its_start_connects_nobody() {
    let broker = Broker::start(Faults::default());
    let stop = Stop::default();
    stop.stop();
    let start_at = Some(std::time::SystemTime::now() + std::time::Duration::from_secs(3600));
    let control = Control { start_at, stop, ..Control::default() };
    assert!(matches!(run(broker.plan(LOSSES), control), Err(RunError::Stopped)));
    assert_eq!(broker.seen("CONNECT"), 0);
}

#[test]
fn a_folder_to_meet_in_serves_one_run() {
    let broker = Broker::start(Faults::default());
    let folder = tempfile::tempdir().expect("a folder");
    pieces(run_parts(&broker, LOSSES, 2, folder.path()));
    for again in run_parts(&broker, LOSSES, 2, folder.path()) {
        assert!(matches!(again, Err(RunError::Meeting(MeetingError::Used { .. }))), "{again:?}");
    }
}

#[test]
fn the_seconds_of_the_parts_are_those_of_the_whole() {
    let broker = Broker::start(Faults::default());
    let folder = tempfile::tempdir().expect("a folder");
    let finished: Vec<Finished> =
        run_parts(&broker, FLEET, 2, folder.path()).into_iter().map(|part| part.expect("runs")).collect();
    let seconds: Vec<Seconds> = finished
        .iter()
        .map(|part| {
            let mut text = Vec::new();
            Seconds::write(&part.series, &mut text).expect("writes");
            Seconds::read(std::str::from_utf8(&text).expect("text")).expect("reads")
        })
        .collect();
    let merged = Seconds::merge(&seconds);
    let counted = |series: &Series| -> u64 {
        let of = |point: &Point| match point.value {
            PointValue::Counter { count, .. } if series.metric(point).0 == "publish_rate" => count,
            _ => 0,
        };
        series.points().iter().map(of).sum()
    };
    let published: u64 = finished.iter().map(|part| total(&part.summary, "publish_rate")).sum();
    assert!(published > 100);
    assert_eq!(counted(&merged), published);
}
