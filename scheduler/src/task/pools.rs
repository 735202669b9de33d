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

/// Where a task set stands that has something to launch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// With those that may be launched on any core.
    Open,
    /// With those that wait for certain cores.
    Picky,
}

const LINES: [Line; 2] = [Line::Open, Line::Picky];

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
struct Rank {
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
    /// The children that have something to launch, by [`Line`].
    lines: [BTreeSet<(Rank, Child)>; 2],
}

#[derive(Debug)]
struct Entry {
    pool: PoolId,
    priority: JobId,
    running: u32,
    line: Option<Line>,
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
            lines: Default::default(),
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
            let queued = LINES.map(|line| self.empty(id, line));
            self.pools[id.0].spec = spec.clone();
            for (line, children) in LINES.into_iter().zip(queued) {
                children
                    .into_iter()
                    .for_each(|child| self.enqueue(child, line));
            }
        }
    }

    /// Takes all children out of a line.
    fn empty(&mut self, id: PoolId, line: Line) -> Vec<Child> {
        let queue = &self.pools[id.0].lines[line as usize];
        let queued: Vec<Child> = queue.iter().map(|(_, child)| *child).collect();
        queued.iter().for_each(|child| self.dequeue(*child, line));
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
            lines: Default::default(),
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
            line: None,
        };
        self.sets.insert(set, entry);
    }

    pub(super) fn remove(&mut self, set: SetKey) {
        self.queue(set, None);
        let entry = self.sets.remove(&set).expect("a task set leaves once");
        assert_eq!(entry.running, 0, "nothing of it runs");
    }

    /// Says where a task set stands, or that it has nothing to launch.
    pub(super) fn queue(&mut self, set: SetKey, line: Option<Line>) {
        let entry = self.sets.get_mut(&set);
        let entry = entry.expect("a task set that waits is known");
        let before = std::mem::replace(&mut entry.line, line);
        if before == line {
            return;
        }
        if let Some(before) = before {
            self.dequeue(Child::Set(set), before);
        }
        if let Some(line) = line {
            self.enqueue(Child::Set(set), line);
        }
    }

    /// Returns where a task set stands.
    pub(super) fn line(&self, set: SetKey) -> Option<Line> {
        self.sets.get(&set)?.line
    }

    fn enqueue(&mut self, child: Child, line: Line) {
        let Some(parent) = self.parent(child) else {
            return;
        };
        let rank = self.rank(child);
        let queue = &mut self.pools[parent.0].lines[line as usize];
        queue.insert((rank, child));
        if queue.len() == 1 {
            self.enqueue(Child::Pool(parent), line);
        }
    }

    fn dequeue(&mut self, child: Child, line: Line) {
        let Some(parent) = self.parent(child) else {
            return;
        };
        let rank = self.rank(child);
        let queue = &mut self.pools[parent.0].lines[line as usize];
        if queue.remove(&(rank, child)) && queue.is_empty() {
            self.dequeue(Child::Pool(parent), line);
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
        if self.is_fair(parent) {
            let lines = LINES.map(|line| self.is_in(child, line));
            let before = self.rank(child);
            *self.running(child) = change(*self.running(child), 1);
            let after = self.rank(child);
            let queues = self.pools[parent.0].lines.iter_mut().zip(lines);
            for (queue, _) in queues.filter(|(_, there)| *there) {
                queue.remove(&(before.clone(), child));
                queue.insert((after.clone(), child));
            }
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

    fn is_in(&self, child: Child, line: Line) -> bool {
        match child {
            Child::Pool(pool) => !self.pools[pool.0].lines[line as usize].is_empty(),
            Child::Set(set) => self.line(set) == Some(line),
        }
    }

    /// Asks the task sets of a line, in the order in which they are served, until one answers.
    pub(super) fn ask<T>(
        &self,
        line: Line,
        mut question: impl FnMut(SetKey) -> Option<T>,
    ) -> Option<T> {
        self.ask_in(ROOT, line, &mut question)
    }

    fn ask_in<T>(
        &self,
        pool: PoolId,
        line: Line,
        question: &mut impl FnMut(SetKey) -> Option<T>,
    ) -> Option<T> {
        let mut children = self.pools[pool.0].lines[line as usize].iter();
        children.find_map(|(_, child)| match child {
            Child::Pool(pool) => self.ask_in(*pool, line, question),
            Child::Set(set) => question(*set),
        })
    }

    /// Returns whether no task set stands in a line.
    pub(super) fn is_empty(&self, line: Line) -> bool {
        self.pools[ROOT.0].lines[line as usize].is_empty()
    }

    /// Returns whether a task set is served before another one.
    pub(super) fn before(&self, one: SetKey, other: SetKey) -> bool {
        if self.sets[&one].pool == self.sets[&other].pool {
            return self.rank(Child::Set(one)) < self.rank(Child::Set(other));
        }
        self.path(one) < self.path(other)
    }

    /// Returns the one that is served first.
    pub(super) fn first(&self, one: SetKey, other: SetKey) -> SetKey {
        if self.before(other, one) { other } else { one }
    }

    /// Returns whether there are no pools that matter: earlier jobs are served first, and of a job earlier stages.
    pub(super) fn is_plain(&self) -> bool {
        !self.is_fair(ROOT)
    }

    /// Returns the ranks that lead from the root to a task set.
    fn path(&self, set: SetKey) -> Vec<Rank> {
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
            for line in LINES {
                for (rank, child) in &pool.lines[line as usize] {
                    assert_eq!(*rank, self.rank(*child), "the order is that of now");
                    assert_eq!(self.parent(*child), Some(PoolId(id)));
                    assert!(self.is_in(*child, line));
                }
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
