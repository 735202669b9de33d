//! Datasets one behind the other.

use std::panic::Location;
use std::rc::Rc;

use super::together::together;
use super::{Operation, Rdd};
use crate::context::Context;
use crate::host::{PartitionMap, PartitionSpan};
use crate::lineage::{Header, Lineage, Parent, Partitioning};
use crate::stream::Records;

impl Context {
    /// A dataset of no records, in no partitions.
    #[track_caller]
    pub fn empty_rdd<'a, T: 'a>(&self) -> Rdd<'a, T> {
        Rdd::union_of("empty_rdd", Location::caller(), Vec::new())
    }

    /// The records of several datasets, as [`Rdd::union`] has those of two.
    ///
    /// ```no_run
    /// # fn example(cx: &tinderbox::Context) -> tinderbox::Result<()> {
    /// let days: Vec<_> = (0..7).map(|day| cx.range(day * 10..day * 10 + 3)).collect();
    /// assert_eq!(cx.union(&days).count()?, 21);
    /// # Ok(())
    /// # }
    /// ```
    #[track_caller]
    pub fn union<'r, 'a: 'r, T: 'a>(
        &self,
        rdds: impl IntoIterator<Item = &'r Rdd<'a, T>>,
    ) -> Rdd<'a, T> {
        let parents = rdds.into_iter().cloned().collect();
        Rdd::union_of("union", Location::caller(), parents)
    }
}

impl<'a, T: 'a> Rdd<'a, T> {
    /// Puts another dataset's records behind this one's. No record moves, and none is compared.
    ///
    /// Where both are partitioned by key in the same way, partitions of the same keys are put together, so that the result is
    /// too; else it has the partitions of both, one behind the other.
    #[track_caller]
    pub fn union(&self, other: &Self) -> Self {
        Self::union_of(
            "union",
            Location::caller(),
            vec![self.clone(), other.clone()],
        )
    }

    pub(crate) fn union_of(
        name: &'static str,
        call_site: &'static Location<'static>,
        parents: Vec<Self>,
    ) -> Self {
        if let Some(partitioning) = common_partitioning(&parents) {
            return Self::merged(name, call_site, parents, partitioning);
        }
        let partitions = parents.iter().map(Self::partitions).sum();
        Self::new(
            Header::new(name, call_site, partitions, None),
            Union { parents },
        )
    }

    /// Datasets that are partitioned alike, partition by partition (Spark's `PartitionerAwareUnionRDD`).
    fn merged(
        name: &'static str,
        call_site: &'static Location<'static>,
        parents: Vec<Self>,
        partitioning: Partitioning,
    ) -> Self {
        let sides = parents.iter().map(Self::side).collect();
        let parents = Rc::new(parents);
        together(name, call_site, sides, Some(partitioning), move |at| {
            let parents = Rc::clone(&parents);
            (0..parents.len()).flat_map(move |place| parents[place].records(at))
        })
    }
}

fn common_partitioning<'a, T: 'a>(parents: &[Rdd<'a, T>]) -> Option<Partitioning> {
    let first = parents.first()?.partitioning()?;
    let alike = |parent: &Rdd<'_, T>| parent.partitioning() == Some(first);
    parents.iter().all(alike).then_some(first)
}

struct Union<'a, T> {
    parents: Vec<Rdd<'a, T>>,
}

impl<T> Operation for Union<'_, T> {
    type Item = T;

    fn compute<'s>(self: Rc<Self>, partition: u32) -> Records<'s, T>
    where
        Self: 's,
    {
        let mut rest = partition;
        for parent in &self.parents {
            if rest < parent.partitions() {
                return parent.records(rest);
            }
            rest -= parent.partitions();
        }
        Records::new(std::iter::empty())
    }

    fn parents(&self) -> Vec<Parent<'_>> {
        let mut out_start = 0;
        let span = |parent| {
            let length = Rdd::partitions(parent);
            let span = PartitionSpan {
                in_start: 0,
                out_start,
                length,
            };
            out_start += length;
            Parent::Narrow(parent as &dyn Lineage, PartitionMap::Span(span))
        };
        self.parents.iter().map(span).collect()
    }
}
