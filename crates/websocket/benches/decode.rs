//! How long a frame takes: `cargo bench -p mqscope-websocket`.
//!
//! One small MQTT packet a frame, one frame a segment, as devices send them. Prints the best of several rounds, in
//! nanoseconds a frame.

use std::hint::black_box;
use std::ops::Range;
use std::time::Instant;

use mqscope_websocket::{Decoder, Deflate, Encoder, Events, Kind, MessageInfo, Sender};

const FRAMES: usize = 200_000;
const ROUNDS: usize = 7;
const PAYLOAD: usize = 120;

#[derive(Default)]
struct Count {
    bytes: u64,
}

impl Events for Count {
    fn data(&mut self, bytes: &[u8], from: Range<u64>, _: &MessageInfo) {
        self.bytes += black_box(bytes).len() as u64 + black_box(from).start % 2;
    }
}

fn main() {
    let alone = Deflate { client_no_context_takeover: true, ..Deflate::default() };
    for (name, sender, deflate) in [
        ("by a server, plain", Sender::Server, None),
        ("by a client, masked", Sender::Client, None),
        ("by a server, compressed", Sender::Server, Some(Deflate::default())),
        ("by a client, masked and compressed without takeover", Sender::Client, Some(alone)),
    ] {
        let frames = frames(sender, deflate);
        let bytes: usize = frames.iter().map(Vec::len).sum();
        let best = (0..ROUNDS).map(|_| round(sender, deflate, &frames)).fold(f64::INFINITY, f64::min);
        println!("{name}: {best:.1} ns a frame of {} bytes", bytes / frames.len());
    }
}

fn frames(sender: Sender, deflate: Option<Deflate>) -> Vec<Vec<u8>> {
    let mut encoder = Encoder::new(sender, deflate);
    let count = if deflate.is_some() { FRAMES / 10 } else { FRAMES };
    (0..count)
        .map(|n| {
            let mut frame = Vec::new();
            let text = format!("sensors/kitchen/{n}/temperature {{\"value\":{}}}", n * 7 % 500);
            let payload = [text.as_bytes(), &[b' '; PAYLOAD][text.len()..]].concat();
            encoder.message(Kind::Binary, &payload, || 0x9e37_79b9u32.wrapping_mul(n as u32), &mut frame);
            frame
        })
        .collect()
}

fn round(sender: Sender, deflate: Option<Deflate>, frames: &[Vec<u8>]) -> f64 {
    let mut decoder = Decoder::new(sender, deflate);
    let mut count = Count::default();
    let began = Instant::now();
    for frame in frames {
        decoder.push(black_box(frame), &mut count);
    }
    let took = began.elapsed();
    assert!(count.bytes >= (frames.len() * PAYLOAD) as u64);
    took.as_nanos() as f64 / frames.len() as f64
}
