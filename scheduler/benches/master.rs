//! How many heartbeats and executors a second one master's thread can decide about.
//!
//! `cargo bench -p scheduler --bench master`. Clusters of 100, 1,000 and 10,000 workers side by side: what one event
//! costs must not grow with them.

#![expect(clippy::unwrap_used, reason = "a bench that cannot go on stops")]
#![expect(clippy::disallowed_types, reason = "a bench reads the clock")]
#![expect(clippy::disallowed_methods, reason = "a bench reads the clock")]
#![expect(clippy::disallowed_macros, reason = "a bench prints what it measured")]

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use scheduler::cluster::{Action, Input, Master, Outbox, Persisted, Tenants};
use scheduler::message::{
    ApplicationSpec, ExecutorName, ExecutorState, ToMaster, ToWorker, WorkerInfo,
};
use scheduler::{Address, Epoch, Message, Settings, SubmissionKey, Time, WorkerId};

const CORES: u32 = 16;
const MEMORY: u64 = 64 << 30;
const HEARTBEATS: u64 = 1_000_000;
const TURNOVERS: u64 = 100_000;

/// A master, and a host that writes and answers at once.
struct Cluster {
    master: Master,
    now: Time,
    /// Executors that are launched, in order.
    launched: VecDeque<(WorkerId, ExecutorName)>,
    launches: u64,
}

impl Cluster {
    fn new(workers: u64) -> Self {
        let master = Master::new(at("master", 0), &Settings::default(), Tenants::default());
        let mut cluster = Self {
            master,
            now: Time::START,
            launched: VecDeque::new(),
            launches: 0,
        };
        let persisted = Persisted::default();
        let epoch = Epoch(1);
        cluster.input(Input::LeadershipGained { epoch, persisted });
        for number in 0..workers {
            cluster.say(
                at("worker", number),
                ToMaster::RegisterWorker(worker(number)),
            );
        }
        cluster
    }

    fn say(&mut self, from: Address, message: ToMaster) {
        self.input(Input::Received { from, message });
    }

    fn input(&mut self, input: Input) {
        let mut inputs = VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            let mut out = Outbox::default();
            self.master.handle(self.now, input, &mut out);
            for action in out.actions {
                match action {
                    Action::Persist { ticket, .. } => {
                        inputs.push_back(Input::Persisted { ticket });
                    }
                    Action::Send { to, message } => self.sent(&to, message),
                    Action::Exit { .. } => {}
                }
            }
        }
    }

    fn sent(&mut self, to: &Address, message: Message) {
        if let Message::ToWorker(_, ToWorker::LaunchExecutor { name, .. }) = message {
            let number = to.0.rsplit('-').next().unwrap().parse().unwrap();
            self.launched.push_back((WorkerId(number), name));
            self.launches += 1;
        }
    }

    /// The executor that has run for longest ends, and another one comes in its place.
    fn turn_over(&mut self) {
        let (worker, name) = self.launched.pop_front().unwrap();
        let ended = ToMaster::ExecutorStateChanged {
            worker,
            name,
            state: ExecutorState::Exited,
            reason: None,
            exit_code: Some(0),
        };
        self.say(at("worker", worker.0), ended);
    }
}

fn at(name: &str, number: u64) -> Address {
    format!("{name}-{number}").as_str().into()
}

fn worker(number: u64) -> WorkerInfo {
    WorkerInfo {
        id: WorkerId(number),
        address: at("worker", number),
        host: format!("host-{number}").as_str().into(),
        rack: None,
        cores: CORES,
        memory: MEMORY,
    }
}

/// An application of one of a hundred tenants.
fn application(number: u64, cores: Option<u32>) -> ApplicationSpec {
    ApplicationSpec {
        key: SubmissionKey(u128::from(number)),
        name: "bench".into(),
        tenant: format!("tenant-{}", number % 100).as_str().into(),
        driver: at("driver", number),
        driver_id: None,
        cores_max: None,
        executor_cores: cores,
        executor_memory: 1 << 30,
        executors: None,
    }
}

fn rate(count: u64, took: Duration) -> f64 {
    count as f64 / took.as_secs_f64()
}

/// Returns a rate of heartbeats.
fn heartbeats(workers: u64) -> f64 {
    let mut cluster = Cluster::new(workers);
    let from: Vec<_> = (0..workers).map(|number| at("worker", number)).collect();
    let began = Instant::now();
    for beat in 0..HEARTBEATS {
        let number = beat * 7 % workers;
        let from = from[usize::try_from(number).unwrap()].clone();
        cluster.say(from, ToMaster::Heartbeat(WorkerId(number)));
    }
    rate(HEARTBEATS, began.elapsed())
}

/// Returns a rate of launches, where one application fills an empty cluster.
fn fill(workers: u64, cores: Option<u32>) -> f64 {
    let mut cluster = Cluster::new(workers);
    let began = Instant::now();
    let spec = application(0, cores);
    cluster.say(spec.driver.clone(), ToMaster::RegisterApplication(spec));
    rate(cluster.launches, began.elapsed())
}

/// Returns a rate of executors that end and are replaced, while a number of applications wait.
fn turnover(workers: u64, applications: u64) -> f64 {
    let mut cluster = Cluster::new(workers);
    for number in 0..applications {
        let spec = application(number, Some(4));
        cluster.say(spec.driver.clone(), ToMaster::RegisterApplication(spec));
    }
    let began = Instant::now();
    for _ in 0..TURNOVERS {
        cluster.turn_over();
    }
    rate(TURNOVERS, began.elapsed())
}

fn main() {
    println!(
        "{:>8}{:>16}{:>16}{:>16}{:>20}{:>20}",
        "workers",
        "heartbeats/s",
        "launches/s",
        "all cores/s",
        "turnover/s, 10 apps",
        "turnover/s, 1000"
    );
    for workers in [100, 1_000, 10_000] {
        println!(
            "{workers:>8}{:>16.0}{:>16.0}{:>16.0}{:>20.0}{:>20.0}",
            heartbeats(workers),
            fill(workers, Some(4)),
            fill(workers, None),
            turnover(workers, 10),
            turnover(workers, 1_000),
        );
    }
}
