//! The key table: what each key does, where, and the line of help about it. The help screen is this table.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use crate::inspector::{Action, Motion};

/// Where keys are pressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Context {
    /// A pane has the keys.
    Panes,
    /// The filter line has the keys; what is not in the table is typed.
    Filter,
    /// The search line has the keys; what is not in the table is typed.
    Search,
    /// A value or the help is read.
    Reader,
}

/// One line of the table.
pub(crate) struct Binding {
    pub(crate) context: Context,
    /// Alternatives; each is one key, or two pressed one after the other.
    pub(crate) keys: &'static [&'static str],
    pub(crate) action: Action,
    pub(crate) help: &'static str,
}

const fn bind(
    context: Context,
    keys: &'static [&'static str],
    action: Action,
    help: &'static str,
) -> Binding {
    Binding { context, keys, action, help }
}

use Context::{Filter, Panes, Reader, Search};

/// All keys.
pub(crate) const KEYS: &[Binding] = &[
    bind(Panes, &["j", "Down"], Action::Move(Motion::Down), "down"),
    bind(Panes, &["k", "Up"], Action::Move(Motion::Up), "up"),
    bind(
        Panes,
        &["h", "Left"],
        Action::Move(Motion::Left),
        "fold a field, or to the one around it; a byte left",
    ),
    bind(Panes, &["l", "Right"], Action::Move(Motion::Right), "unfold a field, or into it; a byte right"),
    bind(Panes, &["PgDn"], Action::Move(Motion::PageDown), "a page down"),
    bind(Panes, &["PgUp"], Action::Move(Motion::PageUp), "a page up"),
    bind(Panes, &["C-d"], Action::Move(Motion::HalfPageDown), "half a page down"),
    bind(Panes, &["C-u"], Action::Move(Motion::HalfPageUp), "half a page up"),
    bind(Panes, &["g g", "Home"], Action::Move(Motion::Top), "to the first"),
    bind(Panes, &["G", "End"], Action::Move(Motion::Bottom), "to the last; in a live capture, stay there"),
    bind(Panes, &["Tab"], Action::NextPane, "next pane"),
    bind(Panes, &["S-Tab"], Action::PreviousPane, "previous pane"),
    bind(
        Panes,
        &["Enter"],
        Action::Enter,
        "into the packet's fields; fold a group; read a field's value in full",
    ),
    bind(Panes, &["Esc"], Action::Back, "back: out of a single pane, to the list, out of the filter"),
    bind(Panes, &["q"], Action::Leave, "back as Esc; where there is nothing to go back from, quit"),
    bind(Panes, &["/"], Action::EditFilter, "display filter"),
    bind(
        Panes,
        &["C-f"],
        Action::EditSearch,
        "search topics, topic filters, client identifiers and payloads",
    ),
    bind(Panes, &["n"], Action::NextMatch, "next match of the search"),
    bind(Panes, &["N"], Action::PreviousMatch, "previous match of the search"),
    bind(Panes, &["a"], Action::FieldAsFilter, "filter by the selected field's value"),
    bind(Panes, &["x"], Action::FollowSession, "only this packet's connection; again: what was shown before"),
    bind(Panes, &["]"], Action::NextViolation, "next packet with a violation or an error"),
    bind(Panes, &["["], Action::PreviousViolation, "previous packet with a violation or an error"),
    bind(Panes, &["r"], Action::Exchange, "to the packet that answers this one, or that it answers"),
    bind(Panes, &["p"], Action::Pause, "pause and go on: packets are still captured meanwhile"),
    bind(Panes, &["A"], Action::Follow, "follow: select new packets as they come"),
    bind(
        Panes,
        &["t"],
        Action::TimeFormat,
        "time: since the start, since the packet above, time of day, date",
    ),
    bind(Panes, &["c"], Action::Copy, "copy the field's value, its bytes, or the packet to the clipboard"),
    bind(Panes, &["\\"], Action::Zoom, "this pane alone, and back"),
    bind(Panes, &["|"], Action::Layout, "fields and bytes beside each other or one above the other"),
    bind(Panes, &["+", "="], Action::Grow, "more room for this pane"),
    bind(Panes, &["-"], Action::Shrink, "less room for this pane"),
    bind(Panes, &["?", "F1"], Action::Help, "this help"),
    bind(Panes, &["C-z"], Action::Suspend, "stop the program, as in any shell"),
    bind(Panes, &["C-c"], Action::Interrupt, "stop reading or capturing; a second time quits"),
    bind(Filter, &["Enter"], Action::Accept, "apply the filter; an empty one shows all"),
    bind(Filter, &["Esc", "C-c"], Action::Cancel, "leave the filter as it was"),
    bind(Filter, &["Tab"], Action::Complete, "complete; again for the next candidate"),
    bind(Filter, &["S-Tab"], Action::CompleteBack, "the previous candidate"),
    bind(Filter, &["Up"], Action::EarlierLine, "the filter before"),
    bind(Filter, &["Down"], Action::LaterLine, "the filter after"),
    bind(Filter, &["C-u"], Action::ClearLine, "empty the line"),
    bind(Search, &["Enter"], Action::Accept, "to the next packet with the text, whatever its case"),
    bind(Search, &["Esc", "C-c"], Action::Cancel, "do not search"),
    bind(Search, &["Up"], Action::EarlierLine, "the text before"),
    bind(Search, &["Down"], Action::LaterLine, "the text after"),
    bind(Search, &["C-u"], Action::ClearLine, "empty the line"),
    bind(Reader, &["j", "Down"], Action::Move(Motion::Down), "down"),
    bind(Reader, &["k", "Up"], Action::Move(Motion::Up), "up"),
    bind(Reader, &["PgDn", "Space"], Action::Move(Motion::PageDown), "a page down"),
    bind(Reader, &["PgUp"], Action::Move(Motion::PageUp), "a page up"),
    bind(Reader, &["C-d"], Action::Move(Motion::HalfPageDown), "half a page down"),
    bind(Reader, &["C-u"], Action::Move(Motion::HalfPageUp), "half a page up"),
    bind(Reader, &["g g", "Home"], Action::Move(Motion::Top), "to the beginning"),
    bind(Reader, &["G", "End"], Action::Move(Motion::Bottom), "to the end"),
    bind(Reader, &["Esc", "q", "Enter", "?", "F1", "C-c"], Action::Back, "back"),
];

/// What a key press came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pressed {
    Action(Action),
    /// The first of two keys.
    Prefix(char),
    Nothing,
}

/// Looks a key up; `prefix` is the first of two keys, if one was pressed just before.
pub(crate) fn lookup(context: Context, prefix: Option<char>, key: KeyEvent) -> Pressed {
    let Some(name) = name(key) else { return Pressed::Nothing };
    let chord = prefix.map_or_else(|| name.clone(), |prefix| format!("{prefix} {name}"));
    let bindings = || KEYS.iter().filter(|binding| binding.context == context);
    if let Some(binding) = bindings().find(|binding| binding.keys.contains(&chord.as_str())) {
        return Pressed::Action(binding.action);
    }
    let starts = |keys: &&str| keys.split_once(' ').is_some_and(|(first, _)| first == name);
    match name.chars().next() {
        Some(first) if prefix.is_none() && bindings().any(|binding| binding.keys.iter().any(starts)) => {
            Pressed::Prefix(first)
        }
        _ => Pressed::Nothing,
    }
}

/// A key as the table writes it: `j`, `G`, `C-d`, `S-Tab`, `PgUp`, `F1`.
fn name(key: KeyEvent) -> Option<String> {
    let name = match key.code {
        KeyCode::Char(_) if key.modifiers.contains(KeyModifiers::ALT) => return None,
        KeyCode::Char(' ') => "Space".to_owned(),
        KeyCode::Char(c) if key.modifiers.contains(KeyModifiers::CONTROL) => return Some(format!("C-{c}")),
        KeyCode::Char(c) => c.to_string(),
        KeyCode::F(n) => format!("F{n}"),
        KeyCode::Up => "Up".to_owned(),
        KeyCode::Down => "Down".to_owned(),
        KeyCode::Left => "Left".to_owned(),
        KeyCode::Right => "Right".to_owned(),
        KeyCode::PageUp => "PgUp".to_owned(),
        KeyCode::PageDown => "PgDn".to_owned(),
        KeyCode::Home => "Home".to_owned(),
        KeyCode::End => "End".to_owned(),
        KeyCode::Enter => "Enter".to_owned(),
        KeyCode::Esc => "Esc".to_owned(),
        KeyCode::Tab => "Tab".to_owned(),
        KeyCode::BackTab => "S-Tab".to_owned(),
        _ => return None,
    };
    Some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn press(context: Context, prefix: Option<char>, code: KeyCode, modifiers: KeyModifiers) -> Pressed {
        lookup(context, prefix, KeyEvent::new(code, modifiers))
    }

    #[test]
    fn no_key_stands_twice_in_a_context() {
        for (index, binding) in KEYS.iter().enumerate() {
            for other in &KEYS[index + 1..] {
                let shared = binding.keys.iter().find(|key| other.keys.contains(key));
                assert!(binding.context != other.context || shared.is_none(), "{shared:?} stands twice");
            }
        }
    }

    #[test]
    fn two_keys_make_one_action() {
        let first = press(Context::Panes, None, KeyCode::Char('g'), KeyModifiers::NONE);
        assert_eq!(first, Pressed::Prefix('g'));
        let second = press(Context::Panes, Some('g'), KeyCode::Char('g'), KeyModifiers::NONE);
        assert_eq!(second, Pressed::Action(Action::Move(Motion::Top)));
        assert_eq!(
            press(Context::Panes, Some('g'), KeyCode::Char('x'), KeyModifiers::NONE),
            Pressed::Nothing
        );
    }

    #[test]
    fn the_same_key_differs_by_context_and_modifier() {
        let page = press(Context::Panes, None, KeyCode::Char('d'), KeyModifiers::CONTROL);
        assert_eq!(page, Pressed::Action(Action::Move(Motion::HalfPageDown)));
        assert_eq!(press(Context::Search, None, KeyCode::Char('q'), KeyModifiers::NONE), Pressed::Nothing);
        let shifted = press(Context::Panes, None, KeyCode::Char('G'), KeyModifiers::SHIFT);
        assert_eq!(shifted, Pressed::Action(Action::Move(Motion::Bottom)));
    }
}
