//! A set of partitions as ranges.
//!
//! Nearly always the set is "all of them", so that asking which partitions of an ancestor are needed costs the
//! same for ten partitions and for a million.

use std::ops::Range;

use crate::PartitionMap;

/// Sorted, disjoint, none empty, none touching the next.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ranges(Vec<Range<u32>>);

impl Ranges {
    /// The partitions `0 .. end`.
    pub(crate) fn all(end: u32) -> Self {
        let mut ranges = Self::default();
        ranges.append(0..end);
        ranges
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds a range that begins no earlier than the last one.
    fn append(&mut self, range: Range<u32>) {
        if range.is_empty() {
            return;
        }
        match self.0.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => self.0.push(range),
        }
    }

    fn from_unsorted(mut ranges: Vec<Range<u32>>) -> Self {
        ranges.sort_unstable_by_key(|range| range.start);
        let mut sorted = Self::default();
        ranges.into_iter().for_each(|range| sorted.append(range));
        sorted
    }

    /// Adds the partitions of `other`.
    pub(crate) fn merge(&mut self, other: Self) {
        if self.is_empty() {
            *self = other;
        } else if *self != other {
            let both = std::mem::take(&mut self.0).into_iter().chain(other.0);
            *self = Self::from_unsorted(both.collect());
        }
    }

    /// Returns the set without the given partitions, which are sorted.
    pub(crate) fn without(&self, gone: impl Iterator<Item = u32>) -> Self {
        let mut gone = gone.peekable();
        let mut rest = Self::default();
        for range in &self.0 {
            let mut start = range.start;
            while gone.next_if(|partition| *partition < start).is_some() {}
            while let Some(partition) = gone.next_if(|partition| *partition < range.end) {
                rest.append(start..partition);
                start = partition + 1;
            }
            rest.append(start..range.end);
        }
        rest
    }

    /// Returns the partitions of the parent that these need.
    pub(crate) fn through(&self, map: &PartitionMap) -> Self {
        match map {
            PartitionMap::OneToOne => self.clone(),
            PartitionMap::Span {
                in_start,
                out_start,
                length,
            } => {
                let mut needed = Self::default();
                for range in &self.0 {
                    let start = range.start.max(*out_start);
                    let end = range.end.min(out_start + length);
                    if start < end {
                        needed.append(start - out_start + in_start..end - out_start + in_start);
                    }
                }
                needed
            }
            PartitionMap::Lists(lists) => {
                let children = self.0.iter().cloned().flatten();
                let parents = children.flat_map(|child| &lists[child as usize]);
                parents.copied().collect()
            }
        }
    }
}

impl FromIterator<u32> for Ranges {
    /// Collects partitions, in any order.
    fn from_iter<I: IntoIterator<Item = u32>>(partitions: I) -> Self {
        let mut ranges: Vec<Range<u32>> = Vec::new();
        for partition in partitions {
            match ranges.last_mut() {
                Some(last) if last.end == partition => last.end += 1,
                _ => ranges.push(partition..partition + 1),
            }
        }
        Self::from_unsorted(ranges)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(partitions: &[u32]) -> Ranges {
        partitions.iter().copied().collect()
    }

    #[test]
    fn partitions_collapse_into_ranges() {
        assert_eq!(set(&[3, 0, 2, 1, 7, 7]).0, [0..4, 7..8]);
        assert_eq!(Ranges::all(0), Ranges::default());
    }

    #[test]
    fn merging_joins_what_touches() {
        let mut ranges = set(&[0, 1, 5]);
        ranges.merge(set(&[2, 4, 9]));
        assert_eq!(ranges, set(&[0, 1, 2, 4, 5, 9]));
    }

    #[test]
    fn taking_out_splits() {
        let rest = Ranges::all(10).without([0, 4, 5, 9, 12].into_iter());
        assert_eq!(rest.0, [1..4, 6..9]);
        assert_eq!(set(&[5, 6]).without([1, 2].into_iter()), set(&[5, 6]));
        assert!(Ranges::all(3).without(0..3).is_empty());
    }

    #[test]
    fn each_map_leads_to_the_parents_partitions() {
        let some = set(&[0, 2, 3, 8]);
        assert_eq!(some.through(&PartitionMap::OneToOne), some);
        let span = PartitionMap::Span {
            in_start: 10,
            out_start: 2,
            length: 3,
        };
        assert_eq!(some.through(&span), set(&[10, 11]));
        let lists = PartitionMap::Lists(vec![vec![4, 1], vec![2], vec![], vec![1]]);
        assert_eq!(set(&[0, 2, 3]).through(&lists), set(&[1, 4]));
    }
}
