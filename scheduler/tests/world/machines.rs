//! Executors and machines come and go.

use scheduler::{ExecutorId, Host, Input};

use super::{World, pick};

/// There are three machines.
fn host_number(executor: ExecutorId) -> u32 {
    executor.0 % 3
}

fn host(number: u32) -> Host {
    format!("host-{number}").as_str().into()
}

impl World {
    pub(super) fn add_executor(&mut self, executor: ExecutorId, cores: u32) {
        self.executors.insert(executor, cores);
        self.handle(Input::ExecutorAdded {
            executor,
            host: host(host_number(executor)),
            rack: None,
            cores,
        });
    }

    pub(super) fn lose_executor(&mut self, at: u8, files_lost: bool) {
        if let Some(executor) = pick(self.executors.keys(), at).copied() {
            self.remove_executor(executor, files_lost);
        }
    }

    fn remove_executor(&mut self, executor: ExecutorId, files_lost: bool) {
        self.executors.remove(&executor);
        self.running
            .retain(|_, running| running.executor != executor);
        self.blocks.retain(|(_, _, holder)| *holder != executor);
        if files_lost {
            self.outputs.retain(|_, holder| *holder != executor);
        }
        self.handle(Input::ExecutorLost {
            executor,
            reason: "gone".into(),
            files_lost,
        });
    }

    /// A machine goes, with its executors and perhaps with the files that executors of it ever wrote.
    pub(super) fn lose_worker(&mut self, at: u8, files_lost: bool) {
        let number = u32::from(at % 3);
        let there = self.executors.keys().copied();
        let there: Vec<ExecutorId> = there.filter(|id| host_number(*id) == number).collect();
        for executor in there {
            self.remove_executor(executor, false);
        }
        if files_lost {
            self.outputs
                .retain(|_, holder| host_number(*holder) != number);
        }
        self.handle(Input::WorkerLost {
            host: host(number),
            reason: "gone".into(),
            files_lost,
        });
    }

    pub(super) fn decommission(&mut self, at: u8) {
        if let Some(executor) = pick(self.executors.keys(), at).copied() {
            self.decommissioned.insert(executor);
            self.handle(Input::ExecutorDecommissioned {
                executor,
                reason: "it is to go".into(),
            });
        }
    }
}
