//! Attempts that were launched and have not ended.
//!
//! They are kept close together, whatever their numbers: a number leads to a slot by way of a page of slots, and pages
//! of which nothing runs any more are dropped. The attempts of a task set are linked in the order of their launch.

use std::collections::{BTreeMap, VecDeque};

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
    /// Cores that it has.
    pub(super) cores: u32,
    /// Bytes that it has read so far, as its executor told.
    pub(super) bytes_read: u64,
    /// Why it is being killed, if it is.
    pub(crate) kill: Option<KillReason>,
}

impl Attempt {
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

/// Where an attempt is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Slot(u32);

#[derive(Debug)]
struct Entry {
    id: AttemptId,
    attempt: Attempt,
    before: Option<Slot>,
    after: Option<Slot>,
}

/// Numbers of a page.
const PAGE: usize = 128;

/// Returns the page of an attempt, and its position there.
fn page_of(id: AttemptId) -> (u64, usize) {
    let size = PAGE as u64;
    let position =
        usize::try_from(id.0 % size).expect("a position is less than the size of a page");
    (id.0 / size, position)
}

/// The slots of neighbouring numbers.
#[derive(Debug)]
struct Page {
    slots: [Option<Slot>; PAGE],
    used: u32,
}

/// The attempts by number, which is the order of their launch.
#[derive(Debug, Default)]
pub(super) struct Attempts {
    entries: Vec<Option<Entry>>,
    unused: Vec<Slot>,
    pages: BTreeMap<u64, Box<Page>>,
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
        let entry = Entry {
            id,
            attempt,
            before: chain.last,
            after: None,
        };
        let slot = self.place(entry);
        match chain.last.replace(slot) {
            None => chain.first = Some(slot),
            Some(before) => self.entry(before).after = Some(slot),
        }
        chain.len += 1;
        self.index(id, slot);
        if let Some(watched) = &mut self.watched {
            watched.push_back(id);
        }
    }

    fn place(&mut self, entry: Entry) -> Slot {
        if let Some(slot) = self.unused.pop() {
            self.entries[slot.0 as usize] = Some(entry);
            return slot;
        }
        self.entries.push(Some(entry));
        let last = self.entries.len() - 1;
        Slot(u32::try_from(last).expect("there are fewer cores than that"))
    }

    fn index(&mut self, id: AttemptId, slot: Slot) {
        let (page, position) = page_of(id);
        let page = self.pages.entry(page).or_insert_with(|| {
            Box::new(Page {
                slots: [None; PAGE],
                used: 0,
            })
        });
        page.slots[position] = Some(slot);
        page.used += 1;
    }

    fn entry(&mut self, slot: Slot) -> &mut Entry {
        let entry = self.entries[slot.0 as usize].as_mut();
        entry.expect("a slot that is named is used")
    }

    fn slot(&self, id: AttemptId) -> Option<Slot> {
        let (page, position) = page_of(id);
        self.pages.get(&page)?.slots[position]
    }

    /// Returns the number of the next attempt.
    pub(super) fn next(&self) -> AttemptId {
        AttemptId(self.next)
    }

    pub(super) fn get(&self, id: AttemptId) -> Option<&Attempt> {
        let entry = self.entries[self.slot(id)?.0 as usize].as_ref();
        entry.map(|entry| &entry.attempt)
    }

    pub(super) fn get_mut(&mut self, id: AttemptId) -> Option<&mut Attempt> {
        let slot = self.slot(id)?;
        Some(&mut self.entry(slot).attempt)
    }

    /// Takes an attempt out, with the chain that `chain_of` says it is in.
    pub(super) fn remove<'a>(
        &mut self,
        id: AttemptId,
        chain_of: impl FnOnce(&Attempt) -> &'a mut Chain,
    ) -> Option<Attempt> {
        let slot = self.unindex(id)?;
        let entry = self.entries[slot.0 as usize].take();
        let entry = entry.expect("a slot that is named is used");
        self.unused.push(slot);
        self.len -= 1;
        let chain = chain_of(&entry.attempt);
        chain.len -= 1;
        match entry.before {
            None => chain.first = entry.after,
            Some(before) => self.entry(before).after = entry.after,
        }
        match entry.after {
            None => chain.last = entry.before,
            Some(after) => self.entry(after).before = entry.before,
        }
        Some(entry.attempt)
    }

    fn unindex(&mut self, id: AttemptId) -> Option<Slot> {
        let (number, position) = page_of(id);
        let page = self.pages.get_mut(&number)?;
        let slot = page.slots[position].take()?;
        page.used -= 1;
        if page.used == 0 {
            self.pages.remove(&number);
        }
        Some(slot)
    }

    /// Returns the attempts of a chain, the oldest first.
    pub(super) fn of(&self, chain: &Chain) -> impl Iterator<Item = (AttemptId, &Attempt)> {
        let entry = |slot: Slot| self.entries[slot.0 as usize].as_ref();
        let first = chain.first.and_then(entry);
        let all = std::iter::successors(first, move |before| before.after.and_then(entry));
        all.map(|entry| (entry.id, &entry.attempt))
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
        let lives = |id: &AttemptId| self.get(*id).is_some_and(|attempt| attempt.kill.is_none());
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
