//! Images that an executor has, and those that are on their way with the tasks that wait for them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use blake3::Hash;
use network::Endpoint;
use sandbox::{Assembly, ClockReading, Image, Outline, PageRun, Terms};
use scheduler::{Address, ApplicationId, AttemptId, ImageId, Task};
use wire::{Data, Fetch, ImageHeader, Message, PAGE_BYTES, Role};

use crate::cluster::serve::PAGES_MAX;

/// How long the driver may take to describe an image.
const ANSWER_WAIT: Duration = Duration::from_secs(60);

/// Images that are kept: the driver tells a new one as a difference to one of them.
const KEPT_MAX: usize = 16;

/// What is needed to get an image.
#[derive(Clone)]
pub(super) struct Source {
    pub(super) endpoint: Endpoint,
    pub(super) driver: Address,
    pub(super) application: ApplicationId,
    pub(super) terms: Terms,
}

/// Those that are here, the latest last, and those that are waited for.
#[derive(Default)]
pub(super) struct Images {
    here: Vec<(ImageId, Image)>,
    awaited: BTreeMap<ImageId, Vec<Task>>,
}

impl Images {
    /// The image, if it is here.
    pub(super) fn get(&self, id: ImageId) -> Option<Image> {
        let found = self.here.iter().rev().find(|(known, _)| *known == id);
        found.map(|(_, image)| image.clone())
    }

    /// Lets a task wait for its image; returns whether it is the first, so that the image is to be got.
    pub(super) fn wait(&mut self, task: Task) -> bool {
        let waiting = self.awaited.entry(task.image).or_default();
        waiting.push(task);
        waiting.len() == 1
    }

    /// Takes a task out that waits; returns whether it did.
    pub(super) fn give_up(&mut self, attempt: AttemptId) -> bool {
        let mut found = false;
        for waiting in self.awaited.values_mut() {
            waiting.retain(|task| {
                task.attempt != attempt || {
                    found = true;
                    false
                }
            });
        }
        found
    }

    /// Takes in an image that has come; returns the tasks that waited.
    pub(super) fn came(&mut self, id: ImageId, image: Option<&Image>) -> Vec<Task> {
        if let Some(image) = image {
            if self.here.len() == KEPT_MAX {
                self.here.remove(0);
            }
            self.here.push((id, image.clone()));
        }
        self.awaited.remove(&id).unwrap_or_default()
    }

    /// Those that are here.
    pub(super) fn known(&self) -> Vec<Image> {
        self.here.iter().map(|(_, image)| image.clone()).collect()
    }
}

/// Gets an image: its outline, and what of its pages none of the `known` has.
pub(super) async fn fetch(source: Source, id: ImageId, known: Vec<Image>) -> Result<Image, String> {
    let words = |error: network::Error| format!("the image cannot be had: {error}");
    let question = Message::from(Data::ImageAsked {
        application: source.application,
        image: id,
        known: known
            .iter()
            .map(|image| ImageId(*image.hash().as_bytes()))
            .collect(),
    });
    let answer = source.endpoint.ask(&source.driver, &question, ANSWER_WAIT);
    let Message::Data(Data::Image(mut header)) = answer.await.map_err(words)? else {
        return Err("the driver said something else than what an image is made of".into());
    };
    let asked = Hash::from_bytes(id.0);
    let told = std::mem::take(&mut header.pages);
    let mut assembly = Assembly::begin(asked, outline(header), &known, &source.terms)
        .map_err(|error| error.to_string())?;
    for page in told.chunks(sandbox::PAGE_BYTES) {
        // One that is there already is not lacking any more.
        let _ = assembly.add(page);
    }
    assembly.search(&known);
    let lacking: Vec<_> = assembly.lacking().map(|hash| *hash.as_bytes()).collect();
    if !lacking.is_empty() {
        let driver = source.endpoint.connect(&source.driver, Role::Driver).await;
        let driver = driver.map_err(words)?;
        for pages in lacking.chunks(PAGES_MAX) {
            let fetch = Fetch::Pages {
                application: source.application,
                pages: pages.to_vec(),
            };
            let incoming = driver.fetch(fetch).await.map_err(words)?;
            let bytes = incoming
                .read(pages.len() as u64 * PAGE_BYTES)
                .await
                .map_err(words)?;
            for page in bytes.chunks(sandbox::PAGE_BYTES) {
                assembly.add(page).map_err(|error| error.to_string())?;
            }
        }
    }
    assembly.finish().map_err(|error| error.to_string())
}

fn outline(header: ImageHeader) -> Outline {
    let run = |run: wire::PageRun| PageRun {
        first: run.first,
        hashes: run.hashes.into_iter().map(Hash::from_bytes).collect(),
    };
    Outline {
        program: Hash::from_bytes(header.program),
        memory_bytes: header.memory_bytes,
        globals: header.globals,
        clock: ClockReading {
            wall_ns: header.clock_wall_ns,
            monotonic_ns: header.clock_monotonic_ns,
        },
        seed: header.seed,
        parent: header.parent.map(|parent| Hash::from_bytes(parent.0)),
        changed: header.changed.into_iter().map(run).collect(),
    }
}

/// What comes of [`fetch`].
pub(super) type Fetched = Result<Image, Arc<str>>;
