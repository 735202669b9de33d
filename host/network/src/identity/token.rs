//! A join token: one line that lets its bearer ask a master for a certificate.
//!
//! It holds the fingerprint of the cluster's authority, so that its bearer tells the right master from a wrong one, and
//! a certificate and key that may send `Join` alone. It expires with that certificate.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use rustls::pki_types::CertificateDer;
use wire::{Role, Subject};

use super::credentials::Trust;
use super::{Credentials, certificate_error, identity_of};
use crate::Error;

/// A join token. Its `Display` is the line; it is a secret.
#[derive(Clone)]
pub struct Token {
    role: Role,
    fingerprint: [u8; 32],
    certificate: CertificateDer<'static>,
    key: Vec<u8>,
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token(for a {})", self.role)
    }
}

/// How a token begins: what it is, for whom, and the version of the rest.
const PREFIX: &str = "tinderbox";
const VERSION: u8 = 1;
/// Bytes at the end that tell a line that was copied whole.
const CHECK_BYTES: usize = 4;

impl Token {
    pub(super) fn of(
        credentials: &Credentials,
        authority: &CertificateDer<'_>,
    ) -> Result<Self, Error> {
        let Subject::Joiner(role) = credentials.identity.subject else {
            return Err(certificate_error(&"it is no token's"));
        };
        Ok(Self {
            role,
            fingerprint: fingerprint(authority),
            certificate: credentials.chain[0].clone(),
            key: credentials.key.secret_pkcs8_der().to_vec(),
        })
    }

    /// Returns what its bearer may become.
    pub const fn role(&self) -> Role {
        self.role
    }

    /// Returns what its bearer shows to a master.
    ///
    /// # Errors
    ///
    /// If it holds no certificate of a token's.
    pub fn credentials(&self) -> Result<Credentials, Error> {
        let identity = identity_of(&self.certificate)?;
        if identity.subject != Subject::Joiner(self.role) {
            return Err(malformed("it is for something else"));
        }
        Ok(Credentials {
            identity,
            chain: vec![self.certificate.clone()],
            key: self.key.clone().into(),
            trust: Trust::Fingerprint(self.fingerprint),
        })
    }
}

/// Names an authority.
pub(crate) fn fingerprint(authority: &[u8]) -> [u8; 32] {
    *blake3::hash(authority).as_bytes()
}

const fn malformed(reason: &'static str) -> Error {
    Error::TokenMalformed { reason }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = vec![VERSION];
        bytes.extend(self.fingerprint);
        bytes.extend((self.certificate.len() as u64).to_le_bytes());
        bytes.extend_from_slice(&self.certificate);
        bytes.extend(&self.key);
        let check = blake3::hash(&bytes);
        bytes.extend(&check.as_bytes()[..CHECK_BYTES]);
        let text = BASE64_URL_SAFE_NO_PAD.encode(bytes);
        write!(f, "{PREFIX}-{}-{text}", self.role)
    }
}

impl FromStr for Token {
    type Err = Error;

    fn from_str(line: &str) -> Result<Self, Error> {
        let (role, text) = line
            .trim()
            .strip_prefix(PREFIX)
            .and_then(|rest| rest.strip_prefix('-')?.split_once('-'))
            .ok_or_else(|| {
                malformed("it does not begin with `tinderbox-worker-` or `tinderbox-submitter-`")
            })?;
        let role = match role {
            "worker" => Role::Worker,
            "submitter" => Role::Submitter,
            _ => return Err(malformed("it is for neither a worker nor a submitter")),
        };
        let bytes = BASE64_URL_SAFE_NO_PAD
            .decode(text)
            .map_err(|_| malformed("a character is missing or wrong"))?;
        let incomplete = || malformed("it is not complete");
        let (bytes, check) = bytes
            .split_last_chunk::<CHECK_BYTES>()
            .ok_or_else(incomplete)?;
        if blake3::hash(bytes).as_bytes()[..CHECK_BYTES] != check[..] {
            return Err(incomplete());
        }
        let (version, bytes) = bytes.split_first().ok_or_else(incomplete)?;
        if *version != VERSION {
            return Err(malformed("it is of another version of Tinderbox"));
        }
        let (fingerprint, bytes) = bytes.split_first_chunk().ok_or_else(incomplete)?;
        let (length, bytes) = bytes.split_first_chunk().ok_or_else(incomplete)?;
        let length = usize::try_from(u64::from_le_bytes(*length)).map_err(|_| incomplete())?;
        let (certificate, key) = bytes.split_at_checked(length).ok_or_else(incomplete)?;
        let token = Self {
            role,
            fingerprint: *fingerprint,
            certificate: certificate.to_vec().into(),
            key: key.to_vec(),
        };
        token.credentials()?;
        Ok(token)
    }
}
