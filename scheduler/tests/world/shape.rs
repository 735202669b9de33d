//! Datasets of every shape.
//!
//! Written apart from the crate's own way of following them.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::sync::Arc;

use scheduler::{Dependency, PartitionMap, Rdd, RddId, ShuffleId, StorageLevel};

/// How a dataset comes about. Parents are chosen among the older ones.
#[derive(Clone, Debug)]
pub(crate) enum Node {
    Source(u32),
    Map(u8),
    Shuffled(u8, u32),
    Union(u8, u8),
    Coalesced(u8),
    Joined(u8, u8, u32),
}

/// Returns the partitions of the parent that a partition needs.
pub(super) fn parents(map: &PartitionMap, partition: u32) -> Vec<u32> {
    match map {
        PartitionMap::OneToOne => vec![partition],
        PartitionMap::Span {
            in_start,
            out_start,
            length,
        } => {
            let inside = partition >= *out_start && partition - out_start < *length;
            if inside {
                vec![partition - out_start + in_start]
            } else {
                Vec::new()
            }
        }
        PartitionMap::Lists(lists) => lists[partition as usize].clone(),
    }
}

/// Returns how many map outputs each shuffle has, and how many buckets.
pub(super) fn shuffles(rdds: &[Rdd]) -> BTreeMap<ShuffleId, (u32, u32)> {
    let dependencies = rdds.iter().flat_map(|rdd| &rdd.dependencies);
    let shuffles = dependencies.filter_map(|dependency| match dependency {
        Dependency::Shuffle {
            parent,
            shuffle,
            partitions,
        } => Some((*shuffle, (rdds[parent.0 as usize].partitions, *partitions))),
        Dependency::Narrow { .. } => None,
    });
    shuffles.collect()
}

/// Makes datasets, each from older ones.
pub(super) fn rdds(nodes: &[(Node, bool)]) -> Vec<Rdd> {
    let mut rdds: Vec<Rdd> = Vec::new();
    let mut shuffles = 0..;
    for (node, cached) in nodes {
        let rdd = rdd(&rdds, node, *cached, &mut shuffles);
        rdds.push(rdd);
    }
    rdds
}

fn rdd(older: &[Rdd], node: &Node, cached: bool, shuffles: &mut impl Iterator<Item = u32>) -> Rdd {
    let parent = |at: u8| older.get(usize::from(at) % older.len().max(1));
    let mut shuffle = |parent: &Rdd, partitions| Dependency::Shuffle {
        parent: parent.id,
        shuffle: ShuffleId(shuffles.next().unwrap()),
        partitions,
    };
    let narrow = |parent: &Rdd, partitions| Dependency::Narrow {
        parent: parent.id,
        partitions,
    };
    let (partitions, dependencies) = match *node {
        Node::Source(partitions) => (partitions, Vec::new()),
        Node::Map(at) => parent(at).map_or((1, Vec::new()), |parent| {
            (
                parent.partitions,
                vec![narrow(parent, PartitionMap::OneToOne)],
            )
        }),
        Node::Shuffled(at, partitions) => (
            partitions,
            parent(at)
                .map(|parent| shuffle(parent, partitions))
                .into_iter()
                .collect(),
        ),
        Node::Joined(one, other, partitions) => {
            let sides = [parent(one), parent(other)].into_iter().flatten();
            (
                partitions,
                sides.map(|parent| shuffle(parent, partitions)).collect(),
            )
        }
        Node::Union(one, other) => {
            let mut out_start = 0;
            let mut sides = Vec::new();
            for parent in [parent(one), parent(other)].into_iter().flatten() {
                let length = parent.partitions;
                sides.push(narrow(
                    parent,
                    PartitionMap::Span {
                        in_start: 0,
                        out_start,
                        length,
                    },
                ));
                out_start += length;
            }
            (out_start, sides)
        }
        Node::Coalesced(at) => parent(at).map_or((1, Vec::new()), |parent| {
            let (even, odd) = (0..parent.partitions).partition(|partition| partition % 2 == 0);
            (
                2,
                vec![narrow(parent, PartitionMap::Lists(vec![even, odd]))],
            )
        }),
    };
    Rdd {
        id: RddId(u32::try_from(older.len()).unwrap()),
        name: Arc::from("map"),
        call_site: Arc::from("main.rs:1"),
        partitions,
        dependencies,
        storage: if cached {
            StorageLevel::MemoryOnly
        } else {
            StorageLevel::None
        },
        preferences: Vec::new(),
    }
}
