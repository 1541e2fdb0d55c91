//! Laws, over random streams.

use proptest::prelude::*;

use crate::tape::*;

/// Packets of a client after its CONNECT.
///
/// Payloads lack the bytes 0 and 2, the lengths of the shortest packets: where the end of a payload in a segment of
/// its own is `e0 00`, nobody can tell it from a DISCONNECT.
fn packet() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        3 => ("[a-z]{1,12}(/[a-z]{1,8}){0,3}", prop::collection::vec(payload_byte(), 0..400))
            .prop_map(|(topic, payload)| publish(&topic, 0, 0, &payload)),
        1 => (1_u16.., "[a-z]{1,8}").prop_map(|(id, topic)| publish(&topic, 1, id, b"x")),
        1 => Just(PINGREQ.to_vec()),
    ]
}

fn payload_byte() -> impl Strategy<Value = u8> {
    any::<u8>().prop_map(|byte| if matches!(byte, 0 | 2) { 0x55 } else { byte })
}

fn cut(stream: &[u8], cuts: &[prop::sample::Index]) -> Vec<Vec<u8>> {
    let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(stream.len())).collect();
    places.extend([0, stream.len()]);
    places.sort_unstable();
    places
        .windows(2)
        .map(|pair| stream[pair[0]..pair[1]].to_vec())
        .filter(|piece| !piece.is_empty())
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_same_streams_give_the_same_packets_however_they_are_cut(
        packets in prop::collection::vec(packet(), 1..12),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..30),
        swaps in prop::collection::vec(any::<prop::sample::Index>(), 0..4),
    ) {
        let stream = [&[CONNECT.to_vec()], &packets[..]].concat().concat();
        let mut tape = Tape::new();
        let mut talk = tape.open(50_000);
        let pieces = cut(&stream, &cuts);
        // Some segments are overtaken by the next one.
        let mut order: Vec<usize> = (0..pieces.len()).collect();
        for swap in swaps {
            let at = swap.index(pieces.len());
            if at + 1 < pieces.len() {
                order.swap(at, at + 1);
            }
        }
        let offset = |piece: usize| pieces[..piece].iter().map(Vec::len).sum::<usize>() as u32;
        for piece in order {
            tape.send_ahead(&talk, From::Client, offset(piece), &pieces[piece]);
        }
        tape.lose(&mut talk, From::Client, &stream);
        tape.close(&mut talk);
        let dissected = tape.dissect();
        let bytes = dissected.map(|packet| packet.bytes.to_vec());
        prop_assert_eq!(&bytes[0], CONNECT);
        prop_assert_eq!(&bytes[1..], &packets[..]);
        prop_assert!(dissected.packets().iter().all(|packet| !packet.contains("malformed")));
    }

    #[test]
    fn whatever_the_bytes_no_packet_reaches_beyond_them(
        noise in prop::collection::vec(any::<u8>(), 0..3_000),
        most in 1_usize..1_500,
        begins in any::<bool>(),
    ) {
        let mut tape = Tape::new();
        let mut talk = if begins { tape.open(50_000) } else { tape.middle(50_000, 1883) };
        let stream = if begins { [CONNECT, &noise].concat() } else { noise };
        tape.send_in(&mut talk, From::Client, &stream, most);
        tape.close(&mut talk);
        let total: usize = tape.dissect().map(|packet| packet.bytes.len()).iter().sum();
        prop_assert!(total <= stream.len());
    }

    #[test]
    fn losses_never_invent_a_packet(
        packets in prop::collection::vec(packet(), 4..40),
        lost in prop::collection::vec(any::<prop::sample::Index>(), 1..4),
        most in 20_usize..600,
    ) {
        let stream = [&[CONNECT.to_vec()], &packets[..]].concat().concat();
        let pieces: Vec<&[u8]> = stream.chunks(most).collect();
        let lost: Vec<usize> = lost.iter().map(|index| index.index(pieces.len())).collect();
        let mut tape = Tape::new();
        let mut talk = tape.open(50_000);
        for (index, piece) in pieces.iter().enumerate() {
            if lost.contains(&index) {
                tape.lose(&mut talk, From::Client, piece);
                tape.ack(&talk, From::Server);
            } else {
                tape.client(&mut talk, piece);
            }
        }
        tape.close(&mut talk);
        let sent: Vec<&[u8]> = std::iter::once(CONNECT).chain(packets.iter().map(Vec::as_slice)).collect();
        let found = tape.dissect().map(|packet| (packet.bytes.to_vec(), packet.error().is_none()));
        for (bytes, whole) in found {
            let is_sent = if whole {
                sent.contains(&&bytes[..])
            } else {
                sent.iter().any(|sent| sent.starts_with(&bytes))
            };
            prop_assert!(is_sent, "never sent: {bytes:02x?}");
        }
    }
}
