//! Reading what the broker sends.

use mqscope_wire::{PacketType, ReasonCode, Strict, decode, frame};

use super::hello::since;
use super::publish::{Fate, list_of};
use super::{Device, Link, named};
use crate::session::{Awaits, Event, Fault, Nanos, Sent};
use crate::tools::Tools;
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
}
