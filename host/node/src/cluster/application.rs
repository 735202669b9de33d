//! The driver's half of an application on a cluster: its machine, and the network that its orders go over.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use daemon::{Masters, certify};
use network::{Endpoint, Event as NetworkEvent, Peer};
use sandbox::{AccumulatorUpdate, Image};
use scheduler::application::{Action, Application as Machine, Input, Outbox};
use scheduler::message::{ApplicationSpec, ToApplication, ToDriver};
use scheduler::{
    Action as Order, Address, ApplicationId, AttemptId, Event, ExecutorId, Host, JobId, JobSpec,
    LineageError, Message, Rdd, Settings, Tenant, Time, WorkerId, allocation,
};
use store::Grants;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tracing::{debug, warn};
use wire::{Content, Data, Subject};

use super::images::Images;
use crate::driver::{EventQueue, JobScheduler, Jobs, Outputs, Progress};
use crate::machine::{Machine as Fed, Shared, State};

/// How long a master may take to give the application its certificate.
const CERTIFICATE_WAIT: Duration = Duration::from_secs(20);

/// How long the last words to everybody may take.
const GOODBYE_WAIT: Duration = Duration::from_secs(1);

impl Fed for Machine {
    type Input = Input;
    type Outbox = Outbox;

    fn handle(&mut self, now: Time, input: Input, out: &mut Outbox) {
        self.handle(now, input, out);
    }

    fn next_deadline(&self) -> Option<Time> {
        self.next_deadline()
    }

    fn deadline_reached() -> Input {
        Input::DeadlineReached
    }
}

/// What an application brings to a cluster.
#[derive(Clone)]
pub(super) struct Offer {
    pub(super) component: Bytes,
    pub(super) grants: Grants,
    pub(super) masters: Masters,
    pub(super) tenant: Tenant,
}

/// Where an executor is, and its shuffle files, which may outlive it.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) worker: WorkerId,
    pub(super) host: Host,
    /// Where it listens.
    pub(super) address: Address,
    /// Where its shuffle files are served.
    pub(super) shuffle_service: Address,
    /// Where they are on its machine.
    pub(super) folder: Arc<str>,
}

/// An application on a cluster, seen from its driver.
pub(super) struct Application {
    pub(super) machine: Shared<Machine>,
    pub(super) endpoint: Endpoint,
    runtime: Handle,
    pub(super) offer: Offer,
    pub(super) settings: Settings,
    jobs: Jobs,
    events: EventQueue,
    outputs: Outputs,
    pub(super) images: Mutex<Images>,
    pub(super) places: Mutex<BTreeMap<ExecutorId, Place>>,
    results: Mutex<Results>,
}

/// Results of tasks whose ends are not told yet, and ends whose results have not come yet.
#[derive(Default)]
struct Results {
    here: BTreeMap<AttemptId, Vec<u8>>,
    /// What they have added to accumulators.
    added: BTreeMap<AttemptId, Vec<wire::AccumulatorUpdate>>,
    /// A transfer brings them.
    coming: BTreeSet<AttemptId>,
    held: BTreeMap<AttemptId, (Address, ToDriver)>,
}

impl Application {
    pub(super) fn new(
        offer: Offer,
        spec: ApplicationSpec,
        settings: Settings,
        (endpoint, runtime): (Endpoint, Handle),
        seed: u64,
    ) -> Result<Arc<Self>, allocation::Error> {
        let masters = offer.masters.addresses().to_vec();
        let machine = Machine::new(spec, masters, &settings, seed)?;
        Ok(Arc::new(Self {
            machine: Shared::new(machine),
            endpoint,
            runtime,
            offer,
            jobs: Jobs::default(),
            events: EventQueue::new(settings.event_queue_capacity() as usize),
            settings,
            outputs: Outputs::default(),
            images: Mutex::default(),
            places: Mutex::default(),
            results: Mutex::default(),
        }))
    }

    /// Registers with the masters.
    pub(super) fn begin(&self) {
        self.handle(Input::Started);
    }

    /// Says each of the machine's deadlines as it comes, until the application stops.
    pub(super) fn keep_deadlines(&self) {
        self.machine.keep_deadlines(|state| self.carry_out(state));
    }

    /// Takes in what comes over the network, until there is none any more.
    pub(super) async fn listen(self: Arc<Self>, mut events: mpsc::Receiver<NetworkEvent>) {
        while let Some(event) = events.recv().await {
            self.hear(event);
        }
    }

    fn hear(self: &Arc<Self>, event: NetworkEvent) {
        match event {
            NetworkEvent::Connected(_) => {}
            NetworkEvent::Disconnected(peer, reason) => {
                debug!(%peer, %reason, "disconnected");
                self.disconnected(peer.address().clone());
            }
            NetworkEvent::Unreachable(address, reason) => {
                debug!(%address, %reason, "unreachable");
                self.disconnected(address);
            }
            NetworkEvent::Received(peer, message) => self.receive(&peer, message),
            NetworkEvent::Asked(peer, message, answer) => self.answer(&peer, message, answer),
            NetworkEvent::Offered(peer, incoming) => self.take(peer, incoming),
            NetworkEvent::Fetched(_, fetch, reply) => self.send(fetch, reply),
        }
    }

    fn disconnected(&self, peer: Address) {
        self.results().forget(&peer);
        self.handle(Input::Disconnected { peer });
    }

    fn receive(self: &Arc<Self>, peer: &Peer, message: wire::Message) {
        let from = peer.address().clone();
        match message {
            wire::Message::Scheduler(Message::ToApplication(epoch, message)) => {
                if let ToApplication::RegisteredApplication { application, .. } = &message {
                    self.show_application(*application);
                }
                self.handle(Input::FromMaster {
                    from,
                    epoch,
                    message,
                });
            }
            wire::Message::Scheduler(Message::ToDriver(message)) => {
                self.hear_executor(from, message);
            }
            wire::Message::Data(Data::TaskResult { attempt, bytes }) => {
                self.results().here.insert(attempt, bytes);
            }
            wire::Message::Data(Data::Accumulators { attempt, updates }) => {
                self.results().added.insert(attempt, updates);
            }
            wire::Message::Data(Data::ShuffleService {
                executor,
                address,
                folder,
            }) => {
                let place = Place {
                    // Known when it registers, which comes next.
                    worker: WorkerId(0),
                    host: "".into(),
                    address: from,
                    shuffle_service: address,
                    folder: folder.into(),
                };
                self.places().insert(executor, place);
            }
            other => debug!(%peer, ?other, "ignored a message that is not for a driver"),
        }
    }

    fn hear_executor(&self, from: Address, message: ToDriver) {
        match &message {
            ToDriver::RegisterExecutor {
                executor,
                worker,
                host,
                ..
            } => {
                if let Some(place) = self.places().get_mut(executor) {
                    place.worker = *worker;
                    place.host = host.clone();
                }
            }
            ToDriver::StatusUpdate { attempt, .. } => {
                let attempt = *attempt;
                let mut results = self.results();
                if results.coming.contains(&attempt) {
                    results.held.insert(attempt, (from, message));
                    return;
                }
                drop(results);
                self.handle(Input::FromExecutor { from, message });
                // Accepted by now, or not wanted.
                self.results().settle(attempt);
                return;
            }
            _ => {}
        }
        self.handle(Input::FromExecutor { from, message });
    }

    /// Takes in a result that is too large for a message.
    fn take(self: &Arc<Self>, peer: Peer, incoming: network::Incoming) {
        let Content::TaskResult { attempt } = *incoming.content() else {
            return;
        };
        self.results().coming.insert(attempt);
        let limit = self.settings.driver_max_result_size().unwrap_or(u64::MAX);
        let application = Arc::clone(self);
        tokio::spawn(async move {
            match incoming.read(limit).await {
                Ok(bytes) => application.result_came(attempt, Some(bytes)),
                Err(error) => {
                    warn!(
                        "the result of {attempt} did not arrive from the {peer}: failed to {error}"
                    );
                    application.result_came(attempt, None);
                }
            }
        });
    }

    fn result_came(&self, attempt: AttemptId, bytes: Option<Vec<u8>>) {
        let mut results = self.results();
        results.coming.remove(&attempt);
        let held = results.held.remove(&attempt);
        results.here.extend(bytes.map(|bytes| (attempt, bytes)));
        drop(results);
        if let Some((from, message)) = held {
            self.hear_executor(from, message);
        }
    }

    /// Gets the certificate of the application: without it no executor is let in, and none comes.
    fn show_application(self: &Arc<Self>, application: ApplicationId) {
        let this = Arc::clone(self);
        tokio::spawn(async move {
            let subject = Subject::Driver {
                tenant: this.offer.tenant.clone(),
                application: Some(application),
            };
            let got = certify(
                &this.endpoint,
                &this.offer.masters,
                &subject,
                CERTIFICATE_WAIT,
            );
            let shown = match got.await {
                Ok(credentials) => this.endpoint.renew(&credentials).map_err(|e| e.to_string()),
                Err(error) => Err(error.to_string()),
            };
            if let Err(reason) = shown {
                warn!(
                    "{application} has no certificate, so that no executor can reach its driver: {reason}"
                );
            }
        });
    }

    fn handle(&self, input: Input) {
        let mut state = self.machine.lock();
        self.machine.feed(&mut state, input);
        self.carry_out(state);
    }

    /// Carries out what the machine ordered. Whom a message cannot be sent to is disconnected, which is news.
    fn carry_out(&self, mut state: MutexGuard<'_, State<Machine>>) {
        loop {
            let mut outbox = std::mem::take(&mut state.outbox);
            self.events.extend(&mut outbox.events);
            let lost: Vec<Address> = outbox
                .actions
                .drain(..)
                .filter_map(|action| self.obey(action))
                .collect();
            outbox.clear();
            state.outbox = outbox;
            if lost.is_empty() {
                return;
            }
            for peer in lost {
                self.machine.feed(&mut state, Input::Disconnected { peer });
            }
        }
    }

    /// Carries out one order; returns whom it could not be sent to.
    fn obey(&self, action: Action) -> Option<Address> {
        match action {
            Action::Send { to, message } => {
                let sent = self.endpoint.send(&to, message.into());
                sent.err().map(|error| {
                    warn!("a message was not sent: failed to {error}");
                    to
                })
            }
            Action::Program(order) => {
                self.obey_program(order);
                None
            }
            Action::Exit { reason } => {
                debug!(%reason, "the application is over");
                None
            }
        }
    }

    fn obey_program(&self, order: Order) {
        match order {
            Order::AcceptResult {
                job,
                partition,
                attempt,
            } => {
                let result = self.results().here.remove(&attempt).unwrap_or_default();
                self.jobs.accept(job, partition, result);
            }
            Order::CountAccumulators {
                job,
                stage,
                partition,
                attempt,
            } => {
                let added = self.results().added.remove(&attempt);
                self.jobs
                    .count(job, (stage, partition), added.unwrap_or_default());
            }
            Order::FinishJob { job } => self.jobs.end(job, Ok(())),
            Order::FailJob { job, failure } => self.jobs.end(job, Err(failure)),
            Order::ReleaseImage(image) => self.images().release(image),
            // The machine keeps their places; nobody asks for sizes yet.
            Order::RegisterMapOutput { .. } | Order::AcceptStatistics { .. } => {}
            // What executors do goes to them as messages.
            Order::LaunchTask { .. }
            | Order::KillTask { .. }
            | Order::GrantCommit { .. }
            | Order::DenyCommit { .. }
            | Order::KillExecutor { .. }
            | Order::CopyBlock { .. }
            | Order::RemoveShuffle(_)
            | Order::RemoveBlocks(_) => {}
        }
    }

    pub(super) fn images(&self) -> MutexGuard<'_, Images> {
        self.images.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn places(&self) -> MutexGuard<'_, BTreeMap<ExecutorId, Place>> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn results(&self) -> MutexGuard<'_, Results> {
        self.results.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Results {
    /// Forgets what an attempt left that has ended.
    fn settle(&mut self, attempt: AttemptId) {
        self.here.remove(&attempt);
        self.added.remove(&attempt);
    }

    /// Forgets what a peer that is gone has said and cannot complete.
    fn forget(&mut self, peer: &Address) {
        self.held.retain(|_, (from, _)| from != peer);
    }
}

impl JobScheduler for Application {
    fn define(&self, rdds: Vec<Rdd>) -> Result<(), LineageError> {
        let mut state = self.machine.lock();
        let State {
            machine, outbox, ..
        } = &mut *state;
        machine.define(rdds, outbox)?;
        self.carry_out(state);
        Ok(())
    }

    fn submit(&self, mut job: JobSpec, image: Image) -> JobId {
        let id = self.jobs.begin();
        job.job = id;
        self.images().add(job.image, image);
        self.feed(scheduler::Input::JobSubmitted(job));
        id
    }

    fn await_job(&self, job: JobId, timeout: Duration) -> Option<Progress> {
        self.jobs.await_job(job, timeout)
    }

    fn take_added(&self, job: JobId) -> Vec<AccumulatorUpdate> {
        self.jobs.take_added(job)
    }

    fn feed(&self, input: scheduler::Input) {
        self.handle(Input::Program(input));
    }

    fn outputs(&self) -> &Outputs {
        &self.outputs
    }

    fn take_events(&self) -> (Vec<Event>, u64) {
        self.events.take()
    }

    fn stop(&self) {
        self.feed(scheduler::Input::ApplicationEnded);
        self.jobs.stop();
        self.machine.end();
    }

    fn close(&self) {
        // On the thread of the program, not on the network's.
        self.runtime.block_on(self.endpoint.leave(GOODBYE_WAIT));
    }
}
