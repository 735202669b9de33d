//! More executors while tasks wait (Spark: `ExecutorAllocationManagerSuite`).

use scheduler::{FailureKind, Outcome, Settings};

use crate::asker::{Asker, bounds, failed, settings, spec};

fn refused(settings: &Settings) -> String {
    let error = Asker::of(settings, &spec()).map(|_| ()).unwrap_err();
    error.to_string()
}

#[test]
fn verify_min_max_executors() {
    let mut none = Settings::default();
    assert!(none.set("dynamicAllocation.minExecutors", "-1").is_err());
    assert!(none.set("dynamicAllocation.maxExecutors", "-1").is_err());
    assert!(none.set("dynamicAllocation.maxExecutors", "0").is_err());
    assert_eq!(
        refused(&bounds(2, 1, 0)),
        "`dynamicAllocation.minExecutors` is 2, and `dynamicAllocation.maxExecutors` only 1"
    );
    assert!(Asker::of(&bounds(1, 1, 1), &spec()).is_ok());
    assert!(Asker::of(&bounds(1, 2, 1), &spec()).is_ok());
}

#[test]
fn settings_that_contradict_one_another_are_refused_in_words() {
    assert_eq!(
        refused(&bounds(1, 2, 3)),
        "the application is to begin with 3 executors, and `dynamicAllocation.maxExecutors` is only 2"
    );
    assert_eq!(
        refused(&settings(&[(
            "dynamicAllocation.executorAllocationRatio",
            "0"
        )])),
        "`dynamicAllocation.executorAllocationRatio` is 0, so that no executor would ever be asked for"
    );
}

#[test]
fn starting_state() {
    let asker = Asker::new(&bounds(1, 10, 1));
    assert_eq!(asker.target(), 1);
    assert_eq!(asker.allocation.next_deadline(), None);
    // Whoever says how many executors to begin with is heard, if it is within the bounds.
    let mut wish = spec();
    wish.executors = Some(4);
    let asker = Asker::of(&bounds(1, 10, 2), &wish).unwrap();
    assert_eq!(asker.target(), 4);
}

#[test]
fn add_executors_doubles_while_tasks_wait() {
    let mut asker = Asker::new(&bounds(1, 10, 1));
    asker.submit(0, 1_000);
    assert_eq!(asker.targets(6), [2, 4, 8, 10, 10, 10]);
    assert_eq!(asker.totals, [2, 4, 8, 10]);
    assert_eq!(&*asker.reasons[0], "1000 tasks wait");
    // Those that come change nothing, nor do those that come twice.
    asker.add(0..4);
    asker.add(0..2);
    assert_eq!(asker.targets(2), [10, 10]);
}

#[test]
fn execution_allocation_ratio_is_correctly_handled() {
    for (cores, ratio, expected) in [
        (1, "0.5", 10),
        (1, "0.333333", 7),
        (2, "0.333333", 4),
        (1, "0.385", 8),
        // 20, but for the most.
        (1, "1", 15),
        // 2, but for the least.
        (4, "0.333333", 3),
    ] {
        let mut settings = bounds(3, 15, 3);
        settings
            .set("dynamicAllocation.executorAllocationRatio", ratio)
            .unwrap();
        let mut spec = spec();
        spec.executor_cores = Some(cores);
        let mut asker = Asker::of(&settings, &spec).unwrap();
        asker.submit(0, 20);
        asker.pass(10_000);
        assert_eq!(asker.target(), expected, "{cores} cores, {ratio}");
    }
}

#[test]
fn add_executors_capped_by_num_pending_tasks() {
    let mut asker = Asker::new(&bounds(0, 10, 0));
    asker.submit(0, 5);
    assert_eq!(asker.targets(4), [1, 3, 5, 5]);
    // A task that runs is wanted as much as one that waits.
    asker.submit(1, 3);
    asker.add([1]);
    asker.start(1, 0, 1);
    assert_eq!(asker.targets(3), [6, 8, 8]);
    // The same task once more is one attempt more.
    asker.submit(2, 3);
    asker.start(2, 0, 1);
    asker.start(2, 1, 1);
    assert_eq!(asker.targets(2), [9, 10]);
    asker.start(2, 0, 1);
    assert_eq!(asker.targets(1), [10]);
}

#[test]
fn add_executors_when_speculative_tasks_added() {
    let mut asker = Asker::new(&bounds(0, 10, 0));
    asker.submit(1, 2);
    asker.start(1, 0, 0);
    asker.start(1, 1, 0);
    // Nothing waits: it is left as it is.
    assert_eq!(asker.targets(2), [0, 0]);
    asker.speculate(1, 0);
    asker.speculate(1, 1);
    assert_eq!(asker.targets(4), [1, 3, 4, 4]);
    // The same wish once more, and one of a task that has not begun, is none.
    asker.speculate(1, 1);
    asker.speculate(1, 7);
    assert_eq!(asker.targets(2), [4, 4]);
    // A copy that runs is wanted as much as one that waits.
    asker.start(1, 0, 1);
    assert_eq!(asker.targets(2), [4, 4]);
}

#[test]
fn a_copy_gets_an_executor_of_its_own() {
    let mut spec = spec();
    spec.executor_cores = Some(8);
    let mut asker = Asker::of(&bounds(0, 10, 0), &spec).unwrap();
    asker.submit(0, 1);
    assert_eq!(asker.targets(2), [1, 1]);
    asker.start(0, 0, 0);
    asker.speculate(0, 0);
    assert_eq!(asker.targets(3), [2, 2, 2]);
}

#[test]
fn one_stage_being_unschedulable() {
    let mut asker = Asker::new(&settings(&[
        ("dynamicAllocation.minExecutors", "1"),
        ("dynamicAllocation.maxExecutors", "10"),
    ]));
    asker.submit(0, 2);
    assert_eq!(asker.targets(2), [2, 2]);
    asker.add([0, 1]);
    asker.start(0, 0, 0);
    let attempt = asker.start(0, 1, 1);
    asker.end(attempt, failed(FailureKind::Io));
    // It may run on neither of the two.
    asker.unschedulable(0, true);
    assert_eq!(asker.targets(2), [3, 3]);
    // It may again: the third is not wanted.
    asker.unschedulable(0, false);
    assert_eq!(asker.targets(1), [2]);
}

#[test]
fn multiple_stages_being_unschedulable() {
    let mut asker = Asker::new(&bounds(1, 10, 1));
    for stage in 0..3 {
        asker.submit(stage, 1);
    }
    asker.pass(5_000);
    assert_eq!(asker.target(), 3);
    asker.add(0..3);
    asker.unschedulable(0, true);
    asker.unschedulable(1, true);
    asker.unschedulable(1, true);
    asker.pass(5_000);
    assert_eq!(asker.target(), 5);
    asker.unschedulable(0, false);
    asker.pass(5_000);
    assert_eq!(asker.target(), 4);
}

#[test]
fn starting_canceling_add_timer() {
    let mut asker = Asker::new(&bounds(2, 10, 2));
    assert_eq!(asker.allocation.next_deadline(), None);
    asker.submit(0, 10);
    let first = asker.allocation.next_deadline();
    assert!(first.is_some());
    asker.pass(100);
    asker.submit(1, 10);
    assert_eq!(asker.allocation.next_deadline(), first);
    asker.complete(0);
    asker.complete(1);
    assert_eq!(asker.allocation.next_deadline(), None);
    asker.pass(1_000);
    asker.submit(2, 10);
    assert!(asker.allocation.next_deadline() > first);
}

#[test]
fn mock_polling_loop_with_no_events() {
    let mut asker = Asker::new(&bounds(0, 20, 0));
    asker.pass(1_000_000);
    assert_eq!((asker.target(), asker.totals.len()), (0, 0));
}

#[test]
fn mock_polling_loop_add_behavior() {
    let mut settings = bounds(0, 20, 0);
    let key = "dynamicAllocation.sustainedSchedulerBacklogTimeout";
    settings.set(key, "2s").unwrap();
    let mut asker = Asker::new(&settings);
    asker.submit(0, 1_000);
    asker.pass(500);
    assert_eq!(asker.target(), 0);
    asker.pass(1_000);
    assert_eq!(asker.target(), 1);
    asker.pass(1_000);
    assert_eq!(asker.target(), 1);
    asker.pass(2_000);
    assert_eq!(asker.target(), 1 + 2);
    asker.pass(2_000);
    assert_eq!(asker.target(), 1 + 2 + 4);
    // All of them run at once: nothing waits.
    let attempts: Vec<_> = (0..1_000)
        .map(|partition| asker.start(0, partition, 0))
        .collect();
    asker.pass(4_000);
    assert_eq!(asker.target(), 7);
    // All of them fail: the steps begin anew.
    for attempt in attempts {
        asker.end(attempt, failed(FailureKind::Io));
    }
    asker.pass(1_000);
    assert_eq!(asker.target(), 7 + 1);
    asker.pass(2_000);
    assert_eq!(asker.target(), 7 + 1 + 2);
    asker.pass(2_000);
    assert_eq!(asker.target(), 7 + 1 + 2 + 4);
    asker.pass(2_000);
    assert_eq!(asker.target(), 20);
}

#[test]
fn listeners_trigger_add_executors_correctly() {
    let mut asker = Asker::new(&bounds(2, 10, 2));
    asker.submit(0, 10);
    for partition in 1..10 {
        asker.start(0, partition, 0);
        assert!(asker.allocation.next_deadline().is_some());
    }
    asker.start(0, 0, 0);
    assert_eq!(asker.allocation.next_deadline(), None);
    asker.submit(1, 10);
    asker.submit(2, 10);
    for partition in 0..10 {
        asker.start(1, partition, 0);
    }
    assert!(asker.allocation.next_deadline().is_some());
    for partition in 0..10 {
        asker.start(2, partition, 0);
    }
    assert_eq!(asker.allocation.next_deadline(), None);
}

#[test]
fn avoid_ramp_up_when_target_is_below_running_executors() {
    let mut asker = Asker::new(&bounds(0, 100_000, 0));
    asker.submit(0, 1_000);
    assert_eq!(asker.targets(4), [1, 3, 7, 15]);
    asker.add(0..15);
    asker.complete(0);
    asker.pass(1_000);
    assert_eq!(asker.target(), 0);
    asker.submit(1, 1_000);
    assert_eq!(asker.targets(1), [16]);
}

#[test]
fn max_num_executors_needed_should_properly_handle_failed_tasks() {
    let mut asker = Asker::new(&bounds(0, 10, 0));
    asker.submit(0, 1);
    assert_eq!(asker.targets(1), [1]);
    let attempt = asker.start(0, 0, 0);
    assert_eq!(asker.targets(1), [1]);
    asker.end(attempt, failed(FailureKind::Panicked));
    assert_eq!(asker.targets(2), [1, 1]);
}

#[test]
fn properly_handle_task_end_events_from_completed_stages() {
    let mut asker = Asker::new(&bounds(0, 10, 0));
    asker.submit(0, 5);
    let one = asker.start(0, 0, 1);
    let other = asker.start(0, 1, 1);
    assert_eq!(asker.targets(3), [1, 3, 5]);
    asker.complete(0);
    // What runs of it runs on, and takes its place.
    assert_eq!(asker.targets(1), [2]);
    asker.succeed(one);
    asker.end(other, failed(FailureKind::Killed));
    assert_eq!(asker.targets(1), [0]);
    // Once more, and one that nobody has heard of.
    asker.succeed(one);
    asker.succeed(999);
    assert_eq!(asker.targets(1), [0]);
}

#[test]
fn the_next_attempt_at_a_stage_wants_what_it_runs() {
    let mut asker = Asker::new(&bounds(0, 10, 0));
    asker.submit(0, 8);
    let attempts: Vec<_> = (0..8)
        .map(|partition| asker.start(0, partition, 0))
        .collect();
    asker.complete_attempt(0, 0);
    asker.submit_attempt(0, 1, 8, None);
    // A success of the first attempt is one of the second: nobody waits for it any more.
    for attempt in attempts {
        asker.succeed(attempt);
    }
    assert_eq!(asker.targets(2), [0, 0]);
    assert_eq!(asker.allocation.next_deadline(), None);
}

#[test]
fn executors_of_unknown_size_count_as_those_that_are_there() {
    let mut spec = spec();
    spec.executor_cores = None;
    let mut asker = Asker::of(&bounds(0, 100, 0), &spec).unwrap();
    asker.submit(0, 64);
    assert_eq!(asker.targets(1), [1]);
    // 64 tasks on executors of 16 cores: 4.
    asker.add_with(0, 16);
    assert_eq!(asker.targets(3), [3, 4, 4]);
}

#[test]
fn absurd_numbers_are_no_trouble() {
    let mut settings = settings(&[("dynamicAllocation.schedulerBacklogTimeout", "1us")]);
    let mut asker = Asker::new(&settings);
    asker.submit(u32::MAX, u32::MAX);
    asker.submit(0, u32::MAX);
    asker.start(0, u32::MAX, u32::MAX);
    asker.start(0, 3, u32::MAX);
    asker.pass(1);
    assert_eq!(asker.target(), u32::MAX);
    settings
        .set("dynamicAllocation.executorIdleTimeout", "106751991d")
        .unwrap();
    let mut asker = Asker::new(&settings);
    asker.add_with(u32::MAX, u32::MAX);
    asker.add_with(1, 0);
    asker.end(0, Outcome::Succeeded);
    asker.pass(1_000);
    assert_eq!(asker.killed(), []);
}
