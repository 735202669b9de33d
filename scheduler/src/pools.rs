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
