//! The master's side: what the client hears of it (Spark: `StandaloneAppClientListener`).

use std::sync::Arc;

use crate::client::{self, News};
use crate::message::ToExecutor;
use crate::{ExecutorId, Host, WorkerId};

use super::{Action, Application, Life, Outbox};

impl Application {
    pub(super) fn tell_client(&mut self, input: client::Input, out: &mut Outbox) {
        let mut orders = client::Outbox::default();
        self.client.handle(self.now, input, &mut orders);
        for action in orders.actions {
            match action {
                client::Action::Send { to, message } => {
                    out.actions.push(Action::Send { to, message });
                }
                client::Action::Tell(news) => self.learn(news, out),
            }
        }
    }

    fn learn(&mut self, news: News, out: &mut Outbox) {
        if self.life != Life::Going {
            return;
        }
        match news {
            News::Connected { .. } => self.waiting.connected = true,
            News::Disconnected => self.waiting.connected = false,
            News::Failed { reason } => self.refuse(reason, out),
            News::ExecutorAdded {
                executor,
                worker,
                host,
                rack,
                cores,
                ..
            } => {
                if self.executors.order(executor, worker, (host, rack), cores) {
                    self.admit_stranger(executor, out);
                }
            }
            News::ExecutorEnded {
                executor,
                reason,
                worker_lost,
                ..
            } => {
                self.executor_ended(executor, reason, worker_lost, out);
            }
            News::ExecutorDecommissioned { executor } => {
                self.decommission(executor, "its worker is about to go".into(), true, out);
            }
            News::WorkerRemoved {
                worker,
                host,
                reason,
            } => self.worker_removed(worker, host, reason, out),
            News::Waiting { because } => self.waiting.because = because,
        }
    }

    fn executor_ended(
        &mut self,
        executor: ExecutorId,
        reason: Arc<str>,
        worker_lost: bool,
        out: &mut Outbox,
    ) {
        self.executors.bury(executor, &reason);
        self.refuse_stranger(executor, out);
        self.waiting.last_end = Some(reason.clone());
        // Where the masters have forgotten the application, its executors may live on.
        if self
            .executors
            .get(executor)
            .is_some_and(|known| known.reachable().is_some())
        {
            self.say(executor, ToExecutor::StopExecutor, out);
        }
        self.lose(executor, reason, worker_lost, out);
    }

    fn worker_removed(&mut self, worker: WorkerId, host: Host, reason: Arc<str>, out: &mut Outbox) {
        for executor in self.executors.on_worker(worker) {
            self.executor_ended(executor, reason.clone(), true, out);
        }
        // The files of executors that ended before were kept there too.
        let files_lost = true;
        let lost = crate::Input::WorkerLost {
            host,
            reason,
            files_lost,
        };
        self.drive(lost, out);
    }
}
