//! TLS as this crate wants it: version 1.3 alone, both ends with a certificate of one authority.

use std::sync::Arc;

use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::sign::CertifiedKey;
use rustls::version::TLS13;
use rustls::{
    CertificateError, DigitallySignedStruct, RootCertStore, ServerConfig, SignatureScheme,
};

use crate::Error;
use crate::identity::{Credentials, Trust, certificate_error, fingerprint};

/// What each certificate of a cluster also names, because TLS wants a server to have a name.
pub(crate) fn server_name(cluster: &str) -> String {
    format!("{cluster}.tinderbox")
}

/// Draws bytes that nobody can guess.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], Error> {
    let mut bytes = [0; N];
    provider()
        .secure_random
        .fill(&mut bytes)
        .map_err(|_| certificate_error(&"the system gives no randomness"))?;
    Ok(bytes)
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(CryptoProvider {
        // The fastest with the instructions for it, and one for processors without.
        cipher_suites: vec![
            ring::cipher_suite::TLS13_AES_128_GCM_SHA256,
            ring::cipher_suite::TLS13_CHACHA20_POLY1305_SHA256,
        ],
        ..ring::default_provider()
    })
}

/// Checks that the key is the certificate's.
pub(crate) fn certified(credentials: &Credentials) -> Result<CertifiedKey, Error> {
    let key = credentials.key.clone_key().into();
    CertifiedKey::from_der(credentials.chain.clone(), key, &provider())
        .map_err(|error| certificate_error(&error))
}

fn roots(authority: &CertificateDer<'static>) -> Result<Arc<RootCertStore>, rustls::Error> {
    let mut roots = RootCertStore::empty();
    roots.add(authority.clone())?;
    Ok(Arc::new(roots))
}

/// How this process connects.
pub(crate) fn client(credentials: &Credentials) -> Result<QuicClientConfig, Error> {
    client_config(credentials).map_err(|error| certificate_error(&error))
}

fn client_config(credentials: &Credentials) -> Result<QuicClientConfig, rustls::Error> {
    let verifier: Arc<dyn ServerCertVerifier> = match &credentials.trust {
        Trust::Authority(authority) => verifier_of(authority)?,
        Trust::Fingerprint(fingerprint) => Arc::new(Pinned(*fingerprint)),
    };
    let mut config = rustls::ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_client_auth_cert(
            credentials.chain.clone(),
            credentials.key.clone_key().into(),
        )?;
    config.alpn_protocols = vec![wire::ALPN.to_vec()];
    config.resumption = Resumption::disabled();
    QuicClientConfig::try_from(config).map_err(|error| rustls::Error::General(error.to_string()))
}

/// How this process is connected to; none for the bearer of a token.
pub(crate) fn server(credentials: &Credentials) -> Result<Option<QuicServerConfig>, Error> {
    let Trust::Authority(authority) = &credentials.trust else {
        return Ok(None);
    };
    server_config(credentials, authority)
        .map(Some)
        .map_err(|error| certificate_error(&error))
}

fn server_config(
    credentials: &Credentials,
    authority: &CertificateDer<'static>,
) -> Result<QuicServerConfig, rustls::Error> {
    let verifier = WebPkiClientVerifier::builder_with_provider(roots(authority)?, provider())
        .build()
        .map_err(|error| rustls::Error::General(error.to_string()))?;
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])?
        .with_client_cert_verifier(verifier)
        .with_single_cert(
            credentials.chain.clone(),
            credentials.key.clone_key().into(),
        )?;
    config.alpn_protocols = vec![wire::ALPN.to_vec()];
    config.send_tls13_tickets = 0;
    QuicServerConfig::try_from(config).map_err(|error| rustls::Error::General(error.to_string()))
}

fn verifier_of(
    authority: &CertificateDer<'static>,
) -> Result<Arc<WebPkiServerVerifier>, rustls::Error> {
    WebPkiServerVerifier::builder_with_provider(roots(authority)?, provider())
        .build()
        .map_err(|error| rustls::Error::General(error.to_string()))
}

/// Knows the authority by its fingerprint: finds it in what the server shows, then checks as if it had been known.
#[derive(Debug)]
struct Pinned([u8; 32]);

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let authority = intermediates
            .iter()
            .find(|certificate| fingerprint(certificate) == self.0)
            .ok_or(CertificateError::UnknownIssuer)?;
        verifier_of(&authority.clone().into_owned())?.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        )
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(rustls::PeerIncompatible::Tls12NotOffered.into())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = provider().signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, &algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        provider()
            .signature_verification_algorithms
            .supported_schemes()
    }
}
