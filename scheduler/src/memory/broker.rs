//! Who may hold how much of the memory that is not the tasks' (Spark: `UnifiedMemoryManager`).
//!
//! Each pool has a share that it can always have. What others do not use of theirs it may borrow, until they want it:
//! then cached blocks give way first, and prepared images next. Transfers are short and do not give way: a pool waits
//! for none of them, since they are refused what is not free beyond their share. Tasks take no part: their shares are
//! the application's constants, so that what a task puts aside depends on nobody beside it.

use std::fmt;

use super::Shares;

/// Who holds memory beside the tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Pool {
    /// Cached blocks.
    Blocks,
    /// Prepared images.
    Images,
    /// Bytes on their way to or from other processes.
    Transfers,
}

impl Pool {
    /// All of them, those that give way first before the others.
    pub const ALL: [Self; 3] = [Self::Blocks, Self::Images, Self::Transfers];

    const fn gives_way(self) -> bool {
        !matches!(self, Self::Transfers)
    }
}

impl fmt::Display for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Blocks => "cached blocks",
            Self::Images => "prepared images",
            Self::Transfers => "transfers",
        })
    }
}

/// What a pool has, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lease {
    /// What it can always have.
    pub share: u64,
    /// What it may hold now. More than its share is borrowed.
    pub limit: u64,
    /// The most that it could hold at any time.
    pub peak: u64,
}

/// Keeps the books.
#[derive(Clone, Debug)]
pub struct Broker {
    whole: u64,
    /// In the order of [`Pool::ALL`].
    leases: [Lease; 3],
}

impl Broker {
    /// A broker of these shares. No pool holds anything.
    pub fn new(shares: &Shares) -> Self {
        let lease = |share| Lease {
            share,
            ..Lease::default()
        };
        let shares = [shares.blocks, shares.images, shares.transfers];
        Self {
            whole: shares.iter().sum(),
            leases: shares.map(lease),
        }
    }

    /// Raises what a pool may hold to `wanted` bytes, or as far as there is room; returns what it may hold now.
    ///
    /// `give_way` brings a pool that has borrowed down to so many bytes, or as near as it can, and returns what it holds
    /// then.
    ///
    /// ```
    /// # use scheduler::memory::{Broker, Pool, Shares};
    /// let shares = Shares { task: 0, blocks: 60, images: 30, transfers: 10 };
    /// let mut broker = Broker::new(&shares);
    /// let nobody = |_, _| panic!("nobody has borrowed");
    /// assert_eq!(broker.grow(Pool::Blocks, 200, nobody), 100);
    /// // Images want their share: blocks give back what they borrowed.
    /// let obey = |pool, bytes| {
    ///     assert_eq!((pool, bytes), (Pool::Blocks, 75));
    ///     bytes
    /// };
    /// assert_eq!(broker.grow(Pool::Images, 25, obey), 25);
    /// ```
    pub fn grow(
        &mut self,
        pool: Pool,
        wanted: u64,
        mut give_way: impl FnMut(Pool, u64) -> u64,
    ) -> u64 {
        let Lease { share, limit, .. } = self.lease(pool);
        let own = wanted.min(share).saturating_sub(limit);
        for other in Pool::ALL {
            let lacking = own.saturating_sub(self.free());
            let borrowed = self.lease(other).borrowed();
            if other != pool && other.gives_way() && lacking.min(borrowed) > 0 {
                let before = self.lease(other).limit;
                let left = give_way(other, before - lacking.min(borrowed));
                self.lease_mut(other).limit = left.min(before);
            }
        }
        let more = wanted.saturating_sub(limit).min(self.free());
        let lease = self.lease_mut(pool);
        lease.limit += more;
        lease.peak = lease.peak.max(lease.limit);
        self.check();
        limit + more
    }

    /// Gives back what a pool does not hold: it has so many bytes.
    pub fn settle(&mut self, pool: Pool, held: u64) {
        let lease = self.lease_mut(pool);
        lease.limit = lease.limit.min(held);
    }

    /// Returns what a pool has.
    pub fn lease(&self, pool: Pool) -> Lease {
        self.leases[pool as usize]
    }

    /// Returns how much no pool may hold now.
    pub fn free(&self) -> u64 {
        let leased: u64 = self.leases.iter().map(|lease| lease.limit).sum();
        self.whole - leased
    }

    fn lease_mut(&mut self, pool: Pool) -> &mut Lease {
        &mut self.leases[pool as usize]
    }

    fn check(&self) {
        let leased: u64 = self.leases.iter().map(|lease| lease.limit).sum();
        assert!(leased <= self.whole, "no byte is lent twice");
    }
}

impl Lease {
    const fn borrowed(self) -> u64 {
        self.limit.saturating_sub(self.share)
    }
}

impl fmt::Display for Broker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for pool in Pool::ALL {
            let Lease { share, limit, .. } = self.lease(pool);
            write!(f, "{pool} {limit} of {share}, ")?;
        }
        write!(f, "free {}", self.free())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHARES: Shares = Shares {
        task: 0,
        blocks: 60,
        images: 30,
        transfers: 10,
    };

    fn nobody(pool: Pool, _: u64) -> u64 {
        panic!("{pool} need not give way")
    }

    fn obeys(_: Pool, bytes: u64) -> u64 {
        bytes
    }

    #[test]
    fn what_is_borrowed_comes_back_and_no_more() {
        let mut broker = Broker::new(&SHARES);
        assert_eq!(broker.grow(Pool::Images, 100, nobody), 100);
        assert_eq!(broker.grow(Pool::Blocks, 200, obeys), 60);
        assert_eq!(broker.lease(Pool::Images).limit, 40);
        assert_eq!(broker.grow(Pool::Transfers, 20, obeys), 10);
        assert_eq!(broker.lease(Pool::Images).limit, 30);
        assert_eq!(broker.free(), 0);
        broker.settle(Pool::Blocks, 5);
        assert_eq!(broker.grow(Pool::Transfers, 20, nobody), 20, "borrowed");
        assert_eq!(broker.free(), 45);
        let peaks = Pool::ALL.map(|pool| broker.lease(pool).peak);
        assert_eq!(peaks, [60, 100, 20], "whoever gave way since");
    }

    #[test]
    fn blocks_give_way_before_images() {
        let mut broker = Broker::new(&SHARES);
        broker.grow(Pool::Blocks, 65, nobody);
        broker.grow(Pool::Images, 35, nobody);
        let mut asked = Vec::new();
        broker.grow(Pool::Transfers, 8, |pool, bytes| {
            asked.push((pool, bytes));
            bytes
        });
        assert_eq!(asked, [(Pool::Blocks, 60), (Pool::Images, 32)]);
    }

    #[test]
    fn who_cannot_give_way_keeps_what_it_has() {
        let mut broker = Broker::new(&SHARES);
        broker.grow(Pool::Blocks, 100, nobody);
        // A block is being written.
        assert_eq!(broker.grow(Pool::Images, 30, |_, bytes| bytes + 10), 20);
        assert_eq!(broker.free(), 0);
    }
}
