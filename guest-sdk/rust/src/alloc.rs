//! The allocator of a program: small blocks from lists of free ones, the rest from the standard library's.
//!
//! Most blocks of a job are a record's, small and short-lived: with a list a size class, taking and giving back one is a
//! few instructions. Memory that became small blocks stays small blocks; a task's memory goes with the task.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::UnsafeCell;
use std::ptr::{self, NonNull};

/// The one of the program. Tests leave their harness its own, and try a [`Pool`] of theirs.
#[cfg(target_family = "wasm")]
#[global_allocator]
static POOL: Pool = Pool::new();

/// The sizes of blocks differ by so much, up to [`FINE_MAX`], and all blocks lie at multiples of it.
const STEP: usize = 16;
const FINE_MAX: usize = 128;
const FINE_CLASSES: usize = FINE_MAX / STEP;
/// Above, so many sizes a power of two, up to [`SMALL_MAX`]: at most a fifth of a block is lost.
const COARSE_STEPS: usize = 4;
const COARSE_DOUBLINGS: usize = 4;
const SMALL_MAX: usize = FINE_MAX << COARSE_DOUBLINGS;
const CLASSES: usize = FINE_CLASSES + COARSE_DOUBLINGS * COARSE_STEPS;
/// What is taken of the system at once, in bytes: little, since an idle driver's memory is every task's image.
const CHUNK_BYTES: usize = 16 << 10;

/// Size classes over the system's allocator.
pub(crate) struct Pool {
    lists: UnsafeCell<Lists>,
}

struct Lists {
    /// The free blocks of each class.
    free: [Option<NonNull<Free>>; CLASSES],
    /// What is left of the last chunk.
    rest: *mut u8,
    rest_bytes: usize,
    /// What of all blocks is in use, large ones included.
    allocated: usize,
    /// The memory grows ahead of need up to so many bytes.
    foreseen: usize,
}

/// What the program has allocated and not given back, in bytes, as [`counted`].
#[cfg(target_family = "wasm")]
#[inline]
pub(crate) fn allocated() -> usize {
    POOL.allocated()
}

/// The memory may get so many more bytes, and may be taken ahead of need.
#[cfg(target_family = "wasm")]
pub(crate) fn foresee(more: usize) {
    POOL.foresee(memory_bytes().saturating_add(more));
}

/// The linear memory, in bytes.
#[inline]
fn memory_bytes() -> usize {
    #[cfg(target_family = "wasm")]
    return core::arch::wasm32::memory_size::<0>() << 16;
    #[cfg(not(target_family = "wasm"))]
    0
}

/// A larger memory grows ahead of need, by such a part of itself: each growth has the host change page tables.
const GROWN_AHEAD_MIN: usize = 8 << 20;
const GROWN_AHEAD_PART: usize = 16;

/// As what a block of so many bytes counts.
#[inline]
const fn counted(bytes: usize) -> usize {
    (bytes + (STEP - 1)) & !(STEP - 1)
}

/// What lies in a free block.
struct Free {
    next: Option<NonNull<Self>>,
}

/// The class of blocks of so many bytes: the least whose blocks are as large.
#[inline]
const fn class_of(bytes: usize) -> usize {
    if bytes <= FINE_MAX {
        return bytes.saturating_sub(1) / STEP;
    }
    let last = bytes - 1;
    let doubling = (last / FINE_MAX).ilog2() as usize;
    let step = last / ((FINE_MAX / COARSE_STEPS) << doubling) - COARSE_STEPS;
    FINE_CLASSES + doubling * COARSE_STEPS + step
}

/// The size of a class's blocks.
#[inline]
const fn bytes_of(class: usize) -> usize {
    if class < FINE_CLASSES {
        return (class + 1) * STEP;
    }
    let coarse = class - FINE_CLASSES;
    let (doubling, step) = (coarse / COARSE_STEPS, coarse % COARSE_STEPS);
    (COARSE_STEPS + step + 1) * ((FINE_MAX / COARSE_STEPS) << doubling)
}

#[inline]
const fn is_small(layout: Layout) -> bool {
    layout.size() <= SMALL_MAX && layout.align() <= STEP
}

impl Pool {
    pub(crate) const fn new() -> Self {
        Self {
            lists: UnsafeCell::new(Lists {
                free: [None; CLASSES],
                rest: ptr::null_mut(),
                rest_bytes: 0,
                allocated: 0,
                foreseen: 0,
            }),
        }
    }

    #[inline]
    #[expect(unsafe_code, reason = "looks into what `alloc` changes")]
    pub(crate) fn allocated(&self) -> usize {
        // SAFETY: one thread, and nobody borrows the lists beyond a call.
        unsafe { (*self.lists.get()).allocated }
    }

    #[cfg(target_family = "wasm")]
    #[expect(unsafe_code, reason = "looks into what `alloc` changes")]
    fn foresee(&self, bytes: usize) {
        // SAFETY: as in `allocated`.
        unsafe { (*self.lists.get()).foreseen = bytes };
    }

    /// Takes a large block, and where the memory grew for it, has it grow further.
    #[inline]
    fn take_large(&self, take: impl FnOnce() -> *mut u8) -> *mut u8 {
        let before = memory_bytes();
        let block = take();
        if memory_bytes() != before {
            self.grow_ahead();
        }
        block
    }

    #[cold]
    #[expect(unsafe_code, reason = "an allocator hands out raw memory")]
    fn grow_ahead(&self) {
        let bytes = memory_bytes();
        let more = bytes / GROWN_AHEAD_PART;
        // SAFETY: as in `allocated`.
        let foreseen = unsafe { (*self.lists.get()).foreseen };
        let Ok(room) = Layout::from_size_align(more, STEP) else {
            return;
        };
        if bytes < GROWN_AHEAD_MIN || bytes + more > foreseen {
            return;
        }
        // SAFETY: the layout is not empty.
        let block = unsafe { System.alloc(room) };
        if !block.is_null() {
            // SAFETY: the system has just given it out; it keeps the memory for what is next.
            unsafe { System.dealloc(block, room) };
        }
    }

    /// Counts a block of so many bytes as taken, and one of so many as given back.
    #[inline]
    #[expect(unsafe_code, reason = "looks into what `alloc` changes")]
    fn count(&self, taken: usize, given: usize) {
        // SAFETY: as in `allocated`.
        let allocated = unsafe { &mut (*self.lists.get()).allocated };
        *allocated = allocated
            .wrapping_add(counted(taken))
            .wrapping_sub(counted(given));
    }
}

impl Lists {
    /// Null where the system has no more.
    #[inline]
    #[expect(unsafe_code, reason = "an allocator hands out raw memory")]
    fn take(&mut self, class: usize) -> *mut u8 {
        match self.free[class] {
            Some(block) => {
                // SAFETY: what is listed is a free block, whose first word `give` wrote.
                self.free[class] = unsafe { block.as_ref() }.next;
                block.as_ptr().cast()
            }
            None => self.cut(class),
        }
    }

    /// # Safety
    /// The block is one of this class, and nobody else uses it from now on.
    #[inline]
    #[expect(unsafe_code, reason = "an allocator hands out raw memory")]
    unsafe fn give(&mut self, class: usize, block: *mut u8) {
        let next = self.free[class];
        let block = block.cast::<Free>();
        // SAFETY: a block is aligned to `STEP` and at least as large, so a `Free` fits; it is nobody else's.
        unsafe { block.write(Free { next }) };
        self.free[class] = NonNull::new(block);
    }

    /// Cuts a block off the chunk, or off a new one.
    #[cold]
    #[expect(unsafe_code, reason = "an allocator hands out raw memory")]
    fn cut(&mut self, class: usize) -> *mut u8 {
        let bytes = bytes_of(class);
        if self.rest_bytes < bytes && !self.renew() {
            return ptr::null_mut();
        }
        let block = self.rest;
        // SAFETY: as much is left of the chunk.
        self.rest = unsafe { block.add(bytes) };
        self.rest_bytes -= bytes;
        block
    }

    /// Makes blocks of what is left and takes another chunk. False if there is none.
    #[expect(unsafe_code, reason = "an allocator hands out raw memory")]
    fn renew(&mut self) -> bool {
        const CHUNK: Layout = match Layout::from_size_align(CHUNK_BYTES, STEP) {
            Ok(layout) => layout,
            Err(_) => panic!("a chunk is a valid layout"),
        };
        // SAFETY: the layout is not empty.
        let chunk = unsafe { System.alloc(CHUNK) };
        if chunk.is_null() {
            return false;
        }
        while let Some(class) = (0..CLASSES).rfind(|class| bytes_of(*class) <= self.rest_bytes) {
            // SAFETY: as much is left of the old chunk, in steps of `STEP`, and nobody uses it.
            unsafe { self.give(class, self.rest) };
            self.rest_bytes -= bytes_of(class);
            // SAFETY: still within the old chunk, or at its end.
            self.rest = unsafe { self.rest.add(bytes_of(class)) };
        }
        self.rest = chunk;
        self.rest_bytes = CHUNK_BYTES;
        true
    }
}

// SAFETY: a program for wasm32-wasip2 has one thread; elsewhere there is only the pool of a test, used by that test.
#[expect(unsafe_code, reason = "a static must be `Sync`")]
unsafe impl Sync for Pool {}

// SAFETY: a small block is at least as large as its layout's class, aligned to `STEP`, and on no list while it is in use
// (`take` unlists it, only `give` lists it); whatever else is asked for is the system's, and is given back to it, since
// a block's layout tells which of the two it came from.
#[expect(unsafe_code, reason = "an allocator hands out raw memory")]
unsafe impl GlobalAlloc for Pool {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        self.count(layout.size(), 0);
        if is_small(layout) {
            // SAFETY: one thread, and `Lists` calls nothing that allocates here: no other borrow lives.
            unsafe { &mut *self.lists.get() }.take(class_of(layout.size()))
        } else {
            // SAFETY: the caller keeps to the same contract.
            self.take_large(|| unsafe { System.alloc(layout) })
        }
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        self.count(0, layout.size());
        if is_small(layout) {
            // SAFETY: as in `alloc`; the caller gives back a block of this layout, so of this class.
            unsafe { (*self.lists.get()).give(class_of(layout.size()), block) };
        } else {
            // SAFETY: a block of this layout is the system's.
            unsafe { System.dealloc(block, layout) };
        }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if !is_small(layout) {
            self.count(layout.size(), 0);
            // SAFETY: the caller keeps to the same contract.
            return self.take_large(|| unsafe { System.alloc_zeroed(layout) });
        }
        // SAFETY: the caller keeps to the same contract.
        let block = unsafe { self.alloc(layout) };
        if !block.is_null() {
            // SAFETY: the block has at least this size.
            unsafe { block.write_bytes(0, layout.size()) };
        }
        block
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
        // SAFETY: the caller vouches for the new size together with the old alignment.
        let new_layout = unsafe { Layout::from_size_align_unchecked(bytes, layout.align()) };
        match (is_small(layout), is_small(new_layout)) {
            (true, true) if class_of(layout.size()) == class_of(bytes) => {
                self.count(bytes, layout.size());
                return block;
            }
            (false, false) => {
                self.count(bytes, layout.size());
                // SAFETY: a block of this layout is the system's, and so will the new one be.
                return self.take_large(|| unsafe { System.realloc(block, layout, bytes) });
            }
            _ => {}
        }
        // SAFETY: the caller vouches for the new layout.
        let new_block = unsafe { self.alloc(new_layout) };
        if !new_block.is_null() {
            // SAFETY: both blocks are in use, so they do not overlap, and hold the smaller of the two sizes.
            unsafe { ptr::copy_nonoverlapping(block, new_block, layout.size().min(bytes)) };
            // SAFETY: the caller gives up the block.
            unsafe { self.dealloc(block, layout) };
        }
        new_block
    }
}

#[cfg(test)]
#[expect(unsafe_code, reason = "tries an allocator")]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::hash::hash_of;

    #[test]
    fn a_class_is_the_least_that_is_large_enough() {
        for bytes in 1..=SMALL_MAX {
            let class = class_of(bytes);
            assert!(bytes <= bytes_of(class), "{bytes}");
            assert!(class == 0 || bytes_of(class - 1) < bytes, "{bytes}");
        }
        assert_eq!(class_of(SMALL_MAX), CLASSES - 1);
        assert!((0..CLASSES).all(|class| bytes_of(class).is_multiple_of(STEP)));
    }

    /// The blocks in use: address, layout, and the byte they are filled with.
    #[derive(Default)]
    struct Used {
        blocks: BTreeMap<usize, (Layout, u8)>,
    }

    impl Used {
        fn insert(&mut self, block: *mut u8, layout: Layout, filling: u8) {
            assert!(!block.is_null() && (block as usize).is_multiple_of(layout.align()));
            let (start, end) = (block as usize, block as usize + layout.size());
            let before = self.blocks.range(..end).next_back();
            assert!(before.is_none_or(|(at, (other, _))| at + other.size() <= start));
            // SAFETY: the pool says that these bytes are ours.
            unsafe { block.write_bytes(filling, layout.size()) };
            self.blocks.insert(start, (layout, filling));
        }

        fn remove(&mut self, number: u64) -> (*mut u8, Layout, u8) {
            let place = number % self.blocks.len() as u64;
            let place = usize::try_from(place).expect("a place");
            let at = *self.blocks.keys().nth(place).expect("a block");
            let (layout, filling) = self.blocks.remove(&at).expect("it was there");
            let block = at as *mut u8;
            expect_filled(block, layout.size(), filling);
            (block, layout, filling)
        }
    }

    fn expect_filled(block: *const u8, bytes: usize, filling: u8) {
        // SAFETY: the block is in use and as large.
        let found = unsafe { std::slice::from_raw_parts(block, bytes) };
        assert!(found.iter().all(|byte| *byte == filling));
    }

    fn layout(number: u64) -> Layout {
        let most = [24, 200, 3000, 40_000][(number >> 8) as usize % 4];
        let align = 1 << [0, 2, 3, 4, 5, 9][(number >> 16) as usize % 6];
        Layout::from_size_align(1 + (number >> 24) as usize % most, align).expect("a layout")
    }

    #[test]
    fn blocks_keep_what_is_written_and_never_overlap() {
        let pool = Pool::new();
        let mut used = Used::default();
        for step in 0..60_000u64 {
            let number = hash_of(&step);
            let filling = (number >> 56) as u8;
            // More come than go, then more go than come.
            let grows = number % 8 < if step < 30_000 { 4 } else { 2 };
            if used.blocks.is_empty() || grows {
                let layout = layout(number);
                if number & 0x80 == 0 {
                    // SAFETY: layouts here are never empty.
                    used.insert(unsafe { pool.alloc(layout) }, layout, filling);
                } else {
                    // SAFETY: as above.
                    let block = unsafe { pool.alloc_zeroed(layout) };
                    expect_filled(block, layout.size(), 0);
                    used.insert(block, layout, filling);
                }
            } else if number % 8 < 6 {
                let (block, layout, _) = used.remove(number >> 8);
                // SAFETY: it came from this pool with this layout.
                unsafe { pool.dealloc(block, layout) };
            } else {
                let (block, old, kept) = used.remove(number >> 8);
                let bytes = layout(number).size();
                // SAFETY: it came from this pool with this layout.
                let block = unsafe { pool.realloc(block, old, bytes) };
                expect_filled(block, old.size().min(bytes), kept);
                let new = Layout::from_size_align(bytes, old.align()).expect("a layout");
                used.insert(block, new, filling);
            }
        }
        while !used.blocks.is_empty() {
            let (block, layout, _) = used.remove(0);
            // SAFETY: it came from this pool with this layout.
            unsafe { pool.dealloc(block, layout) };
        }
        assert_eq!(pool.allocated(), 0);
    }

    #[test]
    fn a_block_that_was_given_back_is_the_next_that_is_taken() {
        let pool = Pool::new();
        let layout = Layout::new::<[u64; 3]>();
        // SAFETY: the layout is not empty, and the blocks come from this pool with it.
        unsafe {
            let (first, second) = (pool.alloc(layout), pool.alloc(layout));
            assert_ne!(first, second);
            pool.dealloc(first, layout);
            assert_eq!(pool.realloc(second, layout, 32), second, "the same class");
            assert_eq!(pool.alloc(layout), first);
        }
    }
}
