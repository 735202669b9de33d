//! Records with numbers of their own.

use std::cell::OnceCell;
use std::panic::Location;
use std::rc::Rc;

use super::{Operation, Rdd, one_to_one};
use crate::error::Result;
use crate::lineage::Parent;
use crate::stream::Records;

impl<'a, T: 'a> Rdd<'a, T> {
    /// Pairs each record with its place: those of the first partition first, and of a partition in their order.
    ///
    /// Where there is more than one partition, a job of its own counts the records of all but the last, before the first
    /// action that needs them.
    #[track_caller]
    pub fn zip_with_index(&self) -> Rdd<'a, (T, u64)> {
        let call_site = Location::caller();
        let indexed = Indexed {
            parent: self.clone(),
            starts: OnceCell::new(),
            call_site,
        };
        self.narrow("zip_with_index", call_site, None, indexed)
    }

    /// Pairs each record with a number that no other has, without a job of its own: of `n` partitions the `k`th gives `k`,
    /// `n + k`, `2 * n + k` and so on. There are gaps.
    #[track_caller]
    pub fn zip_with_unique_id(&self) -> Rdd<'a, (T, u64)> {
        let step = self.partitions() as usize;
        self.partitions_mapped(
            "zip_with_unique_id",
            Location::caller(),
            None,
            move |partition, records| records.zip((u64::from(partition)..).step_by(step)),
        )
    }
}

struct Indexed<'a, T> {
    parent: Rdd<'a, T>,
    /// The place of each partition's first record.
    starts: OnceCell<Vec<u64>>,
    call_site: &'static Location<'static>,
}

impl<'a, T: 'a> Indexed<'a, T> {
    fn find_starts(&self) -> Result<Vec<u64>> {
        let counted = (0..self.parent.partitions().saturating_sub(1)).collect();
        let counts = self.parent.per_partition_of(
            "zip_with_index: count",
            self.call_site,
            counted,
            |_, records| Ok(records.counted()),
        )?;
        let after = counts.into_iter().scan(0, |sum, count| {
            *sum += count;
            Some(*sum)
        });
        Ok(std::iter::once(0).chain(after).collect())
    }
}

impl<'a, T: 'a> Operation for Indexed<'a, T> {
    type Item = (T, u64);

    fn compute<'s>(self: Rc<Self>, partition: u32) -> Records<'s, (T, u64)>
    where
        Self: 's,
    {
        let starts = self.starts.get();
        let start = starts.and_then(|starts| starts.get(partition as usize).copied());
        Records::new(self.parent.records(partition).zip(start.unwrap_or(0)..))
    }

    fn parents(&self) -> Vec<Parent<'_>> {
        one_to_one(&self.parent)
    }

    fn prepare(&self) -> Result<()> {
        if self.starts.get().is_none() {
            let starts = self.find_starts()?;
            // Nobody else sets it: the counting job does not come by here.
            let _ = self.starts.set(starts);
        }
        Ok(())
    }
}
