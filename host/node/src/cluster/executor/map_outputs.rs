//! Where map outputs are, as an executor knows it (Spark: `MapOutputTrackerWorker`).
//!
//! What the driver said holds for the tasks of one stage attempt: each of them was launched when all outputs were there,
//! and when one is lost it is another attempt that reads the new one.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use scheduler::{Host, ShuffleId, TaskName};
use store::{MapOutputPlace, Place, ShuffleFolder};
use wire::MapOutput;

/// The map outputs of a shuffle.
pub(super) struct MapOutputs {
    /// How many there are when none is missing.
    pub(super) maps: u32,
    pub(super) places: Vec<MapOutputPlace>,
}

/// The stage attempt that was told.
type Asker = (u32, u32);

#[derive(Default)]
pub(super) struct Known(Mutex<BTreeMap<ShuffleId, (Asker, Arc<MapOutputs>)>>);

impl Known {
    pub(super) fn get(&self, shuffle: ShuffleId, task: TaskName) -> Option<Arc<MapOutputs>> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (told, outputs) = known.get(&shuffle)?;
        (*told == asker(task)).then(|| Arc::clone(outputs))
    }

    pub(super) fn put(&self, shuffle: ShuffleId, task: TaskName, outputs: &Arc<MapOutputs>) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(shuffle, (asker(task), Arc::clone(outputs)));
    }

    pub(super) fn forget(&self, shuffle: ShuffleId) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.remove(&shuffle);
    }
}

const fn asker(task: TaskName) -> Asker {
    (task.stage.0, task.stage_attempt)
}

/// Says how an output is read from this machine: on it, from the file.
pub(super) fn place(output: MapOutput, here: &Host) -> MapOutputPlace {
    let place = if output.host == *here && Path::new(&*output.folder).is_dir() {
        Place::Here(ShuffleFolder::new(&*output.folder))
    } else {
        Place::There(output.address)
    };
    MapOutputPlace {
        partition: output.name.partition,
        attempt: output.name.attempt,
        place,
    }
}
