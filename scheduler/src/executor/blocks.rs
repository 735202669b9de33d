//! Cached partitions, as far as the driver is to know of them.

use crate::message::ToDriver;
use crate::{ExecutorId, RddId};

use super::{Action, Executor, Outbox};

impl Executor {
    pub(super) fn store_block(&mut self, rdd: RddId, partition: u32, out: &mut Outbox) {
        self.stored.insert((rdd, partition));
        if self.connection.registered {
            self.tell(stored(self.config.executor, (rdd, partition)), out);
        }
    }

    pub(super) fn drop_block(&mut self, rdd: RddId, partition: u32, out: &mut Outbox) {
        if self.stored.remove(&(rdd, partition)) {
            self.dropped.push((rdd, partition));
            self.send_drops(out);
        }
    }

    /// The driver wants a partition here, too.
    pub(super) fn copy_block(&mut self, rdd: RddId, partition: u32, out: &mut Outbox) {
        if self.stored.contains(&(rdd, partition)) {
            self.store_block(rdd, partition, out);
        } else {
            out.actions.push(Action::CopyBlock { rdd, partition });
        }
    }

    /// A driver that cannot be told orders the copy again when it can.
    pub(super) fn not_copied(&mut self, rdd: RddId, partition: u32, out: &mut Outbox) {
        if self.connection.registered {
            let executor = self.config.executor;
            let message = ToDriver::BlockNotCopied {
                executor,
                rdd,
                partition,
            };
            self.tell(message, out);
        }
    }

    pub(super) fn remove_blocks(&mut self, rdd: RddId, out: &mut Outbox) {
        let blocks = self.stored.range((rdd, 0)..=(rdd, u32::MAX));
        for block in blocks.copied().collect::<Vec<_>>() {
            self.stored.remove(&block);
        }
        out.actions.push(Action::RemoveBlocks(rdd));
    }

    /// Tells a driver that may have missed something what is cached here, and what is not any more.
    pub(super) fn send_blocks(&mut self, out: &mut Outbox) {
        self.send_drops(out);
        for block in &self.stored {
            self.tell(stored(self.config.executor, *block), out);
        }
    }

    fn send_drops(&mut self, out: &mut Outbox) {
        if !self.connection.registered {
            return;
        }
        let executor = self.config.executor;
        for (rdd, partition) in self.dropped.send(self.connection.sent).copied() {
            let message = ToDriver::BlockDropped {
                executor,
                rdd,
                partition,
            };
            out.actions.push(Action::Send {
                to: self.config.driver.clone(),
                message: message.into(),
            });
        }
    }
}

fn stored(executor: ExecutorId, (rdd, partition): (RddId, u32)) -> ToDriver {
    ToDriver::BlockStored {
        executor,
        rdd,
        partition,
    }
}
