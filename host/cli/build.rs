//! Lists the Rust SDK's files for `tinderbox new`, which writes them into each project: nothing is published yet.
//!
//! The SDK's manifests may take keys from the workspace. In a project of its own there is no such
//! workspace, so those keys are filled in here.

use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    let root = Path::new(&std::env::var("CARGO_MANIFEST_DIR")?)
        .join("../..")
        .canonicalize()?;
    let sdk = root.join("guest-sdk/rust");
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    println!("cargo::rerun-if-changed=build.rs");
    let workspace = root.join("Cargo.toml");
    println!("cargo::rerun-if-changed={}", workspace.display());
    let workspace: Table = toml::from_str(&fs::read_to_string(workspace)?)?;

    let mut files = Vec::new();
    walk(&sdk, &mut files)?;
    files.sort();
    let mut list = String::from("&[\n");
    for (number, file) in files.iter().enumerate() {
        let name = file.strip_prefix(&sdk)?;
        let mut source = file.clone();
        if file.ends_with("Cargo.toml") {
            source = out.join(format!("manifest-{number}.toml"));
            fs::write(&source, standalone(&fs::read_to_string(file)?, &workspace)?)?;
        }
        writeln!(list, "    ({name:?}, include_bytes!({source:?})),")?;
    }
    fs::write(out.join("sdk_files.rs"), list + "]\n")?;
    Ok(())
}

/// Collects the files of a folder, without what builds and tests leave or need.
fn walk(folder: &Path, files: &mut Vec<PathBuf>) -> Outcome<()> {
    println!("cargo::rerun-if-changed={}", folder.display());
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if path.is_dir() {
            if !["target", "tests", "benches"].contains(&name.as_str()) && !name.starts_with('.') {
                walk(&path, files)?;
            }
        } else if name != "Cargo.lock" && !name.starts_with('.') {
            println!("cargo::rerun-if-changed={}", path.display());
            files.push(path);
        }
    }
    Ok(())
}

/// Returns a manifest that needs no workspace.
fn standalone(manifest: &str, workspace: &Table) -> Outcome<String> {
    let mut manifest: Table = toml::from_str(manifest)?;
    let shared = workspace["workspace"]
        .as_table()
        .ok_or("the root has no workspace")?;
    manifest.remove("lints");
    manifest.remove("dev-dependencies");
    if let Some(package) = manifest.get_mut("package").and_then(Value::as_table_mut) {
        inherit(package, &shared["package"])?;
    }
    for kind in ["dependencies", "build-dependencies"] {
        if let Some(dependencies) = manifest.get_mut(kind).and_then(Value::as_table_mut) {
            inherit(dependencies, &shared["dependencies"])?;
        }
    }
    Ok(toml::to_string(&manifest)?)
}

/// Replaces `key.workspace = true` by the workspace's value, and keeps what stands beside it.
fn inherit(table: &mut Table, shared: &Value) -> Outcome<()> {
    for (key, value) in table.iter_mut() {
        let Some(own) = value.as_table_mut() else {
            continue;
        };
        if own.remove("workspace").is_none() {
            continue;
        }
        let found = shared
            .get(key)
            .ok_or_else(|| format!("the workspace has no {key}"))?;
        if own.is_empty() {
            *value = found.clone();
            continue;
        }
        let mut whole = match found {
            Value::Table(table) => table.clone(),
            version => Table::from_iter([("version".to_owned(), version.clone())]),
        };
        whole.extend(own.clone());
        *value = Value::Table(whole);
    }
    Ok(())
}
