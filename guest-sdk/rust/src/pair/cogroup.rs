//! All values of each key together, of one dataset or of several.

use std::hash::Hash;
use std::panic::Location;
use std::rc::Rc;

use super::partitioner::{Partitioner, default_partitioner};
use super::sides::Side;
use crate::error::Result;
use crate::lineage::{Header, Parent};
use crate::rdd::{Operation, Rdd};
use crate::record::Record;
use crate::shuffle::ByKey;
use crate::stream::Records;
use crate::values::{Cogrouped, Cogrouped3, Cogrouped4, Values};

impl<'a, K: Record + Hash + Eq + 'a, V: Record + 'a> Rdd<'a, (K, V)> {
    /// Brings the values of each key together, in the order in which they come. A group may be larger than a task's memory.
    #[track_caller]
    pub fn group_by_key(&self) -> Rdd<'a, (K, Values<V>)> {
        self.grouped(Location::caller(), self.partitioner())
    }

    /// The same, where the partitioner says.
    #[track_caller]
    pub fn group_by_key_in(
        &self,
        partitioner: impl Into<Partitioner<'a, K>>,
    ) -> Rdd<'a, (K, Values<V>)> {
        self.grouped(Location::caller(), partitioner.into())
    }

    pub(super) fn grouped(
        &self,
        site: &'static Location<'static>,
        partitioner: Partitioner<'a, K>,
    ) -> Rdd<'a, (K, Values<V>)> {
        let side = ByKey::of(self, &partitioner);
        cogrouped("group_by_key", site, &partitioner, side, |group| group)
    }

    /// Brings the values of each key together that either dataset has, those of this one and those of the other. A group may
    /// be larger than a task's memory.
    #[track_caller]
    pub fn cogroup<W: Record + 'a>(
        &self,
        other: &Rdd<'a, (K, W)>,
    ) -> Rdd<'a, (K, Cogrouped<V, W>)> {
        let partitioner = default_partitioner(&[self.shape(), other.shape()]);
        self.cogrouped(Location::caller(), other, partitioner)
    }

    /// The same, where the partitioner says.
    #[track_caller]
    pub fn cogroup_in<W: Record + 'a>(
        &self,
        other: &Rdd<'a, (K, W)>,
        partitioner: impl Into<Partitioner<'a, K>>,
    ) -> Rdd<'a, (K, Cogrouped<V, W>)> {
        self.cogrouped(Location::caller(), other, partitioner.into())
    }

    fn cogrouped<W: Record + 'a>(
        &self,
        site: &'static Location<'static>,
        other: &Rdd<'a, (K, W)>,
        partitioner: Partitioner<'a, K>,
    ) -> Rdd<'a, (K, Cogrouped<V, W>)> {
        let sides = (
            ByKey::of(self, &partitioner),
            ByKey::of(other, &partitioner),
        );
        cogrouped("cogroup", site, &partitioner, sides, |groups| groups)
    }

    /// The values that each key has in this dataset and in two others.
    #[track_caller]
    pub fn cogroup3<W: Record + 'a, X: Record + 'a>(
        &self,
        second: &Rdd<'a, (K, W)>,
        third: &Rdd<'a, (K, X)>,
    ) -> Rdd<'a, (K, Cogrouped3<V, W, X>)> {
        let partitioner = default_partitioner(&[self.shape(), second.shape(), third.shape()]);
        self.cogrouped3(Location::caller(), second, third, partitioner)
    }

    /// The same, where the partitioner says.
    #[track_caller]
    pub fn cogroup3_in<W: Record + 'a, X: Record + 'a>(
        &self,
        second: &Rdd<'a, (K, W)>,
        third: &Rdd<'a, (K, X)>,
        partitioner: impl Into<Partitioner<'a, K>>,
    ) -> Rdd<'a, (K, Cogrouped3<V, W, X>)> {
        self.cogrouped3(Location::caller(), second, third, partitioner.into())
    }

    fn cogrouped3<W: Record + 'a, X: Record + 'a>(
        &self,
        site: &'static Location<'static>,
        second: &Rdd<'a, (K, W)>,
        third: &Rdd<'a, (K, X)>,
        partitioner: Partitioner<'a, K>,
    ) -> Rdd<'a, (K, Cogrouped3<V, W, X>)> {
        let sides = (
            (
                ByKey::of(self, &partitioner),
                ByKey::of(second, &partitioner),
            ),
            ByKey::of(third, &partitioner),
        );
        cogrouped("cogroup3", site, &partitioner, sides, |((v, w), x)| {
            (v, w, x)
        })
    }

    /// The values that each key has in this dataset and in three others.
    #[track_caller]
    pub fn cogroup4<W: Record + 'a, X: Record + 'a, Y: Record + 'a>(
        &self,
        second: &Rdd<'a, (K, W)>,
        third: &Rdd<'a, (K, X)>,
        fourth: &Rdd<'a, (K, Y)>,
    ) -> Rdd<'a, (K, Cogrouped4<V, W, X, Y>)> {
        let shapes = [self.shape(), second.shape(), third.shape(), fourth.shape()];
        self.cogrouped4(
            Location::caller(),
            second,
            third,
            fourth,
            default_partitioner(&shapes),
        )
    }

    /// The same, where the partitioner says.
    #[track_caller]
    pub fn cogroup4_in<W: Record + 'a, X: Record + 'a, Y: Record + 'a>(
        &self,
        second: &Rdd<'a, (K, W)>,
        third: &Rdd<'a, (K, X)>,
        fourth: &Rdd<'a, (K, Y)>,
        partitioner: impl Into<Partitioner<'a, K>>,
    ) -> Rdd<'a, (K, Cogrouped4<V, W, X, Y>)> {
        self.cogrouped4(
            Location::caller(),
            second,
            third,
            fourth,
            partitioner.into(),
        )
    }

    fn cogrouped4<W: Record + 'a, X: Record + 'a, Y: Record + 'a>(
        &self,
        site: &'static Location<'static>,
        second: &Rdd<'a, (K, W)>,
        third: &Rdd<'a, (K, X)>,
        fourth: &Rdd<'a, (K, Y)>,
        partitioner: Partitioner<'a, K>,
    ) -> Rdd<'a, (K, Cogrouped4<V, W, X, Y>)> {
        let sides = (
            (
                ByKey::of(self, &partitioner),
                ByKey::of(second, &partitioner),
            ),
            (
                ByKey::of(third, &partitioner),
                ByKey::of(fourth, &partitioner),
            ),
        );
        let shape = |((v, w), (x, y))| (v, w, x, y);
        cogrouped("cogroup4", site, &partitioner, sides, shape)
    }
}

impl<'a, T: Record + 'a> Rdd<'a, T> {
    /// Brings the records together that the function gives the same key.
    #[track_caller]
    pub fn group_by<K: Record + Hash + Eq + 'a>(
        &self,
        key: impl Fn(&T) -> K + 'a,
    ) -> Rdd<'a, (K, Values<T>)> {
        let keyed = self.mapped("group_by", None, move |record| (key(&record), record));
        keyed.grouped(Location::caller(), keyed.partitioner())
    }
}

fn cogrouped<'a, S, U>(
    name: &'static str,
    site: &'static Location<'static>,
    partitioner: &Partitioner<'a, S::Key>,
    sides: S,
    shape: fn(S::Group) -> U,
) -> Rdd<'a, (S::Key, U)>
where
    S: Side + 'a,
    U: 'a,
{
    let (partitions, partitioning) = (partitioner.partitions(), partitioner.partitioning());
    let header = Header::new(name, site, partitions, Some(partitioning));
    Rdd::new(header, Cogroup { sides, shape })
}

/// The values that each key has on each side.
struct Cogroup<S: Side, U> {
    sides: S,
    shape: fn(S::Group) -> U,
}

impl<S: Side, U> Operation for Cogroup<S, U> {
    type Item = (S::Key, U);

    fn compute<'s>(self: Rc<Self>, partition: u32) -> Records<'s, Self::Item>
    where
        Self: 's,
    {
        let (gathered, shape) = (self.sides.gather(partition), self.shape);
        if S::fits(&gathered) {
            let entries = S::held(gathered).into_entries();
            return Records::new(
                entries.map(move |entry| (entry.key, shape(S::group(entry.slot)))),
            );
        }
        let groups = S::in_order(gathered);
        Records::new(groups.map(move |(_, key, group)| (key, shape(group))))
    }

    fn parents(&self) -> Vec<Parent<'_>> {
        self.sides.parents()
    }

    fn prepare(&self) -> Result<()> {
        self.sides.prepare()
    }
}
