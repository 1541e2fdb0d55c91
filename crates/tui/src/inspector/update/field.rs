//! The selected packet: its fields and its bytes, which highlight each other.

use mqscope_dissect::{RowId, outline::Outline};

use crate::inspector::{
    action::Motion,
    app::{App, Mode, Pane},
    cursor::Cursor,
    detail::Detail,
    effect::Effect,
    panes::reader::Reader,
};

/// Characters that are copied at most: terminals take no more.
const COPY_CHARS: usize = 64 * 1024;

/// Takes in the selected packet, taken apart. The field that the user went to last is selected where the packet has it.
pub(crate) fn show_outline(app: &mut App, row: RowId, outline: Outline) {
    let detail = Detail::new(row, outline, &mut app.folds);
    app.visible = detail.visible(&app.folds);
    app.detail = Some(detail);
    let place = |wanted: &dyn Fn(&Detail, usize) -> bool| {
        let detail = app.detail.as_ref()?;
        app.visible.iter().position(|&index| wanted(detail, index))
    };
    let same = app.field.and_then(|field| place(&|detail, index| detail.path(index) == field));
    let packet = || place(&|detail, index| Some(index) == detail.packet_node());
    app.tree.at = same.or_else(packet).unwrap_or(0);
    app.hex_top = 0;
    byte_to_node(app);
    show_sought(app);
    keep_in_sight(app);
}

/// There is no packet to show.
pub(crate) fn show_nothing(app: &mut App) {
    app.detail = None;
    app.visible.clear();
    app.tree = Cursor::default();
    (app.byte, app.hex_top) = (0, 0);
}

/// Works out which nodes of the tree are visible; the same one stays selected, or the group it was folded into.
fn show_fields(app: &mut App) {
    let Some(detail) = &app.detail else { return };
    let selected = app.visible.get(app.tree.at).copied();
    app.visible = detail.visible(&app.folds);
    if let Some(selected) = selected {
        app.tree.at = app.visible.partition_point(|&index| index <= selected).saturating_sub(1);
    }
}

/// Selects the field that a search found, if it found one.
pub(super) fn show_sought(app: &mut App) {
    let Some(searching) = &mut app.search else { return };
    let (Some(label), Some(detail)) = (searching.field.take(), &app.detail) else { return };
    let mut labelled = (0..detail.nodes.len()).filter(|&index| detail.nodes[index].label == label);
    let first = labelled.clone().next();
    let with_text = labelled.find(|&index| searching.search.is_in(detail.nodes[index].value.as_bytes()));
    if let Some(node) = with_text.or(first) {
        reveal(app, node);
        byte_to_node(app);
        keep_in_sight(app);
    }
}

/// Selects a node, unfolding what hides it.
fn reveal(app: &mut App, node: usize) {
    let Some(detail) = &app.detail else { return };
    app.field = Some(detail.path(node));
    let mut around = detail.parent(node);
    while let Some(group) = around {
        app.folds.set(detail.path(group), false);
        around = detail.parent(group);
    }
    app.visible = detail.visible(&app.folds);
    app.tree.at = app.visible.partition_point(|&index| index < node);
}

/// Scrolls fields and bytes to what is selected in them.
pub(super) fn keep_in_sight(app: &mut App) {
    let page = app.page(Pane::Tree);
    app.tree.keep_in_sight(app.visible.len(), page);
    let (grid, len) = (app.grid(), app.shown_bytes().len());
    app.byte = app.byte.min(len.saturating_sub(1));
    let mut lines = Cursor { at: app.byte / grid.per_line, top: app.hex_top };
    lines.keep_in_sight(len.div_ceil(grid.per_line), app.page(Pane::Hex));
    app.hex_top = lines.top;
}

pub(super) fn move_in_tree(app: &mut App, motion: Motion) {
    match motion {
        Motion::Left => fold(app),
        Motion::Right => unfold(app),
        _ => {
            let (len, page) = (app.visible.len(), app.page(Pane::Tree));
            go(app, motion.apply(app.tree.at, len, page));
        }
    }
    keep_in_sight(app);
}

/// Goes to a place of the tree.
pub(super) fn go(app: &mut App, place: usize) {
    app.tree.at = place.min(app.visible.len().saturating_sub(1));
    let selected = app.selected_node().map(|(index, _)| index);
    app.field = app.detail.as_ref().zip(selected).map(|(detail, index)| detail.path(index));
    byte_to_node(app);
    keep_in_sight(app);
}

/// Folds the selected group, or goes to the group around the selected field.
fn fold(app: &mut App) {
    let (Some((index, _)), Some(detail)) = (app.selected_node(), &app.detail) else { return };
    let path = detail.path(index);
    if detail.is_group(index) && !app.folds.is_folded(path) {
        app.folds.set(path, true);
        show_fields(app);
    } else if let Some(parent) = detail.parent(index) {
        let place = app.visible.partition_point(|&node| node < parent);
        go(app, place);
    }
}

/// Unfolds the selected group, or goes to its first field.
fn unfold(app: &mut App) {
    let (Some((index, _)), Some(detail)) = (app.selected_node(), &app.detail) else { return };
    if !detail.is_group(index) {
        return;
    }
    let path = detail.path(index);
    if app.folds.is_folded(path) {
        app.folds.set(path, false);
        show_fields(app);
    } else {
        go(app, app.tree.at + 1);
    }
}

/// Folds or unfolds the selected group; a field's value is shown in full.
pub(super) fn open(app: &mut App) {
    let (Some((index, node)), Some(detail)) = (app.selected_node(), &app.detail) else { return };
    if detail.is_group(index) {
        let path = detail.path(index);
        let folded = app.folds.is_folded(path);
        app.folds.set(path, !folded);
        show_fields(app);
        keep_in_sight(app);
        return;
    }
    let bytes = &detail.layers[node.layer].bytes[node.start..node.start + node.len];
    // a value that is not spelled as its bytes are reads as in the tree
    let is_cut = node.value.ends_with('…');
    let read =
        if is_cut || is_text_of(&node.value, bytes) { Reader::of_bytes(&node.label, bytes) } else { None };
    let mut reader = read.unwrap_or_else(|| Reader::of_text(&node.label, &node.value));
    reader.fit(app.size, 0);
    app.mode = Mode::Reader(Box::new(reader));
}

/// Whether a value is its bytes as text.
fn is_text_of(value: &str, bytes: &[u8]) -> bool {
    !bytes.is_empty() && mqscope_dissect::escape::text(bytes) == value
}

pub(super) fn move_in_hex(app: &mut App, motion: Motion) {
    let len = app.shown_bytes().len();
    let Some(last) = len.checked_sub(1) else { return };
    let (line, page) = (app.grid().per_line, app.page(Pane::Hex));
    let at = app.byte;
    let to = match motion {
        Motion::Left | Motion::Right | Motion::Top | Motion::Bottom => motion.apply(at, len, page),
        Motion::Up => at.checked_sub(line).unwrap_or(at),
        Motion::Down => Some(at + line).filter(|&to| to <= last).unwrap_or(at),
        Motion::PageUp => at.saturating_sub(page * line),
        Motion::PageDown => at + page * line,
        Motion::HalfPageUp => at.saturating_sub(page.div_ceil(2) * line),
        Motion::HalfPageDown => at + page.div_ceil(2) * line,
    };
    to_byte(app, to.min(last));
}

/// Puts the cursor on a byte of the layer that is shown, and selects the innermost field over it.
pub(super) fn to_byte(app: &mut App, byte: usize) {
    let layer = app.shown_layer();
    let Some(detail) = &app.detail else { return };
    if let Some(node) = detail.node_at(layer, byte) {
        // of several flags in a byte, the selected one stays selected
        let selected = app.selected_node();
        let stays = selected.is_some_and(|(index, of)| {
            let found = &detail.nodes[node];
            index != node && (of.layer, of.start, of.len) == (found.layer, found.start, found.len)
        });
        if !stays {
            reveal(app, node);
        }
    }
    app.byte = byte;
    keep_in_sight(app);
}

/// Puts the cursor of the bytes on the first byte of the selected field.
fn byte_to_node(app: &mut App) {
    if let Some((_, node)) = app.selected_node() {
        app.byte = node.start;
    }
}

pub(super) fn copy(app: &mut App) -> Vec<Effect> {
    let Some(detail) = &app.detail else { return Vec::new() };
    let (text, what) = match (app.focus, app.selected_node()) {
        (Pane::Tree, Some((_, node))) if !node.value.is_empty() => (value(detail, node), node.label.as_str()),
        (Pane::Hex, Some((_, node))) => {
            (hex(&detail.layers[node.layer].bytes[node.start..node.start + node.len]), "bytes")
        }
        _ => (detail.layers.last().map(|layer| hex(&layer.bytes)).unwrap_or_default(), "the packet's bytes"),
    };
    let count = text.chars().count();
    if count > COPY_CHARS {
        app.message = Some(format!("too long to copy: {count} characters, {COPY_CHARS} at most"));
        return Vec::new();
    }
    app.message = Some(format!("copied {what}: {count} characters"));
    vec![Effect::Copy(text)]
}

/// A field's value in full.
fn value(detail: &Detail, node: &mqscope_dissect::outline::OutlineNode) -> String {
    if !node.value.ends_with('…') {
        return node.value.clone();
    }
    let bytes = &detail.layers[node.layer].bytes[node.start..node.start + node.len];
    std::str::from_utf8(bytes).map_or_else(|_| hex(bytes), |_| mqscope_dissect::escape::text(bytes))
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
