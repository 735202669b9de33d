//! The process around a worker, and the executors and drivers that it runs as its children.
//!
//! Children die with their worker: its process is their parent, and the system tells them when it ends. So a worker
//! that starts again finds its machine empty. Shuffle files stay; the next worker serves them.

use std::collections::BTreeMap;
use std::sync::Arc;

use scheduler::message::{ApplicationSpec, DriverSpec, ExecutorName, WorkerInfo};
use scheduler::worker::{Action, Folder, Input, Outbox, Worker};
use scheduler::{DriverId, WorkerId};

use crate::checks::Orders;
use crate::faults::Kind;
use crate::network::HostId;
use crate::process::{Going, Machine, ProcessId};
use crate::world::{Told, What, World};

/// What a worker runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ChildId {
    Executor(ExecutorName),
    Driver(DriverId),
}

/// What a child is made of.
#[derive(Clone, Debug)]
pub(crate) enum Plan {
    Executor(Arc<ApplicationSpec>),
    Driver(Arc<DriverSpec>),
}

/// A process that a worker has started, or is starting.
#[derive(Debug)]
pub(crate) struct Child {
    pub(crate) plan: Plan,
    pub(crate) cores: u32,
    pub(crate) memory: u64,
    /// None while it starts.
    pub(crate) process: Option<ProcessId>,
}

/// A worker's process.
#[derive(Debug)]
pub(crate) struct WorkerProcess {
    pub(crate) worker: Worker,
    pub(crate) id: WorkerId,
    pub(crate) cores: u32,
    pub(crate) memory: u64,
    pub(crate) children: BTreeMap<ChildId, Child>,
    pub(crate) orders: Orders,
    pub(crate) decommissioned: bool,
}

impl World {
    pub(crate) fn start_worker(&mut self, host: HostId) {
        let address = self.free_address(host);
        let (id, seed) = (WorkerId(self.random.draw()), self.random.draw());
        let site = &self.sites[host.0];
        let info = WorkerInfo {
            id,
            address: address.clone(),
            host: site.name.clone(),
            rack: site.rack.clone(),
            cores: site.cores,
            memory: site.memory,
        };
        let (cores, memory) = (site.cores, site.memory);
        let worker = Worker::new(
            info,
            self.master_addresses.clone(),
            &self.scenario.settings,
            seed,
        );
        let process = WorkerProcess {
            worker,
            id,
            cores,
            memory,
            children: BTreeMap::new(),
            orders: Orders::default(),
            decommissioned: false,
        };
        let id = self.spawn(&address, host, Machine::Worker(Box::new(process)));
        self.sites[host.0].daemon = Some(id);
        self.tell_worker(id, Input::Started);
    }

    pub(crate) fn worker(&mut self, id: ProcessId) -> Option<&mut WorkerProcess> {
        match &mut self.processes.get_mut(&id)?.machine {
            Machine::Worker(worker) => Some(worker),
            _ => None,
        }
    }

    pub(crate) fn tell_worker(&mut self, id: ProcessId, input: Input) {
        let Some(process) = self.processes.get_mut(&id) else {
            return;
        };
        let now = process.clock.read(self.now);
        let Machine::Worker(worker) = &mut process.machine else {
            return;
        };
        worker.orders.hear(&input);
        let mut out = Outbox::default();
        worker.worker.handle(now, input, &mut out);
        for action in &out.actions {
            worker.orders.check(action);
        }
        for action in out.actions {
            self.do_for_worker(id, action);
        }
        self.plan_wake(id);
    }

    fn do_for_worker(&mut self, id: ProcessId, action: Action) {
        match action {
            Action::Send { to, message } => self.say(id, &to, message),
            Action::StartExecutor {
                name,
                application,
                cores,
                memory,
            } => {
                self.start_child(
                    id,
                    ChildId::Executor(name),
                    Plan::Executor(application),
                    cores,
                    memory,
                );
            }
            Action::StopExecutor { name, force } => {
                self.stop_child(id, ChildId::Executor(name), force);
            }
            Action::StartDriver { driver, spec } => {
                let (cores, memory) = (spec.cores, spec.memory);
                self.start_child(
                    id,
                    ChildId::Driver(driver),
                    Plan::Driver(spec),
                    cores,
                    memory,
                );
            }
            Action::StopDriver { driver, force } => {
                self.stop_child(id, ChildId::Driver(driver), force);
            }
            Action::FindFolders => self.find_folders(id),
            Action::RemoveFiles(application) | Action::RemoveFolder(application) => {
                let host = self.processes[&id].host;
                self.data.remove_folder(host, application);
            }
            Action::RemoveScratch(_) => {}
            Action::Exit { reason } => {
                self.note(|| format!("  a worker ends: {reason}"));
                self.end_worker(id, Going::Refusing);
            }
        }
    }

    fn start_child(&mut self, id: ProcessId, child: ChildId, plan: Plan, cores: u32, memory: u64) {
        self.note(|| format!("  start {child:?}, {cores} cores"));
        let fails = self.strikes(Kind::SpawnFailed);
        let wait = self.millis(50, 500);
        let Some(worker) = self.worker(id) else {
            return;
        };
        let started = Child {
            plan,
            cores,
            memory,
            process: None,
        };
        let twice = worker.children.insert(child, started);
        assert!(twice.is_none(), "{child:?} is started twice");
        worker.check_room();
        self.plan(
            wait,
            if fails {
                What::EndChild(id, child, None)
            } else {
                What::Spawn(id, child)
            },
        );
    }

    /// A child's process begins.
    pub(crate) fn spawn_child(&mut self, id: ProcessId, child: ChildId) {
        let Some(host) = self.processes.get(&id).map(|process| process.host) else {
            return;
        };
        let Some(known) = self
            .worker(id)
            .and_then(|worker| worker.children.get(&child))
        else {
            return;
        };
        let (plan, cores, memory) = (known.plan.clone(), known.cores, known.memory);
        let (process, told) = match (child, plan) {
            (ChildId::Executor(name), Plan::Executor(spec)) => {
                self.stats.executors += 1;
                let process = self.start_executor(id, host, name, &spec, (cores, memory));
                (process, Input::ExecutorStarted { name })
            }
            (ChildId::Driver(driver), Plan::Driver(spec)) => {
                let process = self.start_cluster_driver(host, driver, &spec);
                (process, Input::DriverStarted { driver })
            }
            _ => unreachable!("a child is made of what it is"),
        };
        if let Some(child) = self
            .worker(id)
            .and_then(|worker| worker.children.get_mut(&child))
        {
            child.process = Some(process);
        }
        self.tell(id, Told::Worker(told));
    }

    fn stop_child(&mut self, id: ProcessId, child: ChildId, force: bool) {
        self.note(|| format!("  stop {child:?}, force: {force}"));
        let code = if force { 137 } else { 143 };
        let wait = self.millis(5, if force { 50 } else { 1_000 });
        self.plan(wait, What::EndChild(id, child, Some(code)));
    }

    /// A child's process is gone, or never was.
    pub(crate) fn end_child(&mut self, id: ProcessId, child: ChildId, code: Option<i32>) {
        let Some(known) = self
            .worker(id)
            .and_then(|worker| worker.children.remove(&child))
        else {
            return;
        };
        if let Some(process) = known.process {
            self.end_inhabitant(process, Going::Refusing);
        }
        let reason: Arc<str> = match code {
            None => "there is no room for another process".into(),
            Some(code) => format!("exit code {code}").as_str().into(),
        };
        let told = match child {
            ChildId::Executor(name) => Input::ExecutorEnded {
                name,
                exit_code: code,
                reason,
            },
            ChildId::Driver(driver) => Input::DriverEnded {
                driver,
                exit_code: code,
                reason,
            },
        };
        self.plan_told(id, Told::Worker(told));
    }

    /// Returns the worker and the name of a child, by its process.
    pub(crate) fn parent(&self, process: ProcessId) -> Option<(ProcessId, ChildId)> {
        let host = self.processes.get(&process)?.host;
        let id = self.sites[host.0].daemon?;
        let Machine::Worker(worker) = &self.processes.get(&id)?.machine else {
            return None;
        };
        let mut children = worker.children.iter();
        let child = children.find(|(_, child)| child.process == Some(process))?;
        Some((id, *child.0))
    }

    /// A worker ends, and its children with it; a supervisor starts it again after a while.
    pub(crate) fn end_worker(&mut self, id: ProcessId, going: Going) {
        let Some(host) = self.processes.get(&id).map(|process| process.host) else {
            return;
        };
        let children = self
            .worker(id)
            .map(|worker| std::mem::take(&mut worker.children));
        for child in children.into_iter().flatten() {
            if let Some(process) = child.1.process {
                self.end_inhabitant(process, going);
            }
        }
        self.end(id, going);
        self.sites[host.0].daemon = None;
        let wait = self.millis(1_000, 30_000);
        self.plan(wait, What::Start(host));
    }
}

impl World {
    pub(crate) fn worker_id(&mut self, id: ProcessId) -> WorkerId {
        self.worker(id).map_or(WorkerId(0), |worker| worker.id)
    }

    fn find_folders(&mut self, id: ProcessId) {
        let host = self.processes[&id].host;
        let folders = self.data.folders(host).into_iter();
        let age = std::time::Duration::from_secs(60);
        let folders = folders
            .map(|application| Folder { application, age })
            .collect();
        self.plan_told(id, Told::Worker(Input::FoldersFound(folders)));
    }
}
