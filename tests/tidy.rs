//! The house keeps its shape: which crate may use which, who owns which outside word, what each folder explains.
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests: what cannot be is a failed test"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;

/// Arrows point to the purer crate only.
const ARROWS: [(&str, &[&str]); 10] = [
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
        &["daemon", "network", "sandbox", "scheduler", "store", "wire"],
    ),
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
const OWNERS: [(&str, &str); 19] = [
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
