//! How a command ends: its exit code, and the words for people.
//!
//! An error says what failed and why; a hint says what to do now. The codes are part of the interface.

use std::fmt;

/// What the command tells the shell. Scripts rely on these numbers: they never change their meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum ExitCode {
    /// Everything that was asked for is done.
    Done = 0,
    /// The program's `main` returned an error, or a task failed for good.
    JobFailed = 1,
    /// The command line, a setting or a path makes no sense.
    Usage = 2,
    /// No master of the cluster answers.
    ClusterUnreachable = 3,
    /// The component was refused: it is none, has another contract, or cannot be forked.
    Refused = 4,
    /// The program could not be built.
    BuildFailed = 5,
    /// Stopped by Ctrl-C or a termination signal.
    Interrupted = 130,
}

impl From<ExitCode> for std::process::ExitCode {
    fn from(code: ExitCode) -> Self {
        Self::from(code as u8)
    }
}

/// An error with its exit code and, where there is one, a way out.
#[derive(Debug)]
pub struct Failure {
    /// What the shell is told.
    pub code: ExitCode,
    /// What failed and why: a lower-case fragment. Empty where another program has said it already.
    pub what: String,
    /// What to do now, one line or several.
    pub hint: Option<String>,
}

impl Failure {
    /// Returns a failure without a hint.
    pub fn new(code: ExitCode, what: impl Into<String>) -> Self {
        Self {
            code,
            what: what.into(),
            hint: None,
        }
    }

    /// Adds what to do now.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for Failure {}

/// Returns an error's text as it is shown, and the code to exit with.
///
/// An error without a [`Failure`] in its chain is the operating system's and counts as `otherwise`.
pub fn describe(error: &anyhow::Error, otherwise: ExitCode) -> (String, ExitCode) {
    let failure = error.downcast_ref::<Failure>();
    let code = failure.map_or(otherwise, |failure| failure.code);
    let what = format!("{error:#}");
    let mut text = if what.is_empty() {
        String::new()
    } else {
        format!("error: {what}\n")
    };
    for line in failure
        .and_then(|failure| failure.hint.as_deref())
        .unwrap_or_default()
        .lines()
    {
        text += &format!("hint: {line}\n");
    }
    (text, code)
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context as _;

    #[test]
    fn a_failure_keeps_its_code_and_hint_under_context() {
        let failure = Failure::new(ExitCode::Refused, "it is text").hint("build it\nthen run it");
        let error = Err::<(), _>(failure)
            .context("\"job.wasm\" was refused")
            .unwrap_err();
        let (text, code) = describe(&error, ExitCode::JobFailed);
        assert_eq!(
            text,
            "error: \"job.wasm\" was refused: it is text\nhint: build it\nhint: then run it\n"
        );
        assert_eq!(code, ExitCode::Refused);
    }

    #[test]
    fn an_error_without_words_prints_nothing() {
        let error = Failure::new(ExitCode::BuildFailed, "").into();
        assert_eq!(
            describe(&error, ExitCode::JobFailed),
            (String::new(), ExitCode::BuildFailed)
        );
    }

    #[test]
    fn any_other_error_counts_as_the_command_says() {
        let error = anyhow::anyhow!("disk full");
        assert_eq!(
            describe(&error, ExitCode::BuildFailed),
            ("error: disk full\n".into(), ExitCode::BuildFailed)
        );
    }
}
