//! Laws of the layers between TCP and MQTT: what carries a conversation, and how its segments travel, changes nothing
//! but what cannot be known.

mod loss;
mod way_back;

use std::ops::Range;

use mqscope_dissect::{Indexer, Unseen};
use proptest::prelude::*;
use proptest::sample::Index;

use crate::carriage::{Carriage, Wire, Write, carriages, cases, shown};
use crate::tape::*;

const SIDES: [From; 2] = [From::Client, From::Server];

/// A conversation of 3.1.1 or 5: CONNECT, CONNACK, and what both sides write then.
fn conversation() -> impl Strategy<Value = Vec<Write>> {
    let packet =
        ("[a-z]{1,12}(/[a-z]{1,8}){0,3}", 0..3_u8, 1_u16.., prop::collection::vec(any::<u8>(), 0..90));
    let write = (any::<bool>(), prop::collection::vec(packet, 1..5));
    (any::<bool>(), prop::collection::vec(write, 1..8)).prop_map(|(is_5, writes)| {
        let (connect, connack) = if is_5 { (CONNECT_5, CONNACK_5) } else { (CONNECT, CONNACK) };
        let mut all = vec![(From::Client, vec![connect.to_vec()]), (From::Server, vec![connack.to_vec()])];
        all.extend(writes.into_iter().map(|(client, packets)| {
            let packets = packets.into_iter().map(|(topic, qos, id, payload)| match (is_5, payload.len()) {
                (_, 0) if client => PINGREQ.to_vec(),
                (_, 0) => PINGRESP.to_vec(),
                (true, _) => publish_with(&topic, qos, id, b"\x02\x01\x00", &payload),
                (false, _) => publish(&topic, qos, id, &payload),
            });
            (if client { From::Client } else { From::Server }, packets.collect())
        }));
        all
    })
}

/// The same conversation each time: all kinds of sizes, text and bytes.
fn steady(writes: usize) -> Vec<Write> {
    let mut all = vec![(From::Client, vec![CONNECT.to_vec()]), (From::Server, vec![CONNACK.to_vec()])];
    for number in 0..writes {
        let text = format!("{{\"number\":{number},\"celsius\":{}}}", number * 37 % 100);
        let topic = format!("plant/line{}/temperature", number % 3);
        let acks = (0..3).map(|id| ack(0x40, (3 * number + id + 1) as u16)).collect();
        let messages = (0..3).map(|id| publish(&topic, 1, (3 * number + id + 1) as u16, text.as_bytes()));
        all.push((From::Client, messages.collect()));
        all.push((From::Server, acks));
        all.push((From::Server, vec![publish("plant/orders", 0, 0, text.repeat(1 + number % 4).as_bytes())]));
    }
    all
}

/// A segment: bytes of one side, as they stand in its stream.
#[derive(Clone, Debug)]
struct Piece {
    from: From,
    range: Range<usize>,
}

/// Each side's stream cut at `cuts`; a piece goes when the last of its bytes is written.
fn pieces(wire: &Wire, cuts: &[Index]) -> Vec<Piece> {
    let mut pieces = Vec::new();
    for from in SIDES {
        let len = wire.stream(from).len();
        let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(len)).chain([0, len]).collect();
        places.sort_unstable();
        places.dedup();
        pieces.extend(places.windows(2).map(|pair| Piece { from, range: pair[0]..pair[1] }));
    }
    pieces.sort_by_key(|piece| written(wire, piece.from, piece.range.end));
    pieces
}

/// The number of the write that brings a side's stream to `end`.
fn written(wire: &Wire, from: From, end: usize) -> usize {
    let mut at = 0;
    let brings = |passed: &crate::carriage::Passed| {
        if passed.from == from {
            at += passed.bytes.len();
        }
        at >= end
    };
    wire.passed.iter().position(brings).unwrap()
}

/// A capture of the pieces in their order, and the frame that completed each byte of either stream.
fn record(wire: &Wire, pieces: &[Piece]) -> (Tape, [Vec<u64>; 2]) {
    let streams = SIDES.map(|from| wire.stream(from));
    let mut tape = Tape::new();
    let mut talk = tape.open(50_000);
    let mut there = SIDES.map(|from| vec![false; streams[from as usize].len()]);
    let mut completed = [Vec::new(), Vec::new()];
    for Piece { from, range } in pieces {
        tape.send_ahead(&talk, *from, range.start as u32, &streams[*from as usize][range.clone()]);
        let (there, completed) = (&mut there[*from as usize], &mut completed[*from as usize]);
        there[range.clone()].fill(true);
        while there.get(completed.len()) == Some(&true) {
            completed.push(tape.frames());
        }
    }
    for from in SIDES {
        tape.lose(&mut talk, from, &streams[from as usize]);
    }
    tape.close(&mut talk);
    (tape, completed)
}

/// All packets are shown, each of the frame that completed it, and nothing else.
fn assert_all_shown(carriage: &Carriage, wire: &Wire, pieces: &[Piece]) {
    let (tape, completed) = record(wire, pieces);
    let (_keys, settings) = wire.settings();
    let shown = shown(&tape.dissect_with(settings));
    for from in SIDES {
        let shown = &shown[from as usize];
        let bytes: Vec<&[u8]> = shown.iter().map(|(bytes, _)| &bytes[..]).collect();
        assert_eq!(bytes, wire.packets(from), "{}", carriage.name);
        let mut shown = shown.iter();
        let mut at = 0;
        for passed in wire.passed.iter().filter(|passed| passed.from == from) {
            let (first, last) = (at, at + passed.bytes.len() - 1);
            at = last + 1;
            for (bytes, frame) in shown.by_ref().take(passed.packets.len()) {
                let frames = completed[from as usize][first]..=completed[from as usize][last];
                assert!(frames.contains(frame), "{}: {frame} not in {frames:?}: {bytes:02x?}", carriage.name);
            }
        }
    }
}

proptest! {
    #![proptest_config(cases(16))]

    #[test]
    fn what_carries_a_conversation_and_how_it_travels_changes_nothing(
        writes in conversation(),
        cuts in prop::collection::vec(any::<Index>(), 0..30),
        swaps in prop::collection::vec(any::<Index>(), 0..5),
        again in prop::collection::vec((any::<Index>(), any::<Index>()), 0..5),
        overlaps in prop::collection::vec((any::<Index>(), 1_usize..200), 0..5),
    ) {
        for carriage in carriages() {
            let wire = carriage.carry(&writes);
            let mut pieces = pieces(&wire, &cuts);
            for (piece, more) in &overlaps {
                let range = &mut piece.get_mut(&mut pieces).range;
                range.start = range.start.saturating_sub(*more);
            }
            for swap in &swaps {
                let at = swap.index(pieces.len());
                if at + 1 < pieces.len() {
                    pieces.swap(at, at + 1);
                }
            }
            for (piece, later) in &again {
                let from = piece.index(pieces.len());
                let to = from + later.index(pieces.len() - from);
                let twice = pieces[from].clone();
                pieces.insert(to + 1, twice);
            }
            assert_all_shown(&carriage, &wire, &pieces);
        }
    }

    #[test]
    fn keys_that_come_late_show_what_keys_at_the_start_show(
        writes in conversation(),
        cuts in prop::collection::vec(any::<Index>(), 0..30),
        when in any::<Index>(),
    ) {
        for carriage in carriages().into_iter().filter(|carriage| carriage.tls.is_some()) {
            let wire = carriage.carry(&writes);
            let (tape, _) = record(&wire, &pieces(&wire, &cuts));
            let (mut keys, mut settings) = wire.settings();
            let early = shown(&tape.dissect_with(settings.clone()));
            keys.as_file_mut().set_len(0).unwrap();
            settings.await_keys = true;
            let mut capture = tape.capture();
            let mut indexer = Indexer::new(settings, capture.store());
            let when = when.index(tape.frames() as usize + 1) as u64;
            for number in 0..=tape.frames() {
                if number == when {
                    std::fs::write(keys.path(), &wire.keys).unwrap();
                }
                let _ = indexer.look_for_keys(&mut Unseen).unwrap();
                if let Some(frame) = capture.next_frame().unwrap() {
                    let _ = indexer.push(&frame, &mut Unseen).unwrap();
                }
            }
            let _ = indexer.finish(&mut Unseen);
            let late = shown(&Dissected { snapshot: indexer.snapshot(), store: capture.store() });
            prop_assert_eq!(&late, &early, "{}: keys before frame {}", carriage.name, when);
            for from in SIDES {
                let bytes: Vec<&[u8]> = late[from as usize].iter().map(|(bytes, _)| &bytes[..]).collect();
                prop_assert_eq!(bytes, wire.packets(from), "{}", carriage.name);
            }
        }
    }
}

#[test]
fn segments_of_a_byte_change_nothing() {
    for carriage in carriages() {
        let wire = carriage.carry(&steady(2));
        let mut pieces = Vec::new();
        for from in SIDES {
            let len = wire.stream(from).len();
            pieces.extend((0..len).map(|at| Piece { from, range: at..at + 1 }));
        }
        pieces.sort_by_key(|piece| written(&wire, piece.from, piece.range.end));
        assert_all_shown(&carriage, &wire, &pieces);
    }
}

#[test]
fn a_segment_with_all_that_a_side_says_changes_nothing() {
    for carriage in carriages() {
        let wire = carriage.carry(&steady(5));
        let whole = |from| Piece { from, range: 0..wire.stream(from).len() };
        assert_all_shown(&carriage, &wire, &SIDES.map(whole));
        assert_all_shown(&carriage, &wire, &[From::Server, From::Client].map(whole));
    }
}

#[test]
fn a_segment_may_end_anywhere() {
    for carriage in carriages() {
        let wire = carriage.carry(&steady(1));
        let len = SIDES.map(|from| wire.stream(from).len());
        for at in 1..len[0].max(len[1]) {
            let mut pieces = Vec::new();
            for from in SIDES {
                let (at, len) = (at.min(len[from as usize]), len[from as usize]);
                pieces.extend([0..at, at..len].map(|range| Piece { from, range }));
            }
            pieces.retain(|piece| !piece.range.is_empty());
            pieces.sort_by_key(|piece| written(&wire, piece.from, piece.range.end));
            assert_all_shown(&carriage, &wire, &pieces);
        }
    }
}
