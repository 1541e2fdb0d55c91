//! Fields of a packet's place: its frame, its connection, its exchange.

use mqscope_wire::{Notes, PacketType};

use super::{FieldValue, RowFacts};
use crate::{CarrierMessage, PacketView, RowFlags, RowKind};

/// A field that the index knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    FrameNumber,
    FrameLen,
    FrameCapturedLen,
    FrameTime,
    FrameTimeEpoch,
    FrameTimeRelative,
    FrameTimeDelta,
    TcpStream,
    Tls,
    WebSocket,
    /// A request or response of HTTP.
    Http,
    Proxy,
    /// One of these messages of a lower layer.
    Message(&'static [CarrierMessage]),
    Malformed,
    Expert,
    /// The whole packet.
    Mqtt,
    ResponseIn,
    ResponseTo,
    ExchangeTime,
    ClientId,
    ClientGroup,
    ClientDevice,
    P2p,
    Violation,
}

pub(super) fn values(place: Place, packet: &PacketView<'_>, out: &mut dyn FnMut(FieldValue<'_>)) {
    let facts = RowFacts { row: &packet.row, flow: packet.flow, start: packet.start };
    if values_of_row(place, &facts, out) {
        return;
    }
    match place {
        Place::Malformed | Place::Expert => {
            let broken = place == Place::Expert && packet.row.flags.contains(RowFlags::VIOLATION);
            if packet.error().is_some() || broken {
                out(FieldValue::Presence);
            }
        }
        Place::Mqtt => out(FieldValue::Bytes(packet.bytes)),
        Place::ResponseIn => {
            if let Some(peer) = packet.response {
                out(FieldValue::Unsigned(peer.frame));
            }
        }
        Place::ResponseTo => {
            if let Some(peer) = packet.request {
                out(FieldValue::Unsigned(peer.frame));
            }
        }
        Place::ExchangeTime => {
            if let Some(time) = packet.exchange_time() {
                out(FieldValue::Duration(time));
            }
        }
        Place::P2p => {
            if let Some(receiver) = packet.topic.and_then(p2p_receiver) {
                out(FieldValue::Text(receiver));
            }
        }
        Place::Violation => {
            let mut notes = Notes::new();
            for (breach, _) in packet.breaches(&mut notes) {
                out(FieldValue::Text(breach.id(packet.version()).as_bytes()));
            }
        }
        _ => unreachable!("the index alone knows the others"),
    }
}

/// Gives what the index alone knows; false if the packet must be read.
pub(super) fn values_of_row(place: Place, facts: &RowFacts<'_>, out: &mut dyn FnMut(FieldValue<'_>)) -> bool {
    let RowFacts { row, flow, start } = *facts;
    let frame = &row.frame;
    // The place of a frame that passed long ago is not known; then neither are its lengths.
    let known = frame.len > 0;
    match place {
        Place::FrameNumber => out(FieldValue::Unsigned(frame.number)),
        Place::FrameLen if known => out(FieldValue::Unsigned(frame.original_len.into())),
        Place::FrameCapturedLen if known => out(FieldValue::Unsigned(frame.len.into())),
        Place::FrameLen | Place::FrameCapturedLen => {}
        Place::FrameTime => out(FieldValue::Time(frame.time)),
        Place::FrameTimeEpoch => out(FieldValue::Duration(frame.time)),
        Place::FrameTimeRelative => out(FieldValue::Duration(frame.time - start)),
        Place::FrameTimeDelta => out(FieldValue::Duration(frame.since_previous)),
        Place::TcpStream => out(FieldValue::Unsigned(flow.stream.into())),
        Place::Tls | Place::WebSocket => {
            use crate::Transport::{Tls, Ws, Wss};
            let carried = if place == Place::Tls { [Tls, Wss] } else { [Ws, Wss] };
            let named = if place == Place::Tls { "tls" } else { "websocket" };
            let is_there = match row.kind() {
                RowKind::Packet(_) => carried.contains(&flow.transport()),
                RowKind::Carrier(message) => message.protocol() == named,
            };
            if is_there {
                out(FieldValue::Presence);
            }
        }
        Place::Http | Place::Proxy => {
            let protocol = if place == Place::Http { "http" } else { "proxy" };
            if matches!(row.kind(), RowKind::Carrier(message) if message.protocol() == protocol) {
                out(FieldValue::Presence);
            }
        }
        Place::Message(any) => {
            if matches!(row.kind(), RowKind::Carrier(message) if any.contains(&message)) {
                out(FieldValue::Presence);
            }
        }
        Place::ClientId => {
            if let Some(id) = flow.client_id() {
                out(FieldValue::Text(id));
            }
        }
        Place::ClientGroup => {
            if let Some((group, _)) = flow.client_id().and_then(group_and_device) {
                out(FieldValue::Text(group));
            }
        }
        Place::ClientDevice => {
            if let Some((_, device)) = flow.client_id().and_then(group_and_device) {
                out(FieldValue::Text(device));
            }
        }
        // Nothing is wrong with a packet that has no flag, and each flag has several reasons.
        Place::Violation if !row.flags.contains(RowFlags::VIOLATION) => {}
        // Only a PUBLISH has a topic to be sent to someone.
        Place::P2p if row.packet_type() != Some(PacketType::Publish) => {}
        Place::Mqtt if row.packet_type().is_none() => {}
        Place::Malformed
        | Place::Expert
        | Place::Mqtt
        | Place::ResponseIn
        | Place::ResponseTo
        | Place::ExchangeTime
        | Place::P2p
        | Place::Violation => return false,
    }
    true
}

/// Group and device of a client identifier in Aliyun's form, `<group>@@@<device>`.
pub(crate) fn group_and_device(client_id: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = client_id.windows(3).position(|window| window == b"@@@")?;
    Some((&client_id[..at], &client_id[at + 3..]))
}

/// The client identifier that a message on a point-to-point topic goes to: `<parent>/p2p/<client id>`.
pub(crate) fn p2p_receiver(topic: &[u8]) -> Option<&[u8]> {
    let mut levels = topic.splitn(3, |&byte| byte == b'/');
    let (_, level, receiver) = (levels.next()?, levels.next()?, levels.next()?);
    (level == b"p2p" && !receiver.is_empty()).then_some(receiver)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_id_of_group_and_device_is_split() {
        assert_eq!(group_and_device(b"GID_A@@@dev-1"), Some((&b"GID_A"[..], &b"dev-1"[..])));
        assert_eq!(group_and_device(b"GID_A@@dev-1"), None);
    }

    #[test]
    fn a_point_to_point_topic_names_its_receiver() {
        assert_eq!(p2p_receiver(b"parent/p2p/GID_A@@@dev-1"), Some(&b"GID_A@@@dev-1"[..]));
        assert_eq!(p2p_receiver(b"parent/p2p/"), None);
        assert_eq!(p2p_receiver(b"parent/sub/p2p"), None);
    }
}
