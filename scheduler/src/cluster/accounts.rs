//! Who has how much, and whose turn it is: the tenant that has least for its weight.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::free::Free;
use super::queue::{Needs, Queue};
use super::resources::{Resources, Sum};
use super::{Quota, Tenants};
use crate::message::ExecutorName;
use crate::{ApplicationId, DriverId, Tenant, Time};

/// Cores for weight, in parts so small that no two tenants' levels are equal by rounding.
pub(super) type Level = u128;

/// How often a tenant that waits in vain is looked at again in the time of one wait.
const RETRIES: u32 = 10;

/// A tenant's books.
#[derive(Debug, Default)]
pub(super) struct Account {
    pub(super) quota: Quota,
    /// Executors and drivers, until their end is reported.
    pub(super) used: Sum,
    /// Of the used cores, those of executors that are being killed.
    pub(super) dying: u64,
    /// Executors that are not being killed, by order of launch.
    pub(super) executors: BTreeMap<u64, ExecutorName>,
    /// The latest launch for it, counted from 1; 0 where there was none.
    pub(super) served: u64,
    /// Drivers that a worker runs.
    pub(super) drivers: u32,
    /// Applications that may have executors.
    pub(super) admitted: BTreeSet<ApplicationId>,
    /// Applications beyond the quota.
    pub(super) queued: BTreeSet<ApplicationId>,
    /// Admitted applications that want another executor.
    pub(super) waiting: Queue<ApplicationId>,
    /// Drivers that wait for a worker.
    pub(super) waiting_drivers: Queue<DriverId>,
    /// Applications whose new executors may still get more cores; empty between inputs.
    pub(super) growing: BTreeSet<ApplicationId>,
    /// When to see whether others must give back.
    alarm: Option<Time>,
    /// Not 0: it has waited long enough, has nothing, and nobody could give back yet, so many times when it was next
    /// in turn.
    starves: u32,
}

impl Account {
    fn weight(&self) -> u32 {
        self.quota.weight.max(1)
    }

    fn level(&self) -> Level {
        (Level::from(self.used.cores) << 32) / Level::from(self.weight())
    }

    /// Returns the cores that will stay with the tenant.
    pub(super) fn kept(&self) -> u64 {
        self.used.cores - self.dying
    }

    /// Returns what the quota leaves.
    pub(super) fn left(&self) -> Resources {
        let cores = self.quota.cores.map_or(u64::MAX, u64::from);
        let cores = cores.saturating_sub(self.used.cores);
        let memory = self.quota.memory.unwrap_or(u64::MAX);
        let memory = memory.saturating_sub(self.used.memory);
        Resources::new(u32::try_from(cores).unwrap_or(u32::MAX), memory)
    }

    pub(super) fn may_run_driver(&self) -> bool {
        self.quota.drivers.is_none_or(|most| self.drivers < most)
    }

    /// Returns whether it has waited for so long that others' turns no longer count.
    pub(super) const fn is_out_of_patience(&self) -> bool {
        self.starves >= 2 * RETRIES
    }

    fn is_hungry(&self) -> bool {
        !self.waiting.is_empty() || !self.growing.is_empty()
    }

    fn waits(&self) -> bool {
        self.is_hungry() || !self.waiting_drivers.is_empty()
    }

    fn is_empty(&self) -> bool {
        let nothing = self.used == Sum::default() && self.drivers == 0;
        nothing && self.admitted.is_empty() && self.queued.is_empty() && !self.waits()
    }

    fn may_admit(&self) -> bool {
        let most = self
            .quota
            .applications
            .map_or(usize::MAX, |most| most as usize);
        self.admitted.len() < most
    }
}

/// All tenants' books.
#[derive(Debug)]
pub(super) struct Accounts {
    tenants: Tenants,
    /// `tenant.preemptionWait`.
    wait: Duration,
    by_tenant: BTreeMap<Tenant, Account>,
    /// Tenants with applications that want more, the one that has least first.
    hungry: BTreeSet<(Level, Tenant)>,
    /// Tenants with drivers that wait, the one that has least first.
    with_drivers: BTreeSet<(Level, Tenant)>,
    alarms: BTreeSet<(Time, Tenant)>,
    starving: BTreeSet<Tenant>,
    /// Of applications that want an executor.
    needs: Needs,
    /// Of drivers that wait.
    driver_needs: Needs,
}

impl Accounts {
    pub(super) fn new(tenants: Tenants, wait: Duration) -> Self {
        Self {
            tenants,
            wait,
            by_tenant: BTreeMap::new(),
            hungry: BTreeSet::new(),
            with_drivers: BTreeSet::new(),
            alarms: BTreeSet::new(),
            starving: BTreeSet::new(),
            needs: Needs::default(),
            driver_needs: Needs::default(),
        }
    }

    pub(super) fn get(&self, tenant: &Tenant) -> Option<&Account> {
        self.by_tenant.get(tenant)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&Tenant, &Account)> {
        self.by_tenant.iter()
    }

    /// Changes a tenant's books, and its place in every order.
    pub(super) fn change<T>(
        &mut self,
        now: Time,
        tenant: &Tenant,
        change: impl FnOnce(&mut Account) -> T,
    ) -> T {
        self.unlist(tenant);
        let quota = self.tenants.quota(tenant);
        let account = self.by_tenant.entry(tenant.clone()).or_default();
        account.quota = quota;
        let answer = change(account);
        self.list(now, tenant);
        answer
    }

    fn unlist(&mut self, tenant: &Tenant) {
        let Some(account) = self.by_tenant.get(tenant) else {
            return;
        };
        let key = (account.level(), tenant.clone());
        self.hungry.remove(&key);
        self.with_drivers.remove(&key);
        if let Some(alarm) = account.alarm {
            self.alarms.remove(&(alarm, tenant.clone()));
        }
        self.starving.remove(tenant);
    }

    fn list(&mut self, now: Time, tenant: &Tenant) {
        let account = self.by_tenant.get_mut(tenant).expect("it was just changed");
        if account.is_empty() {
            self.by_tenant.remove(tenant);
            return;
        }
        let key = (account.level(), tenant.clone());
        if account.is_hungry() {
            self.hungry.insert(key.clone());
        }
        if !account.waiting_drivers.is_empty() {
            self.with_drivers.insert(key);
        }
        let alarm = account.alarm.unwrap_or_else(|| now + self.wait);
        account.alarm = account.waits().then_some(alarm);
        if account.alarm.is_some() {
            self.alarms.insert((alarm, tenant.clone()));
        }
        if account.alarm.is_none() {
            account.starves = 0;
        }
        if account.starves > 0 {
            self.starving.insert(tenant.clone());
        }
    }

    /// Puts an application in the line of its tenant.
    pub(super) fn line_up(
        &mut self,
        now: Time,
        tenant: &Tenant,
        application: ApplicationId,
        need: Resources,
    ) {
        self.needs.add(need);
        self.change(now, tenant, |account| {
            account.waiting.insert(application, need);
        });
    }

    /// Takes an application out of the line of its tenant.
    pub(super) fn step_out(
        &mut self,
        now: Time,
        tenant: &Tenant,
        application: ApplicationId,
        need: Resources,
    ) {
        self.needs.remove(need);
        self.change(now, tenant, |account| {
            let was_there = account.waiting.remove(application, need);
            assert!(was_there, "it stood in the line");
        });
    }

    /// The same for a driver.
    pub(super) fn line_up_driver(
        &mut self,
        now: Time,
        tenant: &Tenant,
        driver: DriverId,
        need: Resources,
    ) {
        self.driver_needs.add(need);
        self.change(now, tenant, |account| {
            account.waiting_drivers.insert(driver, need);
        });
    }

    /// Takes a driver out of the line of its tenant, if it is there.
    pub(super) fn step_out_driver(
        &mut self,
        now: Time,
        tenant: &Tenant,
        driver: DriverId,
        need: Resources,
    ) {
        let remove = |account: &mut Account| account.waiting_drivers.remove(driver, need);
        if self.change(now, tenant, remove) {
            self.driver_needs.remove(need);
        }
    }

    /// Returns whether there is room for some application's executor.
    pub(super) fn some_fit(&self, free: &Free) -> bool {
        self.needs.some_fit(free)
    }

    /// Returns whether there is room for some driver.
    pub(super) fn some_drivers_fit(&self, free: &Free) -> bool {
        self.driver_needs.some_fit(free)
    }

    /// Returns the tenant that has least for its weight of those with hungry applications, after `after`.
    pub(super) fn next_hungry(&self, after: Option<&(Level, Tenant)>) -> Option<(Level, Tenant)> {
        next(&self.hungry, after)
    }

    /// The same, of those with waiting drivers.
    pub(super) fn next_with_drivers(
        &self,
        after: Option<&(Level, Tenant)>,
    ) -> Option<(Level, Tenant)> {
        next(&self.with_drivers, after)
    }

    /// Returns whether nobody else wants executors.
    pub(super) fn hungers_alone(&self) -> bool {
        self.hungry.len() == 1
    }

    /// Takes in an application: it may have executors at once, or waits until another of its tenant has ended.
    pub(super) fn enter(&mut self, now: Time, tenant: &Tenant, application: ApplicationId) -> bool {
        self.change(now, tenant, |account| {
            let admitted = account.may_admit();
            if admitted {
                account.admitted.insert(application);
            } else {
                account.queued.insert(application);
            }
            admitted
        })
    }

    /// Forgets an application; returns those that may have executors now.
    pub(super) fn leave(
        &mut self,
        now: Time,
        tenant: &Tenant,
        application: ApplicationId,
    ) -> Vec<ApplicationId> {
        self.change(now, tenant, |account| {
            account.admitted.remove(&application);
            account.queued.remove(&application);
            account.growing.remove(&application);
            let mut next = Vec::new();
            while account.may_admit() {
                let Some(first) = account.queued.pop_first() else {
                    break;
                };
                account.admitted.insert(first);
                next.push(first);
            }
            next
        })
    }

    /// Takes in new quotas. Who may have executors is decided anew, in order of submission.
    pub(super) fn replace(&mut self, now: Time, tenants: Tenants) {
        self.tenants = tenants;
        let names: Vec<Tenant> = self.by_tenant.keys().cloned().collect();
        for name in names {
            self.change(now, &name, |account| {
                let mut all = std::mem::take(&mut account.admitted);
                all.append(&mut account.queued);
                for application in all {
                    if account.may_admit() {
                        account.admitted.insert(application);
                    } else {
                        account.queued.insert(application);
                    }
                }
            });
        }
    }

    /// Begins the wait anew: the tenant was just served, or has what it may have.
    pub(super) fn reset_alarm(&mut self, now: Time, tenant: &Tenant) {
        self.change(now, tenant, |account| {
            account.alarm = None;
            account.starves = 0;
        });
    }

    /// The tenant has waited in vain: it is looked at again soon, before those that were served after it. If it was
    /// `next` in turn, its patience is not without end.
    pub(super) fn keep_waiting(&mut self, now: Time, tenant: &Tenant, next: bool) {
        let soon = now + (self.wait / RETRIES).max(Duration::from_micros(1));
        self.change(now, tenant, |account| {
            account.alarm = Some(soon);
            let retries = account.starves.saturating_add(u32::from(next));
            account.starves = retries.max(1);
        });
    }

    pub(super) fn next_alarm(&self) -> Option<Time> {
        self.alarms.first().map(|(at, _)| *at)
    }

    /// Returns the tenants that have waited long enough, first the one that was not served for the longest time.
    pub(super) fn all_due(&self, now: Time) -> Vec<Tenant> {
        let due = self.alarms.iter().take_while(|(at, _)| *at <= now);
        let due = due.map(|(_, tenant)| tenant);
        if due.clone().next().is_none() {
            return Vec::new();
        }
        let all: BTreeSet<&Tenant> = due.chain(&self.starving).collect();
        let mut due: Vec<_> = all.into_iter().cloned().collect();
        due.sort_by_key(|tenant| self.by_tenant.get(tenant).map(|account| account.served));
        due
    }

    /// Returns each tenant's share of `cores`, in thousandths of a core: by weight, but no more than it can use.
    /// (Weighted max-min fairness.)
    pub(super) fn shares(&self, cores: u64) -> BTreeMap<Tenant, u64> {
        let mut all: Vec<_> = self
            .by_tenant
            .iter()
            .map(|(t, a)| (demand(a), t, a))
            .collect();
        let by_demand = |(wants, _, account): &(u64, &Tenant, &Account)| {
            (u128::from(*wants) << 32) / u128::from(account.weight())
        };
        all.sort_by_key(by_demand);
        let mut weights: u64 = all.iter().map(|(_, _, a)| u64::from(a.weight())).sum();
        let mut left = u128::from(cores) * 1000;
        let mut shares = BTreeMap::new();
        for (wants, tenant, account) in all {
            let weight = u64::from(account.weight());
            let fair = left * u128::from(weight) / u128::from(weights.max(1));
            let share = fair.min(u128::from(wants) * 1000);
            left -= share;
            weights -= weight;
            shares.insert(tenant.clone(), u64::try_from(share).unwrap_or(u64::MAX));
        }
        shares
    }

    /// States what always holds.
    pub(super) fn check(&self) {
        for (tenant, account) in &self.by_tenant {
            let key = (account.level(), tenant.clone());
            assert_eq!(self.hungry.contains(&key), account.is_hungry());
            assert_eq!(account.alarm.is_some(), account.waits());
            assert!(
                account.growing.is_empty(),
                "executors grow within one input"
            );
            assert!(account.dying <= account.used.cores);
        }
        let waiting: usize = self.by_tenant.values().map(|a| a.waiting.len()).sum();
        assert_eq!(waiting, self.needs.len());
        let all = self.by_tenant.values();
        let waiting: usize = all.map(|a| a.waiting_drivers.len()).sum();
        assert_eq!(waiting, self.driver_needs.len());
        assert_eq!(
            self.alarms.len(),
            self.by_tenant.values().filter(|a| a.waits()).count()
        );
    }
}

/// Returns the cores that a tenant could use.
fn demand(account: &Account) -> u64 {
    let most = account.quota.cores.map_or(u64::MAX >> 10, u64::from);
    let wants = if account.waits() {
        most
    } else {
        account.kept()
    };
    wants.min(u64::MAX >> 10)
}

fn next(
    of: &BTreeSet<(Level, Tenant)>,
    after: Option<&(Level, Tenant)>,
) -> Option<(Level, Tenant)> {
    use std::ops::Bound::{Excluded, Unbounded};
    let low = after.map_or(Unbounded, Excluded);
    of.range((low, Unbounded)).next().cloned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accounts(named: &[(&str, u32, u64, bool)]) -> Accounts {
        let mut tenants = Tenants::default();
        for (name, weight, _, _) in named {
            let quota = Quota {
                weight: *weight,
                ..Quota::default()
            };
            tenants.named.insert((*name).into(), quota);
        }
        let mut accounts = Accounts::new(tenants, Duration::from_secs(1));
        for (number, (name, _, cores, waits)) in (0..).zip(named) {
            let epoch = crate::Epoch(1);
            let driver = DriverId { epoch, number };
            accounts.change(Time::START, &(*name).into(), |account| {
                account.used.cores = *cores;
                if *waits {
                    account.waiting_drivers.insert(driver, Resources::new(1, 1));
                }
            });
        }
        accounts
    }

    #[test]
    fn shares_are_by_weight_and_what_one_cannot_use_is_the_others() {
        let accounts = accounts(&[("a", 1, 12, true), ("b", 2, 0, true), ("c", 1, 1, false)]);
        let shares: Vec<_> = accounts.shares(16).into_values().collect();
        assert_eq!(shares, [5_000, 10_000, 1_000]);
    }

    #[test]
    fn whoever_waits_is_looked_at_after_the_wait() {
        let accounts = accounts(&[("a", 1, 12, true), ("c", 1, 1, false)]);
        assert_eq!(accounts.next_alarm(), Some(Time::from_micros(1_000_000)));
        assert_eq!(accounts.all_due(Time::from_micros(999_999)), []);
        assert_eq!(accounts.all_due(Time::from_micros(1_000_000)), ["a".into()]);
    }
}
