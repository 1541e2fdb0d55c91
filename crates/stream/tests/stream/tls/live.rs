//! Connections of rustls.

use rustls::SupportedCipherSuite;
use rustls::crypto::ring::cipher_suite as suite;
use rustls::version::{TLS12, TLS13};

use super::pair::{Ends, Pair};
use super::*;

fn talk(pair: &mut Pair) {
    pair.say(Forward, b"connect");
    pair.say(Reverse, b"connack");
    pair.say(Forward, &[b'x'; 40_000]);
    pair.say(Reverse, b"puback");
}

fn assert_talk(seen: &Seen) {
    assert_eq!(seen.text(Forward), format!("connect{}", "x".repeat(40_000)), "{:?}", seen.notes);
    assert_eq!(seen.text(Reverse), "connackpuback", "{:?}", seen.notes);
    assert!(!seen.noted(Forward, "undecrypted") && !seen.noted(Reverse, "undecrypted"), "{:?}", seen.notes);
    assert_eq!(seen.holes, [[], []]);
}

#[test]
fn every_suite_of_rustls() {
    let tls12: [SupportedCipherSuite; 3] = [
        suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
        suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
        suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
    ];
    let tls13: [SupportedCipherSuite; 3] = [
        suite::TLS13_AES_128_GCM_SHA256,
        suite::TLS13_AES_256_GCM_SHA384,
        suite::TLS13_CHACHA20_POLY1305_SHA256,
    ];
    for (version, suites, name) in [(&TLS12, tls12, "TLS 1.2"), (&TLS13, tls13, "TLS 1.3")] {
        for suite in suites {
            let mut pair = Ends::new(version, suite).connect();
            talk(&mut pair);
            let seen = pair.recording().read();
            assert_talk(&seen);
            let hello = seen.notes(Reverse)[0];
            let suite = format!("{:?}", suite.suite()).replace("TLS13_", "TLS_");
            assert!(hello.starts_with(&format!("server hello {name} {suite}")), "{hello}");
            // both sides have one
            let certificate = "certificate 1 rcgen self signed cert broker.test";
            assert!(seen.noted(Forward, certificate) && seen.noted(Reverse, certificate), "{seen:?}");
        }
    }
}

#[test]
fn a_hello_retry_request() {
    let mut pair = Ends::with_retry(suite::TLS13_AES_128_GCM_SHA256).connect();
    talk(&mut pair);
    let seen = pair.recording().read();
    assert_talk(&seen);
    assert_eq!(seen.notes(Forward).iter().filter(|note| note.starts_with("client hello")).count(), 2);
    assert!(seen.noted(Reverse, "retry hello") && seen.noted(Reverse, "server hello"), "{:?}", seen.notes);
}

#[test]
fn resumed_sessions_say_so() {
    for (version, suite) in
        [(&TLS12, suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256), (&TLS13, suite::TLS13_AES_128_GCM_SHA256)]
    {
        let ends = Ends::new(version, suite);
        let mut pair = ends.connect();
        talk(&mut pair);
        assert!(!pair.recording().read().notes(Reverse)[0].contains("resumed"));
        let mut pair = ends.connect();
        talk(&mut pair);
        let seen = pair.recording().read();
        assert_talk(&seen);
        assert!(seen.notes(Reverse)[0].contains("resumed"), "{seen:?}");
        assert!(!seen.noted(Reverse, "certificate"));
    }
}

#[test]
fn keys_are_updated_again_and_again() {
    let mut pair = Ends::new(&TLS13, suite::TLS13_AES_256_GCM_SHA384).connect();
    pair.say(Forward, b"connect");
    for _ in 0..3 {
        pair.client.refresh_traffic_keys().unwrap();
        pair.say(Forward, &[b'x'; 10_000]);
        pair.server.refresh_traffic_keys().unwrap();
        pair.say(Reverse, b"connack");
    }
    pair.say(Forward, &[b'x'; 10_000]);
    let seen = pair.recording().read();
    assert_eq!(seen.text(Forward), format!("connect{}", "x".repeat(40_000)), "{:?}", seen.notes);
    assert_eq!(seen.text(Reverse), "connackconnackconnack");
    for direction in [Forward, Reverse] {
        // each asks the other to follow
        assert_eq!(seen.notes(direction).iter().filter(|note| **note == "key change").count(), 6);
    }
}

#[test]
fn small_records_carry_the_handshake_in_pieces() {
    for (version, suite) in [
        (&TLS12, suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256),
        (&TLS13, suite::TLS13_CHACHA20_POLY1305_SHA256),
    ] {
        let mut ends = Ends::new(version, suite);
        ends.client.max_fragment_size = Some(64);
        ends.server.max_fragment_size = Some(64);
        let mut pair = ends.connect();
        talk(&mut pair);
        let seen = pair.recording().read();
        assert_talk(&seen);
        assert!(seen.noted(Reverse, "certificate 1"), "{:?}", seen.notes);
    }
}

#[test]
fn the_application_secrets_alone_will_do() {
    let ends = Ends::new(&TLS13, suite::TLS13_AES_128_GCM_SHA256);
    let mut pair = ends.connect();
    talk(&mut pair);
    let recording = pair.recording().without(&["CLIENT_HANDSHAKE", "SERVER_HANDSHAKE"]);
    let seen = recording.read();
    assert_eq!(seen.text(Forward).len(), 40_007, "{:?}", seen.notes);
    assert_eq!(seen.text(Reverse), "connackpuback");
    for direction in [Forward, Reverse] {
        assert!(seen.noted(direction, "undecrypted: no key for the handshake"));
    }
    assert_eq!(seen.holes, [[], []], "a handshake is no application data");
}

#[test]
fn without_secrets_the_hellos_are_still_read() {
    for (version, suite) in
        [(&TLS12, suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256), (&TLS13, suite::TLS13_AES_128_GCM_SHA256)]
    {
        let mut pair = Ends::new(version, suite).connect();
        talk(&mut pair);
        let mut recording = pair.recording();
        recording.keys.clear();
        let seen = recording.read();
        assert_eq!((seen.text(Forward), seen.text(Reverse)), Default::default());
        for direction in [Forward, Reverse] {
            let why = "undecrypted: no key for this connection";
            assert_eq!(seen.notes(direction).iter().filter(|note| **note == why).count(), 1);
            assert!(seen.notes(direction)[0].contains(" hello "));
        }
    }
}

#[test]
fn keys_that_come_late_are_for_a_fresh_session() {
    let mut pair = Ends::new(&TLS13, suite::TLS13_AES_128_GCM_SHA256).connect();
    talk(&mut pair);
    let recording = pair.recording();
    let (mut keys, mut session, mut seen) = (KeyLog::default(), Session::new(), Seen::default());
    for (direction, bytes) in &recording.passed {
        session.push(*direction, bytes, &keys, &mut seen);
    }
    let random = *session.client_random().unwrap();
    assert!(session.undecrypted(Forward) > 0 && session.client() == Some(Forward) && !keys.has(&random));
    keys.add(recording.keys.as_bytes());
    assert!(keys.has(&random));
    assert_talk(&recording.read());
}

#[test]
fn a_wrong_secret_fails() {
    let mut pair = Ends::new(&TLS13, suite::TLS13_AES_128_GCM_SHA256).connect();
    talk(&mut pair);
    let mut recording = pair.recording();
    // the last digit of each secret
    let spoil = |line: &str| {
        let (start, digit) = line.split_at(line.len() - 1);
        format!("{start}{}\n", if digit == "0" { "1" } else { "0" })
    };
    recording.keys = recording.keys.lines().map(spoil).collect();
    let seen = recording.read();
    assert_eq!(seen.text(Forward), "");
    assert!(seen.noted(Forward, "undecrypted: authentication failed"), "{:?}", seen.notes);
}
