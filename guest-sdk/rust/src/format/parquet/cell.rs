//! A value of a column, as whatever type it is to be.

use serde::de::value::BorrowedStrDeserializer;
use serde::de::{Deserializer, Visitor};

use crate::format::misfit::Misfit;
use crate::format::row::Row;

use super::held::{Held, Values, place};

/// A row of columns.
#[derive(Clone, Copy)]
pub(super) struct ColumnRow<'r> {
    pub(super) columns: &'r [Held],
    pub(super) row: usize,
}

impl<'r> Row<'r> for ColumnRow<'r> {
    type Cell = Cell<'r>;

    #[inline]
    fn cell(self, column: usize) -> Cell<'r> {
        Cell {
            column: &self.columns[column],
            row: self.row,
        }
    }
}

#[derive(Clone, Copy)]
pub(super) struct Cell<'r> {
    column: &'r Held,
    row: usize,
}

impl<'r> Cell<'r> {
    #[inline]
    fn text(self) -> Option<&'r str> {
        match &self.column.values {
            Values::Texts(ends, text) => text.get(place(ends, self.row)),
            _ => None,
        }
    }
}

impl<'r> Deserializer<'r> for Cell<'r> {
    type Error = Misfit;

    #[inline]
    fn deserialize_any<V: Visitor<'r>>(self, visitor: V) -> Result<V::Value, Misfit> {
        if self.column.is_null(self.row) {
            return visitor.visit_none();
        }
        match &self.column.values {
            Values::Bools(values) => visitor.visit_bool(values[self.row] != 0),
            Values::Int32s(values) => visitor.visit_i32(values[self.row]),
            Values::Int64s(values) => visitor.visit_i64(values[self.row]),
            Values::Uint32s(values) => visitor.visit_u32(values[self.row]),
            Values::Uint64s(values) => visitor.visit_u64(values[self.row]),
            Values::Float32s(values) => visitor.visit_f32(values[self.row]),
            Values::Float64s(values) => visitor.visit_f64(values[self.row]),
            Values::Texts(..) => visitor.visit_borrowed_str(self.text().unwrap_or_default()),
            Values::Binaries(ends, bytes) => {
                visitor.visit_borrowed_bytes(&bytes[place(ends, self.row)])
            }
        }
    }

    #[inline]
    fn deserialize_option<V: Visitor<'r>>(self, visitor: V) -> Result<V::Value, Misfit> {
        if self.column.is_null(self.row) {
            visitor.visit_none()
        } else {
            visitor.visit_some(self)
        }
    }

    #[inline]
    fn deserialize_newtype_struct<V: Visitor<'r>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'r>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        match self.text().filter(|_| !self.column.is_null(self.row)) {
            Some(variant) => visitor.visit_enum(BorrowedStrDeserializer::new(variant)),
            None => self.deserialize_any(visitor),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'r>>(self, visitor: V) -> Result<V::Value, Misfit> {
        visitor.visit_unit()
    }

    serde::forward_to_deserialize_any! {
        <W: Visitor<'r>>
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map struct identifier
    }
}
