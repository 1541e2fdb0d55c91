//! One value in full, wrapped: what the tree has no room for.

use ratatui::{
    buffer::Buffer,
    layout::Rect,
    widgets::{Block, Clear, Widget as _},
};
use unicode_width::UnicodeWidthChar as _;

use mqscope_dissect::{escape, payload};

use crate::{
    fit::put,
    theme::{Role, Theme},
};

/// Bytes of a value that are laid out.
const MOST_BYTES: usize = 256 * 1024;

/// A value that is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reader {
    pub(crate) title: String,
    /// Free of control characters; not wrapped.
    pub(crate) text: Vec<String>,
    /// The text in lines of the width it was wrapped to.
    wrapped: Vec<String>,
    pub(crate) top: usize,
}

impl Reader {
    /// Lays out a field's bytes: JSON with a line a member, other text as it is. `None` if they are no text.
    pub(crate) fn of_bytes(label: &str, bytes: &[u8]) -> Option<Self> {
        let (text, what, is_cut) = match payload::pretty_json(bytes, MOST_BYTES) {
            Some(layout) => (layout.text, ", JSON", layout.is_cut),
            None => {
                let head = &bytes[..bytes.len().min(MOST_BYTES)];
                let text = match std::str::from_utf8(head) {
                    Ok(text) => text,
                    Err(error) if error.error_len().is_none() && head.len() < bytes.len() => {
                        std::str::from_utf8(&head[..error.valid_up_to()]).ok()?
                    }
                    Err(_) => return None,
                };
                (text.to_owned(), "", head.len() < bytes.len())
            }
        };
        let cut = if is_cut { format!(", the first {} KiB", MOST_BYTES >> 10) } else { String::new() };
        let title = format!("{label}: {} bytes{what}{cut}", bytes.len());
        let lines = text.split('\n').map(|line| {
            let mut escaped = String::with_capacity(line.len());
            for (nth, part) in line.split('\t').enumerate() {
                escaped.push_str(if nth > 0 { "    " } else { "" });
                escaped.push_str(&plain(part));
            }
            escaped
        });
        Some(Self { title, text: lines.collect(), wrapped: Vec::new(), top: 0 })
    }

    /// A value that is at hand as text.
    pub(crate) fn of_text(label: &str, value: &str) -> Self {
        Self { title: label.to_owned(), text: vec![value.to_owned()], wrapped: Vec::new(), top: 0 }
    }

    /// Wraps the text for a screen of this size, and scrolls to `top`.
    pub(crate) fn fit(&mut self, size: (u16, u16), top: usize) {
        let width = usize::from(size.0).saturating_sub(4).max(1);
        self.wrapped = self.text.iter().flat_map(|line| wrap(line, width)).collect();
        self.top = top.min(self.wrapped.len().saturating_sub(Self::page(size)));
    }

    /// Lines on a screen of this size.
    pub(crate) fn page(size: (u16, u16)) -> usize {
        usize::from(size.1).saturating_sub(2).max(1)
    }

    pub(crate) fn lines(&self) -> usize {
        self.wrapped.len()
    }

    pub(crate) fn draw(&self, theme: Theme, area: Rect, buffer: &mut Buffer) {
        Clear.render(area, buffer);
        let block = Block::bordered().border_style(theme.style(Role::Muted));
        let inside = block.inner(area);
        block.render(area, buffer);
        let heading = Rect { x: area.x + 1, width: area.width.saturating_sub(2), height: 1, ..area };
        put(buffer, heading, 0, &format!(" {} ", self.title), theme.style(Role::Focused));
        let shown = self.wrapped.iter().skip(self.top).take(usize::from(inside.height));
        for (y, line) in shown.enumerate() {
            let row = Rect { y: inside.y + y as u16, height: 1, ..inside };
            put(buffer, row, 1, line, theme.style(Role::Text));
        }
    }
}

/// Text with what terminals obey escaped; unlike in one-line values, backslashes stand for themselves.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if escape::is_unsafe(c) {
            escape::push_text(c.encode_utf8(&mut [0; 4]).as_bytes(), &mut out);
        } else {
            out.push(c);
        }
    }
    out
}

/// The lines of a text that is wrapped at `width` columns, at a space where there is one in the last third.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut rest = text;
    loop {
        let mut columns = 0;
        let over = rest.char_indices().find(|(_, c)| {
            columns += c.width().unwrap_or(0);
            columns > width
        });
        let Some((end, _)) = over else {
            lines.push(rest.to_owned());
            return lines;
        };
        // one character at least, however narrow the screen
        let end = end.max(rest.chars().next().map_or(1, char::len_utf8));
        let space = rest[..end].rfind(' ').filter(|&space| space > end * 2 / 3);
        let (line, after) = space.map_or((end, end), |space| (space, space + 1));
        lines.push(rest[..line].to_owned());
        rest = &rest[after..];
        if rest.is_empty() {
            return lines;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_are_wrapped_at_spaces_where_they_can() {
        assert_eq!(wrap("aaaa bbbb cccc", 11), ["aaaa bbbb", "cccc"]);
        assert_eq!(wrap("温度計温度計", 5), ["温度", "計温", "度計"]);
        assert_eq!(wrap("", 5), [""]);
        assert_eq!(wrap("温度", 1), ["温", "度"]);
    }

    #[test]
    fn json_is_laid_out_and_what_terminals_obey_is_escaped() {
        let reader = Reader::of_bytes("Payload", br#"{"a":[1,2],"b":"c"}"#).expect("text");
        assert_eq!(reader.title, "Payload: 19 bytes, JSON");
        assert!(reader.text.len() > 4, "{:?}", reader.text);
        let reader = Reader::of_bytes("Payload", b"a\\b\x1b[31m\tc\nd").expect("text");
        assert_eq!(reader.text, [r"a\b\x1b[31m    c", "d"]);
        assert_eq!(Reader::of_bytes("Payload", b"\xff"), None);
    }
}
