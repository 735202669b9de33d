//! Datasets side by side: partition i is computed from partition i of each.
//!
//! None holds a partition: the sides stream by together.

use std::panic::Location;
use std::rc::Rc;

use super::{Operation, Rdd, one_to_one};
use crate::error::{Error, ErrorKind, Result};
use crate::lineage::{Header, Lineage, Parent, Partitioning};
use crate::stream::Records;
use crate::task;

impl<'a, T: 'a> Rdd<'a, T> {
    /// Pairs each record with the one that has its place in the other dataset. Both must have as many partitions, and as
    /// many records in each, as when one was made from the other by [`map`](Self::map).
    ///
    /// Where they have not, the action fails, unless it stops (as [`take`](Self::take) may) before it comes by.
    ///
    /// ```no_run
    /// # fn example(cx: &tinderbox::Context) -> tinderbox::Result<()> {
    /// let numbers = cx.range(1..4);
    /// let squares = numbers.map(|n| n * n);
    /// assert_eq!(numbers.zip(&squares).collect()?, [(1, 1), (2, 4), (3, 9)]);
    /// # Ok(())
    /// # }
    /// ```
    #[track_caller]
    pub fn zip<U: 'a>(&self, other: &Rdd<'a, U>) -> Rdd<'a, (T, U)> {
        let sides = vec![self.side(), other.side()];
        let (left, right) = (self.clone(), other.clone());
        together("zip", Location::caller(), sides, None, move |partition| {
            Zipped {
                left: left.records(partition),
                right: right.records(partition),
                partition,
            }
        })
    }

    /// Applies a function to the records of each partition and of the other dataset's partition beside it. There must be as
    /// many partitions; of records either side may have more.
    ///
    /// ```no_run
    /// # fn example(cx: &tinderbox::Context) -> tinderbox::Result<()> {
    /// let (many, few) = (cx.range_in(0..10, 2), cx.range_in(0..2, 2));
    /// let counts = many.zip_partitions(&few, |many, few| [(many.count() as u64, few.count() as u64)]);
    /// assert_eq!(counts.collect()?, [(5, 1), (5, 1)]);
    /// # Ok(())
    /// # }
    /// ```
    #[track_caller]
    pub fn zip_partitions<U: 'a, I>(
        &self,
        other: &Rdd<'a, U>,
        f: impl Fn(Records<'a, T>, Records<'a, U>) -> I + 'a,
    ) -> Rdd<'a, I::Item>
    where
        I: IntoIterator + 'a,
        I::Item: 'a,
        I::IntoIter: 'a,
    {
        let sides = vec![self.side(), other.side()];
        let (a, b) = (self.clone(), other.clone());
        together(
            "zip_partitions",
            Location::caller(),
            sides,
            None,
            move |at| f(a.records(at), b.records(at)),
        )
    }

    /// The same with two other datasets.
    #[track_caller]
    pub fn zip_partitions3<U: 'a, V: 'a, I>(
        &self,
        second: &Rdd<'a, U>,
        third: &Rdd<'a, V>,
        f: impl Fn(Records<'a, T>, Records<'a, U>, Records<'a, V>) -> I + 'a,
    ) -> Rdd<'a, I::Item>
    where
        I: IntoIterator + 'a,
        I::Item: 'a,
        I::IntoIter: 'a,
    {
        let sides = vec![self.side(), second.side(), third.side()];
        let (a, b, c) = (self.clone(), second.clone(), third.clone());
        together(
            "zip_partitions3",
            Location::caller(),
            sides,
            None,
            move |at| f(a.records(at), b.records(at), c.records(at)),
        )
    }

    /// The same with three other datasets.
    #[track_caller]
    pub fn zip_partitions4<U: 'a, V: 'a, W: 'a, I>(
        &self,
        second: &Rdd<'a, U>,
        third: &Rdd<'a, V>,
        fourth: &Rdd<'a, W>,
        f: impl Fn(Records<'a, T>, Records<'a, U>, Records<'a, V>, Records<'a, W>) -> I + 'a,
    ) -> Rdd<'a, I::Item>
    where
        I: IntoIterator + 'a,
        I::Item: 'a,
        I::IntoIter: 'a,
    {
        let sides = vec![self.side(), second.side(), third.side(), fourth.side()];
        let (a, b, c, d) = (self.clone(), second.clone(), third.clone(), fourth.clone());
        together(
            "zip_partitions4",
            Location::caller(),
            sides,
            None,
            move |at| f(a.records(at), b.records(at), c.records(at), d.records(at)),
        )
    }

    pub(super) fn side(&self) -> Side<'a> {
        Rc::new(self.clone())
    }
}

/// A dataset without its records' type.
pub(super) type Side<'a> = Rc<dyn Lineage + 'a>;

/// A dataset of as many partitions as each of its sides, of which there is at least one.
pub(super) fn together<'a, I>(
    name: &'static str,
    call_site: &'static Location<'static>,
    sides: Vec<Side<'a>>,
    partitioning: Option<Partitioning>,
    f: impl Fn(u32) -> I + 'a,
) -> Rdd<'a, I::Item>
where
    I: IntoIterator + 'a,
    I::Item: 'a,
    I::IntoIter: 'a,
{
    let partitions = sides.first().map_or(0, |side| side.header().partitions());
    let header = Header::new(name, call_site, partitions, partitioning);
    Rdd::new(header, Together { sides, f })
}

struct Together<'a, F> {
    sides: Vec<Side<'a>>,
    f: F,
}

impl<'a, I, F> Operation for Together<'a, F>
where
    F: Fn(u32) -> I,
    I: IntoIterator + 'a,
    I::IntoIter: 'a,
{
    type Item = I::Item;

    fn compute<'s>(self: Rc<Self>, partition: u32) -> Records<'s, I::Item>
    where
        Self: 's,
    {
        // The function need not be lazy, so it waits for the first record that is asked for.
        let start = move || (self.f)(partition);
        Records::new(std::iter::once_with(start).flatten())
    }

    fn parents(&self) -> Vec<Parent<'_>> {
        let parents = self.sides.iter().flat_map(|side| one_to_one(&**side));
        parents.collect()
    }

    fn prepare(&self) -> Result<()> {
        let count = |side: &Side<'_>| side.header().partitions();
        let counts: Vec<u32> = self.sides.iter().map(count).collect();
        if counts.iter().all(|count| Some(count) == counts.first()) {
            return Ok(());
        }
        Err(Error::of(
            ErrorKind::InvalidArgument,
            format_args!(
                "datasets of {counts:?} partitions cannot stand side by side: all must have as many; `repartition` those \
                 that have not"
            ),
        ))
    }
}

/// Records of two sides in pairs. Where one side ends before the other, the task fails.
struct Zipped<'a, T, U> {
    left: Records<'a, T>,
    right: Records<'a, U>,
    partition: u32,
}

impl<T, U> Iterator for Zipped<'_, T, U> {
    type Item = (T, U);

    fn next(&mut self) -> Option<(T, U)> {
        match (self.left.next(), self.right.next()) {
            (Some(left), Some(right)) => Some((left, right)),
            (None, None) => None,
            _ => {
                fail_as_uneven(self.partition);
                None
            }
        }
    }

    fn fold<B, F: FnMut(B, (T, U)) -> B>(mut self, start: B, mut f: F) -> B {
        let mut short = false;
        let folded = self
            .left
            .fold(start, |value, left| match self.right.next() {
                Some(right) if !short => f(value, (left, right)),
                _ => {
                    short = true;
                    value
                }
            });
        if short || self.right.next().is_some() {
            fail_as_uneven(self.partition);
        }
        folded
    }
}

#[cold]
fn fail_as_uneven(partition: u32) {
    task::fail(Error::of(
        ErrorKind::InvalidArgument,
        format_args!(
            "the two sides of `zip` do not have as many records in partition {partition}: `zip_partitions` takes sides that \
             differ, `zip_with_index` gives keys for a join"
        ),
    ));
}
