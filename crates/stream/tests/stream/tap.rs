//! A reassembler with a capture before it and a witness behind it, which also checks what always holds.

use std::collections::HashMap;

use mqscope_stream::{
    Analysis, Chunk, Close, CloseReason, Direction, FlowId, FlowKey, Frame, Gap, GapCause, Limits,
    Reassembler, Segment, Sink,
};

use crate::build::{ACK, CLIENT, PSH, SERVER, SYN, Tcp};

pub(crate) const MS: i64 = 1_000_000;
pub(crate) const SECOND: i64 = 1000 * MS;
/// What the frames of the header tests carry.
pub(crate) const GOT: &[u8] = b"payload";
/// Initial sequence numbers of the client and the server.
pub(crate) const CLIENT_ISN: u32 = 1000;
pub(crate) const SERVER_ISN: u32 = 9000;

/// A reassembler that is fed frames one millisecond apart.
pub(crate) struct Tap {
    pub(crate) reassembler: Reassembler,
    pub(crate) seen: Witness,
    pub(crate) frame: u64,
    pub(crate) time: i64,
    limits: Limits,
}

/// What the sink was told.
#[derive(Default)]
pub(crate) struct Witness {
    /// All captured bytes; the store.
    store: Vec<u8>,
    pub(crate) keys: Vec<FlowKey>,
    pub(crate) closes: Vec<(u32, Close)>,
    pub(crate) round_trips: Vec<i64>,
    /// The remarks on each segment.
    pub(crate) remarks: Vec<Analysis>,
    pub(crate) got: Vec<Got>,
    next: HashMap<(FlowId, Direction), u64>,
}

/// Bytes or a gap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Got {
    pub(crate) flow: u32,
    pub(crate) direction: Direction,
    pub(crate) offset: u64,
    pub(crate) what: What,
    /// The frame that carried it and the one that completed it; 0 for gaps.
    pub(crate) frame: u64,
    pub(crate) completed: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum What {
    Bytes(Vec<u8>),
    Gap(u64, GapCause),
}

impl Tap {
    pub(crate) fn new() -> Self {
        Self::with(Limits::default())
    }

    pub(crate) fn with(limits: Limits) -> Self {
        let seen = Witness::default();
        Self { reassembler: Reassembler::new(limits), seen, frame: 0, time: SECOND, limits }
    }

    /// One that has seen a handshake between [`CLIENT`] and [`SERVER`].
    pub(crate) fn connected() -> Self {
        let mut tap = Self::new();
        tap.handshake(CLIENT_ISN, SERVER_ISN);
        tap
    }

    pub(crate) fn handshake(&mut self, client_isn: u32, server_isn: u32) {
        self.tcp(&Tcp { seq: client_isn, ack: 0, flags: SYN, ..Tcp::data(0, b"") });
        self.tcp(&syn_ack(client_isn, server_isn));
        self.tcp(&Tcp {
            seq: client_isn.wrapping_add(1),
            ack: server_isn.wrapping_add(1),
            flags: ACK,
            ..Tcp::data(0, b"")
        });
    }

    pub(crate) fn link(&mut self, link: u16, original_len: usize, bytes: &[u8]) {
        self.frame += 1;
        self.time += MS;
        let at = self.seen.store.len() as u64;
        self.seen.store.extend_from_slice(bytes);
        let original_len = original_len as u32;
        let frame = Frame { number: self.frame, time: self.time, link, at, original_len, bytes };
        self.reassembler.push(&frame, &mut self.seen);
        assert!(
            self.reassembler.held_bytes() <= self.limits.total_bytes + self.limits.fragment_bytes,
            "limits hold"
        );
    }

    pub(crate) fn ethernet(&mut self, bytes: &[u8]) {
        self.link(1, bytes.len(), bytes);
    }

    /// A segment in a packet of its own: its sender numbers it.
    pub(crate) fn tcp(&mut self, segment: &Tcp) {
        let mut frame = segment.frame();
        if segment.from.is_ipv4() {
            frame[18..20].copy_from_slice(&(self.frame as u16 + 1).to_be_bytes());
        }
        self.ethernet(&frame);
    }

    /// Data from the client; `offset` counts from its first byte.
    pub(crate) fn client(&mut self, offset: u32, data: &[u8]) {
        self.tcp(&client(offset, data));
    }

    /// Data from the server; `offset` counts from its first byte.
    pub(crate) fn server(&mut self, offset: u32, data: &[u8]) {
        self.tcp(&server(offset, data));
    }

    /// The server acknowledges the client's first `offset` bytes.
    pub(crate) fn server_acknowledges(&mut self, offset: u32) {
        self.tcp(&Tcp { ack: CLIENT_ISN + 1 + offset, flags: ACK, ..server(0, b"") });
    }

    pub(crate) fn tick(&mut self, later: i64) {
        self.time += later;
        self.reassembler.tick(self.time, &mut self.seen);
    }

    pub(crate) fn finish(&mut self) {
        self.reassembler.finish(&mut self.seen);
        assert_eq!(self.reassembler.held_bytes() - self.fragments_held(), 0, "nothing is held at the end");
    }

    /// All that may still be held at the end are fragments.
    fn fragments_held(&self) -> usize {
        self.reassembler.held_bytes().min(self.limits.fragment_bytes)
    }

    /// The client's bytes of flow 0, gaps as so many `?`.
    pub(crate) fn client_text(&self) -> String {
        self.seen.text(0, Direction::Forward)
    }

    /// The server's bytes of flow 0, gaps as so many `?`.
    pub(crate) fn server_text(&self) -> String {
        self.seen.text(0, Direction::Reverse)
    }

    /// The remarks on the last segment.
    pub(crate) fn remarks(&self) -> Analysis {
        *self.seen.remarks.last().expect("a segment")
    }

    pub(crate) fn gaps(&self) -> Vec<(u64, GapCause)> {
        self.seen
            .got
            .iter()
            .filter_map(|got| match got.what {
                What::Gap(missing, cause) => Some((missing, cause)),
                What::Bytes(_) => None,
            })
            .collect()
    }

    pub(crate) fn reasons(&self) -> Vec<(u32, CloseReason)> {
        self.seen.closes.iter().map(|(flow, close)| (*flow, close.reason)).collect()
    }
}

pub(crate) fn client(offset: u32, data: &[u8]) -> Tcp {
    let seq = CLIENT_ISN.wrapping_add(1).wrapping_add(offset);
    Tcp { seq, ack: SERVER_ISN + 1, ..Tcp::data(0, data) }
}

pub(crate) fn server(offset: u32, data: &[u8]) -> Tcp {
    Tcp {
        from: SERVER,
        to: CLIENT,
        seq: SERVER_ISN.wrapping_add(1).wrapping_add(offset),
        ack: CLIENT_ISN + 1,
        flags: PSH | ACK,
        window: 501,
        data: data.to_vec(),
    }
}

pub(crate) fn syn_ack(client_isn: u32, server_isn: u32) -> Tcp {
    Tcp { seq: server_isn, ack: client_isn.wrapping_add(1), flags: SYN | ACK, ..server(0, b"") }
}

impl Witness {
    pub(crate) fn text(&self, flow: u32, direction: Direction) -> String {
        String::from_utf8(self.bytes(flow, direction)).expect("tests send text")
    }

    /// A direction's bytes, gaps as so many `?`.
    pub(crate) fn bytes(&self, flow: u32, direction: Direction) -> Vec<u8> {
        let mut out = Vec::new();
        for got in self.got.iter().filter(|got| (got.flow, got.direction) == (flow, direction)) {
            match &got.what {
                What::Bytes(bytes) => out.extend(bytes),
                What::Gap(missing, _) => out.resize(out.len() + *missing as usize, b'?'),
            }
        }
        out
    }

    fn advance(&mut self, flow: FlowId, direction: Direction, offset: u64, len: u64) {
        assert!((flow.0 as usize) < self.keys.len(), "a flow is opened first");
        assert!(self.closes.iter().all(|(closed, _)| *closed != flow.0), "nothing comes after the end");
        let next = self.next.entry((flow, direction)).or_default();
        assert_eq!(*next, offset, "offsets follow one another");
        *next += len;
    }
}

impl Sink for Witness {
    fn open(&mut self, flow: FlowId, key: &FlowKey, _: i64) {
        assert_eq!(flow.0 as usize, self.keys.len(), "flows count in the order in which they appear");
        self.keys.push(*key);
    }

    fn handshake(&mut self, _: FlowId, round_trip: i64) {
        self.round_trips.push(round_trip);
    }

    fn segment(&mut self, _: FlowId, _: Direction, segment: &Segment) {
        self.remarks.push(segment.analysis);
    }

    fn data(&mut self, flow: FlowId, direction: Direction, chunk: Chunk<'_>) {
        assert!(!chunk.bytes.is_empty());
        assert!(chunk.completed.frame >= chunk.frame);
        let at = chunk.at as usize;
        assert_eq!(self.store[at..at + chunk.bytes.len()], *chunk.bytes, "a chunk says where it stands");
        self.advance(flow, direction, chunk.offset, chunk.bytes.len() as u64);
        self.got.push(Got {
            flow: flow.0,
            direction,
            offset: chunk.offset,
            what: What::Bytes(chunk.bytes.to_vec()),
            frame: chunk.frame,
            completed: chunk.completed.frame,
        });
    }

    fn gap(&mut self, flow: FlowId, direction: Direction, gap: Gap) {
        assert_eq!(
            gap.missing == 0,
            gap.cause == GapCause::Midstream,
            "only a start may be of unknown length"
        );
        self.advance(flow, direction, gap.offset, gap.missing);
        self.got.push(Got {
            flow: flow.0,
            direction,
            offset: gap.offset,
            what: What::Gap(gap.missing, gap.cause),
            frame: 0,
            completed: 0,
        });
    }

    fn close(&mut self, flow: FlowId, close: Close) {
        self.advance(flow, Direction::Forward, *self.next.get(&(flow, Direction::Forward)).unwrap_or(&0), 0);
        self.closes.push((flow.0, close));
    }
}
