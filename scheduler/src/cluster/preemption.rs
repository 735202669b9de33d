//! Gives a tenant that has waited for its share what others have above theirs.
//!
//! Executors are killed where they make room for the one that is waited for, the newest first, and the room is kept
//! for it. Nobody falls below its share, but for a tenant that has nothing at all: where there are fewer executors
//! than tenants, they take turns, each as long as the wait.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::accounts::Account;
use super::executors::Executor;
use super::master::because;
use super::resources::Resources;
use super::workers::{Want, WorkerState};
use super::{Master, Outbox};
use crate::message::ExecutorName;
use crate::{ApplicationId, DriverId, Tenant, WorkerId};

/// Executors that room is made for at a time, for one tenant.
const PREEMPTIONS_MAX: usize = 64;

/// Whose executors may be killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mercy {
    /// Of those that keep at least their share.
    Share,
    /// Of those that have more than their share.
    Above,
    /// Of anybody: shares are in cores, and here it is memory that is short.
    Nobody,
}

/// What a tenant has a right to have room made for.
struct Claim {
    want: Want,
    need: Resources,
    /// Each tenant's, in thousandths of cores.
    shares: BTreeMap<Tenant, u64>,
    /// Whether the tenant has nothing at all.
    starves: bool,
    /// How long an executor is left alone where it is about turns.
    turn: Duration,
}

/// A tenant that may have to give back.
struct Giver<'a> {
    account: &'a Account,
    /// Thousandths of cores that it has above its share.
    surplus: u64,
    /// Thousandths of cores that it may lose.
    budget: u64,
}

/// What could be killed on one worker.
#[derive(Default)]
struct Candidate {
    freed: Resources,
    executors: Vec<(ExecutorName, Resources)>,
}

impl Master {
    /// Looks at every tenant that has waited long enough.
    pub(super) fn preempt_for_all_due(&mut self, out: &mut Outbox) {
        let mut next_found = false;
        for tenant in self.accounts.all_due(self.now) {
            let left = self.enforce_claims(&tenant, out);
            let Some(mut claim) = left.filter(|claim| claim.starves) else {
                self.accounts.reset_alarm(self.now, &tenant);
                continue;
            };
            claim.turn = Duration::ZERO;
            let possible = self.find_victims(&tenant, &claim, Mercy::Nobody).is_some();
            let is_next = possible && !next_found;
            next_found |= possible;
            self.accounts.keep_waiting(self.now, &tenant, is_next);
        }
    }

    /// Makes room for as much as a tenant has a right to; returns the claim that could not be met.
    fn enforce_claims(&mut self, tenant: &Tenant, out: &mut Outbox) -> Option<Claim> {
        for _ in 0..PREEMPTIONS_MAX {
            let claim = self.claim(tenant)?;
            if !self.make_room(tenant, &claim, out) {
                return Some(claim);
            }
        }
        None
    }

    /// Returns what a tenant has a right to have room made for.
    fn claim(&self, tenant: &Tenant) -> Option<Claim> {
        let (want, need) = self.first_want(tenant)?;
        let account = self.accounts.get(tenant)?;
        let reserved = self.reserved_cores(tenant);
        let has_nothing = match want {
            Want::Application(_) => account.executors.is_empty(),
            Want::Driver(_) => account.executors.is_empty() && account.drivers == 0,
        };
        let starves = has_nothing && reserved == 0;
        let shares = self.accounts.shares(self.workers.cores());
        let share = shares.get(tenant).copied().unwrap_or_default();
        let will_have = account.kept() + reserved + u64::from(need.cores);
        let turn = match account.is_out_of_patience() {
            true => Duration::ZERO,
            false => self.config.preemption_wait,
        };
        let claim = Claim {
            want,
            need,
            shares,
            starves,
            turn,
        };
        (starves || will_have.saturating_mul(1000) <= share).then_some(claim)
    }

    /// Has others give back what a claim needs, if they can.
    fn make_room(&mut self, tenant: &Tenant, claim: &Claim, out: &mut Outbox) -> bool {
        let mercies: &[Mercy] = match claim.starves {
            true => &[Mercy::Share, Mercy::Above, Mercy::Nobody],
            false => &[Mercy::Share],
        };
        let mut found = mercies.iter();
        let found = found.find_map(|mercy| self.find_victims(tenant, claim, *mercy));
        let Some((worker, victims)) = found else {
            return false;
        };
        let wait = self.config.preemption_wait.as_secs_f64();
        let reason = because(format!(
            "tenant `{tenant}` has waited {wait} s for its share"
        ));
        for victim in victims {
            self.kill_executor(victim, reason.clone(), out);
        }
        let want = claim.want;
        self.workers
            .change(worker, |worker| worker.reserved = Some(want));
        self.reservations.insert(worker, want);
        true
    }

    /// Returns the first that waits, that some worker could run, and for which no room is being made.
    fn first_want(&self, tenant: &Tenant) -> Option<(Want, Resources)> {
        let account = self.accounts.get(tenant)?;
        let (left, size) = (account.left(), &self.workers.size);
        let fits = |need: Resources| need.fits_in(left) && size.fits(need);
        let (applications, drivers) = self.provided_for();
        let driver = account.waiting_drivers.first(&drivers, fits);
        let driver = driver.filter(|_| self.may_run_driver() && account.may_run_driver());
        let driver = driver.map(|(id, need)| (Want::Driver(id), need));
        let application = account.waiting.first(&applications, fits);
        let application = application.map(|(id, need)| (Want::Application(id), need));
        let (want, need) = driver.or(application)?;
        // Where there is room for it already, it only has to be given.
        (!self.workers.free.fits(need)).then_some((want, need))
    }

    /// Returns those for whom as much room is being made as they want.
    fn provided_for(&self) -> (BTreeSet<ApplicationId>, BTreeSet<DriverId>) {
        let mut counts: BTreeMap<ApplicationId, u32> = BTreeMap::new();
        let mut drivers = BTreeSet::new();
        for want in self.reservations.values() {
            match want {
                Want::Application(id) => *counts.entry(*id).or_default() += 1,
                Want::Driver(id) => {
                    drivers.insert(*id);
                }
            }
        }
        let provided = counts.into_iter().filter(|(id, reserved)| {
            let known = self.applications.get(*id);
            known.is_none_or(|known| {
                let will_have = known.live.saturating_add(*reserved);
                let cores = u64::from(known.need().cores) * u64::from(*reserved + 1);
                let enough = known.target.is_some_and(|target| will_have >= target);
                enough || cores > u64::from(known.cores_left())
            })
        });
        (provided.map(|(id, _)| id).collect(), drivers)
    }

    /// Returns the cores that are being made free for a tenant.
    fn reserved_cores(&self, tenant: &Tenant) -> u64 {
        let needs = self.reservations.values().filter_map(|want| {
            let (need, of) = match want {
                Want::Application(id) => {
                    let known = self.applications.get(*id)?;
                    (known.need(), &known.spec.tenant)
                }
                Want::Driver(id) => {
                    let known = self.drivers.get(*id)?;
                    (known.need(), &known.spec.tenant)
                }
            };
            (of == tenant).then_some(u64::from(need.cores))
        });
        needs.sum()
    }

    /// Returns a worker, and the executors there with whose end `need` fits.
    ///
    /// The one thing here that looks at every executor; it runs when somebody has waited in vain, not when something
    /// happens.
    fn find_victims(
        &self,
        tenant: &Tenant,
        claim: &Claim,
        mercy: Mercy,
    ) -> Option<(WorkerId, Vec<ExecutorName>)> {
        let need = claim.need;
        let mut candidates: BTreeMap<WorkerId, Candidate> = BTreeMap::new();
        for giver in self.givers(tenant, &claim.shares, mercy) {
            let mut lost: BTreeMap<WorkerId, u64> = BTreeMap::new();
            for name in giver.account.executors.values().rev() {
                let executor = self.executors.get(*name).expect("accounts name executors");
                let lost = lost.entry(executor.worker).or_default();
                let would_lose = *lost + u64::from(executor.size.cores) * 1000;
                if would_lose > giver.budget || !self.can_make_room(executor, claim, mercy) {
                    continue;
                }
                *lost = would_lose;
                let candidate = candidates.entry(executor.worker).or_default();
                if self.adds_up(candidate, *name, executor, need) {
                    let free = self.workers.get(executor.worker)?.room.free();
                    return Some((executor.worker, candidate.trim(free, need)));
                }
            }
        }
        None
    }

    /// Returns the tenants that may have to give back, the one furthest above its share first; of equals, the one
    /// whose newest executor is the oldest.
    fn givers(
        &self,
        tenant: &Tenant,
        shares: &BTreeMap<Tenant, u64>,
        mercy: Mercy,
    ) -> Vec<Giver<'_>> {
        let others = self.accounts.iter().filter(|(other, _)| *other != tenant);
        let givers = others.filter_map(|(other, account)| {
            let share = shares.get(other).copied().unwrap_or_default();
            let surplus = account.kept().saturating_mul(1000).saturating_sub(share);
            let budget = match mercy {
                Mercy::Share => surplus,
                Mercy::Above if surplus == 0 => 0,
                Mercy::Above | Mercy::Nobody => u64::MAX,
            };
            let giver = Giver {
                account,
                surplus,
                budget,
            };
            (budget > 0).then_some(giver)
        });
        let mut givers: Vec<_> = givers.collect();
        givers.sort_by_key(|giver| {
            let newest = giver.account.executors.last_key_value();
            let newest = newest.map_or(0, |(launch, _)| *launch);
            (std::cmp::Reverse(giver.surplus), newest)
        });
        givers
    }

    /// Returns whether an executor stands where room can be made, and has had its turn.
    fn can_make_room(&self, executor: &Executor, claim: &Claim, mercy: Mercy) -> bool {
        let turn_ends = executor.since + claim.turn;
        if mercy != Mercy::Share && turn_ends > self.now {
            return false;
        }
        let worker = self.workers.get(executor.worker);
        worker.is_some_and(|worker| {
            let takes_work = worker.state == WorkerState::Alive && worker.strangers.is_empty();
            takes_work && worker.reserved.is_none() && claim.need.fits_in(worker.room.total())
        })
    }

    /// Adds an executor to a candidate; returns whether there is room enough then.
    fn adds_up(
        &self,
        candidate: &mut Candidate,
        name: ExecutorName,
        executor: &Executor,
        need: Resources,
    ) -> bool {
        candidate.executors.push((name, executor.size));
        let freed = candidate.freed.plus(executor.size);
        candidate.freed = freed.expect("they are all on one worker");
        let free = self.workers.get(executor.worker).map(|w| w.room.free());
        let room = free.and_then(|free| free.plus(candidate.freed));
        room.is_some_and(|room| need.fits_in(room))
    }
}

impl Candidate {
    /// Leaves out what is not needed.
    fn trim(&self, free: Resources, need: Resources) -> Vec<ExecutorName> {
        let mut room = free.plus(self.freed).expect("they are all on one worker");
        let mut kept = Vec::new();
        for (name, size) in self.executors.iter().rev() {
            let without = room.minus(*size).expect("it is part of the room");
            if need.fits_in(without) {
                room = without;
            } else {
                kept.push(*name);
            }
        }
        kept
    }
}
