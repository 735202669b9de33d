//! What the command has to do with clusters: it runs their processes, submits to them, asks them.
//!
//! `daemon` and `node` do the work; here it is said what with, and shown what came of it.

pub mod access;
pub mod ask;
pub mod child;
pub mod client;
pub mod daemons;
pub mod local;
pub mod logs;
pub mod status;
pub mod submit;
mod surroundings;

use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::time::Duration;

use anyhow::{Context as _, Result};
use daemon::machine::{self, Listen};
use daemon::submitter::{Config, Submitter};
use daemon::{Error, Masters};
use tokio::runtime::{Builder, Runtime};

use crate::exit::{ExitCode, Failure};

/// A user who sees nothing for so long is told what is waited for.
const NOTICE_AFTER: Duration = Duration::from_secs(2);

/// Returns what runs the asynchronous part of a command: one thread is enough for any process of a cluster.
pub(crate) fn runtime() -> Result<Runtime> {
    let runtime = Builder::new_current_thread().enable_all().build();
    runtime.context("the system gives no event queue")
}

/// Connects with a cluster.
pub(crate) async fn connect(config: Config) -> Result<Submitter, Failure> {
    let (masters, within) = (config.masters.clone(), config.access.patience);
    let connecting = patiently(&masters, within, Submitter::connect(config));
    connecting.await.map_err(failure)
}

/// Waits for what a master has to answer, and says so when that takes long.
pub(crate) async fn patiently<T>(
    masters: &Masters,
    within: Duration,
    asking: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    let mut asking = Box::pin(asking);
    tokio::select! {
        answered = &mut asking => return answered,
        () = tokio::time::sleep(NOTICE_AFTER) => {}
    }
    crate::tell(&format!(
        "no master answers at {masters} yet; trying for {} s\n",
        within.as_secs()
    ));
    asking.await
}

/// Says what went wrong with a cluster, and what to do.
pub(crate) fn failure(error: Error) -> Failure {
    use network::Error as Network;
    let code = match &error {
        Error::NoMaster { .. }
        | Error::Network(Network::Resolve { .. } | Network::Unreachable { .. }) => {
            ExitCode::ClusterUnreachable
        }
        Error::Ended(_) | Error::StoreDamaged { .. } | Error::UnknownMemory(_) => {
            ExitCode::JobFailed
        }
        _ => ExitCode::Usage,
    };
    let hint = match &error {
        Error::NoMaster { .. } => {
            Some("`tinderbox master` runs one, --master and TINDERBOX_MASTER say where it is")
        }
        Error::NoToken { .. } => Some(
            "--token-file FILE names a copy of worker.token or submitter.token of the master's folder",
        ),
        _ => None,
    };
    let what = match &error {
        // These are sentences; the others say what could not be done.
        Error::NoMaster { .. } | Error::Ended(_) | Error::Refused(_) => error.to_string(),
        _ => format!("cannot {error}"),
    };
    let failure = Failure::new(code, what);
    match hint {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

/// Returns the name or address by which a cluster's processes best reach this one: the address that faces a master, or
/// the machine's name where that is not to be found out.
pub(crate) fn facing(masters: &Masters) -> String {
    let addresses = masters.addresses().iter();
    let found = addresses.map(|address| host_facing(&address.0)).next();
    found.flatten().unwrap_or_else(machine::name)
}

fn host_facing(master: &str) -> Option<String> {
    let (host, _) = master.rsplit_once(':')?;
    let literal = host.trim_matches(['[', ']']).parse::<IpAddr>();
    if host == "localhost" || literal.as_ref().is_ok_and(IpAddr::is_loopback) {
        return Some(literal.map_or_else(|_| Ipv4Addr::LOCALHOST.to_string(), |ip| ip.to_string()));
    }
    // Nothing is sent: the system says which of its addresses it would send from.
    let any: IpAddr = match literal {
        Ok(IpAddr::V6(_)) => std::net::Ipv6Addr::UNSPECIFIED.into(),
        _ => Ipv4Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((any, 0)).ok()?;
    socket.connect(master).ok()?;
    let own = socket.local_addr().ok()?.ip();
    // A machine may know itself by a name that leads to its loopback: others could not follow.
    (!own.is_loopback()).then(|| own.to_string())
}

/// Returns where a driver listens for executors.
pub(crate) fn listen_facing(masters: &Masters) -> Listen {
    Listen::new(&facing(masters), None, 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn on_loopback_all_is_loopback() {
        let facing = |url: &str| facing(&url.parse().unwrap());
        assert_eq!(facing("tinderbox://127.0.0.1:7077"), "127.0.0.1");
        assert_eq!(facing("tinderbox://localhost"), "127.0.0.1");
        assert_eq!(facing("tinderbox://[::1]:7077"), "::1");
        assert_eq!(facing("tinderbox://no-such-host.invalid"), machine::name());
    }

    #[test]
    fn a_cluster_that_is_not_there_has_a_code_of_its_own() {
        let masters: Masters = "tinderbox://a".parse().unwrap();
        let within = Duration::from_secs(3);
        let last = "connect to a:7077: no answer within 1s".to_owned();
        let error = Error::NoMaster {
            masters,
            tries: 2,
            within,
            last,
        };
        let failure = failure(error);
        assert_eq!(failure.code, ExitCode::ClusterUnreachable);
        assert!(failure.what.contains("tried 2 times in 3 s"), "{failure}");
    }
}
