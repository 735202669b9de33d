//! A running job (Spark: `ActiveJob`).

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::{Cause, ImageId, JobFailure, JobId, RddId, StageId};

use super::Checklist;

/// A job that has not ended.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) id: JobId,
    pub(crate) rdd: RddId,
    pub(crate) image: ImageId,
    pub(crate) name: Arc<str>,
    pub(crate) call_site: Arc<str>,
    /// What its tasks are served from; none: the default pool.
    pub(crate) pool: Option<Arc<str>>,
    /// Which partitions have their result.
    pub(crate) results: Checklist,
    /// Bytes of the results so far.
    pub(crate) result_bytes: u64,
    /// Every stage that works for it, the result stage included.
    pub(crate) stages: BTreeSet<StageId>,
}

impl Job {
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
