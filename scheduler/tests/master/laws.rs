//! Laws of the master: what holds whatever it is told. Its own assertions run after every input.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;
use scheduler::cluster::{Action, Change, Input, Master, Outbox, Persisted, Quota, State, Tenants};
use scheduler::message::{
    ApplicationSpec, DriverSpec, DriverState, ExecutorName, ExecutorReport, ExecutorState,
    ToMaster, WorkerInfo,
};
use scheduler::{
    Address, ApplicationId, DriverId, Epoch, ExecutorId, Settings, SubmissionKey, Time, WorkerId,
};

use crate::proptests::config;
use crate::world::{GIB, MIB, World, address, application, driver};

/// Few numbers, so that they meet; and some that nobody has.
fn number() -> impl Strategy<Value = u32> {
    prop_oneof![12 => 0..4_u32, 1 => Just(u32::MAX)]
}

fn amount() -> impl Strategy<Value = u32> {
    prop_oneof![12 => 0..9_u32, 1 => Just(u32::MAX), 1 => Just(1 << 16)]
}

fn memory() -> impl Strategy<Value = u64> {
    prop_oneof![10 => (0..9_u64).prop_map(|n| n * GIB / 2), 1 => Just(u64::MAX), 1 => Just(1 << 46)]
}

fn epoch() -> impl Strategy<Value = Epoch> {
    prop_oneof![8 => Just(Epoch(1)), 1 => Just(Epoch(0)), 1 => Just(Epoch(u64::MAX))]
}

fn who() -> impl Strategy<Value = Address> {
    let names = prop_oneof![Just("worker"), Just("driver"), Just("operator")];
    (names, 0..4_u64).prop_map(|(name, number)| address(name, number))
}

fn application_id() -> impl Strategy<Value = ApplicationId> {
    (epoch(), number()).prop_map(|(epoch, number)| ApplicationId { epoch, number })
}

fn driver_id() -> impl Strategy<Value = DriverId> {
    (epoch(), number()).prop_map(|(epoch, number)| DriverId { epoch, number })
}

fn executor() -> impl Strategy<Value = ExecutorName> {
    (application_id(), number()).prop_map(|(application, number)| ExecutorName {
        application,
        executor: ExecutorId(number),
    })
}

fn worker_id() -> impl Strategy<Value = WorkerId> {
    (0..4_u64).prop_map(WorkerId)
}

fn worker_info() -> impl Strategy<Value = WorkerInfo> {
    let at = (0..4_u64).prop_map(|number| address("worker", number));
    (worker_id(), at, amount(), memory()).prop_map(|(id, address, cores, memory)| WorkerInfo {
        id,
        address,
        host: format!("host-{}", id.0 % 2).as_str().into(),
        rack: None,
        cores,
        memory,
    })
}

fn tenant() -> impl Strategy<Value = &'static str> {
    prop_oneof![Just("a"), Just("b"), Just("c")]
}

fn application_spec() -> impl Strategy<Value = ApplicationSpec> {
    let limits = (
        prop::option::of(amount()),
        prop::option::of(amount()),
        memory(),
        prop::option::of(amount()),
    );
    let driver = prop::option::weighted(0.2, driver_id());
    (0..4_u64, tenant(), driver, limits).prop_map(|(number, tenant, driver_id, limits)| {
        let (cores_max, executor_cores, executor_memory, executors) = limits;
        ApplicationSpec {
            tenant: tenant.into(),
            driver_id,
            cores_max,
            executor_cores,
            executors,
            ..application(number, executor_memory)
        }
    })
}

fn driver_spec() -> impl Strategy<Value = DriverSpec> {
    let sizes = (amount(), memory());
    (0..4_u64, tenant(), sizes, any::<bool>()).prop_map(|(number, tenant, sizes, supervise)| {
        DriverSpec {
            tenant: tenant.into(),
            cores: sizes.0,
            memory: sizes.1,
            ..driver(number, supervise)
        }
    })
}

fn executor_state() -> impl Strategy<Value = ExecutorState> {
    prop_oneof![
        Just(ExecutorState::Launching),
        Just(ExecutorState::Running),
        Just(ExecutorState::Killed),
        Just(ExecutorState::Failed),
        Just(ExecutorState::Lost),
        Just(ExecutorState::Exited),
        Just(ExecutorState::Decommissioned),
    ]
}

fn driver_state() -> impl Strategy<Value = DriverState> {
    prop_oneof![
        Just(DriverState::Submitted),
        Just(DriverState::Running),
        Just(DriverState::Finished),
        Just(DriverState::Relaunching),
        Just(DriverState::Unknown),
        Just(DriverState::Killed),
        Just(DriverState::Failed),
        Just(DriverState::Error),
    ]
}

fn report() -> impl Strategy<Value = (WorkerId, Vec<ExecutorReport>, Vec<DriverId>)> {
    let one = (executor(), amount(), memory()).prop_map(|(name, cores, memory)| ExecutorReport {
        name,
        cores,
        memory,
    });
    let executors = prop::collection::vec(one, 0..4);
    (
        worker_id(),
        executors,
        prop::collection::vec(driver_id(), 0..3),
    )
}

fn message() -> impl Strategy<Value = ToMaster> {
    let of_workers = prop_oneof![
        4 => worker_info().prop_map(ToMaster::RegisterWorker),
        2 => worker_id().prop_map(ToMaster::Heartbeat),
        1 => report().prop_map(|(worker, executors, drivers)| ToMaster::WorkerLatestState {
            worker, executors, drivers,
        }),
        1 => report().prop_map(|(worker, executors, drivers)| {
            ToMaster::WorkerSchedulerStateResponse { worker, executors, drivers }
        }),
        6 => (worker_id(), executor(), executor_state(), prop::option::of(0..2_i32)).prop_map(
            |(worker, name, state, exit_code)| ToMaster::ExecutorStateChanged {
                worker, name, state, reason: None, exit_code,
            }
        ),
        3 => (worker_id(), driver_id(), driver_state()).prop_map(|(worker, driver, state)| {
            ToMaster::DriverStateChanged { worker, driver, state, reason: None }
        }),
        1 => worker_id().prop_map(ToMaster::WorkerDecommissioning),
    ];
    let of_others = prop_oneof![
        5 => application_spec().prop_map(ToMaster::RegisterApplication),
        1 => application_id().prop_map(ToMaster::UnregisterApplication),
        1 => (application_id(), number()).prop_map(|(application, next)| {
            ToMaster::MasterChangeAcknowledged { application, next_executor: ExecutorId(next) }
        }),
        3 => (application_id(), amount()).prop_map(|(application, total)| {
            ToMaster::RequestExecutors { application, total }
        }),
        2 => (application_id(), prop::collection::vec(number().prop_map(ExecutorId), 0..4))
            .prop_map(|(application, executors)| {
                ToMaster::KillExecutors { application, executors }
            }),
        4 => driver_spec().prop_map(ToMaster::RequestSubmitDriver),
        1 => driver_id().prop_map(ToMaster::RequestKillDriver),
        1 => driver_id().prop_map(ToMaster::RequestDriverStatus),
        1 => application_id().prop_map(ToMaster::RequestKillApplication),
        1 => Just(ToMaster::DecommissionWorkersOnHosts(vec!["HOST-1".into()])),
    ];
    prop_oneof![of_workers, of_others]
}

/// Who says such a thing, if it is no mistake.
fn sender(message: &ToMaster, anybody: Address) -> Address {
    match message {
        ToMaster::RegisterWorker(info) => info.address.clone(),
        ToMaster::Heartbeat(worker)
        | ToMaster::WorkerDecommissioning(worker)
        | ToMaster::WorkerLatestState { worker, .. }
        | ToMaster::WorkerSchedulerStateResponse { worker, .. }
        | ToMaster::ExecutorStateChanged { worker, .. }
        | ToMaster::DriverStateChanged { worker, .. } => address("worker", worker.0),
        ToMaster::RegisterApplication(spec) => spec.driver.clone(),
        _ => anybody,
    }
}

/// Weight, cores, bytes of memory and applications of a tenant.
type Amounts = (u32, Option<u32>, Option<u64>, Option<u32>);

#[derive(Clone, Debug)]
enum Step {
    Said(ToMaster, Address, bool),
    Disconnected(Address),
    Written(u64),
    Tenants(Vec<Amounts>),
    Slept(u64),
    Deadline,
    Elected,
    Deposed,
}

fn step() -> impl Strategy<Value = Step> {
    let quota = (
        0..4_u32,
        prop::option::of(amount()),
        prop::option::of(memory()),
        prop::option::of(0..3_u32),
    );
    let micros = prop_oneof![9 => 0..40_000_000_u64, 1 => Just(u64::MAX)];
    prop_oneof![
        60 => (message(), who(), prop::bool::weighted(0.1)).prop_map(|(message, who, mistaken)| {
            Step::Said(message, who, mistaken)
        }),
        4 => who().prop_map(Step::Disconnected),
        1 => any::<u64>().prop_map(Step::Written),
        2 => prop::collection::vec(quota, 3).prop_map(Step::Tenants),
        10 => micros.prop_map(Step::Slept),
        4 => Just(Step::Deadline),
        1 => Just(Step::Elected),
        1 => prop::bool::weighted(0.1).prop_map(|yes| if yes { Step::Deposed } else { Step::Deadline }),
    ]
}

fn quotas(all: Vec<Amounts>) -> Tenants {
    let named = ["a", "b", "c"].into_iter().zip(all);
    let named = named.map(|(name, (weight, cores, memory, most))| {
        let quota = Quota {
            weight,
            cores,
            memory,
            applications: most,
            drivers: most,
        };
        (name.into(), quota)
    });
    Tenants {
        named: named.collect(),
        ..Tenants::default()
    }
}

/// What was written by the leader before.
fn persisted() -> impl Strategy<Value = Persisted> {
    let change = prop_oneof![
        worker_info().prop_map(Change::AddWorker),
        (0..3_u32, application_spec()).prop_map(|(number, spec)| Change::AddApplication {
            application: ApplicationId {
                epoch: Epoch(0),
                number
            },
            spec: spec.into(),
        }),
        (0..3_u32, driver_spec()).prop_map(|(number, spec)| Change::AddDriver {
            driver: DriverId {
                epoch: Epoch(0),
                number
            },
            spec: spec.into(),
        }),
    ];
    prop::collection::vec(change, 0..5).prop_map(|changes| {
        let mut persisted = Persisted::default();
        changes.iter().for_each(|change| persisted.apply(change));
        persisted
    })
}

struct Host {
    master: Master,
    now: u64,
    unwritten: Vec<u64>,
    persisted: Persisted,
    deposed: bool,
}

impl Host {
    fn input(&mut self, input: Input) {
        let mut out = Outbox::default();
        let last = input == Input::LeadershipLost;
        self.master
            .handle(Time::from_micros(self.now), input, &mut out);
        if self.deposed {
            assert_eq!(out, Outbox::default(), "a deposed leader says nothing");
        }
        self.deposed |= last;
        for action in out.actions {
            match action {
                Action::Persist { ticket, change } => {
                    self.unwritten.push(ticket);
                    self.persisted.apply(&change);
                }
                Action::Exit { .. } => assert!(last),
                Action::Send { .. } => assert!(!last, "nothing is ordered with the end"),
            }
        }
        for worker in self.master.workers() {
            assert!(worker.cores_used <= worker.info.cores);
            assert!(worker.memory_used <= worker.info.memory);
        }
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Said(message, anybody, mistaken) => {
                let who = if mistaken {
                    anybody.clone()
                } else {
                    sender(&message, anybody)
                };
                let from = self
                    .driver_of(&message)
                    .filter(|_| !mistaken)
                    .unwrap_or(who);
                self.input(Input::Received { from, message });
                for ticket in std::mem::take(&mut self.unwritten) {
                    self.input(Input::Persisted { ticket });
                }
            }
            Step::Disconnected(peer) => self.input(Input::Disconnected { peer }),
            Step::Written(ticket) => self.input(Input::Persisted { ticket }),
            Step::Tenants(all) => self.input(Input::TenantsChanged(quotas(all))),
            Step::Slept(micros) => {
                self.now = self.now.saturating_add(micros);
                self.input(Input::DeadlineReached);
            }
            Step::Deadline => {
                let due = self.master.next_deadline();
                self.now = due.map_or(self.now, |due| due.as_micros().max(self.now));
                self.input(Input::DeadlineReached);
            }
            Step::Elected => {
                let persisted = self.persisted.clone();
                let epoch = Epoch(1);
                self.input(Input::LeadershipGained { epoch, persisted });
            }
            Step::Deposed => self.input(Input::LeadershipLost),
        }
    }

    /// The driver that speaks for the application that a message is about.
    fn driver_of(&self, message: &ToMaster) -> Option<Address> {
        let application = match message {
            ToMaster::UnregisterApplication(application)
            | ToMaster::MasterChangeAcknowledged { application, .. }
            | ToMaster::RequestExecutors { application, .. }
            | ToMaster::KillExecutors { application, .. } => *application,
            _ => return None,
        };
        let known = self.master.application(application)?;
        Some(known.spec.driver.clone())
    }
}

fn host(settings: &[(&str, &str)], persisted: Persisted) -> Host {
    let mut known = Settings::default();
    known.set("decommission.enabled", "true").unwrap();
    for (key, value) in settings {
        known.set(key, value).unwrap();
    }
    let master = Master::new(address("master", 1), &known, Tenants::default());
    let mut host = Host {
        master,
        now: 0,
        unwritten: Vec::new(),
        persisted: persisted.clone(),
        deposed: false,
    };
    let epoch = Epoch(1);
    host.input(Input::LeadershipGained { epoch, persisted });
    host
}

fn policy() -> impl Strategy<Value = &'static str> {
    prop_oneof![
        Just("CORES_FREE_ASC"),
        Just("CORES_FREE_DESC"),
        Just("MEMORY_FREE_ASC"),
        Just("MEMORY_FREE_DESC"),
        Just("WORKER_ID"),
    ]
}

proptest! {
    #![proptest_config(config(600))]

    /// Whatever anybody says, in whatever order: no panic, no executor beyond what its worker has, not a word after
    /// the leadership is lost.
    #[test]
    fn whatever_a_master_is_told_its_books_are_right(
        policy in policy(),
        spread in any::<bool>(),
        persisted in persisted(),
        steps in prop::collection::vec(step(), 0..120),
    ) {
        let spread = spread.to_string();
        let settings = [
            ("deploy.workerSelectionPolicy", policy),
            ("deploy.spreadOutApps", &spread),
            ("deploy.retainedDrivers", "2"),
            ("deploy.retainedApplications", "2"),
            ("deploy.maxDrivers", "3"),
            ("deploy.maxExecutorRetries", "2"),
        ];
        let mut host = host(&settings, persisted);
        for step in steps {
            host.step(step);
        }
    }
}

/// One that wants something, in a cluster that could give it.
#[derive(Clone, Debug)]
struct Wish {
    tenant: u64,
    cores: Option<u32>,
    memory: u64,
    executors: Option<u32>,
}

fn wish() -> impl Strategy<Value = Wish> {
    let cores = prop::option::of(1..5_u32);
    let executors = prop::option::of(1..6_u32);
    (0..5_u64, cores, 1..5_u64, executors).prop_map(|(tenant, cores, memory, executors)| Wish {
        tenant,
        cores,
        memory: memory * 512 * MIB,
        executors,
    })
}

proptest! {
    #![proptest_config(config(300))]

    /// Every tenant with demand, whom its quota does not forbid it, gets an executor in the end, however many come
    /// and whatever they ask for.
    #[test]
    fn no_tenant_starves(
        workers in prop::collection::vec((4..9_u32, 2..5_u64), 1..4),
        weights in prop::collection::vec(0..4_u32, 5),
        spread in any::<bool>(),
        wishes in prop::collection::vec(wish(), 1..9),
    ) {
        let spread = spread.to_string();
        let mut world = World::new(&[("deploy.spreadOutApps", &spread)]);
        let named = (0..).zip(&weights).map(|(tenant, weight)| {
            let quota = Quota { weight: *weight, ..Quota::default() };
            (format!("t{tenant}").as_str().into(), quota)
        });
        let named = named.collect();
        world.input(Input::TenantsChanged(Tenants { named, ..Tenants::default() }));
        for (number, (cores, memory)) in (1..).zip(&workers) {
            world.add_worker(number, *cores, memory * GIB);
        }
        let mut owners = BTreeMap::new();
        for (number, wish) in (1..).zip(&wishes) {
            let id = world.run(ApplicationSpec {
                tenant: format!("t{}", wish.tenant).as_str().into(),
                executor_cores: wish.cores,
                executors: wish.executors,
                ..application(number, wish.memory)
            });
            owners.insert(id, wish.tenant);
            world.sleep(Duration::from_secs(3));
        }
        let mut hungry: std::collections::BTreeSet<u64> = owners.values().copied().collect();
        for _ in 0..40 {
            hungry.retain(|tenant| {
                let mut theirs = owners.iter().filter(|(_, owner)| *owner == tenant);
                theirs.all(|(id, _)| world.executors(*id).is_empty())
            });
            if hungry.is_empty() {
                break;
            }
            world.sleep(Duration::from_secs(16));
        }
        prop_assert!(hungry.is_empty(), "{hungry:?} got nothing");
    }

    /// Weighted fairness: of tenants that all want more than there is each has its share, whoever came first.
    #[test]
    fn cores_are_shared_by_weight(
        weights in prop::collection::vec(1..5_u32, 2..5),
        workers in prop::collection::vec(4..17_u32, 1..5),
        together in any::<bool>(),
    ) {
        let mut world = World::new(&[]);
        let named = (0..).zip(&weights).map(|(tenant, weight)| {
            let quota = Quota { weight: *weight, ..Quota::default() };
            (format!("t{tenant}").as_str().into(), quota)
        });
        let named = named.collect();
        world.input(Input::TenantsChanged(Tenants { named, ..Tenants::default() }));
        let mut late = (1..).zip(&workers);
        if !together {
            for (number, cores) in late.by_ref() {
                world.add_worker(number, *cores, 64 * GIB);
            }
        }
        let ids: Vec<_> = (0..weights.len() as u64).map(|tenant| world.run(ApplicationSpec {
            tenant: format!("t{tenant}").as_str().into(),
            executor_cores: Some(1),
            ..application(tenant + 1, MIB)
        })).collect();
        for (number, cores) in late {
            world.add_worker(number, *cores, 64 * GIB);
        }
        world.sleep(Duration::from_secs(600));
        let total: u32 = workers.iter().sum();
        let all: u32 = weights.iter().sum();
        let mut given = 0;
        let mut above: Vec<f64> = Vec::new();
        for (id, weight) in ids.iter().zip(&weights) {
            let cores: u32 = world.cores(*id).iter().sum();
            given += cores;
            above.push(f64::from(cores) - f64::from(total * weight) / f64::from(all));
        }
        // Cores are whole: nobody is one short while another has one to spare.
        let short = above.iter().any(|above| *above <= -1.0);
        let spare = above.iter().any(|above| *above >= 1.0);
        prop_assert!(!(short && spare), "{above:?}");
        prop_assert_eq!(given, total);
    }
}

/// A leader that is elected anew after it was told to go is another process; this one stays silent.
#[test]
fn a_deposed_leader_stays_deposed() {
    let mut host = host(&[], Persisted::default());
    host.step(Step::Deposed);
    host.step(Step::Elected);
    assert_eq!(host.master.state(), State::Deposed);
    let spec = application(1, GIB);
    assert_eq!(spec.key, SubmissionKey(1));
    let from = spec.driver.clone();
    host.step(Step::Said(ToMaster::RegisterApplication(spec), from, false));
    assert_eq!(host.master.applications().count(), 0);
}
