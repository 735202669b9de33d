//! Why somebody waits, in words that a user can act on; told when it changes, and no more than once a second.

use std::sync::Arc;
use std::time::Duration;

use super::accounts::Account;
use super::master::because;
use super::resources::Resources;
use super::{EventKind, Master, Outbox, State};
use crate::amount::{Bytes, Cores};
use crate::message::{ApplicationState, ToApplication};
use crate::{ApplicationId, DriverId, Tenant};

/// How long after a change applications are told of it; changes come in crowds.
const NEWS_DELAY: Duration = Duration::from_secs(1);

impl Master {
    /// Has all applications looked at soon.
    pub(super) fn plan_news(&mut self) {
        if self.news_due.is_none() && !self.applications.is_empty() {
            self.news_due = Some(self.now + NEWS_DELAY);
        }
    }

    /// Tells the applications for which it has changed why they wait.
    pub(super) fn tell_news(&mut self, out: &mut Outbox) {
        if self.news_due.is_none_or(|due| due > self.now) {
            return;
        }
        self.news_due = None;
        let all: Vec<_> = self.applications.iter().map(|(id, _)| id).collect();
        for application in all {
            self.tell_news_to(application, out);
        }
    }

    /// Tells an application that it has what it waited for, if it has.
    pub(super) fn tell_content(&mut self, application: ApplicationId, out: &mut Outbox) {
        let known = self.applications.get(application);
        if known.is_some_and(|known| known.told.is_some()) {
            self.tell_news_to(application, out);
        }
    }

    /// Tells an application why it waits, where that has changed.
    pub(super) fn tell_news_to(&mut self, application: ApplicationId, out: &mut Outbox) {
        let because = self.why_waits(application);
        let Some(known) = self.applications.get_mut(application) else {
            return;
        };
        if known.told == because {
            return;
        }
        known.told.clone_from(&because);
        let kind = EventKind::ApplicationWaiting {
            application,
            because: because.clone(),
        };
        self.publish(kind, out);
        self.tell(application, ToApplication::Waiting { because }, out);
    }

    /// Returns why an application has fewer executors than it wants.
    pub(super) fn why_waits(&self, id: ApplicationId) -> Option<Arc<str>> {
        let known = self.applications.get(id)?;
        let silent = !known.durable || known.state == ApplicationState::Unknown;
        if silent || known.is_content() {
            return None;
        }
        let tenant = &known.spec.tenant;
        let account = self.accounts.get(tenant)?;
        if account.queued.contains(&id) {
            let most = account.quota.applications.unwrap_or_default();
            return Some(at_cap(tenant, format!("{most} applications")));
        }
        let need = known.need();
        if known.cores_left() < need.cores {
            let (most, needed) = (Cores(known.cores_max.into()), Cores(need.cores.into()));
            return Some(because(match known.cores {
                0 => format!("needs {needed} for an executor, its `cores.max` allows {most}"),
                has => format!("it has {has} of the {most} that its `cores.max` allows"),
            }));
        }
        if known.rests {
            let failures = known.retries;
            return Some(because(format!(
                "its last {failures} executors failed, another is tried soon"
            )));
        }
        Some(self.why_no_room(need, "an executor", tenant, account))
    }

    /// Returns why a driver is not run yet.
    pub(super) fn why_driver_waits(&self, id: DriverId) -> Option<Arc<str>> {
        let driver = self.drivers.get(id).filter(|driver| driver.waits())?;
        let tenant = &driver.spec.tenant;
        let account = self.accounts.get(tenant)?;
        if !account.may_run_driver() {
            let most = account.quota.drivers.unwrap_or_default();
            return Some(at_cap(tenant, format!("{most} drivers")));
        }
        if !self.may_run_driver() {
            let running = self.drivers.running;
            let most = "as many as `deploy.maxDrivers` allows";
            return Some(because(format!(
                "the cluster runs {running} drivers, {most}"
            )));
        }
        Some(self.why_no_room(driver.need(), "the driver", tenant, account))
    }

    fn why_no_room(
        &self,
        need: Resources,
        what: &str,
        tenant: &Tenant,
        account: &Account,
    ) -> Arc<str> {
        if self.state != State::Alive {
            return because("the master has changed and is still finding out what runs");
        }
        if self.workers.cores() == 0 {
            return because("no worker has registered");
        }
        let too_large = self.why_too_large(need, what);
        let at_cap = || why_at_cap(need, what, tenant, account);
        let reason = too_large.or_else(at_cap);
        reason.unwrap_or_else(|| self.why_taken(need, what))
    }

    /// Returns why no worker could run it, even with nothing else on it.
    fn why_too_large(&self, need: Resources, what: &str) -> Option<Arc<str>> {
        let size = &self.workers.size;
        if size.fits(need) {
            return None;
        }
        let (cores, memory) = (Cores(need.cores.into()), Bytes(need.memory));
        Some(because(if size.most_cores() < need.cores {
            let most = size.most_cores();
            format!("needs {cores} for {what}, the largest worker has {most}")
        } else if size.most_memory() < need.memory {
            let most = Bytes(size.most_memory());
            format!("needs {memory} for {what}, the largest worker has {most}")
        } else {
            format!("needs {cores} and {memory} for {what}, no worker has both")
        }))
    }

    /// Returns who has what it needs.
    fn why_taken(&self, need: Resources, what: &str) -> Arc<str> {
        if self.workers.cores_free() == 0 {
            let cores = Cores(self.workers.cores());
            return because(format!("all {cores} are in use"));
        }
        let (cores, memory) = (Cores(need.cores.into()), Bytes(need.memory));
        because(format!(
            "needs {cores} and {memory} for {what}, no worker has that free"
        ))
    }
}

fn at_cap(tenant: &Tenant, cap: impl std::fmt::Display) -> Arc<str> {
    because(format!("tenant `{tenant}` is at its cap of {cap}"))
}

/// Returns which cap of its tenant is in the way.
fn why_at_cap(need: Resources, what: &str, tenant: &Tenant, account: &Account) -> Option<Arc<str>> {
    let (left, quota) = (account.left(), account.quota);
    if left.cores < need.cores {
        let most = quota.cores.unwrap_or(u32::MAX);
        let (needed, cap) = (Cores(need.cores.into()), Cores(most.into()));
        return Some(match most < need.cores {
            true => because(format!(
                "needs {needed} for {what}, tenant `{tenant}` may have {most}"
            )),
            false => at_cap(tenant, cap),
        });
    }
    if left.memory < need.memory {
        let most = quota.memory.unwrap_or(u64::MAX);
        let (needed, cap) = (Bytes(need.memory), Bytes(most));
        return Some(match most < need.memory {
            true => because(format!(
                "needs {needed} for {what}, tenant `{tenant}` may have {cap}"
            )),
            false => at_cap(tenant, cap),
        });
    }
    None
}
