//! Reason codes of MQTT 5.0 and return codes of 3.1 and 3.1.1, by name.

use core::fmt;

use crate::{PacketType, Version};

/// How a request fared. Codes of 0x80 and above are failures in MQTT 5.0; in a CONNACK of 3.1 and 3.1.1,
/// all but 0.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReasonCode(pub u8);

impl ReasonCode {
    /// 0x00: all went well. SUBACK calls it Granted QoS 0, DISCONNECT Normal disconnection.
    pub const SUCCESS: Self = Self(0);

    /// Whether the code says that something failed.
    #[inline]
    pub const fn is_error(self, packet: PacketType, version: Version) -> bool {
        match (packet, version) {
            (PacketType::ConnAck, Version::V31 | Version::V311) => self.0 != 0,
            _ => self.0 >= 0x80,
        }
    }

    /// The specification's name for the code in this packet; `Unknown` for a code the packet may not have.
    pub const fn name(self, packet: PacketType, version: Version) -> &'static str {
        match self.known(packet, version) {
            Some(name) => name,
            None => "Unknown",
        }
    }

    /// Whether the packet may have this code.
    #[inline]
    pub const fn is_known(self, packet: PacketType, version: Version) -> bool {
        match self.0 {
            0 => !matches!(packet, PacketType::PingReq | PacketType::PingResp),
            1 | 2 if matches!(packet, PacketType::SubAck) => true,
            _ => self.known(packet, version).is_some(),
        }
    }

    const fn known(self, packet: PacketType, version: Version) -> Option<&'static str> {
        match version {
            Version::V31 | Version::V311 => self.known_before_v5(packet),
            Version::V5 if self.is_in(packet) => Some(self.v5_name(packet)),
            Version::V5 => None,
        }
    }

    const fn known_before_v5(self, packet: PacketType) -> Option<&'static str> {
        Some(match (packet, self.0) {
            (PacketType::ConnAck, 0) => "Connection Accepted",
            (PacketType::ConnAck, 1) => "Connection Refused, unacceptable protocol version",
            (PacketType::ConnAck, 2) => "Connection Refused, identifier rejected",
            (PacketType::ConnAck, 3) => "Connection Refused, Server unavailable",
            (PacketType::ConnAck, 4) => "Connection Refused, bad user name or password",
            (PacketType::ConnAck, 5) => "Connection Refused, not authorized",
            (PacketType::SubAck, 0) => "Success - Maximum QoS 0",
            (PacketType::SubAck, 1) => "Success - Maximum QoS 1",
            (PacketType::SubAck, 2) => "Success - Maximum QoS 2",
            // 3.1 has no failure, but brokers answer its clients with 3.1.1's.
            (PacketType::SubAck, 0x80) => "Failure",
            (PacketType::ConnAck | PacketType::SubAck, _) => return None,
            (_, 0) => "Success",
            _ => return None,
        })
    }

    /// MQTT 5.0 §2.4, table 2-6: which packets may have the code.
    const fn is_in(self, packet: PacketType) -> bool {
        use PacketType::{Auth, ConnAck, Disconnect, PubAck, PubComp, PubRec, PubRel, SubAck, UnsubAck};
        match self.0 {
            0x00 => matches!(
                packet,
                ConnAck | PubAck | PubRec | PubRel | PubComp | SubAck | UnsubAck | Disconnect | Auth
            ),
            0x01 | 0x02 => matches!(packet, SubAck),
            0x04 => matches!(packet, Disconnect),
            0x10 => matches!(packet, PubAck | PubRec),
            0x11 => matches!(packet, UnsubAck),
            0x18 | 0x19 => matches!(packet, Auth),
            0x80 | 0x83 => matches!(packet, ConnAck | PubAck | PubRec | SubAck | UnsubAck | Disconnect),
            0x81 | 0x82 => matches!(packet, ConnAck | Disconnect),
            0x84 | 0x85 | 0x86 | 0x88 | 0x8a => matches!(packet, ConnAck),
            0x87 => matches!(packet, ConnAck | PubAck | PubRec | SubAck | UnsubAck | Disconnect),
            0x89 | 0x8c | 0x95 | 0x9a | 0x9b | 0x9c | 0x9d | 0x9f => matches!(packet, ConnAck | Disconnect),
            0x8b | 0x8d | 0x8e | 0x93 | 0x94 | 0x96 | 0x98 | 0xa0 => matches!(packet, Disconnect),
            0x8f => matches!(packet, SubAck | UnsubAck | Disconnect),
            0x90 => matches!(packet, ConnAck | PubAck | PubRec | Disconnect),
            0x91 => matches!(packet, PubAck | PubRec | SubAck | UnsubAck),
            0x92 => matches!(packet, PubRel | PubComp),
            0x97 => matches!(packet, ConnAck | PubAck | PubRec | SubAck | Disconnect),
            0x99 => matches!(packet, ConnAck | PubAck | PubRec | Disconnect),
            0x9e | 0xa1 | 0xa2 => matches!(packet, SubAck | Disconnect),
            _ => false,
        }
    }

    const fn v5_name(self, packet: PacketType) -> &'static str {
        match self.0 {
            0x00 => match packet {
                PacketType::SubAck => "Granted QoS 0",
                PacketType::Disconnect => "Normal disconnection",
                _ => "Success",
            },
            0x01 => "Granted QoS 1",
            0x02 => "Granted QoS 2",
            0x04 => "Disconnect with Will Message",
            0x10 => "No matching subscribers",
            0x11 => "No subscription existed",
            0x18 => "Continue authentication",
            0x19 => "Re-authenticate",
            0x80 => "Unspecified error",
            0x81 => "Malformed Packet",
            0x82 => "Protocol Error",
            0x83 => "Implementation specific error",
            0x84 => "Unsupported Protocol Version",
            0x85 => "Client Identifier not valid",
            0x86 => "Bad User Name or Password",
            0x87 => "Not authorized",
            0x88 => "Server unavailable",
            0x89 => "Server busy",
            0x8a => "Banned",
            0x8b => "Server shutting down",
            0x8c => "Bad authentication method",
            0x8d => "Keep Alive timeout",
            0x8e => "Session taken over",
            0x8f => "Topic Filter invalid",
            0x90 => "Topic Name invalid",
            0x91 => "Packet Identifier in use",
            0x92 => "Packet Identifier not found",
            0x93 => "Receive Maximum exceeded",
            0x94 => "Topic Alias invalid",
            0x95 => "Packet too large",
            0x96 => "Message rate too high",
            0x97 => "Quota exceeded",
            0x98 => "Administrative action",
            0x99 => "Payload format invalid",
            0x9a => "Retain not supported",
            0x9b => "QoS not supported",
            0x9c => "Use another server",
            0x9d => "Server moved",
            0x9e => "Shared Subscriptions not supported",
            0x9f => "Connection rate exceeded",
            0xa0 => "Maximum connect time",
            0xa1 => "Subscription Identifiers not supported",
            0xa2 => "Wildcard Subscriptions not supported",
            _ => "Unknown",
        }
    }
}

impl fmt::Debug for ReasonCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ReasonCode(0x{:02x})", self.0)
    }
}

impl fmt::Display for ReasonCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0x{:02x}", self.0)
    }
}
