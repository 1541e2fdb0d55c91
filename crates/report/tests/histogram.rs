//! What a histogram keeps of its samples.

use std::time::Duration;

use mqscope_report::{Histogram, ReportError};
use proptest::prelude::*;

fn of_us(samples: &[u64]) -> Histogram {
    let mut histogram = Histogram::new();
    samples.iter().for_each(|us| histogram.record(Duration::from_micros(*us)));
    histogram
}

#[test]
fn nanoseconds_are_rounded_to_the_nearest_microsecond() {
    let mut histogram = Histogram::new();
    [499, 1_500, 2_499].into_iter().for_each(|ns| histogram.record_ns(ns));
    assert_eq!(histogram.values_us().collect::<Vec<_>>(), [(0, 1), (2, 2)]);
    assert_eq!(histogram.min_us(), 0);
}

#[test]
fn more_than_an_hour_counts_as_an_hour_and_is_told() {
    let mut histogram = Histogram::new();
    histogram.record(Duration::from_secs(3600));
    assert_eq!(histogram.saturated(), 0);
    histogram.record(Duration::from_secs(3601));
    histogram.record(Duration::MAX);
    histogram.record_ns(u64::MAX);
    assert_eq!((histogram.count(), histogram.saturated()), (4, 3));
    assert!((3_600_000_000..=3_603_600_000).contains(&histogram.max_us()));
}

#[test]
fn an_empty_histogram_has_zeros() {
    let empty = Histogram::new();
    assert!(empty.is_empty());
    assert_eq!((empty.min_us(), empty.max_us(), empty.percentile_us(99.0)), (0, 0, 0));
    assert_eq!((empty.mean_us(), empty.stdev_us()), (0.0, 0.0));
}

#[test]
fn a_hundred_samples_have_the_percentiles_one_counts_by_hand() {
    let histogram = of_us(&(1..=100).collect::<Vec<_>>());
    assert_eq!(histogram.percentiles_us([50.0, 90.0, 99.0, 100.0]), [50, 90, 99, 100]);
    assert_eq!(histogram.percentile(99.0), Duration::from_micros(99));
    assert_eq!(histogram.mean_us(), 50.5);
    assert!((histogram.stdev_us() - 28.866).abs() < 0.001);
}

#[test]
fn clearing_forgets_everything() {
    let mut histogram = of_us(&[5, 4_000_000_000]);
    histogram.clear();
    assert_eq!(histogram, Histogram::new());
}

#[test]
fn text_that_is_no_histogram_is_refused_with_a_reason() {
    assert!(matches!(Histogram::from_base64("!"), Err(ReportError::HistogramText(_))));
    assert!(matches!(Histogram::from_base64("AAAA"), Err(ReportError::HistogramFormat(_))));
}

#[test]
fn a_histogram_of_other_bounds_is_refused() {
    use base64::{Engine, engine::general_purpose::STANDARD};
    use hdrhistogram::serialization::{Serializer, V2DeflateSerializer};
    let foreign = hdrhistogram::Histogram::<u64>::new_with_bounds(1, 1_000_000, 2).unwrap();
    let mut bytes = Vec::new();
    V2DeflateSerializer::new().serialize(&foreign, &mut bytes).unwrap();
    let error = Histogram::from_base64(&STANDARD.encode(bytes)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "histogram of other bounds: 1..1000000 at 2 digits, expected 1..3600000000 at 3 digits"
    );
}

fn latencies() -> impl Strategy<Value = Vec<u64>> {
    // Spread over all magnitudes, some beyond the hour.
    prop::collection::vec((0u32..33, any::<u64>()).prop_map(|(bits, n)| n >> (63 - bits)), 0..200)
}

#[test]
fn a_histogram_that_claims_more_than_it_holds_is_refused_before_memory_is_taken() {
    use base64::{Engine, engine::general_purpose::STANDARD};
    use std::io::Write;
    let header = |len: u32| {
        let mut plain = 0x1c84_9313_u32.to_be_bytes().to_vec();
        plain.extend(len.to_be_bytes());
        plain.resize(40, 0);
        plain
    };
    let deflated = |plain: &[u8]| {
        let mut bytes = vec![0x1c, 0x84, 0x93, 0x14, 0, 0, 0, 0];
        let mut deflater = flate2::write::ZlibEncoder::new(&mut bytes, flate2::Compression::best());
        deflater.write_all(plain).unwrap();
        deflater.finish().unwrap();
        STANDARD.encode(bytes)
    };
    let mut bomb = header(64 << 20);
    bomb.resize(40 + (64 << 20), 0);
    for plain in [header(u32::MAX), bomb] {
        let error = Histogram::from_base64(&deflated(&plain)).unwrap_err();
        assert_eq!(error.to_string(), "histogram is not HdrHistogram V2: its length is not what it claims");
    }
}

proptest! {
    #[test]
    fn merging_equals_recording_all_in_one(a in latencies(), b in latencies(), c in latencies()) {
        let all: Vec<u64> = a.iter().chain(&b).chain(&c).copied().collect();
        let whole = of_us(&all);

        let mut left = of_us(&a);
        left.merge(&of_us(&b));
        left.merge(&of_us(&c));
        let mut right = of_us(&b);
        right.merge(&of_us(&c));
        let mut first = of_us(&a);
        first.merge(&right);

        prop_assert_eq!(&left, &whole);
        prop_assert_eq!(&first, &whole);
        prop_assert_eq!(left.saturated(), all.iter().filter(|us| **us > 3_600_000_000).count() as u64);
    }

    #[test]
    fn a_percentile_is_within_three_digits_of_the_sample_at_its_rank(samples in latencies(), percent in 0.1f64..100.0) {
        prop_assume!(!samples.is_empty());
        let histogram = of_us(&samples);
        let mut sorted: Vec<u64> = samples.iter().map(|us| *us.min(&3_600_000_000)).collect();
        sorted.sort_unstable();
        let rank = (percent / 100.0 * sorted.len() as f64).ceil().max(1.0) as usize;
        let exact = sorted[rank - 1];
        let seen = histogram.percentile_us(percent);
        prop_assert!(seen >= exact && seen - exact <= exact / 1000, "{seen} for {exact}");
    }

    #[test]
    fn base64_gives_the_same_histogram_back(samples in latencies()) {
        let capped: Vec<u64> = samples.iter().map(|us| *us.min(&3_600_000_000)).collect();
        let histogram = of_us(&capped);
        prop_assert_eq!(Histogram::from_base64(&histogram.to_base64()).unwrap(), histogram);
    }

    #[test]
    fn no_text_makes_reading_panic(text in "[A-Za-z0-9+/]{0,120}") {
        let _ = Histogram::from_base64(&text);
    }
}
