//! Executors and the applications that they belong to.

use scheduler::cluster::EventKind;
use scheduler::message::{
    ApplicationSpec, ApplicationState, ToApplication, ToMaster, ToSubmitter, ToWorker,
};

use crate::world::{GIB, World, address, application};

fn one(number: u64) -> ApplicationSpec {
    ApplicationSpec {
        executor_cores: Some(1),
        executors: Some(1),
        ..application(number, GIB)
    }
}

#[test]
fn an_application_registered_twice_is_one() {
    let mut world = World::new(&[]);
    world.add_worker(1, 8, 8 * GIB);
    let first = world.run(one(1));
    assert_eq!(world.run(one(1)), first);
    assert_eq!(world.master().applications().count(), 1);
    let answers = world.told_driver(1);
    let answers = answers
        .iter()
        .filter(|m| matches!(m, ToApplication::RegisteredApplication { .. }));
    assert_eq!(answers.count(), 2);
}

#[test]
fn an_application_that_has_ended_is_not_taken_in_again() {
    let mut world = World::new(&[]);
    let id = world.run(one(1));
    world.disconnect(&address("driver", 1));
    assert_eq!(world.add_application(one(1)), None);
    let told = world.told_driver(1);
    let reason = format!("{id} has ended: its driver is disconnected").into();
    assert_eq!(
        told.last(),
        Some(&ToApplication::RegisterApplicationFailed { reason })
    );
}

#[test]
fn a_second_application_of_one_driver_waits_for_the_first_to_end() {
    let mut world = World::new(&[]);
    let first = world.run(one(1));
    let second = ApplicationSpec {
        key: scheduler::SubmissionKey(99),
        ..one(1)
    };
    assert_eq!(world.add_application(second.clone()), None);
    world.say(
        &address("driver", 1),
        ToMaster::UnregisterApplication(first),
    );
    assert!(world.add_application(second).is_some());
}

#[test]
fn an_executor_that_ends_is_replaced() {
    let mut world = World::new(&[]);
    world.add_worker(1, 8, 8 * GIB);
    let id = world.run(one(1));
    let name = world.view(id).executors[0].name;
    world.exit(name, Some(0));
    assert_eq!(world.executors(id), [1]);
}

#[test]
fn failures_count_only_in_a_row_and_while_none_runs() {
    let mut world = World::new(&[("deploy.maxExecutorRetries", "3")]);
    world.add_worker(1, 8, 8 * GIB);
    let id = world.run(ApplicationSpec {
        executors: Some(2),
        ..one(1)
    });
    for _ in 0..6 {
        // Another one runs, and each new one that begins sets the count back.
        let newest = world.view(id).executors.last().unwrap().name;
        world.exit(newest, Some(1));
    }
    assert_eq!(world.executors(id).len(), 2);
}

/// Some run, so it stays; but what fails at once is not tried again at once for ever.
#[test]
fn executors_that_fail_while_others_run_are_tried_again_after_a_while() {
    let mut world = World::new(&[]);
    world.add_worker(1, 8, 8 * GIB);
    let id = world.run(one(1));
    world.launches_fail = true;
    world.request(id, 2);
    let launched =
        |world: &World| world.happened(|kind| matches!(kind, EventKind::ExecutorLaunched { .. }));
    assert_eq!(launched(&world), 11);
    world.sleep(std::time::Duration::from_secs(1));
    assert_eq!(
        world.waits_because(1).as_deref(),
        Some("its last 10 executors failed, another is tried soon")
    );
    world.sleep(std::time::Duration::from_secs(20));
    assert_eq!(launched(&world), 13);
    world.launches_fail = false;
    world.sleep(std::time::Duration::from_secs(10));
    assert_eq!(world.executors(id).len(), 2);
}

#[test]
fn an_exit_without_error_does_not_count_as_a_failure() {
    let mut world = World::new(&[("deploy.maxExecutorRetries", "1")]);
    world.add_worker(1, 8, 8 * GIB);
    let id = world.run(one(1));
    let name = world.view(id).executors[0].name;
    world.exit(name, Some(0));
    assert_eq!(world.executors(id).len(), 1);
    let name = world.view(id).executors[0].name;
    world.exit(name, Some(1));
    assert_eq!(world.master().application(id), None);
}

#[test]
fn an_application_that_says_goodbye_gives_back_everything() {
    let mut world = World::new(&[]);
    let at = world.add_worker(1, 8, 8 * GIB);
    world.add_worker(2, 8, 8 * GIB);
    let id = world.run(one(1));
    world.say_for(id, ToMaster::UnregisterApplication(id));
    let ended = world.master().applications().next().unwrap();
    assert_eq!(ended.state, ApplicationState::Finished);
    assert!(world.workers[&at].executors.is_empty());
    assert!(world.living().all(|worker| worker.cores_used == 0));
    assert!(
        world
            .told_worker(1)
            .contains(&ToWorker::ApplicationFinished(id))
    );
    assert!(
        !world
            .told_worker(2)
            .contains(&ToWorker::ApplicationFinished(id))
    );
    let removed =
        |message: &ToApplication| matches!(message, ToApplication::ApplicationRemoved { .. });
    assert!(!world.told_driver(1).iter().any(removed));
    assert!(world.disk.applications.is_empty());
}

#[test]
fn an_application_whose_driver_vanishes_is_taken_off() {
    let mut world = World::new(&[]);
    let at = world.add_worker(1, 8, 8 * GIB);
    world.run(one(1));
    world.disconnect(&address("driver", 1));
    let ended = world.master().applications().next().unwrap();
    assert_eq!(ended.state, ApplicationState::Failed);
    assert_eq!(ended.reason.as_deref(), Some("its driver is disconnected"));
    assert!(world.workers[&at].executors.is_empty());
}

#[test]
fn an_application_is_killed_on_request() {
    let mut world = World::new(&[]);
    world.add_worker(1, 8, 8 * GIB);
    let application = world.run(one(1));
    let kill = || ToMaster::RequestKillApplication(application);
    let refused = None;
    assert_eq!(
        world.ask(kill()),
        ToSubmitter::KillApplicationResponse {
            application,
            refused
        }
    );
    let reason = "somebody asked for it".into();
    let told = world.told_driver(1);
    assert!(told.contains(&ToApplication::ApplicationRemoved { reason }));
    let refused = Some(format!("{application} has ended: somebody asked for it").into());
    assert_eq!(
        world.ask(kill()),
        ToSubmitter::KillApplicationResponse {
            application,
            refused
        }
    );
}

#[test]
fn ended_applications_are_remembered_up_to_a_bound() {
    let mut world = World::new(&[("deploy.retainedApplications", "2")]);
    for number in 1..=4 {
        let id = world.run(one(number));
        world.say_for(id, ToMaster::UnregisterApplication(id));
    }
    let numbers: Vec<_> = world
        .master()
        .applications()
        .map(|view| view.id.number)
        .collect();
    assert_eq!(numbers, [2, 3]);
}

#[test]
fn an_executor_that_takes_all_cores_of_a_worker_is_one() {
    let mut world = World::new(&[]);
    world.add_worker(1, 8, 8 * GIB);
    let id = world.run(application(1, GIB));
    assert_eq!(world.executors(id), [0]);
    assert_eq!(world.cores(id), [8]);
}

#[test]
fn each_launch_says_why_there() {
    let mut world = World::new(&[]);
    world.add_worker(1, 8, 8 * GIB);
    world.run(one(1));
    let why = world.events.iter().find_map(|event| match &event.kind {
        EventKind::ExecutorLaunched { because, .. } => Some(because.to_string()),
        _ => None,
    });
    let expected = "spread out in order of CORES_FREE_DESC; 8 cores and 8 GiB were free";
    assert_eq!(why.as_deref(), Some(expected));
}
