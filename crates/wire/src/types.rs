//! Small values every packet is made of.

use core::fmt;

/// The protocol's version, as a CONNECT's protocol version byte gives it (without the bridge bit).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// MQTT 3.1, level 3, whose protocol name is `MQIsdp`.
    V31 = 3,
    /// MQTT 3.1.1, level 4.
    V311 = 4,
    /// MQTT 5.0, level 5.
    V5 = 5,
}

impl Version {
    /// The version of a protocol level (3, 4 or 5; a bridge's high bit must be off).
    #[inline]
    pub const fn from_level(level: u8) -> Option<Self> {
        match level {
            3 => Some(Self::V31),
            4 => Some(Self::V311),
            5 => Some(Self::V5),
            _ => None,
        }
    }

    /// The protocol level: 3, 4 or 5.
    #[inline]
    pub const fn level(self) -> u8 {
        self as u8
    }

    /// The protocol name a CONNECT of this version carries.
    #[inline]
    pub const fn protocol_name(self) -> &'static str {
        match self {
            Self::V31 => "MQIsdp",
            Self::V311 | Self::V5 => "MQTT",
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V31 => "3.1",
            Self::V311 => "3.1.1",
            Self::V5 => "5.0",
        })
    }
}

/// The kind of a packet: the high four bits of its first byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum PacketType {
    /// Forbidden; no packet has it.
    Reserved = 0,
    /// The client asks for a connection.
    Connect,
    /// The server answers a CONNECT.
    ConnAck,
    /// An application message.
    Publish,
    /// Answers a PUBLISH of QoS 1.
    PubAck,
    /// QoS 2, first answer.
    PubRec,
    /// QoS 2, the sender lets go.
    PubRel,
    /// QoS 2, last answer.
    PubComp,
    /// The client asks for topics.
    Subscribe,
    /// Answers a SUBSCRIBE.
    SubAck,
    /// The client gives topics back.
    Unsubscribe,
    /// Answers an UNSUBSCRIBE.
    UnsubAck,
    /// The client asks for a sign of life.
    PingReq,
    /// Answers a PINGREQ.
    PingResp,
    /// The connection ends.
    Disconnect,
    /// Authentication beyond user name and password; 5.0 only.
    Auth,
}

impl PacketType {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 16] = [
        Self::Reserved,
        Self::Connect,
        Self::ConnAck,
        Self::Publish,
        Self::PubAck,
        Self::PubRec,
        Self::PubRel,
        Self::PubComp,
        Self::Subscribe,
        Self::SubAck,
        Self::Unsubscribe,
        Self::UnsubAck,
        Self::PingReq,
        Self::PingResp,
        Self::Disconnect,
        Self::Auth,
    ];

    /// The type in a packet's first byte.
    #[inline]
    pub const fn from_first_byte(first: u8) -> Self {
        match first >> 4 {
            0 => Self::Reserved,
            1 => Self::Connect,
            2 => Self::ConnAck,
            3 => Self::Publish,
            4 => Self::PubAck,
            5 => Self::PubRec,
            6 => Self::PubRel,
            7 => Self::PubComp,
            8 => Self::Subscribe,
            9 => Self::SubAck,
            10 => Self::Unsubscribe,
            11 => Self::UnsubAck,
            12 => Self::PingReq,
            13 => Self::PingResp,
            14 => Self::Disconnect,
            _ => Self::Auth,
        }
    }

    /// PUBACK, PUBREC, PUBREL or PUBCOMP: those that answer a PUBLISH or one another.
    #[inline]
    pub const fn is_ack(self) -> bool {
        matches!(self, Self::PubAck | Self::PubRec | Self::PubRel | Self::PubComp)
    }

    /// The specification's name, in capitals.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Reserved => "RESERVED",
            Self::Connect => "CONNECT",
            Self::ConnAck => "CONNACK",
            Self::Publish => "PUBLISH",
            Self::PubAck => "PUBACK",
            Self::PubRec => "PUBREC",
            Self::PubRel => "PUBREL",
            Self::PubComp => "PUBCOMP",
            Self::Subscribe => "SUBSCRIBE",
            Self::SubAck => "SUBACK",
            Self::Unsubscribe => "UNSUBSCRIBE",
            Self::UnsubAck => "UNSUBACK",
            Self::PingReq => "PINGREQ",
            Self::PingResp => "PINGRESP",
            Self::Disconnect => "DISCONNECT",
            Self::Auth => "AUTH",
        }
    }

    /// The low four bits that a first byte must have; nothing for PUBLISH, whose flags are its own.
    #[inline]
    pub const fn required_flags(self) -> Option<u8> {
        match self {
            Self::Publish => None,
            other => Some(other.fixed_flags()),
        }
    }

    /// The flags of every packet but PUBLISH, without a branch.
    #[inline(always)]
    pub(crate) const fn fixed_flags(self) -> u8 {
        const TWO: u16 = 1 << PacketType::PubRel as u16
            | 1 << PacketType::Subscribe as u16
            | 1 << PacketType::Unsubscribe as u16;
        ((TWO >> self as u16 & 1) << 1) as u8
    }
}

impl fmt::Display for PacketType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How surely a message is delivered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum QoS {
    /// Sent once, may be lost.
    #[default]
    AtMostOnce = 0,
    /// Sent until acknowledged, may come twice.
    AtLeastOnce = 1,
    /// Comes once.
    ExactlyOnce = 2,
    /// Both bits set, which no packet may have: only ever from a lenient decode.
    Reserved = 3,
}

impl QoS {
    /// The level in the two low bits of `bits`.
    #[inline]
    pub const fn from_bits(bits: u8) -> Self {
        match bits & 0b11 {
            0 => Self::AtMostOnce,
            1 => Self::AtLeastOnce,
            2 => Self::ExactlyOnce,
            _ => Self::Reserved,
        }
    }
}

/// Names a packet that waits for its answer. Zero is possible only from a lenient decode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PacketId(pub(crate) u16);

impl PacketId {
    /// An identifier to send; nothing if it is zero, which none may be.
    #[inline]
    pub const fn new(id: u16) -> Option<Self> {
        if id == 0 { None } else { Some(Self(id)) }
    }

    /// The number on the wire.
    #[inline]
    pub const fn get(self) -> u16 {
        self.0
    }
}

impl fmt::Display for PacketId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// When the retained messages of a subscription are sent (MQTT 5.0 §3.8.3.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum RetainHandling {
    /// At every SUBSCRIBE.
    #[default]
    Send = 0,
    /// Only if the subscription did not exist.
    SendIfNew = 1,
    /// Never.
    DoNotSend = 2,
    /// Forbidden: only ever from a lenient decode.
    Reserved = 3,
}

impl RetainHandling {
    /// The choice in the two low bits of `bits`.
    #[inline]
    pub const fn from_bits(bits: u8) -> Self {
        match bits & 0b11 {
            0 => Self::Send,
            1 => Self::SendIfNew,
            2 => Self::DoNotSend,
            _ => Self::Reserved,
        }
    }
}
