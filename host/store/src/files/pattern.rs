//! Patterns of file names, name by name: the same on every kind of store.

use glob::{MatchOptions, Pattern};

use crate::{Error, Result};

/// One name of a pattern's path.
#[derive(Clone, Debug)]
pub(super) enum Name {
    /// `**`: any folders, or none.
    Folders,
    /// Any of these.
    Any(Vec<Pattern>),
}

impl Name {
    /// Whether it is one of these. A hidden name must be named: `_*` is `_temporary`, `*` is not.
    pub(super) fn matches(&self, name: &str) -> bool {
        let options = MatchOptions {
            require_literal_leading_dot: true,
            ..MatchOptions::default()
        };
        match self {
            Self::Folders => !name.starts_with('.'),
            Self::Any(patterns) => patterns.iter().any(|pattern| {
                let is_named = !name.starts_with('_') || pattern.as_str().starts_with('_');
                is_named && pattern.matches_with(name, options)
            }),
        }
    }
}

/// Whether there are wildcards in a path.
pub(super) fn is_pattern(path: &str) -> bool {
    path.contains(['*', '?', '[', '{'])
}

/// Cuts a path before the first name that has a wildcard: the folder, and the names below it.
///
/// # Errors
///
/// If it is not a pattern.
pub(super) fn cut(path: &str) -> Result<(&str, Vec<Name>)> {
    let first = path.find(['*', '?', '[', '{']).unwrap_or(path.len());
    let (folder, below) = match path[..first].rfind('/') {
        Some(0) => ("/", &path[1..]),
        Some(slash) => (&path[..slash], &path[slash + 1..]),
        None => ("", path),
    };
    let names = below.split('/').filter(|name| !name.is_empty());
    Ok((folder, names.map(name).collect::<Result<_>>()?))
}

fn name(text: &str) -> Result<Name> {
    if text == "**" {
        return Ok(Name::Folders);
    }
    if text == ".." {
        return Err(Error::Invalid("a pattern may not go back with `..`".into()));
    }
    let pattern = |text: String| {
        Pattern::new(&text)
            .map_err(|error| Error::Invalid(format!("`{text}` is not a pattern: {error}")))
    };
    let patterns = alternatives(text).into_iter().map(pattern);
    Ok(Name::Any(patterns.collect::<Result<_>>()?))
}

/// `{a,b}c` as `ac` and `bc`. Braces may follow each other, and do not nest.
fn alternatives(text: &str) -> Vec<String> {
    let Some((before, rest)) = text.split_once('{') else {
        return vec![text.to_owned()];
    };
    let Some((choices, after)) = rest.split_once('}') else {
        return vec![text.to_owned()];
    };
    let ends = alternatives(after);
    choices
        .split(',')
        .flat_map(|choice| ends.iter().map(move |end| format!("{before}{choice}{end}")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_cut_before_its_first_wildcard() {
        let parts = |path| {
            let (folder, names) = cut(path).unwrap();
            (folder.to_owned(), names.len())
        };
        assert_eq!(parts("/data/a*/b"), ("/data".into(), 2));
        assert_eq!(parts("/*.txt"), ("/".into(), 1));
        assert_eq!(parts("*.txt"), (String::new(), 1));
        assert_eq!(parts("in/**/x?.gz"), ("in".into(), 2));
    }

    #[test]
    fn braces_are_alternatives() {
        assert_eq!(
            alternatives("{a,b}-{1,2}.t"),
            ["a-1.t", "a-2.t", "b-1.t", "b-2.t"]
        );
        assert_eq!(alternatives("a{b"), ["a{b"]);
        let Name::Any(patterns) = name("log-{2024,2025}-*.gz").unwrap() else {
            panic!("not a name")
        };
        assert_eq!(patterns.len(), 2);
        assert!(
            name("log-{2024,2025}-*.gz")
                .unwrap()
                .matches("log-2025-01.gz")
        );
    }

    #[test]
    fn a_broken_pattern_is_refused() {
        assert!(cut("/data/[a").is_err());
        assert!(cut("/data/*/../x").is_err());
    }
}
