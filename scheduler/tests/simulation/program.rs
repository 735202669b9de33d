//! What applications compute: random lineages and jobs; and what must come out, computed plainly.

use std::collections::BTreeMap;
use std::time::Duration;

use scheduler::{Dependency, Random, Rdd, RddId, ShuffleId};

use crate::shape::{Node, parents, rdds, shuffles};

/// One action of a program.
#[derive(Clone, Debug)]
pub(crate) struct PlannedJob {
    pub(crate) rdd: RddId,
    pub(crate) partitions: Vec<u32>,
    /// Whether its tasks write output, and so ask for permission to commit.
    pub(crate) writes: bool,
    /// A partition where the program panics, always in the same way.
    pub(crate) poison: Option<u32>,
    /// The program loses patience after this long.
    pub(crate) cancelled_after: Option<Duration>,
    /// The pool that it runs in.
    pub(crate) pool: Option<&'static str>,
}

/// What an application does.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    pub(crate) rdds: Vec<Rdd>,
    pub(crate) jobs: Vec<PlannedJob>,
    /// How many of its jobs run at a time.
    pub(crate) at_a_time: usize,
    /// How long a task takes, about.
    pub(crate) task: Duration,
    /// How long the program thinks before its next job.
    pub(crate) pause: Duration,
    /// How many map outputs each shuffle has, and how many buckets.
    pub(crate) shuffles: BTreeMap<ShuffleId, (u32, u32)>,
    /// What each partition of each dataset holds.
    values: BTreeMap<(RddId, u32), u64>,
}

/// What kind of programs a run has.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Style {
    pub(crate) datasets: u64,
    pub(crate) partitions: u64,
    pub(crate) jobs: u64,
    pub(crate) task: Duration,
    pub(crate) pause: Duration,
    /// Whether some of its jobs fail by its own fault, or are cancelled.
    pub(crate) troubled: bool,
}

impl Program {
    pub(crate) fn random(style: Style, random: &mut Random) -> Self {
        let count = 1 + random.below(style.datasets);
        let nodes: Vec<_> = (0..count).map(|_| node(style.partitions, random)).collect();
        let rdds = rdds(&nodes);
        let jobs = (0..=random.below(style.jobs))
            .map(|_| job(&rdds, style.troubled, random))
            .collect();
        Self::new(rdds, jobs, 1 + small(random, 3), style.task, style.pause)
    }

    pub(crate) fn new(
        rdds: Vec<Rdd>,
        jobs: Vec<PlannedJob>,
        at_a_time: usize,
        task: Duration,
        pause: Duration,
    ) -> Self {
        let (shuffles, values) = (shuffles(&rdds), values(&rdds));
        Self {
            shuffles,
            rdds,
            jobs,
            at_a_time,
            task,
            pause,
            values,
        }
    }

    pub(crate) fn rdd(&self, rdd: RddId) -> &Rdd {
        &self.rdds[rdd.0 as usize]
    }

    /// Returns what a partition holds where nothing ever fails.
    pub(crate) fn value(&self, rdd: RddId, partition: u32) -> u64 {
        self.values[&(rdd, partition)]
    }
}

fn small(random: &mut Random, below: u64) -> usize {
    usize::try_from(random.below(below)).unwrap()
}

fn node(partitions: u64, random: &mut Random) -> (Node, bool) {
    let older = u8::try_from(random.below(256)).unwrap();
    let other = u8::try_from(random.below(256)).unwrap();
    let size = u32::try_from(1 + random.below(partitions)).unwrap();
    let node = match random.below(10) {
        0 | 1 => Node::Source(size),
        2..5 => Node::Map(older),
        5..7 => Node::Shuffled(older, size),
        7 => Node::Union(older, other),
        8 => Node::Coalesced(older),
        _ => Node::Joined(older, other, size),
    };
    (node, random.happens(200_000))
}

fn job(rdds: &[Rdd], troubled: bool, random: &mut Random) -> PlannedJob {
    // Later datasets have more behind them.
    let at = small(random, rdds.len() as u64).max(small(random, rdds.len() as u64));
    let rdd = &rdds[at];
    let mut partitions: Vec<u32> = (0..rdd.partitions).collect();
    if partitions.len() > 1 && random.happens(100_000) {
        partitions.truncate(1);
    }
    let poisoned = troubled && !partitions.is_empty() && random.happens(100_000);
    PlannedJob {
        rdd: rdd.id,
        writes: random.happens(500_000),
        poison: poisoned.then(|| partitions[small(random, partitions.len() as u64)]),
        cancelled_after: (troubled && random.happens(100_000))
            .then(|| Duration::from_millis(random.below(30_000))),
        pool: [None, Some("high"), Some("low")][small(random, 3)],
        partitions,
    }
}

/// Returns what a partition of a dataset holds, given what it is computed from.
pub(crate) fn combine(rdd: RddId, partition: u32, inputs: impl IntoIterator<Item = u64>) -> u64 {
    let own = mix((u64::from(rdd.0) << 32) | u64::from(partition));
    inputs
        .into_iter()
        .fold(own, |value, input| mix(value ^ input.rotate_left(7)))
}

/// Returns what a bucket of a map output holds.
pub(crate) fn bucket(file: u64, bucket: u32) -> u64 {
    mix(file ^ u64::from(bucket))
}

fn mix(number: u64) -> u64 {
    Random::new(number).draw()
}

fn values(rdds: &[Rdd]) -> BTreeMap<(RddId, u32), u64> {
    let mut values = BTreeMap::new();
    // Parents come first.
    for rdd in rdds {
        for partition in 0..rdd.partitions {
            let mut inputs = Vec::new();
            for dependency in &rdd.dependencies {
                inputs.extend(inputs_of(rdds, &values, dependency, partition));
            }
            values.insert((rdd.id, partition), combine(rdd.id, partition, inputs));
        }
    }
    values
}

fn inputs_of(
    rdds: &[Rdd],
    values: &BTreeMap<(RddId, u32), u64>,
    dependency: &Dependency,
    partition: u32,
) -> Vec<u64> {
    match dependency {
        Dependency::Narrow { parent, partitions } => parents(partitions, partition)
            .into_iter()
            .map(|needed| values[&(*parent, needed)])
            .collect(),
        Dependency::Shuffle { parent, .. } => (0..rdds[parent.0 as usize].partitions)
            .map(|map| bucket(values[&(*parent, map)], partition))
            .collect(),
    }
}
