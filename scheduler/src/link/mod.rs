//! Messages in order and once, over a network that loses, repeats, delays and reorders packets.
//!
//! A [`Link`] is one process' end of what it has with one peer. Whatever is said opens a *session*, which numbers its
//! messages, says them again until they are acknowledged, and hears from the peer at least every
//! [`Config::keep_alive`]. A peer that is silent for [`Config::idle_timeout`], or that no longer knows the session,
//! ends it: both sides are told ([`Action::TellClosed`]), and what was under way may or may not have arrived. What is
//! said after that opens the next session.
//!
//! ```text
//! ours                                 theirs
//!   │ Open {from: a} ──────────────────▶ │  claimed: this may be a packet of long ago
//!   │ ◀────────────── {from: b, to: a}   │
//!   │ Message 0 {from: a, to: b} ──────▶ │  proven: only who lives now knows b
//! ```
//!
//! Each side draws its session's number at random, and nothing is taken in that is not addressed to it: packets of a
//! process that has restarted since, or of an earlier session, are refused. No message leaves before the peer has
//! proven itself, so a refusal before that loses nothing.

mod packet;
mod receiving;
mod sending;
#[cfg(test)]
mod tests;

use std::fmt;
use std::time::Duration;

use crate::{Random, Time};

pub use packet::{Content, Packet, SessionId};
use receiving::{Receiving, Taken};
use sending::Sending;

/// How patient a link is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// After this long without an acknowledgement a message is sent again; twice as long after that, and so on.
    pub resend_first: Duration,
    /// The longest of these waits.
    pub resend_longest: Duration,
    /// How long an acknowledgement waits for something to travel with.
    pub acknowledge_within: Duration,
    /// After this long without a packet of ours an empty one is sent.
    pub keep_alive: Duration,
    /// After this long without a packet of the peer's the session is over.
    pub idle_timeout: Duration,
    /// Messages that may be under way at a time.
    pub window: usize,
    /// Messages that may wait; one more ends the session.
    pub queue_max: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            resend_first: Duration::from_millis(200),
            resend_longest: Duration::from_secs(3),
            acknowledge_within: Duration::from_millis(20),
            keep_alive: Duration::from_secs(5),
            idle_timeout: Duration::from_secs(20),
            window: 256,
            queue_max: 1 << 16,
        }
    }
}

/// Something that has happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input<M> {
    /// The process has something to say to the peer.
    Said(M),
    /// A packet has come from the peer's address.
    Received(Packet<M>),
    /// The process wants no more of the peer.
    CloseAsked,
    /// The moment named by [`Link::next_deadline`] has come.
    DeadlineReached,
}

/// Something to be done by the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action<M> {
    /// Hand this to the network.
    Transmit(Packet<M>),
    /// Hand this to the process.
    Deliver(M),
    /// Tell the process that it is disconnected: what it said last may or may not have arrived.
    TellClosed(Reason),
}

/// Why a session is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The peer was not heard of for too long.
    Silent,
    /// The peer says that it knows nothing of the session: it has restarted, or has given up on us.
    Refused,
    /// The peer takes in less than it is told.
    QueueFull,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Silent => "it was silent for too long",
            Self::Refused => "it no longer knows this connection",
            Self::QueueFull => "it takes in less than it is told",
        })
    }
}

/// What is known of the peer's session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Theirs {
    /// We have called and wait for an answer.
    Unknown,
    /// This one has called; the call may be old.
    Claimed(SessionId),
    /// This one knows our number, which was drawn for this session alone.
    Proven(SessionId),
}

impl Theirs {
    fn id(self) -> Option<SessionId> {
        match self {
            Self::Unknown => None,
            Self::Claimed(id) | Self::Proven(id) => Some(id),
        }
    }
}

#[derive(Debug)]
struct Session<M> {
    ours: SessionId,
    theirs: Theirs,
    sending: Sending<M>,
    receiving: Receiving<M>,
    /// When the peer was last heard of; before that, the beginning.
    heard: Time,
    /// When a packet of ours last left.
    spoke: Time,
}

impl<M> Session<M> {
    fn is_proven(&self) -> bool {
        matches!(self.theirs, Theirs::Proven(_))
    }
}

/// One process' end of what it has with one peer.
#[derive(Debug)]
pub struct Link<M> {
    config: Config,
    random: Random,
    now: Time,
    session: Option<Session<M>>,
}

impl<M: Clone> Link<M> {
    /// A link without a session. No two links of any process may have the same `seed`.
    pub fn new(config: Config, seed: u64) -> Self {
        Self {
            config,
            random: Random::new(seed),
            now: Time::START,
            session: None,
        }
    }

    /// Takes in one thing that happened and appends what must be done about it to `out`.
    pub fn handle(&mut self, now: Time, input: Input<M>, out: &mut Vec<Action<M>>) {
        self.now = self.now.max(now);
        match input {
            Input::Said(message) => self.say(message, out),
            Input::Received(packet) => self.receive(packet, out),
            Input::CloseAsked => self.hang_up(out),
            Input::DeadlineReached => self.expire(out),
        }
    }

    /// Returns when [`Input::DeadlineReached`] is next due.
    pub fn next_deadline(&self) -> Option<Time> {
        let session = self.session.as_ref()?;
        let mut due = session.heard + self.config.idle_timeout;
        if session.is_proven() {
            due = due.min(session.spoke + self.config.keep_alive);
        }
        let others = [
            session.sending.resend_at(),
            session.receiving.acknowledge_at(),
        ];
        others
            .into_iter()
            .flatten()
            .min()
            .map(|other| due.min(other))
            .or(Some(due))
    }

    /// Returns how many messages were said and not acknowledged.
    pub fn waiting(&self) -> usize {
        self.session
            .as_ref()
            .map_or(0, |session| session.sending.len())
    }

    /// Returns whether the peer has answered in this session.
    pub fn is_open(&self) -> bool {
        self.session.as_ref().is_some_and(Session::is_proven)
    }

    fn say(&mut self, message: M, out: &mut Vec<Action<M>>) {
        if self.session.is_none() {
            self.begin(Theirs::Unknown);
        }
        let queue_max = self.config.queue_max;
        let Some(session) = &mut self.session else {
            return;
        };
        if session.sending.len() >= queue_max {
            return self.close(Reason::QueueFull, out);
        }
        session.sending.push(message);
        if session.is_proven() {
            self.send_more(out);
        } else if session.sending.resend_at().is_none() {
            self.greet(out);
        }
    }

    fn begin(&mut self, theirs: Theirs) {
        self.session = Some(Session {
            ours: SessionId(self.random.draw()),
            theirs,
            sending: Sending::new(self.config.resend_first),
            receiving: Receiving::default(),
            heard: self.now,
            spoke: self.now,
        });
    }

    fn receive(&mut self, packet: Packet<M>, out: &mut Vec<Action<M>>) {
        let ours = self.session.as_ref().map(|session| session.ours);
        match packet.to {
            None => self.answer(packet.from, out),
            Some(to) if Some(to) != ours => out.extend(packet.refusal().map(Action::Transmit)),
            Some(_) => self.take(packet, out),
        }
    }

    /// Somebody calls. Where a session lives already, its peer is asked whether it does there too.
    fn answer(&mut self, caller: SessionId, out: &mut Vec<Action<M>>) {
        match &mut self.session {
            None => self.begin(Theirs::Claimed(caller)),
            Some(session) if !session.is_proven() => session.theirs = Theirs::Claimed(caller),
            Some(_) => {}
        }
        self.transmit(Content::Nothing, out);
    }

    /// A packet is for our session.
    fn take(&mut self, packet: Packet<M>, out: &mut Vec<Action<M>>) {
        let now = self.now;
        let Some(session) = &mut self.session else {
            return;
        };
        if matches!(packet.content, Content::Refused) {
            return self.refused(packet.from, out);
        }
        let proves = !session.is_proven();
        if proves {
            session.theirs = Theirs::Proven(packet.from);
            session.sending.stop_waiting(self.config.resend_first);
        } else if session.theirs != Theirs::Proven(packet.from) {
            return;
        }
        session.heard = now;
        session
            .sending
            .acknowledged(packet.received, now, self.config.resend_first);
        if let Content::Message { number, message } = packet.content {
            self.take_message(number, message, out);
        }
        let spoken = self.send_more(out);
        if proves && !spoken {
            // The peer waits for the proof.
            self.transmit(Content::Nothing, out);
        }
    }

    fn take_message(&mut self, number: u64, message: M, out: &mut Vec<Action<M>>) {
        let Some(session) = &mut self.session else {
            return;
        };
        let deliver = |message| out.push(Action::Deliver(message));
        match session
            .receiving
            .take(number, message, self.config.window, deliver)
        {
            Taken::New => {
                let within = self.now + self.config.acknowledge_within;
                session.receiving.acknowledge_by(within);
            }
            // Our acknowledgement was lost, or is late.
            Taken::Again => self.transmit(Content::Nothing, out),
        }
    }

    /// The peer knows nothing of this session. Before it has proven itself that was an old call, and nothing is lost.
    fn refused(&mut self, by: SessionId, out: &mut Vec<Action<M>>) {
        let Some(session) = &mut self.session else {
            return;
        };
        match session.theirs {
            Theirs::Proven(id) if id == by => self.end(Reason::Refused, out),
            Theirs::Claimed(id) if id == by && session.sending.len() == 0 => self.session = None,
            Theirs::Claimed(id) if id == by => {
                session.theirs = Theirs::Unknown;
                self.greet(out);
            }
            // Nobody listens where we call.
            Theirs::Unknown if by == SessionId::NOBODY => self.end(Reason::Refused, out),
            _ => {}
        }
    }

    fn hang_up(&mut self, out: &mut Vec<Action<M>>) {
        self.say_refused(out);
        self.session = None;
    }

    /// Tells the peer that this session is over, if it has a name for it.
    fn say_refused(&mut self, out: &mut Vec<Action<M>>) {
        let theirs = self
            .session
            .as_ref()
            .and_then(|session| session.theirs.id());
        if theirs.is_some() {
            self.transmit(Content::Refused, out);
        }
    }

    fn close(&mut self, reason: Reason, out: &mut Vec<Action<M>>) {
        self.say_refused(out);
        self.end(reason, out);
    }

    /// The session is over. A call that nobody stood by is forgotten in silence.
    fn end(&mut self, reason: Reason, out: &mut Vec<Action<M>>) {
        let known = |session: &Session<M>| session.is_proven() || session.sending.len() > 0;
        if self.session.take().as_ref().is_some_and(known) {
            out.push(Action::TellClosed(reason));
        }
    }

    fn expire(&mut self, out: &mut Vec<Action<M>>) {
        let (now, longest) = (self.now, self.config.resend_longest);
        let Some(session) = &mut self.session else {
            return;
        };
        if session.heard + self.config.idle_timeout <= now {
            return self.close(Reason::Silent, out);
        }
        if session.sending.resend_at().is_some_and(|due| due <= now) {
            session.sending.back_off(now, longest);
            self.resend(out);
        }
        let Some(session) = &self.session else { return };
        let acknowledge = session
            .receiving
            .acknowledge_at()
            .is_some_and(|due| due <= now);
        let keep_alive = session.is_proven() && session.spoke + self.config.keep_alive <= now;
        if acknowledge || keep_alive {
            self.transmit(Content::Nothing, out);
        }
    }

    fn resend(&mut self, out: &mut Vec<Action<M>>) {
        let Some(session) = &self.session else { return };
        if !session.is_proven() {
            return self.greet(out);
        }
        for content in session.sending.oldest() {
            self.transmit(content, out);
        }
    }

    /// Calls, or says again that we are here, until the peer answers.
    fn greet(&mut self, out: &mut Vec<Action<M>>) {
        let now = self.now;
        let Some(session) = &mut self.session else {
            return;
        };
        session.sending.wait(now);
        let calls = session.theirs == Theirs::Unknown;
        self.transmit(
            if calls {
                Content::Open
            } else {
                Content::Nothing
            },
            out,
        );
    }

    /// Sends what there is room for; returns whether that was anything.
    fn send_more(&mut self, out: &mut Vec<Action<M>>) -> bool {
        let mut any = false;
        while let Some(content) = self.next_message() {
            any = true;
            self.transmit(content, out);
        }
        any
    }

    fn next_message(&mut self) -> Option<Content<M>> {
        let now = self.now;
        let session = self
            .session
            .as_mut()
            .filter(|session| session.is_proven())?;
        session.sending.next(now, self.config.window)
    }

    fn transmit(&mut self, content: Content<M>, out: &mut Vec<Action<M>>) {
        let Some(session) = &mut self.session else {
            return;
        };
        session.spoke = self.now;
        out.push(Action::Transmit(Packet {
            from: session.ours,
            to: session.theirs.id(),
            received: session.receiving.acknowledge(),
            content,
        }));
    }
}
