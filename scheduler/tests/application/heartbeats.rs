//! Executors show that they live (Spark: `HeartbeatReceiverSuite`).

use scheduler::message::ToExecutor;
use scheduler::{Input as Told, Settings};

use crate::asker::{bounds, settings};
use crate::site::Site;

/// What the executor was answered to its heartbeat.
fn answered(site: &mut Site, executor: u32) -> Vec<bool> {
    let said = site.said_to(executor).into_iter();
    let answers = said.filter_map(|message| match message {
        ToExecutor::HeartbeatResponse { register_again } => Some(register_again),
        _ => None,
    });
    answers.collect()
}

#[test]
fn normal_heartbeat() {
    let mut site = Site::new(&Settings::default());
    site.add(1, 1);
    site.add(2, 1);
    for executor in [1, 2] {
        site.heartbeat(executor);
        assert_eq!(answered(&mut site, executor), [false]);
    }
}

#[test]
fn the_executor_is_told_how_often_it_is_to_send_heartbeats() {
    let mut site = Site::new(&settings(&[("spark.executor.heartbeatInterval", "3s")]));
    site.add(1, 1);
    let heartbeat_interval = std::time::Duration::from_secs(3);
    assert_eq!(
        site.said_to(1),
        [ToExecutor::RegisteredExecutor { heartbeat_interval }]
    );
}

#[test]
fn reregister_if_the_application_has_not_begun() {
    let mut site = Site::unborn(&Settings::default());
    site.heartbeat(1);
    assert_eq!(answered(&mut site, 1), [true]);
}

#[test]
fn reregister_if_heartbeat_from_unregistered_executor() {
    let mut site = Site::new(&Settings::default());
    site.heartbeat(1);
    assert_eq!(answered(&mut site, 1), [true]);
    // To be ordered is not to be registered.
    site.order(1, 1);
    site.heartbeat(1);
    assert_eq!(answered(&mut site, 1), [true]);
    // Nor is it if somebody else says so.
    site.register(1, &[]);
    site.heartbeat(1);
    assert_eq!(answered(&mut site, 1), [false]);
    let stranger = "stranger:1".into();
    site.hear_from(
        stranger,
        scheduler::message::ToDriver::Heartbeat {
            executor: scheduler::ExecutorId(1),
            running: Vec::new(),
        },
    );
    let stranger = "stranger:1".into();
    assert_eq!(
        site.said_at(&stranger),
        [ToExecutor::HeartbeatResponse {
            register_again: true
        }]
    );
}

#[test]
fn reregister_if_heartbeat_from_removed_executor() {
    let mut site = Site::new(&Settings::default());
    site.add(1, 1);
    site.add(2, 1);
    site.executor_ended(2, false);
    site.heartbeat(1);
    site.heartbeat(2);
    assert_eq!(answered(&mut site, 1), [false]);
    assert_eq!(answered(&mut site, 2), [true]);
    // It does, and learns that it is no longer wanted.
    site.register(2, &[]);
    assert_eq!(
        site.refused(2).unwrap(),
        "executor-2 was given up: its process ended"
    );
}

#[test]
fn do_not_reregister_when_the_application_is_over() {
    let mut site = Site::new(&Settings::default());
    site.add(1, 1);
    site.program(Told::ApplicationEnded);
    site.exit = None;
    site.heartbeat(1);
    assert_eq!(answered(&mut site, 1), [false]);
}

#[test]
fn expire_dead_hosts() {
    let mut site = Site::new(&Settings::default());
    site.add(1, 1);
    site.add(2, 1);
    site.submit(0, 2);
    assert_eq!(site.launched(1), [[0]]);
    assert_eq!(site.launched(2), [[1]]);
    for _ in 0..11 {
        site.pass(10_000);
        site.heartbeat(1);
        assert_eq!(site.lost(), []);
    }
    site.pass(10_000);
    assert_eq!(
        site.lost(),
        [(
            2,
            "it was silent for 120s, longer than `network.timeout`".to_owned()
        )]
    );
    // Its task waits for the executor that lives.
    site.succeed(1, 0);
    assert_eq!(site.launched(1), [[2]]);
    site.succeed(1, 2);
    assert!(site.finished(0));
}

#[test]
fn expire_dead_hosts_should_kill_executors_with_replacement() {
    let mut settings = bounds(2, 4, 2);
    settings.set("dynamicAllocation.enabled", "true").unwrap();
    let mut site = Site::new(&settings);
    site.add(1, 1);
    site.add(2, 1);
    site.said.clear();
    for _ in 0..18 {
        site.pass(10_000);
        site.heartbeat(1);
    }
    assert_eq!(site.said_to(2).last(), Some(&ToExecutor::StopExecutor));
    let said = site.said.clone();
    assert_eq!(site.killed(), [2]);
    // As many as before are wanted: the master may give another one.
    site.said = said;
    assert!(site.totals().iter().all(|total| *total == 2));
}

#[test]
fn any_word_of_an_executor_shows_that_it_lives() {
    let mut site = Site::new(&Settings::default());
    site.add(1, 1);
    site.submit(0, 30);
    for attempt in 0..30 {
        site.pass(100_000);
        site.succeed(1, attempt);
    }
    assert_eq!(site.lost(), []);
    assert!(site.finished(0));
}

#[test]
fn who_is_silent_is_looked_for_now_and_then_only() {
    let mut site = Site::new(&settings(&[
        ("network.timeout", "10s"),
        ("network.timeoutInterval", "60s"),
    ]));
    site.add(1, 1);
    site.pass(59_999);
    assert_eq!(site.lost(), []);
    site.pass(1);
    assert_eq!(site.lost().len(), 1);
    // Nobody is left to look for.
    assert_eq!(site.application.next_deadline(), None);
}
