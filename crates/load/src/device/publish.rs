//! Sending what is due.

use mqscope_wire::Publish as Packet;
use mqscope_wire::{Properties, Property, QoS, Text};

use super::Device;
use super::hello::since;
use super::phases::{pace, stream_seed};
use crate::ledger::{Audience, Retracted};
use crate::scenario::Scope;
use crate::scenario::{Moment, Payload, Publish, Stamp};
use crate::session::{Nanos, Sent, Unsendable};
use crate::stamp::{LEN, Mark, NAME};
use crate::tools::{Buffers, Tools};
use crate::topics::{device_random, mix};

/// Written together at most, so that the first of many does not wait for the last.
const BATCH_BYTES: usize = 16 << 10;

impl Device {
    /// Sends every message that is due, as far as acknowledgements and the socket let it.
    pub(super) fn publish(&mut self, mut now: Nanos, tools: &mut Tools) {
        // What is meant after the phase belongs to the next one, which may be due already.
        let end = tools.shared.end_of(tools.phase);
        loop {
            let due = now.min(end);
            let due = self.streams.iter().enumerate().filter(|(_, s)| !s.held && s.course.next() <= due);
            // The oldest first, whichever list it is of: where the broker takes few at once, each has its turn.
            let Some((index, _)) = due.min_by_key(|(_, stream)| stream.course.next()) else { return };
            if self.is_blocked() {
                return;
            }
            let list = &self.of(tools).publish[index];
            if !self.session.has_room(list.qos) || self.streams[index].inflight >= list.max_inflight {
                self.streams[index].held = true;
                continue;
            }
            self.send(index, now, tools);
            if tools.buffers.out.len() >= BATCH_BYTES {
                self.flush(tools);
                now = tools.now();
            }
        }
    }

    /// Sends the next message of a stream.
    fn send(&mut self, index: usize, now: Nanos, tools: &mut Tools) {
        let pace = pace(tools, self.group, index);
        let Tools { shared, buffers, recorder, counts, phase, .. } = tools;
        let group = &shared.plan.groups[usize::from(self.group)];
        let list = &group.publish[index];
        let number = list.first_stream + self.i;
        let stream = &mut self.streams[index];
        let (intended, sequence) = (stream.course.next(), stream.sequence);
        // A pace it must have, or nothing would be due.
        if let Some(pace) = pace {
            stream.course.advance(&pace, stream_seed(shared.plan.seed, *phase, list), number);
        }
        stream.sequence = stream.sequence.wrapping_add(1);

        let mark = Mark {
            run: shared.run,
            stream: number,
            sequence,
            intended_ns: shared.clock.unix(intended),
            lag_ns: now - intended,
        };
        let moment = Moment {
            client_id: &self.client_id,
            i: self.i,
            group: &group.name,
            seq: u64::from(sequence),
            now_ns: shared.clock.unix(now),
            random: device_random(mix(shared.plan.seed, u64::from(sequence)), number, 1 << 15),
        };
        let properties = compose(list, shared.list(number).properties.as_properties(), mark, moment, buffers);
        let Buffers { out, topic, payload, properties: own, .. } = buffers;
        let packet = Packet {
            dup: false,
            qos: list.qos,
            retain: list.retain,
            topic: Text::from_bytes(topic),
            packet_id: None,
            properties: properties.unwrap_or_else(|| own.as_properties()),
            payload,
        };
        let sent = self.session.publish(packet, label(index, sequence), intended, now, out);
        let phase = shared.phase_at(intended);
        let cell = shared.metrics.cell(phase, usize::from(self.group));
        if let Some(cell) = cell {
            recorder.count(cell.publish_intended, 1);
        }
        if let Err(trouble) = sent {
            if let Some(cell) = cell {
                recorder.count(cell.publish_dropped, 1);
            }
            return self.unsendable(&trouble, index, tools);
        }
        if let Some(cell) = cell {
            recorder.count(cell.publish_rate, 1);
            // What the broker held back is no lag of ours.
            recorder.response(cell.send_lag, since(intended.max(self.released), now));
        }
        counts.published += 1;
        if list.qos != QoS::AtMostOnce {
            self.streams[index].inflight += 1;
            counts.inflight += 1;
        }
        if list.stamp != Stamp::None {
            self.expect(index, phase, mark.sent_us(), tools);
        }
    }

    #[cold]
    fn unsendable(&self, trouble: &Unsendable, index: usize, tools: &mut Tools) {
        let group = self.of(tools);
        let reason = format!("not published: {}.{}: {trouble}", group.name, group.publish[index].name);
        tools.reason(reason);
    }

    /// Notes who is to get the message of a stream just composed.
    fn expect(&mut self, index: usize, phase: usize, sent_us: u64, tools: &mut Tools) {
        let Tools { shared, buffers, tally, counts, .. } = tools;
        let list = &shared.plan.groups[usize::from(self.group)].publish[index];
        let stream = &mut self.streams[index];
        // A topic that differs from message to message has another audience each time.
        let moving = list.topic.scope() == Scope::Message;
        if stream.audience.is_none() || moving {
            let topic = String::from_utf8_lossy(&buffers.topic);
            stream.audience = Some(Box::new(Audience::new(shared.filters.recipients(&topic, self.number))));
        }
        let Some(audience) = &mut stream.audience else { return };
        if let Some(sendings) = &mut tally.sendings {
            return sendings.note(audience, phase, list.qos, sent_us, 1);
        }
        for expected in audience.expected(&shared.roll, &shared.plan, list.qos, sent_us) {
            tally.expect(phase, expected);
            counts.outstanding += i64::from(expected.count);
        }
    }

    /// The session forgets its messages. Of those that were sent and not acknowledged nobody knows the fate: they are counted,
    /// and nobody is owed them.
    pub(super) fn retract(&mut self, tools: &mut Tools) {
        let waiting: Vec<_> = self.session.waiting().collect();
        self.session.forget();
        tools.counts.inflight -= waiting.len() as u64;
        for (awaits, message) in waiting {
            let phase = tools.shared.phase_at(message.intended);
            if let Some(cell) = tools.shared.metrics.cell(phase, usize::from(self.group)) {
                tools.recorder.count(cell.publish_unacknowledged, 1);
                tools.unanswered.note(phase, self.group, awaits, message);
            }
            self.take_back(&message, Fate::Unknown, tools);
        }
        self.streams.iter_mut().for_each(|stream| stream.inflight = 0);
    }

    /// Takes back that a message is owed to anyone, and what was delivered of it all the same.
    pub(super) fn take_back(&mut self, message: &Sent, fate: Fate, tools: &mut Tools) {
        let Tools { shared, tally, counts, .. } = tools;
        let index = list_of(message.label);
        let list = &shared.plan.groups[usize::from(self.group)].publish[index];
        // Whom a message with a topic of its own was for is not kept: it stays expected.
        if list.stamp == Stamp::None || list.topic.scope() == Scope::Message {
            return;
        }
        let Some(audience) = &mut self.streams[index].audience else { return };
        let phase = shared.phase_at(message.intended);
        // As its stamp said, by which both ends judge.
        let intended_ns = shared.clock.unix(message.intended);
        let (stream, sequence) = (list.first_stream + self.i, sequence_of(message.label));
        let lag_ns = message.sent - message.intended;
        let sent_us = Mark { run: shared.run, stream, sequence, intended_ns, lag_ns }.sent_us();
        match (&mut tally.sendings, fate) {
            // Another part has what was delivered of it: it stays expected, so that it hides no loss.
            (Some(_), Fate::Unknown) => {}
            (Some(sendings), Fate::Refused) => sendings.note(audience, phase, list.qos, sent_us, -1),
            (None, _) => {
                if fate == Fate::Refused {
                    let owed = audience.expected(&shared.roll, &shared.plan, list.qos, sent_us);
                    counts.outstanding -= owed.iter().map(|expected| i64::from(expected.count)).sum::<i64>();
                }
                let retracted = Retracted { sequence, phase: phase as u32, qos: list.qos, sent_us };
                tally.retract(stream, audience, retracted);
            }
        }
    }
}

/// What became of a message that was not acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// The broker did not take it.
    Refused,
    /// Nobody knows.
    Unknown,
}

/// What the session tells a message by: its list, and its number within the stream.
fn label(list: usize, sequence: u32) -> u64 {
    u64::from(sequence) << 32 | list as u64
}

pub(super) fn list_of(label: u64) -> usize {
    label as u32 as usize
}

fn sequence_of(label: u64) -> u32 {
    (label >> 32) as u32
}

/// Puts topic and payload into the buffers. The properties are those given, or, where each message has its
/// own, in the buffers as well.
fn compose<'p>(
    list: &Publish,
    properties: Properties<'p>,
    mark: Mark,
    mut moment: Moment<'_>,
    buffers: &mut Buffers,
) -> Option<Properties<'p>> {
    let Buffers { topic, payload, properties: own, .. } = buffers;
    topic.clear();
    list.topic.render(&mut moment, topic);
    payload.clear();
    match (&list.payload, list.stamp) {
        (Payload::Bytes(bytes), Stamp::Prefix) => {
            payload.extend_from_slice(&mark.to_bytes());
            payload.extend_from_slice(&bytes[LEN..]);
        }
        (Payload::Bytes(bytes), stamp) => {
            payload.extend_from_slice(bytes);
            if stamp == Stamp::Json {
                mark.insert_json(payload, 0);
            }
        }
        (Payload::Template(template), stamp) => {
            if stamp == Stamp::Prefix {
                payload.extend_from_slice(&mark.to_bytes());
            }
            template.render(&mut moment, payload);
            if stamp == Stamp::Json {
                mark.insert_json(payload, 0);
            }
        }
    }
    if list.stamp != Stamp::UserProperty {
        return Some(properties);
    }
    own.clear();
    let hex = mark.to_hex();
    let stamp = Property::UserProperty(Text::from(NAME), Text::from_bytes(&hex));
    for property in properties.iter().chain([stamp]) {
        // Each was encoded before, or is short.
        let _ = own.push(property);
    }
    None
}
