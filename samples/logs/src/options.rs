//! What is asked for.

use std::fmt::Display;
use std::str::FromStr;

use pico_args::Arguments;
use tinderbox::{Error, Result};

use crate::request::Request;

const USAGE: &str = "usage: logs PATH... --hosts TABLE [--since TIME] [--min-status N]
       logs --generate LINES FOLDER";

pub enum Task {
    Report(Options),
    Generate { lines: u64, folder: String },
}

pub struct Options {
    pub paths: Vec<String>,
    /// Whose each host is: a CSV file.
    pub hosts: String,
    /// Only requests from this time on: the beginning of one, as the logs have it.
    since: String,
    /// Only answers of this status, or a higher one.
    min_status: u16,
}

impl Options {
    pub fn wants(&self, request: &Request) -> bool {
        request.status >= self.min_status && request.time >= self.since
    }
}

pub fn parse(args: Vec<String>) -> Result<Task> {
    let mut args = Arguments::from_vec(args.into_iter().map(Into::into).collect());
    let generate = number(&mut args, "--generate")?;
    let min_status = number(&mut args, "--min-status")?;
    let hosts = args.opt_value_from_str("--hosts").map_err(usage)?;
    let since = args.opt_value_from_fn("--since", time).map_err(usage)?;
    let paths = paths(args)?;
    match (generate, hosts, &*paths) {
        (Some(lines), None, [folder]) => Ok(Task::Generate {
            lines,
            folder: folder.clone(),
        }),
        (Some(_), ..) => Err(usage("--generate needs a folder, and nothing else")),
        (None, _, []) => Err(usage("which files?")),
        (None, None, _) => Err(usage("which table of hosts?")),
        (None, Some(hosts), _) => Ok(Task::Report(Options {
            paths,
            hosts,
            since: since.unwrap_or_default(),
            min_status: min_status.unwrap_or(0),
        })),
    }
}

fn number<N: FromStr<Err: Display>>(
    args: &mut Arguments,
    option: &'static str,
) -> Result<Option<N>> {
    args.opt_value_from_str(option)
        .map_err(|error| usage(format!("{option} needs a number: {error}")))
}

/// What no option has taken.
fn paths(args: Arguments) -> Result<Vec<String>> {
    let mut paths = Vec::new();
    for arg in args.finish() {
        let path = arg.to_string_lossy().into_owned();
        if path.starts_with("--") {
            return Err(usage(format!("`{path}` is unknown, or stands twice")));
        }
        paths.push(path);
    }
    Ok(paths)
}

/// Times are text that sorts as they do, as long as all have one form.
fn time(text: &str) -> Result<String, String> {
    const FORM: &str = "0000-00-00T00:00:00Z";
    let fits = |(found, form): (char, char)| match form {
        '0' => found.is_ascii_digit(),
        _ => found == form,
    };
    if text.len() >= "0000-00-00".len()
        && text.len() <= FORM.len()
        && text.chars().zip(FORM.chars()).all(fits)
    {
        Ok(text.to_owned())
    } else {
        Err(format!(
            "a time is written 2026-03-01T12:30:00Z, or 2026-03-01, not `{text}`"
        ))
    }
}

fn usage(what: impl Display) -> Error {
    Error::new(format!("{what}\n{USAGE}"))
}
