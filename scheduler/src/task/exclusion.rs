//! What follows when tasks fail where they run (Spark: `TaskSchedulerImpl`'s part in `HealthTracker`, SPARK-22148).
//!
//! A task that may run nowhere any more gets a chance: an idle executor is given back, so that the cluster can send
//! another one. If none comes in time, its stage is given up.

use crate::event::EventKind;
use crate::{Action, ExecutorId, FailureKind, Outbox};

use super::alarms::Alarm;
use super::attempts::Attempt;
use super::excludes::Consequence;
use super::health::Decision;
use super::places::Site;
use super::{SetKey, Tasks, Unschedulable};

impl Tasks {
    /// Remembers where a task failed, if it was to blame or the place was.
    pub(super) fn blame(&mut self, attempt: &Attempt, kind: FailureKind, out: &mut Outbox) {
        let key = attempt.set();
        let site = self.executors.site(attempt.executor);
        let (true, true, Some(site)) = (self.rules.exclusion.task_and_stage, kind.counts(), site)
        else {
            return;
        };
        let set = self
            .sets
            .get_mut(&key)
            .expect("a set outlives its attempts");
        if set.is_stopped() {
            return;
        }
        let rules = &self.rules.exclusion;
        let consequence = set.excludes.failed(rules, attempt.index, site, self.now);
        self.tell_excluded(key, site, consequence, out);
    }

    fn tell_excluded(
        &mut self,
        SetKey { stage, attempt }: SetKey,
        site: Site,
        Consequence { executor, host }: Consequence,
        out: &mut Outbox,
    ) {
        let stage = Some((stage, attempt));
        if let Some(failures) = executor {
            let executor = site.executor;
            let excluded = EventKind::ExecutorExcluded {
                executor,
                stage,
                failures,
                until: None,
            };
            self.publish(excluded, out);
        }
        if let Some(executors) = host {
            let host = self.executors.places.name(site.host);
            let excluded = EventKind::HostExcluded {
                host,
                stage,
                executors,
                until: None,
            };
            self.publish(excluded, out);
        }
    }

    /// Holds the failures of a task set that is complete against the executors on which they happened.
    pub(super) fn complete(&mut self, key: SetKey, out: &mut Outbox) {
        if !self.rules.exclusion.application {
            return;
        }
        let (set, executors) = (&self.sets[&key], &self.executors);
        let failures = set.excludes.failures().filter_map(|(executor, index, at)| {
            Some((executor, executors.host(executor)?, index, at))
        });
        let rules = &self.rules.exclusion;
        let decisions = self.health.completed(rules, key, failures, self.now);
        self.decide(decisions, out);
    }

    /// Holds a map output that could not be read against the machine that has it.
    pub(crate) fn blame_for_fetch(&mut self, holder: ExecutorId, out: &mut Outbox) {
        let rules = &self.rules.exclusion;
        if !(rules.application && rules.fetch_failures) {
            return;
        }
        let Some(host) = self.executors.host(holder) else {
            return;
        };
        let decisions = self.health.fetch_failed(rules, host, self.now);
        self.decide(decisions, out);
    }

    /// Ends the application's exclusions whose time is over.
    pub(super) fn readmit(&mut self, out: &mut Outbox) {
        self.health_alarm = None;
        let decisions = self.health.expire(self.now);
        self.decide(decisions, out);
        self.wake_for_health();
    }

    fn wake_for_health(&mut self) {
        let Some(next) = self.health.next_expiry() else {
            return;
        };
        if self.health_alarm.is_none_or(|alarm| next < alarm) {
            self.health_alarm = Some(next);
            self.alarms.set(next, Alarm::Health);
        }
    }

    fn decide(&mut self, decisions: Vec<Decision>, out: &mut Outbox) {
        if decisions.is_empty() {
            return;
        }
        for decision in decisions {
            self.carry_out(decision, out);
        }
        self.wake_for_health();
        self.suspect_all();
    }

    /// Where tasks are kept off executors, any task set may have become unschedulable.
    pub(super) fn suspect_all(&mut self) {
        let rules = &self.rules.exclusion;
        if rules.task_and_stage || rules.application {
            self.suspects.extend(self.sets.keys());
        }
    }

    fn carry_out(&mut self, decision: Decision, out: &mut Outbox) {
        let until = Some(self.now + self.rules.exclusion.timeout);
        let (stage, mut concerned) = (None, Vec::new());
        let event = match decision {
            Decision::ExcludeExecutor(executor, failures) => {
                concerned.push(executor);
                EventKind::ExecutorExcluded {
                    executor,
                    stage,
                    failures,
                    until,
                }
            }
            Decision::ExcludeHost(host, executors) => {
                concerned = self.executors.on_host(host);
                let host = self.executors.places.name(host);
                EventKind::HostExcluded {
                    host,
                    stage,
                    executors,
                    until,
                }
            }
            Decision::ReadmitExecutor(executor) => {
                concerned.push(executor);
                EventKind::ExecutorReadmitted { executor }
            }
            Decision::ReadmitHost(host) => {
                concerned = self.executors.on_host(host);
                let host = self.executors.places.name(host);
                EventKind::HostReadmitted { host }
            }
        };
        self.publish(event, out);
        for executor in concerned {
            self.judge_executor(executor, out);
        }
    }

    /// Bars an executor that is excluded, and gives it back to the cluster if that is wished; or lets it in again.
    fn judge_executor(&mut self, executor: ExecutorId, out: &mut Outbox) {
        let Some(site) = self.executors.site(executor) else {
            return;
        };
        let excluded = self.health.excludes(executor, site.host);
        let shift = self
            .executors
            .bar(executor, |barred| barred.excluded = excluded);
        self.shift(shift);
        let rules = &self.rules.exclusion;
        if excluded && rules.kill && !self.executors.barred(executor).killed {
            let whole = self.health.excludes_host(site.host);
            let what = if whole { "its machine" } else { "it" };
            let reason = format!("too many tasks failed there: the application excludes {what}");
            self.give_executor_back(executor, rules.decommission, &reason, out);
        }
    }

    fn give_executor_back(
        &mut self,
        executor: ExecutorId,
        decommission: bool,
        reason: &str,
        out: &mut Outbox,
    ) {
        let shift = self.executors.bar(executor, |barred| barred.killed = true);
        self.shift(shift);
        out.actions.push(Action::KillExecutor {
            executor,
            decommission,
            reason: reason.into(),
        });
    }

    /// Looks whether a task that failed may run nowhere any more. Returns whether an executor was given back for it.
    pub(super) fn find_unschedulable(&mut self, out: &mut Outbox) -> bool {
        let rules = &self.rules.exclusion;
        let mut suspects = std::mem::take(&mut self.suspects);
        if !(rules.task_and_stage || rules.application) {
            return false;
        }
        suspects.extend(&self.stranded);
        suspects.sort_unstable();
        suspects.dedup();
        let mut given_back = false;
        for key in suspects {
            given_back |= self.suspect(key, out);
        }
        given_back
    }

    fn suspect(&mut self, key: SetKey, out: &mut Outbox) -> bool {
        let Some(set) = self.sets.get(&key) else {
            return false;
        };
        if set.unschedulable.is_none() {
            let Some(partition) = self.excluded_everywhere(key) else {
                return false;
            };
            self.strand(key, partition, out);
        }
        let mut taking = self.executors.taking();
        let idle = taking
            .find(|(_, idle)| *idle)
            .map(|(site, _)| site.executor);
        drop(taking);
        let Some(executor) = idle.filter(|_| self.stranded.remove(&key)) else {
            return false;
        };
        let stage = key.stage;
        let reason = format!("{stage} may run on no executor that there is: another one is wanted");
        self.give_executor_back(executor, false, &reason, out);
        true
    }

    /// Returns a partition of which the task may run on no executor that there is.
    fn excluded_everywhere(&self, key: SetKey) -> Option<u32> {
        let set = self.sets.get(&key)?;
        let sites: Vec<Site> = self.executors.taking().map(|(site, _)| site).collect();
        // Where nobody takes tasks for other reasons, the next executor that comes will do.
        if sites.is_empty() && !self.executors.any_excluded() {
            return None;
        }
        set.excluded_from_all(&sites)
            .map(|index| set.partition(index))
    }

    fn strand(&mut self, key: SetKey, partition: u32, out: &mut Outbox) {
        let until = self.now + self.rules.unschedulable_timeout;
        let set = self.sets.get_mut(&key).expect("a suspect was found");
        set.unschedulable = Some((until, partition));
        self.stranded.insert(key);
        self.alarms.set(until, Alarm::Unschedulable(key));
        let SetKey { stage, attempt } = key;
        let unschedulable = EventKind::TaskSetUnschedulable {
            stage,
            attempt,
            partition,
            until,
        };
        self.publish(unschedulable, out);
    }

    /// Lets task sets that could run nowhere go on, where a new executor takes them: one on a machine that is
    /// excluded does not.
    pub(super) fn reprieve(&mut self, out: &mut Outbox) {
        let stuck = self.sets.iter();
        let mut stuck = stuck
            .filter(|(_, set)| set.unschedulable.is_some())
            .peekable();
        // Nearly always there is none, and then the executors need not be looked at.
        if stuck.peek().is_none() {
            return;
        }
        let sites: Vec<Site> = self.executors.taking().map(|(site, _)| site).collect();
        let waiting = stuck.filter(|(_, set)| set.excluded_from_all(&sites).is_none());
        let waiting: Vec<SetKey> = waiting.map(|(key, _)| *key).collect();
        waiting.into_iter().for_each(|key| self.relieve(key, out));
    }

    /// Gives a task set that could run nowhere more time: a task of it was launched, of this `partition`.
    pub(super) fn spare(&mut self, key: SetKey, partition: u32, out: &mut Outbox) {
        let set = self.sets.get_mut(&key).expect("what launches is there");
        let Some((until, stranded)) = set.unschedulable else {
            return;
        };
        if partition == stranded {
            self.relieve(key, out);
            self.suspects.push(key);
            return;
        }
        let later = self.now + self.rules.unschedulable_timeout;
        set.unschedulable = Some((later, stranded));
        self.alarms.cancel(until, Alarm::Unschedulable(key));
        self.alarms.set(later, Alarm::Unschedulable(key));
    }

    /// Lets a task set that could run nowhere go on.
    fn relieve(&mut self, key: SetKey, out: &mut Outbox) {
        self.stranded.remove(&key);
        let set = self.sets.get_mut(&key);
        let Some((until, _)) = set.and_then(|set| set.unschedulable.take()) else {
            return;
        };
        self.alarms.cancel(until, Alarm::Unschedulable(key));
        let SetKey { stage, attempt } = key;
        self.publish(EventKind::TaskSetSchedulable { stage, attempt }, out);
    }

    /// Gives up a task set for which no executor came.
    pub(super) fn give_up(&mut self, key: SetKey) {
        let Some(set) = self.sets.get_mut(&key) else {
            return;
        };
        // A new executor would have relieved it, and any launch given it more time.
        if let Some((_, partition)) = set.unschedulable.take() {
            self.unschedulable.push(Unschedulable {
                set: key,
                partition,
            });
        }
        self.stranded.remove(&key);
    }

    /// Returns the next task that can run nowhere and is given up.
    pub(crate) fn pop_unschedulable(&mut self) -> Option<Unschedulable> {
        self.unschedulable.pop()
    }
}
