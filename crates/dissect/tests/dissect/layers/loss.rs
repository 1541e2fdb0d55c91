//! Captures that lack segments, or their beginning.
//!
//! What is promised: nothing is shown that was not sent, but for the last bytes of a packet that read as an
//! acknowledgement, where the rest of it is lost: a sender who sent that would leave the same capture. Where only
//! MQTT, whole WebSocket messages without a context that is carried over, or TLS records were hit, all that was
//! written before the loss is shown, and all that was written after it from the first whole message or record on,
//! if enough follows to be sure: three WebSocket frames, or up to six of short ones, and the evidence that the
//! search for packets asks for. With a context, all before the loss.

use proptest::prelude::*;
use proptest::sample::Index;

use super::{SIDES, conversation, steady};
use crate::carriage::{Carriage, Cut, Wire, carriages, cases, shown};
use crate::tape::*;

/// Writes after a loss that are enough to find one's way.
const ENOUGH: usize = 4;

/// Whether a message or record can be read without those before it.
pub(super) fn stands_alone(carriage: &Carriage) -> bool {
    use mqscope_websocket::Sender::Client;
    carriage.websocket.flatten().is_none_or(|deflate| !deflate.takes_context_over(Client))
}

/// The port of plain MQTT, and, of what is not that, one of which nothing is known.
fn ports(carriage: &Carriage) -> &'static [u16] {
    if carriage.layers().is_empty() { &[1883] } else { &[8080, 1883] }
}

/// A capture of the segments in order, but for those that are lost.
fn record(segments: &[(From, &[u8])], is_lost: impl Fn(usize) -> bool) -> Tape {
    let mut tape = Tape::new();
    let mut talk = tape.open(50_000);
    for (number, (from, bytes)) in segments.iter().enumerate() {
        if is_lost(number) {
            tape.lose(&mut talk, *from, bytes);
            tape.ack(&talk, if *from == From::Client { From::Server } else { From::Client });
        } else {
            tape.send(&mut talk, *from, bytes);
        }
    }
    tape.close(&mut talk);
    tape
}

/// A capture that begins with these segments.
fn record_from_middle(segments: &[(From, &[u8])], port: u16) -> Tape {
    let mut tape = Tape::new();
    let mut talk = tape.middle(50_000, port);
    for (from, bytes) in segments {
        tape.send(&mut talk, *from, bytes);
    }
    tape
}

/// What was written, in segments of at most so many bytes.
fn segments(wire: &Wire, most: usize) -> Vec<(From, &[u8])> {
    let mut segments = Vec::new();
    for passed in &wire.passed {
        segments.extend(passed.bytes.chunks(most).map(|bytes| (passed.from, bytes)));
    }
    segments
}

/// What is shown of a tape, by side.
fn shown_of(tape: &Tape, wire: &Wire) -> [Vec<Vec<u8>>; 2] {
    let (_keys, settings) = wire.settings();
    shown(&tape.dissect_with(settings)).map(|side| side.into_iter().map(|(bytes, _)| bytes).collect())
}

/// All that is shown was sent, in this order.
fn assert_nothing_false(shown: &[Vec<Vec<u8>>; 2], wire: &Wire, context: &str) {
    for from in SIDES {
        let sent = wire.packets(from);
        let mut rest = sent.iter();
        for packet in &shown[from as usize] {
            let mut ahead = rest.clone();
            if ahead.any(|sent| sent == packet) {
                rest = ahead;
                continue;
            }
            let is_tail = |sent: &Vec<u8>| sent.len() > packet.len() && sent.ends_with(packet);
            let nobody_can_tell = packet.len() <= 4 && sent.iter().any(is_tail);
            assert!(
                nobody_can_tell,
                "{context}: {from:?} never sent{}: {packet:02x?}",
                if sent.contains(packet) { " then" } else { "" }
            );
        }
    }
}

proptest! {
    #![proptest_config(cases(24))]

    #[test]
    fn losses_show_nothing_that_was_not_sent(
        writes in conversation(),
        lost in prop::collection::vec(any::<Index>(), 1..5),
        most in 1_usize..300,
    ) {
        for carriage in carriages() {
            let wire = carriage.carry(&writes);
            let segments = segments(&wire, most);
            let lost: Vec<usize> = lost.iter().map(|index| index.index(segments.len())).collect();
            let tape = record(&segments, |number| lost.contains(&number));
            assert_nothing_false(&shown_of(&tape, &wire), &wire, carriage.name);
        }
    }

    #[test]
    fn a_capture_that_begins_anywhere_shows_nothing_that_was_not_sent(
        writes in conversation(),
        first in any::<Index>(),
        most in 1_usize..300,
    ) {
        for carriage in carriages() {
            let wire = carriage.carry(&writes);
            let segments = segments(&wire, most);
            for port in ports(&carriage) {
                let tape = record_from_middle(&segments[first.index(segments.len())..], *port);
                assert_nothing_false(&shown_of(&tape, &wire), &wire, carriage.name);
            }
        }
    }
}

#[test]
fn what_a_loss_does_not_hit_is_shown() {
    for carriage in carriages() {
        let wire = carriage.carry(&steady(12));
        let segments = segments(&wire, usize::MAX);
        for lost in 0..segments.len() {
            let passed = &wire.passed[lost];
            // Without the handshake nothing is known of what follows: that is a capture's beginning.
            if passed.packets.is_empty() {
                continue;
            }
            let tape = record(&segments, |number| number == lost);
            let shown = shown_of(&tape, &wire);
            let context = format!("{}, write {lost} lost", carriage.name);
            assert_nothing_false(&shown, &wire, &context);
            for from in SIDES {
                let of_side = |range: std::ops::Range<usize>| -> Vec<Vec<u8>> {
                    let passed = wire.passed[range].iter().filter(|passed| passed.from == from);
                    passed.flat_map(|passed| passed.packets.iter().cloned()).collect()
                };
                let after = wire.passed[lost + 1..].iter().filter(|passed| passed.from == from).count();
                let expected = match from == passed.from {
                    false => of_side(0..segments.len()),
                    true if stands_alone(&carriage) && after >= ENOUGH => {
                        [of_side(0..lost), of_side(lost + 1..segments.len())].concat()
                    }
                    true => of_side(0..lost),
                };
                let shown = &shown[from as usize];
                if expected.len() < shown.len() {
                    assert!(shown.starts_with(&expected), "{context}");
                } else {
                    assert_eq!(shown.len(), expected.len(), "{context}");
                    assert_eq!(*shown, expected, "{context}");
                }
            }
        }
    }
}

#[test]
fn a_capture_that_begins_anywhere_shows_all_from_the_first_packet_found() {
    for carriage in carriages().into_iter().filter(|carriage| carriage.tls.is_none()) {
        let wire = carriage.carry(&steady(12));
        let segments = segments(&wire, usize::MAX);
        let start = wire.passed.iter().position(|passed| !passed.packets.is_empty()).unwrap();
        let both = |first| ports(&carriage).iter().map(move |port| (first, *port));
        for (first, port) in (start..segments.len()).flat_map(both) {
            let shown = shown_of(&record_from_middle(&segments[first..], port), &wire);
            let context = format!("{}, port {port}, from write {first} on", carriage.name);
            assert_nothing_false(&shown, &wire, &context);
            for from in SIDES {
                let rest = wire.passed[first..].iter().filter(|passed| passed.from == from);
                let enough = rest.clone().count() >= ENOUGH;
                let rest: Vec<&Vec<u8>> = rest.flat_map(|passed| &passed.packets).collect();
                let shown = &shown[from as usize];
                // Pieces of packets in small messages are recognised where luck has it.
                let whole = matches!(carriage.cut, Cut::Packet | Cut::Write);
                if stands_alone(&carriage) && whole {
                    assert!(
                        rest.iter().copied().eq(shown) || !enough,
                        "{context}: {from:?} shows {} of {}",
                        shown.len(),
                        rest.len()
                    );
                }
            }
        }
    }
}
