//! Dates and timestamps as files have them: numbers that say what they count.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Visitor};
use serde::ser::{Serialize, Serializer};

/// The name by which a column's type is known from its field's.
pub(crate) const DATE: &str = "tinderbox::Date";
/// The same.
pub(crate) const TIMESTAMP: &str = "tinderbox::Timestamp";

/// Days since 1970-01-01: a column of dates, where a plain `i32` would be one of numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date(pub i32);

/// Microseconds since 1970-01-01T00:00 UTC: a column of timestamps, where a plain `i64` would be one of numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub i64);

/// Both are numbers under a name.
macro_rules! named_number {
    ($type:ident, $number:ty, $name:ident) => {
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_newtype_struct($name, &self.0)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            #[inline]
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Number;

                impl<'de> Visitor<'de> for Number {
                    type Value = $type;

                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str(stringify!($number))
                    }

                    #[inline]
                    fn visit_newtype_struct<D: Deserializer<'de>>(
                        self,
                        deserializer: D,
                    ) -> Result<$type, D::Error> {
                        <$number>::deserialize(deserializer).map($type)
                    }
                }

                deserializer.deserialize_newtype_struct($name, Number)
            }
        }
    };
}

named_number!(Date, i32, DATE);
named_number!(Timestamp, i64, TIMESTAMP);
