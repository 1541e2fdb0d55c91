use insta::assert_snapshot;
use ratatui::style::Color;

use super::stage::Stage;
use crate::inspector::{Effect, InspectorSettings};

#[test]
fn what_is_wrong_with_a_filter_is_shown_at_its_column() {
    let mut stage = Stage::open("mqttjs-v311.pcapng");
    stage.press("/");
    stage.type_text("mqtt.qos == 1 and mqtt.topik");
    let screen = stage.screen();
    let at = screen[1].find("mqtt.topik").expect("what is typed");
    assert_eq!(screen[2].find('^'), Some(at), "{}", screen.join("\n"));
    assert_snapshot!(screen[..4].join("\n"));
    assert!(stage.cells("mqtt.topik").iter().all(|cell| cell.bg == Color::Red));
    stage.press("Enter");
    assert!(stage.screen()[1].contains("mqtt.topik"), "it stays to be mended");
    stage.press("Esc");
    assert!(stage.screen()[1].contains("display filter"), "and goes when it is left");
}

#[test]
fn a_name_is_completed_and_the_filter_applied() {
    let mut stage = Stage::open("mqttjs-v311.pcapng");
    stage.press("/");
    stage.type_text("mqtt.msgt");
    assert_snapshot!(stage.screen()[..8].join("\n"));
    stage.press("Tab");
    stage.type_text(" == publish");
    assert!(stage.cells("mqtt.msgtype == publish").iter().all(|cell| cell.bg == Color::LightGreen));
    stage.press("Enter");
    stage.settle();
    assert_snapshot!(stage.text());
}

#[test]
fn a_long_filter_scrolls_with_its_cursor_and_its_error() {
    let mut stage = Stage::open_sized("mqttjs-v311.pcapng", (60, 20));
    stage.press("/");
    stage.type_text(&format!("{}mqtt.topik", "mqtt.qos == 1 or ".repeat(6)));
    let screen = stage.screen();
    let at = screen[1].find("mqtt.topik").expect("the end is in sight");
    assert_eq!(screen[2].find('^'), Some(at), "{}", screen.join("\n"));
}

#[test]
fn the_selected_packet_stays_selected_through_filters() {
    let mut stage = Stage::open("mqttjs-v5.pcapng");
    stage.press("PgDn j j");
    let home = stage.inspector.app.selected_row().expect("a packet");
    let apply = |stage: &mut Stage, text: &str| {
        stage.press("/ C-u");
        stage.type_text(text);
        stage.press("Enter");
        stage.settle();
    };
    apply(&mut stage, "mqtt");
    assert_eq!(stage.inspector.app.selected_row(), Some(home), "it passes");
    apply(&mut stage, "mqtt.msgtype == connect");
    assert_ne!(stage.inspector.app.selected_row(), Some(home), "it does not pass");
    apply(&mut stage, "mqtt.msgtype == 99 or mqtt.qos == 7");
    assert_eq!(stage.inspector.app.selected_row(), None);
    assert!(stage.text().contains("No packet matches the filter."));
    stage.press("Esc");
    assert_eq!(stage.inspector.app.selected_row(), Some(home), "without a filter it is there again");
}

#[test]
fn a_field_becomes_a_filter_that_its_packet_passes() {
    let mut stage = Stage::open("mqttjs-v5.pcapng");
    let home = stage.inspector.app.selected_row();
    stage.press("Tab j j a");
    stage.settle();
    assert_eq!(stage.inspector.app.selected_row(), home);
    assert!(stage.screen()[1].contains("mqtt.msgtype == 1"), "{}", stage.text());
}

#[test]
fn a_session_is_followed_and_what_was_shown_before_comes_back() {
    let mut stage = Stage::open("mqttjs-v311.pcapng");
    stage.press("/");
    stage.type_text("mqtt.qos == 1");
    stage.press("Enter");
    stage.settle();
    stage.press("x");
    stage.settle();
    assert!(stage.screen()[1].contains("tcp.stream =="), "{}", stage.text());
    stage.press("x");
    stage.settle();
    assert!(stage.screen()[1].contains("mqtt.qos == 1"), "{}", stage.text());
}

#[test]
fn a_filter_given_at_the_start_is_applied() {
    let settings = InspectorSettings {
        filter: Some("mqtt.msgtype == suback".to_owned()),
        ..InspectorSettings::default()
    };
    let mut stage = Stage::new(super::stage::capture("mqttjs-v311.pcapng"), &settings, (100, 24));
    stage.settle();
    let text = stage.text();
    assert!(text.contains("SUBACK") && !text.contains("CONNACK"), "{text}");
}

#[test]
fn q_goes_back_step_by_step_and_then_out_while_esc_stays() {
    let mut stage = Stage::open("mqttjs-v311.pcapng");
    let quits = |effects: &[Effect]| matches!(effects, [Effect::Quit]);
    stage.press("/");
    stage.type_text("mqtt.qos == 1");
    stage.press("Enter");
    stage.settle();
    stage.press("Tab \\");
    for step in ["the single pane", "the fields", "the filter"] {
        assert!(!quits(&stage.press("q")), "q goes out of {step} first");
    }
    for _ in 0..3 {
        assert!(!quits(&stage.press("Esc")));
    }
    assert!(quits(&stage.press("q")));
}
