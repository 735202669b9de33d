//! Where the masters of a cluster are: `tinderbox://a:7077,b:7077`.

use std::fmt;
use std::str::FromStr;

use scheduler::Address;

use crate::Error;

/// The port of a master that does not say (Spark: 7077).
pub const MASTER_PORT: u16 = 7077;

const SCHEME: &str = "tinderbox://";

/// The masters of a cluster, one of which leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Masters(Vec<Address>);

impl Masters {
    /// Returns where they are; at least one.
    pub fn addresses(&self) -> &[Address] {
        &self.0
    }

    /// Returns the same masters with the one that leads, if that is known, before the others.
    pub(crate) fn led_by(&self, leader: Option<Address>) -> Self {
        let others = self.0.iter().filter(|other| leader.as_ref() != Some(other));
        Self(leader.iter().chain(others).cloned().collect())
    }
}

impl From<Address> for Masters {
    fn from(only: Address) -> Self {
        Self(vec![only])
    }
}

impl fmt::Display for Masters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.0.iter().map(|address| &*address.0).collect();
        write!(f, "{SCHEME}{}", names.join(","))
    }
}

impl FromStr for Masters {
    type Err = Error;

    /// Reads `tinderbox://host[:port][,host[:port]..]`; a port that is missing is [`MASTER_PORT`].
    fn from_str(text: &str) -> Result<Self, Error> {
        let malformed = || Error::MastersMalformed {
            text: text.to_owned(),
        };
        let list = text.strip_prefix(SCHEME).ok_or_else(malformed)?;
        let masters: Option<Vec<_>> = list.split(',').map(address).collect();
        masters.map(Self).ok_or_else(malformed)
    }
}

/// Completes `host[:port]`; an IPv6 address stands in brackets.
fn address(text: &str) -> Option<Address> {
    let bracketed = text.starts_with('[');
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !bracketed || host.ends_with(']') => (host, port.parse().ok()?),
        _ => (text, MASTER_PORT),
    };
    let plain = !host.contains([' ', '/', '@']) && (bracketed || !host.contains(':'));
    (plain && !host.is_empty()).then(|| (&*format!("{host}:{port}")).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_that_are_missing_are_spark_s() {
        let masters: Masters = "tinderbox://a,b:7078,[::1],[::1]:80".parse().unwrap();
        let expected = "tinderbox://a:7077,b:7078,[::1]:7077,[::1]:80";
        assert_eq!(masters.to_string(), expected);
    }

    #[test]
    fn what_is_no_list_of_masters_is_refused() {
        for text in [
            "",
            "a:7077",
            "spark://a:7077",
            "tinderbox://",
            "tinderbox://a,",
            "tinderbox://a:port",
            "tinderbox://::1",
            "tinderbox://a:7077/x",
        ] {
            assert!(text.parse::<Masters>().is_err(), "{text}");
        }
    }
}
