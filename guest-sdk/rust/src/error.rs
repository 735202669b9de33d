//! The one error of the SDK.
//!
//! Like `anyhow`'s it is no `std::error::Error` itself, so that `?` turns any of those into it.

use std::fmt;

use crate::bindings::tinderbox::job::types;

/// What a program's `main` and the actions answer with.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What kind of failure an [`Error`] tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The program asked for something that makes no sense. Asking again will not help.
    InvalidArgument,
    /// The named file, dataset, job or block does not exist.
    NotFound,
    /// Outside what the application was granted.
    Denied,
    /// The file or folder that was to be created is there already.
    AlreadyExists,
    /// A bound was met: memory, results, log, image.
    LimitExceeded,
    /// The operating system or a store failed.
    Io,
    /// Asked of a driver what only a task may ask, or of a task what only a driver may ask.
    WrongRole,
    /// A job ended without its result.
    JobFailed,
    /// The job was cancelled or the application is stopping.
    Cancelled,
    /// The program's own error.
    Application,
}

/// Why an action, a source or the program failed.
///
/// Any `std::error::Error` becomes one with `?`: its text, then those of its sources, separated by colons.
#[derive(Clone, PartialEq, Eq)]
pub struct Error {
    kind: ErrorKind,
    message: String,
    retryable: bool,
}

impl Error {
    /// The program's own error, with this text: a lower-case fragment that says what failed and why.
    pub fn new(message: impl fmt::Display) -> Self {
        Self::of(ErrorKind::Application, message)
    }

    pub(crate) fn of(kind: ErrorKind, message: impl fmt::Display) -> Self {
        Self {
            kind,
            message: message.to_string(),
            retryable: false,
        }
    }

    /// What kind of failure it is.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// What failed and why.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Whether the same call may succeed if it is made again.
    pub fn is_retryable(&self) -> bool {
        self.retryable
    }

    /// Puts what was being done in front of the text.
    #[must_use]
    pub fn context(mut self, doing: impl fmt::Display) -> Self {
        self.message = format!("{doing}: {}", self.message);
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({:?})", self.message, self.kind)
    }
}

impl<E: std::error::Error> From<E> for Error {
    fn from(error: E) -> Self {
        let mut message = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            message.push_str(": ");
            message.push_str(&cause.to_string());
            source = cause.source();
        }
        Self::new(message)
    }
}

impl Error {
    /// The host's error. (`From` is taken by the program's own errors.)
    pub(crate) fn from_host(error: types::Error) -> Self {
        Self {
            kind: ErrorKind::from_host(error.kind),
            message: error.message,
            retryable: error.retryable,
        }
    }

    pub(crate) fn into_host(self) -> types::Error {
        types::Error {
            kind: self.kind.into_host(),
            message: self.message,
            retryable: self.retryable,
        }
    }
}

/// Both directions of a one-to-one mapping, so that neither can miss a kind.
macro_rules! kinds {
    ($($kind:ident),*) => {
        impl ErrorKind {
            fn from_host(kind: types::ErrorKind) -> Self {
                match kind { $(types::ErrorKind::$kind => Self::$kind,)* }
            }

            fn into_host(self) -> types::ErrorKind {
                match self { $(Self::$kind => types::ErrorKind::$kind,)* }
            }
        }
    };
}

kinds!(
    InvalidArgument,
    NotFound,
    Denied,
    AlreadyExists,
    LimitExceeded,
    Io,
    WrongRole,
    JobFailed,
    Cancelled,
    Application
);

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Outer(std::num::ParseIntError);

    impl fmt::Display for Outer {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("reading the settings")
        }
    }

    impl std::error::Error for Outer {
        fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
            Some(&self.0)
        }
    }

    #[test]
    fn a_foreign_error_keeps_its_sources() {
        fn fails() -> Result<()> {
            Err(Outer("x".parse::<u8>().unwrap_err()))?
        }
        let error = fails().unwrap_err();
        assert_eq!(
            error.message(),
            "reading the settings: invalid digit found in string"
        );
        assert_eq!(error.kind(), ErrorKind::Application);
    }

    #[test]
    fn a_host_error_returns_to_the_host_as_it_came() {
        let host = types::Error {
            kind: types::ErrorKind::Io,
            message: "disk full".into(),
            retryable: true,
        };
        let back = Error::from_host(host.clone()).into_host();
        assert_eq!(
            (back.kind, back.message, back.retryable),
            (host.kind, host.message, host.retryable)
        );
    }
}
