//! Brings the values of each key together: before a shuffle within each partition, and behind it.
//!
//! Keys stay in order of first appearance and values in order of arrival, so the result is the same in every run. Where the
//! keys of a partition do not fit in the task's memory, they come in the order of their hashes.

use std::hash::Hash;
use std::marker::PhantomData;
use std::rc::Rc;

use crate::batch::{BATCH_BYTES, Batch};
use crate::error::Result;
use crate::lineage::{Lineage, Parent, Shuffle, next_shuffle};
use crate::memory::Watch;
use crate::pair::Partitioner;
use crate::pair::groups::{ByHash, Hashed, gather};
use crate::rdd::{Operation, Rdd, one_to_one};
use crate::record::{Record, from_bytes};
use crate::shuffle::{self, Route};
use crate::spill::{Run, RunWriter, Runs};
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

    fn of_values<K: Record + Hash + Eq>(
        &self,
        records: Records<'_, (K, V)>,
        put_aside: impl FnMut(Table<K, Slot<C>>) -> Result<()>,
    ) -> Table<K, Slot<C>> {
        let create = |key, value| keep(key, (self.create)(value));
        let add = |slot: &mut Slot<C>, value, _: &Watch| {
            *slot = slot.take().map(|old| (self.add)(old, value));
        };
        gather(records, create, add, put_aside)
    }

    fn of_combined<K: Record + Hash + Eq>(
        &self,
        records: Records<'_, (K, C)>,
        put_aside: impl FnMut(Table<K, Slot<C>>) -> Result<()>,
    ) -> Table<K, Slot<C>> {
        let merge = |slot: &mut Slot<C>, combined, _: &Watch| self.merge_into(slot, combined);
        gather(records, keep, merge, put_aside)
    }

    fn merge_into(&self, slot: &mut Slot<C>, combined: C) {
        *slot = slot.take().map(|old| (self.merge)(old, combined));
    }
}

/// A table's entry lives longer than the batch that its key came in.
fn keep<K: Record, C: Record>(mut key: K, mut combined: C) -> (K, Slot<C>) {
    key.detach();
    combined.detach();
    (key, Some(combined))
}

/// What was combined in memory, and the tables that were put aside before.
struct Combined<K, C> {
    table: Table<K, Slot<C>>,
    runs: Runs<Hashed<K, C>>,
}

impl<K: Record + Hash + Eq, C: Record> Combined<K, C> {
    /// The function makes the table. It is given what puts one aside.
    fn of(
        combine: impl FnOnce(&mut dyn FnMut(Table<K, Slot<C>>) -> Result<()>) -> Table<K, Slot<C>>,
    ) -> Self {
        let mut runs = Runs::new();
        let table = combine(&mut |table| {
            runs.push(put_aside(table)?);
            Ok(())
        });
        Self { table, runs }
    }

    /// Each key once.
    fn records<'s>(self, merge: impl Fn(&mut Slot<C>, C) + 's) -> Records<'s, (K, C)>
    where
        K: 's,
        C: 's,
    {
        if self.runs.is_empty() {
            let entries = self.table.into_entries();
            return Records::new(entries.filter_map(|entry| Some((entry.key, entry.slot?))));
        }
        match self.merged(merge) {
            Ok(records) => Records::new(records),
            Err(error) => {
                task::fail(error);
                Records::new(std::iter::empty())
            }
        }
    }

    fn merged<'s>(
        mut self,
        merge: impl Fn(&mut Slot<C>, C) + 's,
    ) -> Result<impl Iterator<Item = (K, C)> + 's>
    where
        K: 's,
        C: 's,
    {
        if !self.table.is_empty() {
            self.runs.push(put_aside(self.table)?);
        }
        let merged = self.runs.merged(|a, b| a.0.cmp(&b.0))?;
        let by_hash = ByHash::new(merged, Some, merge);
        Ok(by_hash.filter_map(|(_, key, slot)| Some((key, slot?))))
    }
}

fn put_aside<K: Record + Hash + Eq, C: Record>(table: Table<K, Slot<C>>) -> Result<Rc<Run>> {
    let mut writer = RunWriter::new();
    table.for_each_by_hash(|hash, entry| match &entry.slot {
        Some(combined) => writer.push(|out| {
            hash.encode(out);
            entry.key.encode(out);
            combined.encode(out);
        }),
        None => Ok(()),
    })?;
    writer.finish()
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
        let records = self.parent.records(partition);
        let combined = Combined::of(|put_aside| self.combiner.of_values(records, put_aside));
        combined.records(move |slot, combined| self.combiner.merge_into(slot, combined))
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
    partitioner: Partitioner<'a, K>,
}

impl<'a, K, V, B> CombineAcross<'a, K, V, B> {
    pub(crate) fn new(
        parent: Rdd<'a, (K, V)>,
        combiner: B,
        partitioner: Partitioner<'a, K>,
    ) -> Self {
        Self {
            parent,
            combiner,
            number: next_shuffle(),
            partitioner,
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
        self.partitioner.partitions()
    }

    fn bucket(&self, key: &[u8]) -> Result<u32> {
        self.partitioner.checked_bucket(&from_bytes(key)?)
    }

    fn write(&self, partition: u32) -> Result<()> {
        let records = self.parent.records(partition);
        // What does not fit is moved as it is: it is combined again behind the shuffle, so nothing is put aside here.
        let table = (self.combiner).of_values(records, |table| self.write_buckets(&table));
        task::check()?;
        self.write_buckets(&table)
    }
}

impl<K, V, C, Create, Add, Merge> CombineAcross<'_, K, V, Combiner<V, C, Create, Add, Merge>>
where
    K: Record + Hash + Eq,
    C: Record,
{
    fn write_buckets(&self, table: &Table<K, Slot<C>>) -> Result<()> {
        let mut batch = Batch::default();
        let bucket_of = |hash, key: &K| self.partitioner.bucket_of_hashed(hash, key);
        table.for_each_bucket(
            self.partitioner.partitions(),
            bucket_of,
            |bucket, entries| {
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
            },
        )
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
        let records = shuffle::read(self.number, partition);
        let combined = Combined::of(|put_aside| self.combiner.of_combined(records, put_aside));
        combined.records(move |slot, combined| self.combiner.merge_into(slot, combined))
    }

    fn parents(&self) -> Vec<Parent<'_>> {
        vec![Parent::Shuffle(self)]
    }

    fn prepare(&self) -> Result<()> {
        self.partitioner.prepare()
    }
}
