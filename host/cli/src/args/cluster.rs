//! The command lines of those who ask a cluster: submit, status, logs, kill, decommission.

use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args as ClapArgs, ValueEnum};
use daemon::Masters;
use scheduler::message::ExecutorName;
use scheduler::{ApplicationId, DriverId, ExecutorId, Tenant};
use wire::LogSource;

use super::Output;
use super::job::{JOB_USAGE, JobArgs};
use super::place::{Master, masters};

/// How a command gets into a cluster.
#[derive(Clone, Debug, ClapArgs)]
pub struct AccessArgs {
    /// The file with the submitter's join token, which the master's folder has; needed once for a cluster
    /// [default: $TINDERBOX_TOKEN_FILE, then that of a master of yours on this machine]
    #[arg(long, value_name = "FILE", help_heading = "Cluster")]
    pub token_file: Option<PathBuf>,

    /// In whose name to ask: who pays, and whose files and logs it is about
    #[arg(long, value_name = "NAME", default_value = "default", value_parser = tenant, help_heading = "Cluster")]
    pub tenant: Tenant,
}

/// Which cluster is asked.
#[derive(Clone, Debug, ClapArgs)]
pub struct ClusterArgs {
    /// The cluster [default: $TINDERBOX_MASTER, then tinderbox://127.0.0.1:7077]
    #[arg(long, value_name = "URL", value_parser = masters, help_heading = "Cluster")]
    pub master: Option<Masters>,

    /// By what it gets in.
    #[command(flatten)]
    pub access: AccessArgs,
}

const SUBMIT_HELP: &str = "\
Examples:
  tinderbox submit --master tinderbox://host:7077 samples/pi --tasks 100
  tinderbox submit --deploy-mode cluster --supervise --wait my-job.wasm /data/in.txt
  tinderbox submit --executor-memory 2g --total-executor-cores 8 my-job input.txt

Deploy modes:
  client   The driver runs here: what it prints and how far it is are shown as by `run`.
           Killing this command ends the application.
  cluster  The driver runs on a worker. The component is brought to the master; files are not:
           paths must mean the same on every machine. Relative ones start at this folder.
           The driver's id is printed. `tinderbox status`, `logs` and `kill` take it.

What a program may touch, and settings: see `tinderbox run --help`.";

/// Run a job on a cluster.
#[derive(Debug, ClapArgs)]
#[command(after_help = SUBMIT_HELP, override_usage = format!("tinderbox submit {JOB_USAGE}"))]
pub struct SubmitArgs {
    /// The cluster, or any URL that `run` takes [default: $TINDERBOX_MASTER, then tinderbox://127.0.0.1:7077]
    #[arg(long, value_name = "URL")]
    pub master: Option<Master>,

    /// Where the driver runs: client (in this process) or cluster (on a worker)
    #[arg(
        long,
        value_name = "MODE",
        default_value = "client",
        hide_possible_values = true
    )]
    pub deploy_mode: DeployMode,

    /// Start the driver again when it fails (cluster mode)
    #[arg(long)]
    pub supervise: bool,

    /// Follow the driver to its end, show what it prints and end as it does (cluster mode)
    #[arg(long)]
    pub wait: bool,

    /// What the application takes.
    #[command(flatten)]
    pub resources: ResourceArgs,

    /// By what it gets in.
    #[command(flatten)]
    pub access: AccessArgs,

    /// What is run.
    #[command(flatten)]
    pub job: JobArgs,
}

/// Where the driver of a submitted job runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum DeployMode {
    /// In this process
    Client,
    /// On a worker
    Cluster,
}

/// Spark's names for some settings. What they take, the settings say.
#[derive(Clone, Debug, Default, ClapArgs)]
pub struct ResourceArgs {
    /// Memory of each executor, such as 2g (executor.memory)
    #[arg(long, value_name = "SIZE", help_heading = "Resources")]
    pub executor_memory: Option<String>,

    /// Cores of each executor (executor.cores)
    #[arg(long, value_name = "N", help_heading = "Resources")]
    pub executor_cores: Option<String>,

    /// The most cores of all executors together (cores.max)
    #[arg(long, value_name = "N", help_heading = "Resources")]
    pub total_executor_cores: Option<String>,

    /// How many executors to begin with (executor.instances)
    #[arg(long, value_name = "N", help_heading = "Resources")]
    pub num_executors: Option<String>,

    /// The driver's memory (driver.memory)
    #[arg(long, value_name = "SIZE", help_heading = "Resources")]
    pub driver_memory: Option<String>,

    /// The driver's cores, in cluster mode (driver.cores)
    #[arg(long, value_name = "N", help_heading = "Resources")]
    pub driver_cores: Option<String>,
}

impl ResourceArgs {
    /// Returns each option that was given, with the setting that it means and its value.
    pub fn chosen(&self) -> Vec<(&'static str, &'static str, &str)> {
        let all = [
            (
                "--executor-memory",
                "executor.memory",
                &self.executor_memory,
            ),
            ("--executor-cores", "executor.cores", &self.executor_cores),
            (
                "--total-executor-cores",
                "cores.max",
                &self.total_executor_cores,
            ),
            ("--num-executors", "executor.instances", &self.num_executors),
            ("--driver-memory", "driver.memory", &self.driver_memory),
            ("--driver-cores", "driver.cores", &self.driver_cores),
        ];
        let given = all.into_iter();
        given
            .filter_map(|(option, key, value)| Some((option, key, value.as_deref()?)))
            .collect()
    }
}

/// Tell how a cluster is: its workers, applications and drivers, and what they wait for.
#[derive(Debug, ClapArgs)]
pub struct StatusArgs {
    /// How to tell it: text or json
    #[arg(
        long,
        value_name = "FORMAT",
        default_value = "text",
        hide_possible_values = true
    )]
    pub output: Output,

    /// The same as --output json
    #[arg(long, conflicts_with = "output")]
    pub json: bool,

    /// Which one.
    #[command(flatten)]
    pub cluster: ClusterArgs,
}

/// Show what an executor or a driver in the cluster has printed.
#[derive(Debug, ClapArgs)]
pub struct LogsArgs {
    /// driver-1-0000, or app-1-0000/3 for the application's executor 3; `tinderbox status` lists them
    #[arg(value_name = "DRIVER|APPLICATION/N", value_parser = log_source)]
    pub source: LogSource,

    /// Go on until the process has ended
    #[arg(long, short)]
    pub follow: bool,

    /// Show what it has written to stderr, where the process itself writes too, instead of stdout
    #[arg(long)]
    pub stderr: bool,

    /// Which one.
    #[command(flatten)]
    pub cluster: ClusterArgs,
}

/// End a driver or an application.
#[derive(Debug, ClapArgs)]
pub struct KillArgs {
    /// driver-1-0000 or app-1-0000; `tinderbox status` lists them
    #[arg(value_name = "DRIVER|APPLICATION")]
    pub target: Target,

    /// Which one.
    #[command(flatten)]
    pub cluster: ClusterArgs,
}

/// What can be killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// A driver that the cluster runs.
    Driver(DriverId),
    /// An application.
    Application(ApplicationId),
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let driver = text.parse().map(Self::Driver);
        driver
            .or_else(|_| text.parse().map(Self::Application))
            .map_err(|_| {
                "write it as driver-1-0000 or app-1-0000; `tinderbox status` lists them".into()
            })
    }
}

/// Reads whose log is wanted.
fn log_source(text: &str) -> Result<LogSource, String> {
    let executor = || {
        let (application, executor) = text.split_once('/')?;
        let number = executor.strip_prefix("executor-").unwrap_or(executor);
        Some(ExecutorName {
            application: application.parse().ok()?,
            executor: ExecutorId(number.parse().ok()?),
        })
    };
    let driver = text.parse().ok().map(LogSource::Driver);
    driver
        .or_else(|| executor().map(|name| LogSource::Executor(name.application, name.executor)))
        .ok_or_else(|| {
            "write it as driver-1-0000, or app-1-0000/3 for an executor; `tinderbox status` lists them"
                .into()
        })
}

/// Take machines out of service in good order.
#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Their workers get nothing new, and executors there end when they have done what they do. When
`tinderbox status` shows no cores taken there, and the applications have ended, stop the workers.
The cluster must have decommission.enabled.")]
pub struct DecommissionArgs {
    /// The machines, as `tinderbox status` names them
    #[arg(value_name = "HOST", required = true)]
    pub hosts: Vec<String>,

    /// Which one.
    #[command(flatten)]
    pub cluster: ClusterArgs,
}

fn tenant(text: &str) -> Result<Tenant, String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if (1..=64).contains(&text.len()) && text.bytes().all(plain) {
        Ok(text.into())
    } else {
        Err("a tenant's name is of letters, digits, - _ and ., 64 at most".into())
    }
}
