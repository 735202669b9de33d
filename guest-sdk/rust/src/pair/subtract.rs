//! The records whose keys another dataset does not have.
//!
//! The other's keys are held, each once, and this dataset streams by.

use std::hash::Hash;
use std::panic::Location;
use std::rc::Rc;

use super::groups::Groups;
use super::partitioner::Partitioner;
use super::sides::Side;
use crate::error::Result;
use crate::lineage::{Header, Parent, Partitioning};
use crate::rdd::{Operation, Rdd};
use crate::record::Record;
use crate::shuffle::ByKey;
use crate::stream::Records;

impl<'a, K: Record + Hash + Eq + Clone + 'a, V: Record + 'a> Rdd<'a, (K, V)> {
    /// Keeps the records whose keys the other dataset does not have, those of a partition in their order.
    ///
    /// Records that lie by hash stay where they are; others move into as many partitions as this dataset has, whatever
    /// the other one has (as in Spark).
    #[track_caller]
    pub fn subtract_by_key<W: 'a>(&self, other: &Rdd<'a, (K, W)>) -> Self {
        let partitions = match self.partitioning() {
            Some(Partitioning::Hash(partitions)) => partitions,
            _ => self.partitions(),
        };
        self.without(Location::caller(), other, Partitioner::hash(partitions))
    }

    /// The same, where the partitioner says.
    #[track_caller]
    pub fn subtract_by_key_in<W: 'a>(
        &self,
        other: &Rdd<'a, (K, W)>,
        partitioner: impl Into<Partitioner<'a, K>>,
    ) -> Self {
        self.without(Location::caller(), other, partitioner.into())
    }

    fn without<W: 'a>(
        &self,
        site: &'static Location<'static>,
        other: &Rdd<'a, (K, W)>,
        partitioner: Partitioner<'a, K>,
    ) -> Self {
        // Neither the values nor a key's second record need to move.
        let keys = other.map_values(|_| ()).reduced(
            ("subtract_by_key", site),
            |(), ()| (),
            partitioner.clone(),
        );
        let sides = (
            ByKey::of(&keys, &partitioner),
            ByKey::of(self, &partitioner),
        );
        let partitioning = Some(partitioner.partitioning());
        let header = Header::new(
            "subtract_by_key",
            site,
            partitioner.partitions(),
            partitioning,
        );
        Self::new(header, Subtract { sides })
    }
}

/// The right side's records whose keys the left side does not have.
struct Subtract<'a, K, V> {
    sides: (ByKey<'a, K, ()>, ByKey<'a, K, V>),
}

impl<'a, K: Record + Hash + Eq + Clone + 'a, V: Record + 'a> Operation for Subtract<'a, K, V> {
    type Item = (K, V);

    fn compute<'s>(self: Rc<Self>, partition: u32) -> Records<'s, (K, V)>
    where
        Self: 's,
    {
        let (taken, records) = &self.sides;
        let records = records.records(partition);
        match taken.gather(partition) {
            Groups::Here(taken) => {
                Records::new(records.filter(move |(key, _)| taken.number(key).is_none()))
            }
            taken => {
                let both = (taken, Groups::of(records));
                let groups = <(ByKey<'a, K, ()>, ByKey<'a, K, V>)>::in_order(both);
                Records::new(
                    groups
                        .filter(|(_, _, (taken, _))| taken.len() == 0)
                        .flat_map(|(_, key, (_, values))| {
                            values.map(move |value| (key.clone(), value))
                        }),
                )
            }
        }
    }

    fn parents(&self) -> Vec<Parent<'_>> {
        self.sides.parents()
    }

    fn prepare(&self) -> Result<()> {
        self.sides.prepare()
    }
}
