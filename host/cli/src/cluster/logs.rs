//! The command `logs`: prints what processes of a cluster have printed.

use std::io::{self, Write};

use anyhow::Result;
use daemon::Error;
use daemon::submitter::{LogReader, Submitter};
use wire::LogStream;

use super::{access, connect, failure, runtime};
use crate::args::LogsArgs;
use crate::exit::ExitCode;
use crate::settings;

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
    let mut log = submitter.log(args.source, stream, args.follow).await?;
    while let Some(bytes) = log.next().await? {
        if !print(&mut io::stdout(), &bytes) {
            break;
        }
    }
    Ok(())
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
