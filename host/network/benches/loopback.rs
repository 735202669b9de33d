//! How fast bytes and messages go between two processes of one machine, and how long an ask takes meanwhile.
//!
//! Two processes with one thread each: this one serves as a driver, the other, this program once more, fetches, tells
//! and asks as its executor.
//! `cargo bench -p network`; with a number of seconds after `--` it measures that long.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench prints, and stops where something cannot be"
)]

use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use network::{Authority, Config, Credentials, Endpoint, Event, Peer, Validity};
use scheduler::message::{ToDriver, ToExecutor};
use scheduler::{
    ApplicationId, AttemptId, Epoch, ExecutorId, ImageId, JobId, Outcome, RddId, ShuffleId,
    StageId, Task, TaskMetrics, TaskName, Work,
};
use tokio::sync::mpsc;
use wire::{Block, Content, Data, Fetch, Message, Role, Subject};

const APPLICATION: ApplicationId = ApplicationId {
    epoch: Epoch(1),
    number: 0,
};
const EXECUTOR: ExecutorId = ExecutorId(0);
const BLOCK: Block = Block {
    rdd: RddId(1),
    partition: 0,
};
const TRANSFER: usize = 256 << 20;
const LONG: Duration = Duration::from_secs(60);

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    match arguments.iter().position(|argument| argument == "--fetch") {
        Some(at) => block_on(fetch(&arguments[at + 1], seconds(&arguments))),
        None => block_on(serve(seconds(&arguments))),
    }
}

fn seconds(arguments: &[String]) -> Duration {
    let given = arguments
        .iter()
        .rev()
        .find_map(|argument| argument.parse().ok());
    Duration::from_secs_f64(given.unwrap_or(5.0))
}

/// How long this process, of one thread, has run on a processor, as a message.
fn cpu_time() -> Message {
    let nanoseconds = on_cpu().as_nanos();
    Data::LogPart(wire::LogPart {
        offset: u64::try_from(nanoseconds).unwrap(),
        bytes: Vec::new(),
        ended: false,
    })
    .into()
}

fn on_cpu() -> Duration {
    let schedstat = std::fs::read_to_string("/proc/self/schedstat").unwrap();
    let nanoseconds = schedstat.split(' ').next().unwrap().parse().unwrap();
    Duration::from_nanos(nanoseconds)
}

fn block_on(work: impl Future<Output = ()>) {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_all().build().unwrap().block_on(work);
}

fn credentials(authority: &Authority, subject: Subject) -> Credentials {
    let validity = Validity::from_now(Duration::from_secs(3600));
    authority.credentials(subject, validity).unwrap()
}

async fn serve(measured: Duration) {
    let (authority, _) = Authority::make().unwrap();
    let driver = Subject::Driver {
        tenant: "default".into(),
        application: Some(APPLICATION),
    };
    let executor = Subject::Executor {
        tenant: "default".into(),
        application: APPLICATION,
        executor: EXECUTOR,
    };
    let own = credentials(&authority, driver);
    let (endpoint, mut events) = Endpoint::bind(Config::default(), &own).unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--fetch", &endpoint.local_address().to_string()])
        .arg(measured.as_secs_f64().to_string())
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let pem = credentials(&authority, executor).to_pem();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(pem.as_bytes())
        .unwrap();
    let bytes = Bytes::from(vec![7; TRANSFER]);
    while let Some(event) = events.recv().await {
        match event {
            Event::Fetched(_, fetch, reply) => {
                let bytes = bytes.clone();
                let content = match fetch {
                    Fetch::Component { hash } => Content::Component { hash },
                    _ => Content::Block(BLOCK),
                };
                tokio::spawn(async move { reply.send(content, bytes).await });
            }
            Event::Asked(_, message, answer) => answer.give(&message).unwrap(),
            Event::Disconnected(..) => break,
            // Between two measurements: how long this process has been running so far.
            Event::Received(peer, Message::Data(Data::LogPart(_))) => {
                peer.tell(&cpu_time()).unwrap();
            }
            // A task has ended: another one is launched.
            Event::Received(peer, Message::Scheduler(_)) => peer.tell(&launch()).unwrap(),
            _ => {}
        }
    }
    assert!(child.wait().unwrap().success());
}

async fn fetch(address: &str, measured: Duration) {
    let mut pem = String::new();
    std::io::stdin().read_to_string(&mut pem).unwrap();
    let own = Credentials::from_pem(&pem).unwrap();
    let (endpoint, mut events) = Endpoint::bind(Config::default(), &own).unwrap();
    let peer = endpoint
        .connect(&address.into(), Role::Driver)
        .await
        .unwrap();
    let alone = ask_for(&peer, measured / 5).await;
    println!("asks alone:                     {alone}");
    println!(
        "tells alone:                    {:.0} a second",
        tell(&peer, measured / 5).await
    );
    for tasks in [1, 16] {
        println!(
            "{tasks:2} tasks at a time:             {:.0} task round trips a second",
            run_tasks(&peer, &mut events, tasks, measured / 5).await
        );
    }
    let block = Fetch::Block {
        application: APPLICATION,
        block: BLOCK,
    };
    let named = Fetch::Component {
        hash: *blake3::hash(&vec![7; TRANSFER]).as_bytes(),
    };
    for (what, transfers) in [(&block, 1), (&block, 4), (&named, 1)] {
        let stop = Arc::new(AtomicBool::new(false));
        let before = both_on_cpu(&peer, &mut events).await;
        let start = Instant::now();
        let fetching: Vec<_> = (0..transfers)
            .map(|_| tokio::spawn(fetch_until(peer.clone(), what.clone(), Arc::clone(&stop))))
            .collect();
        let asks = ask_for(&peer, measured).await;
        stop.store(true, Ordering::Relaxed);
        let mut bytes = 0;
        for one in fetching {
            bytes += one.await.unwrap();
        }
        let took = start.elapsed();
        let after = both_on_cpu(&peer, &mut events).await;
        println!(
            "{transfers} transfers{:22}{:.0} MB/s; for each second of the sender's processor {:.0} MB, of the receiver's {:.0} MB",
            if *what == named { ", hashed:" } else { ":" },
            megabytes(bytes, took),
            megabytes(bytes, after[0] - before[0]),
            megabytes(bytes, after[1] - before[1]),
        );
        println!("asks beside them:               {asks}");
    }
    endpoint.close(LONG).await;
}

/// How long both processes have run on a processor: the other one, and this one.
async fn both_on_cpu(peer: &Peer, events: &mut mpsc::Receiver<Event>) -> [Duration; 2] {
    peer.tell(&cpu_time()).unwrap();
    loop {
        if let Event::Received(_, Message::Data(Data::LogPart(part))) = events.recv().await.unwrap()
        {
            return [Duration::from_nanos(part.offset), on_cpu()];
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "for people")]
fn megabytes(bytes: u64, per: Duration) -> f64 {
    bytes as f64 / per.as_secs_f64() / 1e6
}

async fn fetch_until(peer: Peer, what: Fetch, stop: Arc<AtomicBool>) -> u64 {
    let mut bytes = 0;
    while !stop.load(Ordering::Relaxed) {
        let mut incoming = peer.fetch(what.clone()).await.unwrap();
        while let Some(chunk) = incoming.chunk().await.unwrap() {
            bytes += chunk.len() as u64;
        }
    }
    bytes
}

/// One ask every millisecond, as heartbeats and commits come.
async fn ask_for(peer: &Peer, measured: Duration) -> String {
    let (mut took, start) = (Vec::new(), Instant::now());
    let ask: Message = Data::MapOutputsAsked {
        shuffle: ShuffleId(1),
    }
    .into();
    while start.elapsed() < measured {
        let asked = Instant::now();
        peer.ask(&ask, LONG).await.unwrap();
        took.push(asked.elapsed());
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    took.sort();
    let at = |of: usize| took[(took.len() - 1) * of / 1000];
    format!(
        "median {:?}, p99 {:?}, longest {:?} ({} asks)",
        at(500),
        at(990),
        at(1000),
        took.len()
    )
}

/// Small messages, as many as go; the last one is answered when all before it have arrived.
async fn tell(peer: &Peer, measured: Duration) -> f64 {
    let message: Message = Data::TaskResult {
        attempt: AttemptId(1),
        bytes: vec![0; 64],
    }
    .into();
    let (mut told, start) = (0_u32, Instant::now());
    while start.elapsed() < measured {
        for _ in 0..1000 {
            peer.tell(&message).unwrap();
        }
        told += 1000;
        peer.ask(&message, LONG).await.unwrap();
    }
    f64::from(told) / start.elapsed().as_secs_f64()
}

fn launch() -> Message {
    let task = Task {
        attempt: AttemptId(1),
        name: TaskName {
            stage: StageId(1),
            stage_attempt: 0,
            partition: 1,
            attempt: 0,
        },
        work: Work::Action { job: JobId(1) },
        image: ImageId([3; 32]),
        rdd: RddId(1),
        partition: 1,
        seed: 1,
    };
    scheduler::Message::from(ToExecutor::LaunchTasks(vec![task])).into()
}

/// Tells the end of tasks, and for each that is launched instead its end again.
async fn run_tasks(
    peer: &Peer,
    events: &mut mpsc::Receiver<Event>,
    at_a_time: u32,
    measured: Duration,
) -> f64 {
    let ended = ToDriver::StatusUpdate {
        executor: EXECUTOR,
        attempt: AttemptId(1),
        outcome: Outcome::Succeeded,
        metrics: TaskMetrics::default(),
    };
    let ended: Message = scheduler::Message::from(ended).into();
    let start = Instant::now();
    for _ in 0..at_a_time {
        peer.tell(&ended).unwrap();
    }
    let (mut launched, mut running) = (0_u32, at_a_time);
    while running > 0 {
        if let Event::Received(_, Message::Scheduler(_)) = events.recv().await.unwrap() {
            launched += 1;
            if start.elapsed() < measured {
                peer.tell(&ended).unwrap();
            } else {
                running -= 1;
            }
        }
    }
    f64::from(launched) / start.elapsed().as_secs_f64()
}
