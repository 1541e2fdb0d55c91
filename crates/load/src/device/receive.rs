//! Reading what the broker sends.

use std::time::Duration;

use mqscope_wire::{PacketType, Publish, QoS, ReasonCode, Strict, decode, frame};

use super::hello::since;
use super::publish::{Fate, list_of};
use super::{Device, Link, named};
use crate::ledger::{Gaps, Sighting, Way};
use crate::session::{Awaits, Event, Fault, Nanos, Sent};
use crate::stamp::{Mark, NAME};
use crate::tools::Tools;
use crate::topics::{filter_texts, matches, split_share};
use crate::transport::{Received, Stage};

impl Device {
    /// Reads until there is no more. `closed` says that the end of the stream is known to be there, so that a
    /// read that did not fill the buffer is not the last.
    pub(super) fn read(&mut self, closed: bool, tools: &mut Tools) {
        // Lent to this device for as long as it reads.
        let mut inbound = std::mem::take(&mut tools.inbound);
        while let Link::Open(transport) = &mut self.link
            && transport.stage() == Stage::Ready
        {
            match transport.read(closed, &mut inbound, &mut tools.outbound) {
                Ok(Some(Received { bytes, wire, arrival, more })) => {
                    // What follows from a packet is reckoned from when it came, not from when it was read.
                    let now = tools.arrived(arrival);
                    if let Some((recorder, cell)) = tools.current_metrics(self.group) {
                        recorder.count(cell.bytes_received, wire as u64);
                    }
                    self.take_in(bytes, now, tools);
                    self.flush(tools);
                    if !more {
                        break;
                    }
                }
                Ok(None) => break,
                Err(trouble) => {
                    self.fail(trouble.to_string(), tools);
                    break;
                }
            }
        }
        tools.inbound = inbound;
    }

    fn take_in(&mut self, bytes: &[u8], now: Nanos, tools: &mut Tools) {
        if self.partial.is_empty() {
            let taken = self.packets(bytes, now, tools);
            if let Link::Open(_) = self.link {
                self.partial.extend_from_slice(&bytes[taken..]);
            }
            return;
        }
        let mut all = std::mem::take(&mut self.partial);
        all.extend_from_slice(bytes);
        let taken = self.packets(&all, now, tools);
        if let Link::Open(_) = self.link
            && taken < all.len()
        {
            all.drain(..taken);
            self.partial = all;
        }
    }

    /// Takes all whole packets; returns how many bytes they were.
    fn packets(&mut self, bytes: &[u8], now: Nanos, tools: &mut Tools) -> usize {
        let mut at = 0;
        while let Link::Open(_) = self.link {
            let rest = &bytes[at..];
            let frame = match frame::next(rest) {
                Ok(Some(frame)) if frame.len() <= rest.len().min(self.session.accepts()) => frame,
                Ok(begun) => {
                    if let Err(fault) = self.session.foresee(rest, begun) {
                        self.refuse(&fault, tools);
                    }
                    break;
                }
                Err(error) => {
                    self.fail(error.to_string(), tools);
                    break;
                }
            };
            let version = self.session.version();
            let event = decode(&rest[..frame.len()], version, &mut Strict)
                .map_err(Into::into)
                .and_then(|packet| self.session.receive(packet, now, &mut tools.buffers.out));
            match event {
                Ok(event) => self.heard(event, now, tools),
                Err(fault) => self.refuse(&fault, tools),
            }
            at += frame.len();
        }
        at
    }

    /// The broker sent what it must not.
    #[cold]
    fn refuse(&mut self, fault: &Fault, tools: &mut Tools) {
        if let Fault::TooLarge { .. } = fault {
            // Packet too large (MQTT 5.0 §3.1.2.11.4).
            self.session.disconnect(ReasonCode(0x95), &mut tools.buffers.out);
            self.flush(tools);
        }
        if let Link::Open(_) = self.link {
            self.fail(format!("the broker broke the protocol: {fault}"), tools);
        }
    }

    fn heard(&mut self, event: Event<'_>, now: Nanos, tools: &mut Tools) {
        match event {
            Event::Nothing => {}
            Event::Message(message) => self.delivered(&message, now, tools),
            Event::Answered { message, with, reason } => self.answered(message, with, reason, now, tools),
            Event::Connected { sent, resumed } => self.connected(sent, resumed, now, tools),
            Event::Subscribed { reasons, sent } => self.subscribed(reasons, sent, now, tools),
            Event::Pong { sent } => {
                if let Some((recorder, cell)) = tools.current_metrics(self.group) {
                    recorder.response_and_service(cell.ping, since(sent, now), since(sent, now));
                }
            }
            Event::Refused(reason) => {
                let name = named(reason, PacketType::ConnAck, self.session.version());
                self.fail(name, tools);
            }
            Event::Disconnected(reason) => {
                let name = named(reason, PacketType::Disconnect, self.session.version());
                self.fail(format!("by the broker: {name}"), tools);
            }
        }
    }

    /// An answer to one of our messages.
    fn answered(&mut self, message: Sent, with: Awaits, reason: ReasonCode, now: Nanos, tools: &mut Tools) {
        if let Some((recorder, cell)) = tools.metrics(message.intended, usize::from(self.group)) {
            let metric = match with {
                Awaits::PubAck => cell.puback,
                Awaits::PubRec => cell.pubrec,
                Awaits::PubComp => cell.pubcomp,
            };
            recorder.response_and_service(metric, since(message.intended, now), since(message.sent, now));
        }
        let refused = reason.0 >= 0x80;
        if with == Awaits::PubRec && !refused {
            return;
        }
        let index = list_of(message.label);
        self.streams[index].inflight -= 1;
        tools.counts.inflight -= 1;
        for stream in &mut self.streams {
            if std::mem::take(&mut stream.held) {
                self.released = now;
            }
        }
        if refused {
            self.refused(message, with, reason, tools);
        }
    }

    #[cold]
    fn refused(&mut self, message: Sent, with: Awaits, reason: ReasonCode, tools: &mut Tools) {
        let shared = tools.shared.clone();
        let group = &shared.plan.groups[usize::from(self.group)];
        let list = &group.publish[list_of(message.label)];
        if let Some((recorder, cell)) = tools.metrics(message.intended, usize::from(self.group)) {
            recorder.count(cell.publish_failed, 1);
        }
        let packet = match with {
            Awaits::PubAck => PacketType::PubAck,
            Awaits::PubRec => PacketType::PubRec,
            Awaits::PubComp => PacketType::PubComp,
        };
        let name = named(reason, packet, self.session.version());
        tools.reason(format!("{packet} of {}.{}: {name}", group.name, list.name));
        if with != Awaits::PubComp {
            self.take_back(&message, Fate::Refused, tools);
        }
    }

    /// A message for this device.
    fn delivered(&mut self, message: &Publish<'_>, now: Nanos, tools: &mut Tools) {
        tools.counts.delivered += 1;
        let group = usize::from(self.group);
        let shared = tools.shared.clone();
        let now_unix = shared.clock.unix(now);
        let Some(mark) = self.mark(message, now_unix, tools) else {
            if let Some((recorder, cell)) = tools.current_metrics(self.group) {
                recorder.count(cell.deliveries, 1);
                if !shared.unstamped {
                    recorder.count(cell.unexpected, 1);
                }
            }
            return;
        };
        let scattered = shared.sharing[group] || shared.list(mark.stream).scattered;
        let gaps = if scattered { Gaps::Usual } else { Gaps::Rare };
        let (sighting, first) = tools.sightings.see(self.number, mark.stream, mark.sequence, gaps);
        if self.is_stray(message, mark.stream, first, tools) {
            // Nobody's: in place of one that is owed it would hide a loss.
            if let Some((recorder, cell)) = tools.metrics(shared.clock.since_start(mark.intended_ns), group) {
                recorder.count(cell.deliveries, 1);
                recorder.count(cell.unexpected, 1);
            }
            return;
        }
        let intended = shared.clock.since_start(mark.intended_ns);
        let phase = shared.phase_at(intended);
        let qos = self.effective_qos(message, mark.stream, tools);
        let way = self.way(message, mark.stream, tools);
        let mut second = false;
        match (way, sighting) {
            (Way::Both { second: share, .. }, Sighting::Again) => {
                let (sighting, _) = tools.seconds.see(self.number, mark.stream, mark.sequence, Gaps::Usual);
                second = matches!(sighting, Sighting::New | Sighting::Late);
                if second {
                    self.book(Some(share), phase, qos, &mark, tools);
                }
            }
            (_, Sighting::Again) => {}
            (Way::Own, _) => self.book(None, phase, qos, &mark, tools),
            (Way::Share(share), _) => self.book(Some(share), phase, qos, &mark, tools),
            (Way::Both { first, .. }, _) => self.book(first, phase, qos, &mark, tools),
        }
        let overlapping = match way {
            Way::Both { .. } => second,
            _ => {
                sighting == Sighting::Again
                    && self.own_filters(message, mark.stream, tools).is_some_and(|(count, _)| count > 1)
            }
        };
        let Some(cell) = shared.metrics.cell(phase, group) else { return };
        let recorder = &mut tools.recorder;
        recorder.count(cell.deliveries, 1);
        let by_qos = &cell.by_qos[qos as usize % 3];
        match sighting {
            Sighting::Again if overlapping => recorder.count(cell.overlapping, 1),
            Sighting::Again => recorder.count(by_qos.duplicated, 1),
            Sighting::Late => recorder.count(by_qos.reordered, 1),
            Sighting::New | Sighting::Unknown => {}
        }
        // A retained message is as old as it is, and a repetition was measured before.
        if sighting != Sighting::Again && !message.retain {
            let response = since(intended, now);
            let service = response.saturating_sub(Duration::from_nanos(mark.lag_ns));
            recorder.response_and_service(cell.delivery, response, service);
        }
    }

    /// The stamp, if the message is one of this run.
    fn mark(&self, message: &Publish<'_>, now_unix: i64, tools: &Tools) -> Option<Mark> {
        let run = tools.shared.run;
        let mark = Mark::of_payload(message.payload, run, now_unix).or_else(|| {
            let mut user = message.properties.user_properties();
            let (_, value) = user.find(|(name, _)| *name == NAME)?;
            Mark::from_hex(value.as_bytes(), run, now_unix)
        })?;
        (mark.stream < tools.shared.plan.streams()).then_some(mark)
    }

    /// The quality under which the publisher expects this delivery. That is the packet's own, except that a
    /// broker may send a copy for each of several filters, each at its own quality.
    fn effective_qos(&self, message: &Publish<'_>, stream: u32, tools: &Tools) -> QoS {
        if self.of(tools).subscribe.len() < 2 {
            return message.qos;
        }
        let list = tools.shared.list(stream);
        let published = tools.shared.plan.groups[list.group].publish[list.list].qos;
        if message.qos == published {
            return message.qos;
        }
        self.own_filters(message, stream, tools).map_or(message.qos, |(_, best)| published.min(best))
    }

    /// Whether none of the device's filters asks for the message. A stream has one topic, unless each of its messages has its
    /// own: then its `first` message says it of all.
    fn is_stray(&self, message: &Publish<'_>, stream: u32, first: bool, tools: &mut Tools) -> bool {
        let moving = tools.shared.list(stream).scattered;
        let pair = u64::from(self.number) << 32 | u64::from(stream);
        if (first || moving) && self.own_filters(message, stream, tools).is_none() {
            if !moving {
                tools.strays.insert(pair);
            }
            return true;
        }
        !tools.strays.is_empty() && tools.strays.contains(&pair)
    }

    /// How many of the device's filters match, and the best quality among them.
    fn own_filters(&self, message: &Publish<'_>, stream: u32, tools: &Tools) -> Option<(usize, QoS)> {
        let topic = message.topic.to_str().ok()?;
        let plan = &tools.shared.plan;
        let group = &plan.groups[usize::from(self.group)];
        let is_own = tools.shared.publisher(stream) == self.number;
        let matching = filter_texts(plan, group, self.i)
            .filter(|(filter, subscribe)| {
                !(is_own && subscribe.no_local) && matches(split_share(filter).1, topic)
            })
            .map(|(_, subscribe)| subscribe.qos);
        matching.fold(None, |found, qos| {
            let (count, best) = found.unwrap_or((0, QoS::AtMostOnce));
            Some((count + 1, best.max(qos)))
        })
    }
}
