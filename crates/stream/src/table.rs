//! All flows by their ends.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::hash_map::Entry;

use rustc_hash::FxHashMap;

use crate::flow::{Arrival, Flow};
use crate::headers::{Addresses, TcpSegment};
use crate::sink::{CloseReason, FlowId, Sink};
use crate::tcp::{Budget, Run};
use crate::{Analysis, Limits, Moment};

/// Addresses and ports of both ends, the lower end first.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Key {
    V4(u64, u64),
    V6(u128, u128, u32),
}

impl Key {
    /// The key, and whether the sender is its lower end.
    #[inline]
    fn of(segment: &TcpSegment) -> (Self, bool) {
        let (from, to) = (u64::from(segment.source_port), u64::from(segment.destination_port));
        match segment.addresses {
            Addresses::V4 { source, destination } => {
                let (source, destination) =
                    (u64::from(source) << 16 | from, u64::from(destination) << 16 | to);
                let from_low = source <= destination;
                (
                    if from_low { Self::V4(source, destination) } else { Self::V4(destination, source) },
                    from_low,
                )
            }
            Addresses::V6 { source, destination } => {
                let from_low = (source, from) <= (destination, to);
                let key = if from_low {
                    Self::V6(source, destination, (from << 16 | to) as u32)
                } else {
                    Self::V6(destination, source, (to << 16 | from) as u32)
                };
                (key, from_low)
            }
        }
    }
}

/// The flows that are remembered.
pub(crate) struct Table {
    slots: FxHashMap<Key, u32>,
    /// Invariant: `slots[flows[i].0] == i`.
    flows: Vec<(Key, Flow)>,
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
            slots: FxHashMap::default(),
            flows: Vec::new(),
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
            Some(&slot) => {
                let flow = &mut self.flows[slot as usize].1;
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
            None => self.insert(key, &arrival, sink),
        };
        let flow = &mut self.flows[slot as usize].1;
        if let Some(due) = flow.take(&arrival, remarks, &mut self.budget, sink)
            && due < flow.due
        {
            flow.due = due;
            self.due.push(Reverse((due, slot)));
        }
    }

    #[cold]
    fn insert<S: Sink>(&mut self, key: Key, arrival: &Arrival<'_>, sink: &mut S) -> u32 {
        let forgotten = (self.flows.len() >= self.budget.limits.flows.max(1)).then(|| self.forget(sink));
        let flow = Flow::open(FlowId(self.next), arrival, sink);
        self.next += 1;
        let slot = match forgotten {
            Some(slot) => {
                self.flows[slot] = (key, flow);
                slot
            }
            None => {
                self.flows.push((key, flow));
                self.flows.len() - 1
            }
        };
        match self.slots.entry(key) {
            Entry::Vacant(entry) => *entry.insert(slot as u32),
            Entry::Occupied(_) => unreachable!("the key was looked up before"),
        }
    }

    /// Makes room for a flow: forgets one that is closed, or one without a segment since the last search came by.
    fn forget<S: Sink>(&mut self, sink: &mut S) -> usize {
        loop {
            let slot = self.hand;
            self.hand = (self.hand + 1) % self.flows.len();
            let (key, flow) = &mut self.flows[slot];
            if flow.is_closed() || !flow.touched {
                flow.close(CloseReason::Idle, &mut self.budget, sink);
                self.slots.remove(key);
                return slot;
            }
            flow.touched = false;
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
        let flow = &mut self.flows[slot as usize].1;
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
        let mut open: Vec<&mut Flow> =
            self.flows.iter_mut().map(|(_, flow)| flow).filter(|flow| !flow.is_closed()).collect();
        open.sort_unstable_by_key(|flow| flow.id);
        for flow in open {
            flow.close(CloseReason::End, &mut self.budget, sink);
        }
    }
}
