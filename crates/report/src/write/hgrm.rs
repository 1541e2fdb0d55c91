//! `latency/<metric>.hgrm`: the percentile distribution as HdrHistogram's tools print and plot it.

use std::io::{self, Write};

use crate::Histogram;

/// Steps within each halving of the distance to 100 %.
const TICKS: u32 = 5;
const US_PER_MS: f64 = 1000.0;

/// Writes the distribution with values in milliseconds.
///
/// # Errors
/// When the sink fails.
pub fn write(histogram: &Histogram, to: &mut dyn Write) -> io::Result<()> {
    let counts = histogram.hdr();
    writeln!(to, "{:>12} {:>14} {:>10} {:>14}\n", "Value", "Percentile", "TotalCount", "1/(1-Percentile)")?;
    let mut total = 0;
    for step in counts.iter_quantiles(TICKS) {
        total += step.count_since_last_iteration();
        let value = counts.highest_equivalent(step.value_iterated_to()) as f64 / US_PER_MS;
        let quantile = step.quantile_iterated_to();
        write!(to, "{value:12.3} {quantile:2.12} {total:10}")?;
        if quantile < 1.0 {
            write!(to, " {:14.2}", 1.0 / (1.0 - quantile))?;
        }
        writeln!(to)?;
    }
    let (mean, stdev) = (histogram.mean_us() / US_PER_MS, histogram.stdev_us() / US_PER_MS);
    let max = histogram.max_us() as f64 / US_PER_MS;
    writeln!(to, "#[Mean    = {mean:12.3}, StdDeviation   = {stdev:12.3}]")?;
    writeln!(to, "#[Max     = {max:12.3}, Total count    = {:12}]", histogram.count())?;
    let sub_buckets = 2 * 10u32.pow(counts.sigfig().into());
    writeln!(
        to,
        "#[Buckets = {:12}, SubBuckets     = {:12}]",
        counts.buckets(),
        sub_buckets.next_power_of_two()
    )
}
