//! The codec's laws: what is encoded is decoded, and cuts do not matter, under every setting.

#[path = "laws/check.rs"]
mod check;

use check::{Start, decode, laws};
use mqscope_websocket::frame::Header;
use mqscope_websocket::{Deflate, Encoder, Kind, Opcode, Sender, apply_mask};
use proptest::collection::vec;
use proptest::prelude::*;

fn senders() -> impl Strategy<Value = Sender> {
    prop_oneof![Just(Sender::Client), Just(Sender::Server)]
}

fn deflates() -> impl Strategy<Value = Deflate> {
    (any::<bool>(), any::<bool>(), 8..=15u8, 8..=15u8).prop_map(
        |(server, client, server_bits, client_bits)| Deflate {
            server_no_context_takeover: server,
            client_no_context_takeover: client,
            server_max_window_bits: server_bits,
            client_max_window_bits: client_bits,
        },
    )
}

fn starts() -> impl Strategy<Value = Start> {
    prop_oneof![
        Just(Start::Handshake(None)),
        deflates().prop_map(|deflate| Start::Handshake(Some(deflate))),
        Just(Start::MidStream),
    ]
}

/// One thing a sender does.
#[derive(Clone, Debug)]
enum Deed {
    /// A message, in fragments of these lengths and a last one, with a Ping after each but the last.
    Message {
        text: bool,
        payload: Vec<u8>,
        fragments: Vec<usize>,
        pings: bool,
    },
    /// A message that is not compressed, whatever is agreed.
    Plain(Vec<u8>),
    Pong(Vec<u8>),
}

/// Payloads as MQTT has them: short or long, with repetitions or without, some wider than the narrow windows.
fn payloads() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => vec(any::<u8>(), 0..140),
        4 => (vec("[a-d/+]{1,4}", 1..30)).prop_map(|words| words.concat().into_bytes()),
        1 => (vec(any::<u8>(), 1..700), 1..120usize).prop_map(|(bytes, times)| bytes.repeat(times)),
    ]
}

fn deeds() -> impl Strategy<Value = Vec<Deed>> {
    let message = (any::<bool>(), payloads(), vec(0..80usize, 0..4), any::<bool>()).prop_map(
        |(text, payload, fragments, pings)| Deed::Message {
            text: text && std::str::from_utf8(&payload).is_ok(),
            payload,
            fragments,
            pings,
        },
    );
    let deed = prop_oneof![
        6 => message,
        1 => payloads().prop_map(Deed::Plain),
        1 => vec(any::<u8>(), 0..=125).prop_map(Deed::Pong),
    ];
    vec(deed, 0..12)
}

/// Appends the message frame in `whole` cut into fragments.
fn fragment(whole: &[u8], fragments: &[usize], after_each: &[u8], out: &mut Vec<u8>) {
    let header = Header::parse(whole).unwrap();
    let mut payload = whole[usize::from(header.header_len)..].to_vec();
    if let Some(key) = header.mask {
        apply_mask(&mut payload, key, 0);
    }
    let mut rest = payload.as_slice();
    let mut first = true;
    for len in fragments.iter().map(|len| Some(*len)).chain([None]) {
        let (piece, after) = rest.split_at(len.unwrap_or(rest.len()).min(rest.len()));
        rest = after;
        let key = header.mask.map(|key| key.map(|byte| byte.wrapping_add(rest.len() as u8)));
        let opcode = if first { header.opcode } else { Opcode::Continuation };
        let whole = Header::new(opcode, piece.len() as u64, key);
        Header { fin: len.is_none(), rsv1: header.rsv1 && first, ..whole }.encode(out);
        let start = out.len();
        out.extend_from_slice(piece);
        if let Some(key) = key {
            apply_mask(&mut out[start..], key, 0);
        }
        if len.is_some() {
            out.extend_from_slice(after_each);
        }
        first = false;
    }
}

/// The raw bytes of what is done, and the application bytes within.
fn done(sender: Sender, deflate: Option<Deflate>, deeds: &[Deed]) -> (Vec<u8>, Vec<u8>) {
    let mut encoder = Encoder::new(sender, deflate);
    let (mut raw, mut plain) = (Vec::new(), Vec::new());
    let mut key = 0x1234_5678u32;
    let mut next_key = || {
        key = key.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        key
    };
    for deed in deeds {
        match deed {
            Deed::Message { text, payload, fragments, pings } => {
                let kind = if *text { Kind::Text } else { Kind::Binary };
                let (mut whole, mut ping) = (Vec::new(), Vec::new());
                encoder.message(kind, payload, &mut next_key, &mut whole);
                if *pings {
                    encoder.ping(b"?", &mut next_key, &mut ping);
                }
                fragment(&whole, fragments, &ping, &mut raw);
                plain.extend_from_slice(payload);
            }
            Deed::Plain(payload) => {
                encoder.message_plain(Kind::Binary, payload, &mut next_key, &mut raw);
                plain.extend_from_slice(payload);
            }
            Deed::Pong(payload) => encoder.pong(payload, &mut next_key, &mut raw),
        }
    }
    (raw, plain)
}

/// Bytes that begin like frames, so that much is read of them.
fn framed() -> impl Strategy<Value = Vec<u8>> {
    let first = prop_oneof![
        Just(0x82u8),
        Just(0x81),
        Just(0xc2),
        Just(0x42),
        Just(0x02),
        Just(0x00),
        Just(0x80),
        Just(0x88),
        Just(0x89),
        any::<u8>(),
    ];
    let frame =
        (first, any::<bool>(), vec(any::<u8>(), 0..20), -1..2i8).prop_map(|(first, mask, body, off)| {
            let mut bytes =
                vec![first, (body.len() as u8).saturating_add_signed(off) | if mask { 0x80 } else { 0 }];
            if mask {
                bytes.extend([1, 2, 3, 4]);
            }
            bytes.extend(body);
            bytes
        });
    vec(frame, 0..12).prop_map(|frames| frames.concat())
}

fn gap(len: usize, gap: Option<(usize, usize)>) -> Option<std::ops::Range<usize>> {
    let (start, missing) = gap?;
    let start = start % (len + 1);
    Some(start..(start + missing).min(len))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, ..ProptestConfig::default() })]

    #[test]
    fn what_is_encoded_is_decoded(
        sender in senders(),
        deflate in prop::option::of(deflates()),
        deeds in deeds(),
        cuts in vec(1..300usize, 1..6),
    ) {
        let (raw, plain) = done(sender, deflate, &deeds);
        let record = decode(&raw, sender, Start::Handshake(deflate), None, &cuts);
        prop_assert_eq!(record.data(), plain);
        prop_assert_eq!((record.faults(), record.lost()), (vec![], vec![]));
        laws(&raw, sender, Start::Handshake(deflate), None, &cuts);
    }

    #[test]
    fn a_gap_never_makes_up_data(
        sender in senders(),
        deflate in prop::option::of(deflates()),
        deeds in deeds(),
        place in (0..4000usize, 1..200usize),
        cuts in vec(1..300usize, 1..6),
    ) {
        let (raw, plain) = done(sender, deflate, &deeds);
        let gap = gap(raw.len(), Some(place));
        let record = decode(&raw, sender, Start::Handshake(deflate), gap.clone(), &cuts);
        prop_assert!(record.data().len() <= plain.len());
        prop_assert!(plain.starts_with(&record.data_before_loss()));
        laws(&raw, sender, Start::Handshake(deflate), gap, &cuts);
    }

    #[test]
    fn arbitrary_bytes_keep_the_laws(
        bytes in vec(any::<u8>(), 0..200),
        sender in senders(),
        start in starts(),
        place in prop::option::of((0..200usize, 1..60usize)),
        cuts in vec(1..9usize, 1..6),
    ) {
        laws(&bytes, sender, start, gap(bytes.len(), place), &cuts);
    }

    #[test]
    fn arbitrary_frames_keep_the_laws(
        bytes in framed(),
        sender in senders(),
        start in starts(),
        place in prop::option::of((0..200usize, 1..60usize)),
        cuts in vec(1..9usize, 1..6),
    ) {
        laws(&bytes, sender, start, gap(bytes.len(), place), &cuts);
    }
}
