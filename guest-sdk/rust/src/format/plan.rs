//! Which column of a file is which field of a record: found once a file.

use std::rc::Rc;

use crate::error::Result;

use super::invalid;
use super::shape::Shape;

/// How a row of a file becomes a record.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Plan {
    /// The record takes these columns, one after the other. The fast way: no name is looked at.
    InOrder(Vec<usize>),
    /// It takes these columns by name: those of a map, and those of a struct some of whose fields are no columns. Whether
    /// a field may be missing is the type's own business.
    ByName(Vec<(Rc<str>, usize)>),
}

impl Plan {
    /// The plan for a type of this shape and a file of columns with these names.
    ///
    /// # Errors
    /// A tuple has more items than the file has columns.
    pub(crate) fn new(shape: Shape, columns: &[Rc<str>]) -> Result<Self> {
        let place = |name: &str| columns.iter().position(|column| &**column == name);
        match shape {
            Shape::Tuple(length) if length > columns.len() => Err(invalid(format_args!(
                "the record type has {length} items, and there are {} columns",
                columns.len()
            ))),
            Shape::Tuple(length) => Ok(Self::InOrder((0..length).collect())),
            Shape::Sequence => Ok(Self::InOrder((0..columns.len()).collect())),
            Shape::Map => Ok(Self::ByName(columns.iter().cloned().zip(0..).collect())),
            Shape::Fields(fields) => {
                let places = fields.iter().map(|field| place(field)).collect();
                Ok(Option::map(places, Self::InOrder).unwrap_or_else(|| {
                    let named = |field: &&str| Some(((*field).into(), place(field)?));
                    Self::ByName(fields.iter().filter_map(named).collect())
                }))
            }
        }
    }
}

#[cfg(feature = "parquet")]
impl Plan {
    /// The columns that the plan takes, and the plan for a row of those alone.
    pub(crate) fn renumbered(self) -> (Self, Vec<usize>) {
        match self {
            Self::InOrder(columns) => (Self::InOrder((0..columns.len()).collect()), columns),
            Self::ByName(columns) => {
                let (names, columns): (Vec<_>, Vec<_>) = columns.into_iter().unzip();
                (Self::ByName(names.into_iter().zip(0..).collect()), columns)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_struct_takes_its_columns_wherever_they_are() {
        let columns: [Rc<str>; 3] = ["c".into(), "a".into(), "b".into()];
        let plan = |fields| Plan::new(Shape::Fields(fields), &columns).unwrap();
        assert_eq!(plan(&["a", "b"]), Plan::InOrder(vec![1, 2]));
        assert_eq!(plan(&["a", "d"]), Plan::ByName(vec![("a".into(), 1)]));
        let tuple = |length| Plan::new(Shape::Tuple(length), &columns);
        assert_eq!(tuple(2).unwrap(), Plan::InOrder(vec![0, 1]));
        assert!(tuple(4).unwrap_err().message().contains("4 items"));
    }
}
