//! The driver's images, and how an executor is told of one.

use std::collections::{BTreeMap, VecDeque};

use sandbox::{Image, Outline, PageRun};
use scheduler::ImageId;
use wire::ImageHeader;

/// Images of ended jobs that are kept: the next is told as a difference to one of them. What they share costs nothing.
const PAST_MAX: usize = 4;

/// Pages that are told with an image, not fetched after it: most jobs change fewer from one action to the next.
const PAGES_TOLD_MAX: usize = 64;

/// The images of the jobs that run, and the last few of those that have ended.
#[derive(Default)]
pub(super) struct Images {
    used: BTreeMap<ImageId, Image>,
    /// The latest last.
    past: VecDeque<(ImageId, Image)>,
}

impl Images {
    /// Adds the image of a job that begins.
    pub(super) fn add(&mut self, id: ImageId, image: Image) {
        self.used.insert(id, image);
    }

    /// Takes note that no job uses an image any more.
    pub(super) fn release(&mut self, id: ImageId) {
        let Some(image) = self.used.remove(&id) else {
            return;
        };
        self.past.retain(|(known, _)| *known != id);
        self.past.push_back((id, image));
        if self.past.len() > PAST_MAX {
            self.past.pop_front();
        }
    }

    /// Returns an image that a job uses.
    pub(super) fn get(&self, id: ImageId) -> Option<Image> {
        self.used.get(&id).cloned()
    }

    /// Returns those of `known` that are here, the latest first.
    pub(super) fn parents(&self, known: &[ImageId]) -> Vec<Image> {
        let here = |id: &ImageId| {
            let past = || self.past.iter().find(|(past, _)| past == id);
            self.used.get(id).or_else(|| past().map(|(_, image)| image))
        };
        let parents = known.iter().rev().filter_map(here);
        parents.take(PAST_MAX).cloned().collect()
    }

    /// Returns all that are used.
    pub(super) fn used(&self) -> Vec<Image> {
        self.used.values().cloned().collect()
    }
}

/// Tells what an image is made of, as a difference to the nearest of `parents`.
pub(super) fn header(id: ImageId, image: &Image, parents: &[Image]) -> ImageHeader {
    let whole = parents.is_empty().then(|| image.outline(None));
    let differences = parents.iter().map(|parent| image.outline(Some(parent)));
    let outline = differences.chain(whole).min_by_key(Outline::pages);
    let outline = outline.expect("there is a parent or the whole");
    ImageHeader {
        image: id,
        program: *outline.program.as_bytes(),
        memory_bytes: outline.memory_bytes,
        pages: first_pages(image, &outline),
        globals: outline.globals,
        clock_wall_ns: outline.clock.wall_ns,
        clock_monotonic_ns: outline.clock.monotonic_ns,
        seed: outline.seed,
        parent: outline.parent.map(|parent| ImageId(*parent.as_bytes())),
        changed: outline.changed.into_iter().map(run).collect(),
    }
}

/// The bytes of the pages that differ, if they are few.
fn first_pages(image: &Image, outline: &Outline) -> Vec<u8> {
    if outline.pages() > PAGES_TOLD_MAX {
        return Vec::new();
    }
    let numbers = outline.changed.iter().flat_map(|run| {
        let first = run.first as usize;
        first..first + run.hashes.len()
    });
    let pages = numbers.flat_map(|page| image.page_bytes(page));
    pages.copied().collect()
}

fn run(run: PageRun) -> wire::PageRun {
    wire::PageRun {
        first: run.first,
        hashes: run.hashes.iter().map(|hash| *hash.as_bytes()).collect(),
    }
}
