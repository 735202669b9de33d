//! Why a row is no record of the wanted type.

use std::fmt;

use serde::de::{Expected, Unexpected};

/// What a type and a row disagree about, and in which column, if in one.
#[derive(Debug)]
pub(crate) struct Misfit(Box<Inner>);

#[derive(Debug)]
struct Inner {
    column: Option<usize>,
    message: String,
}

impl Misfit {
    pub(crate) fn new(message: impl fmt::Display) -> Self {
        Self(Box::new(Inner {
            column: None,
            message: message.to_string(),
        }))
    }

    /// Says which column it was, if nobody knew better.
    pub(crate) fn in_column(mut self, column: usize) -> Self {
        self.0.column.get_or_insert(column);
        self
    }

    pub(crate) fn column(&self) -> Option<usize> {
        self.0.column
    }
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl std::error::Error for Misfit {}

impl serde::de::Error for Misfit {
    #[cold]
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(message)
    }

    #[cold]
    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new(format_args!("expected {expected}, found {found}"))
    }

    #[cold]
    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new(format_args!("expected {expected}, found {found}"))
    }

    #[cold]
    fn missing_field(field: &'static str) -> Self {
        Self::new(format_args!("there is no column `{field}`"))
    }
}

impl serde::ser::Error for Misfit {
    #[cold]
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(message)
    }
}
