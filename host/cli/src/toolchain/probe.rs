//! Looks at this machine for [`Environment`], and asks rustup and apt-get for what is missing.
//!
//! A look is cheap and changes nothing. What asks a server has a time limit, and a refusal by rustup is
//! remembered for a day, so that builds without a network do not wait for it each time.

use std::ffi::OsString;
use std::fs;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context as _, Result, bail};

use super::{Environment, Means, Own, PACKAGES, TARGET, sysroot};

/// How long rustup may take to add the target, a download of some 20 MB.
const RUSTUP_LIMIT: Duration = Duration::from_secs(60);
/// How long apt-get may take, for some 150 MB of packages.
const APT_LIMIT: Duration = Duration::from_secs(600);
/// How long rustup's refusal is believed.
const REFUSAL_LASTS: Duration = Duration::from_secs(24 * 3600);

/// Looks for what could be used at once.
pub(super) fn at_hand(folder: &Path, cache: &Path) -> Environment {
    let named = std::env::var_os("TINDERBOX_WASM_RUSTC").map(PathBuf::from);
    Environment {
        own: if named.is_none() {
            own(folder)
        } else {
            Own::Absent
        },
        named: named.map(|rustc| {
            (
                rustc.clone(),
                has_target(rustc.into(), folder) == Own::WithTarget,
            )
        }),
        sysroot: sysroot::whole(cache),
        ..Environment::default()
    }
}

/// Looks for what could be used, and for what something could be made of.
pub(super) fn everything(folder: &Path, cache: &Path) -> Environment {
    let debian = Path::new("/etc/debian_version").exists();
    let means = |there: bool| if there { Means::Untried } else { Means::Absent };
    Environment {
        rustup: refusal(cache).map_or_else(|| means(answers("rustup")), Means::Failed),
        making: means(debian),
        missing: if debian {
            missing_packages()
        } else {
            PACKAGES.to_vec()
        },
        apt: means(debian && is_root() && answers("apt-get")),
        debian,
        linkers: sysroot::linkers(folder).is_ok(),
        ..at_hand(folder, cache)
    }
}

/// Looks at the user's own compiler, as cargo would pick it in `folder`.
pub(super) fn own(folder: &Path) -> Own {
    has_target(own_rustc(), folder)
}

/// Returns the command that is the user's own compiler.
pub(super) fn own_rustc() -> OsString {
    std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into())
}

/// A compiler knows the folder of every target, but only an installed one has a standard library in it.
fn has_target(rustc: OsString, folder: &Path) -> Own {
    let asked = Command::new(rustc)
        .args(["--print", "target-libdir", "--target", TARGET])
        .current_dir(folder)
        .output();
    let Ok(output) = asked else {
        return Own::Absent;
    };
    let libraries = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
    if output.status.success() && has_std(&libraries) {
        Own::WithTarget
    } else {
        Own::WithoutTarget
    }
}

/// Returns whether a folder of libraries has the standard one.
pub(super) fn has_std(libraries: &Path) -> bool {
    let Ok(entries) = fs::read_dir(libraries) else {
        return false;
    };
    entries.flatten().any(|entry| {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        name.starts_with("libstd-") && name.ends_with(".rlib")
    })
}

fn answers(program: &str) -> bool {
    let mut command = Command::new(program);
    command
        .arg("--version")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}

/// Returns those of [`PACKAGES`] that are not installed.
pub(super) fn missing_packages() -> Vec<&'static str> {
    let query = Command::new("dpkg-query")
        .args(["-W", "-f", "${Package} ${db:Status-Status}\n"])
        .args(PACKAGES)
        .output();
    let listed = query
        .map(|output| String::from_utf8_lossy(&output.stdout).into_owned())
        .unwrap_or_default();
    let installed = |package: &str| {
        listed
            .lines()
            .any(|line| line == format!("{package} installed"))
    };
    PACKAGES
        .into_iter()
        .filter(|package| !installed(package))
        .collect()
}

/// Asks rustup for the target, once a day.
pub(super) fn add_target(folder: &Path, cache: &Path) -> Result<()> {
    eprintln!("asking rustup for the target {TARGET} (once) ...");
    let mut command = Command::new("rustup");
    command.args(["target", "add", TARGET]).current_dir(folder);
    let outcome = run_within(RUSTUP_LIMIT, command);
    if let Err(error) = &outcome {
        // Failing to remember costs a minute next time, nothing more.
        let _ = fs::write(refusal_file(cache), format!("{error:#}"));
    }
    outcome
}

fn refusal_file(cache: &Path) -> PathBuf {
    cache.join("rustup-refused")
}

fn refusal(cache: &Path) -> Option<String> {
    let file = refusal_file(cache);
    let age = SystemTime::now()
        .duration_since(fs::metadata(&file).ok()?.modified().ok()?)
        .ok()?;
    if age < REFUSAL_LASTS {
        fs::read_to_string(file).ok()
    } else {
        None
    }
}

/// Installs packages with apt-get.
pub(super) fn install(packages: &[&str]) -> Result<()> {
    eprintln!(
        "installing Debian's packages {} with apt-get (once) ...",
        packages.join(" ")
    );
    let apt_get = |arguments: &[&str]| {
        let mut command = Command::new("apt-get");
        command
            .args(arguments)
            .env("DEBIAN_FRONTEND", "noninteractive");
        command
    };
    run_within(APT_LIMIT, apt_get(&["update", "-q"]))?;
    let mut command = apt_get(&["install", "-q", "-y", "--no-install-recommends"]);
    command.args(packages);
    run_within(APT_LIMIT, command)
}

/// Runs a command to its end, or ends it after `limit`. An error carries the last thing that it said.
fn run_within(limit: Duration, mut command: Command) -> Result<()> {
    let name = command.get_program().to_string_lossy().into_owned();
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let mut child = command
        .spawn()
        .with_context(|| format!("{name} did not start"))?;
    let mut pipe = child.stderr.take().context("its messages cannot be read")?;
    let said = thread::spawn(move || {
        let mut bytes = Vec::new();
        // What was read before an error is still worth showing.
        let _ = pipe.read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    });
    let started = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if started.elapsed() > limit {
            child.kill()?;
            child.wait()?;
            bail!("no answer within {} s", limit.as_secs());
        }
        thread::sleep(Duration::from_millis(20));
    };
    if status.success() {
        return Ok(());
    }
    let said = said.join().unwrap_or_default();
    bail!("{}", last_words(&said).unwrap_or("it gave no reason"))
}

/// Returns the last line of a program's messages that is an error, or else the last one.
pub(super) fn last_words(messages: &str) -> Option<&str> {
    let mut lines = messages
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .rev();
    let last = lines.clone().next();
    lines
        .find_map(|line| {
            line.strip_prefix("error: ")
                .or_else(|| line.strip_prefix("E: "))
        })
        .or(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_that_hangs_is_ended() {
        let mut command = Command::new("sleep");
        command.arg("30");
        let error = run_within(Duration::from_millis(50), command).unwrap_err();
        assert!(error.to_string().contains("no answer"), "{error}");
    }

    #[test]
    fn a_refusal_carries_the_reason() {
        let mut command = Command::new("sh");
        command.args([
            "-c",
            "echo info: trying >&2; echo error: no such host >&2; echo bye >&2; exit 1",
        ]);
        let error = run_within(Duration::from_secs(10), command).unwrap_err();
        assert_eq!(error.to_string(), "no such host");
    }

    #[test]
    fn a_refusal_is_remembered_for_a_day() {
        let cache = tempfile::tempdir().unwrap();
        assert_eq!(refusal(cache.path()), None);
        fs::write(refusal_file(cache.path()), "no network").unwrap();
        assert_eq!(refusal(cache.path()).as_deref(), Some("no network"));
        let file = fs::File::options()
            .write(true)
            .open(refusal_file(cache.path()))
            .unwrap();
        file.set_modified(SystemTime::now() - REFUSAL_LASTS - Duration::from_secs(1))
            .unwrap();
        assert_eq!(refusal(cache.path()), None);
    }

    #[test]
    fn an_empty_folder_has_no_standard_library() {
        let folder = tempfile::tempdir().unwrap();
        assert!(!has_std(folder.path()));
        fs::write(folder.path().join("libstd-0.rlib"), "").unwrap();
        assert!(has_std(folder.path()));
        assert!(!has_std(&folder.path().join("absent")));
    }
}
