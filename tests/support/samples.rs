//! The samples, each with its input and what it prints for that.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::command::start;
use super::guests::{build, root};

/// Stands for the folder that a sample writes.
const WRITTEN: &str = "WRITTEN";

/// A folder of `samples/`.
pub(crate) struct Sample {
    pub(crate) name: String,
    folder: PathBuf,
    /// What follows the job on the command line, once for each command that is to be typed.
    commands: &'static [&'static [&'static str]],
    /// Whether what it writes is text that is expected too.
    writes_text: bool,
    /// What it prints, and then the text that it writes.
    pub(crate) expected: String,
    /// What its driver says on stderr.
    pub(crate) told: String,
}

/// What came of a sample's commands.
pub(crate) struct Output {
    /// What was printed, and then the text that was written, one file behind the other.
    pub(crate) text: String,
    /// All that stderr had.
    pub(crate) stderr: String,
}

impl Sample {
    /// Builds it.
    pub(crate) fn job(&self) -> PathBuf {
        build(&format!("samples/{}", self.name))
    }

    /// Types its commands, each behind the words of `begin`. What it writes, if it does, is to be in `written`.
    #[track_caller]
    pub(crate) fn run(&self, begin: impl Fn() -> Command, job: &Path, written: &Path) -> Output {
        let mut output = Output {
            text: String::new(),
            stderr: String::new(),
        };
        for arguments in self.commands {
            let mut command = begin();
            if arguments.contains(&WRITTEN) {
                command.arg("--allow-write").arg(written);
            }
            command.arg(job).current_dir(&self.folder);
            for argument in *arguments {
                match *argument {
                    WRITTEN => command.arg(written),
                    argument => command.arg(argument),
                };
            }
            let ended = start(&mut command).end();
            output.stderr += &ended.stderr;
            output.text += &ended.done();
        }
        if self.writes_text {
            output.text += &text_of(written);
        }
        output
    }
}

fn text_of(written: &Path) -> String {
    let files = fs::read_dir(written).unwrap();
    let mut files: Vec<_> = files.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.contains(&written.join("_SUCCESS")), "{files:?}");
    let texts = files.iter().map(|file| fs::read_to_string(file).unwrap());
    texts.collect()
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

/// The sample of this name.
pub(crate) fn sample(name: &str) -> Sample {
    read(root().join("samples").join(name))
}

fn read(folder: PathBuf) -> Sample {
    let expected = folder.join("expected/output.txt");
    let name = folder.file_name().unwrap().to_str().unwrap();
    Sample {
        name: name.to_owned(),
        commands: commands(name, &folder),
        writes_text: name == "terasort",
        expected: fs::read_to_string(&expected)
            .unwrap_or_else(|error| panic!("{}: {error}", expected.display())),
        told: fs::read_to_string(folder.join("expected/told.txt")).unwrap_or_default(),
        folder,
    }
}

fn commands(name: &str, folder: &Path) -> &'static [&'static [&'static str]] {
    match name {
        "inverted_index" => &[&["data", WRITTEN], &["--look-up", "water", WRITTEN]],
        "logs" => &[&[
            "data/requests.csv",
            "data/requests.jsonl",
            "--hosts",
            "data/hosts.csv",
        ]],
        "terasort" => &[&["data", WRITTEN]],
        _ if folder.join("data").is_dir() => &[&["data"]],
        _ => &[&[]],
    }
}
