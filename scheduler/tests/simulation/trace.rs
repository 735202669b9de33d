//! What happened, in lines for people; and in one number, so that two runs can be compared.

use std::collections::hash_map::DefaultHasher;
use std::fmt::Display;
use std::hash::{Hash, Hasher};

use scheduler::Time;

/// The lines of a run. An ordinary run keeps none: writing them takes longer than the run.
#[derive(Debug, Default)]
pub(crate) struct Trace {
    lines: Option<Vec<String>>,
}

impl Trace {
    pub(crate) fn kept() -> Self {
        Self {
            lines: Some(Vec::new()),
        }
    }

    pub(crate) fn is_kept(&self) -> bool {
        self.lines.is_some()
    }

    /// Adds a line, which is made only where lines are kept.
    pub(crate) fn line<D: Display>(&mut self, now: Time, line: impl FnOnce() -> D) {
        if let Some(lines) = &mut self.lines {
            lines.push(format!("{now} {}", line()));
        }
    }

    pub(crate) fn lines(&self) -> &[String] {
        self.lines.as_deref().unwrap_or_default()
    }

    /// Returns one number for all lines.
    pub(crate) fn digest(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.lines().hash(&mut hasher);
        hasher.finish()
    }
}
