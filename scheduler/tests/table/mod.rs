//! Reads the tables of lessons, and the names of this crate's tests from its sources.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![expect(
    clippy::disallowed_methods,
    reason = "tables and sources are files; the crate never sees them"
)]

use std::collections::BTreeSet;
use std::fs::read_to_string;
use std::path::{Path, PathBuf};

/// The table of one suite.
pub(crate) struct Table {
    pub(crate) suite: String,
    /// How many rows its heading promises.
    pub(crate) count: Option<usize>,
    pub(crate) rows: Vec<Row>,
}

/// One of Spark's scenarios.
pub(crate) struct Row {
    pub(crate) scenario: String,
    pub(crate) here: Here,
}

/// What became of a scenario.
pub(crate) enum Here {
    Tests(Vec<String>),
    NotApplicable,
    Later,
    /// None of these: what the cell says.
    Unclear(String),
}

/// The issues that are still to come.
const LATER: &[&str] = &["The cluster", "The data plane", "The whole RDD API"];

impl Here {
    fn read(cell: &str) -> Self {
        if let Some(reason) = cell.strip_prefix("n/a: ") {
            return if reason.len() > 3 {
                Self::NotApplicable
            } else {
                Self::Unclear(cell.to_owned())
            };
        }
        if let Some(title) = cell.strip_prefix("later: ") {
            return if LATER.contains(&title) {
                Self::Later
            } else {
                Self::Unclear(cell.to_owned())
            };
        }
        let names = cell.split(", ").map(|name| {
            let name = name.strip_prefix('`')?.strip_suffix('`')?;
            is_name(name).then(|| name.to_owned())
        });
        match names.collect() {
            Some(names) => Self::Tests(names),
            None => Self::Unclear(cell.to_owned()),
        }
    }

    pub(crate) fn tests(&self) -> &[String] {
        match self {
            Self::Tests(tests) => tests,
            _ => &[],
        }
    }

    /// Its place in the overview: ours, n/a, later.
    pub(crate) fn column(&self) -> usize {
        match self {
            Self::Tests(_) => 0,
            Self::NotApplicable | Self::Unclear(_) => 1,
            Self::Later => 2,
        }
    }
}

fn is_name(word: &str) -> bool {
    let letters = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit();
    !word.is_empty() && word.chars().all(|letter| letters(letter) || letter == '_')
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Returns all files below a folder with this ending, sorted.
fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let (mut found, mut todo) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(folder) = todo.pop() {
        for entry in folder.read_dir().unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                todo.push(path);
            } else if path.extension().is_some_and(|found| found == ending) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// Returns the tables, sorted by suite.
pub(crate) fn all() -> Vec<Table> {
    let files = files(&root().join("tests/lessons"), "md");
    files.iter().map(|path| table(path)).collect()
}

fn table(path: &Path) -> Table {
    let text = read_to_string(path).unwrap();
    let mut lines = text.lines();
    let (suite, count) = heading(lines.next().unwrap_or_default());
    let name = path.file_stem().unwrap().to_str().unwrap();
    assert_eq!(suite, name, "a table's heading is its file's name");
    let rows = lines.filter(|line| line.starts_with('|')).skip(2);
    let rows = rows.map(|line| row(line).unwrap_or_else(|| panic!("{suite}: no row: {line}")));
    Table {
        rows: rows.collect(),
        suite,
        count,
    }
}

/// `# Suite` or `# Suite (7)`
fn heading(line: &str) -> (String, Option<usize>) {
    let words = line.strip_prefix("# ").unwrap_or(line);
    let counted = words.strip_suffix(')').and_then(|words| {
        let (suite, count) = words.split_once(" (")?;
        Some((suite.to_owned(), Some(count.parse().ok()?)))
    });
    counted.unwrap_or_else(|| (words.to_owned(), None))
}

/// `| scenario | here |`; a bar within a cell is written `\|`.
fn row(line: &str) -> Option<Row> {
    let line = line
        .replace(r"\|", "\u{0}")
        .strip_prefix('|')?
        .strip_suffix('|')?
        .to_owned();
    let (scenario, here) = line.split_once('|')?;
    let clean = |cell: &str| cell.trim().replace('\u{0}', "|");
    let (scenario, here) = (clean(scenario), clean(here));
    (!scenario.is_empty()).then(|| Row {
        scenario,
        here: Here::read(&here),
    })
}

/// Returns the names of the tests of this crate, of the host's crates and of the workspace, as their sources have them.
pub(crate) fn tests() -> BTreeSet<String> {
    let folders = ["src", "tests", "../host", "../tests"];
    let folders = folders.map(|folder| files(&root().join(folder), "rs"));
    let mut names = BTreeSet::new();
    for path in folders.concat() {
        collect(&read_to_string(path).unwrap(), &mut names);
    }
    names
}

/// Collects `#[test] fn name()` and the names that stand in `cases! { }`.
fn collect(source: &str, names: &mut BTreeSet<String>) {
    let (mut is_test, mut in_cases) = (false, false);
    for line in source.lines().map(str::trim) {
        if in_cases {
            in_cases = line != "}";
            if is_name(line) {
                names.insert(line.to_owned());
            }
        } else if line == "#[test]" || line.starts_with("#[tokio::test") {
            is_test = true;
        } else if line.starts_with("cases! {") {
            in_cases = true;
        } else if let Some(rest) = line.trim_start_matches("async ").strip_prefix("fn ") {
            let name = rest.split('(').next().unwrap_or_default();
            if std::mem::take(&mut is_test) && is_name(name) {
                names.insert(name.to_owned());
            }
        }
    }
}

#[test]
fn a_cell_is_read_as_what_it_says() {
    let cell = |words| Here::read(words);
    assert_eq!(cell("`one`, `other_2`").tests(), ["one", "other_2"]);
    assert!(matches!(cell("n/a: no barrier mode"), Here::NotApplicable));
    assert!(matches!(cell("later: The cluster"), Here::Later));
    for unclear in [
        "",
        "one",
        "`one`,`other`",
        "n/a:",
        "n/a: ",
        "later: one day",
        "`a b`",
    ] {
        assert!(matches!(cell(unclear), Here::Unclear(_)), "{unclear}");
    }
}

#[test]
fn a_row_may_have_bars_in_its_name() {
    let row = row(r"| a \| b | `c` |").unwrap();
    assert_eq!(
        (row.scenario.as_str(), row.here.tests()),
        ("a | b", &["c".to_owned()][..])
    );
}

#[test]
fn tests_are_found_in_sources() {
    let source = "fn no() {}\n#[test]\n#[expect(x)]\nfn one() {}\nfn two() {}\ncases! {\n    /// Doc.\n    three\n    \
                  four\n}\n#[test]\nfn five(\n#[tokio::test]\nasync fn six(\n";
    let mut names = BTreeSet::new();
    collect(source, &mut names);
    assert_eq!(
        names.into_iter().collect::<Vec<_>>(),
        ["five", "four", "one", "six", "three"]
    );
}
