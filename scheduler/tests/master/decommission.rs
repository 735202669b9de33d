//! Spark's `MasterDecommisionSuite`, and what becomes of what runs there.

use scheduler::cluster::{Change, WorkerState};
use scheduler::message::{
    ApplicationSpec, ExecutorState, ToApplication, ToMaster, ToSubmitter, ToWorker, WorkerInfo,
};
use scheduler::{Host, WorkerId};

use crate::world::{GIB, World, address, application};

/// Workers on `localhost`, and then the hosts are to be decommissioned.
fn decommission(workers: u64, hosts: &[&str]) -> (World, ToSubmitter) {
    decommission_where("true", workers, hosts)
}

fn decommission_where(enabled: &str, workers: u64, hosts: &[&str]) -> (World, ToSubmitter) {
    let mut world = World::new(&[("decommission.enabled", enabled)]);
    for number in 1..=workers {
        let info = WorkerInfo {
            id: WorkerId(number),
            address: address("worker", number),
            host: "localhost".into(),
            rack: None,
            cores: 10,
            memory: 4 * GIB,
        };
        world.add_worker_as(info);
    }
    let hosts: Vec<Host> = hosts.iter().map(|host| (*host).into()).collect();
    let answer = world.ask(ToMaster::DecommissionWorkersOnHosts(hosts));
    (world, answer)
}

fn decommissioned(world: &World) -> usize {
    let all = world.living();
    all.filter(|worker| worker.state == WorkerState::Decommissioned)
        .count()
}

#[test]
fn all_workers_on_a_host_are_decommissioned() {
    let (world, answer) = decommission(2, &["LoCalHost", "localHOST"]);
    let (workers, refused) = (2, None);
    assert_eq!(
        answer,
        ToSubmitter::DecommissionResponse { workers, refused }
    );
    assert_eq!(decommissioned(&world), 2);
    for number in 1..=2 {
        assert!(
            world
                .told_worker(number)
                .contains(&ToWorker::DecommissionWorker)
        );
    }
}

#[test]
fn no_workers_are_decommissioned_with_an_invalid_host() {
    let (world, answer) = decommission(2, &["NoSuchHost1", "NoSuchHost2"]);
    let refused = Some("no worker is on `NoSuchHost1`, `NoSuchHost2`".into());
    let workers = 0;
    assert_eq!(
        answer,
        ToSubmitter::DecommissionResponse { workers, refused }
    );
    assert_eq!(decommissioned(&world), 0);
}

#[test]
fn who_asks_is_told_where_nobody_may_be_decommissioned() {
    let (world, answer) = decommission_where("false", 2, &["localhost"]);
    let refused = Some("`decommission.enabled` is false".into());
    let workers = 0;
    assert_eq!(
        answer,
        ToSubmitter::DecommissionResponse { workers, refused }
    );
    assert_eq!(decommissioned(&world), 0);
    let told = world.told_worker(1);
    assert!(!told.contains(&ToWorker::DecommissionWorker), "{told:?}");
}

#[test]
fn only_the_worker_on_the_host_is_decommissioned() {
    let (world, answer) = decommission(1, &["lOcalHost", "NoSuchHost"]);
    let (workers, refused) = (1, None);
    assert_eq!(
        answer,
        ToSubmitter::DecommissionResponse { workers, refused }
    );
    assert_eq!(decommissioned(&world), 1);
}

#[test]
fn executors_of_a_decommissioned_worker_are_replaced_elsewhere() {
    let mut world = World::new(&[]);
    let first = world.add_worker(1, 2, 4 * GIB);
    let id = world.run(ApplicationSpec {
        executor_cores: Some(2),
        executors: Some(1),
        ..application(1, GIB)
    });
    world.add_worker(2, 2, 4 * GIB);
    world.say(&first, ToMaster::WorkerDecommissioning(WorkerId(1)));
    assert_eq!(world.cores(id), [2, 2]);
    assert_eq!(
        world.changes.last(),
        Some(&Change::RemoveWorker(WorkerId(1)))
    );
    let states: Vec<_> = world.view(id).executors.iter().map(|e| e.state).collect();
    assert_eq!(
        states,
        [ExecutorState::Decommissioned, ExecutorState::Running]
    );

    // It goes in the end, and takes its files along.
    world.disconnect(&first);
    let told = world.told_driver(1);
    let lost = told.iter().any(|message| {
        matches!(
            message,
            ToApplication::ExecutorUpdated {
                state: ExecutorState::Lost,
                worker_lost: true,
                ..
            }
        )
    });
    assert!(lost, "{told:?}");
    assert_eq!(world.cores(id), [2]);
}

#[test]
fn a_decommissioned_worker_gets_no_work_and_its_failures_do_not_count() {
    let mut world = World::new(&[("deploy.maxExecutorRetries", "1")]);
    let at = world.add_worker(1, 4, 4 * GIB);
    let id = world.run(ApplicationSpec {
        executor_cores: Some(2),
        executors: Some(1),
        ..application(1, GIB)
    });
    world.say(&at, ToMaster::WorkerDecommissioning(WorkerId(1)));
    let name = world.view(id).executors[0].name;
    world.exit(name, Some(1));
    assert!(world.executors(id).is_empty());
    assert!(world.master().application(id).is_some());
    world.request(id, 2);
    assert!(world.executors(id).is_empty());
}
