//! Copies of cached partitions that other executors hold (Spark: `BlockManager.replicateBlock`).

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use scheduler::RddId;

use super::{DriverRef, Executor};

/// A dataset and one of its partitions.
type Key = (RddId, u32);

/// Copies partitions, one after the other: so there is one at a time in memory that is nobody's yet.
pub(crate) struct Copier(Sender<Key>);

impl Copier {
    /// Starts the thread that copies. It ends with the copier.
    pub(crate) fn start(executor: &Arc<Executor>, driver: &Arc<dyn DriverRef>) -> Self {
        let (orders, ordered) = channel();
        let (executor, driver) = (Arc::clone(executor), Arc::clone(driver));
        thread::Builder::new()
            .name("copies".into())
            .spawn(move || copy_all(&executor, &*driver, &ordered))
            .expect("the machine has room for a thread");
        Self(orders)
    }

    /// Orders a copy. How it went is told to the driver.
    pub(crate) fn copy(&self, rdd: RddId, partition: u32) {
        // A thread that has ended leaves a process that is about to.
        let _ = self.0.send((rdd, partition));
    }
}

fn copy_all(executor: &Executor, driver: &dyn DriverRef, ordered: &Receiver<Key>) {
    for (rdd, partition) in ordered {
        let held = executor.blocks.open(rdd, partition).is_some();
        let copied = held || {
            let found = driver.remote_block(rdd, partition);
            found.is_some_and(|(level, block)| executor.blocks.put(rdd, partition, level, &block))
        };
        for (rdd, partition) in executor.blocks.take_dropped() {
            driver.block_dropped(rdd, partition);
        }
        if copied {
            driver.block_stored(rdd, partition);
            tracing::info!("holds a copy of partition {partition} of {rdd}");
        } else {
            driver.block_not_copied(rdd, partition);
        }
    }
}
