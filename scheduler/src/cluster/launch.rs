//! The life of an executor, in the books of its worker, its application and its tenant at once.

use std::sync::Arc;
use std::time::Duration;

use super::executors::{Executor, Phase};
use super::master::because;
use super::resources::Resources;
use super::workers::Stranger;
use super::{EventKind, Master, Outbox};
use crate::amount::{Bytes, Cores};
use crate::message::{ApplicationState, ExecutorName, ExecutorState, ToApplication, ToWorker};
use crate::{ApplicationId, WorkerId};

/// How long an application whose executors fail again and again waits for the next one.
const RETRY_WAIT: Duration = Duration::from_secs(10);

impl Master {
    /// Enters a new executor into the books. The order follows when its size is final.
    pub(super) fn open_executor(
        &mut self,
        application: ApplicationId,
        worker: WorkerId,
        size: Resources,
    ) -> Option<ExecutorName> {
        let known = self.applications.get_mut(application)?;
        let executor = known.number_executor()?;
        let name = ExecutorName {
            application,
            executor,
        };
        let taken = self.book(name, worker, size, Phase::Launching);
        assert!(taken, "an executor is opened where there is room");
        let tenant = self.executors.get(name)?.tenant.clone();
        self.accounts.reset_alarm(self.now, &tenant);
        Some(name)
    }

    /// Enters an executor into all books, or returns false where its worker has no room for it.
    pub(super) fn book(
        &mut self,
        name: ExecutorName,
        worker: WorkerId,
        size: Resources,
        phase: Phase,
    ) -> bool {
        let Some(application) = self.applications.get_mut(name.application) else {
            return false;
        };
        let taken = self.workers.change(worker, |worker| {
            let taken = worker.room.take(size);
            if taken {
                worker.executors.insert(name);
                worker.applications.insert(name.application);
            }
            taken
        });
        if taken != Some(true) {
            return false;
        }
        let begun = phase == Phase::Running;
        application.live += 1;
        application.running += u32::from(begun);
        application.cores += u64::from(size.cores);
        application.workers.insert(worker);
        let (tenant, launch) = (application.spec.tenant.clone(), self.next_launch);
        self.next_launch += 1;
        self.accounts.change(self.now, &tenant, |account| {
            account.used.add(size);
            account.executors.insert(launch, name);
            account.served = launch + 1;
        });
        let executor = Executor {
            worker,
            tenant,
            size,
            phase,
            begun,
            since: self.now,
            launch,
        };
        self.executors.insert(name, executor);
        self.stand_in_line(name.application);
        true
    }

    /// Gives an executor that was not ordered yet more cores.
    pub(super) fn grow_executor(&mut self, name: ExecutorName, cores: u32) {
        let more = Resources::new(cores, 0);
        let executor = self.executors.get_mut(name).expect("it was just opened");
        let taken = self
            .workers
            .change(executor.worker, |worker| worker.room.take(more));
        assert_eq!(taken, Some(true), "an executor grows where there is room");
        executor.size.cores += cores;
        let tenant = executor.tenant.clone();
        self.accounts
            .change(self.now, &tenant, |account| account.used.add(more));
        let application = self.applications.get_mut(name.application);
        application.expect("it was just given an executor").cores += u64::from(cores);
        self.stand_in_line(name.application);
    }

    /// Tells the worker to start it, and the application that it comes.
    pub(super) fn order_executor(&mut self, name: ExecutorName, out: &mut Outbox) {
        let executor = self
            .executors
            .get(name)
            .expect("it was just opened")
            .clone();
        let (worker, Resources { cores, memory }) = (executor.worker, executor.size);
        let known = self.applications.get_mut(name.application);
        let known = known.expect("it was just given an executor");
        known.state = ApplicationState::Running;
        let application = Arc::clone(&known.spec);
        let launch = ToWorker::LaunchExecutor {
            name,
            application,
            cores,
            memory,
        };
        self.order(worker, launch, out);
        let info = self.workers.get(worker).expect("it has room").info.clone();
        let added = ToApplication::ExecutorAdded {
            executor: name.executor,
            worker,
            host: info.host.clone(),
            rack: info.rack.clone(),
            cores,
            memory,
        };
        self.tell(name.application, added, out);
        let kind = EventKind::ExecutorLaunched {
            executor: name,
            worker,
            cores,
            memory,
            because: self.why_there(&executor),
        };
        self.publish(kind, out);
        self.tell_content(name.application, out);
    }

    fn why_there(&self, executor: &Executor) -> Arc<str> {
        let size = Resources {
            cores: executor.size.cores,
            memory: executor.size.memory,
        };
        let left = self.workers.get(executor.worker);
        let left = left.map(|worker| worker.room.free()).unwrap_or_default();
        let before = left.plus(size).unwrap_or(left);
        let order = match (self.config.spread_applications, self.config.policy) {
            (true, policy) => format!("spread out in order of {policy}"),
            (false, policy) => format!("packed in order of {policy}"),
        };
        let (cores, memory) = (Cores(before.cores.into()), Bytes(before.memory));
        because(format!("{order}; {cores} and {memory} were free"))
    }

    /// Counts an executor out of its application, for its work is over or about to be.
    fn retire(&mut self, name: ExecutorName, phase: Phase) {
        let Some(executor) = self.executors.get_mut(name) else {
            return;
        };
        let before = std::mem::replace(&mut executor.phase, phase);
        if !before.is_live() {
            return;
        }
        let (size, launch) = (executor.size, executor.launch);
        let tenant = executor.tenant.clone();
        self.accounts.change(self.now, &tenant, |account| {
            account.executors.remove(&launch);
            account.dying += u64::from(size.cores);
        });
        self.uncount(name.application, size, before == Phase::Running);
    }

    /// Takes an executor off its application's numbers.
    fn uncount(&mut self, application: ApplicationId, size: Resources, running: bool) {
        if let Some(known) = self.applications.get_mut(application) {
            known.live -= 1;
            known.running -= u32::from(running);
            known.cores -= u64::from(size.cores);
            self.stand_in_line(application);
        }
    }

    /// Tells a worker to stop an executor; what it has is free when it has stopped.
    pub(super) fn kill_executor(&mut self, name: ExecutorName, reason: Arc<str>, out: &mut Outbox) {
        let Some(executor) = self.executors.get(name) else {
            return;
        };
        if matches!(executor.phase, Phase::Dying(_)) {
            return;
        }
        let worker = executor.worker;
        if let Some(application) = self.applications.get_mut(name.application) {
            application.dying += 1;
        }
        self.retire(name, Phase::Dying(Arc::clone(&reason)));
        self.order(worker, ToWorker::KillExecutor(name), out);
        let executor = name;
        self.publish(EventKind::ExecutorKilled { executor, reason }, out);
        self.touch();
    }

    /// An executor takes no more work: its application may have another one.
    pub(super) fn decommission_executor(
        &mut self,
        name: ExecutorName,
        reason: Arc<str>,
        out: &mut Outbox,
    ) {
        let live = self
            .executors
            .get(name)
            .map(|executor| executor.phase.is_live());
        if live != Some(true) {
            return;
        }
        self.retire(name, Phase::Decommissioned);
        let state = ExecutorState::Decommissioned;
        self.tell_update(name, state, Some(reason), None, false, out);
        let executor = name;
        self.publish(EventKind::ExecutorChanged { executor, state }, out);
        self.touch();
    }

    /// Takes an executor that has ended out of all books, and tells its application.
    pub(super) fn end_executor(
        &mut self,
        name: ExecutorName,
        state: ExecutorState,
        reason: Option<Arc<str>>,
        exit_code: Option<i32>,
        worker_lost: bool,
        out: &mut Outbox,
    ) -> Option<Phase> {
        let executor = self.executors.remove(name)?;
        let (size, launch, live) = (executor.size, executor.launch, executor.phase.is_live());
        self.workers.change(executor.worker, |worker| {
            worker.room.give_back(size);
            worker.executors.remove(&name);
        });
        self.accounts.change(self.now, &executor.tenant, |account| {
            account.used.take_off(size);
            if account.executors.remove(&launch).is_none() {
                account.dying -= u64::from(size.cores);
            }
        });
        if live {
            let running = executor.phase == Phase::Running;
            self.uncount(name.application, size, running);
        }
        let told_to = match &executor.phase {
            Phase::Dying(because) => Some(Arc::clone(because)),
            _ => None,
        };
        if told_to.is_some()
            && let Some(application) = self.applications.get_mut(name.application)
        {
            application.dying -= 1;
            self.stand_in_line(name.application);
        }
        let reason = reason.or(told_to);
        self.tell_update(name, state, reason.clone(), exit_code, worker_lost, out);
        let kind = EventKind::ExecutorEnded {
            executor: name,
            state,
            reason,
            exit_code,
        };
        self.publish(kind, out);
        self.touch();
        Some(executor.phase)
    }

    fn tell_update(
        &self,
        name: ExecutorName,
        state: ExecutorState,
        reason: Option<Arc<str>>,
        exit_code: Option<i32>,
        worker_lost: bool,
        out: &mut Outbox,
    ) {
        let message = ToApplication::ExecutorUpdated {
            executor: name.executor,
            state,
            reason,
            exit_code,
            worker_lost,
        };
        self.tell(name.application, message, out);
    }

    /// A worker says how an executor is (Spark: `Master.receiveAndReply`, `ExecutorStateChanged`).
    pub(super) fn change_executor(
        &mut self,
        worker: WorkerId,
        name: ExecutorName,
        state: ExecutorState,
        reason: Option<Arc<str>>,
        exit_code: Option<i32>,
        out: &mut Outbox,
    ) {
        let here = self.executors.get(name).map(|executor| executor.worker);
        match state {
            _ if here != Some(worker) => {
                if state.is_finished() {
                    self.see_off(worker, Stranger::Executor(name));
                }
            }
            ExecutorState::Launching => {}
            ExecutorState::Running => self.begin_executor(name, out),
            ExecutorState::Decommissioned => {
                let reason = reason.unwrap_or_else(|| because("it is about to go"));
                self.decommission_executor(name, reason, out);
            }
            _ => {
                let phase = self.end_executor(name, state, reason, exit_code, false, out);
                let failed = exit_code != Some(0) && phase.is_some_and(|phase| phase.is_live());
                if failed {
                    self.count_failure(name.application, out);
                }
            }
        }
    }

    fn begin_executor(&mut self, name: ExecutorName, out: &mut Outbox) {
        let Some(executor) = self.executors.get_mut(name) else {
            return;
        };
        executor.begun = true;
        if executor.phase != Phase::Launching {
            return;
        }
        executor.phase = Phase::Running;
        if let Some(application) = self.applications.get_mut(name.application) {
            application.running += 1;
            application.retries = 0;
        }
        let state = ExecutorState::Running;
        self.tell_update(name, state, None, None, false, out);
        let executor = name;
        self.publish(EventKind::ExecutorChanged { executor, state }, out);
    }

    /// Takes an application off whose executors fail one after the other while none runs, so that a broken one does
    /// not occupy the cluster for ever. One of which some run gets others, but not as fast as they fail.
    fn count_failure(&mut self, application: ApplicationId, out: &mut Outbox) {
        let Some(known) = self.applications.get_mut(application) else {
            return;
        };
        known.retries = known.retries.saturating_add(1);
        let (failures, most) = (known.retries, self.config.retries_max);
        if failures < most {
            return;
        }
        if known.running == 0 && most < u32::MAX {
            let reason = format!("{failures} executors failed in a row and none runs");
            self.end_application(application, ApplicationState::Failed, reason.into(), out);
        } else {
            known.rests = true;
            self.stand_in_line(application);
            self.rests.insert((self.now + RETRY_WAIT, application));
        }
    }

    /// Gives executors again to those that have waited since theirs failed.
    pub(super) fn end_rests(&mut self) {
        while let Some((until, application)) = self.rests.first().copied()
            && until <= self.now
        {
            self.rests.pop_first();
            if let Some(known) = self.applications.get_mut(application) {
                known.rests = false;
            }
            self.stand_in_line(application);
            self.touch();
        }
    }
}
