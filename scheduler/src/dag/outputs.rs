//! The map outputs of one shuffle (Spark: `ShuffleStatus`).
//!
//! A shuffle keeps for life the image of the job that first ran it: recomputed outputs must not mix with older
//! ones that came from another image.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::{AttemptId, BucketSizes, ExecutorId, ImageId, MapOutput};

/// One map output, there or gone.
#[derive(Clone, Debug)]
struct Output {
    attempt: AttemptId,
    executor: ExecutorId,
    /// Whether it is there. Who wrote one that is gone still matters: it may be that nobody is to blame.
    there: bool,
    /// How large its buckets are, if that was told.
    sizes: Option<Arc<BucketSizes>>,
}

/// The map outputs of a shuffle that has begun to run.
#[derive(Debug)]
pub(crate) struct MapOutputs {
    /// What its map tasks are forks of.
    pub(crate) image: ImageId,
    outputs: Vec<Option<Output>>,
    missing: usize,
    /// Whether there ever was an output.
    begun: bool,
    /// What each executor has written, and perhaps lost since.
    written: BTreeMap<ExecutorId, Vec<u32>>,
    sums: Sums,
}

/// The sums of all outputs, by bucket: kept up to date, so that nobody adds up maps times buckets at once.
#[derive(Debug)]
struct Sums {
    buckets: u32,
    /// Bytes that every bucket has.
    common: u64,
    /// How each bucket differs from that; empty until a size is told.
    differences: Vec<i64>,
}

impl Sums {
    fn add(&mut self, sizes: &BucketSizes) {
        if self.differences.is_empty() {
            self.differences = vec![0; self.buckets as usize];
        }
        self.common += sizes.common();
        sizes.differences(|bucket, by| self.differences[bucket] += by);
    }

    fn subtract(&mut self, sizes: &BucketSizes) {
        self.common -= sizes.common();
        sizes.differences(|bucket, by| self.differences[bucket] -= by);
    }

    fn all(&self) -> Vec<u64> {
        if self.differences.is_empty() {
            return vec![self.common; self.buckets as usize];
        }
        let sums = self.differences.iter();
        sums.map(|by| self.common.saturating_add_signed(*by))
            .collect()
    }
}

impl MapOutputs {
    /// Begins with none of `maps` outputs of `buckets` each.
    pub(crate) fn new(image: ImageId, maps: u32, buckets: u32) -> Self {
        Self {
            image,
            outputs: vec![None; maps as usize],
            missing: maps as usize,
            begun: false,
            written: BTreeMap::new(),
            sums: Sums {
                buckets,
                common: 0,
                differences: Vec::new(),
            },
        }
    }

    /// Returns whether there ever was an output: whether the image matters.
    pub(crate) fn has_begun(&self) -> bool {
        self.begun
    }

    pub(crate) fn is_complete(&self) -> bool {
        self.missing == 0
    }

    /// The map partitions without an output, sorted.
    pub(crate) fn missing(&self) -> impl Iterator<Item = u32> {
        (0_u32..)
            .zip(&self.outputs)
            .filter(|(_, output)| !is_there(output.as_ref()))
            .map(|(map, _)| map)
    }

    pub(crate) fn missing_len(&self) -> usize {
        self.missing
    }

    /// The outputs that are there: who wrote them, and how large their buckets are.
    pub(crate) fn there(&self) -> impl Iterator<Item = (ExecutorId, Option<&BucketSizes>)> {
        let there = self.outputs.iter().flatten().filter(|output| output.there);
        there.map(|output| (output.executor, output.sizes.as_deref()))
    }

    /// Where the output of each map partition is, if it is there.
    pub(crate) fn places(&self) -> impl Iterator<Item = Option<MapOutput>> {
        let numbered = (0_u32..).zip(&self.outputs);
        numbered.map(|(partition, output)| {
            let output = output.as_ref().filter(|output| output.there)?;
            Some(MapOutput {
                partition,
                attempt: output.attempt,
                executor: output.executor,
            })
        })
    }

    /// How many outputs there are when it is complete.
    pub(crate) fn maps(&self) -> usize {
        self.outputs.len()
    }

    pub(crate) fn buckets(&self) -> u32 {
        self.sums.buckets
    }

    /// Returns the bytes of each bucket over all outputs that are there, as far as they were told.
    pub(crate) fn bytes(&self) -> Vec<u64> {
        self.sums.all()
    }

    /// Keeps an output. Sizes that cannot be its are not known.
    pub(super) fn register(
        &mut self,
        map: u32,
        attempt: AttemptId,
        executor: ExecutorId,
        sizes: Option<Arc<BucketSizes>>,
    ) {
        self.begun = true;
        self.drop_output(map);
        let sizes = sizes.filter(|sizes| sizes.fits(self.sums.buckets));
        if let Some(sizes) = &sizes {
            self.sums.add(sizes);
        }
        self.outputs[map as usize] = Some(Output {
            attempt,
            executor,
            there: true,
            sizes,
        });
        self.missing -= 1;
        self.written.entry(executor).or_default().push(map);
    }

    /// Returns who wrote an output last, be it gone or not.
    pub(super) fn writer(&self, map: u32) -> Option<ExecutorId> {
        let output = self.outputs.get(map as usize)?.as_ref()?;
        Some(output.executor)
    }

    /// Forgets an output that `reader` could not read; returns whether it was there. One that was computed
    /// after the reader began is kept: the reader missed an older one.
    pub(super) fn forget(&mut self, map: u32, reader: AttemptId) -> bool {
        let known = self.outputs.get(map as usize).and_then(Option::as_ref);
        known.is_some_and(|output| output.attempt < reader) && self.drop_output(map)
    }

    /// Forgets what an executor had, but for what was computed after the `reader` began that could not read from
    /// it, if it is such a one that says so. Returns the map partitions, sorted.
    pub(super) fn forget_executor(
        &mut self,
        executor: ExecutorId,
        reader: Option<AttemptId>,
    ) -> Vec<u32> {
        let mut forgotten = Vec::new();
        let mut kept = Vec::new();
        for map in self.written.remove(&executor).unwrap_or_default() {
            let output = self.outputs[map as usize].as_ref();
            let its = output.filter(|output| output.executor == executor && output.there);
            match its.map(|output| output.attempt) {
                Some(attempt) if reader.is_some_and(|reader| attempt >= reader) => kept.push(map),
                Some(_) => {
                    self.drop_output(map);
                    forgotten.push(map);
                }
                None => {}
            }
        }
        if !kept.is_empty() {
            self.written.insert(executor, kept);
        }
        forgotten.sort_unstable();
        forgotten
    }

    /// Returns whether an executor may have an output here.
    pub(super) fn has_written(&self, executor: ExecutorId) -> bool {
        self.written.contains_key(&executor)
    }

    /// Everybody who may have an output here.
    pub(super) fn writers(&self) -> impl Iterator<Item = ExecutorId> {
        self.written.keys().copied()
    }

    /// Returns whether the output was there.
    fn drop_output(&mut self, map: u32) -> bool {
        let Some(output) = &mut self.outputs[map as usize] else {
            return false;
        };
        if let Some(sizes) = output.sizes.take() {
            self.sums.subtract(&sizes);
        }
        let there = std::mem::take(&mut output.there);
        self.missing += usize::from(there);
        there
    }
}

fn is_there(output: Option<&Output>) -> bool {
    output.is_some_and(|output| output.there)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outputs(maps: u32, buckets: u32) -> MapOutputs {
        MapOutputs::new(ImageId([0; 32]), maps, buckets)
    }

    #[test]
    fn only_an_output_that_the_reader_could_have_read_is_forgotten() {
        let mut outputs = outputs(2, 1);
        outputs.register(0, AttemptId(5), ExecutorId(1), None);
        assert!(
            !outputs.forget(0, AttemptId(4)),
            "computed after the reader began"
        );
        assert!(!outputs.forget(1, AttemptId(9)), "not there");
        assert!(!outputs.forget(7, AttemptId(9)), "no such partition");
        assert!(outputs.forget(0, AttemptId(9)));
        assert!(!outputs.forget(0, AttemptId(9)), "gone already");
        assert_eq!(outputs.missing().collect::<Vec<_>>(), [0, 1]);
        assert_eq!(outputs.writer(0), Some(ExecutorId(1)));
    }

    #[test]
    fn an_executors_outputs_go_together() {
        let mut outputs = outputs(3, 1);
        for map in 0..3 {
            outputs.register(map, AttemptId(map.into()), ExecutorId(map % 2), None);
        }
        assert!(outputs.is_complete());
        assert_eq!(
            outputs.forget_executor(ExecutorId(0), Some(AttemptId(2))),
            [0]
        );
        assert_eq!(outputs.forget_executor(ExecutorId(0), None), [2]);
        assert_eq!(outputs.missing().collect::<Vec<_>>(), [0, 2]);
        assert_eq!(outputs.missing_len(), 2);
    }

    #[test]
    fn what_another_executor_has_computed_since_is_kept() {
        let mut outputs = outputs(1, 1);
        outputs.register(0, AttemptId(0), ExecutorId(0), None);
        outputs.register(0, AttemptId(1), ExecutorId(1), None);
        assert!(outputs.forget_executor(ExecutorId(0), None).is_empty());
        assert!(outputs.is_complete());
    }

    #[test]
    fn only_what_is_there_has_a_place() {
        let mut outputs = outputs(3, 1);
        outputs.register(2, AttemptId(5), ExecutorId(1), None);
        outputs.register(0, AttemptId(3), ExecutorId(0), None);
        outputs.forget(0, AttemptId(9));
        outputs.register(1, AttemptId(4), ExecutorId(0), None);
        let places: Vec<_> = outputs
            .places()
            .map(|at| at.map(|at| (at.partition, at.attempt.0)))
            .collect();
        assert_eq!(places, [None, Some((1, 4)), Some((2, 5))]);
    }

    #[test]
    fn sums_follow_what_is_there() {
        let mut outputs = outputs(2, 3);
        let sizes = |sizes: [u64; 3]| Some(Arc::new(BucketSizes::new(&sizes)));
        outputs.register(0, AttemptId(0), ExecutorId(0), sizes([1, 2, 3]));
        outputs.register(1, AttemptId(1), ExecutorId(1), sizes([0, 4, 8]));
        assert_eq!(outputs.bytes(), [1, 6, 11]);
        outputs.register(1, AttemptId(2), ExecutorId(1), sizes([5, 5, 5]));
        assert_eq!(outputs.bytes(), [6, 7, 8]);
        outputs.forget(0, AttemptId(9));
        assert_eq!(outputs.bytes(), [5, 5, 5]);
    }

    #[test]
    fn sizes_of_other_buckets_are_not_believed() {
        let mut outputs = outputs(1, 3);
        let sizes = Some(Arc::new(BucketSizes::new(&[1, 2])));
        outputs.register(0, AttemptId(0), ExecutorId(0), sizes);
        assert_eq!(outputs.bytes(), [0, 0, 0]);
    }
}
