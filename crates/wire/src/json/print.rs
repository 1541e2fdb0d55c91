//! A packet's JSON. Nothing is allocated for it but what the serializer itself writes to.

use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};

use super::cmd;
use super::data::Data;
use super::properties::PropertyMap;
use crate::frame::Frame;
use crate::{Connect, Packet, Properties, Publish, Subscription, Text, Version, Will};

/// Whether a password and authentication data are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Secrets {
    /// As `"(redacted)"`.
    #[default]
    Redacted,
    /// As they are.
    Shown,
}

/// A packet that serialises in mqtt-packet's shape.
#[derive(Clone, Copy, Debug)]
pub struct Json<'p, 'b> {
    packet: &'p Packet<'b>,
    version: Version,
    frame: Frame,
    secrets: Secrets,
}

impl<'p, 'b> Json<'p, 'b> {
    /// The packet, in the version it was decoded with, and the frame it came in: `retain`, `qos`, `dup` and
    /// `length` are what stood on the wire.
    pub const fn new(packet: &'p Packet<'b>, version: Version, frame: Frame) -> Self {
        Self { packet, version, frame, secrets: Secrets::Redacted }
    }

    /// Redacted unless told otherwise.
    #[must_use]
    pub const fn secrets(mut self, secrets: Secrets) -> Self {
        self.secrets = secrets;
        self
    }

    fn properties<S: SerializeMap>(&self, map: &mut S, properties: Properties<'_>) -> Result<(), S::Error> {
        if properties.is_empty() {
            return Ok(());
        }
        map.serialize_entry("properties", &PropertyMap { properties, secrets: self.secrets })
    }

    fn connect<S: SerializeMap>(&self, map: &mut S, connect: &Connect<'_>) -> Result<(), S::Error> {
        map.serialize_entry("protocolId", connect.version.protocol_name())?;
        map.serialize_entry("protocolVersion", &connect.version.level())?;
        if connect.bridge {
            map.serialize_entry("bridgeMode", &true)?;
        }
        if let Some(will) = &connect.will {
            map.serialize_entry("will", &JsonWill { will, secrets: self.secrets })?;
        }
        map.serialize_entry("clean", &connect.clean_start)?;
        map.serialize_entry("keepalive", &connect.keep_alive)?;
        self.properties(map, connect.properties)?;
        map.serialize_entry("clientId", &connect.client_id)?;
        if let Some(username) = &connect.username {
            map.serialize_entry("username", username)?;
        }
        match (connect.password, self.secrets) {
            (None, _) => Ok(()),
            (Some(_), Secrets::Redacted) => map.serialize_entry("password", REDACTED),
            (Some(password), Secrets::Shown) => map.serialize_entry("password", &Data(password)),
        }
    }

    fn publish<S: SerializeMap>(&self, map: &mut S, publish: &Publish<'_>) -> Result<(), S::Error> {
        map.serialize_entry("topic", &publish.topic)?;
        map.serialize_entry("payload", &Data(publish.payload))?;
        if let Some(id) = publish.packet_id {
            map.serialize_entry("messageId", &id.get())?;
        }
        self.properties(map, publish.properties)
    }

    fn others<S: SerializeMap>(&self, map: &mut S) -> Result<(), S::Error> {
        let v5 = self.version == Version::V5;
        match self.packet {
            Packet::Connect(connect) => self.connect(map, connect),
            Packet::Publish(publish) => self.publish(map, publish),
            Packet::ConnAck(ack) => {
                map.serialize_entry("sessionPresent", &ack.session_present)?;
                map.serialize_entry(if v5 { "reasonCode" } else { "returnCode" }, &ack.reason.0)?;
                self.properties(map, ack.properties)
            }
            Packet::PubAck(ack) | Packet::PubRec(ack) | Packet::PubRel(ack) | Packet::PubComp(ack) => {
                map.serialize_entry("messageId", &ack.packet_id.get())?;
                if v5 {
                    map.serialize_entry("reasonCode", &ack.reason.0)?;
                }
                self.properties(map, ack.properties)
            }
            Packet::Subscribe(subscribe) => {
                map.serialize_entry(
                    "subscriptions",
                    &List(|| {
                        subscribe
                            .subscriptions
                            .iter()
                            .map(|subscription| JsonSubscription { subscription, v5 })
                    }),
                )?;
                map.serialize_entry("messageId", &subscribe.packet_id.get())?;
                self.properties(map, subscribe.properties)
            }
            Packet::SubAck(ack) => {
                map.serialize_entry("granted", &List(|| ack.reasons.iter().map(|reason| reason.0)))?;
                map.serialize_entry("messageId", &ack.packet_id.get())?;
                self.properties(map, ack.properties)
            }
            Packet::Unsubscribe(unsubscribe) => {
                map.serialize_entry("unsubscriptions", &List(|| unsubscribe.filters.iter()))?;
                map.serialize_entry("messageId", &unsubscribe.packet_id.get())?;
                self.properties(map, unsubscribe.properties)
            }
            Packet::UnsubAck(ack) => {
                map.serialize_entry("messageId", &ack.packet_id.get())?;
                self.properties(map, ack.properties)?;
                if v5 {
                    map.serialize_entry("granted", &List(|| ack.reasons.iter().map(|reason| reason.0)))?;
                }
                Ok(())
            }
            Packet::PingReq | Packet::PingResp => Ok(()),
            Packet::Disconnect(disconnect) => {
                if v5 {
                    map.serialize_entry("reasonCode", &disconnect.reason.0)?;
                }
                self.properties(map, disconnect.properties)
            }
            Packet::Auth(auth) => {
                map.serialize_entry("reasonCode", &auth.reason.0)?;
                self.properties(map, auth.properties)
            }
        }
    }
}

pub(super) const REDACTED: &str = "(redacted)";

impl Serialize for Json<'_, '_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let first = self.frame.first;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("cmd", cmd(self.packet.packet_type()))?;
        map.serialize_entry("retain", &(first & 0x01 != 0))?;
        map.serialize_entry("qos", &(first >> 1 & 0x03))?;
        map.serialize_entry("dup", &(first & 0x08 != 0))?;
        map.serialize_entry("length", &self.frame.remaining)?;
        if !matches!(self.packet, Packet::Publish(_)) {
            map.serialize_entry("topic", &())?;
            map.serialize_entry("payload", &())?;
        }
        self.others(&mut map)?;
        map.end()
    }
}

struct JsonWill<'p, 'b> {
    will: &'p Will<'b>,
    secrets: Secrets,
}

impl Serialize for JsonWill<'_, '_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (will, secrets) = (self.will, self.secrets);
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("retain", &will.retain)?;
        map.serialize_entry("qos", &(will.qos as u8))?;
        if !will.properties.is_empty() {
            map.serialize_entry("properties", &PropertyMap { properties: will.properties, secrets })?;
        }
        map.serialize_entry("topic", &will.topic)?;
        map.serialize_entry("payload", &Data(will.payload))?;
        map.end()
    }
}

struct JsonSubscription<'b> {
    subscription: Subscription<'b>,
    v5: bool,
}

impl Serialize for JsonSubscription<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Subscription { filter, options } = self.subscription;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("topic", &filter)?;
        map.serialize_entry("qos", &(options.qos as u8))?;
        if self.v5 {
            map.serialize_entry("nl", &options.no_local)?;
            map.serialize_entry("rap", &options.retain_as_published)?;
            map.serialize_entry("rh", &(options.retain_handling as u8))?;
        }
        map.end()
    }
}

/// An array of whatever the function iterates over.
struct List<F>(F);

impl<I: Iterator<Item: Serialize>, F: Fn() -> I> Serialize for List<F> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut seq = serializer.serialize_seq(None)?;
        for item in (self.0)() {
            seq.serialize_element(&item)?;
        }
        seq.end()
    }
}

/// As a string, with U+FFFD for what is not UTF-8.
impl Serialize for Text<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.to_str() {
            Ok(text) => serializer.serialize_str(text),
            Err(_) => serializer.collect_str(self),
        }
    }
}
