//! The MQTT packet's own part of the tree, from the notes of its decoding.

use mqscope_wire::{Field, Note, NoteKind, Notes, PacketType, Span};

use super::{NodeKind, Outline, OutlineLayer, OutlineNode};
use crate::{
    PacketView,
    annotate::{self, Secrets},
    escape,
};

/// Adds the packet's bytes as a layer and its fields, faults and broken rules as nodes.
pub(super) fn add(outline: &mut Outline, view: &PacketView<'_>, secrets: Secrets, notes: &mut Notes) {
    let layer = outline.layers.len();
    let mut bytes = view.bytes.to_vec();
    view.annotate(notes);
    if secrets == Secrets::Redacted {
        for note in notes.notes().iter().filter(|note| annotate::is_secret(note.field())) {
            let span = note.span();
            bytes[span.start as usize..span.end() as usize].fill(b'*');
        }
    }
    let len = bytes.len();
    outline.layers.push(OutlineLayer { name: "MQTT".to_owned(), bytes });
    let node = |depth, span: Span, label: &str, value, kind, filter| {
        let start = (span.start as usize).min(len);
        let node_len = (span.len as usize).min(len - start);
        let label = label.to_owned();
        OutlineNode { depth, layer, start, len: node_len, mask: span.mask, label, value, kind, filter }
    };
    let whole = Span::bytes(0, len as u32);
    let kind = view.packet_type();
    let version = view.version();
    let title = format!("{}, {len} bytes, from {}{}", kind.name(), view.side, inferred(view));
    let type_filter = Some(format!("mqtt.msgtype == {}", kind as u8));
    outline.nodes.push(node(0, whole, "MQTT", title, NodeKind::Group, type_filter));

    for note in notes.notes() {
        let (kind, depth) = match note.kind() {
            NoteKind::Group => (NodeKind::Group, usize::from(note.depth()) + 1),
            NoteKind::Leaf => (NodeKind::Leaf, usize::from(note.depth()) + 1),
        };
        let value = annotate::value(note, view.bytes, version, secrets);
        let filter = filter(note, view, secrets);
        outline.nodes.push(node(depth, note.span(), note.field().label(), value, kind, filter));
    }
    known(outline, view, |label, value, filter| {
        node(1, Span::bytes(0, 0), label, value, NodeKind::Leaf, filter)
    });
    if let Err(error) = &view.packet {
        let span = Span::bytes(error.at, (len as u32).saturating_sub(error.at));
        outline.nodes.push(node(1, span, "Malformed", error.to_string(), NodeKind::Error, None));
    }
    for (breach, span) in view.breaches(notes) {
        let text = format!("{} ({}): {}", breach.text(), breach.id(version), breach.fix());
        let filter = Some(format!("mqtt.violation == \"{}\"", breach.id(version)));
        outline.nodes.push(node(1, span, "Violation", text, NodeKind::Violation, filter));
    }
}

fn inferred(view: &PacketView<'_>) -> &'static str {
    if view.is_inferred() { " (inferred: the capture lacks what went before)" } else { "" }
}

/// What is known of the packet though its bytes do not say it: no bytes, but a value.
fn known(
    outline: &mut Outline,
    view: &PacketView<'_>,
    node: impl Fn(&str, String, Option<String>) -> OutlineNode,
) {
    let mut add = |label: &str, value: String, filter| outline.nodes.push(node(label, value, filter));
    if let (Some(topic), Ok(mqscope_wire::Packet::Publish(publish))) = (view.topic, &view.packet)
        && publish.topic.is_empty()
    {
        add("Topic of the alias", escape::text(topic), text_filter("mqtt.topic", topic));
    }
    if let Some(client_id) = view.flow.client_id() {
        add("Client", escape::text(client_id), text_filter("mqtt.client_id", client_id));
    }
    if let Some(request) = view.request {
        let after = crate::time::seconds(view.time() - request.time);
        add("Answers", format!("frame {}, after {after}", request.frame), None);
    }
    if let Some(response) = view.response {
        let after = crate::time::seconds(response.time - view.time());
        add("Answered in", format!("frame {}, after {after}", response.frame), None);
    }
}

/// A display filter that holds for packets with the note's value.
fn filter(note: &Note, view: &PacketView<'_>, secrets: Secrets) -> Option<String> {
    if note.kind() == NoteKind::Group || (annotate::is_secret(note.field()) && secrets == Secrets::Redacted) {
        return None;
    }
    let span = note.span();
    let bytes = view.bytes.get(span.start as usize..span.end() as usize)?;
    let number = |name: &str| Some(format!("{name} == {}", note.number()));
    let text = |name: &str| text_filter(name, bytes);
    match note.field() {
        Field::PacketType => number("mqtt.msgtype"),
        Field::Dup => number("mqtt.dupflag"),
        Field::Qos => number("mqtt.qos"),
        Field::Retain => number("mqtt.retain"),
        Field::RemainingLength => number("mqtt.len"),
        Field::PacketId => number("mqtt.msgid"),
        Field::ProtocolName => text("mqtt.protoname"),
        Field::ProtocolVersion => number("mqtt.ver"),
        Field::CleanStart => number("mqtt.conflag.cleansess"),
        Field::WillFlag => number("mqtt.conflag.willflag"),
        Field::WillQos => number("mqtt.conflag.qos"),
        Field::WillRetain => number("mqtt.conflag.retain"),
        Field::UserNameFlag => number("mqtt.conflag.uname"),
        Field::PasswordFlag => number("mqtt.conflag.passwd"),
        Field::KeepAlive => number("mqtt.kalive"),
        Field::ClientId => text("mqtt.clientid"),
        Field::WillTopic => text("mqtt.willtopic"),
        Field::UserName => text("mqtt.username"),
        Field::Password => text("mqtt.passwd"),
        Field::SessionPresent => number("mqtt.conack.flags.sp"),
        Field::ReturnCode => number("mqtt.conack.val"),
        Field::ReasonCode => number(reason_field(view.packet_type())?),
        Field::Topic | Field::TopicFilter => text("mqtt.topic"),
        Field::RequestedQos => number("mqtt.sub.qos"),
        Field::Payload => text("mqtt.msg_text"),
        Field::TopicAlias => number("mqtt.property.topic_alias"),
        Field::ContentType => text("mqtt.property.content_type"),
        Field::UserPropertyName => text("mqtt.prop_key"),
        Field::UserPropertyValue => text("mqtt.prop_value"),
        _ => None,
    }
}

const fn reason_field(kind: PacketType) -> Option<&'static str> {
    Some(match kind {
        PacketType::ConnAck => "mqtt.connack.reason_code",
        PacketType::PubAck => "mqtt.puback.reason_code",
        PacketType::PubRec => "mqtt.pubrec.reason_code",
        PacketType::PubRel => "mqtt.pubrel.reason_code",
        PacketType::PubComp => "mqtt.pubcomp.reason_code",
        PacketType::SubAck => "mqtt.suback.reason_code",
        PacketType::UnsubAck => "mqtt.unsuback.reason_code",
        PacketType::Disconnect => "mqtt.disconnect.reason_code",
        PacketType::Auth => "mqtt.auth.reason_code",
        _ => return None,
    })
}

/// `name == "text"` with the text quoted as the filter language wants it; none for what is no text.
fn text_filter(name: &str, bytes: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(bytes).ok()?;
    let mut quoted = String::with_capacity(text.len() + 2);
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            c if c.is_control() => return None,
            c => quoted.push(c),
        }
    }
    Some(format!("{name} == \"{quoted}\""))
}
