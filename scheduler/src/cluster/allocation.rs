//! Who gets the next executor, and where: the tenant that has least for its weight, of its applications the
//! earliest that fits, and the workers in the order of the policy.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::free::Place;
use super::resources::Resources;
use super::workers::Want;
use super::{EventKind, Master, Outbox};
use crate::message::{DriverState, ExecutorName, ToWorker};
use crate::{ApplicationId, DriverId, Tenant, WorkerId};

/// One round of giving out executors: as long as anybody can be given one.
#[derive(Debug, Default)]
struct Round {
    /// In order of opening. They are ordered when the round is over and their sizes are final.
    opened: Vec<ExecutorName>,
    waves: BTreeMap<ApplicationId, Wave>,
    /// Applications whose new executors may still get more cores.
    growing: BTreeSet<ApplicationId>,
    /// Applications that have an executor of this round on each worker that has room for one.
    closed: BTreeSet<ApplicationId>,
}

/// One application's way through the workers.
#[derive(Debug, Default)]
struct Wave {
    /// The last worker looked at, where it stood then.
    after: Option<Place>,
    /// The workers that have got an executor since the last time around.
    used: BTreeSet<WorkerId>,
    /// The worker that is filled before the next one, where executors are not spread out.
    current: Option<WorkerId>,
    /// Executors that take what they can get, in the order in which they get it.
    members: VecDeque<ExecutorName>,
}

impl Master {
    /// Gives out what is free (Spark: `Master.schedule`). Drivers go first.
    pub(super) fn schedule(&mut self, out: &mut Outbox) {
        let mut round = Round::default();
        self.honour_reservations(&mut round, out);
        self.launch_drivers(out);
        self.open_executors(&mut round);
        for name in &round.opened {
            self.order_executor(*name, out);
        }
        for application in std::mem::take(&mut self.fresh) {
            self.tell_news_to(application, out);
        }
        self.plan_news();
    }

    /// Gives room that was made for somebody to whom it was made for.
    fn honour_reservations(&mut self, round: &mut Round, out: &mut Outbox) {
        let all: Vec<_> = self
            .reservations
            .iter()
            .map(|(w, want)| (*w, *want))
            .collect();
        for (worker, want) in all {
            let need = self.need_of(want);
            let free = self.workers.get(worker).map(|worker| worker.room.free());
            let ready = need.zip(free).is_none_or(|(need, free)| need.fits_in(free));
            if !ready {
                continue;
            }
            self.unreserve(worker);
            match (want, need) {
                (Want::Driver(driver), Some(_)) => self.launch_driver(driver, worker, out),
                (Want::Application(application), Some(need)) => {
                    self.open_on(application, worker, need, round);
                }
                (_, None) => {}
            }
        }
    }

    /// Returns what somebody needs who still waits; none who does not, or whose quota is used up.
    pub(super) fn need_of(&self, want: Want) -> Option<Resources> {
        let (need, tenant) = match want {
            Want::Application(id) => {
                let known = self.applications.get(id).filter(|known| known.in_line)?;
                (known.need(), &known.spec.tenant)
            }
            Want::Driver(id) => {
                let known = self.drivers.get(id).filter(|driver| driver.waits())?;
                (known.need(), &known.spec.tenant)
            }
        };
        let account = self.accounts.get(tenant)?;
        let allowed = match want {
            Want::Application(_) => true,
            Want::Driver(_) => self.may_run_driver() && account.may_run_driver(),
        };
        (allowed && need.fits_in(account.left())).then_some(need)
    }

    pub(super) fn unreserve(&mut self, worker: WorkerId) {
        self.reservations.remove(&worker);
        self.workers.change(worker, |worker| worker.reserved = None);
    }

    pub(super) fn may_run_driver(&self) -> bool {
        self.drivers.running < self.config.drivers_max
    }

    fn launch_drivers(&mut self, out: &mut Outbox) {
        let mut after = None;
        while self.may_run_driver()
            && self.accounts.some_drivers_fit(&self.workers.free)
            && let Some(turn) = self.accounts.next_with_drivers(after.as_ref())
        {
            match self.place_driver(&turn.1) {
                Some((driver, worker)) => self.launch_driver(driver, worker, out),
                None => after = Some(turn),
            }
        }
    }

    /// Returns the tenant's earliest driver that fits somewhere, and where.
    fn place_driver(&mut self, tenant: &Tenant) -> Option<(DriverId, WorkerId)> {
        let account = self.accounts.get(tenant)?;
        if !account.may_run_driver() {
            return None;
        }
        let (left, free) = (account.left(), &self.workers.free);
        let fits = |need: Resources| need.fits_in(left) && free.fits(need);
        let (driver, need) = account.waiting_drivers.first(&BTreeSet::new(), fits)?;
        let after = self.driver_cursor.filter(|_| self.config.spread_drivers);
        let worker = free.next_by_id(need, after);
        let worker = worker.or_else(|| free.next_by_id(need, None))?.worker;
        self.driver_cursor = Some(worker);
        Some((driver, worker))
    }

    fn launch_driver(&mut self, id: DriverId, worker: WorkerId, out: &mut Outbox) {
        let booked = self.book_driver(id, worker);
        assert!(booked, "a driver is launched where there is room");
        let driver = self.drivers.get(id).expect("it was just booked");
        let (spec, tenant) = (driver.spec.clone(), driver.spec.tenant.clone());
        self.accounts.reset_alarm(self.now, &tenant);
        self.order(worker, ToWorker::LaunchDriver { driver: id, spec }, out);
        let driver = id;
        self.publish(EventKind::DriverLaunched { driver, worker }, out);
    }

    /// Enters a driver into the books of a worker, or returns false where that has no room for it.
    pub(super) fn book_driver(&mut self, id: DriverId, worker: WorkerId) -> bool {
        let Some(driver) = self.drivers.get_mut(id) else {
            return false;
        };
        let need = driver.need();
        let taken = self.workers.change(worker, |worker| {
            let taken = worker.room.take(need);
            if taken {
                worker.drivers.insert(id);
            }
            taken
        });
        if taken != Some(true) {
            return false;
        }
        driver.worker = Some(worker);
        driver.state = DriverState::Running;
        let tenant = driver.spec.tenant.clone();
        self.drivers.running += 1;
        self.accounts.step_out_driver(self.now, &tenant, id, need);
        self.accounts.change(self.now, &tenant, |account| {
            account.used.add(need);
            account.drivers += 1;
        });
        true
    }

    /// Serves tenants until none can be. What one can not be given it can not be given later in the round either,
    /// for less and less is free: so each is passed once.
    fn open_executors(&mut self, round: &mut Round) {
        let mut after = None;
        while (!round.growing.is_empty() || self.accounts.some_fit(&self.workers.free))
            && let Some(turn) = self.accounts.next_hungry(after.as_ref())
        {
            if !self.serve(&turn.1, round) {
                after = Some(turn);
            }
        }
    }

    /// Gives a tenant one executor, or one core for an executor that takes what it can get. Returns whether anything
    /// has changed.
    fn serve(&mut self, tenant: &Tenant, round: &mut Round) -> bool {
        let Some(account) = self.accounts.get(tenant) else {
            return false;
        };
        let (left, free) = (account.left(), &self.workers.free);
        let fits = |need: Resources| need.fits_in(left) && free.fits(need);
        let open = account.waiting.first(&round.closed, fits);
        let grow = account.growing.first().copied();
        // Spread out, an application first opens all the executors that it can; packed, it first fills one worker.
        let opens_first = |open: ApplicationId, grow: ApplicationId| match open == grow {
            true => self.config.spread_applications,
            false => open < grow,
        };
        match (open, grow) {
            (Some((open, need)), Some(grow)) if opens_first(open, grow) => {
                self.open_next(open, need, round)
            }
            (_, Some(grow)) => self.grow_next(grow, tenant, round),
            (Some((open, need)), None) => self.open_next(open, need, round),
            (None, None) => false,
        }
    }

    fn open_next(&mut self, id: ApplicationId, need: Resources, round: &mut Round) -> bool {
        let greedy = self
            .applications
            .get(id)
            .is_some_and(|known| known.is_greedy());
        let wave = round.waves.entry(id).or_default();
        match self.next_worker(need, greedy, wave) {
            Some(worker) => self.open_on(id, worker, need, round),
            None => {
                round.closed.insert(id);
            }
        }
        true
    }

    /// Returns the worker for an application's next executor.
    fn next_worker(&self, need: Resources, greedy: bool, wave: &mut Wave) -> Option<WorkerId> {
        if !self.config.spread_applications
            && let Some(current) = wave.current
            && !greedy
            && self.workers.has_room(current, need)
        {
            return Some(current);
        }
        loop {
            let next = self.workers.free.next(self.config.policy, need, wave.after);
            let Some(place) = next else {
                if wave.after.is_none() || (greedy && !wave.used.is_empty()) {
                    return None;
                }
                // Around once more, with those that still have room.
                wave.after = None;
                wave.used.clear();
                continue;
            };
            wave.after = Some(place);
            wave.current = Some(place.worker);
            if wave.used.insert(place.worker) {
                return Some(place.worker);
            }
        }
    }

    /// Opens an executor there. One that takes all cores begins with one, and may grow.
    fn open_on(&mut self, id: ApplicationId, worker: WorkerId, need: Resources, round: &mut Round) {
        let Some(name) = self.open_executor(id, worker, need) else {
            return;
        };
        round.opened.push(name);
        let known = self.applications.get(id).expect("it was just given one");
        if known.is_greedy() {
            let tenant = known.spec.tenant.clone();
            let wave = round.waves.entry(id).or_default();
            wave.used.insert(worker);
            wave.members.push_back(name);
            round.growing.insert(id);
            self.accounts.change(self.now, &tenant, |account| {
                account.growing.insert(id);
            });
            // Nobody else asks: what one core at a time would come to can be given at once.
            if self.takes_all(id) {
                self.grow_next(id, &tenant, round);
            }
        }
    }

    /// Returns whether an application gets all cores of each worker that it gets an executor on.
    fn takes_all(&self, id: ApplicationId) -> bool {
        let Some(known) = self.applications.get(id) else {
            return false;
        };
        let left = self
            .accounts
            .get(&known.spec.tenant)
            .map(|a| a.left().cores);
        let left = left.unwrap_or_default().min(known.cores_left());
        let enough = u64::from(left) >= self.workers.cores_free();
        self.accounts.hungers_alone() && (enough || !self.config.spread_applications)
    }

    /// Gives cores to the next executor of an application that can take some.
    fn grow_next(&mut self, id: ApplicationId, tenant: &Tenant, round: &mut Round) -> bool {
        let all = self.takes_all(id);
        let allowed = self.accounts.get(tenant).map_or(0, |a| a.left().cores);
        let wanted = self
            .applications
            .get(id)
            .map_or(0, |known| known.cores_left());
        let budget = allowed.min(wanted);
        let wave = round.waves.entry(id).or_default();
        let next = if self.config.spread_applications && !all {
            wave.members.pop_front()
        } else {
            wave.members.pop_back()
        };
        let Some(name) = next.filter(|_| budget > 0) else {
            round.growing.remove(&id);
            self.accounts.change(self.now, tenant, |account| {
                account.growing.remove(&id);
            });
            return true;
        };
        let worker = self.executors.get(name).expect("it was just opened").worker;
        let free = self.workers.get(worker).map_or(0, |w| w.room.free().cores);
        let more = if all { free.min(budget) } else { free.min(1) };
        if more > 0 {
            self.grow_executor(name, more);
        }
        if more > 0 && !all {
            let wave = round.waves.entry(id).or_default();
            wave.members.push_back(name);
        }
        true
    }
}
