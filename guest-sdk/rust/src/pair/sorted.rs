//! Sorts each partition by key, behind a shuffle.
//!
//! Records with equal keys stay in their order.

use std::cmp::Ordering;
use std::hint::black_box;
use std::rc::Rc;
use std::{mem, vec};

use super::ranges::Order;
use crate::batch::Decoded;
use crate::error::Result;
use crate::lineage::Parent;
use crate::memory::Watch;
use crate::rdd::Operation;
use crate::record::Record;
use crate::shuffle::{Move, Route};
use crate::spill::{Run, RunWriter, Runs};
use crate::stream::Records;
use crate::task;

/// The records of each partition, in order.
pub(crate) struct Sort<'a, K, V, R> {
    pub(crate) shuffle: Move<'a, K, V, R>,
    pub(crate) order: Order,
}

impl<'a, K: Record + Ord + 'a, V: Record + 'a, R: Route<K>> Operation for Sort<'a, K, V, R> {
    type Item = (K, V);

    fn compute<'s>(self: Rc<Self>, partition: u32) -> Records<'s, (K, V)>
    where
        Self: 's,
    {
        let records = self.shuffle.open(partition);
        match self.order {
            Order::Ascending => sorted(records, |a, b| a.0.cmp(&b.0)),
            Order::Descending => sorted(records, |a, b| b.0.cmp(&a.0)),
        }
    }

    fn parents(&self) -> Vec<Parent<'_>> {
        vec![Parent::Shuffle(&self.shuffle)]
    }

    fn prepare(&self) -> Result<()> {
        self.shuffle.prepare()
    }
}

/// The records in order; equal ones as they came. What does not fit in memory is sorted piece by piece, and merged.
fn sorted<'s, T, C>(mut records: Decoded<'_, T>, compare: C) -> Records<'s, T>
where
    T: Record + 's,
    C: Fn(&T, &T) -> Ordering + Copy + 's,
{
    let (mut collected, mut runs, mut watch) = (Vec::new(), Runs::new(), Watch::new());
    while records.decode_into(&mut collected) {
        watch.expect_growth(&collected, Decoded::<T>::DECODED_MAX);
        if watch.is_due() {
            match put_aside(mem::take(&mut collected), compare) {
                Ok(run) => runs.push(run),
                Err(error) => task::fail(error),
            }
            watch = Watch::new();
        }
    }
    if runs.is_empty() {
        collected.sort_by(compare);
        return Records::new(Touched::new(collected));
    }
    let merged = put_aside(collected, compare).and_then(|run| {
        runs.push(run);
        runs.merged(compare)
    });
    match merged {
        Ok(merged) => Records::new(merged),
        Err(error) => {
            task::fail(error);
            Records::new(std::iter::empty())
        }
    }
}

/// How many records are touched before the first of them is used: enough for the processor to fetch many at a time, and
/// few enough to stay in its first-level cache.
const TOUCHED: usize = 32;

/// Sorted records, each touched a little before it is used.
struct Touched<T> {
    records: vec::IntoIter<T>,
    /// How many of the next ones have been touched.
    ahead: usize,
}

impl<T: Record> Touched<T> {
    fn new(records: Vec<T>) -> Self {
        Self {
            records: records.into_iter(),
            ahead: 0,
        }
    }

    fn touch(&mut self) {
        let next = self.records.as_slice();
        self.ahead = next.len().min(TOUCHED);
        black_box(
            next[..self.ahead]
                .iter()
                .fold(0, |made, record| made ^ record.touch()),
        );
    }
}

impl<T: Record> Iterator for Touched<T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        if self.ahead == 0 {
            self.touch();
        }
        self.ahead = self.ahead.saturating_sub(1);
        self.records.next()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.records.size_hint()
    }
}

fn put_aside<T: Record>(
    mut records: Vec<T>,
    compare: impl Fn(&T, &T) -> Ordering,
) -> Result<Rc<Run>> {
    records.sort_by(compare);
    let mut writer = RunWriter::new();
    for record in Touched::new(records) {
        writer.push(|out| record.encode(out))?;
    }
    writer.finish()
}
