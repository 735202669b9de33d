//! What a user is told of executors: that they are waited for, lost and replaced. That they come is no news.

use std::collections::BTreeSet;

use scheduler::ExecutorId;
use scheduler::event::EventKind;

use crate::units::count;

/// Lines about executors stop after so many.
const LINES_MAX: u32 = 100;

/// What is known of the executors, from events alone.
#[derive(Debug, Default)]
pub(super) struct Executors {
    living: BTreeSet<ExecutorId>,
    /// How many were lost and not replaced.
    missed: u32,
    /// What was said last about what is waited for; none: nothing is.
    awaited: Option<String>,
    lines: u32,
}

impl Executors {
    /// Takes in an event, and returns what the user is told of it.
    pub(super) fn line(&mut self, event: &EventKind) -> Option<String> {
        let line = self.take(event)?;
        self.lines = self.lines.saturating_add(1);
        match self.lines {
            ..LINES_MAX => Some(line),
            LINES_MAX => Some(format!("{line}; further executors are not told of")),
            _ => None,
        }
    }

    fn take(&mut self, event: &EventKind) -> Option<String> {
        match event {
            EventKind::ExecutorAdded { executor, cores } => self.add(*executor, *cores),
            EventKind::ExecutorRemoved { executor, reason } => {
                self.living.remove(executor).then(|| {
                    self.missed += 1;
                    let left = count(self.living.len() as u64, "executor");
                    format!("lost {executor}: {reason}; {left} left")
                })
            }
            EventKind::ExecutorDecommissioned { executor, reason } => {
                Some(format!("{executor} takes no more tasks: {reason}"))
            }
            EventKind::ExecutorsAwaited { jobs, because } => {
                let jobs = count((*jobs).into(), "job");
                self.wait(format!("{jobs} waiting for executors: {because}"))
            }
            _ => None,
        }
    }

    fn add(&mut self, executor: ExecutorId, cores: u32) -> Option<String> {
        self.living.insert(executor);
        let cores = count(cores.into(), "core");
        let was_awaited = self.awaited.take().is_some();
        let replaces = self.missed > 0;
        self.missed = self.missed.saturating_sub(1);
        match (was_awaited, replaces) {
            (_, true) => Some(format!(
                "{executor} with {cores} has come in place of a lost one"
            )),
            (true, false) => Some(format!("{executor} with {cores} has come")),
            (false, false) => None,
        }
    }

    /// The same is not said twice.
    fn wait(&mut self, line: String) -> Option<String> {
        (self.awaited.as_ref() != Some(&line)).then(|| {
            self.awaited = Some(line.clone());
            line
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn added(executor: u32) -> EventKind {
        EventKind::ExecutorAdded {
            executor: ExecutorId(executor),
            cores: 1,
        }
    }

    fn removed(executor: u32) -> EventKind {
        EventKind::ExecutorRemoved {
            executor: ExecutorId(executor),
            reason: "it was ended by SIGKILL".into(),
        }
    }

    fn awaited(because: &str) -> EventKind {
        EventKind::ExecutorsAwaited {
            jobs: 1,
            because: because.into(),
        }
    }

    fn lines(events: &[EventKind]) -> Vec<String> {
        let mut executors = Executors::default();
        let lines = events.iter().filter_map(|event| executors.line(event));
        lines.collect()
    }

    #[test]
    fn losses_and_what_comes_in_their_place_are_told() {
        assert_eq!(
            lines(&[added(0), added(1), removed(0), added(2), added(3)]),
            [
                "lost executor-0: it was ended by SIGKILL; 1 executor left",
                "executor-2 with 1 core has come in place of a lost one",
            ]
        );
    }

    #[test]
    fn what_is_missing_is_told_once() {
        let too_large = "needs 8 GiB for an executor, the largest worker has 4 GiB";
        assert_eq!(
            lines(&[
                awaited("the master has given no executor"),
                awaited(too_large),
                awaited(too_large),
                added(0),
                added(1),
            ]),
            [
                "1 job waiting for executors: the master has given no executor".to_owned(),
                format!("1 job waiting for executors: {too_large}"),
                "executor-0 with 1 core has come".to_owned(),
            ]
        );
    }

    #[test]
    fn a_cluster_in_trouble_does_not_flood_the_screen() {
        let mut executors = Executors::default();
        let told = (0..1_000)
            .filter_map(|number| {
                executors.line(&added(number));
                executors.line(&removed(number))
            })
            .count();
        assert!(told <= LINES_MAX as usize);
    }
}
