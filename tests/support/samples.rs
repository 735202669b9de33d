//! The samples, each with its input and what it prints for that.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::guests::{build, root};

/// A folder of `samples/`.
pub(crate) struct Sample {
    pub(crate) name: String,
    pub(crate) folder: PathBuf,
    /// What follows the job on the command line: its `data`, if there is any.
    arguments: &'static [&'static str],
    /// Whether it writes a folder, which its last argument names.
    writes: bool,
    /// What it prints, or what the files that it writes hold together.
    pub(crate) expected: String,
}

impl Sample {
    /// Builds it.
    pub(crate) fn job(&self) -> PathBuf {
        build(&format!("samples/{}", self.name))
    }

    /// Adds the job and all that follows it to a command. What it writes, if it does, is to be in `written`.
    pub(crate) fn add_to<'c>(
        &self,
        command: &'c mut Command,
        job: &Path,
        written: &Path,
    ) -> &'c mut Command {
        if self.writes {
            command.arg("--allow-write").arg(written);
        }
        command.arg(job).args(self.arguments);
        if self.writes {
            command.arg(written);
        }
        command.current_dir(&self.folder)
    }

    /// What it printed, and what is in the files that it wrote, one behind the other.
    pub(crate) fn output(&self, printed: String, written: &Path) -> String {
        if !self.writes {
            return printed;
        }
        let files = fs::read_dir(written).unwrap();
        let mut files: Vec<_> = files.map(|entry| entry.unwrap().path()).collect();
        files.sort();
        assert!(files.contains(&written.join("_SUCCESS")), "{files:?}");
        let texts = files.iter().map(|file| fs::read_to_string(file).unwrap());
        printed + &texts.collect::<String>()
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
    let name = folder.file_name().unwrap().to_str().unwrap();
    Sample {
        name: name.to_owned(),
        writes: name == "terasort",
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
