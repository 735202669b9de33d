//! A program on a cluster, its driver in this process.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use bytes::Bytes;
use daemon::Masters;
use daemon::machine::Listen;
use network::{Credentials, Endpoint};
use sandbox::Program;
use scheduler::message::ApplicationSpec;
use scheduler::{DriverId, Event, Settings, SubmissionKey, Tenant};
use store::{Files, Grants};
use tokio::runtime::{self, Handle};
use tokio::sync::oneshot;

use super::application::{Application, Offer};
use crate::driver::{DriverRun, JobScheduler, Start, StartError, draw_seed};
use crate::{Cancel, Console, RunError};

/// A program to be run on a cluster, its driver in this process.
pub struct ClusterRun {
    /// The program.
    pub program: Arc<Program>,
    /// The component that it was loaded from: executors get it from here.
    pub component: Vec<u8>,
    /// Its arguments.
    pub args: Vec<String>,
    /// What it was told.
    pub settings: Settings,
    /// What it may touch, on every machine.
    pub grants: Grants,
    /// Where its output goes.
    pub console: Arc<dyn Console>,
    /// Ends it from outside.
    pub cancel: Cancel,
    /// Where the masters are.
    pub masters: Masters,
    /// Who the driver is, before it has an application.
    pub credentials: Credentials,
    /// Where the driver listens: executors connect to it.
    pub listen: Listen,
    /// The driver's own name in the cluster; none in client mode.
    pub driver_id: Option<DriverId>,
    /// Who owns the application.
    pub tenant: Tenant,
    /// What the program is told when it asks how many cores there are.
    pub cores: u32,
}

impl ClusterRun {
    /// Runs the program to its end. The listener is given every event, in order.
    ///
    /// # Errors
    ///
    /// How the program failed, or that it was cancelled.
    ///
    /// # Panics
    ///
    /// If the machine has no room for a thread.
    pub fn run(self, listener: impl FnMut(&[Event]) + Send) -> Result<(), RunError> {
        let network = NetworkThread::start();
        let threads = Arc::<Mutex<Vec<JoinHandle<()>>>>::default();
        let seed = draw_seed();
        let starter = Starter {
            offer: Offer {
                component: Bytes::from(self.component),
                grants: self.grants.clone(),
                masters: self.masters,
                tenant: self.tenant,
            },
            credentials: self.credentials,
            listen: self.listen,
            driver_id: self.driver_id,
            seed,
            cancel: self.cancel.clone(),
            runtime: network.handle.clone(),
            threads: Arc::clone(&threads),
        };
        let files = Files::new(self.grants, &self.settings);
        let run = DriverRun {
            program: self.program,
            args: self.args,
            settings: self.settings,
            files,
            console: self.console,
            cores: self.cores,
            seed,
            cancel: self.cancel,
        };
        let join = || {
            let mut threads = threads.lock().unwrap_or_else(PoisonError::into_inner);
            for thread in threads.drain(..) {
                // A thread that panicked has said so.
                let _ = thread.join();
            }
        };
        run.run(Box::new(starter), join, listener)
    }
}

impl std::fmt::Debug for ClusterRun {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClusterRun")
            .field("program", &self.program)
            .field("args", &self.args)
            .field("masters", &self.masters)
            .finish_non_exhaustive()
    }
}

/// The thread on which the network's tasks run. Dropped, it ends.
struct NetworkThread {
    handle: Handle,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl NetworkThread {
    fn start() -> Self {
        let runtime = runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.expect("the machine has room for an event loop");
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = thread::Builder::new()
            .name("network".into())
            .spawn(move || {
                // Who cannot ask any more wants nobody to go on.
                let _ = runtime.block_on(stopped);
            })
            .expect("the machine has room for a thread");
        Self {
            handle,
            stop: Some(stop),
            thread: Some(thread),
        }
    }
}

impl Drop for NetworkThread {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// What it takes to bring the application to the cluster when its settings are final.
struct Starter {
    offer: Offer,
    credentials: Credentials,
    listen: Listen,
    driver_id: Option<DriverId>,
    seed: u64,
    cancel: Cancel,
    runtime: Handle,
    threads: Arc<Mutex<Vec<JoinHandle<()>>>>,
}

impl Start for Starter {
    fn start(&self, settings: Settings) -> Result<Arc<dyn JobScheduler>, StartError> {
        let within = self.runtime.enter();
        let bound = Endpoint::bind(self.listen.config(), &self.credentials);
        let (endpoint, events) = bound.map_err(|error| StartError::Cluster(error.to_string()))?;
        drop(within);
        let spec = self.spec(&settings, &endpoint);
        let application = Application::new(
            self.offer.clone(),
            spec,
            settings,
            (endpoint, self.runtime.clone()),
            self.seed,
        )
        .map_err(|error| StartError::Cluster(error.to_string()))?;
        let jobs: Arc<dyn JobScheduler> = application.clone();
        self.cancel.begun(&jobs);
        self.runtime.spawn(Arc::clone(&application).listen(events));
        application.begin();
        let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        threads.push(thread::spawn(move || application.keep_deadlines()));
        Ok(jobs)
    }
}

impl Starter {
    fn spec(&self, settings: &Settings, endpoint: &Endpoint) -> ApplicationSpec {
        let address = endpoint.advertised();
        let half = || u128::from(draw_seed());
        ApplicationSpec {
            key: SubmissionKey(half() << 64 | half()),
            name: settings.app_name().unwrap_or("application").into(),
            tenant: self.offer.tenant.clone(),
            driver: address.expect("a driver has a certificate").clone(),
            driver_id: self.driver_id,
            cores_max: settings.cores_max(),
            executor_cores: settings.executor_cores(),
            executor_memory: settings.executor_memory(),
            executors: settings.executor_instances(),
        }
    }
}
