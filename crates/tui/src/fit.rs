//! Text cut to a width in columns, and put on the screen.

use std::borrow::Cow;

use ratatui::{buffer::Buffer, layout::Rect, style::Style};
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// The text, or as much of it as leaves room for `…`.
pub(crate) fn cut(text: &str, width: usize) -> Cow<'_, str> {
    // no character is wider than its bytes are many
    if text.len() <= width || text.width() <= width {
        return Cow::Borrowed(text);
    }
    let mut room = width.saturating_sub(1);
    let mut end = 0;
    for c in text.chars() {
        let columns = c.width().unwrap_or(0);
        if columns > room {
            break;
        }
        room -= columns;
        end += c.len_utf8();
    }
    Cow::Owned(format!("{}{}", &text[..end], if width > 0 { "…" } else { "" }))
}

/// The end of the text, as much of it as leaves room for `…`: for paths, whose end tells most.
pub(crate) fn cut_front(text: &str, width: usize) -> Cow<'_, str> {
    if text.width() <= width {
        return Cow::Borrowed(text);
    }
    let mut room = width.saturating_sub(1);
    let mut start = text.len();
    for c in text.chars().rev() {
        let columns = c.width().unwrap_or(0);
        if columns > room {
            break;
        }
        room -= columns;
        start -= c.len_utf8();
    }
    Cow::Owned(format!("{}{}", if width > 0 { "…" } else { "" }, &text[start..]))
}

/// Puts text at a column of a line, cut to the line's end; gives back the column after it.
pub(crate) fn put(buffer: &mut Buffer, line: Rect, column: u16, text: &str, style: Style) -> u16 {
    let room = line.width.saturating_sub(column);
    if room == 0 || line.height == 0 {
        return column;
    }
    let text = cut(text, usize::from(room));
    let (x, _) = buffer.set_stringn(line.x + column, line.y, text, usize::from(room), style);
    x - line.x
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_cut_by_columns_not_by_characters() {
        assert_eq!(cut("abc", 3), "abc");
        assert_eq!(cut("abcdef", 4), "abc…");
        assert_eq!(cut("温度計", 6), "温度計");
        assert_eq!(cut("温度計", 5), "温度…");
        assert_eq!(cut("温度計", 4), "温…");
        assert_eq!(cut("abc", 0), "");
    }

    #[test]
    fn a_path_keeps_its_end() {
        assert_eq!(cut_front("/var/captures/plant.pcapng", 13), "…plant.pcapng");
        assert_eq!(cut_front("plant.pcapng", 13), "plant.pcapng");
    }
}
