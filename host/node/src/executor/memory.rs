//! The executor's memory beside its tasks': one budget, which cached blocks, prepared images and transfers share.
//!
//! Who may have how much is for [`Broker`] to say; here it is asked, and obeyed. Its lock is taken before those of the
//! blocks and the images, never after.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

use sandbox::{Image, LoadError, Prepared, PreparedImages, Program};
use scheduler::memory::{Broker, Pool, Shares};
use scheduler::{Settings, TaskMetrics};
use store::{BlockStore, Room};

use super::bytes;

/// So many times its size an image may take: it is there twice while it gets a base of its own.
const IMAGE_TIMES: u64 = 2;

/// The budget, and who gives way.
#[derive(Debug)]
pub(crate) struct Memory {
    books: Mutex<Books>,
    images: PreparedImages,
    /// Set once, right after this is made: it asks here for its own memory.
    blocks: OnceLock<Weak<BlockStore>>,
    /// The most that cached blocks can have, where nobody else has anything.
    blocks_max: u64,
}

#[derive(Debug)]
struct Books {
    broker: Broker,
    /// Set aside for the fetches of tasks, as long as there are tasks.
    windows: u64,
    /// Bytes of cached blocks on their way.
    moving: u64,
    /// How many of them.
    movements: u32,
}

impl Memory {
    pub(crate) fn new(program: Arc<Program>, shares: &Shares) -> Self {
        let broker = Broker::new(shares);
        Self {
            images: PreparedImages::new(program, 0),
            blocks: OnceLock::new(),
            blocks_max: broker.free(),
            books: Mutex::new(Books {
                broker,
                windows: 0,
                moving: 0,
                movements: 0,
            }),
        }
    }

    /// Says whose blocks these are.
    pub(super) fn lend_to(&self, blocks: &Arc<BlockStore>) {
        // There is one, and it is told of once.
        let _ = self.blocks.set(Arc::downgrade(blocks));
    }

    pub(super) fn images(&self) -> &PreparedImages {
        &self.images
    }

    /// Sets aside what the fetches of an executor's tasks may have under way; returns how much that is for each.
    pub(crate) fn open_windows(&self, settings: &Settings, cores: u32) -> u64 {
        let each = scheduler::memory::in_flight_max(settings, cores);
        let mut books = self.lock();
        books.windows = each * u64::from(cores);
        let wanted = books.windows;
        self.grow_pool(&mut books, Pool::Transfers, wanted);
        each
    }

    /// The image, ready to be forked. Where it is not yet, others make room for it. Those that were prepared before stay as
    /// long as all take half of their share: the next one may be patched onto them.
    pub(super) fn prepare(&self, image: &Image) -> Result<Arc<Prepared>, LoadError> {
        if !self.images.is_ready(image) {
            let size = image.occupied_bytes() as u64 * IMAGE_TIMES;
            let mut books = self.lock();
            let share = books.broker.lease(Pool::Images).share;
            let wanted = size.max((self.images.bytes() as u64 + size).min(share / 2));
            let limit = self.grow_pool(&mut books, Pool::Images, wanted);
            self.images.limit_to(bytes(limit));
            drop(books);
            self.finish_moves();
        }
        self.images.get(image)
    }

    /// Sets memory aside for a cached block on its way to or from another executor; `None` where there is none, but for
    /// one block at a time, or a large one could not move at all.
    pub(crate) fn transfer(self: &Arc<Self>, size: u64) -> Option<Transfer> {
        let mut books = self.lock();
        let wanted = books.windows + books.moving + size;
        let limit = self.grow_pool(&mut books, Pool::Transfers, wanted);
        let granted = limit >= wanted || books.movements == 0;
        if granted {
            books.moving += size;
            books.movements += 1;
        } else {
            books.settle_transfers();
        }
        drop(books);
        self.finish_moves();
        let memory = Arc::clone(self);
        granted.then(|| Transfer { memory, size })
    }

    /// Notes the most that each pool has had.
    pub(super) fn tell_peaks(&self, metrics: &mut TaskMetrics) {
        let books = self.lock();
        let peak = |pool| books.broker.lease(pool).peak;
        metrics.blocks_peak_bytes = peak(Pool::Blocks);
        metrics.images_peak_bytes = peak(Pool::Images);
        metrics.transfers_peak_bytes = peak(Pool::Transfers);
    }

    /// Lets a pool have more; those that have borrowed give way.
    fn grow_pool(&self, books: &mut Books, pool: Pool, wanted: u64) -> u64 {
        let limit = books.broker.grow(pool, wanted, |other, target| {
            tracing::debug!("{other} give way to {pool}, down to {target} bytes");
            self.give_way(other, target)
        });
        tracing::trace!(memory = %books.broker, "{pool} wanted {wanted} bytes");
        limit
    }

    fn give_way(&self, pool: Pool, target: u64) -> u64 {
        let left = match pool {
            Pool::Blocks => {
                let blocks = self.blocks();
                blocks.map_or(0, |blocks| blocks.limit_to(bytes(target)))
            }
            Pool::Images => self.images.limit_to(bytes(target)),
            Pool::Transfers => return u64::MAX,
        };
        left as u64
    }

    /// Blocks that gave way may have to be written to disk, which nobody waits for with the books in hand.
    fn finish_moves(&self) {
        if let Some(blocks) = self.blocks() {
            blocks.finish_moves();
        }
    }

    fn blocks(&self) -> Option<Arc<BlockStore>> {
        self.blocks.get()?.upgrade()
    }

    fn lock(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Books {
    fn settle_transfers(&mut self) {
        let held = self.windows + self.moving;
        self.broker.settle(Pool::Transfers, held);
    }
}

impl Room for Memory {
    fn grow(&self, wanted: usize, set: &mut dyn FnMut(usize)) {
        let mut books = self.lock();
        let limit = self.grow_pool(&mut books, Pool::Blocks, wanted as u64);
        set(bytes(limit));
    }

    fn bytes_max(&self) -> usize {
        bytes(self.blocks_max)
    }
}

/// Memory for a cached block on its way, until this is dropped.
#[derive(Debug)]
pub(crate) struct Transfer {
    memory: Arc<Memory>,
    size: u64,
}

impl Drop for Transfer {
    fn drop(&mut self) {
        let mut books = self.memory.lock();
        books.moving -= self.size;
        books.movements -= 1;
        books.settle_transfers();
    }
}
