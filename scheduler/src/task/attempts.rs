//! Attempts that were launched and have not ended.
//!
//! They are kept close together, whatever their numbers: a number leads to a slot by way of a page of slots, a page is
//! in a volume of pages, and those of which nothing runs any more are dropped. The attempts of a task set are linked in the order of their launch.

use std::collections::{BTreeMap, VecDeque};
use std::num::NonZeroU32;

use crate::{AttemptId, ExecutorId, KillReason, TaskName, Time};

use super::SetKey;

/// An attempt that an executor has not reported as ended.
#[derive(Clone, Debug)]
pub(crate) struct Attempt {
    pub(crate) name: TaskName,
    pub(crate) executor: ExecutorId,
    pub(super) launched: Time,
    /// Its task's place in the task set.
    pub(super) index: u32,
    /// Cores that it has; none while it waits for one.
    pub(super) cores: u32,
    /// Bytes that it has read so far, as its executor told.
    pub(super) bytes_read: u64,
    /// Why it is being killed, if it is.
    pub(crate) kill: Option<KillReason>,
}

impl Attempt {
    /// Returns whether it is being killed, whatever it says. One that was recalled may have begun: it goes on.
    pub(crate) fn is_killed(&self) -> bool {
        self.kill
            .is_some_and(|reason| reason != KillReason::Recalled)
    }

    pub(super) fn set(&self) -> SetKey {
        SetKey {
            stage: self.name.stage,
            attempt: self.name.stage_attempt,
        }
    }
}

/// The running attempts of one task set, the oldest first.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Chain {
    first: Option<Slot>,
    last: Option<Slot>,
    len: usize,
}

impl Chain {
    pub(super) fn len(&self) -> usize {
        self.len
    }
}

/// Where an attempt is kept: one more than its position, so that none takes no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Slot(NonZeroU32);

impl Slot {
    fn new(position: usize) -> Self {
        let number = u32::try_from(position + 1).ok().and_then(NonZeroU32::new);
        Self(number.expect("there are fewer cores than that"))
    }

    fn position(self) -> usize {
        self.0.get() as usize - 1
    }
}

#[derive(Debug)]
struct Entry {
    id: AttemptId,
    attempt: Attempt,
}

/// The neighbours in a chain. They lie apart from the entries and close together, as each end reaches for two of them.
#[derive(Clone, Copy, Debug)]
struct Link {
    before: Option<Slot>,
    after: Option<Slot>,
}

/// Numbers of a page.
const PAGE: usize = 128;
/// Pages of a volume.
const VOLUME: usize = 512;

/// Where a number leads: a volume, a page of it, a position there.
#[derive(Clone, Copy)]
struct Way {
    volume: u64,
    page: usize,
    position: usize,
}

impl Way {
    fn to(id: AttemptId) -> Self {
        let cut = |number: u64, size: usize| {
            let rest = usize::try_from(number % size as u64);
            (
                number / size as u64,
                rest.expect("a rest is less than a size"),
            )
        };
        let (page, position) = cut(id.0, PAGE);
        let (volume, page) = cut(page, VOLUME);
        Self {
            volume,
            page,
            position,
        }
    }
}

/// The slots of neighbouring numbers.
#[derive(Debug)]
struct Page {
    slots: [Option<Slot>; PAGE],
    used: u32,
}

/// Neighbouring pages: a few of these hold all that run, so that any is found at once.
#[derive(Debug)]
struct Volume {
    pages: [Option<Box<Page>>; VOLUME],
    used: u32,
}

/// The attempts by number, which is the order of their launch.
#[derive(Debug, Default)]
pub(super) struct Attempts {
    entries: Vec<Option<Entry>>,
    /// As many as entries.
    links: Vec<Link>,
    unused: Vec<Slot>,
    volumes: BTreeMap<u64, Box<Volume>>,
    next: u64,
    len: usize,
    /// In the order of launch, while it matters how long attempts run. Those that have ended go when they are first.
    watched: Option<VecDeque<AttemptId>>,
}

impl Attempts {
    /// Keeps a new attempt of a chain; the number is that of [`Self::next`].
    pub(super) fn insert(&mut self, attempt: Attempt, chain: &mut Chain) {
        let id = self.next();
        self.next += 1;
        self.len += 1;
        let slot = self.place(Entry { id, attempt });
        let before = chain.last.replace(slot);
        match before {
            None => chain.first = Some(slot),
            Some(before) => self.links[before.position()].after = Some(slot),
        }
        let after = None;
        self.links[slot.position()] = Link { before, after };
        chain.len += 1;
        self.index(id, slot);
        if let Some(watched) = &mut self.watched {
            watched.push_back(id);
        }
    }

    fn place(&mut self, entry: Entry) -> Slot {
        let slot = self.unused.pop().unwrap_or_else(|| {
            let (before, after) = (None, None);
            self.links.push(Link { before, after });
            self.entries.push(None);
            Slot::new(self.entries.len() - 1)
        });
        self.entries[slot.position()] = Some(entry);
        slot
    }

    fn index(&mut self, id: AttemptId, slot: Slot) {
        let way = Way::to(id);
        let volume = self.volumes.entry(way.volume).or_insert_with(|| {
            let pages = [const { None }; VOLUME];
            Box::new(Volume { pages, used: 0 })
        });
        let page = volume.pages[way.page].get_or_insert_with(|| {
            volume.used += 1;
            let slots = [None; PAGE];
            Box::new(Page { slots, used: 0 })
        });
        page.slots[way.position] = Some(slot);
        page.used += 1;
    }

    fn unindex(&mut self, id: AttemptId) -> Option<Slot> {
        let way = Way::to(id);
        let volume = self.volumes.get_mut(&way.volume)?;
        let page = volume.pages[way.page].as_mut()?;
        let slot = page.slots[way.position].take()?;
        page.used -= 1;
        if page.used == 0 {
            volume.pages[way.page] = None;
            volume.used -= 1;
        }
        if volume.used == 0 {
            self.volumes.remove(&way.volume);
        }
        Some(slot)
    }

    fn slot(&self, id: AttemptId) -> Option<Slot> {
        let way = Way::to(id);
        let page = self.volumes.get(&way.volume)?.pages[way.page].as_ref()?;
        page.slots[way.position]
    }

    /// Returns the number of the next attempt.
    pub(super) fn next(&self) -> AttemptId {
        AttemptId(self.next)
    }

    pub(super) fn get(&self, id: AttemptId) -> Option<&Attempt> {
        let entry = self.entries[self.slot(id)?.position()].as_ref();
        entry.map(|entry| &entry.attempt)
    }

    pub(super) fn get_mut(&mut self, id: AttemptId) -> Option<&mut Attempt> {
        let slot = self.slot(id)?;
        let entry = self.entries[slot.position()].as_mut();
        entry.map(|entry| &mut entry.attempt)
    }

    /// Takes an attempt out, with the chain that `chain_of` says it is in.
    pub(super) fn remove<'a>(
        &mut self,
        id: AttemptId,
        chain_of: impl FnOnce(&Attempt) -> &'a mut Chain,
    ) -> Option<Attempt> {
        let slot = self.unindex(id)?;
        let entry = self.entries[slot.position()].take();
        let entry = entry.expect("a slot that is named is used");
        self.unused.push(slot);
        self.len -= 1;
        self.unchain(slot, chain_of(&entry.attempt));
        Some(entry.attempt)
    }

    fn unchain(&mut self, slot: Slot, chain: &mut Chain) {
        let Link { before, after } = self.links[slot.position()];
        chain.len -= 1;
        match before {
            None => chain.first = after,
            Some(before) => self.links[before.position()].after = after,
        }
        match after {
            None => chain.last = before,
            Some(after) => self.links[after.position()].before = before,
        }
    }

    /// Returns the attempts of a chain, the oldest first.
    pub(super) fn of(&self, chain: &Chain) -> impl Iterator<Item = (AttemptId, &Attempt)> {
        let after = |slot: &Slot| self.links[slot.position()].after;
        let slots = std::iter::successors(chain.first, after);
        let entries = slots.filter_map(|slot| self.entries[slot.position()].as_ref());
        entries.map(|entry| (entry.id, &entry.attempt))
    }

    /// Begins, or ceases, to watch how long attempts run.
    pub(super) fn watch(&mut self, watch: bool) {
        if !watch {
            self.watched = None;
        } else if self.watched.is_none() {
            let mut all: Vec<AttemptId> = self.iter().map(|(id, _)| id).collect();
            all.sort_unstable();
            self.watched = Some(all.into());
        }
    }

    /// Returns the oldest attempt that is not being killed, if they are watched and [tidied](Self::tidy).
    pub(super) fn oldest(&self) -> Option<(AttemptId, Time)> {
        let id = *self.watched.as_ref()?.front()?;
        self.get(id).map(|attempt| (id, attempt.launched))
    }

    /// No longer watches the first attempts where they have ended or are being killed.
    pub(super) fn tidy(&mut self) {
        let Some(mut watched) = self.watched.take() else {
            return;
        };
        let lives = |id: &AttemptId| self.get(*id).is_some_and(|attempt| !attempt.is_killed());
        while watched.front().is_some_and(|id| !lives(id)) {
            watched.pop_front();
        }
        self.watched = Some(watched);
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (AttemptId, &Attempt)> {
        let entries = self.entries.iter().flatten();
        entries.map(|entry| (entry.id, &entry.attempt))
    }
}
