//! A job as it is typed, and what it may have: what `run` and `submit` share.

use std::path::PathBuf;

use clap::Args as ClapArgs;

use super::ConfArgs;
use super::cluster::AccessArgs;
use super::place::Master;

/// What comes after a command that runs a job.
pub(super) const JOB_USAGE: &str = "[OPTIONS] JOB [--] [ARGS]...";

const RUN_EXAMPLES: &str = "\
Examples:
  tinderbox run samples/wordcount README.md --top 5
  tinderbox run --master 'local[2]' job.wasm
  tinderbox run --master 'local-cluster[2,1,512m]' job.wasm
  tinderbox run --allow-write out --conf task.maxFailures=2 my-job input.txt out

Settings:
  A setting is looked for in --conf, then in the environment, then in the settings file.
  In the environment, task.maxFailures is TINDERBOX_CONF_TASK_MAXFAILURES.
  In a settings file (TOML), it is the line: task.maxFailures = 2
  `tinderbox settings` lists them all, `tinderbox settings speculation` explains some.

What a program may touch:
  Files, folders and URLs (s3://, http://, https://) named among ARGS may be read, since you
  typed them, and nothing else. --allow-read and --allow-write grant more. A program has no
  network: its host reads for it, with the keys of the environment (AWS_ACCESS_KEY_ID and so on).";

const MASTER_HELP: &str = "\
Where to run: local (one core), local[N] (N cores), local[*] (all cores), \
local-cluster[N,CORES,MEMORY] (N workers of a cluster for this run) or tinderbox://host:7077 (a cluster)";

/// Run a job on this machine.
///
/// The program's own output goes to stdout. Progress and the summary go to stderr.
#[derive(Debug, ClapArgs)]
#[command(after_help = RUN_EXAMPLES, override_usage = format!("tinderbox run {JOB_USAGE}"))]
pub struct RunArgs {
    /// Where to run.
    #[arg(long, value_name = "URL", default_value = "local[*]", help = MASTER_HELP)]
    pub master: Master,

    /// What is run.
    #[command(flatten)]
    pub job: JobArgs,

    /// By what it gets in.
    #[command(flatten)]
    pub access: AccessArgs,
}

/// A job, what it may touch, what is set, and how it is shown.
#[derive(Debug, ClapArgs)]
pub struct JobArgs {
    /// Let the program read this file, folder or URL, and all in it; may be repeated
    #[arg(long, value_name = "PATH")]
    pub allow_read: Vec<PathBuf>,

    /// Let the program write this file, folder or s3:// URL, and all in it; may be repeated
    #[arg(long, value_name = "PATH")]
    pub allow_write: Vec<PathBuf>,

    /// What is set.
    #[command(flatten)]
    pub conf: ConfArgs,

    /// The application's name [default: the job's]
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,

    /// Draw no progress bars, even on a terminal
    #[arg(long)]
    pub no_progress: bool,

    /// Print neither progress nor summary
    #[arg(long, short)]
    pub quiet: bool,

    /// A component file (.wasm), or a source folder, which is built first; then the program's own arguments
    #[arg(value_names = ["JOB", "ARGS"], required = true, num_args = 1.., trailing_var_arg = true)]
    pub job_and_args: Vec<String>,
}

impl JobArgs {
    /// Returns the job and the program's own arguments. A `--` between the two is not the program's.
    pub fn job(&self) -> (PathBuf, &[String]) {
        let (job, rest) = self
            .job_and_args
            .split_first()
            .map_or(("", &[][..]), |(job, rest)| (job.as_str(), rest));
        let arguments = rest.strip_prefix(&["--".to_owned()][..]).unwrap_or(rest);
        (PathBuf::from(job), arguments)
    }
}
