//! Where the map outputs of all shuffles are (Spark: `MapOutputTrackerMaster`).
//!
//! An output belongs to the executor that wrote it, and outlives it where its machine keeps the file.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::{AttemptId, BucketSizes, ExecutorId, Host, ImageId, ShuffleId};

use super::MapOutputs;

/// So many decommissioned executors are remembered, the latest ones: their outputs may be missed long after they
/// went (Spark: `scheduler.maxRetainedRemovedDecommissionExecutors`).
const DECOMMISSIONED_MAX: usize = 10_000;

/// An executor that is there, or whose outputs may be.
#[derive(Debug)]
struct Writer {
    host: Host,
    there: bool,
    /// The shuffles that may have an output of it.
    shuffles: BTreeSet<ShuffleId>,
}

/// The map outputs of the shuffles that have begun to run.
#[derive(Debug, Default)]
pub(crate) struct Shuffles {
    outputs: BTreeMap<ShuffleId, MapOutputs>,
    writers: BTreeMap<ExecutorId, Writer>,
    /// Each writer, by its machine.
    hosts: BTreeSet<(Host, ExecutorId)>,
    decommissioned: BTreeSet<ExecutorId>,
}

/// Map outputs that are gone.
pub(crate) type Forgotten = Vec<(ShuffleId, u32)>;

impl Shuffles {
    pub(crate) fn len(&self) -> usize {
        self.outputs.len()
    }

    pub(crate) fn get(&self, shuffle: ShuffleId) -> Option<&MapOutputs> {
        self.outputs.get(&shuffle)
    }

    /// Begins a shuffle.
    pub(crate) fn begin(&mut self, shuffle: ShuffleId, image: ImageId, maps: u32, buckets: u32) {
        let outputs = MapOutputs::new(image, maps, buckets);
        let before = self.outputs.insert(shuffle, outputs);
        assert!(before.is_none(), "a shuffle begins once");
    }

    /// Forgets a shuffle; returns its image if it had begun.
    pub(crate) fn remove(&mut self, shuffle: ShuffleId) -> Option<ImageId> {
        let outputs = self.outputs.remove(&shuffle)?;
        for executor in outputs.writers() {
            self.unlist(executor, shuffle);
        }
        Some(outputs.image)
    }

    /// Keeps an output.
    pub(crate) fn register(
        &mut self,
        (shuffle, map): (ShuffleId, u32),
        attempt: AttemptId,
        executor: ExecutorId,
        sizes: Option<Arc<BucketSizes>>,
    ) {
        let outputs = self.outputs.get_mut(&shuffle);
        let outputs = outputs.expect("a shuffle that ran has outputs");
        outputs.register(map, attempt, executor, sizes);
        let writer = self.writers.get_mut(&executor);
        let writer = writer.expect("an attempt that ends well ran on an executor that is there");
        writer.shuffles.insert(shuffle);
    }

    /// Forgets an output that `reader` could not read; returns whether it was there.
    pub(crate) fn forget(&mut self, shuffle: ShuffleId, map: u32, reader: AttemptId) -> bool {
        let outputs = self.outputs.get_mut(&shuffle);
        outputs.is_some_and(|outputs| outputs.forget(map, reader))
    }

    /// Returns who wrote an output last, be it gone or not.
    pub(crate) fn writer(&self, shuffle: ShuffleId, map: u32) -> Option<ExecutorId> {
        self.outputs.get(&shuffle)?.writer(map)
    }

    /// Forgets what an executor had. What was computed after a `reader` began that could not read from it is
    /// kept.
    pub(crate) fn forget_executor(
        &mut self,
        executor: ExecutorId,
        reader: Option<AttemptId>,
    ) -> Forgotten {
        let writer = self.writers.get_mut(&executor);
        let shuffles = writer.map_or_else(BTreeSet::new, |writer| writer.shuffles.clone());
        let mut forgotten = Vec::new();
        for shuffle in shuffles {
            let outputs = self.outputs.get_mut(&shuffle);
            let outputs = outputs.expect("a shuffle that is removed is removed from its writers");
            let maps = outputs.forget_executor(executor, reader);
            forgotten.extend(maps.into_iter().map(|map| (shuffle, map)));
            if !outputs.has_written(executor) {
                self.unlist(executor, shuffle);
            }
        }
        forgotten
    }

    /// Forgets what the executors of a machine had, those that are gone included.
    pub(crate) fn forget_host(&mut self, host: &Host, reader: Option<AttemptId>) -> Forgotten {
        let first = (host.clone(), ExecutorId(0));
        let there = self.hosts.range(first..).take_while(|(on, _)| on == host);
        let executors: Vec<ExecutorId> = there.map(|(_, executor)| *executor).collect();
        let forgotten = executors.into_iter();
        forgotten
            .flat_map(|executor| self.forget_executor(executor, reader))
            .collect()
    }

    /// Takes note of an executor.
    pub(crate) fn add_executor(&mut self, executor: ExecutorId, host: Host) {
        let new = Writer {
            host,
            there: true,
            shuffles: BTreeSet::new(),
        };
        let writer = self.writers.entry(executor).or_insert(new);
        writer.there = true;
        self.hosts.insert((writer.host.clone(), executor));
    }

    /// Takes note that an executor is gone. Its outputs are forgotten apart.
    pub(crate) fn remove_executor(&mut self, executor: ExecutorId) {
        if let Some(writer) = self.writers.get_mut(&executor) {
            writer.there = false;
        }
        self.drop_writer(executor);
    }

    /// Returns the machine of an executor that is there, or whose outputs may be.
    pub(crate) fn host(&self, executor: ExecutorId) -> Option<&Host> {
        self.writers.get(&executor).map(|writer| &writer.host)
    }

    /// Takes note that an executor is about to go, with what it has.
    pub(crate) fn decommission(&mut self, executor: ExecutorId) {
        if self.writers.contains_key(&executor) {
            self.decommissioned.insert(executor);
        }
        if self.decommissioned.len() > DECOMMISSIONED_MAX {
            self.decommissioned.pop_first();
        }
    }

    pub(crate) fn is_decommissioned(&self, executor: ExecutorId) -> bool {
        self.decommissioned.contains(&executor)
    }

    fn unlist(&mut self, executor: ExecutorId, shuffle: ShuffleId) {
        if let Some(writer) = self.writers.get_mut(&executor) {
            writer.shuffles.remove(&shuffle);
        }
        self.drop_writer(executor);
    }

    /// Forgets an executor that is gone and of which nothing is left.
    fn drop_writer(&mut self, executor: ExecutorId) {
        let over = |writer: &Writer| !writer.there && writer.shuffles.is_empty();
        if self.writers.get(&executor).is_some_and(over)
            && let Some(writer) = self.writers.remove(&executor)
        {
            self.hosts.remove(&(writer.host, executor));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEAR: ExecutorId = ExecutorId(0);
    const FAR: ExecutorId = ExecutorId(1);

    /// Two shuffles of two outputs each, one on each of two machines.
    fn shuffles() -> Shuffles {
        let mut shuffles = Shuffles::default();
        shuffles.add_executor(NEAR, "near".into());
        shuffles.add_executor(FAR, "far".into());
        for shuffle in [ShuffleId(0), ShuffleId(1)] {
            shuffles.begin(shuffle, ImageId([0; 32]), 2, 1);
            shuffles.register((shuffle, 0), AttemptId(0), NEAR, None);
            shuffles.register((shuffle, 1), AttemptId(1), FAR, None);
        }
        shuffles
    }

    #[test]
    fn a_machine_keeps_the_outputs_of_executors_that_are_gone() {
        let mut shuffles = shuffles();
        shuffles.remove_executor(FAR);
        assert!(shuffles.get(ShuffleId(0)).unwrap().is_complete());
        assert_eq!(shuffles.host(FAR), Some(&"far".into()));
        let forgotten = shuffles.forget_host(&"far".into(), None);
        assert_eq!(forgotten, [(ShuffleId(0), 1), (ShuffleId(1), 1)]);
        assert_eq!(shuffles.host(FAR), None, "nothing is left of it");
        assert_eq!(shuffles.host(NEAR), Some(&"near".into()));
    }

    #[test]
    fn removed_shuffles_leave_nothing_behind() {
        let mut shuffles = shuffles();
        shuffles.remove_executor(NEAR);
        shuffles.remove_executor(FAR);
        assert!(shuffles.remove(ShuffleId(0)).is_some());
        assert!(shuffles.remove(ShuffleId(0)).is_none());
        assert!(shuffles.remove(ShuffleId(1)).is_some());
        assert!(shuffles.writers.is_empty() && shuffles.hosts.is_empty());
    }

    #[test]
    fn only_executors_that_exist_are_decommissioned() {
        let mut shuffles = shuffles();
        shuffles.decommission(FAR);
        shuffles.decommission(ExecutorId(9));
        shuffles.remove_executor(FAR);
        assert!(shuffles.is_decommissioned(FAR) && !shuffles.is_decommissioned(ExecutorId(9)));
    }
}
