//! Bytes that were not captured, broken compressed data, and streams whose beginning was not seen.

#[path = "laws/check.rs"]
mod check;

use Sender::{Client, Server};
use check::{Record, Start, Told, decode, laws};
use mqscope_websocket::{Decoder, Deflate, Encoder, Fault, Header, Kind, Sender};
use std::ops::Range;

const PLAIN: Start = Start::Handshake(None);

fn read(bytes: &[u8], sender: Sender, start: Start, gap: Range<usize>) -> Record {
    for cut in 1..20 {
        laws(bytes, sender, start, Some(gap.clone()), &[cut]);
    }
    decode(bytes, sender, start, Some(gap), &[])
}

/// Messages as one sender's frames, and where each begins.
fn encoded(sender: Sender, deflate: Option<Deflate>, messages: &[&[u8]]) -> (Vec<u8>, Vec<usize>) {
    let mut encoder = Encoder::new(sender, deflate);
    let (mut raw, mut starts) = (Vec::new(), Vec::new());
    for (n, message) in messages.iter().enumerate() {
        starts.push(raw.len());
        encoder.message(Kind::Binary, message, || 0x9e37_79b9u32.wrapping_mul(n as u32 + 1), &mut raw);
    }
    (raw, starts)
}

const TOPICS: [&[u8]; 12] = [
    b"\x30\x0asensors/kitchen/temperature 21.5",
    b"\x30\x0asensors/kitchen/temperature 21.6",
    b"\x30\x0asensors/kitchen/temperature 21.7",
    b"\x30\x0asensors/kitchen/temperature 21.8",
    b"\x30\x0asensors/kitchen/temperature 21.9",
    b"\x30\x0asensors/kitchen/temperature 22.0",
    b"\x30\x0asensors/kitchen/temperature 22.1",
    b"\x30\x0asensors/kitchen/temperature 22.2",
    b"\x30\x0asensors/kitchen/temperature 22.3",
    b"\x30\x0asensors/kitchen/temperature 22.4",
    b"\x30\x0asensors/kitchen/temperature 22.5",
    b"\x30\x0asensors/kitchen/temperature 22.6",
];

#[test]
fn a_hole_in_a_payload_keeps_borders_and_mask() {
    for sender in [Client, Server] {
        let (raw, starts) = encoded(sender, None, &TOPICS);
        let head = usize::from(Header::parse(&raw).unwrap().header_len);
        let len = TOPICS[0].len();
        for from in 0..len {
            for missing in 1..=len - from {
                let start = starts[1] + head + from;
                let record = read(&raw, sender, PLAIN, start..start + missing);
                let mut expected = TOPICS.concat();
                expected.drain(len + from..len + from + missing);
                assert_eq!(record.data(), expected, "{missing} from {from}");
                assert_eq!(record.lost(), [Some(missing as u64)]);
            }
        }
    }
}

#[test]
fn a_hole_in_a_text_leaves_it_unjudged() {
    let record = read(b"\x81\x04\xc3\xa4\xc3\xa4\x81\x01\xff", Server, PLAIN, 3..4);
    assert!(matches!(record.told.last(), Some(Told::Fault(Fault::TextNotUtf8, Range { start: 6, end: 9 }))));
    assert_eq!(record.faults().len(), 1);
}

#[test]
fn a_hole_in_a_control_frame_loses_no_data() {
    let record = read(b"\x82\x01a\x89\x03xyz\x82\x01b", Server, PLAIN, 6..7);
    assert_eq!((record.data(), record.lost()), (b"ab".to_vec(), vec![]));
    assert!(!record.told.iter().any(|told| matches!(told, Told::Control(..))));
}

#[test]
fn a_gap_over_headers_is_survived_by_the_next_run_of_frames() {
    for sender in [Client, Server] {
        let (raw, starts) = encoded(sender, None, &TOPICS);
        let len = TOPICS[0].len();
        for gap in [
            starts[1]..starts[1] + 1,      // begins with a header
            starts[1] + 1..starts[1] + 2,  // within a header
            starts[2] - 3..starts[3] + 9,  // over one
            starts[1] + 10..starts[4] + 8, // over several
        ] {
            let record = read(&raw, sender, PLAIN, gap.clone());
            let next = starts.iter().position(|start| *start >= gap.end).unwrap();
            assert_eq!(record.lost(), [None], "{gap:?}");
            let told = record.data();
            assert!(told.ends_with(&TOPICS[next..].concat()), "{gap:?}");
            assert_eq!(told.len() - (TOPICS.len() - next) * len, record.data_before_loss().len(), "{gap:?}");
        }
    }
}

#[test]
fn a_decoder_is_lost_until_enough_headers_agree() {
    let (raw, starts) = encoded(Server, None, &TOPICS[..3]);
    let mut decoder = Decoder::mid_stream(Server);
    let mut record = Record::default();
    decoder.push(&raw[7..starts[2]], &mut record);
    assert!(decoder.is_lost());
    let mut decoder = Decoder::mid_stream(Server);
    decoder.push(&raw[..starts[2]], &mut record);
    assert!(decoder.is_lost() && record.told.is_empty());
    decoder.push(&raw[starts[2]..starts[2] + 2], &mut record);
    assert!(!decoder.is_lost());
    assert_eq!(record.data(), TOPICS[..2].concat());
    decoder.push(&raw[starts[2] + 2..], &mut record);
    assert_eq!(record.data(), TOPICS[..3].concat());
    assert!(decoder.is_between_messages());
}

#[test]
fn bytes_that_lead_to_a_header_by_chance_begin_nothing() {
    // What a fragment ends with reads as the first of a message that is not compressed, and true headers follow it.
    let mut raw = b"\xff\xff\x02\x01\x00".to_vec();
    for number in 0..8 {
        raw.extend([0x89, 0x01, number, 0x00, 0x02, 0xf2, 0x48]);
    }
    raw.extend(b"\x80\x01\x00\x82\x01c");
    let record = decode(&raw, Server, Start::MidStream, None, &[]);
    assert_eq!((record.data().as_slice(), record.faults()), (&b"c"[..], vec![]));
}

#[test]
fn frames_longer_than_what_is_held_are_found() {
    let long = vec![b'x'; 100_000];
    let (raw, _) = encoded(Server, None, &[&long, &long, b"first", b"second", b"third"]);
    let record = decode(&raw[50_000..], Server, Start::MidStream, None, &[1460]);
    assert!(record.data().ends_with(b"firstsecondthird"));
    assert_eq!(record.faults(), []);
}

#[test]
fn lost_compressed_data_without_takeover_costs_one_message() {
    let deflate = Deflate { server_no_context_takeover: true, ..Deflate::default() };
    let (raw, starts) = encoded(Server, Some(deflate), &TOPICS);
    let start = Start::Handshake(Some(deflate));
    let record = read(&raw, Server, start, starts[1] + 2..starts[1] + 5);
    assert_eq!(record.data(), [TOPICS[0], &TOPICS[2..].concat()].concat());
    assert_eq!((record.lost(), record.faults()), (vec![None], vec![]));
    // The same for data that is broken: RFC 7692 has no block of type 3.
    let mut broken = raw.clone();
    broken[starts[1] + 2] = 0xff;
    let record = decode(&broken, Server, start, None, &[]);
    assert_eq!(record.data(), [TOPICS[0], &TOPICS[2..].concat()].concat());
    assert_eq!((record.lost(), record.faults()), (vec![None], vec![Fault::Inflate]));
}

#[test]
fn with_takeover_only_what_needs_nothing_lost_comes_out_after_a_loss() {
    let noise: Vec<u8> = (0..200u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let messages = [&TOPICS[..4], &[&noise]].concat();
    let (raw, starts) = encoded(Server, Some(Deflate::default()), &messages);
    let record = read(&raw, Server, Start::Handshake(Some(Deflate::default())), starts[1] + 2..starts[1] + 3);
    let data = record.data();
    assert!(data.starts_with(TOPICS[0]) && data.ends_with(&noise));
    assert!(data.len() < messages.concat().len() - TOPICS[0].len() * 2);
    assert_eq!(record.faults(), [], "the sender did nothing wrong");
    assert!(!record.lost().is_empty() && record.lost().iter().all(Option::is_none));
}

#[test]
fn a_gap_over_headers_of_compressed_frames_is_survived() {
    let deflate = Deflate { client_no_context_takeover: true, ..Deflate::default() };
    let (raw, starts) = encoded(Client, Some(deflate), &TOPICS);
    let record = read(&raw, Client, Start::Handshake(Some(deflate)), starts[1] + 8..starts[3] + 2);
    assert!(record.data().ends_with(&TOPICS[4..].concat()));
    assert_eq!(record.lost(), [None]);
}

#[test]
fn mid_stream_compression_is_told_by_its_bit() {
    for takeover in [false, true] {
        let deflate = Deflate { client_no_context_takeover: !takeover, ..Deflate::default() };
        let (raw, starts) = encoded(Client, Some(deflate), &TOPICS);
        let record = decode(&raw, Client, Start::MidStream, None, &[]);
        assert_eq!(record.data(), TOPICS.concat(), "from the first message on nothing is missing");
        let record = decode(&raw[starts[2] - 4..], Client, Start::MidStream, None, &[]);
        match takeover {
            false => assert_eq!(record.data(), TOPICS[2..].concat()),
            true => assert!(record.data().len() < TOPICS[2..].concat().len()),
        }
        assert_eq!(record.faults(), []);
    }
}

#[test]
fn a_continuation_whose_beginning_was_not_seen_is_told_only_if_nothing_can_be_compressed() {
    let raw = b"\x02\x05aaaaa\x80\x02bb\x82\x01c\x82\x01d\x82\x01e\x82\x01f\x82\x01g\x82\x01h";
    let plain = decode(raw, Server, PLAIN, Some(0..1), &[]);
    assert_eq!((plain.data(), plain.faults()), (b"cdefgh".to_vec(), vec![]));
    // Enough headers agree from the first Ping on, and a continuation follows.
    let pings = [0x89, 0x00].repeat(6);
    let raw = [&b"\x02\x05aaaaa"[..], &pings, b"\x80\x02bb\x82\x01c"].concat();
    let raw = &raw;
    for (deflate, data) in [(None, &b"bbc"[..]), (Some(Deflate::default()), b"c")] {
        let record = decode(raw, Server, Start::Handshake(deflate), Some(0..1), &[]);
        assert_eq!((record.data().as_slice(), record.faults()), (data, vec![]));
    }
}

#[test]
fn offsets_count_what_is_missing() {
    let mut decoder = Decoder::new(Server, None);
    let mut record = Record::default();
    decoder.push(b"\x82", &mut record);
    assert!(!decoder.is_between_messages());
    decoder.push(b"\x7f\xff\xff\xff\xff\xff\xff\xff\xffab", &mut record);
    for _ in 0..3 {
        decoder.gap(u64::MAX / 2, &mut record);
        decoder.push(b"x", &mut record);
    }
    assert!(decoder.offset() >= 1 << 62);
}
