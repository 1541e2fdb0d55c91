//! Sending what is due.

use mqscope_wire::Publish as Packet;
use mqscope_wire::{Properties, Property, QoS, Text};

use super::hello::since;
use super::{Device, pace, stream_seed};
use crate::ledger::Audience;
use crate::scenario::Scope;
use crate::scenario::{Moment, Payload, Publish, Stamp};
use crate::session::{Nanos, Unsendable};
use crate::stamp::{LEN, Mark, NAME};
use crate::tools::{Buffers, Tools};
use crate::topics::device_random;

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
            random: device_random(shared.plan.seed, number, 1 << 15 | u64::from(sequence) << 32),
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
        let sent = self.session.publish(packet, index as u8, intended, now, out);
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
            self.expect(index, phase, mark.sent_us(), 1, tools);
        }
    }

    #[cold]
    fn unsendable(&self, trouble: &Unsendable, index: usize, tools: &mut Tools) {
        let group = self.of(tools);
        let reason = format!("not published: {}.{}: {trouble}", group.name, group.publish[index].name);
        tools.reason(reason);
    }

    /// Notes who is to get the message of a stream just composed; `times` −1 takes such a note back.
    pub(super) fn expect(&mut self, index: usize, phase: usize, sent_us: u64, times: i64, tools: &mut Tools) {
        let Tools { shared, buffers, tally, counts, .. } = tools;
        let list = &shared.plan.groups[usize::from(self.group)].publish[index];
        let stream = &mut self.streams[index];
        // A topic that differs from message to message has another audience each time.
        let moving = list.topic.scope() == Scope::Message;
        if moving && times < 0 {
            return;
        }
        if stream.audience.is_none() || moving {
            let topic = String::from_utf8_lossy(&buffers.topic);
            stream.audience = Some(Box::new(Audience::new(shared.filters.recipients(&topic, self.number))));
        }
        let Some(audience) = &mut stream.audience else { return };
        if let Some(sendings) = &mut tally.sendings {
            return sendings.note(audience, phase, list.qos, sent_us, times);
        }
        for expected in audience.expected(&shared.roll, &shared.plan, list.qos, sent_us) {
            tally.expect(phase, expected, times);
            counts.outstanding += i64::from(expected.count) * times;
        }
    }

    /// Takes back what was expected of messages whose fate nobody knows: sent, not acknowledged, and the
    /// connection gone.
    pub(super) fn retract(&mut self, tools: &mut Tools) {
        let shared = tools.shared.clone();
        let group = &shared.plan.groups[usize::from(self.group)];
        let waiting: Vec<_> = self.session.waiting().collect();
        tools.counts.inflight -= waiting.len() as u64;
        for (awaits, message) in waiting {
            let index = usize::from(message.label);
            let list = &group.publish[index];
            let phase = shared.phase_at(message.intended);
            if let Some(cell) = shared.metrics.cell(phase, usize::from(self.group)) {
                tools.recorder.count(cell.publish_unacknowledged, 1);
                tools.unanswered.note(phase, self.group, awaits, message);
            }
            if list.stamp != Stamp::None {
                let sent_us = shared.clock.unix(message.sent) as u64 / 1000;
                self.expect(index, phase, sent_us, -1, tools);
            }
        }
        self.streams.iter_mut().for_each(|stream| stream.inflight = 0);
    }
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
