//! What a submitted program has around it besides its settings: what was granted, and the folder where it was typed.
//!
//! It travels among the settings of the driver's description, under keys that no setting has.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use scheduler::Settings;
use store::Grants;

use crate::exit::{ExitCode, Failure};

const CORES: &str = "submit.cores";
const FOLDER: &str = "submit.folder";
const READ: &str = "submit.allowRead";
const WRITE: &str = "submit.allowWrite";

/// What a program in cluster mode has around it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Surroundings {
    /// Where the command was typed: relative paths start there, if the driver's machine has it.
    pub(crate) folder: PathBuf,
    /// What may be read.
    pub(crate) read: Vec<PathBuf>,
    /// What may be written.
    pub(crate) write: Vec<PathBuf>,
    /// How many cores the application could have when it was submitted.
    pub(crate) cores: u32,
}

type Pairs = Vec<(Arc<str>, Arc<str>)>;

impl Surroundings {
    /// Puts it all, with the settings that were set, into a driver's description.
    ///
    /// Fails with [`ExitCode::Usage`] where a path is not UTF-8.
    pub(crate) fn pack(&self, settings: &Settings) -> Result<Pairs, Failure> {
        let mut pairs: Pairs = crate::settings::changed(settings)
            .map(|(key, value)| (key.into(), value.into()))
            .collect();
        let folders = std::iter::once((FOLDER, &self.folder));
        let read = self.read.iter().map(|path| (READ, path));
        let write = self.write.iter().map(|path| (WRITE, path));
        for (key, path) in folders.chain(read).chain(write) {
            pairs.push((key.into(), text(path)?.into()));
        }
        pairs.push((CORES.into(), self.cores.to_string().into()));
        Ok(pairs)
    }

    /// Takes it out of a driver's description, and adds the settings to those of the driver's worker.
    pub(crate) fn unpack(pairs: &[(Arc<str>, Arc<str>)], settings: &mut Settings) -> Result<Self> {
        let mut found = Self::default();
        for (key, value) in pairs {
            match &**key {
                FOLDER => found.folder = PathBuf::from(&**value),
                READ => found.read.push(PathBuf::from(&**value)),
                WRITE => found.write.push(PathBuf::from(&**value)),
                CORES => found.cores = value.parse().context("the submitter's cores")?,
                key => settings
                    .set(key, value)
                    .context("the submitter's settings")?,
            }
        }
        Ok(found)
    }

    /// Returns what may be touched on this machine.
    pub(crate) fn grants(&self) -> store::Result<Grants> {
        Grants::new(&self.read, &self.write)
    }
}

fn text(path: &Path) -> Result<&str, Failure> {
    path.to_str().ok_or_else(|| {
        Failure::new(ExitCode::Usage, format!("{path:?} is not UTF-8"))
            .hint("name it otherwise: in cluster mode paths travel as text")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_packed_is_unpacked() {
        let mut settings = Settings::default();
        settings.set("task.maxFailures", "7").unwrap();
        let surroundings = Surroundings {
            folder: "/home/me".into(),
            read: vec!["/data/in".into(), "/data/more".into()],
            write: vec!["/data/out".into()],
            cores: 3,
        };
        let pairs = surroundings.pack(&settings).unwrap();
        let mut found = Settings::default();
        found.set("worker.timeout", "9s").unwrap();
        assert_eq!(
            Surroundings::unpack(&pairs, &mut found).unwrap(),
            surroundings
        );
        settings.set("worker.timeout", "9s").unwrap();
        assert_eq!(found, settings);
    }
}
