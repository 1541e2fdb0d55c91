//! One line a packet, for people: when, who, which way, what.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr as _};

use super::{Canvas, Ink};
use crate::annotate::Secrets;
use crate::{PacketView, RowFlags, Side, escape, summary, time};

/// How lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct TextStyle {
    /// Columns of the terminal, to which lines are cut. `None`: as long as they are.
    pub width: Option<usize>,
    /// Whether passwords are shown.
    pub secrets: Secrets,
}

/// Writes packets as lines; columns grow with what they hold and never shrink.
#[derive(Debug, Default)]
pub struct TextLines {
    style: TextStyle,
    /// Widths so far: number, time, client.
    widths: [usize; 3],
    info: String,
}

/// Characters of a client identifier.
const CLIENT_CHARS: usize = 32;
/// What the columns begin with, so that most captures need no more.
const WIDTHS: [usize; 3] = [4, 8, 12];

impl TextLines {
    /// A writer of this style.
    #[must_use]
    pub fn new(style: TextStyle) -> Self {
        Self { style, widths: WIDTHS, info: String::new() }
    }

    /// Appends the packet's line: `   12 0.021435 dev-1        → PUBLISH     fleet/7 (q1, m4) 64 bytes {"t":20.5}`.
    ///
    /// The arrow points away from the client where the client sends. A `!` marks broken rules, a `✗` what is
    /// malformed, a `?` what is inferred.
    pub fn push(&mut self, packet: &PacketView<'_>, canvas: &mut impl Canvas) {
        let client = match packet.flow.client_id() {
            Some(id) if !id.is_empty() => escape::excerpt(id, CLIENT_CHARS),
            _ => packet.flow.address(Side::Client).to_string(),
        };
        let since = time::seconds(packet.time() - packet.start);
        let number = packet.frame().to_string();
        for (width, text) in self.widths.iter_mut().zip([&number, &since, &client]) {
            *width = text.width().max(*width);
        }
        let [number_width, time_width, client_width] = self.widths;
        let arrow = match packet.side {
            Side::Client => "→",
            Side::Server => "←",
        };
        let (sign, ink) = sign(packet);
        self.info.clear();
        summary::push(packet, self.style.secrets, &mut self.info);
        let mut line = Line { canvas, room: self.style.width.unwrap_or(usize::MAX) };
        line.put(Ink::Faint, &format!("{number:>number_width$} {since:>time_width$} "));
        line.put(Ink::Place, &client);
        line.put(Ink::Plain, &" ".repeat(client_width - client.width() + 1));
        line.put(Ink::Faint, arrow);
        line.put(ink, sign);
        let kind = packet.row.kind().name();
        if self.info.is_empty() {
            line.put(Ink::Kind, kind);
        } else {
            line.put(Ink::Kind, &format!("{kind:<11} "));
            line.put(Ink::Plain, &self.info);
        }
        canvas.put(Ink::Plain, "\n");
    }
}

fn sign(packet: &PacketView<'_>) -> (&'static str, Ink) {
    let flags = packet.row.flags;
    if flags.contains(RowFlags::ERROR) {
        ("✗", Ink::Error)
    } else if flags.contains(RowFlags::VIOLATION) || !packet.findings.is_empty() {
        ("!", Ink::Warning)
    } else if flags.contains(RowFlags::INFERRED) {
        ("?", Ink::Warning)
    } else {
        (" ", Ink::Plain)
    }
}

/// A line that ends where the terminal does.
struct Line<'c, C> {
    canvas: &'c mut C,
    /// Columns left.
    room: usize,
}

impl<C: Canvas> Line<'_, C> {
    fn put(&mut self, ink: Ink, text: &str) {
        let width = text.width();
        if width <= self.room {
            self.room -= width;
            return self.canvas.put(ink, text);
        }
        let mut end = 0;
        for (at, c) in text.char_indices() {
            let columns = c.width().unwrap_or(0);
            if columns > self.room {
                break;
            }
            self.room -= columns;
            end = at + c.len_utf8();
        }
        self.room = 0;
        self.canvas.put(ink, &text[..end]);
    }
}
