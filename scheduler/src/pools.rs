//! How the cores of one application are shared among pools, as its user says it (Spark: `fairscheduler.xml`,
//! `FairSchedulableBuilder`).
//!
//! What is not understood is not used: a value that makes no sense leaves the default and a warning, a file that
//! is no XML is an error.

use std::fmt;
use std::sync::Arc;

/// In which order a pool serves what is in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// The earlier job first.
    #[default]
    Fifo,
    /// Whoever runs the least for its share.
    Fair,
}

/// A pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolSpec {
    /// What jobs call it.
    pub name: Arc<str>,
    /// The pool that it is in; none: the root.
    pub parent: Option<Arc<str>>,
    /// How it serves its own tasks.
    pub mode: Mode,
    /// Its part of the cores, compared with the other pools' (`weight`); 0 counts as 1.
    pub weight: u32,
    /// Cores that it gets before others share the rest (`minShare`).
    pub min_share: u32,
}

impl PoolSpec {
    /// A pool about which nothing was said.
    pub fn named(name: &str) -> Self {
        Self {
            name: name.into(),
            parent: None,
            mode: Mode::Fifo,
            weight: 1,
            min_share: 0,
        }
    }
}

/// What an allocation file says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Allocation {
    /// The pools, each after the one that it is in.
    pub pools: Vec<PoolSpec>,
    /// What was not understood, in words.
    pub warnings: Vec<String>,
}

/// Why a text is no allocation file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllocationError {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong there.
    pub reason: String,
}

impl fmt::Display for AllocationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.reason)
    }
}

impl std::error::Error for AllocationError {}

/// One tag, or the text before the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Piece<'a> {
    Open(&'a str),
    Close(&'a str),
    Empty(&'a str),
    Text(&'a str),
}

/// Reads an allocation file. Pools may contain pools.
pub fn read(text: &str) -> Result<Allocation, AllocationError> {
    let mut reader = Reader::default();
    let mut rest = text;
    while let Some((piece, after)) = next(rest).map_err(|reason| error(text, rest, reason))? {
        reader
            .take(piece)
            .map_err(|reason| error(text, rest, reason))?;
        rest = after;
    }
    match reader.open.last() {
        Some(tag) => Err(error(text, "", format!("<{tag}> is not closed"))),
        None => Ok(reader.allocation),
    }
}

fn error(text: &str, rest: &str, reason: String) -> AllocationError {
    let read = &text[..text.len() - rest.len()];
    AllocationError {
        line: 1 + read.matches('\n').count(),
        reason,
    }
}

/// Splits off the next piece, past comments and declarations.
fn next(mut text: &str) -> Result<Option<(Piece<'_>, &str)>, String> {
    loop {
        text = text.trim_start();
        let (start, end) = match text {
            "" => return Ok(None),
            _ if text.starts_with("<!--") => ("<!--", "-->"),
            _ if text.starts_with("<?") => ("<?", "?>"),
            _ if text.starts_with("<!") => ("<!", ">"),
            _ => break,
        };
        let Some((_, after)) = text[start.len()..].split_once(end) else {
            return Err(format!("{start} is not closed"));
        };
        text = after;
    }
    let Some(tag) = text.strip_prefix('<') else {
        let end = text.find('<').unwrap_or(text.len());
        return Ok(Some((Piece::Text(text[..end].trim_end()), &text[end..])));
    };
    let Some((tag, after)) = tag.split_once('>') else {
        return Err("a tag is not closed".to_owned());
    };
    let piece = if let Some(name) = tag.strip_prefix('/') {
        Piece::Close(name.trim())
    } else if let Some(tag) = tag.strip_suffix('/') {
        Piece::Empty(tag.trim())
    } else {
        Piece::Open(tag.trim())
    };
    Ok(Some((piece, after)))
}

/// Reads the value of the attribute `name` of a pool's tag.
fn name_of(tag: &str) -> Option<&str> {
    let (_, after) = tag.split_once("name")?;
    let quoted = after.trim_start().strip_prefix('=')?.trim_start();
    let quote = quoted
        .chars()
        .next()
        .filter(|quote| matches!(quote, '"' | '\''))?;
    let (name, _) = quoted[1..].split_once(quote)?;
    Some(name.trim()).filter(|name| !name.is_empty())
}

#[derive(Debug, Default)]
struct Reader<'a> {
    allocation: Allocation,
    /// The tags that are open, by name.
    open: Vec<&'a str>,
    /// Where the pools that are open are; none: one without a name, which is left out.
    pools: Vec<Option<usize>>,
}

impl<'a> Reader<'a> {
    fn take(&mut self, piece: Piece<'a>) -> Result<(), String> {
        match piece {
            Piece::Open(tag) => self.begin(tag),
            Piece::Close(name) => self.end(name)?,
            Piece::Empty(tag) => {
                self.begin(tag);
                self.end(word(tag))?;
            }
            Piece::Text(text) => self.value(text)?,
        }
        Ok(())
    }

    fn begin(&mut self, tag: &'a str) {
        self.open.push(word(tag));
        if word(tag) == "pool" {
            let pool = self.pool(tag);
            self.pools.push(pool);
        }
    }

    fn end(&mut self, name: &str) -> Result<(), String> {
        match self.open.pop() {
            Some(open) if open == name => {}
            Some(open) => return Err(format!("<{open}> is closed by </{name}>")),
            None => return Err(format!("</{name}> closes nothing")),
        }
        if name == "pool" {
            self.pools.pop();
        }
        Ok(())
    }

    fn pool(&mut self, tag: &str) -> Option<usize> {
        let Some(name) = name_of(tag) else {
            self.warn("a pool has no name: it is left out".to_owned());
            return None;
        };
        let parent = self.pools.last().copied().flatten();
        let parent = parent.map(|at| self.allocation.pools[at].name.clone());
        self.allocation.pools.push(PoolSpec {
            parent,
            ..PoolSpec::named(name)
        });
        Some(self.allocation.pools.len() - 1)
    }

    fn value(&mut self, text: &str) -> Result<(), String> {
        let Some(tag) = self.open.last().copied() else {
            return Err(format!("`{text}` is outside of every tag"));
        };
        let Some(at) = self.pools.last().copied().flatten() else {
            return Ok(());
        };
        let pool = &mut self.allocation.pools[at];
        let understood = match tag {
            "schedulingMode" => mode(text).map(|mode| pool.mode = mode),
            "weight" => number(text, 1).map(|weight| pool.weight = weight),
            "minShare" => number(text, 0).map(|share| pool.min_share = share),
            _ => None,
        };
        if understood.is_none() {
            let name = pool.name.clone();
            self.warn(format!(
                "pool `{name}`: `{tag}` cannot be `{text}`, the default stays"
            ));
        }
        Ok(())
    }

    fn warn(&mut self, warning: String) {
        self.allocation.warnings.push(warning);
    }
}

fn word(tag: &str) -> &str {
    tag.split_whitespace().next().unwrap_or_default()
}

fn mode(text: &str) -> Option<Mode> {
    match text.to_ascii_uppercase().as_str() {
        "FIFO" => Some(Mode::Fifo),
        "FAIR" => Some(Mode::Fair),
        _ => None,
    }
}

fn number(text: &str, least: u32) -> Option<u32> {
    text.parse().ok().filter(|number| *number >= least)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Settings;

    fn pool(name: &str, mode: Mode, weight: u32, min_share: u32) -> PoolSpec {
        PoolSpec {
            name: name.into(),
            parent: None,
            mode,
            weight,
            min_share,
        }
    }

    #[test]
    fn a_fair_scheduler_file_is_read() {
        let text = r#"<?xml version="1.0"?>
            <!-- two pools -->
            <allocations>
              <pool name="production">
                <schedulingMode>FAIR</schedulingMode>
                <weight>1</weight>
                <minShare>2</minShare>
              </pool>
              <pool name='test'><schedulingMode> FIFO </schedulingMode><weight>2</weight></pool>
              <pool name="bare"/>
            </allocations>"#;
        let allocation = read(text).unwrap();
        assert!(allocation.warnings.is_empty());
        assert_eq!(
            allocation.pools,
            [
                pool("production", Mode::Fair, 1, 2),
                pool("test", Mode::Fifo, 2, 0),
                pool("bare", Mode::Fifo, 1, 0),
            ]
        );
    }

    /// PoolSuite "SPARK-17663: FairSchedulableBuilder sets default values for blank or invalid datas".
    #[test]
    fn blank_or_invalid_values_leave_defaults_and_a_warning() {
        let text = r#"<allocations>
            <pool name="a"><schedulingMode>UPSIDE_DOWN</schedulingMode><weight>x</weight><minShare>-1</minShare></pool>
            <pool name="b"><schedulingMode></schedulingMode><weight> </weight><minShare></minShare></pool>
            <pool name="c"><weight>0</weight></pool>
            <pool><weight>7</weight></pool>
            </allocations>"#;
        let allocation = read(text).unwrap();
        let names = ["a", "b", "c"];
        assert_eq!(allocation.pools, names.map(PoolSpec::named));
        assert_eq!(
            allocation.warnings,
            [
                "pool `a`: `schedulingMode` cannot be `UPSIDE_DOWN`, the default stays",
                "pool `a`: `weight` cannot be `x`, the default stays",
                "pool `a`: `minShare` cannot be `-1`, the default stays",
                "pool `c`: `weight` cannot be `0`, the default stays",
                "a pool has no name: it is left out",
            ]
        );
    }

    #[test]
    fn pools_may_be_in_pools() {
        let text = r#"<pool name="outer"><pool name="inner"/><weight>3</weight></pool>"#;
        let allocation = read(text).unwrap();
        assert_eq!(allocation.pools[0], pool("outer", Mode::Fifo, 3, 0));
        assert_eq!(allocation.pools[1].parent.as_deref(), Some("outer"));
    }

    #[test]
    fn what_is_no_allocation_file_is_refused_with_its_line() {
        let refused = |text| read(text).unwrap_err().to_string();
        assert_eq!(refused("a: 1"), "line 1: `a: 1` is outside of every tag");
        assert_eq!(refused("<a>\n<b></a>"), "line 2: <b> is closed by </a>");
        assert_eq!(refused("<a>\n\n"), "line 3: <a> is not closed");
        assert_eq!(refused("</a>"), "line 1: </a> closes nothing");
        assert_eq!(refused("<a"), "line 1: a tag is not closed");
        assert_eq!(refused("<!-- a"), "line 1: <!-- is not closed");
    }

    /// PoolSuite "Pool should throw IllegalArgumentException when schedulingMode is not supported"; TaskSchedulerImplSuite
    /// "TaskScheduler should throw IllegalArgumentException when schedulingMode is not supported".
    #[test]
    fn a_scheduling_mode_that_is_not_known_is_refused() {
        let refused = Settings::default()
            .set("scheduler.mode", "NONE")
            .unwrap_err();
        assert_eq!(
            refused.to_string(),
            "`scheduler.mode` is one of FIFO, FAIR, and `NONE` is not"
        );
    }
}
