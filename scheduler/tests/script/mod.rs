//! Reads a script, feeds it to a driver and writes down what came of it.
//!
//! Only the public interface of the crate is used, as a host would.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use scheduler::event::{EventKind, Locality, WaitReason};
use scheduler::pools::{Mode, PoolSpec};
use scheduler::{
    Action, AttemptId, BucketSizes, Dependency, Driver, ExecutorId, FailureKind, Host, ImageId,
    Input, JobId, JobSpec, Outbox, Outcome, PartitionMap, Rdd, RddId, Settings, ShuffleId, StageId,
    StorageLevel, Task, TaskFailure, TaskMetrics, Time,
};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases")
}

#[expect(
    clippy::disallowed_methods,
    reason = "the script is a file; the driver never sees it"
)]
pub(crate) fn check(name: &str) {
    let path = folder().join(name).with_extension("txt");
    let script = std::fs::read_to_string(&path).unwrap();
    let played = play(&script);
    if std::env::var("UPDATE").is_ok() {
        std::fs::write(&path, &played).unwrap();
    }
    assert!(script == played, "{name} went differently:\n{played}");
}

pub(crate) fn check_all_are_listed(names: &[&str]) {
    for file in folder().read_dir().unwrap() {
        let path = file.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        assert!(names.contains(&name), "{name} is not listed in cases.rs");
    }
}

/// Returns the script with the trace that belongs to it.
fn play(script: &str) -> String {
    let mut player = Player::default();
    let mut played = String::new();
    for line in script.lines() {
        if line.starts_with(' ') {
            continue;
        }
        writeln!(played, "{line}").unwrap();
        if !line.is_empty() && !line.starts_with('#') {
            let words: Vec<&str> = line.split_whitespace().collect();
            player.play(&words);
            player.trace(&mut played);
        }
    }
    played
}

#[derive(Default)]
struct Player {
    settings: Settings,
    driver: Option<Driver>,
    now: u64,
    out: Outbox,
    error: Option<String>,
}

impl Player {
    fn play(&mut self, words: &[&str]) {
        let (verb, rest) = words.split_first().unwrap();
        match *verb {
            "set" => self.settings.set(rest[0], rest[1]).unwrap(),
            "rdd" => self.define(rest),
            "wait" => self.wait(number(rest[0])),
            "pools" => self.define_pools(rest),
            _ => {
                let input = input(verb, rest);
                self.handle(input);
            }
        }
    }

    fn driver(&mut self) -> &mut Driver {
        self.driver
            .get_or_insert_with(|| Driver::new(&self.settings, 7))
    }

    fn handle(&mut self, input: Input) {
        self.now += 1;
        let (now, mut out) = (Time::from_micros(self.now), std::mem::take(&mut self.out));
        self.driver().handle(now, input, &mut out);
        self.out = out;
    }

    fn define(&mut self, words: &[&str]) {
        let mut out = std::mem::take(&mut self.out);
        let defined = self.driver().define(vec![rdd(words)], &mut out);
        self.error = defined.err().map(|error| error.to_string());
        self.out = out;
    }

    /// `pools NAME:MODE:WEIGHT:SHARE[:PARENT] ...`
    fn define_pools(&mut self, words: &[&str]) {
        let pools: Vec<PoolSpec> = words.iter().map(|word| pool(word)).collect();
        self.driver().define_pools(&pools);
    }

    /// Lets milliseconds pass, and says so at each deadline that comes in them.
    fn wait(&mut self, millis: u64) {
        let until = self.now + millis * 1_000;
        while let Some(deadline) = self.driver().next_deadline() {
            if deadline > Time::from_micros(until) {
                break;
            }
            self.now = self.now.max(deadline.as_micros().saturating_sub(1));
            self.handle(Input::DeadlineReached);
        }
        self.now = self.now.max(until);
    }

    fn trace(&mut self, played: &mut String) {
        if let Some(error) = self.error.take() {
            writeln!(played, "    error: {error}").unwrap();
        }
        for event in &self.out.events {
            if let Some(line) = told(&event.kind) {
                writeln!(played, "    ({line})").unwrap();
            }
        }
        for action in &self.out.actions {
            let line = ordered(action).replace('\n', "\n    ");
            writeln!(played, "    {line}{}", self.nearness(action)).unwrap();
        }
        self.out.clear();
    }
}

impl Player {
    /// How near its data a task is launched, where it has any, and whether it is a second copy.
    fn nearness(&self, action: &Action) -> String {
        let Action::LaunchTask { task, .. } = action else {
            return String::new();
        };
        let started = self.out.events.iter().find_map(|event| match event.kind {
            EventKind::TaskStarted {
                attempt,
                locality,
                speculative,
                ..
            } if attempt == task.attempt => Some((locality, speculative)),
            _ => None,
        });
        let (locality, speculative) = started.expect("what is launched is told");
        let copy = if speculative { ", a second copy" } else { "" };
        match locality {
            Locality::NoPreference => copy.to_owned(),
            locality => format!(" {locality}{copy}"),
        }
    }
}

fn pool(word: &str) -> PoolSpec {
    let parts: Vec<&str> = word.split(':').collect();
    PoolSpec {
        name: parts[0].into(),
        parent: parts.get(4).map(|parent| (*parent).into()),
        mode: match parts[1] {
            "FIFO" => Mode::Fifo,
            "FAIR" => Mode::Fair,
            other => panic!("there is no mode `{other}`"),
        },
        weight: number(parts[2]),
        min_share: number(parts[3]),
    }
}

fn number<T: TryFrom<u64>>(word: &str) -> T {
    let number: u64 = word
        .parse()
        .unwrap_or_else(|_| panic!("`{word}` is no number"));
    T::try_from(number).unwrap_or_else(|_| panic!("{number} is too large"))
}

fn numbers(words: &str) -> Vec<u32> {
    words
        .split(',')
        .filter(|word| !word.is_empty())
        .map(number)
        .collect()
}

/// `a,b` are machines, `-` is none.
fn hosts(words: &str) -> Vec<Host> {
    let named = words.split(',').filter(|word| *word != "-");
    named.map(Host::from).collect()
}

fn image(number: u8) -> ImageId {
    ImageId([number; 32])
}

/// `rdd ID PARTITIONS [cached] [narrow PARENT] [span PARENT IN OUT LENGTH] [lists PARENT a,b;c]
/// [shuffle ID PARENT BUCKETS] [hosts a,b;-;c]`
fn rdd(words: &[&str]) -> Rdd {
    let id: u32 = number(words[0]);
    let mut rdd = Rdd {
        id: RddId(id),
        name: "map".into(),
        call_site: format!("main.rs:{id}").into(),
        partitions: number(words[1]),
        dependencies: Vec::new(),
        storage: StorageLevel::None,
        preferences: Vec::new(),
    };
    let mut words = words[2..].iter();
    while let Some(word) = words.next() {
        let mut next = || *words.next().expect("a dependency has more words");
        let dependency = match *word {
            "cached" => {
                rdd.storage = StorageLevel::MemoryOnly;
                continue;
            }
            "hosts" => {
                rdd.preferences = next().split(';').map(hosts).collect();
                continue;
            }
            "shuffle" => {
                let shuffle = ShuffleId(number(next()));
                let parent = RddId(number(next()));
                Dependency::Shuffle {
                    shuffle,
                    parent,
                    partitions: number(next()),
                }
            }
            map => {
                let parent = RddId(number(next()));
                let partitions = match map {
                    "narrow" => PartitionMap::OneToOne,
                    "span" => PartitionMap::Span {
                        in_start: number(next()),
                        out_start: number(next()),
                        length: number(next()),
                    },
                    "lists" => PartitionMap::Lists(next().split(';').map(numbers).collect()),
                    other => panic!("there is no dependency `{other}`"),
                };
                Dependency::Narrow { parent, partitions }
            }
        };
        rdd.dependencies.push(dependency);
    }
    rdd
}

fn input(verb: &str, words: &[&str]) -> Input {
    match verb {
        "executor" => Input::ExecutorAdded {
            executor: ExecutorId(number(words[0])),
            host: words.get(2).copied().unwrap_or("localhost").into(),
            rack: words.get(3).map(|rack| (*rack).into()),
            cores: number(words[1]),
        },
        "lose" => Input::ExecutorLost {
            executor: ExecutorId(number(words[0])),
            reason: "it crashed".into(),
            files_lost: words.get(1) == Some(&"files"),
        },
        "lose-worker" => Input::WorkerLost {
            host: words[0].into(),
            reason: "no heartbeat".into(),
            files_lost: words.get(1) == Some(&"files"),
        },
        "silent" => Input::ExecutorSilent {
            executor: ExecutorId(number(words[0])),
        },
        "decommission" => Input::ExecutorDecommissioned {
            executor: ExecutorId(number(words[0])),
            reason: "its machine goes".into(),
        },
        "beat" => Input::Heartbeat {
            running: vec![(
                AttemptId(number(words[0])),
                TaskMetrics {
                    bytes_read: number(words[1]),
                    ..TaskMetrics::default()
                },
            )],
        },
        "job" | "map-job" => Input::JobSubmitted(job(verb, words)),
        "cancel" => Input::JobCancelled {
            job: JobId(number(words[0])),
            reason: "not wanted".into(),
        },
        "cancel-group" | "close-group" => Input::JobGroupCancelled {
            group: words[0].into(),
            reason: "not wanted".into(),
            future: verb == "close-group",
        },
        "cancel-tag" => Input::JobTagCancelled {
            tag: words[0].into(),
            reason: "not wanted".into(),
        },
        "cancel-stage" => Input::StageCancelled {
            stage: StageId(number(words[0])),
            reason: "not wanted".into(),
        },
        "cancel-all" => Input::AllJobsCancelled {
            reason: "not wanted".into(),
        },
        "release" => Input::RddsReleased(numbers(words[0]).into_iter().map(RddId).collect()),
        "commit" => Input::CommitAsked {
            attempt: AttemptId(number(words[0])),
        },
        "stored" | "dropped" | "not-copied" => block(verb, words),
        "copies" => Input::CopiesWanted {
            rdd: RddId(number(words[0])),
            copies: number(words[1]),
        },
        "end" => Input::ApplicationEnded,
        _ => ended(verb, words),
    }
}

/// `job ID RDD [PARTITIONS [IMAGE]] [group GROUP] [tag TAG]`: all partitions are `0,1,..`; the image is the job's number
/// by default. `map-job ID RDD SHUFFLE` wants the map outputs of a shuffle alone.
fn job(verb: &str, words: &[&str]) -> JobSpec {
    let id: u32 = number(words[0]);
    let label = |name| words.iter().position(|word| *word == name);
    let labels = [label("group"), label("tag")].into_iter().flatten();
    let pool = words.iter().position(|word| word.starts_with("pool:"));
    let plain = &words[..labels.chain(pool).min().unwrap_or(words.len())];
    let after = |at: Option<usize>| at.map(|at| Arc::from(*words.get(at + 1).unwrap_or(&"")));
    let maps = verb == "map-job";
    JobSpec {
        job: JobId(id),
        rdd: RddId(number(words[1])),
        partitions: if maps {
            Vec::new()
        } else {
            plain.get(2).map_or_else(Vec::new, |words| numbers(words))
        },
        shuffle: maps.then(|| ShuffleId(number(words[2]))),
        image: image(
            plain
                .get(3)
                .map_or_else(|| u8::try_from(id).unwrap_or(u8::MAX), |word| number(word)),
        ),
        name: "collect".into(),
        call_site: "main.rs:99".into(),
        group: after(label("group")),
        tags: after(label("tag")).into_iter().collect(),
        pool: words
            .iter()
            .find_map(|word| word.strip_prefix("pool:"))
            .map(Into::into),
    }
}

fn block(verb: &str, words: &[&str]) -> Input {
    let (rdd, partition) = (RddId(number(words[0])), number(words[1]));
    let executor = ExecutorId(number(words[2]));
    match verb {
        "stored" => Input::BlockStored {
            rdd,
            partition,
            executor,
        },
        "dropped" => Input::BlockDropped {
            rdd,
            partition,
            executor,
        },
        _ => Input::BlockNotCopied {
            rdd,
            partition,
            executor,
        },
    }
}

/// How an attempt ended: `ok ATTEMPT [RESULT_BYTES [BYTES_READ [MICROSECONDS]]]`, `added ATTEMPT` (to an accumulator), `wrote ATTEMPT SIZE,SIZE..`,
/// `panic ATTEMPT MESSAGE`, `fetch ATTEMPT SHUFFLE MAP` and so on.
fn ended(verb: &str, words: &[&str]) -> Input {
    let attempt = AttemptId(number(words[0]));
    let message = words[1..].join(" ");
    let message = if verb == "fetch" {
        "no such file".to_owned()
    } else {
        message
    };
    let mut metrics = TaskMetrics::default();
    let kind = match verb {
        "ok" => {
            metrics.result_bytes = words.get(1).map_or(0, |word| number(word));
            metrics.bytes_read = words.get(2).map_or(0, |word| number(word));
            metrics.run_time_us = words.get(3).map_or(0, |word| number(word));
            return Input::TaskEnded {
                attempt,
                outcome: Outcome::Succeeded,
                metrics,
            };
        }
        "added" => {
            metrics.accumulators = 1;
            return Input::TaskEnded {
                attempt,
                outcome: Outcome::Succeeded,
                metrics,
            };
        }
        "wrote" => {
            let sizes: Vec<u64> = numbers(words[1]).into_iter().map(u64::from).collect();
            return Input::TaskEnded {
                attempt,
                outcome: Outcome::Wrote(Arc::new(BucketSizes::new(&sizes))),
                metrics,
            };
        }
        "panic" => FailureKind::Panicked,
        "io" => FailureKind::Io,
        "killed" => FailureKind::Killed,
        "denied" => FailureKind::CommitDenied,
        "fetch" => FailureKind::FetchFailed {
            shuffle: ShuffleId(number(words[1])),
            map_partition: number(words[2]),
        },
        other => panic!("there is no input `{other}`"),
    };
    let mut failure = TaskFailure::new(kind, message);
    if kind == FailureKind::Panicked {
        failure.place = Some("main.rs:5:9".to_owned());
    }
    Input::TaskEnded {
        attempt,
        outcome: Outcome::Failed(Arc::new(failure)),
        metrics,
    }
}

/// Writes the events that no action tells.
fn told(event: &EventKind) -> Option<String> {
    Some(match event {
        EventKind::StageSkipped { stage } => format!("{stage} skipped"),
        EventKind::StageSubmitted { info, image, .. } => {
            let (stage, attempt, tasks, rdd) = (info.stage, info.attempt, info.tasks, info.rdd);
            let image = image.0[0];
            format!("{stage}.{attempt} submitted: {tasks} of {rdd} in image {image}")
        }
        EventKind::StageCompleted {
            stage,
            attempt,
            failure: None,
        } => {
            format!("{stage}.{attempt} complete")
        }
        EventKind::StageCompleted {
            stage,
            attempt,
            failure: Some(failure),
        } => {
            format!("{stage}.{attempt} failed: {}", failure.kind)
        }
        EventKind::MapOutputsLost {
            shuffle,
            outputs,
            because,
        } => format!("{shuffle} lost {outputs}: {because}"),
        EventKind::TaskRetried {
            task,
            because,
            failures,
            failures_max,
        } => {
            format!("{task} {because}, tried again: {failures} of {failures_max} failures")
        }
        EventKind::SpeculationStarted { task, because } => {
            format!("{task} is slow: {because}")
        }
        EventKind::TaskSetWaiting {
            stage,
            attempt,
            because,
        } if !matches!(because, WaitReason::NoFreeCore | WaitReason::NoExecutor) => {
            format!("{stage}.{attempt} waits: {because}")
        }
        EventKind::ExecutorExcluded {
            executor,
            stage,
            failures,
            ..
        } => {
            let by = excluder(*stage);
            format!("{executor} excluded by {by}: {failures} tasks failed there")
        }
        EventKind::HostExcluded {
            host,
            stage,
            executors,
            ..
        } => {
            let by = excluder(*stage);
            format!("{host} excluded by {by}: {executors} of its executors are")
        }
        EventKind::ExecutorReadmitted { executor } => format!("{executor} readmitted"),
        EventKind::HostReadmitted { host } => format!("{host} readmitted"),
        EventKind::TaskSetUnschedulable {
            stage,
            attempt,
            partition,
            ..
        } => {
            format!("{stage}.{attempt}: partition {partition} may run nowhere")
        }
        EventKind::TaskSetSchedulable { stage, attempt } => {
            format!("{stage}.{attempt} may go on")
        }
        EventKind::ExecutorDecommissioned { executor, .. } => {
            format!("{executor} decommissioned")
        }
        _ => return None,
    })
}

fn excluder(stage: Option<(StageId, u32)>) -> String {
    match stage {
        Some((stage, attempt)) => format!("{stage}.{attempt}"),
        None => "the application".to_owned(),
    }
}

fn ordered(action: &Action) -> String {
    match action {
        Action::LaunchTask {
            executor,
            task: Task { attempt, name, .. },
        } => {
            format!("launch {attempt} {name} on {executor}")
        }
        Action::KillTask {
            attempt, reason, ..
        } => format!("kill {attempt}: {reason}"),
        Action::AcceptResult {
            job,
            partition,
            attempt,
        } => {
            format!("accept {partition} of {job} from {attempt}")
        }
        Action::CountAccumulators {
            job,
            stage,
            partition,
            attempt,
        } => {
            format!("count {partition} of {stage} for {job} from {attempt}")
        }
        Action::RegisterMapOutput {
            shuffle,
            partition,
            attempt,
            ..
        } => {
            format!("register {partition} of {shuffle} from {attempt}")
        }
        Action::GrantCommit { attempt } => format!("grant {attempt}"),
        Action::DenyCommit { attempt } => format!("deny {attempt}"),
        Action::AcceptStatistics { job, statistics } => {
            let (shuffle, bytes) = (statistics.shuffle, &statistics.bytes);
            format!("accept sizes of {shuffle} for {job}: {bytes:?}")
        }
        Action::KillExecutor {
            executor,
            decommission,
            reason,
        } => {
            let how = if *decommission { ", in good order" } else { "" };
            format!("give back {executor}{how}: {reason}")
        }
        Action::FinishJob { job } => format!("finish {job}"),
        Action::FailJob { failure, .. } => format!("fail {failure}"),
        Action::RemoveShuffle(shuffle) => format!("remove {shuffle}"),
        Action::CopyBlock {
            executor,
            rdd,
            partition,
        } => format!("copy {partition} of {rdd} to {executor}"),
        Action::RemoveBlocks(rdd) => format!("remove blocks of {rdd}"),
        Action::ReleaseImage(image) => format!("release image {}", image.0[0]),
    }
}
