//! Joins: pairs of values that have a key in common, and those that have none to pair with.
//!
//! The left side is held, the right side streams by, so records come in the order of the right side, and what the left
//! side keeps alone behind them. Where the left side is too large, both are grouped, and come in the order of their hashes.

use std::cell::RefCell;
use std::hash::Hash;
use std::panic::Location;
use std::rc::Rc;

use super::groups::Groups;
use super::partitioner::{Partitioner, default_partitioner};
use super::sides::Side;
use crate::error::Result;
use crate::lineage::{Header, Parent};
use crate::rdd::{Operation, Rdd};
use crate::record::Record;
use crate::shuffle::ByKey;
use crate::stream::Records;
use crate::table::Table;
use crate::values::Values;

/// The public joins, each with its form for a partitioner.
macro_rules! joins {
    ($($(#[$doc:meta])* $name:ident, $name_in:ident -> ($left:ty, $right:ty), $lone:expr, $shape:expr;)*) => {
        impl<'a, K, V> Rdd<'a, (K, V)>
        where
            K: Record + Hash + Eq + Clone + 'a,
            V: Record + Clone + 'a,
        {
            $(
                $(#[$doc])*
                #[track_caller]
                pub fn $name<W: Record + Clone + 'a>(
                    &self,
                    other: &Rdd<'a, (K, W)>,
                ) -> Rdd<'a, (K, ($left, $right))> {
                    let partitioner = default_partitioner(&[self.shape(), other.shape()]);
                    self.joined((stringify!($name), Location::caller()), other, partitioner, $lone, $shape)
                }

                /// The same, where the partitioner says.
                #[track_caller]
                pub fn $name_in<W: Record + Clone + 'a>(
                    &self,
                    other: &Rdd<'a, (K, W)>,
                    partitioner: impl Into<Partitioner<'a, K>>,
                ) -> Rdd<'a, (K, ($left, $right))> {
                    let called = (stringify!($name), Location::caller());
                    self.joined(called, other, partitioner.into(), $lone, $shape)
                }
            )*
        }
    };
}

joins! {
    /// Pairs each value with each value that the other dataset has for the same key.
    join, join_in -> (V, W), Lone::NEITHER, |left, right| Some((left?, right?));

    /// The same as [`join`](Self::join), and each value alone whose key the other dataset does not have.
    left_outer_join, left_outer_join_in -> (V, Option<W>), Lone::LEFT, |left, right| Some((left?, right));

    /// The same as [`join`](Self::join), and each value of the other dataset alone whose key this one does not have.
    right_outer_join, right_outer_join_in -> (Option<V>, W), Lone::RIGHT, |left, right| Some((left, right?));

    /// The same as [`join`](Self::join), and each value of either dataset alone whose key the other does not have.
    full_outer_join, full_outer_join_in -> (Option<V>, Option<W>), Lone::BOTH, |left, right| Some((left, right));
}

impl<'a, K: Record + Hash + Eq + Clone + 'a, V: Record + Clone + 'a> Rdd<'a, (K, V)> {
    fn joined<W: Record + Clone + 'a, U: 'a>(
        &self,
        (name, site): (&'static str, &'static Location<'static>),
        other: &Rdd<'a, (K, W)>,
        partitioner: Partitioner<'a, K>,
        lone: Lone,
        shape: impl Fn(Option<V>, Option<W>) -> Option<U> + Copy + 'a,
    ) -> Rdd<'a, (K, U)> {
        let sides = (
            ByKey::of(self, &partitioner),
            ByKey::of(other, &partitioner),
        );
        let partitioning = Some(partitioner.partitioning());
        let header = Header::new(name, site, partitioner.partitions(), partitioning);
        Rdd::new(header, Join { sides, lone, shape })
    }
}

/// Which side's values come alone where there is nothing to pair them with.
#[derive(Clone, Copy)]
struct Lone {
    left: bool,
    right: bool,
}

impl Lone {
    const NEITHER: Self = Self::of(false, false);
    const LEFT: Self = Self::of(true, false);
    const RIGHT: Self = Self::of(false, true);
    const BOTH: Self = Self::of(true, true);

    const fn of(left: bool, right: bool) -> Self {
        Self { left, right }
    }
}

/// Each pair of values that have a key in common, and lone ones.
struct Join<'a, K, V, W, F> {
    sides: (ByKey<'a, K, V>, ByKey<'a, K, W>),
    lone: Lone,
    /// Makes a record's value of what either side has; there is always one.
    shape: F,
}

impl<'a, K, V, W, U, F> Operation for Join<'a, K, V, W, F>
where
    K: Record + Hash + Eq + Clone + 'a,
    V: Record + Clone + 'a,
    W: Record + Clone + 'a,
    F: Fn(Option<V>, Option<W>) -> Option<U> + Copy,
{
    type Item = (K, U);

    fn compute<'s>(self: Rc<Self>, partition: u32) -> Records<'s, (K, U)>
    where
        Self: 's,
    {
        let (left, right) = &self.sides;
        let (lone, shape) = (self.lone, self.shape);
        let rights = right.records(partition);
        match left.gather(partition) {
            Groups::Here(held) => {
                let found = streamed(Held::new(held, lone), rights, lone);
                Records::new(
                    found.filter_map(move |(key, left, right)| Some((key, shape(left, right)?))),
                )
            }
            left => {
                let both = (left, Groups::of(rights));
                let groups = <(ByKey<'a, K, V>, ByKey<'a, K, W>)>::in_order(both);
                let found = groups.flat_map(move |(_, key, groups)| paired(key, groups, lone));
                Records::new(
                    found.filter_map(move |(key, left, right)| Some((key, shape(left, right)?))),
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

type Pair<K, V, W> = (K, Option<V>, Option<W>);

/// The left side in memory, and which of its keys were met, if anybody asks.
struct Held<K, V> {
    table: Table<K, Vec<V>>,
    met: RefCell<Vec<bool>>,
}

impl<K: Hash + Eq, V> Held<K, V> {
    fn new(table: Table<K, Vec<V>>, lone: Lone) -> Rc<Self> {
        let noted = if lone.left { table.entries().len() } else { 0 };
        let met = RefCell::new(vec![false; noted]);
        Rc::new(Self { table, met })
    }

    /// The number of this key, which is met by this.
    fn meet(&self, key: &K) -> Option<usize> {
        let number = self.table.number(key)?;
        if let Some(met) = self.met.borrow_mut().get_mut(number) {
            *met = true;
        }
        Some(number)
    }

    fn was_met(&self, number: usize) -> bool {
        self.met.borrow().get(number).is_some_and(|met| *met)
    }
}

fn streamed<'s, K, V, W>(
    held: Rc<Held<K, V>>,
    rights: Records<'s, (K, W)>,
    lone: Lone,
) -> impl Iterator<Item = Pair<K, V, W>> + 's
where
    K: Hash + Eq + Clone + 's,
    V: Clone + 's,
    W: Clone + 's,
{
    let lefts = Rc::clone(&held);
    let found = rights.flat_map(move |(key, right)| {
        let (held, number) = (Rc::clone(&held), held.meet(&key));
        let count = match number {
            Some(number) => held.table.entries()[number].slot.len(),
            None => usize::from(lone.right),
        };
        (0..count).map(move |at| {
            let left = number.map(|number| held.table.entries()[number].slot[at].clone());
            (key.clone(), left, Some(right.clone()))
        })
    });
    let rest = lone.left.then(|| left_alone(lefts)).into_iter().flatten();
    found.chain(rest)
}

/// What was never met, once all of the right side has streamed by.
fn left_alone<K: Hash + Eq + Clone, V: Clone, W>(
    held: Rc<Held<K, V>>,
) -> impl Iterator<Item = Pair<K, V, W>> {
    (0..held.table.entries().len()).flat_map(move |number| {
        let held = Rc::clone(&held);
        let entry = &held.table.entries()[number];
        let count = if held.was_met(number) {
            0
        } else {
            entry.slot.len()
        };
        (0..count).map(move |at| {
            let entry = &held.table.entries()[number];
            (entry.key.clone(), Some(entry.slot[at].clone()), None)
        })
    })
}

/// Each value of the right with all of the left, which are read again for it.
fn paired<'s, K, V, W>(
    key: K,
    (left, right): (Values<V>, Values<W>),
    lone: Lone,
) -> Box<dyn Iterator<Item = Pair<K, V, W>> + 's>
where
    K: Clone + 's,
    V: Clone + 's,
    W: Clone + 's,
{
    match (left.len(), right.len()) {
        (_, 0) if lone.left => Box::new(left.map(move |left| (key.clone(), Some(left), None))),
        (0, _) if lone.right => Box::new(right.map(move |right| (key.clone(), None, Some(right)))),
        _ => Box::new(right.flat_map(move |right| {
            let key = key.clone();
            let left = left.clone();
            left.map(move |left| (key.clone(), Some(left), Some(right.clone())))
        })),
    }
}
