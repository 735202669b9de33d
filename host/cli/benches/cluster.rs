//! A cluster of real processes on this machine: a master and two workers of one core each, as Spark's figures were taken.
//!
//! `cargo bench -p cli --bench cluster [-- FOLDER]` (a folder of text files for the word count; 256 MiB is a good size). Spark
//! Standalone on such a machine: 14 s from the start of its processes to the first result, 7 s for a further application,
//! 2,221 tasks/s, 12.5 ms a job, 230 to 240 MB for each process.

mod compare;

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use compare::{
    Contender, TINDERBOX, compare, guest, median, sample, stdout, tasks_and_jobs, tinderbox,
};
use tempfile::TempDir;

const WORKERS: usize = 2;

fn main() {
    let guest = guest();
    // Compiled once, as on a machine that has run the program before.
    tinderbox(&guest, &["latency", "0", "1"]);
    start_and_run(&guest);
    let cluster = Cluster::start();
    println!("idle, resident: {}", cluster.resident());
    println!("executors, resident: {}", executors(&cluster, &guest));
    run_again(&cluster, &guest);
    tasks_and_jobs(|args| cluster.submit(&guest, args));
    println!("after that, resident: {}", cluster.resident());
    if let Some(folder) = env::args().skip(1).find(|word| !word.starts_with("--")) {
        count_words(&cluster, &guest, &folder);
    }
}

/// What executors take of memory whose tasks do nothing.
fn executors(cluster: &Cluster, guest: &Path) -> String {
    let mut command = cluster.tinderbox("submit");
    command
        .args(["--quiet", "--master", &cluster.url])
        .arg(guest);
    let mut driver = command.arg("sleep").spawn().expect("the tinderbox binary");
    let mut found = Vec::new();
    while found.len() < WORKERS {
        thread::sleep(Duration::from_secs(1));
        let workers = cluster.processes.iter().map(|(_, child)| child.id());
        found = workers.flat_map(children).map(resident_mib).collect();
    }
    let _ = driver.kill();
    let _ = driver.wait();
    let words = found.iter().map(|mib| format!("{mib:.0} MiB"));
    words.collect::<Vec<_>>().join(", ")
}

fn children(process: u32) -> Vec<u32> {
    let path = format!("/proc/{process}/task/{process}/children");
    let numbers = fs::read_to_string(path).expect("Linux");
    numbers
        .split_whitespace()
        .filter_map(|number| number.parse().ok())
        .collect()
}

fn resident_mib(process: u32) -> f64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).expect("Linux");
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<f64>().ok());
    kib.expect("a number") / 1024.0
}

fn start_and_run(guest: &Path) {
    let starts = (0..7).map(|_| {
        let start = Instant::now();
        let cluster = Cluster::start();
        cluster.submit(guest, &["latency", "0", "1"]);
        millis(start)
    });
    println!(
        "start of a master and {WORKERS} workers to the end of a one-task job: median {:.0} ms",
        median(starts.collect())
    );
}

fn run_again(cluster: &Cluster, guest: &Path) {
    let runs = (0..15).map(|_| {
        let start = Instant::now();
        cluster.submit(guest, &["latency", "0", "1"]);
        millis(start)
    });
    println!(
        "submit to the end of a one-task job, component known: median {:.0} ms",
        median(runs.collect())
    );
}

fn count_words(cluster: &Cluster, hurried: &Path, folder: &str) {
    let newcomers = sample("wordcount");
    let both = |title, program: &Path, args: &[&str]| {
        compare(
            title,
            Contender::new("local[2]", || tinderbox(program, args)),
            Contender::new("cluster", || cluster.submit(program, args)),
        );
    };
    let top = [folder, "--top", "10"];
    both("word count, a String a word", &newcomers, &top);
    both("word count, borrowed words", hurried, &["borrowed", folder]);
}

fn millis(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1e3
}

/// A master and workers, and the folder of their files.
struct Cluster {
    url: String,
    /// The master last: the workers are ended first.
    processes: Vec<(&'static str, Child)>,
    folder: TempDir,
}

impl Cluster {
    fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut cluster = Self {
            url: String::new(),
            processes: Vec::new(),
            folder,
        };
        let said = cluster.begin(
            "master",
            &["--host", "127.0.0.1", "--port", "0", "--folder"],
        );
        let url = said
            .split_whitespace()
            .find(|word| word.starts_with("tinderbox://"));
        cluster.url = url
            .expect("a master says its address")
            .trim_end_matches('.')
            .into();
        let url = cluster.url.clone();
        for _ in 0..WORKERS {
            cluster.begin(
                "worker",
                &[&url, "--cores", "1", "--memory", "1g", "--work-dir"],
            );
        }
        cluster.processes.reverse();
        cluster
    }

    /// Starts a process with a folder of its own, the last of its arguments; returns its first line.
    fn begin(&mut self, name: &'static str, args: &[&str]) -> String {
        let own = format!("{name}-{}", self.processes.len());
        let mut child = self
            .tinderbox(name)
            .args(args)
            .arg(self.folder.path().join(own))
            .stdout(Stdio::piped())
            .spawn()
            .expect("the tinderbox binary");
        let mut line = String::new();
        let said = child.stdout.take().expect("it is piped");
        BufReader::new(said).read_line(&mut line).expect("text");
        self.processes.push((name, child));
        line
    }

    fn tinderbox(&self, command: &str) -> Command {
        let mut tinderbox = Command::new(TINDERBOX);
        tinderbox
            .arg(command)
            .env("TINDERBOX_TOKEN_FILE", self.token(command))
            .env("XDG_STATE_HOME", self.folder.path())
            .stderr(Stdio::null());
        tinderbox
    }

    fn token(&self, command: &str) -> PathBuf {
        let whose = if command == "worker" {
            "worker"
        } else {
            "submitter"
        };
        self.folder.path().join(format!("master-0/{whose}.token"))
    }

    /// Runs a program with its driver in this command, and gives back its stdout.
    fn submit(&self, component: &Path, args: &[&str]) -> String {
        let mut command = self.tinderbox("submit");
        command.args(["--quiet", "--master", &self.url]);
        let folders = args.iter().filter(|word| Path::new(word).is_dir());
        for folder in folders {
            command.args(["--allow-read", folder]);
        }
        stdout(command.stderr(Stdio::piped()).arg(component).args(args))
    }

    /// What each process takes of memory.
    fn resident(&self) -> String {
        let words = self
            .processes
            .iter()
            .rev()
            .map(|(name, child)| format!("{name} {:.0} MiB", resident_mib(child.id())));
        words.collect::<Vec<_>>().join(", ")
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for (_, child) in &mut self.processes {
            // Killed, it takes its children along.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
