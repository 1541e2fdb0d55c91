//! What a connection carries, told from its first bytes.

use mqscope_stream::tls::{self, starts_like_tls};
use mqscope_websocket::handshake::{self, Request, Response, starts_like_http};
use mqscope_websocket::{Header, Sender};
use mqscope_wire::{Version, frame};

use crate::lane::Piece;
use crate::resync::{Before, Context, Hint, Search, Segments, may_continue};

/// What the first bytes of a client show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Recognised {
    Mqtt,
    /// A request, which may ask for WebSocket.
    Http,
    Tls,
    /// WebSocket frames without the handshake that should go before them.
    Frames,
    /// A header of the PROXY protocol, so many bytes long, that a load balancer put before what the client sent.
    Proxy {
        len: usize,
    },
    NotYet,
    Other,
}

/// Whose bytes are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    Tcp,
    Tls,
    WebSocket,
}

/// What a client that begins with `bytes` speaks.
pub(crate) fn recognise(bytes: &[u8], level: Level) -> Recognised {
    if bytes.is_empty() {
        return Recognised::NotYet;
    }
    let mut answers = [connect(bytes), Recognised::Other, Recognised::Other, Recognised::Other];
    if level < Level::WebSocket {
        answers[1] = match starts_like_http(bytes, Sender::Client) {
            handshake::Likeness::Yes => Recognised::Http,
            handshake::Likeness::NotYet => Recognised::NotYet,
            handshake::Likeness::No => Recognised::Other,
        };
    }
    if level == Level::Tcp {
        answers[2] = match starts_like_tls(bytes) {
            tls::Likeness::Yes => Recognised::Tls,
            tls::Likeness::NotYet => Recognised::NotYet,
            tls::Likeness::No => Recognised::Other,
        };
        answers[3] = proxy(bytes);
    }
    let decided = answers.iter().find(|answer| !matches!(answer, Recognised::NotYet | Recognised::Other));
    let open = if answers.contains(&Recognised::NotYet) { Recognised::NotYet } else { Recognised::Other };
    *decided.unwrap_or(&open)
}

/// What one direction looks like of a connection whose beginning is not there: its first bytes, and the segments they
/// came in; `None` if more of them are needed.
pub(crate) fn recognise_midstream<'a>(
    bytes: &[u8],
    segments: impl Iterator<Item = &'a [u8]>,
) -> Option<Midstream> {
    /// So many segments in a row that are made of a client's frames, and of records; senders write whole ones.
    const IN_A_ROW: u32 = 2;
    /// After so many without that, it is something else.
    const SEGMENTS: usize = 6;

    // The other direction's beginning may be all that is missing.
    if let Some(half) = half_of_upgrade(bytes) {
        return Some(half);
    }
    let (mut client, mut records, mut seen) = (0, 0, 0);
    for segment in segments.take(SEGMENTS) {
        seen += 1;
        client = if is_frames(segment, Sender::Client, |_| true) { client + 1 } else { 0 };
        records = if tls::looks_like_records(segment) == tls::Likeness::Yes { records + 1 } else { 0 };
        if client == IN_A_ROW {
            return Some(Midstream::ClientFrames);
        }
        if records == IN_A_ROW {
            return Some(Midstream::Records);
        }
        // A SUBSCRIBE of its own is hard to tell from a server's frame: what that carries has to be a packet.
        let is_packet =
            |payload: &[u8]| may_continue(payload, Version::V311) || may_continue(payload, Version::V5);
        if is_frames(segment, Sender::Server, is_packet) {
            return Some(Midstream::ServerFrames);
        }
    }
    (seen == SEGMENTS).then_some(Midstream::Other)
}

/// What is sent in the middle of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Midstream {
    ClientFrames,
    ServerFrames,
    /// An HTTP head that is not whole, and may ask for a WebSocket or grant it.
    Head,
    /// TLS, which nobody can decrypt without its hello.
    Records,
    Other,
}

/// What a direction sends that begins with a request for a WebSocket or with the answer to one.
fn half_of_upgrade(bytes: &[u8]) -> Option<Midstream> {
    let is_http = |sender| starts_like_http(bytes, sender) != handshake::Likeness::No;
    if bytes.is_empty() {
        None
    } else if is_http(Sender::Client) {
        match Request::parse(bytes) {
            Ok(None) => Some(Midstream::Head),
            Ok(Some((request, _))) => request.is_upgrade().then_some(Midstream::ClientFrames),
            Err(_) => None,
        }
    } else if is_http(Sender::Server) {
        match Response::parse(bytes) {
            Ok(None) => Some(Midstream::Head),
            Ok(Some((response, _))) => response.is_upgrade().then_some(Midstream::ServerFrames),
            Err(_) => None,
        }
    } else {
        None
    }
}

/// Whether a search finds packets in what came, piece by piece.
pub(crate) fn has_packets<'a>(pieces: impl Iterator<Item = Piece<'a>>, hint: Hint) -> bool {
    let mut search = Search::after(Before::Loss);
    let mut segments = Segments::default();
    pieces.into_iter().any(|piece| {
        segments.came(piece.bytes.len());
        let context = Context { hint, segments, waiting: &|_| None };
        search.push(piece, true, context).is_some()
    })
}

/// Whether `segment` is whole WebSocket frames of `sender` and nothing else, with such payloads.
fn is_frames(segment: &[u8], sender: Sender, has: impl Fn(&[u8]) -> bool) -> bool {
    let mut rest = segment;
    let mut has_payload = false;
    while !rest.is_empty() {
        let Some(header) = Header::parse(rest).filter(|header| header.is_sound(sender, true)) else {
            return false;
        };
        let start = usize::from(header.header_len);
        let Some(end) = usize::try_from(header.payload_len).ok().and_then(|len| start.checked_add(len))
        else {
            return false;
        };
        let Some(payload) = rest.get(start..end) else { return false };
        if !header.opcode.is_control() && !payload.is_empty() {
            if !has(payload) && !header.rsv1 {
                return false;
            }
            has_payload = true;
        }
        rest = &rest[end..];
    }
    has_payload
}

/// What a server that begins with `bytes` speaks, where its client's half is not there.
pub(crate) fn recognise_server(bytes: &[u8]) -> Recognised {
    if bytes.starts_with(b"HTTP/1.1 101") {
        return Recognised::Http;
    }
    // a CONNACK's second byte: 2 up to 3.1.1, a few more with properties
    match bytes {
        [0x20, len, 0 | 1, ..] if *len >= 2 => Recognised::Mqtt,
        _ => Recognised::Other,
    }
}

/// MQTT: its CONNECT names the protocol.
fn connect(bytes: &[u8]) -> Recognised {
    const CONNECT: u8 = 1;
    if bytes.first().is_some_and(|first| first >> 4 != CONNECT) {
        return Recognised::Other;
    }
    let header = match frame::next(bytes) {
        Ok(Some(header)) => header,
        Ok(None) => return Recognised::NotYet,
        Err(_) => return Recognised::Other,
    };
    let name = &bytes[usize::from(header.header_len)..];
    let names: [&[u8]; 2] = [b"\0\x04MQTT", b"\0\x06MQIsdp"];
    if names.iter().any(|known| name.starts_with(known)) {
        Recognised::Mqtt
    } else if names.iter().any(|known| known.starts_with(name)) {
        Recognised::NotYet
    } else {
        Recognised::Other
    }
}

/// The PROXY protocol, version 1 (a line of text, at most 107 bytes) or 2 (binary, after twelve fixed bytes).
fn proxy(bytes: &[u8]) -> Recognised {
    const V1: &[u8] = b"PROXY ";
    const V1_LONGEST: usize = 107;
    const V2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
    const V2_FIXED: usize = 16;

    if V1.starts_with(bytes) || V2.starts_with(bytes) {
        return Recognised::NotYet;
    }
    if bytes.starts_with(V1) {
        let line = &bytes[..bytes.len().min(V1_LONGEST)];
        return match line.windows(2).position(|pair| pair == b"\r\n") {
            Some(at) => Recognised::Proxy { len: at + 2 },
            None if bytes.len() < V1_LONGEST => Recognised::NotYet,
            None => Recognised::Other,
        };
    }
    if bytes.starts_with(V2) {
        let Some(&[high, low]) = bytes.get(14..V2_FIXED).and_then(|len| len.first_chunk()) else {
            return Recognised::NotYet;
        };
        let len = V2_FIXED + usize::from(u16::from_be_bytes([high, low]));
        return if len <= bytes.len() { Recognised::Proxy { len } } else { Recognised::NotYet };
    }
    Recognised::Other
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connect_is_recognised_as_soon_as_its_name_is_there() {
        let connect = *b"\x10\x0c\0\x04MQTT\x04\x02\0\x3c\0\0";
        for level in [Level::Tcp, Level::Tls, Level::WebSocket] {
            for len in 0..8 {
                assert_eq!(recognise(&connect[..len], level), Recognised::NotYet, "{len}");
            }
            assert_eq!(recognise(&connect[..8], level), Recognised::Mqtt);
            assert_eq!(recognise(b"\x10\x94\x02\0\x06MQIsdp\x03", level), Recognised::Mqtt);
        }
    }

    #[test]
    fn what_carries_mqtt_is_recognised_where_it_may_stand() {
        let get = b"GET /mqtt HTTP/1.1\r\n";
        assert_eq!(recognise(get, Level::Tcp), Recognised::Http);
        assert_eq!(recognise(get, Level::Tls), Recognised::Http);
        assert_eq!(recognise(get, Level::WebSocket), Recognised::Other);
        assert_eq!(recognise(b"GE", Level::Tcp), Recognised::NotYet);
        let hello = b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03";
        assert_eq!(recognise(hello, Level::Tcp), Recognised::Tls);
        assert_eq!(recognise(hello, Level::Tls), Recognised::Other);
        for other in [&b"\x10\x0c\0\x04MQTX"[..], b"\x10\xff\xff\xff\xff", b"SSH-2.0-x", b"\0\0\0\0"] {
            assert_eq!(recognise(other, Level::Tcp), Recognised::Other, "{other:x?}");
        }
    }

    #[test]
    fn a_proxy_header_ends_where_it_says() {
        let v1 = b"PROXY TCP4 192.0.2.1 192.0.2.2 56324 1883\r\n\x10\x0c";
        for len in 1..43 {
            assert_eq!(recognise(&v1[..len], Level::Tcp), Recognised::NotYet, "{len}");
        }
        assert_eq!(recognise(v1, Level::Tcp), Recognised::Proxy { len: 43 });
        let v2 = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x01\xc0\0\x02\x02\xdc\x04\x07\x5b\x10";
        for len in 1..28 {
            assert_eq!(recognise(&v2[..len], Level::Tcp), Recognised::NotYet, "{len}");
        }
        assert_eq!(recognise(v2, Level::Tcp), Recognised::Proxy { len: 28 });
        let endless = [b"PROXY ".as_slice(), &[b'x'; 200]].concat();
        assert_eq!(recognise(&endless, Level::Tcp), Recognised::Other);
    }
}
