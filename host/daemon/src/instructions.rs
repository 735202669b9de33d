//! What a worker tells a child: one line of JSON on its standard input, which stays open.
//!
//! The line holds the child's private key, and so it is on no command line and in no environment. When the standard
//! input closes the worker is gone, however it went, and the child ends at once.

use std::fmt;
use std::io::{self, BufRead as _, Read as _};
use std::path::PathBuf;
use std::thread;

use network::Credentials;
use rustix::process::{Signal, set_parent_process_death_signal};
use scheduler::message::{DriverSpec, ExecutorName};
use scheduler::{Address, DriverId, Host, Rack, Settings, WorkerId};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::machine::Listen;

/// The command that a worker gives its program to start an executor.
pub const EXECUTOR: &str = "executor";
/// The command that a worker gives its program to start a driver.
pub const DRIVER: &str = "driver";

/// The exit code of a child whose worker is gone. Nobody is there to read it.
const ORPHANED: i32 = 86;

/// A certificate and its key as text. Does not show itself.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

impl From<&Credentials> for Secret {
    fn from(credentials: &Credentials) -> Self {
        Self(credentials.to_pem())
    }
}

impl Secret {
    /// Returns what the process shows to others.
    ///
    /// # Errors
    ///
    /// If it is no certificate and key.
    pub fn credentials(&self) -> Result<Credentials, network::Error> {
        Credentials::from_pem(&self.0)
    }
}

/// The worker that has started a process, and what the process has on its machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// The worker.
    pub worker: WorkerId,
    /// Where that listens: it serves the process's shuffle files.
    pub worker_address: Address,
    /// The machine.
    pub host: Host,
    /// Where the machine stands.
    pub rack: Option<Rack>,
    /// Where the process is to listen.
    pub listen: Listen,
    /// What the process shows to others.
    pub credentials: Secret,
    /// Component files of this machine, named by their blake3 in hex. The process may add to them, by renaming.
    pub components: PathBuf,
    /// Compiled components of this machine.
    pub cache: PathBuf,
    /// The worker's settings.
    pub settings: Vec<(String, String)>,
}

impl Place {
    /// Returns the worker's settings, read.
    ///
    /// # Errors
    ///
    /// If the worker has settings that this version does not have.
    pub fn settings(&self) -> Result<Settings, Error> {
        let mut settings = Settings::default();
        for (key, value) in &self.settings {
            let set = settings.set(key, value);
            set.map_err(|error| Error::Instructions(error.to_string()))?;
        }
        Ok(settings)
    }
}

/// What an executor is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExecutorInstructions {
    /// Its name.
    pub name: ExecutorName,
    /// Where its driver listens.
    pub driver: Address,
    /// How many tasks it runs at a time.
    pub cores: u32,
    /// Its bytes of memory.
    pub memory: u64,
    /// Where it is.
    pub place: Place,
    /// Where shuffle files go: they outlive it.
    pub shuffle: PathBuf,
    /// What is its own on disk, and is removed after its end.
    pub scratch: PathBuf,
}

/// What a driver is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DriverInstructions {
    /// Its name.
    pub driver: DriverId,
    /// What it runs.
    pub spec: DriverSpec,
    /// The program's file.
    pub component: PathBuf,
    /// Where the masters are.
    pub masters: Vec<Address>,
    /// Where it is.
    pub place: Place,
    /// What is its own on disk.
    pub scratch: PathBuf,
}

/// Reads the instructions of this process, and from then on ends it when the worker is gone.
///
/// # Errors
///
/// If standard input does not begin with instructions of this kind.
pub fn receive<T: DeserializeOwned>() -> Result<T, Error> {
    let failed = |error: &dyn fmt::Display| Error::Instructions(error.to_string());
    // The system ends even a process that hangs, with the thread of the worker that started it. Threads of a worker's
    // runtime last as long as the worker.
    let _ = set_parent_process_death_signal(Some(Signal::KILL));
    let mut line = String::new();
    let mut input = io::stdin().lock();
    input.read_line(&mut line).map_err(|e| failed(&e))?;
    drop(input);
    let instructions = serde_json::from_str(&line).map_err(|e| failed(&e))?;
    let thread = thread::Builder::new().name("parent".into());
    thread.spawn(end_with_parent).map_err(|e| failed(&e))?;
    Ok(instructions)
}

fn end_with_parent() {
    let mut rest = [0; 64];
    while io::stdin()
        .lock()
        .read(&mut rest)
        .is_ok_and(|read| read > 0)
    {}
    std::process::exit(ORPHANED);
}
