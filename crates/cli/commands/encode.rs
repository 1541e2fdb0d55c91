//! `encode`: packet objects to bytes.

use std::fmt::Write as _;

use anyhow::Context as _;
use mqscope_dissect::{
    annotate::Secrets,
    print::hex::{HexStyle, Layout, Shown},
};
use mqscope_wire::{Packet, Version, encode as encode_packet, json::Object};
use serde_json::Value;

use super::decode;
use crate::{
    args::{Encode, EncodeForm, Style},
    exit::{Exit, Failure, OrExit as _, Outcome},
    output,
};

pub(crate) fn encode(args: &Encode) -> Outcome {
    let text = decode::text(args.input.as_slice())?;
    let version = decode::version(&args.protocol_version);
    let bytes = encode_all(&text, version).or_usage()?;
    let mut out = Vec::new();
    match (args.style, args.form) {
        (Some(style), _) => {
            let layout = match style {
                Style::Buffer => Layout::Buffer,
                Style::Hex => Layout::Hex,
            };
            let style =
                HexStyle { layout, bytes: Shown::All, secrets: Secrets::Shown, ..HexStyle::default() };
            decode::print_annotated(&bytes, version, style, &mut out);
        }
        (None, Some(EncodeForm::Raw)) => out = bytes,
        (None, Some(EncodeForm::Hex) | None) => {
            let hex = bytes.iter().fold(String::with_capacity(bytes.len() * 2 + 1), |mut hex, byte| {
                let _ = write!(hex, "{byte:02x}");
                hex
            });
            out.extend_from_slice(hex.as_bytes());
            out.push(b'\n');
        }
    }
    output::print(&out).map_err(Failure::io)?;
    Ok(Exit::Passed)
}

/// Encodes objects, arrays of objects, and the lines of `dump -T json`, whose packet is what counts.
fn encode_all(text: &str, mut version: Version) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut number = 0;
    for value in serde_json::Deserializer::from_str(text).into_iter::<Value>() {
        let value = value.context("the input is no JSON")?;
        let objects = match value {
            Value::Array(objects) => objects,
            object => vec![object],
        };
        for mut object in objects {
            number += 1;
            if let Some(packet) = object.get_mut("packet") {
                object = packet.take();
            }
            version = encode_one(object, version, &mut bytes).with_context(|| format!("packet {number}"))?;
        }
    }
    anyhow::ensure!(number > 0, "no packet to encode: give a JSON object such as {{\"cmd\":\"pingreq\"}}");
    Ok(bytes)
}

/// Appends one packet; gives the version for what follows.
fn encode_one(object: Value, version: Version, bytes: &mut Vec<u8>) -> anyhow::Result<Version> {
    let object: Object = serde_json::from_value(object)?;
    let packet = object.packet(version)?;
    let version = match &packet {
        Packet::Connect(connect) => connect.version,
        _ => version,
    };
    encode_packet(&packet, version, bytes)?;
    Ok(version)
}
