//! Applications come, ask for executors, and go.

use std::sync::Arc;

use super::applications::Application;
use super::master::{Pending, because};
use super::{Change, EventKind, Master, Outbox};
use crate::message::{
    ApplicationSpec, ApplicationState, ExecutorName, ToApplication, ToSubmitter, ToWorker,
};
use crate::{Address, ApplicationId, ExecutorId};

impl Master {
    pub(super) fn register_application(
        &mut self,
        from: &Address,
        spec: ApplicationSpec,
        out: &mut Outbox,
    ) {
        if let Some(known) = self.applications.of_key(spec.key) {
            return self.register_again(from, known, out);
        }
        match self.may_register(from, &spec) {
            Ok(application) => self.take_in_application(application, spec, out),
            Err(reason) => self.refuse_application(from, spec.name, reason, out),
        }
    }

    /// The same wish, said again.
    fn register_again(&self, from: &Address, id: ApplicationId, out: &mut Outbox) {
        let reason = match self.applications.get(id) {
            // The answer comes when it is on disk.
            Some(known) if known.spec.driver == *from && !known.durable => return,
            Some(known) if known.spec.driver == *from => return self.confirm_application(id, out),
            Some(known) => format!("{id} is registered from {}", known.spec.driver),
            None => self.how_ended(id),
        };
        let reason = reason.into();
        self.tell_driver(
            from,
            ToApplication::RegisterApplicationFailed { reason },
            out,
        );
    }

    /// Returns a name for an application, or why it is turned away.
    fn may_register(
        &self,
        from: &Address,
        spec: &ApplicationSpec,
    ) -> Result<ApplicationId, Arc<str>> {
        if spec.driver != *from {
            let listens = &spec.driver;
            return Err(because(format!(
                "it speaks from {from} and says that it listens at {listens}"
            )));
        }
        if spec.executor_cores == Some(0) {
            return Err(because(
                "`executor.cores` is 0; an executor needs at least 1",
            ));
        }
        if let Some(driver) = spec.driver_id
            && self.drivers.get(driver).is_none_or(|known| known.kill)
        {
            return Err(because(format!(
                "its driver, {driver}, is none that the cluster runs"
            )));
        }
        if let Some(other) = self.applications.at(from)
            && spec
                .driver_id
                .and_then(|id| self.applications.of_driver(id))
                != Some(other)
        {
            return Err(because(format!(
                "{other} is registered from {from} already"
            )));
        }
        if self.next_application == u32::MAX {
            return Err(because("this leader has no number left for an application"));
        }
        let (epoch, number) = (self.epoch, self.next_application);
        Ok(ApplicationId { epoch, number })
    }

    fn refuse_application(
        &self,
        from: &Address,
        name: Arc<str>,
        reason: Arc<str>,
        out: &mut Outbox,
    ) {
        let kind = EventKind::ApplicationRefused {
            name,
            reason: Arc::clone(&reason),
        };
        self.publish(kind, out);
        self.tell_driver(
            from,
            ToApplication::RegisterApplicationFailed { reason },
            out,
        );
    }

    fn take_in_application(&mut self, id: ApplicationId, spec: ApplicationSpec, out: &mut Outbox) {
        // A driver that was started again in its place brings its application anew.
        let before = spec
            .driver_id
            .and_then(|driver| self.applications.of_driver(driver));
        if let Some(before) = before {
            let reason = "its driver was started again".into();
            self.end_application(before, ApplicationState::Failed, reason, out);
        }
        self.next_application += 1;
        let spec = Arc::new(spec);
        let change = Change::AddApplication {
            application: id,
            spec: Arc::clone(&spec),
        };
        self.persist(change, Pending::Application(id), out);
        let application = Application::new(spec, self.config.cores_default);
        self.applications.add(id, application);
    }

    /// It is on disk: it can be told, and have executors.
    pub(super) fn accept_application(&mut self, id: ApplicationId, out: &mut Outbox) {
        let Some(known) = self.applications.get_mut(id) else {
            return;
        };
        known.durable = true;
        let tenant = known.spec.tenant.clone();
        self.accounts.enter(self.now, &tenant, id);
        self.confirm_application(id, out);
        self.publish_application(id, out);
        self.stand_in_line(id);
        self.fresh.insert(id);
        self.touch();
    }

    fn confirm_application(&self, application: ApplicationId, out: &mut Outbox) {
        let master = self.address.clone();
        let message = ToApplication::RegisteredApplication {
            application,
            master,
        };
        self.tell(application, message, out);
    }

    pub(super) fn publish_application(&self, application: ApplicationId, out: &mut Outbox) {
        let Some(known) = self.applications.get(application) else {
            return;
        };
        let kind = EventKind::ApplicationRegistered {
            application,
            name: Arc::clone(&known.spec.name),
            tenant: known.spec.tenant.clone(),
        };
        self.publish(kind, out);
    }

    /// Puts an application in the line of its tenant if it belongs there, and out of it if not.
    pub(super) fn stand_in_line(&mut self, id: ApplicationId) {
        let Some(known) = self.applications.get_mut(id) else {
            return;
        };
        let tenant = &known.spec.tenant;
        let account = self.accounts.get(tenant);
        let admitted = account.is_some_and(|account| account.admitted.contains(&id));
        let heard = known.durable && known.state != ApplicationState::Unknown;
        let belongs = admitted && heard && known.wants_more();
        if belongs == known.in_line {
            return;
        }
        known.in_line = belongs;
        let need = known.need();
        if belongs {
            self.accounts.line_up(self.now, tenant, id, need);
        } else {
            self.accounts.step_out(self.now, tenant, id, need);
        }
    }

    pub(super) fn acknowledge_change(
        &mut self,
        id: ApplicationId,
        next_executor: ExecutorId,
        out: &mut Outbox,
    ) {
        let Some(known) = self.applications.get_mut(id) else {
            return;
        };
        known.next_executor = known.next_executor.max(next_executor.0);
        if self.silent_applications.remove(&id) {
            known.state = match known.live {
                0 => ApplicationState::Waiting,
                _ => ApplicationState::Running,
            };
            self.publish_application(id, out);
            self.fresh.insert(id);
        }
        self.stand_in_line(id);
        self.touch();
    }

    /// (Spark: `Master.handleRequestExecutors`.)
    pub(super) fn request_executors(&mut self, id: ApplicationId, total: u32, out: &mut Outbox) {
        let Some(known) = self.applications.get_mut(id) else {
            return;
        };
        known.target = Some(total);
        let application = id;
        self.publish(EventKind::ExecutorsRequested { application, total }, out);
        self.stand_in_line(id);
        self.fresh.insert(id);
        self.touch();
    }

    /// (Spark: `Master.handleKillExecutors`.) What it does not have it can not kill.
    pub(super) fn kill_executors(
        &mut self,
        application: ApplicationId,
        executors: &[ExecutorId],
        out: &mut Outbox,
    ) {
        let reason = because("its application asked for it");
        for executor in executors {
            let name = ExecutorName {
                application,
                executor: *executor,
            };
            self.kill_executor(name, Arc::clone(&reason), out);
        }
    }

    pub(super) fn unregister_application(&mut self, id: ApplicationId, out: &mut Outbox) {
        self.end_application(
            id,
            ApplicationState::Finished,
            "it said goodbye".into(),
            out,
        );
    }

    pub(super) fn lose_application(&mut self, id: ApplicationId, out: &mut Outbox) {
        let reason = "its driver is disconnected".into();
        self.end_application(id, ApplicationState::Failed, reason, out);
    }

    pub(super) fn kill_application(&mut self, from: Address, id: ApplicationId, out: &mut Outbox) {
        let known = self.applications.get(id).is_some();
        let refused = (!known).then(|| because(self.how_ended(id)));
        let reason = "somebody asked for it".into();
        self.end_application(id, ApplicationState::Killed, reason, out);
        let response = ToSubmitter::KillApplicationResponse {
            application: id,
            refused,
        };
        self.answer(from, response, out);
    }

    fn how_ended(&self, id: ApplicationId) -> String {
        match self.applications.end_of(id) {
            Some(ended) => format!("{id} has ended: {}", ended.reason),
            None => format!("there is no {id}"),
        }
    }

    /// (Spark: `Master.removeApplication`.)
    pub(super) fn end_application(
        &mut self,
        id: ApplicationId,
        state: ApplicationState,
        reason: Arc<str>,
        out: &mut Outbox,
    ) {
        let Some(known) = self.applications.end(id, state, Arc::clone(&reason)) else {
            return;
        };
        let tenant = &known.spec.tenant;
        if known.in_line {
            self.accounts.step_out(self.now, tenant, id, known.need());
        }
        for next in self.accounts.leave(self.now, tenant, id) {
            self.stand_in_line(next);
            self.fresh.insert(next);
        }
        self.silent_applications.remove(&id);
        self.fresh.remove(&id);
        let names: Vec<_> = self.executors.of(id).map(|(name, _)| name).collect();
        for name in names {
            self.kill_executor(name, because("its application has ended"), out);
        }
        for worker in &known.workers {
            self.workers.change(*worker, |worker| {
                worker.applications.remove(&id);
            });
            self.order(*worker, ToWorker::ApplicationFinished(id), out);
        }
        // A leader that was deposed without knowing takes everybody for gone: only one that still leads can write it down.
        let removal = (state != ApplicationState::Finished).then(|| Pending::Removal {
            driver: known.spec.driver.clone(),
            reason: Arc::clone(&reason),
        });
        self.persist(Change::RemoveApplication(id), removal, out);
        let kind = EventKind::ApplicationEnded {
            application: id,
            state,
            reason,
        };
        self.publish(kind, out);
        self.touch();
    }
}
