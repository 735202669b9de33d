//! An executor and its driver. Some scenarios are those of Spark's `ExecutorSuite` and
//! `CoarseGrainedExecutorBackendSuite`.

use std::sync::Arc;
use std::time::Duration;

use scheduler::executor::{Action, Input};
use scheduler::message::{Message, ToDriver, ToExecutor};
use scheduler::{
    AttemptId, FailureKind, KillReason, Outcome, RddId, ShuffleId, TaskFailure, TaskMetrics,
};

use crate::host::{Process, registered_executor, task};

const ANSWER: ToExecutor = ToExecutor::HeartbeatResponse {
    register_again: false,
};

fn launch(process: &mut Process, attempts: &[u64]) -> Vec<String> {
    let tasks = attempts.iter().copied().map(AttemptId).map(task).collect();
    process.hear(ToExecutor::LaunchTasks(tasks))
}

fn end_as(process: &mut Process, attempt: u64, outcome: Outcome) -> Vec<String> {
    let metrics = TaskMetrics {
        run_time_us: 42,
        ..TaskMetrics::default()
    };
    process.give(Input::TaskEnded {
        attempt: AttemptId(attempt),
        outcome,
        metrics,
    })
}

fn end(process: &mut Process, attempt: u64) -> Vec<String> {
    end_as(process, attempt, Outcome::Succeeded)
}

fn kill(process: &mut Process, attempt: u64) -> Vec<String> {
    process.hear(ToExecutor::KillTask {
        attempt: AttemptId(attempt),
        reason: KillReason::JobEnded,
    })
}

fn ask(process: &mut Process, attempt: u64) -> Vec<String> {
    let attempt = AttemptId(attempt);
    process.give(Input::CommitAsked { attempt })
}

#[test]
fn an_executor_registers_and_runs_tasks() {
    let mut process = Process::new(&[]);
    assert_eq!(process.give(Input::Started), ["< register with []"]);
    assert!(process.hear(registered_executor()).is_empty());
    assert_eq!(
        launch(&mut process, &[4, 5]),
        ["run attempt-4", "run attempt-5"]
    );
    assert_eq!(end(&mut process, 4), ["< attempt-4 succeeded"]);
    assert!(end(&mut process, 4).is_empty());
    assert_eq!(process.executor.running().count(), 1);
}

#[test]
fn an_executor_that_its_driver_refuses_ends() {
    let mut process = Process::new(&[]);
    process.give(Input::Started);
    let reason = "the application is over".into();
    assert_eq!(
        process.hear(ToExecutor::RegisterExecutorFailed { reason }),
        ["exit: its driver refused it: the application is over"]
    );
    assert!(process.hear(registered_executor()).is_empty());
    assert_eq!(process.executor.next_deadline(), None);
}

#[test]
fn tasks_before_the_registration_are_given_back() {
    let mut process = Process::new(&[]);
    process.give(Input::Started);
    assert!(launch(&mut process, &[0]).is_empty());
    assert_eq!(
        process.hear(registered_executor()),
        ["< attempt-0 was killed: executor-3 is not registered"]
    );
}

#[test]
fn more_tasks_than_may_wait_are_given_back() {
    let mut process = Process::registered(&[]);
    assert_eq!(
        launch(&mut process, &Vec::from_iter(0..35)).split_off(33),
        [
            "run attempt-33",
            "< attempt-34 was killed: executor-3 has 2 cores, and 16 tasks wait for each"
        ]
    );
    assert!(!FailureKind::Killed.counts());
}

#[test]
fn a_repeated_launch_runs_no_second_task() {
    let mut process = Process::registered(&[]);
    launch(&mut process, &[3]);
    assert!(launch(&mut process, &[3]).is_empty());
    end(&mut process, 3);
    assert!(launch(&mut process, &[3, 2]).is_empty());
    assert_eq!(launch(&mut process, &[4]), ["run attempt-4"]);
}

#[test]
fn a_stranger_is_not_obeyed() {
    let mut process = Process::registered(&[]);
    let stranger = Input::Received {
        from: "x:1".into(),
        message: ToExecutor::StopExecutor,
    };
    assert!(process.give(stranger).is_empty());
    assert_eq!(process.out.events.len(), 1);
    assert!(
        process
            .give(Input::Disconnected { peer: "x:1".into() })
            .is_empty()
    );
}

/// `CoarseGrainedExecutorBackendSuite`: "Tasks launched should always be cancelled."
#[test]
fn tasks_launched_are_always_cancelled() {
    let mut process = Process::registered(&[]);
    launch(&mut process, &[0, 1]);
    for attempt in 0..2 {
        assert_eq!(
            kill(&mut process, attempt),
            [format!("kill attempt-{attempt}: no job needs it any more")]
        );
        assert!(kill(&mut process, attempt).is_empty());
    }
}

/// `CoarseGrainedExecutorBackendSuite`: "Tasks not launched should always be cancelled."
#[test]
fn tasks_not_launched_are_always_cancelled() {
    let mut process = Process::registered(&[]);
    assert!(kill(&mut process, 1).is_empty());
    assert_eq!(
        launch(&mut process, &[0, 1]),
        [
            "run attempt-0",
            "< attempt-1 was killed: it was killed before it was launched: no job needs it any more"
        ]
    );
    assert_eq!(launch(&mut process, &[2]), ["run attempt-2"]);
}

#[test]
fn a_kill_of_what_has_ended_is_nothing() {
    let mut process = Process::registered(&[]);
    launch(&mut process, &[5]);
    end(&mut process, 5);
    assert!(kill(&mut process, 5).is_empty());
    assert!(kill(&mut process, 4).is_empty());
    assert_eq!(launch(&mut process, &[6]), ["run attempt-6"]);
}

#[test]
fn kills_that_come_too_early_are_remembered_within_bounds() {
    let mut process = Process::registered(&[]);
    for attempt in (1..10_000).rev() {
        kill(&mut process, attempt);
    }
    assert_eq!(launch(&mut process, &[1]).len(), 1);
    assert!(launch(&mut process, &[2])[0].contains("killed before it was launched"));
    assert_eq!(launch(&mut process, &[9_999]), ["run attempt-9999"]);
}

/// Returns the metrics in the one status update that was sent.
fn sent_metrics(process: &Process) -> TaskMetrics {
    match &process.out.actions[..] {
        [
            Action::Send {
                message: Message::ToDriver(ToDriver::StatusUpdate { metrics, .. }),
                ..
            },
        ] => *metrics,
        other => panic!("one status update, not {other:?}"),
    }
}

/// `ExecutorSuite`: "SPARK-15963: Catch `TaskKilledException` correctly in Executor.TaskRunner"
#[test]
fn a_killed_task_ends_as_killed_with_its_metrics() {
    let mut process = Process::registered(&[]);
    launch(&mut process, &[0]);
    kill(&mut process, 0);
    let killed = TaskFailure::new(FailureKind::Killed, "no job needs it any more");
    assert_eq!(
        end_as(&mut process, 0, killed.into()),
        ["< attempt-0 was killed: no job needs it any more"]
    );
    assert_eq!(sent_metrics(&process).run_time_us, 42);
}

#[test]
fn a_killed_task_that_ends_well_has_succeeded() {
    let mut process = Process::registered(&[]);
    launch(&mut process, &[0]);
    kill(&mut process, 0);
    assert_eq!(end(&mut process, 0), ["< attempt-0 succeeded"]);
}

#[test]
fn metrics_are_sent_with_a_result() {
    let mut process = Process::registered(&[]);
    launch(&mut process, &[0]);
    end(&mut process, 0);
    assert_eq!(sent_metrics(&process).run_time_us, 42);
}

#[test]
fn metrics_are_sent_with_a_failure() {
    let mut process = Process::registered(&[]);
    launch(&mut process, &[0]);
    let failure = TaskFailure::new(FailureKind::Panicked, "index out of bounds");
    assert_eq!(
        end_as(&mut process, 0, failure.into()),
        ["< attempt-0 panicked: index out of bounds"]
    );
    assert_eq!(sent_metrics(&process).run_time_us, 42);
}

#[test]
fn heartbeats_tell_what_runs_and_what_it_has_cost() {
    let mut process = Process::registered(&[]);
    launch(&mut process, &[0, 1]);
    let metrics = TaskMetrics {
        bytes_read: 9,
        ..TaskMetrics::default()
    };
    let attempt = AttemptId(1);
    process.give(Input::TaskProgressed { attempt, metrics });
    let (waited, lines) = process.wait();
    assert_eq!(waited, Duration::from_secs(10));
    assert_eq!(lines, ["< heartbeat [0, 1]"]);
    let Action::Send {
        message: Message::ToDriver(ToDriver::Heartbeat { running, .. }),
        ..
    } = &process.out.actions[0]
    else {
        panic!("a heartbeat");
    };
    let costs: Vec<_> = running
        .iter()
        .map(|(_, cost)| (cost.run_time_us, cost.bytes_read))
        .collect();
    assert_eq!(costs, [(10_000_000, 0), (10_000_000, 9)]);
}

#[test]
fn an_executor_whose_heartbeats_are_not_answered_ends() {
    let mut process = Process::registered(&[("executor.heartbeat.maxFailures", "3")]);
    for _ in 0..2 {
        process.wait();
    }
    process.hear(ANSWER);
    for _ in 0..3 {
        assert_eq!(process.wait().1, ["< heartbeat []"]);
    }
    assert_eq!(
        process.wait().1,
        ["exit: its driver has not answered 3 heartbeats"]
    );
}

#[test]
fn a_driver_that_does_not_know_the_executor_has_it_register_again() {
    let mut process = Process::registered(&[]);
    launch(&mut process, &[0, 1]);
    end(&mut process, 1);
    process.give(Input::BlockStored {
        rdd: RddId(1),
        partition: 2,
    });
    process.wait();
    let again = ToExecutor::HeartbeatResponse {
        register_again: true,
    };
    assert_eq!(process.hear(again), ["< register with [0, 1]"]);
    assert_eq!(
        process.hear(registered_executor()),
        ["< stored rdd-1/2", "< attempt-1 succeeded"]
    );
}

/// `ExecutorSuite`: "SPARK-34949: do not re-register BlockManager when executor is shutting down"
#[test]
fn an_executor_that_ends_does_not_register_again() {
    let mut process = Process::registered(&[]);
    process.wait();
    assert_eq!(
        process.hear(ToExecutor::StopExecutor),
        ["exit: its driver told it to stop"]
    );
    let again = ToExecutor::HeartbeatResponse {
        register_again: true,
    };
    assert!(process.hear(again).is_empty());
    assert!(process.lose().is_empty());
}

#[test]
fn ends_are_told_once_on_a_connection_and_again_on_the_next() {
    let mut process = Process::registered(&[]);
    launch(&mut process, &[0, 1]);
    end(&mut process, 0);
    assert_eq!(process.lose(), ["< register with [1, 0]"]);
    assert!(end(&mut process, 1).is_empty());
    assert_eq!(
        process.hear(registered_executor()),
        ["< attempt-0 succeeded", "< attempt-1 succeeded"]
    );
    assert!(process.hear(registered_executor()).is_empty());
}

#[test]
fn ends_are_forgotten_when_a_later_heartbeat_is_answered() {
    let mut process = Process::registered(&[]);
    launch(&mut process, &[0, 1]);
    process.wait();
    end(&mut process, 0);
    // This answers the heartbeat before the end.
    assert!(process.hear(ANSWER).is_empty());
    process.wait();
    end(&mut process, 1);
    assert_eq!(process.hear(ANSWER), ["release [0]"]);
    assert_eq!(process.lose(), ["< register with [1]"]);
    assert_eq!(
        process.hear(registered_executor()),
        ["< attempt-1 succeeded"]
    );
}

#[test]
fn many_ends_call_for_a_heartbeat_before_its_time() {
    let mut process = Process::registered(&[]);
    let mut heartbeats = 0;
    for attempt in 0..3_000 {
        launch(&mut process, &[attempt]);
        let lines = end(&mut process, attempt);
        if lines.len() > 1 {
            heartbeats += 1;
            assert_eq!(process.hear(ANSWER).len(), 1);
        }
    }
    assert_eq!(heartbeats, 2);
}

#[test]
fn ends_that_nobody_acknowledges_are_kept_within_bounds() {
    let mut process = Process::registered(&[]);
    let mut released = 0;
    for attempt in 0..100_010 {
        launch(&mut process, &[attempt]);
        let lines = end(&mut process, attempt);
        released += lines.iter().filter(|line| line.contains("release")).count();
    }
    assert_eq!(released, 10);
}

#[test]
fn a_lost_driver_is_tried_again_for_a_while() {
    let mut process = Process::registered(&[]);
    launch(&mut process, &[0]);
    assert_eq!(process.lose(), ["< register with [0]"]);
    for _ in 0..59 {
        assert!(process.lose().is_empty());
        let (waited, lines) = process.wait();
        assert_eq!(waited, Duration::from_secs(1));
        assert_eq!(lines, ["< register with [0]"]);
    }
    process.lose();
    assert_eq!(
        process.wait().1,
        [
            "< register with [0]",
            "exit: its driver at d:4000 could not be reached for 60 s"
        ]
    );
}

#[test]
fn a_driver_that_is_found_again_may_be_lost_again() {
    let mut process = Process::registered(&[("executor.driverLossWait", "5s")]);
    for _ in 0..10 {
        assert_eq!(process.lose(), ["< register with []"]);
        process.lose();
        process.wait();
        process.hear(registered_executor());
    }
    assert!(process.executor.is_registered());
}

#[test]
fn an_executor_ends_with_its_driver_where_that_is_wished() {
    let mut process = Process::registered(&[("executor.driverLossWait", "0")]);
    assert_eq!(
        process.lose(),
        ["exit: its driver at d:4000 could not be reached for 0 s"]
    );
}

#[test]
fn a_driver_that_never_answers_is_given_up() {
    let mut process = Process::new(&[]);
    process.give(Input::Started);
    let (waited, lines) = process.wait();
    assert_eq!(waited, Duration::from_secs(120));
    assert_eq!(
        lines,
        ["exit: its driver at d:4000 has not answered for 120 s"]
    );
}

#[test]
fn commits_are_asked_for_and_answered_by_attempt() {
    let mut process = Process::registered(&[]);
    launch(&mut process, &[0, 1]);
    assert_eq!(ask(&mut process, 0), ["< attempt-0 asks to commit"]);
    assert!(ask(&mut process, 0).is_empty());
    assert_eq!(ask(&mut process, 1), ["< attempt-1 asks to commit"]);
    let answer = |attempt| ToExecutor::DenyCommit(AttemptId(attempt));
    assert_eq!(process.hear(answer(1)), ["deny attempt-1"]);
    assert!(process.hear(answer(1)).is_empty());
    assert!(process.hear(answer(9)).is_empty());
    let grant = ToExecutor::GrantCommit(AttemptId(0));
    assert_eq!(process.hear(grant.clone()), ["grant attempt-0"]);
    assert!(process.hear(grant).is_empty());
}

#[test]
fn an_answer_to_an_attempt_that_has_ended_is_ignored() {
    let mut process = Process::registered(&[]);
    launch(&mut process, &[0]);
    ask(&mut process, 0);
    end(&mut process, 0);
    assert!(
        process
            .hear(ToExecutor::GrantCommit(AttemptId(0)))
            .is_empty()
    );
    assert_eq!(ask(&mut process, 0), ["deny attempt-0"]);
}

#[test]
fn commits_that_were_not_answered_are_asked_for_again() {
    let mut process = Process::registered(&[]);
    launch(&mut process, &[0, 1]);
    ask(&mut process, 0);
    process.lose();
    assert!(ask(&mut process, 1).is_empty());
    assert_eq!(
        process.hear(registered_executor()),
        ["< attempt-0 asks to commit", "< attempt-1 asks to commit"]
    );
}

#[test]
fn what_becomes_of_a_copy_is_told() {
    let mut process = Process::registered(&[]);
    let (rdd, partition) = (RddId(1), 0);
    let copy = || ToExecutor::CopyBlock { rdd, partition };
    assert_eq!(process.hear(copy()), ["copy rdd-1/0"]);
    let failed = Input::BlockNotCopied { rdd, partition };
    assert_eq!(process.give(failed), ["< not copied rdd-1/0"]);
    assert_eq!(process.hear(copy()), ["copy rdd-1/0"]);
    let stored = Input::BlockStored { rdd, partition };
    assert_eq!(process.give(stored), ["< stored rdd-1/0"]);
    assert_eq!(
        process.hear(copy()),
        ["< stored rdd-1/0"],
        "it is here already"
    );
}

#[test]
fn cached_blocks_are_told_again_after_a_lost_connection() {
    let mut process = Process::registered(&[]);
    let stored = |partition| Input::BlockStored {
        rdd: RddId(1),
        partition,
    };
    let dropped = |partition| Input::BlockDropped {
        rdd: RddId(1),
        partition,
    };
    assert_eq!(process.give(stored(0)), ["< stored rdd-1/0"]);
    assert_eq!(process.give(stored(1)), ["< stored rdd-1/1"]);
    assert_eq!(process.give(dropped(0)), ["< dropped rdd-1/0"]);
    assert!(process.give(dropped(0)).is_empty());
    process.lose();
    assert!(process.give(stored(2)).is_empty());
    assert!(process.give(dropped(1)).is_empty());
    assert_eq!(
        process.hear(registered_executor()),
        ["< dropped rdd-1/0", "< dropped rdd-1/1", "< stored rdd-1/2"]
    );
    assert_eq!(
        process.hear(ToExecutor::RemoveBlocks(RddId(1))),
        ["remove rdd-1"]
    );
    process.lose();
    assert_eq!(
        process.hear(registered_executor()),
        ["< dropped rdd-1/0", "< dropped rdd-1/1"]
    );
    process.wait();
    process.hear(ANSWER);
    process.lose();
    assert!(process.hear(registered_executor()).is_empty());
}

#[test]
fn shuffles_are_removed_on_request() {
    let mut process = Process::registered(&[]);
    assert_eq!(
        process.hear(ToExecutor::RemoveShuffle(ShuffleId(2))),
        ["remove shuffle-2"]
    );
}

#[test]
fn a_decommissioned_executor_ends_its_tasks_and_goes_when_the_driver_has_heard() {
    let mut process = Process::registered(&[]);
    launch(&mut process, &[0]);
    assert!(process.hear(ToExecutor::DecommissionExecutor).is_empty());
    assert_eq!(
        launch(&mut process, &[1]),
        ["< attempt-1 was killed: executor-3 is being taken out of service"]
    );
    assert_eq!(
        end(&mut process, 0),
        ["< attempt-0 succeeded", "< heartbeat []"]
    );
    assert_eq!(
        process.hear(ANSWER),
        [
            "release [1, 0]",
            "exit: it was taken out of service, and its tasks have ended"
        ]
    );
}

#[test]
fn an_idle_executor_told_by_a_signal_gives_back_what_is_under_way_before_it_goes() {
    let mut process = Process::registered(&[("decommission.enabled", "true")]);
    assert_eq!(
        process.give(Input::DecommissionAsked),
        ["< decommissioning", "< heartbeat []"]
    );
    let lines = launch(&mut process, &[0]);
    assert_eq!(
        lines,
        ["< attempt-0 was killed: executor-3 is being taken out of service"]
    );
    assert_eq!(process.hear(ANSWER), ["< heartbeat []"]);
    assert_eq!(process.hear(ANSWER).len(), 2);
}

#[test]
fn a_signal_is_ignored_where_decommissioning_is_off() {
    let mut process = Process::registered(&[]);
    assert!(process.give(Input::DecommissionAsked).is_empty());
    assert_eq!(launch(&mut process, &[0]), ["run attempt-0"]);
}

#[test]
fn a_decommissioned_executor_is_ended_by_force_after_its_time() {
    let mut process = Process::registered(&[("executor.decommission.forceKillTimeout", "3s")]);
    launch(&mut process, &[0]);
    process.hear(ToExecutor::DecommissionExecutor);
    let (waited, lines) = process.wait();
    assert_eq!(waited, Duration::from_secs(3));
    assert_eq!(
        lines,
        ["exit: its tasks did not end in the time of `executor.decommission.forceKillTimeout`"]
    );
}

#[test]
fn a_decommissioned_executor_that_loses_its_driver_tells_it_again() {
    let mut process = Process::registered(&[]);
    launch(&mut process, &[0]);
    process.hear(ToExecutor::DecommissionExecutor);
    end(&mut process, 0);
    process.lose();
    assert_eq!(
        process.hear(registered_executor()),
        [
            "< decommissioning",
            "< attempt-0 succeeded",
            "< heartbeat []"
        ]
    );
    assert_eq!(process.hear(ANSWER).len(), 2);
}

#[test]
fn absurd_numbers_are_survived() {
    let mut process = Process::registered(&[]);
    assert_eq!(launch(&mut process, &[u64::MAX]).len(), 1);
    kill(&mut process, u64::MAX);
    launch(&mut process, &[0]);
    process.give(Input::BlockStored {
        rdd: RddId(u32::MAX),
        partition: u32::MAX,
    });
    process.hear(ToExecutor::RemoveBlocks(RddId(u32::MAX)));
    process.lose();
    let mut process = Process::new(&[]);
    process.give(Input::Started);
    process.hear(ToExecutor::RegisteredExecutor {
        heartbeat_interval: Duration::ZERO,
    });
    assert_eq!(process.wait().0, Duration::from_millis(10));
    let reason: Arc<str> = "".into();
    process.hear(ToExecutor::RegisterExecutorFailed { reason });
}
