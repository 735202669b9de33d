//! A row as serde reads it: the cells of a plan's columns, in the record's order.

use std::rc::Rc;

use serde::Deserialize;
use serde::de::value::StrDeserializer;
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use super::misfit::Misfit;
use super::plan::Plan;

/// One row of a format.
pub(crate) trait Row<'r>: Copy {
    /// What stands in a column.
    type Cell: Deserializer<'r, Error = Misfit>;

    /// What stands in this column.
    fn cell(self, column: usize) -> Self::Cell;
}

/// Makes a record of a row.
#[inline]
pub(crate) fn record<'r, T: Deserialize<'r>>(
    row: impl Row<'r>,
    plan: &'r Plan,
) -> Result<T, Misfit> {
    T::deserialize(Whole { row, plan })
}

struct Whole<'r, R> {
    row: R,
    plan: &'r Plan,
}

impl<'r, R: Row<'r>> Whole<'r, R> {
    #[inline]
    fn visit<V: Visitor<'r>>(self, visitor: V) -> Result<V::Value, Misfit> {
        match self.plan {
            Plan::InOrder(columns) => {
                let mut cells = Cells {
                    row: self.row,
                    columns: columns.iter(),
                };
                let record = visitor.visit_seq(&mut cells)?;
                cells.expect_end()?;
                Ok(record)
            }
            Plan::ByName(columns) => visitor.visit_map(Named {
                row: self.row,
                columns: columns.iter(),
                column: 0,
            }),
        }
    }
}

impl<'r, R: Row<'r>> Deserializer<'r> for Whole<'r, R> {
    type Error = Misfit;

    #[inline]
    fn deserialize_any<V: Visitor<'r>>(self, visitor: V) -> Result<V::Value, Misfit> {
        self.visit(visitor)
    }

    #[inline]
    fn deserialize_struct<V: Visitor<'r>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        self.visit(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'r>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        visitor.visit_newtype_struct(self)
    }

    serde::forward_to_deserialize_any! {
        <W: Visitor<'r>>
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit unit_struct seq tuple
        tuple_struct map enum identifier ignored_any
    }
}

/// The cells of some columns.
struct Cells<'r, R> {
    row: R,
    columns: std::slice::Iter<'r, usize>,
}

impl<R> Cells<'_, R> {
    /// A struct with aliases names more columns than it has fields. That all of them are there is an accident, and which
    /// of two is meant cannot be known.
    fn expect_end(&self) -> Result<(), Misfit> {
        match self.columns.as_slice().first() {
            None => Ok(()),
            Some(column) => Err(
                Misfit::new("two columns are one field's, which has an alias").in_column(*column),
            ),
        }
    }
}

impl<'r, R: Row<'r>> SeqAccess<'r> for &mut Cells<'r, R> {
    type Error = Misfit;

    #[inline]
    fn next_element_seed<S: DeserializeSeed<'r>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Misfit> {
        let Some(column) = self.columns.next() else {
            return Ok(None);
        };
        match seed.deserialize(self.row.cell(*column)) {
            Ok(value) => Ok(Some(value)),
            Err(misfit) => Err(misfit.in_column(*column)),
        }
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.columns.len())
    }
}

/// Cells with their columns' names.
struct Named<'r, R> {
    row: R,
    columns: std::slice::Iter<'r, (Rc<str>, usize)>,
    /// Whose value is next.
    column: usize,
}

impl<'r, R: Row<'r>> MapAccess<'r> for Named<'r, R> {
    type Error = Misfit;

    fn next_key_seed<S: DeserializeSeed<'r>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Misfit> {
        let Some((name, column)) = self.columns.next() else {
            return Ok(None);
        };
        self.column = *column;
        seed.deserialize(StrDeserializer::new(name)).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'r>>(&mut self, seed: S) -> Result<S::Value, Misfit> {
        let value = seed.deserialize(self.row.cell(self.column));
        value.map_err(|misfit| misfit.in_column(self.column))
    }
}
