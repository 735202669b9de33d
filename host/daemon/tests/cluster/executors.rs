//! From an application's registration to the ends of its executors.

use scheduler::ExecutorId;
use scheduler::message::{ExecutorState, ToApplication, ToMaster};

use crate::support::{Application, Cluster, soon};

/// Waits until an executor is so, and returns why and with what code.
async fn state(
    application: &mut Application,
    wanted: ExecutorState,
) -> (ExecutorId, Option<String>, Option<i32>) {
    application
        .hear(|said| match said {
            ToApplication::ExecutorUpdated {
                executor,
                state,
                reason,
                exit_code,
                ..
            } if state == wanted => {
                Some((executor, reason.map(|reason| reason.to_string()), exit_code))
            }
            _ => None,
        })
        .await
}

#[tokio::test]
async fn an_application_gets_an_executor_and_gives_it_back() {
    let cluster = Cluster::new();
    let master = cluster.master();
    let worker = cluster.worker(&master, "hangs").await;
    let mut application = cluster.application(&master).await;
    let (executor, _, _) = state(&mut application, ExecutorState::Running).await;
    application.say(ToMaster::KillExecutors {
        application: application.id,
        executors: vec![executor],
    });
    let (_, reason, code) = state(&mut application, ExecutorState::Killed).await;
    assert_eq!(code, Some(143), "{reason:?}");
    soon(worker.stop()).await.unwrap();
    soon(master.stop()).await.unwrap();
}
