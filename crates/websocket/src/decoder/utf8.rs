//! UTF-8 that comes in pieces.

use std::str::from_utf8;

/// Whether what was pushed so far is valid UTF-8.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Utf8 {
    /// The beginning of a character whose end has not come.
    begun: [u8; 4],
    len: u8,
    bad: bool,
}

impl Utf8 {
    pub(super) fn push(&mut self, mut bytes: &[u8]) {
        while self.len > 0 && !self.bad {
            let [first, rest @ ..] = bytes else { return };
            // No beginning is longer than three bytes: with a fourth it is a character or an error.
            self.begun[usize::from(self.len)] = *first;
            self.len += 1;
            bytes = rest;
            match from_utf8(&self.begun[..usize::from(self.len)]) {
                Ok(_) => self.len = 0,
                Err(error) => self.bad = error.error_len().is_some(),
            }
        }
        if self.bad {
            return;
        }
        if let Err(error) = from_utf8(bytes) {
            self.bad = error.error_len().is_some();
            if !self.bad {
                let begun = &bytes[error.valid_up_to()..];
                self.begun[..begun.len()].copy_from_slice(begun);
                self.len = begun.len() as u8;
            }
        }
    }

    /// Whether all of it was valid, if nothing follows.
    pub(super) fn is_whole(&self) -> bool {
        !self.bad && self.len == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_do_not_matter() {
        for text in [
            &b"plain"[..],
            "κόσμε \u{10ffff} €".as_bytes(),
            b"\xed\xa0\x80",
            b"\xf4\x90\x80\x80",
            b"ab\xc3",
            b"\xe2\x82",
            b"\xf0\x9f\x98\x80\x80",
        ] {
            for first in 0..=text.len() {
                for second in first..=text.len() {
                    let mut utf8 = Utf8::default();
                    for piece in [&text[..first], &text[first..second], &text[second..]] {
                        utf8.push(piece);
                    }
                    assert_eq!(
                        utf8.is_whole(),
                        from_utf8(text).is_ok(),
                        "{text:x?} cut at {first}, {second}"
                    );
                }
            }
        }
    }
}
