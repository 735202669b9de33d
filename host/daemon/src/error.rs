//! What can go wrong with a daemon, in words that an operator can act on.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;

use crate::Masters;

/// Why a daemon could not start, had to end, or could not be asked.
#[derive(Debug, Error)]
pub enum Error {
    /// A text does not say where masters are.
    #[error(
        "read `{text}`: masters are written as tinderbox://host:7077, several with commas between them"
    )]
    MastersMalformed {
        /// As it was written.
        text: String,
    },
    /// Nobody answers.
    #[error(
        "no master answers at {masters} (tried {} in {} s): {last}; is it running?",
        times(*tries),
        within.as_secs_f32().round().max(1.0)
    )]
    NoMaster {
        /// Who was asked.
        masters: Masters,
        /// How often.
        tries: u32,
        /// For how long.
        within: Duration,
        /// Why the latest try failed.
        last: String,
    },
    /// There is neither a certificate nor a token.
    #[error(
        "join the cluster: {} is not there and no join token was given; the master has printed one, and left it in its folder",
        path.display()
    )]
    NoToken {
        /// Where a certificate would have been.
        path: PathBuf,
    },
    /// The network would not have it.
    #[error(transparent)]
    Network(#[from] network::Error),
    /// A file could not be used.
    #[error("use {}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another daemon uses the folder.
    #[error("use {}: another {who} runs there; stop it, or give this one a folder of its own", path.display())]
    FolderInUse {
        /// Which.
        path: PathBuf,
        /// What kind of daemon.
        who: &'static str,
    },
    /// What a master has written down is not readable.
    #[error(
        "read {}, line {line}: {reason}; move the file away to start with a cluster that knows nobody",
        path.display()
    )]
    StoreDamaged {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// What is wrong.
        reason: String,
    },
    /// A machine has decided that its process cannot go on.
    #[error("{0}")]
    Ended(Arc<str>),
    /// A machine cannot be asked what it has.
    #[error("find out how much memory the machine has ({0}); say it with `--memory`")]
    UnknownMemory(String),
    /// What a parent has said is no instruction.
    #[error("read the instructions of a worker: {0}; this command is not started by hand")]
    Instructions(String),
    /// Whoever was asked does not give it.
    #[error("{0}")]
    Refused(Arc<str>),
}

fn times(tries: u32) -> String {
    match tries {
        1 => "once".to_owned(),
        tries => format!("{tries} times"),
    }
}

impl Error {
    pub(crate) fn file(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { path, source }
    }
}
