//! Colours by role. The sixteen terminal colours only, told apart also by those who see red and green alike; with
//! `NO_COLOR` the roles differ by weight alone.

use ratatui::style::{Color, Modifier, Style};

/// What a piece of screen is, from which its style follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Text,
    Muted,
    Title,
    /// The border and title of the pane that has the keys.
    Focused,
    Selected,
    /// The selection of a pane that has not the keys.
    SelectedElsewhere,
    FilterValid,
    FilterInvalid,
    Status,
    Live,
    Error,
    Violation,
    /// A guess: an inferred version, a resynchronised stream.
    Inferred,
    Key,
    /// The n-th field of a packet, for its bytes and its label alike.
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
const FIELDS: [Color; 6] =
    [Color::Cyan, Color::Yellow, Color::LightBlue, Color::LightMagenta, Color::LightCyan, Color::LightYellow];

impl Theme {
    /// With colours, unless the user wants none.
    pub(crate) fn new(color: bool) -> Self {
        Self { color }
    }

    pub(crate) fn style(self, role: Role) -> Style {
        let plain = Style::new();
        let modifier = match role {
            Role::Title | Role::Focused | Role::Key => Modifier::BOLD,
            Role::Selected | Role::Status => Modifier::REVERSED,
            Role::SelectedElsewhere => Modifier::UNDERLINED,
            Role::Error | Role::Violation => Modifier::BOLD,
            Role::Inferred => Modifier::ITALIC,
            _ => Modifier::empty(),
        };
        let plain = plain.add_modifier(modifier);
        if !self.color {
            return match role {
                Role::Muted => plain.add_modifier(Modifier::DIM),
                Role::FilterInvalid => plain.add_modifier(Modifier::UNDERLINED),
                _ => plain,
            };
        }
        match role {
            Role::Text | Role::Selected | Role::Title => plain,
            Role::Muted | Role::Ping => plain.fg(Color::DarkGray),
            Role::Focused => plain.fg(Color::LightBlue),
            Role::SelectedElsewhere => Style::new().bg(Color::DarkGray).fg(Color::White),
            Role::FilterValid => plain.fg(Color::Black).bg(Color::LightGreen),
            Role::FilterInvalid => plain.fg(Color::White).bg(Color::Red),
            Role::Status => plain,
            Role::Live => plain.fg(Color::LightGreen),
            Role::Error => plain.fg(Color::White).bg(Color::Red),
            Role::Violation => plain.fg(Color::LightRed),
            Role::Inferred => plain.fg(Color::Yellow),
            Role::Key => plain.fg(Color::LightYellow),
            Role::Field(n) => plain.fg(FIELDS[n % FIELDS.len()]),
            Role::Session => plain.fg(Color::LightYellow),
            Role::Publish => plain.fg(Color::LightCyan),
            Role::Acknowledgement => plain.fg(Color::Cyan),
            Role::Subscription => plain.fg(Color::LightMagenta),
        }
    }
}
