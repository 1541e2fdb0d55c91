//! All flows by their ends.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use rustc_hash::FxHashMap;

use crate::flow::{Arrival, Flow};
use crate::headers::{Addresses, TcpSegment};
use crate::sink::{CloseReason, FlowId, Sink};
use crate::tcp::{Budget, Run};
use crate::{Analysis, Limits, Moment};

/// Addresses and ports of both ends, the lower end first.
#[derive(Clone, Copy)]
enum Key {
    V4(KeyV4),
    V6(KeyV6),
}

/// Address and port of each end in one number.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct KeyV4(u64, u64);

/// Both addresses, and both ports in one number.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct KeyV6(u128, u128, u32);

impl Key {
    /// The key, and whether the sender is its lower end.
    #[inline]
    fn of(segment: &TcpSegment) -> (Self, bool) {
        let (from, to) = (u64::from(segment.source_port), u64::from(segment.destination_port));
        match segment.addresses {
            Addresses::V4 { source, destination } => {
                let (from, to) = (u64::from(source) << 16 | from, u64::from(destination) << 16 | to);
                (Self::V4(KeyV4(from.min(to), from.max(to))), from <= to)
            }
            Addresses::V6 { source, destination } => {
                let from_low = (source, from) <= (destination, to);
                let key = if from_low {
                    KeyV6(source, destination, (from << 16 | to) as u32)
                } else {
                    KeyV6(destination, source, (to << 16 | from) as u32)
                };
                (Self::V6(key), from_low)
            }
        }
    }
}

/// Where each flow stands: a map a version, so that the keys of the usual one stay small.
#[derive(Default)]
struct Slots {
    v4: FxHashMap<KeyV4, u32>,
    v6: FxHashMap<KeyV6, u32>,
}

impl Slots {
    #[inline(always)]
    fn get(&self, key: &Key) -> Option<u32> {
        match key {
            Key::V4(key) => self.v4.get(key).copied(),
            Key::V6(key) => self.v6.get(key).copied(),
        }
    }

    fn insert(&mut self, key: Key, slot: u32) {
        match key {
            Key::V4(key) => self.v4.insert(key, slot),
            Key::V6(key) => self.v6.insert(key, slot),
        };
    }

    fn remove(&mut self, key: &Key) {
        match key {
            Key::V4(key) => self.v4.remove(key),
            Key::V6(key) => self.v6.remove(key),
        };
    }
}

/// The flows that are remembered.
///
/// A flow is found by addresses and ports alone. VLAN and tunnel numbers are no part of its key, for one connection is
/// often seen with several: a mirror port tags one direction and not the other, a machine's capture has what goes into a
/// tunnel beside the tunnel, routing between virtual networks gives each direction its own. Two networks may also use the
/// same addresses and ports at the same time. Then TCP's own numbers tell the two connections apart: where a segment comes
/// from another network *and* is far from the flow's numbers, a second flow is opened beside the first.
pub(crate) struct Table {
    slots: Slots,
    /// Flows beside those in `slots`, of the same ends in another network.
    beside: Slots,
    flows: Vec<Flow>,
    /// The keys of `flows`. Invariant: `slots[keys[i]] == i` or, where that is another flow, `beside[keys[i]] == i`.
    keys: Vec<Key>,
    /// The number of the next flow.
    next: u32,
    budget: Budget,
    /// Flows to look at, by time. An entry whose time is not its flow's `due` is void.
    due: BinaryHeap<Reverse<(i64, u32)>>,
    /// Where the search for a flow to forget goes on.
    hand: usize,
}

impl Table {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            slots: Slots::default(),
            beside: Slots::default(),
            flows: Vec::new(),
            keys: Vec::new(),
            next: 0,
            budget: Budget { limits, held: 0 },
            due: BinaryHeap::new(),
            hand: 0,
        }
    }

    /// Bytes held for later, overheads included.
    pub(crate) fn held(&self) -> usize {
        self.budget.held
    }

    /// Takes a segment whose payload stands in `runs`.
    #[inline]
    pub(crate) fn take<S: Sink>(
        &mut self,
        segment: &TcpSegment,
        runs: &[Run<'_>],
        now: Moment,
        sink: &mut S,
    ) {
        let (key, from_low) = Key::of(segment);
        let arrival = Arrival { segment, runs, from_low, now };
        let mut remarks = Analysis::NONE;
        let slot = match self.slots.get(&key) {
            Some(slot) => {
                let flow = &mut self.flows[slot as usize];
                if flow.take_usual(&arrival, sink) {
                    return;
                }
                let slot = self.which(slot, key, &arrival, sink);
                let flow = &mut self.flows[slot as usize];
                if flow.is_followed_by(&arrival) {
                    flow.close(CloseReason::Reused, &mut self.budget, sink);
                    if segment.flags.syn() {
                        remarks = Analysis::REUSED_PORTS;
                    }
                    *flow = Flow::open(FlowId(self.next), &arrival, sink);
                    self.next += 1;
                }
                slot
            }
            None => {
                let slot = self.insert(key, &arrival, sink);
                self.slots.insert(key, slot);
                slot
            }
        };
        let flow = &mut self.flows[slot as usize];
        if let Some(due) = flow.take(&arrival, remarks, &mut self.budget, sink)
            && due < flow.due
        {
            flow.due = due;
            self.due.push(Reverse((due, slot)));
            if self.due.len() > 64 + 2 * self.flows.len() {
                self.due.retain(|Reverse((due, slot))| self.flows[*slot as usize].due == *due);
            }
        }
    }

    #[cold]
    fn insert<S: Sink>(&mut self, key: Key, arrival: &Arrival<'_>, sink: &mut S) -> u32 {
        let forgotten = (self.flows.len() >= self.budget.limits.flows.max(1)).then(|| self.forget(sink));
        let flow = Flow::open(FlowId(self.next), arrival, sink);
        self.next += 1;
        let slot = match forgotten {
            Some(slot) => {
                self.flows[slot] = flow;
                self.keys[slot] = key;
                slot
            }
            None => {
                self.flows.push(flow);
                self.keys.push(key);
                self.flows.len() - 1
            }
        };
        slot as u32
    }

    /// Which of the flows with these ends the segment is of: that in `first` or one beside it, which may begin with it.
    #[inline]
    fn which<S: Sink>(&mut self, first: u32, key: Key, arrival: &Arrival<'_>, sink: &mut S) -> u32 {
        let flow = &self.flows[first as usize];
        if let Some(beside) = self.beside.get(&key) {
            let other = &self.flows[beside as usize];
            let is_first = flow.fits(arrival)
                && (flow.is_in_network_of(arrival.segment) || !other.is_in_network_of(arrival.segment));
            return if !is_first && (other.fits(arrival) || flow.is_beside(arrival)) {
                beside
            } else {
                first
            };
        }
        if !flow.is_beside(arrival) {
            return first;
        }
        let slot = self.insert(key, arrival, sink);
        // Its room may have been that of the first.
        if slot == first {
            self.slots.insert(key, slot)
        } else {
            self.beside.insert(key, slot)
        }
        slot
    }

    /// Makes room for a flow: forgets one that is closed, or one without a segment since the last search came by.
    fn forget<S: Sink>(&mut self, sink: &mut S) -> usize {
        loop {
            let slot = self.hand;
            self.hand = (self.hand + 1) % self.flows.len();
            let flow = &mut self.flows[slot];
            if flow.is_closed() || !flow.touched {
                flow.close(CloseReason::Idle, &mut self.budget, sink);
                self.remove(slot as u32);
                return slot;
            }
            flow.touched = false;
        }
    }

    fn remove(&mut self, slot: u32) {
        let key = self.keys[slot as usize];
        let beside = self.beside.get(&key);
        if beside.is_some() {
            self.beside.remove(&key);
        }
        match beside {
            Some(beside) if beside != slot => self.slots.insert(key, beside),
            Some(_) => {}
            None => self.slots.remove(&key),
        }
    }

    /// Looks at the flows whose time has come.
    #[inline]
    pub(crate) fn advance<S: Sink>(&mut self, now: Moment, sink: &mut S) {
        while let Some(Reverse((due, _))) = self.due.peek()
            && *due <= now.time
        {
            self.look(now, sink);
        }
    }

    #[cold]
    fn look<S: Sink>(&mut self, now: Moment, sink: &mut S) {
        let Some(Reverse((due, slot))) = self.due.pop() else { return };
        let flow = &mut self.flows[slot as usize];
        if flow.due != due {
            return;
        }
        flow.due = i64::MAX;
        if let Some(due) = flow.settle(now, &mut self.budget, sink) {
            flow.due = due;
            self.due.push(Reverse((due, slot)));
        }
    }

    /// Closes all flows, in the order in which they appeared.
    pub(crate) fn finish<S: Sink>(&mut self, sink: &mut S) {
        let mut open: Vec<&mut Flow> = self.flows.iter_mut().filter(|flow| !flow.is_closed()).collect();
        open.sort_unstable_by_key(|flow| flow.id);
        for flow in open {
            flow.close(CloseReason::End, &mut self.budget, sink);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TcpFlags;
    use crate::sink::{Chunk, Direction};

    struct Nothing;

    impl Sink for Nothing {
        fn data(&mut self, _: FlowId, _: Direction, _: Chunk<'_>) {}
    }

    struct Side {
        source: u32,
        destination: u32,
    }
    const CLIENT: Side = Side { source: 1, destination: 2 };
    const SERVER: Side = Side { source: 2, destination: 1 };

    fn send(table: &mut Table, side: &Side, sequence: u32, acknowledgement: u32, data: &[u8], time: i64) {
        let segment = TcpSegment {
            addresses: Addresses::V4 { source: side.source, destination: side.destination },
            source_port: 1,
            destination_port: 1,
            sequence,
            acknowledgement,
            flags: TcpFlags(16),
            window: 1,
            mark: time as u16 | 1,
            network: 0,
            payload: 0..data.len(),
            cut: 0,
        };
        let now = Moment { frame: 1, time };
        table.advance(now, &mut Nothing);
        table.take(&segment, &[Run { bytes: data, at: 0, carried: now }], now, &mut Nothing);
    }

    #[test]
    fn a_flow_that_loses_for_long_is_not_remembered_for_each_time() {
        let mut table = Table::new(Limits::default());
        for turn in 0..1000 {
            let time = i64::from(turn) * 300_000_000;
            send(&mut table, &CLIENT, 2 * turn, 1, b"x", time);
            send(&mut table, &SERVER, 1, 2 * turn + 1, b"", time + 1);
        }
        table.advance(Moment { frame: 1, time: 400_000_000_000 }, &mut Nothing);
        assert_eq!(table.held(), 0);
        assert!(table.due.capacity() <= 128, "{}", table.due.capacity());
    }
}
