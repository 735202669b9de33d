//! Running jobs by what the program calls them: groups and tags (Spark: `jobGroupToJobIds`, job tags).
//!
//! A group may be cancelled for jobs to come as well; so many such groups are remembered, the latest ones.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use crate::JobId;

use super::Job;

/// The labels of running jobs.
#[derive(Debug, Default)]
pub(crate) struct Labels {
    groups: BTreeMap<Arc<str>, BTreeSet<JobId>>,
    tags: BTreeMap<Arc<str>, BTreeSet<JobId>>,
    /// Groups that take no more jobs, and why.
    closed: BTreeMap<Arc<str>, Arc<str>>,
    /// The same groups, the oldest first.
    order: VecDeque<Arc<str>>,
}

impl Labels {
    /// Takes note of a job.
    pub(crate) fn add(&mut self, job: &Job) {
        if let Some(group) = &job.group {
            self.groups.entry(group.clone()).or_default().insert(job.id);
        }
        for tag in &job.tags {
            self.tags.entry(tag.clone()).or_default().insert(job.id);
        }
    }

    /// Forgets a job.
    pub(crate) fn remove(&mut self, job: &Job) {
        if let Some(group) = &job.group {
            remove(&mut self.groups, group, job.id);
        }
        for tag in &job.tags {
            remove(&mut self.tags, tag, job.id);
        }
    }

    /// Returns the running jobs of a group.
    pub(crate) fn in_group(&self, group: &str) -> BTreeSet<JobId> {
        self.groups.get(group).cloned().unwrap_or_default()
    }

    /// Returns the running jobs with a tag.
    pub(crate) fn tagged(&self, tag: &str) -> BTreeSet<JobId> {
        self.tags.get(tag).cloned().unwrap_or_default()
    }

    /// Lets a group take no more jobs, and forgets the oldest such groups beyond `max`.
    pub(crate) fn close(&mut self, group: Arc<str>, because: Arc<str>, max: usize) {
        if self.closed.insert(group.clone(), because).is_none() {
            self.order.push_back(group);
        }
        while self.order.len() > max {
            let oldest = self.order.pop_front();
            self.closed.remove(&oldest.expect("there is one beyond"));
        }
    }

    /// Returns why a group takes no more jobs, if so.
    pub(crate) fn closed(&self, group: &str) -> Option<&Arc<str>> {
        self.closed.get(group)
    }

    /// Returns how many labels running jobs have.
    pub(crate) fn len(&self) -> usize {
        let all = self.groups.values().chain(self.tags.values());
        all.map(BTreeSet::len).sum()
    }
}

fn remove(jobs: &mut BTreeMap<Arc<str>, BTreeSet<JobId>>, label: &Arc<str>, job: JobId) {
    if let Some(labelled) = jobs.get_mut(label) {
        labelled.remove(&job);
        if labelled.is_empty() {
            jobs.remove(label);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_closed_group_is_forgotten() {
        let mut labels = Labels::default();
        for group in ["a", "b", "a", "c"] {
            labels.close(group.into(), "why".into(), 2);
        }
        assert!(labels.closed("a").is_none());
        assert!(labels.closed("b").is_some() && labels.closed("c").is_some());
        labels.close("d".into(), "why".into(), 0);
        assert!(labels.order.is_empty() && labels.closed.is_empty());
    }
}
