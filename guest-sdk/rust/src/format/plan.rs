//! Which column of a file is which field of a record: found once a file.

use std::rc::Rc;

use crate::error::{Error, Result};

use super::invalid;
use super::near::no_name;
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
    /// A tuple has more items than the file has columns, or two columns have one name and the type goes by names.
    pub(crate) fn new(shape: Shape, columns: &[Rc<str>]) -> Result<Self> {
        match shape {
            Shape::Tuple(length) if length > columns.len() => Err(invalid(format_args!(
                "the record type has {length} items, and there are {} columns",
                columns.len()
            ))),
            Shape::Tuple(length) => Ok(Self::InOrder((0..length).collect())),
            Shape::Sequence => Ok(Self::InOrder((0..columns.len()).collect())),
            Shape::Map => Ok(Self::ByName(columns.iter().cloned().zip(0..).collect())),
            Shape::Fields(fields) => {
                let places = fields.iter().map(|field| place(field, columns));
                let places = places.collect::<Result<Vec<_>>>()?;
                let all = places.iter().copied().collect();
                Ok(Option::map(all, Self::InOrder).unwrap_or_else(|| {
                    let named = fields.iter().zip(places);
                    let named = named.filter_map(|(field, place)| Some(((*field).into(), place?)));
                    Self::ByName(named.collect())
                }))
            }
        }
    }
}

/// Where the column of a field is, if there is one.
fn place(field: &str, columns: &[Rc<str>]) -> Result<Option<usize>> {
    let mut named = (0..columns.len()).filter(|at| &*columns[*at] == field);
    let place = named.next();
    match named.next() {
        None => Ok(place),
        Some(_) => Err(invalid(format_args!(
            "two columns are called `{field}`: rename one, or read tuples or lists, which take columns in order"
        ))),
    }
}

/// A field that is not optional has no column.
#[cold]
pub(crate) fn no_column(file: &str, missing: &str, columns: &[Rc<str>]) -> Error {
    let columns = columns.iter().map(|column| &**column);
    invalid(format_args!(
        "`{file}`: {}",
        no_name(("column", missing), columns)
    ))
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
        let twice: [Rc<str>; 3] = ["a".into(), "b".into(), "a".into()];
        assert!(Plan::new(Shape::Fields(&["b"]), &twice).is_ok());
        let twice = Plan::new(Shape::Fields(&["b", "a"]), &twice).unwrap_err();
        assert!(twice.message().contains("two columns are called `a`"));
        let tuple = |length| Plan::new(Shape::Tuple(length), &columns);
        assert_eq!(tuple(2).unwrap(), Plan::InOrder(vec![0, 1]));
        assert!(tuple(4).unwrap_err().message().contains("4 items"));
    }
}
