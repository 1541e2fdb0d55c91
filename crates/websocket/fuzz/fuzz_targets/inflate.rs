//! Any DEFLATE data as one compressed message in two frames, against an inflater that gets it whole; then a message
//! that needs nothing of the first.
#![no_main]

#[path = "../../tests/laws/check.rs"]
mod check;

use check::{Start, Told, decode, laws};
use flate2::{Decompress, FlushDecompress, Status};
use libfuzzer_sys::fuzz_target;
use mqscope_websocket::{Deflate, Fault, Header, Opcode, Sender};

/// RFC 7692 §7.2.3.1.
const HELLO: &[u8] = &[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];

fuzz_target!(|bytes: &[u8]| {
    let [cut, takeover, bytes @ ..] = bytes else { return };
    let deflate = Deflate { server_no_context_takeover: takeover & 1 == 0, ..Deflate::default() };
    let start = Start::Handshake(Some(deflate));
    let (first, second) = bytes.split_at(usize::from(*cut).min(bytes.len()));
    let mut raw = Vec::new();
    for (header, payload) in [
        (Header { fin: false, rsv1: true, ..Header::new(Opcode::Binary, first.len() as u64, None) }, first),
        (Header::new(Opcode::Continuation, second.len() as u64, None), second),
        (Header { rsv1: true, ..Header::new(Opcode::Binary, HELLO.len() as u64, None) }, HELLO),
    ] {
        header.encode(&mut raw);
        raw.extend_from_slice(payload);
    }
    laws(&raw, Sender::Server, start, None, &[usize::from(*takeover), 3]);

    let record = decode(&raw, Sender::Server, start, None, &[]);
    // What is cut off within a block breaks the next message only.
    let hello = (raw.len() - HELLO.len() - 2) as u64;
    let broken =
        record.told.iter().any(|told| matches!(told, Told::Fault(Fault::Inflate, at) if at.start < hello));
    if deflate.server_no_context_takeover || broken {
        assert!(record.data().ends_with(b"Hello"));
    }
    // One DEFLATE stream, whole: the same comes out, and the same is broken.
    let mut whole = Vec::with_capacity(bytes.len() * 1032 + 1032);
    let mut oracle = Decompress::new(false);
    let tail = [bytes, &[0x00, 0x00, 0xff, 0xff]].concat();
    match oracle.decompress_vec(&tail, &mut whole, FlushDecompress::None) {
        Ok(Status::StreamEnd) => assert!(record.data().starts_with(&whole)),
        Ok(_) if deflate.server_no_context_takeover => {
            assert!(!broken);
            assert_eq!(record.data(), [whole.as_slice(), b"Hello"].concat());
        }
        Ok(_) => assert!(record.data().starts_with(&whole)),
        Err(_) => assert!(broken),
    }
});
