//! The crate stays a function of its inputs: it depends on nothing but serde, and its sources name nothing of the world.
//!
//! `clippy.toml` says the same to clippy, which knows calls by their meaning; this needs no clippy.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![expect(
    clippy::disallowed_methods,
    reason = "sources are read; the crate never is run"
)]

use std::path::{Path, PathBuf};

/// All that the crate may use of anyone's.
const USES: [&str; 1] = ["serde"];

/// What a source never names: clocks, files, sockets, threads, processes, the environment, and randomness.
const WORLD: [&str; 13] = [
    "std::time::Instant",
    "std::time::SystemTime",
    "Instant::now",
    "SystemTime",
    "std::fs",
    "std::io",
    "std::net",
    "std::thread",
    "std::process",
    "std::env",
    "RandomState",
    "HashMap",
    "HashSet",
];

fn crate_folder() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Returns the names in the sections of a manifest that say what the crate itself, or its building, depends on.
fn dependencies(manifest: &str) -> Vec<&str> {
    let mut names = Vec::new();
    let mut counts = false;
    for line in manifest.lines().map(str::trim) {
        if let Some(section) = line.strip_prefix('[') {
            let section = section.trim_end_matches(']');
            counts = section.contains("dependencies") && !section.contains("dev-dependencies");
            let table = section.split_once("dependencies.");
            names.extend(table.filter(|_| counts).map(|(_, name)| name));
            // What follows in such a table tells of that one dependency.
            counts = counts && table.is_none();
        } else if counts && !line.starts_with('#') {
            let key = line.split_once('=').map(|(key, _)| key);
            names.extend(key.and_then(|key| key.trim().split('.').next()));
        }
    }
    names
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in folder.read_dir().unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else {
            found.push(path);
        }
    }
    found
}

/// Returns what a source names of the world, with comments left out.
fn named(source: &str) -> Vec<&'static str> {
    let code = source.lines().map(|line| line.split("//").next().unwrap());
    let code: Vec<&str> = code.collect();
    let names = |word: &&str| code.iter().any(|line| line.contains(*word));
    WORLD.into_iter().filter(names).collect()
}

#[test]
fn the_crate_depends_on_nothing_but_serde() {
    let manifest = std::fs::read_to_string(crate_folder().join("Cargo.toml")).unwrap();
    assert_eq!(dependencies(&manifest), USES);
}

#[test]
fn no_source_names_anything_of_the_world() {
    let all = sources(&crate_folder().join("src"));
    assert!(all.len() > 100, "the sources are read");
    for path in all {
        let names = named(&std::fs::read_to_string(&path).unwrap());
        assert!(names.is_empty(), "{} names {names:?}", path.display());
    }
}

#[test]
fn what_slips_in_is_seen() {
    let manifest = "[dependencies]\nserde.workspace = true\ntokio = \"1\"\n[dev-dependencies]\nproptest = \"1\"\n\
        [target.'cfg(unix)'.dependencies.libc]\nversion = \"0.2\"\n[build-dependencies]\nrand = \"0.9\"\n";
    assert_eq!(dependencies(manifest), ["serde", "tokio", "libc", "rand"]);
    let source = "// std::fs is not named here\nlet now = std::time::Instant::now();\n";
    assert_eq!(named(source), ["std::time::Instant", "Instant::now"]);
}
