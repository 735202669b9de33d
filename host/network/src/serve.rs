//! The life of a connection: its control streams are read and written, its transfers begun, its end told.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use quinn::{ReadError, SendStream};
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, JoinSet};
use tracing::{debug, warn};
use wire::{Envelope, Kind, Refusal, RefusalKind};

use crate::connection::{Code, Link};
use crate::event::Answer;
use crate::greet::FrameReader;
use crate::transfer::{self, Reply};
use crate::{Disconnect, Error, Event, Peer, permission};

/// Lives as long as the connection: reads, writes, and tells the host. Of those that it has replaced the host hears the
/// end before it hears of this one.
pub(crate) async fn serve(
    link: &Arc<Link>,
    replaced: Vec<Arc<Link>>,
    events: &mpsc::Sender<Event>,
    send: SendStream,
    receive: FrameReader,
    remove: impl FnOnce(),
) {
    let peer = Peer(Arc::clone(link));
    for older in replaced {
        older.ended().await;
    }
    debug!(%peer, "connected");
    // A host that has gone hears nothing any more; the connection still ends in good order.
    let _ = events.send(Event::Connected(peer.clone())).await;
    let mut writer = tokio::spawn(write(Arc::clone(link), send));
    let mut tasks = JoinSet::new();
    let role = link.who.identity.subject.role();
    if role != wire::Role::Joiner {
        tasks.spawn(take_offers(peer.clone(), events.clone()));
        tasks.spawn(take_fetches(peer.clone(), events.clone()));
    }
    let reason = match read(&peer, events, receive).await {
        Some(reason) => reason,
        None => goodbye(link, &mut writer).await,
    };
    writer.abort();
    link.forget_asks();
    link.transfers.close();
    debug!(%peer, %reason, "disconnected");
    remove();
    let _ = events.send(Event::Disconnected(peer, reason)).await;
    link.end();
}

async fn write(link: Arc<Link>, mut stream: SendStream) {
    // Where it fails the connection is gone, which its reader tells.
    let _ = link.outgoing.write_to(&mut stream).await;
}

/// Reads the control stream to its end. Returns why it ended; none where the peer said goodbye.
async fn read(
    peer: &Peer,
    events: &mpsc::Sender<Event>,
    mut receive: FrameReader,
) -> Option<Disconnect> {
    let link = &peer.0;
    receive.set_limit(link.limits.frame_max);
    loop {
        let envelope = match receive.next().await {
            Ok(Some(frame)) => Envelope::decode(&frame),
            Ok(None) => return None,
            Err(Unread::Lost(ReadError::ConnectionLost(lost))) => return Some(link.reason(&lost)),
            Err(Unread::Lost(error)) => return Some(broken(link, &error)),
            Err(Unread::Wire(error)) => Err(error),
        };
        let envelope = match envelope {
            Ok(envelope) => envelope,
            Err(error) => return Some(broken(link, &error)),
        };
        if let Err(reason) = permission::check(&link.who, &envelope.message) {
            return Some(broken(link, &reason));
        }
        let event = match envelope.kind {
            Kind::Tell => Event::Received(peer.clone(), envelope.message),
            Kind::Ask { id, within_ms } => {
                let within = Duration::from_millis(within_ms.into());
                let answer = Answer::new(peer.clone(), id, within);
                Event::Asked(peer.clone(), envelope.message, answer)
            }
            Kind::Answer(id) => {
                link.answered(id, envelope.message);
                continue;
            }
        };
        if events.send(event).await.is_err() {
            link.close(Code::Goodbye, Disconnect::ClosedHere);
            return Some(Disconnect::ClosedHere);
        }
    }
}

/// The peer has said all that it will: says what is left to say here, then closes.
async fn goodbye(link: &Link, writer: &mut JoinHandle<()>) -> Disconnect {
    link.outgoing.close();
    // The writer ends when the peer has all that it wrote, or is gone.
    let _ = tokio::time::timeout(link.limits.connect_timeout, writer).await;
    link.connection.close(Code::Goodbye.into(), b"");
    link.closed_because
        .get()
        .cloned()
        .unwrap_or(Disconnect::Closed)
}

fn broken(link: &Link, how: &dyn fmt::Display) -> Disconnect {
    warn!(
        "disconnected the {}, which broke the protocol: {how}",
        link.who
    );
    let reason = Disconnect::Broken(how.to_string());
    link.close(Code::Broken, reason.clone());
    reason
}

/// Why no frame could be read.
pub(crate) enum Unread {
    Lost(ReadError),
    Wire(wire::Error),
}

async fn take_offers(peer: Peer, events: mpsc::Sender<Event>) {
    let mut reading = JoinSet::new();
    while let Ok(stream) = peer.0.connection.accept_uni().await {
        let (peer, events) = (peer.clone(), events.clone());
        reading.spawn(async move {
            match transfer::offered(&peer, stream).await {
                Ok(incoming) => drop(events.send(Event::Offered(peer, incoming)).await),
                Err(error) => give_up(&peer, &error),
            }
        });
        while reading.try_join_next().is_some() {}
    }
}

async fn take_fetches(peer: Peer, events: mpsc::Sender<Event>) {
    let mut reading = JoinSet::new();
    while let Ok((send, receive)) = peer.0.connection.accept_bi().await {
        let (peer, events) = (peer.clone(), events.clone());
        reading.spawn(async move {
            match transfer::fetched(&peer, send, receive).await {
                Ok((fetch, reply)) if permission::may_fetch(&peer.identity().subject, &fetch) => {
                    drop(events.send(Event::Fetched(peer, fetch, reply)).await);
                }
                Ok((_, reply)) => forbid(&peer, reply).await,
                Err(error) => give_up(&peer, &error),
            }
        });
        while reading.try_join_next().is_some() {}
    }
}

async fn forbid(peer: &Peer, reply: Reply) {
    warn!("refused the {peer} what belongs to another application");
    let refusal = Refusal::new(RefusalKind::Forbidden, "it belongs to another application");
    // One that is gone waits for nothing.
    let _ = reply.refuse(refusal).await;
}

/// A stream that begins with garbage ends the connection; one that was merely given up does not.
fn give_up(peer: &Peer, error: &Error) {
    if let Error::Wire(error) = error {
        broken(&peer.0, error);
    }
}
