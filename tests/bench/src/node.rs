//! mqtt-packet, which runs in Node: no counts of valgrind, as its own machinery would be most of them.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::streams::{Stream, Sum};

pub const NAME: &str = "mqtt-packet 9.0.2 (Node)";

/// Nanoseconds a packet of the best round; none where `npm ci` did not run in `node`.
pub fn nanoseconds(stream: &Stream, passes: usize) -> Option<f64> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("node");
    if !here.join("node_modules").exists() {
        return None;
    }
    let mut child = Command::new("node")
        .arg(here.join("decode.js"))
        .args([stream.version.level().to_string(), passes.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .ok()?;
    child.stdin.take()?.write_all(&stream.bytes).expect("node reads the stream");
    let output = child.wait_with_output().expect("node ends");
    assert!(output.status.success(), "{NAME}");
    let printed = String::from_utf8(output.stdout).expect("numbers");
    let [packets, bytes, ns] = printed.split_whitespace().collect::<Vec<_>>()[..] else {
        panic!("{NAME} printed {printed:?}");
    };
    let count = |number: &str| number.parse().expect("a count");
    assert_eq!(Sum { packets: count(packets), bytes: count(bytes) }, stream.expected, "{NAME}");
    Some(ns.parse().expect("nanoseconds"))
}
