//! Word count against a plain two-thread Rust program: both as a newcomer writes it, and both with borrowed words.
//!
//! `cargo bench -p cli --bench wordcount -- FOLDER` (a folder of text files; 256 MiB is a good size).

mod compare;

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use compare::{Contender, compare, guest, sample, tinderbox};

const THREADS: usize = 2;
const TOP: usize = 10;

fn main() {
    let folder = compare::argument("a folder of text files");
    let text = folder.display().to_string();
    let (newcomers, hurried) = (sample("wordcount"), guest());
    compare(
        "word count, a String a word",
        Contender::new("native", || print(&native(&folder, count_owned))),
        Contender::new("tinderbox", || {
            tinderbox(&newcomers, &[&text, "--top", &TOP.to_string()])
        }),
    );
    compare(
        "word count, borrowed words",
        Contender::new("native", || print(&native(&folder, count_borrowed))),
        Contender::new("tinderbox", || tinderbox(&hurried, &["borrowed", &text])),
    );
}

type Counts = HashMap<String, u64>;

/// Two threads take file after file; their counts are merged in the end.
fn native(folder: &Path, count: fn(&str, &mut Counts)) -> Counts {
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    files.sort();
    let next = AtomicUsize::new(0);
    let work = || {
        let mut counts = Counts::new();
        while let Some(file) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
            count(&fs::read_to_string(file).expect("text"), &mut counts);
        }
        counts
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(work)).collect();
        let mut all = threads
            .into_iter()
            .map(|thread| thread.join().expect("no panic"));
        let mut counts = all.next().expect("a thread");
        for (word, count) in all.flatten() {
            *counts.entry(word).or_default() += count;
        }
        counts
    })
}

fn count_owned(text: &str, counts: &mut Counts) {
    for line in text.lines() {
        for word in line.split_whitespace() {
            *counts.entry(word.to_owned()).or_default() += 1;
        }
    }
}

fn count_borrowed(text: &str, counts: &mut Counts) {
    for line in text.lines() {
        for word in line.split_ascii_whitespace() {
            match counts.get_mut(word) {
                Some(count) => *count += 1,
                None => drop(counts.insert(word.to_owned(), 1)),
            }
        }
    }
}

fn print(counts: &Counts) -> String {
    let mut counts: Vec<_> = counts.iter().collect();
    counts.sort_by(|a, b| b.1.cmp(a.1).then_with(|| a.0.cmp(b.0)));
    counts
        .iter()
        .take(TOP)
        .map(|(word, count)| format!("{word}\t{count}\n"))
        .collect()
}
