//! The house keeps its shape: which crate may use which, who owns which outside word, what each folder explains.
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests: what cannot be is a failed test"
)]

#[expect(dead_code, reason = "other tests use the rest")]
mod support {
    pub(crate) mod tables;
}

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;
use support::tables::{cells_of, quoted};

/// Arrows point to the purer crate only.
const ARROWS: [(&str, &[&str]); 11] = [
    (
        "cli",
        &[
            "daemon",
            "network",
            "node",
            "sandbox",
            "scheduler",
            "store",
            "wire",
        ],
    ),
    (
        "node",
        &[
            "columns",
            "daemon",
            "network",
            "sandbox",
            "scheduler",
            "store",
            "wire",
        ],
    ),
    ("columns", &[]),
    ("sandbox", &["scheduler"]),
    ("store", &["scheduler"]),
    ("daemon", &["network", "scheduler", "store", "wire"]),
    ("network", &["scheduler", "wire"]),
    ("wire", &["scheduler"]),
    ("scheduler", &[]),
    ("tinderbox", &["tinderbox-macros"]),
    ("tinderbox-macros", &[]),
];

/// All that the pure crate may use of anyone's.
const SCHEDULER_USES: [&str; 1] = ["serde"];

/// Outside technologies, and the crate of ours that may name them; one of them has two.
const OWNERS: [(&str, &str); 23] = [
    ("arrow-array", "columns"),
    ("arrow-buffer", "columns"),
    ("arrow-schema", "columns"),
    ("parquet", "columns"),
    ("wasmtime", "sandbox"),
    ("wasmparser", "sandbox"),
    ("wasm-encoder", "sandbox"),
    ("clap", "cli"),
    ("indicatif", "cli"),
    ("anyhow", "cli"),
    ("glob", "store"),
    ("object_store", "store"),
    ("reqwest", "store"),
    ("flate2", "store"),
    ("zstd", "store"),
    // `store` speaks to servers outside the cluster, with the same TLS.
    ("rustls", "network store"),
    ("quinn", "network"),
    ("quinn-proto", "network"),
    ("rustls-webpki", "network"),
    ("rcgen", "network"),
    ("rkyv", "wire"),
    ("xxhash-rust", "wire"),
    ("wit-bindgen", "tinderbox"),
];

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    manifest_path: PathBuf,
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    /// None: an ordinary one; else `dev` or `build`.
    kind: Option<String>,
}

impl Package {
    /// What the crate's own code uses, and what builds it: tests may use anything.
    fn uses(&self) -> BTreeSet<&str> {
        let ordinary = self
            .dependencies
            .iter()
            .filter(|dependency| dependency.kind.as_deref() != Some("dev"));
        ordinary
            .map(|dependency| dependency.name.as_str())
            .collect()
    }

    fn folder(&self) -> &Path {
        self.manifest_path.parent().unwrap()
    }
}

/// Our packages by name.
fn packages() -> BTreeMap<String, Package> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args([
        "metadata",
        "--no-deps",
        "--format-version=1",
        "--manifest-path",
    ]);
    let output = cargo
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"))
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: Metadata = serde_json::from_slice(&output.stdout).unwrap();
    metadata
        .packages
        .into_iter()
        .map(|package| (package.name.clone(), package))
        .collect()
}

#[test]
fn arrows_point_to_the_purer_crate() {
    let packages = packages();
    let ours: BTreeSet<&str> = packages.keys().map(String::as_str).collect();
    let known: BTreeSet<&str> = ARROWS.iter().map(|(name, _)| *name).collect();
    assert_eq!(ours, known, "a new crate needs its place in ARROWS");
    for (name, allowed) in ARROWS {
        for used in packages[name].uses().intersection(&ours) {
            assert!(allowed.contains(used), "`{name}` must not use `{used}`");
        }
    }
}

#[test]
fn the_scheduler_uses_next_to_nothing() {
    let packages = packages();
    let more: Vec<_> = packages["scheduler"]
        .uses()
        .into_iter()
        .filter(|used| !SCHEDULER_USES.contains(used))
        .collect();
    assert!(more.is_empty(), "`scheduler` must not use {more:?}");
}

#[test]
fn each_outside_technology_has_one_owner() {
    for package in packages().values() {
        for (technology, owner) in OWNERS {
            let used = package.uses().contains(technology);
            assert!(
                !used || owner.split(' ').any(|owner| package.name == owner),
                "`{technology}` belongs to `{owner}`, not to `{}`",
                package.name
            );
        }
    }
}

#[test]
fn each_crate_explains_itself() {
    for package in packages()
        .values()
        .filter(|package| package.name != "tinderbox-macros")
    {
        let readme = package.folder().join("README.md");
        assert!(readme.is_file(), "{} is missing", readme.display());
    }
    for folder in ["wit", "samples", "tests"] {
        let readme = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../..")
            .join(folder)
            .join("README.md");
        assert!(readme.is_file(), "{} is missing", readme.display());
    }
}

/// `clippy.toml` of the pure crate names what would make it impure; a file that lost them would say nothing.
#[test]
fn the_pure_crate_is_watched() {
    let packages = packages();
    let watched =
        std::fs::read_to_string(packages["scheduler"].folder().join("clippy.toml")).unwrap();
    for word in [
        "std::time::Instant",
        "std::fs::read",
        "std::thread::spawn",
        "std::collections::HashMap",
    ] {
        assert!(
            watched.contains(word),
            "scheduler/clippy.toml does not mention {word}"
        );
    }
}

/// A file of this repository, whole.
fn text_of(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    std::fs::read_to_string(root.join(path)).unwrap()
}

/// The Rust files below a folder, as text.
fn sources_below(folder: &Path) -> Vec<(PathBuf, String)> {
    let entries = std::fs::read_dir(folder).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let text_of_each = |path: PathBuf| {
        if path.is_dir() {
            return sources_below(&path);
        }
        let is_rust = path.extension().is_some_and(|extension| extension == "rs");
        let text = || std::fs::read_to_string(&path).unwrap();
        is_rust
            .then(|| (path.clone(), text()))
            .into_iter()
            .collect()
    };
    paths.flat_map(text_of_each).collect()
}

/// The SDK's code, and what tests it: its own tests, and the programs of `tests/guests`.
fn sdk_and_its_tests() -> (String, String) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let (mut code, mut tests) = (String::new(), String::new());
    for (path, text) in sources_below(&root.join("guest-sdk/rust/src")) {
        let path = path.strip_prefix(&root).unwrap();
        let is_test = path.to_str().unwrap().contains("tests");
        let own = if is_test {
            0
        } else {
            text.find("#[cfg(test)]\nmod tests {").unwrap_or(text.len())
        };
        code.push_str(&text[..own]);
        tests.push_str(&text[own..]);
    }
    for (path, text) in sources_below(&root.join("tests/guests")) {
        if !path.components().any(|part| part.as_os_str() == "target") {
            tests.push_str(&text);
        }
    }
    (code, tests)
}

/// Whether the text has this word, and not only as a part of a longer one.
fn has_word(text: &str, word: &str) -> bool {
    let is_part = |letter: char| letter.is_alphanumeric() || letter == '_';
    text.match_indices(word).any(|(at, _)| {
        !text[..at].ends_with(is_part) && !text[at + word.len()..].starts_with(is_part)
    })
}

/// The names in a cell: what stands in backquotes, without the type that it belongs to and without arguments. An end that
/// several names have (`_in`), an operator and the name of an argument are none.
fn names_in(cell: &str) -> Vec<&str> {
    let names = quoted(cell).map(|name| {
        let alone = name.split('(').next().unwrap();
        alone.rsplit("::").next().unwrap()
    });
    let is_name = |name: &&str| name.len() > 1 && name.starts_with(char::is_alphabetic);
    names.filter(is_name).collect()
}

/// Whether the code defines this name: a function, a type, a constant or a variant.
fn is_defined(code: &str, name: &str) -> bool {
    let words = ["fn", "struct", "enum", "type", "trait", "const"];
    let is_item = |word: &&str| has_word(code, &format!("{word} {name}"));
    let is_variant = |end: &&str| code.contains(&format!("\n    {name}{end}"));
    words.iter().any(is_item) || [",", " {", "("].iter().any(is_variant)
}

/// What `docs/rdd.md` and `docs/rdd-pairs.md` promise to people who come from Spark.
#[test]
fn each_name_of_sparks_has_one_of_ours_with_a_test_or_a_reason() {
    let (code, tests) = sdk_and_its_tests();
    let pages = ["docs/rdd.md", "docs/rdd-pairs.md"].map(text_of);
    let is_row = |line: &&str| line.starts_with("| ") && !line.starts_with("| Spark |");
    let mut seen = 0;
    for row in pages.iter().flat_map(|page| page.lines()).filter(is_row) {
        let [sparks, ours, differs] = cells_of(row)[..] else {
            panic!("three columns: {row}");
        };
        let ours = if ours == "the same" { sparks } else { ours };
        let is_left_out = ours == "-" || ours.is_empty();
        assert!(
            is_left_out != ours.contains('`'),
            "neither name nor `-`: {row}"
        );
        assert!(!is_left_out || !differs.is_empty(), "no reason: {row}");
        for name in names_in(ours) {
            assert!(is_defined(&code, name), "the SDK has no `{name}`: {row}");
            assert!(has_word(&tests, name), "no test has `{name}`: {row}");
            seen += 1;
        }
    }
    assert!(seen > 140, "the tables were read: {seen} names");
}
