//! The command `logs`: prints what processes of a cluster have printed.

use std::future::pending;
use std::io::{self, Write};
use std::os::fd::AsFd as _;
use std::pin::pin;
use std::time::Duration;

use anyhow::Result;
use daemon::Error;
use daemon::status::ClusterStatus;
use daemon::submitter::{LogReader, Submitter};
use scheduler::message::ExecutorName;
use tokio::io::Interest;
use tokio::net::unix::pipe::Sender;
use wire::{LogSource, LogStream};

use super::{access, connect, failure, runtime};
use crate::args::LogsArgs;
use crate::exit::ExitCode;
use crate::settings;

/// How often a log is looked for that is not there yet.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Prints a log.
pub fn show(args: &LogsArgs, folder: &std::path::Path) -> Result<ExitCode> {
    let settings = settings::load(&Default::default(), &[], folder)?;
    let config = access::of(&args.cluster, &settings)?;
    let stream = if args.stderr {
        LogStream::Stderr
    } else {
        LogStream::Stdout
    };
    runtime()?.block_on(async {
        let submitter = connect(config).await?;
        let shown = show_from(&submitter, args, stream).await.map_err(failure);
        submitter.close().await;
        shown?;
        Ok(ExitCode::Done)
    })
}

async fn show_from(submitter: &Submitter, args: &LogsArgs, stream: LogStream) -> Result<(), Error> {
    let mut log = open(submitter, args, stream).await?;
    let mut gone = pin!(reader_gone());
    loop {
        let next = tokio::select! {
            next = log.next() => next?,
            () = &mut gone => return Ok(()),
        };
        match next {
            Some(bytes) if print(&mut io::stdout(), &bytes) => {}
            _ => return Ok(()),
        }
    }
}

/// Opens a log. One that is followed is waited for, where its process is still to begin.
async fn open(
    submitter: &Submitter,
    args: &LogsArgs,
    stream: LogStream,
) -> Result<LogReader, Error> {
    loop {
        // Asked first: what has ended by now has left its log.
        let runs = args.follow && runs(&submitter.status().await?, args.source);
        match submitter.log(args.source, stream, args.follow).await {
            Err(Error::Refused(_)) if runs => tokio::time::sleep(LOOK_EVERY).await,
            found => return found,
        }
    }
}

/// Returns whether a process runs or is about to, so that there is a log or will be one.
fn runs(status: &ClusterStatus, source: LogSource) -> bool {
    let name = match source {
        LogSource::Driver(driver) => driver.to_string(),
        LogSource::Executor(application, executor) => ExecutorName {
            application,
            executor,
        }
        .to_string(),
    };
    let drivers = status.drivers.iter();
    let drivers = drivers.map(|driver| (&driver.id, &driver.state));
    let executors = status.applications.iter().flat_map(|one| &one.executors);
    let executors = executors.map(|executor| (&executor.id, &executor.state));
    let living = ["SUBMITTED", "RELAUNCHING", "LAUNCHING", "RUNNING"];
    let mut all = drivers.chain(executors);
    all.any(|(id, state)| *id == name && living.contains(&&**state))
}

/// Waits until nobody reads what is printed any more: `tinderbox logs -f .. | grep -m1 lost` ends with that line, not with
/// the one behind it. A file has readers for ever.
async fn reader_gone() {
    let stdout = io::stdout().as_fd().try_clone_to_owned();
    match stdout.and_then(Sender::from_owned_fd_unchecked) {
        // It is looked at, not written to. What else may become of it is the same to those who wait.
        Ok(pipe) => drop(pipe.ready(Interest::ERROR).await),
        Err(_) => pending().await,
    }
}

/// How much of a process's logs was printed, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Printed {
    stdout: u64,
    stderr: u64,
}

/// Prints a process's logs where it would itself, but for what was printed before, until it ends. Returns how much there is.
pub(super) async fn print_both(stdout: LogReader, stderr: LogReader, before: Printed) -> Printed {
    let (stdout, stderr) = tokio::join!(
        copy(stdout, io::stdout(), before.stdout),
        copy(stderr, io::stderr(), before.stderr),
    );
    Printed { stdout, stderr }
}

/// Copies a log but for its first `skipped` bytes. Returns its length.
async fn copy(mut log: LogReader, mut to: impl Write, skipped: u64) -> u64 {
    let mut length = 0;
    // What cannot be read is the end: the driver's state tells the rest.
    while let Ok(Some(bytes)) = log.next().await {
        let old = usize::try_from(skipped.saturating_sub(length)).unwrap_or(usize::MAX);
        length += bytes.len() as u64;
        // Nobody is left to tell if the reader has gone.
        let _ = print(&mut to, &bytes[old.min(bytes.len())..]);
    }
    length
}

/// Prints; false where the reader has seen enough.
fn print(to: &mut impl Write, bytes: &[u8]) -> bool {
    to.write_all(bytes).and_then(|()| to.flush()).is_ok()
}
