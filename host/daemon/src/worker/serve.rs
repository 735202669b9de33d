//! What a worker hands out: shuffle files, components, logs, each to whom it belongs.

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use network::{Answer, Peer, Reply};
use scheduler::{ShuffleId, Tenant};
use tracing::debug;
use wire::{
    Content, Data, Fetch, LogSource, LogStream, MapOutputName, Refusal, RefusalKind, Role, Subject,
};

use super::folders::{self, Folders};
use super::logs::Logs;
use crate::components::Components;

/// The most bytes of a log in one answer.
const LOG_BYTES_MAX: usize = 256 << 10;

/// What is left of an ask's time for the answer to arrive.
const ANSWER_WITHIN: Duration = Duration::from_millis(500);

/// Reads shuffle files. Called where waiting for a disk hurts nobody.
pub trait ShuffleFiles: fmt::Debug + Send + Sync {
    /// Opens one bucket of several map outputs in an application's `folder`, in the order asked for.
    ///
    /// # Errors
    ///
    /// Which is missing or cannot be read.
    fn open(
        &self,
        folder: &Path,
        shuffle: ShuffleId,
        bucket: u32,
        outputs: &[MapOutputName],
    ) -> io::Result<Buckets>;
}

/// Buckets, one after another.
pub struct Buckets {
    /// The bytes of each.
    pub lengths: Vec<u64>,
    /// All their bytes.
    pub source: Box<dyn io::Read + Send>,
}

impl fmt::Debug for Buckets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Buckets({:?})", self.lengths)
    }
}

/// A worker that has no shuffle files to give.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoShuffleFiles;

impl ShuffleFiles for NoShuffleFiles {
    fn open(
        &self,
        _folder: &Path,
        _shuffle: ShuffleId,
        _bucket: u32,
        _outputs: &[MapOutputName],
    ) -> io::Result<Buckets> {
        Err(io::Error::from(io::ErrorKind::NotFound))
    }
}

/// What is handed out.
#[derive(Clone, Debug)]
pub(super) struct Shelf {
    pub(super) folders: Folders,
    pub(super) components: Components,
    pub(super) logs: Logs,
    pub(super) shuffles: Arc<dyn ShuffleFiles>,
}

/// What a log is asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct LogAsk {
    pub(super) source: LogSource,
    pub(super) stream: LogStream,
    pub(super) offset: u64,
    pub(super) bytes_max: u32,
    pub(super) follow: bool,
}

/// A transfer, opened.
struct Opened {
    content: Content,
    length: u64,
    source: Box<dyn io::Read + Send>,
}

impl Shelf {
    /// Sends what was asked for. That it belongs to the asker's application the network has checked.
    pub(super) async fn send(self, from: Peer, fetch: Fetch, reply: Reply) {
        if let Fetch::Component { hash } = fetch {
            return self.components.send(hash, reply).await;
        }
        let opened = tokio::task::spawn_blocking(move || self.open(fetch)).await;
        let opened = opened
            .unwrap_or_else(|error| Err(Refusal::new(RefusalKind::Failed, error.to_string())));
        let sent = match opened {
            Ok(Opened {
                content,
                length,
                source,
            }) => reply.send_from(content, length, source).await,
            Err(refusal) => reply.refuse(refusal).await,
        };
        if let Err(error) = sent {
            debug!(peer = %from, reason = %error, "a transfer was not finished");
        }
    }

    fn open(&self, fetch: Fetch) -> Result<Opened, Refusal> {
        match fetch {
            Fetch::Buckets {
                application,
                shuffle,
                bucket,
                outputs,
            } => {
                let folder = self.folders.shuffle(application);
                let opened = self.shuffles.open(&folder, shuffle, bucket, &outputs);
                let Buckets { lengths, source } = opened.map_err(|e| refusal(&e))?;
                Ok(Opened {
                    length: lengths.iter().sum(),
                    content: Content::Buckets { lengths },
                    source,
                })
            }
            Fetch::Component { .. } | Fetch::Pages { .. } | Fetch::Block { .. } => {
                Err(Refusal::new(
                    RefusalKind::Missing,
                    "a worker has no pages and no blocks; ask the driver or an executor",
                ))
            }
        }
    }

    /// Answers with a part of a log, to who may read it.
    pub(super) async fn tell_log(self, from: Peer, ask: LogAsk, answer: Answer) {
        let told = self.read_log(&from, ask, answer.within()).await;
        let told = told.unwrap_or_else(Data::Refused);
        // One that is gone waits for nothing.
        let _ = answer.give(&told.into());
    }

    async fn read_log(&self, from: &Peer, ask: LogAsk, within: Duration) -> Result<Data, Refusal> {
        let (owned, path) = self.folders.log(ask.source, ask.stream);
        let missing = || Refusal::new(RefusalKind::Missing, "there is no such log on that worker");
        let owner = folders::owner(&owned).ok_or_else(missing)?;
        if !may_read(&from.identity().subject, &owner) {
            let reason = "the log belongs to another tenant";
            return Err(Refusal::new(RefusalKind::Forbidden, reason));
        }
        let patience = ask.follow.then(|| within.saturating_sub(ANSWER_WITHIN));
        let bytes_max = LOG_BYTES_MAX.min(ask.bytes_max as usize);
        let part = self.logs.read(path, ask.offset, bytes_max, patience).await;
        match part {
            Ok(part) => Ok(Data::LogPart(part)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(missing()),
            Err(error) => Err(refusal(&error)),
        }
    }
}

/// Masters read all logs, others those of their tenant. That an executor's are its own application's, the network has
/// checked.
fn may_read(reader: &Subject, owner: &Tenant) -> bool {
    reader.role() == Role::Master || reader.tenant() == Some(owner)
}

fn refusal(error: &io::Error) -> Refusal {
    let kind = match error.kind() {
        io::ErrorKind::NotFound => RefusalKind::Missing,
        io::ErrorKind::InvalidInput => RefusalKind::Invalid,
        _ => RefusalKind::Failed,
    };
    Refusal::new(kind, error.to_string())
}
