//! What brings pairs back to the driver.

use std::hash::Hash;
use std::panic::Location;
use std::time::Duration;

use super::partitioner::Partitioner;
use crate::approximate::{BoundedDouble, CountByKey, PartialResult, counted, expect_confidence};
use crate::driver::Job;
use crate::error::Result;
use crate::hash::{HashMap, bucket_of, hash_of};
use crate::hyperloglog::{Sketch, precision_of};
use crate::lineage::{self, Partitioning};
use crate::rdd::Rdd;
use crate::record::{Record, from_bytes, to_bytes};
use crate::shuffle::placing_shuffle;
use crate::stream::Records;
use crate::task;

impl<'a, K: Record + Hash + Eq + 'a, V: Record + 'a> Rdd<'a, (K, V)> {
    /// The values of a key, in their order. Where it is known in which partition the key would be, only that is computed.
    ///
    /// # Errors
    /// The job failed.
    #[track_caller]
    pub fn lookup(&self, key: &K) -> Result<Vec<V>> {
        let call_site = Location::caller();
        task::refuse_inside("the action `lookup`")?;
        lineage::define(self)?;
        let partitions = match self.partition_of(key)? {
            Some(partition) => vec![partition],
            None => (0..self.partitions()).collect(),
        };
        let action = |partition| {
            let records = self.records(partition).filter(|(known, _)| known == key);
            Ok(to_bytes(
                &records.map(|(_, value)| value).collect::<Vec<V>>(),
            ))
        };
        let job = Job {
            name: "lookup",
            call_site,
            root: self,
            action: &action,
        };
        let mut found: Vec<(u32, Vec<V>)> = Vec::new();
        job.run(partitions, |partition, bytes| {
            found.push((partition, from_bytes(&bytes)?));
            Ok(())
        })?;
        found.sort_by_key(|(partition, _)| *partition);
        Ok(found.into_iter().flat_map(|(_, values)| values).collect())
    }

    /// In which partition the key is, if anywhere. The dataset is defined.
    fn partition_of(&self, key: &K) -> Result<Option<u32>> {
        match (self.partitioning(), placing_shuffle(self)) {
            (Some(Partitioning::Hash(partitions)), _) => {
                Ok(Some(bucket_of(hash_of(key), partitions)))
            }
            (_, Some(shuffle)) => shuffle.bucket(&to_bytes(key)).map(Some),
            _ => Ok(None),
        }
    }

    /// Makes the values of each key one, two by two, and brings them to the driver. Nothing is shuffled: each partition's
    /// results are merged in the driver, in the order of the partitions.
    ///
    /// # Errors
    /// The job failed.
    #[track_caller]
    pub fn reduce_by_key_locally(
        &self,
        f: impl Fn(V, V) -> V + Clone + 'a,
    ) -> Result<HashMap<K, V>> {
        let called = ("reduce_by_key_locally", Location::caller());
        let parts = self.reduced_here(called, f.clone()).collect()?;
        let mut all: HashMap<K, Option<V>> = HashMap::default();
        for (key, value) in parts {
            let slot = all.entry(key).or_default();
            *slot = Some(match slot.take() {
                Some(known) => f(known, value),
                None => value,
            });
        }
        Ok(all
            .into_iter()
            .filter_map(|(key, value)| Some((key, value?)))
            .collect())
    }

    /// How many values each key has, by what was counted in time: the counts so far, and bounds between which the true ones
    /// lie with this confidence. Keys that were not met are missing.
    ///
    /// # Errors
    /// The job failed, or the confidence is no probability.
    #[track_caller]
    pub fn count_by_key_approx(
        &self,
        timeout: Duration,
        confidence: f64,
    ) -> Result<PartialResult<'a, HashMap<K, BoundedDouble>>>
    where
        K: Clone,
    {
        let evaluator = CountByKey::new(expect_confidence(confidence)?);
        let count = |records: Records<'a, (K, V)>| counted(records.map(|(key, _)| key));
        self.approximated(
            "count_by_key_approx",
            Location::caller(),
            timeout,
            evaluator,
            count,
        )
    }

    /// About how many different values each key has, by a sketch for each; see
    /// [`count_approx_distinct`](Self::count_approx_distinct).
    ///
    /// # Errors
    /// No sketch has such an error.
    #[track_caller]
    pub fn count_approx_distinct_by_key(&self, relative_sd: f64) -> Result<Rdd<'a, (K, u64)>>
    where
        V: Hash,
    {
        let called = Location::caller();
        self.distinct_counted(called, relative_sd, self.partitioner())
    }

    /// The same, where the partitioner says.
    ///
    /// # Errors
    /// No sketch has such an error.
    #[track_caller]
    pub fn count_approx_distinct_by_key_in(
        &self,
        relative_sd: f64,
        partitioner: impl Into<Partitioner<'a, K>>,
    ) -> Result<Rdd<'a, (K, u64)>>
    where
        V: Hash,
    {
        self.distinct_counted(Location::caller(), relative_sd, partitioner.into())
    }

    fn distinct_counted(
        &self,
        site: &'static Location<'static>,
        relative_sd: f64,
        partitioner: Partitioner<'a, K>,
    ) -> Result<Rdd<'a, (K, u64)>>
    where
        V: Hash,
    {
        let precision = precision_of(relative_sd)?;
        let add = |mut sketch: Sketch, value: V| {
            sketch.add(&value);
            sketch
        };
        let merge = |mut sketch: Sketch, other: Sketch| {
            sketch.merge(&other);
            sketch
        };
        let called = ("count_approx_distinct_by_key", site);
        let sketches = self.aggregated(
            called,
            move || Sketch::new(precision),
            add,
            merge,
            partitioner,
        );
        Ok(sketches.map_values(|sketch| sketch.estimate()))
    }
}
