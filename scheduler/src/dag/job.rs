//! A running job (Spark: `ActiveJob`).

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::{Cause, ImageId, JobFailure, JobId, RddId, ShuffleId, StageId};

use super::Checklist;

/// What a job is to bring about.
#[derive(Debug)]
pub(crate) enum Wanted {
    /// The results of partitions: which of them are there.
    Results(Checklist),
    /// The map outputs of a shuffle.
    MapOutputs(ShuffleId),
}

/// A job that has not ended.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) id: JobId,
    pub(crate) rdd: RddId,
    pub(crate) wanted: Wanted,
    pub(crate) image: ImageId,
    pub(crate) name: Arc<str>,
    pub(crate) call_site: Arc<str>,
    pub(crate) group: Option<Arc<str>>,
    /// Each once.
    pub(crate) tags: BTreeSet<Arc<str>>,
    /// What its tasks are served from; none: the default pool.
    pub(crate) pool: Option<Arc<str>>,
    /// Bytes of the results so far.
    pub(crate) result_bytes: u64,
    /// How many tasks brought them.
    pub(crate) result_tasks: u32,
    /// Every stage that works for it, the last one included.
    pub(crate) stages: BTreeSet<StageId>,
}

impl Job {
    /// The partitions that have no result yet, sorted.
    pub(crate) fn missing(&self) -> impl Iterator<Item = u32> {
        let results = match &self.wanted {
            Wanted::Results(results) => Some(results),
            Wanted::MapOutputs(_) => None,
        };
        results.into_iter().flat_map(Checklist::missing)
    }

    /// The partitions that it has a result stage for.
    pub(crate) fn results(&mut self) -> &mut Checklist {
        match &mut self.wanted {
            Wanted::Results(results) => results,
            Wanted::MapOutputs(_) => panic!("only a job that wants results has a result stage"),
        }
    }

    /// Returns how many labels it has.
    pub(crate) fn labels(&self) -> usize {
        usize::from(self.group.is_some()) + self.tags.len()
    }

    /// Returns the story of its failure.
    pub(crate) fn failure(&self, cause: Cause) -> JobFailure {
        let (name, call_site) = (self.name.clone(), self.call_site.clone());
        JobFailure {
            job: self.id,
            name,
            call_site,
            cause,
        }
    }
}
