//! From a YAML text to a [`Plan`], or to all that is wrong with it.
//!
//! ```text
//! text --yaml--> nodes with places --section: named reads--> Plan
//!                                          |
//!                                          +--> problems, all of them
//! ```

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use mqscope_report::threshold::{Abort, Part};
use mqscope_report::{Catalog, Threshold, ThresholdError};

mod broker;
mod estimate;
mod groups;
mod payloads;
mod phases;
mod plan;
mod problem;
mod reconnect;
mod section;
mod target;
mod template;
mod tls;
mod units;
mod until;
mod websocket;
mod yaml;

pub use broker::{Broker, Scheme};
pub use estimate::Estimate;
pub use plan::{
    Act, Arrivals, ConnectProperties, End, Group, Payload, Phase, Plan, Publish, PublishProperties, Ramp,
    Stamp, Subscribe, Will,
};
pub use problem::{Place, Problem, Problems};
pub use reconnect::{Jitter, Reconnect};
pub use target::{Pick, Target};
pub(crate) use template::Scope;
pub use template::{Moment, Template};
pub use tls::{ClientCertificate, Tls};
pub use units::Rate;
pub use until::{Amount, Comparison, Measure, Until};
pub use websocket::WebSocket;

use crate::metrics::Metrics;
use groups::Groups;
use section::{Reader, Section};
use template::{Value, Vars};
use yaml::{Kind, Node};

/// What a run demands of the generator where a scenario says nothing: not strict, yet what breaks it has
/// made every latency in the report a figure about this machine.
const DEFAULT_VALIDITY: (&str, &str) = ("send_lag", "p(99) < 50ms");

/// Keys of the scenario language that are not carried out yet.
const LATER: [&str; 3] = ["data", "delivery", "baseline"];

/// Reads scenarios.
pub struct Scenario;

/// What the caller sets instead of the file.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// Values of variables, by name.
    pub vars: Vec<(String, String)>,
    /// The environment to take, one of the file's `environments`.
    pub environment: Option<String>,
    /// URL of the broker, in place of all of `target.brokers`.
    pub broker: Option<String>,
    /// In place of the file's seed.
    pub seed: Option<u64>,
    /// What `{{env.NAME}}` means: usually the process's environment.
    pub env: BTreeMap<String, String>,
}

impl Overrides {
    /// No overrides, `{{env.NAME}}` meaning the process's environment (variables that are not Unicode left out).
    pub fn from_process() -> Self {
        let unicode =
            std::env::vars_os().filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?)));
        Self { env: unicode.collect(), ..Self::default() }
    }
}

impl Scenario {
    /// Reads a scenario from a file, or from standard input if that is called `-`. Paths in it are relative to the file's
    /// folder, or to where the program runs.
    ///
    /// # Errors
    /// All that is wrong with it; a file that cannot be read is a problem too.
    pub fn load(path: &Path, overrides: &Overrides) -> Result<Plan, Problems> {
        let is_input = path == Path::new("-");
        let file = if is_input { "stdin".to_owned() } else { path.display().to_string() };
        let folder = path.parent().map_or_else(PathBuf::new, Path::to_owned);
        match if is_input { io::read_to_string(io::stdin()) } else { std::fs::read_to_string(path) } {
            Ok(source) => read(&file, &source, &folder, overrides),
            Err(error) => {
                let problem = Problem::new(format!("cannot be read: {error}"));
                Err(Problems { file, text: String::new(), list: vec![problem] })
            }
        }
    }

    /// Reads a scenario from a text; `file` names it in problems.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub fn parse(file: &str, source: &str, overrides: &Overrides) -> Result<Plan, Problems> {
        read(file, source, Path::new(""), overrides)
    }
}

fn read(file: &str, source: &str, folder: &Path, overrides: &Overrides) -> Result<Plan, Problems> {
    // What some editors put before a text says that it is UTF-8, and is no part of it.
    let source = source.strip_prefix('\u{feff}').unwrap_or(source);
    let root = match yaml::parse(source) {
        Ok(root) => root,
        Err(problem) => {
            return Err(Problems { file: file.to_owned(), text: source.to_owned(), list: vec![problem] });
        }
    };
    let vars = Vars { values: BTreeMap::new(), environment: overrides.env.clone() };
    let mut reader = Reader::new(file, source, vars);
    reader.vars.values = variables(&root, &reader, overrides);
    let plan = plan(&root, &reader, folder, overrides);
    match (reader.into_problems(), plan) {
        (None, Some(plan)) => Ok(plan),
        (Some(problems), _) => Err(problems),
        (None, None) => unreachable!("what is missing from a plan has been reported"),
    }
}

fn plan(root: &Node, reader: &Reader<'_>, folder: &Path, overrides: &Overrides) -> Option<Plan> {
    let section = Section::open(root, reader, "a scenario")?;
    if let (Some(version), Some(node)) = (section.read::<u32>("version"), section.node("version"))
        && version != 1
    {
        let problem = Problem::new(format!("unknown version {version} of the scenario language"));
        reader.report_at(&node.span, problem.help("this program knows version 1"));
    }
    let stem =
        Path::new(reader.file).file_stem().map_or("scenario", |stem| stem.to_str().unwrap_or("scenario"));
    let name = section.read("name").unwrap_or_else(|| stem.to_owned());
    let seed = section.read("seed");
    for key in ["vars", "environments"] {
        // Read before everything else.
        section.node(key);
    }
    let target = target(&section, reader, folder, overrides);
    let payloads = section
        .node("payloads")
        .map_or_else(BTreeMap::new, |node| payloads::read_payloads(node, reader, folder));
    let groups = match section.node("groups") {
        Some(node) => Groups::new(reader, &payloads, folder).read(node),
        None => {
            reader.report_at(&section.head(), Problem::new("`groups` is missing"));
            Vec::new()
        }
    };
    let phases = match section.node("phases") {
        Some(node) => phases::read(node, reader, &groups),
        None => {
            let problem = Problem::new("`phases` is missing");
            reader.report_at(
                &section.head(),
                problem.help("for example: phases: [{name: steady, duration: 30s}]"),
            );
            Vec::new()
        }
    };
    let mut plan = Plan {
        name,
        seed: overrides.seed.or(seed).unwrap_or(1),
        target,
        groups,
        phases,
        thresholds: Vec::new(),
        validity: Vec::new(),
        outputs_dir: section.node("outputs").and_then(|node| outputs(node, reader)),
    };
    let (catalog, _) = Metrics::register(&plan);
    // Without phases every metric would be said to be missing.
    let catalog = (!plan.phases.is_empty()).then_some(&catalog);
    plan.thresholds =
        section.node("thresholds").map_or_else(Vec::new, |node| thresholds(node, reader, catalog));
    plan.validity = match section.node("validity") {
        Some(node) => thresholds(node, reader, catalog),
        None => {
            let (metric, demand) = DEFAULT_VALIDITY;
            Threshold::parse(metric, demand).into_iter().collect()
        }
    };
    if !plan.phases.is_empty() {
        silent_lists(root, reader, &plan);
    }
    section.finish(&LATER);
    // Which devices there are must be right first.
    if reader.is_content() {
        tls::absent_files(root, reader, &plan);
    }
    Some(plan)
}

fn target(section: &Section<'_>, reader: &Reader<'_>, folder: &Path, overrides: &Overrides) -> Target {
    let instead = match overrides.broker.as_deref().map(Broker::parse) {
        Some(Ok(broker)) => Some(broker),
        Some(Err(problem)) => {
            reader.report(problem);
            None
        }
        None => None,
    };
    match section.node("target") {
        Some(node) => Target::read(node, reader, folder, instead).unwrap_or_else(Target::local),
        None => instead.map_or_else(Target::local, |broker| Target::at(vec![broker])),
    }
}

/// A list that publishes in no phase is a mistake: nobody writes down what shall not be sent.
fn silent_lists(root: &Node, reader: &Reader<'_>, plan: &Plan) {
    for (index, group) in plan.groups.iter().enumerate().filter(|(_, group)| group.count > 0) {
        for (list, publish) in group.publish.iter().enumerate() {
            if plan.phases.iter().all(|phase| phase.acts[index].publish[list].0 == Rate::ZERO) {
                let problem = Problem::new(format!("`{}.{}` never publishes", group.name, publish.name));
                let help = "give it a `rate` here (of each device) or in a phase (of the whole group)";
                let place = entry(root, "groups")
                    .and_then(|groups| entry(groups, &group.name))
                    .and_then(|group| entry(group, "publish"))
                    .map_or(root, |lists| entry(lists, &publish.name).unwrap_or(lists));
                let line =
                    place.span.start..place.span.start + first_line(&reader.source[place.span.clone()]);
                reader.report_at(&line, problem.help(help));
            }
        }
    }
}

fn first_line(text: &str) -> usize {
    text.lines().next().map_or(0, |line| line.trim_end().len())
}

fn entry<'n>(node: &'n Node, key: &str) -> Option<&'n Node> {
    match &node.kind {
        Kind::Map(entries) => entries.iter().find(|entry| entry.key == key).map(|entry| &entry.value),
        _ => None,
    }
}

fn outputs(node: &Node, reader: &Reader<'_>) -> Option<String> {
    let section = Section::open(node, reader, "what to write")?;
    // `{{run_id}}` is filled in when the run has one.
    let dir = section.node("dir").and_then(|node| match &node.kind {
        Kind::Scalar(text) if text.replace("{{run_id}}", "").contains("{{") => reader.text(node, "a folder"),
        Kind::Scalar(text) => Some(text.clone()),
        _ => reader.text(node, "a folder"),
    });
    section.finish(&["write", "prometheus"]);
    dir
}

/// The variables: the file's, over them the chosen environment's, over them the caller's.
fn variables(root: &Node, reader: &Reader<'_>, overrides: &Overrides) -> BTreeMap<String, Value> {
    let mut values = BTreeMap::new();
    let read = |node: &Node, known: Option<&BTreeMap<String, Value>>| {
        let mut read = Vec::new();
        let Some(section) = Section::open(node, reader, "variables and their values") else { return read };
        for entry in section.rest() {
            if template::is_reserved(&entry.key) {
                let problem = Problem::new(format!("`{}` means something in templates already", entry.key));
                reader.report_at(&entry.key_span, problem.help("choose another name for the variable"));
            }
            if let Some(known) = known
                && !known.contains_key(&entry.key)
            {
                let problem = Problem::new(format!("no variable is called `{}`", entry.key));
                let problem = problem.nearest(&entry.key, known.keys().map(String::as_str));
                reader.report_at(&entry.key_span, problem.help("define it under `vars` first"));
            }
            if let Some(text) = reader.text(&entry.value, "a value") {
                read.push((entry.key.clone(), Value::of(&text)));
            }
        }
        read
    };
    if let Some(node) = entry(root, "vars") {
        values.extend(read(node, None));
    }
    let mut chosen = None;
    if let Some(node) = entry(root, "environments")
        && let Some(section) = Section::open(node, reader, "environments by name")
    {
        for entry in section.rest() {
            let Some(section) = Section::open(&entry.value, reader, "an environment") else { continue };
            let vars = section.node("vars").map_or_else(Vec::new, |node| read(node, Some(&values)));
            section.finish(&["target"]);
            if overrides.environment.as_deref() == Some(&entry.key) {
                chosen = Some(vars);
            }
        }
    }
    match (&overrides.environment, chosen) {
        (Some(_), Some(vars)) => values.extend(vars),
        (Some(wanted), None) => {
            let names: Vec<&str> = match entry(root, "environments").map(|node| &node.kind) {
                Some(Kind::Map(entries)) => entries.iter().map(|entry| entry.key.as_str()).collect(),
                _ => Vec::new(),
            };
            let problem = Problem::new(format!("no environment is called `{wanted}`"));
            reader.report(problem.nearest(wanted, names));
        }
        (None, _) => {}
    }
    for (name, value) in &overrides.vars {
        if values.contains_key(name) {
            values.insert(name.clone(), Value::of(value));
        } else {
            let problem = Problem::new(format!("no variable is called `{name}`, so it cannot be set"));
            reader.report(problem.nearest(name, values.keys().map(String::as_str)));
        }
    }
    values
}

/// Reads `metric{tags}: ["p(99) < 50ms", {threshold, abort_on_fail, after}]`.
fn thresholds(node: &Node, reader: &Reader<'_>, catalog: Option<&Catalog>) -> Vec<Threshold> {
    let Some(section) = Section::open(node, reader, "thresholds by metric") else { return Vec::new() };
    let mut read = Vec::new();
    for entry in section.rest() {
        let demands: Vec<&Node> = match &entry.value.kind {
            Kind::List(items) => items.iter().collect(),
            _ => vec![&entry.value],
        };
        for node in demands {
            let Some((demand, text, abort)) = demand(node, reader) else { continue };
            let checked = Threshold::parse(&entry.key, &text).and_then(|threshold| {
                catalog.map_or(Ok(()), |catalog| threshold.check(catalog))?;
                Ok(threshold)
            });
            match checked {
                Ok(threshold) => read.push(Threshold { abort, ..threshold }),
                Err(fault) => {
                    let span = match fault.part {
                        Part::Selector => within_key(reader, entry, &fault),
                        Part::Demand => reader.within(demand, &text, after_column(&text, fault.column)),
                    };
                    let mut problem = Problem::new(fault.message);
                    problem.nearest = fault.nearest;
                    reader.report_at(&span, problem);
                    if fault.part == Part::Selector {
                        break;
                    }
                }
            }
        }
    }
    read
}

/// The bytes of a text from a column (in characters, from 1) to its end.
fn after_column(text: &str, column: usize) -> std::ops::Range<usize> {
    let start = text.char_indices().nth(column - 1).map_or(text.len(), |(at, _)| at);
    // A fault at the end is about what precedes it.
    if start == text.len() { 0..text.len() } else { start..text.len() }
}

fn within_key(reader: &Reader<'_>, entry: &yaml::Entry, fault: &ThresholdError) -> std::ops::Range<usize> {
    let part = after_column(&entry.key, fault.column);
    match reader.source.get(entry.key_span.clone()).and_then(|written| written.find(&entry.key)) {
        Some(at) => entry.key_span.start + at + part.start..entry.key_span.start + at + part.end,
        None => entry.key_span.clone(),
    }
}

/// One demand: its node and text, and whether a breach ends the run.
fn demand<'n>(node: &'n Node, reader: &Reader<'_>) -> Option<(&'n Node, String, Option<Abort>)> {
    if !matches!(node.kind, Kind::Map(_)) {
        return Some((node, reader.text(node, "a threshold")?, None));
    }
    // The node has to live as long as the file's, not as long as the section that finds it.
    let threshold = entry(node, "threshold");
    let section = Section::open(node, reader, "a threshold")?;
    let text: Option<String> = section.required("threshold");
    let abort = section.read("abort_on_fail").unwrap_or(false);
    let after: Option<Duration> = section.read("after");
    if let (Some(_), false) = (after, abort) {
        let problem = Problem::new("`after` is for a threshold that ends the run");
        reader.report_at(&section.head(), problem.help("add `abort_on_fail: true`"));
    }
    section.finish(&[]);
    let abort = abort.then(|| Abort { after_s: after.unwrap_or_default().as_secs_f64() });
    Some((threshold?, text?, abort))
}

#[cfg(test)]
mod tests;
