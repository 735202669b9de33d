//! Lets in who connects, if it may.

use std::sync::Arc;

use quinn::{Connection, Incoming};
use scheduler::Address;
use tracing::warn;
use wire::{Refused, Subject};

use super::Shared;
use crate::connection::{Code, Link};
use crate::greet::{self, Failed};

/// Lets in who connects, each in a task of its own with a limited time.
pub(super) async fn listen(shared: Arc<Shared>) {
    let quinn = shared.quinn.clone();
    // The endpoint may be dropped while it listens: then nobody is let in any more.
    let shared = Arc::downgrade(&shared);
    while let (Some(incoming), Some(shared)) = (quinn.accept().await, shared.upgrade()) {
        tokio::spawn(async move {
            let remote = incoming.remote_address();
            let within = shared.config.connect_timeout;
            let accepted = tokio::time::timeout(within, shared.accept(incoming)).await;
            let address = Address(remote.to_string().into());
            match accepted {
                Ok(Ok(()) | Err(Failed::Refused(Refused::Duplicate))) => {}
                Ok(Err(failed)) => {
                    let error = failed.at(&address, within);
                    warn!("let nobody in: failed to {error}");
                }
                Err(_) => warn!("gave up a connection from {remote} that did not greet"),
            }
        });
    }
}

impl Shared {
    /// Lets in who has connected, if it may.
    async fn accept(self: &Arc<Self>, incoming: Incoming) -> Result<(), Failed> {
        let mut renewed = self.shown.subscribe();
        let shown = renewed.wait_for(|shown| shown.can_be_met()).await;
        let shown = shown.map(|shown| Arc::clone(&shown));
        let none = || Failed::Unread("nobody is let in here".into());
        let shown = shown.map_err(|_| none())?;
        let mut config = shown.server.clone().ok_or_else(none)?;
        config.transport_config(self.transport(incoming.remote_address().ip()));
        let connection = incoming.accept_with(Arc::new(config))?.await?;
        let admitted = self.admit(&connection, &shown.subject).await;
        if admitted.is_err() {
            connection.close(Code::Refused.into(), b"");
        }
        admitted
    }

    async fn admit(self: &Arc<Self>, connection: &Connection, own: &Subject) -> Result<(), Failed> {
        let identity = greet::certified(connection, &self.hello.cluster)?;
        let (who, greeter) = greet::hear(connection, identity, &self.hello, own).await?;
        let limits = Arc::clone(&self.config);
        let link = Arc::new(Link::new(who, false, connection.clone(), limits));
        let replaced = match self.table.admit(&link, None) {
            Ok(replaced) => replaced,
            Err(unwanted) => return greeter.refuse(connection, unwanted.into()).await,
        };
        match greeter.welcome(&self.hello).await {
            Ok((send, receive)) => {
                self.start(&link, replaced, send, receive);
                Ok(())
            }
            Err(failed) => {
                self.table.remove(&link);
                link.end();
                Err(failed)
            }
        }
    }
}
