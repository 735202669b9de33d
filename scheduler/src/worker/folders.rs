//! Folders: of applications that are over, and of those that nobody has asked for in a long time.

use std::sync::Arc;

use crate::message::ExecutorName;
use crate::{ApplicationId, ExecutorId};

use super::children::Name;
use super::{Action, Due, EventKind, Folder, Outbox, Worker};

/// Applications without executors that a worker remembers.
const REMEMBERED_MAX: usize = 1_000;

/// What a worker remembers of an application.
#[derive(Clone, Copy, Debug)]
pub(super) struct Application {
    /// The highest number launched. A leader counts upwards and messages keep their order, so that a number that is
    /// not higher is an order repeated.
    highest: Option<ExecutorId>,
    finished: bool,
}

impl Worker {
    /// Takes note of an order to launch an executor. Fails where it is a repeated one, or comes too late.
    pub(super) fn note_launch(&mut self, name: ExecutorName) -> Result<(), Arc<str>> {
        let application = self.remember(name.application);
        if application.finished {
            return Err("its application is over".into());
        }
        if application
            .highest
            .is_some_and(|highest| name.executor <= highest)
        {
            return Err("it was launched before, and has ended".into());
        }
        application.highest = Some(name.executor);
        Ok(())
    }

    fn remember(&mut self, id: ApplicationId) -> &mut Application {
        if !self.applications.contains_key(&id) {
            self.forget_one();
        }
        self.applications.entry(id).or_insert(Application {
            highest: None,
            finished: false,
        })
    }

    /// Forgets the oldest application that runs nothing here, where there are too many.
    fn forget_one(&mut self) {
        if self.applications.len() < REMEMBERED_MAX {
            return;
        }
        let mut ids = self.applications.keys().copied();
        if let Some(oldest) = ids.find(|id| !self.runs(*id)) {
            self.applications.remove(&oldest);
        }
    }

    /// Returns whether an executor of the application has not ended.
    fn runs(&self, application: ApplicationId) -> bool {
        let executor = |number| {
            Name::Executor(ExecutorName {
                application,
                executor: ExecutorId(number),
            })
        };
        let mut executors = self.children.range(executor(0)..=executor(u32::MAX));
        executors.next().is_some()
    }

    pub(super) fn finish_application(&mut self, id: ApplicationId, out: &mut Outbox) {
        let application = self.remember(id);
        if !application.finished {
            application.finished = true;
            self.clean_application(id, out);
        }
    }

    /// Removes the files of an application that is over, once its last executor has ended. Its logs stay until they are
    /// too old.
    pub(super) fn clean_application(&mut self, id: ApplicationId, out: &mut Outbox) {
        let finished = self.applications.get(&id);
        if finished.is_some_and(|application| application.finished) && !self.runs(id) {
            let removed = EventKind::FilesRemoved { application: id };
            self.publish(removed, out);
            out.actions.push(Action::RemoveFiles(id));
        }
    }

    pub(super) fn find_folders(&mut self, out: &mut Outbox) {
        out.actions.push(Action::FindFolders);
        if let Some(interval) = self.limits.cleanup_interval {
            self.timers.set(Due::CleanUp, self.now + interval);
        }
    }

    /// Removes what is too old and not in use.
    pub(super) fn clean_up(&mut self, folders: Vec<Folder>, out: &mut Outbox) {
        let old = |folder: &Folder| folder.age > self.limits.app_data_ttl;
        for Folder { application, .. } in folders.into_iter().filter(old) {
            if !self.runs(application) {
                let because = "nothing in it has changed for `worker.cleanup.appDataTtl`";
                self.remove_folder(application, because.into(), out);
            }
        }
    }

    fn remove_folder(&self, application: ApplicationId, because: Arc<str>, out: &mut Outbox) {
        let removed = EventKind::FolderRemoved {
            application,
            because,
        };
        self.publish(removed, out);
        out.actions.push(Action::RemoveFolder(application));
    }
}
