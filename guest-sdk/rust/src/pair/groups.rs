//! Brings records with equal keys together in a table; where that gets too large, in runs ordered by the keys' hashes.
//!
//! As long as the table fits, keys are in order of first appearance. Once a run was put aside they are in the order of
//! their hashes. The values of a key are in order of arrival either way.

use std::hash::Hash;
use std::mem;
use std::rc::Rc;

use crate::error::Result;
use crate::memory::Watch;
use crate::record::{Record, write_length};
use crate::spill::{Run, RunWriter, Runs};
use crate::stream::Records;
use crate::table::Table;
use crate::task;
use crate::values::Values;

/// Collects records in a table. Whenever it takes too much of the task's memory, it is put aside, and a new one begun.
pub(crate) fn gather<K: Hash + Eq, V, S>(
    records: Records<'_, (K, V)>,
    create: impl Fn(K, V) -> (K, S),
    add: impl Fn(&mut S, V, &Watch),
    mut put_aside: impl FnMut(Table<K, S>) -> Result<()>,
) -> Table<K, S> {
    let (mut table, mut watch) = (Table::new(), Watch::new());
    records.for_each(|(key, value)| {
        let is_new = table.meet(key, value, &create, |slot, value| add(slot, value, &watch));
        if is_new {
            watch.expect(table.growth());
        }
        // A number that is added to takes no more memory than before.
        if (is_new || mem::needs_drop::<S>()) && watch.is_due() {
            if let Err(error) = put_aside(mem::replace(&mut table, Table::new())) {
                task::fail(error);
            }
            watch = Watch::new();
        }
    });
    table
}

/// A record of a run: the key's hash, the key, and what belongs to it.
pub(crate) type Hashed<K, V> = (u64, K, V);

/// What belongs to each key, in the order of the keys' hashes.
pub(crate) struct ByHash<I: Iterator, K, S, Create, Add> {
    /// Ordered by hash.
    records: I,
    /// The first of the next hash.
    next: Option<I::Item>,
    /// The keys of the last hash: mostly one.
    ready: std::vec::IntoIter<(K, S)>,
    hash: u64,
    create: Create,
    add: Add,
}

impl<I, K, V, S, Create, Add> ByHash<I, K, S, Create, Add>
where
    I: Iterator<Item = Hashed<K, V>>,
    K: Eq,
    Create: Fn(V) -> S,
    Add: Fn(&mut S, V),
{
    pub(crate) fn new(records: I, create: Create, add: Add) -> Self {
        Self {
            records,
            next: None,
            ready: Vec::new().into_iter(),
            hash: 0,
            create,
            add,
        }
    }

    /// Reads all records of the next hash; none at the end.
    fn advance(&mut self) -> Option<()> {
        let (hash, key, value) = self.next.take().or_else(|| self.records.next())?;
        let mut found = vec![(key, (self.create)(value))];
        for record in self.records.by_ref() {
            if record.0 != hash {
                self.next = Some(record);
                break;
            }
            let (_, key, value) = record;
            match found.iter_mut().find(|(known, _)| *known == key) {
                Some((_, slot)) => (self.add)(slot, value),
                None => found.push((key, (self.create)(value))),
            }
        }
        self.hash = hash;
        self.ready = found.into_iter();
        Some(())
    }
}

impl<I, K, V, S, Create, Add> Iterator for ByHash<I, K, S, Create, Add>
where
    I: Iterator<Item = Hashed<K, V>>,
    K: Eq,
    Create: Fn(V) -> S,
    Add: Fn(&mut S, V),
{
    type Item = Hashed<K, S>;

    fn next(&mut self) -> Option<Hashed<K, S>> {
        loop {
            if let Some((key, slot)) = self.ready.next() {
                return Some((self.hash, key, slot));
            }
            self.advance()?;
        }
    }
}

/// The values of each key of a partition.
pub(crate) enum Groups<K, V> {
    Here(Table<K, Vec<V>>),
    /// In pieces: a key with many values comes several times.
    Aside(Runs<Hashed<K, Vec<V>>>),
}

impl<K: Record + Hash + Eq, V: Record> Groups<K, V> {
    pub(crate) fn of(records: Records<'_, (K, V)>) -> Self {
        let mut runs = Runs::new();
        let create = |mut key: K, value| {
            key.detach();
            (key, vec![value])
        };
        let add = |values: &mut Vec<V>, value, watch: &Watch| {
            values.push(value);
            watch.expect_growth(values, 1);
        };
        let table = gather(records, create, add, |table| {
            runs.push(put_aside(table)?);
            Ok(())
        });
        match runs.is_empty() {
            true => Self::Here(table),
            false => Self::Aside(runs).and(table),
        }
    }

    /// The same, put aside where it is not yet.
    pub(crate) fn aside(self) -> Self {
        match self {
            Self::Here(table) => Self::Aside(Runs::new()).and(table),
            aside => aside,
        }
    }

    /// Adds a last table to the runs.
    fn and(mut self, table: Table<K, Vec<V>>) -> Self {
        if let Self::Aside(runs) = &mut self
            && !table.is_empty()
        {
            match put_aside(table) {
                Ok(run) => runs.push(run),
                Err(error) => task::fail(error),
            }
        }
        self
    }

    /// The groups in the order of the keys' hashes. Only what was put aside has one.
    pub(crate) fn by_hash<'s>(self) -> Box<dyn Iterator<Item = Hashed<K, Values<V>>> + 's>
    where
        K: 's,
        V: 's,
    {
        let Self::Aside(runs) = self.aside() else {
            return Box::new(std::iter::empty());
        };
        match runs.merged(|a, b| a.0.cmp(&b.0)) {
            Ok(pieces) => Box::new(
                ByHash::new(pieces, Group::of, Group::add)
                    .map(|(hash, key, group)| (hash, key, group.into_values())),
            ),
            Err(error) => {
                task::fail(error);
                Box::new(std::iter::empty())
            }
        }
    }
}

/// A piece of a group has about so many bytes: one of each run is in memory while they are merged.
const PIECE_BYTES: usize = 16 << 10;

fn put_aside<K: Record + Hash + Eq, V: Record>(table: Table<K, Vec<V>>) -> Result<Rc<Run>> {
    let mut writer = RunWriter::new();
    let mut piece = Vec::new();
    table.for_each_by_hash(|hash, entry| {
        let mut values = &entry.slot[..];
        while !values.is_empty() {
            piece.clear();
            let taken = values.iter().take_while(|value| {
                let fits = piece.len() < PIECE_BYTES;
                if fits {
                    value.encode(&mut piece);
                }
                fits
            });
            let count = taken.count();
            writer.push(|out| {
                hash.encode(out);
                entry.key.encode(out);
                write_length(count, out);
                out.extend_from_slice(&piece);
            })?;
            values = &values[count..];
        }
        Ok(())
    })?;
    writer.finish()
}

/// A group gets this part of the task's memory before it is a run of its own.
const GROUP_PART: usize = 8;

/// The values of one key, as its pieces come.
struct Group<V> {
    values: Vec<V>,
    watch: Watch,
    aside: Option<Aside>,
}

/// Values of a group that is too large.
struct Aside {
    writer: RunWriter,
    count: usize,
    /// What is written is lost: the task fails.
    failed: bool,
}

impl Aside {
    fn push<V: Record>(&mut self, value: &V) {
        if self.failed {
            return;
        }
        match self.writer.push(|out| value.encode(out)) {
            Ok(()) => self.count += 1,
            Err(error) => {
                task::fail(error);
                self.failed = true;
            }
        }
    }
}

impl<V: Record> Group<V> {
    fn of(values: Vec<V>) -> Self {
        Self {
            values,
            watch: Watch::of_part(GROUP_PART),
            aside: None,
        }
    }

    fn add(&mut self, mut piece: Vec<V>) {
        let count = self.values.len() + piece.len();
        if count > self.values.capacity() {
            let grown = count.max(2 * self.values.capacity());
            self.watch.expect(grown * size_of::<V>());
        }
        if self.aside.is_none() && self.watch.is_due() {
            self.aside = Some(Aside {
                writer: RunWriter::new(),
                count: 0,
                failed: false,
            });
        }
        match &mut self.aside {
            None => self.values.append(&mut piece),
            Some(aside) => {
                let all = mem::take(&mut self.values).into_iter().chain(piece);
                all.for_each(|value| aside.push(&value));
            }
        }
    }

    fn into_values(self) -> Values<V> {
        let Some(Aside { writer, count, .. }) = self.aside else {
            return Values::from(self.values);
        };
        match writer.finish() {
            Ok(run) => Values::of_run(run, count),
            Err(error) => {
                task::fail(error);
                Values::from(Vec::new())
            }
        }
    }
}
