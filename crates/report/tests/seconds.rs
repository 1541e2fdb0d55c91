//! Runs in parts, second by second: what the parts add up to is what one collector would have seen.

use std::{sync::Arc, time::Duration};

use mqscope_report::{
    Catalog, Collector, CounterId, GaugeId, LatencyId, Recorder, Seconds, Series, Tags, Unit, write::csv,
};
use proptest::prelude::*;

const SECOND: Duration = Duration::from_secs(1);

struct Metrics {
    catalog: Arc<Catalog>,
    latencies: [LatencyId; 2],
    counter: CounterId,
    gauges: [GaugeId; 2],
}

fn metrics() -> Metrics {
    let mut catalog = Catalog::new();
    let latencies = ["puback_latency", "ping"].map(|name| catalog.latency(name, [("phase", "steady")]));
    let counter = catalog.counter("publish_rate", Tags::none());
    let gauges = [
        catalog.gauge("connected", Tags::none(), Unit::Count),
        catalog.gauge("generator_cpu", Tags::none(), Unit::Percent),
    ];
    Metrics { catalog: Arc::new(catalog), latencies, counter, gauges }
}

/// A sample: which part saw it, in which second, of which latency, µs.
type Sample = (usize, u8, usize, u64);

/// One collector for these parts.
fn collect(metrics: &Metrics, parts: &[usize], samples: &[Sample]) -> Series {
    let mut collector = Collector::new(metrics.catalog.clone(), parts.len()).detailed();
    let mut recorders: Vec<Recorder> =
        (0..parts.len()).map(|shard| Recorder::new(&metrics.catalog, shard)).collect();
    for second in 0..4 {
        for (recorder, part) in recorders.iter_mut().zip(parts) {
            for (_, _, latency, us) in samples.iter().filter(|s| (s.0, s.1) == (*part, second)) {
                recorder.response(metrics.latencies[*latency], Duration::from_micros(*us));
                recorder.count(metrics.counter, 1);
            }
            recorder.gauge(metrics.gauges[0], (part + usize::from(second)) as f64);
            recorder.gauge(metrics.gauges[1], (part * 10) as f64);
            collector.add(&mut recorder.take(SECOND * second.into(), SECOND * (second + 1).into()));
        }
    }
    collector.finish();
    collector.series().clone()
}

/// The rows, whatever order metrics have within a second.
fn rows(series: &Series) -> Vec<String> {
    let mut text = Vec::new();
    csv::write(series, &mut text).expect("writes");
    let mut rows: Vec<String> = String::from_utf8(text).expect("text").lines().map(str::to_owned).collect();
    rows.sort();
    rows
}

proptest! {
    #[test]
    fn the_series_of_the_parts_is_that_of_the_whole(
        samples in prop::collection::vec((0_usize..4, 0_u8..4, 0_usize..2, 0_u64..5_000_000_000), 0..80),
        count in 1_usize..5,
    ) {
        let metrics = metrics();
        let samples: Vec<Sample> = samples.into_iter().map(|(part, s, l, us)| (part % count, s, l, us)).collect();
        let all: Vec<usize> = (0..count).collect();
        let whole = collect(&metrics, &all, &samples);
        let parts: Vec<Seconds> = all
            .iter()
            .map(|part| {
                let mut text = Vec::new();
                Seconds::write(&collect(&metrics, &[*part], &samples), &mut text).expect("writes");
                Seconds::read(std::str::from_utf8(&text).expect("text")).expect("reads")
            })
            .collect();
        prop_assert_eq!(rows(&Seconds::merge(&parts)), rows(&whole));
    }
}

#[test]
fn a_line_that_is_no_row_is_refused() {
    assert!(Seconds::read("{\"second\":1}").is_err());
    assert!(Seconds::read("x").is_err());
    assert_eq!(Seconds::read("").expect("nothing"), Seconds::default());
}

#[test]
fn a_series_that_keeps_no_histograms_cannot_be_written_in_full() {
    let metrics = metrics();
    let mut recorder = Recorder::new(&metrics.catalog, 0);
    recorder.response(metrics.latencies[0], SECOND);
    let mut collector = Collector::new(metrics.catalog.clone(), 1);
    collector.add(&mut recorder.take(Duration::ZERO, SECOND));
    collector.finish();
    assert!(Seconds::write(collector.series(), &mut Vec::new()).is_err());
}
