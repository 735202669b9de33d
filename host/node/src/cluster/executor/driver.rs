//! The driver, as an executor's tasks reach it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use network::Endpoint;
use scheduler::executor::Input;
use scheduler::{
    Address, AttemptId, Host, Outcome, RddId, ShuffleId, Task, TaskFailure, TaskMetrics,
};
use store::{
    Block, BlockLevel, ClusterShuffles, Files, MapOutputWriter, Output, ShuffleFolder,
    ShuffleReader,
};
use tokio::runtime::Handle;
use tokio::sync::mpsc::Sender;
use wire::{Data, Fetch, Message, Role};

use super::commits::Commits;
use super::map_outputs::{Known, MapOutputs, place};
use super::process::Fact;
use super::results::{Left, Results};
use crate::cluster::block;
use crate::executor::{DriverRef, Leaves, Memory};

/// How long the driver may take to answer.
const ANSWER_WAIT: Duration = Duration::from_secs(60);

/// The largest cached partition that is fetched.
const BLOCK_BYTES_MAX: u64 = 1 << 31;

/// A driver in another process.
pub(super) struct RemoteDriver {
    pub(super) endpoint: Endpoint,
    pub(super) runtime: Handle,
    pub(super) driver: Address,
    pub(super) application: scheduler::ApplicationId,
    pub(super) here: Host,
    pub(super) folder: ShuffleFolder,
    pub(super) shuffles: ClusterShuffles,
    pub(super) facts: Sender<Fact>,
    pub(super) memory: Arc<Memory>,
    pub(super) results: Arc<Results>,
    pub(super) commits: Arc<Commits>,
    pub(super) map_outputs: Known,
    pub(super) outputs: Mutex<BTreeMap<u32, Arc<Output>>>,
    pub(super) files: Files,
}

impl RemoteDriver {
    /// Tells the loop; where that has ended there is nobody left to tell.
    fn tell(&self, input: Input) {
        let _ = self.facts.blocking_send(Fact::Machine(input));
    }

    fn ask(&self, question: Data) -> Result<Data, String> {
        let question = Message::from(question);
        let answer = self.endpoint.ask(&self.driver, &question, ANSWER_WAIT);
        match self.runtime.block_on(answer) {
            Ok(Message::Data(answer)) => Ok(answer),
            Ok(_) => Err("the driver said something else".into()),
            Err(error) => Err(error.to_string()),
        }
    }

    fn ask_map_outputs(&self, shuffle: ShuffleId) -> Result<MapOutputs, String> {
        match self.ask(Data::MapOutputsAsked { shuffle })? {
            Data::MapOutputs { maps, outputs, .. } => Ok(MapOutputs {
                maps,
                places: outputs
                    .into_iter()
                    .map(|output| place(output, &self.here))
                    .collect(),
            }),
            _ => Err("the driver said something else".into()),
        }
    }

    fn places(&self, task: &Task, shuffle: ShuffleId) -> Result<Arc<MapOutputs>, String> {
        if let Some(known) = self.map_outputs.get(shuffle, task.name) {
            return Ok(known);
        }
        let outputs = Arc::new(self.ask_map_outputs(shuffle)?);
        self.map_outputs.put(shuffle, task.name, &outputs);
        Ok(outputs)
    }

    fn fetch_block(&self, from: &Address, block: wire::Block) -> Option<(BlockLevel, Block)> {
        let fetch = Fetch::Block {
            application: self.application,
            block,
        };
        let fetched = self.runtime.block_on(async {
            let peer = self.endpoint.connect(from, Role::Executor).await?;
            let incoming = peer.fetch(fetch).await?;
            // Twice: as it comes, and as a block.
            let Some(_memory) = self.memory.transfer(2 * incoming.length()) else {
                return Ok(None);
            };
            incoming.read(BLOCK_BYTES_MAX).await.map(Some)
        });
        match fetched {
            Ok(Some(bytes)) => block::decode(&bytes),
            Ok(None) => {
                tracing::debug!(%from, ?block, "there is no memory to fetch a cached partition");
                None
            }
            Err(error) => {
                // It is computed again instead.
                tracing::debug!(%from, ?block, reason = %error, "a cached partition was not fetched");
                None
            }
        }
    }
}

impl DriverRef for RemoteDriver {
    fn task_ended(
        &self,
        attempt: AttemptId,
        outcome: Outcome,
        metrics: TaskMetrics,
        leaves: Leaves,
    ) {
        if let Outcome::Failed(failure) = &outcome {
            self.forget_what_failed(failure);
        }
        if let Some(left) = keep(leaves, &outcome) {
            self.results.put(attempt, left);
        }
        self.tell(Input::TaskEnded {
            attempt,
            outcome,
            metrics,
        });
    }

    fn ask_commit(&self, attempt: AttemptId) -> bool {
        let answer = self.commits.wait(attempt);
        self.tell(Input::CommitAsked { attempt });
        // No answer will come where the executor ends.
        answer.recv().unwrap_or(false)
    }

    fn block_stored(&self, rdd: RddId, partition: u32) {
        self.tell(Input::BlockStored { rdd, partition });
    }

    fn block_dropped(&self, rdd: RddId, partition: u32) {
        self.tell(Input::BlockDropped { rdd, partition });
    }

    fn block_not_copied(&self, rdd: RddId, partition: u32) {
        self.tell(Input::BlockNotCopied { rdd, partition });
    }

    fn remote_block(&self, rdd: RddId, partition: u32) -> Option<(BlockLevel, Block)> {
        let block = wire::Block { rdd, partition };
        let asked = self.ask(Data::BlockLocationsAsked {
            blocks: vec![block],
        });
        let Ok(Data::BlockLocations { locations }) = asked else {
            return None;
        };
        let own = self.endpoint.advertised();
        let addresses = locations
            .into_iter()
            .flat_map(|location| location.addresses);
        addresses
            .filter(|address| Some(address) != own)
            .find_map(|address| self.fetch_block(&address, block))
    }

    fn output(&self, number: u32) -> Option<Arc<Output>> {
        let outputs = || self.outputs.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = outputs().get(&number) {
            return Some(Arc::clone(known));
        }
        let Ok(Data::Output { folder }) = self.ask(Data::OutputAsked { output: number }) else {
            return None;
        };
        let output = Arc::new(Output::at(&self.files, &folder).ok()?);
        outputs().insert(number, Arc::clone(&output));
        Some(output)
    }

    fn write_map_output(
        &self,
        task: &Task,
        shuffle: ShuffleId,
        buckets: u32,
    ) -> store::Result<MapOutputWriter> {
        self.folder.writer(shuffle, buckets, task.attempt)
    }

    fn read_shuffle(
        &self,
        task: &Task,
        shuffle: ShuffleId,
        bucket: u32,
    ) -> store::Result<ShuffleReader> {
        let outputs = self.places(task, shuffle);
        let outputs = outputs.map_err(|reason| store::Error::Unanswered {
            what: format!("where the map outputs of {shuffle} are"),
            reason,
        })?;
        Ok(self
            .shuffles
            .open(shuffle, bucket, outputs.maps, &outputs.places))
    }
}

impl RemoteDriver {
    /// What could not be read may be elsewhere by now.
    fn forget_what_failed(&self, failure: &TaskFailure) {
        if let scheduler::FailureKind::FetchFailed { shuffle, .. } = failure.kind {
            self.map_outputs.forget(shuffle);
        }
    }
}

/// Keeps what an attempt leaves; returns what of it goes to the driver.
fn keep(leaves: Leaves, outcome: &Outcome) -> Option<Left> {
    let Leaves {
        result,
        map_output,
        added,
    } = leaves;
    let result = match map_output {
        Some(output) => {
            drop(output.keep());
            None
        }
        None => (*outcome == Outcome::Succeeded).then(|| result.into()),
    };
    (result.is_some() || !added.is_empty()).then_some(Left { result, added })
}
