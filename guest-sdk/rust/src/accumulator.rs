//! Variables that tasks add to and the driver reads (Spark: `AccumulatorV2`).
//!
//! A task begins with nothing added, whatever the driver's value is: that one is in its image and stays there. What it
//! adds goes to the host at its end, once for each accumulator, and from there to the driver if the attempt counts. The
//! driver merges in the order of stages and partitions, so that the value is the same in every run.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use std::rc::{Rc, Weak};

use crate::error::{Error, ErrorKind, Result};
use crate::host;
use crate::record::{Record, from_bytes, to_bytes};
use crate::task::task;

/// How an accumulator adds up (Spark: a class of one's own that extends `AccumulatorV2`).
///
/// Merging must be associative, and `zero` neutral. It need not be commutative: tasks are merged in the order of their
/// partitions.
///
/// ```no_run
/// use tinderbox::{Accumulate, Context, Rdd, Result};
///
/// /// Keeps the largest number.
/// struct Largest;
///
/// impl Accumulate for Largest {
///     type Item = u64;
///     type Value = Option<u64>;
///
///     fn zero(&self) -> Option<u64> {
///         None
///     }
///
///     fn add(&self, value: &mut Option<u64>, item: u64) {
///         *value = (*value).max(Some(item));
///     }
///
///     fn merge(&self, value: &mut Option<u64>, other: Option<u64>) {
///         *value = (*value).max(other);
///     }
/// }
///
/// fn longest(cx: &Context, lines: &Rdd<'_, String>) -> Result<Option<u64>> {
///     let longest = cx.accumulator(Largest, "longest line");
///     lines.for_each({
///         let longest = longest.clone();
///         move |line| longest.add(line.len() as u64)
///     })?;
///     longest.value()
/// }
/// ```
pub trait Accumulate: 'static {
    /// What is added.
    type Item;
    /// What it adds up to.
    type Value: Record + Clone + 'static;

    /// The value to which nothing was added.
    fn zero(&self) -> Self::Value;

    /// Adds an item to a value.
    fn add(&self, value: &mut Self::Value, item: Self::Item);

    /// Adds what another task has added up.
    fn merge(&self, value: &mut Self::Value, other: Self::Value);
}

/// A variable that tasks add to and the driver reads. Clones are the same variable.
///
/// What is added within an *action* (the closure of `for_each`, `aggregate`, `reduce` ..) counts once for each partition,
/// whatever was tried again or twice. What is added within a *transformation* (the closure of `map`, `filter` ..) counts as
/// often as that was computed: not at all without an action, once more with the next action on a dataset that is not
/// kept, and again where a shuffle's output was lost. Take such a value as approximate, as Spark says. What a job that
/// fails had completed counts.
///
/// One that a task makes is that task's alone.
pub struct Accumulator<A: Accumulate> {
    shared: Rc<Shared<A>>,
}

/// Adds up whole numbers. Beyond the range of `i64` it wraps around, as Spark's does.
pub type LongAccumulator = Accumulator<Sum<i64>>;

/// Adds up floating-point numbers.
pub type DoubleAccumulator = Accumulator<Sum<f64>>;

/// Collects items.
pub type CollectionAccumulator<T> = Accumulator<Collection<T>>;

/// Adds up numbers: see [`LongAccumulator`] and [`DoubleAccumulator`].
#[derive(Clone, Copy, Debug, Default)]
pub struct Sum<T>(PhantomData<T>);

impl Accumulate for Sum<i64> {
    type Item = i64;
    type Value = i64;

    fn zero(&self) -> i64 {
        0
    }

    fn add(&self, value: &mut i64, item: i64) {
        *value = value.wrapping_add(item);
    }

    fn merge(&self, value: &mut i64, other: i64) {
        self.add(value, other);
    }
}

impl Accumulate for Sum<f64> {
    type Item = f64;
    type Value = f64;

    fn zero(&self) -> f64 {
        0.0
    }

    fn add(&self, value: &mut f64, item: f64) {
        *value += item;
    }

    fn merge(&self, value: &mut f64, other: f64) {
        *value += other;
    }
}

/// Collects items in a list: see [`CollectionAccumulator`].
#[derive(Clone, Copy, Debug)]
pub struct Collection<T>(PhantomData<T>);

impl<T> Default for Collection<T> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<T: Record + Clone + 'static> Accumulate for Collection<T> {
    type Item = T;
    type Value = Vec<T>;

    fn zero(&self) -> Vec<T> {
        Vec::new()
    }

    fn add(&self, value: &mut Vec<T>, mut item: T) {
        item.detach();
        value.push(item);
    }

    fn merge(&self, value: &mut Vec<T>, mut other: Vec<T>) {
        value.append(&mut other);
    }
}

struct Shared<A: Accumulate> {
    /// None: a task made it.
    number: Option<u32>,
    name: Option<String>,
    how: A,
    /// The driver's, without what was added since.
    value: RefCell<A::Value>,
    /// What this task has added; in the driver, what the program itself has since the last job. None: nothing.
    added: RefCell<Option<A::Value>>,
}

/// An accumulator without the type of what it adds up.
trait Adds {
    /// Takes what was added.
    fn take_added(&self) -> Option<Vec<u8>>;
    /// Merges what was added here.
    fn settle(&self);
    /// Merges what a task has added.
    fn count(&self, added: &[u8]) -> Result<()>;
}

thread_local! {
    static NEXT: Cell<u32> = const { Cell::new(0) };
    /// Those that somebody can still read, by number.
    static KNOWN: RefCell<BTreeMap<u32, Weak<dyn Adds>>> = const { RefCell::new(BTreeMap::new()) };
}

impl<A: Accumulate> Accumulator<A> {
    pub(crate) fn new(how: A, name: Option<String>) -> Self {
        let number = task()
            .is_none()
            .then(|| NEXT.replace(NEXT.get().wrapping_add(1)));
        let shared = Rc::new(Shared {
            number,
            name,
            value: RefCell::new(how.zero()),
            how,
            added: RefCell::new(None),
        });
        if let Some(number) = number {
            let weak = Rc::downgrade(&shared);
            KNOWN.with_borrow_mut(|known| known.insert(number, weak));
        }
        Self { shared }
    }

    /// Adds an item: in a task, or in the driver itself.
    pub fn add(&self, item: A::Item) {
        let Shared { how, added, .. } = &*self.shared;
        let mut added = added.borrow_mut();
        how.add(added.get_or_insert_with(|| how.zero()), item);
    }

    /// What it adds up to, as far as jobs have ended.
    ///
    /// # Errors
    /// In a task, which knows only what it added itself.
    pub fn value(&self) -> Result<A::Value> {
        self.refuse_inside("the value of")?;
        self.shared.settle();
        Ok(self.shared.value.borrow().clone())
    }

    /// Sets it back to nothing.
    ///
    /// # Errors
    /// In a task, which has no part in what others added.
    pub fn reset(&self) -> Result<()> {
        self.refuse_inside("a reset of")?;
        self.shared.added.take();
        self.shared.value.replace(self.shared.how.zero());
        Ok(())
    }

    /// Its name, for people.
    pub fn name(&self) -> Option<&str> {
        self.shared.name.as_deref()
    }

    fn refuse_inside(&self, what: &str) -> Result<()> {
        let Some(task) = task() else {
            return Ok(());
        };
        let name = self.name().unwrap_or("without a name");
        let (stage, partition) = (task.stage, task.partition);
        Err(Error::of(
            ErrorKind::WrongRole,
            format_args!(
                "{what} the accumulator `{name}` was asked for inside a task (stage {stage}, partition {partition}): a task \
                 knows only what it adds itself; ask in the driver, after the action"
            ),
        ))
    }
}

impl<A: Accumulate> Clone for Accumulator<A> {
    fn clone(&self) -> Self {
        Self {
            shared: Rc::clone(&self.shared),
        }
    }
}

impl<A: Accumulate> fmt::Debug for Accumulator<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Shared { number, name, .. } = &*self.shared;
        f.debug_struct("Accumulator")
            .field("number", number)
            .field("name", name)
            .finish_non_exhaustive()
    }
}

impl<A: Accumulate> Adds for Shared<A> {
    fn take_added(&self) -> Option<Vec<u8>> {
        self.added.take().map(|added| to_bytes(&added))
    }

    fn settle(&self) {
        if let Some(added) = self.added.take() {
            self.how.merge(&mut self.value.borrow_mut(), added);
        }
    }

    fn count(&self, added: &[u8]) -> Result<()> {
        let added = from_bytes(added)?;
        self.how.merge(&mut self.value.borrow_mut(), added);
        Ok(())
    }
}

impl<A: Accumulate> Drop for Shared<A> {
    fn drop(&mut self) {
        if let Some(number) = self.number {
            // When the thread ends, there is nothing left to be taken out of.
            let _ = KNOWN.try_with(|known| known.borrow_mut().remove(&number));
        }
    }
}

/// Those that are known now. What a program does while they add up may change which there are.
fn known() -> Vec<(u32, Rc<dyn Adds>)> {
    KNOWN.with_borrow(|known| {
        let alive = |(number, weak): (&u32, &Weak<dyn Adds>)| Some((*number, weak.upgrade()?));
        known.iter().filter_map(alive).collect()
    })
}

/// In the driver, before an image is taken: a task begins with nothing added.
pub(crate) fn settle() {
    known().iter().for_each(|(_, adds)| adds.settle());
}

/// In a task, at its end: what it has added.
pub(crate) fn take_added() -> Vec<(u32, Vec<u8>)> {
    let added = |(number, adds): (u32, Rc<dyn Adds>)| Some((number, adds.take_added()?));
    known().into_iter().filter_map(added).collect()
}

/// Gives the host what a task has added.
///
/// # Errors
/// It is too much.
pub(crate) fn hand_over(added: Vec<(u32, Vec<u8>)>) -> Result<()> {
    added
        .into_iter()
        .try_for_each(|(number, bytes)| host::add_accumulator(number, &bytes))
        .map_err(Error::from_host)
}

/// In the driver: merges what the tasks of a job that count have added.
pub(crate) fn count(job: u32) -> Result<()> {
    let known: BTreeMap<u32, Rc<dyn Adds>> = known().into_iter().collect();
    if known.is_empty() {
        return Ok(());
    }
    for update in host::take_accumulators(job).map_err(Error::from_host)? {
        // Nobody can read one that is not known any more.
        if let Some(adds) = known.get(&update.accumulator) {
            adds.count(&update.bytes)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Context;

    #[test]
    fn every_record_counts_once() {
        let cx = Context::new();
        let (records, bytes) = (cx.long_accumulator("records"), cx.double_accumulator(None));
        cx.range_in(0..100, 7)
            .for_each(|n| {
                records.add(1);
                bytes.add(n as f64 / 2.0);
            })
            .unwrap();
        assert_eq!(records.value().unwrap(), 100);
        assert_eq!(bytes.value().unwrap(), 2475.0);
        assert_eq!((records.name(), bytes.name()), (Some("records"), None));
    }

    #[test]
    fn the_driver_adds_too_and_resets() {
        let cx = Context::new();
        let count = cx.long_accumulator(None);
        count.add(5);
        cx.range_in(0..10, 3).for_each(|_| count.add(1)).unwrap();
        count.add(5);
        assert_eq!(count.value().unwrap(), 20, "once, not once a task");
        count.reset().unwrap();
        assert_eq!(count.value().unwrap(), 0);
        cx.range_in(0..10, 3).for_each(|_| count.add(1)).unwrap();
        assert_eq!(count.value().unwrap(), 10);
    }

    #[test]
    fn a_collection_has_the_order_of_the_partitions() {
        let cx = Context::new();
        let seen = cx.collection_accumulator::<u64>("seen");
        let all = cx.range_in(0..20, 6).map(|n| {
            seen.add(n);
            n
        });
        all.count().unwrap();
        assert_eq!(seen.value().unwrap(), (0..20).collect::<Vec<_>>());
        all.count().unwrap();
        assert_eq!(
            seen.value().unwrap().len(),
            40,
            "a transformation counts again"
        );
    }

    #[test]
    fn map_tasks_count_before_those_that_read_them() {
        let cx = Context::new();
        let stages = cx.collection_accumulator::<String>("stages");
        let pairs = cx.range_in(0..4, 2).map(|n| {
            stages.add("map".to_owned());
            (n, n)
        });
        let summed = pairs.reduce_by_key(|a, b| a + b);
        summed
            .for_each(|_| stages.add("reduce".to_owned()))
            .unwrap();
        assert_eq!(stages.value().unwrap().len(), 8);
    }

    #[test]
    fn what_a_failed_task_added_does_not_count() {
        let cx = Context::new();
        let count = cx.long_accumulator(None);
        let failed = cx.range_in(0..1, 1).for_each(|_| {
            count.add(1);
            crate::task::fail(Error::new("no more"));
        });
        assert!(failed.is_err());
        assert_eq!(count.value().unwrap(), 0);
    }

    #[test]
    fn a_task_has_no_value_to_read() {
        let cx = Context::new();
        let count = cx.long_accumulator("count");
        cx.range_in(0..1, 1)
            .for_each(|_| {
                let error = count.value().unwrap_err();
                assert_eq!(error.kind(), ErrorKind::WrongRole);
                assert!(error.message().contains("`count`"), "{error}");
                assert!(count.reset().is_err());
            })
            .unwrap();
    }

    #[test]
    fn one_that_nobody_can_read_is_forgotten() {
        let cx = Context::new();
        let job = |count: &LongAccumulator| cx.range_in(0..3, 3).for_each(|_| count.add(1));
        job(&cx.long_accumulator(None)).unwrap();
        assert!(known().is_empty());
        let kept = cx.long_accumulator(None);
        job(&cx.long_accumulator(None)).unwrap();
        job(&kept).unwrap();
        assert_eq!(kept.value().unwrap(), 3);
    }

    #[test]
    fn one_that_a_task_makes_is_its_own() {
        let cx = Context::new();
        let count = cx.long_accumulator(None);
        cx.range_in(0..3, 3)
            .for_each(|_| {
                Context::new().long_accumulator(None).add(7);
                count.add(1);
            })
            .unwrap();
        assert_eq!(count.value().unwrap(), 3);
    }
}
