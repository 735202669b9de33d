//! One instance's side of the host: its role, its clocks, its bounds and what it did last.

use std::cell::RefCell;
use std::fmt;
use std::sync::Arc;

use blake3::Hash;
use wasmtime::ResourceLimiter;

use crate::clock::{Clock, Random};
use crate::contract::{Channel, DriverHost, Error, ErrorKind, TaskHost};
use crate::image::{Image, Snapshot};
use crate::kill::KillSwitch;
use crate::prepare::Prepared;

/// What the guest said when it panicked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Panic {
    pub(crate) message: String,
    /// `file:line:column`
    pub(crate) place: String,
}

pub(crate) enum Role {
    Driver(Box<dyn DriverHost>),
    /// In a cell, so that it can be given bytes where they are, in the memory of the store that it is part of. A guest makes one
    /// call at a time: it is never borrowed twice.
    Task(RefCell<Box<dyn TaskHost>>),
}

/// The data of a store.
pub(crate) struct Guest {
    pub(crate) role: Role,
    pub(crate) clock: Clock,
    pub(crate) random: Random,
    pub(crate) kill: KillSwitch,
    pub(crate) memory: MemoryBound,
    pub(crate) log: LogBound,
    pub(crate) panic: Option<Panic>,
    /// What a task is a fork of; none for a driver.
    pub(crate) fork_of: Option<Arc<Prepared>>,
    pub(crate) checkpoints: Checkpoints,
}

/// What a driver's images are made with, and the last of them.
#[derive(Debug)]
pub(crate) struct Checkpoints {
    pub(crate) program: Hash,
    /// How many globals the program writes.
    pub(crate) globals: usize,
    pub(crate) seed: u64,
    pub(crate) last: Option<Image>,
}

impl Guest {
    pub(crate) fn driver(&mut self) -> Result<&mut dyn DriverHost, Error> {
        match &mut self.role {
            Role::Driver(host) => Ok(host.as_mut()),
            Role::Task(_) => Err(Error::new(
                ErrorKind::WrongRole,
                "a task may not do what only the driver may: start jobs, define datasets, change settings; \
                 call actions in `main`, outside the closures that tasks run",
            )),
        }
    }

    pub(crate) fn task(&mut self) -> Result<&mut dyn TaskHost, Error> {
        match &mut self.role {
            Role::Task(host) => Ok(host.get_mut().as_mut()),
            Role::Driver(_) => Err(not_a_task()),
        }
    }

    /// Answers a task's call without keeping others from its memory.
    pub(crate) fn as_task<T>(
        &self,
        call: impl FnOnce(&mut dyn TaskHost) -> Result<T, Error>,
    ) -> Result<T, Error> {
        match &self.role {
            Role::Task(host) => call(host.borrow_mut().as_mut()),
            Role::Driver(_) => Err(not_a_task()),
        }
    }

    /// Takes an image of the memory and globals that the interposer handed over.
    pub(crate) fn take_image(&self, memory: &[u8], globals: &[u64]) -> Image {
        let Checkpoints {
            program,
            globals: count,
            seed,
            ref last,
            ..
        } = self.checkpoints;
        let snapshot = Snapshot {
            program,
            memory,
            globals: &globals[..count],
            clock: self.clock.reading(),
            seed,
        };
        Image::take(snapshot, last.as_ref())
    }

    /// A fork that checkpoints has nobody to give the image to: only a driver's counts.
    pub(crate) fn checkpointed(&mut self, image: Image) {
        if matches!(self.role, Role::Driver(_)) {
            self.checkpoints.last = Some(image);
        }
    }

    /// The image that a job submitted now runs from.
    pub(crate) fn image_for_job(&mut self) -> Result<Image, Error> {
        self.driver()?;
        let missing = || {
            Error::new(
                ErrorKind::InvalidArgument,
                "`checkpoint` must be called before `submit-job`",
            )
        };
        self.checkpoints.last.clone().ok_or_else(missing)
    }

    /// Hands on what the guest printed, up to the bound of its log.
    pub(crate) fn print(&mut self, channel: Channel, bytes: &[u8]) {
        match &mut self.role {
            Role::Driver(host) => host.log(channel, bytes),
            Role::Task(host) => {
                let host = host.get_mut();
                let (kept, cut) = self.log.take(bytes);
                host.log(channel, kept);
                if cut {
                    host.log(
                        Channel::Stderr,
                        b"[the log of this task is full; the rest is left out]\n",
                    );
                }
            }
        }
    }
}

fn not_a_task() -> Error {
    Error::new(
        ErrorKind::WrongRole,
        "the driver may not read or write a task's data; use an action",
    )
}

impl fmt::Debug for Guest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let role = match self.role {
            Role::Driver(_) => "driver",
            Role::Task(_) => "task",
        };
        f.debug_struct("Guest")
            .field("role", &role)
            .field("memory", &self.memory)
            .finish_non_exhaustive()
    }
}

/// Bounds an instance's memory, and remembers what the engine does not: the peak, and whether it was refused.
#[derive(Debug)]
pub(crate) struct MemoryBound {
    pub(crate) maximum_bytes: usize,
    pub(crate) peak_bytes: usize,
    /// The size that was refused last.
    pub(crate) refused_bytes: Option<usize>,
}

impl MemoryBound {
    pub(crate) fn new(maximum_bytes: usize) -> Self {
        Self {
            maximum_bytes,
            peak_bytes: 0,
            refused_bytes: None,
        }
    }
}

impl ResourceLimiter for MemoryBound {
    fn memory_growing(
        &mut self,
        _: usize,
        desired: usize,
        _: Option<usize>,
    ) -> wasmtime::Result<bool> {
        if desired > self.maximum_bytes {
            self.refused_bytes = Some(desired);
            return Ok(false);
        }
        self.peak_bytes = self.peak_bytes.max(desired);
        Ok(true)
    }

    /// Tables are those of the component: what could grow one is refused when it is linked.
    fn table_growing(&mut self, _: usize, _: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        Ok(true)
    }
}

/// Bounds what an attempt may print.
#[derive(Debug)]
pub(crate) struct LogBound {
    left_bytes: usize,
    pub(crate) taken_bytes: u64,
    cut: bool,
}

impl LogBound {
    pub(crate) fn new(maximum_bytes: usize) -> Self {
        Self {
            left_bytes: maximum_bytes,
            taken_bytes: 0,
            cut: false,
        }
    }

    /// What of `bytes` still fits, and whether this is where the log ends.
    fn take<'b>(&mut self, bytes: &'b [u8]) -> (&'b [u8], bool) {
        let kept = &bytes[..bytes.len().min(self.left_bytes)];
        self.left_bytes -= kept.len();
        self.taken_bytes += kept.len() as u64;
        let cut_now = kept.len() < bytes.len() && !self.cut;
        self.cut |= cut_now;
        (kept, cut_now)
    }
}
