//! Map outputs are lost (Spark: the fetch failure part of `DAGScheduler.handleTaskCompletion`,
//! `removeExecutorAndUnregisterOutputs`, `handleWorkerRemoved`).
//!
//! What is forgotten here is computed again when a stage asks for it.

use std::sync::Arc;

use crate::dag::{Fault, Forgotten};
use crate::event::EventKind;
use crate::task::Attempt;
use crate::{AttemptId, ExecutorId, Host, Outbox, ShuffleId, TaskFailure};

use super::Driver;

impl Driver {
    /// Forgets what could not be read; if the attempt's stage attempt is the one that runs, it ends.
    pub(super) fn fetch_failed(
        &mut self,
        id: AttemptId,
        attempt: &Attempt,
        (shuffle, map): (ShuffleId, u32),
        failure: &Arc<TaskFailure>,
        out: &mut Outbox,
    ) {
        let writer = self.shuffles.writer(shuffle, map);
        if self.shuffles.forget(shuffle, map, id) {
            let mut forgotten = vec![(shuffle, map)];
            let writer = writer.filter(|writer| self.is_far(attempt.executor, *writer));
            forgotten.extend(writer.map_or_else(Vec::new, |writer| self.forget_far(writer, id)));
            let because = format!(
                "{} could not read map output {map} of {shuffle}",
                attempt.name
            );
            self.forgot(forgotten, &because.into(), out);
        }
        let name = attempt.name;
        if self.stages[&name.stage].running() == Some(name.stage_attempt) {
            let fault = writer.map_or(Fault::Any, |writer| {
                self.fault(attempt.executor, writer, (shuffle, map))
            });
            self.fail_attempt(name.stage, failure, fault, out);
        }
    }

    /// Says why `reader` could not read what `writer` wrote.
    fn fault(&self, reader: ExecutorId, writer: ExecutorId, output: (ShuffleId, u32)) -> Fault {
        if self.limits.forgive_decommission && self.shuffles.is_decommissioned(writer) {
            Fault::Forgiven
        } else if self.is_far(reader, writer) {
            Fault::Any
        } else {
            Fault::File(output)
        }
    }

    /// Returns whether two executors are on different machines. On one machine a task reads the file itself, so
    /// that nothing but the file can be to blame; from afar a broken file and a machine out of reach look alike.
    fn is_far(&self, reader: ExecutorId, writer: ExecutorId) -> bool {
        self.shuffles.host(reader) != self.shuffles.host(writer)
    }

    /// Forgets what may be out of reach with an executor that `reader` could not read from.
    fn forget_far(&mut self, writer: ExecutorId, reader: AttemptId) -> Forgotten {
        let host = self.shuffles.host(writer).cloned();
        match host.filter(|_| self.limits.forget_host) {
            Some(host) => self.shuffles.forget_host(&host, Some(reader)),
            None => self.shuffles.forget_executor(writer, Some(reader)),
        }
    }

    pub(super) fn forget_executor(
        &mut self,
        executor: ExecutorId,
        because: &Arc<str>,
        out: &mut Outbox,
    ) {
        let forgotten = self.shuffles.forget_executor(executor, None);
        self.forgot(forgotten, because, out);
    }

    pub(super) fn lose_worker(&mut self, host: &Host, because: &Arc<str>, out: &mut Outbox) {
        let forgotten = self.shuffles.forget_host(host, None);
        self.forgot(forgotten, because, out);
    }

    /// Lets lost outputs be committed again, and tells of them shuffle by shuffle.
    fn forgot(&mut self, mut forgotten: Forgotten, because: &Arc<str>, out: &mut Outbox) {
        forgotten.sort_unstable();
        for lost in forgotten.chunk_by(|(one, _), (other, _)| one == other) {
            let shuffle = lost[0].0;
            if let Some(stage) = self.map_stages.get(&shuffle) {
                let maps = lost.iter().map(|(_, map)| *map);
                maps.for_each(|map| self.tasks.forget_commit(*stage, map));
            }
            let outputs = u32::try_from(lost.len()).unwrap_or(u32::MAX);
            let because = because.clone();
            self.publish(
                EventKind::MapOutputsLost {
                    shuffle,
                    outputs,
                    because,
                },
                out,
            );
        }
    }
}
