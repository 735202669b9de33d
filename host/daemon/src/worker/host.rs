//! What a worker does with what it hears, and with what its machine orders.

use std::path::PathBuf;
use std::sync::Arc;

use network::{Answer, Peer, Reply};
use scheduler::worker::{Action, Input, Outbox, Worker};
use scheduler::{Address, Message, Time};
use tokio::sync::mpsc;
use tracing::{info, warn};
use wire::{Data, Fetch};

use super::children::{Children, Name, Order};
use super::folders;
use super::serve::{LogAsk, Shelf};
use crate::process::{Post, Process, scheduled};

/// Carries out what the machine orders.
pub(super) struct WorkerHost {
    pub(super) worker: Worker,
    pub(super) children: Children,
    pub(super) shelf: Shelf,
    pub(super) facts: mpsc::Sender<Input>,
    pub(super) out: Outbox,
}

impl Process for WorkerHost {
    type Input = Input;
    type End = Arc<str>;

    fn received(&mut self, from: &Peer, message: wire::Message) -> Option<Input> {
        match scheduled(message)? {
            Message::ToWorker(epoch, message) => Some(Input::Received {
                from: from.address().clone(),
                epoch,
                message,
            }),
            _ => None,
        }
    }

    fn disconnected(&mut self, peer: Address, _reason: &str) -> Option<Input> {
        Some(Input::Disconnected { peer })
    }

    fn deadline_reached(&mut self) -> Input {
        Input::DeadlineReached
    }

    fn next_deadline(&self) -> Option<Time> {
        self.worker.next_deadline()
    }

    fn step(&mut self, now: Time, input: Input, post: &mut Post) -> Option<Arc<str>> {
        self.children.note(&input);
        let mut out = std::mem::take(&mut self.out);
        self.worker.handle(now, input, &mut out);
        for event in out.events.drain(..) {
            info!("{}", event.kind);
        }
        let mut end = None;
        for action in out.actions.drain(..) {
            match action {
                Action::Send { to, message } => post.send(to, message),
                Action::Exit { reason } => end = Some(reason),
                other => self.carry_out(other),
            }
        }
        self.out = out;
        end
    }

    fn asked(&mut self, from: Peer, message: wire::Message, answer: Answer) {
        let wire::Message::Data(Data::LogAsked {
            source,
            stream,
            offset,
            bytes_max,
            follow,
        }) = message
        else {
            return;
        };
        let ask = LogAsk {
            source,
            stream,
            offset,
            bytes_max,
            follow,
        };
        tokio::spawn(self.shelf.clone().tell_log(from, ask, answer));
    }

    fn fetched(&mut self, from: Peer, fetch: Fetch, reply: Reply) {
        tokio::spawn(self.shelf.clone().send(from, fetch, reply));
    }
}

impl WorkerHost {
    fn carry_out(&mut self, action: Action) {
        match action {
            Action::StartExecutor {
                name,
                application,
                cores,
                memory,
            } => self.launch(Order::Executor {
                name,
                application,
                cores,
                memory,
            }),
            Action::StartDriver { driver, spec } => self.launch(Order::Driver { driver, spec }),
            Action::StopExecutor { name, force } => {
                self.children.stop(Name::Executor(name), force);
            }
            Action::StopDriver { driver, force } => {
                self.children.stop(Name::Driver(driver), force);
            }
            Action::FindFolders => self.find_folders(),
            Action::RemoveFiles(application) => remove(self.shelf.folders.shuffle(application)),
            Action::RemoveFolder(application) => {
                remove(self.shelf.folders.application(application));
            }
            Action::RemoveScratch(name) => {
                remove(folders::scratch(&self.shelf.folders.executor(name)));
            }
            Action::Send { .. } | Action::Exit { .. } => {}
        }
    }

    fn launch(&mut self, order: Order) {
        self.children.start(order, self.worker.master().cloned());
    }

    fn find_folders(&self) {
        let (folders, facts) = (self.shelf.folders.clone(), self.facts.clone());
        tokio::task::spawn_blocking(move || match folders.applications() {
            // A worker that is gone cleans up nothing.
            Ok(found) => drop(facts.blocking_send(Input::FoldersFound(found))),
            Err(error) => warn!("could not look for old folders: {error}"),
        });
    }
}

fn remove(folder: PathBuf) {
    tokio::task::spawn_blocking(move || {
        if let Err(error) = folders::remove(&folder) {
            warn!("could not remove the folder {}: {error}", folder.display());
        }
    });
}
