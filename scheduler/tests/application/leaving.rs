//! Executors go: they end, are decommissioned, are given back; and the application ends.

use scheduler::message::{ExecutorState, ToApplication, ToDriver, ToExecutor, ToMaster};
use scheduler::{ExecutorId, Input as Told, Settings, WorkerId};

use crate::asker::bounds;
use crate::site::{APPLICATION, Site};

#[test]
fn a_lost_executors_tasks_are_run_elsewhere() {
    let mut site = Site::new(&Settings::default());
    site.add(1, 2);
    site.submit(0, 2);
    site.executor_ended(1, false);
    site.add(2, 2);
    assert_eq!(site.launched(2), [[2, 3]]);
    // Its number never comes back.
    site.order(1, 4);
    site.register(1, &[]);
    assert!(site.refused(1).is_some());
}

#[test]
fn shuffle_files_outlive_their_executor_but_not_their_worker() {
    let mut site = Site::new(&Settings::default());
    site.order_on(1, 7, 1);
    site.register(1, &[]);
    site.submit_shuffled(0, 1, 1);
    site.succeed(1, 0);
    assert_eq!(site.launched(1), [[0], [1]]);
    site.executor_ended(1, false);
    site.order_on(2, 8, 1);
    site.register(2, &[]);
    // The reduce task goes on with what the first executor wrote.
    assert_eq!(site.launched(2), [[2]]);
    site.succeed(2, 2);
    assert!(site.finished(0));

    site.submit_shuffled(1, 1, 1);
    site.succeed(2, 3);
    assert_eq!(site.launched(2), [[3], [4]]);
    site.order_on(3, 9, 1);
    site.register(3, &[]);
    site.said.clear();
    site.master(ToApplication::WorkerRemoved {
        worker: WorkerId(8),
        host: "host8".into(),
        reason: "its machine is down".into(),
    });
    assert_eq!(site.lost().last().unwrap().1, "its machine is down");
    // The map task is computed again first, at the latest when its output cannot be read.
    assert_eq!(site.launched(3).len(), 1);
}

#[test]
fn an_executor_that_ended_before_it_registered_is_refused() {
    let mut site = Site::new(&Settings::default());
    site.order(1, 1);
    site.executor_ended(1, false);
    site.register(1, &[]);
    assert!(site.refused(1).is_some());
    // Also if its order comes after its end.
    site.executor_ended(2, false);
    site.order(2, 1);
    site.register(2, &[]);
    assert!(site.refused(2).is_some());
}

#[test]
fn an_idle_executor_that_is_decommissioned_is_stopped() {
    let mut site = Site::new(&Settings::default());
    site.add(1, 1);
    site.said.clear();
    site.master(ToApplication::ExecutorUpdated {
        executor: ExecutorId(1),
        state: ExecutorState::Decommissioned,
        reason: None,
        exit_code: None,
        worker_lost: false,
    });
    assert_eq!(
        site.said_to(1),
        [ToExecutor::DecommissionExecutor, ToExecutor::StopExecutor]
    );
    assert_eq!(site.killed(), [1]);
    assert_eq!(
        site.lost()[0].1,
        "it was decommissioned (its worker is about to go) and is idle"
    );
}

#[test]
fn a_busy_executor_that_is_decommissioned_ends_its_tasks_first() {
    let mut site = Site::new(&Settings::default());
    site.add(1, 2);
    site.submit(0, 2);
    site.said.clear();
    site.hear(1, ToDriver::ExecutorDecommissioning(ExecutorId(1)));
    assert_eq!(site.lost(), []);
    site.succeed(1, 0);
    assert_eq!(site.lost(), []);
    site.succeed(1, 1);
    assert_eq!(site.lost().len(), 1);
    assert!(site.finished(0));
}

#[test]
fn initialize_dynamic_allocation_in_the_application() {
    let mut settings = bounds(2, 5, 3);
    settings.set("dynamicAllocation.enabled", "true").unwrap();
    let mut site = Site::unknown(&settings);
    let said = site.said_to_master();
    let [ToMaster::RegisterApplication(spec)] = said.as_slice() else {
        panic!("{said:?}")
    };
    assert_eq!(spec.executors, Some(3));
    // A job of two tasks needs less.
    site.master(ToApplication::RegisteredApplication {
        application: APPLICATION,
        master: "master:1".into(),
    });
    site.said.clear();
    site.submit(0, 2);
    site.pass(1_000);
    assert_eq!(site.totals(), [2]);
}

#[test]
fn idle_executors_are_given_back_and_the_total_stays() {
    let mut settings = bounds(1, 5, 2);
    settings.set("dynamicAllocation.enabled", "true").unwrap();
    let mut site = Site::new(&settings);
    site.add(1, 1);
    site.add(2, 1);
    site.submit(0, 2);
    site.succeed(1, 0);
    site.succeed(2, 1);
    site.said.clear();
    for _ in 0..5 {
        site.pass(10_000);
        site.heartbeat(1);
        site.heartbeat(2);
    }
    assert_eq!(site.totals(), [1]);
    site.said.clear();
    site.pass(11_000);
    assert_eq!(site.said_to(1), [ToExecutor::StopExecutor]);
    let said = site.said_to_master();
    let (application, executors) = (APPLICATION, vec![ExecutorId(1)]);
    assert_eq!(
        said,
        [ToMaster::KillExecutors {
            application,
            executors
        }]
    );
    assert_eq!(
        site.lost(),
        [(
            1,
            "idle for longer than the settings allow, 1 are left".to_owned()
        )]
    );
    // Its end is no news.
    site.disconnect(1);
    site.executor_ended(1, false);
    assert_eq!(site.lost().len(), 1);
}

#[test]
fn a_total_that_falls_is_asked_for_and_executors_beyond_it_are_taken() {
    let mut settings = bounds(0, 8, 3);
    settings.set("dynamicAllocation.enabled", "true").unwrap();
    let mut site = Site::new(&settings);
    site.order(1, 1);
    site.order(2, 1);
    site.submit(0, 1);
    site.pass(1_000);
    assert_eq!(site.totals(), [1]);
    // Both were ordered while more was wanted, and come.
    site.register(1, &[]);
    site.register(2, &[]);
    let runs = 1 + u32::from(site.launched(1).is_empty());
    site.succeed(runs, 0);
    assert!(site.finished(0));
    site.pass(1_000);
    assert_eq!(site.totals(), [0]);
    for _ in 0..7 {
        site.pass(10_000);
        site.heartbeat(1);
        site.heartbeat(2);
    }
    let mut killed = site.killed();
    killed.sort_unstable();
    assert_eq!(killed, [1, 2]);
}

#[test]
fn more_executors_are_asked_for_while_tasks_wait() {
    let mut settings = bounds(0, 5, 0);
    settings.set("dynamicAllocation.enabled", "true").unwrap();
    let mut site = Site::new(&settings);
    site.submit(0, 100);
    site.pass(4_000);
    assert_eq!(site.totals(), [1, 3, 5]);
}

#[test]
fn the_application_ends_and_lets_its_executors_go() {
    let mut site = Site::new(&Settings::default());
    site.add(1, 1);
    site.add(2, 1);
    site.submit(0, 1);
    site.said.clear();
    site.program(Told::ApplicationEnded);
    for executor in [1, 2] {
        assert!(site.said_to(executor).contains(&ToExecutor::StopExecutor));
    }
    assert!(
        site.said_to_master()
            .contains(&ToMaster::UnregisterApplication(APPLICATION))
    );
    assert_eq!(
        site.failure(0).unwrap(),
        "job-0 `collect` at main.rs:2 was cancelled: the application has ended"
    );
    assert_eq!(site.exit.as_deref(), Some("the application has ended"));
    assert_eq!(site.application.next_deadline(), None);
    // Whoever comes late is sent away.
    site.exit = None;
    site.register(3, &[]);
    assert_eq!(site.refused(3).unwrap(), "the application has ended");
    site.program(Told::ApplicationEnded);
    assert_eq!(site.exit, None);
}
