//! A packet taken apart for people: every layer's bytes, and a tree of what they say.

mod lower;
mod packet;

use mqscope_wire::{Notes, PacketType};

use crate::{
    PacketView,
    annotate::{self, Secrets},
};

/// The tree of one packet and the bytes it speaks of, from the frame up to MQTT.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outline {
    /// The frame that completed the packet (if it can be read), then the packet.
    pub layers: Vec<OutlineLayer>,
    /// In the order of the tree; a node's children follow it with a greater depth.
    pub nodes: Vec<OutlineNode>,
}

/// The bytes of one layer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OutlineLayer {
    /// `Frame 12`, `MQTT`.
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
        let mut outline = Self::default();
        if let Some(frame) = view.frame_bytes() {
            outline
                .layers
                .push(OutlineLayer { name: format!("Frame {}", view.frame()), bytes: frame.to_vec() });
            lower::add(&mut outline, view);
        }
        packet::add(&mut outline, view, secrets, notes);
        if secrets == Secrets::Redacted && outline.layers.len() > 1 {
            outline.redact_frame(view, notes);
        }
        outline
    }

    /// Secrets of the packet stand in the frame's bytes too: behind their lengths, as in the packet; if they are not
    /// found so, part of them is in another frame, and all of this frame's data is redacted.
    fn redact_frame(&mut self, view: &PacketView<'_>, notes: &mut Notes) {
        view.annotate(notes);
        let frame = &mut self.layers[0].bytes;
        if unread_secrets(view).is_some() {
            let headers = mqscope_stream::headers(view.row.frame.link, view.row.frame.original_len, frame);
            let data = headers.payload.map_or(0..frame.len(), |data| data.start as usize..data.end as usize);
            frame[data].fill(b'*');
        }
        for note in notes.notes().filter(|note| annotate::is_secret(note.field())) {
            let span = note.span();
            let (start, end) = (span.start as usize, span.end() as usize);
            let prefixed = &view.bytes[start.saturating_sub(2)..end];
            let found = frame.windows(prefixed.len()).position(|window| window == prefixed);
            match found {
                Some(at) => frame[at + (start - start.saturating_sub(2))..at + prefixed.len()].fill(b'*'),
                None => {
                    let headers =
                        mqscope_stream::headers(view.row.frame.link, view.row.frame.original_len, frame);
                    let data =
                        headers.payload.map_or(0..frame.len(), |data| data.start as usize..data.end as usize);
                    frame[data].fill(b'*');
                }
            }
        }
    }
}

/// Where the bytes begin that could not be decoded, of a packet that may have a secret among them.
fn unread_secrets(view: &PacketView<'_>) -> Option<usize> {
    let may_have = matches!(view.packet_type(), PacketType::Connect | PacketType::ConnAck | PacketType::Auth);
    let error = view.packet.as_ref().err().filter(|_| may_have)?;
    Some((error.at as usize).min(view.bytes.len()))
}
