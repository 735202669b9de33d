//! Where the map outputs of a shuffle are (Spark: `MapOutputTrackerMaster`'s `ShuffleStatus`).
//!
//! A shuffle keeps for life the image of the job that first ran it: recomputed outputs must not mix with older
//! ones that came from another image.

use crate::{AttemptId, ExecutorId, ImageId};

/// One map output.
#[derive(Clone, Copy, Debug)]
struct Output {
    attempt: AttemptId,
    executor: ExecutorId,
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
}

impl MapOutputs {
    /// Begins with none of `maps` outputs.
    pub(crate) fn new(image: ImageId, maps: u32) -> Self {
        Self {
            image,
            outputs: vec![None; maps as usize],
            missing: maps as usize,
            begun: false,
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
            .filter(|(_, output)| output.is_none())
            .map(|(map, _)| map)
    }

    /// Keeps an output.
    pub(crate) fn register(&mut self, map: u32, attempt: AttemptId, executor: ExecutorId) {
        self.begun = true;
        let output = &mut self.outputs[map as usize];
        self.missing -= usize::from(output.is_none());
        *output = Some(Output { attempt, executor });
    }

    /// Returns who has an output.
    pub(crate) fn holder(&self, map: u32) -> Option<ExecutorId> {
        let output = self.outputs.get(map as usize)?.as_ref()?;
        Some(output.executor)
    }

    /// Forgets an output that `reader` could not read; returns whether it was there. One that was computed
    /// after the reader began is kept: the reader missed an older one.
    pub(crate) fn forget(&mut self, map: u32, reader: AttemptId) -> bool {
        let Some(output) = self.outputs.get_mut(map as usize) else {
            return false;
        };
        let stale = output.is_some_and(|output| output.attempt < reader);
        if stale {
            *output = None;
            self.missing += 1;
        }
        stale
    }

    /// Forgets what an executor had; returns the map partitions.
    pub(crate) fn forget_executor(&mut self, executor: ExecutorId) -> Vec<u32> {
        let mut forgotten = Vec::new();
        for (map, output) in (0_u32..).zip(&mut self.outputs) {
            if output.is_some_and(|output| output.executor == executor) {
                *output = None;
                forgotten.push(map);
            }
        }
        self.missing += forgotten.len();
        forgotten
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_output_that_the_reader_could_have_read_is_forgotten() {
        let mut outputs = MapOutputs::new(ImageId([0; 32]), 2);
        outputs.register(0, AttemptId(5), ExecutorId(1));
        assert!(
            !outputs.forget(0, AttemptId(4)),
            "computed after the reader began"
        );
        assert!(!outputs.forget(1, AttemptId(9)), "not there");
        assert!(!outputs.forget(7, AttemptId(9)), "no such partition");
        assert!(outputs.forget(0, AttemptId(9)));
        assert_eq!(outputs.missing().collect::<Vec<_>>(), [0, 1]);
    }

    #[test]
    fn an_executors_outputs_go_together() {
        let mut outputs = MapOutputs::new(ImageId([0; 32]), 3);
        for map in 0..3 {
            outputs.register(map, AttemptId(map.into()), ExecutorId(map % 2));
        }
        assert!(outputs.is_complete());
        assert_eq!(outputs.forget_executor(ExecutorId(0)), [0, 2]);
        assert_eq!(outputs.missing().collect::<Vec<_>>(), [0, 2]);
    }
}
