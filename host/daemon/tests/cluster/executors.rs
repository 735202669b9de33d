//! From an application's registration to the ends of its executors.

use scheduler::message::{ExecutorState, ToMaster};

use crate::support::{Cluster, eventually, soon};

#[tokio::test]
async fn an_application_gets_an_executor_and_gives_it_back() {
    let cluster = Cluster::new();
    let master = cluster.master();
    let worker = cluster.worker(&master, "hangs").await;
    let mut application = cluster.application(&master).await;
    let (executor, _, _) = application.state(ExecutorState::Running).await;
    application.say(ToMaster::KillExecutors {
        application: application.id,
        executors: vec![executor],
    });
    let (_, _, code) = application.state(ExecutorState::Killed).await;
    assert_eq!(code, Some(143));
    soon(worker.stop()).await.unwrap();
    soon(master.stop()).await.unwrap();
}

#[tokio::test]
async fn ends_are_told_with_code_and_reason() {
    for (behaviour, code, reason) in [
        ("ends", 0, "it ended by itself, with exit code 0"),
        ("fails", 3, "it ended with exit code 3"),
        (
            "aborts",
            134,
            "it was ended by SIGABRT, as it does itself when something is badly wrong",
        ),
    ] {
        let cluster = Cluster::new();
        let master = cluster.master();
        let _worker = cluster.worker(&master, behaviour).await;
        let mut application = cluster.application(&master).await;
        let ended = application.state(ExecutorState::Exited).await;
        assert_eq!((&*ended.1, ended.2), (reason, Some(code)));
    }
}

#[tokio::test]
async fn an_executor_that_cannot_be_started_has_failed() {
    let cluster = Cluster::new();
    let master = cluster.master();
    let mut config = cluster.worker_config(&master, "ends");
    config.program = cluster.path("nothing");
    let _worker = daemon::worker::start(config).await.unwrap();
    let mut application = cluster.application(&master).await;
    let (_, reason, code) = application.state(ExecutorState::Failed).await;
    assert!(reason.contains("nothing: No such file"), "{reason}");
    assert_eq!(code, None);
}

#[tokio::test]
async fn who_ignores_sigterm_is_killed() {
    let cluster = Cluster::new().set("worker.executorTerminateTimeout", "100ms");
    let master = cluster.master();
    let worker = cluster.worker(&master, "stubborn").await;
    let mut application = cluster.application(&master).await;
    let (executor, _, _) = application.state(ExecutorState::Running).await;
    let log = format!("work/{}/{executor}/stdout", application.id);
    let stubborn = cluster.path(&log);
    eventually(async || {
        let said = std::fs::read_to_string(&stubborn).unwrap_or_default();
        said.contains("stubborn").then_some(())
    })
    .await;
    soon(worker.stop()).await.unwrap();
    let said = std::fs::read_to_string(&stubborn).unwrap();
    assert!(said.ends_with("no\n"), "{said}");
    let name = format!("{}/{} on here as Executor\n", application.id, executor.0);
    assert!(said.starts_with(&name), "{said}");
}

#[tokio::test]
async fn no_executor_survives_its_worker() {
    let cluster = Cluster::new();
    let master = cluster.master();
    let folder = cluster.path("alone");
    std::fs::create_dir(&folder).unwrap();
    let token = cluster.token(daemon::master::WORKER_TOKEN).to_string();
    std::fs::write(folder.join("token"), token).unwrap();
    let masters = format!("tinderbox://{}", master.address());
    std::fs::write(folder.join("masters"), masters).unwrap();
    std::os::unix::fs::symlink(cluster.program("stubborn"), folder.join("stubborn")).unwrap();
    let mut worker = std::process::Command::new(cluster.program("worker"))
        .arg(&folder)
        .spawn()
        .unwrap();
    let mut application = cluster.application(&master).await;
    let (executor, _, _) = application.state(ExecutorState::Running).await;
    let scratch = format!("work/{}/{executor}/scratch/pid", application.id);
    let pid = eventually(async || {
        let pid = std::fs::read_to_string(folder.join(&scratch)).ok()?;
        pid.parse::<u32>().ok()
    })
    .await;
    worker.kill().unwrap();
    worker.wait().unwrap();
    let (_, reason, _) = application.state(ExecutorState::Lost).await;
    assert_eq!(reason, "worker lost: it is disconnected");
    eventually(async || has_ended(pid).then_some(())).await;
}

/// Whoever has ended and was not waited for yet is a zombie.
fn has_ended(pid: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/stat"));
    status.map_or(true, |status| status.contains(") Z "))
}

#[tokio::test]
async fn files_go_with_the_application_and_logs_stay() {
    let cluster = Cluster::new();
    let master = cluster.master();
    let _worker = cluster.worker(&master, "hangs").await;
    let mut application = cluster.application(&master).await;
    let (executor, _, _) = application.state(ExecutorState::Running).await;
    let folder = cluster.path(&format!("work/{}", application.id));
    let own = folder.join(executor.to_string());
    eventually(async || own.join("scratch/pid").exists().then_some(())).await;
    assert!(folder.join("shuffle").is_dir());
    application.say(ToMaster::UnregisterApplication(application.id));
    eventually(async || (!folder.join("shuffle").exists()).then_some(())).await;
    eventually(async || (!own.join("scratch").exists()).then_some(())).await;
    assert!(own.join("stdout").is_file());
}

#[tokio::test]
async fn old_folders_are_cleaned_up() {
    let cluster = Cluster::new()
        .set("worker.cleanup.interval", "50ms")
        .set("worker.cleanup.appDataTtl", "1s");
    let old = cluster.path("work/app-1-0099/executor-0");
    std::fs::create_dir_all(&old).unwrap();
    let unknown = cluster.path("work/something");
    std::fs::create_dir_all(&unknown).unwrap();
    let master = cluster.master();
    let _worker = cluster.worker(&master, "hangs").await;
    eventually(async || (!cluster.path("work/app-1-0099").exists()).then_some(())).await;
    assert!(unknown.is_dir());
}
