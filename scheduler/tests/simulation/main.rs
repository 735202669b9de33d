//! Whole clusters, simulated: the real machines of masters, workers, drivers and executors over a network, disks and
//! clocks that fail, one thread, one seed, virtual time.
//!
//! A failure prints its seed and the command that replays it; see `docs/simulation.md`.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod clock;
mod faults;
mod network;
mod ping;
mod process;
mod queue;
mod trace;
mod world;

use std::time::Duration;

use clock::Clock;
use network::{HostId, Weather};
use ping::Ping;
use process::{Machine, ProcessId};
use scheduler::Time;
use trace::Trace;
use world::World;

fn ping(world: &mut World, number: usize, most: u64) -> ProcessId {
    let address = |number| format!("host-{number}:1").as_str().into();
    let clock = Clock::ahead_by(Duration::from_secs(number as u64));
    let ping = Ping {
        peer: address(1 - number),
        said: 0,
        most,
        next: Time::START,
        heard: Vec::new(),
        disconnected: 0,
    };
    world.spawn(&address(number), HostId(number), clock, Machine::Ping(ping))
}

fn pings(seed: u64) -> (World, [ProcessId; 2]) {
    let mut world = World::new(seed, Trace::kept());
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
        let Machine::Ping(ping) = &world.processes[&id].machine;
        assert_eq!(ping.heard, (0..500).collect::<Vec<_>>());
        assert_eq!(ping.disconnected, 0);
    }
    assert!(world.counts.of(faults::Kind::PacketDropped) > 50);
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    let digest = |seed| pings(seed).0.trace.digest();
    assert_eq!(digest(1), digest(1));
    assert_ne!(digest(1), digest(2));
}
