//! Arbitrary frames: no panic, bounded memory, offsets without a hole.
//!
//! The input is a list of frames: `| link type (1) | time, cut (1) | length (2) | bytes |`.
#![no_main]

use std::collections::HashMap;

use libfuzzer_sys::fuzz_target;
use mqscope_stream::{Chunk, Close, Direction, FlowId, FlowKey, Frame, Gap, Limits, Reassembler, Sink, headers};

const LIMITS: Limits = Limits { direction_bytes: 1 << 12, total_bytes: 1 << 14, flows: 16, fragment_bytes: 1 << 13 };
/// All link types that are known, and one that is not.
const LINKS: [u16; 14] = [0, 1, 9, 12, 14, 50, 51, 101, 108, 113, 228, 229, 276, 147];

#[derive(Default)]
struct Check {
    at: HashMap<(FlowId, Direction), u64>,
    open: HashMap<FlowId, bool>,
}

impl Check {
    fn step(&mut self, flow: FlowId, direction: Direction, offset: u64, len: u64) {
        assert_eq!(self.open.get(&flow), Some(&true), "what comes, comes while the flow is open");
        let at = self.at.entry((flow, direction)).or_default();
        assert_eq!(*at, offset);
        *at += len;
    }
}

impl Sink for Check {
    fn open(&mut self, flow: FlowId, _: &FlowKey, _: i64) {
        assert_eq!(self.open.insert(flow, true), None);
    }

    fn data(&mut self, flow: FlowId, direction: Direction, chunk: Chunk<'_>) {
        assert!(!chunk.bytes.is_empty());
        self.step(flow, direction, chunk.offset, chunk.bytes.len() as u64);
    }

    fn gap(&mut self, flow: FlowId, direction: Direction, gap: Gap) {
        self.step(flow, direction, gap.offset, gap.missing);
    }

    fn close(&mut self, flow: FlowId, _: Close) {
        assert_eq!(self.open.insert(flow, false), Some(true));
    }
}

fuzz_target!(|bytes: &[u8]| {
    let (mut reassembler, mut check) = (Reassembler::new(LIMITS), Check::default());
    let (mut rest, mut number, mut time, mut at) = (bytes, 0, 0, 0);
    while let [link, clock, low, high, after @ ..] = rest {
        let len = usize::from(u16::from_le_bytes([*low, *high])) % 2048;
        let (frame, after) = after.split_at(len.min(after.len()));
        rest = after;
        number += 1;
        // some frames come late, and some were cut
        time += i64::from(clock & 0x7f) * 20_000_000;
        let cut = if clock & 0x80 == 0 { 0 } else { 100 };
        let link = LINKS[usize::from(*link) % LINKS.len()];
        let frame =
            Frame { number, time, link, at, original_len: frame.len() as u32 + cut, bytes: frame };
        at += frame.bytes.len() as u64;
        let _ = headers(link, frame.original_len, frame.bytes);
        reassembler.push(&frame, &mut check);
        let most = LIMITS.total_bytes + LIMITS.fragment_bytes + 4096;
        assert!(reassembler.held_bytes() <= most, "{} bytes held", reassembler.held_bytes());
    }
    reassembler.finish(&mut check);
    // only datagrams that never became whole are left
    assert!(reassembler.held_bytes() <= LIMITS.fragment_bytes);
    assert!(check.open.values().all(|open| !open));
});
