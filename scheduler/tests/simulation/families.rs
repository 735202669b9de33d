//! Families of scenarios, each drawn from a seed: the cluster, its settings, what users bring, what goes wrong.

use std::time::Duration;

use scheduler::Random;
use scheduler::cluster::Quota;

use crate::faults::Kind;
use crate::network::Weather;
use crate::program::Style;
use crate::scenario::{Faults, GIB, Plan, Scenario};

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
    leave_room(&mut scenario);
    scenario
}

/// Makes workers large enough for an executor beside all drivers: drivers that wait for executors, and leave no worker
/// with room for one, wait for ever.
fn leave_room(scenario: &mut Scenario) {
    let drivers = scenario.plans.iter().filter(|plan| plan.cluster).count();
    let drivers = u32::try_from(drivers).unwrap();
    for (cores, memory) in &mut scenario.workers {
        *cores = (*cores).max(2 + drivers);
        *memory = (*memory).max(u64::from(2 + drivers) * GIB);
    }
}

fn below(random: &mut Random, bound: u64) -> usize {
    usize::try_from(random.below(bound)).unwrap()
}

fn worker(random: &mut Random) -> (u32, u64) {
    let cores = u32::try_from(2 + random.below(7)).unwrap();
    (cores, (4 + random.below(13)) * GIB)
}

/// The failures are the house's own, so no number of them is the program's fault.
fn bear_failures(scenario: &mut Scenario) {
    for key in [
        "task.maxFailures",
        "stage.maxConsecutiveAttempts",
        "deploy.maxExecutorRetries",
    ] {
        scenario.set(key, "100000");
    }
    scenario.task_failures_max = 100_000;
}

/// As people set them.
fn choose_settings(scenario: &mut Scenario, random: &mut Random) {
    for (key, value) in OPTIONS {
        if random.happens(300_000) {
            scenario.set(key, value);
        }
    }
    if random.happens(300_000) {
        scenario.set("excludeOnFailure.enabled", "true");
        scenario.set("excludeOnFailure.timeout", "20s");
        scenario.set(
            "scheduler.excludeOnFailure.unschedulableTaskSetTimeout",
            "60s",
        );
    }
    if random.happens(300_000) {
        scenario.set("dynamicAllocation.enabled", "true");
        scenario.set("dynamicAllocation.executorIdleTimeout", "10s");
        scenario.set("dynamicAllocation.shuffleTracking.enabled", "true");
    }
}

/// What some runs have, beside the defaults.
const OPTIONS: &[(&str, &str)] = &[
    ("deploy.spreadOutApps", "false"),
    ("speculation", "true"),
    ("speculation.multiplier", "1.2"),
    ("speculation.quantile", "0.3"),
    ("scheduler.mode", "FAIR"),
    ("decommission.enabled", "true"),
    ("locality.wait", "0"),
    ("worker.timeout", "20s"),
    ("executor.heartbeatInterval", "3s"),
    ("task.aheadTime", "60s"),
];

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
    (scenario.name, scenario.excuses) = ("troubled", true);
    if random.happens(500_000) {
        bear_failures(&mut scenario);
    }
    scenario.trouble = Duration::from_millis(60_000 + random.below(240_000));
    scenario.patience = Duration::from_secs(1_800);
    let span = u64::try_from(scenario.trouble.as_millis()).unwrap();
    let more = random.below(5);
    scenario.plans.extend((0..more).map(|_| plan(random)));
    leave_room(&mut scenario);
    for plan in &mut scenario.plans {
        plan.at = Duration::from_millis(random.below(span));
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
        .map(|kind| (kind, 5_000 + chance(50_000)))
        .collect();
    // Some runs are storms.
    let (least, span) = if random.happens(300_000) {
        (300, 2_000)
    } else {
        (2_000, 20_000)
    };
    Faults {
        timed,
        every_ms: least + random.below(span),
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

/// Masters come and go; workers and applications must not notice but for a pause.
pub(crate) fn failover(random: &mut Random) -> Scenario {
    let mut scenario = quiet(random);
    scenario.name = "failover";
    bear_failures(&mut scenario);
    scenario.masters = 1 + below(random, 3);
    scenario.trouble = Duration::from_secs(60 + random.below(200));
    scenario.patience = Duration::from_secs(1_800);
    // Users are as patient as a failover is long.
    scenario.set("deploy.client.registrationRetries", "100");
    scenario.set("deploy.client.submissionTimeout", "1h");
    scenario.set("worker.initialRegistrationRetries", "100");
    scenario.set("worker.maxRegistrationRetries", "100");
    scenario.set("deploy.recoveryTimeout", "60s");
    scenario.faults = Faults {
        timed: vec![Kind::MasterCrashed, Kind::LeaderDeposed, Kind::DiskFull],
        every_ms: 5_000 + random.below(20_000),
        ..Faults::default()
    };
    scenario
}

/// Tenants of different weights want more than there is.
pub(crate) fn tenants(random: &mut Random) -> Scenario {
    let mut scenario = Scenario {
        name: "tenants",
        masters: 1,
        workers: vec![(4, 16 * GIB); 3 + below(random, 3)],
        clients: 2,
        ..Scenario::empty()
    };
    choose_settings(&mut scenario, random);
    scenario.set("dynamicAllocation.enabled", "false");
    for tenant in TENANTS {
        let weight = 1 + u32::try_from(random.below(3)).unwrap();
        let quota = Quota {
            weight,
            ..Quota::default()
        };
        scenario.quotas.insert(tenant, quota);
    }
    for number in 0..3 + below(random, 4) {
        let tenant = TENANTS[number % TENANTS.len()];
        scenario.plans.push(greedy(tenant, random));
    }
    scenario
}

const TENANTS: &[&str] = &["red", "green", "blue"];

/// An application that takes all the cores it can get, for a while.
fn greedy(tenant: &'static str, random: &mut Random) -> Plan {
    Plan {
        at: Duration::from_millis(random.below(120_000)),
        tenant,
        style: Style {
            datasets: 4,
            partitions: 40,
            jobs: 6,
            task: Duration::from_millis(2_000 + random.below(8_000)),
            pause: Duration::from_millis(100),
            troubled: false,
        },
        cluster: false,
        supervise: false,
        cores_max: None,
        executor_cores: Some(1),
        executor_memory: GIB,
        executors: None,
    }
}
