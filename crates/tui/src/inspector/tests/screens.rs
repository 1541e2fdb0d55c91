use std::time::Duration;

use insta::assert_snapshot;

use super::stage::{Stage, capture};
use crate::{inspector::InspectorSettings, keymap::KEYS};

#[test]
fn the_first_screen_of_a_session_with_many_properties() {
    assert_snapshot!(Stage::open("mqttjs-v5.pcapng").text());
}

#[test]
fn the_first_screen_on_a_small_terminal() {
    assert_snapshot!(Stage::open_sized("mosquitto-v311.pcapng", (80, 24)).text());
}

#[test]
fn the_first_screen_of_a_capture_that_begins_in_the_middle_marks_guesses() {
    let mut stage = Stage::open("midstream.pcap");
    assert_snapshot!(stage.text());
    assert!(stage.screen().iter().any(|line| line.starts_with('?')), "no guess is marked");
}

#[test]
fn bytes_stand_below_the_fields_if_asked() {
    let mut stage = Stage::open_sized("mqttjs-v311.pcapng", (100, 30));
    stage.press("|");
    assert_snapshot!(stage.text());
}

#[test]
fn a_pane_has_the_screen_to_itself_and_gives_it_back() {
    let mut stage = Stage::open_sized("mqttjs-v5.pcapng", (100, 24));
    let before = stage.text();
    stage.press("Tab \\");
    assert_snapshot!(stage.text());
    stage.press("Esc Esc");
    assert_eq!(stage.text(), before);
}

#[test]
fn the_help_names_every_key() {
    let mut stage = Stage::open_sized("mqttjs-v311.pcapng", (120, 30));
    stage.press("?");
    let mut read = String::new();
    for _ in 0..10 {
        read.push_str(&stage.text());
        stage.press("PgDn");
    }
    for binding in KEYS {
        let line = format!("{:<12} {}", binding.keys.join(" or "), binding.help);
        assert!(read.contains(&line), "{line:?} is not in the help");
    }
    stage.press("q");
    assert!(stage.text().contains("CONNECT"), "the help goes");
}

#[test]
fn a_terminal_that_is_too_small_is_said_to_be_so() {
    let mut stage = Stage::open("mqttjs-v311.pcapng");
    stage.resize(30, 8);
    assert!(stage.text().contains("too small"), "{}", stage.text());
    stage.resize(1, 1);
    stage.text();
    stage.resize(60, 12);
    assert!(stage.text().contains("CONNECT"));
}

#[test]
fn times_are_shown_in_four_ways() {
    let mut stage = Stage::open("mqttjs-v311.pcapng");
    let mut headings = Vec::new();
    for _ in 0..4 {
        let screen = stage.screen();
        let part = |line: &String| line.chars().take(60).collect::<String>();
        headings.push(format!("{}\n{}", part(&screen[2]), part(&screen[4])));
        stage.press("t");
    }
    assert_snapshot!(headings.join("\n"));
}

#[test]
fn a_message_passes() {
    let mut stage = Stage::open("mqttjs-v311.pcapng");
    stage.press("n");
    stage.pass(Duration::ZERO);
    stage.pass(Duration::from_secs(5));
    assert!(stage.text().contains("nothing to search for yet"));
    stage.pass(Duration::from_secs(2));
    assert!(!stage.text().contains("nothing to search for yet"));
}

#[test]
fn without_colours_nothing_has_one() {
    let settings = InspectorSettings { title: "evil".to_owned(), ..InspectorSettings::default() };
    let mut stage = Stage::new(capture("malformed.pcap"), &settings, (100, 30));
    stage.settle();
    for keys in ["]", "Tab G", "Tab", "/", "x x"] {
        stage.press(keys);
        for line in stage.screen() {
            for cell in stage.cells(line.trim_end()) {
                let style = cell.style();
                assert!(style.fg.is_none_or(|fg| fg == ratatui::style::Color::Reset), "{cell:?}");
                assert!(style.bg.is_none_or(|bg| bg == ratatui::style::Color::Reset), "{cell:?}");
            }
        }
    }
}

#[test]
fn the_same_packets_stand_in_the_same_columns_however_one_scrolls() {
    let mut stage = Stage::open("mqttjs-v5.pcapng");
    stage.press("G");
    let column = |stage: &mut Stage| stage.screen()[2].find("type").expect("a heading");
    let at_the_end = column(&mut stage);
    stage.press("g g");
    assert_eq!(column(&mut stage), at_the_end);
}
