//! What an application can be told: Spark's keys without `spark.`, Spark's value syntax.
//!
//! [`definitions`] is the one table from which defaults, checks, help and documentation come; each file here has the
//! rows of one subject, and beside them the way to read them. A value is checked when it is set; nothing downstream
//! checks it again.

mod allocation;
mod application;
mod cluster;
mod definition;
mod exclusion;
mod executors;
mod locality;
mod objects;
mod pools;
mod speculation;
mod stages;
mod tasks;
mod value;
mod worker;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::LazyLock;
use std::time::Duration;

pub use application::Codec;
pub use definition::{Definition, Shape};
pub use exclusion::Exclusion;

static DEFINITIONS: LazyLock<Vec<Definition>> = LazyLock::new(|| {
    let mut all = [
        allocation::ROWS,
        application::ROWS,
        cluster::ROWS,
        executors::ROWS,
        exclusion::ROWS,
        locality::ROWS,
        objects::ROWS,
        pools::ROWS,
        speculation::ROWS,
        stages::ROWS,
        tasks::ROWS,
        worker::ROWS,
    ]
    .concat();
    all.sort_unstable_by_key(|definition| definition.key);
    all
});

/// Returns every setting, sorted by key.
pub fn definitions() -> &'static [Definition] {
    &DEFINITIONS
}

/// The settings of an application, or of a daemon.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// What was set, by the table's key. Everything in here has been read once without an error.
    set: BTreeMap<&'static str, String>,
}

/// Why a setting was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SettingError {
    /// There is no such key.
    UnknownKey {
        /// As it was written.
        key: String,
        /// The key that is nearest to it.
        nearest: &'static str,
    },
    /// The key does not take such a value.
    BadValue {
        /// The key.
        key: &'static str,
        /// As it was written.
        value: String,
        /// What it takes.
        shape: Shape,
    },
}

impl fmt::Display for SettingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownKey { key, nearest } => {
                write!(f, "there is no setting `{key}`; the nearest is `{nearest}`")
            }
            Self::BadValue { key, value, shape } => {
                write!(f, "`{key}` is {shape}, and `{value}` is not")
            }
        }
    }
}

impl std::error::Error for SettingError {}

impl Settings {
    /// Sets `key`, with or without `spark.` before it, to `value`.
    pub fn set(&mut self, key: &str, value: &str) -> Result<(), SettingError> {
        let definition = find(key)?;
        let value = value.trim();
        if !definition.shape.accepts(value) {
            let (key, shape) = (definition.key, definition.shape);
            return Err(SettingError::BadValue {
                key,
                value: value.to_owned(),
                shape,
            });
        }
        self.set.insert(definition.key, value.to_owned());
        Ok(())
    }

    /// Returns the text of `key`, with or without `spark.` before it: what was set, else the default. None
    /// where it has neither, or does not exist.
    pub fn get(&self, key: &str) -> Option<String> {
        self.text(find(key).ok()?.key).map(str::to_owned)
    }

    /// Returns each setting with its text, and whether that is the default.
    pub fn entries(&self) -> impl Iterator<Item = (&'static Definition, Option<&str>, bool)> {
        definitions().iter().map(|definition| {
            let key = definition.key;
            (definition, self.text(key), !self.set.contains_key(key))
        })
    }

    fn text(&self, key: &'static str) -> Option<&str> {
        let set = self.set.get(key).map(String::as_str);
        set.or_else(|| find(key).ok()?.default)
    }

    fn size(&self, key: &'static str) -> u64 {
        let read = || match find(key).ok()?.shape {
            Shape::Bytes { plain, .. } => value::bytes(self.text(key)?, plain),
            _ => None,
        };
        read().unwrap_or_default()
    }

    fn count(&self, key: &'static str) -> Option<u32> {
        self.text(key)?.parse().ok()
    }

    /// None where the key has no value.
    fn time(&self, key: &'static str) -> Option<Duration> {
        value::duration(self.text(key)?, definition::SECOND)
    }

    fn flag(&self, key: &'static str) -> bool {
        self.text(key) == Some("true")
    }

    fn number(&self, key: &'static str) -> f64 {
        self.text(key).and_then(value::decimal).unwrap_or_default()
    }
}

/// Finds the definition of `key`, with or without `spark.` before it.
fn find(key: &str) -> Result<&'static Definition, SettingError> {
    let plain = key.strip_prefix("spark.").unwrap_or(key);
    let known = definitions().binary_search_by_key(&plain, |definition| definition.key);
    known
        .map(|at| &definitions()[at])
        .map_err(|_| SettingError::UnknownKey {
            key: key.to_owned(),
            nearest: nearest(plain),
        })
}

/// Returns the key that differs least from `key`.
fn nearest(key: &str) -> &'static str {
    let keys = definitions().iter().map(|definition| definition.key);
    keys.min_by_key(|known| distance(&key.to_ascii_lowercase(), &known.to_ascii_lowercase()))
        .unwrap_or_default()
}

/// Returns how many letters must be added, removed or replaced to get from `from` to `to`.
fn distance(from: &str, to: &str) -> usize {
    let mut row: Vec<usize> = (0..=to.chars().count()).collect();
    for (above, letter) in from.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = above + 1;
        for (at, other) in to.chars().enumerate() {
            let replaced = diagonal + usize::from(letter != other);
            diagonal = row[at + 1];
            row[at + 1] = replaced.min(row[at] + 1).min(diagonal + 1);
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_default_is_accepted_by_its_own_key() {
        for definition in definitions() {
            let mut settings = Settings::default();
            if let Some(default) = definition.default {
                assert_eq!(
                    settings.set(definition.key, default),
                    Ok(()),
                    "{}",
                    definition.key
                );
            }
        }
    }

    #[test]
    fn what_is_fetched_is_compressed_unless_it_was_said_otherwise() {
        let chosen = |codec: Option<&str>| {
            let mut settings = Settings::default();
            if let Some(codec) = codec {
                assert_eq!(settings.set("io.compression.codec", codec), Ok(()));
            }
            [true, false].map(|fetched| settings.io_compression_codec(fetched))
        };
        assert_eq!(chosen(None), [Codec::Lz4, Codec::None]);
        assert_eq!(chosen(Some("none")), [Codec::None; 2]);
        assert_eq!(chosen(Some("lz4")), [Codec::Lz4; 2]);
        assert_eq!(chosen(Some("zstd")), [Codec::Zstd; 2]);
    }

    #[test]
    fn keys_are_told_once() {
        assert!(definitions().is_sorted_by(|before, after| before.key < after.key));
    }

    #[test]
    fn every_getter_reads_its_default() {
        let settings = Settings::default();
        assert_eq!(settings.app_name(), None);
        assert_eq!(settings.default_parallelism(), None);
        assert_eq!(settings.driver_max_result_size(), Some(1 << 30));
        assert_eq!(settings.driver_memory(), 1 << 30);
        assert_eq!(settings.executor_memory(), 1 << 30);
        assert_eq!(settings.files_max_partition_bytes(), 32 << 20);
        assert_eq!(settings.image_max_size(), 256 << 20);
        assert_eq!(settings.local_dir(), "/tmp");
        assert_eq!(settings.event_queue_capacity(), 65_536);
        assert!(!settings.fetch_failure_unregisters_host());
        assert_eq!(settings.cancelled_job_groups_to_track(), 1_000);
        assert!(settings.reduce_locality());
        assert!(settings.stage_ignore_decommission_fetch_failure());
        assert_eq!(settings.stage_max_attempts(), 2_147_483_647);
        assert_eq!(settings.stage_max_consecutive_attempts(), 4);
        assert_eq!(settings.task_max_failures(), 4);
        assert_eq!(settings.task_max_log_size(), 1 << 20);
        assert_eq!(settings.task_timeout(), None);
    }

    #[test]
    fn sparks_full_key_and_values_are_understood() {
        let mut settings = Settings::default();
        settings.set("spark.executor.memory", "2048").unwrap();
        settings.set("spark.task.timeout", "1min").unwrap();
        settings.set("driver.maxResultSize", "0").unwrap();
        assert_eq!(settings.executor_memory(), 2 << 30);
        assert_eq!(settings.task_timeout(), Some(Duration::from_secs(60)));
        assert_eq!(settings.driver_max_result_size(), None);
        assert_eq!(settings.get("spark.task.timeout").as_deref(), Some("1min"));
        assert_eq!(settings.get("task.maxFailures").as_deref(), Some("4"));
    }

    #[test]
    fn an_unknown_key_names_the_nearest() {
        let error = Settings::default()
            .set("spark.task.maxfailure", "4")
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "there is no setting `spark.task.maxfailure`; the nearest is `task.maxFailures`"
        );
    }

    #[test]
    fn a_bad_value_says_what_is_expected() {
        let refused = |key, value| Settings::default().set(key, value).unwrap_err().to_string();
        assert_eq!(
            refused("task.maxFailures", "0"),
            "`task.maxFailures` is a whole number from 1 to 4294967295, and `0` is not"
        );
        assert_eq!(
            refused("executor.memory", "lots"),
            "`executor.memory` is a size such as 512m or 1g, at least 33554432 bytes, and `lots` is not"
        );
        assert_eq!(
            refused("task.timeout", "0"),
            "`task.timeout` is a time such as 100ms or 60s, longer than nothing, and `0` is not"
        );
        assert_eq!(
            refused("local.dir", "  "),
            "`local.dir` is a text, and `` is not"
        );
    }
}
