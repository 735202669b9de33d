//! Where the data of a partition is (Spark: `DAGScheduler.getPreferredLocs`,
//! `MapOutputTrackerMaster.getLocationsWithLargestOutputs`).
//!
//! The first dataset on the way back through narrow dependencies that knows a place decides.

use std::collections::{BTreeMap, BTreeSet};

use crate::{Dependency, ExecutorId, Host, PartitionMap, Rdd, RddId, ShuffleId};

use super::{Blocks, Graph, MapOutputs, Shuffles};

/// A shuffle of so many map outputs or buckets has no places: looking for them would cost more than it saves (Spark:
/// `SHUFFLE_PREF_MAP_THRESHOLD`, `SHUFFLE_PREF_REDUCE_THRESHOLD`).
const SHUFFLE_MAX: usize = 1_000;

/// A machine is worth going to if it has at least one of so many parts of what is read (Spark:
/// `REDUCER_PREF_LOCS_FRACTION`, 0.2).
const PARTS: u64 = 5;

/// A place that is near some data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Near {
    /// It is in its memory.
    Executor(ExecutorId),
    /// It is on its disk.
    Host(Host),
}

/// Looks for places.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Nearness<'a> {
    pub(crate) graph: &'a Graph,
    pub(crate) blocks: &'a Blocks,
    pub(crate) shuffles: &'a Shuffles,
    /// Whether map outputs count (`shuffle.reduceLocality.enabled`).
    pub(crate) reduce: bool,
}

impl Nearness<'_> {
    /// Returns whether any partition of a dataset may have a place: so that asking for each of a million is spared.
    pub(crate) fn is_known(&self, rdd: RddId) -> bool {
        let (mut seen, mut todo) = (BTreeSet::new(), vec![rdd]);
        while let Some(id) = todo.pop() {
            if !seen.insert(id) {
                continue;
            }
            let rdd = self.graph.rdd(id);
            let source = !rdd.preferences.is_empty();
            if source || self.blocks.any(id) || self.read(rdd).is_some() {
                return true;
            }
            todo.extend(narrow(rdd).map(|(parent, _)| parent));
        }
        false
    }

    /// Returns the places that are near a partition of a dataset, the best first; none: it does not matter where.
    pub(crate) fn of(&self, rdd: RddId, partition: u32) -> Vec<Near> {
        // Each partition is looked at once, however many ways lead to it.
        let (mut seen, mut todo) = (BTreeSet::new(), vec![(rdd, partition)]);
        while let Some((id, partition)) = todo.pop() {
            if !seen.insert((id, partition)) {
                continue;
            }
            let rdd = self.graph.rdd(id);
            let places = self.own(rdd, partition);
            if !places.is_empty() {
                return places;
            }
            let parents = narrow(rdd).flat_map(|(parent, map)| {
                let partitions = parents(map, partition).into_iter();
                partitions.map(move |partition| (parent, partition))
            });
            let parents: Vec<(RddId, u32)> = parents.collect();
            todo.extend(parents.into_iter().rev());
        }
        Vec::new()
    }

    fn own(&self, rdd: &Rdd, partition: u32) -> Vec<Near> {
        let holders = self.blocks.holders(rdd.id, partition);
        if !holders.is_empty() {
            return holders.iter().copied().map(Near::Executor).collect();
        }
        if let Some(hosts) = rdd.preferences.get(partition as usize)
            && !hosts.is_empty()
        {
            return hosts.iter().cloned().map(Near::Host).collect();
        }
        let outputs = self.read(rdd);
        outputs.map_or_else(Vec::new, |outputs| self.largest(outputs, partition))
    }

    /// Returns the map outputs that a dataset reads, if it reads nothing else and there are few enough.
    fn read(&self, rdd: &Rdd) -> Option<&MapOutputs> {
        let [Dependency::Shuffle { shuffle, .. }] = rdd.dependencies[..] else {
            return None;
        };
        self.outputs(shuffle)
    }

    fn outputs(&self, shuffle: ShuffleId) -> Option<&MapOutputs> {
        let outputs = self.shuffles.get(shuffle).filter(|_| self.reduce)?;
        let few = outputs.maps() < SHUFFLE_MAX && (outputs.buckets() as usize) < SHUFFLE_MAX;
        few.then_some(outputs)
    }

    /// Returns the machines that have much of a bucket, the one with the most first.
    fn largest(&self, outputs: &MapOutputs, bucket: u32) -> Vec<Near> {
        let mut by_host: BTreeMap<&Host, u64> = BTreeMap::new();
        for (executor, sizes) in outputs.there() {
            if let (Some(host), Some(sizes)) = (self.shuffles.host(executor), sizes) {
                *by_host.entry(host).or_default() += sizes.size(bucket);
            }
        }
        let all: u64 = by_host.values().sum();
        let mut hosts: Vec<(&Host, u64)> = by_host.into_iter().collect();
        hosts.retain(|(_, bytes)| *bytes > 0 && bytes * PARTS >= all);
        hosts.sort_by_key(|(_, bytes)| std::cmp::Reverse(*bytes));
        let hosts = hosts.into_iter();
        hosts.map(|(host, _)| Near::Host(host.clone())).collect()
    }
}

fn narrow(rdd: &Rdd) -> impl Iterator<Item = (RddId, &PartitionMap)> {
    rdd.dependencies
        .iter()
        .filter_map(|dependency| match dependency {
            Dependency::Narrow { parent, partitions } => Some((*parent, partitions)),
            Dependency::Shuffle { .. } => None,
        })
}

/// Returns the parent's partitions that a partition needs.
fn parents(map: &PartitionMap, partition: u32) -> Vec<u32> {
    match map {
        PartitionMap::OneToOne => vec![partition],
        PartitionMap::Span {
            in_start,
            out_start,
            length,
        } => {
            let inside = partition.checked_sub(*out_start).filter(|at| at < length);
            inside.map(|at| in_start + at).into_iter().collect()
        }
        PartitionMap::Lists(lists) => lists.get(partition as usize).cloned().unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use crate::{AttemptId, BucketSizes, ImageId, StorageLevel};

    use super::*;

    #[derive(Default)]
    struct Places {
        graph: Graph,
        blocks: Blocks,
        shuffles: Shuffles,
    }

    impl Places {
        fn define(&mut self, id: u32, partitions: u32, dependencies: Vec<Dependency>) {
            let rdd = Rdd {
                id: RddId(id),
                name: "map".into(),
                call_site: "main.rs:1".into(),
                partitions,
                dependencies,
                storage: StorageLevel::MemoryOnly,
                preferences: Vec::new(),
            };
            self.graph.define(vec![rdd]).unwrap();
        }

        /// A shuffle of dataset 0 whose maps' outputs have these sizes for their one bucket, each on a machine of its
        /// own unless told otherwise.
        fn shuffle(&mut self, sizes: &[u64], host: impl Fn(u32) -> String) {
            let maps = u32::try_from(sizes.len()).unwrap();
            self.shuffles.begin(ShuffleId(0), ImageId([0; 32]), maps, 1);
            for (map, size) in (0..maps).zip(sizes) {
                let (executor, sizes) = (ExecutorId(map), BucketSizes::new(&[*size]));
                self.shuffles
                    .add_executor(executor, host(map).as_str().into());
                let sizes = Some(Arc::new(sizes));
                self.shuffles
                    .register((ShuffleId(0), map), AttemptId(0), executor, sizes);
            }
        }

        fn nearness(&self) -> Nearness<'_> {
            Nearness {
                graph: &self.graph,
                blocks: &self.blocks,
                shuffles: &self.shuffles,
                reduce: true,
            }
        }

        fn of(&self, rdd: u32, partition: u32) -> Vec<Near> {
            let places = self.nearness().of(RddId(rdd), partition);
            assert!(places.is_empty() || self.nearness().is_known(RddId(rdd)));
            places
        }
    }

    fn narrow(parent: u32) -> Dependency {
        Dependency::Narrow {
            parent: RddId(parent),
            partitions: PartitionMap::OneToOne,
        }
    }

    fn shuffled() -> Dependency {
        Dependency::Shuffle {
            parent: RddId(0),
            shuffle: ShuffleId(0),
            partitions: 1,
        }
    }

    fn host(number: u32) -> String {
        format!("host-{number}")
    }

    fn hosts(numbers: &[u32]) -> Vec<Near> {
        let hosts = numbers.iter().map(|number| host(*number).as_str().into());
        hosts.map(Near::Host).collect()
    }

    #[test]
    fn cache_locations_are_preferred_through_narrow_dependencies() {
        let mut places = Places::default();
        places.define(0, 2, Vec::new());
        places.define(1, 2, vec![narrow(0)]);
        assert!(!places.nearness().is_known(RddId(1)));
        places.blocks.stored(RddId(0), 1, ExecutorId(7));
        places.blocks.stored(RddId(0), 1, ExecutorId(3));
        assert_eq!(places.of(1, 0), []);
        let holders = [7, 3].map(|id| Near::Executor(ExecutorId(id)));
        assert_eq!(places.of(1, 1), holders);
    }

    #[test]
    fn reduce_tasks_are_placed_with_their_map_outputs() {
        let mut places = Places::default();
        places.define(0, 1, Vec::new());
        places.define(1, 1, vec![shuffled()]);
        places.shuffle(&[10], host);
        assert_eq!(places.of(1, 0), hosts(&[0]));
        let without = Nearness {
            reduce: false,
            ..places.nearness()
        };
        assert_eq!(without.of(RddId(1), 0), []);
    }

    #[test]
    fn reduce_tasks_prefer_machines_with_the_largest_outputs_alone() {
        let mut places = Places::default();
        places.define(0, 4, Vec::new());
        places.define(1, 1, vec![shuffled()]);
        places.shuffle(&[30, 1, 60, 0], host);
        assert_eq!(places.of(1, 0), hosts(&[2, 0]));
    }

    #[test]
    fn outputs_on_one_machine_count_together() {
        let mut places = Places::default();
        places.define(0, 8, Vec::new());
        places.define(1, 1, vec![shuffled()]);
        places.shuffle(&[14, 14, 16, 16, 16, 16, 14, 14], |map| host(map / 2));
        assert_eq!(places.of(1, 0), hosts(&[1, 2, 0, 3]));
        places.shuffles = Shuffles::default();
        places.shuffle(&[10; 8], host);
        assert_eq!(places.of(1, 0), [], "each has an eighth");
    }

    #[test]
    fn narrow_dependencies_go_before_shuffles() {
        let mut places = Places::default();
        places.define(0, 1, Vec::new());
        places.define(1, 1, Vec::new());
        places.define(2, 1, vec![shuffled(), narrow(1)]);
        places.shuffle(&[10], host);
        assert_eq!(places.of(2, 0), []);
        places.blocks.stored(RddId(1), 0, ExecutorId(9));
        assert_eq!(places.of(2, 0), [Near::Executor(ExecutorId(9))]);
    }

    /// Thirty layers, each of which reads the one before twice: a billion ways lead to the first.
    #[test]
    fn places_are_looked_for_once_in_a_lattice() {
        let mut places = Places::default();
        places.define(0, 1, Vec::new());
        for layer in 1..30 {
            places.define(layer, 1, vec![narrow(layer - 1), narrow(layer - 1)]);
        }
        assert_eq!(places.of(29, 0), []);
        places.blocks.stored(RddId(0), 0, ExecutorId(1));
        assert_eq!(places.of(29, 0), [Near::Executor(ExecutorId(1))]);
    }

    #[test]
    fn a_large_shuffle_has_no_places() {
        let mut places = Places::default();
        places.define(0, 1_000, Vec::new());
        places.define(1, 1, vec![shuffled()]);
        places.shuffle(&[10; 1_000], |_| host(0));
        assert_eq!(places.of(1, 0), []);
    }
}
