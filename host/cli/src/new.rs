//! Makes a job project: a small program, a text to run it on, and the SDK, which the binary carries.
//!
//! A project builds and runs as it is. Nothing that exists is ever overwritten.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::exit::{ExitCode, Failure};

/// The project's own files. The name of the project stands where the template says `{{name}}`.
const TEMPLATE: [(&str, &str); 5] = [
    ("Cargo.toml", include_str!("../template/Cargo.toml.in")),
    ("src/lib.rs", include_str!("../template/lib.rs.in")),
    ("README.md", include_str!("../template/README.md.in")),
    ("data/poem.txt", include_str!("../template/poem.txt")),
    (".gitignore", "/target\n"),
];

/// The SDK's files, listed by the build script.
const SDK: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/sdk_files.rs"));

/// Names that cargo or the compiler keep for themselves, or that the SDK has.
const RESERVED: [&str; 9] = [
    "alloc",
    "build",
    "core",
    "deps",
    "examples",
    "incremental",
    "std",
    "test",
    "tinderbox",
];

/// Keywords that a crate cannot be named by.
const KEYWORDS: &str = "abstract as async await become box break const continue crate do dyn else enum extern false \
    final fn for gen if impl in let loop macro match mod move mut override priv pub ref return self static struct \
    super trait true try type typeof unsafe unsized use virtual where while yield";

/// Cargo has no limit, file systems do.
const NAME_MAX: usize = 64;

/// Makes the project `name` in `folder`, or in a new folder of that name here. Returns the folder.
///
/// Fails with [`ExitCode::Usage`] where the name will not do or the folder is not empty.
pub fn create(name: &str, folder: Option<&Path>) -> Result<PathBuf> {
    check_name(name)?;
    let folder = folder.map_or_else(|| PathBuf::from(name), Path::to_owned);
    check_empty(&folder)?;
    for (path, text) in TEMPLATE {
        write(
            &folder.join(path),
            text.replace("{{name}}", name).as_bytes(),
        )?;
    }
    for (path, bytes) in SDK {
        write(&folder.join("tinderbox-sdk").join(path), bytes)?;
    }
    Ok(folder)
}

/// Returns what to tell the user once the project stands.
pub fn welcome(name: &str, folder: &Path) -> String {
    let folder = folder.display();
    format!(
        "made the job {name} in {folder}. Run it:\n\n    tinderbox run {folder} {folder}/data/poem.txt\n"
    )
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let folder = path.parent().context("a file lies in a folder")?;
    fs::create_dir_all(folder).with_context(|| format!("the folder {folder:?} cannot be made"))?;
    fs::write(path, bytes).with_context(|| format!("{path:?} cannot be written"))
}

fn check_empty(folder: &Path) -> Result<(), Failure> {
    let refuse = |why: String| {
        Err(Failure::new(ExitCode::Usage, why)
            .hint("choose another name, or another folder with --path"))
    };
    match fs::read_dir(folder).map(|entries| entries.count()) {
        Ok(0) => Ok(()),
        Ok(_) => refuse(format!("the folder {folder:?} exists and is not empty")),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::NotADirectory => {
            refuse(format!("{folder:?} is a file"))
        }
        Err(error) => refuse(format!("the folder {folder:?} cannot be read: {error}")),
    }
}

fn check_name(name: &str) -> Result<(), Failure> {
    let Some(why) = fault(name) else {
        return Ok(());
    };
    let failure = Failure::new(
        ExitCode::Usage,
        format!("{name:?} cannot be a project's name: {why}"),
    );
    Err(failure.hint("a name is a letter, then letters, digits, - and _, such as word-count; the folder may be any, with --path"))
}

/// Returns what is wrong with a project's name.
fn fault(name: &str) -> Option<String> {
    let mut wrong: Vec<char> = name
        .chars()
        .filter(|c| !(c.is_ascii_alphanumeric() || *c == '-' || *c == '_'))
        .collect();
    wrong.sort_unstable();
    wrong.dedup();
    let first = name.chars().next();
    match first {
        None => Some("it is empty".into()),
        _ if !wrong.is_empty() => {
            let wrong: Vec<String> = wrong.iter().map(|c| format!("{c:?}")).collect();
            Some(format!("it contains {}", wrong.join(", ")))
        }
        Some(first) if !first.is_ascii_alphabetic() => {
            Some(format!("it starts with {first:?}, not with a letter"))
        }
        _ if name.len() > NAME_MAX => Some(format!("it is longer than {NAME_MAX} characters")),
        _ if KEYWORDS.split_whitespace().any(|word| word == name) => {
            Some("it is a word of the Rust language".into())
        }
        _ if RESERVED.contains(&name) || name == "tinderbox-macros" => {
            Some("it is taken by Rust or by the SDK".into())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_will_do() {
        for name in ["wordcount", "word-count", "a", "Job_2"] {
            assert_eq!(fault(name), None, "{name}");
        }
    }

    #[test]
    fn names_that_will_not_do() {
        let long = "a".repeat(NAME_MAX + 1);
        let names = [
            "",
            "a b/c",
            "zählen",
            "2fast",
            "-x",
            "_x",
            "type",
            "core",
            "tinderbox",
            &long,
        ];
        let faults = names.map(|name| format!("{name:?}: {}", fault(name).unwrap()));
        insta::assert_snapshot!(faults.join("\n"));
    }

    #[test]
    fn a_project_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let project = folder.path().join("my-job");
        assert_eq!(create("my-job", Some(&project)).unwrap(), project);
        let manifest: toml::Table =
            toml::from_str(&fs::read_to_string(project.join("Cargo.toml")).unwrap()).unwrap();
        assert_eq!(manifest["package"]["name"].as_str(), Some("my-job"));
        for file in [
            "src/lib.rs",
            "README.md",
            "data/poem.txt",
            ".gitignore",
            "tinderbox-sdk/Cargo.toml",
            "tinderbox-sdk/src/lib.rs",
        ] {
            let text = fs::read_to_string(project.join(file)).unwrap();
            assert!(!text.is_empty() && !text.contains("{{"), "{file}");
        }
    }

    #[test]
    fn the_sdk_needs_no_workspace() {
        let manifests: Vec<_> = SDK
            .iter()
            .filter(|(path, _)| path.ends_with("Cargo.toml"))
            .collect();
        assert_eq!(manifests.len(), 2, "the SDK and its macros");
        for (path, bytes) in manifests {
            let text = std::str::from_utf8(bytes).unwrap();
            assert!(!text.contains("workspace"), "{path}:\n{text}");
        }
    }

    #[test]
    fn a_folder_in_use_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        create("empty", Some(folder.path())).unwrap();
        let error = create("full", Some(folder.path())).unwrap_err();
        assert!(
            error.to_string().ends_with("exists and is not empty"),
            "{error}"
        );
        let error = create("file", Some(&folder.path().join("README.md"))).unwrap_err();
        assert!(error.to_string().ends_with("is a file"), "{error}");
    }
}
