//! One child process: started, asked or made to stop, its end told in words.

use std::io;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tokio::io::AsyncWriteExt as _;
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::watch;

use super::logs::{Logs, Rolling};

/// What is wanted of a child.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Wish {
    Run,
    /// It is asked to stop.
    Stop,
    /// It is made to.
    Die,
}

/// How a process has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct End {
    /// None: it could not be started.
    pub(super) exit_code: Option<i32>,
    pub(super) reason: Arc<str>,
}

impl End {
    pub(super) fn unstarted(reason: impl Into<Arc<str>>) -> Self {
        Self {
            exit_code: None,
            reason: reason.into(),
        }
    }
}

/// A process to be started.
#[derive(Clone, Debug)]
pub(super) struct Program {
    pub(super) path: PathBuf,
    pub(super) command: &'static str,
    /// Where it runs, and where its logs are.
    pub(super) folder: PathBuf,
}

/// A process that runs.
#[derive(Debug)]
pub(super) struct Started {
    child: Child,
    /// Closed when this worker is gone, so that the child knows.
    stdin: Option<ChildStdin>,
}

impl Started {
    /// Starts a process whose output goes to its logs. It has a process group of its own: what a terminal sends to
    /// the worker's is for the worker.
    pub(super) fn start(program: &Program, logs: &Logs, rolling: Rolling) -> io::Result<Self> {
        let mut command = Command::new(&program.path);
        command
            .arg(program.command)
            .current_dir(&program.folder)
            .stdin(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        let (stdout, out) = io::pipe()?;
        let (stderr, err) = io::pipe()?;
        command.stdout(out).stderr(err);
        let mut child = command.spawn()?;
        // Its ends of the pipes are the child's alone now.
        drop(command);
        logs.capture(stdout, program.folder.join("stdout"), rolling)?;
        logs.capture(stderr, program.folder.join("stderr"), rolling)?;
        let stdin = child.stdin.take();
        Ok(Self { child, stdin })
    }

    /// Tells the process what to do.
    pub(super) async fn instruct(&mut self, line: &str) {
        if let Some(stdin) = &mut self.stdin {
            // One that has ended already says so by its end.
            let _ = stdin.write_all(format!("{line}\n").as_bytes()).await;
            let _ = stdin.flush().await;
        }
    }

    /// Waits for its end, passing on what is wished of it.
    pub(super) async fn end(mut self, mut wish: watch::Receiver<Wish>) -> End {
        let mut passed_on = Wish::Run;
        loop {
            let wished = *wish.borrow_and_update();
            if wished > passed_on {
                self.signal(wished);
                passed_on = wished;
            }
            tokio::select! {
                status = self.child.wait() => return told(status),
                changed = wish.changed() => if changed.is_err() {
                    self.signal(Wish::Die);
                    return told(self.child.wait().await);
                },
            }
        }
    }

    /// Only while it has not been waited for: then nobody else has its number.
    fn signal(&self, wish: Wish) {
        let id = self.child.id().and_then(|id| i32::try_from(id).ok());
        let Some(id) = id.and_then(Pid::from_raw) else {
            return;
        };
        // One that has ended meanwhile needs no signal.
        let _ = match wish {
            Wish::Run => Ok(()),
            Wish::Stop => kill_process(id, Signal::TERM),
            Wish::Die => kill_process_group(id, Signal::KILL),
        };
    }
}

fn told(status: io::Result<ExitStatus>) -> End {
    match status {
        Ok(status) => describe(status),
        Err(error) => End {
            exit_code: Some(-1),
            reason: format!("nobody knows how it ended: {error}").into(),
        },
    }
}

/// Says how a process ended. Of one that a signal has ended the code is 128 and the signal's number, as shells say.
fn describe(status: ExitStatus) -> End {
    use std::os::unix::process::ExitStatusExt as _;
    let (exit_code, reason) = match (status.code(), status.signal()) {
        (Some(0), _) => (0, "it ended by itself, with exit code 0".to_owned()),
        (Some(code), _) => (code, format!("it ended with exit code {code}")),
        (None, Some(signal)) => (128 + signal, format!("it was ended by {}", name(signal))),
        (None, None) => (-1, format!("nobody knows how it ended: {status}")),
    };
    End {
        exit_code: Some(exit_code),
        reason: reason.into(),
    }
}

fn name(signal: i32) -> String {
    let name = match signal {
        1 => "SIGHUP",
        2 => "SIGINT",
        4 => "SIGILL",
        6 => "SIGABRT, as it does itself when something is badly wrong",
        7 => "SIGBUS",
        8 => "SIGFPE",
        9 => "SIGKILL; was the machine out of memory?",
        11 => "SIGSEGV",
        15 => "SIGTERM",
        _ => return format!("signal {signal}"),
    };
    name.to_owned()
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt as _;

    use super::*;

    #[test]
    fn ends_are_told_in_words() {
        let end = |raw| describe(ExitStatus::from_raw(raw));
        assert_eq!(end(3 << 8).exit_code, Some(3));
        assert_eq!(&*end(3 << 8).reason, "it ended with exit code 3");
        assert_eq!(end(15).exit_code, Some(143));
        assert_eq!(&*end(15).reason, "it was ended by SIGTERM");
        assert_eq!(&*end(40).reason, "it was ended by signal 40");
    }
}
