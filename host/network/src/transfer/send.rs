//! The end that sends.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use quinn::{SendStream, VarInt};
use tokio::sync::OwnedSemaphorePermit;
use wire::{Bulk, Checksum, Content, Data, Refusal, Transfer};

use super::{GIVEN_UP, PIECE, moving, on_a_thread, unwritten, write_message};
use crate::Error;
use crate::connection::Link;

/// The duty to send what a peer asked for. Dropped, it cuts the stream.
#[derive(Debug)]
pub struct Reply {
    pub(super) link: Arc<Link>,
    pub(super) stream: SendStream,
}

impl Reply {
    /// Sends it.
    ///
    /// # Errors
    ///
    /// As [`Peer::send`](crate::Peer::send).
    pub async fn send(self, content: Content, bytes: Bytes) -> Result<(), Error> {
        let mut sender = self.start(content, bytes.len() as u64).await?;
        sender.write(bytes).await?;
        sender.finish().await
    }

    /// Sends it as it is read: `length` bytes of a file, say.
    ///
    /// # Errors
    ///
    /// As [`Peer::start`](crate::Peer::start) and [`Sender::write_from`].
    pub async fn send_from(
        self,
        content: Content,
        length: u64,
        source: impl io::Read + Send + 'static,
    ) -> Result<(), Error> {
        let mut sender = self.start(content, length).await?;
        sender.write_from(source).await?;
        sender.finish().await
    }

    /// Begins to send it.
    ///
    /// # Errors
    ///
    /// As [`Peer::start`](crate::Peer::start).
    pub async fn start(self, content: Content, length: u64) -> Result<Sender, Error> {
        let permit = self.link.permit().await?;
        Sender::new(self.link, permit, self.stream, content, length).await
    }

    /// Says that it is not to be had.
    ///
    /// # Errors
    ///
    /// If the peer is gone.
    pub async fn refuse(mut self, refusal: Refusal) -> Result<(), Error> {
        write_message(&self.link, &mut self.stream, Data::Refused(refusal).into()).await?;
        let _ = self.stream.finish();
        Ok(())
    }
}

/// A transfer that is being sent. Dropped before its end, it tells the receiver that it was given up.
#[derive(Debug)]
pub struct Sender {
    link: Arc<Link>,
    /// Held until all is written.
    _permit: OwnedSemaphorePermit,
    stream: SendStream,
    length: u64,
    written: u64,
    checksum: Checksum,
    finished: bool,
}

impl Sender {
    pub(super) async fn new(
        link: Arc<Link>,
        permit: OwnedSemaphorePermit,
        mut stream: SendStream,
        content: Content,
        length: u64,
    ) -> Result<Self, Error> {
        let header = Transfer::Bulk(Bulk { content, length });
        write_message(&link, &mut stream, header.into()).await?;
        Ok(Self {
            link,
            _permit: permit,
            stream,
            length,
            written: 0,
            checksum: Checksum::default(),
            finished: false,
        })
    }

    /// Sends the next bytes, without copying them; waits while the receiver does not read.
    ///
    /// # Errors
    ///
    /// If there are more than the header said, the peer is gone or gives up, or nothing moves for too long.
    pub async fn write(&mut self, mut bytes: Bytes) -> Result<(), Error> {
        self.written += bytes.len() as u64;
        if self.written > self.length {
            return Err(self.wrong_length());
        }
        while !bytes.is_empty() {
            let piece = bytes.split_to(PIECE.min(bytes.len()));
            self.checksum.update(&piece);
            moving(&self.link, self.stream.write_chunk(piece), unwritten).await?;
        }
        Ok(())
    }

    /// Sends what is left to be sent, as it is read, on a thread that may wait for a disk. At no time more than a piece
    /// of it is held.
    ///
    /// # Errors
    ///
    /// As [`write`](Self::write), or if it cannot be read or ends too early.
    pub async fn write_from(
        &mut self,
        mut source: impl io::Read + Send + 'static,
    ) -> Result<(), Error> {
        while self.written < self.length {
            let left = self.length - self.written;
            let wanted = usize::try_from(left).map_or(PIECE, |left| left.min(PIECE));
            let read = on_a_thread(move || {
                let mut piece = vec![0; wanted];
                source.read_exact(&mut piece)?;
                Ok((source, piece))
            });
            let (rest, piece) = read.await?;
            source = rest;
            self.write(piece.into()).await?;
        }
        Ok(())
    }

    /// Sends the checksum and waits until the other process has everything.
    ///
    /// # Errors
    ///
    /// If there are less bytes than the header said, the peer is gone or gives up, or nothing moves for too long.
    pub async fn finish(mut self) -> Result<(), Error> {
        if self.written < self.length {
            return Err(self.wrong_length());
        }
        let trailer = self.checksum.trailer();
        moving(&self.link, self.stream.write_all(&trailer), unwritten).await?;
        self.finished = true;
        let _ = self.stream.finish();
        let limit = self.link.limits.stall_timeout;
        match tokio::time::timeout(limit, self.stream.stopped()).await {
            Ok(Ok(None)) => Ok(()),
            Ok(Ok(Some(_))) => Err(Error::GivenUp),
            Ok(Err(_)) => Err(self.link.gone_now()),
            Err(_) => Err(Error::Stalled(limit)),
        }
    }

    const fn wrong_length(&self) -> Error {
        Error::WrongLength {
            length: self.length,
            written: self.written,
        }
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        if !self.finished {
            let _ = self.stream.reset(VarInt::from_u32(GIVEN_UP));
        }
    }
}
