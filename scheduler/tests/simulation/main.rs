//! Whole clusters, simulated: the real machines of masters, workers, drivers and executors over a network, disks and
//! clocks that fail, one thread, one seed, virtual time.
//!
//! A failure prints its seed and the command that replays it; see `docs/simulation.md`.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod checks;
mod clock;
mod data;
mod disk;
mod driver;
mod election;
mod executor;
mod failures;
mod families;
mod faults;
mod inject;
mod jobs;
mod lines;
mod master;
mod named;
mod network;
mod ping;
mod process;
mod program;
mod queue;
mod reading;
mod runner;
mod scenario;
#[path = "../world/shape.rs"]
mod shape;
mod site;
mod submitter;
mod task;
mod trace;
mod users;
mod wakes;
mod worker;
mod world;

use std::time::Duration;

use network::Weather;
use ping::Ping;
use process::{Machine, ProcessId};
use runner::{Family, run_family, tell};
use scenario::Scenario;
use scheduler::{Random, Time};
use site::Role;
use trace::Trace;
use world::World;

/// Seed n is run as the family at n modulo their number.
const FAMILIES: &[(&str, Family)] = &[
    ("quiet_clusters_finish", families::quiet),
    ("clusters_survive_faults", families::troubled),
    ("failover_loses_nothing", families::failover),
    ("tenants_share_fairly", families::tenants),
];

#[test]
fn quiet_clusters_finish() {
    run_family("quiet_clusters_finish", FAMILIES);
}

#[test]
fn clusters_survive_faults() {
    run_family("clusters_survive_faults", FAMILIES);
}

#[test]
fn failover_loses_nothing() {
    run_family("failover_loses_nothing", FAMILIES);
}

#[test]
fn tenants_share_fairly() {
    run_family("tenants_share_fairly", FAMILIES);
}

/// Shows the trace of the seed that the environment names: `SEED=1234`.
#[test]
fn replay() {
    let Some(seed) = runner::seed() else { return };
    let (name, family) = FAMILIES[usize::try_from(seed).unwrap() % FAMILIES.len()];
    let (lines, failure) = runner::trace(seed, family);
    lines.iter().for_each(|line| tell(line));
    tell(&format!(
        "seed {seed}, {name}: {}",
        failure.as_deref().unwrap_or("nothing is wrong")
    ));
    assert!(failure.is_none(), "seed {seed} fails");
}

fn ping(world: &mut World, number: usize, most: u64) -> ProcessId {
    let host = world.add_site(Role::Client, 0, 0);
    let address = |number| format!("host-{number}:1").as_str().into();
    let ping = Ping {
        peer: address(1 - number),
        said: 0,
        most,
        next: Time::START,
        heard: Vec::new(),
        disconnected: 0,
    };
    world.spawn(&address(number), host, Machine::Ping(ping))
}

fn pings(seed: u64) -> (World, [ProcessId; 2]) {
    let mut world = World::new(seed, Scenario::empty(), Trace::kept());
    world.network.weather = Weather {
        drop: 100_000,
        delay: 50_000,
        duplicate: 100_000,
        reorder: 100_000,
    };
    let both = [0, 1].map(|number| ping(&mut world, number, 500));
    world.run_until(Time::from(Duration::from_secs(120)));
    (world, both)
}

#[test]
fn counting_over_a_bad_network_arrives_in_order() {
    let (world, both) = pings(1);
    for id in both {
        let Machine::Ping(ping) = &world.processes[&id].machine else {
            panic!("it is a ping")
        };
        assert_eq!(ping.heard, (0..500).collect::<Vec<_>>());
        assert_eq!(ping.disconnected, 0);
    }
    assert!(world.counts.of(faults::Kind::PacketDropped) > 50);
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    for (seed, (name, family)) in (0..).zip(FAMILIES) {
        let lines = |seed| runner::trace(seed, *family).0;
        let first = lines(seed);
        assert!(first.len() > 100, "{name} has something to tell");
        assert_eq!(first, lines(seed), "{name}");
    }
}

/// The same cluster, and the same faults: what differs is what is drawn on the way.
#[test]
fn another_seed_gives_another_trace() {
    let scenario = families::troubled(&mut Random::new(0));
    let lines = |seed| {
        let mut world = World::new(seed, scenario.clone(), Trace::kept());
        world.run();
        world.trace.lines().to_vec()
    };
    assert_ne!(lines(1), lines(2));
}
