//! Gets and loads the program that an executor is to run.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use daemon::instructions::ExecutorInstructions;
use network::Endpoint;
use sandbox::{ArtefactCache, Program, Sandbox};
use scheduler::Settings;
use store::Grants;
use wire::{Data, Fetch, Message, Role};

use super::ExecutorError;

/// How long the driver may take to say what is to be run: it may still be waiting for its certificate.
const ANSWER_WAIT: Duration = Duration::from_secs(30);

/// The largest component.
const COMPONENT_BYTES_MAX: u64 = 1 << 30;

/// Instances beside the tasks': some that the pool has not taken back yet.
const SPARE_INSTANCES: u32 = 4;

/// What an executor runs.
pub(super) struct Loaded {
    pub(super) program: Arc<Program>,
    pub(super) settings: Settings,
    pub(super) grants: Grants,
}

/// Asks the driver what is to be run, and loads it.
pub(super) async fn load(
    endpoint: &Endpoint,
    instructions: &ExecutorInstructions,
) -> Result<Loaded, ExecutorError> {
    let question = Data::ApplicationAsked.into();
    let answer = endpoint.ask(&instructions.driver, &question, ANSWER_WAIT);
    let Message::Data(Data::Application {
        component,
        settings,
        readable,
        writable,
    }) = answer.await?
    else {
        return Err(ExecutorError::Program(
            "the driver said something else".into(),
        ));
    };
    let bytes = get_component(endpoint, instructions, component).await?;
    let (cores, cache) = (instructions.cores, instructions.place.cache.clone());
    let program = tokio::task::spawn_blocking(move || compile(&bytes, cores, &cache)).await;
    let program = program.map_err(|error| ExecutorError::Program(error.to_string()))??;
    let paths = |texts: Vec<Arc<str>>| {
        texts
            .iter()
            .map(|text| (&**text).into())
            .collect::<Vec<_>>()
    };
    Ok(Loaded {
        program,
        settings: read(&settings, instructions)?,
        grants: Grants::new(&paths(readable), &paths(writable))?,
    })
}

/// Returns the application's settings, with the memory that this executor was given.
fn read(
    texts: &[(Arc<str>, Arc<str>)],
    instructions: &ExecutorInstructions,
) -> Result<Settings, ExecutorError> {
    let mut settings = Settings::default();
    let memory = format!("{}b", instructions.memory);
    let own = [("executor.memory", &*memory)];
    let all = texts
        .iter()
        .map(|(key, value)| (&**key, &**value))
        .chain(own);
    for (key, value) in all {
        let set = settings.set(key, value);
        set.map_err(|error| ExecutorError::Program(error.to_string()))?;
    }
    Ok(settings)
}

/// Returns the component's bytes: of this machine's folder, where they are kept, or of the driver.
async fn get_component(
    endpoint: &Endpoint,
    instructions: &ExecutorInstructions,
    hash: wire::Hash,
) -> Result<Vec<u8>, ExecutorError> {
    let path = instructions
        .place
        .components
        .join(blake3::Hash::from_bytes(hash).to_hex().as_str());
    let kept = fs::read(&path).ok();
    if let Some(bytes) = kept.filter(|bytes| *blake3::hash(bytes).as_bytes() == hash) {
        return Ok(bytes);
    }
    let driver = endpoint.connect(&instructions.driver, Role::Driver).await?;
    let incoming = driver.fetch(Fetch::Component { hash }).await?;
    let bytes = incoming.read(COMPONENT_BYTES_MAX).await?;
    if let Err(error) = keep(&path, &bytes) {
        tracing::warn!("the component is not kept in {}: {error}", path.display());
    }
    Ok(bytes)
}

fn keep(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let part = path.with_extension(format!("{}.part", std::process::id()));
    fs::write(&part, bytes)?;
    fs::rename(&part, path)
}

fn compile(component: &[u8], cores: u32, cache: &Path) -> Result<Arc<Program>, ExecutorError> {
    let cache = ArtefactCache::open(cache)?;
    let sandbox = Sandbox::new(cores + SPARE_INSTANCES, Some(cache))?;
    Ok(sandbox.load(component)?)
}
