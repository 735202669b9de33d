//! Each record of one dataset with each of another.

use std::panic::Location;
use std::rc::Rc;

use super::{Operation, Rdd};
use crate::error::{Error, ErrorKind, Result};
use crate::host::PartitionMap;
use crate::lineage::{Header, Parent};
use crate::stream::Records;

impl<'a, T: Clone + 'a> Rdd<'a, T> {
    /// Pairs each record with each of the other dataset, in as many partitions as there are pairs of partitions.
    ///
    /// A partition of the other dataset is read again, or computed again, for each record of this one (as Spark does), so
    /// [`cache`](Self::cache) it unless it is quick to compute. Neither side is held in memory.
    ///
    /// ```no_run
    /// # fn example(cx: &tinderbox::Context) -> tinderbox::Result<()> {
    /// let sizes = cx.parallelize_in(["S", "L"].map(String::from), 1);
    /// let numbers = cx.range_in(1..3, 1).cache();
    /// let pairs = sizes.cartesian(&numbers).map(|(size, number)| format!("{size}{number}"));
    /// assert_eq!(pairs.collect()?, ["S1", "S2", "L1", "L2"]);
    /// # Ok(())
    /// # }
    /// ```
    #[track_caller]
    pub fn cartesian<U: 'a>(&self, other: &Rdd<'a, U>) -> Rdd<'a, (T, U)> {
        let sides = Cartesian {
            left: self.clone(),
            right: other.clone(),
        };
        // Of too many there are none, and `prepare` says why.
        let partitions = sides.partitions().unwrap_or(0);
        Rdd::new(
            Header::new("cartesian", Location::caller(), partitions, None),
            sides,
        )
    }
}

struct Cartesian<'a, T, U> {
    left: Rdd<'a, T>,
    right: Rdd<'a, U>,
}

impl<'a, T: 'a, U: 'a> Cartesian<'a, T, U> {
    fn partitions(&self) -> Option<u32> {
        self.left.partitions().checked_mul(self.right.partitions())
    }

    /// Which partition of either side makes this one (as Spark's `CartesianRDD`).
    fn pair_of(&self, partition: u32) -> (u32, u32) {
        let width = self.right.partitions().max(1);
        (partition / width, partition % width)
    }
}

impl<'a, T: Clone + 'a, U: 'a> Operation for Cartesian<'a, T, U> {
    type Item = (T, U);

    fn compute<'s>(self: Rc<Self>, partition: u32) -> Records<'s, (T, U)>
    where
        Self: 's,
    {
        let (left, right) = self.pair_of(partition);
        let lefts = self.left.records(left);
        Records::new(lefts.flat_map(move |record| {
            let rights = self.right.records(right);
            rights.map(move |other| (record.clone(), other))
        }))
    }

    fn parents(&self) -> Vec<Parent<'_>> {
        let all = 0..self.partitions().unwrap_or(0);
        let lefts = all.clone().map(|at| vec![self.pair_of(at).0]).collect();
        let rights = all.map(|at| vec![self.pair_of(at).1]).collect();
        vec![
            Parent::Narrow(&self.left, PartitionMap::Lists(lefts)),
            Parent::Narrow(&self.right, PartitionMap::Lists(rights)),
        ]
    }

    fn prepare(&self) -> Result<()> {
        if self.partitions().is_some() {
            return Ok(());
        }
        Err(Error::of(
            ErrorKind::LimitExceeded,
            format_args!(
                "{} times {} partitions are more than 4294967295: `coalesce` a side",
                self.left.partitions(),
                self.right.partitions()
            ),
        ))
    }
}
