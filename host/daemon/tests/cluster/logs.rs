//! What children print, read from afar.

use daemon::Error;
use scheduler::ExecutorId;
use scheduler::message::{ExecutorState, ToMaster};
use wire::{LogSource, LogStream};

use crate::support::{Cluster, soon};

#[tokio::test]
async fn a_log_is_rolled_and_followed_to_its_end() {
    let cluster = Cluster::new()
        .set("executor.logs.rolling.maxSize", "1k")
        .set("executor.logs.rolling.maxRetainedFiles", "100");
    let master = cluster.master();
    let _worker = cluster.worker(&master, "prints").await;
    let mut application = cluster.application(&master).await;
    let (executor, _, _) = application.state(ExecutorState::Running).await;
    let submitter = cluster.submitter(&master).await;
    let source = LogSource::Executor(application.id, executor);
    let mut log = submitter
        .log(source, LogStream::Stdout, true)
        .await
        .unwrap();
    let mut text = String::new();
    while !text.contains("line 0099") {
        let bytes = soon(log.next()).await.unwrap().unwrap();
        text.push_str(str::from_utf8(&bytes).unwrap());
    }
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines.len(), 101);
    assert!(lines[1].starts_with("line 0000 of worker-"));
    let folder = cluster.path(&format!("work/{}/{executor}", application.id));
    let parts = std::fs::read_dir(&folder).unwrap();
    let parts = parts.map(|part| part.unwrap().file_name().into_string().unwrap());
    let older = parts.filter(|part| part.starts_with("stdout."));
    assert!(older.count() > 2);
    log.tail(10).await.unwrap();
    let last = soon(log.next()).await.unwrap().unwrap();
    assert!(text.ends_with(str::from_utf8(&last).unwrap()) && last.len() == 10);
    application.say(ToMaster::KillExecutors {
        application: application.id,
        executors: vec![executor],
    });
    assert_eq!(soon(log.next()).await.unwrap(), None);
    // Where it has ended it is read all the same.
    let log = submitter.log(source, LogStream::Stderr, true).await;
    assert_eq!(soon(log.unwrap().next()).await.unwrap(), None);
}

#[tokio::test]
async fn a_log_that_nobody_has_is_told_to_be_missing() {
    let cluster = Cluster::new();
    let master = cluster.master();
    let _worker = cluster.worker(&master, "hangs").await;
    let mut application = cluster.application(&master).await;
    application.state(ExecutorState::Running).await;
    let submitter = cluster.submitter(&master).await;
    let source = LogSource::Executor(application.id, ExecutorId(9));
    let error = submitter.log(source, LogStream::Stdout, false).await;
    let error = error.unwrap_err();
    assert!(matches!(error, Error::Refused(_)), "{error:?}");
    let expected = "cannot find the log: there is no such log on that worker";
    assert_eq!(error.to_string(), expected);
}
