//! Text from the wire made safe for people's terminals and logs.

use std::fmt::Write as _;

/// Appends bytes from the wire as text: what is valid UTF-8 and printable as it is, all else escaped, so that no
/// terminal takes it for a command and no line of text turns around.
///
/// Backslashes are doubled so that an escape cannot be mistaken for text. Escaped are C0 and C1 controls, DEL, the
/// Unicode controls of direction (U+061C, U+200E, U+200F, U+202A to U+202E, U+2066 to U+2069), line and paragraph
/// separators, the byte order mark, and bytes that are no UTF-8 (`\xff`).
pub fn push_text(bytes: &[u8], out: &mut String) {
    if let Ok(text) = std::str::from_utf8(bytes)
        && is_plain(bytes)
        && !text.contains('\\')
    {
        return out.push_str(text);
    }
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            push_char(c, out);
        }
        for byte in chunk.invalid() {
            let _ = write!(out, "\\x{byte:02x}");
        }
    }
}

/// The text of [`push_text`] by itself.
#[must_use]
pub fn text(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    push_text(bytes, &mut out);
    out
}

/// At most `most` characters of the text, then `…`.
#[must_use]
pub fn excerpt(bytes: &[u8], most: usize) -> String {
    // a character has at most four bytes; one more tells whether anything was cut
    let head = &bytes[..bytes.len().min((most + 1) * 4)];
    let escaped = text(head);
    match escaped.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &escaped[..end]),
        None if head.len() < bytes.len() => format!("{escaped}…"),
        None => escaped,
    }
}

/// Whether all bytes are printable ASCII: most text is, and then nothing needs a closer look.
#[inline]
#[must_use]
pub fn is_plain(bytes: &[u8]) -> bool {
    // Without a way out of the inner loop, eight and more bytes are looked at together.
    let odd = |bytes: &[u8]| bytes.iter().fold(false, |odd, byte| odd | !matches!(byte, b' '..=b'~'));
    bytes.chunks(64).all(|chunk| !odd(chunk))
}

/// Whether a character does something else to a terminal than to stand there.
#[must_use]
pub const fn is_unsafe(c: char) -> bool {
    matches!(c,
        '\0'..='\x1f'
        | '\x7f'..='\u{9f}'
        | '\u{61c}'
        | '\u{200e}'
        | '\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2066}'..='\u{2069}'
        | '\u{feff}')
}

fn push_char(c: char, out: &mut String) {
    match c {
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        '\\' => out.push_str("\\\\"),
        '\0'..='\u{ff}' if is_unsafe(c) => {
            let _ = write!(out, "\\x{:02x}", c as u32);
        }
        _ if is_unsafe(c) => {
            let _ = write!(out, "\\u{{{:x}}}", c as u32);
        }
        _ => out.push(c),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_from_the_wire_reaches_the_terminal_as_a_command() {
        assert_eq!(text(b"\x1b]0;owned\x07"), r"\x1b]0;owned\x07");
        assert_eq!(text("\u{9b}31m".as_bytes()), r"\x9b31m");
        assert_eq!(text("a\u{202e}b".as_bytes()), r"a\u{202e}b");
        assert_eq!(text(b"a\xff\\x00"), r"a\xff\\x00");
    }

    #[test]
    fn text_of_all_languages_stays_readable() {
        assert_eq!(text("température/温度 🌡".as_bytes()), "température/温度 🌡");
    }

    #[test]
    fn an_excerpt_says_that_it_is_one() {
        assert_eq!(excerpt(b"abcdef", 3), "abc…");
        assert_eq!(excerpt(b"abc", 3), "abc");
        assert_eq!(excerpt("ééééé".as_bytes(), 4), "éééé…");
    }
}
