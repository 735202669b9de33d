//! Groups the values of each key, and joins two datasets by key.
//!
//! A partition's keys come in order of first appearance, a key's values in order of arrival.

use std::hash::Hash;
use std::rc::Rc;

use crate::error::Result;
use crate::lineage::Parent;
use crate::rdd::Operation;
use crate::record::Record;
use crate::shuffle::ByKey;
use crate::stream::Records;
use crate::table::Table;

/// The values of each key.
fn group<K: Record + Hash + Eq, V: Record>(records: Records<'_, (K, V)>) -> Table<K, Vec<V>> {
    let mut table = Table::new();
    let create = |mut key: K, value| {
        key.detach();
        (key, vec![value])
    };
    records.for_each(|(key, value)| table.meet(key, value, create, Vec::push));
    table
}

/// All values of each key together.
pub(crate) struct Group<'a, K, V> {
    pub(crate) side: ByKey<'a, K, V>,
}

impl<K: Record + Hash + Eq, V: Record> Operation for Group<'_, K, V> {
    type Item = (K, Vec<V>);

    fn compute<'s>(self: Rc<Self>, partition: u32) -> Records<'s, (K, Vec<V>)>
    where
        Self: 's,
    {
        let table = group(self.side.records(partition));
        Records::new(table.into_entries().map(|entry| (entry.key, entry.slot)))
    }

    fn parents(&self) -> Vec<Parent<'_>> {
        self.side.parents()
    }

    fn prepare(&self) -> Result<()> {
        self.side.prepare()
    }
}

/// Each pair of values that have a key in common. The left side is held, the right side streams by.
pub(crate) struct Join<'a, K, V, W> {
    pub(crate) left: ByKey<'a, K, V>,
    pub(crate) right: ByKey<'a, K, W>,
}

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
        let held = Rc::new(group(self.left.records(partition)));
        Records::new(self.right.records(partition).flat_map(move |(key, right)| {
            let held = Rc::clone(&held);
            let count = held.get(&key).map_or(0, Vec::len);
            (0..count).filter_map(move |at| {
                let left = held.get(&key)?.get(at)?.clone();
                Some((key.clone(), (left, right.clone())))
            })
        }))
    }

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
