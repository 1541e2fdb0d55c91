//! A packet taken apart for people: every layer's bytes, and a tree of what they say.

mod lower;
mod packet;

use std::ops::Range;

use mqscope_wire::{Notes, PacketType};

use crate::{
    Body, Extent, Layer, PacketView,
    annotate::{self, Secrets},
    carrier,
    layers::{self, LayerBelow, Open},
};

/// The tree of one packet and the bytes it speaks of, from the frames that carried it up to MQTT.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outline {
    /// The frames that carried the packet (as far as they can be read), the records and frames of the layers between,
    /// then the packet.
    pub layers: Vec<OutlineLayer>,
    /// In the order of the tree; a node's children follow it with a greater depth.
    pub nodes: Vec<OutlineNode>,
}

/// The bytes of one layer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OutlineLayer {
    /// `Frame 12`, `TLS`, `WebSocket`, `MQTT`.
    pub name: String,
    /// All of them.
    pub bytes: Vec<u8>,
}

/// One line of the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutlineNode {
    /// How many groups are around it.
    pub depth: usize,
    /// The layer whose bytes it speaks of: an index into [`Outline::layers`].
    pub layer: usize,
    /// Its first byte in that layer.
    pub start: usize,
    /// Its bytes; `start + len` is within the layer.
    pub len: usize,
    /// The bits of the byte that are its own: 0xff for whole bytes.
    pub mask: u8,
    /// The field's name.
    pub label: String,
    /// The field's value, free of control characters, cut with `…` if it is long; empty where the label says all.
    pub value: String,
    /// What kind of line it is.
    pub kind: NodeKind,
    /// A display filter that holds for packets with this value.
    pub filter: Option<String>,
}

/// What a line of the tree is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NodeKind {
    /// A header or a group of fields.
    Group,
    /// A field.
    Leaf,
    /// A rule that is broken.
    Violation,
    /// Where decoding ended.
    Error,
}

impl Outline {
    /// Takes a packet apart. `notes` is a buffer that is used again.
    #[must_use]
    pub fn of(view: &PacketView<'_>, secrets: Secrets, notes: &mut Notes) -> Self {
        Self::beside(view, &[], secrets, notes)
    }

    /// Takes a packet apart. Without leave to show secrets, of the frames and layers below only what is known to have
    /// none is shown: the packet's own bytes, and those of `others` that share them.
    pub(crate) fn beside(
        view: &PacketView<'_>,
        others: &[Extent],
        secrets: Secrets,
        notes: &mut Notes,
    ) -> Self {
        let mut outline = Self::default();
        let below = layers::below(view.store, view.extents.clone());
        let mut open = match secrets {
            Secrets::Shown => None,
            Secrets::Redacted => {
                let own = open_extents(view, notes);
                Some(Open::of(own.into_iter().chain(others.iter().copied())))
            }
        };
        // From the packet down, as what may be shown follows from what stands above; the tree goes the other way.
        let mut shown = Vec::with_capacity(below.len());
        for layer in &below {
            shown.push(lower::Shown::of(view.store, layer, open.as_ref()));
            open = open.map(|open| layer_below(layer, &open));
        }
        let is_encrypted = below.iter().any(|layer| layer.layer == Layer::Tls);
        let open = if is_encrypted { None } else { open };
        let frames = layers::frames(view, &below);
        for frame in &frames {
            lower::add_frame(&mut outline, view, frame, open.as_ref());
        }
        if let [first, .., last] = &frames[..] {
            lower::put_together(
                &mut outline,
                &format!("{}, {} to {}", frames.len(), first.number, last.number),
            );
        }
        for layer in shown.into_iter().rev() {
            layer.add(&mut outline);
        }
        match view.body {
            Body::Packet(_) => packet::add(&mut outline, view, secrets, notes),
            Body::Carrier(message) => lower::add_message(&mut outline, view, message, secrets),
        }
        outline
    }
}

/// The places of a packet's own bytes that are no secret.
fn open_extents(view: &PacketView<'_>, notes: &mut Notes) -> Vec<Extent> {
    let mut secret: Vec<Range<usize>> = Vec::new();
    match view.body {
        Body::Packet(_) => {
            view.annotate(notes);
            let spans =
                notes.notes().filter(|note| annotate::is_secret(note.field())).map(|note| note.span());
            secret.extend(spans.map(|span| span.start as usize..span.end() as usize));
            secret.extend(unread_secrets(view).map(|unread| unread..view.bytes.len()));
        }
        Body::Carrier(message) => {
            let facts = carrier::facts(message, view.bytes);
            let facts = facts.iter().filter(|fact| fact.secret);
            secret.extend(facts.map(|fact| fact.start..fact.start + fact.len));
        }
    }
    secret.sort_by_key(|range| range.start);
    let mut open = Vec::new();
    let mut at = 0;
    for extent in view.extents.clone() {
        let end = at + extent.len as usize;
        let mut from = at;
        for range in secret.iter().filter(|range| range.start < end && range.end > at) {
            if range.start > from {
                open.push(part(extent, from - at, range.start - at));
            }
            from = from.max(range.end);
        }
        if from < end {
            open.push(part(extent, from - at, end - at));
        }
        at = end;
    }
    open
}

fn part(extent: Extent, start: usize, end: usize) -> Extent {
    Extent { at: extent.at + start as u64, len: (end - start) as u32 }
}

/// What may be shown of the bytes that a layer was derived from: all of those frames or records of which all that was
/// derived may be shown.
fn layer_below(layer: &LayerBelow, open: &Open) -> Open {
    let groups = layer.groups.iter();
    let open = groups.filter(|group| group.derived.iter().all(|derived| open.covers(*derived)));
    Open::of(open.flat_map(|group| group.source.iter().copied()))
}

/// Where the bytes begin that could not be decoded, of a packet that may have a secret among them.
fn unread_secrets(view: &PacketView<'_>) -> Option<usize> {
    let may_have =
        matches!(view.packet_type(), Some(PacketType::Connect | PacketType::ConnAck | PacketType::Auth));
    let error = view.error().filter(|_| may_have)?;
    Some((error.at as usize).min(view.bytes.len()))
}
