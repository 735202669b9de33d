//! The median of durations, as they come (Spark: `MedianHeap`).
//!
//! The lower half and the upper half, each with its nearest to the middle at hand.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Durations in microseconds.
#[derive(Debug, Default)]
pub(super) struct Median {
    low: BinaryHeap<u64>,
    /// As many as in `low`, or one fewer.
    high: BinaryHeap<Reverse<u64>>,
}

impl Median {
    pub(super) fn add(&mut self, micros: u64) {
        match self.low.peek() {
            Some(middle) if micros > *middle => self.high.push(Reverse(micros)),
            _ => self.low.push(micros),
        }
        if self.low.len() > self.high.len() + 1 {
            self.high.extend(self.low.pop().map(Reverse));
        }
        if self.high.len() > self.low.len() {
            self.low
                .extend(self.high.pop().map(|Reverse(micros)| micros));
        }
    }

    pub(super) fn len(&self) -> usize {
        self.low.len() + self.high.len()
    }

    /// Returns the middle one, or the mean of the middle two. None: there is none.
    pub(super) fn get(&self) -> Option<u64> {
        let low = *self.low.peek()?;
        match self.high.peek() {
            Some(Reverse(high)) if self.high.len() == self.low.len() => Some(low.midpoint(*high)),
            _ => Some(low),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn median(all: &[u64]) -> Option<u64> {
        let mut median = Median::default();
        all.iter().for_each(|micros| median.add(*micros));
        assert_eq!(median.len(), all.len());
        median.get()
    }

    #[test]
    fn an_empty_median_is_none() {
        assert_eq!(median(&[]), None);
    }

    #[test]
    fn the_median_is_in_the_middle_whatever_the_order() {
        assert_eq!(median(&[9]), Some(9));
        assert_eq!(median(&[9, 1]), Some(5));
        assert_eq!(median(&[5, 5, 5, 1, 100]), Some(5));
        assert_eq!(median(&[4, 3, 2, 1]), Some(2));
        let falling: Vec<u64> = (0..=1_000).rev().collect();
        assert_eq!(median(&falling), Some(500));
    }
}
