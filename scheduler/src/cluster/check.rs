//! What always holds in a master's books.

use std::collections::BTreeMap;

use super::executors::Phase;
use super::resources::{Resources, Sum};
use super::{Master, State};
use crate::message::DriverState;
use crate::{Tenant, WorkerId};

/// Books larger than this are not gone through after every input.
const CHECKED_MAX: usize = 256;

impl Master {
    /// States what always holds; runs after every input where assertions for debugging are on.
    pub(super) fn check(&self) {
        assert_ne!(self.state, State::CompletingRecovery);
        let recovering = self.state == State::Recovering;
        assert_eq!(self.recovery_due.is_some(), recovering);
        if self.workers.len() + self.executors.len() + self.applications.len() > CHECKED_MAX {
            return;
        }
        self.check_resources();
        self.check_applications();
        self.accounts.check();
        for (worker, want) in &self.reservations {
            let reserved = self.workers.get(*worker).and_then(|known| known.reserved);
            assert_eq!(reserved, Some(*want));
        }
    }

    /// What is taken is what executors and drivers have, worker by worker and tenant by tenant.
    fn check_resources(&self) {
        let mut workers: BTreeMap<WorkerId, Resources> = BTreeMap::new();
        let mut tenants: BTreeMap<&Tenant, Sum> = BTreeMap::new();
        for (name, executor) in self.executors.iter() {
            let worker = self.workers.get(executor.worker);
            assert!(worker.is_some_and(|worker| worker.executors.contains(&name)));
            let used = workers.entry(executor.worker).or_default();
            *used = used.plus(executor.size).expect("it fits in the worker");
            tenants
                .entry(&executor.tenant)
                .or_default()
                .add(executor.size);
        }
        let mut running = 0;
        for (id, driver) in self.drivers.iter() {
            let Some(on) = driver.worker else {
                assert_ne!(driver.state, DriverState::Running);
                continue;
            };
            running += 1;
            let worker = self.workers.get(on);
            assert!(worker.is_some_and(|worker| worker.drivers.contains(&id)));
            let used = workers.entry(on).or_default();
            *used = used.plus(driver.need()).expect("it fits in the worker");
            tenants
                .entry(&driver.spec.tenant)
                .or_default()
                .add(driver.need());
        }
        assert_eq!(self.drivers.running, running);
        for worker in self.workers.iter() {
            let used = workers.remove(&worker.info.id).unwrap_or_default();
            assert_eq!(worker.room.used(), used);
            assert!(used.fits_in(worker.room.total()));
            let all = worker.executors.iter();
            assert!(all.clone().all(|name| self.executors.get(*name).is_some()));
        }
        for (tenant, account) in self.accounts.iter() {
            assert_eq!(account.used, tenants.remove(tenant).unwrap_or_default());
        }
        assert!(tenants.is_empty(), "who has something has an account");
    }

    fn check_applications(&self) {
        for (id, application) in self.applications.iter() {
            let live = self.executors.of(id).filter(|(_, e)| e.phase.is_live());
            let (mut count, mut cores) = (0, 0);
            for (name, executor) in live {
                let next = application.next_executor;
                assert!(name.executor.0 < next || next == u32::MAX);
                count += 1;
                cores += u64::from(executor.size.cores);
            }
            assert_eq!((application.live, application.cores), (count, cores));
            assert!(application.running <= application.live);
            let dying = self.executors.of(id);
            let dying = dying.filter(|(_, e)| matches!(e.phase, Phase::Dying(_)));
            assert_eq!(application.dying as usize, dying.count());
            let account = self.accounts.get(&application.spec.tenant);
            let in_line = account.is_some_and(|a| a.waiting.contains(id, application.need()));
            assert_eq!(application.in_line, in_line);
        }
    }
}
