//! One question to the masters, asked until the leader answers it (Spark: `deploy.ClientEndpoint`).
//!
//! Nobody knows who leads, so all are asked; nobody knows what has arrived, so they are asked again. A request can be
//! said twice: a submission carries its key, and the others do no more the second time.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use crate::following::list;
use crate::message::{DriverSpec, ToMaster, ToSubmitter};
use crate::{Address, ApplicationId, DriverId, Epoch, Host, Message, Random, Settings, Time};

/// How far apart the questions are: half of it more or less.
const RETRY_WAIT: Duration = Duration::from_secs(2);

/// What is asked for.
#[derive(Clone, Debug, PartialEq)]
pub enum Request {
    /// Run a driver.
    SubmitDriver(DriverSpec),
    /// Kill a driver.
    KillDriver(DriverId),
    /// How is a driver?
    DriverStatus(DriverId),
    /// Kill an application.
    KillApplication(ApplicationId),
    /// Take machines out of service, in good order.
    DecommissionWorkersOnHosts(Vec<Host>),
}

impl Request {
    fn message(&self) -> ToMaster {
        match self {
            Self::SubmitDriver(spec) => ToMaster::RequestSubmitDriver(spec.clone()),
            Self::KillDriver(driver) => ToMaster::RequestKillDriver(*driver),
            Self::DriverStatus(driver) => ToMaster::RequestDriverStatus(*driver),
            Self::KillApplication(application) => ToMaster::RequestKillApplication(*application),
            Self::DecommissionWorkersOnHosts(hosts) => {
                ToMaster::DecommissionWorkersOnHosts(hosts.clone())
            }
        }
    }

    fn is_answered_by(&self, answer: &ToSubmitter) -> bool {
        match (self, answer) {
            (Self::SubmitDriver(spec), ToSubmitter::SubmitDriverResponse { key, .. }) => {
                spec.key == *key
            }
            (Self::KillDriver(asked), ToSubmitter::KillDriverResponse { driver, .. })
            | (Self::DriverStatus(asked), ToSubmitter::DriverStatusResponse { driver, .. }) => {
                asked == driver
            }
            (
                Self::KillApplication(asked),
                ToSubmitter::KillApplicationResponse { application, .. },
            ) => asked == application,
            (Self::DecommissionWorkersOnHosts(_), ToSubmitter::DecommissionResponse { .. }) => true,
            _ => false,
        }
    }
}

/// Something that has happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// The process has begun. Said once, before anything else.
    Started,
    /// A master has said something.
    Received {
        /// Which.
        from: Address,
        /// Its term.
        epoch: Epoch,
        /// What.
        message: ToSubmitter,
    },
    /// Nothing can be said to a master any more, and what was under way may be lost.
    Disconnected {
        /// Which.
        peer: Address,
    },
    /// The moment named by [`Submission::next_deadline`] has come.
    DeadlineReached,
}

/// Something to be done by the host.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Send this; where there is no connection, open one.
    Send {
        /// To whom.
        to: Address,
        /// What.
        message: Message,
    },
    /// Hand on the leader's answer, or why there is none. Nothing comes after it.
    Answer(Result<ToSubmitter, Arc<str>>),
}

/// What [`Submission::handle`] appends to. The host empties and reuses it.
#[derive(Clone, Debug, Default)]
pub struct Outbox {
    /// To be carried out, in order.
    pub actions: Vec<Action>,
}

impl Outbox {
    /// Empties it, keeping its room.
    pub fn clear(&mut self) {
        self.actions.clear();
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Life {
    New,
    Asking { until: Time, next_try: Time },
    Answered,
}

/// Asks one question.
#[derive(Debug)]
pub struct Submission {
    now: Time,
    request: Request,
    masters: Vec<Address>,
    timeout: Duration,
    random: Random,
    /// The highest heard.
    epoch: Epoch,
    /// Masters that do not lead, by their own words.
    standbys: BTreeSet<Address>,
    life: Life,
}

impl Submission {
    /// A question that has not been asked yet. All randomness comes from `seed`.
    pub fn new(request: Request, masters: Vec<Address>, settings: &Settings, seed: u64) -> Self {
        Self {
            now: Time::START,
            request,
            masters,
            timeout: settings.deploy_client_submission_timeout(),
            random: Random::new(seed),
            epoch: Epoch::default(),
            standbys: BTreeSet::new(),
            life: Life::New,
        }
    }

    /// Takes in one thing that happened and appends what must be done about it to `out`.
    pub fn handle(&mut self, now: Time, input: Input, out: &mut Outbox) {
        self.now = self.now.max(now);
        match (self.life, input) {
            (Life::New, Input::Started) => self.ask(self.now + self.timeout, out),
            (
                Life::Asking { .. },
                Input::Received {
                    from,
                    epoch,
                    message,
                },
            ) => self.receive(from, epoch, message, out),
            (Life::Asking { until, next_try }, Input::DeadlineReached) => {
                if until <= self.now {
                    self.answer(Err(self.explain()), out);
                } else if next_try <= self.now {
                    self.ask(until, out);
                }
            }
            // A master that can't be reached is asked again with the others.
            _ => {}
        }
    }

    /// Returns when [`Input::DeadlineReached`] is next due.
    pub fn next_deadline(&self) -> Option<Time> {
        match self.life {
            Life::Asking { until, next_try } => Some(until.min(next_try)),
            Life::New | Life::Answered => None,
        }
    }

    fn ask(&mut self, until: Time, out: &mut Outbox) {
        for master in &self.masters {
            out.actions.push(Action::Send {
                to: master.clone(),
                message: self.request.message().into(),
            });
        }
        let micros = Time::from(RETRY_WAIT).as_micros();
        let drawn = micros / 2 + self.random.below(micros + 1);
        let next_try = self.now + Duration::from_micros(drawn);
        self.life = Life::Asking { until, next_try };
    }

    fn receive(&mut self, from: Address, epoch: Epoch, message: ToSubmitter, out: &mut Outbox) {
        if message == ToSubmitter::MasterInStandby {
            self.standbys.insert(from);
        } else if epoch >= self.epoch {
            self.epoch = epoch;
            if self.request.is_answered_by(&message) {
                self.answer(Ok(message), out);
            }
        }
    }

    fn answer(&mut self, answer: Result<ToSubmitter, Arc<str>>, out: &mut Outbox) {
        self.life = Life::Answered;
        out.actions.push(Action::Answer(answer));
    }

    /// Says why there is no answer.
    fn explain(&self) -> Arc<str> {
        let (masters, seconds) = (list(&self.masters), self.timeout.as_secs());
        if self.standbys.is_empty() {
            return format!("no master at {masters} answered within {seconds} s").into();
        }
        let standbys: Vec<Address> = self.standbys.iter().cloned().collect();
        let standbys = list(&standbys);
        format!("no master at {masters} came to lead within {seconds} s; standing by: {standbys}")
            .into()
    }
}
