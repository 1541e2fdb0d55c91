//! What requests and responses have in common.

use crate::Sender;

/// Whether bytes begin an HTTP head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Likeness {
    /// They do.
    Yes,
    /// They may: there are too few of them.
    NotYet,
    /// They do not.
    No,
}

const METHODS: [&[u8]; 9] =
    [b"GET ", b"POST ", b"PUT ", b"HEAD ", b"DELETE ", b"CONNECT ", b"OPTIONS ", b"TRACE ", b"PATCH "];

/// Tells by a direction's first bytes whether they are an HTTP/1 head: a client's request with one of the methods of
/// RFC 9110 §9 or PATCH, or a server's response. Eight bytes always tell.
pub fn starts_like_http(bytes: &[u8], sender: Sender) -> Likeness {
    let beginnings: &[&[u8]] = match sender {
        Sender::Client => &METHODS,
        Sender::Server => &[b"HTTP/1."],
    };
    if beginnings.iter().any(|beginning| bytes.starts_with(beginning)) {
        Likeness::Yes
    } else if beginnings.iter().any(|beginning| beginning.starts_with(bytes)) {
        Likeness::NotYet
    } else {
        Likeness::No
    }
}

/// The headers of a head, in the order of the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Headers<'a>(Vec<(&'a [u8], &'a [u8])>);

impl<'a> Headers<'a> {
    pub(super) fn new(parsed: &[httparse::Header<'a>]) -> Self {
        Self(parsed.iter().map(|header| (header.name.as_bytes(), header.value)).collect())
    }

    /// Name and value of each.
    pub fn iter(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> + '_ {
        self.0.iter().copied()
    }

    /// The value of the first one with that name, in any case.
    pub fn get(&self, name: &str) -> Option<&'a [u8]> {
        self.all(name).next()
    }

    /// The values of all with that name, in any case.
    pub fn all<'h>(&'h self, name: &'h str) -> impl Iterator<Item = &'a [u8]> + 'h {
        self.iter().filter(|(found, _)| found.eq_ignore_ascii_case(name.as_bytes())).map(|(_, value)| value)
    }

    /// The tokens of a header that is a comma-separated list, over all its lines.
    pub fn tokens<'h>(&'h self, name: &'h str) -> impl Iterator<Item = &'a [u8]> + 'h {
        self.all(name).flat_map(Tokens)
    }

    /// Whether the head asks for, or grants, `websocket` (RFC 6455 §4.2.1, items 3 and 4).
    pub(super) fn upgrade_to_websocket(&self) -> bool {
        let has = |name, token: &[u8]| self.tokens(name).any(|found| found.eq_ignore_ascii_case(token));
        has("Upgrade", b"websocket") && has("Connection", b"upgrade")
    }
}

/// The tokens of a comma-separated list, trimmed; empty ones are left out.
#[derive(Clone, Debug)]
pub struct Tokens<'a>(pub &'a [u8]);

impl<'a> Iterator for Tokens<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        while !self.0.is_empty() {
            let end = self.0.iter().position(|byte| *byte == b',').unwrap_or(self.0.len());
            let token = self.0[..end].trim_ascii();
            self.0 = self.0.get(end + 1..).unwrap_or_default();
            if !token.is_empty() {
                return Some(token);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_bytes_tell_http_from_mqtt_and_tls() {
        for (bytes, sender, likeness) in [
            (&b""[..], Sender::Client, Likeness::NotYet),
            (b"G", Sender::Client, Likeness::NotYet),
            (b"P", Sender::Client, Likeness::NotYet),
            (b"GET", Sender::Client, Likeness::NotYet),
            (b"GET ", Sender::Client, Likeness::Yes),
            (b"OPTIONS * HTTP/1.1", Sender::Client, Likeness::Yes),
            (b"GETS ", Sender::Client, Likeness::No),
            (b"get ", Sender::Client, Likeness::No),
            (b"\x10\x0c\x00\x04MQTT", Sender::Client, Likeness::No),
            (b"\x16\x03\x01", Sender::Client, Likeness::No),
            (b"HTTP/1", Sender::Server, Likeness::NotYet),
            (b"HTTP/1.1 101", Sender::Server, Likeness::Yes),
            (b"HTTP/2", Sender::Server, Likeness::No),
            (b"GET ", Sender::Server, Likeness::No),
        ] {
            assert_eq!(starts_like_http(bytes, sender), likeness, "{bytes:?}");
        }
        for first in 0..=255u8 {
            assert_ne!(starts_like_http(&[first; 8], Sender::Client), Likeness::NotYet);
        }
    }

    #[test]
    fn lists_are_split_at_commas_and_trimmed() {
        let tokens: Vec<_> = Tokens(b" keep-alive ,, Upgrade,\tx").collect();
        assert_eq!(tokens, [&b"keep-alive"[..], b"Upgrade", b"x"]);
    }
}
