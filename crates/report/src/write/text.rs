//! The summary for people: the verdict, what went wrong, what was met, then the figures.

mod table;

use std::{
    borrow::Cow,
    io::{self, Write},
};

use jiff::Timestamp;

use crate::{
    Counter, Distribution, Gauge, NoteLevel, Outcome, Results, Source, Summary, Tags, Unit, Value, Verdict,
    units,
};
use table::Table;

/// Which characters and colours to use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    /// The signs of verdicts.
    pub signs: Signs,
    /// Whether verdicts are coloured.
    pub color: Color,
}

/// The signs of verdicts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signs {
    /// `✓ ✗ µs`
    Unicode,
    /// `ok FAIL us`
    Ascii,
}

/// Whether verdicts are coloured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Color {
    /// With ANSI sequences.
    Ansi,
    /// Not at all.
    None,
}

impl Style {
    /// For files: Unicode without colour.
    pub const PLAIN: Style = Style { signs: Signs::Unicode, color: Color::None };
}

/// Writes the summary.
///
/// # Errors
/// When the sink fails.
pub fn write(summary: &Summary, style: Style, to: &mut dyn Write) -> io::Result<()> {
    let mut text = String::new();
    let mut page = Page { style, text: &mut text };
    page.head(summary);
    page.problems(summary);
    page.met(summary);
    page.latencies(&summary.results, summary.source);
    page.counters(&summary.results);
    page.gauges(&summary.results);
    page.phases(&summary.results);
    page.notes(summary);
    to.write_all(text.as_bytes())
}

struct Page<'a> {
    style: Style,
    text: &'a mut String,
}

#[derive(Clone, Copy)]
enum Tone {
    Good,
    Bad,
    Warn,
    Title,
}

impl Page<'_> {
    fn head(&mut self, summary: &Summary) {
        match summary.source {
            Source::Load => self.verdict(summary),
            Source::Capture => self.capture(summary),
        }
        for (name, value) in &summary.run.facts {
            self.line(&format!("{}: {}", plain(name), plain(value)));
        }
    }

    fn capture(&mut self, summary: &Summary) {
        let run = &summary.run;
        let early = if run.interrupted { " (ended early)" } else { "" };
        let word = self.tinted(Tone::Good, "CAPTURE");
        self.line(&format!("{word}  {}{early}", plain(&run.name)));
        let length = units::seconds(summary.results.duration_s);
        self.line(&format!("{}, lasts {length}, {}", started(summary), plain(&run.tool)));
    }

    fn verdict(&mut self, summary: &Summary) {
        let run = &summary.run;
        let (word, tone, meaning) = match summary.outcome {
            Outcome::Passed if summary.thresholds.is_empty() => {
                ("DONE", Tone::Good, "nothing was demanded of it")
            }
            Outcome::Passed => ("PASSED", Tone::Good, "every threshold was met"),
            Outcome::Failed => ("FAILED", Tone::Bad, "a threshold was not met"),
            Outcome::Invalid => {
                ("INVALID", Tone::Bad, "the generator could not keep up: do not believe the figures below")
            }
            Outcome::Worse => ("WORSE", Tone::Bad, "worse than the baseline"),
            Outcome::Unable => ("UNABLE", Tone::Bad, "it could not connect, read, capture or go on"),
            Outcome::Interrupted => {
                ("INTERRUPTED", Tone::Warn, "it was ended early: the figures cover what was done")
            }
        };
        let word = self.tinted(tone, word);
        self.line(&format!("{word}  {}: {meaning} (exit {})", plain(&run.name), summary.exit_code));
        let length = units::seconds(summary.results.duration_s);
        let parts = if run.parts > 1 { format!(", {} parts merged", run.parts) } else { String::new() };
        let started = started(summary);
        self.line(&format!("{started}, ran {length}, seed {}, {}{parts}", run.seed, plain(&run.tool)));
    }

    /// Breaches, the generator's own first, then by how far off they are; then warnings.
    fn problems(&mut self, summary: &Summary) {
        let breaches = |verdicts: &[Verdict]| {
            let mut failed: Vec<Verdict> = verdicts.iter().filter(|v| !v.passed).cloned().collect();
            failed.sort_by(|a, b| distance(b).total_cmp(&distance(a)));
            failed
        };
        let failed: Vec<Verdict> =
            breaches(&summary.validity).into_iter().chain(breaches(&summary.thresholds)).collect();
        let warnings: Vec<_> = summary.notes.iter().filter(|n| n.level == NoteLevel::Warning).collect();
        let saturated = saturated(&summary.results);
        if failed.is_empty() && warnings.is_empty() && saturated == 0 {
            return;
        }
        self.title("Problems");
        self.verdicts(&failed);
        for warning in warnings {
            let sign = self.tinted(Tone::Warn, "!");
            self.line(&format!("  {sign} {}", plain(&warning.text)));
        }
        if saturated > 0 {
            let sign = self.tinted(Tone::Warn, "!");
            let count = units::count(saturated);
            self.line(&format!(
                "  {sign} {count} latencies were longer than an hour and are shown as one hour"
            ));
        }
    }

    fn met(&mut self, summary: &Summary) {
        let all = summary.thresholds.iter().chain(&summary.validity);
        let met: Vec<Verdict> = all.filter(|verdict| verdict.passed).cloned().collect();
        if !met.is_empty() {
            self.title("Met");
            self.verdicts(&met);
        }
    }

    fn verdicts(&mut self, verdicts: &[Verdict]) {
        let metric = verdicts.iter().map(|v| plain(&v.metric).chars().count()).max().unwrap_or(0);
        let demand = verdicts.iter().map(|v| plain(&v.threshold).chars().count()).max().unwrap_or(0);
        for verdict in verdicts {
            let (sign, tone) = match (verdict.passed, self.style.signs) {
                (true, Signs::Unicode) => ("✓", Tone::Good),
                (true, Signs::Ascii) => ("ok  ", Tone::Good),
                (false, Signs::Unicode) => ("✗", Tone::Bad),
                (false, Signs::Ascii) => ("FAIL", Tone::Bad),
            };
            let sign = self.tinted(tone, sign);
            let (name, text) = (plain(&verdict.metric), plain(&verdict.threshold));
            let says = self.unit_signs(plain(&verdict.says).into_owned());
            self.line(&format!("  {sign} {name:metric$}  {text:demand$}  {says}"));
            if let Some(clue) = clue(verdict) {
                let clue = self.unit_signs(clue);
                self.line(&format!("    {clue}"));
            }
        }
    }

    fn latencies(&mut self, results: &Results, source: Source) {
        if results.latencies.is_empty() {
            return;
        }
        self.title(match source {
            Source::Load => "Latency (response: from the intended instant; service: from the write)",
            Source::Capture => "Latency (service: from the captured request to its captured answer)",
        });
        let mut table = Table::new(&["", "count", "rate", "p50", "p90", "p99", "p99.9", "max", "mean"]);
        let mut last = "";
        for latency in by_metric(&results.latencies, |latency| &latency.name) {
            let label = self.label(&mut table, &mut last, &latency.name, &latency.tags);
            table.row(label, self.figures(&latency.response));
            if let Some(service) = latency.service.as_ref().filter(|_| source == Source::Load) {
                table.row("      service".to_owned(), self.figures(service));
            }
        }
        self.text.push_str(&table.to_string());
    }

    fn figures(&self, of: &Distribution) -> Vec<String> {
        let times = [of.p50_us, of.p90_us, of.p99_us, of.p99_9_us, of.max_us].map(|us| us as f64);
        let times = times.into_iter().chain([of.mean_us]).map(|us| self.unit_signs(units::time(us)));
        [units::count(of.count), units::rate(of.rate_per_s)].into_iter().chain(times).collect()
    }

    fn counters(&mut self, results: &Results) {
        let counters = by_metric(&results.counters, |counter| &counter.name);
        let (shown, zero): (Vec<&Counter>, Vec<&Counter>) = counters.into_iter().partition(|c| c.count > 0);
        if shown.is_empty() {
            return;
        }
        self.title("Counters");
        let mut table = Table::new(&["", "count", "rate", "share"]);
        let mut last = "";
        for counter in &shown {
            let label = self.label(&mut table, &mut last, &counter.name, &counter.tags);
            let share = counter.share().zip(counter.of.as_ref());
            let share = share.map(|(share, of)| {
                format!(
                    "{} of {} {}",
                    units::percent(100.0 * share),
                    units::count(of.count),
                    plain(&of.metric)
                )
            });
            let figures = [units::count(counter.count), units::rate(counter.rate_per_s)];
            table.row(label, figures.into_iter().chain(share).collect());
        }
        self.text.push_str(&table.to_string());
        if !zero.is_empty() {
            let is_shown = |name: &str| shown.iter().any(|counter| counter.name == name);
            let mut names: Vec<&str> = zero.iter().map(|counter| counter.name.as_str()).collect();
            names.dedup();
            names.retain(|name| !is_shown(name));
            if !names.is_empty() {
                self.line(&format!("  zero: {}", plain(&names.join(", "))));
            }
        }
    }

    fn gauges(&mut self, results: &Results) {
        if results.gauges.is_empty() {
            return;
        }
        self.title("Gauges");
        let mut table = Table::new(&["", "last", "min", "mean", "max", "target"]);
        let mut last = "";
        for gauge in by_metric(&results.gauges, |gauge| &gauge.name) {
            let label = self.label(&mut table, &mut last, &gauge.name, &gauge.tags);
            let figures = [gauge.last, gauge.min, gauge.mean, gauge.max].map(|value| in_unit(gauge, value));
            let target = gauge.target.map(|target| in_unit(gauge, target));
            table.row(label, figures.into_iter().chain(target).collect());
        }
        self.text.push_str(&table.to_string());
    }

    fn phases(&mut self, results: &Results) {
        if results.phases.is_empty() {
            return;
        }
        self.title("Phases");
        let mut table = Table::new(&["", "began at", "lasted"]);
        for phase in &results.phases {
            let figures = [phase.start_s, phase.end_s - phase.start_s].map(units::seconds);
            table.row(format!("  {}", plain(&phase.name)), figures.to_vec());
        }
        self.text.push_str(&table.to_string());
    }

    fn notes(&mut self, summary: &Summary) {
        let notes: Vec<_> = summary.notes.iter().filter(|note| note.level == NoteLevel::Info).collect();
        if notes.is_empty() {
            return;
        }
        self.title("Notes");
        for note in notes {
            self.line(&format!("  {}", plain(&note.text)));
        }
    }

    /// The first cell of a row. Rows of one name stand under it, told apart by their tags.
    fn label<'r>(&self, table: &mut Table, last: &mut &'r str, name: &'r str, tags: &Tags) -> String {
        if tags.is_empty() {
            *last = name;
            return format!("  {}", plain(name));
        }
        if *last != name {
            table.row(format!("  {}", plain(name)), Vec::new());
        }
        *last = name;
        let tags: Vec<String> = tags.iter().map(|(key, value)| format!("{key}:{value}")).collect();
        format!("    {}", plain(&tags.join(" ")))
    }

    fn title(&mut self, title: &str) {
        let title = self.tinted(Tone::Title, title);
        self.line("");
        self.line(&title);
    }

    fn line(&mut self, line: &str) {
        self.text.push_str(line.trim_end());
        self.text.push('\n');
    }

    fn tinted(&self, tone: Tone, text: &str) -> String {
        let code = match tone {
            Tone::Good => "32",
            Tone::Bad => "1;31",
            Tone::Warn => "33",
            Tone::Title => "1",
        };
        match self.style.color {
            Color::Ansi => format!("\x1b[{code}m{text}\x1b[0m"),
            Color::None => text.to_owned(),
        }
    }

    /// `us` as `µs` where the style allows; only ever applied to what [`units`] wrote.
    fn unit_signs(&self, text: String) -> String {
        match self.style.signs {
            Signs::Unicode => units::with_micro_sign(&text),
            Signs::Ascii => text,
        }
    }
}

fn started(summary: &Summary) -> String {
    let at = Timestamp::try_from(summary.run.started);
    at.map(|at| at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()).unwrap_or_default()
}

/// How far off a breach is, as a factor: what is worst stands first. No samples is as bad as can be.
fn distance(verdict: &Verdict) -> f64 {
    let Some(Value::TimeUs(seen) | Value::Percent(seen) | Value::PerSecond(seen) | Value::Number(seen)) =
        verdict.seen
    else {
        return f64::INFINITY;
    };
    let (Value::TimeUs(wanted) | Value::Percent(wanted) | Value::PerSecond(wanted) | Value::Number(wanted)) =
        verdict.wanted;
    let (low, high) = (seen.abs().min(wanted.abs()), seen.abs().max(wanted.abs()));
    if low > 0.0 { high / low } else { f64::MAX }
}

/// For a late response: was the time lost before the write or after it?
/// The metrics in the order in which their names first appear, each name's tag sets together.
fn by_metric<T>(metrics: &[T], name: impl Fn(&T) -> &str) -> Vec<&T> {
    let first = |of: &T| metrics.iter().position(|other| name(other) == name(of));
    let mut sorted: Vec<&T> = metrics.iter().collect();
    sorted.sort_by_cached_key(|metric| first(metric));
    sorted
}

fn clue(verdict: &Verdict) -> Option<String> {
    let (Some(Value::TimeUs(response)), Some(Value::TimeUs(service))) =
        (verdict.seen, verdict.seen_from_write)
    else {
        return None;
    };
    if verdict.passed {
        return None;
    }
    let service_text = units::time(service);
    Some(if service * 2.0 < response {
        format!(
            "from the write it is {service_text}: most of the time passed before the message could be sent"
        )
    } else {
        format!(
            "from the write it is {service_text}: most of the time passed between the write and the answer"
        )
    })
}

fn saturated(results: &Results) -> u64 {
    results.latencies.iter().map(|latency| latency.response.histogram.saturated()).sum()
}

fn in_unit(gauge: &Gauge, value: f64) -> String {
    match gauge.unit {
        Unit::Count => units::number(value),
        Unit::Bytes => units::bytes(value),
        Unit::Percent => units::percent(value),
    }
}

/// Names and facts may come from elsewhere: control characters are shown, not sent to the terminal.
fn plain(text: &str) -> Cow<'_, str> {
    if text.chars().any(char::is_control) {
        let escaped = |c: char| if c.is_control() { c.escape_default().to_string() } else { c.to_string() };
        Cow::Owned(text.chars().map(escaped).collect())
    } else {
        Cow::Borrowed(text)
    }
}
