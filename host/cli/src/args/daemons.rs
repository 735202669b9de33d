//! The command lines of a cluster's daemons.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::Args as ClapArgs;
use daemon::{MASTER_PORT, Masters};
use network::Token;
use scheduler::Rack;

use super::ConfArgs;
use super::place::{Shape, masters, memory};

const MASTER_HELP: &str = "\
The first start makes the cluster's certificate authority. Each start writes two join tokens into the
folder: worker.token for workers, submitter.token for those who submit. Whoever has one gets in: keep
them secret.

It runs until Ctrl-C or SIGTERM, and logs to stderr.
  TINDERBOX_LOG=debug logs more; TINDERBOX_LOG=warn,daemon=debug only of a part.";

const WORKER_HELP: &str = "\
With the token it gets a certificate, which it keeps in its folder.

It runs until Ctrl-C or SIGTERM, and logs to stderr; its executors and drivers end with it.
  TINDERBOX_LOG=debug logs more; TINDERBOX_LOG=warn,daemon=debug only of a part.";

const CLUSTER_HELP: &str = "\
Only this machine reaches them. They run until Ctrl-C, and leave nothing behind.
While they run, `tinderbox submit JOB` and `tinderbox status` find them without further options.";

/// Run a master.
#[derive(Debug, ClapArgs)]
#[command(after_help = MASTER_HELP)]
pub struct MasterArgs {
    /// The name or address by which others reach this machine [default: its name]
    #[arg(long, value_name = "HOST")]
    pub host: Option<String>,

    /// The address to listen on [default: --host if that is an address, else all]
    #[arg(long, value_name = "IP")]
    pub bind: Option<IpAddr>,

    /// The port (UDP); 0 takes any
    #[arg(long, value_name = "PORT", default_value_t = MASTER_PORT)]
    pub port: u16,

    /// What it must not forget: authority, tokens, who was taken in [default: ~/.local/state/tinderbox/master]
    #[arg(long, value_name = "FOLDER")]
    pub folder: Option<PathBuf>,

    /// What is set.
    #[command(flatten)]
    pub conf: ConfArgs,
}

/// Run a worker.
#[derive(Debug, ClapArgs)]
#[command(after_help = WORKER_HELP)]
pub struct WorkerArgs {
    /// The cluster: tinderbox://host:7077, or several masters with commas between them
    #[arg(value_name = "URL", value_parser = masters)]
    pub masters: Masters,

    /// Cores to offer [default: all]
    #[arg(long, short, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub cores: Option<u32>,

    /// Memory to offer, such as 4g [default: all but 1 GiB]
    #[arg(long, short, value_name = "SIZE", value_parser = memory)]
    pub memory: Option<u64>,

    /// Logs, shuffle files and components go here; a folder for each worker
    /// [default: ~/.local/state/tinderbox/worker]
    #[arg(long, short = 'd', value_name = "FOLDER")]
    pub work_dir: Option<PathBuf>,

    /// The name or address by which others reach this machine [default: the address that faces the master]
    #[arg(long, value_name = "HOST")]
    pub host: Option<String>,

    /// The address to listen on [default: --host if that is an address, else all]
    #[arg(long, value_name = "IP")]
    pub bind: Option<IpAddr>,

    /// The port (UDP) [default: any]
    #[arg(
        long,
        value_name = "PORT",
        default_value_t = 0,
        hide_default_value = true
    )]
    pub port: u16,

    /// Where the machine stands: tasks prefer data of their own rack
    #[arg(long, value_name = "RACK", value_parser = rack)]
    pub rack: Option<Rack>,

    /// The file with the workers' join token, which the master's folder has; needed once
    /// [default: $TINDERBOX_TOKEN_FILE, then that of a master of yours on this machine]
    #[arg(long, value_name = "FILE", conflicts_with = "token")]
    pub token_file: Option<PathBuf>,

    /// The token itself; other users of this machine can see it
    #[arg(long, value_name = "TOKEN")]
    pub token: Option<Token>,

    /// What is set.
    #[command(flatten)]
    pub conf: ConfArgs,
}

/// Run a master and workers on this machine, for trying out.
#[derive(Debug, ClapArgs)]
#[command(after_help = CLUSTER_HELP)]
pub struct LocalClusterArgs {
    /// How many workers
    #[arg(long, value_name = "N", default_value = "2", value_parser = clap::value_parser!(u32).range(1..=64))]
    pub workers: u32,

    /// Cores of each
    #[arg(long, value_name = "N", default_value = "1", value_parser = clap::value_parser!(u32).range(1..))]
    pub cores: u32,

    /// Memory of each
    #[arg(long, value_name = "SIZE", default_value = "1g", value_parser = memory)]
    pub memory: u64,

    /// The master's port; 0 takes any
    #[arg(long, value_name = "PORT", default_value_t = MASTER_PORT)]
    pub port: u16,

    /// What is set.
    #[command(flatten)]
    pub conf: ConfArgs,
}

impl LocalClusterArgs {
    /// Returns how large it is to be.
    pub const fn shape(&self) -> Shape {
        Shape {
            workers: self.workers,
            cores: self.cores,
            memory: self.memory,
        }
    }
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "the form that clap wants of a parser"
)]
fn rack(text: &str) -> Result<Rack, String> {
    Ok(text.into())
}
