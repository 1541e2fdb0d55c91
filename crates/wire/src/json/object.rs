//! An object in mqtt-packet's shape that gives a packet to encode.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use serde::Deserialize;
use serde::de::{self, Deserializer};

use super::cmd;
use super::data::OwnedData;
use super::properties::OwnedProperties;
use crate::{
    Ack, Auth, ConnAck, Connect, Disconnect, EncodeError, Packet, PacketId, PacketType, Properties, Publish,
    QoS, ReasonCode, ReasonCodes, RetainHandling, SubAck, Subscribe, SubscriptionOptions, SubscriptionsBuf,
    TopicFiltersBuf, UnsubAck, Unsubscribe, Version, Will,
};

/// A packet as an object. Deserialise one, then ask for its packet.
///
/// Keys that the command has no use for are errors, unless they are `null`; so are keys nobody knows. What
/// only 5.0 has (`properties`, `reasonCode`, `nl`, `rap`, `rh`) may stand in an object and is left out when
/// a packet of an older version is made of it, as in mqtt-packet; so is `length`, which follows from the rest.
#[derive(Debug, Deserialize)]
#[serde(try_from = "Keys")]
pub struct Object {
    kind: PacketType,
    keys: Keys,
    subscriptions: SubscriptionsBuf,
    /// The same with the QoS as the only option, as it was before 5.0.
    old_subscriptions: SubscriptionsBuf,
    filters: TopicFiltersBuf,
}

/// The keys of all commands.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Keys {
    #[serde(deserialize_with = "kind")]
    cmd: PacketType,
    #[serde(default)]
    retain: Option<bool>,
    #[serde(default)]
    qos: Option<u8>,
    #[serde(default)]
    dup: Option<bool>,
    #[serde(default, rename = "length")]
    _length: Option<i64>,
    topic: Option<String>,
    payload: Option<OwnedData>,
    message_id: Option<u16>,
    protocol_id: Option<String>,
    protocol_version: Option<u8>,
    bridge_mode: Option<bool>,
    clean: Option<bool>,
    keepalive: Option<u16>,
    client_id: Option<String>,
    username: Option<String>,
    password: Option<OwnedData>,
    will: Option<WillKeys>,
    session_present: Option<bool>,
    return_code: Option<u8>,
    reason_code: Option<u8>,
    subscriptions: Option<Vec<SubscriptionKeys>>,
    granted: Option<Vec<u8>>,
    unsubscriptions: Option<Vec<String>>,
    properties: Option<OwnedProperties>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WillKeys {
    topic: String,
    #[serde(default)]
    payload: Option<OwnedData>,
    #[serde(default)]
    qos: u8,
    #[serde(default)]
    retain: bool,
    #[serde(default)]
    properties: Option<OwnedProperties>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SubscriptionKeys {
    topic: String,
    qos: u8,
    #[serde(default)]
    nl: bool,
    #[serde(default)]
    rap: bool,
    #[serde(default)]
    rh: u8,
}

fn kind<'de, D: Deserializer<'de>>(deserializer: D) -> Result<PacketType, D::Error> {
    let word = String::deserialize(deserializer)?;
    let known = PacketType::ALL.into_iter().skip(1).find(|kind| cmd(*kind) == word);
    known.ok_or_else(|| de::Error::unknown_variant(&word, CMDS))
}

const CMDS: &[&str] = &[
    "connect",
    "connack",
    "publish",
    "puback",
    "pubrec",
    "pubrel",
    "pubcomp",
    "subscribe",
    "suback",
    "unsubscribe",
    "unsuback",
    "pingreq",
    "pingresp",
    "disconnect",
    "auth",
];

/// Why an object is no packet.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ObjectError {
    /// The command needs the key.
    Missing {
        /// The command.
        cmd: &'static str,
        /// The key.
        key: &'static str,
    },
    /// The command has no use for the key.
    Unexpected {
        /// The command.
        cmd: &'static str,
        /// The key.
        key: &'static str,
    },
    /// The value is not one of those the key may have.
    Invalid {
        /// The key.
        key: &'static str,
        /// What it may be.
        expected: &'static str,
    },
    /// The values do not fit in a packet.
    Encode(EncodeError),
}

impl fmt::Display for ObjectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { cmd, key } => write!(f, "`{key}` is missing in a {cmd}"),
            Self::Unexpected { cmd, key } => write!(f, "`{key}` has no place in a {cmd}"),
            Self::Invalid { key, expected } => write!(f, "invalid `{key}`, expected {expected}"),
            Self::Encode(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for ObjectError {}

impl From<EncodeError> for ObjectError {
    fn from(error: EncodeError) -> Self {
        Self::Encode(error)
    }
}

impl TryFrom<Keys> for Object {
    type Error = ObjectError;

    fn try_from(keys: Keys) -> Result<Self, ObjectError> {
        let kind = keys.cmd;
        if let Some(key) = keys.unexpected() {
            return Err(ObjectError::Unexpected { cmd: cmd(kind), key });
        }
        let mut subscriptions = SubscriptionsBuf::new();
        let mut old_subscriptions = SubscriptionsBuf::new();
        for keys in keys.subscriptions.iter().flatten() {
            let options = SubscriptionOptions {
                qos: qos(keys.qos, "subscriptions.qos")?,
                no_local: keys.nl,
                retain_as_published: keys.rap,
                retain_handling: match keys.rh {
                    0..=2 => RetainHandling::from_bits(keys.rh),
                    _ => {
                        return Err(ObjectError::Invalid { key: "subscriptions.rh", expected: "0, 1 or 2" });
                    }
                },
            };
            let old_options = SubscriptionOptions { qos: options.qos, ..Default::default() };
            subscriptions.push(keys.topic.as_str().into(), options)?;
            old_subscriptions.push(keys.topic.as_str().into(), old_options)?;
        }
        let mut filters = TopicFiltersBuf::new();
        for topic in keys.unsubscriptions.iter().flatten() {
            filters.push(topic.as_str().into())?;
        }
        Ok(Self { kind, keys, subscriptions, old_subscriptions, filters })
    }
}

fn qos(value: u8, key: &'static str) -> Result<QoS, ObjectError> {
    match value {
        0..=2 => Ok(QoS::from_bits(value)),
        _ => Err(ObjectError::Invalid { key, expected: "0, 1 or 2" }),
    }
}

impl Keys {
    /// The first key given that the command has no use for.
    fn unexpected(&self) -> Option<&'static str> {
        use PacketType::{
            Auth, ConnAck, Connect, Disconnect, PingReq, PingResp, PubAck, PubComp, PubRec, PubRel, Publish,
            SubAck, Subscribe, UnsubAck, Unsubscribe,
        };
        let kind = self.cmd;
        let given = [
            ("topic", self.topic.is_some(), kind == Publish),
            ("payload", self.payload.is_some(), kind == Publish),
            (
                "messageId",
                self.message_id.is_some(),
                !matches!(kind, Connect | ConnAck | PingReq | PingResp | Disconnect | Auth),
            ),
            ("protocolId", self.protocol_id.is_some(), kind == Connect),
            ("protocolVersion", self.protocol_version.is_some(), kind == Connect),
            ("bridgeMode", self.bridge_mode.is_some(), kind == Connect),
            ("clean", self.clean.is_some(), kind == Connect),
            ("keepalive", self.keepalive.is_some(), kind == Connect),
            ("clientId", self.client_id.is_some(), kind == Connect),
            ("username", self.username.is_some(), kind == Connect),
            ("password", self.password.is_some(), kind == Connect),
            ("will", self.will.is_some(), kind == Connect),
            ("sessionPresent", self.session_present.is_some(), kind == ConnAck),
            ("returnCode", self.return_code.is_some(), matches!(kind, ConnAck)),
            (
                "reasonCode",
                self.reason_code.is_some(),
                matches!(kind, ConnAck | PubAck | PubRec | PubRel | PubComp | Disconnect | Auth),
            ),
            ("subscriptions", self.subscriptions.is_some(), kind == Subscribe),
            ("granted", self.granted.is_some(), matches!(kind, SubAck | UnsubAck)),
            ("unsubscriptions", self.unsubscriptions.is_some(), kind == Unsubscribe),
            ("properties", self.properties.is_some(), !matches!(kind, PingReq | PingResp)),
        ];
        given.into_iter().find(|(_, given, expected)| *given && !expected).map(|(key, ..)| key)
    }
}

impl Object {
    /// The command's packet type.
    pub fn packet_type(&self) -> PacketType {
        self.kind
    }

    /// The packet, for a connection of this version; a CONNECT has its own, in `protocolVersion`.
    ///
    /// # Errors
    /// A key is missing, or a value has no place in a packet.
    pub fn packet(&self, version: Version) -> Result<Packet<'_>, ObjectError> {
        let keys = &self.keys;
        let properties = properties(keys.properties.as_ref(), version);
        let reason = match version {
            Version::V5 => ReasonCode(keys.reason_code.unwrap_or_default()),
            _ => ReasonCode::SUCCESS,
        };
        Ok(match self.kind {
            PacketType::Connect => Packet::Connect(self.connect()?),
            PacketType::ConnAck => {
                let (first, second) = match version {
                    Version::V5 => (keys.reason_code, keys.return_code),
                    _ => (keys.return_code, keys.reason_code),
                };
                let key = if version == Version::V5 { "reasonCode" } else { "returnCode" };
                let code = first.or(second).ok_or_else(|| self.missing(key))?;
                let session_present = keys.session_present.unwrap_or_default();
                Packet::ConnAck(ConnAck { session_present, reason: ReasonCode(code), properties })
            }
            PacketType::Publish => Packet::Publish(self.publish(properties)?),
            PacketType::PubAck => Packet::PubAck(Ack { packet_id: self.packet_id()?, reason, properties }),
            PacketType::PubRec => Packet::PubRec(Ack { packet_id: self.packet_id()?, reason, properties }),
            PacketType::PubRel => Packet::PubRel(Ack { packet_id: self.packet_id()?, reason, properties }),
            PacketType::PubComp => Packet::PubComp(Ack { packet_id: self.packet_id()?, reason, properties }),
            PacketType::Subscribe => {
                let packet_id = self.packet_id()?;
                let subscriptions = match version {
                    Version::V5 => self.subscriptions.as_subscriptions(),
                    _ => self.old_subscriptions.as_subscriptions(),
                };
                Packet::Subscribe(Subscribe { packet_id, properties, subscriptions })
            }
            PacketType::SubAck => {
                let granted = keys.granted.as_deref().ok_or_else(|| self.missing("granted"))?;
                let reasons = ReasonCodes::from_bytes(granted);
                Packet::SubAck(SubAck { packet_id: self.packet_id()?, properties, reasons })
            }
            PacketType::Unsubscribe => {
                let packet_id = self.packet_id()?;
                Packet::Unsubscribe(Unsubscribe { packet_id, properties, filters: self.filters.as_filters() })
            }
            PacketType::UnsubAck => {
                let granted = match version {
                    Version::V5 => keys.granted.as_deref().ok_or_else(|| self.missing("granted"))?,
                    _ => &[],
                };
                let reasons = ReasonCodes::from_bytes(granted);
                Packet::UnsubAck(UnsubAck { packet_id: self.packet_id()?, properties, reasons })
            }
            PacketType::PingReq => Packet::PingReq,
            PacketType::PingResp => Packet::PingResp,
            PacketType::Disconnect => Packet::Disconnect(Disconnect { reason, properties }),
            PacketType::Auth | PacketType::Reserved => Packet::Auth(Auth { reason, properties }),
        })
    }

    fn missing(&self, key: &'static str) -> ObjectError {
        ObjectError::Missing { cmd: cmd(self.kind), key }
    }

    fn packet_id(&self) -> Result<PacketId, ObjectError> {
        let id = self.keys.message_id.ok_or_else(|| self.missing("messageId"))?;
        PacketId::new(id).ok_or(ObjectError::Invalid { key: "messageId", expected: "1 to 65535" })
    }

    fn publish<'a>(&'a self, properties: Properties<'a>) -> Result<Publish<'a>, ObjectError> {
        let keys = &self.keys;
        let qos = qos(keys.qos.unwrap_or_default(), "qos")?;
        Ok(Publish {
            dup: keys.dup.unwrap_or_default(),
            qos,
            retain: keys.retain.unwrap_or_default(),
            topic: keys.topic.as_deref().ok_or_else(|| self.missing("topic"))?.into(),
            // mqtt-packet has a place for the identifier at QoS 0, and does not send it.
            packet_id: if qos == QoS::AtMostOnce { None } else { Some(self.packet_id()?) },
            properties,
            payload: keys.payload.as_ref().map_or(&[], |payload| &payload.0),
        })
    }

    fn connect(&self) -> Result<Connect<'_>, ObjectError> {
        let keys = &self.keys;
        let level = keys.protocol_version.unwrap_or(Version::V311.level());
        let version = Version::from_level(level)
            .ok_or(ObjectError::Invalid { key: "protocolVersion", expected: "3, 4 or 5" })?;
        if keys.protocol_id.as_deref().is_some_and(|name| name != version.protocol_name()) {
            let expected = match version {
                Version::V31 => "MQIsdp with protocolVersion 3",
                Version::V311 | Version::V5 => "MQTT with protocolVersion 4 or 5",
            };
            return Err(ObjectError::Invalid { key: "protocolId", expected });
        }
        let will = match &keys.will {
            None => None,
            Some(will) => Some(Will {
                topic: will.topic.as_str().into(),
                payload: will.payload.as_ref().map_or(&[], |payload| &payload.0),
                qos: qos(will.qos, "will.qos")?,
                retain: will.retain,
                properties: properties(will.properties.as_ref(), version),
            }),
        };
        Ok(Connect {
            version,
            bridge: keys.bridge_mode.unwrap_or_default(),
            clean_start: keys.clean.unwrap_or(true),
            keep_alive: keys.keepalive.unwrap_or_default(),
            client_id: keys.client_id.as_deref().unwrap_or_default().into(),
            will,
            username: keys.username.as_deref().map(Into::into),
            password: keys.password.as_ref().map(|password| &password.0[..]),
            properties: properties(keys.properties.as_ref(), version),
        })
    }
}

fn properties(given: Option<&OwnedProperties>, version: Version) -> Properties<'_> {
    match (given, version) {
        (Some(properties), Version::V5) => properties.0.as_properties(),
        _ => Properties::EMPTY,
    }
}
