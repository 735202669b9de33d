//! Brings the values of each key together: before a shuffle within each partition, and behind it.
//!
//! Keys stay in order of first appearance and values in order of arrival, so the result is the same in every run.

use std::hash::Hash;
use std::marker::PhantomData;
use std::rc::Rc;

use crate::batch::{BATCH_BYTES, Batch};
use crate::error::Result;
use crate::lineage::{Lineage, Parent, Shuffle, expect_partitions, next_shuffle};
use crate::rdd::{Operation, Rdd, one_to_one};
use crate::record::Record;
use crate::shuffle;
use crate::stream::Records;
use crate::table::Table;
use crate::task;

/// Spark's three functions: the first value of a key, a further one, and what two partitions made of the same key.
pub(crate) struct Combiner<V, C, Create, Add, Merge> {
    create: Create,
    add: Add,
    merge: Merge,
    types: PhantomData<fn(V) -> C>,
}

/// A combined value. It is empty only while one of the functions runs, which takes the old value and gives the new.
type Slot<C> = Option<C>;

impl<V, C, Create, Add, Merge> Combiner<V, C, Create, Add, Merge>
where
    C: Record,
    Create: Fn(V) -> C,
    Add: Fn(C, V) -> C,
    Merge: Fn(C, C) -> C,
{
    pub(crate) fn new(create: Create, add: Add, merge: Merge) -> Self {
        Self {
            create,
            add,
            merge,
            types: PhantomData,
        }
    }

    fn of_values<K: Record + Hash + Eq>(&self, records: Records<'_, (K, V)>) -> Table<K, Slot<C>> {
        let mut table = Table::new();
        let create = |key, value| keep(key, (self.create)(value));
        let add = |slot: &mut Slot<C>, value| *slot = slot.take().map(|old| (self.add)(old, value));
        records.for_each(|(key, value)| table.meet(key, value, create, add));
        table
    }

    fn of_combined<K: Record + Hash + Eq>(
        &self,
        records: Records<'_, (K, C)>,
    ) -> Table<K, Slot<C>> {
        let mut table = Table::new();
        let merge = |slot: &mut Slot<C>, combined| {
            *slot = slot.take().map(|old| (self.merge)(old, combined));
        };
        records.for_each(|(key, combined)| table.meet(key, combined, keep, merge));
        table
    }
}

/// A table's entry lives longer than the batch that its key came in.
fn keep<K: Record, C: Record>(mut key: K, mut combined: C) -> (K, Slot<C>) {
    key.detach();
    combined.detach();
    (key, Some(combined))
}

fn combined<'s, K: Hash + Eq + 's, C: 's>(table: Table<K, Slot<C>>) -> Records<'s, (K, C)> {
    Records::new(
        table
            .into_entries()
            .filter_map(|entry| Some((entry.key, entry.slot?))),
    )
}

/// Combines within each partition: for records whose keys are where they belong already.
pub(crate) struct CombineHere<'a, K, V, B> {
    pub(crate) parent: Rdd<'a, (K, V)>,
    pub(crate) combiner: B,
}

impl<K, V, C, Create, Add, Merge> Operation
    for CombineHere<'_, K, V, Combiner<V, C, Create, Add, Merge>>
where
    K: Record + Hash + Eq,
    C: Record,
    Create: Fn(V) -> C,
    Add: Fn(C, V) -> C,
    Merge: Fn(C, C) -> C,
{
    type Item = (K, C);

    fn compute<'s>(self: Rc<Self>, partition: u32) -> Records<'s, (K, C)>
    where
        Self: 's,
    {
        combined(self.combiner.of_values(self.parent.records(partition)))
    }

    fn parents(&self) -> Vec<Parent<'_>> {
        one_to_one(&self.parent)
    }
}

/// Combines within each partition, moves what came out to its key's bucket, and combines again there.
pub(crate) struct CombineAcross<'a, K, V, B> {
    parent: Rdd<'a, (K, V)>,
    combiner: B,
    number: u32,
    partitions: u32,
}

impl<'a, K, V, B> CombineAcross<'a, K, V, B> {
    pub(crate) fn new(parent: Rdd<'a, (K, V)>, combiner: B, partitions: u32) -> Self {
        Self {
            parent,
            combiner,
            number: next_shuffle(),
            partitions,
        }
    }
}

impl<K, V, C, Create, Add, Merge> Shuffle
    for CombineAcross<'_, K, V, Combiner<V, C, Create, Add, Merge>>
where
    K: Record + Hash + Eq,
    C: Record,
    Create: Fn(V) -> C,
    Add: Fn(C, V) -> C,
    Merge: Fn(C, C) -> C,
{
    fn number(&self) -> u32 {
        self.number
    }

    fn parent(&self) -> &dyn Lineage {
        &self.parent
    }

    fn partitions(&self) -> u32 {
        self.partitions
    }

    fn write(&self, partition: u32) -> Result<()> {
        let table = self.combiner.of_values(self.parent.records(partition));
        task::check()?;
        let mut batch = Batch::default();
        table.for_each_bucket(self.partitions, |bucket, entries| {
            for entry in entries {
                batch.push(|out| {
                    entry.key.encode(out);
                    if let Some(combined) = &entry.slot {
                        combined.encode(out);
                    }
                });
                if batch.len() >= BATCH_BYTES {
                    shuffle::write(bucket, &mut batch)?;
                }
            }
            shuffle::write(bucket, &mut batch)
        })
    }
}

impl<K, V, C, Create, Add, Merge> Operation
    for CombineAcross<'_, K, V, Combiner<V, C, Create, Add, Merge>>
where
    K: Record + Hash + Eq,
    C: Record,
    Create: Fn(V) -> C,
    Add: Fn(C, V) -> C,
    Merge: Fn(C, C) -> C,
{
    type Item = (K, C);

    fn compute<'s>(self: Rc<Self>, partition: u32) -> Records<'s, (K, C)>
    where
        Self: 's,
    {
        combined(
            self.combiner
                .of_combined(shuffle::read(self.number, partition)),
        )
    }

    fn parents(&self) -> Vec<Parent<'_>> {
        vec![Parent::Shuffle(self)]
    }

    fn prepare(&self) -> Result<()> {
        expect_partitions(self.partitions)
    }
}
