//! Partitions in order, each once.
//!
//! Nearly always they are all of a dataset's, and then nothing but the first and their number is kept.

/// Partitions, each with its place among them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Sorted {
    /// Without a gap.
    Span { first: u32, len: usize },
    /// With gaps.
    List(Vec<u32>),
}

impl Sorted {
    /// None where they are not in order, or one is there twice.
    pub(crate) fn new(partitions: Vec<u32>) -> Option<Self> {
        if !partitions.is_sorted_by(|before, after| before < after) {
            return None;
        }
        let (Some(first), Some(last)) = (partitions.first(), partitions.last()) else {
            return Some(Self::Span { first: 0, len: 0 });
        };
        let len = partitions.len();
        if (*last - *first) as usize == len - 1 {
            return Some(Self::Span { first: *first, len });
        }
        Some(Self::List(partitions))
    }

    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Span { len, .. } => *len,
            Self::List(partitions) => partitions.len(),
        }
    }

    /// Returns the partition at a place.
    pub(crate) fn get(&self, at: u32) -> u32 {
        match self {
            Self::Span { first, .. } => first + at,
            Self::List(partitions) => partitions[at as usize],
        }
    }

    /// Returns the place of a partition.
    pub(crate) fn position(&self, partition: u32) -> Option<u32> {
        match self {
            Self::Span { first, len } => {
                let at = partition.checked_sub(*first)?;
                ((at as usize) < *len).then_some(at)
            }
            Self::List(partitions) => {
                u32::try_from(partitions.binary_search(&partition).ok()?).ok()
            }
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = u32> {
        (0_u32..).take(self.len()).map(|at| self.get(at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_are_found_at_their_places() {
        for partitions in [vec![], vec![0], vec![3, 4, 5], vec![1, 3, 9]] {
            let sorted = Sorted::new(partitions.clone()).unwrap();
            assert_eq!(sorted.iter().collect::<Vec<_>>(), partitions);
            for partition in 0..12 {
                let at = sorted.position(partition).map(|at| sorted.get(at));
                assert_eq!(at, partitions.contains(&partition).then_some(partition));
            }
        }
        assert_eq!(Sorted::new(vec![2, 1]), None);
        assert_eq!(Sorted::new(vec![1, 1]), None);
    }
}
