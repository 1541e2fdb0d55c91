//! Holds the table of `crates/README.md` against what cargo says: who may depend on whom.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

/// Each crate's floor and the crates it may use.
const FLOORS: &[(&str, u8, &[&str])] = &[
    ("mqscope-wire", 0, &[]),
    ("mqscope-capture", 1, &[]),
    ("mqscope-stream", 1, &[]),
    ("mqscope-report", 1, &[]),
    ("mqscope-dissect", 2, &["mqscope-wire", "mqscope-capture", "mqscope-stream", "mqscope-report"]),
    ("mqscope-tui", 3, &["mqscope-wire", "mqscope-dissect", "mqscope-report"]),
    ("mqscope-load", 3, &["mqscope-wire", "mqscope-report"]),
];

/// Who depends on each of our crates' names, by cargo's account: name to (own crates used, others used when nothing is asked for).
fn dependencies() -> BTreeMap<String, (BTreeSet<String>, BTreeSet<String>)> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--format-version", "1", "--offline"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo metadata is JSON");
    let packages = metadata["packages"].as_array().expect("packages");
    packages
        .iter()
        .map(|package| {
            let (mut own, mut others) = (BTreeSet::new(), BTreeSet::new());
            for dependency in package["dependencies"].as_array().expect("dependencies") {
                let name = dependency["name"].as_str().expect("a name").to_owned();
                let by_default = dependency["kind"].is_null() && dependency["optional"] == false;
                if name.starts_with("mqscope") {
                    own.insert(name);
                } else if by_default {
                    others.insert(name);
                }
            }
            (package["name"].as_str().expect("a name").to_owned(), (own, others))
        })
        .collect()
}

#[test]
fn crates_use_only_what_stands_below_them() {
    let found = dependencies();
    let known: BTreeSet<_> =
        FLOORS.iter().map(|(name, ..)| (*name).to_owned()).chain(["mqscope".to_owned()]).collect();
    assert_eq!(
        found.keys().cloned().collect::<BTreeSet<_>>(),
        known,
        "a new crate needs a floor in crates/README.md and here"
    );
    for (name, floor, may_use) in FLOORS {
        for used in &found[*name].0 {
            assert!(may_use.contains(&used.as_str()), "{name} must not use {used}");
            let (_, below, _) = FLOORS.iter().find(|(other, ..)| other == used).expect("a known crate");
            assert!(below < floor, "{name} on floor {floor} uses {used} on floor {below}");
        }
    }
}

#[test]
fn the_decoder_depends_on_nothing() {
    assert_eq!(dependencies()["mqscope-wire"].1, BTreeSet::new());
}

#[test]
fn the_readme_of_the_crates_says_the_same() {
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/crates/README.md"))
        .expect("crates/README.md");
    for (name, floor, may_use) in FLOORS {
        let short = name.trim_start_matches("mqscope-");
        let row = readme
            .lines()
            .find(|line| line.starts_with(&format!("| {floor} | `{short}` |")))
            .unwrap_or_else(|| {
                panic!("crates/README.md has no row for {short} on floor {floor}");
            });
        let cell = row.split('|').nth(4).expect("a fourth column").trim();
        let told: BTreeSet<_> =
            cell.split(", ").filter(|word| word.chars().all(|letter| letter.is_ascii_lowercase())).collect();
        let held: BTreeSet<_> = may_use.iter().map(|used| used.trim_start_matches("mqscope-")).collect();
        assert_eq!(told, held, "crates/README.md on {short}");
    }
}
