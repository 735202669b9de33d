//! Moves records by their places, whatever they are.

use std::rc::Rc;

use crate::error::{Error, ErrorKind, Result};
use crate::lineage::{Lineage, Parent, Shuffle, expect_partitions, next_shuffle};
use crate::rdd::{Operation, Rdd};
use crate::record::Record;
use crate::shuffle::{distribute, read};
use crate::stream::Records;

/// Moves each record to the bucket that its place says. A bucket holds its records in the order in which they were.
pub(crate) struct Scatter<'a, T, F> {
    parent: Rdd<'a, T>,
    /// The buckets of a partition's records, one after the other, without end.
    buckets: F,
    number: u32,
    partitions: u32,
}

impl<'a, T, F> Scatter<'a, T, F> {
    pub(crate) fn new(parent: Rdd<'a, T>, buckets: F, partitions: u32) -> Self {
        Self {
            parent,
            buckets,
            number: next_shuffle(),
            partitions,
        }
    }
}

impl<T, F, I> Shuffle for Scatter<'_, T, F>
where
    T: Record,
    F: Fn(u32) -> I,
    I: Iterator<Item = u32>,
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

    fn bucket(&self, _: &[u8]) -> Result<u32> {
        let reason = "records that were moved by their places have no bucket of a key";
        Err(Error::of(ErrorKind::InvalidArgument, reason))
    }

    fn write(&self, partition: u32) -> Result<()> {
        let mut buckets = (self.buckets)(partition);
        let next = |_: &T| buckets.next().unwrap_or(0);
        distribute(self.parent.records(partition), self.partitions, next)
    }
}

impl<T, F, I> Operation for Scatter<'_, T, F>
where
    T: Record,
    F: Fn(u32) -> I,
    I: Iterator<Item = u32>,
{
    type Item = T;

    fn compute<'s>(self: Rc<Self>, partition: u32) -> Records<'s, T>
    where
        Self: 's,
    {
        read(self.number, partition)
    }

    fn parents(&self) -> Vec<Parent<'_>> {
        vec![Parent::Shuffle(self)]
    }

    fn prepare(&self) -> Result<()> {
        expect_partitions(self.partitions)
    }
}
