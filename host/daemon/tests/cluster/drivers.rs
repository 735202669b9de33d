//! Drivers that the cluster runs, asked for at a command line.

use daemon::Error;
use scheduler::message::{DriverSpec, DriverState};
use scheduler::{DriverId, Epoch, SubmissionKey, Tenant};

use crate::support::{Cluster, eventually, soon};

fn spec(key: u128) -> DriverSpec {
    DriverSpec {
        key: SubmissionKey(key),
        name: "word count".into(),
        tenant: Tenant::default(),
        component: "/words.wasm".into(),
        args: vec!["in".into()],
        settings: Vec::new(),
        cores: 1,
        memory: 1 << 30,
        supervise: false,
    }
}

#[tokio::test]
async fn a_driver_runs_to_its_end() {
    let cluster = Cluster::new();
    let master = cluster.master();
    let _worker = cluster.worker(&master, "ends").await;
    let mut submitter = cluster.submitter(&master).await;
    let driver = submitter.submit_driver(spec(1)).await.unwrap();
    // Said again it is the same wish.
    assert_eq!(submitter.submit_driver(spec(1)).await.unwrap(), driver);
    let status = loop {
        let status = submitter.driver_status(driver).await.unwrap();
        if status.state.is_finished() {
            break status;
        }
    };
    assert_eq!(status.state, DriverState::Finished);
    let log = cluster.path(&format!("work/drivers/{driver}/stdout"));
    let said = eventually(async || {
        let said = std::fs::read_to_string(&log).ok();
        said.filter(|said| !said.is_empty())
    });
    assert_eq!(said.await, format!("{driver} on here as Driver\n"));
    submitter.close().await;
}

#[tokio::test]
async fn a_component_travels_by_its_name() {
    let cluster = Cluster::new();
    let master = cluster.master();
    let _worker = cluster.worker(&master, "ends").await;
    let mut submitter = cluster.submitter(&master).await;
    let component = submitter.upload("a component".into()).await.unwrap();
    // It is there now.
    let again = submitter.upload("a component".into()).await.unwrap();
    assert_eq!(again, component);
    let mut spec = spec(1);
    spec.component = (&*component).into();
    let driver = submitter.submit_driver(spec).await.unwrap();
    let log = cluster.path(&format!("work/drivers/{driver}/stdout"));
    eventually(async || {
        let said = std::fs::read_to_string(&log).ok()?;
        said.starts_with("a component\n").then_some(())
    })
    .await;
    let kept = cluster.path("work/components").join(component);
    assert_eq!(std::fs::read_to_string(kept).unwrap(), "a component");
}

#[tokio::test]
async fn a_driver_whose_component_nobody_has_does_not_begin() {
    let cluster = Cluster::new();
    let master = cluster.master();
    let _worker = cluster.worker(&master, "ends").await;
    let mut submitter = cluster.submitter(&master).await;
    let mut spec = spec(1);
    spec.component = "0".repeat(64).into();
    let driver = submitter.submit_driver(spec).await.unwrap();
    let status = loop {
        let status = submitter.driver_status(driver).await.unwrap();
        if status.state.is_finished() {
            break status;
        }
    };
    assert_eq!(status.state, DriverState::Error);
    let reason = status.reason.unwrap();
    assert!(reason.starts_with("its component: "), "{reason}");
}

#[tokio::test]
async fn a_driver_is_killed_once() {
    let cluster = Cluster::new();
    let master = cluster.master();
    let _worker = cluster.worker(&master, "hangs").await;
    let mut submitter = cluster.submitter(&master).await;
    let driver = submitter.submit_driver(spec(1)).await.unwrap();
    submitter.kill_driver(driver).await.unwrap();
    let status = loop {
        let status = submitter.driver_status(driver).await.unwrap();
        if status.state.is_finished() {
            break status;
        }
    };
    assert_eq!(status.state, DriverState::Killed);
    let unknown = DriverId {
        epoch: Epoch(9),
        number: 9,
    };
    let error = submitter.driver_status(unknown).await.unwrap_err();
    assert_eq!(error.to_string(), "there is no driver-9-0009");
    assert!(matches!(
        submitter.kill_driver(unknown).await,
        Err(Error::Refused(_))
    ));
}

#[tokio::test]
async fn the_status_says_who_is_there_and_who_waits() {
    let cluster = Cluster::new().set("decommission.enabled", "true");
    let master = cluster.master();
    let mut submitter = cluster.submitter(&master).await;
    let empty = submitter.status().await.unwrap();
    assert_eq!((&*empty.state, empty.workers.len()), ("ALIVE", 0));
    let driver = submitter.submit_driver(spec(1)).await.unwrap();
    let mut application = cluster.application(&master).await;
    let because = application
        .hear(|said| match said {
            scheduler::message::ToApplication::Waiting { because } => because,
            _ => None,
        })
        .await;
    let waiting = submitter.status().await.unwrap();
    let shown = &waiting.applications[0];
    assert_eq!(shown.id, application.id.to_string());
    assert_eq!((&*shown.state, &*shown.name), ("WAITING", "word count"));
    assert_eq!(shown.reason.as_deref(), Some(&*because));
    assert_eq!(waiting.drivers[0].state, "SUBMITTED");
    let worker = cluster.worker(&master, "hangs").await;
    application
        .state(scheduler::message::ExecutorState::Running)
        .await;
    let running = submitter.status().await.unwrap();
    let [shown] = &running.workers[..] else {
        panic!("there is one worker: {running:?}");
    };
    assert_eq!(shown.address, worker.address().to_string());
    assert_eq!((&*shown.host, &*shown.state), ("here", "ALIVE"));
    assert_eq!((shown.cores, shown.cores_used), (4, 2));
    assert_eq!(shown.drivers, [driver.to_string()]);
    assert_eq!(running.applications[0].executors[0].state, "RUNNING");
    submitter.kill_application(application.id).await.unwrap();
    let ended = submitter.status().await.unwrap();
    assert_eq!(ended.applications[0].state, "KILLED");
    let error = submitter
        .decommission(vec!["elsewhere".into()])
        .await
        .unwrap_err();
    assert_eq!(error.to_string(), "no worker is on `elsewhere`");
    soon(worker.stop()).await.unwrap();
}
