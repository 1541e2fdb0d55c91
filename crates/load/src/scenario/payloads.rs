//! `payloads`: what messages carry, and how their receivers know them.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use mqscope_wire::Version;

use super::plan::{Payload, Stamp};
use super::problem::Problem;
use super::section::{Read, Reader, Section};
use super::template::{Scope, Template};
use super::units::parse_bytes;
use super::yaml::Node;
use crate::stamp;

pub(super) const DEFAULT_PAYLOAD: u64 = 64;
/// MQTT's largest packet, less a topic and headers.
const LARGEST_PAYLOAD: u64 = 268_000_000;

/// Payloads defined once under `payloads` and used by name.
pub(super) type Payloads = BTreeMap<String, (Payload, Stamp)>;

/// Reads `payloads`.
pub(super) fn read_payloads(node: &Node, reader: &Reader<'_>, folder: &Path) -> Payloads {
    let Some(section) = Section::open(node, reader, "payloads by name") else { return Payloads::new() };
    let entries = section.rest();
    let read = entries
        .into_iter()
        .filter_map(|entry| Some((entry.key.clone(), read_payload(&entry.value, reader, folder, None)?)));
    read.collect()
}

/// Reads `{size | template | text | file, stamp}`; without a version it is not known yet who will use it.
pub(super) fn read_payload(
    node: &Node,
    reader: &Reader<'_>,
    folder: &Path,
    version: Option<Version>,
) -> Option<(Payload, Stamp)> {
    let section = Section::open(node, reader, "a payload")?;
    let size = section.read::<Size>("size");
    let template = section.template("template", Scope::Message);
    let text = section.node("text").and_then(|node| reader.text(node, "text"));
    let file = section.read::<String>("file").and_then(|path| {
        let contents = std::fs::read(folder.join(&path));
        contents
            .map_err(|error| {
                let problem = Problem::new(format!("cannot read `{path}`: {error}"));
                let span = section.node("file").map_or_else(|| section.head(), |node| node.span.clone());
                reader.report_at(&span, problem);
            })
            .ok()
    });
    let given: Vec<&str> =
        ["size", "template", "text", "file"].into_iter().filter(|key| section.node(key).is_some()).collect();
    let wanted: Option<String> = section.read("stamp");
    let stamp_node = section.node("stamp");
    let head = section.head();
    section.finish(&["encoding", "protobuf", "sparkplug"]);
    let (payload, default) = match given[..] {
        ["size"] => (filler(size?.0), Stamp::Prefix),
        ["template"] => {
            let template = template?;
            let json = template.begins_with("{");
            (Payload::Template(template), if json { Stamp::Json } else { Stamp::Prefix })
        }
        ["text"] => {
            let text = text?;
            let json = text.starts_with('{');
            (Payload::Template(Template::literal(&text)), if json { Stamp::Json } else { Stamp::Prefix })
        }
        ["file"] => (Payload::Bytes(file?.into()), Stamp::None),
        [] => {
            let problem = Problem::new("a payload has one of size, template, text, file");
            reader.report_at(&head, problem);
            return None;
        }
        _ => {
            let problem = Problem::new(format!("a payload has only one of {}", given.join(", ")));
            reader.report_at(&head, problem);
            return None;
        }
    };
    let stamp = match (wanted, stamp_node) {
        (Some(wanted), Some(node)) => stamp_named(&wanted, node, reader, version)?,
        _ => default,
    };
    let fits = match (&payload, stamp) {
        (Payload::Bytes(bytes), Stamp::Prefix) => bytes.len() >= stamp::LEN,
        (Payload::Bytes(bytes), Stamp::Json) => bytes.first() == Some(&b'{'),
        (Payload::Template(template), Stamp::Json) => template.begins_with("{"),
        _ => true,
    };
    if !fits {
        let (message, help) = if stamp == Stamp::Json {
            ("a json stamp needs a payload that begins with `{`".to_owned(), "or `stamp: prefix`")
        } else {
            let message = format!("a payload with a prefix stamp has at least {} bytes", stamp::LEN);
            (message, "or `stamp: none`, without which delivery is not measured")
        };
        reader.report_at(&head, Problem::new(message).help(help));
        return None;
    }
    Some((payload, stamp))
}

fn stamp_named(wanted: &str, node: &Node, reader: &Reader<'_>, version: Option<Version>) -> Option<Stamp> {
    const STAMPS: [(&str, Stamp); 4] = [
        ("prefix", Stamp::Prefix),
        ("user-property", Stamp::UserProperty),
        ("json", Stamp::Json),
        ("none", Stamp::None),
    ];
    let Some((_, stamp)) = STAMPS.iter().find(|(name, _)| *name == wanted) else {
        let problem = Problem::new(format!("unknown stamp `{wanted}`"));
        let problem = problem.nearest(wanted, STAMPS.iter().map(|(name, _)| *name));
        reader.report_at(&node.span, problem.help("there are prefix, user-property, json and none"));
        return None;
    };
    if let (Stamp::UserProperty, Some(version)) = (stamp, version)
        && version != Version::V5
    {
        let problem = Problem::new(format!("MQTT {version} has no user properties"));
        reader.report_at(&node.span, problem.help("set `protocol: 5` for the group, or another stamp"));
    }
    Some(*stamp)
}

/// Printable filler, not all the same, so that whoever looks at it sees it is that.
pub(super) fn filler(size: u64) -> Payload {
    let alphabet = b"abcdefghijklmnopqrstuvwxyz0123456789";
    Payload::Bytes((0..size as usize).map(|at| alphabet[at % alphabet.len()]).collect::<Arc<[u8]>>())
}

/// A payload's size in bytes.
struct Size(u64);

impl Read for Size {
    fn read(node: &Node, reader: &Reader<'_>) -> Option<Self> {
        let text = reader.text(node, "a size")?;
        let parsed = parse_bytes(&text).filter(|size| *size <= LARGEST_PAYLOAD);
        if parsed.is_none() {
            let problem = Problem::new(format!("bad size `{text}`"));
            let help = format!("bytes, or with a unit: 64, 4KiB, 1MB; at most {LARGEST_PAYLOAD}");
            reader.report_at(&node.span, problem.help(help));
        }
        parsed.map(Self)
    }
}
