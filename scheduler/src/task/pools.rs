//! In which order task sets are served (Spark: `Pool`, `FIFOSchedulingAlgorithm`, `FairSchedulingAlgorithm`).
//!
//! A tree: task sets are in pools, pools may be in pools. FIFO: an earlier job's stages before a later one's, a job's
//! earlier stage before its later one. FAIR: who has less than its minimum share first, then who has the least for its
//! weight. The order is kept as it changes, so that asking who is next costs nothing.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::JobId;
use crate::pools::{Mode, PoolSpec};

use super::SetKey;

/// The pool of jobs that name none.
const DEFAULT: &str = "default";

/// A pool, by number. 0 is the root.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct PoolId(usize);

const ROOT: PoolId = PoolId(0);

/// What is served: a pool, or a task set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Child {
    Pool(PoolId),
    Set(SetKey),
}

/// How much somebody runs for what it should.
#[derive(Clone, Copy, Debug)]
struct Ratio {
    running: u32,
    share: u32,
}

impl Ord for Ratio {
    fn cmp(&self, other: &Self) -> Ordering {
        let scaled = |one: &Self, by: &Self| u64::from(one.running) * u64::from(by.share);
        scaled(self, other).cmp(&scaled(other, self))
    }
}

impl PartialOrd for Ratio {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Ratio {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Ratio {}

/// What decides between equals: pools by name, before task sets by age.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Tie {
    Pool(Arc<str>),
    Set(JobId, SetKey),
}

/// The place of a child in its pool; the least is served first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rank {
    /// Whether it has its minimum share. FIFO does not care.
    satisfied: bool,
    ratio: Ratio,
    tie: Tie,
}

#[derive(Debug)]
struct Pool {
    spec: PoolSpec,
    parent: Option<PoolId>,
    running: u32,
    /// The children that have something to launch.
    queue: BTreeSet<(Rank, Child)>,
}

#[derive(Debug)]
struct Entry {
    pool: PoolId,
    priority: JobId,
    running: u32,
    queued: bool,
}

/// The pools and the task sets in them.
#[derive(Debug)]
pub(super) struct Pools {
    pools: Vec<Pool>,
    names: BTreeMap<Arc<str>, PoolId>,
    sets: BTreeMap<SetKey, Entry>,
}

impl Pools {
    pub(super) fn new(mode: Mode) -> Self {
        let spec = PoolSpec {
            mode,
            ..PoolSpec::named("")
        };
        let root = Pool {
            spec,
            parent: None,
            running: 0,
            queue: BTreeSet::new(),
        };
        Self {
            pools: vec![root],
            names: BTreeMap::new(),
            sets: BTreeMap::new(),
        }
    }

    /// Makes pools, parents first. One that is known keeps its parent and takes on the rest.
    pub(super) fn define(&mut self, specs: &[PoolSpec]) {
        for spec in specs {
            let parent = spec.parent.as_ref().and_then(|name| self.names.get(name));
            let parent = parent.copied().unwrap_or(ROOT);
            let id = self.pool(&spec.name, parent);
            // Its children's ranks depend on its mode, its own on weight and share: all are queued anew.
            let queued = self.take_queue(id);
            self.pools[id.0].spec = spec.clone();
            queued.into_iter().for_each(|child| self.enqueue(child));
        }
    }

    fn take_queue(&mut self, id: PoolId) -> Vec<Child> {
        let queued: Vec<Child> = self.pools[id.0]
            .queue
            .iter()
            .map(|(_, child)| *child)
            .collect();
        queued.iter().for_each(|child| self.dequeue(*child));
        queued
    }

    /// Returns the pool of a name, which is made if it is not known.
    fn pool(&mut self, name: &Arc<str>, parent: PoolId) -> PoolId {
        if let Some(id) = self.names.get(name) {
            return *id;
        }
        let id = PoolId(self.pools.len());
        self.pools.push(Pool {
            spec: PoolSpec::named(name),
            parent: Some(parent),
            running: 0,
            queue: BTreeSet::new(),
        });
        self.names.insert(name.clone(), id);
        id
    }

    /// Adds a task set. With FIFO at the root, pools do not matter.
    pub(super) fn add(&mut self, set: SetKey, priority: JobId, pool: Option<&Arc<str>>) {
        let pool = match self.pools[ROOT.0].spec.mode {
            Mode::Fifo => ROOT,
            Mode::Fair => {
                let name = pool.cloned().unwrap_or_else(|| DEFAULT.into());
                self.pool(&name, ROOT)
            }
        };
        let entry = Entry {
            pool,
            priority,
            running: 0,
            queued: false,
        };
        self.sets.insert(set, entry);
    }

    pub(super) fn remove(&mut self, set: SetKey) {
        self.queue(set, false);
        let entry = self.sets.remove(&set).expect("a task set leaves once");
        assert_eq!(entry.running, 0, "nothing of it runs");
    }

    /// Says whether a task set has something to launch.
    pub(super) fn queue(&mut self, set: SetKey, queued: bool) {
        let entry = self
            .sets
            .get_mut(&set)
            .expect("a task set that waits is known");
        if std::mem::replace(&mut entry.queued, queued) == queued {
            return;
        }
        if queued {
            self.enqueue(Child::Set(set));
        } else {
            self.dequeue(Child::Set(set));
        }
    }

    pub(super) fn is_queued(&self, set: SetKey) -> bool {
        self.sets.get(&set).is_some_and(|entry| entry.queued)
    }

    fn enqueue(&mut self, child: Child) {
        let Some(parent) = self.parent(child) else {
            return;
        };
        let rank = self.rank(child);
        let pool = &mut self.pools[parent.0];
        pool.queue.insert((rank, child));
        if pool.queue.len() == 1 {
            self.enqueue(Child::Pool(parent));
        }
    }

    fn dequeue(&mut self, child: Child) {
        let Some(parent) = self.parent(child) else {
            return;
        };
        let rank = self.rank(child);
        let pool = &mut self.pools[parent.0];
        if pool.queue.remove(&(rank, child)) && pool.queue.is_empty() {
            self.dequeue(Child::Pool(parent));
        }
    }

    fn parent(&self, child: Child) -> Option<PoolId> {
        match child {
            Child::Pool(pool) => self.pools[pool.0].parent,
            Child::Set(set) => self.sets.get(&set).map(|entry| entry.pool),
        }
    }

    /// Returns a child's rank in its pool as things are now.
    fn rank(&self, child: Child) -> Rank {
        let (running, weight, min_share, tie) = match child {
            Child::Pool(pool) => {
                let Pool { spec, running, .. } = &self.pools[pool.0];
                let tie = Tie::Pool(spec.name.clone());
                (*running, spec.weight, spec.min_share, tie)
            }
            Child::Set(set) => {
                let entry = &self.sets[&set];
                (entry.running, 1, 0, Tie::Set(entry.priority, set))
            }
        };
        let fair = self.parent(child).is_some_and(|pool| self.is_fair(pool));
        let needy = running < min_share;
        let share = if needy { min_share } else { weight };
        let ratio = Ratio {
            running: if fair { running } else { 0 },
            share: if fair { share.max(1) } else { 1 },
        };
        Rank {
            satisfied: fair && !needy,
            ratio,
            tie,
        }
    }

    fn is_fair(&self, pool: PoolId) -> bool {
        self.pools[pool.0].spec.mode == Mode::Fair
    }

    /// Takes note that an attempt of a task set was launched.
    pub(super) fn launched(&mut self, set: SetKey) {
        self.run(Child::Set(set), u32::saturating_add);
    }

    /// Takes note that an attempt of a task set has ended.
    pub(super) fn ended(&mut self, set: SetKey) {
        self.run(Child::Set(set), u32::saturating_sub);
    }

    fn run(&mut self, child: Child, change: fn(u32, u32) -> u32) {
        let Some(parent) = self.parent(child) else {
            // The root: its own number decides nothing.
            return;
        };
        if !self.is_fair(parent) {
            *self.running(child) = change(*self.running(child), 1);
        } else if self.is_in_queue(child) {
            let before = self.rank(child);
            *self.running(child) = change(*self.running(child), 1);
            let after = self.rank(child);
            let queue = &mut self.pools[parent.0].queue;
            queue.remove(&(before, child));
            queue.insert((after, child));
        } else {
            *self.running(child) = change(*self.running(child), 1);
        }
        self.run(Child::Pool(parent), change);
    }

    fn running(&mut self, child: Child) -> &mut u32 {
        match child {
            Child::Pool(pool) => &mut self.pools[pool.0].running,
            Child::Set(set) => {
                let entry = self.sets.get_mut(&set);
                &mut entry.expect("what runs is of a known task set").running
            }
        }
    }

    fn is_in_queue(&self, child: Child) -> bool {
        match child {
            Child::Pool(pool) => !self.pools[pool.0].queue.is_empty(),
            Child::Set(set) => self.is_queued(set),
        }
    }

    /// Asks the task sets that have something to launch, in the order in which they are served, until one answers.
    pub(super) fn ask<T>(&self, mut question: impl FnMut(SetKey) -> Option<T>) -> Option<T> {
        self.ask_in(ROOT, &mut question)
    }

    fn ask_in<T>(&self, pool: PoolId, question: &mut impl FnMut(SetKey) -> Option<T>) -> Option<T> {
        let mut children = self.pools[pool.0].queue.iter();
        children.find_map(|(_, child)| match child {
            Child::Pool(pool) => self.ask_in(*pool, question),
            Child::Set(set) => question(*set),
        })
    }

    /// Returns the ranks that lead from the root to a task set: of two task sets, the one with the lesser path is
    /// served first.
    pub(super) fn path(&self, set: SetKey) -> Vec<Rank> {
        let mut path = Vec::new();
        let mut child = Child::Set(set);
        while let Some(parent) = self.parent(child) {
            path.push(self.rank(child));
            child = Child::Pool(parent);
        }
        path.reverse();
        path
    }

    /// States what always holds.
    pub(super) fn check(&self) {
        for (id, pool) in self.pools.iter().enumerate() {
            for (rank, child) in &pool.queue {
                assert_eq!(*rank, self.rank(*child), "the order is that of now");
                assert_eq!(self.parent(*child), Some(PoolId(id)));
                assert!(self.is_in_queue(*child));
            }
        }
        let running: u32 = self.sets.values().map(|entry| entry.running).sum();
        let of_pools = self.pools.iter().filter(|pool| pool.parent == Some(ROOT));
        let in_pools: u32 = of_pools.map(|pool| pool.running).sum();
        let in_root = self.sets.values().filter(|entry| entry.pool == ROOT);
        assert_eq!(
            running,
            in_pools + in_root.map(|entry| entry.running).sum::<u32>()
        );
    }
}
