//! What a run is like: the cluster, what is done on it, what goes wrong. All of it drawn from the seed.

use std::collections::BTreeMap;
use std::time::Duration;

use scheduler::cluster::{Quota, Tenants};
use scheduler::{Random, Settings};

use crate::faults::Kind;
use crate::network::Weather;
use crate::program::Style;

/// One gibibyte.
pub(crate) const GIB: u64 = 1 << 30;

/// What goes wrong, until it heals.
#[derive(Clone, Debug, Default)]
pub(crate) struct Faults {
    /// Those that happen now and then.
    pub(crate) timed: Vec<Kind>,
    /// How long it is from one to the next, about, in milliseconds.
    pub(crate) every_ms: u64,
    /// Those that happen where they can, with these chances of a million.
    pub(crate) chances: BTreeMap<Kind, u32>,
    pub(crate) weather: Weather,
}

impl Faults {
    pub(crate) fn chance(&self, kind: Kind) -> u32 {
        self.chances.get(&kind).copied().unwrap_or_default()
    }
}

/// A program that a user will bring.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) at: Duration,
    pub(crate) tenant: &'static str,
    pub(crate) style: Style,
    /// Whether the cluster runs its driver.
    pub(crate) cluster: bool,
    pub(crate) supervise: bool,
    pub(crate) cores_max: Option<u32>,
    pub(crate) executor_cores: Option<u32>,
    pub(crate) executor_memory: u64,
    pub(crate) executors: Option<u32>,
}

/// What a run is like.
#[derive(Clone, Debug)]
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) masters: usize,
    /// Cores and bytes of memory of each worker.
    pub(crate) workers: Vec<(u32, u64)>,
    pub(crate) clients: usize,
    pub(crate) settings: Settings,
    pub(crate) quotas: BTreeMap<&'static str, Quota>,
    pub(crate) plans: Vec<Plan>,
    pub(crate) faults: Faults,
    /// How long things go wrong.
    pub(crate) trouble: Duration,
    /// How long after that everything may take to finish.
    pub(crate) patience: Duration,
}

impl Scenario {
    /// Nothing at all: for tests of the world itself.
    pub(crate) fn empty() -> Self {
        Self {
            name: "nothing",
            masters: 0,
            workers: Vec::new(),
            clients: 0,
            settings: Settings::default(),
            quotas: BTreeMap::new(),
            plans: Vec::new(),
            faults: Faults::default(),
            trouble: Duration::ZERO,
            patience: Duration::from_secs(600),
        }
    }

    pub(crate) fn tenants(&self) -> Tenants {
        let named = self
            .quotas
            .iter()
            .map(|(name, quota)| ((*name).into(), *quota));
        Tenants {
            named: named.collect(),
            ..Tenants::default()
        }
    }

    pub(crate) fn set(&mut self, key: &str, value: &str) {
        self.settings.set(key, value).unwrap();
    }
}

/// A handful of masters, workers and applications, and nothing that goes wrong.
pub(crate) fn quiet(random: &mut Random) -> Scenario {
    let mut scenario = Scenario {
        name: "quiet",
        masters: 1 + below(random, 3),
        workers: (0..2 + random.below(4)).map(|_| worker(random)).collect(),
        clients: 1 + below(random, 2),
        ..Scenario::empty()
    };
    choose_settings(&mut scenario, random);
    let count = 1 + random.below(4);
    scenario.plans = (0..count).map(|_| plan(random)).collect();
    scenario
}

fn below(random: &mut Random, bound: u64) -> usize {
    usize::try_from(random.below(bound)).unwrap()
}

fn worker(random: &mut Random) -> (u32, u64) {
    let cores = u32::try_from(2 + random.below(7)).unwrap();
    (cores, (4 + random.below(13)) * GIB)
}

/// Failures are the house's own here, so no number of them is the program's fault.
fn choose_settings(scenario: &mut Scenario, random: &mut Random) {
    scenario.set("task.maxFailures", "100000");
    scenario.set("stage.maxConsecutiveAttempts", "100000");
    scenario.set("deploy.maxExecutorRetries", "100000");
    if random.happens(500_000) {
        scenario.set("deploy.spreadOutApps", "false");
    }
}

pub(crate) fn style(random: &mut Random) -> Style {
    Style {
        datasets: 8,
        partitions: 6,
        jobs: 5,
        task: Duration::from_millis(500 + random.below(4_000)),
        pause: Duration::from_millis(100 + random.below(5_000)),
        troubled: true,
    }
}

fn plan(random: &mut Random) -> Plan {
    let cluster = random.happens(300_000);
    Plan {
        at: Duration::from_millis(random.below(60_000)),
        tenant: ["default", "red", "blue"][below(random, 3)],
        style: style(random),
        cluster,
        supervise: cluster && random.happens(500_000),
        cores_max: random
            .happens(500_000)
            .then(|| 2 + u32::try_from(random.below(7)).unwrap()),
        executor_cores: random
            .happens(700_000)
            .then(|| 1 + u32::try_from(random.below(2)).unwrap()),
        executor_memory: (1 + random.below(2)) * GIB,
        executors: random
            .happens(300_000)
            .then(|| 1 + u32::try_from(random.below(4)).unwrap()),
    }
}

/// A handful of masters, workers and applications; some kinds of faults, each with the rest of the world as it is.
pub(crate) fn troubled(random: &mut Random) -> Scenario {
    let mut scenario = quiet(random);
    scenario.name = "troubled";
    scenario.trouble = Duration::from_millis(60_000 + random.below(240_000));
    scenario.patience = Duration::from_secs(1_800);
    for plan in &mut scenario.plans {
        plan.at = Duration::from_millis(random.below(100_000));
    }
    scenario.faults = faults(random);
    scenario
}

/// Some kinds of faults, so that each run has a face of its own.
fn faults(random: &mut Random) -> Faults {
    let mut some = |kinds: &[Kind]| -> Vec<Kind> {
        let chosen = kinds.iter().filter(|_| random.happens(400_000));
        chosen.copied().collect()
    };
    let timed = some(TIMED);
    let struck = some(STRUCK);
    let mut chance = |most| {
        if random.happens(500_000) {
            u32::try_from(random.below(most)).unwrap()
        } else {
            0
        }
    };
    let weather = Weather {
        drop: chance(50_000),
        delay: chance(20_000),
        duplicate: chance(50_000),
        reorder: chance(100_000),
    };
    let chances = struck
        .into_iter()
        .map(|kind| (kind, chance(50_000)))
        .collect();
    Faults {
        timed,
        every_ms: 2_000 + random.below(20_000),
        chances,
        weather,
    }
}

/// Kinds that happen now and then.
const TIMED: &[Kind] = &[
    Kind::Partition,
    Kind::OneWayPartition,
    Kind::MasterCrashed,
    Kind::WorkerCrashed,
    Kind::MachineCrashed,
    Kind::DriverCrashed,
    Kind::ExecutorCrashed,
    Kind::Paused,
    Kind::SlowNode,
    Kind::WorkerFlapped,
    Kind::ShuffleFileLost,
    Kind::BlockDropped,
    Kind::DiskFull,
    Kind::ClockForward,
    Kind::ClockBack,
    Kind::LeaderDeposed,
    Kind::WorkerDecommissioned,
];

/// Kinds that happen to what is just being done.
const STRUCK: &[Kind] = &[
    Kind::ExecutorOutOfMemory,
    Kind::SpawnFailed,
    Kind::FetchFailed,
    Kind::TaskPanicked,
];
