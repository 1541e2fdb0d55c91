//! Fields of the MQTT packet itself.

use std::ops::ControlFlow;

use mqscope_wire::{Field, Observer, Packet, PacketType, Span, Value, Version, Violation, decode};

use super::{FieldKind, FieldValue};
use crate::annotate::{REDACTED, Secrets, is_secret};
use crate::payload::PayloadKind;
use crate::{PacketView, Row};

/// Where in a packet a field's values are read.
#[derive(Clone, Copy, Debug)]
pub(super) enum Wanted {
    /// The value of each of these fields of the decoder, wherever they stand.
    Leaf(&'static [Field]),
    /// As `Leaf`, in these versions only.
    Before5(&'static [Field]),
    In5(&'static [Field]),
    /// The whole byte that the field is a part of.
    Byte(&'static [Field]),
    ByteIn5(&'static [Field]),
    /// One for each of these fields that is met.
    Met(&'static [Field]),
    /// A code of one packet type.
    Code(Field, PacketType),
    HeaderFlags,
    HeaderReserved,
    MessageType,
    /// Flags that PUBLISH has, and in 3.1 three other packets.
    Dup,
    Qos,
    Retain,
    RetainReserved,
    ConnAckFlags,
    ConnAckReserved,
    Topic,
    /// What the payload seems to be. Wireshark has it only where its user set what payloads are.
    PayloadKind,
    PropertyId,
    UserProperty,
    UnknownProperty,
    IllegalTopicLength,
    UnknownVersion,
    UnknownTopicAlias,
}

pub(super) fn values(
    wanted: Wanted,
    kind: FieldKind,
    view: &PacketView<'_>,
    secrets: Secrets,
    out: &mut dyn FnMut(FieldValue<'_>),
) {
    if values_of_row(wanted, &view.row, out) {
        return;
    }
    let version = view.version();
    let leaf = |fields| Some(Wanted::Leaf(fields));
    let wanted = match wanted {
        Wanted::UnknownVersion => {
            if view.flow.session().is_none() {
                out(FieldValue::Presence);
            }
            return;
        }
        Wanted::UnknownTopicAlias | Wanted::IllegalTopicLength => return about_topic(wanted, view, out),
        Wanted::Topic => match view.packet() {
            // The short way for the field that is asked for most.
            Some(Packet::Publish(_)) => {
                if let Some(topic) = view.topic {
                    out(FieldValue::Text(topic));
                }
                return;
            }
            Some(Packet::Subscribe(_) | Packet::Unsubscribe(_)) | None => {
                leaf(&[Field::Topic, Field::TopicFilter])
            }
            Some(_) => None,
        },
        Wanted::Before5(fields) if version != Version::V5 => leaf(fields),
        Wanted::In5(fields) if version == Version::V5 => leaf(fields),
        Wanted::ByteIn5(fields) if version == Version::V5 => Some(Wanted::Byte(fields)),
        Wanted::Before5(_) | Wanted::In5(_) | Wanted::ByteIn5(_) => None,
        Wanted::Code(_, of) if Some(of) != view.packet_type() => None,
        Wanted::ConnAckFlags if version == Version::V31 => None,
        Wanted::ConnAckFlags => Some(Wanted::Byte(&[Field::SessionPresent])),
        other => Some(other),
    };
    if let Some(wanted) = wanted
        && !at_hand(wanted, kind, view, out)
    {
        let mut extract = Extract { wanted, kind, bytes: view.bytes, secrets, name: None, out };
        // What stands before an error is as good as what stands in a whole packet.
        let _ = decode(view.bytes, version, &mut extract);
    }
}

/// Gives what filters ask for most from the decoded packet; false if it must be decoded once more.
fn at_hand(
    wanted: Wanted,
    kind: FieldKind,
    view: &PacketView<'_>,
    out: &mut dyn FnMut(FieldValue<'_>),
) -> bool {
    match (wanted, view.packet()) {
        (Wanted::Leaf([Field::PacketId]), Some(packet)) => {
            packet.packet_id().into_iter().for_each(|id| out(FieldValue::Unsigned(id.get().into())));
        }
        (Wanted::Leaf([Field::Payload]), Some(Packet::Publish(publish))) => out(match kind {
            FieldKind::Text => FieldValue::Text(publish.payload),
            _ => FieldValue::Bytes(publish.payload),
        }),
        (Wanted::PayloadKind, Some(Packet::Publish(publish))) => payload_kind(publish.payload, out),
        _ => return false,
    }
    true
}

/// Gives what the first byte and the version tell; false if the packet must be read.
pub(super) fn values_of_row(wanted: Wanted, row: &Row, out: &mut dyn FnMut(FieldValue<'_>)) -> bool {
    let first = row.first;
    // What carries packets has none of their fields.
    let Some(kind) = row.packet_type() else { return true };
    let has_flags = has_publish_flags(row);
    let is_publish = kind == PacketType::Publish;
    match wanted {
        Wanted::HeaderFlags => out(FieldValue::Unsigned(first.into())),
        Wanted::MessageType => out(FieldValue::Unsigned((first >> 4).into())),
        Wanted::HeaderReserved if !has_flags => out(FieldValue::Unsigned((first & 0xf).into())),
        Wanted::Dup if has_flags => out(FieldValue::Boolean(first & 0x08 != 0)),
        Wanted::Qos if has_flags => out(FieldValue::Unsigned((first >> 1 & 0b11).into())),
        Wanted::Retain if is_publish => out(FieldValue::Boolean(first & 0x01 != 0)),
        Wanted::RetainReserved if has_flags && !is_publish => {
            out(FieldValue::Unsigned((first & 0x01).into()))
        }
        Wanted::HeaderReserved | Wanted::Dup | Wanted::Qos | Wanted::Retain | Wanted::RetainReserved => {}
        _ => return !can_occur(wanted, kind),
    }
    true
}

/// Whether the low four bits are DUP, QoS and RETAIN: in PUBLISH, and in 3.1 in three packets more.
fn has_publish_flags(row: &Row) -> bool {
    match row.packet_type() {
        Some(PacketType::Publish) => true,
        Some(PacketType::PubRel | PacketType::Subscribe | PacketType::Unsubscribe) => {
            row.flags.version() == Version::V31
        }
        _ => false,
    }
}

/// Whether its values are what the decoder reads as `field`, and nothing else.
pub(super) fn is_for(wanted: Wanted, field: Field, kind: PacketType, version: Version) -> bool {
    match wanted {
        Wanted::Leaf(fields) => fields == [field],
        Wanted::Before5(fields) => fields == [field] && version != Version::V5,
        Wanted::In5(fields) => fields == [field] && version == Version::V5,
        Wanted::Code(code, of) => code == field && of == kind,
        Wanted::MessageType => field == Field::PacketType,
        Wanted::Dup => field == Field::Dup,
        Wanted::Qos => field == Field::Qos,
        Wanted::Retain => field == Field::Retain,
        Wanted::Topic => matches!(field, Field::Topic | Field::TopicFilter),
        _ => false,
    }
}

/// Whether a packet of that type can have values of it at all.
fn can_occur(wanted: Wanted, kind: PacketType) -> bool {
    use PacketType::{ConnAck, Publish, Subscribe, Unsubscribe};
    match wanted {
        Wanted::Leaf(fields)
        | Wanted::Before5(fields)
        | Wanted::In5(fields)
        | Wanted::Byte(fields)
        | Wanted::ByteIn5(fields)
        | Wanted::Met(fields) => fields.iter().any(|field| has_field(*field, kind)),
        Wanted::Code(_, of) => kind == of,
        Wanted::ConnAckFlags | Wanted::ConnAckReserved => kind == ConnAck,
        Wanted::Topic => matches!(kind, Publish | Subscribe | Unsubscribe),
        Wanted::PayloadKind | Wanted::IllegalTopicLength | Wanted::UnknownTopicAlias => kind == Publish,
        _ => true,
    }
}

/// Whether a packet of that type can have the field. The fields of one type stand together; for those that several
/// types have the answer is yes.
fn has_field(field: Field, kind: PacketType) -> bool {
    use PacketType::{ConnAck, Connect, Publish, Subscribe, Unsubscribe};
    if (Field::ProtocolNameLength..=Field::Password).contains(&field) {
        kind == Connect
    } else if (Field::ConnectAckFlags..=Field::SessionPresent).contains(&field) {
        kind == ConnAck
    } else if (Field::TopicLength..=Field::Payload).contains(&field) {
        kind == Publish
    } else if (Field::Subscription..=Field::RequestedQos).contains(&field) {
        matches!(kind, Subscribe | Unsubscribe)
    } else {
        true
    }
}

fn about_topic(wanted: Wanted, view: &PacketView<'_>, out: &mut dyn FnMut(FieldValue<'_>)) {
    let Some(Packet::Publish(publish)) = view.packet() else { return };
    if !publish.topic.is_empty() || view.topic.is_some() {
        return;
    }
    let has_alias = publish.properties.topic_alias().is_some();
    match wanted {
        Wanted::UnknownTopicAlias if has_alias => out(FieldValue::Presence),
        Wanted::IllegalTopicLength if !has_alias => out(FieldValue::Presence),
        _ => {}
    }
}

fn payload_kind(payload: &[u8], out: &mut dyn FnMut(FieldValue<'_>)) {
    match PayloadKind::of(payload) {
        PayloadKind::Empty => {}
        kind => out(FieldValue::Text(kind.name().as_bytes())),
    }
}

/// Hears all fields of a packet and gives those that are wanted.
struct Extract<'v, 'o> {
    wanted: Wanted,
    kind: FieldKind,
    bytes: &'v [u8],
    secrets: Secrets,
    /// The name of a user property, until its value comes.
    name: Option<Span>,
    out: &'o mut dyn FnMut(FieldValue<'_>),
}

impl Observer for Extract<'_, '_> {
    #[inline]
    fn field(&mut self, field: Field, span: Span, value: Value<'_>) {
        match self.wanted {
            Wanted::Leaf(fields) if fields.contains(&field) => self.leaf(field, value),
            Wanted::Byte(fields) if fields.contains(&field) => {
                let byte = self.bytes.get(span.start as usize).copied().unwrap_or(0);
                (self.out)(FieldValue::Unsigned(byte.into()));
            }
            Wanted::Code(code, _) if code == field => self.leaf(field, value),
            Wanted::PropertyId if field == Field::PropertyId => self.leaf(field, value),
            Wanted::Met(fields) if fields.contains(&field) => (self.out)(FieldValue::Presence),
            Wanted::ConnAckReserved if field == Field::ConnectAckFlagsReserved => {
                (self.out)(FieldValue::Boolean(value != Value::Number(0)));
            }
            Wanted::PayloadKind if field == Field::Payload => {
                let payload = self.bytes.get(span.start as usize..span.end() as usize).unwrap_or_default();
                payload_kind(payload, self.out);
            }
            Wanted::UserProperty if field == Field::UserPropertyName => self.name = Some(span),
            Wanted::UserProperty if field == Field::UserPropertyValue => {
                let slice =
                    |span: Span| self.bytes.get(span.start as usize..span.end() as usize).unwrap_or_default();
                let name = self.name.take().map(slice).unwrap_or_default();
                let pair = [name, b"=", slice(span)].concat();
                (self.out)(FieldValue::Text(&pair));
            }
            Wanted::PropertyId | Wanted::UnknownProperty if field == Field::UnknownProperty => {
                // The identifier, and all that follows it.
                let bytes = self.bytes.get(span.start as usize..span.end() as usize).unwrap_or_default();
                let Some((&id, rest)) = bytes.split_first() else { return };
                (self.out)(match self.wanted {
                    Wanted::PropertyId => FieldValue::Unsigned(id.into()),
                    _ => FieldValue::Text(rest),
                });
            }
            _ => {}
        }
    }

    fn violation(&mut self, _: Violation, _: Span) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}

impl Extract<'_, '_> {
    fn leaf(&mut self, field: Field, value: Value<'_>) {
        if is_secret(field) && self.secrets == Secrets::Redacted {
            return (self.out)(FieldValue::Text(REDACTED.as_bytes()));
        }
        let value = match (value, self.kind) {
            (Value::Number(number), FieldKind::Boolean) => FieldValue::Boolean(number != 0),
            (Value::Number(number), _) => FieldValue::Unsigned(number.into()),
            (Value::Text(text), FieldKind::Bytes) => FieldValue::Bytes(text.as_bytes()),
            (Value::Text(text), _) => FieldValue::Text(text.as_bytes()),
            (Value::Bytes(bytes), FieldKind::Text) => FieldValue::Text(bytes),
            (Value::Bytes(bytes), _) => FieldValue::Bytes(bytes),
        };
        (self.out)(value);
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use mqscope_capture::Capture;

    use super::*;
    use crate::{Indexer, Settings};

    #[test]
    fn the_short_way_gives_what_the_decoder_gives() {
        let mut given = 0;
        for name in ["mqttjs-v31.pcap", "mqttjs-v311.pcapng", "mqttjs-v5.pcapng", "malformed.pcap"] {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../captures").join(name);
            let mut capture = Capture::open(&path).expect(name);
            let mut indexer = Indexer::new(Settings::default(), capture.store());
            let mut visitor = |view: &PacketView<'_>| {
                for (wanted, kind) in [
                    (Wanted::Leaf(&[Field::PacketId]), FieldKind::Unsigned(16)),
                    (Wanted::Leaf(&[Field::Payload]), FieldKind::Text),
                    (Wanted::Leaf(&[Field::Payload]), FieldKind::Bytes),
                    (Wanted::PayloadKind, FieldKind::Text),
                ] {
                    let (mut short, mut long) = (Vec::new(), Vec::new());
                    if at_hand(wanted, kind, view, &mut |value| short.push(format!("{value:?}"))) {
                        let out = &mut |value: FieldValue<'_>| long.push(format!("{value:?}"));
                        let (bytes, secrets) = (view.bytes, Secrets::Shown);
                        let mut extract = Extract { wanted, kind, bytes, secrets, name: None, out };
                        let _ = decode(view.bytes, view.version(), &mut extract);
                        assert_eq!(short, long, "{name}, frame {}", view.frame());
                        given += short.len();
                    }
                }
                ControlFlow::Continue(())
            };
            let _ = indexer.run(&mut capture, &mut visitor).expect(name);
        }
        assert!(given > 50, "{given}");
    }
}
