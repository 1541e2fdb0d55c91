//! What a device saw of each stream: order, repetition, gaps.

use rustc_hash::FxHashMap;

/// Of one stream and one subscriber no more gaps than this are remembered.
const MOST_GAPS: usize = 256;
/// Nor than this where gaps are the rule: the subscriber shares its subscription, or the stream's topic moves.
const FEW_GAPS: usize = 8;

/// What a delivery was, compared with those before it of the same stream to the same device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sighting {
    /// The next one, or a later one.
    New,
    /// One that later ones overtook.
    Late,
    /// One that was there before.
    Again,
    /// Too far behind to tell.
    Unknown,
}

/// Whether a subscriber is to see every message of a stream, so that a gap means something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gaps {
    Rare,
    Usual,
}

/// A device and a stream that reaches it, as one key.
pub(crate) fn pair(device: u32, stream: u32) -> u64 {
    u64::from(device) << 32 | u64::from(stream)
}

/// Which messages of each stream each device of a shard has seen.
#[derive(Debug, Default)]
pub(crate) struct Sightings {
    seen: FxHashMap<u64, Seen>,
}

/// Every sequence number below `next` was seen, except the gaps; below `floor` nobody knows.
#[derive(Debug, Default)]
struct Seen {
    next: u32,
    floor: u32,
    /// Ranges `[start, end)`, ascending. Absent for most, who miss nothing.
    #[expect(clippy::box_collection, reason = "a pointer is a third of a Vec, and there is one per pair")]
    gaps: Option<Box<Vec<(u32, u32)>>>,
}

impl Sightings {
    /// Notes a delivery; `gaps` says whether it is usual to miss some. The second of the pair says whether it is
    /// the stream's first to this device.
    pub(crate) fn see(&mut self, device: u32, stream: u32, sequence: u32, gaps: Gaps) -> (Sighting, bool) {
        let mut first = false;
        let seen = self.seen.entry(pair(device, stream)).or_insert_with(|| {
            first = true;
            Seen::default()
        });
        (seen.see(sequence, gaps), first)
    }

    /// Whether a device saw a message, or may have: it is too far behind to tell.
    pub(super) fn may_have_seen(&self, device: u32, stream: u32, sequence: u32) -> bool {
        let seen = self.seen.get(&pair(device, stream));
        seen.is_some_and(|seen| seen.may_have_seen(sequence))
    }
}

impl Seen {
    fn may_have_seen(&self, sequence: u32) -> bool {
        let mut gaps = self.gaps.iter().flat_map(|gaps| gaps.iter());
        sequence < self.next && !gaps.any(|(start, end)| (*start..*end).contains(&sequence))
    }

    fn see(&mut self, sequence: u32, gaps: Gaps) -> Sighting {
        if sequence >= self.next {
            if sequence > self.next {
                self.remember((self.next, sequence), gaps);
            }
            self.next = sequence.saturating_add(1);
            return Sighting::New;
        }
        if sequence < self.floor {
            return Sighting::Unknown;
        }
        let Some(gaps) = &mut self.gaps else { return Sighting::Again };
        let at = gaps.partition_point(|(_, end)| *end <= sequence);
        let Some(&(start, end)) = gaps.get(at).filter(|(start, _)| *start <= sequence) else {
            return Sighting::Again;
        };
        let rest = [(start, sequence), (sequence + 1, end)].into_iter().filter(|(start, end)| start < end);
        gaps.splice(at..=at, rest);
        if gaps.is_empty() {
            self.gaps = None;
        }
        Sighting::Late
    }

    fn remember(&mut self, gap: (u32, u32), usual: Gaps) {
        let most = match usual {
            Gaps::Rare => MOST_GAPS,
            Gaps::Usual => FEW_GAPS,
        };
        let gaps = self.gaps.get_or_insert_default();
        if gaps.len() == most {
            self.floor = gaps.remove(0).1;
        }
        gaps.push(gap);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn order_and_repetition_are_told_apart() {
        let mut sightings = Sightings::default();
        let mut see = |sequence| sightings.see(1, 2, sequence, Gaps::Rare).0;
        use Sighting::{Again, Late, New};
        assert_eq!(
            [see(0), see(1), see(4), see(3), see(4), see(3), see(2), see(1)],
            [New, New, New, Late, Again, Again, Late, Again]
        );
    }

    #[test]
    fn a_stream_joined_late_owes_nothing_from_before() {
        let mut sightings = Sightings::default();
        assert_eq!(sightings.see(1, 2, 1000, Gaps::Rare), (Sighting::New, true));
        assert_eq!(sightings.see(1, 2, 999, Gaps::Rare), (Sighting::Late, false));
        assert_eq!(sightings.see(1, 3, 0, Gaps::Rare), (Sighting::New, true), "streams are apart");
    }

    #[test]
    fn memory_of_gaps_is_bounded() {
        let mut seen = Seen::default();
        for sequence in (0..2 * MOST_GAPS as u32 + 20).step_by(2) {
            assert_eq!(seen.see(sequence, Gaps::Rare), Sighting::New);
        }
        assert_eq!(seen.gaps.as_ref().map(|gaps| gaps.len()), Some(MOST_GAPS));
        assert_eq!(seen.see(1, Gaps::Rare), Sighting::Unknown);
    }

    proptest! {
        /// Against a set that remembers everything.
        #[test]
        fn sightings_agree_with_a_set(sequences in prop::collection::vec(0_u32..60, 0..120)) {
            let mut sightings = Sightings::default();
            let mut set = std::collections::BTreeSet::new();
            for sequence in sequences {
                let expected = match (set.contains(&sequence), set.last()) {
                    (true, _) => Sighting::Again,
                    (false, Some(last)) if *last > sequence => Sighting::Late,
                    _ => Sighting::New,
                };
                prop_assert_eq!(sightings.see(0, 0, sequence, Gaps::Rare).0, expected);
                set.insert(sequence);
            }
            for sequence in 0..60 {
                prop_assert_eq!(sightings.may_have_seen(0, 0, sequence), set.contains(&sequence));
            }
        }
    }
}
