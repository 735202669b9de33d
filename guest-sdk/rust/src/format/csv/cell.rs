//! A field of a row, as a value of whatever type it is to be.

use std::ops::Range;

use serde::de::value::BorrowedStrDeserializer;
use serde::de::{Deserializer, Visitor};

use crate::format::misfit::Misfit;
use crate::format::row::Row;

/// A row that was cut.
#[derive(Clone, Copy)]
pub(super) struct CsvRow<'r> {
    pub(super) text: &'r str,
    pub(super) fields: &'r [Range<usize>],
    pub(super) null: &'r str,
}

impl<'r> Row<'r> for CsvRow<'r> {
    type Cell = Cell<'r>;

    #[inline]
    fn cell(self, column: usize) -> Cell<'r> {
        Cell {
            text: self
                .fields
                .get(column)
                .map(|field| &self.text[field.clone()]),
            null: self.null,
        }
    }
}

/// A field of a row; no text where the row is too short.
#[derive(Clone, Copy)]
pub(super) struct Cell<'r> {
    text: Option<&'r str>,
    null: &'r str,
}

impl<'r> Cell<'r> {
    #[inline]
    fn text(self, expected: &str) -> Result<&'r str, Misfit> {
        self.text.ok_or_else(|| {
            Misfit::new(format_args!(
                "expected {expected}, and the row has no such field: an `Option` would be `None`"
            ))
        })
    }

    #[inline]
    fn parsed<T: std::str::FromStr>(self) -> Result<T, Misfit> {
        let expected = std::any::type_name::<T>();
        let text = self.text(expected)?;
        text.trim_ascii().parse().map_err(|_| {
            Misfit::new(format_args!(
                "expected {expected}, found `{}`",
                shortened(text)
            ))
        })
    }
}

/// As much of a text as helps to find it.
fn shortened(text: &str) -> String {
    const CHARACTERS: usize = 60;
    let mut characters = text.chars();
    let mut short: String = characters.by_ref().take(CHARACTERS).collect();
    if characters.next().is_some() {
        short.push('…');
    }
    short
}

/// The methods for types that are parsed from text.
macro_rules! parsed {
    ($($method:ident $visit:ident,)*) => {$(
        #[inline]
        fn $method<V: Visitor<'r>>(self, visitor: V) -> Result<V::Value, Misfit> {
            visitor.$visit(self.parsed()?)
        }
    )*};
}

/// The methods for types that no field can be.
macro_rules! refused {
    ($($method:ident($($argument:ty),*) $what:literal,)*) => {$(
        fn $method<V: Visitor<'r>>(self, $(_: $argument,)* _: V) -> Result<V::Value, Misfit> {
            Err(Misfit::new(concat!("a field of CSV is one value, and cannot be ", $what)))
        }
    )*};
}

impl<'r> Deserializer<'r> for Cell<'r> {
    type Error = Misfit;

    parsed! {
        deserialize_i8 visit_i8,
        deserialize_i16 visit_i16,
        deserialize_i32 visit_i32,
        deserialize_i64 visit_i64,
        deserialize_u8 visit_u8,
        deserialize_u16 visit_u16,
        deserialize_u32 visit_u32,
        deserialize_u64 visit_u64,
        deserialize_f32 visit_f32,
        deserialize_f64 visit_f64,
    }

    refused! {
        deserialize_seq() "a list",
        deserialize_tuple(usize) "a tuple",
        deserialize_tuple_struct(&'static str, usize) "a tuple",
        deserialize_map() "a map",
        deserialize_struct(&'static str, &'static [&'static str]) "a struct",
    }

    #[inline]
    fn deserialize_any<V: Visitor<'r>>(self, visitor: V) -> Result<V::Value, Misfit> {
        visitor.visit_borrowed_str(self.text("text")?)
    }

    fn deserialize_bool<V: Visitor<'r>>(self, visitor: V) -> Result<V::Value, Misfit> {
        let text = self.text("bool")?;
        match text.trim_ascii() {
            word if word.eq_ignore_ascii_case("true") => visitor.visit_bool(true),
            word if word.eq_ignore_ascii_case("false") => visitor.visit_bool(false),
            _ => Err(Misfit::new(format_args!(
                "expected `true` or `false`, found `{}`",
                shortened(text)
            ))),
        }
    }

    fn deserialize_bytes<V: Visitor<'r>>(self, visitor: V) -> Result<V::Value, Misfit> {
        visitor.visit_borrowed_bytes(self.text("bytes")?.as_bytes())
    }

    fn deserialize_byte_buf<V: Visitor<'r>>(self, visitor: V) -> Result<V::Value, Misfit> {
        self.deserialize_bytes(visitor)
    }

    #[inline]
    fn deserialize_option<V: Visitor<'r>>(self, visitor: V) -> Result<V::Value, Misfit> {
        match self.text {
            Some(text) if text != self.null => visitor.visit_some(self),
            _ => visitor.visit_none(),
        }
    }

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
        visitor.visit_enum(BorrowedStrDeserializer::new(self.text("a variant")?))
    }

    fn deserialize_ignored_any<V: Visitor<'r>>(self, visitor: V) -> Result<V::Value, Misfit> {
        visitor.visit_unit()
    }

    serde::forward_to_deserialize_any! { <W: Visitor<'r>> char str string identifier unit unit_struct }
}
