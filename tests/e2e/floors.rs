//! Holds the table of `crates/README.md` against what cargo says: who may depend on whom.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

/// Each crate's floor and the crates it may use.
const FLOORS: &[(&str, u8, &[&str])] = &[
    ("mqscope-wire", 0, &[]),
    ("mqscope-websocket", 0, &[]),
    ("mqscope-capture", 1, &[]),
    ("mqscope-stream", 1, &[]),
    ("mqscope-report", 1, &[]),
    (
        "mqscope-dissect",
        2,
        &["mqscope-wire", "mqscope-websocket", "mqscope-capture", "mqscope-stream", "mqscope-report"],
    ),
    ("mqscope-tui", 3, &["mqscope-wire", "mqscope-dissect", "mqscope-report"]),
    ("mqscope-load", 3, &["mqscope-wire", "mqscope-websocket", "mqscope-report"]),
];

/// What a crate depends on.
#[derive(Default)]
struct Uses {
    /// Crates of ours that are built into it.
    own: BTreeSet<String>,
    /// Crates of ours that its tests use besides.
    in_tests: BTreeSet<String>,
    /// Crates of others, when no feature is asked for.
    others: BTreeSet<String>,
}

/// By cargo's account.
fn dependencies() -> BTreeMap<String, Uses> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--format-version", "1", "--offline"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo metadata is JSON");
    let mut crates = BTreeMap::new();
    for package in metadata["packages"].as_array().expect("packages") {
        let mut uses = Uses::default();
        for dependency in package["dependencies"].as_array().expect("dependencies") {
            let name = dependency["name"].as_str().expect("a name").to_owned();
            let in_tests = dependency["kind"] == "dev";
            match name.starts_with("mqscope") {
                true if in_tests => uses.in_tests.insert(name),
                true => uses.own.insert(name),
                false => !in_tests && dependency["optional"] == false && uses.others.insert(name),
            };
        }
        crates.insert(package["name"].as_str().expect("a name").to_owned(), uses);
    }
    crates
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
        let Uses { own, in_tests, .. } = &found[*name];
        for used in own {
            assert!(may_use.contains(&used.as_str()), "{name} must not use {used}");
        }
        // Tests may take what they look at from any floor below.
        for used in own.union(in_tests) {
            let (_, below, _) = FLOORS.iter().find(|(other, ..)| other == used).expect("a known crate");
            assert!(below < floor, "{name} on floor {floor} uses {used} on floor {below}");
        }
    }
}

#[test]
fn the_decoder_depends_on_nothing() {
    assert_eq!(dependencies()["mqscope-wire"].others, BTreeSet::new());
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
