//! Which credential to use, chosen by name or from the environment.

use super::assertion::Assertions;
use super::endpoint::TokenEndpoint;
use super::error::CredentialError;
use super::kind::CredentialKind;
use azure_core::cloud::{CloudConfiguration, CustomConfiguration};
use azure_core::credentials::{Secret, TokenCredential};
use azure_core::http::{ClientOptions, ExponentialRetryOptions, HttpClient, RetryOptions, Transport};
use azure_core::time::Duration;
use azure_identity::{
    AzureCliCredential, ClientAssertionCredential, ClientAssertionCredentialOptions, ClientSecretCredential,
    ClientSecretCredentialOptions, ManagedIdentityCredential, ManagedIdentityCredentialOptions, UserAssignedId,
    WorkloadIdentityCredential, WorkloadIdentityCredentialOptions,
};
use std::path::PathBuf;
use std::sync::Arc;

/// A credential with everything it needs. Its `Debug` form has no secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CredentialConfig {
    /// A Kubernetes service account token exchanged at Microsoft Entra ID.
    WorkloadIdentity {
        /// Tenant of the identity.
        tenant_id: String,
        /// Client id of the application or user-assigned identity.
        client_id: String,
        /// The projected service account token; it rotates and is read again.
        token_file: PathBuf,
    },
    /// The identity of the machine or of the hosting service.
    ManagedIdentity {
        /// Client id of a user-assigned identity; without one, the system-assigned identity.
        client_id: Option<String>,
    },
    /// A service principal with a client secret.
    ClientSecret {
        /// Tenant of the service principal.
        tenant_id: String,
        /// Client id of the service principal.
        client_id: String,
        /// Its secret.
        secret: Secret,
    },
    /// Who is signed in to the Azure CLI.
    AzureCli,
}

impl CredentialConfig {
    /// Reads the settings of a credential from environment variables, by the names the Azure SDKs and the workload identity
    /// webhook use; a variable that is empty counts as not set. `Auto` takes the first that is set of
    /// `AZURE_FEDERATED_TOKEN_FILE`, `AZURE_CLIENT_SECRET` and `IDENTITY_ENDPOINT` or `MSI_ENDPOINT`, and never falls back
    /// from one that is set but incomplete to another.
    pub fn from_env(kind: CredentialKind, env: impl Fn(&str) -> Option<String>) -> Result<Self, CredentialError> {
        let env = |name: &'static str| env(name).filter(|value| !value.trim().is_empty());
        let kind = match kind {
            CredentialKind::Auto if env("AZURE_FEDERATED_TOKEN_FILE").is_some() => CredentialKind::WorkloadIdentity,
            CredentialKind::Auto if env("AZURE_CLIENT_SECRET").is_some() => CredentialKind::ClientSecret,
            CredentialKind::Auto if env("IDENTITY_ENDPOINT").or_else(|| env("MSI_ENDPOINT")).is_some() => {
                CredentialKind::ManagedIdentity
            }
            CredentialKind::Auto => return Err(CredentialError::NothingFound),
            chosen => chosen,
        };
        let required = |names: [&'static str; 3]| match names.map(&env) {
            [Some(first), Some(second), Some(third)] => Ok((first, second, third)),
            found => Err(CredentialError::Missing {
                kind,
                variables: names.into_iter().zip(found).filter_map(|(n, v)| v.is_none().then_some(n)).collect(),
            }),
        };
        match kind {
            CredentialKind::WorkloadIdentity => {
                let (tenant_id, client_id, file) =
                    required(["AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_FEDERATED_TOKEN_FILE"])?;
                Ok(Self::WorkloadIdentity { tenant_id, client_id, token_file: file.into() })
            }
            CredentialKind::ClientSecret => {
                let (tenant_id, client_id, secret) =
                    required(["AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET"])?;
                Ok(Self::ClientSecret { tenant_id, client_id, secret: Secret::new(secret) })
            }
            CredentialKind::ManagedIdentity => Ok(Self::ManagedIdentity { client_id: env("AZURE_CLIENT_ID") }),
            CredentialKind::AzureCli => Ok(Self::AzureCli),
            CredentialKind::Auto => Err(CredentialError::NothingFound),
        }
    }

    /// Which kind of credential this is.
    pub fn kind(&self) -> CredentialKind {
        match self {
            Self::WorkloadIdentity { .. } => CredentialKind::WorkloadIdentity,
            Self::ManagedIdentity { .. } => CredentialKind::ManagedIdentity,
            Self::ClientSecret { .. } => CredentialKind::ClientSecret,
            Self::AzureCli => CredentialKind::AzureCli,
        }
    }

    pub(super) fn build(
        &self,
        authority_host: &str,
        http_client: Arc<dyn HttpClient>,
    ) -> Result<Arc<dyn TokenCredential>, CredentialError> {
        let client_options = client_options(authority_host, http_client);
        let built: azure_core::Result<Arc<dyn TokenCredential>> = match self {
            Self::WorkloadIdentity { tenant_id, client_id, token_file } => {
                WorkloadIdentityCredential::new(Some(WorkloadIdentityCredentialOptions {
                    credential_options: ClientAssertionCredentialOptions { client_options },
                    client_id: Some(client_id.clone()),
                    tenant_id: Some(tenant_id.clone()),
                    token_file_path: Some(token_file.clone()),
                }))
                .map(|credential| credential as _)
            }
            Self::ManagedIdentity { client_id } => {
                ManagedIdentityCredential::new(Some(ManagedIdentityCredentialOptions {
                    user_assigned_id: client_id.clone().map(UserAssignedId::ClientId),
                    client_options,
                }))
                .map(|credential| credential as _)
            }
            Self::ClientSecret { tenant_id, client_id, secret } => ClientSecretCredential::new(
                tenant_id,
                client_id.clone(),
                secret.clone(),
                Some(ClientSecretCredentialOptions { client_options }),
            )
            .map(|credential| credential as _),
            Self::AzureCli => AzureCliCredential::new(None).map(|credential| credential as _),
        };
        built.map_err(|source| CredentialError::Unusable { kind: self.kind(), source })
    }
}

/// A credential that exchanges assertions.
pub(super) fn federated(
    tenant_id: &str,
    client_id: &str,
    assertions: Assertions,
    authority_host: &str,
    http_client: Arc<dyn HttpClient>,
) -> Result<Arc<dyn TokenCredential>, CredentialError> {
    let options = ClientAssertionCredentialOptions { client_options: client_options(authority_host, http_client) };
    ClientAssertionCredential::new(tenant_id.to_owned(), client_id.to_owned(), assertions, Some(options))
        .map(|credential| credential as _)
        .map_err(|source| CredentialError::Unusable { kind: CredentialKind::WorkloadIdentity, source })
}

/// The shared HTTP client, the configured authority, and few and short retries: a reconcile pass is the better retry.
fn client_options(authority_host: &str, http_client: Arc<dyn HttpClient>) -> ClientOptions {
    let mut cloud = CustomConfiguration::default();
    cloud.authority_host = authority_host.to_owned();
    ClientOptions {
        retry: RetryOptions::exponential(ExponentialRetryOptions {
            initial_delay: Duration::milliseconds(200),
            max_retries: 2,
            max_total_elapsed: Duration::seconds(10),
            max_delay: Duration::seconds(2),
        }),
        transport: Some(Transport::new(Arc::new(TokenEndpoint(http_client)))),
        cloud: Some(Arc::new(CloudConfiguration::from(cloud))),
        ..ClientOptions::default()
    }
}
