//! `docs/tutorial.md` is followed to the letter: its files are written, its commands typed, and each prints what the page
//! says. And what `docs/from-spark.md` names is there.
//!
//! What differs from the page: programs keep their state in the test's folder, the cluster has an address of its own in
//! 127.0.0.0/8, and guests are built where those of other tests are, with the versions that the samples have.
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests: what cannot be is a failed test"
)]

mod support {
    pub(crate) mod page;
    pub(crate) mod processes;
    pub(crate) mod tables;
    pub(crate) mod terminal;
}

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process;
use std::time::Duration;

use support::page::{Command, Printed, Step, steps};
use support::processes::{left_in, with_state};
use support::tables::{quoted, rows};
use support::terminal::Terminal;
use tempfile::TempDir;

/// A command that takes longer hangs.
const LIMIT: Duration = Duration::from_secs(120);

/// The first build of a guest, with all that it uses.
const LIMIT_OF_FIRST_BUILD: Duration = Duration::from_secs(900);

#[test]
fn the_tutorial_prints_what_it_says() {
    let mut reader = Reader::new();
    for step in steps(&text_of("docs/tutorial.md")) {
        match step {
            Step::File { path, text } => reader.write(&path, &text),
            Step::Command(command) => reader.follow(&command),
        }
    }
    reader.leave();
}

/// Lines of both streams, each in their order, are asked for, and no others.
#[test]
fn a_page_that_says_something_else_is_found_out() {
    let printed = Printed {
        out: vec!["one in 3 ms".to_owned(), "two".to_owned()],
        err: vec!["three".to_owned()],
        code: 0,
    };
    let is_met = |prints: &str| {
        let page = format!("```console\n$ count\n{prints}\n```");
        let steps = steps(&page);
        let [Step::Command(command)] = &steps[..] else {
            panic!("one command: {page}");
        };
        command.is_met_by(&printed)
    };
    let right = [
        "one in 1.5 s\ntwo\nthree",
        "three\none in 40 µs\ntwo",
        "one  in  3 ms\nthree\ntwo",
        "...\ntwo\nthree",
        "one in 3 ms\n...",
    ];
    for prints in right {
        assert!(is_met(prints), "{prints}");
    }
    let wrong = [
        "one in 3 ms\ntwo",
        "two\none in 3 ms\nthree",
        "one in 3 B\ntwo\nthree",
        "one in 3 ms\ntwo\nthree\nfour",
        "two\n...",
        "...\nfour\n...",
    ];
    for prints in wrong {
        assert!(!is_met(prints), "{prints}");
    }
}

/// What `tinderbox` prints on stdout.
fn told(words: &[&str]) -> String {
    let mut command = process::Command::new(env!("CARGO_BIN_EXE_tinderbox"));
    String::from_utf8(command.args(words).output().unwrap().stdout).unwrap()
}

#[test]
fn each_option_of_sparks_has_one_of_ours_or_a_reason() {
    let page = text_of("docs/from-spark.md");
    let help = told(&["--help"]) + &told(&["submit", "--help"]);
    let words: BTreeSet<&str> = help.split_whitespace().collect();
    let rows = rows(&page, "| `spark-submit` |");
    assert!(rows.len() > 15, "the table was read");
    for row in rows {
        assert!(row[1] != "-" || !row[2].is_empty(), "no reason: {row:?}");
        for named in row[1..].iter().flat_map(|cell| quoted(cell)) {
            let command = named.strip_prefix("tinderbox ");
            let word = command.unwrap_or(named).split(' ').next().unwrap();
            let is_ours = command.is_some() || named.starts_with("--");
            assert!(!is_ours || words.contains(word), "no `{word}`: {row:?}");
        }
    }
}

#[test]
fn each_setting_of_sparks_has_one_of_ours_or_a_reason() {
    let page = text_of("docs/from-spark.md");
    let (settings, help) = (told(&["settings"]), told(&["worker", "--help"]));
    let first_words = settings.lines().filter_map(|line| line.split(' ').next());
    let keys: BTreeSet<&str> = first_words.collect();
    let is_there = |name: &str| match name.strip_suffix('*') {
        Some(start) => keys.iter().any(|key| key.starts_with(start)),
        None => keys.contains(name) || name.starts_with("--") && help.contains(name),
    };
    let rows = rows(&page, "| Spark's setting |");
    assert!(rows.len() > 25, "the table was read");
    for row in rows {
        let sparks = quoted(row[0]).map(|key| key.trim_start_matches("spark."));
        match row[1] {
            "the same" => sparks.for_each(|key| assert!(is_there(key), "no `{key}`: {row:?}")),
            "-" => {
                assert!(!row[2].is_empty(), "no reason: {row:?}");
                sparks.for_each(|key| assert!(!is_there(key), "`{key}` is there: {row:?}"));
            }
            ours => quoted(ours).for_each(|key| assert!(is_there(key), "no `{key}`: {row:?}")),
        }
    }
}

/// The word count of `docs/from-spark.md` is the first example of the SDK's reference, which the SDK's tests compile.
#[test]
fn the_word_count_beside_sparks_compiles() {
    let page = text_of("docs/from-spark.md");
    let shown = page.split("```rust\n").nth(1).unwrap();
    let shown = shown.split("```").next().unwrap();
    let sdk = text_of("guest-sdk/rust/src/lib.rs");
    let lines = sdk.lines().filter_map(|line| line.strip_prefix("//!"));
    let lines = lines.map(|line| format!("{}\n", line.strip_prefix(' ').unwrap_or(line)));
    assert!(
        lines.collect::<String>().contains(shown),
        "another program:\n{shown}"
    );
}

/// Somebody who follows a page, in a folder that goes with them.
struct Reader {
    /// Always of the same name: cargo knows packages by it.
    home: TempDir,
    /// Where the page says `127.0.0.1`: another for each process, so that the port is free.
    address: String,
    terminal: Terminal,
}

impl Reader {
    fn new() -> Self {
        let place = Path::new(env!("CARGO_TARGET_TMPDIR"));
        // One that was killed has left it.
        let _ = fs::remove_dir_all(place.join("reader"));
        let named = tempfile::Builder::new()
            .prefix("reader")
            .rand_bytes(0)
            .tempdir_in(place);
        let home = named.unwrap();
        symlink(root(), home.path().join("tinderbox")).unwrap();
        let [_, _, high, low] = process::id().to_be_bytes();
        let address = format!("127.77.{high}.{low}");
        let terminal = Terminal::open(&surroundings(home.path(), &address));
        let mut reader = Self {
            home,
            address,
            terminal,
        };
        let first = "tinderbox build tinderbox/samples/pi";
        let built = reader
            .terminal
            .type_in(first, |_| true, LIMIT_OF_FIRST_BUILD);
        assert_eq!(built.code, 0, "{built:#?}");
        reader
    }

    fn write(&self, path: &str, text: &str) {
        fs::write(self.home.path().join(path), text).unwrap();
    }

    /// Types a command, which must print what the page says.
    fn follow(&mut self, command: &Command) {
        if command.typed.starts_with("tinderbox run") {
            self.keep_versions();
        }
        let typed = command.typed.replace("127.0.0.1", &self.address);
        let (home, address) = (self.home.path().to_owned(), self.address.clone());
        let seen = move |printed: &Printed| as_on_the_page(printed, &home, &address);
        let enough = |printed: &Printed| !command.stays() || command.is_met_by(&seen(printed));
        let printed = seen(&self.terminal.type_in(&typed, enough, LIMIT));
        let Command {
            line,
            typed,
            prints,
        } = command;
        assert!(
            command.is_met_by(&printed),
            "docs/tutorial.md:{line}: `{typed}` is to print\n\n{}\n\nand printed\n\n{}\n{}\n",
            prints.join("\n"),
            printed.out.join("\n"),
            printed.err.join("\n"),
        );
        assert_eq!(
            printed.code != 0,
            command.fails(),
            "docs/tutorial.md:{line}: {}",
            printed.code
        );
    }

    /// Gives new projects the versions that the samples have, so that no registry is asked for newer ones.
    fn keep_versions(&self) {
        for entry in fs::read_dir(self.home.path()).unwrap() {
            let folder = entry.unwrap().path();
            let lock = folder.join("Cargo.lock");
            if folder.join("Cargo.toml").exists() && !lock.exists() {
                fs::copy(root().join("samples/Cargo.lock"), lock).unwrap();
            }
        }
    }

    /// Nothing of it may go on, and nothing be left.
    fn leave(mut self) {
        self.terminal.close();
        assert_eq!(with_state(&state(self.home.path())), [], "still run");
        let left = left_in(&self.home.path().join("scratch"));
        assert!(left.is_empty(), "left behind: {left:?}");
    }
}

impl Drop for Reader {
    /// Also where the test has failed.
    fn drop(&mut self) {
        for process in with_state(&state(self.home.path())) {
            let _ = process::Command::new("kill")
                .args(["-KILL", &process.id.to_string()])
                .status();
        }
    }
}

/// A file of this repository, whole.
fn text_of(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

fn root() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    root.canonicalize().unwrap()
}

fn state(home: &Path) -> PathBuf {
    home.join(".local/state")
}

/// What a reader's commands have around them: this build of `tinderbox`, and nothing of the test's settings.
fn surroundings(home: &Path, address: &str) -> process::Command {
    let mut like = process::Command::new("tinderbox");
    let own = std::env::vars_os().map(|(name, _)| name);
    for name in own.filter(|name| name.to_string_lossy().starts_with("TINDERBOX_")) {
        if name != "TINDERBOX_WASM_RUSTC" {
            like.env_remove(name);
        }
    }
    let binary = Path::new(env!("CARGO_BIN_EXE_tinderbox")).parent().unwrap();
    let path = std::env::var("PATH").unwrap();
    let built = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    let built = built.unwrap_or_else(|| root().join("samples/target"));
    like.current_dir(home)
        .env("PATH", format!("{}:{path}", binary.display()))
        .env("XDG_STATE_HOME", state(home))
        .env("CARGO_TARGET_DIR", built)
        .env("CARGO_TERM_COLOR", "never")
        .env("TINDERBOX_MASTER", format!("tinderbox://{address}:7077"))
        .env("TINDERBOX_CONF_LOCAL_DIR", home.join("scratch"));
    like
}

/// What was printed, with the names of the page for those of the test.
fn as_on_the_page(printed: &Printed, home: &Path, address: &str) -> Printed {
    let named = |lines: &[String]| {
        let named = lines.iter().map(|line| {
            line.replace(home.to_str().unwrap(), "/home/me")
                .replace(address, "127.0.0.1")
        });
        named.collect()
    };
    Printed {
        out: named(&printed.out),
        err: named(&printed.err),
        code: printed.code,
    }
}
