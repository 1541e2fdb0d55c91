//! Fields of the layers between TCP and MQTT: of their own messages, and of the frames and records that carry packets.

use super::{FieldValue, RowFacts};
use crate::annotate::{REDACTED, Secrets};
use crate::carrier::{Fact, FactValue, facts, layer_facts};
use crate::{Body, Layer, PacketView, Transport, layers};

pub(super) fn values(
    name: &'static str,
    packet: &PacketView<'_>,
    secrets: Secrets,
    out: &mut dyn FnMut(FieldValue<'_>),
) {
    let mut give = |fact: &Fact| {
        if fact.field != Some(name) {
            return;
        }
        out(match &fact.value {
            _ if fact.secret && secrets == Secrets::Redacted => FieldValue::Text(REDACTED.as_bytes()),
            FactValue::Text(text) => FieldValue::Text(text),
            FactValue::Number(number, _) => FieldValue::Unsigned(*number),
            FactValue::Boolean(set) => FieldValue::Boolean(*set),
        });
    };
    match packet.body {
        Body::Carrier(message) => facts(message, packet.bytes).iter().for_each(&mut give),
        Body::Packet(_) => {
            let layer = if name.starts_with("tls.") { Layer::Tls } else { Layer::WebSocket };
            let below = layers::below(packet.store, packet.extents.clone());
            for group in below.iter().filter(|below| below.layer == layer).flat_map(|below| &below.groups) {
                if let Some(bytes) = layers::gather(packet.store, &group.source) {
                    layer_facts(layer, &bytes).iter().for_each(&mut give);
                }
            }
        }
    }
}

/// Whether the index alone tells that a packet has no such field; a message of a lower layer must be read.
pub(super) fn has_none(name: &'static str, facts: &RowFacts<'_>) -> bool {
    if facts.row.packet_type().is_none() {
        return false;
    }
    let transport = facts.flow.transport();
    let over_tls = matches!(transport, Transport::Tls | Transport::Wss);
    let over_websocket = matches!(transport, Transport::Ws | Transport::Wss);
    !(name.starts_with("tls.record.") && over_tls || name.starts_with("websocket.") && over_websocket)
}
