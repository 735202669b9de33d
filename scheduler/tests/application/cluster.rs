//! Masters: what they give, and what happens without them.

use scheduler::event::EventKind;
use scheduler::message::{ToApplication, ToExecutor};
use scheduler::{Input as Told, Settings};

use crate::asker::{bounds, settings};
use crate::site::{APPLICATION, Site};

/// What was told about what jobs wait for.
fn awaited(site: &Site) -> Vec<String> {
    let events = site.events.iter();
    let awaited = events.filter_map(|event| match &event.kind {
        EventKind::ExecutorsAwaited { because, .. } => Some(because.to_string()),
        _ => None,
    });
    awaited.collect()
}

#[test]
fn jobs_that_wait_for_executors_say_what_is_missing() {
    let mut site = Site::unknown(&Settings::default());
    site.pass(20_000);
    // Without jobs nobody waits.
    assert_eq!(awaited(&site), [""; 0]);
    site.submit(0, 1);
    site.pass(2_900);
    assert_eq!(awaited(&site), [""; 0]);
    site.pass(100);
    assert_eq!(awaited(&site).len(), 1);
    site.pass(12_000);
    assert_eq!(
        awaited(&site),
        ["no master has the application in its books, or can be reached"]
    );
    site.events.clear();
    site.master(ToApplication::RegisteredApplication {
        application: APPLICATION,
        master: "master:1".into(),
    });
    site.pass(15_000);
    assert_eq!(awaited(&site), ["the master has given no executor"]);
    site.events.clear();
    let because = "needs 8 GiB for an executor, the largest worker has 4 GiB";
    site.master(ToApplication::Waiting {
        because: Some(because.into()),
    });
    site.pass(30_000);
    assert_eq!(awaited(&site), [because, because]);
    site.events.clear();
    site.master(ToApplication::Waiting { because: None });
    site.order(1, 1);
    site.executor_ended(1, false);
    site.order(2, 1);
    site.pass(15_000);
    assert_eq!(
        awaited(&site),
        ["1 executor is ordered, none has registered; the last one ended: its process ended"]
    );
    site.events.clear();
    site.register(2, &[]);
    site.pass(60_000);
    assert_eq!(awaited(&site), [""; 0]);
}

#[test]
fn the_first_tasks_wait_for_enough_executors() {
    let mut site = Site::with(
        &settings(&[("scheduler.minRegisteredResourcesRatio", "0.5")]),
        |spec| spec.cores_max = Some(7),
    );
    site.submit(0, 8);
    site.add(1, 2);
    site.add(2, 1);
    site.pass(20_000);
    assert_eq!(
        awaited(&site).last().unwrap(),
        "3 of 4 cores have registered so far"
    );
    assert_eq!(site.launched(1).len() + site.launched(2).len(), 0);
    site.add(3, 1);
    assert_eq!(site.launched(1), [[0, 1]]);
    assert_eq!((site.launched(2).len(), site.launched(3).len()), (1, 1));
}

#[test]
fn the_first_tasks_do_not_wait_for_ever() {
    let mut site = Site::with(
        &settings(&[("scheduler.minRegisteredResourcesRatio", "1")]),
        |spec| spec.executors = Some(4),
    );
    site.submit(0, 8);
    site.add(1, 2);
    site.pass(29_000);
    assert_eq!(site.launched(1).len(), 0);
    site.pass(1_000);
    assert_eq!(site.launched(1), [[0, 1]]);
}

#[test]
fn an_executor_lost_before_enough_are_there_is_no_trouble() {
    let mut site = Site::with(
        &settings(&[("scheduler.minRegisteredResourcesRatio", "1")]),
        |spec| spec.cores_max = Some(2),
    );
    site.submit(0, 2);
    site.add(1, 1);
    site.executor_ended(1, false);
    site.add(2, 1);
    assert_eq!(site.launched(2).len(), 0);
    site.add(3, 1);
    assert_eq!((site.launched(2).len(), site.launched(3).len()), (1, 1));
}

#[test]
fn an_application_that_the_cluster_gave_up_fails_its_jobs() {
    let mut site = Site::new(&Settings::default());
    site.add(1, 1);
    site.submit(0, 1);
    site.submit(1, 1);
    site.said.clear();
    site.master(ToApplication::ApplicationRemoved {
        reason: "its executors failed 10 times in a row".into(),
    });
    for job in [0, 1] {
        let failure = site.failure(job).unwrap();
        assert!(
            failure.ends_with(
                "the master removed the application: its executors failed 10 times in a row"
            ),
            "{failure}"
        );
    }
    assert!(site.said_to(1).contains(&ToExecutor::StopExecutor));
    // So does a job that comes later, and the program still ends as programs do.
    site.submit(2, 1);
    assert!(site.failure(2).is_some());
    assert_eq!(site.exit, None);
    site.register(1, &[]);
    assert!(site.refused(1).is_some());
    site.program(Told::ApplicationEnded);
    assert!(site.exit.is_some());
}

#[test]
fn executors_and_jobs_go_on_without_a_master() {
    let mut site = Site::new(&Settings::default());
    site.add(1, 1);
    site.submit(0, 2);
    site.handle(scheduler::application::Input::Disconnected {
        peer: "master:1".into(),
    });
    site.succeed(1, 0);
    site.succeed(1, 1);
    assert!(site.finished(0));
    assert_eq!(site.lost(), []);
}

#[test]
fn a_new_leader_is_told_how_many_executors_are_wanted() {
    let mut settings = bounds(0, 5, 2);
    settings.set("dynamicAllocation.enabled", "true").unwrap();
    let mut site = Site::new(&settings);
    site.add(1, 1);
    site.submit(0, 100);
    site.pass(5_000);
    site.said.clear();
    site.master(ToApplication::RegisteredApplication {
        application: APPLICATION,
        master: "master:1".into(),
    });
    assert_eq!(site.totals(), [5]);
    assert_eq!(site.lost(), []);
}

#[test]
fn settings_of_dynamic_allocation_that_make_no_sense_are_refused_at_once() {
    let mut settings = bounds(5, 2, 0);
    let new = |settings: &Settings| {
        let masters = vec!["master:1".into()];
        let spec = crate::asker::spec();
        scheduler::application::Application::new(spec, masters, settings, 7).map(|_| ())
    };
    assert_eq!(new(&settings), Ok(()));
    settings.set("dynamicAllocation.enabled", "true").unwrap();
    assert_eq!(
        new(&settings).unwrap_err().to_string(),
        "`dynamicAllocation.minExecutors` is 5, and `dynamicAllocation.maxExecutors` only 2"
    );
}
