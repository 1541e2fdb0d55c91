//! Standard output: buffered, coloured only where somebody looks, and a closed pipe is no error.

use std::io::{self, BufWriter, IsTerminal as _, StdoutLock, Write as _};

use mqscope_dissect::print::{Canvas, Ink};

use crate::args::Color;

/// Whether standard output gets colours: as asked, else on a terminal unless `NO_COLOR` is set.
pub(crate) fn wants_color(color: Color) -> bool {
    wants_color_on(color, io::stdout().is_terminal())
}

/// The same for standard error.
pub(crate) fn wants_color_on_stderr(color: Color) -> bool {
    wants_color_on(color, io::stderr().is_terminal())
}

fn wants_color_on(color: Color, is_terminal: bool) -> bool {
    match color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => is_terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()),
    }
}

/// Whether the terminal's locale is one of UTF-8.
pub(crate) fn speaks_unicode() -> bool {
    let set = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    let locale = set("LC_ALL").or_else(|| set("LC_CTYPE")).or_else(|| set("LANG")).unwrap_or_default();
    let locale = locale.to_ascii_lowercase();
    locale.contains("utf-8") || locale.contains("utf8")
}

/// Standard output behind a buffer of 64 KiB.
pub(crate) fn stdout() -> BufWriter<StdoutLock<'static>> {
    BufWriter::with_capacity(64 * 1024, io::stdout().lock())
}

/// Writes all of `text` and flushes.
pub(crate) fn print(text: &[u8]) -> io::Result<()> {
    let mut out = stdout();
    out.write_all(text)?;
    out.flush()
}

/// How many columns the terminal has.
pub(crate) fn terminal_columns() -> Option<usize> {
    crossterm::terminal::size().ok().map(|(columns, _)| usize::from(columns))
}

/// Output with colours: sixteen of them, told apart also without seeing red and green.
pub(crate) struct Paint<'a>(pub(crate) &'a mut Vec<u8>);

impl Canvas for Paint<'_> {
    fn put(&mut self, ink: Ink, text: &str) {
        let code = match ink {
            Ink::Plain => "",
            Ink::Faint => "\x1b[90m",
            Ink::Place => "\x1b[34m",
            Ink::Kind => "\x1b[1m",
            Ink::Topic => "\x1b[36m",
            Ink::Bytes => "\x1b[33m",
            Ink::Name => "\x1b[1m",
            Ink::Value => "\x1b[36m",
            Ink::Clause => "\x1b[90m",
            Ink::Warning => "\x1b[1;35m",
            Ink::Error => "\x1b[1;31m",
        };
        self.0.extend_from_slice(code.as_bytes());
        self.0.extend_from_slice(text.as_bytes());
        if !code.is_empty() {
            self.0.extend_from_slice(b"\x1b[0m");
        }
    }
}
