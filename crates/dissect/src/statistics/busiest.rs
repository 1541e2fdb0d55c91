//! Which names come up most, in bounded memory.

use rustc_hash::FxHashMap;

/// Names that are counted at a time.
const MOST_NAMES: usize = 1 << 16;
/// Bytes of names that are kept at a time.
const MOST_BYTES: usize = 16 << 20;

/// Counts names. Where there are more than memory is given for, those that came up least are forgotten, so that a count
/// is too low by [`forgotten`](Self::forgotten) at most.
#[derive(Debug)]
pub(super) struct Busiest {
    counts: FxHashMap<Box<[u8]>, u64>,
    bytes: usize,
    most_names: usize,
    /// The highest count that was forgotten, all times added up.
    pub(super) forgotten: u64,
}

impl Default for Busiest {
    fn default() -> Self {
        Self::of_at_most(MOST_NAMES)
    }
}

impl Busiest {
    fn of_at_most(names: usize) -> Self {
        Self { counts: FxHashMap::default(), bytes: 0, most_names: names, forgotten: 0 }
    }

    /// Counts a name once more.
    #[inline]
    pub(super) fn add(&mut self, name: &[u8]) {
        if let Some(count) = self.counts.get_mut(name) {
            *count += 1;
            return;
        }
        if self.counts.len() >= self.most_names || self.bytes + name.len() > MOST_BYTES {
            self.forget();
        }
        self.bytes += name.len();
        self.counts.insert(name.into(), 1);
    }

    /// Names that are known now: all there were, as long as none is forgotten.
    pub(super) fn len(&self) -> u64 {
        self.counts.len() as u64
    }

    /// The `most` names that came up most, with their counts, the highest first.
    pub(super) fn top(&self, most: usize) -> Vec<(&[u8], u64)> {
        let mut all: Vec<_> = self.counts.iter().map(|(name, count)| (&**name, *count)).collect();
        all.sort_unstable_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
        all.truncate(most);
        all
    }

    /// Forgets the half that came up least.
    #[cold]
    fn forget(&mut self) {
        let mut counts: Vec<u64> = self.counts.values().copied().collect();
        counts.sort_unstable();
        let Some(&limit) = counts.get(counts.len() / 2) else { return };
        self.counts.retain(|_, count| *count > limit);
        self.bytes = self.counts.keys().map(|name| name.len()).sum();
        self.forgotten += limit;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_busiest_names_stand_first_and_equals_in_their_order() {
        let mut busiest = Busiest::default();
        for name in ["b", "a", "c", "c", "b", "c"] {
            busiest.add(name.as_bytes());
        }
        assert_eq!(busiest.top(2), [(&b"c"[..], 3), (b"b", 2)]);
        assert_eq!((busiest.len(), busiest.forgotten), (3, 0));
    }

    #[test]
    fn a_busy_name_is_found_among_more_than_can_be_kept() {
        let mut busiest = Busiest::of_at_most(100);
        for round in 0_u32..10_000 {
            busiest.add(&round.to_be_bytes());
            busiest.add(b"busy");
        }
        let [(name, count)] = busiest.top(1)[..] else { panic!("there is one") };
        assert_eq!(name, b"busy");
        assert!(count <= 10_000 && count + busiest.forgotten >= 10_000, "{count}, {}", busiest.forgotten);
        assert!(busiest.len() <= 100);
    }

    #[test]
    fn names_as_long_as_they_may_be_take_bounded_memory() {
        let mut busiest = Busiest::default();
        let mut name = vec![0; 65_535];
        for round in 0_u32..1_000 {
            name[..4].copy_from_slice(&round.to_be_bytes());
            busiest.add(&name);
            assert!(busiest.bytes <= MOST_BYTES);
        }
        assert!(busiest.forgotten > 0);
    }
}
