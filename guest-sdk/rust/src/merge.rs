//! Makes one ordered sequence of several: a tree of losers, one comparison for each level and record.
//!
//! Of equal records that of the earliest sequence comes first. An order that contradicts itself gives some order.

use std::cmp::Ordering;

/// The merged sequence.
pub(crate) struct Merge<I: Iterator, C> {
    runs: Vec<I>,
    /// What each sequence gives next.
    heads: Vec<Option<I::Item>>,
    /// At 0 whose head is next; at each other place who lost there. Sequence `i` is the leaf `len + i`.
    tree: Vec<usize>,
    compare: C,
}

/// A place where nobody has lost yet.
const NOBODY: usize = usize::MAX;

impl<I: Iterator, C: Fn(&I::Item, &I::Item) -> Ordering> Merge<I, C> {
    pub(crate) fn new(mut runs: Vec<I>, compare: C) -> Self {
        let heads = runs.iter_mut().map(I::next).collect();
        let mut merge = Self {
            tree: vec![NOBODY; runs.len()],
            runs,
            heads,
            compare,
        };
        (0..merge.runs.len()).for_each(|run| merge.play(run));
        merge
    }

    /// Lets a sequence's new head play from its leaf to the root.
    #[inline]
    fn play(&mut self, run: usize) {
        let mut winner = run;
        let mut place = (run + self.runs.len()) / 2;
        while place > 0 {
            let loser = self.tree[place];
            if loser == NOBODY {
                self.tree[place] = winner;
                return;
            }
            if self.is_before(loser, winner) {
                self.tree[place] = winner;
                winner = loser;
            }
            place /= 2;
        }
        self.tree[0] = winner;
    }

    #[inline]
    fn is_before(&self, run: usize, other: usize) -> bool {
        match (&self.heads[run], &self.heads[other]) {
            (Some(head), Some(against)) => match (self.compare)(head, against) {
                Ordering::Less => true,
                Ordering::Equal => run < other,
                Ordering::Greater => false,
            },
            (head, _) => head.is_some(),
        }
    }
}

impl<I: Iterator, C: Fn(&I::Item, &I::Item) -> Ordering> Iterator for Merge<I, C> {
    type Item = I::Item;

    #[inline]
    fn next(&mut self) -> Option<I::Item> {
        let first = *self.tree.first()?;
        let record = self.heads[first].take()?;
        self.heads[first] = self.runs[first].next();
        self.play(first);
        Some(record)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::hash_of;

    #[test]
    fn sequences_of_any_number_and_length_are_merged_and_equals_keep_their_order() {
        for count in 0..20u64 {
            let run = |number: u64| {
                let length = hash_of(&(count, number)) % 30;
                let mut run: Vec<_> = (0..length)
                    .map(|at| (hash_of(&(number, at)) % 10, number, at))
                    .collect();
                run.sort();
                run
            };
            let runs: Vec<Vec<_>> = (0..count).map(run).collect();
            let mut expected = runs.concat();
            expected.sort();
            let runs = runs.into_iter().map(Vec::into_iter).collect();
            let merge = Merge::new(runs, |a: &(u64, u64, u64), b: &_| a.0.cmp(&b.0));
            assert_eq!(merge.collect::<Vec<_>>(), expected, "{count}");
        }
    }

    #[test]
    fn an_order_that_contradicts_itself_loses_nothing() {
        let runs = (0..5u64).map(|run| (0..10u64).map(move |at| (run, at)));
        let broken = |a: &(u64, u64), b: &(u64, u64)| match hash_of(&(*a, *b)) % 3 {
            0 => Ordering::Less,
            1 => Ordering::Equal,
            _ => Ordering::Greater,
        };
        let mut merged: Vec<_> = Merge::new(runs.clone().collect(), broken).collect();
        merged.sort_unstable();
        assert_eq!(merged, runs.flatten().collect::<Vec<_>>());
    }
}
