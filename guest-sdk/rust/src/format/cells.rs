//! A record taken apart: serde names its fields one after the other, and each becomes one plain value.

use serde::Serialize;
use serde::ser::{
    Impossible, SerializeSeq, SerializeStruct, SerializeTuple, SerializeTupleStruct, Serializer,
};

use super::misfit::Misfit;

/// A field's value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Value<'v> {
    Null,
    Bool(bool),
    Signed(i64),
    Unsigned(u64),
    Float32(f32),
    Float64(f64),
    Text(&'v str),
    Bytes(&'v [u8]),
}

/// Takes the cells of a record, one after the other.
pub(crate) trait Sink {
    /// Takes a cell; tuples and lists have no names.
    fn cell(&mut self, name: Option<&'static str>, value: Value<'_>) -> Result<(), Misfit>;
}

/// Gives the cells of a record to a sink.
///
/// # Errors
/// The record is no struct, tuple or list, holds what is no plain value, or the sink refuses a cell.
#[inline]
pub(crate) fn take_apart(record: &impl Serialize, sink: &mut impl Sink) -> Result<(), Misfit> {
    record.serialize(Part {
        sink,
        place: Place::Record,
    })
}

#[derive(Clone, Copy)]
enum Place {
    Record,
    Field(Option<&'static str>),
}

/// What is being taken apart, and where it stands.
struct Part<'s, S> {
    sink: &'s mut S,
    place: Place,
}

impl<'s, S: Sink> Part<'s, S> {
    #[inline]
    fn value(self, value: Value<'_>) -> Result<(), Misfit> {
        match self.place {
            Place::Field(name) => self.sink.cell(name, value),
            Place::Record => Err(Misfit::new(
                "a single value is no row: use a struct that derives `serde::Serialize`, a tuple or a list",
            )),
        }
    }

    /// A record has fields; a field has none.
    #[inline]
    fn fields(self, what: &str) -> Result<Fields<'s, S>, Misfit> {
        match self.place {
            Place::Record => Ok(Fields(self.sink)),
            Place::Field(name) => Err(nested(name, what)),
        }
    }
}

#[cold]
fn nested(name: Option<&str>, what: &str) -> Misfit {
    let column = name.map_or_else(|| "a column".to_owned(), |name| format!("column `{name}`"));
    Misfit::new(format_args!(
        "{column} is {what}, and holds plain values only: give each part a field of its own, or make it text"
    ))
}

/// The methods for plain values.
macro_rules! plain {
    ($($method:ident($type:ty) $variant:ident,)*) => {$(
        #[inline]
        fn $method(self, value: $type) -> Result<(), Misfit> {
            self.value(Value::$variant(value.into()))
        }
    )*};
}

impl<'s, S: Sink> Serializer for Part<'s, S> {
    type Ok = ();
    type Error = Misfit;
    type SerializeSeq = Fields<'s, S>;
    type SerializeTuple = Fields<'s, S>;
    type SerializeTupleStruct = Fields<'s, S>;
    type SerializeTupleVariant = Impossible<(), Misfit>;
    type SerializeMap = Impossible<(), Misfit>;
    type SerializeStruct = Fields<'s, S>;
    type SerializeStructVariant = Impossible<(), Misfit>;

    plain! {
        serialize_bool(bool) Bool,
        serialize_i8(i8) Signed,
        serialize_i16(i16) Signed,
        serialize_i32(i32) Signed,
        serialize_i64(i64) Signed,
        serialize_u8(u8) Unsigned,
        serialize_u16(u16) Unsigned,
        serialize_u32(u32) Unsigned,
        serialize_u64(u64) Unsigned,
        serialize_f32(f32) Float32,
        serialize_f64(f64) Float64,
        serialize_str(&str) Text,
        serialize_bytes(&[u8]) Bytes,
    }

    fn serialize_char(self, character: char) -> Result<(), Misfit> {
        self.value(Value::Text(character.encode_utf8(&mut [0; 4])))
    }

    #[inline]
    fn serialize_none(self) -> Result<(), Misfit> {
        self.value(Value::Null)
    }

    fn serialize_unit(self) -> Result<(), Misfit> {
        self.value(Value::Null)
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Misfit> {
        self.value(Value::Null)
    }

    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
    ) -> Result<(), Misfit> {
        self.value(Value::Text(variant))
    }

    #[inline]
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Misfit> {
        value.serialize(self)
    }

    #[inline]
    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), Misfit> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: &T,
    ) -> Result<(), Misfit> {
        Err(nested(Some(variant), "an enum with fields"))
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Fields<'s, S>, Misfit> {
        self.fields("a list")
    }

    #[inline]
    fn serialize_tuple(self, _: usize) -> Result<Fields<'s, S>, Misfit> {
        self.fields("a tuple")
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Fields<'s, S>, Misfit> {
        self.fields("a tuple")
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, Misfit> {
        Err(nested(Some(variant), "an enum with fields"))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Self::SerializeMap, Misfit> {
        match self.place {
            Place::Field(name) => Err(nested(name, "a map")),
            Place::Record => Err(Misfit::new(
                "a map is no row, since its columns have no order: use a struct that derives `serde::Serialize`",
            )),
        }
    }

    #[inline]
    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Fields<'s, S>, Misfit> {
        self.fields("a struct")
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, Misfit> {
        Err(nested(Some(variant), "an enum with fields"))
    }
}

/// The fields of a record, on their way.
pub(crate) struct Fields<'s, S>(&'s mut S);

impl<S: Sink> Fields<'_, S> {
    #[inline]
    fn field(
        &mut self,
        name: Option<&'static str>,
        value: &(impl Serialize + ?Sized),
    ) -> Result<(), Misfit> {
        value.serialize(Part {
            sink: self.0,
            place: Place::Field(name),
        })
    }
}

impl<S: Sink> SerializeStruct for Fields<'_, S> {
    type Ok = ();
    type Error = Misfit;

    #[inline]
    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        name: &'static str,
        value: &T,
    ) -> Result<(), Misfit> {
        self.field(Some(name), value)
    }

    /// Rows are of one length.
    fn skip_field(&mut self, name: &'static str) -> Result<(), Misfit> {
        self.0.cell(Some(name), Value::Null)
    }

    fn end(self) -> Result<(), Misfit> {
        Ok(())
    }
}

/// The traits for fields without names.
macro_rules! nameless {
    ($($trait:ident $method:ident),*) => {$(
        impl<S: Sink> $trait for Fields<'_, S> {
            type Ok = ();
            type Error = Misfit;

            #[inline]
            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Misfit> {
                self.field(None, value)
            }

            fn end(self) -> Result<(), Misfit> {
                Ok(())
            }
        }
    )*};
}

nameless!(
    SerializeSeq serialize_element,
    SerializeTuple serialize_element,
    SerializeTupleStruct serialize_field
);
