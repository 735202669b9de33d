//! Cuts a job into stages (Spark: `DAGScheduler.createResultStage`, `getOrCreateShuffleMapStage`).
//!
//! Stages are cut at shuffles, parents get the lower numbers, and a shuffle has at most one stage at a time.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use crate::dag::{Failures, MapOutputs, Ranges, Stage, State, shuffles_needed};
use crate::event::{StageInfo, StageKind};
use crate::{JobId, JobSpec, RddId, ShuffleId, StageId};

use super::Driver;

/// The stages of a job, as they are announced.
#[derive(Debug)]
pub(super) struct Plan {
    /// Parents first.
    pub(super) stages: Vec<StageInfo>,
    /// Those of them that have nothing to do.
    pub(super) skipped: Vec<StageId>,
    /// The last of them, unless there is nothing to do at all.
    pub(super) last: Option<StageId>,
}

impl Driver {
    /// Makes the stages that a job needs, or joins those that other jobs already have.
    pub(super) fn plan(&mut self, spec: &JobSpec) -> Plan {
        let (mut stages, mut skipped) = (Vec::new(), Vec::new());
        let direct = match spec.shuffle {
            Some(shuffle) => BTreeSet::from([shuffle]),
            None => {
                let partitions = spec.partitions.iter().copied().collect();
                shuffles_needed(&self.graph, &self.blocks, spec.rdd, partitions)
            }
        };
        let mut numbers = BTreeMap::new();
        // A shuffle's parent is younger than the parents of the shuffles it reads: parents come first.
        for ((_, shuffle), reads) in self.ancestors(&direct) {
            let parents: Vec<StageId> = reads.iter().map(|read| numbers[read]).collect();
            let info = if self.is_available(shuffle) {
                let stage = self.new_map_stage(shuffle, parents);
                skipped.push(stage.id);
                stage.info(0, 0)
            } else {
                self.join_map_stage(shuffle, parents, &BTreeSet::from([spec.job]))
            };
            numbers.insert(shuffle, info.stage);
            stages.push(info);
        }
        let last = match spec.shuffle {
            Some(shuffle) if self.is_available(shuffle) => None,
            Some(shuffle) => Some(numbers[&shuffle]),
            None => {
                let parents = direct.iter().map(|read| numbers[read]).collect();
                let info = self.add_result_stage(spec, parents);
                let stage = info.stage;
                stages.push(info);
                Some(stage)
            }
        };
        Plan {
            stages,
            skipped,
            last,
        }
    }

    /// Returns the shuffles that are read on the way to `direct`, and what each of them reads in turn as far as
    /// it is not there. Sorted by the age of what they move.
    fn ancestors(
        &self,
        direct: &BTreeSet<ShuffleId>,
    ) -> BTreeMap<(RddId, ShuffleId), BTreeSet<ShuffleId>> {
        let mut found = BTreeMap::new();
        let mut todo: Vec<ShuffleId> = direct.iter().copied().collect();
        while let Some(shuffle) = todo.pop() {
            let key = (self.graph.parent(shuffle).id, shuffle);
            if let Entry::Vacant(entry) = found.entry(key) {
                todo.extend(entry.insert(self.reads(shuffle)).iter());
            }
        }
        found
    }

    /// Returns whether all map outputs of a shuffle are there.
    pub(super) fn is_available(&self, shuffle: ShuffleId) -> bool {
        match self.shuffles.get(shuffle) {
            Some(outputs) => outputs.is_complete(),
            None => self.graph.parent(shuffle).partitions == 0,
        }
    }

    /// Returns the map partitions of a shuffle that have no output, sorted.
    pub(super) fn missing_maps(&self, shuffle: ShuffleId) -> Vec<u32> {
        match self.shuffles.get(shuffle) {
            Some(outputs) => outputs.missing().collect(),
            None => (0..self.graph.parent(shuffle).partitions).collect(),
        }
    }

    /// Returns the shuffles that computing the missing outputs of a shuffle reads.
    fn reads(&self, shuffle: ShuffleId) -> BTreeSet<ShuffleId> {
        let missing = match self.shuffles.get(shuffle) {
            Some(outputs) => outputs.missing().collect(),
            None => Ranges::all(self.graph.parent(shuffle).partitions),
        };
        let rdd = self.graph.parent(shuffle).id;
        shuffles_needed(&self.graph, &self.blocks, rdd, missing)
    }

    /// Returns the shuffles without which a stage cannot run.
    pub(super) fn missing_parents(&self, stage: &Stage) -> BTreeSet<ShuffleId> {
        let mut reads = match stage.kind {
            StageKind::ShuffleMap { shuffle } => self.reads(shuffle),
            StageKind::Result { job } => {
                let missing = self.jobs[&job].missing().collect();
                shuffles_needed(&self.graph, &self.blocks, stage.rdd, missing)
            }
        };
        reads.retain(|shuffle| !self.is_available(*shuffle));
        reads
    }

    /// Makes jobs share in the stage of a shuffle, which is made if there is none.
    pub(super) fn join_map_stage(
        &mut self,
        shuffle: ShuffleId,
        parents: Vec<StageId>,
        jobs: &BTreeSet<JobId>,
    ) -> StageInfo {
        let id = match self.map_stages.get(&shuffle) {
            Some(stage) => *stage,
            None => {
                let stage = self.new_map_stage(shuffle, parents);
                let id = stage.id;
                self.map_stages.insert(shuffle, id);
                self.stages.insert(id, stage);
                id
            }
        };
        self.join(id, jobs);
        let stage = &self.stages[&id];
        let outputs = self.shuffles.get(shuffle);
        let tasks = outputs.map_or(stage.partitions as usize, MapOutputs::missing_len);
        stage.info(stage.attempts, u32::try_from(tasks).unwrap_or(u32::MAX))
    }

    /// Makes a stage work for jobs, and with it the stages that it waits for: so no stage goes while another
    /// one waits for it.
    fn join(&mut self, stage: StageId, jobs: &BTreeSet<JobId>) {
        let mut todo = vec![stage];
        while let Some(id) = todo.pop() {
            let stage = self
                .stages
                .get_mut(&id)
                .expect("a stage that is joined is there");
            if jobs.is_subset(&stage.jobs) {
                continue;
            }
            stage.jobs.extend(jobs);
            for job in jobs {
                self.jobs
                    .get_mut(job)
                    .expect("a job that joins is running")
                    .stages
                    .insert(id);
            }
            if let State::Waiting { on } = &stage.state {
                todo.extend(on.iter().map(|shuffle| self.map_stages[shuffle]));
            }
        }
    }

    fn new_map_stage(&mut self, shuffle: ShuffleId, parents: Vec<StageId>) -> Stage {
        let id = self.new_stage_id();
        let rdd = self.graph.parent(shuffle);
        Stage {
            id,
            kind: StageKind::ShuffleMap { shuffle },
            rdd: rdd.id,
            name: rdd.name.clone(),
            call_site: rdd.call_site.clone(),
            partitions: rdd.partitions,
            parents,
            jobs: BTreeSet::new(),
            state: State::Idle,
            attempts: 0,
            failures: Failures::default(),
        }
    }

    fn add_result_stage(&mut self, spec: &JobSpec, parents: Vec<StageId>) -> StageInfo {
        let id = self.new_stage_id();
        let partitions = u32::try_from(spec.partitions.len()).unwrap_or(u32::MAX);
        let stage = Stage {
            id,
            kind: StageKind::Result { job: spec.job },
            rdd: spec.rdd,
            name: spec.name.clone(),
            call_site: spec.call_site.clone(),
            partitions,
            parents,
            jobs: BTreeSet::new(),
            state: State::Idle,
            attempts: 0,
            failures: Failures::default(),
        };
        let info = stage.info(0, partitions);
        self.stages.insert(id, stage);
        self.join(id, &BTreeSet::from([spec.job]));
        info
    }

    fn new_stage_id(&mut self) -> StageId {
        let id = StageId(self.next_stage);
        self.next_stage += 1;
        id
    }
}
