//! What executors ask of their driver: what is run, images and their pages, where map outputs, cached blocks and
//! outputs are.

use std::sync::Arc;

use blake3::Hash;
use bytes::Bytes;
use network::{Answer, Peer, Reply};
use sandbox::find_pages;
use scheduler::settings::Definition;
use scheduler::{ImageId, ShuffleId};
use store::Location;
use tracing::debug;
use wire::{
    Block, BlockLocation, Content, Data, Fetch, ImageHeader, MapOutput, MapOutputName, Message,
    Refusal, RefusalKind,
};

use super::application::Application;
use super::images;

/// Pages that are sent at a time, 4 KiB each.
pub(super) const PAGES_MAX: usize = 4096;

impl Application {
    pub(super) fn answer(self: &Arc<Self>, peer: &Peer, question: Message, answer: Answer) {
        let Message::Data(question) = question else {
            return;
        };
        let given = match self.look_up(question) {
            Ok(found) => answer.give(&found.into()),
            Err(refusal) => answer.refuse(refusal),
        };
        if let Err(error) = given {
            debug!(%peer, reason = %error, "an answer was not sent");
        }
    }

    fn look_up(&self, question: Data) -> Result<Data, Refusal> {
        match question {
            Data::ApplicationAsked => Ok(self.describe()),
            Data::ImageAsked { image, known, .. } => self.header(image, &known).map(Data::Image),
            Data::MapOutputsAsked { shuffle } => self.map_outputs(shuffle),
            Data::BlockLocationsAsked { blocks } => Ok(Data::BlockLocations {
                locations: blocks.into_iter().map(|block| self.locate(block)).collect(),
            }),
            Data::OutputAsked { output } => self.output_folder(output),
            _ => Err(Refusal::new(
                RefusalKind::Invalid,
                "that is not for a driver to answer",
            )),
        }
    }

    fn describe(&self) -> Data {
        let texts = |places: &[Location]| {
            let text = |place: &Location| place.to_string().into();
            places.iter().map(text).collect()
        };
        let set = |(definition, value, default): (&'static Definition, Option<&str>, bool)| {
            Some((definition.key.into(), value.filter(|_| !default)?.into()))
        };
        Data::Application {
            component: *blake3::hash(&self.offer.component).as_bytes(),
            settings: self.settings.entries().filter_map(set).collect(),
            readable: texts(self.offer.grants.read_places()),
            writable: texts(self.offer.grants.write_places()),
        }
    }

    fn header(&self, id: ImageId, known: &[ImageId]) -> Result<ImageHeader, Refusal> {
        let images = self.images();
        let image = images.get(id).ok_or_else(|| missing("the image"))?;
        let parents = images.parents(known);
        drop(images);
        Ok(images::header(id, &image, &parents))
    }

    fn map_outputs(&self, shuffle: ShuffleId) -> Result<Data, Refusal> {
        let known = self.machine.lock().machine.map_outputs(shuffle);
        let known = known.ok_or_else(|| missing("the shuffle"))?;
        let maps = u32::try_from(known.len()).unwrap_or(u32::MAX);
        let places = self.places();
        let outputs = known.into_iter().flatten().filter_map(|output| {
            let place = places.get(&output.executor)?;
            Some(MapOutput {
                name: MapOutputName {
                    partition: output.partition,
                    attempt: output.attempt,
                },
                executor: output.executor,
                worker: place.worker,
                host: place.host.clone(),
                address: place.shuffle_service.clone(),
                folder: Arc::clone(&place.folder),
            })
        });
        Ok(Data::MapOutputs {
            shuffle,
            maps,
            outputs: outputs.collect(),
        })
    }

    fn locate(&self, block: Block) -> BlockLocation {
        let state = self.machine.lock();
        let holders = state.machine.block_locations(block.rdd, block.partition);
        let holders = holders.to_vec();
        drop(state);
        let places = self.places();
        let address = |holder| places.get(holder).map(|place| place.address.clone());
        BlockLocation {
            block,
            addresses: holders.iter().filter_map(address).collect(),
        }
    }

    fn output_folder(&self, number: u32) -> Result<Data, Refusal> {
        use crate::driver::JobScheduler as _;
        let output = self
            .outputs()
            .get(number)
            .ok_or_else(|| missing("the output"))?;
        Ok(Data::Output {
            folder: output.place(),
        })
    }

    /// Sends what an executor fetches.
    pub(super) fn send(self: &Arc<Self>, fetch: Fetch, reply: Reply) {
        let application = Arc::clone(self);
        tokio::spawn(async move {
            let sent = match fetch {
                Fetch::Pages { pages, .. } => match application.pages(&pages) {
                    Ok(bytes) => reply.send(Content::Pages, bytes).await,
                    Err(refusal) => reply.refuse(refusal).await,
                },
                Fetch::Component { hash } => {
                    let component = application.offer.component.clone();
                    if *blake3::hash(&component).as_bytes() == hash {
                        reply.send(Content::Component { hash }, component).await
                    } else {
                        reply.refuse(missing("the component")).await
                    }
                }
                Fetch::Block { .. } | Fetch::Buckets { .. } => reply.refuse(missing("that")).await,
            };
            if let Err(error) = sent {
                debug!(reason = %error, "a transfer was not finished");
            }
        });
    }

    fn pages(&self, wanted: &[[u8; 32]]) -> Result<Bytes, Refusal> {
        if wanted.len() > PAGES_MAX {
            let reason = format!("at most {PAGES_MAX} pages are sent at a time");
            return Err(Refusal::new(RefusalKind::Invalid, reason));
        }
        let wanted: Vec<Hash> = wanted.iter().copied().map(Hash::from_bytes).collect();
        let images = self.images().used();
        let mut bytes = Vec::with_capacity(wanted.len() * sandbox::PAGE_BYTES);
        for page in find_pages(&images, &wanted) {
            let page = page.ok_or_else(|| missing("a page"))?;
            bytes.extend_from_slice(page.as_ref());
        }
        Ok(bytes.into())
    }
}

fn missing(what: &str) -> Refusal {
    Refusal::new(
        RefusalKind::Missing,
        format!("the driver does not have {what}, or no longer"),
    )
}
