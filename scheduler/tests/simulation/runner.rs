//! Many seeds, on all cores; what they did; and the first that fails, with the way to see it again.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::env;
use std::fmt;
use std::ops::AddAssign;
use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, Once, PoisonError};
use std::thread;
use std::time::Duration;

use scheduler::Random;

use crate::faults::{Counts, KINDS};
use crate::scenario::Scenario;
use crate::trace::Trace;
use crate::world::{Stats, World};

/// A kind of scenario, drawn from a seed.
pub(crate) type Family = fn(&mut Random) -> Scenario;

/// How many seeds an ordinary run has over all families.
const SEEDS: u64 = 5_000;

/// How many hours all its clusters together live at least.
const HOURS: u64 = 200;

/// Lines of the trace that a failure shows.
const SHOWN: usize = 80;

/// What runs did.
#[derive(Clone, Debug, Default)]
pub(crate) struct Report {
    seeds: u64,
    time: Duration,
    counts: Counts,
    stats: Stats,
}

impl AddAssign<&Self> for Report {
    fn add_assign(&mut self, other: &Self) {
        self.seeds += other.seeds;
        self.time += other.time;
        self.counts += &other.counts;
        self.stats += &other.stats;
    }
}

impl Report {
    /// An ordinary run is worth something: it was long, and everything that can go wrong did.
    fn check(&self) {
        let hours = self.time.as_secs() / 3_600;
        assert!(hours >= HOURS, "clusters lived {hours} hours only");
        let never = KINDS.iter().filter(|kind| self.counts.of(**kind) == 0);
        let never: Vec<String> = never.map(ToString::to_string).collect();
        assert!(never.is_empty(), "never happened: {}", never.join(", "));
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stats = &self.stats;
        let hours = self.time.as_secs_f64() / 3_600.0;
        writeln!(
            f,
            "{} seeds, {hours:.1} cluster-hours, {} events",
            self.seeds, stats.events
        )?;
        writeln!(
            f,
            "  {} applications ({} cut short by a fault), {} executors, {} jobs, {} tasks ({} of them sent ahead), {} copies of cached partitions, {} decisions",
            stats.applications,
            stats.excused,
            stats.executors,
            stats.jobs,
            stats.tasks,
            stats.sent_ahead,
            stats.copies,
            stats.decisions
        )?;
        write!(f, "{}", self.counts)
    }
}

/// One seed, run to its end.
pub(crate) fn run(seed: u64, family: Family, trace: Trace) -> World {
    let scenario = family(&mut Random::new(!seed));
    let mut world = World::new(seed, scenario, trace);
    world.run();
    world
}

fn report(world: &World) -> Report {
    Report {
        seeds: 1,
        time: world.now.since(scheduler::Time::START),
        counts: world.counts.clone(),
        stats: world.stats.clone(),
    }
}

/// Runs a seed; a failure becomes its words, and the last lines of its trace.
fn attempt(seed: u64, family: Family) -> Result<Report, String> {
    let outcome = watched(|| report(&run(seed, family, Trace::default())));
    outcome.map_err(|failure| {
        let lines = last_lines(seed, family);
        format!("{failure}\n\nthe last lines of the trace:\n{lines}")
    })
}

/// Runs a seed, and returns its trace and how it failed, if it did.
pub(crate) fn trace(seed: u64, family: Family) -> (Vec<String>, Option<String>) {
    let scenario = family(&mut Random::new(!seed));
    let mut world = World::new(seed, scenario, Trace::kept());
    let failure = watched(|| world.run()).err();
    (world.trace.lines().to_vec(), failure)
}

thread_local! {
    /// What went wrong on this thread, where somebody watches.
    static FAILURE: RefCell<Option<String>> = const { RefCell::new(None) };
    static WATCHED: Cell<bool> = const { Cell::new(false) };
}

/// Does something that may panic, and returns with which words and where it did.
fn watched<T>(act: impl FnOnce() -> T) -> Result<T, String> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let ordinary = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if WATCHED.get() {
                FAILURE.set(Some(info.to_string()));
            } else {
                ordinary(info);
            }
        }));
    });
    WATCHED.set(true);
    let outcome = panic::catch_unwind(AssertUnwindSafe(act));
    WATCHED.set(false);
    outcome.map_err(|_| FAILURE.take().unwrap_or_default())
}

fn last_lines(seed: u64, family: Family) -> String {
    let (lines, _) = trace(seed, family);
    lines[lines.len().saturating_sub(SHOWN)..].join("\n")
}

/// Returns the seed that was asked for.
pub(crate) fn seed() -> Option<u64> {
    number("SEED")
}

#[expect(
    clippy::disallowed_methods,
    reason = "a test may be told what to do by its caller"
)]
fn number(name: &str) -> Option<u64> {
    Some(env::var(name).ok()?.parse().expect("a number"))
}

#[expect(
    clippy::disallowed_macros,
    reason = "a test tells its reader what it saw"
)]
pub(crate) fn tell(text: &dyn fmt::Display) {
    println!("{text}");
}

/// One family at a time, so that each has all cores.
static TURN: Mutex<()> = Mutex::new(());

/// What all families together did.
static TOTAL: Mutex<BTreeMap<&str, Report>> = Mutex::new(BTreeMap::new());

/// Runs this family's share of the seeds: every seed that is its number modulo the number of families.
pub(crate) fn run_family(name: &'static str, families: &[(&str, Family)]) {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let at = families.iter().position(|(known, _)| *known == name);
    let at = at.unwrap();
    let (from, count) = (number("FROM"), number("SEEDS"));
    let step = families.len() as u64;
    let first = from.unwrap_or_default().next_multiple_of(step);
    let end = first + count.unwrap_or(SEEDS);
    let total = run_seeds(first + at as u64, step, end, families[at].1);
    tell(&format!("{name}: {total}"));
    let mut all = TOTAL.lock().unwrap_or_else(PoisonError::into_inner);
    all.insert(name, total);
    if all.len() == families.len() {
        let mut sum = Report::default();
        all.values().for_each(|report| sum += report);
        tell(&format!("all families: {sum}"));
        if count.is_none() {
            sum.check();
        }
    }
}

fn run_seeds(first: u64, step: u64, end: u64, family: Family) -> Report {
    let next = AtomicU64::new(first);
    let failure = Mutex::new(None);
    let total = Mutex::new(Report::default());
    let work = || {
        loop {
            let seed = next.fetch_add(step, Ordering::Relaxed);
            if seed >= end || failure.lock().unwrap().is_some() {
                return;
            }
            match attempt(seed, family) {
                Ok(report) => *total.lock().unwrap() += &report,
                Err(words) => {
                    failure.lock().unwrap().get_or_insert((seed, words));
                }
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(work);
        }
    });
    if let Some((seed, words)) = failure.into_inner().unwrap() {
        panic!(
            "seed {seed} fails: {words}\n\nreplay it with\n  {}",
            replay_command(seed)
        );
    }
    total.into_inner().unwrap()
}

fn replay_command(seed: u64) -> String {
    format!("SEED={seed} cargo test -p scheduler --test simulation replay -- --nocapture")
}
