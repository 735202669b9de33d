//! Files of this machine as programs read them: compressed, found by patterns, damaged, changed under the reader.
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests: what cannot be is a failed test"
)]

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use scheduler::Settings;
use store::source::{ByteReader, Cut, FileSplit, LineReader, text_splits};
use store::{Error, Files, Grants, Result, Stopper};

struct Folder {
    folder: tempfile::TempDir,
    files: Files,
}

impl Folder {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("in")).unwrap();
        let grants = Grants::new(&[folder.path().join("in")], &[]).unwrap();
        Self {
            files: Files::new(grants, &Settings::default()),
            folder,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join("in").join(name)
    }

    fn put(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        path
    }

    fn splits(&self, pattern: &str) -> Result<Vec<FileSplit>> {
        let wanted = Cut {
            min_partitions: 4,
            max_bytes: 1 << 20,
        };
        let uri = self.path(pattern);
        text_splits(
            &self.files,
            uri.to_str().unwrap(),
            wanted,
            &Stopper::default(),
        )
    }

    fn lines(&self, split: &FileSplit) -> Result<LineReader> {
        let file = self.files.open(&split.uri, &Stopper::default())?;
        LineReader::open(file, split.start, split.length, 1 << 20)
    }

    fn text(&self, pattern: &str) -> Result<String> {
        let mut text = String::new();
        for split in self.splits(pattern)? {
            let mut lines = self.lines(&split)?;
            loop {
                let batch = lines.read()?;
                if batch.is_empty() {
                    break;
                }
                text += &batch;
            }
        }
        Ok(text)
    }

    fn names(&self, pattern: &str) -> Result<Vec<String>> {
        let uri = self.path(pattern);
        let found = self
            .files
            .list(uri.to_str().unwrap(), &Stopper::default())?;
        let root = self.folder.path().canonicalize().unwrap().join("in");
        let below = |uri: &str| uri.strip_prefix(root.to_str().unwrap()).unwrap()[1..].to_owned();
        Ok(found.iter().map(|file| below(&file.uri)).collect())
    }
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn many_lines() -> String {
    (0..50_000).map(|n| format!("line {n} of many\n")).collect()
}

#[test]
fn what_is_compressed_is_one_split_and_reads_as_it_was() {
    let (folder, text) = (Folder::new(), many_lines());
    folder.put("a.gz", &gzip(text.as_bytes()));
    folder.put("b.zst", &zstd::encode_all(text.as_bytes(), 0).unwrap());
    for name in ["a.gz", "b.zst"] {
        assert_eq!(folder.splits(name).unwrap().len(), 1, "{name}");
        assert_eq!(folder.text(name).unwrap(), text, "{name}");
        let split = folder.splits(name).unwrap().remove(0);
        let file = folder.files.open(&split.uri, &Stopper::default()).unwrap();
        let mut whole = ByteReader::open_whole(file).unwrap();
        let mut bytes = Vec::new();
        while let Some(piece) = Some(whole.read(1 << 20).unwrap()).filter(|piece| !piece.is_empty())
        {
            bytes.extend(piece);
        }
        assert_eq!(bytes, text.as_bytes(), "{name}");
    }
}

#[test]
fn members_and_frames_follow_each_other() {
    let folder = Folder::new();
    folder.put(
        "a.gz",
        &[gzip(b"one\ntw"), gzip(b""), gzip(b"o\nthree")].concat(),
    );
    assert_eq!(folder.text("a.gz").unwrap(), "one\ntwo\nthree");
    let frames = [&b"one\ntw"[..], b"o\n"].map(|part| zstd::encode_all(part, 0).unwrap());
    folder.put("b.zst", &frames.concat());
    assert_eq!(folder.text("b.zst").unwrap(), "one\ntwo\n");
}

#[test]
fn what_is_cut_or_damaged_is_named_with_its_place() {
    let (folder, text) = (Folder::new(), many_lines());
    let (gz, zst) = (
        gzip(text.as_bytes()),
        zstd::encode_all(text.as_bytes(), 0).unwrap(),
    );
    for (name, whole) in [("a.gz", gz), ("b.zst", zst)] {
        for keep in [whole.len() / 2, whole.len() - 1] {
            let path = folder.put(name, &whole[..keep]);
            let error = folder.text(name).unwrap_err();
            assert!(matches!(error, Error::Damaged { .. }), "{error}");
            let error = error.to_string();
            let place = path.canonicalize().unwrap();
            assert!(error.contains(place.to_str().unwrap()), "{error}");
            assert!(error.contains("ends in the middle"), "{error}");
            assert!(
                error.contains(&format!("{keep} bytes of it were read")),
                "{error}"
            );
        }
        let mut flipped = whole.clone();
        let middle = flipped.len() / 2;
        flipped[middle] ^= 0x10;
        folder.put(name, &flipped);
        let error = folder.text(name).unwrap_err();
        assert!(matches!(error, Error::Damaged { .. }), "{error}");
    }
}

#[test]
fn what_is_compressed_otherwise_is_refused() {
    let folder = Folder::new();
    folder.put("a.bz2", b"BZh9");
    let error = folder.text("a.bz2").unwrap_err().to_string();
    assert!(error.contains("a.bz2") && error.contains("gzip"), "{error}");
}

#[test]
fn a_part_of_what_is_compressed_is_refused() {
    let folder = Folder::new();
    folder.put("a.gz", &gzip(b"one\n"));
    let mut split = folder.splits("a.gz").unwrap().remove(0);
    split.start = 1;
    let error = folder.lines(&split).unwrap_err().to_string();
    assert!(error.contains("only be read whole"), "{error}");
}

#[test]
fn a_file_that_changes_after_it_was_listed_is_named() {
    let folder = Folder::new();
    let path = folder.put("a.txt", many_lines().as_bytes());
    let split = folder.splits("a.txt").unwrap().remove(1);
    let is_changed = |result: Result<LineReader>| {
        let error = result.unwrap_err();
        assert!(matches!(error, Error::Changed(_)), "{error}");
        let place = path.canonicalize().unwrap();
        assert!(
            error.to_string().contains(place.to_str().unwrap()),
            "{error}"
        );
    };
    fs::OpenOptions::new()
        .append(true)
        .open(&path)
        .unwrap()
        .write_all(b"more\n")
        .unwrap();
    is_changed(folder.lines(&split));
    fs::write(&path, "less").unwrap();
    is_changed(folder.lines(&split));
}

#[test]
fn a_file_that_changes_while_it_is_read_is_named() {
    let folder = Folder::new();
    let path = folder.put("a.txt", many_lines().as_bytes());
    for (at, change) in [(0, "append"), (3, "append"), (1, "shorten")] {
        fs::write(&path, many_lines()).unwrap();
        let split = folder.splits("a.txt").unwrap().remove(at);
        let mut lines = folder.lines(&split).unwrap();
        let file = fs::OpenOptions::new().append(true).open(&path).unwrap();
        match change {
            "append" => (&file).write_all(b"more\n").unwrap(),
            _ => file.set_len(10).unwrap(),
        }
        let read = std::iter::repeat_with(|| lines.read());
        let error = read.take(1000).find_map(Result::err);
        assert!(
            matches!(error, Some(Error::Changed(_))),
            "{change} {at}: {error:?}"
        );
    }
}

#[test]
fn patterns_name_files_and_the_files_of_folders() {
    let folder = Folder::new();
    for name in [
        "2024/01/a.log",
        "2024/02/b.log",
        "2024/02/.hidden.log",
        "2024/02/_SUCCESS",
        "2025/01/c.log",
        "2025/c.txt",
        "odd[1].txt",
    ] {
        folder.put(name, b"x\n");
    }
    let names = |pattern| folder.names(pattern).unwrap();
    assert_eq!(names("2024/*"), ["2024/01/a.log", "2024/02/b.log"]);
    assert_eq!(names("202?/01/*.log"), ["2024/01/a.log", "2025/01/c.log"]);
    assert_eq!(names("{2024,2025}/0[2-9]/*"), ["2024/02/b.log"]);
    assert_eq!(
        names("**/*.log"),
        ["2024/01/a.log", "2024/02/b.log", "2025/01/c.log"]
    );
    assert_eq!(names("2025"), ["2025/c.txt"]);
    assert_eq!(names("odd[1].txt"), ["odd[1].txt"], "a name that is there");
    for nothing in ["*.csv", "none/*", "2024/*/*/*"] {
        let error = folder.names(nothing).unwrap_err();
        assert!(matches!(error, Error::NoMatch(_)), "{nothing}: {error}");
        assert!(error.to_string().contains(nothing), "{error}");
    }
}

#[test]
fn a_folder_of_folders_is_not_taken_for_an_empty_one() {
    let folder = Folder::new();
    folder.put("years/2026/a.txt", b"a\n");
    folder.put("years/_temporary/b.txt", b"b\n");
    let error = folder.names("years").unwrap_err().to_string();
    assert!(
        error.contains("such as `2026`") && error.contains("years/*`"),
        "{error}"
    );
    assert_eq!(folder.names("years/*").unwrap(), ["years/2026/a.txt"]);
    assert_eq!(folder.names("years/**").unwrap(), ["years/2026/a.txt"]);
    folder.put("done/_SUCCESS", b"");
    folder.put("done/_temporary/x", b"");
    assert_eq!(
        folder.names("done").unwrap(),
        [""; 0],
        "an output of nothing"
    );
}

#[test]
fn neither_patterns_nor_links_lead_out_of_what_is_granted() {
    let folder = Folder::new();
    fs::create_dir(folder.folder.path().join("secret")).unwrap();
    fs::write(folder.folder.path().join("secret/s.txt"), "s").unwrap();
    folder.put("a.txt", b"a\n");
    let denied = |pattern: &str| {
        let error = folder.names(pattern).unwrap_err();
        assert!(matches!(error, Error::Denied { .. }), "{pattern}: {error}");
        assert!(error.to_string().contains("--allow-read"), "{error}");
    };
    denied("../secret/*");
    denied("../*/s.txt");
    symlink(folder.folder.path().join("secret"), folder.path("door")).unwrap();
    denied("door/*");
    let error = folder.names("*/s.txt").unwrap_err();
    assert!(matches!(error, Error::NoMatch(_)), "{error}");
    symlink(
        folder.folder.path().join("secret/s.txt"),
        folder.path("b.txt"),
    )
    .unwrap();
    denied("*.txt");
    // A link that leads in a circle is followed once.
    symlink(folder.path("."), folder.path("circle")).unwrap();
    fs::remove_file(folder.path("b.txt")).unwrap();
    assert_eq!(folder.names("**/a.txt").unwrap(), ["a.txt"]);
}
