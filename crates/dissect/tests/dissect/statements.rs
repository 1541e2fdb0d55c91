//! The rules' identifiers against what the specifications number: 3.1.1 with errata 01, and 5.0 as of 2019-03-07.

use mqscope_dissect::Breach;
use mqscope_wire::{Version, Violation};

/// Where a version's statements stand, and the last one's number there; they count from 1.
type Statements = &'static [(&'static str, u32)];

#[rustfmt::skip] // a table
const V311: Statements = &[
    ("1.5.3", 3), ("2.2.2", 2), ("2.3.1", 7), ("3.1.0", 2), ("3.1.2", 24), ("3.1.3", 11), ("3.1.4", 5),
    ("3.2.0", 1), ("3.2.2", 6), ("3.3.1", 12), ("3.3.2", 3), ("3.3.4", 1), ("3.3.5", 2), ("3.6.1", 1),
    ("3.8.1", 1), ("3.8.3", 3), ("3.8.4", 6), ("3.9.3", 2), ("3.10.1", 1), ("3.10.3", 2), ("3.10.4", 6),
    ("3.12.4", 1), ("3.14.1", 1), ("3.14.4", 3), ("4.1.0", 2), ("4.3.1", 1), ("4.3.2", 2), ("4.3.3", 2),
    ("4.4.0", 1), ("4.5.0", 2), ("4.6.0", 6), ("4.7.1", 3), ("4.7.2", 1), ("4.7.3", 4), ("4.8.0", 2),
    ("6.0.0", 4), ("7.0.0", 2), ("7.1.1", 1), ("7.1.2", 1),
];

#[rustfmt::skip] // a table
const V5: Statements = &[
    ("1.5.4", 3), ("1.5.5", 1), ("1.5.7", 1), ("2.1.3", 1), ("2.2.1", 6), ("2.2.2", 1), ("3.1.0", 2),
    ("3.1.2", 30), ("3.1.3", 12), ("3.1.4", 6), ("3.2.0", 2), ("3.2.2", 22), ("3.3.1", 13), ("3.3.2", 20),
    ("3.3.4", 10), ("3.4.2", 3), ("3.5.2", 3), ("3.6.1", 1), ("3.6.2", 3), ("3.7.2", 3), ("3.8.1", 1),
    ("3.8.3", 5), ("3.8.4", 8), ("3.9.2", 2), ("3.9.3", 2), ("3.10.1", 1), ("3.10.3", 2), ("3.10.4", 6),
    ("3.11.2", 2), ("3.11.3", 2), ("3.12.4", 1), ("3.14.0", 1), ("3.14.1", 1), ("3.14.2", 4), ("3.14.4", 3),
    ("3.15.1", 1), ("3.15.2", 3), ("4.1.0", 2), ("4.2.0", 1), ("4.3.1", 1), ("4.3.2", 5), ("4.3.3", 13),
    ("4.4.0", 2), ("4.5.0", 2), ("4.6.0", 6), ("4.7.0", 1), ("4.7.1", 2), ("4.7.2", 1), ("4.7.3", 4),
    ("4.8.2", 6), ("4.9.0", 3), ("4.12.0", 7), ("4.12.1", 2), ("4.13.1", 1), ("4.13.2", 1), ("6.0.0", 4),
];

/// What the lists above say too much: numbers that were dropped or are printed otherwise.
const NOT_THERE: &[(Version, &str)] = &[(Version::V311, "3.1.2-7"), (Version::V5, "2.2.1-1")];

/// 3.1.1 prints its 3.8.3-4 so, in the text and in the appendix.
const AS_PRINTED: &str = "3-8.3-4";

/// Sections with rules that have no number, and what the specification calls them.
const SECTIONS: &[(Version, &str, &str)] = &[
    (Version::V311, "2.2.3", "Remaining Length"),
    (Version::V311, "3.2.2.1", "Connect Acknowledge Flags"),
    (Version::V5, "2.1.4", "Remaining Length"),
    (Version::V5, "2.2.2.2", "Property"),
    (Version::V5, "3.1.2.11.3", "Receive Maximum"),
    (Version::V5, "3.1.2.11.4", "Maximum Packet Size"),
    (Version::V5, "3.1.2.11.10", "Authentication Data"),
    (Version::V5, "3.3.2.1", "Topic Name"),
    (Version::V5, "3.3.2.3.2", "Payload Format Indicator"),
    (Version::V5, "3.3.2.3.4", "Topic Alias"),
    (Version::V5, "3.8.2.1.2", "Subscription Identifier"),
    (Version::V5, "3.8.3.1", "Subscription Options"),
    (Version::V5, "3.15.2.2.2", "Authentication Method"),
];

fn is_in_specification(version: Version, id: &str) -> bool {
    let Some((section, number)) = id.rsplit_once('-') else {
        return SECTIONS.iter().any(|&(of, section, _)| (of, section) == (version, id));
    };
    let (statements, as_printed) = match version {
        Version::V5 => (V5, ""),
        _ => (V311, AS_PRINTED),
    };
    let numbered = statements.iter().any(|&(at, last)| {
        at == section && number.parse().is_ok_and(|number: u32| (1..=last).contains(&number))
    });
    id == as_printed || numbered && !NOT_THERE.contains(&(version, id))
}

#[test]
fn every_rule_is_named_as_its_specification_names_it() {
    let ids = |version| {
        let packet = Violation::ALL.iter().map(move |rule| (format!("{rule:?}"), rule.id(version)));
        packet.chain(Breach::ALL.iter().map(move |rule| (format!("{rule:?}"), rule.id(version))))
    };
    for version in [Version::V311, Version::V5] {
        for (rule, id) in ids(version).filter(|(_, id)| !id.is_empty()) {
            let named = id.strip_prefix("MQTT-").is_some_and(|id| is_in_specification(version, id));
            assert!(named, "{rule} in {version:?}: {id}");
        }
    }
    for ((rule, v311), (_, v5)) in ids(Version::V311).zip(ids(Version::V5)) {
        assert!(!v311.is_empty() || !v5.is_empty(), "{rule} is a rule of no version");
    }
}
