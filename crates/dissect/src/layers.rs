//! The way from a packet down to the frames that carried it, layer by layer.

use crate::origin::{self, Layer, Origin};
use crate::{Extent, FrameRef, PacketView};
use mqscope_capture::Store;

/// Records or frames of one layer that are followed at most.
const GROUPS: usize = 256;

/// The records or frames of one layer that a packet stands in.
#[derive(Clone, Debug)]
pub(crate) struct LayerBelow {
    pub(crate) layer: Layer,
    /// One for each record, or for each WebSocket frame, with what came before of its compressed message.
    pub(crate) groups: Vec<Group>,
}

/// What was derived together, and from what.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    pub(crate) derived: Vec<Extent>,
    /// Header first.
    pub(crate) source: Vec<Extent>,
    pub(crate) frames: Vec<FrameRef>,
}

/// The layers that `places` were derived through, the topmost first; none for what was captured as it is.
pub(crate) fn below(store: &Store, places: impl Iterator<Item = Extent>) -> Vec<LayerBelow> {
    let mut layers = Vec::new();
    let mut places: Vec<Extent> = places.collect();
    while places.first().is_some_and(|place| place.at >= Store::DERIVED) && layers.len() < 4 {
        let mut groups: Vec<Group> = Vec::new();
        let mut layer = None;
        // From the end, as what came later of a frame or message knows what came before.
        for place in places.iter().rev() {
            let (start, mut end) = (place.at, place.at + u64::from(place.len));
            while start < end && groups.len() < GROUPS {
                if let Some(known) = groups.iter().find_map(|group| group.start_of(end - 1)) {
                    end = known;
                    continue;
                }
                let origins = origin::of(store, end - 1);
                let Some(first) = origins.first() else { break };
                layer = Some(first.layer());
                groups.push(Group::of(&origins));
            }
        }
        groups.reverse();
        let Some(layer) = layer else { break };
        places = groups.iter().flat_map(|group| group.source.iter().copied()).collect();
        layers.push(LayerBelow { layer, groups });
    }
    layers
}

/// Where captured bytes stand that `places` were made from: those places themselves, if they were captured as they are.
pub(crate) fn captured(store: &Store, places: impl Iterator<Item = Extent> + Clone) -> Vec<Extent> {
    match below(store, places.clone()).pop() {
        Some(lowest) => lowest.groups.into_iter().flat_map(|group| group.source).collect(),
        None => places.collect(),
    }
}

impl Group {
    fn of(origins: &[Origin]) -> Self {
        let mut group = Self { derived: Vec::new(), source: Vec::new(), frames: Vec::new() };
        for origin in origins {
            if group.derived.last() != Some(&origin.derived) {
                group.derived.push(origin.derived);
            }
            // The last byte of a compressed part may be the first of the next.
            let end = origin.source.at + u64::from(origin.source.len);
            let is_there =
                |last: &Extent| last.at <= origin.source.at && end <= last.at + u64::from(last.len);
            if !group.source.last().is_some_and(is_there) {
                group.source.push(origin.source);
            }
            if group.frames.iter().all(|frame| frame.number != origin.frame.number) {
                group.frames.push(origin.frame);
            }
        }
        group
    }

    /// Where the derived bytes begin that `at` is among.
    fn start_of(&self, at: u64) -> Option<u64> {
        let holds = |extent: &&Extent| extent.at <= at && at < extent.at + u64::from(extent.len);
        self.derived.iter().find(holds).map(|extent| extent.at)
    }
}

/// The frames that carried a packet, in the order of their numbers; the one that completed it is among them.
pub(crate) fn frames(view: &PacketView<'_>, layers: &[LayerBelow]) -> Vec<FrameRef> {
    let below = layers.last().into_iter().flat_map(|layer| &layer.groups).flat_map(|group| &group.frames);
    let mut frames: Vec<FrameRef> = view.carried.iter().chain(below).copied().collect();
    frames.retain(|frame| frame.number != view.row.frame.number);
    frames.push(view.row.frame);
    frames.sort_by_key(|frame| frame.number);
    frames.dedup_by_key(|frame| frame.number);
    frames
}

/// The bytes of extents, one after the other; `None` if they cannot be read.
pub(crate) fn gather(store: &Store, extents: &[Extent]) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    for extent in extents {
        let start = bytes.len();
        bytes.resize(start + extent.len as usize, 0);
        store.read(extent.at, &mut bytes[start..]).ok()?;
    }
    Some(bytes)
}

/// Places that may be shown, because it is known that no secret is among them.
///
/// Invariant: the ranges ascend and neither overlap nor touch.
#[derive(Clone, Debug, Default)]
pub(crate) struct Open(Vec<(u64, u64)>);

impl Open {
    pub(crate) fn of(extents: impl Iterator<Item = Extent>) -> Self {
        let mut ranges: Vec<(u64, u64)> =
            extents.map(|extent| (extent.at, extent.at + u64::from(extent.len))).collect();
        ranges.sort_unstable();
        let mut merged: Vec<(u64, u64)> = Vec::with_capacity(ranges.len());
        for (start, end) in ranges {
            match merged.last_mut() {
                Some(last) if start <= last.1 => last.1 = last.1.max(end),
                _ => merged.push((start, end)),
            }
        }
        Self(merged)
    }

    fn range_at(&self, at: u64) -> Option<(u64, u64)> {
        let index = self.0.partition_point(|range| range.0 <= at);
        self.0.get(index.checked_sub(1)?).copied().filter(|range| at < range.1)
    }

    /// Whether all of the extent may be shown.
    pub(crate) fn covers(&self, extent: Extent) -> bool {
        extent.len == 0
            || self.range_at(extent.at).is_some_and(|range| extent.at + u64::from(extent.len) <= range.1)
    }

    /// Makes stars of what may not be shown of `bytes`, which stand at `extents`, from the byte `from` on.
    pub(crate) fn redact(&self, bytes: &mut [u8], extents: &[Extent], from: usize) {
        let mut index = 0;
        for extent in extents {
            for at in extent.at..extent.at + u64::from(extent.len) {
                if index >= from && index < bytes.len() && self.range_at(at).is_none() {
                    bytes[index] = b'*';
                }
                index += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_to_be_open_is_starred() {
        let extent = |at, len| Extent { at, len };
        let open = Open::of([extent(10, 3), extent(13, 2), extent(20, 1)].into_iter());
        assert!(open.covers(extent(10, 5)) && open.covers(extent(0, 0)));
        assert!(!open.covers(extent(14, 2)) && !open.covers(extent(9, 2)));
        let mut bytes = *b"abcdefgh";
        open.redact(&mut bytes, &[extent(12, 4), extent(19, 4)], 1);
        assert_eq!(&bytes, b"abc**f**");
    }
}
