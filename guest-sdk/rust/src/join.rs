//! Groups the values of each key, and brings two datasets together by key.
//!
//! A partition's keys come in order of first appearance, a key's values in order of arrival. Where the groups do not fit
//! in the task's memory, keys come in the order of their hashes.

use std::hash::Hash;
use std::iter::Peekable;
use std::mem;
use std::rc::Rc;

use crate::error::Result;
use crate::group::{Groups, Hashed};
use crate::lineage::Parent;
use crate::rdd::Operation;
use crate::record::Record;
use crate::shuffle::ByKey;
use crate::stream::Records;
use crate::table::Table;
use crate::values::Values;

/// All values of each key together.
pub(crate) struct Group<'a, K, V> {
    pub(crate) side: ByKey<'a, K, V>,
}

impl<K: Record + Hash + Eq, V: Record> Operation for Group<'_, K, V> {
    type Item = (K, Values<V>);

    fn compute<'s>(self: Rc<Self>, partition: u32) -> Records<'s, (K, Values<V>)>
    where
        Self: 's,
    {
        match Groups::of(self.side.records(partition)) {
            Groups::Here(table) => Records::new(
                table
                    .into_entries()
                    .map(|entry| (entry.key, Values::from(entry.slot))),
            ),
            aside => Records::new(aside.by_hash().map(|(_, key, values)| (key, values))),
        }
    }

    fn parents(&self) -> Vec<Parent<'_>> {
        self.side.parents()
    }

    fn prepare(&self) -> Result<()> {
        self.side.prepare()
    }
}

/// Two datasets by key.
pub(crate) struct Sides<'a, K, V, W> {
    pub(crate) left: ByKey<'a, K, V>,
    pub(crate) right: ByKey<'a, K, W>,
}

impl<'a, K: Record + Hash + Eq + 'a, V: Record + 'a, W: Record + 'a> Sides<'a, K, V, W> {
    fn parents(&self) -> Vec<Parent<'_>> {
        let mut parents = self.left.parents();
        parents.extend(self.right.parents());
        parents
    }

    fn prepare(&self) -> Result<()> {
        self.left.prepare()?;
        self.right.prepare()
    }
}

/// The values that each key has on either side.
pub(crate) struct Cogroup<'a, K, V, W>(pub(crate) Sides<'a, K, V, W>);

impl<K: Record + Hash + Eq, V: Record, W: Record> Operation for Cogroup<'_, K, V, W> {
    type Item = (K, (Values<V>, Values<W>));

    fn compute<'s>(self: Rc<Self>, partition: u32) -> Records<'s, Self::Item>
    where
        Self: 's,
    {
        let left = Groups::of(self.0.left.records(partition));
        match (left, Groups::of(self.0.right.records(partition))) {
            (Groups::Here(left), Groups::Here(right)) => Records::new(paired_here(left, right)),
            (left, right) => Records::new(paired_by_hash(left, right)),
        }
    }

    fn parents(&self) -> Vec<Parent<'_>> {
        self.0.parents()
    }

    fn prepare(&self) -> Result<()> {
        self.0.prepare()
    }
}

/// The keys of the left table, then those that the right one has alone.
fn paired_here<K: Hash + Eq, V, W>(
    left: Table<K, Vec<V>>,
    mut right: Table<K, Vec<W>>,
) -> impl Iterator<Item = (K, (Values<V>, Values<W>))> {
    let mut rights = None;
    let mut lefts = left.into_entries();
    std::iter::from_fn(move || {
        if let Some(entry) = lefts.next() {
            let matching = right.get_mut(&entry.key).map(mem::take).unwrap_or_default();
            return Some((entry.key, (entry.slot.into(), matching.into())));
        }
        let rest =
            rights.get_or_insert_with(|| mem::replace(&mut right, Table::new()).into_entries());
        // Those that were taken above are empty: no group is.
        let entry = rest.find(|entry| !entry.slot.is_empty())?;
        Some((entry.key, (Vec::new().into(), entry.slot.into())))
    })
}

/// Each pair of values that have a key in common. The left side is held, the right side streams by; where the left side
/// is too large, both are grouped.
pub(crate) struct Join<'a, K, V, W>(pub(crate) Sides<'a, K, V, W>);

impl<K, V, W> Operation for Join<'_, K, V, W>
where
    K: Record + Hash + Eq + Clone,
    V: Record + Clone,
    W: Record + Clone,
{
    type Item = (K, (V, W));

    fn compute<'s>(self: Rc<Self>, partition: u32) -> Records<'s, (K, (V, W))>
    where
        Self: 's,
    {
        let rights = self.0.right.records(partition);
        match Groups::of(self.0.left.records(partition)) {
            Groups::Here(held) => Records::new(streamed(held, rights)),
            left => {
                let both = paired_by_hash(left, Groups::of(rights));
                Records::new(both.flat_map(|(key, (left, right))| pairs(key, left, right)))
            }
        }
    }

    fn parents(&self) -> Vec<Parent<'_>> {
        self.0.parents()
    }

    fn prepare(&self) -> Result<()> {
        self.0.prepare()
    }
}

fn streamed<'s, K, V, W>(
    held: Table<K, Vec<V>>,
    rights: Records<'s, (K, W)>,
) -> impl Iterator<Item = (K, (V, W))> + 's
where
    K: Hash + Eq + Clone + 's,
    V: Clone + 's,
    W: Clone + 's,
{
    let held = Rc::new(held);
    rights.flat_map(move |(key, right)| {
        let held = Rc::clone(&held);
        let count = held.get(&key).map_or(0, Vec::len);
        (0..count).filter_map(move |at| {
            let left = held.get(&key)?.get(at)?.clone();
            Some((key.clone(), (left, right.clone())))
        })
    })
}

/// Each value of the right with all of the left, which are read again for it.
fn pairs<K: Clone, V: Clone, W: Clone>(
    key: K,
    left: Values<V>,
    right: Values<W>,
) -> impl Iterator<Item = (K, (V, W))> {
    right.flat_map(move |right| {
        let key = key.clone();
        let left = left.clone();
        left.map(move |left| (key.clone(), (left, right.clone())))
    })
}

type Sided<'s, K, V> = Peekable<Box<dyn Iterator<Item = Hashed<K, Values<V>>> + 's>>;

/// Both sides, put aside, in the order of the keys' hashes.
fn paired_by_hash<'s, K, V, W>(
    left: Groups<K, V>,
    right: Groups<K, W>,
) -> impl Iterator<Item = (K, (Values<V>, Values<W>))> + 's
where
    K: Record + Hash + Eq + 's,
    V: Record + 's,
    W: Record + 's,
{
    // Before the other is read, so that neither table is in memory then.
    let (left, right) = (left.aside(), right.aside());
    let (mut left, mut right) = (left.by_hash().peekable(), right.by_hash().peekable());
    let mut ready = Vec::new().into_iter();
    std::iter::from_fn(move || {
        loop {
            if let Some(pair) = ready.next() {
                return Some(pair);
            }
            ready = of_next_hash(&mut left, &mut right)?.into_iter();
        }
    })
}

/// What both sides have for the keys of the next hash: mostly one key.
fn of_next_hash<K: Eq, V, W>(
    left: &mut Sided<'_, K, V>,
    right: &mut Sided<'_, K, W>,
) -> Option<Vec<(K, (Values<V>, Values<W>))>> {
    let hashes = left.peek().map(|group| group.0).into_iter();
    let hash = hashes.chain(right.peek().map(|group| group.0)).min()?;
    let mut found: Vec<(K, (Values<V>, Values<W>))> = Vec::new();
    while let Some((_, key, values)) = left.next_if(|group| group.0 == hash) {
        found.push((key, (values, Vec::new().into())));
    }
    while let Some((_, key, values)) = right.next_if(|group| group.0 == hash) {
        match found.iter_mut().find(|(known, _)| *known == key) {
            Some((_, (_, missing))) => *missing = values,
            None => found.push((key, (Vec::new().into(), values))),
        }
    }
    Some(found)
}
