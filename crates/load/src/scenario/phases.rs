//! `phases`: one after another, groups acting side by side within each.

use std::time::Duration;

use super::plan::{Act, Arrivals, End, Group, Phase, Ramp};
use super::problem::Problem;
use super::section::{Read, Reader, Section};
use super::units::Rate;
use super::until::Until;
use super::yaml::{Entry, Kind, Node};

const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60);
/// Connects a second where nothing else is said.
const DEFAULT_CONNECT_RATE: f64 = 1000.0;
/// Name of the phase that connects the groups no phase connects.
const CONNECT: &str = "connect";

const LATER: [&str; 6] = ["churn", "disconnect", "search", "closed", "think", "delivery"];

/// Reads all phases, and puts one before them that connects whoever is not connected by them.
pub(super) fn read(node: &Node, reader: &Reader<'_>, groups: &[Group]) -> Vec<Phase> {
    let Kind::List(items) = &node.kind else {
        let problem = Problem::new(format!("expected a list of phases, found {}", node.describe()));
        reader.report_at(&node.span, problem.help("for example: [{name: steady, duration: 30s}]"));
        return Vec::new();
    };
    if items.is_empty() {
        reader.report_at(&node.span, Problem::new("there is no phase, so nothing to do"));
    }
    let mut phases: Vec<Phase> = Vec::new();
    for item in items {
        let read = phase(item, reader, groups, &phases);
        phases.push(read);
    }
    let connected = |group: usize| phases.iter().any(|phase| phase.acts[group].connect.is_some());
    let missing: Vec<usize> = (0..groups.len()).filter(|group| !connected(*group)).collect();
    if !missing.is_empty() && !phases.is_empty() {
        let mut name = CONNECT.to_owned();
        while phases.iter().any(|phase| phase.name == name) {
            name.push('_');
        }
        phases.insert(0, connect_phase(name, groups, &missing));
    }
    phases
}

/// Connects these groups and publishes nothing.
fn connect_phase(name: String, groups: &[Group], missing: &[usize]) -> Phase {
    let total: f64 = missing.iter().map(|group| f64::from(groups[*group].count)).sum();
    let act = |(index, group): (usize, &Group)| {
        let share = f64::from(group.count) / total.max(1.0);
        let ramp = Ramp::constant(Rate::per_second((DEFAULT_CONNECT_RATE * share).max(1.0)));
        Act {
            connect: missing.contains(&index).then_some(ramp),
            publish: group.publish.iter().map(|list| (Rate::ZERO, list.arrivals)).collect(),
        }
    };
    let patience = Duration::from_secs_f64(30.0 + 2.0 * total / DEFAULT_CONNECT_RATE);
    Phase {
        name,
        record: true,
        end: End::When { until: Until::all_settled(), timeout: patience },
        acts: groups.iter().enumerate().map(act).collect(),
    }
}

fn phase(node: &Node, reader: &Reader<'_>, groups: &[Group], before: &[Phase]) -> Phase {
    let section = Section::open_or_empty(node, reader, "a phase");
    let name = section.required::<String>("name");
    if let (Some(name), Some(node)) = (&name, section.node("name"))
        && before.iter().any(|phase| phase.name == *name)
    {
        reader.report_at(&node.span, Problem::new(format!("two phases are called `{name}`")));
    }
    let record = section.read("record").unwrap_or(true);
    let duration: Option<Duration> = section.read("duration");
    let timeout: Option<Duration> = section.read("timeout");
    let names: Vec<&str> = groups.iter().map(|group| group.name.as_str()).collect();
    let until = section.node("until").map(|node| until(node, reader, &names));
    let end = match (duration, until) {
        (Some(_), Some(_)) => {
            let problem = Problem::new("a phase has a duration or a condition, not both");
            reader.report_at(&section.head(), problem.help("`timeout` bounds the wait for a condition"));
            None
        }
        (Some(duration), None) => {
            if let Some(node) = section.node("timeout") {
                let problem = Problem::new("a timeout is for a phase that waits for a condition");
                reader.report_at(&node.span, problem.help("remove it, or replace `duration` by `until`"));
            }
            Some(End::After(duration))
        }
        (None, Some(until)) => {
            until.map(|until| End::When { until, timeout: timeout.unwrap_or(DEFAULT_TIMEOUT) })
        }
        (None, None) => {
            // A duration that is there and wrong has been reported already.
            if section.node("duration").is_none() {
                let problem = Problem::new("a phase needs `duration` or `until`");
                reader.report_at(&section.head(), problem);
            }
            None
        }
    };
    let entries = section.rest();
    for entry in entries.iter().filter(|entry| !names.contains(&entry.key.as_str())) {
        let known = names.iter().copied().chain(["name", "duration", "record", "until", "timeout"]);
        let problem = Problem::new(format!("`{}` is neither a group nor a phase's key", entry.key));
        let problem = problem.nearest(&entry.key, known);
        let problem = match problem.nearest {
            Some(_) => problem,
            None => problem.help(format!("groups: {}", names.join(", "))),
        };
        reader.report_at(&entry.key_span, problem);
    }
    let acts = groups
        .iter()
        .enumerate()
        .map(|(index, group)| {
            let entry = entries.iter().find(|entry| entry.key == group.name);
            let previous = before.last().map(|phase| &phase.acts[index]);
            act(entry.map(|entry| &entry.value), reader, group, previous)
        })
        .collect();
    // What is missing has been reported.
    Phase { name: name.unwrap_or_default(), record, end: end.unwrap_or(End::After(Duration::ZERO)), acts }
}

fn until(node: &Node, reader: &Reader<'_>, groups: &[&str]) -> Option<Until> {
    let text = reader.text(node, "a condition")?;
    match Until::parse(&text, groups) {
        Ok(until) => Some(until),
        Err(fault) => {
            reader.report_at(&reader.within(node, &text, fault.span), *fault.problem);
            None
        }
    }
}

/// What a group does; without an entry it publishes at its own rates.
fn act(node: Option<&Node>, reader: &Reader<'_>, group: &Group, previous: Option<&Act>) -> Act {
    let own: Vec<(Rate, Arrivals)> = group.publish.iter().map(|list| (list.rate, list.arrivals)).collect();
    let Some(section) = node.and_then(|node| Section::open(node, reader, "what the group does")) else {
        return Act { connect: None, publish: own };
    };
    let connect = section.node("connect").and_then(|node| connect(node, reader));
    let mut act = Act { connect, publish: own };
    for entry in section.rest() {
        match group.publish.iter().position(|list| list.name == entry.key) {
            Some(list) => {
                let before = previous.map(|act| act.publish[list]);
                if let Some(rate) = list_act(entry, reader, group, act.publish[list], before) {
                    act.publish[list] = rate;
                }
            }
            None => unknown_list(entry, reader, group),
        }
    }
    act
}

fn unknown_list(entry: &Entry, reader: &Reader<'_>, group: &Group) {
    let problem = if LATER.contains(&entry.key.as_str()) {
        Problem::new(format!("`{}` is not supported yet", entry.key))
    } else {
        let names: Vec<&str> =
            group.publish.iter().map(|list| list.name.as_str()).chain(["connect"]).collect();
        let problem = Problem::new(format!("`{}` has no publish list `{}`", group.name, entry.key));
        let problem = problem.nearest(&entry.key, names.iter().copied());
        match problem.nearest {
            Some(_) => problem,
            None => problem.help(format!("known here: {}", names.join(", "))),
        }
    };
    reader.report_at(&entry.key_span, problem);
}

fn connect(node: &Node, reader: &Reader<'_>) -> Option<Ramp> {
    let section = Section::open(node, reader, "how to connect")?;
    let ramp = match section.node("rate") {
        Some(node) if matches!(node.kind, Kind::Map(_)) => ramp(node, reader),
        Some(node) => Rate::read(node, reader).map(Ramp::constant),
        None => {
            reader.report_at(&section.head(), Problem::new("`rate` is missing").help("{rate: 100/s}"));
            None
        }
    };
    if ramp.is_some_and(|ramp| ramp.to == Rate::ZERO) {
        let problem = Problem::new("at this rate not all devices will ever connect");
        reader.report_at(&section.head(), problem);
    }
    section.finish(&["batch", "jitter"]);
    ramp
}

fn ramp(node: &Node, reader: &Reader<'_>) -> Option<Ramp> {
    let section = Section::open(node, reader, "a ramp")?;
    let (from, to, over) = (section.required("from"), section.required("to"), section.required("over"));
    section.finish(&[]);
    Some(Ramp { from: from?, to: to?, over: over? })
}

/// `{rate, arrivals}` for the whole group together, a rate alone, `keep` or `off`.
fn list_act(
    entry: &Entry,
    reader: &Reader<'_>,
    group: &Group,
    own: (Rate, Arrivals),
    before: Option<(Rate, Arrivals)>,
) -> Option<(Rate, Arrivals)> {
    let node = &entry.value;
    let share =
        |total: Rate| if group.count == 0 { Rate::ZERO } else { total.times(1.0 / f64::from(group.count)) };
    match &node.kind {
        Kind::Scalar(text) if text == "keep" => {
            if before.is_none() {
                let problem = Problem::new("there is no phase before this one to keep the rate of");
                reader.report_at(&node.span, problem);
            }
            before
        }
        Kind::Scalar(text) if text == "off" => Some((Rate::ZERO, own.1)),
        Kind::Scalar(_) => Some((share(Rate::read(node, reader)?), own.1)),
        _ => {
            let section = Section::open(node, reader, "a rate")?;
            let rate: Option<Rate> = section.read("rate");
            let arrivals = section.read("arrivals").unwrap_or(own.1);
            section.finish(&LATER);
            Some((rate.map_or(own.0, share), arrivals))
        }
    }
}
