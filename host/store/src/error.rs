//! What can go wrong with a file, in words that name it.

use std::io;
use std::path::{Path, PathBuf};

/// The result of this crate's functions.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why bytes could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No such file.
    #[error("`{0}` does not exist")]
    NotFound(String),
    /// A pattern that no file matches.
    #[error("no file matches `{0}`; check the pattern, and the folder before its first wildcard")]
    NoMatch(String),
    /// It is not what was there when the job began.
    #[error(
        "`{0}` was changed or replaced after the job had listed it; run the job again when nobody writes there"
    )]
    Changed(String),
    /// What it says cannot be understood.
    #[error("`{path}` is damaged: {reason}")]
    Damaged {
        /// The file.
        path: String,
        /// What is wrong, and where.
        reason: String,
    },
    /// A store does not let this process in.
    #[error("`{path}` may not be touched with the credentials of this process: {reason}; {hint}")]
    Refused {
        /// The object.
        path: String,
        /// What the store said.
        reason: String,
        /// What to do.
        hint: &'static str,
    },
    /// A store failed.
    #[error("cannot {action} `{path}`: {reason}")]
    Remote {
        /// A verb: `read`.
        action: &'static str,
        /// The object.
        path: String,
        /// What the store said, or did not, and what to do.
        reason: String,
    },
    /// Whoever waited for a store is to wait no longer.
    #[error("`{0}` was not waited for: the task is stopped")]
    Stopped(String),
    /// Outside what the application was granted. Whether it exists is not said.
    #[error(
        "`{path}` is not granted to this application, if it exists; check the path, or grant it with {flag} {path}"
    )]
    Denied {
        /// As the program named it.
        path: String,
        /// The option that would grant it.
        flag: &'static str,
    },
    /// It was to be created.
    #[error(
        "`{0}` exists already; an output is never written over: remove it, or choose another folder"
    )]
    AlreadyExists(String),
    /// It makes no sense.
    #[error("{0}")]
    Invalid(String),
    /// A line is longer than a task can hold.
    #[error(
        "`{path}` has a line of more than {limit_bytes} bytes at offset {offset}, and a task can hold no more; raise `executor.memory`"
    )]
    LineTooLong {
        /// The file.
        path: String,
        /// Where the line begins.
        offset: u64,
        /// How long a line may be.
        limit_bytes: usize,
    },
    /// A map output is gone or damaged.
    #[error("map output {map_partition} of {shuffle} {reason}")]
    FetchFailed {
        /// Of this shuffle.
        shuffle: scheduler::ShuffleId,
        /// The map partition.
        map_partition: u32,
        /// What is wrong with it.
        reason: String,
    },
    /// Another process was to say where something is, and did not.
    #[error("{what} is not known: {reason}")]
    Unanswered {
        /// What was asked.
        what: String,
        /// Why there is no answer.
        reason: String,
    },
    /// The disk has no room.
    #[error(
        "no space is left to write `{0}`; free some, or write elsewhere (`local.dir` says where scratch files go)"
    )]
    DiskFull(String),
    /// The operating system failed.
    #[error("cannot {action} `{}`: {source}", path.display())]
    Io {
        /// A verb: `read`.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl Error {
    /// For `map_err`: says what was done to which file.
    pub(crate) fn io<'p>(
        action: &'static str,
        path: &'p Path,
    ) -> impl FnOnce(io::Error) -> Self + use<'p> {
        move |source| match source.kind() {
            io::ErrorKind::NotFound => Self::NotFound(path.display().to_string()),
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                Self::DiskFull(path.display().to_string())
            }
            _ => Self::Io {
                action,
                path: path.to_path_buf(),
                source,
            },
        }
    }
}
