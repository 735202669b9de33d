//! How much memory the task holds, and when it is time to put some of it aside.
//!
//! Only what the program itself allocates counts, so two attempts of a task put aside the same records at the same time,
//! and give the same bytes.

use std::cell::Cell;

#[cfg(target_family = "wasm")]
use crate::alloc::{allocated, foresee};
#[cfg(test)]
pub(crate) use counted::{allocated, take_peak, uncounted};

/// Nothing is counted where a program is only checked or documented.
#[cfg(not(any(target_family = "wasm", test)))]
fn allocated() -> usize {
    0
}

#[cfg(not(target_family = "wasm"))]
fn foresee(_: usize) {}

/// What a task may use.
#[derive(Clone, Copy)]
struct Share {
    /// Bytes that were allocated when the task began: the driver's, which are in the image.
    image: usize,
    /// Bytes beyond.
    budget: usize,
}

/// The driver is bounded by its host alone.
const UNBOUNDED: Share = Share {
    image: 0,
    budget: usize::MAX,
};

thread_local! {
    static SHARE: Cell<Share> = const { Cell::new(UNBOUNDED) };
}

/// What had been the share before a task began; it is again when this is dropped.
pub(crate) struct Outer(Share);

/// A task begins, and may use so many bytes beyond what is allocated now.
pub(crate) fn begin(budget: u64) -> Outer {
    let image = allocated();
    let budget = usize::try_from(budget).unwrap_or(usize::MAX);
    foresee(budget);
    Outer(SHARE.replace(Share { image, budget }))
}

impl Drop for Outer {
    fn drop(&mut self) {
        SHARE.set(self.0);
    }
}

/// A part of what the task may use, in bytes.
pub(crate) fn part(divisor: usize) -> usize {
    SHARE.get().budget / divisor
}

/// Who collects records holds at most this part of the budget: what is put aside is sorted first, lists grow by doubling,
/// and blocks that were given back leave gaps.
const COLLECTED: usize = 2;
/// A list grows only as long as old and new together leave room for as much again.
const GROWN: usize = 2;
/// Whatever the others hold, a collector gets this part, so that it does not put every record aside by itself.
const LEAST: usize = 16;

/// Watches the memory of the task for one who collects records.
pub(crate) struct Watch {
    /// More than this is too much; 0 when the next record needs more than there is.
    limit: Cell<usize>,
    /// What is allocated never gets above, not even while something grows.
    most: usize,
}

impl Watch {
    /// Begins to collect within what the whole task may use.
    pub(crate) fn new() -> Self {
        let share = SHARE.get();
        if share.budget == usize::MAX {
            return Self {
                limit: Cell::new(usize::MAX),
                most: usize::MAX,
            };
        }
        let now = allocated();
        let at = |part: usize| share.image.saturating_add(share.budget / part);
        let least = |part: usize| now.saturating_add(share.budget / part);
        Self {
            limit: Cell::new(at(COLLECTED).max(least(LEAST))),
            most: (at(GROWN).saturating_add(share.budget / 8)).max(least(LEAST / 2)),
        }
    }

    /// Begins to collect something that gets this part of the budget and no more.
    pub(crate) fn of_part(divisor: usize) -> Self {
        let limit = allocated().saturating_add(part(divisor));
        Self {
            limit: Cell::new(limit),
            most: limit,
        }
    }

    /// Whether what was collected must be put aside before more is.
    #[inline]
    pub(crate) fn is_due(&self) -> bool {
        allocated() > self.limit.get()
    }

    /// Something will need so many bytes for the next record. Where there are none, it is due now.
    #[inline]
    pub(crate) fn expect(&self, bytes: usize) {
        if bytes > 0 && allocated().saturating_add(bytes) > self.most {
            self.limit.set(0);
        }
    }

    /// The list will get so many more items, and grows if it has no room for them.
    #[inline]
    pub(crate) fn expect_growth<T>(&self, list: &Vec<T>, items: usize) {
        self.expect(growth(list, items));
    }
}

/// How many bytes so many more items cost a list: none, or twice what it has.
#[inline]
pub(crate) fn growth<T>(list: &Vec<T>, items: usize) -> usize {
    let needed = list.len().saturating_add(items);
    if needed <= list.capacity() {
        return 0;
    }
    let capacity = list.capacity().saturating_mul(2).max(needed);
    capacity.saturating_mul(size_of::<T>())
}

/// Tests count what their own thread allocates, but for what their host keeps.
#[cfg(test)]
#[expect(unsafe_code, reason = "an allocator hands out raw memory")]
mod counted {
    use std::alloc::{GlobalAlloc, Layout, System};
    use std::cell::Cell;

    struct Counted;

    #[global_allocator]
    static COUNTED: Counted = Counted;

    thread_local! {
        static ALLOCATED: Cell<usize> = const { Cell::new(0) };
        static PAUSED: Cell<bool> = const { Cell::new(false) };
        static PEAK: Cell<usize> = const { Cell::new(0) };
    }

    /// The most that was allocated since the last call.
    pub(crate) fn take_peak() -> usize {
        PEAK.replace(ALLOCATED.get())
    }

    pub(crate) fn allocated() -> usize {
        ALLOCATED.get()
    }

    /// Does what the program's memory has no part in.
    pub(crate) fn uncounted<R>(work: impl FnOnce() -> R) -> R {
        let outer = PAUSED.replace(true);
        let done = work();
        PAUSED.set(outer);
        done
    }

    fn count(change: impl FnOnce(usize) -> usize) {
        let _ = ALLOCATED.try_with(|allocated| {
            if !PAUSED.get() {
                allocated.set(change(allocated.get()));
                PEAK.set(PEAK.get().max(allocated.get()));
            }
        });
    }

    // SAFETY: every call is the system's; counting allocates nothing.
    unsafe impl GlobalAlloc for Counted {
        unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
            count(|sum| sum + layout.size());
            // SAFETY: the caller keeps to the same contract.
            unsafe { System.alloc(layout) }
        }

        unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
            count(|sum| sum.saturating_sub(layout.size()));
            // SAFETY: the caller keeps to the same contract.
            unsafe { System.dealloc(block, layout) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: usize = 1 << 20;

    #[test]
    fn a_driver_is_never_short_of_memory() {
        let watch = Watch::new();
        watch.expect(usize::MAX);
        assert!(!watch.is_due());
    }

    #[test]
    fn what_the_driver_holds_does_not_count() {
        let image = vec![0u8; 8 * MIB];
        let _task = begin(4 * MIB as u64);
        let watch = Watch::new();
        let collected = vec![0u8; 2 * MIB - 1000];
        assert!(!watch.is_due());
        let more = vec![0u8; 2000];
        assert!(watch.is_due());
        drop((image, collected, more));
        assert!(!watch.is_due());
    }

    #[test]
    fn a_list_that_would_outgrow_the_task_is_due_before_it_does() {
        let _task = begin(4 * MIB as u64);
        let watch = Watch::new();
        let mut list = vec![0u8; MIB / 2];
        watch.expect_growth(&list, 1);
        assert!(!watch.is_due(), "1.5 MiB while it grows");
        list.resize(MIB, 0);
        list.shrink_to_fit();
        watch.expect_growth(&list, 1);
        assert!(watch.is_due(), "3 MiB while it grows");
    }

    #[test]
    fn each_collector_gets_something_whatever_the_others_hold() {
        let _task = begin(4 * MIB as u64);
        let _others = vec![0u8; 3 * MIB];
        let watch = Watch::new();
        let _own = vec![0u8; MIB / 4 - 1000];
        watch.expect(100);
        assert!(!watch.is_due());
        let _more = vec![0u8; 2000];
        assert!(watch.is_due());
    }
}
