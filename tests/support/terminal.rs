//! A terminal in which commands are typed one after the other: a `bash` that remembers folders, variables and jobs.

use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::{Duration, Instant};

use super::page::Printed;

/// Printed behind each command, on both streams: nothing else prints it.
const MARK: &str = "--- typed and done";

pub(crate) struct Terminal {
    bash: Child,
    keys: ChildStdin,
    printed: Receiver<(Stream, String)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stream {
    Out,
    Err,
}

impl Terminal {
    /// Opens one with the folder and the variables of a command, whose program does not matter.
    pub(crate) fn open(like: &Command) -> Self {
        let mut command = Command::new("bash");
        command.arg("--norc");
        if let Some(folder) = like.get_current_dir() {
            command.current_dir(folder);
        }
        for (name, value) in like.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut bash = piped.stderr(Stdio::piped()).spawn().unwrap();
        let (sender, printed) = mpsc::channel();
        forward(bash.stdout.take().unwrap(), Stream::Out, sender.clone());
        forward(bash.stderr.take().unwrap(), Stream::Err, sender);
        let keys = bash.stdin.take().unwrap();
        Self {
            bash,
            keys,
            printed,
        }
    }

    /// Types a command, waits for its end and until it has printed enough: one in the background may not have yet.
    #[track_caller]
    pub(crate) fn type_in(
        &mut self,
        typed: &str,
        enough: impl Fn(&Printed) -> bool,
        limit: Duration,
    ) -> Printed {
        let since = Instant::now();
        let line = format!("{{ {typed}\n}} < /dev/null; echo '{MARK}' $?; echo '{MARK}' >&2\n");
        self.keys.write_all(line.as_bytes()).unwrap();
        let (mut printed, mut open) = (Printed::default(), 2);
        while open > 0 || !enough(&printed) {
            let left = limit.saturating_sub(since.elapsed());
            let Ok((stream, line)) = self.printed.recv_timeout(left) else {
                panic!("no end in {limit:?}: {typed}\nso far: {printed:#?}");
            };
            match line.strip_prefix(MARK) {
                Some(code) => {
                    open -= 1;
                    printed.code = code.trim().parse().unwrap_or(printed.code);
                }
                None if is_of_the_shell(&line) => {}
                None if stream == Stream::Out => printed.out.push(line),
                None => printed.err.push(line),
            }
        }
        printed
    }

    /// Ends the shell. What it has started and not ended goes on.
    pub(crate) fn close(&mut self) {
        let _ = self.bash.kill();
        let _ = self.bash.wait();
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.close();
    }
}

/// Whether the shell tells of a job that has ended.
fn is_of_the_shell(line: &str) -> bool {
    line.starts_with("bash: line") && (line.contains(" Killed ") || line.contains(" Terminated "))
}

fn forward(pipe: impl Read + Send + 'static, stream: Stream, sender: Sender<(Stream, String)>) {
    thread::spawn(move || {
        for line in BufReader::new(pipe).lines().map_while(Result::ok) {
            // Nobody listens any more where a test has failed.
            let _ = sender.send((stream, line));
        }
    });
}
