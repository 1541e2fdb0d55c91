//! Bytes as people have them at hand: hex from a log, a dump, a debugger or a program's source.

use std::fmt;

/// What is not a byte, and where.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct HexError {
    /// Counted from 1.
    line: usize,
    /// Counted from 1, in characters.
    column: usize,
    found: String,
    why: &'static str,
}

impl fmt::Display for HexError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "not hex at line {}, column {}: {} in `{}`; give pairs of hex digits such as `30 0a 00 04`, or --raw for bytes",
            self.line,
            self.column,
            self.why,
            self.found.escape_debug()
        )
    }
}

impl std::error::Error for HexError {}

/// Reads bytes from hex, forgiving spaces, commas, `0x`, `\x`, brackets and quotes, Node's `<Buffer 30 0a>`,
/// `//` comments, and the offsets and text columns of `hexdump -C`, `xxd`, `tcpdump -X` and Wireshark.
pub(crate) fn parse(text: &str) -> Result<Vec<u8>, HexError> {
    let mut bytes = Vec::with_capacity(text.len() / 2);
    let mut first_offset = None;
    for (index, line) in text.lines().enumerate() {
        let line = line.split("//").next().unwrap_or_default();
        if first_offset.is_some_and(|first| is_last_offset(line, first + bytes.len())) {
            break;
        }
        let body = match dump_body(line, first_offset, bytes.len()) {
            Some((offset, body)) => {
                first_offset.get_or_insert(offset.wrapping_sub(bytes.len()));
                body
            }
            None => line,
        };
        let start = body.as_ptr() as usize - line.as_ptr() as usize;
        parse_line(body, &mut bytes).map_err(|(at, found, why)| HexError {
            line: index + 1,
            column: line[..start + at].chars().count() + 1,
            found,
            why,
        })?;
    }
    Ok(bytes)
}

/// `hexdump` ends with a line that only counts the bytes.
fn is_last_offset(line: &str, end: usize) -> bool {
    line.trim().len() >= 7 && usize::from_str_radix(line.trim(), 16) == Ok(end)
}

/// The hex part of a line that a dump tool wrote, with its offset; `None` if the line is no such line.
///
/// An offset stands before a colon or two spaces and counts the bytes before it, so that a plain run of hex is
/// never taken for one.
fn dump_body(line: &str, first_offset: Option<usize>, so_far: usize) -> Option<(usize, &str)> {
    let line = line.trim_start();
    let digits = line.strip_prefix("0x").unwrap_or(line);
    let end = digits.find(|c: char| !c.is_ascii_hexdigit()).filter(|end| (4..=16).contains(end))?;
    let offset = usize::from_str_radix(&digits[..end], 16).ok()?;
    let rest = &digits[end..];
    let (body, colon) = match rest.strip_prefix(':') {
        Some(body) => (body, true),
        None => (rest.strip_prefix("  ")?, false),
    };
    match first_offset {
        Some(first) if offset != first.wrapping_add(so_far) => return None,
        None if !(colon || offset == 0) => return None,
        _ => {}
    }
    Some((offset, without_text_column(body.trim_start())))
}

/// Cuts the text column: after ` |` (`hexdump -C`), else after the first run of two spaces, unless that only parts
/// the two halves of sixteen bytes.
fn without_text_column(body: &str) -> &str {
    if let Some((hex, _)) = body.split_once(" |") {
        return hex;
    }
    let Some(gap) = body.find("  ") else { return body };
    let second = body[gap..].trim_start();
    let pairs = |text: &str| text.split(' ').all(|token| token.len() == 2 && is_hex(token));
    if body[..gap].split(' ').count() == 8 && pairs(&body[..gap]) {
        let second_len = second.find("  ").unwrap_or(second.len());
        if pairs(&second[..second_len]) {
            return &body[..body.len() - second.len() + second_len];
        }
    }
    &body[..gap]
}

fn is_hex(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Where in the line the trouble starts (bytes), the text that is wrong, and why.
type LineError = (usize, String, &'static str);

fn parse_line(line: &str, bytes: &mut Vec<u8>) -> Result<(), LineError> {
    let separator = |c: char| c.is_whitespace() || ",;:-[](){}<>\"'`".contains(c);
    let mut at = 0;
    for token in line.split(separator) {
        let start = at;
        at += token.len() + line[at + token.len()..].chars().next().map_or(0, char::len_utf8);
        if token.is_empty() || matches!(token, "Buffer" | "Buffer.from") {
            continue;
        }
        parse_token(token, bytes).map_err(|why| (start, token.to_owned(), why))?;
    }
    Ok(())
}

/// One run without spaces: `300a`, `0x30`, `\x30\x0a`.
fn parse_token(token: &str, bytes: &mut Vec<u8>) -> Result<(), &'static str> {
    for part in token.split("\\x").flat_map(|part| part.split("0x")).filter(|part| !part.is_empty()) {
        if !is_hex(part) {
            return Err("a character that is no hex digit");
        }
        // `0x3` is how C programs print a small byte
        if part.len() == 1 && token.starts_with("0x") {
            bytes.extend(u8::from_str_radix(part, 16));
            continue;
        }
        if part.len() % 2 != 0 {
            return Err("an odd number of hex digits");
        }
        let pairs = (0..part.len()).step_by(2);
        bytes.extend(pairs.filter_map(|at| u8::from_str_radix(&part[at..at + 2], 16).ok()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEST: &[u8] = &[0x30, 0x0a, 0, 4, 0x74, 0x65, 0x73, 0x74, 0x74, 0x65, 0x73, 0x74];

    #[test]
    fn hex_is_read_in_all_common_forms() {
        for text in [
            "300a00047465737474657374",
            "30 0a 00 04 74 65 73 74 74 65 73 74\n",
            "30:0A:00:04:74:65:73:74:74:65:73:74",
            "0x30, 0x0a, 0x0, 0x04, 0x74, 0x65, 0x73, 0x74, 0x74, 0x65, 0x73, 0x74",
            r"\x30\x0a\x00\x04\x74\x65\x73\x74\x74\x65\x73\x74",
            "0x300a00047465737474657374",
            "<Buffer 30 0a 00 04 74 65 73 74 74 65 73 74>",
            "[0x30, 0x0a, // Header\n 0x00, 0x04,\n 0x74, 0x65, 0x73, 0x74, 0x74, 0x65, 0x73, 0x74]",
            // xxd, hexdump -C, tcpdump -X, Wireshark
            "00000000: 300a 0004 7465 7374 7465 7374            0...testtest",
            "00000000  30 0a 00 04 74 65 73 74  74 65 73 74              |0...testtest|\n0000000c",
            "\t0x0000:  300a 0004 7465 7374 7465 7374            0...testtest",
            "0000  30 0a 00 04 74 65 73 74 74 65 73 74               0...testtest",
            "0000   30 0a 00 04 74 65 73 74\n0008   74 65 73 74",
        ] {
            assert_eq!(parse(text).as_deref(), Ok(TEST), "{text}");
        }
    }

    #[test]
    fn text_that_looks_like_hex_is_cut_with_its_column() {
        let text = "00000000: 3004 0002 6162 6364                      0..abcd\n00000008: c000                                     ..";
        assert_eq!(parse(text).as_deref(), Ok(&[0x30, 4, 0, 2, 0x61, 0x62, 0x63, 0x64, 0xc0, 0][..]));
    }

    #[test]
    fn what_is_no_hex_is_named_with_its_place() {
        let error = parse("30 0a\n00 0g").unwrap_err();
        assert_eq!((error.line, error.column, error.found.as_str()), (2, 4, "0g"));
        assert_eq!(parse("300").unwrap_err().why, "an odd number of hex digits");
    }
}
