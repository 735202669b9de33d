//! What a run is like: the cluster, what is done on it, what goes wrong. All of it drawn from the seed.

use std::collections::BTreeMap;
use std::time::Duration;

use scheduler::Settings;
use scheduler::cluster::{Quota, Tenants};

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
    /// So often a task may fail by its own fault: `task.maxFailures`.
    pub(crate) task_failures_max: u32,
    pub(crate) quotas: BTreeMap<&'static str, Quota>,
    pub(crate) plans: Vec<Plan>,
    pub(crate) faults: Faults,
    /// Whether an application may be cut short by what goes wrong.
    pub(crate) excuses: bool,
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
            task_failures_max: 4,
            quotas: BTreeMap::new(),
            plans: Vec::new(),
            faults: Faults::default(),
            excuses: false,
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
