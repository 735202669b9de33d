//! Connects to other processes, and sends what waits for it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use quinn::ClientConfig;
use scheduler::Address;
use tracing::warn;
use wire::{Kind, Refused, Role};

use super::Shared;
use crate::connection::{Code, Link};
use crate::greet::{self, Failed};
use crate::unsent::WAITING_MAX;
use crate::{Error, Event, Peer};

/// How long to wait for the connection that is to take the place of one that was refused as the second.
const SECOND_LOOK: Duration = Duration::from_millis(50);

impl Shared {
    pub(super) async fn connect_within(self: &Arc<Self>, address: &Address) -> Result<Peer, Error> {
        let within = self.config.connect_timeout;
        let connected = tokio::time::timeout(within, self.connect(address)).await;
        connected.unwrap_or_else(|_| {
            Err(Error::Unreachable {
                address: address.clone(),
                within,
            })
        })
    }

    /// Makes a connection for what waits to be sent.
    pub(super) async fn connect_and_send(self: &Arc<Self>, to: &Address, role: Option<Role>) {
        let connected = self.connect_within(to).await;
        let connected = connected.and_then(|peer| of_role(&peer.0, to, role).map(|()| peer));
        let sent = self.unsent.take(to, |waiting| {
            let peer = connected?;
            let messages = waiting.ok_or_else(|| Error::TooManyWait {
                address: to.clone(),
                limit: WAITING_MAX,
            })?;
            for message in &messages {
                delivered(peer.0.put(Kind::Tell, message))?;
            }
            Ok(())
        });
        if let Err(error) = sent {
            warn!("lost what was to be sent to {to}: failed to {error}");
            // A host that has gone sends nothing any more.
            let _ = self
                .events
                .send(Event::Unreachable(to.clone(), error))
                .await;
        }
    }

    async fn connect(self: &Arc<Self>, address: &Address) -> Result<Peer, Error> {
        let turn = self.table.turn(address);
        let _end = EndTurn(self, address);
        let _turn = turn.lock().await;
        loop {
            if let Some(link) = self.table.find(address) {
                return Ok(Peer(link));
            }
            let changed = self.table.changed.notified();
            match self.dial(address).await {
                // The other one's connection is on its way; where it never comes, this one is tried again.
                Err(Error::Refused {
                    refused: Refused::Duplicate,
                    ..
                }) => {
                    let _ = tokio::time::timeout(SECOND_LOOK, changed).await;
                }
                // The other one may have connected to this one meanwhile.
                other => return self.table.find(address).map(Peer).map_or(other, Ok),
            }
        }
    }

    async fn dial(self: &Arc<Self>, address: &Address) -> Result<Peer, Error> {
        let within = self.config.connect_timeout;
        let remote = resolve(address, self.local.is_ipv6()).await?;
        let shown = self.shown();
        let mut config = ClientConfig::new(Arc::clone(&shown.client) as _);
        config.transport_config(self.transport(remote.ip()));
        let connecting = self.quinn.connect_with(config, remote, &self.server_name);
        let connecting = connecting.map_err(|error| Error::Resolve {
            address: address.clone(),
            reason: error.to_string(),
        })?;
        let greeted = async {
            let connection = connecting.await?;
            let identity = greet::certified(&connection, &self.hello.cluster)?;
            let greeted = greet::dial(&connection, identity, &self.hello, &shown.subject).await?;
            Ok::<_, Failed>((connection, greeted))
        };
        let (connection, greeted) = greeted.await.map_err(|failed| failed.at(address, within))?;
        let link = Link::new(greeted.who, true, connection, Arc::clone(&self.config));
        let link = Arc::new(link);
        match self.table.admit(&link, Some(address)) {
            Ok(replaced) => {
                self.start(&link, replaced, greeted.send, greeted.receive);
                Ok(Peer(link))
            }
            Err(unwanted) => {
                link.connection.close(Code::Goodbye.into(), b"");
                let (address, refused) = (address.clone(), unwanted.into());
                Err(Error::Refused { address, refused })
            }
        }
    }
}

/// Ends the turn to connect to an address, however it went.
struct EndTurn<'a>(&'a Shared, &'a Address);

impl Drop for EndTurn<'_> {
    fn drop(&mut self) {
        self.0.table.end_turn(self.1);
    }
}

/// Checks that whoever is at an address has the role that was looked for, if any.
pub(super) fn of_role(link: &Link, address: &Address, role: Option<Role>) -> Result<(), Error> {
    let found = link.who.identity.subject.role();
    match role {
        Some(expected) if expected != found => Err(Error::WrongRole {
            address: address.clone(),
            expected,
            found,
        }),
        _ => Ok(()),
    }
}

/// What meets the end of a connection is lost with it, which its reader tells.
pub(super) fn delivered(put: Result<(), Error>) -> Result<bool, Error> {
    match put {
        Ok(()) | Err(Error::Disconnected { .. }) => Ok(true),
        Err(error) => Err(error),
    }
}
async fn resolve(address: &Address, v6: bool) -> Result<SocketAddr, Error> {
    let unknown = |reason: String| Error::Resolve {
        address: address.clone(),
        reason,
    };
    let found = tokio::net::lookup_host(&*address.0)
        .await
        .map_err(|error| unknown(error.to_string()))?;
    let mut reachable = found.filter(|found| v6 || found.is_ipv4());
    reachable
        .next()
        .ok_or_else(|| unknown("it has no address that can be reached from here".into()))
}
