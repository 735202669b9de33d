//! Where the tasks of a stage want to run.

use crate::RddId;
use crate::dag::{Near, Nearness};
use crate::task::{Place, Preferences};

use super::Driver;

impl Driver {
    /// Returns where each of the partitions wants to be computed.
    pub(super) fn preferences(&mut self, rdd: RddId, partitions: &[u32]) -> Preferences {
        let nearness = Nearness {
            graph: &self.graph,
            blocks: &self.blocks,
            shuffles: &self.shuffles,
            reduce: self.limits.reduce_locality,
        };
        let mut preferences = Preferences::default();
        if !nearness.is_known(rdd) {
            return preferences;
        }
        for partition in partitions {
            let mut places = Vec::new();
            for near in nearness.of(rdd, *partition) {
                match near {
                    Near::Executor(executor) => {
                        places.push(Place::Executor(executor));
                        places.extend(self.tasks.executors().host(executor).map(Place::Host));
                    }
                    Near::Host(host) => places.push(Place::Host(self.tasks.places().host(&host))),
                }
            }
            preferences.push(places, self.tasks.places());
        }
        preferences
    }
}
