//! Makes images ready to be forked, and keeps the ones in use ready.
//!
//! A *base* is an image encoded as a module and pre-instantiated: about a millisecond per MiB, once. An image that
//! differs from a base in at most [`PATCH_BYTES_MAX`] is that base and a few *patches*, which each fork copies into its
//! memory as it starts: microseconds to prepare, but some for each fork. When the forks of an image have copied
//! more than a base of its own would have cost, it gets one.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::contract::JobProgramPre;
use crate::guest::Guest;
use crate::image::{Image, ImageHash, Patch};
use crate::program::Program;
use crate::{LoadError, state};

/// How much of an image may be patched onto a base of another.
pub const PATCH_BYTES_MAX: usize = 256 << 10;

/// Making a base costs about 1 ns a byte; patching a fork, with the page that must be restored after it, about a third.
/// So after three times the image's bytes, renting has cost as much as buying (the ski-rental rule).
const PATCHED_BYTES_PER_BASE_BYTE: u64 = 3;

/// An image encoded and pre-instantiated.
struct Base {
    image: Image,
    pre: JobProgramPre<Guest>,
}

/// An image that can be forked.
pub struct Prepared {
    pub(crate) program: Arc<Program>,
    pub(crate) image: Image,
    base: Arc<Base>,
    pub(crate) patches: Vec<Patch>,
    patch_bytes: u64,
    /// Bytes that forks have copied so far.
    patched_bytes: AtomicU64,
}

impl Prepared {
    pub(crate) fn pre(&self) -> &JobProgramPre<Guest> {
        &self.base.pre
    }

    /// Notes one more fork. True for the one with which patching has cost as much as a base.
    fn fork_is_due_a_base(&self) -> bool {
        let due = self.image.occupied_bytes() as u64 * PATCHED_BYTES_PER_BASE_BYTE;
        let before = self
            .patched_bytes
            .fetch_add(self.patch_bytes, Ordering::Relaxed);
        before < due && before + self.patch_bytes >= due
    }
}

impl std::fmt::Debug for Prepared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Prepared")
            .field("image", &self.image)
            .field("base", &self.base.image.hash())
            .field("patch_bytes", &self.patch_bytes)
            .finish_non_exhaustive()
    }
}

/// The prepared images of one program, least recently used first, within a budget of bytes.
pub struct PreparedImages {
    program: Arc<Program>,
    budget_bytes: AtomicUsize,
    ready: Mutex<Vec<Arc<Prepared>>>,
}

impl PreparedImages {
    /// A cache that keeps at most `budget_bytes`, and never less than the image in use.
    pub fn new(program: Arc<Program>, budget_bytes: usize) -> Self {
        Self {
            program,
            budget_bytes: AtomicUsize::new(budget_bytes),
            ready: Mutex::default(),
        }
    }

    /// The image, ready to be forked once more.
    ///
    /// # Errors
    ///
    /// If the engine cannot hold the image.
    pub fn get(&self, image: &Image) -> Result<Arc<Prepared>, LoadError> {
        let prepared = self.find_or_prepare(image)?;
        if !prepared.fork_is_due_a_base() {
            return Ok(prepared);
        }
        // Others go on with the patched one meanwhile.
        let rebased = Arc::new(self.with_own_base(image)?);
        let mut ready = self.lock();
        ready.retain(|entry| entry.image.hash() != image.hash());
        self.keep(&mut ready, Arc::clone(&rebased));
        Ok(rebased)
    }

    /// Drops an image that nobody will ask for again. A base stays as long as there is room: the next image may be patched onto it.
    pub fn remove(&self, image: ImageHash) {
        self.lock()
            .retain(|entry| entry.image.hash() != image || entry.patches.is_empty());
    }

    /// Returns whether an image need not be prepared first.
    pub fn is_ready(&self, image: &Image) -> bool {
        let ready = self.lock();
        ready.iter().any(|entry| entry.image.hash() == image.hash())
    }

    /// From now on keeps at most so many bytes, and never less than the image in use. Returns what may be held then.
    pub fn limit_to(&self, budget_bytes: usize) -> usize {
        self.budget_bytes.store(budget_bytes, Ordering::Relaxed);
        let mut ready = self.lock();
        self.trim(&mut ready);
        bytes_of(&ready).max(budget_bytes)
    }

    /// Bytes held by images that are ready.
    pub fn bytes(&self) -> usize {
        bytes_of(&self.lock())
    }

    fn find_or_prepare(&self, image: &Image) -> Result<Arc<Prepared>, LoadError> {
        let mut ready = self.lock();
        if let Some(index) = ready
            .iter()
            .position(|entry| entry.image.hash() == image.hash())
        {
            let last = ready.len() - 1;
            ready[index..].rotate_left(1);
            return Ok(Arc::clone(&ready[last]));
        }
        let prepared = Arc::new(match self.as_patches(&ready, image) {
            Some(prepared) => prepared,
            None => self.with_own_base(image)?,
        });
        self.keep(&mut ready, Arc::clone(&prepared));
        Ok(prepared)
    }

    /// The image as patches onto the base that is nearest to it, newest first.
    fn as_patches(&self, ready: &[Arc<Prepared>], image: &Image) -> Option<Prepared> {
        let mut nearest: Option<(u64, Arc<Base>, Vec<Patch>)> = None;
        for entry in ready.iter().rev() {
            if nearest
                .as_ref()
                .is_some_and(|(_, base, _)| Arc::ptr_eq(base, &entry.base))
            {
                continue;
            }
            let Some(patches) = image.patches_from(&entry.base.image, PATCH_BYTES_MAX) else {
                continue;
            };
            let bytes = patches.iter().map(|patch| patch.bytes.len() as u64).sum();
            if nearest.as_ref().is_none_or(|(least, ..)| bytes < *least) {
                nearest = Some((bytes, Arc::clone(&entry.base), patches));
            }
        }
        nearest.map(|(bytes, base, patches)| self.prepared(image, base, patches, bytes))
    }

    fn with_own_base(&self, image: &Image) -> Result<Prepared, LoadError> {
        let module = state::of_image(image, self.program.maximum_pages());
        let pre = self.program.pre_instantiate(&module)?;
        let base = Arc::new(Base {
            image: image.clone(),
            pre,
        });
        Ok(self.prepared(image, base, Vec::new(), 0))
    }

    fn prepared(
        &self,
        image: &Image,
        base: Arc<Base>,
        patches: Vec<Patch>,
        patch_bytes: u64,
    ) -> Prepared {
        let program = Arc::clone(&self.program);
        Prepared {
            program,
            image: image.clone(),
            base,
            patches,
            patch_bytes,
            patched_bytes: AtomicU64::new(0),
        }
    }

    fn keep(&self, ready: &mut Vec<Arc<Prepared>>, newest: Arc<Prepared>) {
        ready.push(newest);
        self.trim(ready);
    }

    fn trim(&self, ready: &mut Vec<Arc<Prepared>>) {
        let budget_bytes = self.budget_bytes.load(Ordering::Relaxed);
        while ready.len() > 1 && bytes_of(ready) > budget_bytes {
            ready.remove(0);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Prepared>>> {
        self.ready.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A base counts once, however many images are patched onto it.
fn bytes_of(ready: &[Arc<Prepared>]) -> usize {
    let mut bases: Vec<_> = ready.iter().map(|entry| &entry.base).collect();
    bases.sort_unstable_by_key(|base| Arc::as_ptr(base));
    bases.dedup_by(|a, b| Arc::ptr_eq(a, b));
    let patches: u64 = ready.iter().map(|entry| entry.patch_bytes).sum();
    bases
        .iter()
        .map(|base| base.image.occupied_bytes())
        .sum::<usize>()
        + usize::try_from(patches).unwrap_or(usize::MAX)
}

impl std::fmt::Debug for PreparedImages {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PreparedImages")
            .field("images", &self.lock().len())
            .field("bytes", &self.bytes())
            .field("budget_bytes", &self.budget_bytes)
            .finish_non_exhaustive()
    }
}
