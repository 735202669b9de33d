//! Copies of cached partitions on further executors (Spark: `BlockManager.replicate`, `BasicBlockReplicationPolicy`; and
//! the proactive replication of `BlockManagerMasterEndpoint`, where an executor is lost).

use std::cmp::Reverse;

use crate::{Action, ExecutorId, Outbox, RddId};

use super::Driver;

impl Driver {
    /// Takes note of how many executors are to hold each partition of a dataset.
    pub(super) fn want_copies(&mut self, rdd: RddId, copies: u32, out: &mut Outbox) {
        if self.graph.get(rdd).is_some() {
            self.copies.want(rdd, copies);
            self.copy_lacking(rdd, out);
        }
    }

    /// Orders the copies that are lacking of a dataset's partitions.
    fn copy_lacking(&mut self, rdd: RddId, out: &mut Outbox) {
        for partition in self.blocks.partitions(rdd) {
            self.copy_block(rdd, partition, out);
        }
    }

    /// Orders the copies that are lacking of all partitions: there may be a place for them now.
    pub(super) fn copy_all_lacking(&mut self, out: &mut Outbox) {
        for rdd in self.copies.wanted().collect::<Vec<_>>() {
            self.copy_lacking(rdd, out);
        }
    }

    /// Orders the copies that are lacking of a partition.
    pub(super) fn copy_block(&mut self, rdd: RddId, partition: u32, out: &mut Outbox) {
        let block = (rdd, partition);
        let holders = self.blocks.holders(rdd, partition).len();
        for _ in 0..self.copies.lacking(block, holders) {
            let Some(executor) = self.choose_holder(block) else {
                return;
            };
            self.copies.begin(block, executor);
            out.actions.push(Action::CopyBlock {
                executor,
                rdd,
                partition,
            });
        }
    }

    /// Returns who is to hold a further copy: on a machine that has none if there is one, and who holds least.
    fn choose_holder(&self, block: (RddId, u32)) -> Option<ExecutorId> {
        let holders = self.blocks.holders(block.0, block.1);
        let hosts = |executor: &ExecutorId| self.shuffles.host(*executor);
        let near = |executor: &ExecutorId| {
            let host = hosts(executor);
            holders.iter().any(|holder| hosts(holder) == host)
        };
        let others = self.tasks.executors().staying().filter(|executor| {
            !holders.contains(executor) && self.copies.may_go_to(block, *executor)
        });
        others.max_by_key(|executor| {
            (
                !near(executor),
                Reverse(self.blocks.held_by(*executor) + self.copies.coming(*executor)),
                Reverse(*executor),
            )
        })
    }

    /// Takes note that an executor could not copy a partition.
    pub(super) fn not_copied(
        &mut self,
        (rdd, partition): (RddId, u32),
        executor: ExecutorId,
        out: &mut Outbox,
    ) {
        self.copies.failed((rdd, partition), executor);
        self.copy_block(rdd, partition, out);
    }

    /// Takes note that an executor has a partition no more.
    pub(super) fn drop_block(&mut self, rdd: RddId, partition: u32, executor: ExecutorId) {
        self.blocks.dropped(rdd, partition, executor);
        if self.blocks.holders(rdd, partition).is_empty() {
            self.copies.gone((rdd, partition));
        }
    }

    /// Forgets the blocks of an executor that is lost. What others still hold of them is copied again.
    pub(super) fn lose_blocks(&mut self, executor: ExecutorId) {
        self.copies.lost(executor);
        for (rdd, partition) in self.blocks.lost(executor) {
            if self.blocks.holders(rdd, partition).is_empty() {
                self.copies.gone((rdd, partition));
            }
        }
    }
}
