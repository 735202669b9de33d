//! The records of one partition, on their way through its operations.
//!
//! Operations are ordinary iterators. What is read to its end is pushed (`fold`), so that a record costs one indirect
//! call an operation, and none where it comes from a batch; only who may stop early pulls (`next`).

use std::fmt;

use crate::batch::Decoded;

/// An iterator over the records of one partition.
pub struct Records<'a, T> {
    origin: Origin<'a, T>,
}

/// Where records come from.
enum Origin<'a, T> {
    Operation(Box<dyn Stream<T> + 'a>),
    /// Known by its type, so that what is done with its records becomes part of the loop over them.
    Batches(Box<Decoded<'a, T>>),
}

/// The part of `Iterator` that can be called without knowing the type.
pub(crate) trait Stream<T> {
    fn pull(&mut self) -> Option<T>;
    fn size_hint(&self) -> (usize, Option<usize>);
    fn drain(self: Box<Self>, sink: &mut dyn FnMut(T));
    fn count(self: Box<Self>) -> u64;

    /// Hands over some of the records, the first among them, and returns how many there are in all. The answer of `take` is
    /// how many it passes over; who can leaves those out unmade.
    fn skim(self: Box<Self>, take: &mut dyn FnMut(T) -> u64) -> u64 {
        let (mut count, mut next) = (0, 0);
        self.drain(&mut |record| {
            if count == next {
                next += 1 + take(record);
            }
            count += 1;
        });
        count
    }
}

impl<I: Iterator> Stream<I::Item> for I {
    fn pull(&mut self) -> Option<I::Item> {
        self.next()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        Iterator::size_hint(self)
    }

    fn drain(self: Box<Self>, sink: &mut dyn FnMut(I::Item)) {
        (*self).for_each(sink);
    }

    fn count(self: Box<Self>) -> u64 {
        (*self).fold(0, |count, _| count + 1)
    }
}

impl<'a, T> Records<'a, T> {
    /// Makes any iterator the records of a partition.
    pub fn new(records: impl Iterator<Item = T> + 'a) -> Self {
        Self::of_stream(records)
    }

    /// Makes what knows better than an iterator the records of a partition.
    pub(crate) fn of_stream(records: impl Stream<T> + 'a) -> Self {
        Self {
            origin: Origin::Operation(Box::new(records)),
        }
    }

    /// Makes what batches hold the records of a partition.
    pub(crate) fn of_batches(records: Decoded<'a, T>) -> Self {
        Self {
            origin: Origin::Batches(Box::new(records)),
        }
    }

    /// See [`Stream::skim`].
    pub(crate) fn skim(self, take: &mut dyn FnMut(T) -> u64) -> u64 {
        match self.origin {
            Origin::Operation(stream) => stream.skim(take),
            Origin::Batches(records) => Stream::skim(records, take),
        }
    }

    /// How many there are. (`Iterator::count` is of the width of memory, and a partition may have more.)
    pub(crate) fn counted(self) -> u64 {
        match self.origin {
            Origin::Operation(stream) => stream.count(),
            Origin::Batches(records) => (*records).fold(0, |count, _| count + 1),
        }
    }
}

impl<T> Iterator for Records<'_, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        match &mut self.origin {
            Origin::Operation(stream) => stream.pull(),
            Origin::Batches(records) => Iterator::next(&mut **records),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        match &self.origin {
            Origin::Operation(stream) => stream.size_hint(),
            Origin::Batches(records) => Iterator::size_hint(&**records),
        }
    }

    fn fold<B, F: FnMut(B, T) -> B>(self, start: B, mut f: F) -> B {
        let stream = match self.origin {
            Origin::Operation(stream) => stream,
            Origin::Batches(records) => return (*records).fold(start, f),
        };
        let mut held = Some(start);
        stream.drain(&mut |record| {
            if let Some(value) = held.take() {
                held = Some(f(value, record));
            }
        });
        match held {
            Some(value) => value,
            // The sink above is the only place that takes it, and it puts it back.
            None => unreachable!("a fold lost its value"),
        }
    }

    fn for_each<F: FnMut(T)>(self, mut f: F) {
        match self.origin {
            Origin::Operation(stream) => stream.drain(&mut f),
            Origin::Batches(records) => (*records).for_each(f),
        }
    }
}

impl<T> fmt::Debug for Records<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Records")
            .field("size_hint", &Iterator::size_hint(self))
            .finish()
    }
}
