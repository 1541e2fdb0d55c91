//! How long a frame takes: `cargo bench -p mqscope-stream`.
//!
//! A thousand flows in turn, one segment each, in buffers that are used again as a reader's would be. Prints the best of
//! several rounds, in nanoseconds a frame.

use std::hint::black_box;
use std::time::Instant;

use mqscope_stream::{Chunk, Direction, FlowId, Frame, Limits, Reassembler, Sink};

const FLOWS: u16 = 1000;
const TURNS: u32 = 200;
const ROUNDS: usize = 7;
const PAYLOAD: usize = 200;

#[derive(Default)]
struct Count {
    bytes: u64,
}

impl Sink for Count {
    fn data(&mut self, _: FlowId, _: Direction, chunk: Chunk<'_>) {
        self.bytes += black_box(chunk.bytes).len() as u64;
    }
}

fn main() {
    for (name, swapped) in [("in order", false), ("one in eight out of order", true)] {
        let best = (0..ROUNDS).map(|_| round(swapped)).fold(f64::INFINITY, f64::min);
        println!("{name}: {best:.1} ns a frame");
    }
}

fn round(swapped: bool) -> f64 {
    let mut frames: Vec<[u8; 54 + PAYLOAD]> = (0..FLOWS).map(frame).collect();
    let mut reassembler = Reassembler::new(Limits::default());
    let mut sink = Count::default();
    let mut number = 0;
    let began = Instant::now();
    for turn in 0..TURNS {
        // every eighth segment goes before the one it follows
        let place = match turn % 8 {
            6 if swapped => turn + 1,
            7 if swapped => turn - 1,
            _ => turn,
        };
        for bytes in &mut frames {
            bytes[38..42].copy_from_slice(&(1 + place * PAYLOAD as u32).to_be_bytes());
            number += 1;
            let frame = Frame {
                number,
                time: number as i64 * 1000,
                link: 1,
                at: number * 300,
                original_len: bytes.len() as u32,
                bytes: &bytes[..],
            };
            reassembler.push(&frame, &mut sink);
        }
    }
    let spent = began.elapsed();
    reassembler.finish(&mut sink);
    assert_eq!(sink.bytes, u64::from(FLOWS) * u64::from(TURNS) * PAYLOAD as u64);
    spent.as_nanos() as f64 / number as f64
}

/// Ethernet, IPv4, TCP from one of the flows' clients, acknowledging.
fn frame(flow: u16) -> [u8; 54 + PAYLOAD] {
    let mut bytes = [b'x'; 54 + PAYLOAD];
    let total = (40 + PAYLOAD) as u16;
    bytes[12..16].copy_from_slice(&[8, 0, 0x45, 0]);
    bytes[16..18].copy_from_slice(&total.to_be_bytes());
    bytes[18..26].copy_from_slice(&[0, 0, 0x40, 0, 64, 6, 0, 0]);
    bytes[26..34].copy_from_slice(&[10, 0, (flow >> 8) as u8, flow as u8, 10, 1, 0, 1]);
    bytes[34..38].copy_from_slice(&[0xc3, 0x50, 0x07, 0x5b]);
    bytes[42..54].copy_from_slice(&[0, 0, 0, 1, 0x50, 0x18, 1, 0, 0, 0, 0, 0]);
    bytes
}
