//! Errors of the host's stores, as a guest hears of them.

use sandbox::{Error, ErrorKind};
use store::Error as StoreError;

/// A store's error in the words of the contract.
pub(crate) fn guest_error(error: &StoreError) -> Error {
    let message = error.to_string();
    match error {
        StoreError::NotFound(_) | StoreError::NoMatch(_) => {
            Error::new(ErrorKind::NotFound, message)
        }
        StoreError::Denied { .. } | StoreError::Refused { .. } => {
            Error::new(ErrorKind::Denied, message)
        }
        StoreError::AlreadyExists(_) => Error::new(ErrorKind::AlreadyExists, message),
        StoreError::Invalid(_) => Error::new(ErrorKind::InvalidArgument, message),
        StoreError::LineTooLong { .. } => Error::new(ErrorKind::LimitExceeded, message),
        StoreError::Changed(_) | StoreError::Damaged { .. } => Error::new(ErrorKind::Io, message),
        StoreError::Stopped(_) => Error::new(ErrorKind::Cancelled, message),
        StoreError::FetchFailed { .. }
        | StoreError::Remote { .. }
        | StoreError::Unanswered { .. }
        | StoreError::DiskFull(_)
        | StoreError::Io { .. } => Error::retryable(ErrorKind::Io, message),
    }
}
