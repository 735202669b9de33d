//! Processes that a test has started, and those that these have started.

use std::fs;
use std::path::{Path, PathBuf};

/// A process that runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Process {
    pub(crate) id: u32,
    /// The command of `tinderbox` that it runs.
    pub(crate) command: String,
}

/// The processes that keep their state in this folder, by which all that a test starts is known.
pub(crate) fn with_state(folder: &Path) -> Vec<Process> {
    let mark = format!("XDG_STATE_HOME={}", folder.display());
    let numbers = fs::read_dir("/proc").unwrap().filter_map(|entry| {
        let name = entry.unwrap().file_name();
        name.to_str()?.parse::<u32>().ok()
    });
    numbers
        .filter_map(|id| {
            // One that ends meanwhile is none.
            let surroundings = fs::read(format!("/proc/{id}/environ")).ok()?;
            let mut variables = surroundings.split(|byte| *byte == 0);
            variables.find(|variable| *variable == mark.as_bytes())?;
            let line = fs::read_to_string(format!("/proc/{id}/cmdline")).ok()?;
            let command = line.split('\0').nth(1).unwrap_or_default().to_owned();
            Some(Process { id, command })
        })
        .collect()
}

/// What is left in a folder, which need not be there.
pub(crate) fn left_in(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    entries.map(|entry| entry.unwrap().path()).collect()
}
