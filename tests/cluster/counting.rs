//! A word count that stands still in its midst until it is let go on.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use daemon::status::ApplicationStatus;

use crate::fixture::Cluster;
use crate::support::command::{Ended, Running, start};

/// A word count that runs: two executors of a core each, half of its tasks behind gates.
pub(crate) struct Counting<'a> {
    cluster: &'a Cluster,
    running: Running,
    gates: PathBuf,
    expected: String,
    pub(crate) application: ApplicationStatus,
}

impl<'a> Counting<'a> {
    /// Begins one, in client mode, and waits until two executors have joined.
    #[track_caller]
    pub(crate) fn begin(cluster: &'a Cluster, name: &str) -> Self {
        Self::begin_with(cluster, name, &[])
    }

    /// The same, submitted with further options.
    #[track_caller]
    pub(crate) fn begin_with(cluster: &'a Cluster, name: &str, further: &[&str]) -> Self {
        let (text, counts) = text();
        let gates = cluster.gates(name);
        let path = cluster.site.path(&format!("{name}.txt"));
        fs::write(&path, text).unwrap();
        let (gates_path, path) = (gates.to_str().unwrap(), path.to_str().unwrap());
        let options = ["--name", name, "--allow-read", gates_path]
            .into_iter()
            .chain(["--executor-cores", "1", "--total-executor-cores", "2"])
            .chain(further.iter().copied());
        let options: Vec<_> = options.collect();
        let arguments = ["counts-words", path, gates_path];
        let running = start(&mut cluster.submit(&options, &arguments));
        Self {
            cluster,
            running,
            gates,
            expected: counts,
            application: cluster.application(name, 2),
        }
    }

    /// Waits until both executors stand at a gate.
    #[track_caller]
    pub(crate) fn until_waiting(&self, gate: &str) {
        for executor in &self.application.executors {
            let said = format!("waiting at {gate}");
            self.cluster.until_logged(&executor.id, &said);
        }
    }

    /// Waits until another executor has taken the place of one.
    #[track_caller]
    pub(crate) fn until_replaced(&self, lost: &str) {
        self.cluster.until("another executor", |status| {
            let mut all = status.applications.iter();
            let found = all.find(|found| found.id == self.application.id)?;
            let running = found.executors.iter();
            let running = running.filter(|one| one.state == "RUNNING" && one.id != lost);
            (running.count() == 2).then_some(())
        });
    }

    /// Opens a gate.
    pub(crate) fn open(&self, gate: &str) {
        self.cluster.open(&self.gates, gate);
    }

    /// Returns the process of the executor that runs on a machine.
    #[track_caller]
    pub(crate) fn executor_on(&self, worker: &str) -> u32 {
        let mut executors = self.application.executors.iter();
        let executor = executors.find(|executor| executor.worker == worker);
        self.cluster.process_of(&executor.unwrap().id)
    }

    /// Opens all gates and waits for the end: every word must have been counted, each once.
    #[track_caller]
    pub(crate) fn counts_right(self) -> Ended {
        self.open("map");
        self.open("reduce");
        let ended = self.running.end();
        assert_eq!(
            (ended.code, ended.stdout.as_str()),
            (Some(0), &*self.expected),
            "{}",
            ended.stderr
        );
        ended
    }
}

/// A text whose words each of eight parts has, and what is to be printed of it.
fn text() -> (String, String) {
    let words = [
        "the",
        "spark",
        "of",
        "a",
        "tinderbox",
        "and",
        "flint",
        "steel",
    ];
    let mut counts = BTreeMap::<&str, u64>::new();
    let mut text = String::new();
    for line in 0..4_000 {
        // A sequence without much order, always the same.
        for step in [7, 11, 13] {
            let word = words[(line * step / 5 + line) % words.len()];
            *counts.entry(word).or_default() += 1;
            text += word;
            text.push(' ');
        }
        text.push('\n');
    }
    let counts = counts
        .iter()
        .map(|(word, count)| format!("{word}\t{count}\n"));
    (text, counts.collect())
}
