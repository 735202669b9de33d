//! Transfers: bytes on a stream of their own, with their length before them and their checksum after them.
//!
//! What is named by its hash is checked against it. Nothing is held but what the stream's window holds: who reads slowly is sent slowly, and nobody else notices.

mod named;
mod receive;
mod send;

use std::future::Future;
use std::io;
use std::sync::Arc;

use quinn::{ReadError, ReadExactError, RecvStream, SendStream, WriteError};
use wire::{Content, Data, Fetch, Message, PREFIX_BYTES, Transfer};

use crate::connection::Link;
use crate::{Error, Peer};
use named::answers;
pub use receive::Incoming;
pub use send::{Reply, Sender};

/// How long the first frame of a transfer may be: lengths of a hundred thousand buckets, hashes of a gigabyte of pages.
const HEADER_MAX: u32 = 16 << 20;
/// How much is written at a time: it is still in the processor's cache when the checksum is done with it.
const PIECE: usize = 256 << 10;
/// Why a stream was cut: its writer has given up.
const GIVEN_UP: u32 = 1;

/// Waits, but not for ever.
async fn moving<T, E>(
    link: &Link,
    step: impl Future<Output = Result<T, E>>,
    error: impl FnOnce(&Link, E) -> Error,
) -> Result<T, Error> {
    let limit = link.limits.stall_timeout;
    match tokio::time::timeout(limit, step).await {
        Ok(done) => done.map_err(|failed| error(link, failed)),
        Err(_) => Err(Error::Stalled(limit)),
    }
}

/// Does what may wait for a disk where nobody else waits for it.
async fn on_a_thread<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, Error> {
    let done = tokio::task::spawn_blocking(work).await;
    let done = done.unwrap_or_else(|failed| Err(io::Error::other(failed)));
    done.map_err(Error::SourceOrSink)
}

fn unwritten(link: &Link, error: WriteError) -> Error {
    match error {
        WriteError::ConnectionLost(lost) => link.gone(&lost),
        _ => Error::GivenUp,
    }
}

fn unread(link: &Link, error: ReadError) -> Error {
    match error {
        ReadError::ConnectionLost(lost) => link.gone(&lost),
        _ => Error::GivenUp,
    }
}

fn unread_exact(link: &Link, error: ReadExactError) -> Error {
    match error {
        ReadExactError::ReadError(error) => unread(link, error),
        ReadExactError::FinishedEarly(_) => Error::GivenUp,
    }
}

async fn write_message(
    link: &Link,
    stream: &mut SendStream,
    message: Message,
) -> Result<(), Error> {
    let mut bytes = Vec::new();
    wire::frame(&mut bytes, HEADER_MAX, |out| wire::encode(&message, out))?;
    moving(link, stream.write_chunk(bytes.into()), unwritten).await
}

async fn read_message(link: &Link, stream: &mut RecvStream) -> Result<Message, Error> {
    let mut prefix = [0; PREFIX_BYTES];
    moving(link, stream.read_exact(&mut prefix), unread_exact).await?;
    let mut left = wire::prefix(prefix, HEADER_MAX)?;
    let mut bytes = Vec::new();
    while left > 0 {
        let chunk = moving(link, stream.read_chunk(left, true), unread).await?;
        let chunk = chunk.ok_or(Error::GivenUp)?;
        left -= chunk.bytes.len();
        bytes.extend_from_slice(&chunk.bytes);
    }
    Ok(wire::decode(&bytes)?)
}

pub(crate) async fn start(
    link: &Arc<Link>,
    content: Content,
    length: u64,
) -> Result<Sender, Error> {
    let permit = link.permit().await?;
    let stream = link.connection.open_uni().await;
    let stream = stream.map_err(|lost| link.gone(&lost))?;
    Sender::new(Arc::clone(link), permit, stream, content, length).await
}

pub(crate) async fn fetch(peer: &Peer, fetch: Fetch) -> Result<Incoming, Error> {
    let link = &peer.0;
    let (mut ask, mut stream) = link
        .connection
        .open_bi()
        .await
        .map_err(|lost| link.gone(&lost))?;
    write_message(link, &mut ask, Transfer::Fetch(fetch.clone()).into()).await?;
    // It may be finished already, when the answer is quick.
    let _ = ask.finish();
    match read_message(link, &mut stream).await? {
        Message::Transfer(Transfer::Bulk(bulk)) if answers(&fetch, &bulk) => {
            Ok(Incoming::new(peer.clone(), bulk, Some(fetch), stream))
        }
        Message::Data(Data::Refused(refusal)) => Err(Error::NotToBeHad(refusal)),
        _ => Err(Error::SomethingElse),
    }
}

/// Reads the header of a transfer that the peer has begun.
pub(crate) async fn offered(peer: &Peer, mut stream: RecvStream) -> Result<Incoming, Error> {
    match read_message(&peer.0, &mut stream).await? {
        Message::Transfer(Transfer::Bulk(bulk)) => {
            Ok(Incoming::new(peer.clone(), bulk, None, stream))
        }
        _ => Err(Error::SomethingElse),
    }
}

/// Reads what the peer asks for.
pub(crate) async fn fetched(
    peer: &Peer,
    stream: SendStream,
    mut ask: RecvStream,
) -> Result<(Fetch, Reply), Error> {
    match read_message(&peer.0, &mut ask).await? {
        Message::Transfer(Transfer::Fetch(fetch)) => {
            let link = Arc::clone(&peer.0);
            Ok((fetch, Reply { link, stream }))
        }
        _ => Err(Error::SomethingElse),
    }
}
