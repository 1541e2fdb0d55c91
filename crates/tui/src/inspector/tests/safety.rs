//! What must not reach the screen: secrets, and commands to the terminal.

use mqscope_dissect::annotate::Secrets;
use mqscope_wire::{Connect, Packet, Publish, QoS, Version};

use super::stage::{Stage, Traffic};
use crate::inspector::InspectorSettings;

const PASSWORD: &str = "hunter2hunter2";

pub(super) fn connect(password: Option<&'static [u8]>) -> Packet<'static> {
    Packet::Connect(Connect {
        version: Version::V311,
        bridge: false,
        clean_start: true,
        keep_alive: 60,
        client_id: "device".into(),
        will: None,
        username: Some("user".into()),
        password,
        properties: Default::default(),
    })
}

/// Every screen that shows the packet: each field of each layer, unfolded.
fn everything(stage: &mut Stage) -> String {
    let mut seen = stage.text();
    stage.press("Tab g g");
    for _ in 0..200 {
        stage.press("l j");
        seen.push_str(&stage.text());
    }
    stage.press("|");
    for _ in 0..60 {
        stage.press("k");
        seen.push_str(&stage.text());
    }
    seen
}

fn played(secrets: Secrets) -> Stage {
    let mut traffic = Traffic::new(Version::V311);
    traffic.client(&connect(Some(PASSWORD.as_bytes())));
    let settings = InspectorSettings { secrets, ..InspectorSettings::default() };
    let mut stage = Stage::new(traffic.follow(), &settings, (120, 60));
    drop(traffic);
    stage.settle();
    stage
}

fn hex(text: &str) -> String {
    let bytes: Vec<_> = text.bytes().map(|byte| format!("{byte:02x}")).collect();
    bytes.join(" ")
}

#[test]
fn a_password_is_on_no_screen_and_in_no_layer() {
    let mut stage = played(Secrets::Redacted);
    let seen = everything(&mut stage);
    assert!(seen.contains("(redacted)") && seen.contains("Frame "), "{seen}");
    // a line of bytes may break it anywhere: three of its bytes in a row are too many
    for part in ["hun", "ter2", &hex("hun"), &hex("ter")] {
        assert!(!seen.contains(part), "{part} is on the screen");
    }
    let layers = &stage.inspector.app.detail.as_ref().expect("a packet").layers;
    for layer in layers {
        assert!(!layer.bytes.windows(4).any(|bytes| bytes == b"hunt"), "{} has it", layer.name);
    }
}

#[test]
fn a_password_is_in_no_frame_of_another_packet() {
    let mut traffic = Traffic::new(Version::V311);
    let mut together = traffic.encoded(&connect(Some(PASSWORD.as_bytes())));
    together.extend(traffic.encoded(&Packet::PingReq));
    traffic.bytes(0, &together);
    let mut stage = Stage::new(traffic.follow(), &InspectorSettings::default(), (120, 60));
    drop(traffic);
    stage.settle();
    stage.press("G");
    let detail = stage.inspector.app.detail.clone().expect("the PINGREQ");
    assert_eq!((detail.layers.len(), &detail.layers[1].bytes[..]), (2, &[0xc0, 0][..]));
    assert!(detail.layers[0].bytes.ends_with(&[0xc0, 0]), "its own bytes are there");
    assert!(!detail.layers[0].bytes.windows(4).any(|bytes| bytes == b"hunt"));
}

#[test]
fn a_password_that_was_cut_is_not_shown_in_part() {
    let mut traffic = Traffic::new(Version::V311);
    let mut bytes = traffic.encoded(&connect(Some(PASSWORD.as_bytes())));
    // the password says it is longer than the packet
    let at = bytes.len() - PASSWORD.len() - 1;
    bytes[at] += 9;
    traffic.bytes(0, &bytes);
    let mut stage = Stage::new(traffic.follow(), &InspectorSettings::default(), (120, 60));
    drop(traffic);
    stage.settle();
    let detail = stage.inspector.app.detail.clone().expect("the CONNECT");
    assert!(detail.nodes.iter().any(|node| node.label == "Malformed"));
    for layer in &detail.layers {
        assert!(!layer.bytes.windows(4).any(|bytes| bytes == b"hunt"), "{} has it", layer.name);
    }
}

#[test]
fn a_password_is_shown_to_who_asks_for_it() {
    let mut stage = played(Secrets::Shown);
    assert!(everything(&mut stage).contains(PASSWORD));
}

#[test]
fn what_terminals_obey_never_reaches_the_screen() {
    let mut traffic = Traffic::new(Version::V311);
    let evil = "a\u{1b}]0;owned\u{7}\u{9b}31m\u{202e}b\r\n\t\u{200f}c";
    traffic.client(&connect(None));
    traffic.client(&Packet::Publish(Publish {
        dup: false,
        qos: QoS::AtMostOnce,
        retain: false,
        topic: evil.into(),
        packet_id: None,
        properties: Default::default(),
        payload: evil.as_bytes(),
    }));
    let mut stage = Stage::new(traffic.follow(), &InspectorSettings::default(), (120, 60));
    drop(traffic);
    stage.settle();
    stage.press("G");
    let mut seen = everything(&mut stage);
    stage.press("G Enter");
    seen.push_str(&stage.text());
    stage.press("Esc C-f");
    stage.type_text("owned");
    stage.press("Enter");
    stage.settle();
    stage.press("Enter");
    seen.push_str(&stage.text());
    stage.press("Esc a");
    seen.push_str(&stage.text());
    assert!(seen.contains(r"\x1b]0;owned"), "{seen}");
    let unsafe_ones: Vec<_> =
        seen.chars().filter(|&c| c != '\n' && mqscope_dissect::escape::is_unsafe(c)).collect();
    assert_eq!(unsafe_ones, []);
}
