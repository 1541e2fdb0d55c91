//! Recorded connections, changed: whatever the bytes, no panic, and nothing is read that was not said.
#![no_main]

use std::ops::Range;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use mqscope_stream::Direction::{self, Forward, Reverse};
use mqscope_stream::tls::{Certificate, ClientHello, Events, KeyLog, Session, looks_like_records, starts_like_tls};

struct Recording {
    keys: KeyLog,
    passed: Vec<(Direction, Vec<u8>)>,
    said: [Vec<Vec<u8>>; 2],
}

#[derive(Default)]
struct Seen {
    said: [Vec<Vec<u8>>; 2],
    end: [u64; 2],
}

impl Events for Seen {
    fn client_hello(&mut self, _: Direction, hello: &ClientHello<'_>, _: Range<u64>) {
        let _ = (hello.alpn().count(), hello.cipher_suites().count(), hello.supported_versions().count());
    }

    fn certificate(&mut self, _: Direction, certificate: &Certificate<'_>, _: Range<u64>) {
        let _ = (certificate.dns_names().count(), certificate.ip_addresses().count());
    }

    fn data(&mut self, direction: Direction, plaintext: &[u8], raw: Range<u64>) {
        assert!(self.end[direction as usize] <= raw.start && raw.start < raw.end && !plaintext.is_empty());
        self.end[direction as usize] = raw.end;
        self.said[direction as usize].push(plaintext.to_vec());
    }
}

macro_rules! recordings {
    ($($name:literal)*) => {
        [$(recording(include_str!(concat!("../../tests/stream/tls/", $name, ".tls")))),*]
    };
}

static RECORDINGS: LazyLock<[Recording; 8]> = LazyLock::new(|| {
    recordings!["cbc-sha1" "cbc-sha256-etm" "ccm8" "tls13-ccm" "renegotiation" "key-update" "early-data" "resumption"]
});

fn recording(text: &str) -> Recording {
    let (mut keys, mut passed) = (KeyLog::default(), Vec::new());
    for line in text.lines() {
        match line.split_once(' ') {
            Some((sign @ (">" | "<"), digits)) => {
                let byte = |at| u8::from_str_radix(&digits[at..at + 2], 16).expect("digits");
                let bytes: Vec<u8> = (0..digits.len()).step_by(2).map(byte).collect();
                passed.push((if sign == ">" { Forward } else { Reverse }, bytes));
            }
            _ => keys.add_block(line.as_bytes()),
        }
    }
    let (mut session, mut seen) = (Session::new(), Seen::default());
    for (direction, bytes) in &passed {
        session.push(*direction, bytes, &keys, &mut seen);
    }
    assert!(!seen.said[0].is_empty() && !seen.said[1].is_empty());
    Recording { keys, passed, said: seen.said }
}

fuzz_target!(|bytes: &[u8]| {
    let [which, script @ ..] = bytes else { return };
    let recording = &RECORDINGS[usize::from(*which) % RECORDINGS.len()];
    let without = KeyLog::default();
    let keys = if which & 0x80 == 0 { &recording.keys } else { &without };
    let _ = (starts_like_tls(script), looks_like_records(script));
    KeyLog::default().add(script);

    let streams = [Forward, Reverse].map(|direction| {
        let of = recording.passed.iter().filter(|chunk| chunk.0 == direction);
        of.flat_map(|chunk| chunk.1.iter().copied()).collect::<Vec<u8>>()
    });
    let mut rest = [&streams[0][..], &streams[1][..]];
    let (mut session, mut seen) = (Session::new(), Seen::default());
    // each step: what to do in which direction, with how many bytes
    let mut steps = script;
    while let [step, len, after @ ..] = steps {
        steps = after;
        let direction = if step & 1 == 0 { Forward } else { Reverse };
        let side = &mut rest[direction as usize];
        let len = usize::from(*len) << (step >> 1 & 3);
        let (now, later) = side.split_at(len.min(side.len()));
        match step >> 3 & 3 {
            // as it was
            0 => {
                session.push(direction, now, keys, &mut seen);
                *side = later;
            }
            1 => {
                session.gap(direction, now.len() as u64, keys, &mut seen);
                *side = later;
            }
            // changed
            2 => {
                let mut changed = now.to_vec();
                if let Some(byte) = changed.get_mut(usize::from(step >> 5)) {
                    *byte ^= len as u8;
                }
                session.push(direction, &changed, keys, &mut seen);
                *side = later;
            }
            // foreign bytes
            _ => {
                let (foreign, after) = steps.split_at(len.min(steps.len()));
                session.push(direction, foreign, keys, &mut seen);
                steps = after;
            }
        }
    }
    session.push(Forward, rest[0], keys, &mut seen);
    session.push(Reverse, rest[1], keys, &mut seen);
    session.finish(keys, &mut seen);
    for (direction, said) in recording.said.iter().enumerate() {
        for text in &seen.said[direction] {
            assert!(said.contains(text), "{text:02x?} was not said");
        }
    }
});
