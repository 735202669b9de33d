//! What a task reads: cached partitions, map outputs on other machines, and what it must compute from those.

use scheduler::{Dependency, FailureKind, RddId, ShuffleId, StorageLevel};

use crate::data::File;
use crate::faults::Kind;
use crate::network::{EndpointId, HostId};
use crate::program::{bucket, combine};
use crate::shape::parents;
use crate::task::Block;
use crate::wakes::goes;
use crate::world::World;

/// Who reads, and from where.
#[derive(Clone, Copy)]
pub(crate) struct Reader {
    pub(crate) host: HostId,
    pub(crate) driver: EndpointId,
}

impl World {
    /// Returns what a partition holds, as this executor finds it: cached somewhere, or computed from what it needs.
    pub(crate) fn compute(
        &mut self,
        reader: Reader,
        rdd: RddId,
        partition: u32,
        made: &mut Vec<Block>,
    ) -> Result<u64, FailureKind> {
        if let Some(value) = self.cached(reader, rdd, partition) {
            return Ok(value);
        }
        let program = self.programs[&reader.driver].clone();
        let known = program.rdd(rdd);
        let mut inputs = Vec::new();
        for dependency in &known.dependencies {
            match dependency {
                Dependency::Narrow { parent, partitions } => {
                    for needed in parents(partitions, partition) {
                        inputs.push(self.compute(reader, *parent, needed, made)?);
                    }
                }
                Dependency::Shuffle {
                    parent, shuffle, ..
                } => {
                    for map in 0..program.rdd(*parent).partitions {
                        let file = self.fetch(reader, *shuffle, map);
                        let file = file.ok_or(FailureKind::FetchFailed {
                            shuffle: *shuffle,
                            map_partition: map,
                        })?;
                        inputs.push(bucket(file, partition));
                    }
                }
            }
        }
        let value = combine(rdd, partition, inputs);
        if known.storage != StorageLevel::None {
            made.push((rdd, partition, value));
        }
        Ok(value)
    }

    /// Returns what a cached partition holds, of whoever can be reached.
    pub(crate) fn cached(&self, reader: Reader, rdd: RddId, partition: u32) -> Option<u64> {
        let holders = self.data.blocks.get(&(reader.driver, rdd, partition))?;
        let mut reached = holders.iter().filter(|(holder, _)| {
            let process = self.processes.get(holder);
            process.is_some_and(|process| {
                process.stopped.is_none() && self.network.connects(reader.host, process.host)
            })
        });
        reached.next().map(|(_, value)| *value)
    }

    /// Reads a map output from the worker that serves it, if that can be reached and has it.
    fn fetch(&mut self, reader: Reader, shuffle: ShuffleId, map: u32) -> Option<u64> {
        let (attempt, executor) = self
            .driver_at(reader.driver)?
            .outputs
            .get(&(shuffle, map))
            .copied()?;
        let home = self.data.homes.get(&(reader.driver, executor))?;
        let (host, application) = (home.host, home.application);
        let file = File {
            host,
            application,
            shuffle,
            map,
            attempt,
        };
        let served = self.sites[host.0]
            .daemon
            .is_some_and(|worker| goes(self.processes.get(&worker)));
        if !served || !self.network.connects(reader.host, host) {
            return None;
        }
        let value = self.data.files.get(&file).copied()?;
        (!self.strikes(Kind::FetchFailed)).then_some(value)
    }
}
