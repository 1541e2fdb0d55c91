//! From a shard's samples to totals and seconds.

use std::{sync::Arc, time::Duration};

use mqscope_report::{
    Catalog, Collector, CounterId, GaugeId, LatencyId, Phase, PointValue, Recorder, Series, Unit,
};
use proptest::prelude::*;

const S: Duration = Duration::from_secs(1);

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

struct Bench {
    catalog: Arc<Catalog>,
    latency: LatencyId,
    sent: CounterId,
    failed: CounterId,
    connected: GaugeId,
    cpu: GaugeId,
}

fn bench() -> Bench {
    let mut catalog = Catalog::new();
    let latency = catalog.latency("puback_latency", [("phase", "steady")]);
    let sent = catalog.counter("sent", [("phase", "steady")]);
    let failed = catalog.counter_of("failed", [("phase", "steady")], sent);
    let connected = catalog.gauge_to("connected", [("phase", "steady")], Unit::Count, 10.0);
    let cpu = catalog.gauge("generator_cpu", [("phase", "steady")], Unit::Percent);
    Bench { catalog: Arc::new(catalog), latency, sent, failed, connected, cpu }
}

fn latency_rows(series: &Series) -> Vec<(u32, u64, u64)> {
    let rows = series.points().iter().filter_map(|point| match point.value {
        PointValue::Latency { count, max_us, .. } => Some((point.second, count.into(), max_us.into())),
        _ => None,
    });
    rows.collect()
}

fn gauge_rows(series: &Series, wanted: GaugeId) -> Vec<(u32, f64)> {
    let rows = series.points().iter().filter_map(|point| match point.value {
        PointValue::Gauge { id, value } if id == wanted => Some((point.second, value)),
        _ => None,
    });
    rows.collect()
}

#[test]
fn the_same_name_and_tags_are_the_same_metric() {
    let mut catalog = Catalog::new();
    let first = catalog.latency("ping", [("group", "a"), ("phase", "b")]);
    assert_eq!(catalog.latency("ping", [("phase", "b"), ("group", "a")]), first);
    assert_ne!(catalog.latency("ping", [("group", "a")]), first);
    assert_eq!(catalog.metrics().count(), 2);
}

#[test]
fn a_second_is_closed_when_every_shard_has_passed_it() {
    let bench = bench();
    let mut shards = [Recorder::new(&bench.catalog, 0), Recorder::new(&bench.catalog, 1)];
    let mut collector = Collector::new(bench.catalog.clone(), 2);
    let mut tick = |collector: &mut Collector, shard: usize, second: u32, latency| {
        let recorder: &mut Recorder = &mut shards[shard];
        recorder.response(bench.latency, latency);
        let mut interval = recorder.take(S * second, S * (second + 1));
        collector.add(&mut interval);
        recorder.reuse(interval);
    };
    tick(&mut collector, 0, 0, ms(1));
    tick(&mut collector, 0, 1, ms(2));
    assert!(collector.series().points().is_empty());
    tick(&mut collector, 1, 0, ms(3));
    assert!(collector.series().points().is_empty(), "shard 1 may have more to say about second 0");
    tick(&mut collector, 1, 1, ms(1));
    assert_eq!(latency_rows(collector.series()), [(0, 2, 3_001)]);
    collector.finish();
    assert_eq!(latency_rows(collector.series()), [(0, 2, 3_001), (1, 2, 2_000)]);
}

#[test]
fn a_shard_that_hangs_does_not_hold_up_the_series_and_loses_nothing() {
    let bench = bench();
    let mut quick = Recorder::new(&bench.catalog, 0);
    let mut stuck = Recorder::new(&bench.catalog, 1);
    let mut collector = Collector::new(bench.catalog.clone(), 2);
    for second in 0..30 {
        quick.count(bench.sent, 1);
        collector.add(&mut quick.take(S * second, S * (second + 1)));
    }
    assert!(collector.series().points().len() >= 20, "seconds are closed without the stuck shard");
    stuck.count(bench.sent, 5);
    collector.add(&mut stuck.take(Duration::ZERO, S));
    collector.finish();
    let in_series: u64 = collector
        .series()
        .points()
        .iter()
        .map(|point| match point.value {
            PointValue::Counter { count, .. } => count,
            _ => 0,
        })
        .sum();
    assert_eq!(in_series, 35);
    assert_eq!(collector.results(S * 30, &[]).counters[0].count, 35);
    let seconds: Vec<u32> = collector.series().points().iter().map(|point| point.second).collect();
    assert!(seconds.is_sorted());
}

#[test]
fn counts_of_shards_add_up_and_the_busiest_processor_is_shown() {
    let bench = bench();
    let mut collector = Collector::new(bench.catalog.clone(), 2);
    for (shard, (connected, cpu)) in [(4.0, 80.0), (5.0, 30.0)].into_iter().enumerate() {
        let mut recorder = Recorder::new(&bench.catalog, shard);
        recorder.gauge(bench.connected, connected);
        recorder.gauge(bench.cpu, cpu);
        collector.add(&mut recorder.take(Duration::ZERO, S));
    }
    collector.finish();
    assert_eq!(gauge_rows(collector.series(), bench.connected), [(0, 9.0)]);
    assert_eq!(gauge_rows(collector.series(), bench.cpu), [(0, 80.0)]);
    let results = collector.results(S, &[]);
    assert_eq!(results.gauges[0].points, [(1, 9.0)]);
    assert_eq!(results.gauges[0].target, Some(10.0));
}

#[test]
fn a_gauge_does_not_dip_where_intervals_of_two_shards_end_apart() {
    let bench = bench();
    let mut collector = Collector::new(bench.catalog.clone(), 2);
    let mut even = Recorder::new(&bench.catalog, 0);
    let mut uneven = Recorder::new(&bench.catalog, 1);
    // The second shard's middle falls into seconds 0, 0, 2, 3.
    let ends = [0, 600, 1_200, 3_000, 4_000];
    for second in 0..4 {
        even.gauge(bench.connected, 5.0);
        collector.add(&mut even.take(S * second, S * (second + 1)));
        uneven.gauge(bench.connected, 5.0);
        let (from, to) = (ends[second as usize], ends[second as usize + 1]);
        collector.add(&mut uneven.take(ms(from), ms(to)));
    }
    collector.finish();
    let rows = gauge_rows(collector.series(), bench.connected);
    assert_eq!(rows, [(0, 10.0), (1, 10.0), (2, 10.0), (3, 10.0)]);
}

#[test]
fn rates_are_over_the_phase_and_shares_over_what_they_are_of() {
    let bench = bench();
    let mut recorder = Recorder::new(&bench.catalog, 0);
    recorder.count(bench.sent, 200);
    recorder.count(bench.failed, 1);
    recorder.response_and_service(bench.latency, ms(9), ms(2));
    let mut collector = Collector::new(bench.catalog.clone(), 1);
    collector.add(&mut recorder.take(Duration::ZERO, S));
    let phase = Phase { name: "steady".to_owned(), start_s: 6.0, end_s: 10.0 };
    let results = collector.results(S * 10, &[phase]);
    assert_eq!(results.counters[0].rate_per_s, 50.0);
    assert_eq!(results.counters[1].share(), Some(0.005));
    let latency = &results.latencies[0];
    assert_eq!(latency.response.rate_per_s, 0.25);
    assert_eq!(latency.response.p50_us, 9_007);
    assert_eq!(latency.service.as_ref().unwrap().p50_us, 2_000);
}

#[test]
fn nothing_is_left_behind_in_an_interval_that_goes_back() {
    let bench = bench();
    let mut recorder = Recorder::new(&bench.catalog, 0);
    let mut collector = Collector::new(bench.catalog.clone(), 1);
    for second in 0..3 {
        recorder.response_and_service(bench.latency, ms(1), ms(1));
        recorder.count(bench.sent, 1);
        let mut interval = recorder.take(S * second, S * (second + 1));
        collector.add(&mut interval);
        recorder.reuse(interval);
    }
    let results = collector.results(S * 3, &[]);
    assert_eq!(results.latencies[0].response.count, 3);
    assert_eq!(results.latencies[0].service.as_ref().unwrap().count, 3);
    assert_eq!(results.counters[0].count, 3);
}

proptest! {
    #[test]
    fn shards_and_intervals_lose_no_sample(samples in prop::collection::vec((0usize..3, 0u32..6, 0u64..5_000_000), 0..200)) {
        let bench = bench();
        let mut collector = Collector::new(bench.catalog.clone(), 3);
        let mut shards: Vec<Recorder> = (0..3).map(|shard| Recorder::new(&bench.catalog, shard)).collect();
        let mut whole = Recorder::new(&bench.catalog, 0);
        for second in 0..6 {
            for (shard, recorder) in shards.iter_mut().enumerate() {
                for (_, _, us) in samples.iter().filter(|(s, at, _)| (*s, *at) == (shard, second)) {
                    recorder.response(bench.latency, Duration::from_micros(*us));
                    whole.response(bench.latency, Duration::from_micros(*us));
                }
                let mut interval = recorder.take(S * second, S * (second + 1));
                collector.add(&mut interval);
                recorder.reuse(interval);
            }
        }
        collector.finish();
        let mut at_once = Collector::new(bench.catalog.clone(), 1);
        at_once.add(&mut whole.take(Duration::ZERO, S * 6));
        prop_assert_eq!(collector.results(S * 6, &[]), at_once.results(S * 6, &[]));
        let in_series: u64 = latency_rows(collector.series()).iter().map(|(_, count, _)| count).sum();
        prop_assert_eq!(in_series, samples.len() as u64);
    }
}
