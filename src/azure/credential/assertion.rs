//! Signing in with somebody else's token: a federated credential.

use azure_core::error::ErrorKind;
use azure_core::http::ClientMethodOptions;
use azure_identity::ClientAssertion;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

/// Issues the tokens that Microsoft Entra ID exchanges for its own.
pub trait AssertionSource: Send + Sync + 'static {
    /// A fresh token.
    fn assertion(&self) -> BoxedAssertion<'_>;
}

/// A token that is being issued.
pub type BoxedAssertion<'a> = Pin<Box<dyn Future<Output = Result<String, AssertionError>> + Send + 'a>>;

/// Why no token was issued.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AssertionError {
    /// Somebody has to set something up first.
    #[error("{0}")]
    Refused(String),
    /// It may work the next time.
    #[error("{0}")]
    Unavailable(String),
}

/// What `azure_identity` asks for assertions. Its `Debug` form has none.
#[derive(Clone)]
pub(super) struct Assertions(pub(super) Arc<dyn AssertionSource>);

impl fmt::Debug for Assertions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Assertions")
    }
}

impl ClientAssertion for Assertions {
    fn secret<'source, 'options, 'future>(
        &'source self,
        _: Option<ClientMethodOptions<'options>>,
    ) -> Pin<Box<dyn Future<Output = azure_core::Result<String>> + Send + 'future>>
    where
        'source: 'future,
        'options: 'future,
        Self: 'future,
    {
        let issued = self.0.assertion();
        Box::pin(async { issued.await.map_err(|error| azure_core::Error::new(ErrorKind::Credential, error)) })
    }
}
