//! What this machine is and has.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use scheduler::Address;
use serde::{Deserialize, Serialize};

use crate::Error;

const GIBI: u64 = 1 << 30;

/// Returns the machine's name.
pub fn name() -> String {
    let system = rustix::system::uname();
    system.nodename().to_string_lossy().into_owned()
}

/// Returns how many cores this process may use.
pub fn cores() -> u32 {
    let cores = std::thread::available_parallelism();
    cores.map_or(1, |cores| u32::try_from(cores.get()).unwrap_or(u32::MAX))
}

/// Returns the bytes of memory that a worker offers unless told otherwise: what the machine or its container has, less
/// 1 GiB for the system, and at least 1 GiB (Spark: `WorkerArguments.inferDefaultMemory`).
///
/// # Errors
///
/// If the system does not say what it has.
pub fn memory() -> Result<u64, Error> {
    let path = "/proc/meminfo";
    let text = fs::read_to_string(path).map_err(|e| Error::UnknownMemory(e.to_string()))?;
    let total = total(&text)
        .ok_or_else(|| Error::UnknownMemory(format!("{path} does not have a `MemTotal`")))?;
    // A container may have less; most have no limit, which is not a number.
    let limit = fs::read_to_string("/sys/fs/cgroup/memory.max").ok();
    let limit = limit.and_then(|limit| limit.trim().parse::<u64>().ok());
    let total = total.min(limit.unwrap_or(u64::MAX));
    Ok(total.saturating_sub(GIBI).max(GIBI))
}

fn total(meminfo: &str) -> Option<u64> {
    let line = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kibi: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibi << 10)
}

/// Where a daemon listens, and what others are told to connect to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listen {
    /// Where it listens; port 0: any.
    pub bind: SocketAddr,
    /// What others connect to; port 0: the port that is listened on.
    pub advertised: Address,
}

impl Listen {
    /// Listens at any port, for who only asks others.
    pub(crate) fn anywhere() -> Self {
        Self::new(&name(), Some(IpAddr::V4(Ipv4Addr::UNSPECIFIED)), 0)
    }

    /// Returns the same place with any port.
    pub(crate) fn at_any_port(&self) -> Self {
        let host = self.advertised.0.rsplit_once(':').map(|(host, _)| host);
        Self {
            bind: SocketAddr::new(self.bind.ip(), 0),
            advertised: (&*format!("{}:0", host.unwrap_or(&self.advertised.0))).into(),
        }
    }

    /// Returns how to listen there.
    pub fn config(&self) -> network::Config {
        network::Config {
            bind: self.bind,
            advertised: Some(self.advertised.clone()),
            ..network::Config::default()
        }
    }

    /// Listens at a host that others know by this name: an address of this machine is listened on alone, for a name
    /// all of them, unless `bind` says which.
    pub fn new(host: &str, bind: Option<IpAddr>, port: u16) -> Self {
        let literal = host
            .trim_start_matches('[')
            .trim_end_matches(']')
            .parse::<IpAddr>();
        let any = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
        let ip = bind.or_else(|| literal.clone().ok()).unwrap_or(any);
        let host = match literal {
            Ok(IpAddr::V6(ip)) => format!("[{ip}]"),
            _ => host.to_owned(),
        };
        Self {
            bind: SocketAddr::new(ip, port),
            advertised: (&*format!("{host}:{port}")).into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_as_the_system_writes_it() {
        let text = "MemTotal:       24614120 kB\nMemFree:  1 kB\n";
        assert_eq!(total(text), Some(24_614_120 << 10));
        assert_eq!(total("MemFree: 1 kB"), None);
        assert!(memory().unwrap() >= GIBI);
    }

    #[test]
    fn an_address_is_listened_on_alone_and_a_name_everywhere() {
        let listen = |host, bind| Listen::new(host, bind, 7077);
        let bind = |listen: Listen| listen.bind.to_string();
        assert_eq!(bind(listen("127.0.0.1", None)), "127.0.0.1:7077");
        assert_eq!(bind(listen("node-1", None)), "0.0.0.0:7077");
        let one = "10.0.0.1".parse().ok();
        assert_eq!(bind(listen("node-1", one)), "10.0.0.1:7077");
        let v6 = listen("::1", None);
        assert_eq!(&*v6.advertised.0, "[::1]:7077");
        assert_eq!(listen("[::1]", None), v6);
    }
}
