//! Other numbers of partitions: fewer that are read one behind the other, or any number by a shuffle.

use std::panic::Location;
use std::rc::Rc;

use super::{Operation, Rdd};
use crate::error::{Error, ErrorKind, Result};
use crate::host::PartitionMap;
use crate::lineage::{Header, Parent, expect_partitions};
use crate::random::Random;
use crate::record::Record;
use crate::scatter::Scatter;
use crate::stream::Records;

impl<'a, T: 'a> Rdd<'a, T> {
    /// Puts neighbouring partitions together, so that there are so many, or as few as there are. No record moves.
    ///
    /// Each new partition is computed by one task, and so is all that it comes from up to a shuffle: few partitions are little
    /// parallelism. [`repartition`](Self::repartition) moves the records instead. Where partitions lie is not looked at.
    #[track_caller]
    pub fn coalesce(&self, partitions: u32) -> Self {
        let groups = neighbours(self.partitions(), partitions);
        self.in_groups("coalesce", Location::caller(), groups)
    }

    /// Puts partitions together as these lists of their numbers say (Spark's `coalesce` with a `PartitionCoalescer`). Each
    /// must be in one of them.
    ///
    /// ```no_run
    /// # fn example(cx: &tinderbox::Context) -> tinderbox::Result<()> {
    /// let numbers = cx.range_in(0..4, 4);
    /// let outermost_first = numbers.coalesce_into(vec![vec![3, 0], vec![1, 2]]);
    /// assert_eq!(outermost_first.glom().collect()?, [[3, 0], [1, 2]]);
    /// # Ok(())
    /// # }
    /// ```
    #[track_caller]
    pub fn coalesce_into(&self, groups: Vec<Vec<u32>>) -> Self {
        self.in_groups("coalesce_into", Location::caller(), groups)
    }

    fn in_groups(
        &self,
        name: &'static str,
        call_site: &'static Location<'static>,
        groups: Vec<Vec<u32>>,
    ) -> Self {
        let partitions = u32::try_from(groups.len()).unwrap_or(u32::MAX);
        let coalesced = Coalesced {
            parent: self.clone(),
            groups: groups.into(),
        };
        Self::new(Header::new(name, call_site, partitions, None), coalesced)
    }
}

impl<'a, T: Record + 'a> Rdd<'a, T> {
    /// Deals the records out to so many partitions in turn, which makes them equally large (Spark's `coalesce` with a
    /// shuffle).
    #[track_caller]
    pub fn repartition(&self, partitions: u32) -> Self {
        let header = Header::new("repartition", Location::caller(), partitions, None);
        // Each partition begins somewhere else, so that many small ones do not all give to the first.
        let in_turn = move |partition| {
            let first = Random::of_partition(0, partition).next_below(partitions.max(1).into());
            let first = u32::try_from(first).unwrap_or(0);
            (0..partitions).cycle().skip(first as usize)
        };
        Self::new(header, Scatter::new(self.clone(), in_turn, partitions))
    }
}

/// Groups of neighbours that differ in length by one at most (Spark's `DefaultPartitionCoalescer` without locality).
fn neighbours(partitions: u32, groups: u32) -> Vec<Vec<u32>> {
    let groups = u64::from(groups.min(partitions));
    // No partition has a higher number than there are partitions.
    let cut = |at: u64| u32::try_from(at * u64::from(partitions) / groups).unwrap_or(partitions);
    (0..groups)
        .map(|at| (cut(at)..cut(at + 1)).collect())
        .collect()
}

struct Coalesced<'a, T> {
    parent: Rdd<'a, T>,
    groups: Rc<[Vec<u32>]>,
}

impl<'a, T: 'a> Operation for Coalesced<'a, T> {
    type Item = T;

    fn compute<'s>(self: Rc<Self>, partition: u32) -> Records<'s, T>
    where
        Self: 's,
    {
        let group = self.groups.get(partition as usize).cloned();
        let group = group.unwrap_or_default();
        Records::new(
            group
                .into_iter()
                .flat_map(move |at| self.parent.records(at)),
        )
    }

    fn parents(&self) -> Vec<Parent<'_>> {
        let lists = PartitionMap::Lists(self.groups.to_vec());
        vec![Parent::Narrow(&self.parent, lists)]
    }

    fn prepare(&self) -> Result<()> {
        if self.parent.partitions() > 0 {
            expect_partitions(u32::from(!self.groups.is_empty()))?;
        }
        let mut grouped: Vec<u32> = self.groups.iter().flatten().copied().collect();
        grouped.sort_unstable();
        if grouped.iter().copied().eq(0..self.parent.partitions()) {
            return Ok(());
        }
        Err(Error::of(
            ErrorKind::InvalidArgument,
            format_args!(
                "the groups {:?} do not name each of the partitions 0 to {} once",
                self.groups,
                self.parent.partitions().saturating_sub(1)
            ),
        ))
    }
}
