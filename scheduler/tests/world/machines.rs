//! Executors and machines come and go.

use std::collections::BTreeSet;

use scheduler::{ExecutorId, Host, Input, Rack};

use super::{Fault, World, pick};

/// There are three machines.
fn host_number(executor: ExecutorId) -> u32 {
    executor.0 % 3
}

fn host(number: u32) -> Host {
    format!("host-{number}").as_str().into()
}

fn rack(number: u32) -> Rack {
    format!("rack-{}", number / 2).as_str().into()
}

impl World {
    /// Returns whether tasks may be launched on an executor.
    pub(super) fn takes(&self, executor: ExecutorId) -> bool {
        let barred = [&self.decommissioned, &self.given_back, &self.silent];
        !barred.iter().any(|barred| barred.contains(&executor))
    }

    pub(super) fn same_host(one: ExecutorId, other: ExecutorId) -> bool {
        host_number(one) == host_number(other)
    }

    /// Nobody hears of an executor; or, where nobody did, it is heard again.
    pub(super) fn silence(&mut self, at: u8) {
        let Some(executor) = pick(self.executors.keys(), at).copied() else {
            return;
        };
        if self.silent.insert(executor) {
            self.handle(Input::ExecutorSilent { executor });
        } else {
            self.hear(executor);
        }
    }

    fn hear(&mut self, executor: ExecutorId) {
        self.silent.remove(&executor);
        self.add_executor(executor, self.executors[&executor]);
    }

    pub(super) fn hear_all(&mut self) {
        for executor in self.silent.clone() {
            if self.executors.contains_key(&executor) {
                self.hear(executor);
            }
        }
    }

    /// The cluster takes back what was given back, and sends others.
    pub(super) fn replace_given_back(&mut self) {
        for executor in self.given_back.clone() {
            if self.executors.contains_key(&executor) {
                self.remove_executor(executor, false);
                self.step(Fault::ExecutorAdded(4));
            }
        }
    }

    /// Lets time pass.
    pub(super) fn wait(&mut self, millis: u16) {
        let until = self.now + u64::from(millis) * 1_000;
        while let Some(deadline) = self.driver.next_deadline() {
            if deadline.as_micros() > until {
                break;
            }
            self.now = self.now.max(deadline.as_micros());
            self.handle(Input::DeadlineReached);
        }
        self.now = self.now.max(until);
    }

    pub(super) fn add_executor(&mut self, executor: ExecutorId, cores: u32) {
        self.executors.insert(executor, cores);
        self.handle(Input::ExecutorAdded {
            executor,
            host: host(host_number(executor)),
            rack: Some(rack(host_number(executor))),
            cores,
        });
    }

    pub(super) fn is_on_several_hosts(&self) -> bool {
        let hosts: BTreeSet<u32> = self.executors.keys().copied().map(host_number).collect();
        hosts.len() > 1
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
