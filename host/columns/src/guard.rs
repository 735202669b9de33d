//! The wall between a stranger's file and this process: what the reader of Parquet panics about is an error.

use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe, catch_unwind};
use std::sync::Once;

use crate::page::Pages;
use crate::{Error, Result};

/// Does what reads a file. After an error nothing that `work` held may be used again.
pub(crate) fn guarded<T>(file: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    let _quiet = Quiet::new();
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let words = panic.downcast_ref::<String>().map(String::as_str);
        let words = words.or_else(|| panic.downcast_ref::<&str>().copied());
        Err(Error::Damaged {
            file: file.into(),
            reason: words.unwrap_or("it makes no sense").into(),
        })
    })
}

thread_local! {
    static QUIET: Cell<bool> = const { Cell::new(false) };
}

/// While it lives, a panic of this thread is told to whoever catches it, and not to the operator, who has nothing to mend.
struct Quiet;

impl Quiet {
    fn new() -> Self {
        static HOOK: Once = Once::new();
        HOOK.call_once(|| {
            let tell = panic::take_hook();
            panic::set_hook(Box::new(move |info| {
                if !QUIET.get() {
                    tell(info);
                }
            }));
        });
        QUIET.set(true);
        Self
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        QUIET.set(false);
    }
}

/// For `map_err`: an error of the reader, which knows its own only as text.
pub(crate) fn damaged<E: std::fmt::Display>(pages: &Pages) -> impl Fn(E) -> Error + use<'_, E> {
    |error| {
        pages
            .take_failure()
            .unwrap_or_else(|| pages.damaged(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_an_error_that_names_the_file() {
        let done = guarded::<()>("f.parquet", || panic!("index out of bounds"));
        assert_eq!(
            done.unwrap_err().to_string(),
            "`f.parquet` cannot be read as Parquet: index out of bounds; it is another format, or was cut or damaged: make it anew"
        );
        assert!(!QUIET.get());
    }
}
