//! The end that receives.

use std::io;

use bytes::Bytes;
use quinn::RecvStream;
use wire::{Bulk, CHECKSUM_BYTES, Checksum, Content, Fetch};

use super::named::Named;
use super::{moving, on_a_thread, unread, unread_exact};
use crate::connection::Link;
use crate::{Error, Peer};

/// How many chunks are written at a time: each is a few datagrams.
const CHUNKS: usize = 64;

/// A transfer that is being received. Dropped before its end, it tells the sender that it was given up.
#[derive(Debug)]
pub struct Incoming {
    peer: Peer,
    bulk: Bulk,
    stream: RecvStream,
    left: u64,
    checksum: Checksum,
    named: Named,
    checked: bool,
}

impl Incoming {
    pub(super) fn new(peer: Peer, bulk: Bulk, asked: Option<Fetch>, stream: RecvStream) -> Self {
        Self {
            named: Named::new(&bulk, asked),
            peer,
            left: bulk.length,
            bulk,
            stream,
            checksum: Checksum::default(),
            checked: false,
        }
    }

    /// Returns what it is.
    pub const fn content(&self) -> &Content {
        &self.bulk.content
    }

    /// Returns how many bytes it has.
    pub const fn length(&self) -> u64 {
        self.bulk.length
    }

    /// Returns the next bytes as they have arrived; none after the last, when checksum and hashes were right. Until then
    /// what was returned may be wrong.
    ///
    /// # Errors
    ///
    /// If the peer is gone or gives up, checksum or hash is wrong, or nothing moves for too long.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, Error> {
        let link = &self.peer.0;
        if self.left == 0 {
            return self.check().await.map(|()| None);
        }
        let most = usize::try_from(self.left).unwrap_or(usize::MAX);
        let chunk = moving(link, self.stream.read_chunk(most, true), unread).await?;
        let bytes = chunk.ok_or(Error::GivenUp)?.bytes;
        self.left -= bytes.len() as u64;
        self.checksum.update(&bytes);
        self.named.update(&bytes)?;
        Ok(Some(bytes))
    }

    async fn check(&mut self) -> Result<(), Error> {
        if self.checked {
            return Ok(());
        }
        let link: &Link = &self.peer.0;
        let mut trailer = [0; CHECKSUM_BYTES];
        moving(link, self.stream.read_exact(&mut trailer), unread_exact).await?;
        self.checksum.check(trailer)?;
        self.named.finish()?;
        self.checked = true;
        Ok(())
    }

    /// Returns all bytes, if they are at most `limit`.
    ///
    /// # Errors
    ///
    /// As [`chunk`](Self::chunk), or if there are more.
    pub async fn read(mut self, limit: u64) -> Result<Vec<u8>, Error> {
        self.at_most(limit)?;
        // What was promised is allocated as it comes.
        let mut all = Vec::new();
        while let Some(bytes) = self.chunk().await? {
            all.extend_from_slice(&bytes);
        }
        Ok(all)
    }

    /// Writes all bytes to `sink`, if they are at most `limit`, on a thread that may wait for a disk, and returns it.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read), or if they cannot be written. What was written until then stays, for the caller to remove.
    pub async fn save<W: io::Write + Send + 'static>(
        mut self,
        limit: u64,
        mut sink: W,
    ) -> Result<W, Error> {
        self.at_most(limit)?;
        let mut gathered = Vec::new();
        loop {
            let chunk = self.chunk().await?;
            let is_last = chunk.is_none();
            gathered.extend(chunk);
            if is_last || gathered.len() >= CHUNKS {
                let chunks = std::mem::take(&mut gathered);
                sink = on_a_thread(move || write_all(sink, &chunks)).await?;
            }
            if is_last {
                return Ok(sink);
            }
        }
    }

    const fn at_most(&self, limit: u64) -> Result<(), Error> {
        let length = self.length();
        if length > limit {
            return Err(Error::TransferTooLong { length, limit });
        }
        Ok(())
    }
}

fn write_all<W: io::Write>(mut sink: W, chunks: &[Bytes]) -> io::Result<W> {
    chunks.iter().try_for_each(|chunk| sink.write_all(chunk))?;
    Ok(sink)
}
