//! A worker and its masters: found, lost, changed.

use std::time::Duration;

use scheduler::message::ToWorker;
use scheduler::worker::Input;
use scheduler::{Time, worker};

use crate::host::{Machine, driver, executor, launch, registered_worker};

const REGISTER_WITH_ALL: [&str; 2] = [
    "a:7077 < register worker-0000000000000007",
    "b:7077 < register worker-0000000000000007",
];

#[test]
fn a_worker_registers_with_all_masters_and_tells_the_leader_what_it_runs() {
    let mut machine = Machine::new(&[]);
    assert_eq!(machine.give(Input::Started), REGISTER_WITH_ALL);
    assert!(machine.hear(2, ToWorker::MasterInStandby).is_empty());
    assert_eq!(machine.hear(1, registered_worker()), ["a:7077 < state []"]);
    assert_eq!(machine.worker.master(), Some(&"a:7077".into()));
}

#[test]
fn registration_is_tried_sixteen_times_more_and_less_often_later() {
    let mut machine = Machine::new(&[]);
    machine.give(Input::Started);
    for retry in 0..16 {
        let (waited, lines) = machine.wait();
        assert_eq!(lines, REGISTER_WITH_ALL);
        let (least, most) = if retry < 6 { (5, 15) } else { (30, 90) };
        assert!(
            waited >= Duration::from_secs(least) && waited <= Duration::from_secs(most),
            "{retry}: {waited:?}"
        );
    }
    let (_, lines) = machine.wait();
    assert_eq!(
        lines,
        ["exit: no master at a:7077, b:7077 has taken the worker in after 16 retries"]
    );
    assert_eq!(machine.worker.next_deadline(), None);
    assert!(machine.hear(1, registered_worker()).is_empty());
}

#[test]
fn workers_do_not_retry_all_at_once() {
    let first_retry = |seed| {
        let info = Machine::new(&[]).worker.info().clone();
        let mut worker = worker::Worker::new(
            info,
            crate::host::masters(),
            &crate::host::settings(&[]),
            seed,
        );
        worker.handle(Time::START, Input::Started, &mut worker::Outbox::default());
        worker.next_deadline()
    };
    assert_eq!(first_retry(1), first_retry(1));
    assert_ne!(first_retry(1), first_retry(2));
}

#[test]
fn a_worker_that_is_refused_ends() {
    let mut machine = Machine::new(&[]);
    machine.give(Input::Started);
    let reason = "its id is taken".into();
    assert_eq!(
        machine.hear(1, ToWorker::RegisterWorkerFailed { reason }),
        ["exit: the master refused the worker: its id is taken"]
    );
}

#[test]
fn a_worker_that_was_registered_before_is_not_ended_by_a_refusal() {
    let mut machine = Machine::registered(&[]);
    let reason = "its id is taken".into();
    assert!(
        machine
            .hear(1, ToWorker::RegisterWorkerFailed { reason })
            .is_empty()
    );
    assert_eq!(
        machine.refusals(),
        ["not to be registered: it was registered before (its id is taken)"]
    );
}

#[test]
fn heartbeats_are_four_to_a_timeout() {
    let mut machine = Machine::registered(&[("worker.timeout", "20s")]);
    for _ in 0..3 {
        let (waited, lines) = machine.wait();
        assert_eq!(waited, Duration::from_secs(5));
        assert_eq!(lines, ["a:7077 < heartbeat"]);
    }
}

#[test]
fn a_worker_that_the_leader_does_not_know_registers_again_once() {
    let mut machine = Machine::registered(&[]);
    machine.launch(0, 2);
    let reconnect = ToWorker::ReconnectWorker {
        master: "a:7077".into(),
    };
    assert_eq!(machine.hear(1, reconnect.clone()), REGISTER_WITH_ALL);
    assert!(machine.hear(1, reconnect).is_empty());
    assert_eq!(
        machine.hear(1, registered_worker()),
        ["a:7077 < state [app-1-0000/0 with 2]"]
    );
}

#[test]
fn executors_go_on_while_no_master_can_be_reached() {
    let mut machine = Machine::registered(&[]);
    machine.launch(0, 2);
    machine.started(executor(0));
    assert_eq!(machine.lose("a:7077"), REGISTER_WITH_ALL);
    assert!(machine.lose("a:7077").is_empty());
    let lines = machine.run(Duration::from_secs(300));
    assert!(
        lines.iter().all(|line| line.contains("register")),
        "{lines:?}"
    );
    assert_eq!(machine.worker.executors().count(), 1);
    assert_eq!(
        machine.hear(1, registered_worker()),
        ["a:7077 < state [app-1-0000/0 with 2]"]
    );
}

#[test]
fn the_loss_of_a_standby_is_nothing_to_a_worker() {
    let mut machine = Machine::registered(&[]);
    assert!(machine.lose("b:7077").is_empty());
    assert_eq!(machine.worker.master(), Some(&"a:7077".into()));
}

#[test]
fn a_leader_that_stands_by_now_is_left() {
    let mut machine = Machine::registered(&[]);
    assert_eq!(
        machine.hear(1, ToWorker::MasterInStandby),
        REGISTER_WITH_ALL
    );
}

#[test]
fn a_new_leader_is_told_what_runs() {
    let mut machine = Machine::registered(&[]);
    machine.launch(0, 2);
    machine.launch_driver(0, 1, false);
    let changed = ToWorker::MasterChanged {
        master: "b:7077".into(),
    };
    assert_eq!(
        machine.hear(2, changed),
        ["b:7077 < state for the new leader [app-1-0000/0 with 2, driver-1-0000]"]
    );
    assert_eq!(machine.wait().1, ["b:7077 < heartbeat"]);
}

#[test]
fn a_new_leader_that_means_an_earlier_life_is_offered_this_one() {
    let mut machine = Machine::new(&[]);
    machine.give(Input::Started);
    let master = "b:7077".into();
    assert_eq!(
        machine.hear(2, ToWorker::MasterChanged { master }),
        ["b:7077 < register worker-0000000000000007"]
    );
}

#[test]
fn a_deposed_leader_is_not_obeyed() {
    let mut machine = Machine::registered(&[]);
    machine.launch(0, 2);
    let master = "b:7077".into();
    machine.hear(2, ToWorker::MasterChanged { master });
    machine.refusals();
    for order in [
        launch(executor(1), 1),
        ToWorker::KillExecutor(executor(0)),
        ToWorker::KillDriver(driver(0)),
        ToWorker::ApplicationFinished(executor(0).application),
        ToWorker::DecommissionWorker,
        registered_worker(),
        ToWorker::ReconnectWorker {
            master: "a:7077".into(),
        },
    ] {
        assert!(machine.hear(1, order).is_empty());
    }
    let refusals = machine.refusals();
    assert_eq!(refusals.len(), 7);
    assert_eq!(
        refusals[0],
        "to launch app-1-0000/1: epoch-1 of a:7077 is over, epoch-2 has begun"
    );
    assert_eq!(machine.worker.executors().count(), 1);
}

#[test]
fn a_second_master_of_the_same_epoch_is_not_obeyed() {
    let mut machine = Machine::registered(&[]);
    let order = Input::Received {
        from: "b:7077".into(),
        epoch: scheduler::Epoch(1),
        message: launch(executor(0), 1),
    };
    assert!(machine.give(order).is_empty());
    assert_eq!(
        machine.refusals(),
        ["to launch app-1-0000/0: epoch-1 is that of a:7077, not of b:7077"]
    );
}

#[test]
fn a_leader_that_orders_without_a_word_before_is_obeyed_and_registered_with() {
    let mut machine = Machine::registered(&[]);
    let mut expected = vec!["start app-1-0000/0 with 1"];
    expected.extend(REGISTER_WITH_ALL);
    assert_eq!(machine.hear(2, launch(executor(0), 1)), expected);
    assert_eq!(
        machine.started(executor(0)),
        ["b:7077 < app-1-0000/0 Running"]
    );
}

#[test]
fn an_end_that_may_not_have_been_heard_is_told_again_before_what_runs() {
    let mut machine = Machine::registered(&[]);
    machine.launch(0, 2);
    machine.launch(1, 2);
    let end = "a:7077 < app-1-0000/0 Exited with 1: it ended";
    assert_eq!(machine.ended(executor(0), Some(1))[0], end);
    machine.lose("a:7077");
    // Meanwhile another one ends, which nobody can be told.
    assert_eq!(
        machine.ended(executor(1), Some(0)),
        ["remove scratch of app-1-0000/1"]
    );
    assert_eq!(
        machine.hear(1, registered_worker()),
        [
            end,
            "a:7077 < app-1-0000/1 Exited with 0: it ended",
            "a:7077 < state []"
        ]
    );
    // On this connection they were told.
    assert_eq!(machine.hear(1, registered_worker()), ["a:7077 < state []"]);
}

#[test]
fn an_end_that_was_heard_long_ago_is_not_told_again() {
    let mut machine = Machine::registered(&[]);
    machine.launch(0, 2);
    machine.ended(executor(0), Some(1));
    machine.run(Duration::from_secs(121));
    machine.lose("a:7077");
    assert_eq!(machine.hear(1, registered_worker()), ["a:7077 < state []"]);
}

#[test]
fn a_driver_that_finished_while_the_leader_changed_is_not_taken_for_lost() {
    let mut machine = Machine::registered(&[]);
    machine.launch_driver(0, 1, true);
    let end = "driver-1-0000 Finished: it ended";
    assert_eq!(
        machine.driver_ended(0, Some(0)),
        [format!("a:7077 < {end}")]
    );
    let master = "b:7077".into();
    assert_eq!(
        machine.hear(2, ToWorker::MasterChanged { master }),
        [
            format!("b:7077 < {end}"),
            "b:7077 < state for the new leader []".into()
        ]
    );
}
