//! Reads shuffles for a task that can be killed meanwhile.

use sandbox::KillSwitch;
use store::ShuffleReader;

/// The next batches; empty at the end. A kill ends the waiting for another machine, and then this fails.
pub(super) fn read(kill: &KillSwitch, reader: &mut ShuffleReader) -> store::Result<Vec<u8>> {
    match reader.stopper() {
        Some(stopper) => kill.wait(move || stopper.stop(), || reader.read()),
        None => reader.read(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex, mpsc};

    use sandbox::KillReason;
    use scheduler::{Address, AttemptId, ShuffleId};
    use store::{
        BucketsWanted, ClusterShuffles, FetchedBuckets, IndexCache, MapOutputPlace, Place,
        RemoteBuckets,
    };

    use super::*;

    /// A worker that never answers. It tells when it is asked, and goes when it is dropped by the test.
    struct Silent {
        asked: mpsc::Sender<()>,
        end: Mutex<mpsc::Receiver<()>>,
    }

    impl RemoteBuckets for Silent {
        fn fetch(&self, _: &Address, _: &BucketsWanted) -> Result<FetchedBuckets, String> {
            self.asked.send(()).unwrap();
            let _ = self.end.lock().unwrap().recv();
            Err("the test is over".into())
        }
    }

    #[test]
    fn a_kill_reaches_a_task_that_waits_for_another_machine() {
        let ((asked, fetching), (end, ended)) = (mpsc::channel(), mpsc::channel());
        let remote = Silent {
            asked,
            end: Mutex::new(ended),
        };
        let shuffles = ClusterShuffles::new(Arc::new(IndexCache::new(0)), Arc::new(remote), 1);
        let output = MapOutputPlace {
            partition: 0,
            attempt: AttemptId(0),
            place: Place::There("a:1".into()),
        };
        let mut reader = shuffles.open(ShuffleId(0), 0, 1, &[output]);
        let kill = KillSwitch::new();
        let reading = std::thread::spawn({
            let kill = kill.clone();
            move || read(&kill, &mut reader).unwrap_err().to_string()
        });
        fetching.recv().unwrap();
        kill.kill(KillReason::Ordered);
        let error = reading.join().unwrap();
        assert!(error.contains("the task is stopped"), "{error}");
        drop(end);
    }
}
