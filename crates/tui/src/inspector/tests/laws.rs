//! What holds whatever keys are pressed.

use crossterm::event::{MouseButton, MouseEventKind};
use proptest::prelude::*;

use super::stage::Stage;
use crate::{inspector::app::Pane, keymap::KEYS};

#[derive(Clone, Debug)]
enum Step {
    Key(usize, usize),
    Text(String),
    Mouse(u8, u16, u16),
    Resize(u16, u16),
    Settle,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => (0..KEYS.len(), 0..4_usize).prop_map(|(binding, key)| Step::Key(binding, key)),
        2 => prop_oneof![Just("mqtt.qos == 1"), Just("v5"), Just("mqtt.topic =="), Just("温 \"")]
            .prop_map(|text| Step::Text(text.to_owned())),
        2 => (0..5_u8, 0..130_u16, 0..45_u16).prop_map(|(kind, x, y)| Step::Mouse(kind, x, y)),
        1 => (1..140_u16, 1..50_u16).prop_map(|(columns, lines)| Step::Resize(columns, lines)),
        2 => Just(Step::Settle),
    ]
}

fn take(stage: &mut Stage, step: &Step) {
    match step {
        Step::Key(binding, key) => {
            let keys = KEYS[*binding].keys;
            stage.press(keys[key % keys.len()]);
        }
        Step::Text(text) => stage.type_text(text),
        Step::Mouse(kind, x, y) => {
            let kind = match kind {
                0 => MouseEventKind::Down(MouseButton::Left),
                1 => MouseEventKind::Drag(MouseButton::Left),
                2 => MouseEventKind::Up(MouseButton::Left),
                3 => MouseEventKind::ScrollDown,
                _ => MouseEventKind::ScrollUp,
            };
            stage.mouse(kind, *x, *y);
        }
        Step::Resize(columns, lines) => stage.resize(*columns, *lines),
        Step::Settle => stage.settle(),
    }
}

fn check(stage: &Stage) -> Result<(), TestCaseError> {
    let app = &stage.inspector.app;
    let len = app.shown_len();
    prop_assert!(app.list.at < len.max(1), "the list's cursor is at {} of {len}", app.list.at);
    prop_assert!(app.list.top <= len.saturating_sub(1));
    prop_assert!(app.tree.at < app.visible.len().max(1));
    prop_assert!(app.tree.top <= app.visible.len().saturating_sub(1));
    let bytes = app.shown_bytes().len();
    prop_assert!(app.byte <= bytes, "the byte is {} of {bytes}", app.byte);
    prop_assert!(app.hex_top * app.grid().per_line <= bytes);
    prop_assert!(app.page(Pane::List) >= 1);
    if let Some(detail) = &app.detail {
        prop_assert_eq!(Some(detail.row), app.selected_row(), "the fields are the selected packet's");
        for &index in &app.visible {
            prop_assert!(index < detail.nodes.len());
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_keys_lead_out_of_the_screen(steps in prop::collection::vec(step(), 1..60)) {
        let mut stage = Stage::open_sized("mqttjs-v5.pcapng", (100, 30));
        for step in &steps {
            take(&mut stage, step);
            stage.text();
            check(&stage)?;
        }
    }
}
