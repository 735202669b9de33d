//! Where bytes are: a path of this machine, or an object of a store behind a URL.
//!
//! A URL is taken apart here and nowhere else, into a form in which no two texts name the same place: grants compare that
//! form. What could be read in two ways (`..`, `%2e`, an empty name, a user before the host) is resolved or refused.

use std::fmt;
use std::path::{Path, PathBuf};

use url::Url;

use crate::{Error, Result};

/// What an object is asked for by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scheme {
    /// S3, or what speaks like it. `s3a://`, as Hadoop has it, is the same.
    S3,
    /// HTTP without encryption. Read only.
    Http,
    /// HTTP over TLS. Read only.
    Https,
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::S3 => "s3",
            Self::Http => "http",
            Self::Https => "https",
        })
    }
}

/// The name of an object, or of what objects begin with.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ObjectUrl {
    /// How it is asked for.
    pub scheme: Scheme,
    /// The bucket, or the host with its port, if that is not the usual one.
    pub authority: String,
    /// The names below, with `/` between them and at neither end, without escapes. Empty: all.
    pub key: String,
}

impl ObjectUrl {
    /// Whether it is `below`, or below that.
    pub fn is_within(&self, below: &Self) -> bool {
        let rest = self.key.strip_prefix(&below.key);
        self.scheme == below.scheme
            && self.authority == below.authority
            && (below.key.is_empty()
                || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
    }

    /// The object or folder of this name below.
    #[must_use]
    pub fn join(&self, name: &str) -> Self {
        let between = if self.key.is_empty() { "" } else { "/" };
        Self {
            key: format!("{}{between}{name}", self.key),
            ..self.clone()
        }
    }

    /// The same place with another key.
    #[must_use]
    pub fn with_key(&self, key: &str) -> Self {
        Self {
            key: key.to_owned(),
            ..self.clone()
        }
    }
}

impl fmt::Display for ObjectUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, self.authority)?;
        match &*self.key {
            "" => Ok(()),
            key => write!(f, "/{key}"),
        }
    }
}

/// Where bytes are.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Location {
    /// On this machine.
    Local(PathBuf),
    /// Behind a URL.
    Object(ObjectUrl),
}

impl Location {
    /// Takes apart what a program or a user named: `data.txt`, `file:///data.txt`, `s3://bucket/key`, `https://host/name`.
    ///
    /// # Errors
    ///
    /// If it names nothing that can be read or written, or could be understood in two ways.
    pub fn parse(uri: &str) -> Result<Self> {
        match uri.split_once("://") {
            None => local(uri).map(|path| Self::Local(path.into())),
            Some(("file", path)) => Ok(Self::Local(PathBuf::from(path))),
            Some(("s3" | "s3a", rest)) => s3(rest).map(Self::Object),
            Some(("http" | "https", _)) => http(uri).map(Self::Object),
            Some((scheme, _)) => Err(Error::Invalid(format!(
                "`{scheme}://` is not supported; use a local path, `s3://`, or `http://` and `https://` for reading"
            ))),
        }
    }

    /// The local path, if it is one.
    pub fn local(&self) -> Option<&Path> {
        match self {
            Self::Local(path) => Some(path),
            Self::Object(_) => None,
        }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local(path) => path.display().fmt(f),
            Self::Object(url) => url.fmt(f),
        }
    }
}

/// A path without a scheme, or behind `file:`, as Java writes it.
fn local(uri: &str) -> Result<&str> {
    match uri.split_once(":/") {
        Some(("file", _)) => Ok(&uri["file:".len()..]),
        Some((scheme @ ("s3" | "s3a" | "http" | "https"), rest)) => Err(Error::Invalid(format!(
            "`{scheme}:/` has one `/` where two belong; write `{scheme}://{rest}`, or `./{scheme}:/{rest}` for a path"
        ))),
        _ => Ok(uri),
    }
}

/// Whether a text is a URL that [`Location::parse`] takes for one of an object.
pub fn is_object_url(uri: &str) -> bool {
    let scheme = uri.split_once("://").map(|(scheme, _)| scheme);
    matches!(scheme, Some("s3" | "s3a" | "http" | "https"))
}

/// Keys are taken as they are written: S3 has no escapes.
fn s3(rest: &str) -> Result<ObjectUrl> {
    let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
    if bucket.contains('@') {
        return Err(credentials());
    }
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-._".contains(letter);
    if bucket.is_empty() || bucket.contains("..") || !bucket.chars().all(plain) {
        return Err(Error::Invalid(format!(
            "`s3://{rest}`: `{bucket}` cannot name a bucket; write s3://BUCKET/KEY"
        )));
    }
    Ok(ObjectUrl {
        scheme: Scheme::S3,
        authority: bucket.to_owned(),
        key: key_of(&format!("s3://{rest}"), key)?,
    })
}

fn http(uri: &str) -> Result<ObjectUrl> {
    let invalid = |why: &str| Error::Invalid(format!("`{uri}` {why}"));
    let (_, rest) = uri.split_once("://").unwrap_or_default();
    if rest
        .split('/')
        .next()
        .is_some_and(|host| host.contains('@'))
    {
        return Err(credentials());
    }
    // It resolves `..` and `%2e%2e`, lower-cases the host and drops the usual port.
    let url = Url::parse(uri).map_err(|error| invalid(&format!("is not a URL: {error}")))?;
    if url.query().is_some() || url.fragment().is_some() {
        return Err(invalid(
            "has a `?` or `#`, which cannot be read; name a file (patterns need a store that can list: a local path or s3://)",
        ));
    }
    let host = url.host_str().ok_or_else(|| invalid("names no host"))?;
    let port = url.port().map(|port| format!(":{port}"));
    let names = url.path().split('/').map(|name| {
        let name = percent_encoding::percent_decode_str(name).decode_utf8();
        let name = name.map_err(|_| invalid("is not UTF-8"))?;
        // A server may take an escaped separator for a real one.
        if name.contains(['/', '\\']) {
            return Err(invalid(
                "has an escaped `/` or `\\`, which servers read in two ways",
            ));
        }
        Ok(name.into_owned())
    });
    let path = names.collect::<Result<Vec<_>>>()?.join("/");
    Ok(ObjectUrl {
        scheme: if url.scheme() == "http" {
            Scheme::Http
        } else {
            Scheme::Https
        },
        authority: format!("{host}{}", port.unwrap_or_default()),
        key: key_of(uri, path.strip_prefix('/').unwrap_or(&path))?,
    })
}

/// The error does not repeat what it is about.
fn credentials() -> Error {
    Error::Invalid(
        "a URL has credentials before its host; leave them out: the host finds them in its environment".into(),
    )
}

/// A key without a `/` at its end, in which each name is one.
fn key_of(uri: &str, key: &str) -> Result<String> {
    let key = key.strip_suffix('/').unwrap_or(key);
    let names = || key.split('/');
    if !key.is_empty() && names().any(|name| matches!(name, "" | "." | "..")) {
        return Err(Error::Invalid(format!(
            "`{uri}` has a `..`, a `.` or an empty name in its path: write the path without"
        )));
    }
    if key.chars().any(|letter| letter.is_ascii_control()) {
        return Err(Error::Invalid(
            "a URL has a control character in its path".into(),
        ));
    }
    Ok(key.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(uri: &str) -> String {
        match Location::parse(uri).unwrap() {
            Location::Object(url) => url.to_string(),
            Location::Local(path) => panic!("{} is local", path.display()),
        }
    }

    #[test]
    fn a_place_has_one_name() {
        assert_eq!(object("s3://bucket/a/b"), "s3://bucket/a/b");
        assert_eq!(object("s3a://bucket/a/b/"), "s3://bucket/a/b");
        assert_eq!(object("s3://bucket"), "s3://bucket");
        assert_eq!(object("s3://bucket/%2e%2e"), "s3://bucket/%2e%2e");
        assert_eq!(object("http://HOST:80/a/./b/../c"), "http://host/a/c");
        assert_eq!(object("https://host:8443/a%20b"), "https://host:8443/a b");
        assert_eq!(object("http://host/a/%2e%2e/b"), "http://host/b");
        assert_eq!(object("http://host/a\\..\\b"), "http://host/b");
        let local = |uri| Location::parse(uri).unwrap().local().map(Path::to_owned);
        assert_eq!(
            local("file:///data/x").as_deref(),
            Some(Path::new("/data/x"))
        );
        assert_eq!(local("file:/data/x").as_deref(), Some(Path::new("/data/x")));
        assert_eq!(local("data/x").as_deref(), Some(Path::new("data/x")));
        assert_eq!(local("a:/x").as_deref(), Some(Path::new("a:/x")));
    }

    #[test]
    fn what_has_two_readings_is_refused() {
        for uri in [
            "s3://bucket/a/../b",
            "s3://bucket/./b",
            "s3://bucket//b",
            "s3:///key",
            "s3://buc%2fket/key",
            "s3://../key",
            "http://host/a%2fb",
            "http://host/..%2f..%2fb",
            "http://host/a%5cb",
            "http://host/a?b=c",
            "http://host/a#b",
            "http://host//b",
            "ftp://host/a",
            "hdfs://host/a",
            "S3://bucket/a",
            "s3:/bucket/a",
            "http:/host/a",
        ] {
            let parsed = Location::parse(uri);
            assert!(
                matches!(parsed, Err(Error::Invalid(_))),
                "{uri}: {parsed:?}"
            );
        }
    }

    #[test]
    fn a_secret_is_not_repeated() {
        for uri in ["s3://key:geheim@bucket/x", "http://me:geheim@host/x"] {
            let error = Location::parse(uri).unwrap_err().to_string();
            assert!(
                error.contains("credentials") && !error.contains("geheim"),
                "{error}"
            );
        }
    }

    #[test]
    fn below_is_by_whole_names_of_the_same_bucket() {
        let url = |uri| match Location::parse(uri).unwrap() {
            Location::Object(url) => url,
            Location::Local(_) => unreachable!(),
        };
        let within = |uri, below| url(uri).is_within(&url(below));
        assert!(within("s3://b/in/x", "s3://b/in"));
        assert!(within("s3://b/in", "s3://b/in/"));
        assert!(within("s3://b/x", "s3://b"));
        assert!(!within("s3://b/in2/x", "s3://b/in"));
        assert!(!within("s3://b2/in/x", "s3://b/in"));
        assert!(!within("https://host/x", "http://host"));
        assert!(!within("http://host:81/x", "http://host"));
        assert!(!within("http://host/in/%2e%2e/x", "http://host/in"));
    }
}
