//! A master and two workers of one core each on this machine, as Spark's figures were taken.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use super::{TINDERBOX, stdout};

pub(crate) const WORKERS: usize = 2;

/// A master and workers, and the folder of their files.
pub(crate) struct Cluster {
    pub(crate) url: String,
    /// The master last: the workers are ended first.
    pub(crate) processes: Vec<(&'static str, Child)>,
    folder: TempDir,
}

impl Cluster {
    pub(crate) fn start() -> Self {
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

    pub(crate) fn tinderbox(&self, command: &str) -> Command {
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
    pub(crate) fn submit(&self, component: &Path, args: &[&str]) -> String {
        let mut command = self.tinderbox("submit");
        command.args(["--quiet", "--master", &self.url]);
        let folders = args.iter().filter(|word| Path::new(word).is_dir());
        for folder in folders {
            command.args(["--allow-read", folder]);
        }
        stdout(command.stderr(Stdio::piped()).arg(component).args(args))
    }

    /// What each process takes of memory.
    pub(crate) fn resident(&self) -> String {
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

pub(crate) fn children(process: u32) -> Vec<u32> {
    let path = format!("/proc/{process}/task/{process}/children");
    let numbers = fs::read_to_string(path).expect("Linux");
    numbers
        .split_whitespace()
        .filter_map(|number| number.parse().ok())
        .collect()
}

pub(crate) fn resident_mib(process: u32) -> f64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).expect("Linux");
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<f64>().ok());
    kib.expect("a number") / 1024.0
}
