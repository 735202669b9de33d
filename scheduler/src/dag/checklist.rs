//! Which partitions of a job have their result.
//!
//! Each partition is ticked once.

use crate::sorted::Sorted;

/// A job's partitions and which of them are done.
#[derive(Debug)]
pub(crate) struct Checklist {
    partitions: Sorted,
    done: Vec<bool>,
    left: usize,
}

impl Checklist {
    /// Begins with none done. None where a partition is named twice.
    pub(crate) fn new(mut partitions: Vec<u32>) -> Option<Self> {
        partitions.sort_unstable();
        let partitions = Sorted::new(partitions)?;
        let left = partitions.len();
        Some(Self {
            done: vec![false; left],
            partitions,
            left,
        })
    }

    /// Marks a partition as done.
    pub(crate) fn tick(&mut self, partition: u32) {
        let at = self.partitions.position(partition);
        let at = at.expect("only a job's own partitions are computed");
        let done = &mut self.done[at as usize];
        assert!(!*done, "a partition is accepted once");
        *done = true;
        self.left -= 1;
    }

    pub(crate) fn is_complete(&self) -> bool {
        self.left == 0
    }

    /// The partitions that are not done, sorted.
    pub(crate) fn missing(&self) -> impl Iterator<Item = u32> {
        let all = self.partitions.iter().zip(&self.done);
        all.filter(|(_, done)| !**done)
            .map(|(partition, _)| partition)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_ticked_is_no_longer_missing() {
        let mut list = Checklist::new(vec![7, 3, 5]).unwrap();
        list.tick(5);
        assert_eq!(list.missing().collect::<Vec<_>>(), [3, 7]);
        list.tick(3);
        list.tick(7);
        assert!(list.is_complete());
    }

    #[test]
    fn a_partition_named_twice_is_refused() {
        assert!(Checklist::new(vec![3, 5, 3]).is_none());
    }
}
