//! What is no TLS, and what is recognised as TLS.

use mqscope_stream::tls::{Likeness, looks_like_records, starts_like_tls};

use super::recorded::recording;
use super::*;

#[test]
fn a_client_hello_is_known_by_six_bytes() {
    let hello = recording!("cbc-sha1").stream(Forward);
    assert_eq!(starts_like_tls(&hello), Likeness::Yes);
    for len in 0..6 {
        assert_eq!(starts_like_tls(&hello[..len]), Likeness::NotYet, "{len} bytes");
    }
    // an MQTT CONNECT, an HTTP upgrade, a ServerHello, and a SUBSCRIBE acknowledgement's neighbour
    let server = recording!("cbc-sha1").stream(Reverse);
    for other in
        [&b"\x10\x0c\x00\x04MQTT\x04\x02"[..], b"GET /mqtt HTTP/1.1\r\n", &server, &[0x16, 3, 1, 0, 2, 1]]
    {
        assert_eq!(starts_like_tls(other), Likeness::No, "{other:02x?}");
    }
    assert_eq!(starts_like_tls(&[0x10]), Likeness::No);
}

#[test]
fn records_amid_a_stream_are_known_by_their_chain() {
    let record = [&[0x17, 3, 3, 0, 30][..], &[0xaa; 30]].concat();
    let two = [&record[..], &record].concat();
    assert_eq!(looks_like_records(&record), Likeness::Yes);
    assert_eq!(looks_like_records(&two), Likeness::Yes);
    assert_eq!(looks_like_records(&two[..40]), Likeness::Yes);
    assert_eq!(looks_like_records(&two[..38]), Likeness::NotYet);
    assert_eq!(looks_like_records(&record[..20]), Likeness::NotYet);
    assert_eq!(looks_like_records(&[&record[..], b"hello"].concat()), Likeness::No);
    assert_eq!(looks_like_records(&record[1..]), Likeness::No);
    assert_eq!(looks_like_records(&[]), Likeness::NotYet);
}

#[test]
fn what_is_no_tls_stops_the_direction_once() {
    let (keys, mut session, mut seen) = (KeyLog::default(), Session::new(), Seen::default());
    session.push(Forward, b"GET / HTTP/1.1\r\n", &keys, &mut seen);
    session.push(Forward, b"\r\n", &keys, &mut seen);
    assert_eq!(seen.notes(Forward), ["fault: no TLS record: type 71"]);
    session.push(Reverse, &[0x16, 3, 3, 0x48, 1], &keys, &mut seen);
    assert_eq!(seen.notes(Reverse), ["fault: TLS record too long: 18433 bytes of at most 18432"]);
}

#[test]
fn a_hello_that_cannot_be_read_stops_the_direction() {
    let (keys, mut session, mut seen) = (KeyLog::default(), Session::new(), Seen::default());
    session.push(Forward, &[0x16, 3, 1, 0, 6, 1, 0, 0, 2, 3, 3], &keys, &mut seen);
    assert_eq!(seen.notes(Forward), ["fault: malformed TLS hello"]);
}

#[test]
fn a_connection_seen_from_its_midst_on_cannot_be_decrypted() {
    let recording = recording!("tls13-ccm");
    let (keys, mut session, mut seen) = (recording.key_log(), Session::new(), Seen::default());
    for (direction, bytes) in &recording.passed[3..] {
        session.push(*direction, bytes, &keys, &mut seen);
    }
    for direction in [Forward, Reverse] {
        assert_eq!(seen.notes(direction), ["undecrypted: the TLS handshake is not in the capture"]);
    }
    assert!(session.client_random().is_none() && session.client().is_none());
    assert!(session.undecrypted(Forward) >= 2);
}

#[test]
fn a_server_that_nobody_said_hello_to_is_given_up() {
    let recording = recording!("tls13-ccm");
    let (keys, mut session, mut seen) = (recording.key_log(), Session::new(), Seen::default());
    session.push(Reverse, &recording.stream(Reverse), &keys, &mut seen);
    assert_eq!(seen, Seen::default(), "the client's bytes may come late");
    session.finish(&keys, &mut seen);
    assert_eq!(seen.notes(Reverse)[1..], ["undecrypted: the TLS handshake is not in the capture"]);

    let (mut session, mut seen) = (Session::new(), Seen::default());
    session.push(Reverse, &recording.stream(Reverse), &keys, &mut seen);
    let record = [&[0x17, 3, 3, 0x40, 0][..], &[0xaa; 0x4000]].concat();
    for _ in 0..17 {
        session.push(Reverse, &record, &keys, &mut seen);
    }
    assert!(seen.noted(Reverse, "undecrypted"), "nothing waits for more than 256 KiB");
}

#[test]
fn an_alert_in_the_clear_is_read() {
    let recording = recording!("cbc-sha1");
    let (keys, mut session, mut seen) = (KeyLog::default(), Session::new(), Seen::default());
    session.push(Forward, &recording.passed[0].1, &keys, &mut seen);
    session.push(Reverse, &[0x15, 3, 3, 0, 2, 2, 40], &keys, &mut seen);
    assert_eq!(seen.notes(Reverse), ["alert fatal handshake_failure"]);
}
