//! What happened, in lines for people.

use std::fmt::Display;

use scheduler::Time;

/// The lines of a run. An ordinary run keeps none: writing them takes longer than the run.
#[derive(Debug, Default)]
pub(crate) struct Trace {
    lines: Option<Vec<String>>,
}

impl Trace {
    pub(crate) fn kept() -> Self {
        Self {
            lines: Some(Vec::new()),
        }
    }

    /// Adds a line, which is made only where lines are kept.
    pub(crate) fn line<D: Display>(&mut self, now: Time, line: impl FnOnce() -> D) {
        if let Some(lines) = &mut self.lines {
            lines.push(format!("{now} {}", shorten(&line().to_string())));
        }
    }

    pub(crate) fn lines(&self) -> &[String] {
        self.lines.as_deref().unwrap_or_default()
    }
}

/// Debug text of messages, with names as people write them.
fn shorten(text: &str) -> String {
    const NAMES: [(&str, &str); 12] = [
        ("ApplicationId { epoch: Epoch(", "app-"),
        ("DriverId { epoch: Epoch(", "driver-"),
        ("ImageId(", "image-"),
        ("ExecutorId(", "executor-"),
        ("AttemptId(", "attempt-"),
        ("StageId(", "stage-"),
        ("JobId(", "job-"),
        ("RddId(", "rdd-"),
        ("ShuffleId(", "shuffle-"),
        ("WorkerId(", "worker-"),
        ("Epoch(", "epoch-"),
        ("SubmissionKey(", "submission-"),
    ];
    let mut short = without(text, ", metrics: TaskMetrics {");
    short = without(&short, ", application: ApplicationSpec {");
    short = without(&short, ", spec: DriverSpec {");
    for (name, prefix) in NAMES {
        short = renamed(&short, name, prefix);
    }
    short
}

/// Leaves out the first structure that begins like this; none is in it.
fn without(text: &str, structure: &str) -> String {
    match text.split_once(structure) {
        Some((before, inside)) => {
            let after = inside.split_once('}').map_or("", |(_, after)| after);
            before.to_owned() + after
        }
        None => text.to_owned(),
    }
}

/// Writes `JobId(3)` as `job-3`, and `DriverId { epoch: Epoch(1), number: 2 }` as `driver-1-2`.
fn renamed(text: &str, name: &str, prefix: &str) -> String {
    let mut parts = text.split(name);
    let mut short = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (number, rest) = part.split_once(')').unwrap_or((part, ""));
        short = short + prefix + number;
        match rest
            .strip_prefix(", number: ")
            .and_then(|rest| rest.split_once(" }"))
        {
            Some((number, rest)) => short = short + "-" + number + rest,
            None => short += rest,
        }
    }
    short
}
