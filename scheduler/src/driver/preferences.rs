//! Where the tasks of a stage want to run.

use crate::dag::{Wanted, Whereabouts};
use crate::task::{Place, Preferences};
use crate::{Host, RddId, ShuffleId};

use super::Driver;

impl Driver {
    /// Returns where each of the partitions wants to be computed.
    pub(super) fn preferences(&mut self, rdd: RddId, partitions: &[u32]) -> Preferences {
        let whereabouts = Whereabouts {
            graph: &self.graph,
            blocks: &self.blocks,
            shuffled: |_: ShuffleId, _: u32| Vec::<Host>::new(),
        };
        let mut preferences = Preferences::default();
        if !whereabouts.matter(rdd) {
            return preferences;
        }
        for partition in partitions {
            let mut places = Vec::new();
            match whereabouts.wanted(rdd, *partition) {
                Some(Wanted::Executors(executors)) => {
                    for executor in executors {
                        places.push(Place::Executor(executor));
                        places.extend(self.tasks.executors().host(executor).map(Place::Host));
                    }
                }
                Some(Wanted::Hosts(hosts)) => {
                    let known = self.tasks.places();
                    places.extend(hosts.iter().map(|host| Place::Host(known.host(host))));
                }
                None => {}
            }
            preferences.push(places, self.tasks.places());
        }
        preferences
    }
}
