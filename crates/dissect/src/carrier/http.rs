//! Requests and responses of an upgrade to WebSocket (RFC 9112, RFC 6455 §4).

use std::ops::Range;

use super::{Fact, FactValue};

/// Header fields that filters know, by Wireshark's names for them.
const KNOWN: [(&str, &str, &str); 15] = [
    ("host", "Host", "http.host"),
    ("upgrade", "Upgrade", "http.upgrade"),
    ("connection", "Connection", "http.connection"),
    ("origin", "Origin", "http.origin"),
    ("user-agent", "User-Agent", "http.user_agent"),
    ("location", "Location", "http.location"),
    ("server", "Server", "http.server"),
    ("authorization", "Authorization", "http.authorization"),
    ("cookie", "Cookie", "http.cookie"),
    ("set-cookie", "Set-Cookie", "http.set_cookie"),
    ("sec-websocket-key", "Sec-WebSocket-Key", "http.sec_websocket_key"),
    ("sec-websocket-accept", "Sec-WebSocket-Accept", "http.sec_websocket_accept"),
    ("sec-websocket-version", "Sec-WebSocket-Version", "http.sec_websocket_version"),
    ("sec-websocket-protocol", "Sec-WebSocket-Protocol", "http.sec_websocket_protocol"),
    ("sec-websocket-extensions", "Sec-WebSocket-Extensions", "http.sec_websocket_extensions"),
];

/// Header fields that let whoever has them in.
const SECRET: [&str; 3] = ["authorization", "cookie", "set-cookie"];

/// Parts of names, in a query or of a header field, whose values let whoever has them in: `?token=…`,
/// `?X-Amz-Signature=…`, `?sig=…`, `X-Api-Key: …`.
const SECRET_NAMES: [&str; 8] = ["token", "sig", "pass", "secret", "credential", "key", "auth", "jwt"];

pub(super) fn request(bytes: &[u8]) -> Vec<Fact> {
    let mut lines = lines(bytes);
    let Some(first) = lines.next() else { return Vec::new() };
    let mut words = words(bytes, first);
    let mut facts = Vec::new();
    if let Some(method) = words.next() {
        facts.push(text("Method", Some("http.request.method"), bytes, method));
    }
    if let Some(uri) = words.next() {
        let mut fact = text("Request URI", Some("http.request.uri"), bytes, uri.clone());
        fact.secret = has_secret(&bytes[uri]);
        facts.push(fact);
    }
    if let Some(version) = words.next() {
        facts.push(text("Version", Some("http.request.version"), bytes, version));
    }
    headers(bytes, lines, &mut facts);
    facts
}

pub(super) fn response(bytes: &[u8]) -> Vec<Fact> {
    let mut lines = lines(bytes);
    let Some(first) = lines.next() else { return Vec::new() };
    let end = first.end;
    let mut words = words(bytes, first);
    let mut facts = Vec::new();
    if let Some(version) = words.next() {
        facts.push(text("Version", Some("http.response.version"), bytes, version));
    }
    if let Some(code) = words.next() {
        let number = std::str::from_utf8(&bytes[code.clone()]).ok().and_then(|code| code.parse::<u16>().ok());
        if let Some(number) = number {
            facts.push(
                Fact::number("Status Code", "http.response.code", number, "").at(code.start, code.len()),
            );
        }
        let phrase = (code.end + 1).min(end)..end;
        facts.push(text("Reason Phrase", Some("http.response.phrase"), bytes, phrase));
    }
    headers(bytes, lines, &mut facts);
    facts
}

fn headers(bytes: &[u8], lines: impl Iterator<Item = Range<usize>>, facts: &mut Vec<Fact>) {
    for line in lines {
        let Some(colon) = bytes[line.clone()].iter().position(|&byte| byte == b':') else { continue };
        let name = &bytes[line.start..line.start + colon];
        let value = trim(bytes, line.start + colon + 1..line.end);
        let known = KNOWN.iter().find(|known| name.eq_ignore_ascii_case(known.0.as_bytes()));
        let (label, field) = known.map_or(("Header", None), |known| (known.1, Some(known.2)));
        let mut fact = match field {
            Some(_) => text(label, field, bytes, value.clone()),
            // one line of the tree, name and all
            None => text(label, None, bytes, line.clone()),
        };
        (fact.start, fact.len) = (line.start, line.len());
        fact.secret = SECRET.iter().any(|secret| name.eq_ignore_ascii_case(secret.as_bytes()))
            || field.is_none() && names_secret(&String::from_utf8_lossy(name).to_ascii_lowercase())
            || field == Some("http.location") && has_secret(&bytes[value.clone()]);
        if fact.secret && field.is_none() {
            fact.value = FactValue::Text(bytes[value].to_vec());
        }
        facts.push(fact);
    }
}

fn text(label: &'static str, field: Option<&'static str>, bytes: &[u8], place: Range<usize>) -> Fact {
    Fact::text(label, field, &bytes[place.clone()]).at(place.start, place.len())
}

/// The lines of a head, without their ends, up to the empty one; those before the first are passed over (RFC 9112 §2.2).
fn lines(bytes: &[u8]) -> impl Iterator<Item = Range<usize>> {
    let mut at = bytes.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
    std::iter::from_fn(move || {
        let len = bytes.get(at..)?.iter().position(|&byte| byte == b'\n')?;
        let line = trim(bytes, at..at + len);
        at += len + 1;
        (!line.is_empty()).then_some(line)
    })
}

fn words(bytes: &[u8], line: Range<usize>) -> impl Iterator<Item = Range<usize>> {
    let mut at = line.start;
    std::iter::from_fn(move || {
        let len = bytes[at..line.end].iter().position(|&byte| byte == b' ').unwrap_or(line.end - at);
        let word = at..at + len;
        at = (word.end + 1).min(line.end);
        (!word.is_empty()).then_some(word)
    })
}

fn trim(bytes: &[u8], place: Range<usize>) -> Range<usize> {
    let part = &bytes[place.clone()];
    let start = place.start + (part.len() - part.trim_ascii_start().len());
    start..start + part.trim_ascii().len()
}

fn has_secret(uri: &[u8]) -> bool {
    let uri = String::from_utf8_lossy(uri).to_ascii_lowercase();
    let Some((_, query)) = uri.split_once('?') else { return false };
    query.split('&').any(|pair| names_secret(pair.split('=').next().unwrap_or_default()))
}

fn names_secret(name: &str) -> bool {
    SECRET_NAMES.iter().any(|secret| name.contains(secret))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::annotate::Secrets;

    fn shown(facts: &[Fact]) -> Vec<(&'static str, String)> {
        facts.iter().map(|fact| (fact.label, fact.shown(Secrets::Redacted))).collect()
    }

    #[test]
    fn a_request_is_told_line_by_line_and_without_its_secrets() {
        let head = b"GET /mqtt?token=abc HTTP/1.1\r\nHost: b:8083\r\nAuthorization: Basic eDp5\r\nX-Any:  1 \r\n\r\n";
        let facts = request(head);
        assert_eq!(
            shown(&facts),
            [
                ("Method", "GET".to_owned()),
                ("Request URI", crate::annotate::REDACTED.to_owned()),
                ("Version", "HTTP/1.1".to_owned()),
                ("Host", "b:8083".to_owned()),
                ("Authorization", crate::annotate::REDACTED.to_owned()),
                ("Header", "X-Any:  1".to_owned()),
            ]
        );
        let host = &facts[3];
        assert_eq!(&head[host.start..host.start + host.len], b"Host: b:8083");
    }

    #[test]
    fn header_fields_that_name_a_secret_are_secret_also_behind_empty_lines() {
        let facts = request(b"\r\nGET /?sig=1 HTTP/1.1\r\nX-Api-Key: abc\r\nSec-WebSocket-Key: def\r\n\r\n");
        let secret: Vec<bool> = facts.iter().map(|fact| fact.secret).collect();
        assert_eq!(secret, [false, true, false, true, false]);
        assert_eq!((facts[3].start, facts[3].len), (24, 14));
    }

    #[test]
    fn a_response_is_told_with_its_code_as_a_number() {
        let facts = response(b"HTTP/1.1 401 Not for you\r\nServer: x\r\n\r\n");
        assert_eq!(facts[1].value, FactValue::Number(401, String::new()));
        assert_eq!(facts[2].shown(Secrets::Redacted), "Not for you");
        assert_eq!(facts[3].field, Some("http.server"));
    }

    #[test]
    fn heads_that_end_anywhere_do_no_harm() {
        let head = b"HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\n\r\n";
        for len in 0..head.len() {
            let _ = (response(&head[..len]), request(&head[..len]));
        }
    }
}
