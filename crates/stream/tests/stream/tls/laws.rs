//! Laws, on all recordings.

use std::sync::LazyLock;

use proptest::prelude::*;
use rustls::crypto::ring::cipher_suite as suite;
use rustls::version::{TLS12, TLS13};

use super::pair::Ends;
use super::recorded::recording;
use super::*;

/// One of each kind.
pub(super) static RECORDINGS: LazyLock<Vec<Recording>> = LazyLock::new(|| {
    let mut all = vec![
        recording!("cbc-sha1"),
        recording!("cbc-sha384-etm"),
        recording!("ccm8"),
        recording!("resumption"),
        recording!("early-data"),
        recording!("early-data-refused"),
        recording!("key-update"),
        recording!("camellia"),
    ];
    let retry = Ends::with_retry(suite::TLS13_AES_128_GCM_SHA256);
    let tls12 = Ends::new(&TLS12, suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256);
    let chacha = Ends::new(&TLS12, suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256);
    let tls13 = Ends::new(&TLS13, suite::TLS13_AES_256_GCM_SHA384);
    for ends in [retry, tls12, chacha, tls13] {
        let mut pair = ends.connect();
        for turn in 0..6u8 {
            pair.say(Forward, &vec![b'a' + turn; usize::from(turn) * 37 + 1]);
            pair.say(Reverse, &vec![b'A' + turn; usize::from(turn) * 3 + 2]);
        }
        all.push(pair.recording());
    }
    all
});

/// The recording's bytes in other pieces and in another order: for each step the side that goes on, and how far.
fn again(recording: &Recording, steps: &[(bool, usize)]) -> Seen {
    let (keys, mut session, mut seen) = (recording.key_log(), Session::new(), Seen::default());
    let (client, server) = (recording.stream(Forward), recording.stream(Reverse));
    let mut rest = [&client[..], &server[..]];
    for &(answer, len) in steps.iter().chain(&[(false, usize::MAX), (true, usize::MAX)]) {
        let side = &mut rest[usize::from(answer)];
        let (now, later) = side.split_at(len.min(side.len()));
        *side = later;
        session.push(if answer { Reverse } else { Forward }, now, &keys, &mut seen);
    }
    session.finish(&keys, &mut seen);
    seen
}

fn steps() -> impl Strategy<Value = Vec<(bool, usize)>> {
    let len = prop_oneof![1usize..8, 1usize..80, 1usize..2000];
    prop::collection::vec((any::<bool>(), len), 0..60)
}

proptest! {
    #[test]
    fn neither_pieces_nor_a_lag_of_one_side_change_what_is_read(
        which in any::<prop::sample::Index>(),
        steps in steps(),
    ) {
        let recording = which.get(&RECORDINGS);
        prop_assert_eq!(again(recording, &steps), recording.read());
    }

    #[test]
    fn pieces_do_not_change_what_a_renegotiation_is(size in 1usize..300) {
        let mut recording = recording!("renegotiation");
        let whole = recording.read();
        recording.passed = recording
            .passed
            .iter()
            .flat_map(|(direction, bytes)| bytes.chunks(size).map(|piece| (*direction, piece.to_vec())))
            .collect();
        prop_assert_eq!(recording.read(), whole);
    }

    #[test]
    fn changed_and_missing_bytes_never_panic_and_never_change_text(
        which in any::<prop::sample::Index>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<u8>()), 0..6),
        gaps in prop::collection::vec((any::<prop::sample::Index>(), 0u64..300), 0..4),
        size in 1usize..400,
    ) {
        let recording = which.get(&RECORDINGS);
        let whole = recording.read();
        let mut changed = recording.clone();
        for (chunk, byte, value) in changes {
            let bytes = &mut chunk.get_mut(&mut changed.passed).1;
            *byte.get_mut(bytes) = value;
        }
        let (keys, mut session, mut seen) = (recording.key_log(), Session::new(), Seen::default());
        for (number, (direction, bytes)) in changed.passed.iter().enumerate() {
            for piece in bytes.chunks(size) {
                session.push(*direction, piece, &keys, &mut seen);
            }
            for (at, missing) in &gaps {
                if at.index(changed.passed.len()) == number {
                    session.gap(*direction, *missing, &keys, &mut seen);
                }
            }
        }
        session.finish(&keys, &mut seen);
        for direction in 0..2 {
            // what is read is authentic: nothing that was not said
            for (_, text) in &seen.data[direction] {
                prop_assert!(whole.data[direction].iter().any(|(_, said)| said == text));
            }
            let ranges = seen.data[direction].iter().map(|data| &data.0);
            prop_assert!(ranges.is_sorted_by(|one, next| one.end <= next.start));
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(
        pieces in prop::collection::vec((any::<bool>(), prop::collection::vec(any::<u8>(), 0..80)), 0..20),
    ) {
        let (keys, mut session, mut seen) = (KeyLog::default(), Session::new(), Seen::default());
        for (answer, piece) in &pieces {
            let direction = if *answer { Reverse } else { Forward };
            session.push(direction, piece, &keys, &mut seen);
        }
        session.finish(&keys, &mut seen);
        prop_assert_eq!(seen.data, [[], []]);
    }
}
