//! What this process says of its own doing, to stderr: for operators, and in the logs that workers keep.

use std::fmt;
use std::io::{self, IsTerminal as _};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};

use crate::exit::{ExitCode, Failure};

/// The environment variable that says what is logged: a level, or levels of parts (`warn,daemon=debug`).
pub const VARIABLE: &str = "TINDERBOX_LOG";

/// How much is logged where nobody has said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// What a process that runs for months does.
    Info,
    /// What is not as it should be.
    Warn,
    /// What cannot be mended. What a command fails of it says itself.
    Error,
}

impl Level {
    const fn filter(self) -> &'static str {
        match self {
            // Connections are told by those who use them.
            Self::Info => "info,quinn=warn,quinn_proto=warn",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

/// Begins to log.
///
/// Fails with [`ExitCode::Usage`] where [`VARIABLE`] makes no sense.
pub fn start(unless_told: Level) -> Result<(), Failure> {
    let filter = match std::env::var(VARIABLE) {
        Ok(told) if !told.is_empty() => EnvFilter::try_new(&told).map_err(|error| {
            Failure::new(ExitCode::Usage, format!("in {VARIABLE}: `{told}`: {error}"))
                .hint("write a level (error, warn, info, debug, trace), or some: warn,daemon=debug")
        })?,
        _ => EnvFilter::new(unless_told.filter()),
    };
    let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let begun = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_timer(Millis)
        .with_writer(io::stderr)
        .with_ansi(!plain && io::stderr().is_terminal())
        .try_init();
    // A process of tests logs once for all.
    drop(begun);
    Ok(())
}

/// The time to the millisecond, in UTC.
struct Millis;

impl FormatTime for Millis {
    fn format_time(&self, writer: &mut Writer<'_>) -> fmt::Result {
        let mut micros = String::new();
        SystemTime.format_time(&mut Writer::new(&mut micros))?;
        write!(writer, "{}Z", to_millis(&micros))
    }
}

/// Cuts the last three digits and the Z off `2026-01-31T12:00:00.123456Z`.
fn to_millis(micros: &str) -> &str {
    let decimals = micros.find('.').map_or(micros.len(), |point| point + 4);
    micros.get(..decimals).unwrap_or(micros)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_ends_with_milliseconds() {
        let mut line = String::new();
        Millis.format_time(&mut Writer::new(&mut line)).unwrap();
        assert_eq!(line.len(), "2026-01-31T12:00:00.123Z".len(), "{line}");
        assert!(line.ends_with('Z'));
        assert_eq!(to_millis("12:00:00.123456Z"), "12:00:00.123");
    }
}
