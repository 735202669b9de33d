//! Programs that read and write what people have: compressed text, whole files, object files, S3.
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests: what cannot be is a failed test"
)]

#[expect(dead_code, reason = "other tests use the rest")]
#[path = "../support"]
mod support {
    pub(crate) mod command;
    pub(crate) mod guests;
    pub(crate) mod objects;
}

mod failing;
mod objects;

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use support::command::Shell;
use support::guests::behaves;

const FAILED: i32 = 1;

const LOCAL: [&str; 2] = ["--master", "local[2]"];
const CLUSTER: [&str; 2] = ["--master", "local-cluster[2,1,512m]"];

/// The names of the files in a folder, sorted.
pub(crate) fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// Compresses with the machine's own gzip: what others write must be read, too.
pub(crate) fn gzip(text: &[u8]) -> Vec<u8> {
    let mut gzip = Command::new("gzip")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    gzip.stdin.take().unwrap().write_all(text).unwrap();
    gzip.wait_with_output().unwrap().stdout
}

#[test]
fn text_is_saved_compressed_and_read_back() {
    let shell = Shell::new();
    shell.file("in.txt", "one\ntwo\nthree\n");
    let write = ["--allow-write", "out"];
    shell
        .run(&write, behaves(), &["copies-compressed", "in.txt", "out"])
        .done();
    for (folder, ending) in [("out/gzip", "gz"), ("out/zstd", "zst")] {
        let found = names(&shell.path().join(folder));
        let parts = found
            .iter()
            .filter(|name| name.ends_with(&format!(".{ending}")));
        assert_eq!(parts.count() + 1, found.len(), "{found:?}");
        assert!(found.contains(&format!("part-00000.{ending}")), "{found:?}");
        let read = shell.run(&[], behaves(), &["lines", folder]);
        assert_eq!(read.done(), "\"one\"\n\"two\"\n\"three\"\n", "{folder}");
    }
    let first = shell.path().join("out/gzip/part-00000.gz");
    let tested = Command::new("gzip").arg("-t").arg(first).status();
    assert!(tested.unwrap().success(), "others read it, too");
}

#[test]
fn whole_files_share_partitions() {
    let shell = Shell::new();
    fs::create_dir(shell.path().join("in")).unwrap();
    shell.file("in/a.txt", "one\n");
    shell.file("in/b.txt", "");
    shell.file("in/c.txt.gz", gzip(b"three\n"));
    shell.file("in/_hidden", "x");
    let printed = shell
        .run(&LOCAL, behaves(), &["whole-files", "in", "1"])
        .done();
    let length = fs::metadata(shell.path().join("in/c.txt.gz"))
        .unwrap()
        .len();
    let expected = format!(
        "1 partitions\na.txt: \"one\\n\", 4 bytes\nb.txt: \"\", 0 bytes\nc.txt.gz: \"three\\n\", {length} bytes\n"
    );
    assert_eq!(printed, expected);
}

#[test]
fn objects_are_saved_and_read_back_as_what_they_are() {
    let shell = Shell::new();
    shell.file("in.txt", "one\nthree\n");
    for mode in [LOCAL, CLUSTER] {
        let _ = fs::remove_dir_all(shell.path().join("out"));
        let save = [&mode[..], &["--allow-write", "out"]].concat();
        shell
            .run(&save, behaves(), &["saves-objects", "in.txt", "out"])
            .done();
        let read = shell.run(&mode, behaves(), &["reads-objects", "out"]);
        assert_eq!(read.done(), "(\"one\", 3)\n(\"three\", 5)\n");
        let other = shell.run(&mode, behaves(), &["reads-objects-as-numbers", "out"]);
        let words = other.failed(FAILED);
        assert!(
            words.contains("`(String, u64)`") && words.contains("`u64`"),
            "{words}"
        );
    }
}
