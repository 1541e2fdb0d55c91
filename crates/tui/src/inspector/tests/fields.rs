use crossterm::event::{MouseButton, MouseEventKind};
use insta::assert_snapshot;
use mqscope_wire::{Packet, PacketId, Publish, QoS, Version};
use ratatui::style::{Color, Modifier};

use super::stage::{Stage, Traffic};
use crate::inspector::{InspectorSettings, app::Pane};

fn is_reversed(stage: &mut Stage, text: &str) -> bool {
    stage.cells(text).iter().all(|cell| cell.modifier.contains(Modifier::REVERSED))
}

/// Goes down the tree to the field with this label.
fn select(stage: &mut Stage, label: &str) {
    stage.press("Tab");
    for _ in 0..100 {
        if stage.inspector.app.selected_node().is_some_and(|(_, node)| node.label == label) {
            return;
        }
        stage.press("j");
    }
    panic!("there is no {label}");
}

#[test]
fn a_selected_field_is_highlighted_in_the_bytes() {
    let mut stage = Stage::open("mqttjs-v311.pcapng");
    select(&mut stage, "Protocol Name");
    assert!(is_reversed(&mut stage, "4d 51 54 54"));
    assert!(is_reversed(&mut stage, "    Protocol Name: MQTT"));
    assert!(!is_reversed(&mut stage, "00 04"), "its length is another field");
}

#[test]
fn a_byte_under_the_cursor_selects_its_field() {
    let mut stage = Stage::open("mqttjs-v311.pcapng");
    stage.press("Tab Tab");
    assert_eq!(stage.inspector.app.focus, Pane::Hex);
    stage.press("l l l l");
    let (_, node) = stage.inspector.app.selected_node().expect("a field");
    assert_eq!((node.label.as_str(), node.start, node.len), ("Protocol Name", 4, 4));
    assert!(is_reversed(&mut stage, "4d"), "the cursor's own byte");
    let field = stage.cells("51 54 54");
    assert!(field.iter().all(|cell| cell.bg == Color::DarkGray), "the rest of its field: {field:?}");
}

#[test]
fn bits_of_a_flag_are_spelled_out() {
    let mut stage = Stage::open("mqttjs-v311.pcapng");
    select(&mut stage, "Clean Start");
    assert_snapshot!(stage.screen().into_iter().skip(16).collect::<Vec<_>>().join("\n"));
}

#[test]
fn the_field_stays_selected_from_packet_to_packet() {
    let mut stage = Stage::open("mqttjs-v311.pcapng");
    select(&mut stage, "Packet Type");
    stage.press("S-Tab j j");
    assert_eq!(stage.inspector.app.selected_node().map(|(_, node)| node.label.as_str()), Some("Packet Type"));
}

#[test]
fn a_malformed_packet_keeps_what_could_be_read_and_shows_where_it_could_not() {
    let mut stage = Stage::open("malformed.pcap");
    let mut found = None;
    for _ in 0..60 {
        let nodes =
            stage.inspector.app.detail.as_ref().map(|detail| detail.nodes.clone()).unwrap_or_default();
        found = nodes.into_iter().find(|node| node.label == "Malformed" && node.len > 0);
        if found.is_some() {
            break;
        }
        stage.press("]");
    }
    let error = found.expect("the capture has a malformed packet");
    assert_snapshot!(stage.text());
    let bytes = stage.inspector.app.shown_bytes();
    let around = format!("{:02x} {:02x}", bytes[error.start - 1], bytes[error.start]);
    let is_red = |cell: &ratatui::buffer::Cell| (cell.fg, cell.bg) == (Color::White, Color::Red);
    assert!(stage.cells("Malformed").iter().all(is_red));
    let cells = stage.cells(&around);
    assert!(!is_red(&cells[0]), "what could be read is not red");
    assert!(is_red(&cells[3]) && is_red(&cells[4]), "where it could not be read is: {cells:?}");
}

#[test]
fn violations_are_stepped_through_and_explained() {
    let mut stage = Stage::open_sized("malformed.pcap", (110, 30));
    stage.press("]");
    let text = stage.text();
    assert!(stage.screen().iter().any(|line| line.starts_with('!')), "{text}");
    stage.press("Tab G");
    assert_snapshot!(stage.text());
    stage.press("Enter");
    assert!(stage.text().contains("MQTT-"), "{}", stage.text());
    stage.press("Esc S-Tab S-Tab [ [ [ [");
    assert!(stage.text().contains("no packet with a violation or an error before this one"));
}

#[test]
fn a_value_is_read_in_full_and_json_laid_out() {
    let mut stage = Stage::open_sized("mqttjs-v5.pcapng", (80, 24));
    stage.press("C-f");
    stage.type_text("temperature");
    stage.press("Enter");
    stage.settle();
    stage.press("Tab Enter");
    assert_snapshot!(stage.text());
}

#[test]
fn a_search_goes_around_and_selects_what_has_the_text() {
    let mut stage = Stage::open("mqttjs-v5.pcapng");
    stage.press("C-f");
    stage.type_text("V5/TWO");
    stage.press("Enter");
    stage.settle();
    let first = stage.inspector.app.selected_row();
    assert_eq!(stage.inspector.app.selected_node().map(|(_, node)| node.value.as_str()), Some("v5/two"));
    stage.press("n");
    stage.settle();
    let second = stage.inspector.app.selected_row();
    assert!(second > first, "{second:?} after {first:?}");
    stage.press("N");
    stage.settle();
    assert_eq!(stage.inspector.app.selected_row(), first);
    stage.press("N");
    stage.settle();
    assert!(stage.text().contains("went on around the end"), "{}", stage.text());
    stage.press("C-f");
    stage.type_text("nowhere");
    stage.press("Enter");
    stage.settle();
    assert!(stage.text().contains("\"nowhere\" was not found"));
}

#[test]
fn borders_are_dragged_and_panes_scrolled_by_the_mouse() {
    let mut stage = Stage::open("mqttjs-v5.pcapng");
    let border = stage.screen().iter().position(|line| line.starts_with(" Fields")).expect("a border") as u16;
    stage.mouse(MouseEventKind::Down(MouseButton::Left), 20, border);
    stage.mouse(MouseEventKind::Drag(MouseButton::Left), 20, border + 7);
    stage.mouse(MouseEventKind::Up(MouseButton::Left), 20, border + 7);
    let moved = stage.screen().iter().position(|line| line.starts_with(" Fields"));
    assert_eq!(moved, Some(usize::from(border) + 7));
    let selected = stage.inspector.app.selected_row();
    stage.mouse(MouseEventKind::ScrollDown, 20, 5);
    assert_eq!((stage.inspector.app.list.top, stage.inspector.app.selected_row()), (3, selected));
    stage.mouse(MouseEventKind::Down(MouseButton::Left), 20, 3);
    assert_eq!(stage.inspector.app.list.at, 3, "a click selects what it is on");
}

#[test]
fn sixteen_mebibytes_are_shown_by_the_page() {
    let mut traffic = Traffic::new(Version::V311);
    let capture = traffic.follow();
    let payload = vec![0xab; 16 << 20];
    traffic.client(&super::safety::connect(None));
    traffic.client(&Packet::Publish(Publish {
        dup: false,
        qos: QoS::AtLeastOnce,
        retain: false,
        topic: "big".into(),
        packet_id: PacketId::new(1),
        properties: Default::default(),
        payload: &payload,
    }));
    let settings = InspectorSettings { title: "big".to_owned(), color: true, ..Default::default() };
    let mut stage = Stage::new(capture, &settings, (100, 24));
    drop(traffic);
    stage.settle();
    stage.press("G Tab Tab G");
    let text = stage.text();
    assert!(text.contains("MQTT: 16777"), "{text}");
    assert!(text.contains("100000"), "offsets have room: {text}");
    let value = &stage.inspector.app.selected_node().expect("the payload").1.value;
    assert!(value.len() < 4096, "the tree spells {} bytes", value.len());
}

#[test]
fn every_layer_down_to_the_frame_shows_its_own_bytes() {
    let mut stage = Stage::open("mqttjs-wss-12.pcapng.zst");
    // the PUBLISH that the broker sends
    stage.press("j j j j j j j j j");
    stage.press("Tab");
    for (label, title) in [
        ("MQTT", "MQTT: 36 bytes"),
        ("WebSocket frame", "WebSocket: 42 bytes"),
        ("TLS record", "TLS: 71 bytes"),
        ("Frame", "Frame 41: 137 bytes"),
    ] {
        stage.press("g g");
        let is_there =
            |stage: &Stage| stage.inspector.app.selected_node().is_some_and(|(_, node)| node.label == label);
        for _ in 0..20 {
            if !is_there(&stage) {
                stage.press("j");
            }
        }
        let text = stage.text();
        assert!(is_there(&stage) && text.contains(title), "{label}, {title}:\n{text}");
    }
}

#[test]
fn a_packet_written_in_many_pieces_has_one_line_for_each_layer() {
    let mut stage = Stage::open("mqttjs-wss-12.pcapng.zst");
    stage.press("j j j j");
    let text = stage.text();
    let lines =
        ["▸ Frames: 10, 12 to 21", "▸ TLS records: 10, 377 bytes", "▸ WebSocket frames: 10, 87 bytes"];
    for line in lines.into_iter().chain(["▾ MQTT: CONNECT"]) {
        assert!(text.contains(line), "{line}:\n{text}");
    }
    stage.press("Tab g g j Right");
    assert!(stage.text().contains("  ▾ TLS record: 37 bytes"), "{}", stage.text());
}

#[test]
fn a_connection_without_keys_says_how_to_get_them() {
    let mut stage = Stage::open("mqttjs-keyless.pcap");
    stage.press("j");
    let text = stage.text();
    assert!(text.contains("[not decrypted: no key"), "{text}");
    assert!(text.contains("3 TLS without keys"), "{text}");
    select(&mut stage, "To decrypt");
    stage.press("Enter");
    assert!(stage.text().contains("node --tls-keylog=FILE"), "{}", stage.text());
}
