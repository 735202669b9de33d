//! The columns that a record type is, found without a record: what each field asks of serde is its type. (The idea is
//! serde-reflection's.)

use serde::Deserialize;
use serde::de::value::{BorrowedStrDeserializer, StrDeserializer};
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

use crate::error::Result;
use crate::format::invalid;
use crate::format::misfit::Misfit;
use crate::format::shape::{Shape, shape};
use crate::format::time;
use crate::host::ColumnKind;

/// A column to be written.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Field {
    pub(super) name: String,
    pub(super) kind: ColumnKind,
    pub(super) nullable: bool,
}

/// The columns of `T`.
///
/// # Errors
/// It is no struct or tuple, or a field is no plain value.
pub(super) fn schema<T: for<'de> Deserialize<'de>>() -> Result<Vec<Field>> {
    match shape::<T>()? {
        Shape::Fields(names) => names
            .iter()
            .map(|name| {
                let mut asked = Asked::default();
                let _ = T::deserialize(OneField(name, &mut asked));
                asked.field((*name).to_owned())
            })
            .collect(),
        Shape::Tuple(length) => {
            let mut asked = Vec::new();
            let _ = T::deserialize(AllItems(length, &mut asked));
            asked.resize_with(length, Asked::default);
            let items = asked.into_iter().zip(1..);
            items
                .map(|(asked, number)| asked.field(format!("_{number}")))
                .collect()
        }
        Shape::Sequence | Shape::Map => Err(invalid(format_args!(
            "`{}` does not say what columns it has: use a struct that derives `serde::Deserialize`, or a tuple",
            std::any::type_name::<T>()
        ))),
    }
}

/// What a field asked for.
#[derive(Default)]
struct Asked {
    kind: Option<ColumnKind>,
    nullable: bool,
    /// What it asked for that is no plain value.
    other: Option<&'static str>,
}

impl Asked {
    fn field(self, name: String) -> Result<Field> {
        match self.kind {
            Some(kind) => Ok(Field {
                name,
                kind,
                nullable: self.nullable,
            }),
            None => Err(invalid(format_args!(
                "field `{name}` is {}, and columns hold plain values only: give each part a field of its own, or make it text",
                self.other
                    .unwrap_or("of a type that does not say what it is")
            ))),
        }
    }
}

/// A record of one field.
struct OneField<'a>(&'static str, &'a mut Asked);

impl<'de> Deserializer<'de> for OneField<'_> {
    type Error = Misfit;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        visitor.visit_map(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        visitor.visit_newtype_struct(self)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit unit_struct seq tuple
        tuple_struct map struct enum identifier ignored_any
    }
}

impl<'de> MapAccess<'de> for OneField<'_> {
    type Error = Misfit;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Misfit> {
        seed.deserialize(StrDeserializer::new(self.0)).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Misfit> {
        let _ = seed.deserialize(Value(self.1));
        Err(Misfit::custom("only asked"))
    }
}

/// A tuple: an item can be asked only once those before it have a value.
struct AllItems<'a>(usize, &'a mut Vec<Asked>);

impl<'de> Deserializer<'de> for AllItems<'_> {
    type Error = Misfit;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        visitor.visit_seq(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        visitor.visit_newtype_struct(self)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit unit_struct seq tuple
        tuple_struct map struct enum identifier ignored_any
    }
}

impl<'de> SeqAccess<'de> for AllItems<'_> {
    type Error = Misfit;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Misfit> {
        if self.1.len() == self.0 {
            return Ok(None);
        }
        let mut asked = Asked::default();
        let value = seed.deserialize(Value(&mut asked));
        self.1.push(asked);
        value.map(Some)
    }
}

/// A value that notes what it is asked for, and is as little as it may be.
struct Value<'a>(&'a mut Asked);

/// The methods for plain values.
macro_rules! plain {
    ($($method:ident $kind:ident $visit:ident($value:expr),)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
            self.0.kind.get_or_insert(ColumnKind::$kind);
            visitor.$visit($value)
        }
    )*};
}

/// The methods for what is no plain value.
macro_rules! other {
    ($($method:ident($($argument:ty),*) $what:literal,)*) => {$(
        fn $method<V: Visitor<'de>>(self, $(_: $argument,)* _: V) -> Result<V::Value, Misfit> {
            self.0.other = Some($what);
            Err(Misfit::custom("only asked"))
        }
    )*};
}

impl<'de> Deserializer<'de> for Value<'_> {
    type Error = Misfit;

    plain! {
        deserialize_bool Boolean visit_bool(false),
        deserialize_i8 Int8 visit_i8(0),
        deserialize_i16 Int16 visit_i16(0),
        deserialize_i32 Int32 visit_i32(0),
        deserialize_i64 Int64 visit_i64(0),
        deserialize_u8 Uint8 visit_u8(0),
        deserialize_u16 Uint16 visit_u16(0),
        deserialize_u32 Uint32 visit_u32(0),
        deserialize_u64 Uint64 visit_u64(0),
        deserialize_f32 Float32 visit_f32(0.0),
        deserialize_f64 Float64 visit_f64(0.0),
        deserialize_char Text visit_char('0'),
        deserialize_str Text visit_borrowed_str(""),
        deserialize_string Text visit_borrowed_str(""),
        deserialize_bytes Binary visit_borrowed_bytes(b""),
        deserialize_byte_buf Binary visit_borrowed_bytes(b""),
    }

    other! {
        deserialize_any() "of a type that does not say what it is",
        deserialize_ignored_any() "of a type that does not say what it is",
        deserialize_identifier() "of a type that does not say what it is",
        deserialize_unit() "nothing",
        deserialize_unit_struct(&'static str) "nothing",
        deserialize_seq() "a list",
        deserialize_tuple(usize) "a tuple",
        deserialize_tuple_struct(&'static str, usize) "a tuple",
        deserialize_map() "a map",
        deserialize_struct(&'static str, &'static [&'static str]) "a struct",
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        self.0.nullable = true;
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        match name {
            time::DATE => self.0.kind = Some(ColumnKind::Date),
            time::TIMESTAMP => self.0.kind = Some(ColumnKind::Timestamp),
            _ => {}
        }
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        self.0.kind = Some(ColumnKind::Text);
        let variant = variants.first().copied().unwrap_or_default();
        visitor.visit_enum(BorrowedStrDeserializer::new(variant))
    }
}
