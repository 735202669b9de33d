//! Datasets one behind the other.

use std::panic::Location;
use std::rc::Rc;

use super::{Operation, Rdd};
use crate::host::{PartitionMap, PartitionSpan};
use crate::lineage::{Header, Lineage, Parent};
use crate::stream::Records;

impl<'a, T: 'a> Rdd<'a, T> {
    /// Puts another dataset's records behind this one's. No record moves, and none is compared.
    #[track_caller]
    pub fn union(&self, other: &Self) -> Self {
        Self::union_of(
            "union",
            Location::caller(),
            vec![self.clone(), other.clone()],
        )
    }

    pub(crate) fn union_of(
        name: &'static str,
        call_site: &'static Location<'static>,
        parents: Vec<Self>,
    ) -> Self {
        let partitions = parents.iter().map(Self::partitions).sum();
        Self::new(
            Header::new(name, call_site, partitions, None),
            Union { parents },
        )
    }
}

struct Union<'a, T> {
    parents: Vec<Rdd<'a, T>>,
}

impl<T> Operation for Union<'_, T> {
    type Item = T;

    fn compute<'s>(self: Rc<Self>, partition: u32) -> Records<'s, T>
    where
        Self: 's,
    {
        let mut rest = partition;
        for parent in &self.parents {
            if rest < parent.partitions() {
                return parent.records(rest);
            }
            rest -= parent.partitions();
        }
        Records::new(std::iter::empty())
    }

    fn parents(&self) -> Vec<Parent<'_>> {
        let mut out_start = 0;
        let span = |parent| {
            let length = Rdd::partitions(parent);
            let span = PartitionSpan {
                in_start: 0,
                out_start,
                length,
            };
            out_start += length;
            Parent::Narrow(parent as &dyn Lineage, PartitionMap::Span(span))
        };
        self.parents.iter().map(span).collect()
    }
}
