//! The samples, each with its input and what it prints for that.

use std::fs;
use std::path::PathBuf;

use super::guests::{build, root};

/// A folder of `samples/`.
pub(crate) struct Sample {
    pub(crate) name: String,
    pub(crate) folder: PathBuf,
    /// What follows the job on the command line: its `data`, if there is any.
    pub(crate) arguments: &'static [&'static str],
    /// What it prints.
    pub(crate) expected: String,
}

impl Sample {
    /// Builds it.
    pub(crate) fn job(&self) -> PathBuf {
        build(&format!("samples/{}", self.name))
    }
}

/// All that there are, by their names.
pub(crate) fn samples() -> Vec<Sample> {
    let folders = fs::read_dir(root().join("samples")).unwrap();
    let folders = folders.map(|entry| entry.unwrap().path());
    let mut samples: Vec<_> = folders
        .filter(|folder| folder.join("README.md").is_file())
        .map(read)
        .collect();
    samples.sort_by(|a, b| a.name.cmp(&b.name));
    assert!(!samples.is_empty());
    samples
}

fn read(folder: PathBuf) -> Sample {
    let expected = folder.join("expected/output.txt");
    Sample {
        name: folder.file_name().unwrap().to_str().unwrap().to_owned(),
        arguments: if folder.join("data").is_dir() {
            &["data"]
        } else {
            &[]
        },
        expected: fs::read_to_string(&expected)
            .unwrap_or_else(|error| panic!("{}: {error}", expected.display())),
        folder,
    }
}
