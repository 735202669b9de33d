//! What a worker hands out: shuffle files, components, logs, each to whom it belongs.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use network::{Answer, Peer, Reply};
use scheduler::{ApplicationId, ShuffleId, Tenant};
use store::{IndexCache, ServedBuckets, ShuffleFolder};
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

/// How many bytes of shuffle files' indexes are held: those of some hundred files of 1,000 buckets.
const INDEX_BYTES_MAX: usize = 4 << 20;

/// What is handed out.
#[derive(Clone, Debug)]
pub(super) struct Shelf {
    pub(super) folders: Folders,
    pub(super) components: Components,
    pub(super) logs: Logs,
    pub(super) indexes: Arc<IndexCache>,
}

impl Shelf {
    pub(super) fn new(folders: Folders, components: Components, logs: Logs) -> Self {
        Self {
            folders,
            components,
            logs,
            indexes: Arc::new(IndexCache::new(INDEX_BYTES_MAX)),
        }
    }
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

impl Shelf {
    /// Sends what was asked for. That it belongs to the asker's application the network has checked.
    pub(super) async fn send(self, from: Peer, fetch: Fetch, reply: Reply) {
        let sent = match fetch {
            Fetch::Component { hash } => return self.components.send(hash, reply).await,
            Fetch::Buckets {
                application,
                shuffle,
                bucket,
                outputs,
            } => {
                let opened = self.open(application, shuffle, bucket, outputs).await;
                send_buckets(opened, reply).await
            }
            Fetch::Pages { .. } | Fetch::Block { .. } => {
                let reason = "a worker has no pages and no blocks; ask the driver or an executor";
                let refusal = Refusal::new(RefusalKind::Missing, reason);
                reply.refuse(refusal).await
            }
        };
        if let Err(error) = sent {
            debug!(peer = %from, reason = %error, "a transfer was not finished");
        }
    }

    async fn open(
        &self,
        application: ApplicationId,
        shuffle: ShuffleId,
        bucket: u32,
        outputs: Vec<MapOutputName>,
    ) -> Result<ServedBuckets, String> {
        let folder = ShuffleFolder::new(self.folders.shuffle(application));
        let indexes = Arc::clone(&self.indexes);
        let opened = tokio::task::spawn_blocking(move || {
            let attempts: Vec<_> = outputs.iter().map(|output| output.attempt).collect();
            folder.serve(&indexes, shuffle, bucket, &attempts)
        });
        match opened.await {
            Ok(opened) => opened.map_err(|error| error.to_string()),
            Err(failed) => Err(failed.to_string()),
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

async fn send_buckets(
    opened: Result<ServedBuckets, String>,
    reply: Reply,
) -> Result<(), network::Error> {
    let buckets = match opened {
        Ok(buckets) => buckets,
        Err(reason) => {
            let refusal = Refusal::new(RefusalKind::Failed, reason);
            return reply.refuse(refusal).await;
        }
    };
    let lengths = buckets.lengths().to_vec();
    let (content, length) = (Content::Buckets { lengths }, buckets.length());
    reply.send_from(content, length, buckets).await
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
