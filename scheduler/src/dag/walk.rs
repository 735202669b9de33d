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
