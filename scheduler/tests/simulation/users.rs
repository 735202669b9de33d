//! The world begins; users come with their errands, look after them, and are content at the end.

use std::sync::Arc;
use std::time::Duration;

use scheduler::message::{ApplicationSpec, DriverSpec};
use scheduler::{Rack, SubmissionKey, Tenant};

use crate::clock::Clock;
use crate::driver::Errand;
use crate::network::HostId;
use crate::process::Machine;
use crate::program::Program;
use crate::scenario::{GIB, Plan};
use crate::site::{Role, Site};
use crate::world::{What, World};

/// How often users look after their errands.
const LOOK: Duration = Duration::from_secs(1);

/// How often an errand may have to be brought again after the last fault.
const AGAIN: u32 = 2;

impl World {
    /// Sets up what the scenario says.
    pub(crate) fn begin(&mut self) {
        let set = self
            .scenario
            .settings
            .entries()
            .filter(|(_, _, default)| !default);
        let set: Vec<String> = set
            .map(|(definition, text, _)| format!("{}={}", definition.key, text.unwrap_or_default()))
            .collect();
        let name = self.scenario.name;
        self.note(|| format!("{name}: {}", set.join(", ")));
        for _ in 0..self.scenario.masters {
            let host = self.add_site(Role::Master, 0, 0);
            let address = format!("{}:7077", self.sites[host.0].name);
            self.master_addresses.push(address.as_str().into());
        }
        for (cores, memory) in self.scenario.workers.clone() {
            self.add_site(Role::Worker, cores, memory);
        }
        for _ in 0..self.scenario.clients {
            self.add_site(Role::Client, 0, 0);
        }
        for host in 0..self.sites.len() {
            let wait = self.millis(0, 2_000);
            self.plan(wait, What::Start(HostId(host)));
        }
        for plan in self.scenario.plans.clone() {
            self.add_errand(&plan);
        }
        self.network.weather = self.scenario.faults.weather;
        let trouble = self.scenario.trouble;
        self.plan(trouble, What::Heal);
        self.plan_fault();
        self.plan(LOOK, What::Look);
    }

    pub(crate) fn add_site(&mut self, role: Role, cores: u32, memory: u64) -> HostId {
        let number = self.sites.len();
        let ahead = self.millis(0, 86_400_000);
        let rack = Rack::from(if number.is_multiple_of(2) {
            "even"
        } else {
            "odd"
        });
        self.sites.push(Site {
            name: format!("host-{number}").as_str().into(),
            rack: Some(rack),
            role,
            cores,
            memory,
            clock: Clock::ahead_by(ahead),
            slowness: 100,
            daemon: None,
            down: false,
            full: false,
            flaps: 0,
            port: 40_000,
        });
        HostId(number)
    }

    pub(crate) fn add_errand(&mut self, plan: &Plan) -> usize {
        let program = Program::random(plan.style, &mut self.random);
        self.add_program(plan, program)
    }

    /// Plans that a user comes with a program.
    pub(crate) fn add_program(&mut self, plan: &Plan, program: Program) -> usize {
        let number = self.errands.len();
        let errand = Errand {
            program: Arc::new(program),
            spec: application(number, plan),
            cluster: plan.cluster.then(|| driver(number, plan)),
            done: false,
            idle_since: None,
            tries: 0,
            again: 0,
        };
        self.errands.push(errand);
        self.plan(plan.at, What::Come(number));
        number
    }

    /// A user comes, or comes again.
    pub(crate) fn come(&mut self, number: usize) {
        let clients: Vec<HostId> = self.sites_of(Role::Client);
        let Some(host) = self.pick(&clients) else {
            return;
        };
        let key = self.key();
        let errand = &mut self.errands[number];
        (errand.idle_since, errand.tries) = (None, errand.tries + 1);
        match &mut errand.cluster {
            Some(spec) => {
                spec.key = key;
                self.start_submitter(host, number);
            }
            None => self.start_client_driver(host, number),
        }
    }

    pub(crate) fn key(&mut self) -> SubmissionKey {
        SubmissionKey((u128::from(self.random.draw()) << 64) | u128::from(self.random.draw()))
    }

    pub(crate) fn sites_of(&self, role: Role) -> Vec<HostId> {
        let sites = self
            .sites
            .iter()
            .enumerate()
            .filter(|(_, site)| site.role == role);
        sites.map(|(number, _)| HostId(number)).collect()
    }

    pub(crate) fn start_daemon(&mut self, host: HostId) {
        let site = &self.sites[host.0];
        if site.down || site.daemon.is_some() {
            return;
        }
        match site.role {
            Role::Master => self.start_master(host),
            Role::Worker => self.start_worker(host),
            Role::Client => {}
        }
    }

    /// Users look after their errands: one that nobody works on any more is brought again.
    pub(crate) fn look(&mut self) {
        for number in 0..self.errands.len() {
            self.look_after(number);
        }
        self.check_patience();
        self.check_hunger();
        if !self.is_over() {
            self.plan(LOOK, What::Look);
        }
    }

    fn look_after(&mut self, number: usize) {
        let alive = self.is_worked_on(number);
        let (now, healed) = (self.now, self.healed.is_some());
        let errand = &mut self.errands[number];
        if errand.done || errand.tries == 0 || alive {
            errand.idle_since = None;
            return;
        }
        let since = *errand.idle_since.get_or_insert(now);
        // The cluster may start a driver again itself; the user would ask it.
        let wait = if errand.cluster.is_some() { 240 } else { 3 };
        if now.since(since) >= Duration::from_secs(wait) {
            errand.again += u32::from(healed);
            let may = if self.scenario.trouble > Duration::ZERO {
                AGAIN
            } else {
                0
            };
            assert!(
                errand.again <= may,
                "errand {number} was given up though nothing went wrong"
            );
            self.come(number);
        }
    }

    fn is_worked_on(&self, number: usize) -> bool {
        self.processes
            .values()
            .any(|process| match &process.machine {
                Machine::Driver(driver) => driver.errand == number,
                Machine::Submitter(submitter) => submitter.errand == number,
                _ => false,
            })
    }

    /// An errand's process ended before its end. That may only be where something went wrong.
    pub(crate) fn excuse(&mut self, number: usize, reason: &str) {
        let late = self
            .healed
            .map_or(Duration::ZERO, |healed| self.now.since(healed));
        let faults = self.scenario.excuses;
        assert!(
            faults && late < Duration::from_secs(120),
            "errand {number} ended {late:?} after the last fault: {reason}"
        );
        self.stats.excused += 1;
    }

    /// Returns whether nothing is left to do and nothing runs that does it.
    pub(crate) fn is_over(&self) -> bool {
        let done = self.errands.iter().all(|errand| errand.done);
        let gone = |machine: &Machine| match machine {
            Machine::Driver(_) | Machine::Executor(_) | Machine::Submitter(_) => false,
            Machine::Worker(worker) => worker.children.is_empty(),
            Machine::Master(_) | Machine::Ping(_) => true,
        };
        done && self.healed.is_some()
            && self
                .processes
                .values()
                .all(|process| gone(&process.machine))
    }

    fn check_patience(&self) {
        let late = self
            .healed
            .map_or(Duration::ZERO, |healed| self.now.since(healed));
        if late <= self.scenario.patience || self.is_over() {
            return;
        }
        let undone = (0..self.errands.len()).filter(|number| !self.errands[*number].done);
        let left: Vec<String> = self.processes.values().map(ToString::to_string).collect();
        panic!(
            "{late:?} after the last fault errands {:?} are not done, and there is {}",
            undone.collect::<Vec<_>>(),
            left.join(", ")
        );
    }

    /// Lets everything happen, to the end.
    pub(crate) fn run(&mut self) {
        self.begin();
        self.finish();
    }

    /// Lets happen what is left to happen.
    pub(crate) fn finish(&mut self) {
        let end = self.now + self.scenario.trouble + self.scenario.patience * 2;
        while !self.is_over() && self.now < end {
            self.run_until(self.now + LOOK);
        }
        assert!(self.is_over(), "it does not come to an end");
        self.check_leader();
    }
}

fn application(number: usize, plan: &Plan) -> ApplicationSpec {
    ApplicationSpec {
        key: SubmissionKey(0),
        name: format!("application {number}").as_str().into(),
        tenant: Tenant::from(plan.tenant),
        driver: "nowhere:0".into(),
        driver_id: None,
        cores_max: plan.cores_max,
        executor_cores: plan.executor_cores,
        executor_memory: plan.executor_memory,
        executors: plan.executors,
    }
}

fn driver(number: usize, plan: &Plan) -> DriverSpec {
    DriverSpec {
        key: SubmissionKey(0),
        name: format!("application {number}").as_str().into(),
        tenant: Tenant::from(plan.tenant),
        component: number.to_string().as_str().into(),
        args: Vec::new(),
        settings: Vec::new(),
        cores: 1,
        memory: GIB,
        supervise: plan.supervise,
    }
}
