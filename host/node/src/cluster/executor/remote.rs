//! Buckets of map outputs on other machines, from the workers that serve them.

use std::io::{self, Read};
use std::time::Duration;

use bytes::{Buf as _, Bytes};
use network::{Endpoint, Error, Incoming};
use scheduler::{Address, ApplicationId};
use store::{BucketsWanted, FetchedBuckets, RemoteBuckets};
use tokio::runtime::Handle;
use wire::{Content, Fetch, MapOutputName, Role};

/// How often a worker is asked that cannot be reached (Spark: `shuffle.io.maxRetries`).
const TRIES: u32 = 4;

/// How long to wait before it is asked again. Spark waits 5 s each time (`shuffle.io.retryWait`); here a map output is
/// recomputed in less.
const RETRY_WAIT: Duration = Duration::from_millis(500);

/// Fetches over the network.
pub(super) struct NetworkBuckets {
    pub(super) endpoint: Endpoint,
    pub(super) runtime: Handle,
    pub(super) application: ApplicationId,
}

impl RemoteBuckets for NetworkBuckets {
    fn fetch(&self, worker: &Address, wanted: &BucketsWanted) -> Result<FetchedBuckets, String> {
        let incoming = self.runtime.block_on(self.ask(worker, wanted));
        let incoming = incoming.map_err(|error| format!("{worker}: {error}"))?;
        let Content::Buckets { lengths } = incoming.content().clone() else {
            return Err(format!("{worker} sent something else"));
        };
        let bytes = Chunks {
            incoming,
            current: Bytes::new(),
            runtime: self.runtime.clone(),
        };
        Ok(FetchedBuckets {
            lengths,
            bytes: Box::new(bytes),
        })
    }
}

impl NetworkBuckets {
    async fn ask(&self, worker: &Address, wanted: &BucketsWanted) -> Result<Incoming, Error> {
        let fetch = Fetch::Buckets {
            application: self.application,
            shuffle: wanted.shuffle,
            bucket: wanted.bucket,
            outputs: wanted.outputs.iter().map(name).collect(),
        };
        let mut tries = 0;
        loop {
            tries += 1;
            let asked = async {
                let peer = self.endpoint.connect(worker, Role::Worker).await?;
                peer.fetch(fetch.clone()).await
            };
            match asked.await {
                Err(error) if tries < TRIES && is_passing(&error) => {
                    tokio::time::sleep(RETRY_WAIT).await;
                }
                asked => return asked,
            }
        }
    }
}

const fn is_passing(error: &Error) -> bool {
    matches!(
        error,
        Error::Unreachable { .. } | Error::Disconnected { .. } | Error::Stalled(_)
    )
}

const fn name(name: &store::MapOutputName) -> MapOutputName {
    MapOutputName {
        partition: name.partition,
        attempt: name.attempt,
    }
}

/// A transfer as a reader that waits for it.
struct Chunks {
    incoming: Incoming,
    current: Bytes,
    runtime: Handle,
}

impl Read for Chunks {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.current.is_empty() {
            let next = self.runtime.block_on(self.incoming.chunk());
            match next.map_err(io::Error::other)? {
                None => return Ok(0),
                Some(chunk) => self.current = chunk,
            }
        }
        let length = into.len().min(self.current.len());
        self.current.copy_to_slice(&mut into[..length]);
        Ok(length)
    }
}
