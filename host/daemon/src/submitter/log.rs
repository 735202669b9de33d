//! Reads a log from the worker that has it.

use std::time::Duration;

use network::{Endpoint, Error as NetworkError};
use scheduler::Address;
use scheduler::message::ExecutorName;
use wire::{Data, LogPart, LogSource, LogStream, Message};

use super::unexpected;
use crate::Error;
use crate::status::ClusterStatus;

/// How long a worker may take to answer; one that is asked to follow waits as long for more.
const ANSWER_WAIT: Duration = Duration::from_secs(10);

/// How much is asked for at a time.
const BYTES_MAX: u32 = 256 << 10;

/// A log, read from its beginning.
#[derive(Debug)]
pub struct LogReader {
    endpoint: Endpoint,
    worker: Address,
    log: (LogSource, LogStream),
    follow: bool,
    offset: u64,
    /// What was read when the log was looked for.
    first: Option<LogPart>,
}

impl LogReader {
    /// Asks one worker after the other for its beginning.
    pub(super) async fn find(
        endpoint: &Endpoint,
        workers: Vec<Address>,
        log: (LogSource, LogStream),
        follow: bool,
    ) -> Result<Self, Error> {
        let mut last = "no worker runs it or has run it".to_owned();
        for worker in workers {
            let mut reader = Self {
                endpoint: endpoint.clone(),
                worker,
                log,
                follow: false,
                offset: 0,
                first: None,
            };
            match reader.ask().await {
                Ok(first) => {
                    reader.follow = follow;
                    reader.first = Some(first);
                    return Ok(reader);
                }
                Err(error) => last = error.to_string(),
            }
        }
        Err(Error::Refused(
            format!("cannot find the log: {last}").into(),
        ))
    }

    /// Starts at the last `bytes` bytes instead, or at the beginning of what there is.
    ///
    /// # Errors
    ///
    /// If the worker does not answer.
    pub async fn tail(&mut self, bytes: u64) -> Result<(), Error> {
        let follow = std::mem::replace(&mut self.follow, false);
        self.first = None;
        self.offset = u64::MAX;
        let end = self.ask().await?.offset;
        self.offset = end.saturating_sub(bytes);
        self.follow = follow;
        Ok(())
    }

    /// Returns the next bytes; none at the end of what there is, or, where the log is followed, of what there will be.
    ///
    /// # Errors
    ///
    /// If the worker does not answer.
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>, Error> {
        loop {
            let part = match self.first.take() {
                Some(first) => first,
                None => self.ask().await?,
            };
            self.offset = part.offset + part.bytes.len() as u64;
            if !part.bytes.is_empty() {
                return Ok(Some(part.bytes));
            }
            if part.ended || !self.follow {
                return Ok(None);
            }
        }
    }

    async fn ask(&self) -> Result<LogPart, Error> {
        let (source, stream) = self.log;
        let question = Message::from(Data::LogAsked {
            source,
            stream,
            offset: self.offset,
            bytes_max: BYTES_MAX,
            follow: self.follow,
        });
        let answer = self.endpoint.ask(&self.worker, &question, ANSWER_WAIT);
        match answer.await {
            Ok(Message::Data(Data::LogPart(part))) => Ok(part),
            Ok(other) => Err(unexpected(&other)),
            Err(NetworkError::NotToBeHad(refusal)) => Err(Error::Refused(refusal.reason)),
            Err(error) => Err(error.into()),
        }
    }
}

/// Returns who may have a log: the worker that is known to, or all.
pub(super) fn candidates(status: &ClusterStatus, source: LogSource) -> Vec<Address> {
    let known = match source {
        LogSource::Executor(application, executor) => {
            let name = ExecutorName {
                application,
                executor,
            };
            let name = name.to_string();
            let mut all = status
                .applications
                .iter()
                .flat_map(|known| &known.executors);
            all.find(|known| known.id == name)
                .map(|known| &known.worker)
        }
        LogSource::Driver(driver) => {
            let name = driver.to_string();
            let known = status.drivers.iter().find(|known| known.id == name);
            known.and_then(|known| known.worker.as_ref())
        }
    };
    let living = status.workers.iter().filter(|known| known.state != "DEAD");
    let wanted = living.filter(|worker| known.is_none_or(|known| *known == worker.id));
    wanted.map(|worker| (&*worker.address).into()).collect()
}
