//! Spark's `StandaloneDynamicAllocationSuite`: two workers of 10 cores and 2 GiB; the driver first lowers what it
//! wants, then kills.

use scheduler::message::{ApplicationSpec, ToWorker};
use scheduler::{ApplicationId, WorkerId};

use crate::world::{GIB, MIB, World, application};

struct Suite {
    world: World,
    id: ApplicationId,
    /// What the driver wants in all.
    total: u32,
}

impl Suite {
    fn new(executor_cores: Option<u32>, cores_max: Option<u32>) -> Self {
        let mut world = World::new(&[]);
        world.add_worker(1, 10, 2 * GIB);
        world.add_worker(2, 10, 2 * GIB);
        let id = world.run(ApplicationSpec {
            executor_cores,
            cores_max,
            ..application(1, 256 * MIB)
        });
        let total = u32::try_from(world.executors(id).len()).unwrap();
        Self { world, id, total }
    }

    fn request(&mut self, more: u32) {
        self.total += more;
        self.world.request(self.id, self.total);
    }

    fn kill(&mut self, count: usize) {
        let victims: Vec<_> = self.world.executors(self.id)[..count].to_vec();
        self.total -= u32::try_from(count).unwrap();
        self.world.request(self.id, self.total);
        self.world.kill(self.id, &victims);
    }

    fn kill_all(&mut self) {
        let all = self.world.executors(self.id).len();
        self.kill(all);
    }

    /// Cores of each executor.
    fn cores(&self) -> Vec<u32> {
        let executors = self.world.view(self.id).executors;
        executors.iter().map(|executor| executor.cores).collect()
    }

    fn len(&self) -> usize {
        self.cores().len()
    }

    fn wanted(&self) -> Option<u32> {
        self.world.view(self.id).executors_wanted
    }
}

#[test]
fn dynamic_allocation_default_behavior() {
    let mut suite = Suite::new(None, None);
    assert_eq!((suite.len(), suite.wanted()), (2, None));
    suite.kill_all();
    assert_eq!((suite.len(), suite.wanted()), (0, Some(0)));
    suite.request(1);
    assert_eq!((suite.len(), suite.wanted()), (1, Some(1)));
    suite.request(1);
    assert_eq!((suite.len(), suite.wanted()), (2, Some(2)));
    // There is no third worker.
    suite.request(1);
    assert_eq!((suite.len(), suite.wanted()), (2, Some(3)));
    suite.kill_all();
    assert_eq!((suite.len(), suite.wanted()), (1, Some(1)));
    suite.kill_all();
    assert_eq!((suite.len(), suite.wanted()), (0, Some(0)));
    suite.request(1000);
    assert_eq!((suite.len(), suite.wanted()), (2, Some(1000)));
}

#[test]
fn dynamic_allocation_with_max_cores_up_to_the_cores_of_a_worker() {
    let mut suite = Suite::new(None, Some(8));
    assert_eq!(suite.cores(), [4, 4]);
    suite.kill_all();
    suite.request(1);
    assert_eq!(suite.cores(), [8]);
    // It has all the cores that it may have.
    suite.request(1);
    suite.request(1);
    assert_eq!((suite.cores(), suite.wanted()), (vec![8], Some(3)));
    suite.kill_all();
    assert_eq!((suite.cores(), suite.wanted()), (vec![4, 4], Some(2)));
    suite.kill_all();
    assert_eq!(suite.len(), 0);
    suite.request(1000);
    assert_eq!(suite.cores(), [4, 4]);
}

#[test]
fn dynamic_allocation_with_max_cores_above_the_cores_of_a_worker() {
    let mut suite = Suite::new(None, Some(16));
    assert_eq!(suite.cores(), [8, 8]);
    suite.kill_all();
    suite.request(1);
    assert_eq!(suite.cores(), [10]);
    // One by one they are not even.
    suite.request(1);
    assert_eq!(suite.cores(), [10, 6]);
    suite.request(1);
    assert_eq!((suite.len(), suite.wanted()), (2, Some(3)));
    suite.kill_all();
    assert_eq!(suite.cores(), [10]);
    suite.kill_all();
    assert_eq!(suite.len(), 0);
    suite.request(1000);
    assert_eq!(suite.cores(), [8, 8]);
}

#[test]
fn dynamic_allocation_with_cores_per_executor() {
    let mut suite = Suite::new(Some(2), None);
    assert_eq!(suite.len(), 10);
    suite.kill_all();
    assert_eq!(suite.len(), 0);
    suite.request(1);
    assert_eq!(suite.len(), 1);
    suite.request(3);
    assert_eq!(suite.len(), 4);
    suite.request(10);
    assert_eq!((suite.len(), suite.wanted()), (10, Some(14)));
    // Two are killed, and two come in their place at once.
    suite.kill(2);
    assert_eq!((suite.len(), suite.wanted()), (10, Some(12)));
    suite.kill(4);
    assert_eq!((suite.len(), suite.wanted()), (8, Some(8)));
    suite.kill_all();
    assert_eq!(suite.len(), 0);
    suite.request(1000);
    assert_eq!(suite.len(), 10);
}

#[test]
fn dynamic_allocation_with_cores_per_executor_and_max_cores() {
    let mut suite = Suite::new(Some(2), Some(8));
    assert_eq!(suite.len(), 4);
    suite.kill_all();
    suite.request(1);
    assert_eq!(suite.len(), 1);
    suite.request(3);
    assert_eq!(suite.len(), 4);
    suite.request(10);
    assert_eq!((suite.len(), suite.wanted()), (4, Some(14)));
    for (len, wanted) in [(4, 10), (4, 6), (2, 2), (0, 0)] {
        suite.kill_all();
        assert_eq!((suite.len(), suite.wanted()), (len, Some(wanted)));
    }
    suite.request(1000);
    assert_eq!(suite.len(), 4);
}

fn kills(world: &World) -> usize {
    let told = (1..=2).flat_map(|number| world.told_worker(number));
    told.filter(|message| matches!(message, ToWorker::KillExecutor(_)))
        .count()
}

/// SPARK-9795.
#[test]
fn killing_the_same_executor_twice_kills_one() {
    let mut suite = Suite::new(None, None);
    suite.world.slow_kills = true;
    suite.world.request(suite.id, 1);
    suite.world.kill(suite.id, &[0]);
    suite.world.kill(suite.id, &[0, 0]);
    assert_eq!(kills(&suite.world), 1);
    assert_eq!(suite.world.executors(suite.id), [1]);
    assert_eq!(suite.wanted(), Some(1));
}

/// SPARK-10515.
#[test]
fn pending_replacement_executors_are_not_lost() {
    let mut suite = Suite::new(None, None);
    // Killed and to be replaced: what is wanted in all stays.
    suite.world.request(suite.id, 2);
    suite.world.kill(suite.id, &[0]);
    assert_eq!(suite.world.executors(suite.id), [1, 2]);
    // The old one is gone; killing it again does nothing.
    suite.world.kill(suite.id, &[0]);
    assert_eq!(suite.world.executors(suite.id), [1, 2]);
    suite.world.request(suite.id, 1);
    suite.world.kill(suite.id, &[2]);
    assert_eq!(suite.world.executors(suite.id), [1]);
    assert_eq!(suite.wanted(), Some(1));
}

#[test]
fn initial_executor_limit() {
    let mut world = World::new(&[]);
    world.add_worker(1, 10, 2 * GIB);
    world.add_worker(2, 10, 2 * GIB);
    let id = world.run(ApplicationSpec {
        executors: Some(1),
        ..application(1, 256 * MIB)
    });
    assert_eq!(world.executors(id).len(), 1);
    assert_eq!(world.view(id).executors_wanted, Some(1));
}

/// Killed because of their machine and to be replaced: what is wanted in all stays.
#[test]
fn kill_all_executors_on_a_host() {
    let mut suite = Suite::new(Some(5), None);
    let executors = suite.world.view(suite.id).executors;
    let on_host = executors
        .iter()
        .filter(|executor| executor.worker == WorkerId(1));
    let victims: Vec<_> = on_host.map(|executor| executor.name.executor.0).collect();
    assert_eq!(victims.len(), 2);
    suite.world.request(suite.id, suite.total);
    suite.world.kill(suite.id, &victims);
    let after = suite.world.executors(suite.id);
    assert_eq!(after.len(), 4);
    assert!(victims.iter().all(|victim| !after.contains(victim)));
}

#[test]
fn executors_that_do_not_exist_can_not_be_killed() {
    let mut suite = Suite::new(None, None);
    suite.world.kill(suite.id, &[7, u32::MAX]);
    assert_eq!((suite.len(), kills(&suite.world)), (2, 0));
}

#[test]
fn another_applications_executors_can_not_be_killed() {
    let mut suite = Suite::new(None, Some(4));
    let other = suite.world.run(application(2, 256 * MIB));
    let stranger = suite.world.view(other).spec.driver.clone();
    suite.world.say(
        &stranger,
        scheduler::message::ToMaster::KillExecutors {
            application: suite.id,
            executors: vec![scheduler::ExecutorId(0)],
        },
    );
    assert_eq!((suite.len(), kills(&suite.world)), (2, 0));
}
