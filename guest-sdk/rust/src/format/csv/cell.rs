//! A field of a row, as a value of whatever type it is to be.

use std::ops::Range;

use serde::de::value::BorrowedStrDeserializer;
use serde::de::{Deserializer, Visitor};

use crate::format::misfit::Misfit;
use crate::format::row::Row;

use super::number::{decimal, whole};

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
        self.text.ok_or_else(|| no_field(expected))
    }

    /// By all the rules for such a number: out of the way of the quick ones, or they would not be.
    #[cold]
    #[inline(never)]
    fn parsed<T: std::str::FromStr>(self) -> Result<T, Misfit> {
        let expected = std::any::type_name::<T>();
        let text = self.text(expected)?;
        let parsed = text.trim_ascii().parse();
        parsed.map_err(|_| unfit(expected, text))
    }

    /// In whatever case, with white space around it.
    #[cold]
    fn truth(self) -> Result<bool, Misfit> {
        let text = self.text("bool")?;
        match text.trim_ascii() {
            word if word.eq_ignore_ascii_case("true") => Ok(true),
            word if word.eq_ignore_ascii_case("false") => Ok(false),
            _ => Err(unfit("`true` or `false`", text)),
        }
    }
}

#[cold]
fn no_field(expected: &str) -> Misfit {
    Misfit::new(format_args!(
        "expected {expected}, and the row has no such field: an `Option` would be `None`"
    ))
}

#[cold]
fn unfit(expected: &str, text: &str) -> Misfit {
    if text.is_empty() {
        return Misfit::new(format_args!(
            "expected {expected}, found nothing: an `Option` would be `None`"
        ));
    }
    Misfit::new(format_args!(
        "expected {expected}, found `{}`",
        shortened(text)
    ))
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

/// The methods for numbers: most are of few digits, and the type tells those from others.
macro_rules! parsed {
    ($($method:ident $type:ident $quick:ident $quick_visit:ident $visit:ident,)*) => {$(
        #[inline]
        fn $method<V: Visitor<'r>>(self, visitor: V) -> Result<V::Value, Misfit> {
            match self.text.and_then($quick) {
                Some(number) => visitor.$quick_visit(number),
                None => visitor.$visit(self.parsed::<$type>()?),
            }
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
        deserialize_i8 i8 whole visit_i64 visit_i8,
        deserialize_i16 i16 whole visit_i64 visit_i16,
        deserialize_i32 i32 whole visit_i64 visit_i32,
        deserialize_i64 i64 whole visit_i64 visit_i64,
        deserialize_u8 u8 whole visit_i64 visit_u8,
        deserialize_u16 u16 whole visit_i64 visit_u16,
        deserialize_u32 u32 whole visit_i64 visit_u32,
        deserialize_u64 u64 whole visit_i64 visit_u64,
        deserialize_f64 f64 decimal visit_f64 visit_f64,
    }

    fn deserialize_f32<V: Visitor<'r>>(self, visitor: V) -> Result<V::Value, Misfit> {
        visitor.visit_f32(self.parsed()?)
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

    #[inline]
    fn deserialize_bool<V: Visitor<'r>>(self, visitor: V) -> Result<V::Value, Misfit> {
        visitor.visit_bool(match self.text {
            Some("true") => true,
            Some("false") => false,
            _ => self.truth()?,
        })
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
