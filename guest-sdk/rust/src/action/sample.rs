//! The actions that take so many records at random, in one pass.
//!
//! Each record draws a number, and those with the least numbers are the sample (bottom-k sampling): a partition's sample
//! needs no more memory than it has records, and the samples of all partitions are merged by the same numbers.

use std::panic::Location;

use super::Site;
use super::order::least;
use crate::error::Result;
use crate::hash::HashMap;
use crate::random::Random;
use crate::rdd::Rdd;
use crate::record::Record;

/// The number that a record has drawn, and the record.
type Drawn<T> = (u64, T);

impl<'a, T: Record + 'a> Rdd<'a, T> {
    /// Takes so many records at random, each at most once, in random order; all where there are not so many. The same seed
    /// takes the same ones, in every run.
    ///
    /// One job, which reads each record once. A task and the driver hold some `2 * count` records.
    ///
    /// # Errors
    /// The job failed.
    #[track_caller]
    pub fn take_sample(&self, count: usize, seed: u64) -> Result<Vec<T>> {
        let (drawn, _) = self.drawn("take_sample", Location::caller(), count, seed)?;
        Ok(drawn.into_iter().map(|(_, record)| record).collect())
    }

    /// Takes so many records at random, each as often as it is drawn; none where there are none. Otherwise as
    /// [`take_sample`](Self::take_sample).
    ///
    /// # Errors
    /// The job failed.
    #[track_caller]
    pub fn take_sample_with_replacement(&self, count: usize, seed: u64) -> Result<Vec<T>>
    where
        T: Clone,
    {
        let name = "take_sample_with_replacement";
        let (drawn, all) = self.drawn(name, Location::caller(), count, seed)?;
        if all == 0 {
            return Ok(Vec::new());
        }
        // Places are drawn with replacement. The first new place is the first record of the sample without, the second the
        // second and so on: that sample is in random order, so any record may be at any place.
        let mut places = Random::of_partition(seed, u32::MAX);
        let mut known: HashMap<u64, usize> = HashMap::default();
        let record = |_| {
            let new = known.len();
            let at = *known.entry(places.next_below(all)).or_insert(new);
            drawn.get(at).map(|(_, record)| record.clone())
        };
        Ok((0..count).filter_map(record).collect())
    }

    /// A sample without replacement in random order, and how many records there are.
    fn drawn(
        &self,
        name: &'static str,
        call_site: Site,
        count: usize,
        seed: u64,
    ) -> Result<(Vec<Drawn<T>>, u64)> {
        let parts = self.per_partition(name, call_site, |partition, records| {
            let mut random = Random::of_partition(seed, partition);
            let mut all = 0u64;
            let drawn = records.map(|record| {
                all += 1;
                (random.next_u64(), record)
            });
            let sample = least(drawn, count, |a, b| a.0.cmp(&b.0));
            Ok((sample, all))
        })?;
        let all = parts.iter().map(|(_, all)| all).sum();
        let drawn = parts.into_iter().flat_map(|(sample, _)| sample);
        Ok((least(drawn, count, |a, b| a.0.cmp(&b.0)), all))
    }
}
