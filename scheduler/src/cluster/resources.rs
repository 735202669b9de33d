//! Cores and memory, and books of them that cannot go wrong: what is free is never below nothing, what is given
//! back was taken.

/// Cores and memory that go together: what an executor needs, what a worker has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Resources {
    pub(super) cores: u32,
    /// In bytes.
    pub(super) memory: u64,
}

impl Resources {
    pub(super) const fn new(cores: u32, memory: u64) -> Self {
        Self { cores, memory }
    }

    /// Returns whether this is no more than `other` in either.
    pub(super) const fn fits_in(self, other: Self) -> bool {
        self.cores <= other.cores && self.memory <= other.memory
    }

    pub(super) fn plus(self, other: Self) -> Option<Self> {
        let cores = self.cores.checked_add(other.cores)?;
        let memory = self.memory.checked_add(other.memory)?;
        Some(Self { cores, memory })
    }

    pub(super) fn minus(self, other: Self) -> Option<Self> {
        let cores = self.cores.checked_sub(other.cores)?;
        let memory = self.memory.checked_sub(other.memory)?;
        Some(Self { cores, memory })
    }
}

/// What one worker has, and how much of it is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Room {
    total: Resources,
    used: Resources,
}

impl Room {
    pub(super) fn new(total: Resources) -> Self {
        let used = Resources::default();
        Self { total, used }
    }

    pub(super) const fn total(&self) -> Resources {
        self.total
    }

    pub(super) const fn used(&self) -> Resources {
        self.used
    }

    pub(super) fn free(&self) -> Resources {
        self.total
            .minus(self.used)
            .expect("no more is taken than there is")
    }

    /// Takes `some`, or nothing and returns false where it is not free.
    #[must_use]
    pub(super) fn take(&mut self, some: Resources) -> bool {
        let taken = self.used.plus(some).filter(|used| used.fits_in(self.total));
        self.used = taken.unwrap_or(self.used);
        taken.is_some()
    }

    pub(super) fn give_back(&mut self, some: Resources) {
        self.used = self.used.minus(some).expect("what is given back was taken");
    }
}

/// What a tenant has over all workers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sum {
    pub(super) cores: u64,
    pub(super) memory: u64,
}

impl Sum {
    pub(super) fn add(&mut self, some: Resources) {
        self.cores += u64::from(some.cores);
        self.memory = self
            .memory
            .checked_add(some.memory)
            .expect("workers' memory is bounded when they register");
    }

    pub(super) fn take_off(&mut self, some: Resources) {
        let cores = self.cores.checked_sub(u64::from(some.cores));
        let memory = self.memory.checked_sub(some.memory);
        self.cores = cores.expect("what is taken off was added");
        self.memory = memory.expect("what is taken off was added");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_beyond_what_is_there_is_given() {
        let mut room = Room::new(Resources::new(4, 100));
        assert!(room.take(Resources::new(3, 50)));
        assert!(!room.take(Resources::new(2, 10)));
        assert!(!room.take(Resources::new(1, u64::MAX)));
        assert!(!room.take(Resources::new(u32::MAX, 0)));
        assert_eq!(room.free(), Resources::new(1, 50));
        room.give_back(Resources::new(3, 50));
        assert_eq!(room.free(), room.total());
    }

    #[test]
    #[should_panic(expected = "what is given back was taken")]
    fn nothing_is_given_back_twice() {
        let mut room = Room::new(Resources::new(4, 100));
        room.give_back(Resources::new(1, 0));
    }
}
