//! Colours by role. Only the sixteen colours that every terminal has and its owner chose, so that they stand out from
//! the background, dark or light; nothing is told by red against green alone, and with `NO_COLOR` the roles differ by
//! weight, underlining and reversal.

use ratatui::style::{Color, Modifier, Style};

/// What a piece of screen is, from which its style follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Text,
    Muted,
    Title,
    /// The border and title of the pane that has the keys.
    Focused,
    /// The selected line of the pane that has the keys, the byte under the cursor.
    Selected,
    /// The selection of a pane that has not the keys.
    SelectedElsewhere,
    FilterValid,
    FilterInvalid,
    /// Candidates under the filter line.
    Menu,
    Status,
    Message,
    Live,
    Paused,
    Error,
    Violation,
    /// A guess: an inferred version, a resynchronised stream.
    Inferred,
    Key,
    Value,
    /// The n-th field of a packet.
    Field(usize),
    Session,
    Publish,
    Acknowledgement,
    Subscription,
    Ping,
}

/// The theme: with colours or without.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Theme {
    color: bool,
}

/// Neighbouring fields differ in hue and lightness.
const FIELDS: [Color; 4] = [Color::Cyan, Color::Yellow, Color::LightBlue, Color::Magenta];

impl Theme {
    /// With colours, unless the user wants none.
    pub(crate) fn new(color: bool) -> Self {
        Self { color }
    }

    pub(crate) fn style(self, role: Role) -> Style {
        let style = Style::new().add_modifier(weight(role));
        if self.color { paint(style, role) } else { style }
    }
}

fn weight(role: Role) -> Modifier {
    match role {
        Role::Title | Role::Focused | Role::Key | Role::Message => Modifier::BOLD,
        Role::Error => Modifier::BOLD.union(Modifier::REVERSED),
        Role::Violation | Role::Paused | Role::Live => Modifier::BOLD,
        Role::Selected | Role::Status => Modifier::REVERSED,
        Role::SelectedElsewhere | Role::FilterInvalid => Modifier::UNDERLINED,
        Role::Inferred => Modifier::ITALIC,
        Role::Muted => Modifier::DIM,
        _ => Modifier::empty(),
    }
}

fn paint(style: Style, role: Role) -> Style {
    match role {
        Role::Text | Role::Title | Role::Muted | Role::Ping => style,
        // a bar of one colour, whatever stood there
        Role::Selected => Style::new()
            .fg(Color::Reset)
            .bg(Color::Reset)
            .remove_modifier(Modifier::all())
            .add_modifier(Modifier::REVERSED),
        Role::SelectedElsewhere => {
            Style::new().fg(Color::White).bg(Color::DarkGray).remove_modifier(Modifier::all())
        }
        Role::Focused => style.fg(Color::LightBlue),
        Role::FilterValid => style.fg(Color::Black).bg(Color::LightGreen),
        Role::FilterInvalid => style.fg(Color::White).bg(Color::Red).remove_modifier(Modifier::UNDERLINED),
        Role::Menu => style.fg(Color::White).bg(Color::DarkGray),
        Role::Status | Role::Message => style,
        Role::Live => style.fg(Color::Green),
        Role::Paused => style.fg(Color::Yellow),
        Role::Error => style.remove_modifier(Modifier::REVERSED).fg(Color::White).bg(Color::Red),
        Role::Violation => style.fg(Color::LightRed),
        Role::Inferred => style.fg(Color::Yellow),
        Role::Key => style.fg(Color::LightBlue),
        Role::Value => style.fg(Color::Cyan),
        Role::Field(n) => style.fg(FIELDS[n % FIELDS.len()]),
        Role::Session => style.fg(Color::Yellow),
        Role::Publish => style.fg(Color::Cyan),
        Role::Acknowledgement => style.fg(Color::LightBlue),
        Role::Subscription => style.fg(Color::Magenta),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_colours_what_matters_still_stands_out() {
        let theme = Theme::new(false);
        let roles = [Role::Text, Role::Muted, Role::Selected, Role::SelectedElsewhere, Role::Error];
        for (index, role) in roles.into_iter().enumerate() {
            let style = theme.style(role);
            assert_eq!((style.fg, style.bg), (None, None), "{role:?} has a colour");
            for other in &roles[index + 1..] {
                assert_ne!(style, theme.style(*other), "{role:?} looks like {other:?}");
            }
        }
    }
}
