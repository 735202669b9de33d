//! Who a process is: certificates of the cluster's own authority, and the tokens that lead to one.
//!
//! A certificate says who somebody is, not what he may do. Private keys never leave the process that made them, but
//! for a token's, which may ask for a certificate and nothing else.

mod authority;
mod credentials;
mod files;
mod name;
mod token;

pub use authority::{Authority, Validity};
pub(crate) use credentials::Trust;
pub use credentials::{Credentials, Request};
pub use name::Identity;
pub use token::Token;
pub(crate) use token::fingerprint;

use rustls::pki_types::CertificateDer;
use webpki::EndEntityCert;

use crate::Error;

/// Returns whom a certificate names.
pub(crate) fn identity_of(certificate: &CertificateDer<'_>) -> Result<Identity, Error> {
    let unreadable = |reason: &str| Error::Certificate {
        reason: reason.to_owned(),
    };
    let certificate = EndEntityCert::try_from(certificate)
        .map_err(|error| unreadable(&format!("it is no certificate: {error}")))?;
    let mut names = certificate.valid_uri_names().filter_map(Identity::parse);
    match (names.next(), names.next()) {
        (Some(identity), None) => Ok(identity),
        _ => Err(unreadable("it names nobody of a cluster")),
    }
}

pub(crate) fn certificate_error(error: &impl std::fmt::Display) -> Error {
    Error::Certificate {
        reason: error.to_string(),
    }
}
