//! What a setting is: one row of the table, and the values it takes.
//!
//! A default that is not Spark's says why in its documentation.

use std::fmt;

use super::value;

/// Microseconds of a second: what a plain number counts in a time.
pub(super) const SECOND: u64 = 1_000_000;

/// Bytes of a mebibyte: what a plain number counts in a size of memory.
const MEBI: u64 = 1 << 20;

/// What values a setting takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// A whole number.
    Count {
        /// The least.
        least: u32,
    },
    /// A size in bytes.
    Bytes {
        /// What a number without a suffix counts: for memory it is MiB, as in Spark.
        plain: u64,
        /// The least, in bytes.
        least: u64,
    },
    /// A span of time, longer than nothing; a number without a suffix counts seconds.
    Time,
    /// A span of time that may be nothing; a number without a suffix counts seconds.
    Wait,
    /// `true` or `false`.
    Flag,
    /// A number from 0 to 1, with decimals.
    Share,
    /// A number of at least 0, with decimals.
    Factor,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// Anything but nothing.
    Text,
}

impl Shape {
    /// An amount of memory.
    pub(super) const MEMORY: Self = Self::Bytes {
        plain: MEBI,
        least: 32 * MEBI,
    };

    pub(super) fn accepts(self, text: &str) -> bool {
        match self {
            Self::Count { least } => text.parse::<u32>().is_ok_and(|count| count >= least),
            Self::Bytes { plain, least } => {
                value::bytes(text, plain).is_some_and(|bytes| bytes >= least)
            }
            Self::Time => value::duration(text, SECOND).is_some_and(|time| !time.is_zero()),
            Self::Wait => value::duration(text, SECOND).is_some(),
            Self::Flag => text.parse::<bool>().is_ok(),
            Self::Share => value::decimal(text).is_some_and(|share| share <= 1.0),
            Self::Factor => value::decimal(text).is_some(),
            Self::Choice(words) => words.contains(&text),
            Self::Text => !text.is_empty(),
        }
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count { least } => write!(f, "a whole number from {least} to {}", u32::MAX),
            Self::Bytes { least: 0, .. } => f.write_str("a size such as 512m or 1g"),
            Self::Bytes { least, .. } => {
                write!(f, "a size such as 512m or 1g, at least {least} bytes")
            }
            Self::Time => f.write_str("a time such as 100ms or 60s, longer than nothing"),
            Self::Wait => f.write_str("a time such as 100ms or 60s, or 0"),
            Self::Flag => f.write_str("true or false"),
            Self::Share => f.write_str("a number from 0 to 1"),
            Self::Factor => f.write_str("a number that is not below 0"),
            Self::Choice(words) => write!(f, "one of {}", words.join(", ")),
            Self::Text => f.write_str("a text"),
        }
    }
}

/// One setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Definition {
    /// The key, without `spark.`.
    pub key: &'static str,
    /// Whether it is Spark's: `spark.` and the key is a key there.
    pub sparks: bool,
    /// What values it takes.
    pub shape: Shape,
    /// The value where none is set.
    pub default: Option<&'static str>,
    /// The version that brought it.
    pub since: &'static str,
    /// What it does.
    pub doc: &'static str,
}

impl Definition {
    /// A setting that Spark has.
    pub(super) const fn spark(
        key: &'static str,
        shape: Shape,
        default: Option<&'static str>,
        doc: &'static str,
    ) -> Self {
        Self {
            key,
            sparks: true,
            shape,
            default,
            since: "0.1.0",
            doc,
        }
    }

    /// A setting that is ours alone.
    pub(super) const fn ours(
        key: &'static str,
        shape: Shape,
        default: Option<&'static str>,
        doc: &'static str,
    ) -> Self {
        Self {
            sparks: false,
            ..Self::spark(key, shape, default, doc)
        }
    }
}
