//! The hash table in which records with equal keys meet.
//!
//! Its order is that of the keys' first appearance, whatever their hashes.

use std::hash::Hash;

use crate::error::Result;
use crate::hash::hash_of;
use crate::memory::growth;

/// Open addressing over a list of entries in order of insertion.
///
/// A place holds the upper half of the key's hash and the entry's number plus one, so that nearly every probe is
/// decided by one load; an empty place is zero.
pub(crate) struct Table<K, S> {
    places: Vec<u64>,
    /// By how much a half of a hash is moved to become a place.
    shift: u32,
    entries: Vec<Entry<K, S>>,
    /// The entries' hashes: beside them, since they are only needed when the table grows or is written.
    hashes: Vec<u64>,
}

pub(crate) struct Entry<K, S> {
    pub(crate) key: K,
    pub(crate) slot: S,
}

const TAG: u64 = 0xFFFF_FFFF_0000_0000;
const PLACES_MIN: usize = 64;

impl<K: Hash + Eq, S> Table<K, S> {
    pub(crate) fn new() -> Self {
        Self {
            places: vec![0; PLACES_MIN],
            shift: u32::BITS - PLACES_MIN.ilog2(),
            entries: Vec::new(),
            hashes: Vec::new(),
        }
    }

    /// Meets the entry of this key: `merge` if it is there, else `create`. Says whether there is a new entry.
    #[inline]
    pub(crate) fn meet<V>(
        &mut self,
        key: K,
        value: V,
        create: impl FnOnce(K, V) -> (K, S),
        merge: impl FnOnce(&mut S, V),
    ) -> bool {
        let hash = hash_of(&key);
        match self.find(hash, &key) {
            Ok(entry) => {
                merge(&mut self.entries[entry].slot, value);
                false
            }
            Err(place) => {
                let (key, slot) = create(key, value);
                self.insert(place, hash, Entry { key, slot });
                true
            }
        }
    }

    /// How many bytes the next new entry costs, beyond itself: mostly none.
    #[inline]
    pub(crate) fn growth(&self) -> usize {
        let places = if (self.entries.len() + 1) * 5 > self.places.len() * 4 {
            self.places.len() * 2 * size_of::<u64>()
        } else {
            0
        };
        places + growth(&self.entries, 1) + growth(&self.hashes, 1)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The number of the key's entry, counted from 0 in order of first appearance.
    pub(crate) fn number(&self, key: &K) -> Option<usize> {
        self.find(hash_of(key), key).ok()
    }

    /// The entries, in order of first appearance.
    pub(crate) fn entries(&self) -> &[Entry<K, S>] {
        &self.entries
    }

    /// The number of the key's entry, or the place where it would be noted.
    #[inline]
    fn find(&self, hash: u64, key: &K) -> Result<usize, usize> {
        let mask = self.places.len() - 1;
        let mut at = home(hash, self.shift);
        loop {
            let place = self.places[at];
            if place == 0 {
                return Err(at);
            }
            let entry = low(place) as usize - 1;
            if (place ^ hash) & TAG == 0 && self.entries[entry].key == *key {
                return Ok(entry);
            }
            at = (at + 1) & mask;
        }
    }

    fn insert(&mut self, place: usize, hash: u64, entry: Entry<K, S>) {
        let number = self.entries.len() as u64 + 1;
        self.places[place] = (hash & TAG) | number;
        self.hashes.push(hash);
        self.entries.push(entry);
        if self.entries.len() * 5 > self.places.len() * 4 {
            self.grow();
        }
    }

    #[cold]
    fn grow(&mut self) {
        let mask = self.places.len() * 2 - 1;
        let mut places = vec![0; mask + 1];
        self.shift -= 1;
        for (number, hash) in (1u64..).zip(&self.hashes) {
            let mut at = home(*hash, self.shift);
            while places[at] != 0 {
                at = (at + 1) & mask;
            }
            places[at] = (hash & TAG) | number;
        }
        self.places = places;
    }

    /// The entries, each key once, in order of first appearance.
    pub(crate) fn into_entries(self) -> impl Iterator<Item = Entry<K, S>> {
        self.entries.into_iter()
    }

    /// Visits the entries in the order of their hashes, those of one hash in order of first appearance.
    pub(crate) fn for_each_by_hash(
        mut self,
        mut visit: impl FnMut(u64, &Entry<K, S>) -> Result<()>,
    ) -> Result<()> {
        // Nothing is looked up any more, and memory is short.
        self.places = Vec::new();
        let mut order: Vec<u32> = (0u32..).take(self.hashes.len()).collect();
        order.sort_unstable_by_key(|number| (self.hashes[*number as usize], *number));
        order
            .into_iter()
            .map(|number| number as usize)
            .try_for_each(|number| visit(self.hashes[number], &self.entries[number]))
    }

    /// Visits the entries bucket by bucket, those of a bucket in order of first appearance.
    pub(crate) fn for_each_bucket<E>(
        &self,
        buckets: u32,
        bucket_of: impl Fn(u64, &K) -> u32,
        mut visit: impl FnMut(u32, &mut dyn Iterator<Item = &Entry<K, S>>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut members: Vec<Vec<u32>> = vec![Vec::new(); buckets as usize];
        for ((number, hash), entry) in (0u32..).zip(&self.hashes).zip(&self.entries) {
            members[bucket_of(*hash, &entry.key) as usize].push(number);
        }
        for (bucket, members) in (0u32..)
            .zip(members)
            .filter(|(_, members)| !members.is_empty())
        {
            visit(
                bucket,
                &mut members.iter().map(|number| &self.entries[*number as usize]),
            )?;
        }
        Ok(())
    }
}

/// Where the search for a hash begins.
///
/// Its lower half is mixed once more: keys that come out of another table, in the order of their hashes, would else fill
/// this one from its front, and each search would lead to the end of what is filled.
#[inline]
fn home(hash: u64, shift: u32) -> usize {
    const MULTIPLIER: u32 = 0x9E37_79B9;
    (low(hash).wrapping_mul(MULTIPLIER) >> shift) as usize
}

#[inline]
#[expect(
    clippy::cast_possible_truncation,
    reason = "the lower half is what is wanted"
)]
fn low(word: u64) -> u32 {
    word as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::bucket_of;

    fn counted(keys: impl Iterator<Item = u64>) -> Table<u64, u32> {
        let mut table = Table::new();
        keys.for_each(|key| {
            table.meet(key, 1, |key, one| (key, one), |count, one| *count += one);
        });
        table
    }

    #[test]
    fn equal_keys_meet_and_order_is_of_first_appearance() {
        let table = counted((0..30_000).map(|at| (at * 7919) % 10_000));
        assert_eq!(table.number(&0), Some(0));
        assert_eq!(table.number(&7919), Some(1));
        assert_eq!(table.number(&10_000), None);
        let keys: Vec<u64> = table
            .into_entries()
            .inspect(|entry| assert_eq!(entry.slot, 3))
            .map(|entry| entry.key)
            .collect();
        assert_eq!(
            keys,
            (0..10_000)
                .map(|at| (at * 7919) % 10_000)
                .collect::<Vec<_>>()
        );
    }

    #[test]
    fn keys_in_the_order_of_their_hashes_are_found_as_soon_as_others() {
        let mut keys: Vec<u64> = (0..20_000).collect();
        for order in [0xFFFF_FFFF, 0xFFFF, 0xFFFF_FFFF_0000_0000, u64::MAX] {
            keys.sort_by_key(|key| hash_of(key) & order);
            // On the way, not only in the end: growing puts everything where it would have been.
            for count in [6000, 13_000, 20_000] {
                let table = counted(keys.iter().copied().take(count));
                let mask = table.places.len() - 1;
                let places = table.places.iter().enumerate();
                let steps: usize = places
                    .filter(|(_, place)| **place != 0)
                    .map(|(at, place)| {
                        let hash = table.hashes[low(*place) as usize - 1];
                        at.wrapping_sub(home(hash, table.shift)) & mask
                    })
                    .sum();
                assert!(
                    steps < 4 * count,
                    "{order:x}: {steps} steps to {count} keys"
                );
            }
        }
    }

    #[test]
    fn growth_is_foreseen() {
        let mut table = Table::new();
        for key in 0..5_000u64 {
            let before = (table.places.len(), table.entries.capacity());
            let foreseen = table.growth();
            table.meet(key, (), |key, ()| (key, ()), |(), ()| ());
            let after = (table.places.len(), table.entries.capacity());
            assert!(
                before.1 == 0 || (foreseen > 0) == (before != after),
                "{key}"
            );
        }
    }

    #[test]
    fn hashes_are_visited_in_order() {
        let mut seen = Vec::new();
        let visited = counted(0..1000).for_each_by_hash(|hash, entry| {
            assert_eq!(hash, hash_of(&entry.key));
            seen.push(hash);
            Ok(())
        });
        visited.unwrap();
        assert!(seen.len() == 1000 && seen.is_sorted());
    }

    #[test]
    fn buckets_are_visited_in_order_and_hold_every_key_once() {
        let table = counted(0..1000);
        let mut seen = Vec::new();
        let mut last = None;
        let visited: Result<(), ()> = table.for_each_bucket(
            7,
            |hash, _| bucket_of(hash, 7),
            |bucket, entries| {
                assert!(last < Some(bucket));
                last = Some(bucket);
                let keys: Vec<u64> = entries.map(|entry| entry.key).collect();
                assert!(keys.is_sorted(), "order of first appearance");
                assert!(keys.iter().all(|key| bucket_of(hash_of(key), 7) == bucket));
                seen.extend(keys);
                Ok(())
            },
        );
        assert_eq!(visited, Ok(()));
        seen.sort_unstable();
        assert_eq!(seen, (0..1000).collect::<Vec<_>>());
    }
}
