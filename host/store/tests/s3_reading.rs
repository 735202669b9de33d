//! What is asked of a server that speaks S3 while objects are read: how much, how often, and what if it breaks.
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests: what cannot be is a failed test"
)]

#[expect(dead_code, reason = "other tests use the rest")]
mod s3_server;

use std::io::{Read as _, copy};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::ops::Range;
use std::sync::{Arc, Mutex};
use std::thread;

use s3_server::{SECRET, Server, files_at, text, with_keys};
use store::source::{Cut, FileSplit, LineReader, text_splits};
use store::{Files, Stopper};

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
