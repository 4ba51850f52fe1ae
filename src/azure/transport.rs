//! The one HTTP client of the process: tokens and Resource Manager requests go through it.
//!
//! `azure_core`'s [`HttpClient`] is the seam: credentials and [`ArmClient`](super::ArmClient) take any implementation, so
//! that tests and simulations can answer in place of Azure.

use azure_core::http::HttpClient;
use std::sync::Arc;
use std::time::Duration;

/// How the client connects.
#[derive(Clone, Debug)]
pub struct TransportOptions {
    /// Time for name resolution, TCP and TLS together.
    pub connect_timeout: Duration,
    /// The longest silence while an answer is awaited or read.
    pub read_timeout: Duration,
    /// PEM bundle of certificate authorities trusted besides the system's, for a TLS-inspecting proxy or an emulator.
    pub extra_ca_pem: Option<Vec<u8>>,
}

impl Default for TransportOptions {
    /// 10 s to connect, so that a broken network is told apart from a slow request; 60 s of silence, which is how long
    /// Resource Manager itself waits for a resource provider.
    fn default() -> Self {
        Self { connect_timeout: Duration::from_secs(10), read_timeout: Duration::from_secs(60), extra_ca_pem: None }
    }
}

/// Builds the client: rustls with the system's certificate store, no redirects, proxies from `HTTPS_PROXY`, `HTTP_PROXY`
/// and `NO_PROXY` (which should list 169.254.169.254 where a managed identity is used behind a proxy).
///
/// Redirects are off because following one would carry an access token to a host nobody configured.
pub fn http_client(options: &TransportOptions) -> Result<Arc<dyn HttpClient>, TransportError> {
    let mut builder = reqwest::Client::builder()
        .tls_backend_rustls()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(options.connect_timeout)
        .read_timeout(options.read_timeout);
    if let Some(pem) = &options.extra_ca_pem {
        let certificates = reqwest::Certificate::from_pem_bundle(pem).map_err(TransportError::CaBundle)?;
        if certificates.is_empty() {
            return Err(TransportError::EmptyCaBundle);
        }
        builder = builder.tls_certs_merge(certificates);
    }
    Ok(Arc::new(builder.build().map_err(TransportError::Build)?))
}

/// The HTTP client could not be built.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// The additional certificate authorities cannot be read.
    #[error("the additional CA bundle is not valid PEM")]
    CaBundle(#[source] reqwest::Error),
    /// The additional certificate authorities are none.
    #[error("the additional CA bundle holds no certificate; it must have PEM blocks that begin with BEGIN CERTIFICATE")]
    EmptyCaBundle,
    /// The TLS or proxy configuration is unusable.
    #[error("the HTTPS client cannot be set up")]
    Build(#[source] reqwest::Error),
}

#[cfg(test)]
mod tests;
