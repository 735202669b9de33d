//! The dataset's handle and the operations on records of any type.
//!
//! A transformation runs nothing: it notes what to do. Its closure runs in tasks, and may borrow whatever lives until
//! the action that starts them.

mod cartesian;
mod coalesce;
mod index;
mod keep;
mod narrow;
mod sample;
mod sets;
mod shape;
#[cfg(test)]
mod tests;
mod together;
mod union;

pub use shape::Dependency;

use std::cell::Cell;
use std::fmt;
use std::panic::Location;
use std::rc::Rc;

use crate::batch::Codec;
use crate::cache;
use crate::error::Result;
use crate::host::PartitionMap;
use crate::lineage::{self, Header, Lineage, Parent, Partitioning};
use crate::stream::Records;

/// A dataset: records of type `T` in partitions, computed by tasks when an action asks for them.
///
/// A handle is cheap to clone. `'a` is the time for which its closures can be called, so it covers what they borrow; a
/// handle can be used wherever a shorter time will do. This is why a closure may borrow a local that is younger than
/// the dataset it is applied to:
///
/// ```no_run
/// # fn nearest(centers: &[f64], point: f64) -> usize { 0 }
/// # fn example(cx: &tinderbox::Context) -> tinderbox::Result<()> {
/// let points = cx.parallelize([1.0, 2.0, 9.0]).cache();
/// let mut centers = vec![0.0, 5.0];
/// for _ in 0..10 {
///     let sums = points
///         .map(|point| (nearest(&centers, point), (point, 1u32)))
///         .reduce_by_key(|a, b| (a.0 + b.0, a.1 + b.1))
///         .collect()?;
///     for (cluster, (sum, count)) in sums {
///         centers[cluster] = sum / f64::from(count);
///     }
/// }
/// # Ok(())
/// # }
/// ```
///
/// A handle never outlives what its closures borrow:
///
/// ```compile_fail,E0597
/// # fn example(cx: &tinderbox::Context) -> tinderbox::Result<()> {
/// let numbers = cx.range(0..10);
/// let scaled;
/// {
///     let factor = 3;
///     scaled = numbers.map(|number| number * &factor);
/// }
/// scaled.count()?;
/// # Ok(())
/// # }
/// ```
///
/// Nor does what they borrow change while a handle could still call them:
///
/// ```compile_fail,E0506
/// # fn example(cx: &tinderbox::Context) -> tinderbox::Result<()> {
/// let mut factor = 3;
/// let scaled = cx.range(0..10).map(|number| number * &factor);
/// factor = 4;
/// scaled.count()?;
/// # Ok(())
/// # }
/// ```
pub struct Rdd<'a, T> {
    meta: Rc<Meta<T>>,
    operation: Rc<dyn Operation<Item = T> + 'a>,
}

struct Meta<T> {
    header: Header,
    /// How a cached partition becomes bytes; set by the first `persist`.
    codec: Cell<Option<Codec<T>>>,
}

/// How one dataset is computed from others.
///
/// The trait does not name the lifetime of what it borrows (`compute` takes any that fits), so that a handle can be
/// used as one of a shorter lifetime.
pub(crate) trait Operation {
    type Item;

    /// The records of a partition.
    fn compute<'s>(self: Rc<Self>, partition: u32) -> Records<'s, Self::Item>
    where
        Self: 's;

    fn parents(&self) -> Vec<Parent<'_>>;

    /// Does in the driver what must be done before the first task: once, before the host is told of the dataset.
    fn prepare(&self) -> Result<()> {
        Ok(())
    }
}

impl<T> Clone for Rdd<'_, T> {
    fn clone(&self) -> Self {
        Self {
            meta: Rc::clone(&self.meta),
            operation: Rc::clone(&self.operation),
        }
    }
}

impl<T> fmt::Debug for Rdd<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let header = &self.meta.header;
        write!(
            f,
            "{} #{} at {}",
            header.title(),
            header.id(),
            lineage::place(header.call_site())
        )
    }
}

impl<T> Lineage for Rdd<'_, T> {
    fn header(&self) -> &Header {
        &self.meta.header
    }

    fn parents(&self) -> Vec<Parent<'_>> {
        self.operation.parents()
    }

    fn prepare(&self) -> Result<()> {
        self.operation.prepare()
    }
}

/// Partition i comes from the parent's partition i.
pub(crate) fn one_to_one(parent: &dyn Lineage) -> Vec<Parent<'_>> {
    vec![Parent::Narrow(parent, PartitionMap::OneToOne)]
}

impl<'a, T: 'a> Rdd<'a, T> {
    pub(crate) fn new(header: Header, operation: impl Operation<Item = T> + 'a) -> Self {
        let meta = Meta {
            header,
            codec: Cell::new(None),
        };
        Self {
            meta: Rc::new(meta),
            operation: Rc::new(operation),
        }
    }

    /// A dataset of as many partitions as this one, each made from one of this one's.
    pub(crate) fn narrow<U: 'a>(
        &self,
        name: &'static str,
        call_site: &'static Location<'static>,
        partitioning: Option<Partitioning>,
        operation: impl Operation<Item = U> + 'a,
    ) -> Rdd<'a, U> {
        Rdd::new(
            Header::new(name, call_site, self.partitions(), partitioning),
            operation,
        )
    }

    /// The records of a partition, within a task: from the cache if they are kept there, else computed.
    pub(crate) fn records(&self, partition: u32) -> Records<'a, T> {
        let compute = || Rc::clone(&self.operation).compute(partition);
        let level = self.meta.header.storage().to_host();
        match level.zip(self.meta.codec.get()) {
            Some((level, codec)) => cache::records((self.id(), partition), level, codec, compute),
            None => compute(),
        }
    }

    /// The dataset's number: a counter in program order.
    pub fn id(&self) -> u32 {
        self.meta.header.id()
    }

    /// The number of partitions.
    pub fn partitions(&self) -> u32 {
        self.meta.header.partitions()
    }

    pub(crate) fn partitioning(&self) -> Option<Partitioning> {
        self.meta.header.partitioning
    }

    /// Describes the dataset and what it is computed from, one line each, as Spark's `toDebugString`.
    pub fn to_debug_string(&self) -> String {
        lineage::debug_string(self)
    }
}
