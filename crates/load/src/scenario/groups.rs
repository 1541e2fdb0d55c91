//! `groups`: devices, what they subscribe to and what they publish.

use std::path::{Path, PathBuf};
use std::time::Duration;

use mqscope_wire::{QoS, RetainHandling, Version};

use super::payloads::{DEFAULT_PAYLOAD, Payloads, filler, read_payload};
use super::plan::{
    Arrivals, ConnectProperties, Group, Payload, Publish, PublishProperties, Stamp, Subscribe, Will,
};
use super::problem::Problem;
use super::reconnect::Reconnect;
use super::section::{Read, Reader, Section};
use super::template::{Scope, Template};
use super::units::Rate;
use super::yaml::{Entry, Kind, Node};
use crate::stamp;

const DEFAULT_KEEP_ALIVE: Duration = Duration::from_secs(60);
const DEFAULT_INFLIGHT: u16 = 1000;

/// Names of keys that stand beside groups in a phase, so that no group may have them.
const PHASE_KEYS: [&str; 5] = ["name", "duration", "record", "until", "timeout"];
/// Names of keys that stand beside publish lists in a phase.
const ACT_KEYS: [&str; 4] = ["connect", "churn", "disconnect", "search"];

pub(super) struct Groups<'r> {
    reader: &'r Reader<'r>,
    payloads: &'r Payloads,
    folder: PathBuf,
    next_device: u32,
    next_stream: u32,
}

impl<'r> Groups<'r> {
    /// `folder` is where relative paths begin.
    pub(super) fn new(reader: &'r Reader<'r>, payloads: &'r Payloads, folder: &Path) -> Self {
        Self { reader, payloads, folder: folder.to_owned(), next_device: 0, next_stream: 0 }
    }

    /// Reads all groups. What is wrong in one is reported and has some value in its place, so that what speaks
    /// of the group can be checked as well.
    pub(super) fn read(&mut self, node: &'r Node) -> Vec<Group> {
        let Some(section) = Section::open(node, self.reader, "groups by name") else { return Vec::new() };
        let entries = section.rest();
        if entries.is_empty() {
            self.reader.report_at(&node.span, Problem::new("there is no group, so nothing to do"));
        }
        entries.into_iter().map(|entry| self.group(entry)).collect()
    }

    fn name(&self, entry: &Entry, taken: &[&str]) {
        let name = entry.key.as_str();
        let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-');
        if name.is_empty() || !name.chars().all(plain) {
            let problem = Problem::new(format!("bad name `{name}`"));
            self.reader.report_at(&entry.key_span, problem.help("letters, digits, `_` and `-`"));
        } else if taken.contains(&name) {
            let problem = Problem::new(format!("`{name}` means something else in a phase"));
            self.reader.report_at(&entry.key_span, problem.help("choose another name"));
        }
    }

    fn group(&mut self, entry: &'r Entry) -> Group {
        self.name(entry, &PHASE_KEYS);
        let reader = self.reader;
        let section = Section::open_or_empty(&entry.value, reader, "a group");
        let count: Option<u32> = section.required("count");
        let default_id = || Template::compile("{{group}}-{{i}}", Scope::Identity, &reader.vars).ok();
        let client_id = match section.node("client_id") {
            Some(node) => reader.template(node, "text", Scope::Identity),
            None => default_id(),
        };
        if let (Some(template), Some(count), Some(node)) = (&client_id, count, section.node("client_id"))
            && count > 1
            && template.scope() == Scope::Plan
        {
            let problem = Problem::new(format!("all {count} devices would have the same client id"));
            reader.report_at(&node.span, problem.help("tell them apart with {{i}}"));
        }
        let version = section.read("protocol").unwrap_or(Version::V311);
        let username = section.template("username", Scope::Device);
        let password = section.template("password", Scope::Device);
        if let (None, Some(node)) = (section.node("username"), section.node("password"))
            && version != Version::V5
        {
            let problem = Problem::new(format!("MQTT {version} has no password without a user name"));
            reader.report_at(&node.span, problem.help("add `username`"));
        }
        let clean_start = section.read("clean_start").unwrap_or(true);
        let keep_alive =
            seconds(&section, "keep_alive", u16::MAX.into(), reader).unwrap_or(DEFAULT_KEEP_ALIVE);
        let connect_properties = match section.node("connect_properties") {
            Some(node) => {
                self.needs_v5(version, node);
                connect_properties(node, reader).unwrap_or_default()
            }
            None => ConnectProperties::default(),
        };
        let will = section.node("will").and_then(|node| self.will(node, version));
        let subscribe = section.node("subscribe").map_or_else(Vec::new, |node| self.subscribe(node, version));
        let publish = match section.node("publish") {
            Some(node) => self.publish(node, version, count.unwrap_or(0)),
            None => Vec::new(),
        };
        let reconnect = section.node("reconnect").and_then(|node| Reconnect::read(node, reader));
        section.finish(&["auth", "consume"]);
        let first_device = self.next_device;
        let count = count.unwrap_or(0);
        match self.next_device.checked_add(count) {
            Some(next) => self.next_device = next,
            None => reader.report_at(&entry.key_span, Problem::new("more devices than can be numbered")),
        }
        Group {
            name: entry.key.clone(),
            count,
            first_device,
            client_id: client_id.unwrap_or_else(|| Template::literal("")),
            version,
            username,
            password,
            clean_start,
            keep_alive,
            connect_properties,
            will,
            reconnect,
            subscribe,
            publish,
        }
    }

    fn needs_v5(&self, version: Version, node: &Node) {
        if version != Version::V5 {
            let problem = Problem::new(format!("MQTT {version} has no properties"));
            self.reader.report_at(&node.span, problem.help("set `protocol: 5` for the group"));
        }
    }

    fn will(&self, node: &Node, version: Version) -> Option<Will> {
        let section = Section::open(node, self.reader, "a will")?;
        let topic = self.topic(&section, Scope::Device);
        let payload = section.template("payload", Scope::Device).unwrap_or_else(|| Template::literal(""));
        let delay = seconds(&section, "delay", u32::MAX, self.reader);
        if let Some(node) = section.node("delay") {
            self.needs_v5(version, node);
        }
        let qos = section.read("qos").unwrap_or(QoS::AtMostOnce);
        let retain = section.read("retain").unwrap_or(false);
        section.finish(&["properties"]);
        Some(Will { topic: topic?, payload, qos, retain, delay })
    }

    /// A topic: present, not empty, without wildcards.
    fn topic(&self, section: &Section<'_>, scope: Scope) -> Option<Template> {
        let Some(node) = section.node("topic") else {
            self.reader.report_at(&section.head(), Problem::new("`topic` is missing"));
            return None;
        };
        let template = self.reader.template(node, "a topic", scope)?;
        if let Kind::Scalar(text) = &node.kind {
            if text.is_empty() {
                self.reader.report_at(&node.span, Problem::new("a topic is not empty"));
            }
            let literal = outside_placeholders(text);
            if let Some(at) = literal.find(['+', '#']) {
                let span = self.reader.within(node, text, at..at + 1);
                let problem = Problem::new("a topic to publish to has no wildcards");
                self.reader.report_at(&span, problem);
            }
        }
        Some(template)
    }

    fn subscribe(&self, node: &'r Node, version: Version) -> Vec<Subscribe> {
        let items: Vec<&Node> = match &node.kind {
            Kind::List(items) => items.iter().collect(),
            Kind::Null => Vec::new(),
            _ => vec![node],
        };
        items.into_iter().filter_map(|item| self.subscription(item, version)).collect()
    }

    fn subscription(&self, node: &Node, version: Version) -> Option<Subscribe> {
        if !matches!(node.kind, Kind::Map(_)) {
            let filter = self.filter(node)?;
            return Some(Subscribe {
                filter,
                qos: QoS::AtLeastOnce,
                no_local: false,
                retain_as_published: false,
                retain_handling: RetainHandling::Send,
            });
        }
        let section = Section::open(node, self.reader, "a subscription")?;
        let filter = match section.node("filter") {
            Some(node) => self.filter(node),
            None => {
                self.reader.report_at(&section.head(), Problem::new("`filter` is missing"));
                None
            }
        };
        for key in ["no_local", "retain_as_published", "retain_handling"] {
            if let Some(node) = section.node(key)
                && version != Version::V5
            {
                let problem = Problem::new(format!("MQTT {version} has no `{key}`"));
                self.reader.report_at(&node.span, problem.help("set `protocol: 5` for the group"));
            }
        }
        let retain_handling = match section.read::<u8>("retain_handling") {
            None => RetainHandling::Send,
            Some(number @ 0..=2) => RetainHandling::from_bits(number),
            Some(number) => {
                if let Some(node) = section.node("retain_handling") {
                    let problem = Problem::new(format!("retain handling is 0, 1 or 2, not {number}"));
                    self.reader.report_at(&node.span, problem);
                }
                RetainHandling::Send
            }
        };
        let qos = section.read("qos").unwrap_or(QoS::AtLeastOnce);
        let no_local = section.read("no_local").unwrap_or(false);
        let retain_as_published = section.read("retain_as_published").unwrap_or(false);
        section.finish(&["subscription_identifier"]);
        Some(Subscribe { filter: filter?, qos, no_local, retain_as_published, retain_handling })
    }

    fn filter(&self, node: &Node) -> Option<Template> {
        let template = self.reader.template(node, "a topic filter", Scope::Device)?;
        if let Kind::Scalar(text) = &node.kind
            && let Err(message) = crate::topics::check_filter(&outside_placeholders(text))
        {
            self.reader.report_at(&node.span, Problem::new(message));
        }
        Some(template)
    }

    fn publish(&mut self, node: &'r Node, version: Version, count: u32) -> Vec<Publish> {
        let Some(section) = Section::open(node, self.reader, "publish lists by name") else {
            return Vec::new();
        };
        section.rest().into_iter().map(|entry| self.publish_list(entry, version, count)).collect()
    }

    fn publish_list(&mut self, entry: &'r Entry, version: Version, count: u32) -> Publish {
        self.name(entry, &ACT_KEYS);
        let reader = self.reader;
        let section = Section::open_or_empty(&entry.value, reader, "a publish list");
        let topic = self.topic(&section, Scope::Message);
        let payload = match section.node("payload") {
            Some(node) => self.payload(node, version),
            None => Some((filler(DEFAULT_PAYLOAD), Stamp::Prefix)),
        };
        let properties = match section.node("properties") {
            Some(node) => {
                self.needs_v5(version, node);
                publish_properties(node, reader).unwrap_or_default()
            }
            None => PublishProperties::default(),
        };
        let max_inflight = section.read("max_inflight").unwrap_or(DEFAULT_INFLIGHT);
        if let (0, Some(node)) = (max_inflight, section.node("max_inflight")) {
            reader.report_at(&node.span, Problem::new("with no message in flight none can be sent"));
        }
        let qos = section.read("qos").unwrap_or(QoS::AtMostOnce);
        let retain = section.read("retain").unwrap_or(false);
        let rate = section.read("rate").unwrap_or(Rate::ZERO);
        let arrivals = section.read("arrivals").unwrap_or(Arrivals::Uniform);
        section.finish(&["closed", "think"]);
        let first_stream = self.next_stream;
        match self.next_stream.checked_add(count).filter(|next| *next < stamp::MOST_STREAMS) {
            Some(next) => self.next_stream = next,
            None => reader.report_at(&entry.key_span, Problem::new("more streams than can be numbered")),
        }
        let (payload, stamp) = payload.unwrap_or_else(|| (filler(0), Stamp::None));
        Publish {
            name: entry.key.clone(),
            first_stream,
            topic: topic.unwrap_or_else(|| Template::literal("")),
            payload,
            stamp,
            qos,
            retain,
            max_inflight,
            properties,
            rate,
            arrivals,
        }
    }

    fn payload(&self, node: &Node, version: Version) -> Option<(Payload, Stamp)> {
        let Kind::Scalar(name) = &node.kind else {
            return read_payload(node, self.reader, &self.folder, Some(version));
        };
        match self.payloads.get(name) {
            Some((payload, stamp)) => {
                if *stamp == Stamp::UserProperty {
                    self.needs_v5(version, node);
                }
                Some((payload.clone(), *stamp))
            }
            None => {
                let problem = Problem::new(format!("no payload is called `{name}`"));
                let problem = problem.nearest(name, self.payloads.keys().map(String::as_str));
                let help = "name one of `payloads`, or write {size: 64}, {template: '…'} or {file: …}";
                self.reader.report_at(&node.span, problem.help(help));
                None
            }
        }
    }
}

/// A duration that goes out as a number of whole seconds, `most` at most.
fn seconds(section: &Section<'_>, key: &'static str, most: u32, reader: &Reader<'_>) -> Option<Duration> {
    let duration: Duration = section.read(key)?;
    if let Some(node) = section.node(key)
        && (duration.subsec_nanos() > 0 || duration.as_secs() > most.into())
    {
        let text = format!("`{key}` is sent in whole seconds, 0s to {most}s");
        reader.report_at(&node.span, Problem::new(text));
    }
    Some(duration)
}

fn connect_properties(node: &Node, reader: &Reader<'_>) -> Option<ConnectProperties> {
    let section = Section::open(node, reader, "properties of CONNECT")?;
    let properties = ConnectProperties {
        session_expiry: seconds(&section, "session_expiry", u32::MAX, reader),
        receive_maximum: section.read("receive_maximum"),
        maximum_packet_size: section.read("maximum_packet_size"),
    };
    for key in ["receive_maximum", "maximum_packet_size"] {
        let zero = section.read::<u32>(key) == Some(0);
        if let (true, Some(node)) = (zero, section.node(key)) {
            reader.report_at(&node.span, Problem::new(format!("`{key}` is at least 1")));
        }
    }
    section.finish(&[
        "topic_alias_maximum",
        "user",
        "request_response_information",
        "request_problem_information",
    ]);
    Some(properties)
}

fn publish_properties(node: &Node, reader: &Reader<'_>) -> Option<PublishProperties> {
    let section = Section::open(node, reader, "properties of PUBLISH")?;
    let user = section.node("user").map_or_else(Vec::new, |node| pairs(node, reader));
    let properties = PublishProperties {
        message_expiry: seconds(&section, "message_expiry", u32::MAX, reader),
        content_type: section.read("content_type"),
        response_topic: section.read("response_topic"),
        user,
    };
    section.finish(&["topic_alias", "correlation_data", "payload_format_indicator"]);
    Some(properties)
}

fn pairs(node: &Node, reader: &Reader<'_>) -> Vec<(String, String)> {
    let Some(section) = Section::open(node, reader, "names and values") else { return Vec::new() };
    let entries = section.rest();
    entries.into_iter().filter_map(|e| Some((e.key.clone(), String::read(&e.value, reader)?))).collect()
}

/// The text with every placeholder replaced by as many ordinary characters, so that positions stay.
fn outside_placeholders(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(open) = rest.find("{{") {
        let len = rest[open..].find("}}").map_or(rest.len() - open, |close| close + 2);
        out.push_str(&rest[..open]);
        out.extend(std::iter::repeat_n('x', len));
        rest = &rest[open + len..];
    }
    out.push_str(rest);
    out
}

impl Read for QoS {
    fn read(node: &Node, reader: &Reader<'_>) -> Option<Self> {
        match reader.text(node, "0, 1 or 2")?.as_str() {
            "0" => Some(Self::AtMostOnce),
            "1" => Some(Self::AtLeastOnce),
            "2" => Some(Self::ExactlyOnce),
            other => {
                let problem = Problem::new(format!("quality of service is 0, 1 or 2, not `{other}`"));
                reader.report_at(&node.span, problem);
                None
            }
        }
    }
}

impl Read for Version {
    fn read(node: &Node, reader: &Reader<'_>) -> Option<Self> {
        match reader.text(node, "3, 4 or 5")?.as_str() {
            "3" | "3.1" => Some(Self::V31),
            "4" | "3.1.1" => Some(Self::V311),
            "5" | "5.0" => Some(Self::V5),
            other => {
                let problem = Problem::new(format!("unknown protocol `{other}`"));
                reader.report_at(&node.span, problem.help("3 for MQTT 3.1, 4 for 3.1.1, 5 for 5.0"));
                None
            }
        }
    }
}

impl Read for Arrivals {
    fn read(node: &Node, reader: &Reader<'_>) -> Option<Self> {
        match reader.text(node, "uniform or poisson")?.as_str() {
            "uniform" => Some(Self::Uniform),
            "poisson" => Some(Self::Poisson),
            other => {
                let problem = Problem::new(format!("unknown arrivals `{other}`"));
                reader.report_at(&node.span, problem.nearest(other, ["uniform", "poisson"]));
                None
            }
        }
    }
}
