//! The programs that tests run, built when the first test asks for one.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .unwrap()
}

/// The job of many behaviours (`tests/guests/behaves`): its first argument says which.
pub(crate) fn behaves() -> &'static Path {
    static BEHAVES: OnceLock<PathBuf> = OnceLock::new();
    BEHAVES.get_or_init(|| build("tests/guests/behaves"))
}

/// The component of a source folder, built as `tinderbox run` builds it.
pub(crate) fn build(folder: &str) -> PathBuf {
    cli::compile::component(&root().join(folder))
        .unwrap_or_else(|error| panic!("{folder}: {error:#}"))
}
