//! What RFC 6455 §5.7 shows, and what test suites for WebSockets try: fragments, control frames, lengths, UTF-8.

#[path = "laws/check.rs"]
mod check;

use Sender::{Client, Server};
use check::{Compression, Record, Start, Told, decode, laws};
use mqscope_websocket::{
    Close, CloseCode, Decoder, Deflate, Encoder, Events, Fault, Header, Kind, MessageInfo, Opcode, Sender,
};

/// Decodes in one piece, having seen that every cut tells the same.
fn read(bytes: &[u8], sender: Sender, deflate: Option<Deflate>) -> Record {
    let start = Start::Handshake(deflate);
    for cut in 1..=bytes.len().min(200) {
        laws(bytes, sender, start, None, &[cut]);
        laws(bytes, sender, start, None, &[cut, usize::MAX]);
    }
    decode(bytes, sender, start, None, &[])
}

fn faults(bytes: &[u8], sender: Sender) -> Vec<Fault> {
    read(bytes, sender, None).faults()
}

#[test]
fn the_examples_of_the_rfc_say_hello() {
    for (bytes, sender, kind, from) in [
        (&b"\x81\x05Hello"[..], Server, Kind::Text, 2..7),
        (b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58", Client, Kind::Text, 6..11),
        (b"\x82\x05Hello", Server, Kind::Binary, 2..7),
    ] {
        let header = Header::parse(bytes).unwrap();
        assert_eq!(
            read(bytes, sender, None).told,
            [Told::Frame(header, 0), Told::Data(b"Hello".to_vec(), kind, Compression::Plain(from))]
        );
    }
}

#[test]
fn a_fragmented_text_is_one_message_with_a_ping_in_between() {
    let record = read(b"\x01\x03Hel\x89\x05Hello\x80\x02lo", Server, None);
    let plain = |bytes: &[u8], from| Told::Data(bytes.to_vec(), Kind::Text, Compression::Plain(from));
    let told: Vec<_> = record.told.into_iter().filter(|told| !matches!(told, Told::Frame(..))).collect();
    assert_eq!(
        told,
        [plain(b"Hel", 2..5), Told::Control(Opcode::Ping, b"Hello".to_vec(), 5..12), plain(b"lo", 14..16)]
    );
}

#[test]
fn all_lengths_are_read() {
    for len in [0, 1, 125, 126, 127, 128, 65_535, 65_536, 200_000] {
        let payload: Vec<u8> = (0..len).map(|n| (n % 251) as u8).collect();
        for sender in [Client, Server] {
            let mut raw = Vec::new();
            Encoder::new(sender, None).message(Kind::Binary, &payload, || 0xdead_beef, &mut raw);
            let header = Header::parse(&raw).unwrap();
            assert_eq!((header.payload_len, header.is_minimal()), (len, true));
            let record = read(&raw, sender, None);
            assert!(record.data() == payload && record.faults().is_empty(), "{len} by {sender:?}");
        }
    }
}

#[test]
fn plain_payload_is_not_copied() {
    struct Same<'a>(&'a [u8], usize);
    impl Events for Same<'_> {
        fn data(&mut self, bytes: &[u8], from: std::ops::Range<u64>, _: &MessageInfo) {
            assert!(std::ptr::eq(bytes, &raw const self.0[from.start as usize..from.end as usize]));
            self.1 += 1;
        }
    }
    let raw = b"\x82\x02ab\x82\x7e\x00\x80".iter().copied().chain([7; 0x80]).collect::<Vec<_>>();
    let mut same = Same(&raw, 0);
    Decoder::new(Server, None).push(&raw, &mut same);
    assert_eq!(same.1, 2);
}

#[test]
fn a_decoder_is_small() {
    assert!(size_of::<Decoder>() < 200, "{}", size_of::<Decoder>());
}

#[test]
fn each_fault_is_seen_in_its_smallest_bytes() {
    use Fault::*;
    for (bytes, sender, fault, raw) in [
        (&b"\x82\x00"[..], Client, ClientNotMasked, 0..2),
        (b"\x82\x80\0\0\0\0", Server, ServerMasked, 0..6),
        (b"\xc2\x00", Server, ReservedBits, 0..2),
        (b"\xa2\x00", Server, ReservedBits, 0..2),
        (b"\x92\x00", Server, ReservedBits, 0..2),
        (b"\x83\x00", Server, ReservedOpcode, 0..2),
        (b"\x8f\x00", Server, ReservedOpcode, 0..2),
        (b"\x82\x7e\x00\x7dx", Server, LengthNotMinimal, 0..4),
        (b"\x82\x7f\0\0\0\0\0\0\xff\xff", Server, LengthNotMinimal, 0..10),
        (b"\x82\x7f\x80\0\0\0\0\0\0\0", Server, LengthTooBig, 0..10),
        (b"\x09\x00", Server, ControlFragmented, 0..2),
        (b"\x89\x7e\x00\x7e", Server, ControlTooLong, 0..4),
        (b"\x80\x00", Server, ContinuationWithoutStart, 0..2),
        (b"\x02\x00\x82\x00", Server, MessageInterrupted, 2..4),
        (b"\x88\x00\x82\x00", Server, DataAfterClose, 2..4),
        (b"\x88\x01\x03", Server, CloseTooShort, 0..3),
        (b"\x88\x02\x03\xed", Server, CloseCodeInvalid, 0..4),
        (b"\x88\x03\x03\xe8\xff", Server, CloseReasonNotUtf8, 0..5),
        (b"\x81\x01\xff", Server, TextNotUtf8, 0..3),
        (b"\x01\x01\xc3\x80\x00", Server, TextNotUtf8, 0..5),
    ] {
        let told: Vec<_> = read(bytes, sender, None)
            .told
            .into_iter()
            .filter(|told| matches!(told, Told::Fault(..)))
            .collect();
        assert_eq!(told, [Told::Fault(fault, raw)], "{bytes:x?}");
        if bytes.len() > 2 {
            let ahead: Vec<_> = [bytes, b"\x8a\x00"].concat();
            assert!(read(&ahead, sender, None).faults().contains(&fault));
        }
    }
}

#[test]
fn faults_of_compression_are_seen_where_it_is_agreed() {
    use Fault::*;
    for (bytes, fault, raw) in [
        (&b"\xc9\x00"[..], CompressedBitMisplaced, 0..2),
        (b"\x02\x00\xc0\x00", CompressedBitMisplaced, 2..4),
        (b"\xc2\x01\x06", Inflate, 0..3), // block type 3
        (b"\x42\x00\xc0\x01\x06", Inflate, 2..5),
    ] {
        let record = read(bytes, Server, Some(Deflate::default()));
        assert!(record.told.contains(&Told::Fault(fault, raw)), "{bytes:x?}: {:?}", record.told);
    }
}

#[test]
fn what_is_wrong_is_still_read_where_it_can_be() {
    // not masked by a client, masked by a server, unknown bits, a length longer than needed
    for (bytes, sender) in [
        (&b"\x82\x02ab"[..], Client),
        (b"\x82\x82\x01\x01\x01\x01\x60\x63", Server),
        (b"\xf2\x02ab", Server),
        (b"\x82\x7e\x00\x02ab", Server),
        (b"\x80\x02ab", Server),
        (b"\x83\x01x\x82\x02ab", Server),
        (b"\x02\x01a\x82\x01b", Server),
        (b"\x88\x00\x82\x02ab", Server),
    ] {
        let record = read(bytes, sender, None);
        assert_eq!((record.data().as_slice(), record.faults().len()), (&b"ab"[..], 1), "{bytes:x?}");
    }
}

#[test]
fn a_control_frame_that_is_too_long_is_cut_and_skipped() {
    let mut bytes = b"\x89\x7e\x00\xc8".to_vec();
    bytes.extend([b'p'; 200]);
    bytes.extend(b"\x82\x01x");
    let record = read(&bytes, Server, None);
    assert!(record.told.contains(&Told::Control(Opcode::Ping, vec![b'p'; 125], 0..204)));
    assert_eq!(record.data(), b"x");
}

#[test]
fn valid_text_of_all_widths_is_no_fault() {
    let text = "κόσμε € \u{1f600}";
    for cut in 0..=text.len() {
        let (first, second) = text.as_bytes().split_at(cut);
        let mut bytes = vec![0x01, first.len() as u8];
        bytes.extend(first);
        bytes.extend([0x80, second.len() as u8]);
        bytes.extend(second);
        assert_eq!(faults(&bytes, Server), [], "cut at {cut}");
    }
}

#[test]
fn an_encoder_cuts_what_a_control_frame_cannot_hold() {
    let mut raw = Vec::new();
    let mut client = Encoder::new(Client, None);
    client.ping(&[1; 126], || 1, &mut raw);
    client.pong(&[2; 3], || 2, &mut raw);
    client.close(CloseCode(1001), &"ö".repeat(100), || 3, &mut raw);
    let record = read(&raw, Client, None);
    let controls: Vec<_> = record
        .told
        .iter()
        .filter_map(
            |told| if let Told::Control(opcode, payload, _) = told { Some((opcode, payload)) } else { None },
        )
        .collect();
    assert_eq!(controls[..2], [(&Opcode::Ping, &vec![1; 125]), (&Opcode::Pong, &vec![2; 3])]);
    let close = Close::parse(controls[2].1).unwrap();
    assert_eq!((close.code.name(), close.reason), ("Going Away", "ö".repeat(61).as_bytes()));
    assert_eq!(record.faults(), []);
}

#[test]
fn compressed_fragments_with_a_ping_between_say_hello() {
    // RFC 7692 §7.2.3.1, the second message by reference to the first
    let bytes = b"\x41\x03\xf2\x48\xcd\x89\x00\x80\x04\xc9\xc9\x07\x00\xc1\x05\xf2\x00\x11\x00\x00\x81\x01!";
    let record = read(bytes, Server, Some(Deflate::default()));
    assert_eq!((record.data(), record.faults()), (b"HelloHello!".to_vec(), vec![]));
}

#[test]
fn compressed_and_empty_is_nothing() {
    for bytes in [&b"\xc2\x01\x00\xc2\x01\x00"[..], b"\x42\x00\x80\x01\x00", b"\xc2\x00", b"\xc2\x02\x03\x00"]
    {
        let record = read(bytes, Server, Some(Deflate::default()));
        assert_eq!((record.data(), record.faults()), (vec![], vec![]), "{bytes:x?}");
    }
}
