//! One request to the masters, driven to its answer.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use network::Peer;
use scheduler::client::submission::{Action, Input, Outbox};
use scheduler::client::{Request, Submission};
use scheduler::message::ToSubmitter;
use scheduler::{Address, Message, Settings, Time};
use tokio::sync::mpsc;
use wire::{Content, Fetch, Hash, Refusal, RefusalKind};

use crate::process::{Post, Process, run, scheduled};
use crate::{Error, Masters, random};

pub(super) async fn ask(
    post: &mut Post,
    masters: &Masters,
    request: Request,
    settings: &Settings,
) -> Result<ToSubmitter, Error> {
    let addresses = masters.addresses().to_vec();
    let mut asking = Asking {
        submission: Submission::new(request, addresses, settings, random::draw()),
        out: Outbox::default(),
        sent: 0,
        last: None,
    };
    // Nothing else happens here.
    let (_facts, mut none) = mpsc::channel(1);
    let begun = asking.step(post.now(), Input::Started, post);
    let answer = match begun {
        Some(answer) => answer,
        None => run(&mut asking, post, &mut none).await,
    };
    let within = settings.deploy_client_submission_timeout();
    answer.map_err(|reason| asking.explain(masters, within, reason))
}

/// How long a master may take to put a component in its place after the last byte.
const PLACED_WITHIN: Duration = Duration::from_secs(10);

/// How long to wait before it is asked again whether it has.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// Brings a component to a master that does not have it.
pub(super) async fn bring(peer: &Peer, hash: Hash, bytes: Bytes) -> Result<(), network::Error> {
    if has(peer, hash).await? {
        return Ok(());
    }
    peer.send(Content::Component { hash }, bytes).await?;
    let placed = async {
        while !has(peer, hash).await? {
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        Ok(())
    };
    let placed = tokio::time::timeout(PLACED_WITHIN, placed).await;
    placed.unwrap_or_else(|_| {
        let reason = "the master could not keep the component; its log says why";
        let refusal = Refusal::new(RefusalKind::Failed, reason);
        Err(network::Error::NotToBeHad(refusal))
    })
}

async fn has(peer: &Peer, hash: Hash) -> Result<bool, network::Error> {
    match peer.fetch(Fetch::Component { hash }).await {
        // Its bytes are not wanted: dropped, the transfer is given up.
        Ok(_) => Ok(true),
        Err(network::Error::NotToBeHad(refusal)) if refusal.kind == RefusalKind::Missing => {
            Ok(false)
        }
        Err(error) => Err(error),
    }
}

struct Asking {
    submission: Submission,
    out: Outbox,
    /// How many questions were sent.
    sent: usize,
    /// Why the latest of them did not arrive.
    last: Option<String>,
}

impl Asking {
    fn explain(&self, masters: &Masters, within: Duration, reason: Arc<str>) -> Error {
        let Some(last) = self.last.clone() else {
            return Error::Ended(reason);
        };
        let tries = self.sent / masters.addresses().len().max(1);
        Error::NoMaster {
            masters: masters.clone(),
            tries: u32::try_from(tries).unwrap_or(u32::MAX),
            within,
            last,
        }
    }
}

impl Process for Asking {
    type Input = Input;
    type End = Result<ToSubmitter, Arc<str>>;

    fn received(&mut self, from: &Peer, message: wire::Message) -> Option<Input> {
        match scheduled(message)? {
            Message::ToSubmitter(epoch, message) => Some(Input::Received {
                from: from.address().clone(),
                epoch,
                message,
            }),
            _ => None,
        }
    }

    fn disconnected(&mut self, peer: Address, reason: &str) -> Option<Input> {
        self.last = Some(reason.to_owned());
        Some(Input::Disconnected { peer })
    }

    fn deadline_reached(&mut self) -> Input {
        Input::DeadlineReached
    }

    fn next_deadline(&self) -> Option<Time> {
        self.submission.next_deadline()
    }

    fn step(&mut self, now: Time, input: Input, post: &mut Post) -> Option<Self::End> {
        self.submission.handle(now, input, &mut self.out);
        let mut answer = None;
        for action in self.out.actions.drain(..) {
            match action {
                Action::Send { to, message } => {
                    self.sent += 1;
                    post.send(to, message);
                }
                Action::Answer(given) => answer = Some(given),
            }
        }
        answer
    }
}
