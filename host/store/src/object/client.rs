//! What requests are sent with.

use std::sync::OnceLock;
use std::time::Duration;

use object_store::ClientOptions;
use object_store::client::{HttpClient, HttpConnector};
use reqwest::redirect::Policy;

/// How long it may take until a server is there.
const CONNECT_WAIT: Duration = Duration::from_secs(5);

/// Makes clients that go nowhere but where they are sent: a redirect may lead out of what is granted, so none is followed.
#[derive(Debug)]
pub(super) struct Connector {
    /// How long one try of a request may take, to the end of its answer.
    pub(super) timeout: Duration,
}

impl HttpConnector for Connector {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        install_tls();
        let client = reqwest::Client::builder()
            .user_agent(concat!("tinderbox/", env!("CARGO_PKG_VERSION")))
            .redirect(Policy::none())
            .no_proxy()
            .connect_timeout(CONNECT_WAIT)
            .timeout(self.timeout)
            .http1_only()
            .build();
        let client = client.map_err(|error| object_store::Error::Generic {
            store: "the HTTP client",
            source: Box::new(error),
        })?;
        Ok(HttpClient::new(client))
    }
}

/// Says that TLS is *ring*'s, as in the rest of the process.
fn install_tls() {
    static INSTALLED: OnceLock<()> = OnceLock::new();
    INSTALLED.get_or_init(|| {
        // Somebody else has said so before.
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
}
