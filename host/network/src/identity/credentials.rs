//! A process's own certificate and key, and the request that leads to one.

use std::path::Path;

use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

use super::{Identity, certificate_error, files, identity_of};
use crate::Error;

/// What a process shows to others, and what it knows its cluster by.
#[derive(Debug)]
pub struct Credentials {
    pub(crate) identity: Identity,
    /// Its own certificate, then the authority's. A token's has its own alone.
    pub(crate) chain: Vec<CertificateDer<'static>>,
    pub(crate) key: PrivatePkcs8KeyDer<'static>,
    pub(crate) trust: Trust,
}

/// What a process knows its cluster's authority by.
#[derive(Clone, Debug)]
pub(crate) enum Trust {
    /// Its certificate.
    Authority(CertificateDer<'static>),
    /// The hash of that. Whoever answers shows the certificate itself.
    Fingerprint([u8; 32]),
}

impl Clone for Credentials {
    fn clone(&self) -> Self {
        Self {
            identity: self.identity.clone(),
            chain: self.chain.clone(),
            key: self.key.clone_key(),
            trust: self.trust.clone(),
        }
    }
}

impl Credentials {
    /// Returns who this process is.
    pub const fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Returns a text to be read with [`from_pem`](Self::from_pem). It holds the private key.
    pub fn to_pem(&self) -> String {
        let section = |label: &str, der: &[u8]| pem::Pem::new(label, der);
        let certificates = self.chain.iter().map(|der| section("CERTIFICATE", der));
        let key = section("PRIVATE KEY", self.key.secret_pkcs8_der());
        pem::encode_many(&certificates.chain([key]).collect::<Vec<_>>())
    }

    /// Reads what [`to_pem`](Self::to_pem) wrote.
    ///
    /// # Errors
    ///
    /// If the text is none.
    pub fn from_pem(text: &str) -> Result<Self, Error> {
        let (chain, key) = parse_pem(text)?;
        Self::new(chain, key)
    }

    /// Writes them to a file that the owner alone may read.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), Error> {
        files::write(path, &self.to_pem())
    }

    /// Reads them from a file; none where there is none.
    ///
    /// # Errors
    ///
    /// If it cannot be read, holds something else, or may be read by others.
    pub fn load(path: &Path) -> Result<Option<Self>, Error> {
        files::read(path)?
            .as_deref()
            .map(Self::from_pem)
            .transpose()
    }

    pub(super) fn new(
        chain: Vec<CertificateDer<'static>>,
        key: PrivatePkcs8KeyDer<'static>,
    ) -> Result<Self, Error> {
        let [own, authority] = &chain[..] else {
            return Err(certificate_error(
                &"a chain is a certificate and its authority's",
            ));
        };
        Ok(Self {
            identity: identity_of(own)?,
            trust: Trust::Authority(authority.clone()),
            chain,
            key,
        })
    }
}

/// A key that wants a certificate.
#[derive(Debug)]
pub struct Request {
    key: PrivatePkcs8KeyDer<'static>,
    der: Vec<u8>,
}

impl Request {
    /// Makes a key, and a request that proves its possession.
    ///
    /// # Errors
    ///
    /// If the system gives no randomness.
    pub fn new() -> Result<Self, Error> {
        let key = KeyPair::generate_for(&rcgen::PKCS_ED25519).map_err(|e| certificate_error(&e))?;
        let request = CertificateParams::default()
            .serialize_request(&key)
            .map_err(|e| certificate_error(&e))?;
        Ok(Self {
            key: key.serialize_der().into(),
            der: request.der().to_vec(),
        })
    }

    /// Returns the request, for `Join`.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// Takes the chain that `Joined` brought.
    ///
    /// # Errors
    ///
    /// If it is none, or not of this request's key.
    pub fn into_credentials(self, chain: &[Vec<u8>]) -> Result<Credentials, Error> {
        let chain = chain.iter().map(|der| der.clone().into()).collect();
        let credentials = Credentials::new(chain, self.key)?;
        // Fails where the key is another one's.
        crate::tls::certified(&credentials)?;
        Ok(credentials)
    }
}

/// Returns the certificates of a text, and its key.
pub(super) fn parse_pem(
    text: &str,
) -> Result<(Vec<CertificateDer<'static>>, PrivatePkcs8KeyDer<'static>), Error> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text.as_bytes()).collect();
    let key = PrivateKeyDer::from_pem_slice(text.as_bytes());
    match (chain, key) {
        (Ok(chain), Ok(PrivateKeyDer::Pkcs8(key))) => Ok((chain, key)),
        (Err(error), _) | (_, Err(error)) => Err(certificate_error(&error)),
        _ => Err(certificate_error(&"a key of an unknown kind")),
    }
}
