//! Access tokens for Resource Manager, and what to do when one is refused.

mod assertion;
mod config;
mod endpoint;
mod error;
mod kind;

#[cfg(test)]
mod tests;

pub use assertion::{AssertionError, AssertionSource, BoxedAssertion};
pub use config::CredentialConfig;
pub use error::CredentialError;
pub use kind::{CredentialKind, IdentityKind, UnknownCredentialKind};

use super::cloud::Cloud;
use assertion::Assertions;
use azure_core::credentials::{Secret, TokenCredential};
use azure_core::http::HttpClient;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, timeout};

/// The longest a request waits for a token. Managed identity credentials retry for 72 s on their own, however they are
/// configured; a reconcile pass comes back instead.
const TOKEN_TIMEOUT: Duration = Duration::from_secs(20);

/// How long a refused token is not answered with yet another new credential.
const REBUILD_INTERVAL: Duration = Duration::from_secs(30);

/// The operator's identity in Microsoft Entra ID. Clones share one token cache.
///
/// The credentials of `azure_identity` cache a token until five minutes before it expires and have no way to drop it, so a
/// token that Resource Manager refuses (401) can only be replaced by building the credential anew.
#[derive(Clone)]
pub struct Credential {
    shared: Arc<Shared>,
}

struct Shared {
    build: Box<dyn Fn() -> Result<Arc<dyn TokenCredential>, CredentialError> + Send + Sync>,
    scope: String,
    identity: IdentityKind,
    current: Mutex<Current>,
}

struct Current {
    credential: Arc<dyn TokenCredential>,
    generation: Generation,
    rebuilt_at: Option<Instant>,
}

/// Counts how often a credential was built, to tell a token of the present one from a token of its predecessor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Generation(u64);

/// A token to send, and which credential it came from.
pub(super) struct BearerToken {
    pub(super) secret: Secret,
    pub(super) generation: Generation,
}

impl Credential {
    /// Builds the configured credential; reads the federated token file of a workload identity, and asks nobody yet.
    pub fn new(
        config: CredentialConfig,
        cloud: &Cloud,
        http_client: Arc<dyn HttpClient>,
    ) -> Result<Self, CredentialError> {
        let authority = cloud.authority_host().to_owned();
        Self::from_builder(cloud, move || config.build(&authority, http_client.clone()))
    }

    /// The credential of an identity that trusts whoever issues `assertions`; asks nobody yet.
    pub fn federated(
        tenant_id: &str,
        client_id: &str,
        assertions: Arc<dyn AssertionSource>,
        cloud: &Cloud,
        http_client: Arc<dyn HttpClient>,
    ) -> Result<Self, CredentialError> {
        let (tenant_id, client_id) = (tenant_id.to_owned(), client_id.to_owned());
        let authority = cloud.authority_host().to_owned();
        Self::build(cloud, IdentityKind::Workload, move || {
            config::federated(&tenant_id, &client_id, Assertions(assertions.clone()), &authority, http_client.clone())
        })
    }

    /// A credential of the operator from any builder, which is called now and again whenever a token is refused.
    pub fn from_builder(
        cloud: &Cloud,
        build: impl Fn() -> Result<Arc<dyn TokenCredential>, CredentialError> + Send + Sync + 'static,
    ) -> Result<Self, CredentialError> {
        Self::build(cloud, IdentityKind::Operator, build)
    }

    fn build(
        cloud: &Cloud,
        identity: IdentityKind,
        build: impl Fn() -> Result<Arc<dyn TokenCredential>, CredentialError> + Send + Sync + 'static,
    ) -> Result<Self, CredentialError> {
        let credential = build()?;
        Ok(Self {
            shared: Arc::new(Shared {
                build: Box::new(build),
                scope: cloud.scope(),
                identity,
                current: Mutex::new(Current { credential, generation: Generation(0), rebuilt_at: None }),
            }),
        })
    }

    /// Whose tokens these are.
    pub fn identity(&self) -> IdentityKind {
        self.shared.identity
    }

    /// Asks for a token once, so that a start-up check can tell early that the identity does not work.
    pub async fn check(&self) -> Result<(), CredentialError> {
        self.token().await.map(drop)
    }

    pub(super) async fn token(&self) -> Result<BearerToken, CredentialError> {
        let (credential, generation) = {
            let current = self.current();
            (current.credential.clone(), current.generation)
        };
        let token = timeout(TOKEN_TIMEOUT, credential.get_token(&[&self.shared.scope], None))
            .await
            .map_err(|_| CredentialError::Timeout { after: TOKEN_TIMEOUT })?
            .map_err(CredentialError::acquire)?;
        // What `azure_identity` makes of an answer that has no token in it.
        if token.token.secret().is_empty() {
            return Err(CredentialError::NoToken);
        }
        Ok(BearerToken { secret: token.token, generation })
    }

    /// Replaces the credential whose token was refused. Says whether there is another credential to try: not when the
    /// present one is already a replacement of the last 30 s, or when the replacement cannot be built.
    pub(super) fn replace(&self, refused: Generation) -> bool {
        let mut current = self.current();
        if current.generation != refused {
            return true;
        }
        if current.rebuilt_at.is_some_and(|at| at.elapsed() < REBUILD_INTERVAL) {
            return false;
        }
        current.rebuilt_at = Some(Instant::now());
        match (self.shared.build)() {
            Ok(credential) => {
                tracing::info!("the access token was refused; signing in anew");
                current.credential = credential;
                current.generation = Generation(refused.0 + 1);
                true
            }
            Err(error) => {
                tracing::warn!(error = %error, "the access token was refused, and signing in anew is not possible");
                false
            }
        }
    }

    fn current(&self) -> MutexGuard<'_, Current> {
        // A panic while the lock is held leaves a whole credential behind: either the old or the new one.
        self.shared.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credential").field("scope", &self.shared.scope).finish_non_exhaustive()
    }
}
