//! The laws on any bytes: the first five choose the settings, the gap and the cuts, the rest is one direction.
#![no_main]

#[path = "../../tests/laws/check.rs"]
mod check;

use check::{Start, laws};
use libfuzzer_sys::fuzz_target;
use mqscope_websocket::{Deflate, Sender};

fuzz_target!(|bytes: &[u8]| {
    let [settings, gap, missing, first, second, bytes @ ..] = bytes else { return };
    let sender = if settings & 1 == 0 { Sender::Client } else { Sender::Server };
    let start = match settings >> 1 & 3 {
        0 => Start::Handshake(None),
        1 => Start::MidStream,
        _ => Start::Handshake(Some(Deflate {
            client_no_context_takeover: settings & 8 != 0,
            server_no_context_takeover: settings & 8 != 0,
            client_max_window_bits: 8 + (settings >> 4 & 7),
            server_max_window_bits: 8 + (settings >> 4 & 7),
        })),
    };
    let from = usize::from(*gap).min(bytes.len());
    let gap = (*missing > 0).then(|| from..(from + usize::from(*missing)).min(bytes.len()));
    laws(bytes, sender, start, gap, &[usize::from(*first), usize::from(*second)]);
});
