//! The PROXY protocol (versions 1 and 2): who the client really is, told by the load balancer before it.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::Fact;

pub(super) fn header(bytes: &[u8]) -> Vec<Fact> {
    if bytes.starts_with(b"PROXY ") { text(bytes) } else { binary(bytes).unwrap_or_default() }
}

/// `PROXY TCP4 192.0.2.1 192.0.2.2 56324 1883`.
fn text(bytes: &[u8]) -> Vec<Fact> {
    const LABELS: [(&str, &str); 5] = [
        ("Protocol", "proxy.v1.proto"),
        ("Source", "proxy.src"),
        ("Destination", "proxy.dst"),
        ("Source Port", "proxy.srcport"),
        ("Destination Port", "proxy.dstport"),
    ];
    let mut facts = vec![Fact::number("Version", "proxy.version", 1_u8, "").at(0, 5)];
    let mut at = 6;
    for (label, field) in LABELS {
        let rest = bytes.get(at..).unwrap_or_default();
        let len = rest.iter().position(|byte| byte.is_ascii_whitespace()).unwrap_or(rest.len());
        if len == 0 {
            break;
        }
        let word = &rest[..len];
        let number = std::str::from_utf8(word).ok().and_then(|word| word.parse::<u16>().ok());
        let fact = match number.filter(|_| field.ends_with("port")) {
            Some(number) => Fact::number(label, field, number, ""),
            None => Fact::text(label, field, word),
        };
        facts.push(fact.at(at, len));
        at += len + 1;
    }
    facts
}

/// Twelve fixed bytes, version and command, family, length, addresses, then what may follow them.
fn binary(bytes: &[u8]) -> Option<Vec<Fact>> {
    let (&command, &family) = (bytes.get(12)?, bytes.get(13)?);
    let name = match command & 0xf {
        0 => "LOCAL",
        1 => "PROXY",
        _ => "unknown",
    };
    let mut facts = vec![
        Fact::number("Version", "proxy.version", command >> 4, "").at(12, 1).bits(0xf0),
        Fact::number("Command", "proxy.v2.cmd", command & 0xf, name).at(12, 1).bits(0x0f),
        Fact::number("Address Family", "proxy.v2.addr_family", family >> 4, "").at(13, 1).bits(0xf0),
    ];
    let len = match family >> 4 {
        1 => 4,
        2 => 16,
        _ => return Some(facts),
    };
    let ports = 16 + 2 * len;
    for (label, field, at) in [("Source", "proxy.src", 16), ("Destination", "proxy.dst", 16 + len)] {
        let text = bytes.get(at..at + len).and_then(address);
        facts.extend(text.map(|text| Fact::text(label, field, text).at(at, len)));
    }
    for (label, field, at) in
        [("Source Port", "proxy.srcport", ports), ("Destination Port", "proxy.dstport", ports + 2)]
    {
        let port = bytes.get(at..at + 2).and_then(|port| port.first_chunk());
        facts.extend(port.map(|port| Fact::number(label, field, u16::from_be_bytes(*port), "").at(at, 2)));
    }
    Some(facts)
}

/// An IPv4 or IPv6 address, by its length.
fn address(bytes: &[u8]) -> Option<String> {
    if let Ok(bytes) = <[u8; 4]>::try_from(bytes) {
        return Some(Ipv4Addr::from(bytes).to_string());
    }
    Some(Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::annotate::Secrets;

    #[test]
    fn both_versions_tell_who_connects_to_whom() {
        let v2 = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x01\xc0\0\x02\x02\xdc\x04\x07\x5b";
        for bytes in [&b"PROXY TCP4 192.0.2.1 192.0.2.2 56324 1883\r\n"[..], v2] {
            let facts = header(bytes);
            let shown = |field| {
                let fact = facts.iter().find(|fact| fact.field == Some(field)).expect(field);
                fact.shown(Secrets::Redacted)
            };
            assert_eq!(shown("proxy.src"), "192.0.2.1");
            assert_eq!(shown("proxy.dst"), "192.0.2.2");
            assert_eq!(shown("proxy.srcport"), "56324");
            assert_eq!(shown("proxy.dstport"), "1883");
            for len in 0..bytes.len() {
                let _ = header(&bytes[..len]);
            }
        }
    }
}
