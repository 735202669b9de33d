//! Turns what a user names as a JOB into a component file: a `.wasm` file as it is, a source folder built.
//!
//! Cargo does the building and does the talking: its messages reach the user unchanged.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, anyhow};
use serde::Deserialize;

use crate::exit::{ExitCode, Failure};
use crate::suggest::nearest;
use crate::toolchain::{self, TARGET, Toolchain};

/// Flags of every guest: SIMD, in the program and in a standard library that is built here.
pub const GUEST_FLAGS: &str = "-C target-feature=+simd128";

/// Returns the component of `job`, a component file or a source folder, which is built first.
///
/// Fails with [`ExitCode::Usage`] where `job` is neither and with [`ExitCode::BuildFailed`] where it does not build.
pub fn component(job: &Path) -> Result<PathBuf> {
    if job.is_dir() {
        return build(&job.join("Cargo.toml"));
    }
    if !job.exists() {
        return Err(not_found(job).into());
    }
    if job.file_name().is_some_and(|name| name == "Cargo.toml") {
        return build(job);
    }
    Ok(job.to_owned())
}

/// Builds `job` and copies the component to `out`, a file or an existing folder, where one is given. Returns its path.
pub fn build_to(job: &Path, out: Option<&Path>) -> Result<PathBuf> {
    let component = component(job)?;
    let Some(out) = out else { return Ok(component) };
    let name = component.file_name().context("the component has no name")?;
    let out = if out.is_dir() {
        out.join(name)
    } else {
        out.to_owned()
    };
    if out.canonicalize().ok() != component.canonicalize().ok() {
        fs::copy(&component, &out).with_context(|| format!("{out:?} cannot be written"))?;
    }
    Ok(out)
}

fn not_found(job: &Path) -> Failure {
    let failure = Failure::new(ExitCode::Usage, format!("{job:?} does not exist"));
    match neighbour(job) {
        Some(path) => failure.hint(format!("did you mean {path:?}?")),
        None => failure.hint(
            "name a component file (.wasm) or a source folder; `tinderbox new NAME` makes one",
        ),
    }
}

/// Returns the file or folder whose name is most like the one that was typed.
fn neighbour(job: &Path) -> Option<PathBuf> {
    let folder = job.parent()?;
    let listed = if folder.as_os_str().is_empty() {
        Path::new(".")
    } else {
        folder
    };
    let entries = fs::read_dir(listed).ok()?;
    let names: Vec<String> = entries
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    let name = nearest(job.file_name()?.to_str()?, names.iter().map(String::as_str))?;
    Some(folder.join(name))
}

fn build(manifest: &Path) -> Result<PathBuf> {
    check(manifest)?;
    let manifest = manifest.canonicalize()?;
    let folder = manifest.parent().context("a manifest lies in a folder")?;
    let toolchain = toolchain::find(folder)?;
    let mut cargo = cargo_build(&toolchain, &manifest);
    cargo
        .arg("--message-format=json-render-diagnostics")
        .stdin(Stdio::null())
        .stderr(Stdio::inherit());
    let output = cargo.output().map_err(|error| {
        Failure::new(
            ExitCode::BuildFailed,
            format!("cargo did not start: {error}"),
        )
        .hint("install Rust from https://rustup.rs")
    })?;
    if !output.status.success() {
        // Cargo has said why.
        return Err(
            Failure::new(ExitCode::BuildFailed, format!("{folder:?} does not build")).into(),
        );
    }
    let messages = String::from_utf8_lossy(&output.stdout);
    artifact(&messages, &manifest).ok_or_else(|| anyhow!("cargo built no component of {folder:?}"))
}

/// Returns the command that builds the library of one package as a component.
pub fn cargo_build(toolchain: &Toolchain, manifest: &Path) -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo
        .args(["build", "--release", "--lib", "--target", TARGET])
        .arg("--manifest-path")
        .arg(manifest);
    // Flags that the user set for programs of this machine do not fit; those for the target are kept.
    let flags = "CARGO_TARGET_WASM32_WASIP2_RUSTFLAGS";
    let mut guest_flags = OsString::from(GUEST_FLAGS);
    if let Some(own) = std::env::var_os(flags) {
        guest_flags.push(" ");
        guest_flags.push(own);
    }
    cargo
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .env(flags, guest_flags);
    if let Some(rustc) = &toolchain.rustc {
        cargo.env("RUSTC", rustc);
    }
    cargo
}

/// What is read of a manifest before cargo is asked, to say in a user's words what it would say in its own.
#[derive(Deserialize)]
struct Manifest {
    package: Option<toml::Table>,
    lib: Option<Library>,
    workspace: Option<Workspace>,
}

#[derive(Deserialize)]
struct Library {
    #[serde(default, rename = "crate-type", alias = "crate_type")]
    crate_type: Vec<String>,
}

#[derive(Deserialize)]
struct Workspace {
    #[serde(default)]
    members: Vec<String>,
}

fn check(manifest: &Path) -> Result<(), Failure> {
    let folder = manifest.parent().unwrap_or(manifest);
    let text = fs::read_to_string(manifest).map_err(|error| {
        let failure = Failure::new(
            ExitCode::Usage,
            format!("{manifest:?} cannot be read: {error}"),
        );
        failure.hint("a source folder is a Rust package; `tinderbox new NAME` makes one")
    })?;
    let parsed: Manifest = toml::from_str(&text).map_err(|error| {
        Failure::new(
            ExitCode::BuildFailed,
            format!("{manifest:?} is not a manifest: {error}"),
        )
    })?;
    if parsed.package.is_none() {
        return Err(no_package(folder, &parsed));
    }
    if !parsed
        .lib
        .is_some_and(|library| library.crate_type.iter().any(|kind| kind == "cdylib"))
    {
        let failure = Failure::new(
            ExitCode::BuildFailed,
            format!("{folder:?} is not a job: its library is no cdylib"),
        );
        return Err(failure.hint("add to its Cargo.toml: [lib] crate-type = [\"cdylib\"]"));
    }
    Ok(())
}

fn no_package(folder: &Path, manifest: &Manifest) -> Failure {
    let members = manifest
        .workspace
        .iter()
        .flat_map(|workspace| &workspace.members);
    let mut jobs = members
        .map(|member| folder.join(member))
        .filter(|job| check(&job.join("Cargo.toml")).is_ok());
    let what = format!("{folder:?} holds a workspace of packages, not one job");
    let failure = Failure::new(ExitCode::Usage, what);
    match jobs.next() {
        Some(job) => failure.hint(format!("name one of them, such as {job:?}")),
        None => failure.hint("name the folder of one of them"),
    }
}

/// One line of cargo's messages.
#[derive(Deserialize)]
struct Message {
    reason: String,
    manifest_path: Option<PathBuf>,
    #[serde(default)]
    filenames: Vec<PathBuf>,
}

/// Finds the component among cargo's messages.
fn artifact(messages: &str, manifest: &Path) -> Option<PathBuf> {
    let messages = messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Message>(line).ok());
    let ours = |message: &Message| {
        message.reason == "compiler-artifact"
            && message
                .manifest_path
                .as_ref()
                .and_then(|path| path.canonicalize().ok())
                .as_deref()
                == Some(manifest)
    };
    let mut files = messages.filter(ours).flat_map(|message| message.filenames);
    files.find(|file| file.extension().is_some_and(|end| end == "wasm"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(manifest: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("Cargo.toml"), manifest).unwrap();
        folder
    }

    /// The error for a folder with this manifest, without the folder's name.
    fn refused(manifest: &str) -> String {
        let folder = folder(manifest);
        let failure = check(&folder.path().join("Cargo.toml")).unwrap_err();
        let text = format!(
            "{:?} {failure}\n{}",
            failure.code,
            failure.hint.as_deref().unwrap_or_default()
        );
        text.replace(folder.path().to_str().unwrap(), "JOB")
    }

    #[test]
    fn a_file_is_taken_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("job.wasm");
        fs::write(&file, "").unwrap();
        assert_eq!(component(&file).unwrap(), file);
    }

    #[test]
    fn a_wrong_name_brings_the_nearest() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("wordcount")).unwrap();
        assert_eq!(
            neighbour(&folder.path().join("wordcont")),
            Some(folder.path().join("wordcount"))
        );
        assert_eq!(neighbour(&folder.path().join("kmeans")), None);
        let error = component(&folder.path().join("wordcont")).unwrap_err();
        assert_eq!(
            error.downcast_ref::<Failure>().unwrap().code,
            ExitCode::Usage
        );
    }

    #[test]
    fn a_folder_without_a_manifest_is_no_job() {
        let folder = tempfile::tempdir().unwrap();
        let error = component(folder.path()).unwrap_err();
        assert!(
            error.to_string().contains("Cargo.toml\" cannot be read"),
            "{error}"
        );
    }

    #[test]
    fn manifests_that_make_no_component() {
        let manifests = [
            "[package]\nname = \"a\"\n",
            "[package]\nname = \"a\"\n[lib]\ncrate-type = [\"rlib\"]\n",
            "[workspace]\nmembers = [\"wordcount\", \"pi\"]\n",
            "[workspace]\nmembers = [\"*\"]\n",
            "package\n",
        ];
        insta::assert_snapshot!(manifests.map(refused).join("\n---\n"));
    }

    #[test]
    fn a_workspace_names_one_of_its_jobs() {
        let folder = folder("[workspace]\nmembers = [\"library\", \"job\"]\n");
        for (member, kind) in [("library", "rlib"), ("job", "cdylib")] {
            let manifest = format!("[package]\nname = \"a\"\n[lib]\ncrate-type = [\"{kind}\"]\n");
            fs::create_dir(folder.path().join(member)).unwrap();
            fs::write(folder.path().join(member).join("Cargo.toml"), manifest).unwrap();
        }
        let failure = check(&folder.path().join("Cargo.toml")).unwrap_err();
        assert!(failure.hint.unwrap().ends_with("/job\""));
    }

    #[test]
    fn a_job_passes() {
        let folder =
            folder("[package]\nname = \"a\"\n[lib]\ncrate-type = [\"cdylib\", \"rlib\"]\n");
        check(&folder.path().join("Cargo.toml")).unwrap();
    }

    #[test]
    fn the_component_is_the_one_of_the_package() {
        let ours = folder("");
        let manifest = ours.path().join("Cargo.toml").canonicalize().unwrap();
        let line = |manifest: &Path, file: &str| {
            serde_json::json!({"reason": "compiler-artifact", "manifest_path": manifest, "filenames": ["x.rlib", file]}).to_string()
        };
        let other = folder("");
        let messages = [
            line(&other.path().join("Cargo.toml"), "other.wasm"),
            "not JSON".into(),
            line(&manifest, "ours.wasm"),
        ]
        .join("\n");
        assert_eq!(artifact(&messages, &manifest), Some("ours.wasm".into()));
        assert_eq!(
            artifact("{\"reason\": \"build-finished\"}", &manifest),
            None
        );
    }

    #[test]
    fn the_users_flags_for_this_machine_do_not_reach_a_guest() {
        let cargo = cargo_build(
            &Toolchain {
                rustc: Some("/sysroot/rustc".into()),
            },
            Path::new("Cargo.toml"),
        );
        let environment: Vec<_> = cargo.get_envs().collect();
        assert!(environment.contains(&("RUSTFLAGS".as_ref(), None)));
        assert!(environment.contains(&("RUSTC".as_ref(), Some("/sysroot/rustc".as_ref()))));
    }
}
