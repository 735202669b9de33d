//! Shows how far a run is, on stderr: a bar for each stage on a terminal, plain lines elsewhere, then a summary.
//!
//! What it shows comes from the scheduler's events and from nowhere else. Stages too short to be followed
//! by eye get no bar, and no flood of lines.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, IsTerminal as _, Write};
use std::sync::Arc;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use scheduler::event::EventKind;
use scheduler::memory::Pool;
use scheduler::progress::{StageProgress, StageState};
use scheduler::{Event, Outcome, Progress, StageId, TaskFailure, TaskMetrics, TaskName, Time};

use crate::units::{bytes, count, time};

mod executors;

use executors::Executors;

/// A stage shows once it has run this long.
const SHOWN_AFTER: Duration = Duration::from_millis(300);
/// How often bars are drawn anew.
const DRAWN_EVERY: Duration = Duration::from_millis(60);
/// Lines about short stages and about retries stop after so many, each.
const LINES_MAX: u32 = 40;

/// How a run is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// A bar for each stage, on a terminal.
    Bars,
    /// A line for each stage.
    Lines,
    /// Nothing but what fails.
    Quiet,
}

impl Look {
    /// Chooses by the options and by what stderr is.
    pub fn choose(quiet: bool, no_progress: bool) -> Self {
        match (quiet, no_progress || !io::stderr().is_terminal()) {
            (true, _) => Self::Quiet,
            (false, true) => Self::Lines,
            (false, false) => Self::Bars,
        }
    }
}

/// Shows a run while it goes on.
pub struct Display {
    look: Look,
    view: Progress,
    screen: Screen,
    bars: BTreeMap<StageId, ProgressBar>,
    /// Where lines go.
    out: Box<dyn Write + Send>,
    /// Stages whose beginning has been told.
    told: BTreeSet<StageId>,
    stage_lines: u32,
    retry_lines: u32,
    executors: Executors,
    /// The latest failure, for the event that says what follows from it.
    failure: Option<(TaskName, Arc<TaskFailure>)>,
    drawn: Time,
}

impl std::fmt::Debug for Display {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Display")
            .field("look", &self.look)
            .field("view", &self.view)
            .finish_non_exhaustive()
    }
}

/// The terminal that the bars share with everything else that is printed. Clones are the same screen.
#[derive(Clone, Debug)]
pub struct Screen(MultiProgress);

impl Screen {
    /// Prints without being overdrawn: takes the bars away, calls `print`, and draws them again.
    pub fn print<T>(&self, print: impl FnOnce() -> T) -> T {
        self.0.suspend(print)
    }
}

impl Display {
    /// Begins to show a run on stderr.
    pub fn new(look: Look) -> Self {
        let target = if look == Look::Bars {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        Self::onto(look, target, Box::new(io::stderr()))
    }

    fn onto(look: Look, target: ProgressDrawTarget, out: Box<dyn Write + Send>) -> Self {
        Self {
            look,
            view: Progress::default(),
            screen: Screen(MultiProgress::with_draw_target(target)),
            bars: BTreeMap::new(),
            out,
            told: BTreeSet::new(),
            stage_lines: 0,
            retry_lines: 0,
            executors: Executors::default(),
            failure: None,
            drawn: Time::START,
        }
    }

    /// Returns the screen, through which the program's own output must go while bars are drawn.
    pub fn screen(&self) -> Screen {
        self.screen.clone()
    }

    /// Returns what has been counted so far.
    pub fn view(&self) -> &Progress {
        &self.view
    }

    /// Takes in events, in order.
    pub fn take_all(&mut self, events: &[Event]) {
        for event in events {
            self.take(event);
        }
    }

    /// Takes in one event; events come in order. Cheap enough for each of a hundred thousand a second.
    pub fn take(&mut self, event: &Event) {
        self.view.take(event);
        match &event.kind {
            EventKind::TaskEnded {
                task,
                outcome: Outcome::Failed(failure),
                ..
            } => {
                self.failure = Some((*task, failure.clone()));
            }
            EventKind::TaskRetried {
                task,
                because,
                failures,
                failures_max,
            } => {
                let words = self.failure.take().filter(|(failed, _)| failed == task);
                let words = words
                    .map(|(_, failure)| format!(": {failure}"))
                    .unwrap_or_default();
                self.tell_retry(&format!(
                    "{task} {because}{words}; trying again (failure {failures} of {failures_max})"
                ));
            }
            EventKind::MapOutputsLost {
                shuffle,
                outputs,
                because,
            } => {
                let outputs = count((*outputs).into(), "map output");
                self.tell_retry(&format!("{because}; making {outputs} of {shuffle} again"));
            }
            EventKind::StageCompleted { stage, .. } => self.end_stage(*stage),
            EventKind::ExecutorAdded { .. }
            | EventKind::ExecutorRemoved { .. }
            | EventKind::ExecutorDecommissioned { .. }
            | EventKind::ExecutorsAwaited { .. }
            | EventKind::ApplicationEnded => self.tell_of_executors(&event.kind),
            EventKind::JobEnded { .. } => self.draw(),
            _ => {}
        }
        self.tick(event.at);
    }

    /// Draws anew if it is time to. Call it now and then where no events come.
    pub fn tick(&mut self, now: Time) {
        if self.look == Look::Quiet || now.since(self.drawn) < DRAWN_EVERY {
            return;
        }
        self.drawn = now;
        let long = |stage: &&StageProgress| now.since(stage.since) >= SHOWN_AFTER;
        let fresh: Vec<StageProgress> = self
            .view
            .active()
            .filter(long)
            .filter(|stage| !self.told.contains(&stage.info.stage))
            .cloned()
            .collect();
        for stage in fresh {
            self.told.insert(stage.info.stage);
            self.begin_stage(&stage);
        }
        self.draw();
    }

    /// Ends the drawing: takes the bars away.
    pub fn finish(&mut self) {
        for (_, bar) in std::mem::take(&mut self.bars) {
            bar.finish_and_clear();
        }
    }

    fn begin_stage(&mut self, stage: &StageProgress) {
        if self.look == Look::Lines {
            return self.line(&format!(
                "{}: {}",
                title(stage),
                count(stage.info.tasks.into(), "task")
            ));
        }
        let bar = self
            .screen
            .0
            .add(ProgressBar::new(stage.info.partitions.into()));
        bar.set_style(style());
        bar.set_prefix(title(stage));
        self.bars.insert(stage.info.stage, bar);
    }

    /// Says that a stage has ended, if its beginning was told or there is room for one more line.
    fn end_stage(&mut self, stage: StageId) {
        if let Some(bar) = self.bars.remove(&stage) {
            bar.finish_and_clear();
        }
        let told = self.told.remove(&stage);
        if self.look != Look::Lines || !(told || self.stage_lines < LINES_MAX) {
            return;
        }
        let Some(stage) = self.view.stages.get(&stage) else {
            return;
        };
        let line = ended(stage, self.view.now);
        self.line(&line);
        if !told {
            self.stage_lines += 1;
            if self.stage_lines == LINES_MAX {
                self.line("further short stages are counted, not shown");
            }
        }
    }

    fn tell_retry(&mut self, line: &str) {
        if self.retry_lines < LINES_MAX {
            self.retry_lines += 1;
            self.line(line);
            if self.retry_lines == LINES_MAX {
                self.line("further retries are counted, not shown");
            }
        }
    }

    fn tell_of_executors(&mut self, event: &EventKind) {
        if let Some(line) = self.executors.line(event)
            && self.look != Look::Quiet
        {
            self.line(&line);
        }
    }

    /// A terminal that has gone away must not end the run.
    fn line(&mut self, line: &str) {
        let Self { screen, out, .. } = self;
        let _ = screen.print(|| writeln!(out, "{line}"));
    }

    fn draw(&mut self) {
        for (stage, bar) in &self.bars {
            let Some(stage) = self.view.stages.get(stage) else {
                continue;
            };
            bar.set_position(stage.done.into());
            bar.set_message(activity(stage));
        }
        // A stage without a place in the view belongs to no running job any more.
        let view = &self.view;
        self.bars.retain(|stage, bar| {
            let kept = view.stages.contains_key(stage);
            if !kept {
                bar.finish_and_clear();
            }
            kept
        });
        self.told.retain(|stage| view.stages.contains_key(stage));
    }
}

fn style() -> ProgressStyle {
    let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let template = if plain {
        "{prefix} [{bar:30}] {pos}/{len} {msg}"
    } else {
        "{prefix} [{bar:30.cyan}] {pos}/{len} {msg}"
    };
    ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("=> ")
}

/// Names a stage by what the program's author wrote: `stage-1 reduce_by_key at src/lib.rs:12`.
fn title(stage: &StageProgress) -> String {
    let info = &stage.info;
    let again = if info.attempt > 0 {
        format!(" (attempt {})", info.attempt + 1)
    } else {
        String::new()
    };
    format!("{} {} at {}{again}", info.stage, info.name, info.call_site)
}

fn activity(stage: &StageProgress) -> String {
    let failed = if stage.failed > 0 {
        format!(", {} failed", stage.failed)
    } else {
        String::new()
    };
    format!("{} running{failed}", stage.running)
}

fn ended(stage: &StageProgress, now: Time) -> String {
    let failed = if stage.failed > 0 {
        format!(", {} failed", count(stage.failed.into(), "attempt"))
    } else {
        String::new()
    };
    let done = format!("{}/{} done", stage.done, stage.info.partitions);
    let how = if stage.state == StageState::Failed {
        format!("failed, {done}")
    } else {
        done
    };
    format!(
        "{}: {how} in {}{failed}",
        title(stage),
        time(now.since(stage.since))
    )
}

/// Returns the lines that end a run.
pub fn summary(view: &Progress) -> String {
    let totals = &view.totals;
    let metrics = &totals.metrics;
    let note = |count: u64, word: &str| {
        if count > 0 {
            format!(" ({count} {word})")
        } else {
            String::new()
        }
    };
    let written = if metrics.bytes_written > 0 {
        format!(", wrote {}", bytes(metrics.bytes_written))
    } else {
        String::new()
    };
    let spilled = if metrics.spilled_bytes > 0 {
        format!(
            ", spilled {} in {}",
            bytes(metrics.spilled_bytes),
            count(metrics.spills, "run")
        )
    } else {
        String::new()
    };
    format!(
        "{}{}, {}{}, {} in {}{}\nread {}, shuffled {}{spilled}, results {}{written}, {}\n{}",
        count(totals.jobs.into(), "job"),
        note(totals.jobs_failed.into(), "failed"),
        count(totals.stages.into(), "stage"),
        note(totals.stages_skipped.into(), "skipped"),
        count(totals.tasks, "task"),
        count(totals.attempts, "attempt"),
        note(totals.failures, "failed"),
        bytes(metrics.bytes_read),
        bytes(metrics.shuffle_write_bytes),
        bytes(metrics.result_bytes),
        time(view.elapsed()),
        memory(metrics),
    )
}

/// The line on memory, where there was a task.
fn memory(metrics: &TaskMetrics) -> String {
    let pools = [
        (Pool::Blocks, metrics.blocks_peak_bytes),
        (Pool::Images, metrics.images_peak_bytes),
        (Pool::Transfers, metrics.transfers_peak_bytes),
    ];
    // A task that ran was forked off an image, so there is one at least.
    let pools: Vec<String> = pools
        .iter()
        .filter(|(_, peak)| *peak > 0)
        .map(|(pool, peak)| format!("{pool} {}", bytes(*peak)))
        .collect();
    if pools.is_empty() {
        return String::new();
    }
    format!(
        "memory at most: a task {}; an executor's {}\n",
        bytes(metrics.peak_memory_bytes),
        pools.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use scheduler::event::{JobResult, Locality, StageInfo, StageKind};
    use scheduler::{
        AttemptId, ExecutorId, FailureKind, ImageId, JobId, RddId, ShuffleId, TaskMetrics,
    };
    use std::sync::Mutex;

    /// What a display has written.
    #[derive(Clone, Default)]
    struct Page(Arc<Mutex<Vec<u8>>>);

    impl Write for Page {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Page {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    fn display(look: Look) -> (Display, Page) {
        let page = Page::default();
        (
            Display::onto(look, ProgressDrawTarget::hidden(), Box::new(page.clone())),
            page,
        )
    }

    fn millis(millis: u64) -> Time {
        Time::from_micros(millis * 1000)
    }

    fn info(stage: u32, tasks: u32) -> StageInfo {
        let names = ["flat_map", "collect"];
        StageInfo {
            stage: StageId(stage),
            attempt: 0,
            kind: StageKind::Result { job: JobId(0) },
            rdd: RddId(stage),
            name: names[stage as usize % 2].into(),
            call_site: format!("src/lib.rs:{}", 10 + stage).into(),
            partitions: tasks,
            tasks,
            parents: vec![],
        }
    }

    fn task(stage: u32, partition: u32, attempt: u32) -> TaskName {
        TaskName {
            stage: StageId(stage),
            stage_attempt: 0,
            partition,
            attempt,
        }
    }

    fn started(name: TaskName) -> EventKind {
        EventKind::TaskStarted {
            task: name,
            attempt: AttemptId(0),
            executor: ExecutorId(0),
            locality: Locality::default(),
            speculative: false,
        }
    }

    fn ended_with(name: TaskName, outcome: Outcome) -> EventKind {
        let metrics = TaskMetrics {
            bytes_read: 1 << 20,
            shuffle_write_bytes: 1 << 10,
            result_bytes: 16,
            peak_memory_bytes: 9 << 20,
            images_peak_bytes: 3 << 20,
            ..TaskMetrics::default()
        };
        EventKind::TaskEnded {
            task: name,
            attempt: AttemptId(0),
            executor: ExecutorId(0),
            outcome,
            metrics,
        }
    }

    fn job(stages: &[StageInfo]) -> EventKind {
        EventKind::JobStarted {
            job: JobId(0),
            name: "collect".into(),
            call_site: "src/lib.rs:11".into(),
            stages: stages.to_vec(),
            group: None,
            tags: Vec::new(),
        }
    }

    fn submitted(info: &StageInfo) -> EventKind {
        EventKind::StageSubmitted {
            info: info.clone(),
            image: ImageId([0; 32]),
            jobs: vec![JobId(0)],
        }
    }

    fn completed(stage: u32) -> EventKind {
        EventKind::StageCompleted {
            stage: StageId(stage),
            attempt: 0,
            failure: None,
        }
    }

    /// A job of a skipped stage and one of two tasks, the first of which fails once.
    fn story(step: u64) -> Vec<Event> {
        let (map, result) = (info(0, 8), info(1, 2));
        let failure: Outcome =
            TaskFailure::new(FailureKind::Panicked, "index out of bounds").into();
        let retried = EventKind::TaskRetried {
            task: task(1, 0, 0),
            because: FailureKind::Panicked,
            failures: 1,
            failures_max: 4,
        };
        let kinds = [
            EventKind::ApplicationStarted {
                name: "count".into(),
                version: 1,
            },
            job(&[map, result.clone()]),
            EventKind::StageSkipped { stage: StageId(0) },
            submitted(&result),
            started(task(1, 0, 0)),
            started(task(1, 1, 0)),
            ended_with(task(1, 0, 0), failure),
            retried,
            started(task(1, 0, 1)),
            ended_with(task(1, 1, 0), Outcome::Succeeded),
            ended_with(task(1, 0, 1), Outcome::Succeeded),
            completed(1),
            EventKind::JobEnded {
                job: JobId(0),
                result: JobResult::Succeeded,
            },
            EventKind::ApplicationEnded,
        ];
        kinds
            .into_iter()
            .zip(0..)
            .map(|(kind, number)| Event {
                at: millis(number * step),
                kind,
            })
            .collect()
    }

    fn told(look: Look, events: &[Event]) -> String {
        let (mut display, page) = display(look);
        for event in events {
            display.take(event);
        }
        display.finish();
        page.text()
    }

    #[test]
    fn a_long_stage_has_a_line_at_each_end_and_a_short_one_at_its_own() {
        insta::assert_snapshot!(format!(
            "{}---\n{}",
            told(Look::Lines, &story(250)),
            told(Look::Lines, &story(2))
        ));
    }

    #[test]
    fn quiet_still_tells_of_retries() {
        assert_eq!(
            told(Look::Quiet, &story(250)),
            "stage-1.0/task-0.0 panicked: index out of bounds; trying again (failure 1 of 4)\n"
        );
    }

    #[test]
    fn lost_map_outputs_are_told_of() {
        let lost = EventKind::MapOutputsLost {
            shuffle: ShuffleId(3),
            outputs: 2,
            because: "executor-1 was lost".into(),
        };
        let lost = Event {
            at: millis(1),
            kind: lost,
        };
        assert_eq!(
            told(Look::Lines, &[lost]),
            "executor-1 was lost; making 2 map outputs of shuffle-3 again\n"
        );
    }

    #[test]
    fn only_a_long_stage_gets_a_bar_and_loses_it_at_its_end() {
        let bars = |step| {
            let (mut display, _) = display(Look::Bars);
            let counts = story(step).into_iter().map(|event| {
                display.take(&event);
                display.bars.len()
            });
            counts.collect::<Vec<_>>()
        };
        assert_eq!(bars(250), [0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 0, 0, 0]);
        assert_eq!(bars(2), [0; 14]);
    }

    #[test]
    fn a_bar_says_where_its_stage_stands() {
        let (mut display, _) = display(Look::Bars);
        for event in &story(250)[..10] {
            display.take(event);
        }
        display.tick(millis(60_000));
        let bar = &display.bars[&StageId(1)];
        assert_eq!(
            (bar.prefix(), bar.position(), bar.length()),
            ("stage-1 collect at src/lib.rs:11".into(), 1, Some(2))
        );
        assert_eq!(bar.message(), "1 running, 1 failed");
    }

    #[test]
    fn a_stage_without_events_shows_by_the_tick() {
        let (mut display, _) = display(Look::Bars);
        for event in &story(0)[..6] {
            display.take(event);
        }
        assert!(display.bars.is_empty());
        display.tick(millis(400));
        assert_eq!(display.bars.len(), 1);
    }

    #[test]
    fn many_short_stages_are_no_flood() {
        let (mut display, page) = display(Look::Lines);
        for number in 0..1000 {
            let stage = info(number, 1);
            for kind in [
                job(std::slice::from_ref(&stage)),
                submitted(&stage),
                completed(number),
            ] {
                display.take(&Event {
                    at: millis(u64::from(number)),
                    kind,
                });
            }
        }
        assert_eq!(page.text().lines().count(), LINES_MAX as usize + 1);
        assert!(page.text().ends_with("counted, not shown\n"));
    }

    #[test]
    fn a_summary_counts_everything() {
        let mut view = Progress::default();
        assert_eq!(
            summary(&view),
            "0 jobs, 0 stages, 0 tasks in 0 attempts\nread 0 B, shuffled 0 B, results 0 B, 0 µs\n"
        );
        for event in story(250) {
            view.take(&event);
        }
        insta::assert_snapshot!(summary(&view));
    }
}
