//! The actions that make all records one in several levels.
//!
//! What the partitions came to is merged by tasks, level by level, until little is left for the driver (Spark's
//! `treeAggregate`). Neighbours are merged with neighbours, so the order of the partitions is kept.

use std::panic::Location;
use std::rc::Rc;

use super::Site;
use crate::error::{Error, ErrorKind, Result};
use crate::lineage::Header;
use crate::rdd::Rdd;
use crate::record::Record;
use crate::scatter::Scatter;

type Merge<'a, C> = Rc<dyn Fn(C, C) -> C + 'a>;

impl<'a, T: 'a> Rdd<'a, T> {
    /// Adds each record to `zero`, partition by partition, and merges the partitions' sums in about `depth` levels: where there
    /// are many partitions or large sums, the driver has less to do than with [`aggregate`](Self::aggregate).
    ///
    /// `zero` is used once a partition, so it should be neutral. `merge` must be associative; order is kept. Spark's usual depth
    /// is 2.
    ///
    /// # Errors
    /// The depth is 0, or the job failed.
    #[track_caller]
    pub fn tree_aggregate<C: Record + Clone + 'a>(
        &self,
        zero: C,
        add: impl Fn(C, T) -> C + 'a,
        merge: impl Fn(C, C) -> C + 'a,
        depth: u32,
    ) -> Result<C> {
        let (name, call_site) = ("tree_aggregate", Location::caller());
        let start = zero.clone();
        let sums = self.partitions_mapped(name, call_site, None, move |_, records| {
            [records.fold(start.clone(), &add)]
        });
        let whole = merged(name, call_site, sums, Rc::new(merge), depth)?;
        Ok(whole.unwrap_or(zero))
    }
}

impl<'a, T: Record + 'a> Rdd<'a, T> {
    /// Makes all records one as [`reduce`](Self::reduce) does, in about `depth` levels as
    /// [`tree_aggregate`](Self::tree_aggregate) does.
    ///
    /// # Errors
    /// The depth is 0, there are no records, or the job failed.
    #[track_caller]
    pub fn tree_reduce(&self, f: impl Fn(T, T) -> T + 'a, depth: u32) -> Result<T> {
        let (name, call_site) = ("tree_reduce", Location::caller());
        let f: Merge<'a, T> = Rc::new(f);
        let parts = reduced(name, call_site, self, &f);
        merged(name, call_site, parts, f, depth)?.ok_or_else(super::fold::nothing_to_reduce)
    }
}

/// Each partition's records as one, if there are any.
fn reduced<'a, C: Record + 'a>(
    name: &'static str,
    call_site: Site,
    rdd: &Rdd<'a, C>,
    merge: &Merge<'a, C>,
) -> Rdd<'a, C> {
    let merge = Rc::clone(merge);
    rdd.partitions_mapped(name, call_site, None, move |_, records| {
        records.reduce(|a, b| merge(a, b))
    })
}

/// What all partitions came to, merged.
fn merged<'a, C: Record + 'a>(
    name: &'static str,
    call_site: Site,
    mut sums: Rdd<'a, C>,
    merge: Merge<'a, C>,
    depth: u32,
) -> Result<Option<C>> {
    for partitions in levels(sums.partitions(), depth)? {
        let all = u64::from(sums.partitions());
        let bucket = move |partition| {
            let bucket = u64::from(partition) * u64::from(partitions) / all;
            std::iter::repeat(u32::try_from(bucket).unwrap_or(0))
        };
        let header = Header::new(name, call_site, partitions, None);
        let moved = Rdd::new(header, Scatter::new(sums, bucket, partitions));
        sums = reduced(name, call_site, &moved, &merge);
    }
    let left = sums.collected(name, call_site)?;
    Ok(left.into_iter().reduce(|a, b| merge(a, b)))
}

/// How many partitions each level has, until one more would save nothing (Spark's `treeAggregate`).
fn levels(partitions: u32, depth: u32) -> Result<Vec<u32>> {
    if depth == 0 {
        return Err(Error::of(
            ErrorKind::InvalidArgument,
            "a tree of depth 0 has no level: 1 merges all in the driver, 2 is usual",
        ));
    }
    let root = f64::from(partitions).powf(1.0 / f64::from(depth)).ceil();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "no root of a number is larger than it"
    )]
    let scale = (root as u32).max(2);
    let (mut left, mut levels) = (partitions, Vec::new());
    while left > scale.saturating_add(left.div_ceil(scale)) {
        left /= scale;
        levels.push(left);
    }
    Ok(levels)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The stages that Spark 4.3 ran for `treeAggregate`, but for the first.
    #[test]
    fn levels_are_sparks() {
        let of = |depth| [1, 4, 8, 27, 100].map(|partitions| levels(partitions, depth).unwrap());
        assert_eq!(of(1), [const { Vec::<u32>::new() }; 5]);
        assert_eq!(of(2), [vec![], vec![], vec![2], vec![4], vec![10]]);
        assert_eq!(of(3), [vec![], vec![], vec![4], vec![9, 3], vec![20, 4]]);
        assert_eq!(levels(0, 2).unwrap(), Vec::<u32>::new());
        assert!(levels(1, 0).is_err());
    }
}
