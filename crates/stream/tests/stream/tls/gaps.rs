//! Missing bytes: all records that are whole are read all the same.

use proptest::prelude::*;
use rustls::crypto::ring::cipher_suite as suite;
use rustls::version::{TLS12, TLS13};

use super::laws::RECORDINGS;
use super::pair::{Ends, Pair};
use super::recorded::recording;
use super::*;

/// Reads a recording of which a range of one direction's bytes is missing.
fn without(recording: &Recording, direction: Direction, gap: &Range<u64>) -> Seen {
    let (keys, mut session, mut seen) = (recording.key_log(), Session::new(), Seen::default());
    let mut at = 0;
    for (of, bytes) in &recording.passed {
        if *of != direction {
            session.push(*of, bytes, &keys, &mut seen);
            continue;
        }
        let place = |offset: u64| offset.saturating_sub(at).min(bytes.len() as u64) as usize;
        let (before, after) = (&bytes[..place(gap.start)], &bytes[place(gap.end)..]);
        if !before.is_empty() {
            session.push(direction, before, &keys, &mut seen);
        }
        if (at..at + bytes.len() as u64).contains(&gap.start) {
            session.gap(direction, gap.end - gap.start, &keys, &mut seen);
        }
        if !after.is_empty() {
            session.push(direction, after, &keys, &mut seen);
        }
        at += bytes.len() as u64;
    }
    session.finish(&keys, &mut seen);
    seen
}

/// Where the records of a stream end.
fn ends(stream: &[u8]) -> Vec<u64> {
    let mut at = 0;
    std::iter::from_fn(|| {
        let header = stream.get(at..at + 5)?;
        at += 5 + usize::from(u16::from_be_bytes([header[3], header[4]]));
        Some(at as u64)
    })
    .collect()
}

/// All that is whole is read, and it is said where something is missing.
fn assert_read(recording: &Recording, direction: Direction, gap: &Range<u64>) {
    let (whole, seen) = (recording.read(), without(recording, direction, gap));
    let apart = |range: &Range<u64>| range.end <= gap.start || gap.end <= range.start;
    let mut expected = whole.data.clone();
    expected[direction as usize].retain(|(range, _)| apart(range));
    assert_eq!(seen.data, expected, "{gap:?} {:?}", seen.notes);
    let lost = |data: &&(Range<u64>, Vec<u8>)| !apart(&data.0);
    let data = &whole.data[direction as usize];
    let is_last = data.last().is_none_or(|last| !apart(&last.0));
    if data.iter().any(|data| lost(&data)) && !is_last {
        let [hole] = &seen.holes[direction as usize][..] else { panic!("{:?}", seen.holes) };
        assert!(hole.start <= gap.start && gap.end <= hole.end, "{gap:?} {hole:?}");
    }
}

fn long(ends: &Ends, records: usize) -> Pair {
    let mut pair = ends.connect();
    for number in 0..records {
        pair.say(Forward, format!("message {number}").as_bytes());
    }
    pair
}

#[test]
fn a_record_that_lacks_its_end_is_lost_alone() {
    let pair = long(&Ends::new(&TLS13, suite::TLS13_AES_128_GCM_SHA256), 10);
    let recording = pair.recording();
    let ends = ends(&recording.stream(Forward));
    let last = ends.len() - 1;
    for gap in [
        ends[last - 5] + 5..ends[last - 4],
        ends[last - 5] + 5..ends[last - 4] - 1,
        ends[last - 5] + 7..ends[last - 5] + 9,
        ends[last - 5] + 20..ends[last - 4],
    ] {
        assert_read(&recording, Forward, &gap);
        let seen = without(&recording, Forward, &gap);
        assert!(seen.noted(Forward, "undecrypted: bytes are missing from the capture"));
        assert_eq!(seen.holes[0].len(), 1);
    }
}

#[test]
fn thousands_of_missing_records_are_counted_by_trial() {
    for ends_ in [
        Ends::new(&TLS13, suite::TLS13_CHACHA20_POLY1305_SHA256),
        Ends::new(&TLS12, suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256),
    ] {
        let recording = long(&ends_, 3000).recording();
        let ends = ends(&recording.stream(Forward));
        let last = ends.len() - 1;
        assert_read(&recording, Forward, &(ends[last - 2900]..ends[last - 400]));
        assert_read(&recording, Forward, &(ends[last - 2900] + 3..ends[last - 400] + 3));
    }
}

#[test]
fn a_missing_key_update_is_found_by_trial() {
    let mut pair = long(&Ends::new(&TLS13, suite::TLS13_AES_128_GCM_SHA256), 5);
    let before = ends(&pair.recording().stream(Forward)).len();
    pair.client.refresh_traffic_keys().unwrap();
    for text in ["one", "two", "three", "four"] {
        pair.say(Forward, text.as_bytes());
    }
    let recording = pair.recording();
    let ends = ends(&recording.stream(Forward));
    // the update alone, with one record before and one after it, and cut
    for gap in [
        ends[before - 1]..ends[before],
        ends[before - 2]..ends[before + 1],
        ends[before - 1] + 8..ends[before],
    ] {
        assert_read(&recording, Forward, &gap);
    }
}

#[test]
fn a_connection_without_its_hello_is_not_decrypted() {
    for direction in [Forward, Reverse] {
        let seen = without(&recording!("cbc-sha1"), direction, &(3..20));
        assert_eq!(seen.data, [[], []]);
        for direction in [Forward, Reverse] {
            assert!(
                seen.noted(direction, "undecrypted: the TLS handshake is not in the capture"),
                "{:?}",
                seen.notes
            );
        }
    }
}

#[test]
fn a_capture_that_begins_amid_a_record_finds_the_next() {
    let recording = recording!("tls13-ccm");
    let (keys, mut session, mut seen) = (KeyLog::default(), Session::starting_at(1000, 0), Seen::default());
    session.gap(Forward, 0, &keys, &mut seen);
    let stream = recording.stream(Forward);
    let ends = ends(&stream);
    session.push(Forward, &stream[ends[2] as usize + 9..], &keys, &mut seen);
    let whole = ends.len() - 4;
    assert_eq!(session.undecrypted(Forward), whole as u64);
    assert_eq!(seen.notes(Forward), ["undecrypted: the TLS handshake is not in the capture"]);
}

proptest! {
    #[test]
    fn whatever_is_missing_after_the_hellos_the_rest_is_read(
        which in any::<prop::sample::Index>(),
        answer in any::<bool>(),
        at in any::<prop::sample::Index>(),
        len in prop_oneof![1u64..20, 1u64..400, 1u64..3000],
    ) {
        let recording = which.get(&RECORDINGS);
        let direction = if answer { Reverse } else { Forward };
        let stream = recording.stream(direction);
        // a client may have to say hello twice
        let hellos = ends(&stream)[if answer { 0 } else { 2.min(ends(&stream).len() - 1) }];
        prop_assume!(hellos < stream.len() as u64);
        let start = hellos + at.index(stream.len() - hellos as usize) as u64;
        let end = stream.len().min((start + len) as usize) as u64;
        assert_read(recording, direction, &(start..end));
    }
}
