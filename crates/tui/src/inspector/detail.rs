//! One packet, taken apart for the tree and the bytes: nodes over the bytes of each layer.

use std::{
    collections::{HashMap, HashSet},
    ops::Range,
};

use mqscope_dissect::{
    RowId,
    outline::{NodeKind, Outline, OutlineLayer, OutlineNode},
};

/// A packet and the layers below it, down to the frame that completed it.
#[derive(Clone, Debug)]
pub(crate) struct Detail {
    pub(crate) row: RowId,
    pub(crate) layers: Vec<OutlineLayer>,
    /// In the order of the tree; a node's children follow it with a greater depth.
    pub(crate) nodes: Vec<OutlineNode>,
    /// By node: the group around it.
    parents: Vec<Option<usize>>,
    /// By node: the labels from the root to it.
    paths: Vec<PathId>,
    /// By node: which colour its bytes have. Neighbours differ; flags of one byte share theirs.
    colours: Vec<usize>,
}

/// The labels from the root of a tree to a node; the same in every packet's tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct PathId(u32);

/// Which groups are folded: by the labels that lead to them, so that it holds from packet to packet.
#[derive(Clone, Debug, Default)]
pub(crate) struct Folds {
    /// Each path by the path of its parent and its own label. There are as many as there are names of fields.
    paths: HashMap<Option<PathId>, HashMap<String, PathId>>,
    count: u32,
    folded: HashSet<PathId>,
}

/// How a byte is drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Ink {
    /// No field covers it.
    #[default]
    Plain,
    /// A field's, by colour.
    Field(usize),
    Violation,
    Error,
}

impl Folds {
    /// The groups with these labels at the root of the tree start folded.
    pub(crate) fn new<'l>(folded: impl IntoIterator<Item = &'l str>) -> Self {
        let mut folds = Self::default();
        for label in folded {
            let path = folds.path(None, label);
            folds.set(path, true);
        }
        folds
    }

    pub(crate) fn is_folded(&self, path: PathId) -> bool {
        self.folded.contains(&path)
    }

    pub(crate) fn set(&mut self, path: PathId, folded: bool) {
        if folded {
            self.folded.insert(path);
        } else {
            self.folded.remove(&path);
        }
    }

    fn path(&mut self, parent: Option<PathId>, label: &str) -> PathId {
        let siblings = self.paths.entry(parent).or_default();
        if let Some(&known) = siblings.get(label) {
            return known;
        }
        let path = PathId(self.count);
        self.count += 1;
        siblings.insert(label.to_owned(), path);
        path
    }
}

impl Detail {
    pub(crate) fn new(row: RowId, outline: Outline, folds: &mut Folds) -> Self {
        let Outline { layers, nodes } = outline;
        let mut parents = Vec::with_capacity(nodes.len());
        let mut paths = Vec::with_capacity(nodes.len());
        let mut colours = Vec::with_capacity(nodes.len());
        let mut around: Vec<usize> = Vec::new();
        let mut colour = 0;
        let mut coloured = 0..0;
        for (index, node) in nodes.iter().enumerate() {
            around.retain(|&group: &usize| nodes[group].depth < node.depth);
            let parent = around.last().copied();
            parents.push(parent);
            paths.push(folds.path(parent.map(|parent| paths[parent]), &node.label));
            around.push(index);
            let span = node.start..node.start + node.len;
            if node.kind == NodeKind::Leaf && span != coloured {
                colour += 1;
                coloured = span;
            }
            colours.push(colour);
        }
        Self { row, layers, nodes, parents, paths, colours }
    }

    /// Whether the node has children.
    pub(crate) fn is_group(&self, index: usize) -> bool {
        self.nodes.get(index + 1).is_some_and(|next| next.depth > self.nodes[index].depth)
    }

    pub(crate) fn path(&self, index: usize) -> PathId {
        self.paths[index]
    }

    /// The group around a node.
    pub(crate) fn parent(&self, index: usize) -> Option<usize> {
        self.parents[index]
    }

    /// The first node of the topmost layer: the MQTT packet's own.
    pub(crate) fn packet_node(&self) -> Option<usize> {
        self.nodes.iter().position(|node| node.layer + 1 == self.layers.len())
    }

    /// The nodes that are not inside a folded group, by index.
    pub(crate) fn visible(&self, folds: &Folds) -> Vec<usize> {
        let mut visible = Vec::with_capacity(self.nodes.len());
        let mut hidden_below = None;
        for (index, node) in self.nodes.iter().enumerate() {
            if hidden_below.is_some_and(|depth| node.depth > depth) {
                continue;
            }
            hidden_below = (self.is_group(index) && folds.is_folded(self.paths[index])).then_some(node.depth);
            visible.push(index);
        }
        visible
    }

    /// The innermost node over a byte of a layer; the smallest and, among equals, a field before a fault.
    pub(crate) fn node_at(&self, layer: usize, byte: usize) -> Option<usize> {
        let covers =
            |node: &OutlineNode| node.layer == layer && node.start <= byte && byte < node.start + node.len;
        let nodes = self.nodes.iter().enumerate().filter(|(_, node)| covers(node));
        nodes
            .min_by_key(|(_, node)| (node.len, matches!(node.kind, NodeKind::Violation)))
            .map(|(index, _)| index)
    }

    /// How the bytes of a stretch of a layer are drawn: a fault before a field, the first field before others.
    pub(crate) fn ink(&self, layer: usize, bytes: Range<usize>) -> Vec<Ink> {
        let mut ink = vec![Ink::default(); bytes.len()];
        for (index, node) in self.nodes.iter().enumerate().filter(|(_, node)| node.layer == layer) {
            let from = node.start.max(bytes.start);
            let to = (node.start + node.len).min(bytes.end);
            if from >= to || (node.kind == NodeKind::Leaf && self.is_group(index)) {
                continue;
            }
            for slot in &mut ink[from - bytes.start..to - bytes.start] {
                *slot = match (node.kind, *slot) {
                    (NodeKind::Error, _) => Ink::Error,
                    (NodeKind::Violation, Ink::Plain | Ink::Field(_)) => Ink::Violation,
                    (NodeKind::Leaf, Ink::Plain) => Ink::Field(self.colours[index]),
                    (_, ink) => ink,
                };
            }
        }
        ink
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(depth: usize, label: &str, start: usize, len: usize, kind: NodeKind) -> OutlineNode {
        let (label, value) = (label.to_owned(), String::new());
        OutlineNode { depth, layer: 0, start, len, mask: 0xff, label, value, kind, filter: None }
    }

    fn outline(nodes: Vec<OutlineNode>) -> Outline {
        Outline { layers: vec![OutlineLayer { name: "MQTT".to_owned(), bytes: vec![0; 20] }], nodes }
    }

    #[test]
    fn a_fold_holds_for_the_same_labels_in_every_packet() {
        let mut folds = Folds::default();
        let nodes = || {
            use NodeKind::{Group, Leaf};
            vec![
                node(0, "MQTT", 0, 20, Group),
                node(1, "Properties", 2, 8, Group),
                node(2, "Alias", 3, 2, Leaf),
                node(1, "Payload", 10, 10, Leaf),
            ]
        };
        let first = Detail::new(RowId(0), outline(nodes()), &mut folds);
        folds.set(first.path(1), true);
        let mut other = nodes();
        other.insert(1, node(1, "Topic", 1, 1, NodeKind::Leaf));
        let second = Detail::new(RowId(1), outline(other), &mut folds);
        assert_eq!(first.visible(&folds), [0, 1, 3]);
        assert_eq!(second.visible(&folds), [0, 1, 2, 4]);
        assert_eq!((second.parent(3), second.parent(4), second.parent(0)), (Some(2), Some(0), None));
    }

    #[test]
    fn a_fault_is_drawn_over_a_field_and_flags_share_a_colour() {
        use NodeKind::{Error, Leaf, Violation};
        let nodes = vec![
            node(0, "DUP", 0, 1, Leaf),
            node(0, "QoS", 0, 1, Leaf),
            node(0, "Length", 1, 1, Leaf),
            node(0, "Malformed", 3, 2, Error),
            node(0, "Violation", 1, 3, Violation),
        ];
        let detail = Detail::new(RowId(0), outline(nodes), &mut Folds::default());
        let ink = detail.ink(0, 0..6);
        assert_eq!(ink, [Ink::Field(1), Ink::Violation, Ink::Violation, Ink::Error, Ink::Error, Ink::Plain]);
        assert_eq!(detail.ink(0, 3..5), ink[3..5], "a part is drawn as in the whole");
        assert_eq!(detail.node_at(0, 1), Some(2));
        assert_eq!(detail.node_at(0, 3), Some(3));
    }
}
