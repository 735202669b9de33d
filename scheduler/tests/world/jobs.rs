//! Jobs are asked for and cancelled.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeSet;
use std::sync::Arc;

use scheduler::{
    Dependency, ImageId, Input, JobId, JobSpec, MapOutputStatistics, RddId, ShuffleId, StageId,
};

use super::World;

#[derive(Clone, Debug)]
pub(super) struct Job {
    pub(super) partitions: BTreeSet<u32>,
    pub(super) accepted: BTreeSet<u32>,
    /// The shuffle whose map outputs it wants, and whether it has their sizes.
    pub(super) shuffle: Option<(ShuffleId, bool)>,
    group: Option<Arc<str>>,
    tag: Arc<str>,
    /// Whether it was given up before it began.
    pub(super) stillborn: bool,
    pub(super) cancelled: bool,
    pub(super) finished: bool,
    pub(super) failed: bool,
}

impl Job {
    fn runs(&self) -> bool {
        !self.finished && !self.failed
    }
}

/// About how many bytes a map output has for a bucket: few, so that they are told exactly.
pub(super) fn size(shuffle: ShuffleId, map: u32, bucket: u32) -> u64 {
    u64::from((shuffle.0 * 5 + map * 3 + bucket) % 9)
}

impl World {
    pub(super) fn submit(&mut self, rdd: u8, only: u8) {
        let rdd = &self.rdds[usize::from(rdd) % self.rdds.len()];
        if self.released.contains(&rdd.id) {
            return;
        }
        let mut partitions: Vec<u32> = (0..rdd.partitions).collect();
        if only > 200 && !partitions.is_empty() {
            partitions = vec![u32::from(only) % rdd.partitions];
        }
        self.submit_job(rdd.id, partitions, None);
    }

    /// Wants the map outputs of a shuffle alone.
    pub(super) fn submit_maps(&mut self, rdd: u8) {
        let rdd = &self.rdds[usize::from(rdd) % self.rdds.len()];
        if self.released.contains(&rdd.id) {
            return;
        }
        if let Some(Dependency::Shuffle {
            parent, shuffle, ..
        }) = rdd.dependencies.first()
        {
            self.submit_job(*parent, Vec::new(), Some(*shuffle));
        }
    }

    fn submit_job(&mut self, rdd: RddId, partitions: Vec<u32>, shuffle: Option<ShuffleId>) {
        let job = JobId(u32::try_from(self.jobs.len()).unwrap());
        // Images come back now and then, as they do when nothing changed between two jobs.
        let image = ImageId([u8::try_from(job.0 % 3).unwrap(); 32]);
        self.images.insert(image);
        let group = (job.0 % 4 != 3).then(|| Arc::from(format!("group-{}", job.0 % 4)));
        let closed = group
            .as_ref()
            .is_some_and(|group| self.closed.contains(group));
        let tag: Arc<str> = format!("tag-{}", job.0 % 3).into();
        self.jobs.push(Job {
            partitions: partitions.iter().copied().collect(),
            accepted: BTreeSet::new(),
            shuffle: shuffle.map(|shuffle| (shuffle, false)),
            group: group.clone(),
            tag: tag.clone(),
            stillborn: closed,
            cancelled: closed,
            finished: false,
            failed: false,
        });
        let (name, call_site) = ("count".into(), "main.rs:1".into());
        self.handle(Input::JobSubmitted(JobSpec {
            job,
            rdd,
            partitions,
            shuffle,
            image,
            name,
            call_site,
            group,
            tags: vec![tag.clone(), tag],
            pool: (!job.0.is_multiple_of(3)).then(|| format!("pool-{}", job.0 % 3).as_str().into()),
        }));
    }

    pub(super) fn cancel(&mut self, at: u8) {
        if self.jobs.is_empty() {
            return;
        }
        let at = usize::from(at) % self.jobs.len();
        let job = JobId(u32::try_from(at).unwrap());
        let reason = "not wanted".into();
        self.cancel_all(Input::JobCancelled { job, reason }, |id, _| id == at);
    }

    pub(super) fn cancel_group(&mut self, at: u8, future: bool) {
        let (group, reason) = (format!("group-{}", at % 4), "not wanted".into());
        let group: Arc<str> = group.into();
        let input = Input::JobGroupCancelled {
            group: group.clone(),
            reason,
            future,
        };
        self.cancel_all(input, |_, job| job.group.as_ref() == Some(&group));
        if future {
            self.closed.insert(group);
        }
    }

    pub(super) fn cancel_tag(&mut self, at: u8) {
        let (tag, reason) = (format!("tag-{}", at % 3), "not wanted".into());
        let tag: Arc<str> = tag.into();
        let input = Input::JobTagCancelled {
            tag: tag.clone(),
            reason,
        };
        self.cancel_all(input, |_, job| job.tag == tag);
    }

    /// Which jobs need the stage is the driver's to know.
    pub(super) fn cancel_stage(&mut self, at: u8) {
        let (stage, reason) = (StageId(at.into()), "not wanted".into());
        self.any_cancelled = true;
        self.handle(Input::StageCancelled { stage, reason });
        self.any_cancelled = false;
    }

    /// Cancels the running jobs that are meant; all of them and no others end by it.
    fn cancel_all(&mut self, input: Input, meant: impl Fn(usize, &Job) -> bool) {
        let mut cancelled = Vec::new();
        for (id, job) in self.jobs.iter_mut().enumerate() {
            if job.runs() && meant(id, job) {
                job.cancelled = true;
                cancelled.push(id);
            }
        }
        self.handle(input);
        assert!(cancelled.into_iter().all(|id| self.jobs[id].failed));
    }

    /// Takes the sizes that a job wanted, and compares them with those that tasks told.
    pub(super) fn accept_sizes(&mut self, job: JobId, statistics: &MapOutputStatistics) {
        let shuffle = statistics.shuffle;
        let job = &mut self.jobs[job.0 as usize];
        assert!(job.runs());
        assert_eq!(job.shuffle, Some((shuffle, false)), "it is told once");
        job.shuffle = Some((shuffle, true));
        let (maps, buckets) = self.shuffles[&shuffle];
        let sum = |bucket| {
            let told = (0..maps).filter(|map| self.told[&(shuffle, *map)]);
            told.map(|map| size(shuffle, map, bucket)).sum()
        };
        let sums: Vec<u64> = (0..buckets).map(sum).collect();
        assert_eq!(statistics.bytes, sums);
    }
}
