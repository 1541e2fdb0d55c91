//! What TCP did beneath MQTT: handshakes, retransmissions, ends.
//!
//! The index has frames that completed packets and no others, so the segments are gone through once more, beside it.

use mqscope_stream::{
    Analysis, Chunk, Close, CloseReason, Direction, FlowId, FlowKey, Limits, Reassembler, Segment, Sink,
};
use rustc_hash::FxHashMap;

use super::samples::Samples;

/// TCP connections that are kept in mind, about 64 bytes each.
const MOST_FLOWS: usize = 1 << 20;

/// The capture's TCP connections.
pub(super) struct Tcp {
    reassembler: Reassembler,
    flows: FxHashMap<u32, Flow>,
    /// Time of the last frame.
    pub(super) last: i64,
    /// Connections beyond [`MOST_FLOWS`].
    pub(super) beyond: u64,
}

/// One connection, by its number among all TCP connections.
#[derive(Debug, Default)]
pub(super) struct Flow {
    /// Whether it was found to carry packets that count; what comes before that is added up here, what comes later is
    /// counted at once.
    counts: bool,
    round_trip: Option<i64>,
    segments: u32,
    retransmissions: u32,
    out_of_order: u32,
    not_captured: u32,
    disconnected: bool,
    end: Option<Close>,
}

impl Tcp {
    pub(super) fn new() -> Self {
        let reassembler = Reassembler::new(Limits::default());
        Self { reassembler, flows: FxHashMap::default(), last: 0, beyond: 0 }
    }

    #[inline]
    pub(super) fn frame(&mut self, frame: &mqscope_capture::Frame<'_>, samples: &mut Samples) {
        self.last = self.last.max(frame.time);
        let frame = mqscope_stream::Frame {
            number: frame.number,
            time: frame.time,
            link: frame.link,
            at: frame.at,
            original_len: frame.original_len,
            bytes: frame.bytes,
        };
        let Self { reassembler, flows, beyond, .. } = self;
        reassembler.push(&frame, &mut Watch { flows, samples, beyond });
    }

    /// The connection carries packets that count.
    #[inline]
    pub(super) fn carries_mqtt(&mut self, stream: u32, samples: &mut Samples) {
        let Some(flow) = self.flows.get_mut(&stream).filter(|flow| !flow.counts) else { return };
        flow.counts = true;
        let metrics = &samples.metrics;
        for (counter, count) in [
            (metrics.tcp_connections, 1),
            (metrics.tcp_segments, flow.segments),
            (metrics.tcp_retransmissions, flow.retransmissions),
            (metrics.tcp_out_of_order, flow.out_of_order),
            (metrics.tcp_not_captured, flow.not_captured),
        ] {
            samples.recorder.count(counter, count.into());
        }
        if let Some(round_trip) = flow.round_trip {
            samples.service(samples.metrics.tcp_connect, round_trip);
        }
    }

    /// A side has said that it leaves.
    pub(super) fn disconnected(&mut self, stream: u32) {
        if let Some(flow) = self.flows.get_mut(&stream) {
            flow.disconnected = true;
        }
    }

    /// No more frames come. How connections ended that count and on which nobody had said DISCONNECT.
    pub(super) fn lost(&mut self, samples: &mut Samples) -> Vec<(u32, CloseReason, Option<Direction>)> {
        let Self { reassembler, flows, beyond, .. } = self;
        reassembler.finish(&mut Watch { flows, samples, beyond });
        let lost = self.flows.iter().filter(|(_, flow)| flow.counts && !flow.disconnected);
        lost.filter_map(|(stream, flow)| flow.end.map(|end| (*stream, end.reason, end.by))).collect()
    }
}

impl std::fmt::Debug for Tcp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tcp").field("flows", &self.flows.len()).finish_non_exhaustive()
    }
}

/// Notes what the reassembler finds; the bytes themselves are for the index.
struct Watch<'a> {
    flows: &'a mut FxHashMap<u32, Flow>,
    samples: &'a mut Samples,
    beyond: &'a mut u64,
}

impl Sink for Watch<'_> {
    fn open(&mut self, FlowId(flow): FlowId, _: &FlowKey, _: i64) {
        if self.flows.len() < MOST_FLOWS {
            self.flows.insert(flow, Flow::default());
        } else {
            *self.beyond += 1;
        }
    }

    fn handshake(&mut self, FlowId(flow): FlowId, round_trip: i64) {
        if let Some(flow) = self.flows.get_mut(&flow) {
            flow.round_trip = Some(round_trip);
        }
    }

    #[inline]
    fn segment(&mut self, FlowId(flow): FlowId, _: Direction, segment: &Segment) {
        let Some(flow) = self.flows.get_mut(&flow) else { return };
        let has = |remark| u32::from(segment.analysis.contains(remark));
        let seen =
            [1, has(Analysis::RETRANSMISSION), has(Analysis::OUT_OF_ORDER), has(Analysis::LOST_SEGMENT)];
        if flow.counts {
            let metrics = &self.samples.metrics;
            let [segments, retransmissions, out_of_order, not_captured] = [
                metrics.tcp_segments,
                metrics.tcp_retransmissions,
                metrics.tcp_out_of_order,
                metrics.tcp_not_captured,
            ];
            let counters = [segments, retransmissions, out_of_order, not_captured];
            for (counter, count) in counters.into_iter().zip(seen) {
                self.samples.recorder.count(counter, count.into());
            }
            return;
        }
        let sums =
            [&mut flow.segments, &mut flow.retransmissions, &mut flow.out_of_order, &mut flow.not_captured];
        for (sum, count) in sums.into_iter().zip(seen) {
            *sum = sum.saturating_add(count);
        }
    }

    fn data(&mut self, _: FlowId, _: Direction, _: Chunk<'_>) {}

    fn close(&mut self, FlowId(flow): FlowId, close: Close) {
        if let Some(flow) = self.flows.get_mut(&flow)
            && matches!(close.reason, CloseReason::Fin | CloseReason::Reset)
        {
            flow.end = Some(close);
        }
    }
}
