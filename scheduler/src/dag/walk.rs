//! Which shuffles a set of partitions reads (Spark: `DAGScheduler.getMissingParentStages`).
//!
//! Follows narrow dependencies partition by partition and stops at what is cached, so that a job over one side
//! of a union computes that side alone.

use std::collections::{BTreeMap, BTreeSet};

use crate::{Dependency, RddId, ShuffleId};

use super::{Blocks, Graph, Ranges};

/// Returns the shuffles that computing `partitions` of `rdd` reads, whether or not they are there.
pub(crate) fn shuffles_needed(
    graph: &Graph,
    blocks: &Blocks,
    rdd: RddId,
    partitions: Ranges,
) -> BTreeSet<ShuffleId> {
    let mut shuffles = BTreeSet::new();
    let mut todo = BTreeMap::from([(rdd, partitions)]);
    // Parents are older than their children: youngest first, each dataset is met once, with all that is
    // needed of it.
    while let Some((rdd, needed)) = todo.pop_last() {
        let computed = blocks.uncached(rdd, needed);
        if computed.is_empty() {
            continue;
        }
        for dependency in &graph.rdd(rdd).dependencies {
            match dependency {
                Dependency::Shuffle { shuffle, .. } => {
                    shuffles.insert(*shuffle);
                }
                Dependency::Narrow { parent, partitions } => {
                    let needed: &mut Ranges = todo.entry(*parent).or_default();
                    needed.merge(computed.through(partitions));
                }
            }
        }
    }
    shuffles
}

#[cfg(test)]
mod tests {
    use crate::{PartitionMap, Rdd, StorageLevel};

    use super::*;

    fn rdd(id: u32, dependencies: Vec<Dependency>) -> Rdd {
        Rdd {
            id: RddId(id),
            name: "map".into(),
            call_site: "main.rs:1".into(),
            partitions: 1,
            dependencies,
            storage: StorageLevel::None,
            preferences: Vec::new(),
        }
    }

    fn shuffled(shuffle: u32, parent: u32) -> Dependency {
        let (shuffle, parent) = (ShuffleId(shuffle), RddId(parent));
        Dependency::Shuffle {
            parent,
            shuffle,
            partitions: 1,
        }
    }

    fn narrow(parent: u32) -> Dependency {
        Dependency::Narrow {
            parent: RddId(parent),
            partitions: PartitionMap::OneToOne,
        }
    }

    fn needed(rdds: Vec<Rdd>, rdd: u32) -> Vec<ShuffleId> {
        let mut graph = Graph::default();
        graph.define(rdds).unwrap();
        let found = shuffles_needed(&graph, &Blocks::default(), RddId(rdd), Ranges::all(1));
        found.into_iter().collect()
    }

    #[test]
    fn direct_shuffle_parents_alone_are_found() {
        let rdds = vec![
            rdd(0, vec![]),
            rdd(1, vec![shuffled(0, 0)]),
            rdd(2, vec![shuffled(1, 1)]),
            rdd(3, vec![narrow(2)]),
            rdd(4, vec![shuffled(2, 0), narrow(3)]),
        ];
        assert_eq!(needed(rdds.clone(), 4), [ShuffleId(1), ShuffleId(2)]);
        assert_eq!(needed(rdds.clone(), 2), [ShuffleId(1)]);
        assert_eq!(needed(rdds, 0), []);
    }

    /// Thirty layers, each of which reads the one before twice: a billion ways lead to the first.
    #[test]
    fn a_lattice_of_datasets_is_walked_once() {
        let layers = (2..30).map(|id| rdd(id, vec![narrow(id - 1), narrow(id - 1)]));
        let first = [rdd(0, vec![]), rdd(1, vec![shuffled(0, 0)])];
        let rdds = first.into_iter().chain(layers).collect();
        assert_eq!(needed(rdds, 29), [ShuffleId(0)]);
    }
}
