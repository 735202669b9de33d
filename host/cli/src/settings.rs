//! Gathers an application's settings: defaults, a file, the environment, the command line; the later one wins.
//!
//! What a key means and takes is the scheduler's table. An error says where the setting stands.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context as _, Result};
use scheduler::Settings;
use scheduler::settings::{Definition, definitions};
use toml::{Table, Value};

use crate::args::ConfArgs;
use crate::exit::{ExitCode, Failure};
use crate::suggest::nearest;

/// The settings file that is read where none is named.
pub const FILE: &str = "tinderbox.toml";

/// What settings in the environment start with. The key follows in upper case, with `_` for each `.`.
pub const PREFIX: &str = "TINDERBOX_CONF_";

/// An option that means a setting, the setting's key, and what was typed.
pub type Choice<'a> = (&'a str, &'a str, &'a str);

/// Returns the settings of a command that is started in `folder`, with the environment of this process. Options that
/// mean a setting beat all else.
///
/// Fails with [`ExitCode::Usage`] where a key is unknown, a value does not fit its key or the file cannot be read.
pub fn load(args: &ConfArgs, options: &[Choice<'_>], folder: &Path) -> Result<Settings> {
    let mut settings = Settings::default();
    if let Some((name, text)) = read_file(args.properties_file.as_deref(), folder)? {
        add_file(&mut settings, &text).with_context(|| format!("in {name}"))?;
    }
    let variables = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    add_environment(&mut settings, variables)?;
    for (key, value) in &args.conf {
        set(&mut settings, key, value).context("in --conf")?;
    }
    for (option, key, value) in options {
        set(&mut settings, key, value).with_context(|| format!("in {option}"))?;
    }
    Ok(settings)
}

/// Returns the settings file's name and text. A file that was named must be there.
fn read_file(named: Option<&Path>, folder: &Path) -> Result<Option<(String, String)>> {
    let path = named.unwrap_or_else(|| Path::new(FILE));
    match fs::read_to_string(folder.join(path)) {
        Ok(text) => Ok(Some((path.display().to_string(), text))),
        Err(error) if named.is_none() && error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(usage(format!(
            "the settings file {path:?} cannot be read: {error}"
        ))
        .into()),
    }
}

const ALL_SETTINGS: &str = "all settings: tinderbox settings";

fn usage(what: impl Into<String>) -> Failure {
    Failure::new(ExitCode::Usage, what)
}

fn set(settings: &mut Settings, key: &str, value: &str) -> Result<(), Failure> {
    settings
        .set(key, value)
        .map_err(|error| usage(error.to_string()).hint(ALL_SETTINGS))
}

/// Adds the settings of a TOML text. `[task] maxFailures = 2` is the same as `task.maxFailures = 2`.
fn add_file(settings: &mut Settings, text: &str) -> Result<(), Failure> {
    let table: Table = toml::from_str(text).map_err(|error| {
        let line = error
            .span()
            .map_or(1, |span| text[..span.start].lines().count().max(1));
        usage(format!("line {line} is not TOML: {}", error.message()))
    })?;
    add_table(settings, "", &table)
}

fn add_table(settings: &mut Settings, above: &str, table: &Table) -> Result<(), Failure> {
    for (name, value) in table {
        let key = if above.is_empty() {
            name.clone()
        } else {
            format!("{above}.{name}")
        };
        match value {
            Value::Table(table) => add_table(settings, &key, table)?,
            Value::String(text) => set(settings, &key, text)?,
            Value::Integer(_) | Value::Float(_) | Value::Boolean(_) => {
                set(settings, &key, &value.to_string())?;
            }
            Value::Array(_) | Value::Datetime(_) => {
                return Err(usage(format!("`{key}` is neither a text nor a number")));
            }
        }
    }
    Ok(())
}

fn add_environment(
    settings: &mut Settings,
    variables: impl Iterator<Item = (String, String)>,
) -> Result<(), Failure> {
    for (variable, value) in variables.filter(|(name, _)| name.starts_with(PREFIX)) {
        let found = definitions()
            .iter()
            .find(|definition| variable_of(definition.key) == variable);
        let definition = found.ok_or_else(|| unknown_variable(&variable))?;
        set(settings, definition.key, &value).map_err(|failure| Failure {
            what: format!("in {variable}: {failure}"),
            ..failure
        })?;
    }
    Ok(())
}

fn unknown_variable(variable: &str) -> Failure {
    // Compared without the prefix, which would make everything alike.
    let key = variable.trim_start_matches(PREFIX).replace('_', ".");
    let failure = usage(format!(
        "there is no setting for the environment variable {variable}"
    ));
    match nearest(&key, definitions().iter().map(|definition| definition.key)) {
        Some(key) => failure.hint(format!("did you mean {}?", variable_of(key))),
        None => failure.hint(ALL_SETTINGS),
    }
}

/// Returns the environment variable of a setting: `TINDERBOX_CONF_TASK_MAXFAILURES` for `task.maxFailures`.
pub fn variable_of(key: &str) -> String {
    PREFIX.to_owned() + &key.to_uppercase().replace('.', "_")
}

/// Returns the settings that are not as they are by default, for a process that is to have the same.
pub fn changed(settings: &Settings) -> impl Iterator<Item = (&'static str, &str)> {
    let set = settings.entries().filter(|(_, _, default)| !default);
    set.filter_map(|(definition, value, _)| Some((definition.key, value?)))
}

/// Returns all settings with their defaults, a line each.
pub fn list() -> String {
    let keys = definitions().iter().map(|definition| definition.key.len());
    let width = keys.max().unwrap_or_default();
    let line = |definition: &Definition| {
        let default = definition.default.unwrap_or("-");
        format!("{:width$}  {default}\n", definition.key)
    };
    definitions().iter().map(line).collect()
}

/// Returns what the settings do in whose key or explanation `text` stands; in either case of letters, and with or
/// without Spark's prefix.
///
/// Fails with [`ExitCode::Usage`] where there is none.
pub fn explain(text: &str) -> Result<String, Failure> {
    let sought = text.trim_start_matches("spark.").to_lowercase();
    let found = |text: &str| text.to_lowercase().contains(&sought);
    let matching = definitions()
        .iter()
        .filter(|definition| found(definition.key) || found(definition.doc));
    let explained: Vec<String> = matching.map(paragraph).collect();
    if !explained.is_empty() {
        return Ok(explained.join("\n"));
    }
    let failure = usage(format!("`{text}` stands in no setting"));
    let near = nearest(
        &sought,
        definitions().iter().map(|definition| definition.key),
    );
    Err(failure.hint(match near {
        Some(key) => format!("there is `{key}`"),
        None => ALL_SETTINGS.to_owned(),
    }))
}

fn paragraph(definition: &Definition) -> String {
    let default = definition.default.map_or_else(
        || "no default".to_owned(),
        |value| format!("default {value}"),
    );
    let Definition { key, doc, .. } = definition;
    format!("{key} ({default})\n  {doc}\n")
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;
    use crate::args::{Args, Command};
    use crate::exit::describe;
    use clap::Parser as _;

    #[test]
    fn settings_are_explained() {
        let text = explain("spark.Task.MaxFailures").unwrap();
        assert!(
            text.starts_with("task.maxFailures (default 4)\n  "),
            "{text}"
        );
        assert!(explain("locality").unwrap().contains("locality.wait"));
        let mistyped = describe(
            &explain("task.maxFailure5").unwrap_err().into(),
            ExitCode::Usage,
        );
        assert!(
            mistyped.0.contains("there is `task.maxFailures`"),
            "{}",
            mistyped.0
        );
    }

    fn args(words: &[&str]) -> ConfArgs {
        match Args::try_parse_from([&["tinderbox", "run"], words, &["job"]].concat())
            .unwrap()
            .command
        {
            Command::Run(args) => args.job.conf,
            other => panic!("not run: {other:?}"),
        }
    }

    fn folder(file: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(FILE), file).unwrap();
        folder
    }

    fn variables(pairs: &[(&str, &str)]) -> impl Iterator<Item = (String, String)> {
        pairs
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_string()))
            .collect::<Vec<_>>()
            .into_iter()
    }

    #[test]
    fn every_setting_has_a_variable_of_its_own() {
        let names: std::collections::BTreeSet<String> = definitions()
            .iter()
            .map(|definition| variable_of(definition.key))
            .collect();
        assert_eq!(names.len(), definitions().len());
        assert_eq!(
            variable_of("task.maxFailures"),
            "TINDERBOX_CONF_TASK_MAXFAILURES"
        );
    }

    #[test]
    fn the_file_is_beaten_by_the_command_line() {
        let folder = folder("task.maxFailures = 2\n[executor]\nmemory = \"2g\"\n");
        let settings = load(
            &args(&["--conf", "task.maxFailures=3", "--conf", "app.name=theirs"]),
            &[("--name", "app.name", "mine")],
            folder.path(),
        )
        .unwrap();
        assert_eq!(
            (settings.task_max_failures(), settings.executor_memory()),
            (3, 2 << 30)
        );
        assert_eq!(settings.app_name(), Some("mine"));
    }

    #[test]
    fn the_environment_beats_the_file_by_coming_later() {
        let mut settings = Settings::default();
        add_file(&mut settings, "task.maxFailures = 2").unwrap();
        add_environment(
            &mut settings,
            variables(&[
                ("TINDERBOX_CONF_TASK_MAXFAILURES", "5"),
                ("TINDERBOX_WASM_RUSTC", "x"),
            ]),
        )
        .unwrap();
        assert_eq!(settings.task_max_failures(), 5);
    }

    #[test]
    fn sparks_own_keys_will_do_in_a_file() {
        let mut settings = Settings::default();
        add_file(
            &mut settings,
            "spark.task.maxFailures = 2\n\"executor.memory\" = 512",
        )
        .unwrap();
        assert_eq!(
            (settings.task_max_failures(), settings.executor_memory()),
            (2, 512 << 20)
        );
    }

    #[test]
    fn without_a_file_the_defaults_stand() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(
            load(&args(&[]), &[], folder.path()).unwrap(),
            Settings::default()
        );
    }

    #[test]
    fn what_is_wrong_says_where() {
        let loaded = |file: &str, words: &[&str]| {
            let (text, code) = describe(
                &load(&args(words), &[], folder(file).path()).unwrap_err(),
                ExitCode::JobFailed,
            );
            assert_eq!(code, ExitCode::Usage);
            text
        };
        let of_environment = |name, value| {
            let failure =
                add_environment(&mut Settings::default(), variables(&[(name, value)])).unwrap_err();
            describe(&failure.into(), ExitCode::JobFailed).0
        };
        insta::assert_snapshot!(
            [
                loaded("task.maxFailure = 2", &[]),
                loaded("task.maxFailures = \"many\"", &[]),
                loaded("task.maxFailures = [2]", &[]),
                loaded("task.maxFailures 2", &[]),
                loaded("", &["--conf", "executor.memroy=1g"]),
                loaded("", &["--conf", "executor.memory=lots"]),
                loaded("", &["--properties-file", "absent.toml"]),
                of_environment("TINDERBOX_CONF_TASK_MAXFAILURE", "2"),
                of_environment("TINDERBOX_CONF_NONSENSE", "2"),
                of_environment("TINDERBOX_CONF_TASK_MAXFAILURES", "0"),
            ]
            .join("---\n")
        );
    }

    /// The manual's table of settings.
    fn reference() -> String {
        let mut text = String::from(
            "# Settings\n\n\
             Keys are Spark's without `spark.`, and the full key is taken too; values have Spark's syntax (`512m`, `60s`). A setting \
             is looked for in `--conf key=value`, then in the environment (`TINDERBOX_CONF_TASK_MAXFAILURES`), then in the settings \
             file (`tinderbox.toml`, or `--properties-file`). What a program sets itself, before its first dataset, beats them all.\n\n\
             | key | default | Spark has it | since | what it does |\n|---|---|---|---|---|\n",
        );
        for definition in definitions() {
            let default = definition.default.unwrap_or("-");
            let spark = if definition.sparks { "yes" } else { "-" };
            let (key, since, doc) = (definition.key, definition.since, definition.doc);
            let _ = writeln!(text, "| `{key}` | {default} | {spark} | {since} | {doc} |");
        }
        text
    }

    #[test]
    fn the_manual_lists_the_settings_as_they_are() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/settings.md");
        if std::env::var_os("UPDATE").is_some() {
            fs::write(&path, reference()).unwrap();
        }
        let written = fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(written, reference(), "run this test with UPDATE=1");
    }
}
