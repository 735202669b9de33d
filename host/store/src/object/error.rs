//! What a store says, in words that name the object and what to do.

use std::error::Error as _;

use object_store::Error as StoreError;

use super::keys::NoKeys;
use crate::{Error, ObjectUrl, Scheme};

/// More of a server's own words is not repeated.
const WORDS_MAX: usize = 200;

const NO_RANGES: &str = "its server knows no ranges, and a file of more than 4 MiB, or in several partitions, is read in \
                         ranges; copy it to where there are some";

const NO_KEYS: &str = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment of the driver and of the workers, or \
                       AWS_SKIP_SIGNATURE=true for what anybody may read";

/// An answer that ended too early.
#[derive(Debug, thiserror::Error)]
#[error("its answer ended too early")]
pub(super) struct CutShort;

/// What a store's error means to who asked.
pub(super) fn object_error(action: &'static str, url: &ObjectUrl, error: StoreError) -> Error {
    let path = url.to_string();
    let reason = reason(&error);
    if reason.contains("NoSuchBucket") {
        return Error::NotFound(format!("s3://{} (a bucket of this store)", url.authority));
    }
    if let Some(none) = error
        .source()
        .and_then(|cause| cause.downcast_ref::<NoKeys>())
    {
        return Error::Refused {
            path,
            reason: none.to_string(),
            hint: NO_KEYS,
        };
    }
    let refused = ["401", "403"].map(|status| format!("the server answered {status}"));
    match error {
        // Of lists the client does not tell them from other failures.
        _ if refused.iter().any(|words| reason.starts_with(words)) => Error::Refused {
            path,
            reason,
            hint: hint(url.scheme),
        },
        StoreError::NotFound { .. } => Error::NotFound(path),
        StoreError::Precondition { .. } => Error::Changed(path),
        // It has become shorter than what is read of it.
        _ if reason.starts_with("the server answered 416") => Error::Changed(path),
        _ => Error::Remote {
            action,
            path,
            reason: format!("{reason}{}", advice(&reason)),
        },
    }
}

/// What to do about a reason.
fn advice(reason: &str) -> &'static str {
    let answered = |status: &str| reason.starts_with(&format!("the server answered {status}"));
    if answered("5") || answered("429") {
        "; it is busy or broken: try again later, with fewer tasks at a time, or raise `objects.maxRetries`"
    } else if answered("3") {
        "; redirects may lead out of what is granted, so none is followed: name what it points to, and of S3 the region"
    } else if reason.contains("timed out") {
        "; check that it is up and that its address is right, or raise `objects.timeout`"
    } else if reason.contains("onnection refused") || reason.contains("dns error") {
        "; check that it is up and that its address is right"
    } else {
        ""
    }
}

fn hint(scheme: Scheme) -> &'static str {
    match scheme {
        Scheme::S3 => {
            "check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN in the environment of the driver and of the \
             workers, the region, and what the bucket allows them"
        }
        Scheme::Http | Scheme::Https => "only what anybody may read can be read over HTTP",
    }
}

/// The last cause, which is the first thing that went wrong, in one line.
pub(super) fn reason(error: &StoreError) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    let (tries, text) = (tries(error), cause.to_string());
    let words = match text.split_once("status code: ") {
        Some((_, answer)) => format!("the server answered {}", plain(answer)),
        None if text.starts_with("Range request not supported") => NO_RANGES.to_owned(),
        None => text,
    };
    let words: String = words.chars().take(WORDS_MAX).collect();
    format!(
        "{}{tries}",
        words.split_whitespace().collect::<Vec<_>>().join(" ")
    )
}

/// How long it was tried, as the store's client tells it.
fn tries(error: &StoreError) -> String {
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if let Some((_, after)) = text.split_once(", after ")
            && let Some((count, _)) = after.split_once(" retries")
        {
            return format!(" (tried again {count} times)");
        }
        cause = error.source();
    }
    String::new()
}

/// An answer with what S3 says in XML as words.
fn plain(answer: &str) -> String {
    let element = |name: &str| {
        let (_, rest) = answer.split_once(&format!("<{name}>"))?;
        rest.split_once(&format!("</{name}>")).map(|(text, _)| text)
    };
    let status = answer.split(':').next().unwrap_or_default();
    match (element("Code"), element("Message")) {
        (Some(code), Some(message)) => format!("{status}: {code}, {message}"),
        (Some(code), None) => format!("{status}: {code}"),
        _ if answer.contains('<') => status.to_owned(),
        _ => answer.trim_end_matches([':', ' ']).to_owned(),
    }
}
