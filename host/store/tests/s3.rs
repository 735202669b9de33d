//! Objects of a real server that speaks S3: `s3s` over a folder, on loopback.
//!
//! Keys come from the environment, as with any S3 client; a process cannot change its own, so each test runs as a child.
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests: what cannot be is a failed test"
)]

use std::io::{Read as _, copy};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::ops::Range;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::thread;

use hyper::Request;
use hyper::body::Incoming;
use hyper::service::{Service, service_fn};
use hyper_util::rt::TokioIo;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use s3s_fs::FileSystem;
use scheduler::{AttemptId, Settings};
use store::source::{ByteReader, Cut, FileSplit, LineReader, text_splits};
use store::{Compression, Error, Files, Grants, Output, Result, Stopper};

const KEY: &str = "the-key";
const SECRET: &str = "the-secret-that-nobody-sees";

/// Runs the test of this name with keys in its environment.
fn with_keys(test: &str, secret: &str, run: impl FnOnce()) {
    let keys = [
        ("AWS_ACCESS_KEY_ID", KEY),
        ("AWS_SECRET_ACCESS_KEY", secret),
    ];
    with_environment(test, &keys, run);
}

fn with_environment(test: &str, variables: &[(&str, &str)], run: impl FnOnce()) {
    if std::env::var("TEST_OF_S3").is_ok_and(|running| running == test) {
        return run();
    }
    let others = std::env::vars_os().map(|(name, _)| name);
    let others = others.filter(|name| name.to_string_lossy().starts_with("AWS_"));
    let mut child = Command::new(std::env::current_exe().unwrap());
    others.for_each(|name| {
        child.env_remove(name);
    });
    let ended = child
        .args([test, "--exact", "--nocapture"])
        .env("TEST_OF_S3", test)
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    let words = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success(), "{words}");
    assert!(!words.contains(SECRET), "a secret is seen: {words}");
}

/// A server with the bucket `data`.
struct Server {
    root: tempfile::TempDir,
    address: SocketAddr,
    /// The ranges that it was asked for, in order.
    ranges: Arc<Mutex<Vec<Range<u64>>>>,
}

impl Server {
    fn start() -> Self {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join("data")).unwrap();
        let mut service = S3ServiceBuilder::new(FileSystem::new(root.path()).unwrap());
        service.set_auth(SimpleAuth::from_single(KEY, SECRET));
        let service = service.build();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        listener.set_nonblocking(true).unwrap();
        let ranges: Arc<Mutex<Vec<Range<u64>>>> = Arc::default();
        let asked = Arc::clone(&ranges);
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            runtime.unwrap().block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                loop {
                    let (socket, _) = listener.accept().await.unwrap();
                    let (service, asked) = (service.clone(), Arc::clone(&asked));
                    let noting = service_fn(move |request: Request<Incoming>| {
                        asked.lock().unwrap().extend(range(&request));
                        Service::call(&service, request)
                    });
                    let connection = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(socket), noting);
                    tokio::spawn(connection);
                }
            });
        });
        Self {
            root,
            address,
            ranges,
        }
    }

    fn files(&self) -> Files {
        files_at(self.address)
    }

    /// Forgets the ranges that it was asked for, and gives them.
    fn take_ranges(&self) -> Vec<Range<u64>> {
        std::mem::take(&mut self.ranges.lock().unwrap())
    }
    fn put(&self, key: &str, bytes: &[u8]) {
        let path = self.root.path().join("data").join(key);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    /// The objects below `key`, sorted.
    fn objects(&self, key: &str) -> Vec<String> {
        fn add(folder: &Path, before: &str, found: &mut Vec<String>) {
            for entry in std::fs::read_dir(folder).into_iter().flatten() {
                let entry = entry.unwrap();
                let name = format!("{before}{}", entry.file_name().to_string_lossy());
                match entry.path().is_dir() {
                    true => add(&entry.path(), &format!("{name}/"), found),
                    false => found.push(name),
                }
            }
        }
        let mut found = Vec::new();
        add(&self.root.path().join("data").join(key), "", &mut found);
        found.sort();
        found
    }
}

/// What the tests may touch of the server at this address.
fn files_at(address: SocketAddr) -> Files {
    let mut settings = Settings::default();
    let endpoint = format!("http://{address}");
    settings.set("hadoop.fs.s3a.endpoint", &endpoint).unwrap();
    settings.set("objects.maxRetries", "1").unwrap();
    let grants = Grants::new(
        &["s3://data/in".into(), "s3://none".into()],
        &["s3://data/out".into()],
    );
    Files::new(grants.unwrap(), &settings)
}

/// The range that a request asks for, its end excluded.
fn range(request: &Request<Incoming>) -> Option<Range<u64>> {
    let range = request.headers().get("range")?.to_str().ok()?;
    let (start, end) = range.strip_prefix("bytes=")?.split_once('-')?;
    Some(start.parse().ok()?..end.parse::<u64>().ok()? + 1)
}

fn text(files: &Files, uri: &str) -> Result<String> {
    let wanted = Cut {
        min_partitions: 3,
        max_bytes: 1 << 30,
    };
    let mut text = String::new();
    for split in text_splits(files, uri, wanted, &Stopper::default())? {
        let file = files.open(&split.uri, &Stopper::default())?;
        let mut lines = LineReader::open(file, split.start, split.length, 1 << 20)?;
        while let Some(batch) = Some(lines.read()?).filter(|batch| !batch.is_empty()) {
            text += &batch;
        }
    }
    Ok(text)
}

fn names(files: &Files, uri: &str) -> Result<Vec<String>> {
    let found = files.list(uri, &Stopper::default())?;
    Ok(found.into_iter().map(|file| file.uri).collect())
}

#[test]
fn objects_are_found_and_read() {
    with_keys("objects_are_found_and_read", SECRET, || {
        let server = Server::start();
        let lines: String = (0..300_000)
            .map(|n| format!("line {n} of an object\n"))
            .collect();
        server.put("in/a.txt", lines.as_bytes());
        server.put("in/2024/b.txt", b"b\n");
        server.put("in/2025/c.txt", b"c\n");
        server.put("in/2025/_SUCCESS", b"");
        server.put("in/2025/deep/d.txt", b"d\n");
        server.put("in/100%/e f.txt", b"e\n");
        server.put("in/years/2026/f.txt", b"f\n");
        let files = server.files();
        assert!(text(&files, "s3://data/in/a.txt").unwrap() == lines);
        let names = |uri| names(&files, uri).unwrap();
        assert_eq!(names("s3a://data/in/2025"), ["s3://data/in/2025/c.txt"]);
        assert_eq!(names("s3://data/in/2025/"), ["s3://data/in/2025/c.txt"]);
        assert_eq!(
            names("s3://data/in/202?/*.txt"),
            ["s3://data/in/2024/b.txt", "s3://data/in/2025/c.txt"]
        );
        assert_eq!(
            names("s3://data/in/{2024,none}/*"),
            ["s3://data/in/2024/b.txt"]
        );
        assert_eq!(
            names("s3://data/in/2025/**/*.txt"),
            ["s3://data/in/2025/c.txt", "s3://data/in/2025/deep/d.txt"]
        );
        assert_eq!(text(&files, "s3://data/in/100%/e f.txt").unwrap(), "e\n");
        let folders = self::names(&files, "s3://data/in/years/").unwrap_err();
        assert!(
            folders.to_string().contains("name `s3://data/in/years/*`"),
            "{folders}"
        );
    });
}

#[test]
fn what_is_not_there_or_not_granted_is_named() {
    with_keys("what_is_not_there_or_not_granted_is_named", SECRET, || {
        let server = Server::start();
        server.put("in/a.txt", b"a\n");
        server.put("secret/s.txt", b"s\n");
        let files = server.files();
        let error = |uri| names(&files, uri).unwrap_err();
        assert_eq!(
            error("s3://data/in/none").to_string(),
            "`s3://data/in/none` does not exist"
        );
        let nothing = error("s3://data/in/*.csv");
        assert!(matches!(nothing, Error::NoMatch(_)), "{nothing}");
        let bucket = error("s3://none/x").to_string();
        assert!(bucket.contains("s3://none"), "{bucket}");
        for uri in [
            "s3://data/secret/s.txt",
            "s3://data/*/s.txt",
            "s3://other/in/a.txt",
            "s3://data/in2",
        ] {
            let denied = error(uri);
            assert!(matches!(denied, Error::Denied { .. }), "{uri}: {denied}");
        }
        let dots = error("s3://data/in/../secret/s.txt");
        assert!(matches!(dots, Error::Invalid(_)), "{dots}");
    });
}

#[test]
fn who_has_the_wrong_keys_is_told_where_they_come_from() {
    let test = "who_has_the_wrong_keys_is_told_where_they_come_from";
    with_keys(test, "another-secret", || {
        let server = Server::start();
        server.put("in/a.txt", b"a\n");
        for uri in ["s3://data/in/a.txt", "s3://data/in/*"] {
            let error = names(&server.files(), uri).unwrap_err();
            assert!(matches!(error, Error::Refused { .. }), "{error}");
            let words = error.to_string();
            assert!(words.contains("AWS_ACCESS_KEY_ID"), "{words}");
            assert!(!words.contains("another-secret"), "{words}");
        }
        assert!(!format!("{:?}", server.files()).contains("another-secret"));
    });
}

#[test]
fn an_object_that_is_replaced_is_named() {
    with_keys("an_object_that_is_replaced_is_named", SECRET, || {
        let server = Server::start();
        server.put("in/a.txt", b"one\n");
        let files = server.files();
        let found = files
            .list("s3://data/in/a.txt", &Stopper::default())
            .unwrap();
        server.put("in/a.txt", b"two\n");
        let file = files
            .open(&found[0].versioned_uri(), &Stopper::default())
            .unwrap();
        let error = ByteReader::open(file, 0, 4).read(10).unwrap_err();
        assert!(matches!(error, Error::Changed(_)), "{error}");
        assert!(error.to_string().contains("s3://data/in/a.txt"), "{error}");
    });
}

#[test]
fn an_attempts_objects_are_there_once_it_has_committed() {
    let test = "an_attempts_objects_are_there_once_it_has_committed";
    with_keys(test, SECRET, || {
        let (server, stopper) = (Server::start(), Stopper::default());
        let files = server.files();
        let output = Output::create(&files, "s3://data/out/job", &stopper).unwrap();
        let attempt = |number| output.attempt(AttemptId(number), &stopper);
        let (mut won, mut lost) = (attempt(0), attempt(1));
        // Three parts of an upload, and one small object.
        let piece: Vec<u8> = (0..1 << 20).map(|n: u32| n.to_le_bytes()[1]).collect();
        for _ in 0..20 {
            won.write("part-00000", None, &piece).unwrap();
            lost.write("part-00000", None, b"lost").unwrap();
        }
        won.write("part-00001", Some(Compression::Gzip), b"small\n")
            .unwrap();
        won.flush().unwrap();
        assert_eq!(server.objects("out/job"), [""; 0], "before the commit");
        won.commit().unwrap();
        drop(lost);
        assert_eq!(server.objects("out/job"), ["part-00000", "part-00001"]);
        output.commit(&stopper).unwrap();
        assert_eq!(
            server.objects("out/job"),
            ["_SUCCESS", "part-00000", "part-00001"]
        );
        let whole = std::fs::read(server.root.path().join("data/out/job/part-00000")).unwrap();
        assert!(whole == piece.repeat(20));
        let again = Output::create(&files, "s3://data/out/job", &stopper).unwrap_err();
        assert!(matches!(again, Error::AlreadyExists(_)), "{again}");
        let elsewhere = Output::create(&files, "s3://data/in/job", &stopper).unwrap_err();
        assert!(
            elsewhere.to_string().contains("--allow-write"),
            "{elsewhere}"
        );
    });
}

#[test]
fn what_another_process_began_is_written_and_removed() {
    let test = "what_another_process_began_is_written_and_removed";
    with_keys(test, SECRET, || {
        let (server, stopper) = (Server::start(), Stopper::default());
        let files = server.files();
        let begun = Output::create(&files, "s3a://data/out/job", &stopper).unwrap();
        assert_eq!(begun.place(), "s3://data/out/job");
        let there = Output::at(&files, &begun.place()).unwrap();
        let mut attempt = there.attempt(AttemptId(0), &stopper);
        attempt
            .write("part-00000.zst", Some(Compression::Zstd), b"x\n")
            .unwrap();
        attempt.commit().unwrap();
        assert_eq!(text(&files, "s3://data/out/job").unwrap(), "x\n");
        begun.abort(&stopper).unwrap();
        assert_eq!(server.objects("out/job"), [""; 0]);
    });
}

#[test]
fn an_upload_that_is_given_up_leaves_nothing() {
    with_keys("an_upload_that_is_given_up_leaves_nothing", SECRET, || {
        let (server, stopper) = (Server::start(), Stopper::default());
        let output = Output::create(&server.files(), "s3://data/out/job", &stopper).unwrap();
        let mut attempt = output.attempt(AttemptId(0), &stopper);
        attempt
            .write("part-00000", None, &vec![0; 9 << 20])
            .unwrap();
        attempt.flush().unwrap();
        let uploads = || {
            let entries = std::fs::read_dir(server.root.path()).unwrap();
            let parts = entries.filter(|entry| {
                let name = entry.as_ref().unwrap().file_name();
                name.to_string_lossy().contains("upload_id")
            });
            parts.count()
        };
        assert!(uploads() > 0, "parts are somewhere");
        drop(attempt);
        while uploads() > 0 {
            thread::yield_now();
        }
        assert_eq!(server.objects("out/job"), [""; 0]);
    });
}

/// Lines of 64 bytes, so many MiB of them.
fn lines_of_mib(mib: usize) -> Vec<u8> {
    let lines = (0..mib << 14).map(|n| format!("{n:063}\n"));
    lines.collect::<String>().into_bytes()
}

fn split(files: &Files, uri: &str, min_partitions: u32, at: usize) -> FileSplit {
    let wanted = Cut {
        min_partitions,
        max_bytes: 1 << 30,
    };
    let mut splits = text_splits(files, uri, wanted, &Stopper::default()).unwrap();
    splits.swap_remove(at)
}

fn open(files: &Files, split: &FileSplit) -> LineReader {
    let file = files.open(&split.uri, &Stopper::default()).unwrap();
    LineReader::open(file, split.start, split.length, 16 << 20).unwrap()
}

fn read(mut lines: LineReader) -> String {
    let batches = std::iter::from_fn(|| Some(lines.read().unwrap()));
    batches.take_while(|batch| !batch.is_empty()).collect()
}

fn bytes_of(ranges: &[Range<u64>]) -> u64 {
    ranges.iter().map(|range| range.end - range.start).sum()
}

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;

#[test]
fn a_split_is_read_in_few_requests_that_end_with_it() {
    let test = "a_split_is_read_in_few_requests_that_end_with_it";
    with_keys(test, SECRET, || {
        let server = Server::start();
        server.put("in/a.txt", &lines_of_mib(27));
        let files = server.files();
        let middle = split(&files, "s3://data/in/a.txt", 3, 1);
        assert_eq!(middle.length, 9 * MIB);
        assert_eq!(read(open(&files, &middle)).len() as u64, 9 * MIB);
        let ranges = server.take_ranges();
        assert_eq!(ranges.len(), 3, "{ranges:?}");
        assert_eq!(bytes_of(&ranges), 1 + 9 * MIB + 64 * KIB, "{ranges:?}");
    });
}

#[test]
fn of_a_long_line_behind_a_split_more_is_asked_each_time() {
    let test = "of_a_long_line_behind_a_split_more_is_asked_each_time";
    with_keys(test, SECRET, || {
        let server = Server::start();
        let long = "x".repeat(5 << 20);
        let rest = lines_of_mib(32);
        server.put(
            "in/a.txt",
            &[b"short\n", long.as_bytes(), b"\n", &rest].concat(),
        );
        let files = server.files();
        let mut front = split(&files, "s3://data/in/a.txt", 1, 0);
        front.length = 100;
        assert_eq!(
            read(open(&files, &front)).len(),
            "short\n".len() + long.len() + 1
        );
        let ranges = server.take_ranges();
        assert!(ranges.len() < 10, "{ranges:?}");
        assert!(bytes_of(&ranges) < 11 * MIB, "{ranges:?}");
    });
}

#[test]
fn what_a_task_reads_ahead_is_bounded_however_many_readers_it_has() {
    let test = "what_a_task_reads_ahead_is_bounded_however_many_readers_it_has";
    with_keys(test, SECRET, || {
        const READERS: u64 = 20;
        let server = Server::start();
        server.put("in/a.txt", &lines_of_mib(15));
        let (files, uri) = (server.files(), "s3://data/in/a.txt");
        let half = split(&files, uri, 2, 1);
        let mut readers: Vec<_> = (0..READERS).map(|_| open(&files, &half)).collect();
        for reader in &mut readers {
            assert!(!reader.read().unwrap().is_empty());
        }
        let asked = bytes_of(&server.take_ranges());
        // Each has used what it had no room for, and may have asked for as much again.
        assert!(asked <= 48 * MIB + 2 * READERS * 256 * KIB, "{asked}");
        let slow = readers.pop().unwrap();
        assert!(
            read(slow).ends_with(&format!("{:063}\n", (15 << 14) - 1)),
            "without room"
        );
        readers.clear();
        server.take_ranges();
        read(open(&files, &half));
        assert_eq!(server.take_ranges().len(), 2, "there is room again");
        assert_eq!(
            read(open(&files.of_task(), &half)).len() as u64,
            half.length
        );
    });
}

/// The address of one that passes on what is said to a server, and hangs up once so many bytes were answered.
fn cut_once(to: SocketAddr, bytes: u64) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let left = Arc::new(Mutex::new(Some(bytes)));
    thread::spawn(move || {
        for client in listener.incoming() {
            let (client, server) = (client.unwrap(), TcpStream::connect(to).unwrap());
            let (mut asking, mut asked) =
                (client.try_clone().unwrap(), server.try_clone().unwrap());
            thread::spawn(move || copy(&mut asking, &mut asked));
            let left = Arc::clone(&left);
            thread::spawn(move || pass_on(&server, &client, &left));
        }
    });
    address
}

/// Who has passed on the last byte that is left hangs up, and nobody after it.
fn pass_on(mut from: &TcpStream, mut to: &TcpStream, left: &Mutex<Option<u64>>) {
    let mut buffer = vec![0; 64 << 10];
    while let Ok(read @ 1..) = from.read(&mut buffer) {
        let cut = {
            let mut left = left.lock().unwrap();
            let cut = left.filter(|left| *left < read as u64);
            *left = left.and_then(|left| left.checked_sub(read as u64));
            cut
        };
        let whole = usize::try_from(cut.unwrap_or(read as u64)).unwrap();
        if copy(&mut &buffer[..whole], &mut to).is_err() || cut.is_some() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
}

#[test]
fn an_answer_that_breaks_off_is_taken_up_where_it_broke() {
    let test = "an_answer_that_breaks_off_is_taken_up_where_it_broke";
    with_keys(test, SECRET, || {
        let server = Server::start();
        let text = lines_of_mib(3);
        server.put("in/a.txt", &text);
        let files = files_at(cut_once(server.address, 2 * MIB));
        let read = self::text(&files, "s3://data/in/a.txt").unwrap();
        assert!(read.as_bytes() == text);
        let ranges = server.take_ranges();
        assert!(
            bytes_of(&ranges) < 4 * MIB,
            "only what was lost is sent again: {ranges:?}"
        );
        assert_eq!(
            ranges.len(),
            4,
            "of each split, and of what was lost: {ranges:?}"
        );
    });
}

#[test]
fn who_has_no_keys_is_told_what_to_set() {
    // Where a machine has no role, nobody listens.
    let nobody = [("AWS_METADATA_ENDPOINT", "http://127.0.0.1:1")];
    with_environment("who_has_no_keys_is_told_what_to_set", &nobody, || {
        let server = Server::start();
        for uri in ["s3://data/in/a.txt", "s3://data/in/*"] {
            let error = names(&server.files(), uri).unwrap_err();
            assert!(matches!(error, Error::Refused { .. }), "{error}");
            let words = error.to_string();
            for expected in [
                &uri[..12],
                "it has none",
                "AWS_ACCESS_KEY_ID",
                "AWS_SKIP_SIGNATURE",
            ] {
                assert!(words.contains(expected), "{words}");
            }
        }
    });
}
