//! Where the partitions of a dataset want to be computed (Spark: `DAGScheduler.getPreferredLocsInternal`).
//!
//! Where they are cached; else where their source says; else where the first ancestor along narrow dependencies wants
//! to be. Each ancestor's partition is met once for each partition that is asked for.

use std::collections::BTreeSet;

use crate::{Dependency, ExecutorId, Host, PartitionMap, RddId, ShuffleId};

use super::{Blocks, Graph};

/// Where a partition wants to be computed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// These executors have it, or what it is computed from.
    Executors(Vec<ExecutorId>),
    /// These machines do.
    Hosts(Vec<Host>),
}

/// What is known about where data is.
pub(crate) struct Whereabouts<'a, F: Fn(ShuffleId, u32) -> Vec<Host>> {
    pub(crate) graph: &'a Graph,
    pub(crate) blocks: &'a Blocks,
    /// The machines that have much of what a bucket reads.
    pub(crate) shuffled: F,
}

impl<F: Fn(ShuffleId, u32) -> Vec<Host>> Whereabouts<'_, F> {
    /// Returns whether any partition of a dataset may want to be anywhere.
    pub(crate) fn matter(&self, rdd: RddId) -> bool {
        let (mut met, mut todo) = (BTreeSet::new(), vec![rdd]);
        while let Some(id) = todo.pop() {
            let rdd = self.graph.rdd(id);
            if !rdd.preferences.is_empty() || self.blocks.has(id) {
                return true;
            }
            for dependency in &rdd.dependencies {
                match dependency {
                    Dependency::Shuffle { .. } => return true,
                    Dependency::Narrow { parent, .. } if met.insert(*parent) => todo.push(*parent),
                    Dependency::Narrow { .. } => {}
                }
            }
        }
        false
    }

    /// Returns where a partition wants to be computed; none: it does not matter.
    pub(crate) fn wanted(&self, rdd: RddId, partition: u32) -> Option<Wanted> {
        let mut met = BTreeSet::new();
        // The next one last: the first dependency is followed to its end before the second.
        let mut todo = vec![(rdd, partition)];
        while let Some((rdd, partition)) = todo.pop() {
            if !met.insert((rdd, partition)) {
                continue;
            }
            let own = self.own(rdd, partition);
            if own.is_some() {
                return own;
            }
            let before = todo.len();
            for dependency in &self.graph.rdd(rdd).dependencies {
                if let Dependency::Narrow { parent, partitions } = dependency {
                    todo.extend(
                        parents(partitions, partition).map(|partition| (*parent, partition)),
                    );
                }
            }
            todo[before..].reverse();
        }
        None
    }

    /// Returns what a dataset itself says about a partition.
    fn own(&self, id: RddId, partition: u32) -> Option<Wanted> {
        let holders = self.blocks.holders(id, partition);
        if !holders.is_empty() {
            return Some(Wanted::Executors(holders.to_vec()));
        }
        let rdd = self.graph.rdd(id);
        let source = rdd
            .preferences
            .get(partition as usize)
            .cloned()
            .unwrap_or_default();
        let shuffles = rdd
            .dependencies
            .iter()
            .filter_map(|dependency| match dependency {
                Dependency::Shuffle { shuffle, .. } => Some(*shuffle),
                Dependency::Narrow { .. } => None,
            });
        let read = shuffles.map(|shuffle| (self.shuffled)(shuffle, partition));
        let mut hosts = std::iter::once(source).chain(read);
        hosts.find(|hosts| !hosts.is_empty()).map(Wanted::Hosts)
    }
}

/// Returns the partitions of a parent that a partition needs.
fn parents(map: &PartitionMap, partition: u32) -> impl Iterator<Item = u32> {
    let (one, list) = match map {
        PartitionMap::OneToOne => (Some(partition), None),
        PartitionMap::Span {
            in_start,
            out_start,
            length,
        } => {
            let at = partition.checked_sub(*out_start).filter(|at| at < length);
            (at.map(|at| at + in_start), None)
        }
        PartitionMap::Lists(lists) => (None, lists.get(partition as usize)),
    };
    one.into_iter().chain(list.into_iter().flatten().copied())
}
