//! Whose orders are obeyed: those of the leader of the highest epoch heard, and no other's.

use std::sync::Arc;

use crate::{Address, Epoch};

/// The leader, while it can be reached.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Leader {
    address: Address,
    /// Whether it is known to have the follower in its books.
    registered: bool,
}

/// How a process stands with the masters.
#[derive(Clone, Debug, Default)]
pub(crate) struct Following {
    epoch: Epoch,
    leader: Option<Leader>,
}

impl Following {
    /// Follows no leader of before `epoch`.
    pub(crate) fn since(epoch: Epoch) -> Self {
        Self {
            epoch,
            leader: None,
        }
    }

    /// Takes note of who gives an order. Returns whether that is a leader that was not followed before; fails where
    /// the order is not to be obeyed.
    pub(crate) fn heed(&mut self, from: &Address, epoch: Epoch) -> Result<bool, Arc<str>> {
        if epoch < self.epoch {
            return Err(format!("{epoch} of {from} is over, {} has begun", self.epoch).into());
        }
        if epoch > self.epoch {
            self.epoch = epoch;
            self.leader = None;
        }
        match &self.leader {
            Some(leader) if leader.address == *from => Ok(false),
            Some(Leader { address, .. }) => {
                Err(format!("{epoch} is that of {address}, not of {from}").into())
            }
            None => {
                self.follow(from.clone());
                Ok(true)
            }
        }
    }

    fn follow(&mut self, address: Address) {
        self.leader = Some(Leader {
            address,
            registered: false,
        });
    }

    /// Takes note of whether the leader has the follower in its books.
    pub(crate) fn set_registered(&mut self, registered: bool) {
        if let Some(leader) = &mut self.leader {
            leader.registered = registered;
        }
    }

    /// Follows `peer` no more. Returns whether it was the leader.
    pub(crate) fn lose(&mut self, peer: &Address) -> bool {
        self.leader
            .take_if(|leader| leader.address == *peer)
            .is_some()
    }

    pub(crate) fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// Returns the leader, if it can be reached.
    pub(crate) fn leader(&self) -> Option<&Address> {
        self.leader.as_ref().map(|leader| &leader.address)
    }

    /// Returns the leader, if it can be reached and has the follower in its books.
    pub(crate) fn registered(&self) -> Option<&Address> {
        let leader = self.leader.as_ref().filter(|leader| leader.registered);
        leader.map(|leader| &leader.address)
    }
}

/// Addresses, for people.
pub(crate) fn list(addresses: &[Address]) -> String {
    let names: Vec<&str> = addresses.iter().map(|address| &*address.0).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_leader_is_not_heeded() {
        let mut following = Following::default();
        let (old, new) = ("a:1".into(), "b:1".into());
        assert_eq!(following.heed(&old, Epoch(1)), Ok(true));
        assert_eq!(following.heed(&new, Epoch(2)), Ok(true));
        assert_eq!(following.heed(&new, Epoch(2)), Ok(false));
        let refused = following.heed(&old, Epoch(1)).unwrap_err();
        assert_eq!(&*refused, "epoch-1 of a:1 is over, epoch-2 has begun");
        assert_eq!(following.leader(), Some(&new));
    }

    #[test]
    fn an_epoch_has_one_leader() {
        let mut following = Following::default();
        let (leader, other) = ("a:1".into(), "b:1".into());
        assert_eq!(following.heed(&leader, Epoch(1)), Ok(true));
        let refused = following.heed(&other, Epoch(1)).unwrap_err();
        assert_eq!(&*refused, "epoch-1 is that of a:1, not of b:1");
    }

    #[test]
    fn a_leader_that_comes_back_is_not_registered_with() {
        let mut following = Following::default();
        let leader = "a:1".into();
        assert_eq!(following.heed(&leader, Epoch(1)), Ok(true));
        following.set_registered(true);
        assert_eq!(following.registered(), Some(&leader));
        assert!(following.lose(&leader) && !following.lose(&leader));
        assert_eq!(following.heed(&leader, Epoch(1)), Ok(true));
        assert_eq!(following.registered(), None);
    }
}
