//! A master and workers, each a process of its own, with all their files in one folder.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};

use daemon::status::{ApplicationStatus, ClusterStatus, DriverStatus};

use crate::support::command::{Ended, Running, Shell, signal, start};
use crate::support::guests::behaves;
use crate::support::processes::{self, Process};

/// Exit codes, as `tinderbox --help` lists them.
pub(crate) const DONE: i32 = 0;
pub(crate) const FAILED: i32 = 1;
pub(crate) const USAGE: i32 = 2;
pub(crate) const UNREACHABLE: i32 = 3;
pub(crate) const REFUSED: i32 = 4;
pub(crate) const INTERRUPTED: i32 = 130;

/// Longer than anything here takes.
const LONG: Duration = Duration::from_secs(60);

/// Waits for something that nobody tells.
#[track_caller]
pub(crate) fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let since = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(since.elapsed() < LONG, "waited in vain: {what}");
        thread::sleep(Duration::from_millis(10));
    }
}

/// A folder, and the commands that are typed there by a user who has nothing else.
pub(crate) struct Site {
    pub(crate) shell: Shell,
}

impl Site {
    pub(crate) fn new() -> Self {
        Self {
            shell: Shell::new(),
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.shell.path().join(name)
    }

    /// `tinderbox` with these words.
    pub(crate) fn tinderbox(&self, words: &[&str]) -> Command {
        let mut command = self.shell.tinderbox();
        command
            .args(words)
            .env("XDG_STATE_HOME", self.path("state"))
            .env("TINDERBOX_CONF_LOCAL_DIR", self.path("scratch"));
        command
    }

    /// All processes that were started from here, and by those, that still run.
    pub(crate) fn processes(&self) -> Vec<Process> {
        processes::with_state(&self.path("state"))
    }

    /// Those that run this command.
    pub(crate) fn processes_of(&self, command: &str) -> Vec<u32> {
        let all = self.processes().into_iter();
        all.filter(|process| process.command == command)
            .map(|process| process.id)
            .collect()
    }

    /// Waits until a process has ended, and whoever started it knows.
    #[track_caller]
    pub(crate) fn until_ended(&self, process: u32) {
        eventually(&format!("the end of process {process}"), || {
            let ended = self.processes().iter().all(|one| one.id != process);
            ended.then_some(())
        });
    }

    /// Waits until so many run this command.
    #[track_caller]
    pub(crate) fn until_begun(&self, command: &str, number: usize) {
        eventually(&format!("{number} of {command}"), || {
            (self.processes_of(command).len() == number).then_some(())
        });
    }

    /// Waits until nobody runs this command.
    #[track_caller]
    pub(crate) fn until_gone(&self, command: &str) {
        eventually(&format!("the end of each {command}"), || {
            self.processes_of(command).is_empty().then_some(())
        });
    }

    /// Nobody runs any more, and nobody has left scratch files.
    #[track_caller]
    pub(crate) fn expect_nothing_left(&self) {
        assert_eq!(self.processes(), [], "still run");
        let left = processes::left_in(&self.path("scratch"));
        assert!(left.is_empty(), "left behind: {left:?}");
    }
}

impl Drop for Site {
    /// Also where the test has failed.
    fn drop(&mut self) {
        for process in self.processes() {
            let _ = Command::new("kill")
                .args(["-KILL", &process.id.to_string()])
                .status();
        }
    }
}

/// A cluster of processes. Dropped, it is stopped as its operator would, and must leave nothing behind.
pub(crate) struct Cluster {
    pub(crate) url: String,
    pub(crate) workers: Vec<Running>,
    pub(crate) master: Option<Running>,
    pub(crate) site: Site,
}

/// Memory of each worker.
const WORKER_MEMORY: &str = "8g";

impl Cluster {
    /// Starts a master and workers of so many cores.
    pub(crate) fn start(workers: u32, cores: u32) -> Self {
        Self::with(workers, cores, &[])
    }

    /// The same with settings, `KEY=VALUE`.
    pub(crate) fn with(workers: u32, cores: u32, settings: &[&str]) -> Self {
        let site = Site::new();
        let mut master = start(&mut master(&site, "0", settings));
        let url = url_in(&master.line("A master runs at"));
        let mut cluster = Self {
            url,
            workers: Vec::new(),
            master: Some(master),
            site,
        };
        let start = |number| start(&mut cluster.worker(number, cores, settings));
        cluster.workers = (1..=workers).map(start).collect();
        cluster.until_workers(workers as usize);
        cluster
    }

    /// One for all tests that do it no harm: two workers of four cores. The last one of them ends it.
    pub(crate) fn shared() -> Arc<Self> {
        static SHARED: Mutex<Weak<Cluster>> = Mutex::new(Weak::new());
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        shared.upgrade().unwrap_or_else(|| {
            let cluster = Arc::new(Self::start(2, 4));
            *shared = Arc::downgrade(&cluster);
            cluster
        })
    }

    /// The command that runs a worker. Its number names its folder and its machine.
    pub(crate) fn worker(&self, number: u32, cores: u32, settings: &[&str]) -> Command {
        let (folder, host) = (format!("worker-{number}"), host(number));
        let cores = cores.to_string();
        let mut command = self.site.tinderbox(&["worker", &self.url]);
        command
            .args(["--work-dir", &folder, "--cores", &cores])
            .args(["--memory", WORKER_MEMORY, "--host", &host])
            .args(settings.iter().flat_map(|pair| ["--conf", pair]));
        command
    }

    /// `tinderbox`, asking this cluster unless the words say otherwise.
    pub(crate) fn tinderbox(&self, words: &[&str]) -> Command {
        let mut command = self.site.tinderbox(words);
        command.env("TINDERBOX_MASTER", &self.url);
        command
    }

    /// Types a command and waits for its end.
    #[track_caller]
    pub(crate) fn run(&self, words: &[&str]) -> Ended {
        start(&mut self.tinderbox(words)).end()
    }

    /// Submits one of the behaviours with these options.
    pub(crate) fn submit(&self, options: &[&str], arguments: &[&str]) -> Command {
        let mut command = self.tinderbox(&["submit"]);
        command.args(options).arg(behaves()).args(arguments);
        command
    }

    /// What the master says of the cluster.
    #[track_caller]
    pub(crate) fn status(&self) -> ClusterStatus {
        serde_json::from_str(&self.run(&["status", "--json"]).done()).unwrap()
    }

    /// Waits until the master says something.
    #[track_caller]
    pub(crate) fn until<T>(
        &self,
        what: &str,
        mut look: impl FnMut(&ClusterStatus) -> Option<T>,
    ) -> T {
        eventually(what, || look(&self.status()))
    }

    /// Returns the process of an executor (`app-1-0000/0`), which is known by its folder.
    #[track_caller]
    pub(crate) fn process_of(&self, name: &str) -> u32 {
        let all = self.site.processes().into_iter();
        let own = name.replace('/', "/executor-");
        let mut found = all.filter(|process| {
            let folder = fs::read_link(format!("/proc/{}/cwd", process.id));
            folder.is_ok_and(|folder| folder.ends_with(&own))
        });
        found.next().unwrap_or_else(|| panic!("no {name}")).id
    }

    /// Returns the id of the worker with this number.
    #[track_caller]
    pub(crate) fn worker_on(&self, number: u32) -> String {
        let status = self.status();
        let mut workers = status.workers.into_iter();
        workers
            .find(|worker| worker.host == host(number))
            .unwrap()
            .id
    }

    /// Waits until so many workers live.
    #[track_caller]
    pub(crate) fn until_workers(&self, number: usize) {
        self.until("workers", |status| {
            let living = status.workers.iter().filter(|one| one.state == "ALIVE");
            (living.count() == number).then_some(())
        });
    }

    /// Waits until an application of this name has so many executors that run, and returns it.
    #[track_caller]
    pub(crate) fn application(&self, name: &str, executors: usize) -> ApplicationStatus {
        self.until("executors", |status| {
            let mut all = status.applications.iter();
            let found = all.find(|application| application.name == name)?;
            let running = found.executors.iter().filter(|one| one.state == "RUNNING");
            (running.count() == executors).then(|| found.clone())
        })
    }

    /// Waits until a driver is in this state, and returns it.
    #[track_caller]
    pub(crate) fn driver(&self, id: &str, state: &str) -> DriverStatus {
        self.until(&format!("{id} is {state}"), |status| {
            let found = status.drivers.iter().find(|driver| driver.id == id)?;
            (found.state == state).then(|| found.clone())
        })
    }

    /// Waits until an executor or driver has printed this. Returns the line.
    #[track_caller]
    pub(crate) fn until_logged(&self, source: &str, text: &str) -> String {
        // It need not have begun.
        eventually(text, || {
            let words = ["logs", "--follow", source];
            let mut reading = start(&mut self.tinderbox(&words));
            reading.line_or_end(text)
        })
    }

    /// Opens a gate at which a behaviour waits.
    pub(crate) fn open(&self, gates: &Path, gate: &str) {
        fs::write(gates.join(gate), "x").unwrap();
    }

    /// Makes a folder for gates.
    pub(crate) fn gates(&self, name: &str) -> PathBuf {
        let folder = self.site.path(name);
        fs::create_dir_all(&folder).unwrap();
        folder
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let daemons: Vec<_> = self.workers.drain(..).chain(self.master.take()).collect();
        if thread::panicking() {
            return;
        }
        for daemon in daemons {
            daemon.signal("TERM");
            let ended = daemon.end();
            assert_eq!(ended.code, Some(DONE), "{}", ended.stderr);
        }
        self.site.expect_nothing_left();
    }
}

/// The name of a worker's machine. All of 127.0.0.0/8 leads here; who has another name shares no disk.
pub(crate) fn host(number: u32) -> String {
    format!("127.0.0.{number}")
}

/// The command that runs a master.
pub(crate) fn master(site: &Site, port: &str, settings: &[&str]) -> Command {
    let mut command = site.tinderbox(&["master", "--host", "127.0.0.1", "--port", port]);
    command.args(settings.iter().flat_map(|pair| ["--conf", pair]));
    command
}

/// The URL in a line that was printed.
pub(crate) fn url_in(line: &str) -> String {
    let words = line
        .split(' ')
        .map(|word| word.trim_end_matches(['.', ':']));
    let url = words
        .into_iter()
        .find(|word| word.starts_with("tinderbox://"));
    url.unwrap_or_else(|| panic!("no URL: {line}")).to_owned()
}

/// Kills a process, and no one else.
pub(crate) fn kill(process: u32) {
    signal(process, "KILL");
}
