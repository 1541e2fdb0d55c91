//! The MQTT packet's own part of the tree, from the notes of its decoding.

use mqscope_wire::{Field, Note, NoteKind, Notes, Span};

use super::{NodeKind, Outline, OutlineLayer, OutlineNode};
use crate::{
    PacketView,
    annotate::{self, Secrets},
    escape,
    fields::{self, FieldKind},
    filter, search,
};

/// Bytes of a field that its line of the tree spells out, and that a filter for its value has at most.
const VALUE_BYTES: usize = 1024;

/// Adds the packet's bytes as a layer and its fields, faults and broken rules as nodes.
pub(super) fn add(outline: &mut Outline, view: &PacketView<'_>, secrets: Secrets, notes: &mut Notes) {
    let layer = outline.layers.len();
    let mut bytes = view.bytes.to_vec();
    view.annotate(notes);
    if secrets == Secrets::Redacted {
        for note in notes.notes().filter(|note| annotate::is_secret(note.field())) {
            let span = note.span();
            bytes[span.start as usize..span.end() as usize].fill(b'*');
        }
        if let Some(unread) = super::unread_secrets(view) {
            bytes[unread..].fill(b'*');
        }
    }
    let len = bytes.len();
    outline.layers.push(OutlineLayer { name: "MQTT".to_owned(), bytes });
    let Some(kind) = view.packet_type() else { return };
    let node = |depth, span: Span, label: &str, value, kind, filter| {
        let start = (span.start as usize).min(len);
        let node_len = (span.len as usize).min(len - start);
        let label = label.to_owned();
        OutlineNode { depth, layer, start, len: node_len, mask: span.mask, label, value, kind, filter }
    };
    let whole = Span::bytes(0, len as u32);
    let version = view.version();
    let title = format!("{}, {len} bytes, from {}{}", kind.name(), view.side, inferred(view));
    let type_filter = Some(format!("mqtt.msgtype == {}", kind as u8));
    outline.nodes.push(node(0, whole, "MQTT", title, NodeKind::Group, type_filter));

    for note in notes.notes() {
        let (kind, depth) = match note.kind() {
            NoteKind::Group => (NodeKind::Group, usize::from(note.depth()) + 1),
            NoteKind::Leaf => (NodeKind::Leaf, usize::from(note.depth()) + 1),
        };
        let value = annotate::excerpt(&note, view.bytes, version, secrets, VALUE_BYTES);
        let filter = filter(&note, view, secrets);
        outline.nodes.push(node(depth, note.span(), note.field().label(), value, kind, filter));
    }
    known(outline, view, |label, value, filter| {
        node(1, Span::bytes(0, 0), label, value, NodeKind::Leaf, filter)
    });
    if let Some(error) = view.error() {
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
    if let (Some(topic), Some(mqscope_wire::Packet::Publish(publish))) = (view.topic, view.packet())
        && publish.topic.is_empty()
    {
        add(search::ALIASED_TOPIC, escape::text(topic), text_filter("mqtt.topic", topic));
    }
    if let Some(client_id) = view.flow.client_id() {
        add(search::CLIENT, escape::text(client_id), text_filter("mqtt.client_id", client_id));
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
    if note.field() == Field::Topic && note.span().len == 0 {
        // Its alias stands for a topic, and filters see that.
        return None;
    }
    let field = fields::of_decoder(note.field(), view.packet_type()?, view.version())?;
    match field.kind() {
        FieldKind::Unsigned(_) | FieldKind::Boolean => Some(format!("{} == {}", field.name(), note.number())),
        FieldKind::Text | FieldKind::Bytes => {
            let span = note.span();
            text_filter(field.name(), view.bytes.get(span.start as usize..span.end() as usize)?)
        }
        _ => None,
    }
}

/// `name == "text"`; none for more text than a line takes.
fn text_filter(name: &str, bytes: &[u8]) -> Option<String> {
    (bytes.len() <= VALUE_BYTES).then(|| format!("{name} == {}", filter::quoted(bytes)))
}
