//! The connections of a process: at most one with each other process.
//!
//! Two processes may connect to one another at the same time. Both then keep the connection that the process with the
//! smaller number made.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use scheduler::Address;
use tokio::sync::Notify;
use wire::{Refused, Role, Subject};

use crate::connection::{Code, Instance, Link, Who};
use crate::{Disconnect, Identity};

#[derive(Debug, Default)]
struct State {
    links: HashMap<Instance, Arc<Link>>,
    /// What was connected to under which name.
    names: HashMap<Address, Instance>,
    /// Who says that he listens where.
    listening: HashMap<Address, Instance>,
    /// Who is being connected to. Whoever else wants to, waits for the turn.
    dialling: HashMap<Address, Arc<tokio::sync::Mutex<()>>>,
    closing: bool,
}

impl From<Unwanted> for Refused {
    fn from(unwanted: Unwanted) -> Self {
        match unwanted {
            Unwanted::Duplicate => Self::Duplicate,
            Unwanted::Closing => Self::Closing,
            Unwanted::Address => Self::Address,
        }
    }
}

impl State {
    fn is_dialled(&self, who: &Who) -> bool {
        who.listens && self.dialling.contains_key(&who.address)
    }

    /// Returns the connection with the process that lived before at the address that this one gives as its own.
    ///
    /// Only its like may follow it, so that nobody hears what is meant for another; or whoever was found there.
    fn predecessor(
        &self,
        link: &Link,
        name: Option<&Address>,
    ) -> Result<Option<Arc<Link>>, Unwanted> {
        let who = &link.who;
        let there = self.listening.get(&who.address).filter(|_| who.listens);
        let Some(other) = there.and_then(|instance| self.links.get(instance)) else {
            return Ok(None);
        };
        if other.who.instance == who.instance {
            return Ok(None);
        }
        let found_there = name == Some(&who.address);
        if found_there || may_follow(&other.who.identity, &who.identity) {
            return Ok(Some(Arc::clone(other)));
        }
        Err(Unwanted::Address)
    }

    fn enter(&mut self, link: &Arc<Link>, name: Option<&Address>) {
        let who = &link.who;
        self.links.insert(who.instance, Arc::clone(link));
        if who.listens {
            self.listening.insert(who.address.clone(), who.instance);
        }
        if let Some(name) = name {
            self.names.insert(name.clone(), who.instance);
        }
    }

    /// Takes a connection out, unless another one has its place.
    fn forget(&mut self, link: &Arc<Link>) {
        let who = link.who.instance;
        let known = self.links.get(&who);
        if known.is_some_and(|known| Arc::ptr_eq(known, link)) {
            self.links.remove(&who);
            self.names.retain(|_, named| *named != who);
            if self.listening.get(&link.who.address) == Some(&who) {
                self.listening.remove(&link.who.address);
            }
        }
    }
}

/// Returns whether one can be what the other was: a driver may have got its application since.
fn may_follow(older: &Identity, newer: &Identity) -> bool {
    let gained = |older: &Subject, newer: &Subject| {
        older.role() == Role::Driver
            && newer.role() == Role::Driver
            && older.application().is_none()
            && older.tenant() == newer.tenant()
    };
    older == newer || gained(&older.subject, &newer.subject)
}

#[derive(Debug)]
pub(crate) struct Table {
    own: Instance,
    state: Mutex<State>,
    /// Something has changed.
    pub(crate) changed: Notify,
}

/// Why a connection does not get in.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Unwanted {
    /// There is another one, or is about to be.
    Duplicate,
    /// The process ends.
    Closing,
    /// Somebody else lives at the address that it gives as its own.
    Address,
}

impl Table {
    pub(crate) fn new(own: Instance) -> Self {
        Self {
            own,
            state: Mutex::default(),
            changed: Notify::new(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the connection with whoever is at an address.
    pub(crate) fn find(&self, address: &Address) -> Option<Arc<Link>> {
        let state = self.state();
        let named = state
            .names
            .get(address)
            .and_then(|who| state.links.get(who));
        let listening = state.listening.get(address);
        let link = named.or_else(|| listening.and_then(|who| state.links.get(who)));
        link.filter(|link| link.connection.close_reason().is_none())
            .cloned()
    }

    /// Returns the turn to connect to an address.
    pub(crate) fn turn(&self, address: &Address) -> Arc<tokio::sync::Mutex<()>> {
        Arc::clone(self.state().dialling.entry(address.clone()).or_default())
    }

    /// The turn is over.
    pub(crate) fn end_turn(&self, address: &Address) {
        let mut state = self.state();
        // Two: the table's own, and that of who calls.
        if state
            .dialling
            .get(address)
            .is_some_and(|turn| Arc::strong_count(turn) <= 2)
        {
            state.dialling.remove(address);
        }
    }

    /// Takes a connection in. Returns those in whose place it comes, closed.
    pub(crate) fn admit(
        &self,
        link: &Arc<Link>,
        name: Option<&Address>,
    ) -> Result<Vec<Arc<Link>>, Unwanted> {
        let mut state = self.state();
        if state.closing {
            return Err(Unwanted::Closing);
        }
        let older = self.older(&state, link)?;
        let elsewhere = state.predecessor(link, name)?;
        let replaced: Vec<_> = older.into_iter().chain(elsewhere).collect();
        for one in &replaced {
            one.close(Code::Replaced, Disconnect::Replaced);
            state.forget(one);
        }
        state.enter(link, name);
        drop(state);
        self.changed.notify_waiters();
        Ok(replaced)
    }

    /// Returns the connection with the same process that this one replaces, if it may.
    fn older(&self, state: &State, link: &Link) -> Result<Option<Arc<Link>>, Unwanted> {
        // Of two that were made at the same time, that of the smaller number stays.
        let preferred = link.dialled == (self.own < link.who.instance);
        match state.links.get(&link.who.instance) {
            // What a process is called by is no secret.
            Some(older) if !may_follow(&older.who.identity, &link.who.identity) => {
                Err(Unwanted::Address)
            }
            // Who makes a second one has lost the first.
            Some(older) if older.dialled == link.dialled || preferred => Ok(Some(older.clone())),
            Some(_) => Err(Unwanted::Duplicate),
            None if link.dialled || preferred || !state.is_dialled(&link.who) => Ok(None),
            None => Err(Unwanted::Duplicate),
        }
    }

    /// Takes a connection out that has ended.
    pub(crate) fn remove(&self, link: &Arc<Link>) {
        let mut state = self.state();
        state.forget(link);
        drop(state);
        self.changed.notify_waiters();
    }

    /// Lets nobody in any more, and returns who is there.
    pub(crate) fn close(&self) -> Vec<Arc<Link>> {
        let mut state = self.state();
        state.closing = true;
        state.links.values().cloned().collect()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.state().links.is_empty()
    }
}
