//! Objects of a real server that speaks S3: found, refused, replaced, written.
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests: what cannot be is a failed test"
)]

#[expect(dead_code, reason = "other tests use the rest")]
mod s3_server;

use std::thread;

use s3_server::{SECRET, Server, text, with_environment, with_keys};
use scheduler::AttemptId;
use store::source::ByteReader;
use store::{Compression, Error, Files, Output, Result, Stopper};

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
