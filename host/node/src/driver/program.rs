//! The driver's side of the host: what its program asks for becomes inputs of the scheduler.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use sandbox::{
    AccumulatorUpdate, Channel, ColumnFile, DriverHost, Error, ErrorKind, FoundFile, GuestError,
    Image, JobProgress, JobSpec, PartitionMap, RddNode, Split, StorageLevel,
};
use scheduler::{ImageId, Input, JobId, Rdd, RddId, Settings, ShuffleId};
use store::source::{self, Cut, FileSplit};
use store::{FileInfo, Files, Output};

use crate::Console;
use crate::guest_error::guest_error;
use crate::store_wait::StoreWait;

use super::{JobScheduler, SharedOutput, Start, StartError};

/// The most executors that may hold a partition (Spark: `StorageLevel` has the same bound).
const COPIES_MAX: u32 = 39;

/// Answers a driver's calls. The application begins with its first dataset, so that the program may set settings first.
pub(crate) struct DriverSide {
    pub(crate) settings: Settings,
    pub(crate) files: Files,
    pub(crate) console: Arc<dyn Console>,
    pub(crate) cores: u32,
    pub(crate) start: Box<dyn Start>,
    pub(crate) jobs: Arc<OnceLock<Arc<dyn JobScheduler>>>,
    pub(crate) wait: StoreWait,
}

impl DriverSide {
    fn jobs(&mut self) -> Result<&Arc<dyn JobScheduler>, Error> {
        if self.jobs.get().is_none() {
            let started = self.start.start(self.settings.clone());
            let jobs = started.map_err(|error| start_error(&error))?;
            let _ = self.jobs.set(jobs);
        }
        Ok(self.jobs.get().expect("it was set"))
    }

    fn output(&mut self, number: u32) -> Result<SharedOutput, Error> {
        let missing = || Error::new(ErrorKind::NotFound, format!("there is no output {number}"));
        self.jobs()?.outputs().get(number).ok_or_else(missing)
    }

    fn refuse_large(&self, image: &Image) -> Result<(), Error> {
        let (bytes, most) = (
            image.occupied_bytes() as u64,
            scheduler::memory::image_max(&self.settings),
        );
        if bytes <= most {
            return Ok(());
        }
        let message = format!(
            "the driver's memory takes {} MiB and its image may take {} MiB (the smaller of `image.maxSize` and a quarter of \
             `executor.memory`); keep large data in datasets instead of variables, or raise both",
            bytes.div_ceil(1 << 20),
            most >> 20
        );
        Err(Error::new(ErrorKind::LimitExceeded, message))
    }

    fn cut(&self, asked: u32) -> Cut {
        let parallelism = || self.settings.default_parallelism().unwrap_or(self.cores);
        Cut {
            min_partitions: if asked > 0 {
                asked
            } else {
                parallelism().min(2)
            },
            max_bytes: self.settings.files_max_partition_bytes(),
        }
    }
}

impl DriverHost for DriverSide {
    fn conf(&mut self, key: &str) -> Option<String> {
        match key {
            // Not a setting: what the machine or the master gave.
            "default.cores" => Some(self.cores.to_string()),
            key => self.settings.get(key),
        }
    }

    fn set_conf(&mut self, key: &str, value: &str) -> Result<(), Error> {
        if self.jobs.get().is_some() {
            let message = format!(
                "`{key}` cannot be set any more: settings are fixed by the first dataset; set them before it"
            );
            return Err(Error::new(ErrorKind::InvalidArgument, message));
        }
        if Settings::is_submitters(key) {
            let message = format!(
                "`{key}` is not a program's to set: set it where the program is submitted, with --conf {key}=..."
            );
            return Err(Error::new(ErrorKind::Denied, message));
        }
        self.settings
            .set(key, value)
            .map_err(|error| Error::new(ErrorKind::InvalidArgument, error.to_string()))
    }

    fn define(&mut self, nodes: Vec<RddNode>) -> Result<(), Error> {
        let rdds = nodes.into_iter().map(rdd).collect();
        self.jobs()?
            .define(rdds)
            .map_err(|error| Error::new(ErrorKind::InvalidArgument, error.to_string()))
    }

    fn replicate(&mut self, rdd: u32, copies: u32) -> Result<(), Error> {
        if !(1..=COPIES_MAX).contains(&copies) {
            let message =
                format!("{copies} executors cannot hold each partition: 1 to {COPIES_MAX} can");
            return Err(Error::new(ErrorKind::InvalidArgument, message));
        }
        let rdd = RddId(rdd);
        self.jobs()?.feed(Input::CopiesWanted { rdd, copies });
        Ok(())
    }

    fn release(&mut self, rdds: Vec<u32>) {
        if let Some(jobs) = self.jobs.get() {
            jobs.feed(Input::RddsReleased(rdds.into_iter().map(RddId).collect()));
        }
    }

    fn text_file(&mut self, uri: &str, min_partitions: u32) -> Result<Vec<Split>, Error> {
        let (files, cut) = (&self.files, self.cut(min_partitions));
        splits(
            self.wait
                .run(|stopper| source::text_splits(files, uri, cut, stopper)),
        )
    }

    fn binary_file(
        &mut self,
        uri: &str,
        record_length: u32,
        min_partitions: u32,
    ) -> Result<Vec<Split>, Error> {
        let (files, cut) = (&self.files, self.cut(min_partitions));
        splits(
            self.wait
                .run(|stopper| source::record_splits(files, uri, record_length, cut, stopper)),
        )
    }

    fn list_files(&mut self, uri: &str) -> Result<Vec<FoundFile>, Error> {
        let found = self.wait.run(|stopper| self.files.list(uri, stopper));
        let found = found.map_err(|error| guest_error(&error))?.into_iter();
        let whole = |file: FileInfo| FoundFile {
            content: Split {
                uri: file.versioned_uri(),
                start: 0,
                length: file.length,
            },
            name: file.uri,
        };
        Ok(found.map(whole).collect())
    }

    fn parquet_file(&mut self, uri: &str, min_partitions: u32) -> Result<Vec<ColumnFile>, Error> {
        let cut = self.cut(min_partitions);
        super::columns::files(&self.files, &self.wait, uri, cut)
    }

    fn submit_job(&mut self, job: JobSpec, image: Image) -> Result<u32, Error> {
        self.refuse_large(&image)?;
        let spec = scheduler::JobSpec {
            // The application counts them.
            job: JobId(0),
            rdd: RddId(job.rdd),
            partitions: job.partitions,
            shuffle: None,
            image: ImageId(*image.hash().as_bytes()),
            name: job.name.into(),
            call_site: job.call_site.into(),
            group: None,
            tags: Vec::new(),
            pool: None,
        };
        Ok(self.jobs()?.submit(spec, image).0)
    }

    fn await_job(&mut self, job: u32, timeout: Duration) -> Result<JobProgress, Error> {
        let missing = || {
            Error::new(
                ErrorKind::NotFound,
                format!("there is no job {job}, or its end is known already"),
            )
        };
        let progress = self
            .jobs()?
            .await_job(JobId(job), timeout)
            .ok_or_else(missing)?;
        match progress.end {
            None if progress.stopping => Err(Error::new(
                ErrorKind::Cancelled,
                "the application is stopping",
            )),
            Some(Err(failure)) => {
                let kind = match failure.cause {
                    scheduler::Cause::Cancelled { .. } => ErrorKind::Cancelled,
                    scheduler::Cause::Refused { .. } => ErrorKind::InvalidArgument,
                    _ => ErrorKind::JobFailed,
                };
                Err(Error::Answer(GuestError {
                    kind,
                    message: failure.to_string(),
                    retryable: false,
                }))
            }
            end => Ok(JobProgress {
                results: progress.results,
                finished: end.is_some(),
            }),
        }
    }

    fn take_accumulators(&mut self, job: u32) -> Result<Vec<AccumulatorUpdate>, Error> {
        Ok(self.jobs()?.take_added(JobId(job)))
    }

    fn cancel_job(&mut self, job: u32) -> Result<(), Error> {
        self.jobs()?.feed(Input::JobCancelled {
            job: JobId(job),
            reason: "the program cancelled it".into(),
        });
        Ok(())
    }

    fn create_output(&mut self, uri: &str) -> Result<u32, Error> {
        let created = self
            .wait
            .run(|stopper| Output::create(&self.files, uri, stopper));
        let output = created.map_err(|error| guest_error(&error))?;
        Ok(self.jobs()?.outputs().add(Arc::new(output)))
    }

    fn commit_output(&mut self, output: u32) -> Result<(), Error> {
        let output = self.output(output)?;
        self.wait
            .run(|stopper| output.commit(stopper))
            .map_err(|error| guest_error(&error))
    }

    fn abort_output(&mut self, output: u32) -> Result<(), Error> {
        let output = self.output(output)?;
        self.wait
            .run(|stopper| output.abort(stopper))
            .map_err(|error| guest_error(&error))
    }

    fn log(&mut self, channel: Channel, bytes: &[u8]) {
        self.console.driver(channel, bytes);
    }
}

fn splits(splits: store::Result<Vec<FileSplit>>) -> Result<Vec<Split>, Error> {
    let splits = splits.map_err(|error| guest_error(&error))?;
    Ok(splits
        .into_iter()
        .map(|FileSplit { uri, start, length }| Split { uri, start, length })
        .collect())
}

fn rdd(node: RddNode) -> Rdd {
    Rdd {
        id: RddId(node.id),
        name: node.name.into(),
        call_site: node.call_site.into(),
        partitions: node.partitions,
        dependencies: node.dependencies.into_iter().map(dependency).collect(),
        storage: match node.storage {
            StorageLevel::None => scheduler::StorageLevel::None,
            StorageLevel::MemoryOnly => scheduler::StorageLevel::MemoryOnly,
        },
        preferences: Vec::new(),
    }
}

fn dependency(dependency: sandbox::Dependency) -> scheduler::Dependency {
    match dependency {
        sandbox::Dependency::Narrow(narrow) => scheduler::Dependency::Narrow {
            parent: RddId(narrow.parent),
            partitions: partition_map(narrow.partitions),
        },
        sandbox::Dependency::Shuffle(shuffle) => scheduler::Dependency::Shuffle {
            parent: RddId(shuffle.parent),
            shuffle: ShuffleId(shuffle.shuffle),
            partitions: shuffle.partitions,
        },
    }
}

fn partition_map(map: PartitionMap) -> scheduler::PartitionMap {
    match map {
        PartitionMap::OneToOne => scheduler::PartitionMap::OneToOne,
        PartitionMap::Span(span) => scheduler::PartitionMap::Span {
            in_start: span.in_start,
            out_start: span.out_start,
            length: span.length,
        },
        PartitionMap::Lists(lists) => scheduler::PartitionMap::Lists(lists),
    }
}

fn start_error(error: &StartError) -> Error {
    match error {
        StartError::Store(error) => guest_error(error),
        StartError::Cluster(reason) => Error::new(ErrorKind::Io, reason.as_str()),
    }
}
