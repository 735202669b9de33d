//! The command line, as it is typed: [`Args`] and the commands under it.
//!
//! The texts here are the manual that `--help` shows. Checks that need only the text happen while it is
//! parsed; what depends on files or the environment is decided in `settings`, `grants` and `compile`.

mod cluster;
mod daemons;
mod job;
mod place;

use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};

pub use cluster::{
    AccessArgs, ClusterArgs, DecommissionArgs, DeployMode, KillArgs, LogsArgs, ResourceArgs,
    StatusArgs, SubmitArgs, Target,
};
pub use daemons::{LocalClusterArgs, MasterArgs, WorkerArgs};
pub use job::{JobArgs, RunArgs};
pub use place::{Master, Shape};

/// Tinderbox runs Spark-style programs as WebAssembly components.
///
/// A program is an ordinary main function with ordinary closures. Its tasks run as forks of it, each in a
/// sandbox of its own.
#[derive(Debug, Parser)]
#[command(name = "tinderbox", version, after_long_help = EXIT_CODES, subcommand_required = true, arg_required_else_help = true)]
pub struct Args {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const EXIT_CODES: &str = "\
Exit codes:
    0  done
    1  the job failed: its main returned an error, or a task failed for good;
       or a master or worker could not go on
    2  the command line, a setting or a path makes no sense, or the cluster refused it
    3  no master of the cluster answers
    4  the component was refused: it is none, has another contract, or cannot be forked
    5  the program could not be built
  130  interrupted (Ctrl-C)";

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a job on this machine
    Run(RunArgs),
    /// Build a source folder to a component
    Build(BuildArgs),
    /// Make a new job project that builds and runs as it is
    New(NewArgs),
    /// Tell what a component is, needs and offers, and whether it can be forked
    Inspect(InspectArgs),
    /// List the settings, or explain those that a text is found in
    Settings(SettingsArgs),
    /// Run a job on a cluster
    Submit(SubmitArgs),
    /// Tell how a cluster is: workers, applications, drivers, and what they wait for
    Status(StatusArgs),
    /// Show what an executor or a driver has printed
    Logs(LogsArgs),
    /// End a driver or an application
    Kill(KillArgs),
    /// Take machines out of service in good order
    Decommission(DecommissionArgs),
    /// Run a master: it knows the workers, and lends their cores and memory to applications
    Master(MasterArgs),
    /// Run a worker: it starts executors and drivers on this machine, as a master orders
    Worker(WorkerArgs),
    /// Run a master and workers on this machine, for trying out
    Cluster(LocalClusterArgs),
    /// Run tasks, as the worker says that has started this process
    #[command(hide = true, name = daemon::instructions::EXECUTOR)]
    Executor,
    /// Run a program's driver, as the worker says that has started this process
    #[command(hide = true, name = daemon::instructions::DRIVER)]
    Driver,
}

/// What is set.
#[derive(Clone, Debug, Default, ClapArgs)]
pub struct ConfArgs {
    /// Set a setting, such as task.maxFailures=2; may be repeated
    #[arg(long, value_name = "KEY=VALUE", value_parser = pair)]
    pub conf: Vec<(String, String)>,

    /// Read settings from this file [default: tinderbox.toml here, if there is one]
    #[arg(long, value_name = "FILE")]
    pub properties_file: Option<PathBuf>,
}

/// Build a source folder to a component, and print the component's path.
///
/// The first build finds a compiler for WebAssembly, or makes one.
#[derive(Debug, ClapArgs)]
pub struct BuildArgs {
    /// The source folder
    #[arg(value_name = "PATH", default_value = ".")]
    pub path: PathBuf,

    /// Copy the component to this file or folder
    #[arg(long, short, value_name = "OUT")]
    pub out: Option<PathBuf>,
}

/// Make a new job project that builds and runs as it is.
#[derive(Debug, ClapArgs)]
pub struct NewArgs {
    /// The project's name: letters, digits, - and _
    #[arg(value_name = "NAME")]
    pub name: String,

    /// The folder to make [default: NAME]
    #[arg(long, value_name = "DIR")]
    pub path: Option<PathBuf>,
}

/// Tell what a component is, needs and offers, and whether it can be forked.
#[derive(Debug, ClapArgs)]
pub struct InspectArgs {
    /// A component file (.wasm), or a source folder, which is built first
    #[arg(value_name = "JOB")]
    pub job: PathBuf,

    /// How to tell it
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub output: Output,
}

/// List the settings with their defaults, or explain some.
#[derive(Debug, ClapArgs)]
pub struct SettingsArgs {
    /// Explain the settings in whose key or explanation this stands [default: list all]
    #[arg(value_name = "TEXT")]
    pub text: Option<String>,
}

/// The form of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people
    Text,
    /// For programs
    Json,
}

fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => {
            Ok((key.trim().into(), value.trim().into()))
        }
        _ => Err("write it as KEY=VALUE".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    fn parse(words: &[&str]) -> Result<Args, clap::Error> {
        Args::try_parse_from([&["tinderbox"], words].concat())
    }

    fn run(words: &[&str]) -> RunArgs {
        match parse(&[&["run"], words].concat()).unwrap().command {
            Command::Run(args) => args,
            other => panic!("not run: {other:?}"),
        }
    }

    fn error(words: &[&str]) -> String {
        parse(words).unwrap_err().to_string()
    }

    #[test]
    fn the_definition_is_sound() {
        Args::command().debug_assert();
    }

    #[test]
    fn help_reads_well() {
        let mut text = String::new();
        for words in [
            &["--help"][..],
            &["run", "-h"],
            &["run", "--help"],
            &["build", "--help"],
            &["new", "--help"],
            &["inspect", "--help"],
            &["settings", "--help"],
            &["submit", "--help"],
            &["status", "--help"],
            &["logs", "--help"],
            &["kill", "--help"],
            &["decommission", "--help"],
            &["master", "--help"],
            &["worker", "--help"],
            &["cluster", "--help"],
        ] {
            let mut command = Args::command().term_width(100);
            let error = command
                .try_get_matches_from_mut([&["tinderbox"], words].concat())
                .unwrap_err();
            text += &format!("$ tinderbox {}\n{error}\n", words.join(" "));
        }
        insta::assert_snapshot!(text);
    }

    #[test]
    fn what_follows_the_job_is_the_programs() {
        let args = run(&[
            "--name", "ours", "job.wasm", "in.txt", "--name", "theirs", "--help", "-q", "--", "x",
        ]);
        let (job, arguments) = args.job.job();
        assert_eq!(job, PathBuf::from("job.wasm"));
        assert_eq!(
            arguments,
            ["in.txt", "--name", "theirs", "--help", "-q", "--", "x"]
        );
        assert_eq!(
            (args.job.name.as_deref(), args.job.quiet),
            (Some("ours"), false)
        );
    }

    #[test]
    fn an_option_right_after_the_job_is_the_programs() {
        assert_eq!(run(&["job.wasm", "--top", "5"]).job.job().1, ["--top", "5"]);
        assert_eq!(run(&["job.wasm", "--quiet"]).job.job().1, ["--quiet"]);
    }

    #[test]
    fn one_double_dash_after_the_job_is_ours() {
        assert_eq!(
            run(&["job.wasm", "--", "--top", "5"]).job.job().1,
            ["--top", "5"]
        );
        assert_eq!(run(&["job.wasm", "--", "--", "x"]).job.job().1, ["--", "x"]);
        assert_eq!(
            run(&["--", "job.wasm", "x"]).job.job(),
            ("job.wasm".into(), &["x".to_owned()][..])
        );
    }

    #[test]
    fn settings_are_pairs() {
        assert_eq!(
            run(&["--conf", "a.b=c=d", "--conf", "e = 1g", "job"])
                .job
                .conf
                .conf,
            [("a.b".into(), "c=d".into()), ("e".into(), "1g".into())]
        );
    }

    #[test]
    fn sparks_options_mean_settings() {
        let words = [
            "submit",
            "--executor-memory",
            "2g",
            "--driver-cores",
            "2",
            "job",
            "--driver-memory",
        ];
        let args = match parse(&words).unwrap().command {
            Command::Submit(args) => args,
            other => panic!("not submit: {other:?}"),
        };
        let expected = [
            ("--executor-memory", "executor.memory", "2g"),
            ("--driver-cores", "driver.cores", "2"),
        ];
        assert_eq!(args.resources.chosen(), expected);
        assert_eq!(args.job.job().1, ["--driver-memory"]);
    }

    #[test]
    fn logs_and_targets_are_named_as_status_names_them() {
        let parsed = |words: &[&str]| format!("{:?}", parse(words).unwrap().command);
        let executor = parsed(&["logs", "app-1-0007/executor-3"]);
        assert_eq!(executor, parsed(&["logs", "app-1-0007/3"]));
        assert!(executor.contains("Executor"), "{executor}");
        assert!(parsed(&["logs", "driver-1-0002"]).contains("Driver"));
        assert!(parsed(&["kill", "driver-1-0002"]).contains("Driver"));
        assert!(parsed(&["kill", "app-1-0002"]).contains("Application"));
    }

    #[test]
    fn what_is_wrong_is_said() {
        let errors = [
            &["run", "--conf", "a", "job"][..],
            &["run", "--conf", "=b", "job"],
            &["run", "--allow-raed", "x", "job"],
            &["run", "--master", "mesos", "job"],
            &["run"],
            &["submit", "--deploy-mode", "local", "job"],
            &["submit", "--tenant", "a/b", "job"],
            &["status", "--master", "host:7077"],
            &["kill", "app-1"],
            &["logs", "app-1-0000"],
            &["decommission"],
            &["worker"],
            &["worker", "host"],
            &["worker", "tinderbox://host", "--memory", "lots"],
            &["worker", "tinderbox://host", "--cores", "0"],
            &["worker", "tinderbox://host", "--token", "secret"],
        ];
        insta::assert_snapshot!(errors.map(error).join("---\n"));
    }
}
