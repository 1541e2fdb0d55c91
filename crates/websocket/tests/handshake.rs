//! Requests and responses as clients and servers write them.

use mqscope_websocket::handshake::{
    HandshakeError, MAX_HEAD_LEN, MAX_HEADERS, Part, RefusedUpgrade, Request, Response, Upgrade,
};
use mqscope_websocket::{Deflate, ExtensionError, Offer};

const REQUEST: &[u8] = b"GET /mqtt?x=1 HTTP/1.1\r\nHost: broker:8083\r\nUpgrade: WebSocket\r\n\
    Connection: keep-alive, Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Protocol: mqtt, mqttv3.1\r\nsec-websocket-protocol: x\r\n\
    Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n";
const RESPONSE: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\
    sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nsec-websocket-protocol: mqtt\r\n\
    sec-websocket-extensions: permessage-deflate; server_no_context_takeover; client_max_window_bits=10\r\n\r\n";

#[test]
fn a_browser_s_request_is_read() {
    let bytes = [REQUEST, b"\x82\x80"].concat();
    let (request, len) = Request::parse(&bytes).unwrap().unwrap();
    assert_eq!(len, REQUEST.len());
    assert_eq!((request.method(), request.path(), request.version()), ("GET", "/mqtt?x=1", 1));
    assert!(request.is_upgrade());
    assert_eq!(request.key(), Some(&b"dGhlIHNhbXBsZSBub25jZQ=="[..]));
    assert_eq!(request.header("host"), Some(&b"broker:8083"[..]));
    assert!(request.protocols().eq([&b"mqtt"[..], b"mqttv3.1", b"x"]));
    let offers: Vec<_> = request.deflate_offers().collect();
    assert_eq!(offers, [Ok(Offer { client_max_window_bits: Some(None), ..Offer::default() })]);
    let mut names = request.headers().iter().map(|(name, _)| name);
    assert_eq!((names.next(), names.count()), (Some(&b"Host"[..]), 7));
}

#[test]
fn a_server_s_response_is_read_and_fits_the_request() {
    let (response, len) = Response::parse(RESPONSE).unwrap().unwrap();
    assert_eq!(len, RESPONSE.len());
    assert_eq!((response.version(), response.status(), response.reason()), (1, 101, "Switching Protocols"));
    assert!(response.is_upgrade());
    assert!(response.protocols().eq([&b"mqtt"[..]]));
    let deflate =
        Deflate { server_no_context_takeover: true, client_max_window_bits: 10, ..Deflate::default() };
    assert_eq!(response.deflate(), Ok(Some(deflate)));
    let (request, _) = Request::parse(REQUEST).unwrap().unwrap();
    assert!(response.accepts(&request));
    let other = String::from_utf8_lossy(REQUEST).replace("dGhl", "dGhm");
    assert!(!response.accepts(&Request::parse(other.as_bytes()).unwrap().unwrap().0));
}

#[test]
fn every_prefix_of_a_head_needs_more() {
    for len in 0..REQUEST.len() {
        assert_eq!(Request::parse(&REQUEST[..len]), Ok(None), "{len}");
    }
    for len in 0..RESPONSE.len() {
        assert_eq!(Response::parse(&RESPONSE[..len]), Ok(None), "{len}");
    }
}

#[test]
fn what_does_not_upgrade_is_told_from_what_does() {
    for (from, to) in [
        ("GET", "POST"),
        ("HTTP/1.1", "HTTP/1.0"),
        ("Upgrade: WebSocket", "Upgrade: h2c"),
        ("keep-alive, Upgrade", "keep-alive"),
    ] {
        let text = String::from_utf8_lossy(REQUEST).replace(from, to);
        assert!(!Request::parse(text.as_bytes()).unwrap().unwrap().0.is_upgrade(), "{to}");
    }
    let text = String::from_utf8_lossy(RESPONSE).replace("101", "200");
    assert!(!Response::parse(text.as_bytes()).unwrap().unwrap().0.is_upgrade());
}

#[test]
fn what_is_no_head_is_refused() {
    assert_eq!(Request::parse(b"\x10\x0c\0\x04MQTT"), Err(HandshakeError::Malformed(Part::RequestLine)));
    assert_eq!(Request::parse(b"GET / HTTP/2.0\r\n"), Err(HandshakeError::Malformed(Part::Version)));
    assert_eq!(Response::parse(b"HTTP/1.1 1x1 \r\n"), Err(HandshakeError::Malformed(Part::Status)));
    assert_eq!(
        Request::parse(b"GET / HTTP/1.1\r\na b: c\r\n\r\n"),
        Err(HandshakeError::Malformed(Part::HeaderName))
    );
}

#[test]
fn heads_without_end_are_refused() {
    let mut many = b"GET / HTTP/1.1\r\n".to_vec();
    many.extend(b"a: b\r\n".repeat(MAX_HEADERS));
    assert!(Request::parse(&[&many, &b"\r\n"[..]].concat()).unwrap().is_some());
    many.extend(b"a: b\r\n\r\n");
    assert_eq!(Request::parse(&many), Err(HandshakeError::TooManyHeaders));
    let mut long = b"HTTP/1.1 101 x\r\na: ".to_vec();
    long.resize(MAX_HEAD_LEN - 1, b'a');
    assert_eq!(Response::parse(&long), Ok(None));
    long.push(b'a');
    assert_eq!(Response::parse(&long), Err(HandshakeError::TooLong));
}

fn upgrade() -> Upgrade<'static> {
    Upgrade {
        host: "broker:8083",
        path: "/mqtt",
        protocols: &["mqtt"],
        headers: &[("Origin", "https://example.org")],
        key: *b"the sample nonce",
        deflate: Some(Offer { client_max_window_bits: Some(Some(12)), ..Offer::default() }),
    }
}

#[test]
fn a_client_s_request_is_read_back() {
    let mut bytes = Vec::new();
    upgrade().write(&mut bytes).unwrap();
    let (request, len) = Request::parse(&bytes).unwrap().unwrap();
    assert_eq!((len, request.path(), request.is_upgrade()), (bytes.len(), "/mqtt", true));
    assert_eq!(request.header("Sec-WebSocket-Version"), Some(&b"13"[..]));
    assert_eq!(request.header("Origin"), Some(&b"https://example.org"[..]));
    assert_eq!(request.key(), Some(&b"dGhlIHNhbXBsZSBub25jZQ=="[..]));
    assert!(request.protocols().eq([&b"mqtt"[..]]));
    assert!(request.deflate_offers().eq([Ok(upgrade().deflate.unwrap())]));
    let (response, _) = Response::parse(RESPONSE).unwrap().unwrap();
    assert_eq!(upgrade().check(&response), Ok(response.deflate().unwrap()));
}

#[test]
fn a_client_refuses_what_it_did_not_ask_for() {
    use RefusedUpgrade::*;
    for (from, to, refused) in [
        ("101 Switching Protocols", "403 Forbidden", Status { status: 403, reason: "Forbidden".into() }),
        ("upgrade: websocket", "upgrade: h2c", NotUpgraded),
        (
            "s3pP",
            "S3pP",
            Accept {
                found: "S3pPLMBiTxaQ9kYGzzhZRbK+xOo=".into(),
                expected: "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=".into(),
            },
        ),
        ("protocol: mqtt", "protocol: soap", Protocol("soap".into())),
        ("permessage-deflate;", "x-frame;", Extension(ExtensionError::NotOffered("x-frame".into()))),
        (
            "client_max_window_bits=10",
            "client_max_window_bits=13",
            Extension(ExtensionError::Wider {
                parameter: "client_max_window_bits",
                offered: 12,
                answered: 13,
            }),
        ),
    ] {
        let text = String::from_utf8_lossy(RESPONSE).replace(from, to);
        let (response, _) = Response::parse(text.as_bytes()).unwrap().unwrap();
        assert_eq!(upgrade().check(&response), Err(refused), "{to}");
    }
    let (response, _) = Response::parse(RESPONSE).unwrap().unwrap();
    let without = Upgrade { deflate: None, ..upgrade() };
    assert_eq!(
        without.check(&response),
        Err(Extension(ExtensionError::NotOffered("permessage-deflate".into())))
    );
}

#[test]
fn no_part_can_smuggle_a_line() {
    for (bad, part, character) in [
        (Upgrade { host: "a\r\nb", ..upgrade() }, "host", '\r'),
        (Upgrade { path: "/a b", ..upgrade() }, "path", ' '),
        (Upgrade { protocols: &["mqtt", "a\n"], ..upgrade() }, "subprotocol", '\n'),
        (Upgrade { headers: &[("a:", "b")], ..upgrade() }, "header name", ':'),
        (Upgrade { headers: &[("a", "b\r\nc: d")], ..upgrade() }, "header value", '\r'),
    ] {
        let mut out = Vec::new();
        assert_eq!(bad.write(&mut out), Err(HandshakeError::Unwritable { part, character }));
        assert!(out.is_empty());
    }
}
