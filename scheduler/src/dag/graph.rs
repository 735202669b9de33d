//! The datasets that the program, a job or another dataset may still ask for.
//!
//! A dataset goes when the program has released it, no job computes it and no dataset depends on it; a shuffle goes
//! with the last dataset that reads it.

use std::collections::BTreeMap;

use crate::{Dependency, LineageError, PARTITIONS_MAX, Rdd, RddId, ShuffleId, StorageLevel};

/// What nobody can reach any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gone {
    Rdd { rdd: RddId, stored: bool },
    Shuffle(ShuffleId),
}

#[derive(Debug)]
struct Node {
    rdd: Rdd,
    /// Whether the program said that it cannot reach it.
    released: bool,
    /// The program, each dependency on it, each job.
    holders: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Shuffle {
    parent: RddId,
    /// How many buckets.
    partitions: u32,
    /// How many dependencies read it.
    holders: usize,
}

/// Datasets and shuffles.
#[derive(Debug, Default)]
pub(crate) struct Graph {
    nodes: BTreeMap<RddId, Node>,
    shuffles: BTreeMap<ShuffleId, Shuffle>,
}

impl Graph {
    /// Adds datasets, or changes their storage levels. Returns those that are no longer to be stored.
    pub(crate) fn define(&mut self, rdds: Vec<Rdd>) -> Result<Vec<RddId>, LineageError> {
        let mut batch = Batch {
            graph: self,
            rdds: BTreeMap::new(),
            shuffles: BTreeMap::new(),
        };
        rdds.iter().try_for_each(|rdd| batch.check(rdd))?;
        Ok(rdds
            .into_iter()
            .filter_map(|rdd| self.insert(rdd))
            .collect())
    }

    /// Adds a checked dataset; returns it if it was stored and no longer is.
    fn insert(&mut self, rdd: Rdd) -> Option<RddId> {
        if let Some(node) = self.nodes.get_mut(&rdd.id) {
            let before = std::mem::replace(&mut node.rdd.storage, rdd.storage);
            node.holders += usize::from(std::mem::take(&mut node.released));
            return (before != rdd.storage && rdd.storage == StorageLevel::None).then_some(rdd.id);
        }
        for dependency in &rdd.dependencies {
            self.node_mut(dependency.parent()).holders += 1;
            if let Dependency::Shuffle {
                parent,
                shuffle,
                partitions,
            } = *dependency
            {
                let new = Shuffle {
                    parent,
                    partitions,
                    holders: 0,
                };
                self.shuffles.entry(shuffle).or_insert(new).holders += 1;
            }
        }
        self.nodes.insert(
            rdd.id,
            Node {
                rdd,
                released: false,
                holders: 1,
            },
        );
        None
    }

    pub(crate) fn get(&self, rdd: RddId) -> Option<&Rdd> {
        self.nodes.get(&rdd).map(|node| &node.rdd)
    }

    pub(crate) fn rdd(&self, rdd: RddId) -> &Rdd {
        self.get(rdd).expect("a dataset that is held is there")
    }

    /// Returns which dataset's partitions a shuffle that is read moves.
    pub(crate) fn moved(&self, shuffle: ShuffleId) -> Option<RddId> {
        self.shuffles.get(&shuffle).map(|known| known.parent)
    }

    /// Returns how many buckets a shuffle has.
    pub(crate) fn buckets(&self, shuffle: ShuffleId) -> u32 {
        let known = self.shuffles.get(&shuffle);
        known.expect("a shuffle that is read is there").partitions
    }

    /// Returns the dataset whose partitions a shuffle moves.
    pub(crate) fn parent(&self, shuffle: ShuffleId) -> &Rdd {
        self.rdd(
            self.shuffles
                .get(&shuffle)
                .expect("a shuffle that is read is there")
                .parent,
        )
    }

    fn node_mut(&mut self, rdd: RddId) -> &mut Node {
        self.nodes
            .get_mut(&rdd)
            .expect("a dataset that is held is there")
    }

    /// Keeps a dataset, and so all its ancestors, for a job.
    pub(crate) fn hold(&mut self, rdd: RddId) {
        self.node_mut(rdd).holders += 1;
    }

    /// Ends a [`Self::hold`]; returns what went with it.
    pub(crate) fn let_go(&mut self, rdd: RddId) -> Vec<Gone> {
        let mut gone = Vec::new();
        let mut todo = vec![rdd];
        while let Some(rdd) = todo.pop() {
            let node = self.node_mut(rdd);
            node.holders -= 1;
            if node.holders > 0 {
                continue;
            }
            let Some(node) = self.nodes.remove(&rdd) else {
                continue;
            };
            gone.push(Gone::Rdd {
                rdd,
                stored: node.rdd.storage != StorageLevel::None,
            });
            for dependency in node.rdd.dependencies {
                todo.push(dependency.parent());
                if let Dependency::Shuffle { shuffle, .. } = dependency {
                    gone.extend(self.let_go_shuffle(shuffle));
                }
            }
        }
        gone
    }

    /// Keeps a shuffle for a job. The dataset that it moves is kept apart.
    pub(crate) fn hold_shuffle(&mut self, shuffle: ShuffleId) {
        let known = self.shuffles.get_mut(&shuffle);
        known.expect("a shuffle that is read is there").holders += 1;
    }

    /// Ends a [`Self::hold_shuffle`]; returns it if it went.
    pub(crate) fn let_go_shuffle(&mut self, id: ShuffleId) -> Option<Gone> {
        let shuffle = self
            .shuffles
            .get_mut(&id)
            .expect("a shuffle that is read is there");
        shuffle.holders -= 1;
        if shuffle.holders > 0 {
            return None;
        }
        self.shuffles.remove(&id);
        Some(Gone::Shuffle(id))
    }

    /// Takes note that the program can no longer reach a dataset; returns what went with it.
    pub(crate) fn release(&mut self, rdd: RddId) -> Vec<Gone> {
        match self.nodes.get_mut(&rdd) {
            Some(node) if !node.released => {
                node.released = true;
                self.let_go(rdd)
            }
            _ => Vec::new(),
        }
    }
}

/// The datasets of one call, checked before any of them is kept.
struct Batch<'a> {
    graph: &'a Graph,
    rdds: BTreeMap<RddId, &'a Rdd>,
    /// Parent and buckets.
    shuffles: BTreeMap<ShuffleId, (RddId, u32)>,
}

impl<'a> Batch<'a> {
    fn check(&mut self, rdd: &'a Rdd) -> Result<(), LineageError> {
        if let Some(known) = self.get(rdd.id) {
            let same = known.partitions == rdd.partitions && known.dependencies == rdd.dependencies;
            return if same {
                Ok(())
            } else {
                Err(LineageError::Redefined { rdd: rdd.id })
            };
        }
        bounded(rdd, rdd.partitions)?;
        for dependency in &rdd.dependencies {
            self.check_dependency(rdd, dependency)?;
        }
        self.rdds.insert(rdd.id, rdd);
        Ok(())
    }

    fn get(&self, rdd: RddId) -> Option<&Rdd> {
        self.rdds.get(&rdd).copied().or_else(|| self.graph.get(rdd))
    }

    fn check_dependency(&mut self, rdd: &Rdd, on: &Dependency) -> Result<(), LineageError> {
        let parent = on.parent();
        if parent >= rdd.id {
            return Err(LineageError::YoungerParent {
                rdd: rdd.id,
                parent,
            });
        }
        let Some(known) = self.get(parent) else {
            return Err(LineageError::UnknownParent {
                rdd: rdd.id,
                parent,
            });
        };
        match on {
            Dependency::Narrow { partitions, .. } => {
                partitions.check(rdd, parent, known.partitions)
            }
            Dependency::Shuffle {
                shuffle,
                partitions,
                ..
            } => {
                bounded(rdd, *partitions)?;
                self.check_shuffle(rdd.id, *shuffle, (parent, *partitions))
            }
        }
    }

    fn check_shuffle(
        &mut self,
        rdd: RddId,
        shuffle: ShuffleId,
        new: (RddId, u32),
    ) -> Result<(), LineageError> {
        let kept = self
            .graph
            .shuffles
            .get(&shuffle)
            .map(|known| (known.parent, known.partitions));
        let known = kept.unwrap_or_else(|| *self.shuffles.entry(shuffle).or_insert(new));
        let (parent, partitions) = known;
        if known == new {
            return Ok(());
        }
        Err(LineageError::ShuffleReused {
            rdd,
            shuffle,
            parent,
            partitions,
        })
    }
}

fn bounded(rdd: &Rdd, partitions: u32) -> Result<(), LineageError> {
    if partitions <= PARTITIONS_MAX {
        return Ok(());
    }
    Err(LineageError::TooManyPartitions {
        rdd: rdd.id,
        partitions,
    })
}
