//! Tasks go to executors, and what executors say of them is checked.

use scheduler::message::{ToDriver, ToExecutor};
use scheduler::{
    Action as Order, AttemptId, ExecutorId, FailureKind, Input as Told, JobId, Outcome, RddId,
    Settings, ShuffleId, StorageLevel, TaskMetrics,
};

use crate::asker::{failed, settings};
use crate::site::Site;

#[test]
fn tasks_of_one_moment_go_in_one_message() {
    let mut site = Site::new(&Settings::default());
    site.add(1, 3);
    site.add(2, 3);
    site.said.clear();
    site.submit(0, 6);
    let (one, other) = (site.launched(1), site.launched(2));
    assert_eq!((one.len(), other.len()), (1, 1));
    assert_eq!((one[0].len(), other[0].len()), (3, 3));
}

#[test]
fn executor_cores_should_be_decreased_based_on_task_cpus() {
    let mut site = Site::new(&settings(&[("spark.task.cpus", "2")]));
    site.add(1, 3);
    site.said.clear();
    site.submit(0, 3);
    // One of its three cores is left, and a task takes two.
    assert_eq!(site.launched(1), [[0]]);
    site.succeed(1, 0);
    assert_eq!(site.launched(1), [[1]]);
}

#[test]
fn heartbeats_tell_what_running_tasks_cost() {
    let mut site = Site::new(&settings(&[("spark.speculation", "true")]));
    site.add(1, 1);
    site.submit(0, 1);
    let told = |executor| ToDriver::Heartbeat {
        executor: ExecutorId(executor),
        running: vec![
            (AttemptId(0), TaskMetrics::default()),
            (AttemptId(9), TaskMetrics::default()),
        ],
    };
    site.hear(1, told(1));
    site.hear(2, told(1));
    assert_eq!(site.lost(), []);
}

#[test]
fn executors_where_too_much_fails_are_given_back_and_their_machines_refused() {
    let mut site = Site::new(&settings(&[
        ("spark.excludeOnFailure.enabled", "true"),
        ("spark.excludeOnFailure.killExcludedExecutors", "true"),
        (
            "spark.excludeOnFailure.application.maxFailedTasksPerExecutor",
            "1",
        ),
        (
            "spark.excludeOnFailure.application.maxFailedExecutorsPerNode",
            "1",
        ),
    ]));
    site.order_on(1, 7, 1);
    site.register(1, &[]);
    site.order_on(2, 7, 1);
    site.order_on(3, 8, 1);
    site.register(3, &[]);
    site.submit(0, 2);
    site.said.clear();
    site.report(1, 0, failed(FailureKind::Io));
    site.pass(60_000);
    site.succeed(3, 1);
    site.succeed(3, 2);
    assert_eq!(site.killed(), [1]);
    assert_eq!(
        site.lost(),
        [(
            1,
            "too many tasks failed there: the application excludes its machine".to_owned()
        )]
    );
    // Another executor of that machine need not begin.
    site.register(2, &[]);
    assert_eq!(
        site.refused(2).unwrap(),
        "host7 is excluded: too much failed there"
    );
    assert_eq!(site.killed(), [2]);
}

#[test]
fn a_job_goes_through() {
    let mut site = Site::new(&Settings::default());
    site.add(1, 2);
    site.submit_shuffled(0, 2, 1);
    assert_eq!(site.launched(1), [[0, 1]]);
    site.succeed(1, 0);
    site.succeed(1, 1);
    let (shuffle, executor) = (ShuffleId(0), ExecutorId(1));
    let registered = |partition, attempt| Order::RegisterMapOutput {
        shuffle,
        partition,
        attempt: AttemptId(attempt),
        executor,
    };
    assert_eq!(site.orders, [registered(0, 0), registered(1, 1)]);
    assert_eq!(site.launched(1), [[2]]);
    site.orders.clear();
    site.succeed(1, 2);
    let (job, partition, attempt) = (JobId(0), 0, AttemptId(2));
    assert_eq!(
        site.orders[..2],
        [
            Order::AcceptResult {
                job,
                partition,
                attempt
            },
            Order::FinishJob { job }
        ]
    );
}

#[test]
fn a_result_counts_only_from_who_runs_the_task_and_once() {
    let mut site = Site::new(&Settings::default());
    site.add(1, 1);
    site.add(2, 1);
    site.submit(0, 1);
    let (runs, other) = match site.launched(1).as_slice() {
        [] => (2, 1),
        _ => (1, 2),
    };
    site.succeed(other, 0);
    site.hear_from(
        "stranger:1".into(),
        ToDriver::StatusUpdate {
            executor: ExecutorId(runs),
            attempt: AttemptId(0),
            outcome: Outcome::Succeeded,
            metrics: TaskMetrics::default(),
        },
    );
    site.succeed(runs, 99);
    assert_eq!(site.orders, []);
    site.succeed(runs, 0);
    site.succeed(runs, 0);
    let accepted = site.orders.iter();
    let accepted = accepted.filter(|order| matches!(order, Order::AcceptResult { .. }));
    assert_eq!(accepted.count(), 1);
    assert!(site.finished(0));
}

#[test]
fn permission_to_commit_goes_back_to_who_asked() {
    let mut site = Site::new(&Settings::default());
    site.add(1, 1);
    site.submit(0, 1);
    site.said.clear();
    // Somebody else's question is none.
    site.add(2, 1);
    site.hear(2, ToDriver::CommitAsked(AttemptId(0)));
    site.said.clear();
    site.hear(1, ToDriver::CommitAsked(AttemptId(0)));
    assert_eq!(site.said_to(1), [ToExecutor::GrantCommit(AttemptId(0))]);
    assert_eq!(site.said, []);
}

#[test]
fn a_failed_task_is_tried_again_and_a_cancelled_one_killed() {
    let mut site = Site::new(&Settings::default());
    site.add(1, 1);
    site.submit(0, 1);
    site.said.clear();
    site.report(1, 0, failed(FailureKind::Io));
    site.pass(60_000);
    assert_eq!(site.launched(1), [[1]]);
    site.program(Told::JobCancelled {
        job: JobId(0),
        reason: "enough".into(),
    });
    let (attempt, reason) = (AttemptId(1), scheduler::KillReason::JobEnded);
    assert_eq!(site.said_to(1), [ToExecutor::KillTask { attempt, reason }]);
    assert_eq!(
        site.failure(0).unwrap(),
        "job-0 `collect` at main.rs:2 was cancelled: enough"
    );
}

#[test]
fn blocks_and_shuffles_are_removed_everywhere() {
    let mut site = Site::new(&Settings::default());
    site.add(1, 1);
    site.add(2, 1);
    site.define(0, 1, Vec::new(), StorageLevel::MemoryOnly);
    site.submit_defined(0, 1);
    let runs = 1 + u32::from(site.launched(1).is_empty());
    site.hear(
        runs,
        ToDriver::BlockStored {
            executor: ExecutorId(runs),
            rdd: RddId(0),
            partition: 0,
        },
    );
    site.succeed(runs, 0);
    site.submit_shuffled(1, 1, 1);
    let runs = 1 + u32::from(site.launched(1).is_empty());
    site.succeed(runs, 1);
    let runs = 1 + u32::from(site.launched(1).is_empty());
    site.succeed(runs, 2);
    assert!(site.finished(1));
    site.said.clear();
    site.program(Told::RddsReleased(vec![RddId(0), RddId(2), RddId(3)]));
    for executor in [1, 2] {
        let said = site.said_to(executor);
        assert!(said.contains(&ToExecutor::RemoveBlocks(RddId(0))));
        assert!(said.contains(&ToExecutor::RemoveShuffle(ShuffleId(1))));
    }
    // The host keeps who has which map output.
    assert!(site.orders.contains(&Order::RemoveShuffle(ShuffleId(1))));
}

#[test]
fn a_program_cannot_speak_for_executors() {
    let mut site = Site::new(&Settings::default());
    site.program(Told::ExecutorAdded {
        executor: ExecutorId(1),
        host: "host1".into(),
        rack: None,
        cores: 4,
    });
    site.add(2, 1);
    site.submit(0, 2);
    assert_eq!(site.launched(2), [[0]]);
    site.program(Told::TaskEnded {
        attempt: AttemptId(0),
        outcome: Outcome::Succeeded,
        metrics: TaskMetrics::default(),
    });
    site.program(Told::ExecutorLost {
        executor: ExecutorId(2),
        reason: "no".into(),
        files_lost: true,
    });
    assert_eq!((site.orders.len(), site.lost().len()), (0, 0));
}
