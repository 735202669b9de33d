//! Shuffle files, served by the worker that has them to the application that owns them.

use network::Error as NetworkError;
use scheduler::message::ExecutorState;
use scheduler::{AttemptId, ShuffleId};
use store::ShuffleFolder;
use wire::{Content, Fetch, MapOutputName, RefusalKind, Role};

use crate::support::Cluster;

const SHUFFLE: ShuffleId = ShuffleId(3);

#[tokio::test]
async fn an_application_reads_its_own_shuffle_files_alone() {
    let cluster = Cluster::new();
    let master = cluster.master();
    let worker = cluster.worker(&master, "hangs").await;
    let mut application = cluster.application(&master).await;
    application.state(ExecutorState::Running).await;
    let folder = cluster.path(&format!("work/{}/shuffle", application.id));
    let folder = ShuffleFolder::new(folder);
    let mut output = folder.writer(SHUFFLE, 2, AttemptId(7)).unwrap();
    output.write(1, b"a batch").unwrap();
    output.finish().unwrap().keep();
    let fetch = |attempt| Fetch::Buckets {
        application: application.id,
        shuffle: SHUFFLE,
        bucket: 1,
        outputs: vec![MapOutputName {
            partition: 0,
            attempt: AttemptId(attempt),
        }],
    };
    let peer = application.endpoint.connect(worker.address(), Role::Worker);
    let peer = peer.await.unwrap();
    let found = peer.fetch(fetch(7)).await.unwrap();
    let length = found.length();
    assert_eq!(
        *found.content(),
        Content::Buckets {
            lengths: vec![length]
        }
    );
    let bytes = found.read(1 << 20).await.unwrap();
    assert!(bytes.ends_with(b"a batch"));
    // A file that is gone is told as that, so that its reader knows which it is.
    let missing = peer.fetch(fetch(8)).await.unwrap();
    assert!(missing.length() < length);
    let another = cluster.application(&master).await;
    let peer = another.endpoint.connect(worker.address(), Role::Worker);
    let refused = peer.await.unwrap().fetch(fetch(7)).await;
    assert!(
        matches!(&refused, Err(NetworkError::NotToBeHad(why)) if why.kind == RefusalKind::Forbidden),
        "{refused:?}"
    );
}
