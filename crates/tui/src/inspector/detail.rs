//! One packet, taken apart for the tree and the bytes: nodes over the bytes of each layer.

use std::collections::HashSet;

use mqscope_dissect::{
    RowId,
    outline::{NodeKind, OutlineLayer, OutlineNode},
};

/// A packet and the layers below it, down to the frame that completed it.
#[derive(Clone, Debug)]
pub(crate) struct Detail {
    pub(crate) row: RowId,
    pub(crate) layers: Vec<OutlineLayer>,
    /// In the order of the tree; a node's children follow it with a greater depth.
    pub(crate) nodes: Vec<OutlineNode>,
}

/// Which groups are folded: by the path of their labels, so that it holds from packet to packet.
#[derive(Clone, Debug, Default)]
pub(crate) struct Folds(HashSet<String>);

impl Folds {
    /// The layers below MQTT start folded.
    pub(crate) fn new(folded: impl IntoIterator<Item = String>) -> Self {
        Self(folded.into_iter().collect())
    }

    pub(crate) fn is_folded(&self, path: &str) -> bool {
        self.0.contains(path)
    }

    pub(crate) fn set(&mut self, path: String, folded: bool) {
        if folded {
            self.0.insert(path);
        } else {
            self.0.remove(&path);
        }
    }
}

impl Detail {
    /// Whether the node has children.
    pub(crate) fn is_group(&self, index: usize) -> bool {
        self.nodes.get(index + 1).is_some_and(|next| next.depth > self.nodes[index].depth)
    }

    /// The labels from the root to the node. Values that stand in a group's label are not part of it.
    pub(crate) fn path(&self, index: usize) -> String {
        let mut path = self.nodes[index].label.clone();
        let mut depth = self.nodes[index].depth;
        for node in self.nodes[..index].iter().rev() {
            if node.depth < depth {
                depth = node.depth;
                path = format!("{}/{path}", node.label);
            }
        }
        path
    }

    /// The nodes that are not inside a folded group, by index.
    pub(crate) fn visible(&self, folds: &Folds) -> Vec<usize> {
        let mut visible = Vec::with_capacity(self.nodes.len());
        let mut hidden_below = None;
        for (index, node) in self.nodes.iter().enumerate() {
            if hidden_below.is_some_and(|depth| node.depth > depth) {
                continue;
            }
            hidden_below = None;
            visible.push(index);
            if self.is_group(index) && folds.is_folded(&self.path(index)) {
                hidden_below = Some(node.depth);
            }
        }
        visible
    }

    /// The group around a node.
    pub(crate) fn parent(&self, index: usize) -> Option<usize> {
        let depth = self.nodes[index].depth;
        self.nodes[..index].iter().rposition(|node| node.depth < depth)
    }

    /// The innermost node over a byte of a layer; the smallest and, among equals, the first.
    pub(crate) fn node_at(&self, layer: usize, byte: usize) -> Option<usize> {
        let covers =
            |node: &OutlineNode| node.layer == layer && node.start <= byte && byte < node.start + node.len;
        let nodes = self.nodes.iter().enumerate().filter(|(_, node)| covers(node));
        nodes
            .min_by_key(|(_, node)| (node.len, matches!(node.kind, NodeKind::Violation)))
            .map(|(index, _)| index)
    }

    /// The leaf whose colour a byte takes, as a count of the leaves before it in its layer.
    pub(crate) fn leaf_ordinals(&self, layer: usize) -> Vec<Option<usize>> {
        let mut ordinals = vec![None; self.layers[layer].bytes.len()];
        let leaves = self.nodes.iter().enumerate().filter(|(index, node)| {
            node.layer == layer && node.kind == NodeKind::Leaf && !self.is_group(*index)
        });
        let mut ordinal = 0;
        let mut end = usize::MAX;
        for (_, leaf) in leaves {
            // flags of one byte share its colour
            if leaf.start + leaf.len != end {
                ordinal += 1;
                end = leaf.start + leaf.len;
            }
            for slot in ordinals.iter_mut().skip(leaf.start).take(leaf.len) {
                slot.get_or_insert(ordinal);
            }
        }
        ordinals
    }

    /// Whether a node of the given kind covers the byte.
    pub(crate) fn is_marked(&self, layer: usize, byte: usize, kind: NodeKind) -> bool {
        self.nodes.iter().any(|node| {
            node.kind == kind && node.layer == layer && node.start <= byte && byte < node.start + node.len
        })
    }
}
