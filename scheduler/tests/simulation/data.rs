//! What is stored where: map outputs on machines' disks, cached blocks in executors, results on their way, output.
//!
//! This is what travels beside the scheduler's messages.

use std::collections::{BTreeMap, BTreeSet};

use scheduler::message::ExecutorName;
use scheduler::{ApplicationId, AttemptId, ExecutorId, JobId, RddId, ShuffleId};

use crate::network::{EndpointId, HostId};
use crate::process::ProcessId;

/// A map output: what one attempt wrote on one machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct File {
    pub(crate) host: HostId,
    pub(crate) application: ApplicationId,
    pub(crate) shuffle: ShuffleId,
    pub(crate) map: u32,
    pub(crate) attempt: AttemptId,
}

/// Where an executor is, or was.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Home {
    pub(crate) host: HostId,
    pub(crate) application: ApplicationId,
}

/// Everything that is stored. A driver, in one life, is named by where it listens.
#[derive(Debug, Default)]
pub(crate) struct Data {
    pub(crate) files: BTreeMap<File, u64>,
    pub(crate) blocks: BTreeMap<(EndpointId, RddId, u32), BTreeMap<ProcessId, u64>>,
    /// What successful attempts computed.
    pub(crate) results: BTreeMap<(EndpointId, AttemptId), u64>,
    /// Who made a partition's output visible.
    pub(crate) output: BTreeMap<(EndpointId, JobId, u32), BTreeSet<AttemptId>>,
    pub(crate) homes: BTreeMap<(EndpointId, ExecutorId), Home>,
}

impl Data {
    /// An executor begins: from here on its driver finds what it writes.
    pub(crate) fn settle(&mut self, driver: EndpointId, name: ExecutorName, host: HostId) {
        let application = name.application;
        self.homes
            .insert((driver, name.executor), Home { host, application });
    }

    pub(crate) fn remove_folder(&mut self, host: HostId, application: ApplicationId) {
        self.files
            .retain(|file, _| (file.host, file.application) != (host, application));
    }

    pub(crate) fn remove_shuffle(
        &mut self,
        host: HostId,
        application: ApplicationId,
        shuffle: ShuffleId,
    ) {
        self.files.retain(|file, _| {
            (file.host, file.application, file.shuffle) != (host, application, shuffle)
        });
    }

    /// A machine's disk is gone.
    pub(crate) fn lose_disk(&mut self, host: HostId) {
        self.files.retain(|file, _| file.host != host);
    }

    /// Returns the applications that have files on a machine.
    pub(crate) fn folders(&self, host: HostId) -> BTreeSet<ApplicationId> {
        let there = self.files.keys().filter(|file| file.host == host);
        there.map(|file| file.application).collect()
    }

    pub(crate) fn forget_executor(&mut self, executor: ProcessId) {
        self.blocks.retain(|_, holders| {
            holders.remove(&executor);
            !holders.is_empty()
        });
    }
}
