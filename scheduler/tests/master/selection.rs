//! Spark's `WorkerSelectionSuite`: three workers, two executors of two cores.

use scheduler::message::ApplicationSpec;

use crate::world::{MIB, World, application};

/// Returns the workers that got an executor.
fn chosen(policy: &str, spread_out: bool) -> Vec<u64> {
    let spread_out = spread_out.to_string();
    let mut world = World::new(&[
        ("deploy.workerSelectionPolicy", policy),
        ("deploy.spreadOutApps", &spread_out),
    ]);
    world.add_worker(1, 5, 1280 * MIB);
    world.add_worker(2, 6, 4 * 1280 * MIB);
    world.add_worker(3, 7, 3 * 1280 * MIB);
    let spec = ApplicationSpec {
        executor_cores: Some(2),
        cores_max: Some(4),
        ..application(1, 128 * MIB)
    };
    let id = world.run(spec);
    assert_eq!(world.executors(id).len(), 2);
    let cores = world.cores(id);
    (1..)
        .zip(cores)
        .filter(|(_, cores)| *cores > 0)
        .map(|(worker, _)| worker)
        .collect()
}

#[test]
fn selection_by_fewest_free_cores_spread_out() {
    assert_eq!(chosen("CORES_FREE_ASC", true), [1, 2]);
}

#[test]
fn selection_by_fewest_free_cores_packed() {
    assert_eq!(chosen("CORES_FREE_ASC", false), [1]);
}

#[test]
fn selection_by_most_free_cores_spread_out() {
    assert_eq!(chosen("CORES_FREE_DESC", true), [2, 3]);
}

#[test]
fn selection_by_most_free_cores_packed() {
    assert_eq!(chosen("CORES_FREE_DESC", false), [3]);
}

#[test]
fn selection_by_least_free_memory_spread_out() {
    assert_eq!(chosen("MEMORY_FREE_ASC", true), [1, 3]);
}

#[test]
fn selection_by_least_free_memory_packed() {
    assert_eq!(chosen("MEMORY_FREE_ASC", false), [1]);
}

#[test]
fn selection_by_most_free_memory_spread_out() {
    assert_eq!(chosen("MEMORY_FREE_DESC", true), [2, 3]);
}

#[test]
fn selection_by_most_free_memory_packed() {
    assert_eq!(chosen("MEMORY_FREE_DESC", false), [2]);
}

#[test]
fn selection_by_worker_id_spread_out() {
    assert_eq!(chosen("WORKER_ID", true), [1, 2]);
}

#[test]
fn selection_by_worker_id_packed() {
    assert_eq!(chosen("WORKER_ID", false), [1]);
}
