//! The operations on pairs of a key and a value.
//!
//! What moves records by key gives each key one partition, and remembers that, so that they are not moved twice.

mod actions;
mod cogroup;
mod combine;
mod combiner;
mod exact;
mod groups;
mod join;
mod partitioner;
mod ranges;
mod sample;
mod sides;
mod sort;
mod sorted;
mod subtract;
#[cfg(test)]
mod tests;

use std::hash::Hash;
use std::panic::Location;
use std::rc::Rc;

use partitioner::{Shape, default_partitioner};

pub use partitioner::Partitioner;
pub use ranges::Order;

use crate::lineage::Header;
use crate::rdd::Rdd;
use crate::record::Record;
use crate::shuffle::{Move, Partitioned};

impl<'a, K: 'a, V: 'a> Rdd<'a, (K, V)> {
    /// What decides where a shuffle moves the records to.
    fn shape(&self) -> Shape {
        (self.partitions(), self.partitioning())
    }

    /// The partitioner of a shuffle of this dataset alone, where the program names none.
    fn partitioner(&self) -> Partitioner<'a, K>
    where
        K: Hash,
    {
        default_partitioner(&[self.shape()])
    }

    /// The keys alone.
    #[track_caller]
    pub fn keys(&self) -> Rdd<'a, K> {
        self.mapped("keys", None, |(key, _)| key)
    }

    /// The values alone.
    #[track_caller]
    pub fn values(&self) -> Rdd<'a, V> {
        self.mapped("values", None, |(_, value)| value)
    }

    /// Applies a function to each value. The keys stay where they are.
    #[track_caller]
    pub fn map_values<W: 'a>(&self, f: impl Fn(V) -> W + 'a) -> Rdd<'a, (K, W)> {
        self.mapped("map_values", self.partitioning(), move |(key, value)| {
            (key, f(value))
        })
    }

    /// Applies a function to each value, and pairs the key with each value that it gives, of which there may be none. The
    /// keys stay where they are.
    #[track_caller]
    pub fn flat_map_values<I>(&self, f: impl Fn(V) -> I + 'a) -> Rdd<'a, (K, I::Item)>
    where
        K: Clone,
        I: IntoIterator + 'a,
        I::Item: 'a,
        I::IntoIter: 'a,
    {
        let f = Rc::new(f);
        self.partitions_mapped(
            "flat_map_values",
            Location::caller(),
            self.partitioning(),
            move |_, records| {
                let f = Rc::clone(&f);
                records.flat_map(move |(key, value)| {
                    let values = f(value).into_iter();
                    values.map(move |value| (key.clone(), value))
                })
            },
        )
    }
}

impl<'a, K: Record + 'a, V: Record + 'a> Rdd<'a, (K, V)> {
    /// Moves each record to the partition that the partitioner names, or to one of so many by the keys' hashes. Where an
    /// equal partitioner has put them, they stay.
    #[track_caller]
    pub fn partition_by(&self, partitioner: impl Into<Partitioner<'a, K>>) -> Self {
        let partitioner = partitioner.into();
        if self.partitioning() == Some(partitioner.partitioning()) {
            return self.clone();
        }
        let (partitions, partitioning) = (partitioner.partitions(), partitioner.partitioning());
        let header = Header::new(
            "partition_by",
            Location::caller(),
            partitions,
            Some(partitioning),
        );
        let shuffle = Move::new(self.clone(), partitioner, partitions);
        Self::new(header, Partitioned { shuffle })
    }
}
