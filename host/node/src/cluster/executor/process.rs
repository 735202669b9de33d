//! The loop's side of an executor: what happens goes into its machine, and what that orders is carried out.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use daemon::instructions::ExecutorInstructions;
use daemon::process::{Post, Process, scheduled};
use network::{Endpoint, Peer, Reply};
use sandbox::Image;
use scheduler::executor::{Action, Config, Executor as Machine, Input, Outbox};
use scheduler::message::ToDriver;
use scheduler::{
    Address, AttemptId, FailureKind, ImageId, KillReason, Message, Outcome, Task, TaskFailure,
    TaskMetrics, Time,
};
use store::{ClusterShuffles, Files, IndexCache, ShuffleFolder};
use tokio::runtime::Handle;
use tokio::sync::mpsc::Sender;
use tracing::{debug, info, warn};
use wire::{Content, Data, Fetch, Refusal, RefusalKind};

use super::ExecutorError;
use super::commits::Commits;
use super::driver::RemoteDriver;
use super::images::{self, Fetched, Images, Source};
use super::load::Loaded;
use super::map_outputs::Known;
use super::remote::NetworkBuckets;
use super::results::{Left, Results};
use crate::Console;
use crate::cluster::block;
use crate::executor::{self, Copier, DriverRef, Executor};

/// A larger result does not go between messages but as a transfer.
const RESULT_BYTES_MAX: usize = 256 << 10;

/// Bytes of indexes of shuffle files that are kept.
const INDEX_BYTES: usize = 32 << 20;

/// What happens to an executor.
pub(super) enum Fact {
    Machine(Input),
    /// An image has come, or will not.
    Image(ImageId, Fetched),
}

/// An executor's machine, and what its orders are carried out on.
pub(super) struct ExecutorProcess {
    machine: Machine,
    outbox: Outbox,
    executor: Arc<Executor>,
    threads: Vec<JoinHandle<()>>,
    copier: Copier,
    images: Images,
    source: Source,
    folder: ShuffleFolder,
    /// What the driver is told before the executor registers.
    shuffle_service: Data,
    results: Arc<Results>,
    commits: Arc<Commits>,
    facts: Sender<Fact>,
    begun: bool,
}

impl ExecutorProcess {
    pub(super) fn new(
        instructions: &ExecutorInstructions,
        loaded: Loaded,
        endpoint: &Endpoint,
        facts: Sender<Fact>,
        console: Arc<dyn Console>,
    ) -> Result<Self, ExecutorError> {
        let ExecutorInstructions { name, place, .. } = instructions;
        let config = Config {
            executor: name.executor,
            worker: place.worker,
            host: place.host.clone(),
            rack: place.rack.clone(),
            cores: instructions.cores,
            driver: instructions.driver.clone(),
        };
        let folder = ShuffleFolder::new(&instructions.shuffle);
        let image_max = scheduler::memory::image_max(&loaded.settings);
        let source = Source {
            endpoint: endpoint.clone(),
            driver: instructions.driver.clone(),
            application: name.application,
            terms: loaded.program.terms(image_max),
        };
        let machine = Machine::new(config, &loaded.settings);
        let Loaded {
            program,
            settings,
            grants,
        } = loaded;
        let files = Files::new(grants, &settings);
        let executor = Executor::new(
            program,
            &settings,
            files.clone(),
            console,
            instructions.cores,
            instructions.scratch.clone(),
        );
        let executor = Arc::new(executor);
        let (results, commits) = (Arc::<Results>::default(), Arc::<Commits>::default());
        let remote = NetworkBuckets {
            endpoint: endpoint.clone(),
            runtime: Handle::current(),
            application: name.application,
        };
        let indexes = Arc::new(IndexCache::new(INDEX_BYTES));
        let in_flight_max = executor.memory.open_windows(&settings, instructions.cores);
        let driver: Arc<dyn DriverRef> = Arc::new(RemoteDriver {
            endpoint: endpoint.clone(),
            runtime: Handle::current(),
            driver: instructions.driver.clone(),
            application: name.application,
            here: place.host.clone(),
            folder: folder.clone(),
            shuffles: ClusterShuffles::new(indexes, Arc::new(remote), in_flight_max),
            facts: facts.clone(),
            memory: Arc::clone(&executor.memory),
            results: Arc::clone(&results),
            commits: Arc::clone(&commits),
            map_outputs: Known::default(),
            outputs: Mutex::new(BTreeMap::new()),
            files,
        });
        Ok(Self {
            machine,
            outbox: Outbox::default(),
            threads: executor::start(&executor, &driver),
            copier: Copier::start(&executor, &driver),
            executor,
            images: Images::default(),
            source,
            shuffle_service: Data::ShuffleService {
                executor: name.executor,
                address: place.worker_address.clone(),
                folder: folder.path().to_string_lossy().into_owned(),
            },
            folder,
            results,
            commits,
            facts,
            begun: false,
        })
    }

    /// Kills what runs. The threads end by themselves, with the process at the latest.
    pub(super) fn stop(&mut self) {
        self.executor.stop();
        self.threads.clear();
    }

    /// Feeds the machine and carries out its orders; returns why the process ends, when it does.
    fn feed(&mut self, now: Time, input: Input, post: &mut Post) -> Option<Arc<str>> {
        let mut outbox = std::mem::take(&mut self.outbox);
        self.machine.handle(now, input, &mut outbox);
        for event in outbox.events.drain(..) {
            info!("{}", event.kind);
        }
        let mut end = None;
        for action in outbox.actions.drain(..) {
            let exit = self.obey(action, post);
            end = end.or(exit);
        }
        outbox.clear();
        self.outbox = outbox;
        end
    }

    /// Tells the machine what its tasks have cost so far: a heartbeat may be due.
    fn note_costs(&mut self, now: Time, post: &mut Post) {
        for (attempt, metrics) in self.executor.costs() {
            // That alone ends no executor.
            self.feed(now, Input::TaskProgressed { attempt, metrics }, post);
        }
    }

    fn obey(&mut self, action: Action, post: &mut Post) -> Option<Arc<str>> {
        match action {
            Action::Send { to, message } => self.send(to, message, post),
            Action::RunTask(task) => self.run(task),
            Action::KillTask { attempt, reason } => {
                self.kill(attempt, reason);
            }
            Action::GrantCommit(attempt) => self.commits.answer(attempt, true),
            Action::DenyCommit(attempt) => self.commits.answer(attempt, false),
            Action::CopyBlock { rdd, partition } => self.copier.copy(rdd, partition),
            Action::RemoveBlocks(rdd) => {
                let removed = self.executor.blocks.remove(rdd);
                tokio::task::spawn_blocking(move || drop(removed));
            }
            Action::RemoveShuffle(shuffle) => {
                let folder = self.folder.clone();
                tokio::task::spawn_blocking(move || {
                    // What is left goes with the application.
                    let _ = folder.remove_shuffle(shuffle);
                });
            }
            Action::ReleaseResults(attempts) => self.results.release(&attempts),
            Action::Exit { reason } => return Some(reason),
        }
        None
    }

    fn kill(&mut self, attempt: AttemptId, reason: KillReason) {
        let waited = match reason {
            KillReason::Recalled => self.executor.take_back(attempt),
            _ => {
                self.executor.kill(attempt, reason);
                self.commits.answer(attempt, false);
                false
            }
        };
        if waited || self.images.give_up(attempt) {
            let why = "it was killed before it began";
            self.fail(attempt, FailureKind::Killed, why);
        }
    }

    /// Sends a message, after what belongs before it.
    fn send(&self, to: Address, message: Message, post: &mut Post) {
        match &message {
            Message::ToDriver(ToDriver::RegisterExecutor { .. }) => {
                post.send(to.clone(), self.shuffle_service.clone());
            }
            Message::ToDriver(ToDriver::StatusUpdate { attempt, .. }) => {
                let attempt = *attempt;
                let Left { result, added } = self.results.get(attempt).unwrap_or_default();
                if !added.is_empty() {
                    let updates = added;
                    post.send(to.clone(), Data::Accumulators { attempt, updates });
                }
                if let Some(bytes) = result {
                    return self.send_result(attempt, bytes, to, message, post);
                }
            }
            _ => {}
        }
        post.send(to, message);
    }

    fn send_result(
        &self,
        attempt: AttemptId,
        bytes: bytes::Bytes,
        to: Address,
        message: Message,
        post: &mut Post,
    ) {
        if bytes.len() <= RESULT_BYTES_MAX {
            let bytes = bytes.to_vec();
            post.send(to.clone(), Data::TaskResult { attempt, bytes });
            return post.send(to, message);
        }
        let endpoint = post.endpoint().clone();
        tokio::spawn(async move {
            let brought = async {
                let driver = endpoint.connect(&to, wire::Role::Driver).await?;
                driver.send(Content::TaskResult { attempt }, bytes).await?;
                endpoint.send(&to, message.into())
            };
            if let Err(error) = brought.await {
                // It is told again when the driver is there again.
                warn!("the result of {attempt} was not sent: failed to {error}");
            }
        });
    }

    fn run(&mut self, task: Task) {
        if let Some(image) = self.images.get(task.image) {
            return self.executor.run(task, image);
        }
        if !self.images.wait(task) {
            return;
        }
        let (source, known, facts) = (self.source.clone(), self.images.known(), self.facts.clone());
        tokio::spawn(async move {
            let fetched = images::fetch(source, task.image, known).await;
            let fetched = fetched.map_err(Arc::from);
            // Where the loop has ended nobody waits.
            let _ = facts.send(Fact::Image(task.image, fetched)).await;
        });
    }

    fn image_came(&mut self, id: ImageId, fetched: &Fetched) {
        for task in self.images.came(id, fetched.as_ref().ok()) {
            match fetched {
                Ok(image) => self.executor.run(task, Image::clone(image)),
                Err(reason) => self.fail(task.attempt, FailureKind::Io, reason),
            }
        }
    }

    /// Ends an attempt that has not begun.
    fn fail(&self, attempt: AttemptId, kind: FailureKind, why: &str) {
        let ended = Input::TaskEnded {
            attempt,
            outcome: Outcome::from(TaskFailure::new(kind, why)),
            metrics: TaskMetrics::default(),
        };
        let facts = self.facts.clone();
        tokio::spawn(async move {
            let _ = facts.send(Fact::Machine(ended)).await;
        });
    }
}

impl Process for ExecutorProcess {
    type Input = Fact;
    type End = Arc<str>;

    fn received(&mut self, from: &Peer, message: wire::Message) -> Option<Fact> {
        match scheduled(message)? {
            Message::ToExecutor(message) => Some(Fact::Machine(Input::Received {
                from: from.address().clone(),
                message,
            })),
            _ => None,
        }
    }

    fn disconnected(&mut self, peer: Address, _reason: &str) -> Option<Fact> {
        Some(Fact::Machine(Input::Disconnected { peer }))
    }

    fn deadline_reached(&mut self) -> Fact {
        if std::mem::replace(&mut self.begun, true) {
            Fact::Machine(Input::DeadlineReached)
        } else {
            Fact::Machine(Input::Started)
        }
    }

    fn next_deadline(&self) -> Option<Time> {
        if self.begun {
            self.machine.next_deadline()
        } else {
            Some(Time::START)
        }
    }

    fn step(&mut self, now: Time, fact: Fact, post: &mut Post) -> Option<Arc<str>> {
        match fact {
            Fact::Machine(input) => {
                if input == Input::DeadlineReached {
                    self.note_costs(now, post);
                }
                self.feed(now, input, post)
            }
            Fact::Image(id, fetched) => {
                self.image_came(id, &fetched);
                None
            }
        }
    }

    fn fetched(&mut self, from: Peer, fetch: Fetch, reply: Reply) {
        let Fetch::Block { block: wanted, .. } = fetch else {
            return;
        };
        let blocks = Arc::clone(&self.executor.blocks);
        let memory = Arc::clone(&self.executor.memory);
        tokio::spawn(async move {
            let read = tokio::task::spawn_blocking(move || block::read(&blocks, &memory, wanted));
            let sent = match read.await.ok().flatten() {
                Some((bytes, _memory)) => reply.send(Content::Block(wanted), bytes.into()).await,
                None => {
                    let refusal =
                        Refusal::new(RefusalKind::Missing, "it is not cached here any more");
                    reply.refuse(refusal).await
                }
            };
            if let Err(error) = sent {
                debug!(peer = %from, reason = %error, "a cached partition was not sent");
            }
        });
    }
}
