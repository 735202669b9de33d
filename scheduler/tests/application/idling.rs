//! Which executors are idle, and since when (Spark: `ExecutorMonitorSuite`).

use scheduler::{FailureKind, RddId, Settings, ShuffleId};

use crate::asker::{Asker, failed, settings};
use scheduler::allocation::Input;

const IDLE: u64 = 60_000;
const CACHED: u64 = 120_000;
const SHUFFLE: u64 = 240_000;

fn timeouts() -> Settings {
    settings(&[
        ("dynamicAllocation.executorIdleTimeout", "60s"),
        ("dynamicAllocation.cachedExecutorIdleTimeout", "120s"),
        ("dynamicAllocation.shuffleTracking.timeout", "240s"),
    ])
}

fn tracking() -> Settings {
    let mut settings = timeouts();
    let key = "dynamicAllocation.shuffleTracking.enabled";
    settings.set(key, "true").unwrap();
    settings
}

/// After `story`, asserts that so many milliseconds later the executors are given back, and not a moment before.
fn assert_given_back_after(
    millis: u64,
    executors: &[u32],
    settings: &Settings,
    story: impl Fn(&mut Asker),
) {
    let mut asker = Asker::new(settings);
    story(&mut asker);
    asker.pass(millis - 1);
    assert_eq!(asker.killed(), [], "a moment before");
    asker.pass(1);
    assert_eq!(asker.killed(), executors);
}

#[test]
fn basic_executor_timeout() {
    assert_given_back_after(IDLE, &[1], &timeouts(), |asker| asker.add([1]));
}

#[test]
fn handle_out_of_order_task_start_events() {
    let mut asker = Asker::new(&timeouts());
    let attempt = asker.start(1, 1, 1);
    asker.add([1]);
    asker.add([2]);
    asker.remove([2]);
    // An executor that is gone does not come back by a word of its tasks.
    asker.start(1, 2, 2);
    asker.pass(10 * IDLE);
    assert_eq!(asker.killed(), []);
    asker.succeed(attempt);
    asker.pass(IDLE);
    assert_eq!(asker.killed(), [1]);
    asker.remove([1]);
    assert_eq!(asker.allocation.next_deadline(), None);
}

#[test]
fn track_tasks_running_on_executor() {
    assert_given_back_after(IDLE, &[1], &timeouts(), |asker| {
        asker.add([1]);
        let first = asker.start(1, 0, 1);
        for partition in 1..10 {
            let attempt = asker.start(1, partition, 1);
            asker.pass(IDLE);
            asker.succeed(attempt);
        }
        asker.pass(IDLE);
        asker.succeed(first);
    });
}

#[test]
fn use_appropriate_time_out_depending_on_whether_blocks_are_stored() {
    assert_given_back_after(CACHED, &[1], &timeouts(), |asker| {
        asker.add([1]);
        asker.store(1, 0, 1);
    });
    assert_given_back_after(IDLE, &[1], &timeouts(), |asker| {
        asker.add([1]);
        asker.store(1, 0, 1);
        asker.drop_block(1, 0, 1);
    });
    let mut asker = Asker::new(&timeouts());
    asker.add([1]);
    asker.start(1, 0, 1);
    asker.store(1, 0, 1);
    asker.drop_block(1, 0, 1);
    asker.pass(10 * CACHED);
    assert_eq!(asker.killed(), []);
}

#[test]
fn cached_blocks_are_kept_for_ever_by_default() {
    let mut asker = Asker::new(&Settings::default());
    asker.add([1, 2]);
    asker.store(1, 0, 1);
    asker.pass(1_000 * IDLE);
    assert_eq!(asker.killed(), [2]);
}

#[test]
fn keeps_track_of_stored_blocks_for_each_rdd_and_split() {
    let story = |asker: &mut Asker| {
        asker.add([1]);
        asker.store(1, 0, 1);
        asker.store(1, 1, 1);
        asker.store(2, 0, 1);
        asker.drop_block(1, 1, 1);
        asker.handle(Input::BlocksRemoved(RddId(1)));
    };
    assert_given_back_after(CACHED, &[1], &timeouts(), story);
    // The last block goes late: what counts is since when it is idle.
    let mut asker = Asker::new(&timeouts());
    story(&mut asker);
    asker.pass(IDLE + 1);
    assert_eq!(asker.killed(), []);
    asker.handle(Input::BlocksRemoved(RddId(2)));
    assert_eq!(asker.killed(), [1]);
}

#[test]
fn handle_timeouts_correctly_with_multiple_executors() {
    let mut asker = Asker::new(&timeouts());
    asker.add([1]);
    asker.pass(30_000);
    asker.add([2]);
    asker.store(1, 0, 2);
    asker.pass(30_000);
    assert_eq!(asker.killed(), [1]);
    asker.add([3]);
    asker.store(1, 0, 3);
    asker.pass(80_000);
    assert_eq!(asker.killed(), [1]);
    asker.drop_block(1, 0, 3);
    assert_eq!(asker.killed(), [1, 3]);
    asker.pass(10_000);
    assert_eq!(asker.killed(), [1, 3, 2]);
}

#[test]
fn timed_out_executors_should_be_deterministic() {
    for order in [[1, 2, 3], [3, 1, 2], [2, 3, 1]] {
        assert_given_back_after(IDLE, &[1, 2, 3], &timeouts(), |asker| asker.add(order));
    }
}

#[test]
fn track_executors_pending_for_removal() {
    let mut asker = Asker::new(&timeouts());
    asker.add([1, 2, 3]);
    asker.submit(1, 2);
    asker.pass(IDLE - 1);
    // Two tasks, so two of them are wanted.
    assert_eq!((asker.target(), asker.killed()), (2, vec![]));
    asker.pass(1);
    assert_eq!(asker.killed(), [1]);
    // It is not given back twice, and the others stay due.
    asker.pass(IDLE);
    assert_eq!(asker.killed(), [1]);
    let attempt = asker.start(1, 0, 2);
    asker.complete(1);
    asker.pass(1_000);
    assert_eq!(asker.killed(), [1, 3]);
    asker.succeed(attempt);
    asker.pass(IDLE);
    assert_eq!(asker.killed(), [1, 3, 2]);
}

#[test]
fn shuffle_block_tracking() {
    let mut asker = Asker::new(&tracking());
    // Jobs 2 and 3 share a shuffle.
    asker.start_job(1, &[(1, 0)]);
    asker.start_job(2, &[(3, 1)]);
    asker.add([1]);
    asker.submit_attempt(1, 0, 1, Some(0));
    let attempt = asker.start(1, 0, 1);
    // What failed has written nothing.
    asker.end(attempt, failed(FailureKind::Io));
    asker.pass(IDLE - 1);
    asker.write(1, 0, 1);
    asker.write(3, 1, 1);
    asker.pass(10 * SHUFFLE);
    assert_eq!(asker.killed(), []);
    asker.end_job(1);
    asker.pass(10 * SHUFFLE);
    assert_eq!(asker.killed(), []);
    asker.end_job(2);
    asker.pass(SHUFFLE - 1);
    assert_eq!(asker.killed(), []);
    asker.start_job(3, &[(5, 1)]);
    asker.pass(10 * SHUFFLE);
    assert_eq!(asker.killed(), []);
    asker.end_job(3);
    asker.pass(CACHED);
    assert_eq!(asker.killed(), []);
    // Without the files it is due as any other is.
    asker.handle(Input::ShuffleRemoved(ShuffleId(0)));
    assert_eq!(asker.killed(), []);
    asker.handle(Input::ShuffleRemoved(ShuffleId(1)));
    assert_eq!(asker.killed(), [1]);
}

#[test]
fn shuffle_files_are_no_reason_to_stay_as_they_belong_to_the_worker() {
    let mut asker = Asker::new(&timeouts());
    asker.add([1]);
    asker.start_job(1, &[(1, 0)]);
    asker.write(1, 0, 1);
    // Nobody told that the shuffle was kept: nothing to forget either.
    asker.handle(Input::ShuffleRemoved(ShuffleId(0)));
    asker.pass(IDLE);
    assert_eq!(asker.killed(), [1]);
}

#[test]
fn shuffle_tracking_with_multiple_executors_and_concurrent_jobs() {
    let mut asker = Asker::new(&tracking());
    asker.add([1, 2]);
    asker.start_job(1, &[(1, 0)]);
    asker.start_job(2, &[(3, 1)]);
    asker.write(1, 0, 1);
    asker.write(3, 1, 2);
    asker.end_job(1);
    asker.pass(SHUFFLE);
    assert_eq!(asker.killed(), [1]);
    asker.end_job(2);
    asker.pass(SHUFFLE);
    assert_eq!(asker.killed(), [1, 2]);
}

#[test]
fn avoid_overflow_in_timeout_calculation() {
    let mut settings = tracking();
    let key = "dynamicAllocation.shuffleTracking.timeout";
    settings.set(key, "213503982d").unwrap();
    let mut asker = Asker::new(&settings);
    asker.start_job(1, &[(1, 0)]);
    asker.pass(1_000);
    asker.add([1]);
    asker.write(1, 0, 1);
    asker.end_job(1);
    asker.pass(100 * IDLE);
    assert_eq!(asker.killed(), []);
}

#[test]
fn ignore_block_updates_if_executor_is_not_there() {
    let mut asker = Asker::new(&timeouts());
    asker.store(1, 0, 1);
    asker.drop_block(1, 0, 1);
    assert_eq!(asker.allocation.next_deadline(), None);
    // It comes later, without blocks.
    asker.store(1, 0, 1);
    asker.add([1]);
    asker.pass(IDLE);
    assert_eq!(asker.killed(), [1]);
}

#[test]
fn a_decommissioned_executor_is_not_given_back() {
    let mut asker = Asker::new(&timeouts());
    asker.add([1, 2]);
    asker.decommission(1);
    asker.pass(IDLE);
    assert_eq!(asker.killed(), [2]);
}
