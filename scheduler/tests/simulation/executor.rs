//! The process around an executor.

use std::collections::BTreeMap;
use std::sync::Arc;

use scheduler::executor::{Action, Config, Executor, Input, Outbox};
use scheduler::message::{ApplicationSpec, ExecutorName};
use scheduler::{AttemptId, RddId, Tenant};

use crate::network::{EndpointId, HostId};
use crate::process::{Going, Machine, ProcessId};
use crate::program::Program;
use crate::reading::Reader;
use crate::task::{Running, Step};
use crate::world::{Told, What, World};

/// An executor's process.
#[derive(Debug)]
pub(crate) struct ExecutorProcess {
    pub(crate) executor: Executor,
    pub(crate) name: ExecutorName,
    pub(crate) driver: EndpointId,
    pub(crate) tenant: Tenant,
    pub(crate) program: Arc<Program>,
    pub(crate) running: BTreeMap<AttemptId, Running>,
    cores: u32,
}

impl ExecutorProcess {
    /// Returns whether each core has a task.
    pub(crate) fn is_full(&self) -> bool {
        let tasks = self.running.values();
        tasks.filter(|task| task.step != Step::Waits).count() >= self.cores as usize
    }

    /// Returns the task that gets a core, if one is free and one waits.
    pub(crate) fn next(&mut self) -> Option<AttemptId> {
        let mut tasks = self.running.iter();
        let (attempt, _) = tasks.find(|(_, task)| task.step == Step::Waits)?;
        (!self.is_full()).then_some(*attempt)
    }
}

impl World {
    pub(crate) fn start_executor(
        &mut self,
        worker: ProcessId,
        host: HostId,
        name: ExecutorName,
        spec: &ApplicationSpec,
        (cores, _memory): (u32, u64),
    ) -> ProcessId {
        let driver = self.network.endpoint(&spec.driver);
        self.checks.name(name.application, driver);
        self.data.settle(driver, name, host);
        let worker = self.worker_id(worker);
        let site = &self.sites[host.0];
        let config = Config {
            executor: name.executor,
            worker,
            host: site.name.clone(),
            rack: site.rack.clone(),
            cores,
            driver: spec.driver.clone(),
        };
        let process = ExecutorProcess {
            executor: Executor::new(config, &self.scenario.settings),
            name,
            driver,
            tenant: spec.tenant.clone(),
            program: self.programs[&driver].clone(),
            running: BTreeMap::new(),
            cores,
        };
        let address = self.free_address(host);
        let id = self.spawn(&address, host, Machine::Executor(Box::new(process)));
        self.plan_told(id, Told::Executor(Input::Started));
        id
    }

    pub(crate) fn executor(&mut self, id: ProcessId) -> Option<&mut ExecutorProcess> {
        match &mut self.processes.get_mut(&id)?.machine {
            Machine::Executor(executor) => Some(executor),
            _ => None,
        }
    }

    pub(crate) fn tell_executor(&mut self, id: ProcessId, input: Input) {
        let Some(process) = self.processes.get_mut(&id) else {
            return;
        };
        let now = process.clock.read(self.now);
        let Machine::Executor(executor) = &mut process.machine else {
            return;
        };
        let mut out = Outbox::default();
        executor.executor.handle(now, input, &mut out);
        for action in out.actions {
            self.do_for_executor(id, action);
        }
        self.plan_wake(id);
    }

    fn do_for_executor(&mut self, id: ProcessId, action: Action) {
        match action {
            Action::Send { to, message } => self.say(id, &to, message),
            Action::RunTask(task) => self.run_task(id, task),
            Action::KillTask { attempt, reason } => self.kill_task(id, attempt, reason),
            Action::GrantCommit(attempt) => self.may_commit(id, attempt, true),
            Action::DenyCommit(attempt) => self.may_commit(id, attempt, false),
            Action::CopyBlock { rdd, partition } => self.copy_block(id, rdd, partition),
            Action::RemoveBlocks(rdd) => self.remove_blocks(id, rdd),
            Action::RemoveShuffle(shuffle) => {
                let host = self.processes[&id].host;
                let Some(executor) = self.executor(id) else {
                    return;
                };
                let application = executor.name.application;
                self.data.remove_shuffle(host, application, shuffle);
            }
            Action::ReleaseResults(attempts) => {
                let Some(driver) = self.executor(id).map(|executor| executor.driver) else {
                    return;
                };
                for attempt in attempts {
                    self.data.results.remove(&(driver, attempt));
                }
            }
            Action::Exit { reason } => self.exit_child(id, 1, &reason),
        }
    }

    /// A child's process ends by itself.
    pub(crate) fn exit_child(&mut self, id: ProcessId, code: i32, reason: &str) {
        self.note(|| format!("  it ends with {code}: {reason}"));
        match self.parent(id) {
            // Its worker takes note, which takes it away.
            Some((worker, child)) => {
                self.hang_up(id);
                self.plan(
                    std::time::Duration::ZERO,
                    What::EndChild(worker, child, Some(code)),
                );
            }
            None => self.end_inhabitant(id, Going::Orderly),
        }
    }

    /// A cached partition is got from who holds it, and is held here too.
    fn copy_block(&mut self, id: ProcessId, rdd: RddId, partition: u32) {
        let host = self.processes[&id].host;
        let Some(driver) = self.executor(id).map(|executor| executor.driver) else {
            return;
        };
        let told = match self.cached(Reader { host, driver }, rdd, partition) {
            None => Input::BlockNotCopied { rdd, partition },
            Some(value) => {
                let block = self.data.blocks.entry((driver, rdd, partition));
                block.or_default().insert(id, value);
                self.stats.copies += 1;
                Input::BlockStored { rdd, partition }
            }
        };
        self.plan_told(id, Told::Executor(told));
    }

    fn remove_blocks(&mut self, id: ProcessId, rdd: RddId) {
        let Some(driver) = self.executor(id).map(|executor| executor.driver) else {
            return;
        };
        self.data.blocks.retain(|(of, block, _), holders| {
            if (*of, *block) == (driver, rdd) {
                holders.remove(&id);
            }
            !holders.is_empty()
        });
    }

    /// A process of a worker's child is gone, with what it had in memory.
    pub(crate) fn end_inhabitant(&mut self, id: ProcessId, going: Going) {
        self.data.forget_executor(id);
        self.driver_gone(id);
        self.end(id, going);
    }
}
