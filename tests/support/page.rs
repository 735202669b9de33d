//! A page of documentation as something that can be done: files to write, commands to type, and what these print.
//!
//! A fenced block of `console` has commands, each behind `$ `, and what they print. A fenced block whose first line names
//! a file behind the language (```` ```rust job/src/lib.rs ````) is that file. Other blocks are for the eye alone.

use std::collections::VecDeque;

/// Stands for lines that the page leaves out.
const GAP: &str = "...";

/// How the line begins that tells of memory: what was there at the same time, and how much of it, is chance.
const MEMORY: &str = "memory at most: ";

/// Something to do.
pub(crate) enum Step {
    /// Write a file.
    File { path: String, text: String },
    /// Type a command.
    Command(Command),
}

/// A command and what it is to print.
pub(crate) struct Command {
    /// The line of the page.
    pub(crate) line: usize,
    pub(crate) typed: String,
    pub(crate) prints: Vec<String>,
}

/// What a command has printed, and how it has ended.
#[derive(Clone, Debug, Default)]
pub(crate) struct Printed {
    pub(crate) out: Vec<String>,
    pub(crate) err: Vec<String>,
    pub(crate) code: i32,
}

/// What a page asks for, in order.
pub(crate) fn steps(page: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut lines = page.lines().zip(1..);
    while let Some((line, _)) = lines.next() {
        let Some(info) = line.strip_prefix("```") else {
            continue;
        };
        let block = lines.by_ref().take_while(|(line, _)| *line != "```");
        let block: Vec<_> = block.collect();
        match info.split_whitespace().collect::<Vec<_>>()[..] {
            ["console"] => commands(&block, &mut steps),
            [_, path] => {
                let text = block.iter().map(|(line, _)| format!("{line}\n"));
                let (path, text) = (path.to_owned(), text.collect());
                steps.push(Step::File { path, text });
            }
            _ => {}
        }
    }
    steps
}

/// The commands of a block. A line behind `> ` goes on with the command.
fn commands(block: &[(&str, usize)], steps: &mut Vec<Step>) {
    for (line, number) in block {
        if let Some(typed) = line.strip_prefix("$ ") {
            steps.push(Step::Command(Command {
                line: *number,
                typed: typed.to_owned(),
                prints: Vec::new(),
            }));
            continue;
        }
        let Some(Step::Command(command)) = steps.last_mut() else {
            panic!("line {number}: a block of commands begins with one");
        };
        match line.strip_prefix("> ") {
            Some(more) if command.prints.is_empty() => {
                command.typed = format!("{}\n{more}", command.typed);
            }
            _ => command.prints.push((*line).to_owned()),
        }
    }
}

impl Command {
    /// Whether it goes on in the background. The page must show all that it prints at first: that is waited for.
    pub(crate) fn stays(&self) -> bool {
        let stays = self.typed.ends_with('&');
        let leaves_out = self.prints.iter().any(|line| line == GAP);
        assert!(
            !stays || !leaves_out,
            "line {}: when is it done?",
            self.line
        );
        stays
    }

    /// Whether the page shows that it fails.
    pub(crate) fn fails(&self) -> bool {
        self.prints.iter().any(|line| line.starts_with("error: "))
    }

    /// Whether this is what it is to print: the lines of both streams, each in their order. How the two mix is nobody's
    /// promise.
    pub(crate) fn is_met_by(&self, printed: &Printed) -> bool {
        let mut streams = [&printed.out, &printed.err].map(|lines| Rest {
            lines: lines.iter().map(|line| neutral(line)).collect(),
            gap: false,
        });
        for line in &self.prints {
            if line == GAP {
                streams.iter_mut().for_each(|rest| rest.gap = true);
                continue;
            }
            let line = neutral(line);
            if !streams.iter_mut().any(|rest| rest.take(&line)) {
                return false;
            }
        }
        let mut ends = streams.iter();
        ends.all(|rest| rest.gap || rest.lines.is_empty())
    }
}

/// What is left of a stream.
struct Rest {
    lines: VecDeque<String>,
    /// Lines may be left out.
    gap: bool,
}

impl Rest {
    /// Takes a line away, with those before it that may be left out.
    fn take(&mut self, line: &str) -> bool {
        let reach = if self.gap { self.lines.len() } else { 1 };
        let Some(at) = self.lines.iter().take(reach).position(|one| one == line) else {
            return false;
        };
        self.lines.drain(..=at);
        self.gap = false;
        true
    }
}

/// A line without what no two runs have alike: times, dates, ports, ids of workers, how much memory each pool has had at
/// most, and how wide columns are.
pub(crate) fn neutral(line: &str) -> String {
    if line.starts_with(MEMORY) {
        return MEMORY.to_owned();
    }
    let words: Vec<&str> = line.split(' ').filter(|word| !word.is_empty()).collect();
    let mut neutral = Vec::with_capacity(words.len());
    let mut words = words.into_iter().peekable();
    while let Some(word) = words.next() {
        let unit = words.peek().is_some_and(|next| is_unit_of_time(next));
        if unit && is_number(word) {
            let unit = words.next().unwrap_or_default();
            neutral.push(format!("TIME{}", end_of(unit)));
        } else {
            neutral.push(neutral_word(word));
        }
    }
    neutral.join(" ")
}

fn neutral_word(word: &str) -> String {
    let bare = word.trim_end_matches(is_mark);
    let end = end_of(word);
    let is_date = bare.ends_with('Z') && bare.find('T') == Some(10);
    if is_date {
        return format!("DATE{end}");
    }
    if bare.strip_suffix('s').is_some_and(is_number) {
        return format!("TIME{end}");
    }
    if bare.strip_prefix("worker-").is_some_and(is_id) {
        return format!("worker-ID{end}");
    }
    match bare.rsplit_once(':') {
        // The master's is the one that is always the same.
        Some((host, port)) if host.ends_with("127.0.0.1") && port != "7077" => {
            format!("{host}:PORT{end}")
        }
        _ => word.to_owned(),
    }
}

fn is_mark(letter: char) -> bool {
    ",.;:)".contains(letter)
}

fn end_of(word: &str) -> &str {
    &word[word.trim_end_matches(is_mark).len()..]
}

fn is_unit_of_time(word: &str) -> bool {
    ["µs", "ms", "s"].contains(&word.trim_end_matches(is_mark))
}

fn is_number(word: &str) -> bool {
    !word.is_empty() && word.chars().all(|c| c.is_ascii_digit() || c == '.')
}

fn is_id(word: &str) -> bool {
    word.len() == 16 && word.chars().all(|c| c.is_ascii_hexdigit())
}
