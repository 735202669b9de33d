//! The cluster's authority: it signs who is who. Each master has it.
//!
//! It is made once, by the first start of the first master, and signs what it is told to: whether somebody may have
//! a certificate is asked of [`may_issue`](Authority::may_issue) before.

use std::path::Path;
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, DistinguishedName,
    DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, SanType,
};
use rustls::pki_types::{CertificateDer, CertificateSigningRequestDer};
use time::OffsetDateTime;
use webpki::EndEntityCert;
use wire::{Role, Subject};

use super::{Credentials, Identity, Request, Token, certificate_error, files, name};
use crate::Error;
use crate::tls::{random, server_name};

/// From when, and for how long, a certificate holds.
#[derive(Clone, Copy, Debug)]
pub struct Validity {
    /// From when.
    pub from: SystemTime,
    /// For how long.
    pub lifetime: Duration,
}

impl Validity {
    /// From now, and somewhat earlier, because clocks differ.
    pub fn from_now(lifetime: Duration) -> Self {
        let skew = Duration::from_secs(3600);
        Self {
            from: SystemTime::now() - skew,
            lifetime: lifetime + skew,
        }
    }
}

const AUTHORITY_LIFETIME: Duration = Duration::from_secs(20 * 365 * 86400);
const FILE: &str = "cluster-authority.pem";

/// What signs the certificates of a cluster.
pub struct Authority {
    cluster: String,
    certificate: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Authority({})", self.cluster)
    }
}

impl Authority {
    /// Opens the authority that a folder holds, or makes one there. A further master starts with a copy of the file.
    ///
    /// # Errors
    ///
    /// If the file cannot be read or written, is none, or may be read by others.
    pub fn open(folder: &Path) -> Result<Self, Error> {
        let path = folder.join(FILE);
        if let Some(pem) = files::read(&path)? {
            return Self::from_pem(&pem);
        }
        std::fs::create_dir_all(folder).map_err(|source| Error::File {
            path: folder.to_owned(),
            source,
        })?;
        let (made, pem) = Self::make()?;
        if files::write_first(&path, &pem)? {
            return Ok(made);
        }
        let first = files::read(&path)?.unwrap_or_default();
        Self::from_pem(&first)
    }

    /// Makes an authority of a new cluster, and the text that it is read from again.
    ///
    /// # Errors
    ///
    /// If the system gives no randomness.
    pub fn make() -> Result<(Self, String), Error> {
        let cluster: String = random::<16>()?
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let key = KeyPair::generate_for(&rcgen::PKCS_ED25519).map_err(|e| certificate_error(&e))?;
        let mut params = params(
            &format!("tinderbox cluster {cluster}"),
            Validity::from_now(AUTHORITY_LIFETIME),
        );
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        params.subject_alt_names = vec![uri_name(&name::authority_uri(&cluster))?];
        let certificate = params
            .self_signed(&key)
            .map_err(|e| certificate_error(&e))?;
        let pem = format!("{}{}", certificate.pem(), key.serialize_pem());
        Ok((Self::from_pem(&pem)?, pem))
    }

    /// Reads an authority.
    ///
    /// # Errors
    ///
    /// If the text is none.
    pub fn from_pem(pem: &str) -> Result<Self, Error> {
        let (mut chain, key) = super::credentials::parse_pem(pem)?;
        let (Some(certificate), true) = (chain.pop(), chain.is_empty()) else {
            return Err(certificate_error(&"an authority has one certificate"));
        };
        let key = KeyPair::try_from(&key).map_err(|e| certificate_error(&e))?;
        let cluster = cluster_of(&certificate)?;
        let issuer =
            Issuer::from_ca_cert_der(&certificate, key).map_err(|e| certificate_error(&e))?;
        Ok(Self {
            cluster,
            certificate,
            issuer,
        })
    }

    /// Returns the cluster's id.
    pub fn cluster(&self) -> &str {
        &self.cluster
    }

    /// Makes a key and its certificate: a master's own.
    ///
    /// # Errors
    ///
    /// If the subject cannot be named.
    pub fn credentials(&self, subject: Subject, validity: Validity) -> Result<Credentials, Error> {
        let request = Request::new()?;
        let chain = self.sign(request.der(), subject, validity)?;
        request.into_credentials(&chain)
    }

    /// Signs a request: in DER, the new certificate and the authority's. What counts of the request is its key.
    ///
    /// # Errors
    ///
    /// If it is no request, does not prove that its sender has the key, or the subject cannot be named.
    pub fn sign(
        &self,
        request: &[u8],
        subject: Subject,
        validity: Validity,
    ) -> Result<Vec<Vec<u8>>, Error> {
        let request = CertificateSigningRequestDer::from(request);
        let request = CertificateSigningRequestParams::from_der(&request)
            .map_err(|e| certificate_error(&e))?;
        let identity = Identity {
            cluster: self.cluster.clone(),
            subject,
        };
        let uri = identity.uri().ok_or_else(|| {
            certificate_error(&"a tenant's name is up to 64 letters, digits, `-`, `_` and `.`")
        })?;
        let mut params = params(&identity.subject.role().to_string(), validity);
        params.subject_alt_names = vec![dns_name(&server_name(&self.cluster))?, uri_name(&uri)?];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        // Nobody is to connect to a bearer of a token.
        if identity.subject.role() != Role::Joiner {
            params
                .extended_key_usages
                .push(ExtendedKeyUsagePurpose::ServerAuth);
        }
        let signed = CertificateSigningRequestParams {
            params,
            public_key: request.public_key,
        }
        .signed_by(&self.issuer)
        .map_err(|e| certificate_error(&e))?;
        Ok(vec![signed.der().to_vec(), self.certificate.to_vec()])
    }

    /// Makes a join token for workers or submitters.
    ///
    /// # Errors
    ///
    /// If the role is another one.
    pub fn token(&self, role: Role, validity: Validity) -> Result<Token, Error> {
        if !matches!(role, Role::Worker | Role::Submitter) {
            return Err(certificate_error(&format!("no token makes a {role}")));
        }
        let credentials = self.credentials(Subject::Joiner(role), validity)?;
        Token::of(&credentials, &self.certificate)
    }

    /// Returns whether somebody may have a certificate that names `wanted`. A host may well be stricter: whether the
    /// worker was told to launch that executor, it alone knows.
    pub fn may_issue(asker: &Subject, wanted: &Subject) -> bool {
        match (asker, wanted) {
            (Subject::Joiner(Role::Worker), Subject::Worker)
            | (Subject::Joiner(Role::Submitter), Subject::Submitter { .. })
            // Before the old one expires.
            | (Subject::Worker, Subject::Worker)
            // Workers launch them.
            | (Subject::Worker, Subject::Driver { .. } | Subject::Executor { .. }) => true,
            (Subject::Submitter { tenant: asker }, Subject::Submitter { tenant } | Subject::Driver { tenant, .. }) => {
                asker == tenant
            }
            (
                Subject::Driver { tenant: asker, application: None },
                Subject::Driver { tenant, application: Some(_) },
            ) => asker == tenant,
            _ => false,
        }
    }
}

fn cluster_of(authority: &CertificateDer<'_>) -> Result<String, Error> {
    let certificate = EndEntityCert::try_from(authority).map_err(|e| certificate_error(&e))?;
    let cluster = certificate
        .valid_uri_names()
        .find_map(name::parse_authority);
    cluster
        .map(str::to_owned)
        .ok_or_else(|| certificate_error(&"it is no authority's"))
}

fn params(common_name: &str, validity: Validity) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params
        .distinguished_name
        .push(DnType::CommonName, common_name);
    params.not_before = OffsetDateTime::from(validity.from);
    params.not_after = OffsetDateTime::from(validity.from + validity.lifetime);
    params
}

fn uri_name(uri: &str) -> Result<SanType, Error> {
    let uri = uri.try_into().map_err(|error| certificate_error(&error))?;
    Ok(SanType::URI(uri))
}

fn dns_name(name: &str) -> Result<SanType, Error> {
    let name = name.try_into().map_err(|error| certificate_error(&error))?;
    Ok(SanType::DnsName(name))
}
