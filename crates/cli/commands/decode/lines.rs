//! `decode --lines`: each line a case of its own.

use mqscope_dissect::annotate::Secrets;
use mqscope_wire::{Notes, Version, decode as decode_packet};
use serde_json::{Value, json};

use super::{JsonError, JsonViolation, Packets, object};
use crate::{
    exit::{Exit, Failure, Outcome},
    hex_input, output,
};

pub(super) fn decode(text: &str, version: Version, secrets: Secrets) -> Outcome {
    let mut out = Vec::new();
    let mut sound = true;
    for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let bytes = hex_input::parse(line)
            .map_err(|error| Failure::usage(format!("case in line {}: {error}", index + 1)))?;
        let case = case(&bytes, version, secrets).map_err(Failure::io)?;
        sound &= case["error"].is_null() && case["violations"].as_array().is_none_or(Vec::is_empty);
        serde_json::to_writer(&mut out, &case).map_err(Failure::io)?;
        out.push(b'\n');
    }
    output::print(&out).map_err(Failure::io)?;
    Ok(if sound { Exit::Passed } else { Exit::Failed })
}

/// One case: its packets up to an error, and how many bytes were left then. Places are counted from the case's first byte.
fn case(bytes: &[u8], version: Version, secrets: Secrets) -> serde_json::Result<Value> {
    let mut notes = Notes::new();
    let mut stream = Packets { rest: bytes, version };
    let (mut packets, mut violations, mut error) = (Vec::new(), Vec::new(), None);
    let mut at = 0;
    while let Some(next) = stream.next_bytes() {
        notes.clear();
        let decoded = decode_packet(next, stream.version, &mut notes);
        stream.learn(&decoded);
        for &(violation, mut span) in notes.violations() {
            span.start += at as u32;
            violations.push(serde_json::to_value(JsonViolation::new(violation, span, stream.version))?);
        }
        match decoded {
            Ok(packet) => packets.push(serde_json::to_value(object(&packet, stream.version, next, secrets))?),
            Err(mut found) => {
                found.at += at as u32;
                error = Some(serde_json::to_value(JsonError::new(&found))?);
                break;
            }
        }
        at += next.len();
    }
    Ok(json!({ "packets": packets, "violations": violations, "error": error, "rest": bytes.len() - at }))
}
