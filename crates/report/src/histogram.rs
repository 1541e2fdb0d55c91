//! The distribution of a latency.

use std::{
    fmt,
    io::{self, Read},
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use flate2::read::ZlibDecoder;
use hdrhistogram::serialization::{Deserializer, Serializer, V2DeflateSerializer};
use serde::{Deserialize, Serialize};

use crate::ReportError;

/// Longest latency that is told apart: one hour, in microseconds.
const HIGHEST_US: u64 = 3_600_000_000;
const DIGITS: u8 = 3;

/// Latencies in microseconds from 0 to one hour, to 3 significant digits.
///
/// An empty one has about 190 kB of counts, of which the system backs only the pages that samples touch. Recording does not
/// allocate. Values are rounded to the nearest microsecond; what is longer than an hour counts as an hour and in [`saturated`](Self::saturated).
/// A percentile is the highest value its bucket stands for, thus never below the sample and at most 0.1 % above it.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Encoded", into = "Encoded")]
pub struct Histogram {
    counts: hdrhistogram::Histogram<u64>,
    saturated: u64,
}

impl Histogram {
    /// An empty histogram.
    pub fn new() -> Self {
        let counts = hdrhistogram::Histogram::new_with_bounds(1, HIGHEST_US, DIGITS)
            .expect("constant bounds: 1 <= low, 2 * low <= high, digits <= 5");
        Self { counts, saturated: 0 }
    }

    /// Records one latency.
    #[inline]
    pub fn record(&mut self, latency: Duration) {
        let us = latency.as_secs().saturating_mul(1_000_000);
        self.record_us(us.saturating_add(u64::from((latency.subsec_nanos() + 500) / 1_000)));
    }

    /// Records one latency given in nanoseconds.
    #[inline]
    pub fn record_ns(&mut self, ns: u64) {
        self.record_us(ns / 1_000 + u64::from(ns % 1_000 >= 500));
    }

    fn record_us(&mut self, us: u64) {
        self.saturated += u64::from(us > HIGHEST_US);
        self.counts.saturating_record(us.min(HIGHEST_US));
    }

    /// Adds every sample of another one; nothing is lost.
    pub fn merge(&mut self, other: &Histogram) {
        self.counts.add(&other.counts).expect("all histograms of this type have the same bounds");
        self.saturated = self.saturated.saturating_add(other.saturated);
    }

    /// Forgets all samples and keeps the memory.
    pub fn clear(&mut self) {
        self.counts.reset();
        self.saturated = 0;
    }

    /// Number of samples.
    pub fn count(&self) -> u64 {
        self.counts.len()
    }

    /// Whether there are no samples.
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// How many samples were longer than an hour.
    pub fn saturated(&self) -> u64 {
        self.saturated
    }

    /// The latency that `percent` (0 to 100) of the samples do not exceed, in microseconds; 0 without samples.
    pub fn percentile_us(&self, percent: f64) -> u64 {
        self.counts.value_at_percentile(percent)
    }

    /// [`percentile_us`](Self::percentile_us) as a duration.
    pub fn percentile(&self, percent: f64) -> Duration {
        Duration::from_micros(self.percentile_us(percent))
    }

    /// Several percentiles in one pass; `percents` must ascend.
    pub fn percentiles_us<const N: usize>(&self, percents: [f64; N]) -> [u64; N] {
        let mut found = [0; N];
        for (slot, value) in found.iter_mut().zip(self.counts.value_at_percentiles(percents)) {
            *slot = value;
        }
        found
    }

    /// Shortest latency in microseconds; 0 without samples.
    pub fn min_us(&self) -> u64 {
        self.counts.min()
    }

    /// Longest latency in microseconds; 0 without samples.
    pub fn max_us(&self) -> u64 {
        self.counts.max()
    }

    /// Mean latency in microseconds; 0 without samples.
    pub fn mean_us(&self) -> f64 {
        self.counts.mean()
    }

    /// Standard deviation in microseconds; 0 without samples.
    pub fn stdev_us(&self) -> f64 {
        self.counts.stdev()
    }

    /// Each recorded value (the highest its bucket stands for, in microseconds) with its number of samples, ascending.
    pub fn values_us(&self) -> impl Iterator<Item = (u64, u64)> {
        self.counts.iter_recorded().map(|step| {
            (self.counts.highest_equivalent(step.value_iterated_to()), step.count_since_last_iteration())
        })
    }

    /// HdrHistogram's V2 format, deflated, in base64: what interval logs hold.
    pub fn to_base64(&self) -> String {
        let mut bytes = Vec::new();
        V2DeflateSerializer::new()
            .serialize(&self.counts, &mut bytes)
            .expect("writing to memory cannot fail and all counts fit the format");
        STANDARD.encode(bytes)
    }

    /// Reads what [`to_base64`](Self::to_base64) wrote. The number of saturated samples is not part of that format.
    ///
    /// # Errors
    /// When it is not base64, not the deflated V2 format, or has other bounds than 1 µs to 1 h at 3 digits.
    pub fn from_base64(text: &str) -> Result<Self, ReportError> {
        let fault = |why: &dyn fmt::Display| ReportError::HistogramFormat(why.to_string());
        let bytes = STANDARD.decode(text).map_err(ReportError::HistogramText)?;
        let plain = inflated(&bytes).map_err(|error| fault(&error))?;
        let counts: hdrhistogram::Histogram<u64> =
            Deserializer::new().deserialize(&mut plain.as_slice()).map_err(|error| fault(&error))?;
        let (low, high, digits) = (counts.low(), counts.high(), counts.sigfig());
        if (low, high, digits) != (1, HIGHEST_US, DIGITS) {
            return Err(ReportError::HistogramBounds { low, high, digits });
        }
        Ok(Self { counts, saturated: 0 })
    }

    /// The library's histogram, for writers of its formats.
    pub(crate) fn hdr(&self) -> &hdrhistogram::Histogram<u64> {
        &self.counts
    }
}

/// Takes the deflated V2 format apart and gives the plain one. The library reserves whatever length a histogram claims, so the
/// claim is held against what is there.
fn inflated(bytes: &[u8]) -> io::Result<Vec<u8>> {
    const COOKIE: [u8; 4] = 0x1c84_9314_u32.to_be_bytes();
    const PLAIN_HEADER: usize = 40;
    /// Each of the about 23,600 counts takes 9 bytes at most.
    const LONGEST: u64 = 256 * 1024;
    let fault = |why| io::Error::new(io::ErrorKind::InvalidData, why);
    if bytes.get(..4) != Some(&COOKIE) {
        return Err(fault("it does not begin as one, deflated"));
    }
    let mut plain = Vec::new();
    ZlibDecoder::new(bytes.get(8..).unwrap_or_default()).take(LONGEST).read_to_end(&mut plain)?;
    let claimed = plain.get(4..8).and_then(|len| len.try_into().ok()).map(u32::from_be_bytes);
    if claimed.map(|len| len as usize + PLAIN_HEADER) != Some(plain.len()) {
        return Err(fault("its length is not what it claims"));
    }
    Ok(plain)
}

impl Default for Histogram {
    fn default() -> Self {
        Self::new()
    }
}

/// The figures, not the 23,000 counts.
impl fmt::Debug for Histogram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Histogram")
            .field("count", &self.count())
            .field("min_us", &self.min_us())
            .field("p50_us", &self.percentile_us(50.0))
            .field("p99_us", &self.percentile_us(99.0))
            .field("max_us", &self.max_us())
            .field("saturated", &self.saturated)
            .finish()
    }
}

/// A histogram inside `summary.json`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Encoded {
    saturated: u64,
    v2_deflate_base64: String,
}

impl From<Histogram> for Encoded {
    fn from(histogram: Histogram) -> Self {
        Self { saturated: histogram.saturated, v2_deflate_base64: histogram.to_base64() }
    }
}

impl TryFrom<Encoded> for Histogram {
    type Error = ReportError;

    fn try_from(encoded: Encoded) -> Result<Self, ReportError> {
        let histogram = Self::from_base64(&encoded.v2_deflate_base64)?;
        Ok(Self { saturated: encoded.saturated, ..histogram })
    }
}
