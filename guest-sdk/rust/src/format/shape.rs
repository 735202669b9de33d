//! What columns a record type wants, found without a record: serde's derive names a struct's fields when it begins to
//! read one.

use serde::Deserialize;
use serde::de::{Deserializer, Visitor};

use crate::error::Result;

use super::invalid;
use super::misfit::Misfit;

/// What a type takes from a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// The columns of these names.
    Fields(&'static [&'static str]),
    /// The first so many columns.
    Tuple(usize),
    /// All columns, one after the other.
    Sequence,
    /// All columns, by name.
    Map,
}

/// The shape of `T`.
///
/// # Errors
/// It asks for nothing.
pub(crate) fn shape<T: for<'de> Deserialize<'de>>() -> Result<Shape> {
    let mut shape = None;
    let _ = T::deserialize(Probe(&mut shape));
    shape.ok_or_else(|| {
        invalid(format_args!(
            "`{}` does not say what columns it has: use a struct that derives `serde::Deserialize`, a tuple, a list or a map",
            std::any::type_name::<T>()
        ))
    })
}

/// Notes what it is asked for, and gives nothing.
struct Probe<'s>(&'s mut Option<Shape>);

impl Probe<'_> {
    fn found<T>(self, shape: Shape) -> Result<T, Misfit> {
        *self.0 = Some(shape);
        Err(Misfit::new("only asked"))
    }
}

impl<'de> Deserializer<'de> for Probe<'_> {
    type Error = Misfit;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Misfit> {
        self.found(Shape::Fields(fields))
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, length: usize, _: V) -> Result<V::Value, Misfit> {
        self.found(Shape::Tuple(length))
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        length: usize,
        _: V,
    ) -> Result<V::Value, Misfit> {
        self.found(Shape::Tuple(length))
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Misfit> {
        self.found(Shape::Sequence)
    }

    fn deserialize_map<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Misfit> {
        self.found(Shape::Map)
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Misfit> {
        self.found(Shape::Map)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit unit_struct enum
        identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[derive(Deserialize)]
    #[expect(dead_code, reason = "only its shape counts")]
    struct Trip {
        id: u64,
        #[serde(rename = "fare_amount")]
        fare: Option<f64>,
        #[serde(skip)]
        note: String,
    }

    #[derive(Deserialize)]
    #[expect(dead_code, reason = "only its shape counts")]
    struct Wrapped(Trip);

    #[test]
    fn a_type_says_which_columns_it_wants() {
        let fields = Shape::Fields(&["id", "fare_amount"]);
        assert_eq!(shape::<Trip>().unwrap(), fields);
        assert_eq!(shape::<Wrapped>().unwrap(), fields);
        assert_eq!(shape::<(u8, String)>().unwrap(), Shape::Tuple(2));
        assert_eq!(shape::<Vec<String>>().unwrap(), Shape::Sequence);
        assert_eq!(shape::<HashMap<String, String>>().unwrap(), Shape::Map);
    }
}
