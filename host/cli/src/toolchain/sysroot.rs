//! Makes a compiler's sysroot of Debian's packages, once for each user and version of the packages.
//!
//! Debian's `rustc-web` knows the target but comes without its standard library, so that is built here,
//! with SIMD; the linkers are those of the user's own toolchain. A sysroot is made in a folder beside
//! its place and moved there when it is whole, so a half-made one is never used.

use std::ffi::OsString;
use std::fs::{self, File, TryLockError};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};
use serde::{Deserialize, Serialize};

use super::probe::{has_std, last_words, own_rustc};
use super::{TARGET, Toolchain};
use crate::compile::GUEST_FLAGS;

/// The version of this recipe: a sysroot made by another one is made again.
const RECIPE: u32 = 1;
/// What a linked component needs of the user's own toolchain.
const LINKERS: [&str; 2] = ["rust-lld", "wasm-component-ld"];

/// Says what a sysroot was made of. It is written last.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Stamp {
    recipe: u32,
    /// Debian's compiler: a standard library only fits the very one that built it.
    rustc: PathBuf,
    version: String,
    /// Its size and time, which are cheaper to look at than its version.
    bytes: u64,
    modified: i64,
}

/// Returns the folder for what can be made again, and makes it.
pub fn cache_folder() -> Result<PathBuf> {
    let base = std::env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .filter(|path| path.is_absolute());
    let base = base.or_else(|| std::env::home_dir().map(|home| home.join(".cache")));
    let folder = base
        .context("there is no home folder: set XDG_CACHE_HOME")?
        .join("tinderbox");
    fs::create_dir_all(&folder)
        .with_context(|| format!("the cache folder {folder:?} cannot be made"))?;
    Ok(folder)
}

/// Waits until nobody else makes a toolchain. The lock ends with the returned file.
pub(super) fn lock(cache: &Path) -> Result<File> {
    let path = cache.join("toolchain.lock");
    let file = File::create(&path).with_context(|| format!("{path:?} cannot be made"))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            eprintln!("waiting for another build, which is making the WebAssembly toolchain ...");
            file.lock()?;
        }
        Err(TryLockError::Error(error)) => return Err(error.into()),
    }
    Ok(file)
}

fn place(cache: &Path) -> PathBuf {
    cache.join("wasm-sysroot")
}

/// Returns the compiler of the sysroot that was made earlier, unless it lacks something or its packages have changed.
pub(super) fn whole(cache: &Path) -> Option<PathBuf> {
    let root = place(cache);
    let stamp: Stamp = toml::from_str(&fs::read_to_string(root.join("stamp.toml")).ok()?).ok()?;
    let compiler = fs::metadata(&stamp.rustc).ok()?;
    let rustc = root.join("bin/rustc");
    let unchanged = stamp.recipe == RECIPE
        && (stamp.bytes, stamp.modified) == (compiler.len(), compiler.mtime());
    // The linkers are links into the user's toolchain, which may have gone.
    let linked = LINKERS
        .iter()
        .all(|linker| root.join("linkers").join(linker).exists());
    (unchanged && linked && rustc.exists() && has_std(&libraries(&root))).then_some(rustc)
}

fn libraries(root: &Path) -> PathBuf {
    root.join("lib/rustlib").join(TARGET).join("lib")
}

/// Returns the folder with the linkers of the user's own toolchain.
pub(super) fn linkers(folder: &Path) -> Result<PathBuf> {
    // `RUSTC` may name another compiler, which need not have them.
    linkers_of(own_rustc(), folder).or_else(|_| linkers_of("rustc".into(), folder))
}

fn linkers_of(rustc: OsString, folder: &Path) -> Result<PathBuf> {
    let sysroot = ask(Command::new(&rustc)
        .args(["--print", "sysroot"])
        .current_dir(folder))?;
    let host = host(Command::new(&rustc).current_dir(folder))?;
    let folder = Path::new(&sysroot)
        .join("lib/rustlib")
        .join(host)
        .join("bin");
    for linker in LINKERS {
        ensure!(folder.join(linker).exists(), "{folder:?} has no {linker}");
    }
    Ok(folder)
}

fn host(rustc: &mut Command) -> Result<String> {
    let version = ask(rustc.arg("-vV"))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.context("rustc does not name its host")?.to_owned())
}

/// Runs a short command and returns what it prints.
fn ask(command: &mut Command) -> Result<String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command
        .output()
        .with_context(|| format!("{name} did not start"))?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(
        output.status.success(),
        "{name} failed: {}",
        last_words(&said).unwrap_or("it gave no reason")
    );
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// What a sysroot is made of.
struct Ingredients {
    rustc: PathBuf,
    cargo: PathBuf,
    /// The folder of the C library and the two start files.
    libc: PathBuf,
    linkers: PathBuf,
    host: String,
}

impl Ingredients {
    fn gather(folder: &Path) -> Result<Self> {
        let rustc = program("rustc-web", "rustc")?;
        Ok(Self {
            host: host(&mut Command::new(&rustc))?,
            rustc,
            cargo: program("cargo-web", "cargo")?,
            libc: libc_folder(&files("wasi-libc")?)
                .context("wasi-libc has no libc.a with its start files")?,
            linkers: linkers(folder)?,
        })
    }

    fn stamp(&self) -> Result<Stamp> {
        let compiler = fs::metadata(&self.rustc)?;
        Ok(Stamp {
            recipe: RECIPE,
            rustc: self.rustc.clone(),
            version: ask(Command::new(&self.rustc).arg("--version"))?,
            bytes: compiler.len(),
            modified: compiler.mtime(),
        })
    }
}

fn files(package: &str) -> Result<Vec<PathBuf>> {
    Ok(ask(Command::new("dpkg").args(["-L", package]))?
        .lines()
        .map(PathBuf::from)
        .collect())
}

fn program(package: &str, name: &str) -> Result<PathBuf> {
    find_program(&files(package)?, name)
        .with_context(|| format!("the package {package} has no program {name}"))
}

/// Under /usr/share lie wrapper scripts for Debian's own builds, which want that system around them.
fn find_program(files: &[PathBuf], name: &str) -> Option<PathBuf> {
    let in_bin = |file: &Path| file.parent().is_some_and(|folder| folder.ends_with("bin"));
    files
        .iter()
        .find(|file| file.ends_with(name) && in_bin(file) && !file.starts_with("/usr/share"))
        .cloned()
}

/// Newer packages hold one library for each kind of target, those with threads among them.
fn libc_folder(files: &[PathBuf]) -> Option<PathBuf> {
    [TARGET, "wasm32-wasi", "wasm32-wasip1"]
        .into_iter()
        .find_map(|kind| {
            let complete = |folder: &&Path| {
                let has = |name| files.contains(&folder.join(name));
                folder.ends_with(kind) && has("crt1-command.o") && has("crt1-reactor.o")
            };
            let folders = files
                .iter()
                .filter(|file| file.ends_with("libc.a"))
                .filter_map(|file| file.parent());
            folders.into_iter().find(complete).map(Path::to_owned)
        })
}

/// Makes the sysroot and returns its compiler. Takes some 50 seconds of one core, and 80 MB.
pub(super) fn make(folder: &Path, cache: &Path) -> Result<PathBuf> {
    eprintln!("making the WebAssembly toolchain of Debian's packages (once, about a minute) ...");
    let ingredients = Ingredients::gather(folder)?;
    let work = tempfile::Builder::new()
        .prefix("making-")
        .tempdir_in(cache)?;
    let built = build_std(&ingredients, work.path())?;
    let root = work.path().join("sysroot");
    assemble(&ingredients, &built, &root)?;
    try_out(&root.join("bin/rustc"), work.path())?;
    fs::write(
        root.join("stamp.toml"),
        toml::to_string(&ingredients.stamp()?)?,
    )?;
    settle(&root, &place(cache), work.path())?;
    whole(cache).context("the toolchain was made but is not whole")
}

/// Moves the new sysroot to its place, and the one that was there to where it is deleted.
fn settle(root: &Path, place: &Path, work: &Path) -> Result<()> {
    if place.exists() {
        fs::rename(place, work.join("old"))?;
    }
    Ok(fs::rename(root, place)?)
}

/// Builds the standard library with an empty crate around it, and returns the folder of the results.
fn build_std(ingredients: &Ingredients, work: &Path) -> Result<PathBuf> {
    let (target, flags) = (
        work.join("target"),
        format!("{GUEST_FLAGS} -C embed-bitcode=yes"),
    );
    let project = empty_crate(&work.join("empty"), "empty", "rlib")?;
    let mut cargo = Command::new(&ingredients.cargo);
    cargo.args([
        "build",
        "--release",
        "--offline",
        "--target",
        TARGET,
        "-Zbuild-std=std,panic_abort",
    ]);
    // Bitcode lets a program be optimised together with the library (`lto`), as with rustup's.
    cargo
        .env("RUSTFLAGS", flags)
        .env("RUSTC", &ingredients.rustc)
        .env("RUSTC_BOOTSTRAP", "1");
    for name in [
        "CARGO_ENCODED_RUSTFLAGS",
        "RUSTC_WRAPPER",
        "RUSTC_WORKSPACE_WRAPPER",
        "CARGO_BUILD_TARGET",
    ] {
        cargo.env_remove(name);
    }
    ask(cargo.env("CARGO_TARGET_DIR", &target).current_dir(project))
        .context("the standard library was not built")?;
    Ok(target.join(TARGET).join("release/deps"))
}

fn empty_crate(folder: &Path, name: &str, kind: &str) -> Result<PathBuf> {
    fs::create_dir_all(folder.join("src"))?;
    fs::write(folder.join("src/lib.rs"), "")?;
    let manifest = format!(
        "[package]\nname = \"{name}\"\nversion = \"0.0.0\"\nedition = \"2021\"\n[lib]\ncrate-type = [\"{kind}\"]\n[workspace]\n"
    );
    fs::write(folder.join("Cargo.toml"), manifest)?;
    Ok(folder.to_owned())
}

fn assemble(ingredients: &Ingredients, built: &Path, root: &Path) -> Result<()> {
    let libraries = libraries(root);
    let own = root.join("lib/rustlib").join(&ingredients.host);
    for folder in [&root.join("bin"), &own, &libraries.join("self-contained")] {
        fs::create_dir_all(folder)?;
    }
    for entry in fs::read_dir(built)? {
        let (path, name) = entry.map(|entry| (entry.path(), entry.file_name()))?;
        if path.extension().is_some_and(|end| end == "rlib")
            && !name.to_string_lossy().starts_with("libempty-")
        {
            fs::copy(path, libraries.join(name))?;
        }
    }
    for file in ["crt1-command.o", "crt1-reactor.o", "libc.a"] {
        fs::copy(
            ingredients.libc.join(file),
            libraries.join("self-contained").join(file),
        )?;
    }
    let debian = ask(Command::new(&ingredients.rustc).args(["--print", "sysroot"]))?;
    symlink(
        Path::new(&debian)
            .join("lib/rustlib")
            .join(&ingredients.host)
            .join("lib"),
        own.join("lib"),
    )?;
    symlink(&ingredients.linkers, own.join("bin"))?;
    symlink(&ingredients.linkers, root.join("linkers"))?;
    wrap(&ingredients.rustc, &root.join("bin/rustc"))
}

/// Writes the command that is Debian's compiler with our sysroot. It finds that beside itself, so it can be moved.
fn wrap(rustc: &Path, wrapper: &Path) -> Result<()> {
    let rustc = rustc.to_str().context("the compiler's path is not UTF-8")?;
    fs::write(
        wrapper,
        format!("#!/bin/sh\nexec '{rustc}' --sysroot \"${{0%/bin/rustc}}\" \"$@\"\n"),
    )?;
    Ok(fs::set_permissions(
        wrapper,
        fs::Permissions::from_mode(0o755),
    )?)
}

/// Builds one component with it, so that what does not fit together shows now.
fn try_out(rustc: &Path, work: &Path) -> Result<()> {
    let project = empty_crate(&work.join("trial"), "trial", "cdylib")?;
    let toolchain = Toolchain {
        rustc: Some(rustc.to_owned()),
    };
    let mut cargo = crate::compile::cargo_build(&toolchain, &project.join("Cargo.toml"));
    ask(cargo.env("CARGO_TARGET_DIR", work.join("trial-target")))
        .context("the toolchain does not build a program")?;
    if !work
        .join("trial-target")
        .join(TARGET)
        .join("release/trial.wasm")
        .exists()
    {
        bail!("the toolchain made no component");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(paths: &[&str]) -> Vec<PathBuf> {
        paths.iter().map(PathBuf::from).collect()
    }

    #[test]
    fn the_wrapper_under_share_is_not_the_program() {
        let files = paths(&[
            "/usr/share/cargo/bin/cargo",
            "/usr/share/doc/cargo",
            "/usr/bin/cargo",
        ]);
        assert_eq!(find_program(&files, "cargo"), Some("/usr/bin/cargo".into()));
        assert_eq!(find_program(&files[..2], "cargo"), None);
        assert_eq!(
            find_program(&paths(&["/usr/lib/rust-1.97/bin/rustc"]), "rustc"),
            Some("/usr/lib/rust-1.97/bin/rustc".into())
        );
    }

    #[test]
    fn the_library_without_threads_is_taken() {
        let mut files = Vec::new();
        for kind in ["wasm32-wasi-threads", "wasm32-wasi"] {
            for name in ["libc.a", "crt1-command.o", "crt1-reactor.o"] {
                files.push(Path::new("/usr/lib").join(kind).join(name));
            }
        }
        assert_eq!(libc_folder(&files), Some("/usr/lib/wasm32-wasi".into()));
        files.retain(|file| !file.ends_with("wasm32-wasi/crt1-reactor.o"));
        assert_eq!(libc_folder(&files), None);
    }

    /// A sysroot of empty files, with a compiler to match its stamp.
    fn pretend(cache: &Path) -> Stamp {
        let rustc = cache.join("rustc-web");
        fs::write(&rustc, "#!/bin/sh\n").unwrap();
        let root = place(cache);
        let (bin, linkers) = (root.join("bin"), root.join("linkers"));
        for folder in [&bin, &linkers, &libraries(&root)] {
            fs::create_dir_all(folder).unwrap();
        }
        for file in LINKERS
            .map(|linker| linkers.join(linker))
            .iter()
            .chain([&bin.join("rustc"), &libraries(&root).join("libstd-0.rlib")])
        {
            fs::write(file, "").unwrap();
        }
        let compiler = fs::metadata(&rustc).unwrap();
        let stamp = Stamp {
            recipe: RECIPE,
            rustc,
            version: "1".into(),
            bytes: compiler.len(),
            modified: compiler.mtime(),
        };
        fs::write(root.join("stamp.toml"), toml::to_string(&stamp).unwrap()).unwrap();
        stamp
    }

    #[test]
    fn a_whole_sysroot_is_used() {
        let cache = tempfile::tempdir().unwrap();
        assert_eq!(whole(cache.path()), None);
        pretend(cache.path());
        assert_eq!(
            whole(cache.path()),
            Some(place(cache.path()).join("bin/rustc"))
        );
    }

    #[test]
    fn a_sysroot_that_lacks_something_is_not_used() {
        for lost in [
            "stamp.toml",
            "bin/rustc",
            "linkers/rust-lld",
            "lib/rustlib/wasm32-wasip2/lib/libstd-0.rlib",
        ] {
            let cache = tempfile::tempdir().unwrap();
            pretend(cache.path());
            fs::remove_file(place(cache.path()).join(lost)).unwrap();
            assert_eq!(whole(cache.path()), None, "without {lost}");
        }
    }

    #[test]
    fn a_sysroot_of_another_compiler_or_recipe_is_not_used() {
        let cache = tempfile::tempdir().unwrap();
        let stamp = pretend(cache.path());
        fs::write(&stamp.rustc, "#!/bin/sh\n# upgraded\n").unwrap();
        assert_eq!(whole(cache.path()), None);
        let stamp = Stamp {
            recipe: RECIPE + 1,
            ..pretend(cache.path())
        };
        fs::write(
            place(cache.path()).join("stamp.toml"),
            toml::to_string(&stamp).unwrap(),
        )
        .unwrap();
        assert_eq!(whole(cache.path()), None);
    }

    #[test]
    fn one_lock_at_a_time() {
        let cache = tempfile::tempdir().unwrap();
        let held = lock(cache.path()).unwrap();
        let second = File::create(cache.path().join("toolchain.lock")).unwrap();
        assert!(matches!(second.try_lock(), Err(TryLockError::WouldBlock)));
        drop(held);
        second.try_lock().unwrap();
    }
}
