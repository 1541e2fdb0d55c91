//! From a connection to a ready device: CONNECT, SUBSCRIBE.

use std::time::Duration;

use mqscope_wire::{
    Connect, EncodeError, PacketType, PropertiesBuf, Property, QoS, ReasonCodes, SubscriptionOptions,
    SubscriptionsBuf, Text, Will,
};

use super::{Device, Stage, named};
use crate::scenario::{ConnectProperties, Moment, Template};
use crate::session::Nanos;
use crate::tools::Tools;
use crate::topics::{device_random, filter_texts};

/// Which of a device's random texts is meant, so that each has values of its own.
enum Purpose {
    Username = 1,
    Password,
    WillTopic,
    WillPayload,
}

impl Device {
    pub(super) fn say_hello(&mut self, now: Nanos, tools: &mut Tools) -> Result<(), EncodeError> {
        let group = &tools.shared.plan.groups[usize::from(self.group)];
        let seed = tools.shared.plan.seed;
        let now_ns = tools.shared.clock.unix(now);
        let render = |template: &Template, purpose: Purpose| {
            let random = device_random(seed, self.number, purpose as u64);
            let mut moment =
                Moment { client_id: &self.client_id, i: self.i, group: &group.name, seq: 0, now_ns, random };
            let mut out = Vec::new();
            template.render(&mut moment, &mut out);
            out
        };
        let username = group.username.as_ref().map(|template| render(template, Purpose::Username));
        let password = group.password.as_ref().map(|template| render(template, Purpose::Password));
        let will = group.will.as_ref().map(|will| {
            (will, render(&will.topic, Purpose::WillTopic), render(&will.payload, Purpose::WillPayload))
        });
        let mut will_properties = PropertiesBuf::new();
        if let Some(delay) = group.will.as_ref().and_then(|will| will.delay) {
            will_properties.push(Property::WillDelayInterval(seconds(delay)))?;
        }
        let properties = connect_properties(&group.connect_properties)?;
        let connect = Connect {
            version: group.version,
            bridge: false,
            clean_start: group.clean_start,
            keep_alive: group.keep_alive.as_secs().min(u64::from(u16::MAX)) as u16,
            client_id: Text::from(&*self.client_id),
            will: will.as_ref().map(|(will, topic, payload)| Will {
                topic: Text::from_bytes(topic),
                payload,
                qos: will.qos,
                retain: will.retain,
                properties: will_properties.as_properties(),
            }),
            username: username.as_deref().map(Text::from_bytes),
            password: password.as_deref(),
            properties: properties.as_properties(),
        };
        self.session.connect(connect, group.keeps_session(), now, &mut tools.buffers.out)
    }

    /// CONNACK has come; `resumed` if the broker has the session of before.
    pub(super) fn connected(&mut self, sent: Nanos, resumed: bool, now: Nanos, tools: &mut Tools) {
        if let Some((recorder, cell)) = tools.metrics(self.intended, usize::from(self.group)) {
            recorder.response_and_service(cell.connect, since(self.intended, now), since(sent, now));
            recorder.count(cell.connects, 1);
        }
        self.stage = Stage::Subscribing;
        tools.counts.connects += 1;
        tools.counts.groups[usize::from(self.group)].connected += 1;
        if !resumed {
            self.forget(tools);
            self.session.forget();
        }
        // Subscriptions are part of the session (MQTT 5.0 §4.1).
        if self.of(tools).subscribe.is_empty() || self.enrolled {
            return self.settled(now, tools);
        }
        // Written now, whenever CONNACK came.
        if let Err(error) = self.subscribe(tools.now(), tools) {
            self.fail(error.to_string(), tools);
        }
    }

    fn subscribe(&mut self, now: Nanos, tools: &mut Tools) -> Result<(), EncodeError> {
        let plan = &tools.shared.plan;
        let group = &plan.groups[usize::from(self.group)];
        let mut filters = SubscriptionsBuf::new();
        for (filter, subscribe) in filter_texts(plan, group, self.i) {
            let options = SubscriptionOptions {
                qos: subscribe.qos,
                no_local: subscribe.no_local,
                retain_as_published: subscribe.retain_as_published,
                retain_handling: subscribe.retain_handling,
            };
            filters.push(Text::from(filter.as_str()), options)?;
        }
        self.session.subscribe(filters.as_subscriptions(), now, &mut tools.buffers.out)
    }

    /// SUBACK has come.
    pub(super) fn subscribed(
        &mut self,
        reasons: ReasonCodes<'_>,
        sent: Nanos,
        now: Nanos,
        tools: &mut Tools,
    ) {
        let asked = self.of(tools).subscribe.len();
        if let Some((recorder, cell)) = tools.metrics(self.intended, usize::from(self.group)) {
            recorder.response_and_service(cell.suback, since(sent, now), since(sent, now));
        }
        if reasons.len() != asked {
            return self.fail(format!("SUBACK answers {} filters of {asked}", reasons.len()), tools);
        }
        if let Some(refused) = reasons.iter().find(|reason| reason.0 >= 0x80) {
            let name = named(refused, PacketType::SubAck, self.session.version());
            return self.fail(format!("subscription refused: {name}"), tools);
        }
        let granted = reasons.iter().map(|reason| QoS::from_bits(reason.0)).max().unwrap_or(QoS::ExactlyOnce);
        // From now on, when the other shards may know, not from when the SUBACK came.
        let now_us = tools.shared.clock.unix(tools.now()) as u64 / 1000;
        tools.shared.roll.join(self.number, now_us, granted);
        self.enrolled = true;
        self.settled(now, tools);
    }

    /// The device has all it asked for.
    fn settled(&mut self, now: Nanos, tools: &mut Tools) {
        self.stage = Stage::Ready;
        self.released = now;
        tools.counts.opening -= 1;
        let counts = &mut tools.counts.groups[usize::from(self.group)];
        counts.subscribed += 1;
        counts.unsettled -= u32::from(self.retries == 0);
        self.retries = 0;
        self.catch_up(now, tools);
    }
}

fn connect_properties(of: &ConnectProperties) -> Result<PropertiesBuf, EncodeError> {
    let mut buf = PropertiesBuf::new();
    let properties = [
        of.session_expiry.map(|expiry| Property::SessionExpiryInterval(seconds(expiry))),
        of.receive_maximum.map(Property::ReceiveMaximum),
        of.maximum_packet_size.map(Property::MaximumPacketSize),
    ];
    for property in properties.into_iter().flatten() {
        buf.push(property)?;
    }
    Ok(buf)
}

fn seconds(duration: Duration) -> u32 {
    u32::try_from(duration.as_secs()).unwrap_or(u32::MAX)
}

/// From one instant to another; nothing if they are the wrong way round.
pub(super) fn since(from: Nanos, to: Nanos) -> Duration {
    Duration::from_nanos(to.saturating_sub(from))
}
