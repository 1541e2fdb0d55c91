//! From what was seen to plain data.

use std::collections::BTreeMap;
use std::time::Duration;

use mqscope_report::{Counter, Note, NoteLevel, Results, Series, Tags, Total};
use mqscope_stream::CloseReason;
use mqscope_wire::PacketType;
use rustc_hash::FxHashMap;

use super::{Statistics, Tally};
use crate::escape;
use crate::{Flow, Side, Snapshot};

/// Names that are listed of those that come up most.
const BUSIEST: usize = 10;
/// Characters of a name.
const NAME_CHARS: usize = 120;

/// What a capture shows.
#[derive(Debug)]
pub struct Concluded {
    /// Latencies, counters and rates; the latter over the time from the capture's first frame to its last.
    pub results: Results,
    /// The same second by second of the capture.
    pub series: Series,
    /// How many frames, packets, clients and topics there were.
    pub facts: BTreeMap<String, String>,
    /// What a reader should know.
    pub notes: Vec<Note>,
}

pub(super) fn conclude(statistics: Statistics, snapshot: &Snapshot) -> Concluded {
    let Statistics { mut samples, mut tcp, mut tally, .. } = statistics;
    let streams: FxHashMap<u32, &Flow> = snapshot.flows().map(|flow| (flow.stream, flow)).collect();
    for (stream, reason, by) in tcp.lost(&mut samples) {
        samples.count(samples.metrics.disconnects, 1);
        let by = by.zip(streams.get(&stream)).map(|(direction, flow)| flow.side(direction));
        let reason = if reason == CloseReason::Reset { "reset" } else { "closed without DISCONNECT" };
        *tally.reasons.entry(("disconnects", by.map_or("", Side::name), reason)).or_default() += 1;
    }
    let collector = samples.finish();
    let nanos = u64::try_from(tcp.last.saturating_sub(snapshot.start())).unwrap_or(0);
    let mut results = collector.results(Duration::from_nanos(nanos), &[]);
    let mut more = More { results: &mut results };
    more.packets(&tally);
    more.reasons(&tally);
    more.topics(&tally);
    let clients = more.clients(&tally, snapshot);
    let series = collector.series().clone();
    let facts = facts(&tally, snapshot, clients);
    Concluded { results, series, facts, notes: notes(&tally, tcp.beyond) }
}

fn facts(tally: &Tally, snapshot: &Snapshot, clients: usize) -> BTreeMap<String, String> {
    let Tally { published, delivered, .. } = tally;
    let least = if published.forgotten.max(delivered.forgotten) > 0 { "at least " } else { "" };
    let topics = format!("{least}{} published, {least}{} delivered", published.len(), delivered.len());
    let facts =
        [("frames", snapshot.frames().to_string()), ("clients", clients.to_string()), ("topics", topics)];
    facts.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn notes(tally: &Tally, beyond: u64) -> Vec<Note> {
    let note = |level, text: String| Note { level, text };
    let mut notes = vec![note(
        NoteLevel::Info,
        "latencies are service times as seen where it was captured, from the frame that completed the request to the frame \
         that completed its answer; a capture does not tell when a message was meant to be sent, so response times it has none"
            .to_owned(),
    )];
    if tally.backwards > 0 {
        let text = format!(
            "{} exchanges were answered before they were asked, by the capture's clock, and have no latency here",
            tally.backwards
        );
        notes.push(note(NoteLevel::Warning, text));
    }
    let forgotten = tally.published.forgotten.max(tally.delivered.forgotten);
    if forgotten > 0 {
        let text = format!(
            "there are more topics than are kept in mind: more than are counted, and the busiest may have come up {forgotten} \
             times more than they are counted"
        );
        notes.push(note(NoteLevel::Warning, text));
    }
    if beyond > 0 {
        let text = format!("of {beyond} more TCP connections neither handshake nor segments were counted");
        notes.push(note(NoteLevel::Warning, text));
    }
    notes
}

/// Adds the counters whose names show only at the end.
struct More<'a> {
    results: &'a mut Results,
}

impl More<'_> {
    fn packets(&mut self, tally: &Tally) {
        for side in [Side::Client, Side::Server] {
            for (kind, &count) in tally.packets[side as usize].iter().enumerate() {
                let kind = PacketType::from_first_byte((kind as u8) << 4).name();
                self.add("packets", Tags::from([("from", side.name()), ("type", kind)]), count, "packets");
            }
            let name = if side == Side::Client { "publish_rate" } else { "deliveries" };
            for (qos, &count) in tally.publishes[side as usize].iter().enumerate() {
                self.add(name, Tags::from([("qos", qos.to_string())]), count, name);
            }
        }
    }

    fn reasons(&mut self, tally: &Tally) {
        for (&(name, by, reason), &count) in &tally.reasons {
            let tags = Tags::from([("reason", reason)]);
            let tags = if by.is_empty() { tags } else { tags.with("by", by) };
            self.add(name, tags, count, name);
        }
    }

    fn topics(&mut self, tally: &Tally) {
        for (each, of, busiest) in [
            ("topic_published", "publish_rate", &tally.published),
            ("topic_delivered", "deliveries", &tally.delivered),
        ] {
            for (topic, count) in busiest.top(BUSIEST) {
                let topic = escape::excerpt(topic, NAME_CHARS);
                self.add(each, Tags::from([("topic", topic)]), count, of);
            }
        }
    }

    /// Connections of one client identifier are one client; one whose identifier is not known goes by its address. How many
    /// there are.
    fn clients(&mut self, tally: &Tally, snapshot: &Snapshot) -> usize {
        let mut clients: BTreeMap<String, u64> = BTreeMap::new();
        for (flow, &packets) in snapshot.flows().zip(&tally.flows).filter(|(_, packets)| **packets > 0) {
            let name = match flow.client_id() {
                Some(id) if !id.is_empty() => escape::excerpt(id, NAME_CHARS),
                _ => flow.address(Side::Client).to_string(),
            };
            *clients.entry(name).or_default() += packets;
        }
        let count = clients.len();
        let mut busiest: Vec<_> = clients.into_iter().collect();
        busiest.sort_by_key(|(_, packets)| std::cmp::Reverse(*packets));
        for (client, packets) in busiest.into_iter().take(BUSIEST) {
            self.add("client_packets", Tags::from([("client", client)]), packets, "packets");
        }
        count
    }

    /// Adds a counter that counted anything, as a share of another.
    fn add(&mut self, name: &str, tags: Tags, count: u64, of: &str) {
        if count == 0 {
            return;
        }
        let total = |of: &str| {
            let counters = &self.results.counters;
            let counter = counters.iter().find(|counter| counter.name == of && counter.tags.is_empty())?;
            Some(Total { metric: of.to_owned(), count: counter.count })
        };
        let seconds = self.results.duration_s;
        let rate_per_s = if seconds > 0.0 { count as f64 / seconds } else { 0.0 };
        let counter = Counter { name: name.to_owned(), tags, count, rate_per_s, of: total(of) };
        self.results.counters.push(counter);
    }
}
