//! Writes a master's changes where nobody waits for the disk: one thread, as many changes at a time as there are.

use std::io;
use std::sync::mpsc;
use std::thread;

use scheduler::cluster::{Change, Input};
use tokio::sync::{mpsc as facts, oneshot};

use super::Store;

/// A change, and the ticket by which the machine hears that it is on disk.
type Order = (u64, Change);

/// How many changes are written at a time.
const BATCH_MAX: usize = 1_000;

/// The way to the thread that writes.
#[derive(Debug)]
pub(super) struct Writer(mpsc::Sender<Order>);

impl Writer {
    /// Returns also what says why nothing more is written.
    pub(super) fn start(
        store: Box<dyn Store>,
        facts: facts::Sender<Input>,
    ) -> io::Result<(Self, oneshot::Receiver<io::Error>)> {
        let (orders, ordered) = mpsc::channel();
        let (fail, failed) = oneshot::channel();
        let thread = thread::Builder::new().name("store".into());
        thread.spawn(move || {
            if let Err(error) = write_all(store, &ordered, &facts) {
                // A master that is gone needs no reason.
                let _ = fail.send(error);
            }
        })?;
        Ok((Self(orders), failed))
    }

    /// Leaves a change to be written. After a failure it is written never, and the process is about to end.
    pub(super) fn write(&self, ticket: u64, change: Change) {
        let _ = self.0.send((ticket, change));
    }
}

/// Writes until the master is gone.
fn write_all(
    mut store: Box<dyn Store>,
    orders: &mpsc::Receiver<Order>,
    facts: &facts::Sender<Input>,
) -> io::Result<()> {
    while let Ok(first) = orders.recv() {
        let batch = [first].into_iter().chain(orders.try_iter());
        let (tickets, changes): (Vec<_>, Vec<_>) = batch.take(BATCH_MAX).unzip();
        store.apply(&changes)?;
        for ticket in tickets {
            if facts.blocking_send(Input::Persisted { ticket }).is_err() {
                return Ok(());
            }
        }
    }
    Ok(())
}
