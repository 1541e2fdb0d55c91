//! A TCP flow, from its first bytes to what it is found to carry.

use mqscope_stream::{Direction, FlowKey};
use mqscope_wire::{Version, frame};

use crate::conversation::Conversation;
use crate::lane::{Lane, Piece};
use crate::resync::{Hint, Trust};
use crate::{FrameRef, Protocol};

/// Bytes of the server's that wait for the client's first ones to be recognised.
const WAITING_BYTES: usize = 16 * 1024;

/// Bytes of a flow without a CONNECT after which it is taken for something else, and how many if its port speaks for
/// MQTT: enough for the rest of a long message that the capture begins in.
const SEARCHED_BYTES: u64 = 256 * 1024;
const SEARCHED_BYTES_ON_PORT: u64 = 16 * 1024 * 1024;

/// The ports that MQTT is registered for: plain, and over TLS.
const PORT: u16 = 1883;
const PORT_OVER_TLS: u16 = 8883;

/// Both directions, and what they carry.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) lanes: [Lane; 2],
    /// What came so far, by direction, while it is not known what the flow carries.
    pub(crate) undecided: Option<Box<[Head; 2]>>,
    pub(crate) carrier: Carrier,
}

/// A flow that carries MQTT, or may.
#[derive(Debug)]
pub(crate) struct Carrier {
    pub(crate) stream: u32,
    pub(crate) key: FlowKey,
    /// There once a packet was found.
    pub(crate) mqtt: Option<Mqtt>,
    pub(crate) trust: Trust,
}

/// A connection that carries MQTT.
#[derive(Debug)]
pub(crate) struct Mqtt {
    /// Its number among those.
    pub(crate) flow: u32,
    pub(crate) conversation: Conversation,
}

/// The first bytes of a direction.
#[derive(Debug, Default)]
pub(crate) struct Head {
    bytes: Vec<u8>,
    pieces: Vec<(usize, u64, FrameRef)>,
}

/// What the first bytes of a client show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Recognised {
    Mqtt,
    NotYet,
    Other,
}

impl Connection {
    /// A flow that has just appeared; `protocol` is what its port was said to carry.
    pub(crate) fn new(stream: u32, key: FlowKey, protocol: Option<Protocol>) -> Self {
        let (trust, undecided) = match protocol {
            Some(Protocol::Mqtt) => (Trust::Known, None),
            None if speaks_for_mqtt(&key) => (Trust::Port, Some(Box::default())),
            None => (Trust::None, Some(Box::default())),
        };
        let carrier = Carrier { stream, key, mqtt: None, trust };
        Self { lanes: [Lane::in_step(), Lane::in_step()], undecided, carrier }
    }

    /// Whether nothing speaks for MQTT any more.
    pub(crate) fn is_hopeless(&self) -> bool {
        let searched: u64 = self.lanes.iter().map(Lane::searched).sum();
        let most = match self.carrier.trust {
            Trust::None => SEARCHED_BYTES,
            Trust::Port => SEARCHED_BYTES_ON_PORT,
            Trust::Known => u64::MAX,
        };
        self.carrier.mqtt.is_none() && searched > most
    }
}

impl Carrier {
    /// What speaks for MQTT when packets are searched.
    #[inline]
    pub(crate) fn hint(&self) -> Hint {
        match &self.mqtt {
            Some(mqtt) => Hint {
                trust: Trust::Known,
                version: mqtt.conversation.known_version(),
                // What the other direction has shown holds for this one.
                likely: mqtt.conversation.version(),
            },
            None => Hint { trust: self.trust, version: None, likely: Version::V311 },
        }
    }

    /// The direction in which the client of a flow without a CONNECT is likely to send.
    pub(crate) fn likely_client(&self) -> Direction {
        let (a, b) = (self.key.a.port(), self.key.b.port());
        let registered = |port| port == PORT || port == PORT_OVER_TLS;
        let a_serves = match (registered(a), registered(b)) {
            (true, false) => true,
            (false, true) => false,
            _ => a < b,
        };
        if a_serves { Direction::Reverse } else { Direction::Forward }
    }
}

fn speaks_for_mqtt(key: &FlowKey) -> bool {
    [key.a.port(), key.b.port()].contains(&PORT)
}

impl Head {
    pub(crate) fn push(&mut self, piece: Piece<'_>) {
        self.pieces.push((self.bytes.len(), piece.at, *piece.frame));
        self.bytes.extend_from_slice(piece.bytes);
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Whether more came than is worth waiting with.
    pub(crate) fn is_full(&self) -> bool {
        self.bytes.len() > WAITING_BYTES || self.pieces.len() > 256
    }

    pub(crate) fn pieces(&self) -> impl Iterator<Item = Piece<'_>> {
        self.pieces.iter().enumerate().map(|(index, &(start, at, ref frame))| {
            let end = self.pieces.get(index + 1).map_or(self.bytes.len(), |next| next.0);
            Piece { bytes: &self.bytes[start..end], at, frame }
        })
    }
}

/// Whether a client that begins with `bytes` speaks MQTT: its CONNECT names the protocol.
pub(crate) fn recognise(bytes: &[u8]) -> Recognised {
    const CONNECT: u8 = 1;
    if bytes.first().is_some_and(|first| first >> 4 != CONNECT) {
        return Recognised::Other;
    }
    let header = match frame::next(bytes) {
        Ok(Some(header)) => header,
        Ok(None) => return Recognised::NotYet,
        Err(_) => return Recognised::Other,
    };
    let name = &bytes[usize::from(header.header_len)..];
    let names: [&[u8]; 2] = [b"\0\x04MQTT", b"\0\x06MQIsdp"];
    if names.iter().any(|known| name.starts_with(known)) {
        Recognised::Mqtt
    } else if names.iter().any(|known| known.starts_with(name)) {
        Recognised::NotYet
    } else {
        Recognised::Other
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connect_is_recognised_as_soon_as_its_name_is_there() {
        let connect = *b"\x10\x0c\0\x04MQTT\x04\x02\0\x3c\0\0";
        for len in 0..8 {
            assert_eq!(recognise(&connect[..len]), Recognised::NotYet, "{len}");
        }
        assert_eq!(recognise(&connect[..8]), Recognised::Mqtt);
        assert_eq!(recognise(b"\x10\x94\x02\0\x06MQIsdp\x03"), Recognised::Mqtt);
    }

    #[test]
    fn other_protocols_on_the_port_of_mqtt_are_not_taken_for_it() {
        for other in [
            &b"GET / HTTP/1.1\r\n"[..],
            b"\x16\x03\x01\x02\0",
            b"\x10\x0c\0\x04MQTX",
            b"\x10\xff\xff\xff\xff",
        ] {
            assert_eq!(recognise(other), Recognised::Other, "{other:x?}");
        }
    }
}
