//! The values of one key.

use std::fmt;
use std::iter::FusedIterator;
use std::rc::Rc;
use std::vec;

use crate::batch::{DecodeAll, Decoded};
use crate::record::{Input, Malformed, Record, write_length};
use crate::spill::Run;

/// The values of one key, in order of arrival: what `group_by_key` and `cogroup` give.
///
/// It is an iterator that knows its length. Few values are in memory; many stay with the host and are read as they are
/// asked for, so a group may be larger than the memory of its task.
///
/// ```no_run
/// # fn example(cx: &tinderbox::Context) -> tinderbox::Result<()> {
/// let groups = cx.range(0..100).map(|n| (n % 10, n)).group_by_key();
/// let means = groups.map_values(|values| {
///     let count = values.len() as f64;
///     values.sum::<u64>() as f64 / count
/// });
/// let lists = groups.map_values(|values| values.collect::<Vec<_>>());
/// # Ok(())
/// # }
/// ```
///
/// As a record it is what a `Vec` of the values is. So a group that is cached, collected or moved again must fit in
/// memory.
pub struct Values<V> {
    left: Left<V>,
}

/// What `cogroup` gives for a key: the values that the left dataset has, and those of the right one. Either may have none.
pub type Cogrouped<V, W> = (Values<V>, Values<W>);

/// What `cogroup3` gives for a key: the values that each of three datasets has.
pub type Cogrouped3<V, W, X> = (Values<V>, Values<W>, Values<X>);

/// What `cogroup4` gives for a key: the values that each of four datasets has.
pub type Cogrouped4<V, W, X, Y> = (Values<V>, Values<W>, Values<X>, Values<Y>);

/// The values that have not been taken yet.
enum Left<V> {
    Here(vec::IntoIter<V>),
    Aside(Box<Aside<V>>),
}

/// Values in a run of their own.
struct Aside<V> {
    run: Rc<Run>,
    /// Of all that are in the run, so many have been taken.
    taken: usize,
    count: usize,
    decode_all: DecodeAll<V>,
    /// Open once a value was taken.
    records: Option<Decoded<'static, V>>,
}

impl<V> Aside<V> {
    /// What is left, read from a place of its own in the run.
    fn open(&self) -> Decoded<'static, V> {
        let mut records = self.run.records(self.decode_all);
        if let Some(last) = self.taken.checked_sub(1) {
            records.nth(last);
        }
        records
    }
}

impl<V: Record> Values<V> {
    pub(crate) fn of_run(run: Rc<Run>, count: usize) -> Self {
        Self {
            left: Left::Aside(Box::new(Aside {
                run,
                taken: 0,
                count,
                decode_all: V::decode_all,
                records: None,
            })),
        }
    }
}

impl<V> Values<V> {
    /// The values that have not been taken yet, in a list, which needs the memory for all of them.
    pub fn into_vec(self) -> Vec<V> {
        match self.left {
            Left::Here(values) => values.collect(),
            aside => Self { left: aside }.collect(),
        }
    }
}

impl<V> From<Vec<V>> for Values<V> {
    fn from(values: Vec<V>) -> Self {
        Self {
            left: Left::Here(values.into_iter()),
        }
    }
}

impl<V> Default for Values<V> {
    fn default() -> Self {
        Self::from(Vec::new())
    }
}

impl<V> Iterator for Values<V> {
    type Item = V;

    #[inline]
    fn next(&mut self) -> Option<V> {
        match &mut self.left {
            Left::Here(values) => values.next(),
            Left::Aside(aside) => {
                if aside.records.is_none() {
                    aside.records = Some(aside.open());
                }
                let value = aside.records.as_mut()?.next();
                // Where they end early, the task fails.
                aside.taken = value.as_ref().map_or(aside.count, |_| aside.taken + 1);
                value
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = match &self.left {
            Left::Here(values) => values.len(),
            Left::Aside(aside) => aside.count - aside.taken,
        };
        (left, Some(left))
    }

    fn fold<B, F: FnMut(B, V) -> B>(self, start: B, f: F) -> B {
        match self.left {
            Left::Here(values) => values.fold(start, f),
            Left::Aside(mut aside) => {
                let records = aside.records.take();
                records.unwrap_or_else(|| aside.open()).fold(start, f)
            }
        }
    }
}

impl<V> ExactSizeIterator for Values<V> {}

impl<V> FusedIterator for Values<V> {}

/// Each goes on by itself from here. What is not in memory is not copied.
impl<V: Clone> Clone for Values<V> {
    fn clone(&self) -> Self {
        let left = match &self.left {
            Left::Here(values) => Left::Here(values.clone()),
            Left::Aside(aside) => Left::Aside(Box::new(Aside {
                run: Rc::clone(&aside.run),
                records: None,
                ..**aside
            })),
        };
        Self { left }
    }
}

impl<V: fmt::Debug> fmt::Debug for Values<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.left {
            Left::Here(values) => f.debug_list().entries(values.as_slice()).finish(),
            Left::Aside(aside) => write!(f, "[{} values]", aside.count - aside.taken),
        }
    }
}

impl<V: Record> Record for Values<V> {
    const MIN_WIDTH: usize = Vec::<V>::MIN_WIDTH;

    fn encode(&self, out: &mut Vec<u8>) {
        write_length(self.len(), out);
        match &self.left {
            Left::Here(values) => V::encode_all(values.as_slice(), out),
            Left::Aside(aside) => aside.open().for_each(|value| value.encode(out)),
        }
    }

    fn decode(input: &mut Input<'_>) -> Result<Self, Malformed> {
        Vec::decode(input).map(Self::from)
    }

    fn detach(&mut self) {
        if let Left::Here(values) = &mut self.left {
            values.as_mut_slice().iter_mut().for_each(V::detach);
        }
    }
}
