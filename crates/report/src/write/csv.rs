//! `series.csv`: the run second by second, one row a metric and second, one column a tag.

use std::{
    borrow::Cow,
    collections::BTreeSet,
    io::{self, Write},
};

use crate::{PointValue, Series};

/// Writes a header and every row (RFC 4180, lines end with LF). Cells that do not apply are empty; `value` is a gauge's.
///
/// # Errors
/// When the sink fails.
pub fn write(series: &Series, to: &mut dyn Write) -> io::Result<()> {
    let tags: BTreeSet<&str> =
        series.points().iter().flat_map(|point| series.metric(point).1.iter().map(|(key, _)| key)).collect();
    write!(to, "second,metric")?;
    for tag in &tags {
        write!(to, ",{}", cell(tag))?;
    }
    writeln!(to, ",count,p50_us,p99_us,max_us,value")?;
    for point in series.points() {
        let (name, of) = series.metric(point);
        write!(to, "{},{}", point.second, cell(name))?;
        for tag in &tags {
            write!(to, ",{}", cell(of.value(tag).unwrap_or_default()))?;
        }
        match point.value {
            PointValue::Latency { count, p50_us, p99_us, max_us, .. } => {
                writeln!(to, ",{count},{p50_us},{p99_us},{max_us},")?;
            }
            PointValue::Counter { count, .. } => writeln!(to, ",{count},,,,")?,
            PointValue::Gauge { value, .. } => writeln!(to, ",,,,,{value}")?,
        }
    }
    Ok(())
}

fn cell(text: &str) -> Cow<'_, str> {
    if text.contains(['"', ',', '\n', '\r']) {
        Cow::Owned(format!("\"{}\"", text.replace('"', "\"\"")))
    } else {
        Cow::Borrowed(text)
    }
}
