//! The command line, as it is typed: [`Args`] and the commands under it.
//!
//! The texts here are the manual that `--help` shows. Checks that need only the text happen while it is
//! parsed; what depends on files or the environment is decided in `settings`, `grants` and `compile`.

use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};

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
    1  the job failed: its main returned an error, or a task failed for good
    2  the command line, a setting or a path makes no sense
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
}

const RUN_EXAMPLES: &str = "\
Examples:
  tinderbox run samples/wordcount README.md --top 5
  tinderbox run --master 'local[2]' job.wasm
  tinderbox run --allow-write out --conf task.maxFailures=2 my-job input.txt out

Settings:
  A setting is looked for in --conf, then in the environment, then in the settings file.
  In the environment, task.maxFailures is TINDERBOX_CONF_TASK_MAXFAILURES.
  In a settings file (TOML), it is the line: task.maxFailures = 2
  `tinderbox settings` lists them all, `tinderbox settings speculation` explains some.

What a program may touch:
  Files and folders named among ARGS may be read, since you typed them, and nothing else.
  --allow-read and --allow-write grant more. A program has no network.";

const MASTER_HELP: &str =
    "Where to run: local (one core), local[N] (N cores) or local[*] (all cores)";

/// Run a job on this machine.
///
/// The program's own output goes to stdout. Progress and the summary go to stderr.
#[derive(Debug, ClapArgs)]
#[command(after_help = RUN_EXAMPLES, override_usage = "tinderbox run [OPTIONS] JOB [--] [ARGS]...")]
pub struct RunArgs {
    /// Where to run.
    #[arg(long, value_name = "URL", default_value = "local[*]", help = MASTER_HELP)]
    pub master: Master,

    /// Let the program read this file, or this folder and all in it; may be repeated
    #[arg(long, value_name = "PATH")]
    pub allow_read: Vec<PathBuf>,

    /// Let the program write this file, or anything in this folder; may be repeated
    #[arg(long, value_name = "PATH")]
    pub allow_write: Vec<PathBuf>,

    /// Set a setting, such as task.maxFailures=2; may be repeated
    #[arg(long, value_name = "KEY=VALUE", value_parser = pair)]
    pub conf: Vec<(String, String)>,

    /// Read settings from this file [default: tinderbox.toml here, if there is one]
    #[arg(long, value_name = "FILE")]
    pub properties_file: Option<PathBuf>,

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

impl RunArgs {
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

/// Where tasks run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Master {
    /// In this process, on so many cores; none for all of this machine.
    Local(Option<u32>),
}

impl Master {
    /// Returns the number of tasks that run at once, given the cores of this machine.
    pub fn cores(self, machine: u32) -> u32 {
        match self {
            Self::Local(cores) => cores.unwrap_or(machine),
        }
    }
}

/// Cores beyond this are a slip of the finger, and each costs a thread.
const CORES_MAX: u32 = 4096;

impl FromStr for Master {
    type Err = String;

    fn from_str(url: &str) -> Result<Self, String> {
        const KNOWN: &str = "known are local, local[N] and local[*]";
        if url == "local" {
            return Ok(Self::Local(Some(1)));
        }
        let Some(cores) = url
            .strip_prefix("local[")
            .and_then(|rest| rest.strip_suffix(']'))
        else {
            return Err(if url.contains("://") || url.starts_with("local-cluster") {
                format!("this version runs jobs on one machine only, clusters come later; {KNOWN}")
            } else {
                KNOWN.into()
            });
        };
        match (cores, cores.parse::<u32>()) {
            ("*", _) => Ok(Self::Local(None)),
            (_, Ok(1..=CORES_MAX)) => Ok(Self::Local(cores.parse().ok())),
            _ if cores.contains(',') => {
                Err("local[N,F] is not known: type local[N] and --conf task.maxFailures=F".into())
            }
            _ => Err(format!(
                "N in local[N] is a number of cores, from 1 to {CORES_MAX}, or *"
            )),
        }
    }
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

    fn run_error(words: &[&str]) -> String {
        parse(&[&["run"], words].concat()).unwrap_err().to_string()
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
    fn masters() {
        assert_eq!("local".parse(), Ok(Master::Local(Some(1))));
        assert_eq!("local[2]".parse(), Ok(Master::Local(Some(2))));
        assert_eq!("local[*]".parse(), Ok(Master::Local(None)));
        assert_eq!(Master::Local(None).cores(8), 8);
        assert_eq!(Master::Local(Some(2)).cores(8), 2);
        let wrong = [
            "local[0]",
            "local[x]",
            "local[]",
            "local[2,3]",
            "local[99999]",
            "local2",
            "yarn",
            "spark://host:7077",
            "",
        ];
        let errors = wrong.map(|url| format!("{url}: {}", url.parse::<Master>().unwrap_err()));
        insta::assert_snapshot!(errors.join("\n"));
    }

    #[test]
    fn what_follows_the_job_is_the_programs() {
        let args = run(&[
            "--name", "ours", "job.wasm", "in.txt", "--name", "theirs", "--help", "-q", "--", "x",
        ]);
        let (job, arguments) = args.job();
        assert_eq!(job, PathBuf::from("job.wasm"));
        assert_eq!(
            arguments,
            ["in.txt", "--name", "theirs", "--help", "-q", "--", "x"]
        );
        assert_eq!((args.name.as_deref(), args.quiet), (Some("ours"), false));
    }

    #[test]
    fn an_option_right_after_the_job_is_the_programs() {
        assert_eq!(run(&["job.wasm", "--top", "5"]).job().1, ["--top", "5"]);
        assert_eq!(run(&["job.wasm", "--quiet"]).job().1, ["--quiet"]);
    }

    #[test]
    fn one_double_dash_after_the_job_is_ours() {
        assert_eq!(
            run(&["job.wasm", "--", "--top", "5"]).job().1,
            ["--top", "5"]
        );
        assert_eq!(run(&["job.wasm", "--", "--", "x"]).job().1, ["--", "x"]);
        assert_eq!(
            run(&["--", "job.wasm", "x"]).job(),
            ("job.wasm".into(), &["x".to_owned()][..])
        );
    }

    #[test]
    fn settings_are_pairs() {
        assert_eq!(
            run(&["--conf", "a.b=c=d", "--conf", "e = 1g", "job"]).conf,
            [("a.b".into(), "c=d".into()), ("e".into(), "1g".into())]
        );
    }

    #[test]
    fn what_is_wrong_is_said() {
        let errors = [
            &["--conf", "a", "job"][..],
            &["--conf", "=b", "job"],
            &["--allow-raed", "x", "job"],
            &["--master", "mesos", "job"],
            &[],
        ];
        insta::assert_snapshot!(errors.map(run_error).join("---\n"));
    }
}
