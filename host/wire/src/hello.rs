//! The first frame of each direction: who speaks, and which versions it knows.
//!
//! Frozen for all versions: a process of any version understands why another one does not want to talk to it.

use scheduler::Address;
use thiserror::Error;

use crate::form::{choices, read, records, write};
use crate::{Error, Role};

/// The oldest version of the messages that this program speaks.
pub const VERSION_MIN: u16 = 1;
/// The newest.
pub const VERSION_MAX: u16 = 1;

/// What is said before any message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Greeting {
    /// By who has connected.
    Hello(Hello),
    /// By who was connected to, if they can talk.
    Welcome(Welcome),
    /// By the same, if they cannot.
    Refused(Refused),
}

/// Who has connected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hello {
    /// The oldest version that it speaks.
    pub min: u16,
    /// The newest.
    pub max: u16,
    /// What it is. Its certificate must say the same.
    pub role: Role,
    /// Its cluster's id. Its certificate must say the same.
    pub cluster: String,
    /// Its program's version, for people: `0.1.0`.
    pub software: String,
    /// Which process it is: drawn at random when it started.
    pub instance: [u8; 16],
    /// Where it can be connected to, if it can.
    pub address: Option<Address>,
}

/// Who was connected to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Welcome {
    /// The version that both speak from now on.
    pub version: u16,
    /// What it is.
    pub role: Role,
    /// Its program's version, for people.
    pub software: String,
    /// Which process it is.
    pub instance: [u8; 16],
    /// Where it can be connected to.
    pub address: Option<Address>,
}

/// Why it does not want to talk.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Refused {
    /// There is no version that both speak.
    #[error(
        "it speaks versions {min} to {max} of the messages (program version {software}): use programs of like versions"
    )]
    Version {
        /// The oldest version that the refusing side speaks.
        min: u16,
        /// The newest.
        max: u16,
        /// Its program's version.
        software: String,
    },
    /// It belongs to another cluster.
    #[error("it belongs to the cluster `{cluster}`")]
    Cluster {
        /// That of the refusing side.
        cluster: String,
    },
    /// What was said is not what the certificate says.
    #[error("the certificate is a {certified}'s")]
    Role {
        /// What the certificate says.
        certified: Role,
    },
    /// There is a connection between the two processes already, or the other's is about to be.
    #[error("there is a connection already")]
    Duplicate,
    /// It is about to end.
    #[error("it is closing")]
    Closing,
    /// A driver and its executors talk to their own application alone.
    #[error("it belongs to another application")]
    Application,
    /// Somebody else lives at the address that was given as one's own.
    #[error("another process has that address")]
    Address,
}

records! {
    HelloForm = Hello {
        min: u16, max: u16, role: Role, cluster: String, software: String, instance: [u8; 16], address: Option<Address>,
    }
    WelcomeForm = Welcome {
        version: u16, role: Role, software: String, instance: [u8; 16], address: Option<Address>,
    }
}

choices! {
    RefusedForm = Refused {
        Version { min: u16, max: u16, software: String },
        Cluster { cluster: String },
        Role { certified: Role },
        Duplicate,
        Closing,
        Application,
        Address,
    }
}

/// Read before anything else, so that bytes of something else altogether are told from a damaged greeting.
const MAGIC: &[u8; 4] = b"tndr";
const HELLO: u8 = 0;
const WELCOME: u8 = 1;
const REFUSED: u8 = 2;

impl Greeting {
    /// Appends the bytes of a greeting to `out`.
    ///
    /// # Errors
    ///
    /// If its receiver would refuse it.
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), Error> {
        out.extend(MAGIC);
        match self {
            Self::Hello(hello) => {
                out.push(HELLO);
                write(hello, out)
            }
            Self::Welcome(welcome) => {
                out.push(WELCOME);
                write(welcome, out)
            }
            Self::Refused(refused) => {
                out.push(REFUSED);
                write(refused, out)
            }
        }
        .map_err(|invalid| invalid.of("greeting"))
    }

    /// Returns the greeting that a frame holds.
    ///
    /// # Errors
    ///
    /// If it holds none.
    pub fn decode(bytes: &[u8]) -> Result<Self, Error> {
        let malformed = Error::Malformed {
            message: "greeting",
        };
        let (&kind, rest) = bytes
            .strip_prefix(MAGIC)
            .and_then(<[u8]>::split_first)
            .ok_or(malformed)?;
        match kind {
            HELLO => read(rest).map(Self::Hello),
            WELCOME => read(rest).map(Self::Welcome),
            REFUSED => read(rest).map(Self::Refused),
            unknown => return Err(Error::UnknownKind(unknown)),
        }
        .map_err(|unreadable| unreadable.into_error("greeting"))
    }
}

/// Returns the newest version that both sides speak.
///
/// # Errors
///
/// [`Refused::Version`], to be sent to who said `hello`, if there is none.
pub fn negotiate(ours: &Hello, theirs: &Hello) -> Result<u16, Refused> {
    let version = ours.max.min(theirs.max);
    if version < ours.min.max(theirs.min) {
        return Err(Refused::Version {
            min: ours.min,
            max: ours.max,
            software: ours.software.clone(),
        });
    }
    Ok(version)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hello(min: u16, max: u16) -> Hello {
        Hello {
            min,
            max,
            role: Role::Worker,
            cluster: "c0ffee".into(),
            software: "0.1.0".into(),
            instance: [7; 16],
            address: Some("host:7077".into()),
        }
    }

    #[test]
    fn the_newest_version_that_both_speak_is_taken() {
        assert_eq!(negotiate(&hello(1, 3), &hello(2, 5)), Ok(3));
        assert_eq!(negotiate(&hello(2, 5), &hello(1, 3)), Ok(3));
        assert_eq!(negotiate(&hello(1, 1), &hello(1, 1)), Ok(1));
    }

    #[test]
    fn without_a_common_version_the_refusal_says_what_is_spoken_here() {
        let refused = negotiate(&hello(3, 4), &hello(1, 2)).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "it speaks versions 3 to 4 of the messages (program version 0.1.0): use programs of like versions"
        );
        assert!(negotiate(&hello(1, 2), &hello(3, 4)).is_err());
        // A peer may say anything: an empty range meets nobody.
        assert!(negotiate(&hello(1, 2), &hello(2, 1)).is_err());
    }
}
