//! The loop of one process: a state machine, the network around it, and the clock.
//!
//! One task owns the machine and waits for nothing but the next thing that happens. Whatever takes time is done
//! elsewhere and comes back as a fact.
//!
//! ```text
//! network ── Received, Disconnected ──▶ ┐
//! the moment named by the machine ────▶ ├ machine ──▶ Post::send, work elsewhere ──▶ facts
//! facts: a child's end, a write's ────▶ ┘
//! ```

use std::collections::VecDeque;
use std::time::Duration;

use network::{Answer, Endpoint, Event, Incoming, Peer, Reply};
use scheduler::{Address, Message, Time};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tracing::{debug, info, warn};
use wire::Fetch;

/// A state machine and who carries out its orders.
pub trait Process {
    /// What goes into the machine.
    type Input;
    /// How the process ends.
    type End;

    /// A peer has said something. Returns what that is to the machine, if anything.
    fn received(&mut self, from: &Peer, message: wire::Message) -> Option<Self::Input>;

    /// A peer can no longer be reached, or never could; what was sent to it may be lost.
    fn disconnected(&mut self, peer: Address, reason: &str) -> Option<Self::Input>;

    /// The moment named by [`next_deadline`](Self::next_deadline) has come.
    fn deadline_reached(&mut self) -> Self::Input;

    /// Returns when that is next due.
    fn next_deadline(&self) -> Option<Time>;

    /// Hands one input to the machine and carries out what it orders. Returns how the process ends, when it does.
    fn step(&mut self, now: Time, input: Self::Input, post: &mut Post) -> Option<Self::End>;

    /// A peer asks. Unless it is overridden, there is no answer. Must not wait.
    fn asked(&mut self, _from: Peer, _message: wire::Message, _answer: Answer) {}

    /// A peer sends bytes. Unless it is overridden, nobody takes them. Must not wait.
    fn offered(&mut self, _from: Peer, _incoming: Incoming) {}

    /// A peer asks for bytes. Unless it is overridden, it gets none. Must not wait.
    fn fetched(&mut self, _from: Peer, _fetch: Fetch, _reply: Reply) {}
}

/// A process's way to the others, and its clock.
#[derive(Debug)]
pub struct Post {
    endpoint: Endpoint,
    events: mpsc::Receiver<Event>,
    /// To whom something could not be sent: to be told when the machine has finished its sentence.
    lost: VecDeque<(Address, String)>,
    started: Instant,
}

impl Post {
    /// Begins now: to the machine it is [`Time::START`].
    pub fn new(endpoint: Endpoint, events: mpsc::Receiver<Event>) -> Self {
        Self {
            endpoint,
            events,
            lost: VecDeque::new(),
            started: Instant::now(),
        }
    }

    /// Returns the place in the network.
    pub const fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Sends a message, over a connection that is opened if there is none. Where that fails the machine is told that
    /// the peer is disconnected.
    pub fn send(&mut self, to: Address, message: impl Into<wire::Message>) {
        if let Err(error) = self.endpoint.send(&to, message.into()) {
            warn!("a message was not sent: failed to {error}");
            self.lost.push_back((to, error.to_string()));
        }
    }

    /// Returns the time, as a machine counts it.
    pub fn now(&self) -> Time {
        self.started.elapsed().into()
    }

    /// Says goodbye to everybody and ends, within a second or so.
    pub async fn close(self) {
        drop(self.events);
        self.endpoint.close(Duration::from_secs(1)).await;
    }

    /// The same, where the process has nothing else to do.
    pub async fn leave(self) {
        drop(self.events);
        self.endpoint.leave(Duration::from_secs(1)).await;
    }
}

/// Runs until the process ends. Can be dropped at any moment it waits, and run again.
pub async fn run<P: Process>(
    process: &mut P,
    post: &mut Post,
    facts: &mut mpsc::Receiver<P::Input>,
) -> P::End {
    loop {
        let deadline = process.next_deadline();
        let input = match post.lost.pop_front() {
            Some((peer, reason)) => process.disconnected(peer, &reason),
            None => tokio::select! {
                Some(event) = post.events.recv() => hear(process, event),
                Some(fact) = facts.recv() => Some(fact),
                () = until(post.started, deadline) => Some(process.deadline_reached()),
            },
        };
        if let Some(input) = input
            && let Some(end) = process.step(post.now(), input, post)
        {
            return end;
        }
    }
}

async fn until(started: Instant, deadline: Option<Time>) {
    let after = deadline.map(|deadline| Duration::from_micros(deadline.as_micros()));
    match after.and_then(|after| started.checked_add(after)) {
        Some(moment) => tokio::time::sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

fn hear<P: Process>(process: &mut P, event: Event) -> Option<P::Input> {
    match event {
        Event::Connected(peer) => {
            debug!(%peer, "connected");
            None
        }
        Event::Disconnected(peer, reason) => {
            if reason.is_goodbye() {
                debug!("{peer} said goodbye");
            } else {
                info!("the connection with {peer} ended: {reason}");
            }
            process.disconnected(peer.address().clone(), &reason.to_string())
        }
        Event::Unreachable(address, error) => {
            info!("failed to {error}");
            process.disconnected(address, &error.to_string())
        }
        Event::Received(peer, message) => process.received(&peer, message),
        Event::Asked(peer, message, answer) => {
            process.asked(peer, message, answer);
            None
        }
        Event::Offered(peer, incoming) => {
            process.offered(peer, incoming);
            None
        }
        Event::Fetched(peer, fetch, reply) => {
            process.fetched(peer, fetch, reply);
            None
        }
    }
}

/// A message for a machine of this kind, which the network has let through by its sender's role.
pub fn scheduled(message: wire::Message) -> Option<Message> {
    match message {
        wire::Message::Scheduler(message) => Some(message),
        other => {
            debug!(?other, "ignored a message that is no machine's");
            None
        }
    }
}
