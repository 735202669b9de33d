//! An executor's process: it registers with its driver and runs what that gives it (Spark:
//! `CoarseGrainedExecutorBackend`).

mod commits;
mod driver;
mod images;
mod load;
mod map_outputs;
mod process;
mod remote;
mod results;

use std::sync::Arc;

use daemon::instructions::ExecutorInstructions;
use daemon::process::{self as event_loop, Post};
use network::Endpoint;
use scheduler::TaskName;
use tokio::runtime;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use crate::Console;
use process::ExecutorProcess;

/// Facts that may wait for the loop; task threads wait beyond it.
const FACTS_MAX: usize = 4096;

/// Why an executor ended that was not told to.
#[derive(Debug, thiserror::Error)]
pub enum ExecutorError {
    /// Its instructions make no sense.
    #[error("the instructions cannot be followed: {0}")]
    Instructions(#[from] daemon::Error),
    /// It has no place in the network.
    #[error(transparent)]
    Network(#[from] network::Error),
    /// The driver does not say what is to be run, or the program cannot be had.
    #[error("the program cannot be had from the driver: {0}")]
    Program(String),
    /// The program cannot be loaded.
    #[error(transparent)]
    Load(#[from] sandbox::LoadError),
    /// Its files cannot be used.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The system gives it no thread or socket.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// Runs an executor to its end.
///
/// # Errors
///
/// Why it could not begin.
pub fn run_executor(instructions: ExecutorInstructions) -> Result<(), ExecutorError> {
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(live(instructions))
}

async fn live(instructions: ExecutorInstructions) -> Result<(), ExecutorError> {
    let place = &instructions.place;
    let credentials = place.credentials.credentials()?;
    let (endpoint, events) = Endpoint::bind(place.listen.config(), &credentials)?;
    let (facts, mut happened) = mpsc::channel(FACTS_MAX);
    let loaded = load::load(&endpoint, &instructions).await?;
    let mut post = Post::new(endpoint.clone(), events);
    let mut process =
        ExecutorProcess::new(&instructions, loaded, &endpoint, facts, Arc::new(Streams))?;
    // Whoever is connected is told of the end, and need not wait to notice it.
    let mut terminated = signal(SignalKind::terminate())?;
    tokio::select! {
        _ = event_loop::run(&mut process, &mut post, &mut happened) => {}
        _ = terminated.recv() => {}
    }
    process.stop();
    post.leave().await;
    Ok(())
}

/// Tasks print where the executor's log is.
struct Streams;

impl Console for Streams {
    fn driver(&self, _: sandbox::Channel, _: &[u8]) {}

    fn task(&self, task: TaskName, channel: sandbox::Channel, bytes: &[u8]) {
        use std::io::Write as _;
        let text = String::from_utf8_lossy(bytes);
        let lines: String = text
            .lines()
            .map(|line| format!("[{task}] {line}\n"))
            .collect();
        // Nobody is left to tell if the worker does not read any more.
        let _ = match channel {
            sandbox::Channel::Stdout => std::io::stdout().write_all(lines.as_bytes()),
            sandbox::Channel::Stderr => std::io::stderr().write_all(lines.as_bytes()),
        };
    }
}
