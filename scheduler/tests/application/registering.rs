//! Executors register, and come back after a broken connection.

use scheduler::message::ToExecutor;
use scheduler::{AttemptId, KillReason, Settings};

use crate::asker::settings;
use crate::site::Site;

#[test]
fn an_executor_that_was_ordered_is_taken_in() {
    let mut site = Site::new(&Settings::default());
    site.order(1, 2);
    site.submit(0, 3);
    assert_eq!(site.said_to(1), []);
    site.register(1, &[]);
    let said = site.said_to(1);
    assert!(matches!(said[0], ToExecutor::RegisteredExecutor { .. }));
    // It says that it has 64 cores; the master gave it 2.
    assert!(matches!(&said[1..], [ToExecutor::LaunchTasks(tasks)] if tasks.len() == 2));
}

#[test]
fn an_executor_may_be_faster_than_the_masters_word_about_it() {
    let mut site = Site::new(&Settings::default());
    site.register(1, &[]);
    assert_eq!(site.said_to(1), []);
    site.pass(1_000);
    site.order(1, 1);
    assert!(site.accepted(1));
    site.pass(60_000);
    assert_eq!(site.refused(1), None);
}

#[test]
fn an_executor_that_nobody_knows_is_refused() {
    let mut site = Site::new(&Settings::default());
    site.register(1, &[]);
    site.pass(10_000);
    assert_eq!(
        site.refused(1).unwrap(),
        "the master has not told of executor-1"
    );
    // One whose connection breaks meanwhile is forgotten.
    site.register(2, &[]);
    site.disconnect(2);
    site.pass(10_000);
    assert_eq!(site.said_to(2), []);
}

#[test]
fn a_second_executor_of_the_same_number_is_refused() {
    let mut site = Site::new(&Settings::default());
    site.add(1, 1);
    site.register_from("elsewhere:1".into(), 1, &[]);
    assert_eq!(
        site.refused_at(&"elsewhere:1".into()).unwrap(),
        "executor-1 is registered already, from executor1:1"
    );
    // Also while the first one is silent: a process that starts again has another number.
    site.disconnect(1);
    site.register_from("elsewhere:1".into(), 1, &[]);
    assert!(site.refused_at(&"elsewhere:1".into()).is_some());
    site.said.clear();
    site.register(1, &[]);
    assert!(site.accepted(1));
}

#[test]
fn one_process_is_not_two_executors() {
    let mut site = Site::new(&Settings::default());
    site.add(1, 1);
    site.order(2, 1);
    site.register_from(site.address(1), 2, &[]);
    assert_eq!(
        site.refused(1).unwrap(),
        "executor1:1 is registered as executor-1"
    );
}

#[test]
fn who_comes_back_goes_on_where_it_was() {
    let mut site = Site::new(&Settings::default());
    site.add(1, 2);
    site.submit(0, 3);
    assert_eq!(site.launched(1), [[0, 1]]);
    site.disconnect(1);
    site.pass(1_000);
    site.register(1, &[0, 1]);
    assert!(site.accepted(1));
    site.succeed(1, 0);
    site.succeed(1, 1);
    assert_eq!(site.launched(1), [[2]]);
    site.succeed(1, 2);
    assert!(site.finished(0));
    assert_eq!(site.lost(), []);
}

#[test]
fn what_it_does_not_run_when_it_comes_back_is_lost() {
    let mut site = Site::new(&settings(&[("task.maxFailures", "1")]));
    site.add(1, 2);
    site.submit(0, 2);
    assert_eq!(site.launched(1), [[0, 1]]);
    site.disconnect(1);
    // The launch of one of them got lost with the connection, or its end did.
    site.register(1, &[1]);
    // That is no fault of the task, so the job goes on.
    assert_eq!(site.failure(0), None);
    let said = site.said_to(1);
    let (attempt, reason) = (AttemptId(0), KillReason::JobEnded);
    assert_eq!(said[1], ToExecutor::KillTask { attempt, reason });
    assert!(matches!(&said[2..], [ToExecutor::LaunchTasks(tasks)] if tasks.len() == 1));
    // What it says of the lost one all the same counts no more.
    site.succeed(1, 0);
    site.succeed(1, 1);
    assert!(!site.finished(0));
    site.succeed(1, 2);
    assert!(site.finished(0));
}

#[test]
fn what_nobody_knows_of_is_killed_when_it_comes_back() {
    let mut site = Site::new(&Settings::default());
    site.add(1, 2);
    site.disconnect(1);
    site.said.clear();
    site.register(1, &[77, 78]);
    let killed = |attempt| ToExecutor::KillTask {
        attempt: AttemptId(attempt),
        reason: KillReason::JobEnded,
    };
    assert_eq!(site.said_to(1)[1..], [killed(77), killed(78)]);
}

#[test]
fn a_kill_is_said_again_when_it_comes_back() {
    let mut site = Site::new(&Settings::default());
    site.add(1, 1);
    site.submit(0, 1);
    site.disconnect(1);
    site.program(scheduler::Input::JobCancelled {
        job: scheduler::JobId(0),
        reason: "enough".into(),
    });
    site.said.clear();
    site.register(1, &[0]);
    let (attempt, reason) = (AttemptId(0), KillReason::JobEnded);
    assert_eq!(
        site.said_to(1)[1..],
        [ToExecutor::KillTask { attempt, reason }]
    );
}

#[test]
fn tasks_are_not_rescheduled_while_executor_loss_reason_is_pending() {
    let mut site = Site::new(&Settings::default());
    site.add(1, 1);
    site.submit(0, 2);
    assert_eq!(site.launched(1), [[0]]);
    site.disconnect(1);
    site.add(2, 1);
    // Only the task that nobody runs goes to the other executor.
    assert_eq!(site.launched(2), [[1]]);
    site.succeed(2, 1);
    assert_eq!(site.launched(2), [[0; 0]; 0]);
    // Now it is known what became of it.
    site.executor_ended(1, false);
    assert_eq!(site.launched(2), [[2]]);
    assert_eq!(site.lost(), [(1, "its process ended".to_owned())]);
}

#[test]
fn no_task_is_given_to_an_executor_without_a_connection() {
    let mut site = Site::new(&Settings::default());
    site.add(1, 2);
    site.disconnect(1);
    site.said.clear();
    site.submit(0, 2);
    assert_eq!(site.said_to(1), []);
    site.register(1, &[]);
    assert_eq!(site.launched(1), [[0, 1]]);
}

#[test]
fn who_does_not_come_back_in_good_time_is_lost() {
    let mut site = Site::new(&Settings::default());
    site.add(1, 1);
    site.submit(0, 1);
    site.said.clear();
    site.disconnect(1);
    site.pass(4_999);
    assert_eq!(site.lost(), []);
    site.pass(1);
    assert_eq!(
        site.lost(),
        [(
            1,
            "its connection broke, and it did not come back within 5s".to_owned()
        )]
    );
    assert_eq!(site.killed(), [1]);
    site.register(1, &[0]);
    assert!(
        site.refused(1)
            .unwrap()
            .starts_with("executor-1 was given up: ")
    );
}
