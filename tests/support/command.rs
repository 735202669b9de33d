//! Runs the `tinderbox` binary as a user does, in a folder of its own.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// A command that takes longer hangs: it is killed and the test fails.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A folder in which commands are typed. It goes with the test.
pub(crate) struct Shell {
    folder: TempDir,
}

/// How a command has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// None where a signal ended it.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    /// What is said of the failure: from `error:` on. What comes before are the tasks' logs and progress, in the order
    /// of the moment.
    pub(crate) fn error(&self) -> &str {
        let mut lines = self.stderr.split_inclusive('\n');
        let before: usize = lines
            .by_ref()
            .take_while(|line| !line.starts_with("error: "))
            .map(str::len)
            .sum();
        &self.stderr[before..]
    }

    /// The standard output of a command that must have gone well.
    #[track_caller]
    pub(crate) fn done(self) -> String {
        assert_eq!(self.code, Some(0), "{}\n{}", self.stdout, self.stderr);
        self.stdout
    }

    /// The error of a command that must have failed with this code, before it printed anything.
    #[track_caller]
    pub(crate) fn failed(&self, code: i32) -> &str {
        assert_eq!(
            (self.code, self.stdout.as_str()),
            (Some(code), ""),
            "{}",
            self.stderr
        );
        assert!(
            !self.stderr.contains("thread '"),
            "the host panicked: {}",
            self.stderr
        );
        self.error()
    }
}

/// A command that is running.
pub(crate) struct Running {
    child: Child,
    /// Its lock is never taken: with it, threads can share what holds a command.
    output: Mutex<Receiver<Piece>>,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    open: u32,
}

enum Piece {
    Stdout(Vec<u8>),
    Stderr(Vec<u8>),
    End,
}

impl Shell {
    pub(crate) fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file into the folder.
    pub(crate) fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    }

    /// `tinderbox`, in this folder, and with nothing of the test's environment that it would read.
    pub(crate) fn tinderbox(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tinderbox"));
        command.current_dir(self.path()).env_remove("NO_COLOR");
        let read = ["CONF_", "MASTER", "TOKEN_FILE", "LOG"].map(|end| format!("TINDERBOX_{end}"));
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if read.iter().any(|start| text.starts_with(&**start)) {
                command.env_remove(&name);
            }
        }
        command
    }

    /// `tinderbox run`, quiet, with `options` before the job and `arguments` after it.
    ///
    /// On one core unless told: what is printed has one order. Shuffle files go where [`Shell::run`] looks for leftovers.
    pub(crate) fn command(&self, options: &[&str], job: &Path, arguments: &[&str]) -> Command {
        let mut command = self.tinderbox();
        command
            .args(["run", "--quiet", "--conf"])
            .arg(format!("local.dir={}", self.work().display()));
        if !options.contains(&"--master") {
            command.args(["--master", "local[1]"]);
        }
        command.args(options).arg(job).args(arguments);
        command
    }

    /// Runs a job to its end. Nothing may be left behind.
    #[track_caller]
    pub(crate) fn run(&self, options: &[&str], job: &Path, arguments: &[&str]) -> Ended {
        let ended = start(&mut self.command(options, job, arguments)).end();
        self.expect_no_leftovers();
        ended
    }

    #[track_caller]
    pub(crate) fn expect_no_leftovers(&self) {
        let left: Vec<_> = fs::read_dir(self.work())
            .into_iter()
            .flatten()
            .map(|entry| entry.unwrap().path())
            .collect();
        assert!(left.is_empty(), "left behind: {left:?}");
    }

    fn work(&self) -> PathBuf {
        self.path().join("work")
    }
}

/// Starts a command.
pub(crate) fn start(command: &mut Command) -> Running {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (sender, output) = mpsc::channel();
    forward(child.stdout.take().unwrap(), Piece::Stdout, sender.clone());
    forward(child.stderr.take().unwrap(), Piece::Stderr, sender);
    Running {
        child,
        output: Mutex::new(output),
        stdout: Vec::new(),
        stderr: Vec::new(),
        open: 2,
    }
}

/// Sends a signal, such as `KILL`, to a process.
#[track_caller]
pub(crate) fn signal(process: u32, name: &str) {
    let sent = Command::new("kill")
        .args([format!("-{name}"), process.to_string()])
        .status();
    assert!(sent.unwrap().success(), "{name} to {process}");
}

fn forward(
    mut pipe: impl Read + Send + 'static,
    piece: fn(Vec<u8>) -> Piece,
    sender: Sender<Piece>,
) {
    thread::spawn(move || {
        let mut buffer = vec![0; 64 << 10];
        while let Ok(length @ 1..) = pipe.read(&mut buffer) {
            let _ = sender.send(piece(buffer[..length].to_vec()));
        }
        let _ = sender.send(Piece::End);
    });
}

impl Running {
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    #[track_caller]
    pub(crate) fn signal(&self, name: &str) {
        signal(self.id(), name);
    }

    /// Waits until this was printed, on either stream.
    #[track_caller]
    pub(crate) fn wait_for(&mut self, text: &str) {
        let since = Instant::now();
        let holds = |bytes: &[u8]| String::from_utf8_lossy(bytes).contains(text);
        while !holds(&self.stdout) && !holds(&self.stderr) {
            assert!(
                self.take(since),
                "ended without {text:?}: {:?}",
                self.so_far(None)
            );
        }
    }

    /// Waits for a line, on either stream, in which this stands. Returns the line.
    #[track_caller]
    pub(crate) fn line(&mut self, text: &str) -> String {
        let found = self.line_or_end(text);
        found.unwrap_or_else(|| panic!("ended without {text:?}: {:?}", self.so_far(None)))
    }

    /// The same, or none at the end.
    #[track_caller]
    pub(crate) fn line_or_end(&mut self, text: &str) -> Option<String> {
        let since = Instant::now();
        loop {
            let Ended { stdout, stderr, .. } = self.so_far(None);
            let lines = stdout.split_inclusive('\n');
            let mut lines = lines.chain(stderr.split_inclusive('\n'));
            if let Some(line) = lines.find(|line| line.contains(text) && line.ends_with('\n')) {
                return Some(line.trim_end().to_owned());
            }
            if !self.take(since) {
                return None;
            }
        }
    }

    /// Waits for the end.
    #[track_caller]
    pub(crate) fn end(mut self) -> Ended {
        let since = Instant::now();
        while self.take(since) {}
        let status = self.child.wait().unwrap();
        self.so_far(status.code())
    }

    fn so_far(&self, code: Option<i32>) -> Ended {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ended {
            code,
            stdout: text(&self.stdout),
            stderr: text(&self.stderr),
        }
    }

    /// Takes in more output; false at its end. It has been waited for since then.
    #[track_caller]
    fn take(&mut self, since: Instant) -> bool {
        let left = TIMEOUT.saturating_sub(since.elapsed());
        match self.output.get_mut().unwrap().recv_timeout(left) {
            Ok(Piece::Stdout(bytes)) => self.stdout.extend(bytes),
            Ok(Piece::Stderr(bytes)) => self.stderr.extend(bytes),
            Ok(Piece::End) => self.open -= 1,
            Err(_) => panic!("no end in {TIMEOUT:?}; so far: {:?}", self.so_far(None)),
        }
        self.open > 0
    }
}

impl Drop for Running {
    /// Also where the test has failed.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
