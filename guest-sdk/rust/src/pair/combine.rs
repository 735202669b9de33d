//! Makes the values of each key one.
//!
//! Values are combined within each partition before they are moved.

use std::hash::Hash;
use std::panic::Location;
use std::rc::Rc;

use super::combiner::{CombineAcross, CombineHere, Combiner};
use super::partitioner::{Partitioner, default_partitioner};
use crate::lineage::Header;
use crate::rdd::Rdd;
use crate::record::Record;

/// What people call an operation, and where it was called.
type Called = (&'static str, &'static Location<'static>);

impl<'a, K: Record + Hash + Eq + 'a, V: Record + 'a> Rdd<'a, (K, V)> {
    /// Makes the values of each key one, two by two. The function must be associative and commutative.
    ///
    /// Values are combined within each partition before they are moved.
    #[track_caller]
    pub fn reduce_by_key(&self, f: impl Fn(V, V) -> V + 'a) -> Self {
        self.reduced(("reduce_by_key", Location::caller()), f, self.partitioner())
    }

    /// The same, where the partitioner says.
    #[track_caller]
    pub fn reduce_by_key_in(
        &self,
        f: impl Fn(V, V) -> V + 'a,
        partitioner: impl Into<Partitioner<'a, K>>,
    ) -> Self {
        let called = ("reduce_by_key", Location::caller());
        self.reduced(called, f, partitioner.into())
    }

    pub(super) fn reduced(
        &self,
        called: Called,
        f: impl Fn(V, V) -> V + 'a,
        partitioner: Partitioner<'a, K>,
    ) -> Self {
        self.reduced_from(called, |value| value, f, partitioner)
    }

    /// The same, where a partition's first value of a key is not taken as it is.
    fn reduced_from(
        &self,
        called: Called,
        create: impl Fn(V) -> V + 'a,
        f: impl Fn(V, V) -> V + 'a,
        partitioner: Partitioner<'a, K>,
    ) -> Self {
        let f = Rc::new(f);
        let again = Rc::clone(&f);
        let combiner = Combiner::new(create, move |a, b| f(a, b), move |a, b| again(a, b));
        self.combined(called, combiner, partitioner)
    }

    /// Makes the values of each key within a partition one; none moves.
    pub(super) fn reduced_here(&self, called: Called, f: impl Fn(V, V) -> V + 'a) -> Self {
        let (name, site) = called;
        let f = Rc::new(f);
        let again = Rc::clone(&f);
        let combiner = Combiner::new(|value| value, move |a, b| f(a, b), move |a, b| again(a, b));
        let parent = self.clone();
        self.narrow(name, site, None, CombineHere { parent, combiner })
    }

    /// Makes the values of each key and `zero` one, two by two. `zero` is used once for each partition that has the key, so
    /// it should be neutral. The function must be associative and commutative.
    #[track_caller]
    pub fn fold_by_key(&self, zero: V, f: impl Fn(V, V) -> V + 'a) -> Self
    where
        V: Clone,
    {
        let called = ("fold_by_key", Location::caller());
        self.folded(called, zero, f, self.partitioner())
    }

    /// The same, where the partitioner says.
    #[track_caller]
    pub fn fold_by_key_in(
        &self,
        zero: V,
        f: impl Fn(V, V) -> V + 'a,
        partitioner: impl Into<Partitioner<'a, K>>,
    ) -> Self
    where
        V: Clone,
    {
        let called = ("fold_by_key", Location::caller());
        self.folded(called, zero, f, partitioner.into())
    }

    fn folded(
        &self,
        called: Called,
        zero: V,
        f: impl Fn(V, V) -> V + 'a,
        partitioner: Partitioner<'a, K>,
    ) -> Self
    where
        V: Clone,
    {
        let f = Rc::new(f);
        let first = Rc::clone(&f);
        let create = move |value| first(zero.clone(), value);
        self.reduced_from(called, create, move |a, b| f(a, b), partitioner)
    }
}

impl<'a, K: Record + Hash + Eq + 'a, V: 'a> Rdd<'a, (K, V)> {
    /// Makes the values of each key one of another type: of the first value, by a further one, of two partitions' results.
    #[track_caller]
    pub fn combine_by_key<C: Record + 'a>(
        &self,
        create: impl Fn(V) -> C + 'a,
        add: impl Fn(C, V) -> C + 'a,
        merge: impl Fn(C, C) -> C + 'a,
    ) -> Rdd<'a, (K, C)> {
        self.combined(
            ("combine_by_key", Location::caller()),
            Combiner::new(create, add, merge),
            self.partitioner(),
        )
    }

    /// The same, where the partitioner says.
    #[track_caller]
    pub fn combine_by_key_in<C: Record + 'a>(
        &self,
        create: impl Fn(V) -> C + 'a,
        add: impl Fn(C, V) -> C + 'a,
        merge: impl Fn(C, C) -> C + 'a,
        partitioner: impl Into<Partitioner<'a, K>>,
    ) -> Rdd<'a, (K, C)> {
        self.combined(
            ("combine_by_key", Location::caller()),
            Combiner::new(create, add, merge),
            partitioner.into(),
        )
    }

    /// Adds the values of each key to `zero`, partition by partition, and merges those sums.
    #[track_caller]
    pub fn aggregate_by_key<C: Record + Clone + 'a>(
        &self,
        zero: C,
        add: impl Fn(C, V) -> C + 'a,
        merge: impl Fn(C, C) -> C + 'a,
    ) -> Rdd<'a, (K, C)> {
        let called = ("aggregate_by_key", Location::caller());
        self.aggregated(called, move || zero.clone(), add, merge, self.partitioner())
    }

    /// The same, where the partitioner says.
    #[track_caller]
    pub fn aggregate_by_key_in<C: Record + Clone + 'a>(
        &self,
        zero: C,
        add: impl Fn(C, V) -> C + 'a,
        merge: impl Fn(C, C) -> C + 'a,
        partitioner: impl Into<Partitioner<'a, K>>,
    ) -> Rdd<'a, (K, C)> {
        let called = ("aggregate_by_key", Location::caller());
        self.aggregated(called, move || zero.clone(), add, merge, partitioner.into())
    }

    pub(super) fn aggregated<C: Record + 'a>(
        &self,
        called: Called,
        zero: impl Fn() -> C + 'a,
        add: impl Fn(C, V) -> C + 'a,
        merge: impl Fn(C, C) -> C + 'a,
        partitioner: Partitioner<'a, K>,
    ) -> Rdd<'a, (K, C)> {
        let add = Rc::new(add);
        let first = Rc::clone(&add);
        let combiner = Combiner::new(
            move |value| first(zero(), value),
            move |sum, value| add(sum, value),
            merge,
        );
        self.combined(called, combiner, partitioner)
    }

    fn combined<C, Create, Add, Merge>(
        &self,
        (name, site): Called,
        combiner: Combiner<V, C, Create, Add, Merge>,
        partitioner: Partitioner<'a, K>,
    ) -> Rdd<'a, (K, C)>
    where
        C: Record + 'a,
        Create: Fn(V) -> C + 'a,
        Add: Fn(C, V) -> C + 'a,
        Merge: Fn(C, C) -> C + 'a,
    {
        let (parent, partitioning) = (self.clone(), Some(partitioner.partitioning()));
        let header = Header::new(name, site, partitioner.partitions(), partitioning);
        if self.partitioning() == partitioning {
            Rdd::new(header, CombineHere { parent, combiner })
        } else {
            Rdd::new(header, CombineAcross::new(parent, combiner, partitioner))
        }
    }
}

impl<'a, T: Record + Hash + Eq + 'a> Rdd<'a, T> {
    /// Each record once.
    #[track_caller]
    pub fn distinct(&self) -> Self {
        let partitioner = default_partitioner(&[(self.partitions(), None)]);
        let once = self.mapped("distinct", None, |record| (record, ()));
        let called = ("distinct", Location::caller());
        once.reduced(called, |(), ()| (), partitioner)
            .mapped("distinct", None, |(record, ())| record)
    }
}
