//! Finds a Rust compiler that makes WebAssembly components, or makes one.
//!
//! [`next`] decides from facts alone; `probe` gathers the facts and `sysroot` does the making. Nothing
//! is made or installed while a compiler that can do it is at hand.
//!
//! ```text
//! TINDERBOX_WASM_RUSTC, the user's own rustc, the sysroot made earlier      at hand: use it
//!   └ rustup target add                                                     the usual way
//!       └ Debian's rustc-web, cargo-web, rust-web-src, wasi-libc            a sysroot, made once
//!           └ apt-get install them, as root                                 then the sysroot
//!               └ say exactly what to type
//! ```

mod probe;
mod sysroot;

pub use sysroot::cache_folder;

use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::exit::{ExitCode, Failure};

/// The target that makes components.
pub const TARGET: &str = "wasm32-wasip2";

/// Debian's packages from which a sysroot can be made.
pub const PACKAGES: [&str; 4] = ["rustc-web", "cargo-web", "rust-web-src", "wasi-libc"];

/// A way to compile for [`TARGET`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Toolchain {
    /// The compiler that cargo must use; none where cargo finds the right one by itself.
    pub rustc: Option<PathBuf>,
}

/// What is at hand and what could be made, as far as it was looked at.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    /// What `TINDERBOX_WASM_RUSTC` names, and whether it has the target.
    pub named: Option<(PathBuf, bool)>,
    /// The user's own compiler (`RUSTC`, or `rustc` on the path).
    pub own: Own,
    /// The compiler of the sysroot that was made earlier, if that is whole.
    pub sysroot: Option<PathBuf>,
    /// Whether rustup could add the target.
    pub rustup: Means,
    /// Whether a sysroot can be made of Debian's packages.
    pub making: Means,
    /// Those of [`PACKAGES`] that are not installed.
    pub missing: Vec<&'static str>,
    /// Whether apt-get could install them.
    pub apt: Means,
    /// Whether this is Debian or a relative of it.
    pub debian: bool,
    /// Whether the user's own toolchain has the linkers, which Debian's packages lack.
    pub linkers: bool,
}

/// The user's own compiler.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Own {
    /// There is none.
    #[default]
    Absent,
    /// It cannot compile for [`TARGET`].
    WithoutTarget,
    /// It can.
    WithTarget,
}

/// Something that may be tried.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Means {
    /// Not to be had here.
    #[default]
    Absent,
    /// Not tried yet.
    Untried,
    /// Tried, and why it failed.
    Failed(String),
}

/// What to do next on the way to a toolchain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Done: use this one.
    Use(Toolchain),
    /// Ask rustup for the target.
    AddTarget,
    /// Make the sysroot of the installed packages.
    MakeSysroot,
    /// Install what the sysroot needs.
    InstallPackages,
    /// Nothing is left to try: tell the user this.
    GiveUp {
        /// What is wrong.
        what: String,
        /// What to type.
        hint: String,
    },
}

/// Returns the compiler that is at hand, or why the one that was asked for will not do.
pub fn ready(environment: &Environment) -> Option<Step> {
    if let Some((rustc, has_target)) = &environment.named {
        return Some(if *has_target {
            use_rustc(rustc)
        } else {
            refuse_named(rustc)
        });
    }
    if environment.own == Own::WithTarget {
        return Some(Step::Use(Toolchain { rustc: None }));
    }
    environment.sysroot.as_deref().map(use_rustc)
}

/// Decides what to do next.
pub fn next(environment: &Environment) -> Step {
    if let Some(step) = ready(environment) {
        return step;
    }
    if environment.rustup == Means::Untried {
        return Step::AddTarget;
    }
    if environment.linkers && environment.making == Means::Untried {
        if environment.missing.is_empty() {
            return Step::MakeSysroot;
        }
        if environment.apt == Means::Untried {
            return Step::InstallPackages;
        }
    }
    Step::GiveUp {
        what: format!("no Rust compiler here can make WebAssembly components (target {TARGET})"),
        hint: advice(environment).join("\n"),
    }
}

fn use_rustc(rustc: &Path) -> Step {
    Step::Use(Toolchain {
        rustc: Some(rustc.to_owned()),
    })
}

fn refuse_named(rustc: &Path) -> Step {
    Step::GiveUp {
        what: format!("TINDERBOX_WASM_RUSTC names {rustc:?}, which cannot compile for {TARGET}"),
        hint: "name a compiler that can, or unset TINDERBOX_WASM_RUSTC".into(),
    }
}

/// One line for each way out, the usual one first.
fn advice(environment: &Environment) -> Vec<String> {
    let mut lines = vec![advice_on_rustup(environment)];
    if environment.debian {
        lines.extend(advice_on_debian(environment));
    }
    lines.push(format!(
        "or set TINDERBOX_WASM_RUSTC to a rustc that has the target {TARGET}"
    ));
    lines
}

fn advice_on_rustup(environment: &Environment) -> String {
    match &environment.rustup {
        Means::Failed(why) => {
            format!(
                "`rustup target add {TARGET}` failed ({why}); type it again when that is mended"
            )
        }
        _ if environment.own == Own::Absent => {
            format!("install Rust from https://rustup.rs, then type: rustup target add {TARGET}")
        }
        _ => format!(
            "this rustc is not rustup's; install https://rustup.rs, then type: rustup target add {TARGET}"
        ),
    }
}

fn advice_on_debian(environment: &Environment) -> Vec<String> {
    let packages = environment.missing.join(" ");
    let mut lines = Vec::new();
    if let Means::Failed(why) = &environment.making {
        lines.push(format!(
            "the toolchain could not be made of Debian's packages: {why}"
        ));
    } else if let Means::Failed(why) = &environment.apt {
        lines.push(format!("apt-get could not install {packages}: {why}"));
    } else if !environment.missing.is_empty() {
        lines.push(format!(
            "or, with Debian's own packages, type: sudo apt-get install {packages}"
        ));
    }
    if !environment.linkers {
        lines.push(
            "Debian's packages need the linkers rust-lld and wasm-component-ld of a rustup toolchain; \
             type: rustup toolchain install stable"
                .into(),
        );
    }
    lines
}

/// Finds a toolchain for the project in `folder`, making one if need be, which takes minutes at most.
///
/// Progress goes to stderr. Fails with [`ExitCode::BuildFailed`] and what to type.
pub fn find(folder: &Path) -> Result<Toolchain> {
    let cache = cache_folder()?;
    let mut environment = probe::at_hand(folder, &cache);
    if let Some(step) = ready(&environment) {
        return finish(step);
    }
    // Two builds at once must not make the same thing twice: the second waits, then finds it made.
    let _lock = sysroot::lock(&cache)?;
    environment = probe::everything(folder, &cache);
    loop {
        let step = next(&environment);
        match step {
            Step::AddTarget => {
                environment.rustup = failed(probe::add_target(folder, &cache));
                environment.own = probe::own(folder);
                if environment.rustup == Means::Absent && environment.own != Own::WithTarget {
                    environment.rustup =
                        Means::Failed("the target went to another toolchain than rustc's".into());
                }
            }
            Step::InstallPackages => {
                environment.apt = failed(probe::install(&environment.missing));
                environment.missing = probe::missing_packages();
                if environment.apt == Means::Absent && !environment.missing.is_empty() {
                    environment.apt = Means::Failed("they are still not installed".into());
                }
            }
            Step::MakeSysroot => match sysroot::make(folder, &cache) {
                Ok(rustc) => environment.sysroot = Some(rustc),
                Err(error) => environment.making = Means::Failed(format!("{error:#}")),
            },
            Step::Use(_) | Step::GiveUp { .. } => return finish(step),
        }
    }
}

fn failed(outcome: Result<()>) -> Means {
    outcome
        .err()
        .map_or(Means::Absent, |error| Means::Failed(format!("{error:#}")))
}

fn finish(step: Step) -> Result<Toolchain> {
    match step {
        Step::Use(toolchain) => Ok(toolchain),
        Step::GiveUp { what, hint } => {
            Err(Failure::new(ExitCode::BuildFailed, what).hint(hint).into())
        }
        _ => unreachable!("only a last step is given to finish"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A Debian machine with rustup, root and nothing else.
    fn fresh() -> Environment {
        Environment {
            own: Own::WithoutTarget,
            rustup: Means::Untried,
            making: Means::Untried,
            missing: PACKAGES.to_vec(),
            apt: Means::Untried,
            debian: true,
            linkers: true,
            ..Environment::default()
        }
    }

    fn hint(environment: &Environment) -> String {
        match next(environment) {
            Step::GiveUp { what, hint } => format!("{what}\n{hint}\n"),
            step => panic!("expected advice, got {step:?}"),
        }
    }

    #[test]
    fn a_compiler_with_the_target_is_used_as_it_is() {
        let environment = Environment {
            own: Own::WithTarget,
            sysroot: Some("/cache/rustc".into()),
            ..fresh()
        };
        assert_eq!(next(&environment), Step::Use(Toolchain { rustc: None }));
    }

    #[test]
    fn the_named_compiler_wins_and_is_never_silently_passed_over() {
        let named = |has_target| Environment {
            named: Some(("/opt/rustc".into(), has_target)),
            own: Own::WithTarget,
            ..fresh()
        };
        assert_eq!(next(&named(true)), use_rustc(Path::new("/opt/rustc")));
        assert!(hint(&named(false)).contains("unset TINDERBOX_WASM_RUSTC"));
    }

    #[test]
    fn a_sysroot_made_earlier_saves_asking_rustup() {
        let environment = Environment {
            sysroot: Some("/cache/rustc".into()),
            ..fresh()
        };
        assert_eq!(next(&environment), use_rustc(Path::new("/cache/rustc")));
    }

    #[test]
    fn without_rustups_servers_debian_is_the_way() {
        let mut environment = fresh();
        assert_eq!(next(&environment), Step::AddTarget);
        environment.rustup = Means::Failed("no network".into());
        assert_eq!(next(&environment), Step::InstallPackages);
        environment.missing.clear();
        assert_eq!(next(&environment), Step::MakeSysroot);
        environment.sysroot = Some("/cache/rustc".into());
        assert_eq!(next(&environment), use_rustc(Path::new("/cache/rustc")));
    }

    #[test]
    fn nothing_is_tried_twice() {
        let mut environment = fresh();
        environment.rustup = Means::Failed("no network".into());
        environment.apt = Means::Failed("no mirror".into());
        assert!(matches!(next(&environment), Step::GiveUp { .. }));
        environment.missing.clear();
        environment.making = Means::Failed("disk full".into());
        assert!(matches!(next(&environment), Step::GiveUp { .. }));
    }

    #[test]
    fn advice_says_what_to_type() {
        let offline = Means::Failed("no network".into());
        let no_rust = Environment::default();
        let not_rustups = Environment {
            rustup: Means::Absent,
            debian: false,
            ..fresh()
        };
        let not_root = Environment {
            rustup: offline.clone(),
            apt: Means::Absent,
            ..fresh()
        };
        let no_mirror = Environment {
            rustup: offline.clone(),
            apt: Means::Failed("no mirror".into()),
            ..fresh()
        };
        let no_linkers = Environment {
            rustup: offline.clone(),
            linkers: false,
            ..fresh()
        };
        let no_space = Environment {
            rustup: offline,
            missing: vec![],
            making: Means::Failed("disk full".into()),
            ..fresh()
        };
        insta::assert_snapshot!(format!(
            "# no Rust, not Debian\n{}\n# a rustc that is not rustup's, not Debian\n{}\n# Debian, not root\n{}\n\
             # Debian, apt-get failed\n{}\n# Debian, no linkers\n{}\n# Debian, making failed\n{}",
            hint(&no_rust),
            hint(&Environment {
                linkers: false,
                ..not_rustups
            }),
            hint(&not_root),
            hint(&no_mirror),
            hint(&no_linkers),
            hint(&no_space),
        ));
    }
}
