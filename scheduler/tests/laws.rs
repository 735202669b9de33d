//! Laws: what holds whatever is computed and whatever goes wrong.
//!
//! A host is played that computes nothing but knows what a task would read; datasets, jobs and faults are random.
//! A failure prints a small input that shows it.

mod proptests;
mod world;

use proptest::prelude::*;
use world::{Fault, Node, Wishes, World};

fn node() -> impl Strategy<Value = Node> {
    let parent = any::<u8>();
    prop_oneof![
        2 => (0..5_u32).prop_map(Node::Source),
        3 => parent.prop_map(Node::Map),
        3 => (parent, 1..4_u32).prop_map(|(parent, partitions)| Node::Shuffled(parent, partitions)),
        1 => (parent, parent).prop_map(|(one, other)| Node::Union(one, other)),
        1 => parent.prop_map(Node::Coalesced),
        1 => (parent, parent, 1..4_u32).prop_map(|(one, other, partitions)| {
            Node::Joined(one, other, partitions)
        }),
    ]
}

fn fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        12 => any::<u8>().prop_map(Fault::None),
        2 => any::<u8>().prop_map(Fault::Panic),
        2 => any::<u8>().prop_map(Fault::Killed),
        3 => any::<u8>().prop_map(Fault::OutputLost),
        1 => (any::<u8>(), any::<bool>()).prop_map(|(who, files)| Fault::ExecutorLost(who, files)),
        1 => machines(),
        2 => time(),
        1 => (1..4_u32).prop_map(Fault::ExecutorAdded),
        4 => (any::<u8>(), any::<u8>()).prop_map(|(rdd, only)| Fault::Job(rdd, only)),
        2 => any::<u8>().prop_map(Fault::MapJob),
        1 => any::<u8>().prop_map(Fault::Cancel),
        1 => abandonment(),
        2 => any::<u8>().prop_map(Fault::Commit),
        1 => any::<u8>().prop_map(Fault::Release),
        1 => any::<u8>().prop_map(Fault::BlockDropped),
        1 => Just(Fault::Late),
    ]
}

/// Many jobs at once are not wanted any more.
fn abandonment() -> impl Strategy<Value = Fault> {
    prop_oneof![
        4 => (any::<u8>(), prop::bool::weighted(0.1))
            .prop_map(|(group, future)| Fault::CancelGroup(group, future)),
        2 => any::<u8>().prop_map(Fault::CancelTag),
        2 => (0..30_u8).prop_map(Fault::CancelStage),
    ]
}

fn time() -> impl Strategy<Value = Fault> {
    prop_oneof![
        3 => (0..4_000_u16).prop_map(Fault::Wait),
        1 => any::<u8>().prop_map(Fault::Silent),
        1 => (any::<u8>(), any::<u64>()).prop_map(|(who, bytes)| Fault::Beat(who, bytes)),
    ]
}

fn wishes() -> impl Strategy<Value = Wishes> {
    (any::<bool>(), any::<bool>(), any::<bool>(), 1..3_u32).prop_map(
        |(fair, speculation, exclusion, cpus)| Wishes {
            fair,
            speculation,
            exclusion,
            cpus,
        },
    )
}

fn machines() -> impl Strategy<Value = Fault> {
    prop_oneof![
        any::<u8>().prop_map(Fault::Decommissioned),
        (any::<u8>(), any::<bool>()).prop_map(|(who, files)| Fault::WorkerLost(who, files)),
    ]
}

fn nodes() -> impl Strategy<Value = Vec<(Node, bool)>> {
    prop::collection::vec((node(), any::<bool>()), 1..10)
}

proptest! {
    #![proptest_config(proptests::config(3_000))]

    /// Faults of the house alone never fail a job: each one that nobody cancels finishes, with each of its
    /// partitions once.
    #[test]
    fn every_job_finishes_however_much_is_lost(
        nodes in nodes(),
        wishes in wishes(),
        faults in prop::collection::vec(fault(), 0..120),
    ) {
        // Who excludes executors may have none left in the end.
        let wishes = Wishes { exclusion: false, ..wishes };
        let mut world = World::with(&nodes, 1_000, wishes);
        for fault in faults {
            world.step(fault);
        }
        world.heal();
        world.assert_all_finished();
    }

    /// With few failures allowed jobs fail; they still end once each, and nothing is left behind.
    #[test]
    fn every_job_ends_when_tasks_fail_for_good(
        nodes in nodes(),
        wishes in wishes(),
        faults in prop::collection::vec(fault(), 0..120),
    ) {
        let mut world = World::with(&nodes, 2, wishes);
        for fault in faults {
            world.step(fault);
        }
        world.heal();
        world.assert_all_ended();
    }
}

/// A stage as large as anybody makes one goes through without a scan of its tasks: in the time that this takes, a scan
/// of 100,000 tasks at each of 100,000 ends would not.
#[test]
fn a_stage_of_a_hundred_thousand_tasks_goes_through() {
    let mut world = World::new(
        &[
            (Node::Source(100_000), false),
            (Node::Shuffled(0, 100_000), false),
        ],
        4,
    );
    world.step(Fault::ExecutorAdded(16));
    world.step(Fault::Job(1, 0));
    world.heal();
    world.assert_all_finished();
}
