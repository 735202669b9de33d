//! Two datasets or more, brought together by key.
//!
//! A partition's keys come in order of first appearance, those of the first dataset first, and a key's values in order of
//! arrival. Where the groups do not fit in the task's memory, keys come in the order of their hashes.

use std::hash::Hash;
use std::iter::Peekable;

use super::groups::{Groups, Hashed};
use crate::error::Result;
use crate::lineage::Parent;
use crate::record::Record;
use crate::shuffle::ByKey;
use crate::table::Table;
use crate::values::Values;

/// The groups of a side, in the order of the keys' hashes.
pub(crate) type InOrder<'s, K, G> = Box<dyn Iterator<Item = Hashed<K, G>> + 's>;

/// One dataset, or two sides: so any number of datasets.
pub(crate) trait Side {
    type Key: Hash + Eq;
    /// A partition's groups, in memory or put aside.
    type Gathered;
    /// A key's values in a table.
    type Held: Default;
    /// A key's values as the program gets them.
    type Group: Default;

    fn gather(&self, partition: u32) -> Self::Gathered;
    fn fits(gathered: &Self::Gathered) -> bool;
    /// What fits.
    fn held(gathered: Self::Gathered) -> Table<Self::Key, Self::Held>;
    fn group(held: Self::Held) -> Self::Group;
    /// The same, put aside where it is not yet.
    fn aside(gathered: Self::Gathered) -> Self::Gathered;
    fn in_order<'s>(gathered: Self::Gathered) -> InOrder<'s, Self::Key, Self::Group>
    where
        Self: 's;

    fn parents(&self) -> Vec<Parent<'_>>;
    fn prepare(&self) -> Result<()>;
}

impl<'a, K: Record + Hash + Eq + 'a, V: Record + 'a> Side for ByKey<'a, K, V> {
    type Key = K;
    type Gathered = Groups<K, V>;
    type Held = Vec<V>;
    type Group = Values<V>;

    fn gather(&self, partition: u32) -> Groups<K, V> {
        Groups::of(self.records(partition))
    }

    fn fits(gathered: &Groups<K, V>) -> bool {
        matches!(gathered, Groups::Here(_))
    }

    fn held(gathered: Groups<K, V>) -> Table<K, Vec<V>> {
        match gathered {
            Groups::Here(table) => table,
            Groups::Aside(_) => Table::new(),
        }
    }

    fn group(held: Vec<V>) -> Values<V> {
        held.into()
    }

    fn aside(gathered: Groups<K, V>) -> Groups<K, V> {
        gathered.aside()
    }

    fn in_order<'s>(gathered: Groups<K, V>) -> InOrder<'s, K, Values<V>>
    where
        Self: 's,
    {
        gathered.by_hash()
    }

    fn parents(&self) -> Vec<Parent<'_>> {
        self.parents()
    }

    fn prepare(&self) -> Result<()> {
        self.prepare()
    }
}

impl<L: Side, R: Side<Key = L::Key>> Side for (L, R) {
    type Key = L::Key;
    type Gathered = (L::Gathered, R::Gathered);
    type Held = (L::Held, R::Held);
    type Group = (L::Group, R::Group);

    fn gather(&self, partition: u32) -> Self::Gathered {
        let left = self.0.gather(partition);
        (left, self.1.gather(partition))
    }

    fn fits((left, right): &Self::Gathered) -> bool {
        L::fits(left) && R::fits(right)
    }

    fn held((left, right): Self::Gathered) -> Table<L::Key, Self::Held> {
        beside(L::held(left), R::held(right))
    }

    fn group((left, right): Self::Held) -> Self::Group {
        (L::group(left), R::group(right))
    }

    fn aside((left, right): Self::Gathered) -> Self::Gathered {
        let left = L::aside(left);
        (left, R::aside(right))
    }

    fn in_order<'s>(gathered: Self::Gathered) -> InOrder<'s, L::Key, Self::Group>
    where
        Self: 's,
    {
        // Before either is read, so that no table is in memory then.
        let (left, right) = Self::aside(gathered);
        let (mut left, mut right) = (L::in_order(left).peekable(), R::in_order(right).peekable());
        let mut ready = Vec::new().into_iter();
        Box::new(std::iter::from_fn(move || {
            loop {
                if let Some(found) = ready.next() {
                    return Some(found);
                }
                ready = of_next_hash(&mut left, &mut right)?.into_iter();
            }
        }))
    }

    fn parents(&self) -> Vec<Parent<'_>> {
        let mut parents = self.0.parents();
        parents.extend(self.1.parents());
        parents
    }

    fn prepare(&self) -> Result<()> {
        self.0.prepare()?;
        self.1.prepare()
    }
}

/// The keys of the left table, then those that the right one has alone.
fn beside<K: Hash + Eq, A: Default, B: Default>(
    left: Table<K, A>,
    right: Table<K, B>,
) -> Table<K, (A, B)> {
    let mut both = Table::new();
    left.into_entries().for_each(|entry| {
        let create = |key, held| (key, (held, B::default()));
        both.meet(entry.key, entry.slot, create, |_, _| {});
    });
    right.into_entries().for_each(|entry| {
        let create = |key, held| (key, (A::default(), held));
        both.meet(entry.key, entry.slot, create, |slot, held| slot.1 = held);
    });
    both
}

type Ahead<'s, K, G> = Peekable<InOrder<'s, K, G>>;

/// What both sides have for the keys of the next hash: mostly one key.
fn of_next_hash<K: Eq, A: Default, B: Default>(
    left: &mut Ahead<'_, K, A>,
    right: &mut Ahead<'_, K, B>,
) -> Option<Vec<Hashed<K, (A, B)>>> {
    let hashes = left.peek().map(|group| group.0).into_iter();
    let hash = hashes.chain(right.peek().map(|group| group.0)).min()?;
    let mut found: Vec<Hashed<K, (A, B)>> = Vec::new();
    while let Some((_, key, group)) = left.next_if(|group| group.0 == hash) {
        found.push((hash, key, (group, B::default())));
    }
    while let Some((_, key, group)) = right.next_if(|group| group.0 == hash) {
        match found.iter_mut().find(|(_, known, _)| *known == key) {
            Some((_, _, (_, missing))) => *missing = group,
            None => found.push((hash, key, (A::default(), group))),
        }
    }
    Some(found)
}
