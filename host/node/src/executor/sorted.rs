//! A bucket of framed records that the host sorts for a task.

use std::mem;

use sandbox::KillSwitch;
use scheduler::TaskMetrics;
use store::{FrameSorter, ShuffleReader, SortedFrames};

use super::cost::Cost;
use super::fetch;

/// First takes all records in, and then gives them in order.
pub(super) struct SortedReader {
    step: Step,
    cost: Cost,
}

enum Step {
    Taking(Box<(ShuffleReader, FrameSorter)>),
    Giving(SortedFrames),
    /// It ended, or failed.
    Done,
}

impl SortedReader {
    pub(super) fn new(reader: ShuffleReader, sorter: FrameSorter, cost: Cost) -> Self {
        let step = Step::Taking(Box::new((reader, sorter)));
        Self { step, cost }
    }

    /// The next records; empty at the end.
    pub(super) fn read(&mut self, kill: &KillSwitch) -> store::Result<Vec<u8>> {
        let mut sorted = match mem::replace(&mut self.step, Step::Done) {
            Step::Taking(all) => self.take_all(all.0, all.1, kill)?,
            Step::Giving(sorted) => sorted,
            Step::Done => return Ok(Vec::new()),
        };
        let batch = sorted.read()?;
        if !batch.is_empty() {
            self.step = Step::Giving(sorted);
        }
        Ok(batch)
    }

    fn take_all(
        &self,
        mut reader: ShuffleReader,
        mut sorter: FrameSorter,
        kill: &KillSwitch,
    ) -> store::Result<SortedFrames> {
        loop {
            let batches = fetch::read(kill, &mut reader)?;
            if batches.is_empty() {
                break;
            }
            self.count(|metrics| &mut metrics.shuffle_read_bytes, batches.len());
            sorter.push(batches)?;
        }
        let sorted = sorter.finish()?;
        self.count(|metrics| &mut metrics.spilled_bytes, sorted.spilled_bytes());
        let spilled = usize::from(sorted.spilled_bytes() > 0);
        self.count(|metrics| &mut metrics.spills, spilled);
        Ok(sorted)
    }

    fn count(&self, counter: fn(&mut TaskMetrics) -> &mut u64, bytes: usize) {
        self.cost.add(counter, bytes);
    }
}
