//! `latency.hlog`: an HdrHistogram interval log, V2 compressed, as HistogramLogProcessor and its kin read it.
//!
//! One line a metric with its tags and form, over the phase it belongs to or the whole run. The log's own `Tag=` names it:
//! `puback_latency;group:sensors;phase:steady`, with `;service` behind the service form.

use std::{
    io::{self, Write},
    time::Duration,
};

use hdrhistogram::serialization::{
    V2DeflateSerializer,
    interval_log::{IntervalLogWriterBuilder, IntervalLogWriterError, Tag},
};

use crate::{Latency, Results, Summary, Tags};

/// Values are microseconds; the log's maximum column is meant to be in milliseconds.
const US_PER_MS: f64 = 1000.0;

/// Writes every latency of the summary.
///
/// # Errors
/// When the sink fails.
pub fn write(summary: &Summary, mut to: &mut dyn Write) -> io::Result<()> {
    let run = &summary.run;
    let mut serializer = V2DeflateSerializer::new();
    let mut log = IntervalLogWriterBuilder::new()
        .add_comment("[Histogram log format version 1.3]")
        .add_comment(&format!("[Latencies of {} by {}, in microseconds]", one_line(&run.name), run.tool))
        .with_start_time(run.started)
        .with_base_time(run.started)
        .with_max_value_divisor(US_PER_MS)
        .begin_log_with(&mut to, &mut serializer)?;
    let mut latencies: Vec<_> =
        summary.results.latencies.iter().map(|l| (stretch(l, &summary.results), l)).collect();
    latencies.sort_by_key(|((start, _), _)| *start);
    for ((start, length), latency) in latencies {
        let forms = [("", Some(&latency.response)), (";service", latency.service.as_ref())];
        for (suffix, form) in forms {
            let Some(form) = form else { continue };
            let tag = tag_of(latency, suffix);
            log.write_histogram(form.histogram.hdr(), start, length, Tag::new(&tag)).map_err(|error| {
                match error {
                    IntervalLogWriterError::IoError(error) => error,
                    IntervalLogWriterError::SerializeError(error) => {
                        io::Error::new(io::ErrorKind::InvalidData, error)
                    }
                }
            })?;
        }
    }
    Ok(())
}

/// Start since the run's start, and length.
fn stretch(latency: &Latency, results: &Results) -> (Duration, Duration) {
    let phase = latency.tags.value(Tags::PHASE).and_then(|name| results.phase(name));
    let (start_s, length_s) =
        phase.map_or((0.0, results.duration_s), |phase| (phase.start_s, phase.end_s - phase.start_s));
    let duration = |s: f64| Duration::try_from_secs_f64(s).unwrap_or_default();
    (duration(start_s), duration(length_s))
}

/// A log's tag holds no comma, space or line break.
fn tag_of(latency: &Latency, suffix: &str) -> String {
    let mut tag = latency.name.clone();
    for (key, value) in latency.tags.iter() {
        tag.push_str(&format!(";{key}:{value}"));
    }
    tag.push_str(suffix);
    tag.replace([',', ' ', '\r', '\n'], "_")
}

fn one_line(text: &str) -> String {
    text.replace(['\r', '\n'], " ")
}
