//! The wall between a stranger's file and this process: what the reader of Parquet panics about is an error.

use std::panic::{AssertUnwindSafe, catch_unwind};

use parquet::errors::ParquetError;

use crate::{Error, Result};

/// Does what reads a file. After an error nothing that `work` held may be used again.
pub(crate) fn guarded<T>(file: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let words = panic.downcast_ref::<String>().map(String::as_str);
        let words = words.or_else(|| panic.downcast_ref::<&str>().copied());
        Err(Error::Damaged {
            file: file.into(),
            reason: words.unwrap_or("it makes no sense").into(),
        })
    })
}

/// For `map_err`: an error of the reader, of this file.
pub(crate) fn damaged(file: &str) -> impl Fn(ParquetError) -> Error + use<'_> {
    move |error| match error {
        ParquetError::External(source) => match source.downcast::<Error>() {
            Ok(ours) => *ours,
            Err(source) => reason(file, &source),
        },
        other => reason(file, &other),
    }
}

fn reason(file: &str, error: &impl std::fmt::Display) -> Error {
    Error::Damaged {
        file: file.into(),
        reason: error.to_string(),
    }
}
