//! Names of things, each a type of its own.
//!
//! Every name has one `Display`, and logs, pages and messages use it: `stage-1`, `stage-1.0/task-42.0`.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident($number:ty) $prefix:literal)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub $number);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "-{}"), self.0)
            }
        }
    )*};
}

ids! {
    /// A job: what one action starts. Counted from 0 by the host, in order of submission.
    JobId(u32) "job"
    /// A stage. Counted from 0; a stage's parents have lower numbers, unless a lost output brought them back.
    StageId(u32) "stage"
    /// A dataset. The program's own counter: a parent's number is lower than its children's.
    RddId(u32) "rdd"
    /// A shuffle. The program's own counter.
    ShuffleId(u32) "shuffle"
    /// An executor. Never used again for another one.
    ExecutorId(u32) "executor"
    /// One attempt at one task. Unique in the application, counted in order of launch.
    AttemptId(u64) "attempt"
}

/// A leader's term: a master that is elected later has a higher one. An order of an earlier term is refused.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Epoch(pub u64);

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "epoch-{}", self.0)
    }
}

macro_rules! numbered_by_leaders {
    ($($(#[$doc:meta])* $name:ident $prefix:literal)*) => {$(
        $(#[$doc])*
        ///
        /// The leader's epoch keeps two leaders from giving the same name.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub struct $name {
            /// The leader that gave the name.
            pub epoch: Epoch,
            /// Counted by it, from 0.
            pub number: u32,
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "-{}-{:04}"), self.epoch.0, self.number)
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;

            fn from_str(text: &str) -> Result<Self, ParseIdError> {
                let (epoch, number) = numbers(text, $prefix).ok_or(ParseIdError {
                    example: concat!($prefix, "-1-0000"),
                })?;
                let epoch = Epoch(epoch);
                Ok(Self { epoch, number })
            }
        }
    )*};
}

/// Takes the numbers out of `app-3-0007`.
fn numbers(text: &str, prefix: &str) -> Option<(u64, u32)> {
    let (epoch, number) = text
        .strip_prefix(prefix)?
        .strip_prefix('-')?
        .split_once('-')?;
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let both = digits(epoch) && digits(number);
    both.then(|| Some((epoch.parse().ok()?, number.parse().ok()?)))?
}

/// What was read is not the name of such a thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParseIdError {
    example: &'static str,
}

impl fmt::Display for ParseIdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "it is written as `{}`", self.example)
    }
}

impl std::error::Error for ParseIdError {}

numbered_by_leaders! {
    /// An application: one run of a program.
    ApplicationId "app"
    /// A driver that the cluster runs.
    DriverId "driver"
}

/// A worker: one life of the daemon of one machine. Drawn at random when it starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct WorkerId(pub u64);

impl fmt::Display for WorkerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "worker-{:016x}", self.0)
    }
}

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Arc<str>);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl From<&str> for $name {
            fn from(name: &str) -> Self {
                Self(name.into())
            }
        }
    )*};
}

names! {
    /// A process that can be sent to: `host:port`.
    Address
    /// A machine.
    Host
    /// Where machines stand that are near one another.
    Rack
    /// Who owns applications and quotas.
    Tenant
}

impl Default for Tenant {
    fn default() -> Self {
        "default".into()
    }
}

/// Names one wish of a submitter: the same key twice is the same wish, said again because the answer was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SubmissionKey(pub u128);

impl fmt::Display for SubmissionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "submission-{:032x}", self.0)
    }
}

/// An image of the driver's memory, by the hash of its content. Prints as its first 16 hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct ImageId(pub [u8; 32]);

impl ImageId {
    /// Returns all 64 hex digits.
    pub fn to_hex(self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl fmt::Display for ImageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0[..8]
            .iter()
            .try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for ImageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ImageId({self})")
    }
}

impl From<ImageId> for String {
    fn from(image: ImageId) -> Self {
        image.to_hex()
    }
}

/// What was read is not 64 hex digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParseImageIdError;

impl fmt::Display for ParseImageIdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an image is named by 64 hex digits")
    }
}

impl std::error::Error for ParseImageIdError {}

impl FromStr for ImageId {
    type Err = ParseImageIdError;

    fn from_str(text: &str) -> Result<Self, ParseImageIdError> {
        if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(ParseImageIdError);
        }
        let mut bytes = [0; 32];
        for (at, byte) in bytes.iter_mut().enumerate() {
            *byte =
                u8::from_str_radix(&text[2 * at..2 * at + 2], 16).map_err(|_| ParseImageIdError)?;
        }
        Ok(Self(bytes))
    }
}

impl TryFrom<String> for ImageId {
    type Error = ParseImageIdError;

    fn try_from(text: String) -> Result<Self, ParseImageIdError> {
        text.parse()
    }
}

/// A task attempt's name for people: `stage-1.0/task-42.0` is the first attempt (`.0`) at partition 42 in the
/// first attempt at stage 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TaskName {
    /// The stage.
    pub stage: StageId,
    /// Which attempt at the stage, from 0.
    pub stage_attempt: u32,
    /// The partition that the task computes.
    pub partition: u32,
    /// Which attempt at the partition within the stage attempt, from 0.
    pub attempt: u32,
}

impl fmt::Display for TaskName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            stage,
            stage_attempt,
            partition,
            attempt,
        } = self;
        write!(f, "{stage}.{stage_attempt}/task-{partition}.{attempt}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_is_named_by_stage_partition_and_attempts() {
        let name = TaskName {
            stage: StageId(1),
            stage_attempt: 0,
            partition: 42,
            attempt: 2,
        };
        assert_eq!(name.to_string(), "stage-1.0/task-42.2");
    }

    #[test]
    fn names_given_by_leaders_tell_the_leader() {
        let epoch = Epoch(3);
        assert_eq!(ApplicationId { epoch, number: 7 }.to_string(), "app-3-0007");
        assert_eq!(DriverId { epoch, number: 0 }.to_string(), "driver-3-0000");
        assert_eq!(WorkerId(0xab).to_string(), "worker-00000000000000ab");
    }

    #[test]
    fn names_given_by_leaders_are_read_again() {
        let id = ApplicationId {
            epoch: Epoch(3),
            number: 12_345,
        };
        assert_eq!(id.to_string().parse(), Ok(id));
        for text in [
            "app-3",
            "app-3-x",
            "app-+3-1",
            "driver-3-0001",
            "app-3-1-2",
            "",
        ] {
            let error = text.parse::<ApplicationId>().unwrap_err();
            assert_eq!(error.to_string(), "it is written as `app-1-0000`");
        }
    }

    #[test]
    fn an_image_is_short_for_people_and_whole_in_data() {
        let image = ImageId([0xab; 32]);
        assert_eq!(image.to_string(), "abababababababab");
        assert_eq!(image.to_hex().parse(), Ok(image));
        assert_eq!("abab".parse::<ImageId>(), Err(ParseImageIdError));
        assert_eq!("é".repeat(32).parse::<ImageId>(), Err(ParseImageIdError));
    }
}
