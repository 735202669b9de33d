//! Fewer executors when there is less work (Spark: `ExecutorAllocationManagerSuite`).

use scheduler::FailureKind;

use crate::asker::{Asker, bounds, failed};

/// So many milliseconds, and an executor that is idle goes.
const IDLE: u64 = 60_000;

#[test]
fn cancel_pending_executors_when_no_longer_needed() {
    let mut asker = Asker::new(&bounds(0, 10, 0));
    asker.submit(2, 5);
    assert_eq!(asker.targets(2), [1, 3]);
    let one = asker.start(2, 0, 1);
    assert_eq!(asker.targets(1), [5]);
    let other = asker.start(2, 1, 1);
    asker.succeed(one);
    asker.succeed(other);
    // Both are over, 3 wait.
    assert_eq!(asker.targets(1), [3]);
    assert_eq!(&**asker.reasons.last().unwrap(), "3 are enough for 3 tasks");
}

#[test]
fn many_ends_in_a_moment_are_one_request() {
    let mut asker = Asker::new(&bounds(0, 1_000, 500));
    asker.submit(0, 500);
    let attempts: Vec<_> = (0..500)
        .map(|partition| asker.start(0, partition, partition))
        .collect();
    for attempt in attempts {
        asker.succeed(attempt);
    }
    asker.pass(1_000);
    assert_eq!(asker.totals, [0]);
}

#[test]
fn remove_executors() {
    let mut asker = Asker::new(&bounds(5, 10, 5));
    asker.add(1..=10);
    asker.pass(IDLE);
    // Down to the least, those first that came first.
    assert_eq!(asker.killed(), [1, 2, 3, 4, 5]);
    asker.remove([1, 2, 3, 2, 3, 4, 5, 100]);
    asker.pass(IDLE);
    assert_eq!(asker.killed(), [1, 2, 3, 4, 5]);
}

#[test]
fn remove_multiple_executors() {
    let mut asker = Asker::new(&bounds(5, 10, 5));
    asker.add([1]);
    asker.pass(1_000);
    asker.add(2..=10);
    asker.pass(IDLE - 1_000);
    assert_eq!(asker.killed(), [1]);
    asker.pass(1_000);
    assert_eq!(asker.killed(), [1, 2, 3, 4, 5]);
    assert_eq!(
        &**asker.reasons.last().unwrap(),
        "idle for longer than the settings allow, 5 are left"
    );
    assert_eq!(asker.decommissioned, []);
}

#[test]
fn idle_executors_are_decommissioned_where_that_is_on() {
    let mut settings = bounds(1, 10, 1);
    settings.set("decommission.enabled", "true").unwrap();
    let mut asker = Asker::new(&settings);
    asker.add(1..=3);
    asker.pass(IDLE);
    assert_eq!(asker.killed(), []);
    let gone: Vec<_> = asker.decommissioned.iter().map(|one| one.0).collect();
    assert_eq!(gone, [1, 2]);
}

#[test]
fn removing_with_various_target_conditions() {
    let mut asker = Asker::new(&bounds(5, 12, 5));
    asker.submit(0, 8);
    assert_eq!(asker.targets(2), [6, 8]);
    asker.add(1..=8);
    let attempts: Vec<_> = (0..8)
        .map(|partition| asker.start(0, partition, partition + 1))
        .collect();
    // As many as there are tasks: none goes, however long the three are idle.
    let waits: Vec<_> = (0..3).map(|at| asker.start(0, at, at + 1)).collect();
    for attempt in &attempts[..3] {
        asker.end(*attempt, failed(FailureKind::Io));
    }
    for attempt in waits {
        asker.end(attempt, failed(FailureKind::Io));
    }
    asker.pass(2 * IDLE);
    assert_eq!((asker.target(), asker.killed()), (8, vec![]));
    // Five tasks are left: three executors may go.
    for (partition, executor) in [(0, 4), (1, 5), (2, 6)] {
        let attempt = asker.start(0, partition, executor);
        asker.succeed(attempt);
    }
    asker.pass(1_000);
    assert_eq!((asker.target(), asker.killed()), (5, vec![1, 2, 3]));
    asker.remove([1, 2, 3]);
    // Fewer tasks than the least of executors: nobody goes.
    asker.succeed(attempts[3]);
    asker.pass(2 * IDLE);
    assert_eq!((asker.target(), asker.killed()), (5, vec![1, 2, 3]));
}

#[test]
fn interleaving_add_and_remove() {
    let mut asker = Asker::new(&bounds(5, 12, 5));
    asker.submit(0, 1_000);
    asker.pass(2_000);
    assert_eq!(asker.target(), 8);
    // They all run: nothing waits.
    for partition in 0..1_000 {
        asker.start(0, partition, 99);
    }
    asker.add(1..=8);
    asker.pass(IDLE);
    assert_eq!(asker.killed(), []);
    asker.add(9..=12);
    assert_eq!(asker.killed(), [1, 2, 3, 4]);
    asker.remove(1..=4);
    asker.pass(IDLE);
    assert_eq!(asker.killed().len(), 4);
    asker.add(13..=16);
    assert_eq!(asker.killed(), [1, 2, 3, 4, 5, 6, 7, 8]);
    asker.remove(5..=8);
    asker.submit(1, 4);
    assert_eq!(asker.targets(4), [9, 11, 12, 12]);
}

#[test]
fn mock_polling_loop_remove_behavior() {
    let mut asker = Asker::new(&bounds(1, 20, 1));
    asker.add(1..=3);
    asker.pass(IDLE / 2);
    assert_eq!(asker.killed(), []);
    asker.pass(IDLE);
    assert_eq!(asker.killed(), [1, 2]);
    asker.add(4..=7);
    // The one that had to stay need not stay now.
    assert_eq!(asker.killed(), [1, 2, 3]);
    asker.submit(0, 3);
    let attempts: Vec<_> = (0..3).map(|at| asker.start(0, at, at + 4)).collect();
    asker.pass(IDLE);
    assert_eq!(asker.killed(), [1, 2, 3, 7]);
    for attempt in attempts {
        asker.succeed(attempt);
    }
    asker.pass(IDLE - 1);
    assert_eq!(asker.killed().len(), 4);
    asker.pass(1_000);
    assert_eq!(asker.killed(), [1, 2, 3, 7, 4, 5]);
}

#[test]
fn mock_polling_loop_remove_with_decommissioning() {
    let mut settings = bounds(1, 20, 1);
    settings.set("decommission.enabled", "true").unwrap();
    let mut asker = Asker::new(&settings);
    asker.add(1..=3);
    asker.pass(2 * IDLE);
    let gone = |asker: &Asker| {
        let gone = asker.decommissioned.iter();
        gone.map(|executor| executor.0).collect::<Vec<_>>()
    };
    assert_eq!(gone(&asker), [1, 2]);
    asker.add(4..=5);
    asker.submit(0, 1);
    asker.start(0, 0, 4);
    asker.pass(2 * IDLE);
    assert_eq!(gone(&asker), [1, 2, 3, 5]);
    asker.remove([1, 2, 3, 5]);
    asker.pass(2 * IDLE);
    assert_eq!((gone(&asker).len(), asker.killed()), (4, vec![]));
}

#[test]
fn avoid_ramp_down_initial_executors_until_first_job_is_submitted() {
    let mut asker = Asker::new(&bounds(2, 5, 3));
    asker.pass(10_000);
    assert_eq!(asker.target(), 3);
    asker.submit(1, 2);
    asker.pass(100);
    assert_eq!(asker.target(), 2);
}

#[test]
fn avoid_ramp_down_initial_executors_until_idle_executor_is_timeout() {
    let mut asker = Asker::new(&bounds(2, 5, 3));
    asker.pass(10_000);
    asker.add(0..3);
    asker.pass(IDLE - 1);
    assert_eq!(asker.target(), 3);
    asker.pass(1_000);
    assert_eq!((asker.target(), asker.killed()), (2, vec![0]));
}

#[test]
fn dont_update_target_when_killing_idle_executors() {
    let mut settings = bounds(1, 2, 1);
    settings
        .set("dynamicAllocation.executorIdleTimeout", "3s")
        .unwrap();
    let mut asker = Asker::new(&settings);
    asker.add([1]);
    asker.submit(0, 2);
    assert_eq!(asker.targets(1), [2]);
    let one = asker.start(0, 0, 1);
    asker.add([2]);
    let other = asker.start(0, 1, 2);
    asker.succeed(one);
    assert_eq!(asker.killed(), []);
    assert_eq!(asker.targets(1), [1]);
    asker.pass(3_000);
    // The target was lowered once; that its executor goes does not lower it again.
    assert_eq!((asker.target(), asker.killed()), (1, vec![1]));
    asker.remove([1]);
    asker.succeed(other);
    asker.pass(30_000);
    assert_eq!((asker.target(), asker.killed()), (1, vec![1]));
    assert_eq!(asker.totals, [2, 1]);
}

#[test]
fn check_executor_target_number_after_idle_time_out() {
    let mut asker = Asker::new(&bounds(1, 5, 3));
    asker.add(1..=3);
    asker.pass(IDLE + 1_000);
    assert_eq!(asker.target(), 1);
    assert_eq!(asker.killed(), [1, 2]);
}

#[test]
fn remove_executors_after_unschedulable_tasks_end() {
    let mut asker = Asker::new(&bounds(0, 10, 0));
    asker.submit(0, 2);
    asker.pass(2_000);
    asker.add([0, 1]);
    let one = asker.start(0, 0, 0);
    asker.unschedulable(0, true);
    assert_eq!(asker.targets(1), [3]);
    asker.add([2]);
    let other = asker.start(0, 1, 2);
    asker.unschedulable(0, false);
    asker.succeed(one);
    asker.succeed(other);
    asker.complete(0);
    assert_eq!(asker.targets(1), [0]);
    asker.pass(IDLE);
    assert_eq!(asker.killed(), [1, 0, 2]);
}

#[test]
fn a_stage_that_ends_unschedulable_wants_nothing() {
    let mut asker = Asker::new(&bounds(0, 10, 0));
    asker.submit(0, 1);
    asker.unschedulable(0, true);
    asker.pass(3_000);
    asker.complete(0);
    asker.unschedulable(0, false);
    assert_eq!(asker.targets(1), [0]);
}

#[test]
fn remove_executors_when_task_finished_before_speculative_task_scheduled() {
    let mut asker = Asker::new(&bounds(0, 10, 0));
    asker.submit(0, 4);
    let attempts: Vec<_> = (0..4).map(|at| asker.start(0, at, at)).collect();
    asker.speculate(0, 0);
    asker.speculate(0, 1);
    asker.pass(3_000);
    assert_eq!(asker.target(), 6);
    asker.succeed(attempts[0]);
    assert_eq!(asker.targets(1), [4]);
    asker.succeed(attempts[1]);
    assert_eq!(asker.targets(1), [2]);
}

#[test]
fn remove_executors_when_speculative_tasks_end() {
    let mut asker = Asker::new(&bounds(0, 10, 0));
    asker.submit(0, 2);
    asker.pass(2_000);
    let (one, other) = (asker.start(0, 0, 0), asker.start(0, 1, 1));
    asker.speculate(0, 0);
    asker.speculate(0, 1);
    asker.pass(3_000);
    assert_eq!(asker.target(), 4);
    let (copy, second) = (asker.start(0, 0, 2), asker.start(0, 1, 3));
    // The copy wins, the first attempt is killed: nothing of the task is left.
    asker.succeed(copy);
    asker.end(one, failed(FailureKind::Killed));
    assert_eq!(asker.targets(1), [2]);
    // A copy that fails while the first attempt runs is not wanted again.
    asker.end(second, failed(FailureKind::Io));
    assert_eq!(asker.targets(1), [1]);
    assert_eq!(asker.allocation.next_deadline(), None);
    // If that fails too, the task waits again.
    asker.end(other, failed(FailureKind::Io));
    assert_eq!(asker.targets(1), [1]);
    assert!(asker.allocation.next_deadline().is_some());
}
